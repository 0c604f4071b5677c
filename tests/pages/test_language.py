"""The pages in Chinese: chosen by the browser, by the link or by hand, and nothing left in English."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages import live
from explorer.pages.shell import language, links, pictures
from explorer.words import LANGUAGE, say, speaking

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
CHINESE = re.compile("[\u4e00-\u9fff]")
PAGES = list(links.ICONS)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "0")
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(page="gates", **query):
    app = AppTest.from_file(str(APP), default_timeout=90)
    if page != "gates":
        app.switch_page(f"scripts/{page}.py")
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def texts(app):
    kinds = ("markdown", "caption", "subheader", "button", "selectbox", "toggle", "slider", "select_slider", "error", "warning",
             "metric", "text_input", "text_area", "number_input", "checkbox", "multiselect")  # fmt: skip
    for kind in kinds:
        for one in getattr(app, kind):
            yield from (
                str(text) for text in (getattr(one, "label", ""), getattr(one, "value", "")) if isinstance(text, str)
            )
    yield from (link.proto.label for link in app.get("page_link"))


@pytest.mark.first_screen
@pytest.mark.parametrize("page", PAGES)
def test_a_page_in_chinese_has_nothing_left_in_english(page):
    app = opened(page, lang="zh", **({"numbers_steps": "50"} if page == "series" else {}))
    said = [text for text in texts(app) if text]
    assert sum(bool(CHINESE.search(text)) for text in said) > 5
    assert [text for text in said if ENGLISH.search(re.sub("`[^`]*`", "", text))] == []


@pytest.mark.first_screen
def test_it_opens_on_a_chinese_model_and_names_units():
    app = opened(lang="zh")
    assert app.selectbox(key="model").value == "river-town-gru"
    assert CHINESE.search(app.text_input(key="sentence").value)
    titles = drawn.titles(drawn.panels(app)[0])
    assert any("单元" in title for title in titles)
    assert not any(ENGLISH.search(re.sub("<[^>]*>", " ", title)) for title in titles)


@pytest.mark.parametrize("locale", ["zh-CN", "zh", "zh_TW"])
def test_the_browser_chooses_and_the_link_says_nothing_of_it(monkeypatch, locale):
    monkeypatch.setattr(type(st.context), "locale", locale)
    app = opened("train")
    assert "训练" in [link.proto.label for link in app.get("page_link")]
    assert "lang" not in app.query_params


@pytest.mark.parametrize("locale", ["en-US", "de", None, "", "zzz"])
def test_any_other_browser_reads_english(monkeypatch, locale):
    monkeypatch.setattr(type(st.context), "locale", locale)
    assert "Train" in [link.proto.label for link in opened("train").get("page_link")]


def test_it_is_switched_and_stays_from_page_to_page():
    app = opened("open")
    app.segmented_control(key="lang").set_value("zh").run()
    assert "训练" in [link.proto.label for link in app.get("page_link")]
    assert app.query_params["lang"] in ("zh", ["zh"])
    app.switch_page("scripts/gates.py").run()
    assert not app.exception
    assert "训练" in [link.proto.label for link in app.get("page_link")]


def test_a_language_that_is_none_is_told():
    app = opened("train", lang="xx<b>")
    assert "xx" in " ".join(str(one.value) for one in app.warning)
    assert "Train" in [link.proto.label for link in app.get("page_link")]


def test_another_thread_speaks_for_a_page_in_its_language():
    status, sentence = live.answer(("nothing",), "", "zh")
    assert status == 404
    assert CHINESE.search(sentence.decode())
    assert not CHINESE.search(live.answer(("nothing",), "", "../en")[1].decode())
    assert LANGUAGE.get() == "en"


def test_a_picture_speaks_the_language_of_its_page():
    app = opened(lang="zh", model="river-town-gru")
    token = drawn.asked(app)[0]["address"].split("/")[1]
    status, packed = pictures.answer(token, "", b"{}")
    assert status == 200
    assert "单元" in packed.decode("utf-8", "replace")
    status, sentence = pictures.answer(token, "", b"[")
    assert status == 400
    assert CHINESE.search(sentence.decode())


def test_what_stands_in_the_link_is_one_of_the_languages():
    assert language.KEY in links.CHOICES
    with speaking("zh"):
        assert say("language.zh") == "中文"


def test_who_has_a_sentence_of_their_own_keeps_the_model_that_reads_it_in_another_language():
    app = opened()
    first = app.selectbox(key="model").value
    app.segmented_control(key="lang").set_value("zh").run()
    assert app.selectbox(key="model").value != first  # nothing was typed: a Chinese model with its own sentence
    again = opened()
    again.text_input(key="sentence").set_value("so it goes").run()
    again.segmented_control(key="lang").set_value("zh").run()
    assert again.selectbox(key="model").value == first
    assert again.text_input(key="sentence").value == "so it goes"


def test_a_sentence_in_a_link_comes_with_the_model_that_read_it():
    with speaking("zh"):  # what can be chosen is called so here, too
        app = opened(lang="zh")
        app.text_input(key="sentence").set_value("今天下雨了").run()
        app.toggle(key="in_link").set_value(True).run()
        model = app.selectbox(key="model").value
        named = dict(app.query_params) | {"lang": "en"}
    assert opened(**named).selectbox(key="model").value == model
