"""Texts that a model cannot read as they are, on the pages: folded, marked, or with the way to a model that can."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages.shell import links, models

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
TYPED = "The Time Traveller (for so it will be convenient)"
READ = "the time traveller for so it will be convenient"


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(page=links.GATES, **query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update({"model": "time-machine-gru"} | query)
    if page != links.GATES:
        app.switch_page(f"scripts/{page}.py")
    app.run()
    assert not app.exception
    return app


def words(app):
    return "".join(drawn.panels(app)[0]["x"]["words"]).replace("␣", " ")


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS])
def test_capitals_and_marks_are_folded_and_the_page_says_which(page):
    app = opened(page, sentence=TYPED)
    assert words(app) == READ
    (said,) = [caption.value for caption in app.caption if "the nearest that it knows" in caption.value]
    assert re.findall("“(.*?)”", said) == ["T", "\\(", "\\)"]
    assert not app.warning
    same = opened(page, sentence=READ)
    assert not [caption for caption in same.caption if "the nearest that it knows" in caption.value]
    assert [metric.value for metric in same.metric] == [metric.value for metric in app.metric]


def test_the_surprise_is_that_of_the_text_as_it_is_read():
    model = models.load("time-machine-gru").model
    shown = {metric.label: metric.value for metric in opened(sentence=TYPED).metric}
    assert float(shown["Perplexity"]) == pytest.approx(explorer.trace_gates(model, READ).perplexity, abs=0.006)


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS])
def test_a_model_that_knows_the_characters_is_a_click_away(page):
    app = opened(page, sentence="小满站在渡口，看着河水")
    assert "unknown to the model" in app.warning[0].value
    (offered,) = [button for button in app.button if "knows all of them" in button.label]
    assert "河镇" in offered.label
    offered.click().run()
    assert not app.exception
    assert app.selectbox(key="model").value == "river-town-gru"
    assert not app.warning
    assert not [button for button in app.button if "of them" in button.label]


@pytest.mark.parametrize("sentence", ["so it goes", "So, it goes!", "", "so it goes 小"])
def test_where_little_is_unknown_no_other_model_is_offered(sentence):
    app = opened(sentence=sentence * 3)
    assert not [button for button in app.button if "of them" in button.label]


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS])
def test_a_text_of_which_nothing_is_left_is_an_empty_one(page):
    opened(page, sentence="... ?!")


def underlined(app):
    (line,) = [title for title in drawn.titles(drawn.panels(app)[0]) if title.startswith("surprise (bits): ")]
    return "word for word" in line


def test_what_stands_in_the_learned_text_is_underlined():
    learned = explorer.load_corpus("lighthouse")[2000:2060]
    assert underlined(opened(model="lighthouse-gru", sentence=learned))
    assert not underlined(opened(model="lighthouse-gru", sentence="He ran into the wood and met a bear."))
    # The book is not here, so nothing is said of it.
    assert not underlined(opened(sentence=READ))
