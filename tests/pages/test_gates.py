"""The page Gates, run without a browser."""

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.characters import visible
from explorer.figures.style import number
from explorer.pages.shell import models, pickers, roles, texts
from explorer.pages.shell.plain import plain

TOLD = "Each row is one **unit** and what it remembers, shaded where that holds here"
APP = Path(explorer.__file__).parent / "pages" / "frame.py"


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def run(**query):
    app = AppTest.from_file(str(APP), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def trace_of(name, text, altered=None):
    model = explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors").model
    return explorer.trace_gates(explorer.altered(model, altered) if altered else model, text)


def maps(panel):
    """letter -> (numbers of the units, what is drawn of them) of the maps of a picture."""
    items = [item for row in panel["rows"] for item in row["items"] if item["kind"] == "units"]
    return {
        item["letter"]: (item["numbers"], item["values"].reshape(item["lines"], -1) * item["unit"]) for item in items
    }


def shows(panel, tape):
    """Whether the maps of a picture are those of a reading."""
    drawn_HT, parts = maps(panel), tape.gates or {"h": tape.h_TH}
    return drawn_HT.keys() == parts.keys() and all(
        np.abs(values_HT - parts[letter][:, units].T).max() <= 0.005 + 1e-6
        for letter, (units, values_HT) in drawn_HT.items()
    )


@pytest.mark.first_screen
def test_the_first_screen_names_units_that_remember_something():
    app = run()
    assert app.selectbox(key="model").value == "lighthouse-gru"
    assert '"' in app.text_input(key="sentence").value
    titles = drawn.titles(drawn.panels(app)[0])
    assert titles[1].startswith("<b>unit 95, inside quotation marks</b><br>")
    assert "state h -0.6" in titles[1]
    assert sum(title.startswith("<b>unit ") for title in titles) == roles.NAMED
    assert any(TOLD in caption.value for caption in app.caption)


@pytest.mark.first_screen
@pytest.mark.parametrize("query", [{"epoch": "0"}, {"epoch": "38"}, {"hold_z": "0.5"}, {"recurrent": "0.5"}])
def test_of_another_epoch_or_an_altered_model_it_is_not_said_that_units_follow_something(query):
    captions = " ".join(caption.value for caption in run(**query).caption)
    assert TOLD not in captions
    assert "Whether it does so here, the curves show." in captions


@pytest.mark.first_screen
@pytest.mark.parametrize("query", [{"model": "time-machine-rnn"}, {"epoch": "0"}, {"hold_z": "0.5"}])
def test_named_units_follow_the_model_its_epoch_and_its_changes(query):
    titles = drawn.titles(drawn.panels(run(**query))[0])
    assert sum(title.startswith("<b>unit ") for title in titles) == roles.NAMED


def test_it_opens_on_a_trained_gru_and_a_sentence():
    app = run()
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    trace = explorer.trace_gates(model, texts.EXAMPLES["time-machine"])
    shown = metrics(app)
    assert drawn.characters(app) == len(trace)
    assert float(shown["Perplexity"]) == pytest.approx(trace.perplexity, abs=0.006)
    assert float(shown["Mean z"]) == pytest.approx(float(trace.tape()["z"].mean()), abs=0.006)
    (proof,) = [caption.value for caption in app.caption if "recomputed in float64" in caption.value]
    assert 0 < float(re.search(r"at most (\S+)\.$", proof)[1]) < 1e-5
    assert not app.get("plotly_chart")  # its script is not loaded for the first screen
    assert len(drawn.svgs(app)) == 2  # likeliest characters, saturation


def test_how_it_learned_is_read_when_it_is_asked_for():
    app = run()
    assert "Move the slider" not in " ".join(element.value for element in app.markdown)
    app.session_state["learning"] = True
    app.run()
    assert not app.exception
    assert "Move the slider *Epochs of training*" in " ".join(element.value for element in app.markdown)
    assert len(app.get("plotly_chart")) == 1
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors")
    drawn_at = json.loads(app.get("plotly_chart")[-1].proto.spec)["data"][0]
    told = [
        explorer.trace_gates(model.model_at(epoch), texts.EXAMPLES["time-machine"]).perplexity for epoch in model.epochs
    ]
    assert drawn_at["y"] == pytest.approx(told, rel=1e-5)


def test_the_picture_is_that_of_the_library():
    text = "so it will be"
    (panel,) = drawn.panels(run(sentence=text, all_units="true"))
    assert shows(panel, trace_of("time-machine-gru", text).tape())
    assert not shows(panel, trace_of("time-machine-gru-before", text).tape())


def test_of_an_altered_model_the_picture_has_the_original_behind_it_and_either_is_a_click_away():
    text, held = "so it will be", explorer.Intervention({"z": 0.9})
    before, after = (trace_of("time-machine-gru", text, altered) for altered in (None, held))
    app = run(sentence=text, hold_z="0.9", unit="3", all_units="true")
    (panel,) = drawn.panels(app)
    assert shows(panel, after.tape())
    (alone,) = [row for row in panel["rows"] if row["title"].startswith("<b>unit 3</b> alone")]
    ghosts, lines = [
        [line for line in alone["items"] if (line["hover"].startswith("as trained")) == old] for old in (1, 0)
    ]
    for drawn_lines, tape in ((ghosts, before.tape()), (lines, after.tape())):
        for line, part in zip(drawn_lines, (tape["z"], tape["r"], tape["n"], tape.h_TH), strict=True):
            np.testing.assert_allclose(line["y"], part[:, 3], rtol=1e-6)
    changes = {metric.label: metric.delta for metric in app.metric}
    assert changes["Perplexity"] == f"as trained {number(before.perplexity)}"
    assert changes["Mean z"] == f"as trained {before.tape()['z'].mean():.2f}"
    app.segmented_control(key="shown").set_value("as-trained").run()
    assert not app.exception
    (panel,) = drawn.panels(app)
    assert shows(panel, before.tape())
    assert "as trained" not in str([item.get("hover") for row in panel["rows"] for item in row["items"]])
    assert metrics(app)["Perplexity"] == number(before.perplexity)
    assert not any(metric.delta for metric in app.metric)


def test_a_second_model_stands_beside_the_first_on_the_same_text():
    text = "so it will be"
    for name, query in (
        ("time-machine-rnn", {}),
        ("time-machine-gru", {"own_epoch": "500"}),
        ("time-machine-lstm", {}),
    ):
        app = run(sentence=text, all_units="true", beside="another", second=name, **query)
        first, second = drawn.panels(app)
        assert shows(first, trace_of("time-machine-gru", text).tape())
        assert shows(second, trace_of(name, text).tape())
        about = [one.value for one in app.caption if "characters a second" not in one.value]
        said = [one for one in about if one.startswith(f"**{plain(models.model_label(name))}")][-1]
        assert said.endswith(number(trace_of(name, text).perplexity))


def test_everything_follows_the_sentence():
    app = run()
    before = metrics(app)
    app.text_input(key="sentence").set_value("and yet").run()
    assert not app.exception
    assert drawn.characters(app) == 7
    assert metrics(app)["Perplexity"] != before["Perplexity"]


@pytest.mark.parametrize("name", pickers.model_names())
def test_every_shipped_model_opens(name):
    app = run(model=name)
    assert app.selectbox(key="model").value == name
    config = models.load(name).config
    gated, writes = bool(config.kind.gates), config.objective != "leaky"
    assert len(drawn.svgs(app)) == gated + writes  # saturation, likeliest characters
    assert len(drawn.panels(app)) == 1
    warned = " ".join(warning.value for warning in app.warning)
    assert ("sees the answer" in warned) == name.endswith("leaky")
    assert ("both of its nets read forward" in warned) == name.endswith("parallel")
    assert not re.search("unknown to the model", warned)
    assert ("Leaky score" in metrics(app)) == name.endswith("leaky")
    assert ("Pseudo-pp." in metrics(app)) == name.endswith("cloze")


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "日本語のテキスト", "😀😀👩‍👩‍👧", "سلام عليكم", "<b>bold</b><script>alert(1)</script>",
        "$x$ \\frac{1}{2}", "a\tb\u200bc", "`code` **md** :red[x]", "...",
    ],
)  # fmt: skip
def test_odd_sentences_are_answered_sensibly(text):
    app = run()
    app.text_input(key="sentence").set_value(text).run()
    assert not app.exception
    shown = metrics(app)
    read = models.load("time-machine-gru").vocabulary.folded(text)
    assert len(drawn.panels(app)) == bool(read)
    words = "".join(drawn.panels(app)[0]["x"]["words"]) if read else ""
    assert html.unescape(words.replace("\u200e", "")) == "".join(map(visible, read))
    assert (shown["Perplexity"] == "–") == (len(read) < 2)


