"""What the model would write, on the page Gates."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer.pages.shell import models
from explorer.pages.shell.plain import plain
from explorer.pages.shell.writing import LENGTH

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
TEXT = "the time traveller"


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(model="time-machine-gru", sentence=TEXT, **query):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"model": model, "sentence": sentence} | query)
    app.run()
    assert not app.exception
    return app


def written(app):
    return " ".join(element.value for element in app.markdown)


def library(model, text, **options):
    return explorer.write_on(models.load(model).model, text, length=LENGTH["character"], **options).written


def shown(text):
    return plain(text.replace("\n", "↵"))


def test_it_goes_on_as_the_library_does_at_the_temperature_of_the_slider():
    app = opened()
    assert f":gray[{TEXT}]{shown(library('time-machine-gru', TEXT, temperature=0.5))}" in written(app)
    app.select_slider(key="temperature").set_value(1.5).run()
    assert shown(library("time-machine-gru", TEXT, temperature=1.5)) in written(app)
    assert app.query_params["temperature"] == "1.5"


def test_it_is_drawn_again_by_a_click():
    app = opened()
    next(button for button in app.button if "Draw again" in button.label).click().run()
    assert not app.exception
    assert shown(library("time-machine-gru", TEXT, temperature=0.5, seed=1)) in written(app)


def test_an_altered_model_writes_what_it_writes():
    app = opened(hold_z="1")
    altered = explorer.altered(models.load("time-machine-gru").model, explorer.Intervention({"z": 1.0}))
    assert shown(explorer.write_on(altered, TEXT, length=LENGTH["character"], temperature=0.5).written) in written(app)
    assert shown(library("time-machine-gru", TEXT, temperature=0.5)) not in written(app)


def test_a_cloze_model_fills_a_gap():
    app = opened("lighthouse-bigru-cloze", "the light")
    assert ":gray[the ligh]**▁**" in written(app)
    assert not any(slider.key == "temperature" for slider in app.select_slider)
    assert any("in the gap at step 8, where “t” stands" in caption.value for caption in app.caption)


def test_a_model_that_has_seen_the_answer_writes_nothing():
    app = opened("time-machine-birnn-leaky")
    assert "Nothing: this model has to see the next character" in written(app)
    assert not any("likeliest" in caption.value for caption in app.caption)


def test_without_a_text_nothing_is_asked():
    assert "What would it write" not in written(opened(sentence=""))


@pytest.mark.parametrize("hostile", ["](https://x) ![](y)", ":red[x] $y$ *z*", "`a` <b>\n# c", "]]]"])
def test_a_text_cannot_leave_its_colour(hostile):
    app = opened("lighthouse-gru", hostile)
    assert f":gray[{shown(models.load('lighthouse-gru').vocabulary.folded(hostile))}]" in written(app)


@pytest.mark.parametrize("model", ["time-machine-gru", "lighthouse-bigru-cloze"])
@pytest.mark.parametrize("step", [0, 17, 18, 400])
def test_any_character_that_was_clicked_is_answered(model, step):
    app = opened(model)
    app.session_state["place"] = (TEXT, "character", step)
    app.run()
    assert not app.exception
    there = range(0 if model.endswith("cloze") else 1, len(TEXT))
    assert any(f"at step {step}, where" in caption.value for caption in app.caption) == (step in there)


def test_a_second_model_writes_from_the_same_place_under_the_first():
    text = "a teacup said nothing of"  # the book they both know by heart has no such words
    app = opened(sentence=text, beside="another", second="time-machine-lstm")
    first, second = (library(name, text, temperature=0.5) for name in ("time-machine-gru", "time-machine-lstm"))
    assert first != second
    for one in (first, second):
        assert f":gray[{text}]{shown(one)}" in written(app)
    assert sum("characters a second" in caption.value for caption in app.caption) == 2
    other = opened(beside="another", second="lighthouse-bigru-cloze")
    assert shown(library("time-machine-gru", TEXT, temperature=0.5)) in written(other)
    assert any("cannot write on from here" in caption.value for caption in other.caption)
