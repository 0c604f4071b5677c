"""Sentence, longer text and file: each stays until it is replaced, and what is too long for one goes where it fits."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages.shell import texts
from explorer.pages.shell.plain import plain

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
STORY = "Turn, light, turn, on the hill of stone. " * 20


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(**query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update({"model": "lighthouse-gru"} | query)
    app.run()
    assert not app.exception
    return app


def source(app, name):
    app.segmented_control(key="source").set_value(name).run()
    assert not app.exception
    return app


def characters(app):
    return f"{drawn.characters(app):,}"


def said(app):
    return " ".join(caption.value for caption in app.caption)


def upload(app, name, data):
    source(app, "file")
    app.file_uploader(key="file_upload").set_value((name, data, "text/plain")).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("length", [2_001, 20_000, 30_000])
def test_a_long_paste_goes_where_long_texts_go_and_the_page_says_so(length):
    app = opened()
    text = (STORY * 40)[:length]
    app.text_input(key="sentence").set_value(text).run()
    assert app.segmented_control(key="source").value == "longer"
    assert app.text_area(key="long_text").value == text
    assert characters(app) == f"{min(length, 20_000):,}"
    reason = "because a sentence has at most 2,000 characters" if length <= 20_000 else "the first 20,000 are analysed"
    assert reason in said(app)
    # The sentence is what it was before the paste.
    assert source(app, "sentence").text_input(key="sentence").value == texts.EXAMPLES["lighthouse"]


def test_what_fits_a_sentence_stays_one():
    app = opened()
    app.text_input(key="sentence").set_value("a" * 2_000).run()
    assert app.segmented_control(key="source").value == "sentence"
    assert characters(app) == "2,000"


def test_a_sentence_in_a_link_that_is_too_long_for_one_is_a_longer_text():
    app = opened(sentence=STORY * 3)
    assert app.text_area(key="long_text").value == STORY * 3
    assert app.query_params == {"model": "lighthouse-gru"}


def test_nothing_is_lost_between_the_three_nor_between_pages_and_models():
    app = upload(opened(), "story.txt", STORY.encode())
    source(app, "longer").text_area(key="long_text").set_value("the long one").run()
    source(app, "sentence").text_input(key="sentence").set_value("the short one").run()
    for page in ("gradients.py", "train.py", "gates.py"):
        app.switch_page(f"scripts/{page}").run()
    app.selectbox(key="model").set_value("river-town-gru").run()
    assert app.text_input(key="sentence").value == "the short one"
    assert source(app, "longer").text_area(key="long_text").value == "the long one"
    assert characters(source(app, "file")) == f"{len(STORY):,}"


def test_a_file_is_named_to_the_letter_and_can_be_removed():
    app = upload(opened(), "my $x$ *story*.txt", STORY.encode())
    (line,) = [m.value for m in app.markdown if "read as" in m.value]
    assert line == f"**my \\$x\\$ \\*story\\*\\.txt** · {len(STORY):,} characters, read as UTF\\-8"
    app.button(key="file_remove").click().run()
    assert app.file_uploader(key="file_upload").value is None
    assert not drawn.asked(app)


@pytest.mark.parametrize(
    ("encoding", "codec", "text"),
    [
        ("Windows-1252 or Latin-1 (Western European)", "cp1252", "Über süße Bären – für 5 €. " * 9),
        ("Big5 (traditional Chinese)", "big5", "今天天氣很好，我們一起去看海。" * 9),
        ("Shift-JIS (Japanese)", "shift_jis", "吾輩は猫である。名前はまだ無い。" * 9),
        ("KOI8-R (Russian)", "koi8_r", "Мой дядя самых честных правил. " * 9),
        ("EUC-KR or CP949 (Korean)", "cp949", "나 보기가 역겨워 가실 때에는 " * 9),
    ],
)
def test_a_file_is_read_in_the_encoding_that_is_chosen(encoding, codec, text):
    app = upload(opened(), "story.txt", text.encode(codec))
    app.selectbox(key="file_encoding").set_value(encoding).run()
    assert not app.error
    assert drawn.panels(app)
    read = texts.decoded(text.encode(codec), encoding)
    assert (read.text, read.encoding) == (text, encoding)


def test_a_wrong_choice_of_encoding_is_refused_and_another_is_a_click_away():
    app = upload(opened(), "b<a>d.txt", "Über".encode("latin-1") * 9)
    app.selectbox(key="file_encoding").set_value("UTF-8").run()
    refusal = "Expected a text in UTF-8, but byte 1 (0xDC, in line 1) does not fit."
    assert app.error[0].value.startswith(f"{plain('b<a>d.txt')}: {plain(refusal)}")
    app.selectbox(key="file_encoding").set_value("Windows-1252 or Latin-1 (Western European)").run()
    assert not app.error
    assert characters(app) == "36"


def test_the_form_of_a_new_run_keeps_its_file_too():
    app = opened()
    app.switch_page("scripts/train.py").run()
    app.selectbox(key="new_corpus").set_value("a file of my own").run()
    app.file_uploader(key="new_file_upload").set_value(("mine.txt", STORY.encode(), "text/plain")).run()
    app.switch_page("scripts/gates.py").run()
    app.switch_page("scripts/train.py").run()
    assert any("mine\\.txt" in m.value for m in app.markdown)
    assert not app.exception


def test_several_files_are_one_text_each_in_its_own_encoding():
    files = [
        texts.Upload("a.txt", "one, \u4e00".encode("utf-16")),
        texts.Upload("b.txt", b"\xef\xbb\xbftwo"),
        texts.Upload("c.txt", "\u0442\u0440\u0438".encode()),
    ]
    joined = texts._joined(files)
    assert joined.name == "a.txt, b.txt, c.txt"
    assert joined.data.decode() == "one, \u4e00\n\ntwo\n\n\u0442\u0440\u0438"
    picture = texts.Upload("p.txt", b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert texts._joined([files[0], picture]) == picture  # it says itself why it cannot be read
    assert texts._joined(files[:1]) == files[0]
