"""A person's characters in Streamlit's markdown, as Chromium shows them."""

import html
import json
import re

import pytest

from explorer.pages.shell.plain import plain

NASTY = [
    "http://x.y", "https://x.y/z?a=b&c=d", "www.x.y", "WWW.x.y see www.example.com", "a@b.c", "mailto:a@b.c", "xmpp:a@b.c",
    "foo.bar@baz.com, http://localhost:8501/?a=b#c", "http://", "a@b@c.d:e@f.g", "ftp://x.y", "https://x.y)",
    "# head", "- item", "+ item", "* item", "1. item", "1) item", "1\\. x", "> quote", "- [ ] todo", "---", "===", "***",
    "```", "``` fence", "~~~", "::: note", "::leaf[x]{a=b}", "| a | b |\n|---|---|\n| 1 | 2 |", "Line\nSetext\n===",
    ":smile:", ":+1: :smile::smile:", ":streamlit:", ":material/home:", ":material_home:", ":red[x]", ":red-background[x]",
    ":badge[x]{color=red}", ":shimmer[Loading]", ":small[x]", "x:y:z", "12:30:15", ":::", "@:", "@@@",
    "$x$", "$$x$$", "$`x`$", "a $5 and $6", "~x~", "~~x~~", "==x==", "**b** *i* __b__ _i_", "a_b_c", "H~2~O x^2^",
    "`code`", "``a`b``", "\\ \\\\ \\*", "a\\", "\\(x\\) \\[y\\]", "[a](b) ![a](b) [^1] [x] [[y]]", "Note[^1]\n\n[^1]: x",
    "<b>x</b> <script>alert(1)</script>", "<!-- c -->", "<http://x.y>", "&lt; &amp; &#36; &copy; &nbsp;", "{x} {{x}}",
    "a -> b <- c <-> d -- e >= f <= g ~= h", "-> x", "-->", "<<->>", "- ", "#", "$", "x:", "www.", "...", "(c) (tm) ±",
    "    four blanks", "    - x", "a  b   c", "end  ", " x", "\ttab\tx", "a\tb", "a\nb", "a\n\n\nb", "\nx\n", "x\n    y", " ",
    "!@#$%^&*()_+{}|:\"<>?~`-=[]\\;',./", "“quotes” …", "小满 😀 سلام 👩‍👩‍👧", "e\u0301 \u200b \u00a0",
]  # fmt: skip
SCRIPT = """
import json, streamlit as st
shown = json.load(open({file!r}))
for i, text in enumerate(shown):
    with st.container(key=f"block{{i}}"):
        st.markdown(text)
    with st.container(key=f"caption{{i}}"):
        st.caption(f"before “{{text}}” after")
with st.container(key="ready"):
    st.warning(shown[0])
"""


def letters(inner_html):
    """What a person reads of a piece of HTML, by characters; blanks of every kind count as blanks."""
    text = html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br>\n?", "\n", inner_html)))
    return blanks(text)


def blanks(text):
    return text.replace("\u00a0", " ").replace("\u2003", "\t")


@pytest.mark.process
def test_every_nasty_string_is_shown_to_the_letter(page, serve_script, port, tmp_path):
    texts, script = tmp_path / "texts.json", tmp_path / "script.py"
    texts.write_text(json.dumps([plain(text) for text in NASTY]), "utf-8")
    script.write_text(SCRIPT.format(file=str(texts)), "utf-8")
    with serve_script(script, port):
        page.goto(f"http://127.0.0.1:{port}")
        page.locator(".st-key-ready [data-testid=stAlert]").wait_for()
        read = "e => e.querySelector('[data-testid=stMarkdownContainer], [data-testid=stCaptionContainer]').innerHTML"
        got = page.evaluate(
            f"""count => [...Array(count).keys()].map(i => ['block', 'caption'].map(kind =>
            ({read})(document.querySelector(`.st-key-${{kind}}${{i}}`))))""",
            len(NASTY),
        )
    wrong = []
    for text, (block, caption) in zip(NASTY, got, strict=True):
        alone = letters(block) == blanks(text)
        inside = letters(caption) == f"before “{blanks(text)}” after"
        marked = set(re.findall(r"<(\w+)", block + caption)) - {"p", "span", "br"}
        if not alone or not inside or marked or "role=" in block + caption:
            wrong.append((text, plain(text), block, caption))
    assert wrong == []


@pytest.mark.process
def test_without_it_markdown_eats_what_it_is_tried_on(page, serve_script, port, tmp_path):
    """The control of the test above: shown as they are, nearly all of them come out as something else."""
    texts, script = tmp_path / "texts.json", tmp_path / "script.py"
    texts.write_text(json.dumps([text for text in NASTY if "script" not in text]), "utf-8")
    script.write_text(SCRIPT.format(file=str(texts)), "utf-8")
    with serve_script(script, port):
        page.goto(f"http://127.0.0.1:{port}")
        page.locator(".st-key-ready [data-testid=stAlert]").wait_for()
        eaten = page.locator("[class*='st-key-block'] a, [class*='st-key-block'] em, [class*='st-key-block'] li")
        assert eaten.count() > 10
