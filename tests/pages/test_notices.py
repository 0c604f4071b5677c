"""What the pages say before a number is believed, and when they say nothing."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

import explorer
from explorer.figures.style import number
from explorer.pages.shell import models, notices

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
KNOWN = "the time traveller for so it will be convenient to speak of him"


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(**query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def said(elements):
    return " ".join(element.value for element in elements)


def losses(name, text):
    """-ln p of every character but the first, by torch's own loop and softmax."""
    model = explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors").model
    ids_T = model.vocabulary.encode(text)
    with torch.no_grad():
        logits_TBV = model(ids_T.unsqueeze(1))
        logits_TBV = logits_TBV[0] if isinstance(logits_TBV, tuple) else logits_TBV
    p_TV = logits_TBV[:-1, 0].double().log_softmax(1)
    return -p_TV.gather(1, ids_T[1:, None])[:, 0].numpy(), ids_T[1:].numpy() == 0


@pytest.mark.parametrize(("text", "count", "share"), [(KNOWN + "ø", 1, 0.02), (KNOWN[:9] + "ß" + KNOWN, 1, 0.02)])
def test_a_single_unknown_character_is_told_with_both_perplexities(text, count, share):
    app = opened(sentence=text)
    nll_T, unknown_T = losses("time-machine-gru", text)
    odd = text.translate({ord(c): None for c in KNOWN})
    line = next(c.value for c in app.caption if "unknown" in c.value)
    assert line.startswith(f"{count} of {len(text)} characters is unknown to the model")
    assert f"“{notices.plain(odd)}”" in line
    both = math.exp(nll_T.mean()), math.exp(nll_T[~unknown_T].mean())
    assert notices.plain(f"is {both[0]:.2f} with them and {both[1]:.2f} without them") in line
    assert both[0] > 1.1 * both[1]
    assert not app.warning


@pytest.mark.parametrize("text", [KNOWN, "", "a"])
def test_where_every_character_is_known_nothing_is_said(text):
    app = opened(sentence=text)
    assert "unknown" not in said(app.caption)
    assert not app.warning


def test_many_unknown_characters_are_a_warning_that_names_a_few_and_what_is_known():
    app = opened(sentence="øßđłŋħæœðþŧ" + KNOWN)
    assert "unknown" not in said(app.caption)
    (warning,) = [w.value for w in app.warning]
    assert warning.startswith("11 of 74 characters are unknown to the model")
    assert notices.plain("“ø”, “ß”, “đ”, “ł”, “ŋ”, “ħ”, “æ”, “œ” and 3 others") in warning
    # The eight commonest characters of what it learned, the first 10,000 of the book.
    vocabulary = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").vocabulary
    assert sum(vocabulary.counts) == 10_000
    assert list(vocabulary.counts[1:]) == sorted(vocabulary.counts[1:], reverse=True)
    assert f"It knows {''.join(vocabulary.symbols[1:9]).replace(' ', '␣')}" in warning


def test_a_text_of_unknown_characters_has_no_perplexity_without_them():
    warning = said(opened(sentence="小满站在").warning)
    assert "4 of 4 characters are unknown" in warning
    assert "and not defined without them" in warning


def test_the_mean_leaves_out_what_is_unknown_and_what_is_not_predicted():
    model = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-bigru-cloze.safetensors").model
    text = "Turn, light, 灯 turn, é on the hill of stone"
    trace = explorer.trace_gates(model, text)
    predicted = [n for c, n in zip(text, trace.nll_nats_T, strict=True) if c not in "灯é" and not np.isnan(n)]
    assert trace.score.mean_over(~trace.unknown_T) == pytest.approx(math.fsum(predicted) / len(predicted))


def test_an_altered_model_says_before_and_after_on_the_same_text():
    app = opened(hold_z="0.9", sentence=KNOWN)
    trained = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    changed = explorer.altered(trained, explorer.Intervention({"z": 0.9}))
    before, after = (math.exp(explorer.score_text(m, KNOWN).mean_nll_nats) for m in (trained, changed))
    (mark,) = [m.value for m in app.markdown if "This model is altered" in m.value]
    assert f"its perplexity was {number(before)} as trained and is {number(after)} now" in mark
    app.text_input(key="sentence").set_value("").run()
    (mark,) = [m.value for m in app.markdown if "This model is altered" in m.value]
    assert "as trained" not in mark
    next(button for button in app.button if button.label == "Restore it").click().run()
    assert "This model is altered" not in said(app.markdown)


def test_alter_the_model_stays_open_when_a_slider_returns_to_neutral():
    def is_open(app):
        return next(e.proto.expanded for e in app.expander if e.label == "Alter the model")

    app = opened(hold_z="0.9")
    assert is_open(app)
    app.select_slider(key="hold_z").set_value("free").run()
    assert is_open(app)
    app = opened()
    assert not is_open(app)
    app.select_slider(key="hold_z").set_value("0.9").run()
    assert not is_open(app)  # to Streamlit the same as before, so the browser leaves it as the person has it


def test_the_name_of_a_corpus_is_shown_to_the_letter(monkeypatch):
    odd = dataclasses.replace(
        explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors"), corpus="*my* $x$ :red[text]"
    )
    monkeypatch.setattr(models, "_load", lambda name, version: odd)
    line = next(c.value for c in opened().caption if "symbols" in c.value)
    assert notices.plain("learned *my* $x$ :red[text], 28 symbols") in line


def test_the_surprise_under_the_gates_is_shown_to_the_letter():
    line = next(
        c.value
        for c in opened(model="lighthouse-gru", sentence="so it will *").caption
        if "greatest surprise" in c.value
    )
    assert "“\\*” at step 11" in line


def test_no_model_is_offered_that_leaves_out_more_than_this_one_lacks():
    """Marks and numbers that a model of small letters alone never reads are not known by it."""
    mixed = 'She said "no, I won\u2019t go" in 1984! \U0001f600 \u548c \u4f60\u597d \u201chm\u201d'
    lighthouse = models.load("lighthouse-gru")
    name, share, _ = models.best_reader(mixed, lighthouse.config, "character")
    assert models.lacking(mixed, models.load("time-machine-gru").vocabulary) > models.lacking(
        mixed, lighthouse.vocabulary
    )
    assert share == models.lacking(mixed, models.load(name).vocabulary) <= models.lacking(mixed, lighthouse.vocabulary)
    assert models.lacking("the time", models.load("time-machine-gru").vocabulary) == 0
    assert models.best_reader("\u6cb3\u6c34\u6162\u6162\u5730\u6d41", lighthouse.config, "character")[0].startswith(
        "river-town"
    )
