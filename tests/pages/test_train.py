"""The page Train, run without a browser; the runs themselves are tests/runs'."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer import RECIPES, ModelConfig, runs
from explorer.cells import CELLS
from explorer.pages import live, new_run
from explorer.pages.shell import links, people, pictures
from explorer.pages.shell.plain import plain
from explorer.probes.finding import Finding
from explorer.runs.request import setting
from explorer.words import say
from trained import trained
from waiting import ended

OVERFITTED = {"best_epoch": 3, "best_nats": 1.0, "held_out_nats": 2.0, "last_nats": 0.5}
APP = Path(explorer.__file__).parent / "pages" / "frame.py"


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))


def open_page(**query):
    app = AppTest.from_file(str(APP), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page("scripts/train.py").run()
    assert not app.exception
    return app


def start(app):
    next(button for button in app.button if button.label == "Start").click().run()
    assert not app.exception
    return app.query_params["run"][0] if isinstance(app.query_params["run"], list) else app.query_params["run"]


def complaints(app):
    return [line.value for line in app.markdown if line.value.startswith(":small[:red[")]


def test_the_controls_are_sane_as_they_stand():
    app = open_page()
    assert complaints(app) == []
    assert not next(button for button in app.button if button.label == "Start").disabled
    assert app.number_input(key="new_learning_rate").value == RECIPES["quick"].learning_rate


def test_a_recipe_fills_in_the_controls_and_tells_the_longest_step():
    app = open_page()
    app.button(key="recipe_d2l-zh-v1").click().run()
    assert app.number_input(key="new_learning_rate").value == 100
    assert app.number_input(key="new_clip_norm").value == 0.01
    assert app.number_input(key="new_epochs").value == 160
    assert any("θ = 1." in caption.value for caption in app.caption)


@pytest.mark.parametrize(
    ("key", "value", "field", "said"),
    [
        ("new_hidden_size", 0, "Units", "got 0"), ("new_hidden_size", 100_000, "Units", "got 100000"),
        ("new_learning_rate", 0.0, "Learning rate", "above 0"), ("new_learning_rate", -1.0, "Learning rate", "got -1"),
        ("new_clip_norm", 0.0, "Clip threshold θ", "above 0"),
        ("new_epochs", 0, "Epochs", "got 0"), ("new_batch_size", 4000, "Corpus", "a batch of 4,000 rows of"),
        ("new_max_tokens", 5, "Characters used", "to fill a batch of"),
        ("new_max_tokens", -1, "Characters used", "got -1"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_words_before_it_starts(key, value, field, said):
    app = open_page()
    app.number_input(key=key).set_value(value).run()
    assert not app.exception
    assert any(plain(said) in complaint for complaint in complaints(app))
    assert any(caption.value == say("run-form.fix-first", fields=[field]) for caption in app.caption)
    assert next(button for button in app.button if button.label == "Start").disabled


def test_what_start_would_train_stands_in_a_line_that_follows_the_controls():
    app = open_page()
    app.selectbox(key="new_cell").set_value("lstm")
    app.number_input(key="new_hidden_size").set_value(12)
    app.checkbox(key="new_clips").set_value(False).run()
    line = plain("LSTM, 12 units · lighthouse · Adam, learning rate 0.005 · not clipped · 40 epochs")
    assert line in [caption.value for caption in app.caption]


def test_every_setting_and_choice_is_called_something_and_explained():
    for field, allowed in (new_run.MODEL | new_run.MORE | new_run.RECIPE).items():
        assert setting(field) != field
        assert new_run.explained(field)
        if isinstance(allowed, tuple):
            assert len({new_run.called(choice) for choice in allowed}) == len(allowed)
    app = open_page()
    assert app.selectbox(key="new_corpus").options[-2:] == ["a text of my own", "a file of my own"]
    assert app.selectbox(key="new_bias").options == ["by the initial weights", "two", "one", "none"]
    assert app.selectbox(key="new_optimizer").options == ["SGD", "Adam"]


def test_a_bidirectional_model_with_the_next_character_is_refused():
    app = open_page()
    app.selectbox(key="new_direction").set_value("bidirectional").run()
    assert any(plain("Expected 'cloze' or 'leaky' for a bidirectional") in complaint for complaint in complaints(app))
    app.selectbox(key="new_objective").set_value("cloze").run()
    assert complaints(app) == []


def ticked(app):
    return [name for name in RECIPES if app.button(key=f"recipe_{name}").icon]


def test_a_recipe_is_ticked_while_the_controls_hold_its_values():
    app = open_page()
    assert ticked(app) == ["quick"]
    app.number_input(key="new_epochs").set_value(3).run()
    assert ticked(app) == []
    app.button(key="recipe_d2l-v2").click().run()
    assert ticked(app) == ["d2l-v2"]
    app.button(key="recipe_quick").click().run()
    assert ticked(app) == ["quick"]
    assert app.number_input(key="new_epochs").value == RECIPES["quick"].epochs


@pytest.mark.parametrize("text", ["", "aaaaaaaaaa", "too short"])
def test_a_text_one_cannot_learn_from_is_refused(text):
    app = open_page()
    app.selectbox(key="new_corpus").set_value(new_run.OWN_TEXT).run()
    app.text_area(key="new_text").set_value(text).run()
    assert complaints(app)


def test_a_run_is_started_found_again_and_becomes_a_model_of_every_page():
    app = open_page()
    for key, value in (("new_hidden_size", 8), ("new_epochs", 2)):
        app.number_input(key=key).set_value(value)
    app.text_input(key="new_name_lighthouse").set_value("my *first* run").run()
    run_id = start(app)
    assert ended(run_id).status == "finished"

    again = open_page(run=run_id)  # a reload, a second tab, a colleague
    assert any("finished **my \\*first\\* run**" in line.value for line in again.markdown)
    assert again.get("bidi_component")
    (watched,) = drawn.asked(again)  # the sentence over training, at every epoch of which there is a snapshot
    assert (watched["epochs"], watched["epoch"]) == ([0, 1, 2], 2)
    checkpoint = explorer.load_checkpoint(runs.checkpoint_path(run_id))
    for epoch in (None, 0):
        body = json.dumps({"epoch": epoch}).encode()
        status, packed = pictures.answer(watched["address"].removeprefix("picture/"), "", body)
        surprise = drawn.unpacked(packed)["rows"][0]["items"][0]["values"]
        trace = explorer.trace_gates(checkpoint.model_at(2 if epoch is None else epoch), runs.run(run_id).sentence)
        assert status == 200
        np.testing.assert_allclose(np.ravel(surprise)[1:], trace.nll_nats_T[1:] / np.log(2), atol=1e-4)

    gates = AppTest.from_file(str(APP), default_timeout=60)
    gates.query_params["model"] = f"run:{run_id}"
    gates.run()
    assert not gates.exception
    assert gates.selectbox(key="model").value == f"run:{run_id}"
    assert len(drawn.panels(gates)) == 1


def small_run(**about):
    """A run that has come to its end."""
    small = (ModelConfig(hidden_size=4), explorer.Recipe(epochs=4, batch_size=4, num_steps=10, max_tokens=2000))
    about = {"session": "me", "corpus": "lighthouse"} | about
    return trained(*small, explorer.load_corpus("lighthouse"), **about)


def test_a_run_shows_what_it_trains():
    run = small_run(name="mine")
    line = plain(
        f"GRU, reset after, 4 units · lighthouse · SGD, learning rate 1 · clipped at θ = 1 · 4 epochs, about {run.steps_total} "
        "steps"
    )
    assert line in [caption.value for caption in open_page(run=run.id).caption]


def verdicts(app):
    return [line.value for line in app.markdown if line.value.startswith(":material/stethoscope:")]


def test_a_run_in_which_nothing_stands_out_says_so():
    run = small_run()
    assert verdicts(open_page(run=run.id)) == [f":material/stethoscope: {say('run-page.nothing-stands-out')}"]


@pytest.mark.parametrize(
    ("findings", "active", "reached", "shown"),
    [
        (None, True, {}, []),  # no record yet
        ((), True, {}, ["So far nothing in its training stands out."]),
        ((), False, {}, ["Nothing in its training stands out."]),
        ((), True, {"epoch": 2}, ["It is too early to judge its training."]),
        ((), False, {"step": 19}, ["It trained too briefly to be judged."]),
        ((), False, {"epoch": 3, "step": 20}, ["Nothing in its training stands out."]),
        ((Finding("overfitting", "certain", OVERFITTED),), True, {"epoch": 2}, ["**It overfits.**"]),
    ],
)
def test_a_verdict_says_what_stands_out_or_that_nothing_does(monkeypatch, findings, active, reached, shown):
    run = replace(small_run(), **reached)
    monkeypatch.setattr(runs, "run", lambda _: run)
    monkeypatch.setattr(live, "verdict", lambda *_: findings)
    monkeypatch.setattr(runs.Run, "active", property(lambda _: active))
    found = verdicts(open_page(run=run.id))
    assert len(found) == len(shown)
    assert all(words in line for words, line in zip(shown, found, strict=True))


def test_a_run_offers_its_gates_and_its_gradients_once_there_is_a_model():
    def offered(app):
        return [(link.proto.label, link.proto.page, link.proto.query_string) for link in app.get("page_link")][
            len(links.ICONS) :
        ]

    run = small_run()
    assert offered(open_page(run=run.id)) == [
        ("See its gates", "", f"model=run%3A{run.id}"),
        ("See its gradients", "gradients", f"model=run%3A{run.id}"),
    ]
    waits = replace(run, status="waiting", has_checkpoint=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "run", lambda _: waits)
        assert offered(open_page(run=run.id)) == []


def test_a_diverged_run_says_where():
    config, recipe = (
        ModelConfig("rnn", activation="relu", hidden_size=8),
        explorer.Recipe(learning_rate=1e6, clip_norm=None, epochs=5),
    )
    over = run = trained(config, recipe, explorer.load_corpus("lighthouse"), corpus="lighthouse", session="me")
    assert over.status == "diverged"
    app = open_page(run=run.id)
    assert any(f"step {over.fault_step}" in error.value for error in app.error)
    said = live.said(over)
    assert said.startswith(f"not finite at step {over.fault_step:,} of about")
    assert f"in epoch {over.epoch} of 5" in said


@pytest.mark.parametrize(
    ("name", "file"),
    [("my *first* run", "my-first-run-"), ("小满 2", "小满-2-"), ("../../etc", "etc-"), ("***", ""), ("a.b", "a.b-")],
)
def test_a_download_is_called_as_the_run_is(name, file):
    run = runs.new_run(
        runs.RunRequest(
            ModelConfig(hidden_size=4), explorer.Recipe(), explorer.load_corpus("lighthouse"), corpus="x", session="me"
        )
    )
    assert replace(run, name=name).file_name == f"{file}{run.id[:4]}.safetensors"


@pytest.mark.parametrize("run_id", ["nonsense", "../../etc/passwd", "<b>", "a" * 500])
def test_a_link_to_a_run_that_is_not_there_is_answered_in_a_sentence(run_id):
    app = open_page(run=run_id)
    assert len(app.error) == 1


def test_what_the_command_line_trains_is_listed_on_ones_own_machine_only(monkeypatch):
    small = (ModelConfig(hidden_size=4), explorer.Recipe(epochs=1, batch_size=4, num_steps=10))
    trained(*small, explorer.load_corpus("lighthouse"), corpus="lighthouse", session=runs.COMMAND_LINE, name="mine")
    for local in (True, False):  # the server says it (tests/test_server.py)
        monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"} if local else {})
        assert any("mine" in line.value for line in open_page().markdown) == local


def test_a_run_is_what_the_form_says():
    app = open_page()
    for key, value in (("new_hidden_size", 8), ("new_epochs", 1), ("new_seed", 7), ("new_max_tokens", 3000)):
        app.number_input(key=key).set_value(value)
    app.checkbox(key="new_clips").set_value(False)
    app.text_input(key="new_sentence_lighthouse").set_value("Turn, light").run()
    run = runs.run(start(app))
    assert (run.config.hidden_size, run.seed, run.sentence) == (8, 7, "Turn, light")
    assert (run.recipe.clip_norm, run.recipe.max_tokens, run.recipe.epochs) == (None, 3000, 1)
    ended(run.id)


def test_the_rest_of_a_model_is_under_more():
    app = open_page()
    app.selectbox(key="new_init").set_value("chrono").run()
    app.selectbox(key="new_bias").set_value("one")
    app.checkbox(key="new_newlines_to_blanks").set_value(True)
    app.text_input(key="new_hidden_sizes").set_value("12, 8")
    for key, value in (("new_chrono_t_max", 40), ("new_embedding_size", 5), ("new_keep_bias", 0.5), ("new_epochs", 1)):
        app.number_input(key=key).set_value(value)
    app.run()
    assert app.number_input(key="new_hidden_size").disabled
    run = runs.run(start(app))
    assert run.config == ModelConfig(
        "gru", hidden_sizes=(12, 8), init="chrono", chrono_t_max=40, embedding_size=5, keep_bias=0.5, bias="one"
    )
    ended(run.id)
    learned = explorer.load_checkpoint(runs.checkpoint_path(run.id)).model.vocabulary
    assert "\n" not in learned.symbols
    assert "\n" in explorer.load_corpus("lighthouse")


def test_what_means_nothing_beside_the_rest_is_left_out():
    app = open_page()
    app.number_input(key="new_keep_bias").set_value(1.0).run()
    app.selectbox(key="new_direction").set_value("parallel").run()
    app.number_input(key="new_hidden_size_backward").set_value(7).run()
    app.selectbox(key="new_direction").set_value("forward")
    app.selectbox(key="new_cell").set_value("rnn").run()
    assert app.number_input(key="new_keep_bias").disabled
    assert complaints(app) == []
    app.number_input(key="new_epochs").set_value(1).run()
    run = runs.run(start(app))
    assert (run.config.keep_bias, run.config.hidden_size_backward) == (0, None)
    ended(run.id)


@pytest.mark.parametrize("written", ["12; 8", "12 8", " 12,8 "])
def test_widths_are_read_as_people_write_them(written):
    assert new_run.sizes(written) == (12, 8)


@pytest.mark.parametrize("written", ["twelve", "12, -8", "0", "12.5"])
def test_widths_that_are_none_are_refused_by_the_control(written):
    app = open_page()
    app.text_input(key="new_hidden_sizes").set_value(written).run()
    assert not app.exception
    assert any("xpected" in complaint for complaint in complaints(app))
    assert any(": Units of each layer" in caption.value for caption in app.caption)


def warned(app):
    return [line.value for line in (*app.warning, *app.caption) if "not in the corpus" in line.value]


def test_a_sentence_that_the_corpus_cannot_read_is_warned_of_and_stays_with_its_corpus():
    app = open_page()
    assert warned(app) == []
    app.text_input(key="new_sentence_lighthouse").set_value("小满 turns*").run()
    assert len(warned(app)) == 1
    assert plain("“小”, “满”, “*”") in warned(app)[0]
    app.selectbox(key="new_corpus").set_value("river-town").run()
    assert app.text_input(key="new_sentence_river-town").value == ""
    assert warned(app) == []
    app.selectbox(key="new_corpus").set_value("lighthouse").run()
    assert app.text_input(key="new_sentence_lighthouse").value == "小满 turns*"


def test_a_corpus_that_cannot_be_fetched_is_explained_once(monkeypatch):
    def refuse(*_):
        raise explorer.TextError("corpora.another-file", sha1="0", url="u")

    monkeypatch.setattr("explorer.pages.new_run.load_corpus", refuse)
    app = open_page()
    assert [error.value for error in app.error] == [
        plain("Expected the book with SHA-1 0; what came from u is another file.")
    ]
    assert complaints(app) == []
    assert next(button for button in app.button if button.label == "Start").disabled


def test_a_refused_deletion_is_not_called_one(monkeypatch):
    small = (ModelConfig(hidden_size=4), explorer.Recipe(epochs=1, batch_size=4, num_steps=10))
    trained(*small, explorer.load_corpus("lighthouse"), corpus="lighthouse", session=runs.COMMAND_LINE)
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})
    app = open_page()

    def refuse(run_id):
        raise runs.RunError("disk.full")

    monkeypatch.setattr(runs, "delete", refuse)
    next(button for button in app.button if button.label == "Delete").click().run()
    assert any(plain("The disk with the data folder is full;") in error.value for error in app.error)
    app.run()
    assert not any("The run was deleted" in caption.value for caption in app.caption)


def test_a_run_offers_its_steps_and_epochs_in_full_and_judges_their_size_by_a_few():
    recipe = explorer.Recipe(epochs=3, batch_size=2, num_steps=5)
    text = explorer.load_corpus("lighthouse")
    run = runs.start(runs.RunRequest(ModelConfig(hidden_size=4), recipe, text, corpus="lighthouse", session="me"))
    run = ended(run.id)
    assert run.step > 2 * live.SAMPLED
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.session_state["export_run"] = True
    page.query_params["run"] = run.id
    page.switch_page("scripts/train.py").run()
    (tables,) = [
        json.loads(one.proto.json)["tables"] for one in page.get("bidi_component") if "tables" in one.proto.json
    ]
    steps, epochs = (offer.table for offer in page.session_state["exports"].values())
    assert [table["name"] for table in tables] == ["Steps of the run", "Epochs of the run"]
    assert [table["said"] for table in tables] == [f"{run.step:,} rows", f"{run.epoch + 1} rows"]
    whole = pd.concat(steps.blocks(), ignore_index=True)
    assert whole["step"].tolist() == [*range(1, run.step + 1)]
    assert pd.concat(epochs.blocks())["epoch"].tolist() == [*range(run.epoch + 1)]


def test_what_makes_sense_beside_a_cell_comes_with_it_and_goes_with_it():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    app.switch_page("scripts/train.py").run()
    shown = {field: app.number_input(key=f"new_{field}").value for field in ("num_layers", "embedding_size")}
    app.selectbox(key="new_cell").set_value("mingru").run()
    assert not app.exception
    suggested = CELLS["mingru"].suggested
    assert {field: app.number_input(key=f"new_{field}").value for field in suggested} == suggested
    app.selectbox(key="new_cell").set_value("lstm").run()
    assert {field: app.number_input(key=f"new_{field}").value for field in shown} == shown
    app.number_input(key="new_num_layers").set_value(3).run()
    app.selectbox(key="new_cell").set_value("rnn").run()  # what a person chose stays
    assert app.number_input(key="new_num_layers").value == 3