def test_a_long_text_is_analysed_to_twenty_thousand_and_drawn_to_two_thousand():
    app = run(model="lighthouse-gru")
    app.segmented_control(key="source").set_value("longer").run()
    text = ("the light turned and the sea was dark. " * 600)[:20_000]
    app.text_area(key="long_text").set_value(text + "xq" * 1_700).run()
    assert not app.exception
    assert metrics(app)["Perplexity"] == number(trace_of("lighthouse-gru", text).perplexity)
    (panel,) = drawn.panels(app)
    assert len(panel["x"]["words"]) == 2_000
    said = " ".join(caption.value for caption in app.caption)
    assert "23,400 characters; the first 20,000 are analysed" in said
    assert "the first 2,000 are drawn" in said


def test_the_epoch_changes_the_model_and_survives_a_change_of_model():
    app = run(epoch="16")
    assert app.select_slider(key="epoch").value == 16
    early = float(metrics(app)["Perplexity"])
    checkpoint = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors")
    trace = explorer.trace_gates(checkpoint.model_at(16), texts.EXAMPLES["time-machine"])
    assert early == pytest.approx(trace.perplexity, abs=0.05)  # a card says three digits: 13.4
    app.selectbox(key="model").set_value("lighthouse-gru").run()
    assert not app.exception
    other = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors")
    assert app.select_slider(key="epoch").value in other.epochs


def test_a_link_from_another_version_or_a_stranger_opens():
    app = run(model="no-such-model", epoch="17", order="colour of the sky", layer="9", unit="-1", colour="<b>")
    assert app.selectbox(key="model").value == "time-machine-gru"


def test_the_sentence_in_a_link_is_read():
    assert run(sentence="so it will be").text_input(key="sentence").value == "so it will be"


def test_another_corpus_brings_its_own_example_but_never_replaces_a_sentence_of_ones_own():
    app = run()
    app.selectbox(key="model").set_value("river-town-gru").run()
    assert app.text_input(key="sentence").value == texts.EXAMPLES["river-town"]
    app.text_input(key="sentence").set_value("我的船").run()
    app.selectbox(key="model").set_value("lighthouse-gru").run()
    assert app.text_input(key="sentence").value == "我的船"


def test_following_a_unit_adds_its_row():
    app = run(unit="3")
    assert any("<b>unit 3</b> alone" in title for title in drawn.titles(drawn.panels(app)[0]))


def test_the_process_is_set_up_once():
    import torch

    run()
    # A thread that has used torch keeps its own number; those of later sessions are new.
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 1
    assert np.isfinite(texts.MAX_ANALYSED)
