"""The address is what is seen: every choice, through every change of page, in a second browser, and for any stranger's link."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer import runs
from explorer.pages.shell import links, people, texts
from explorer.pages.shell.plain import plain
from trained import trained
from waiting import ended, until

FIRST = "time-machine-gru"  # conftest: the pages open on it here
APP = Path(explorer.__file__).parent / "pages" / "frame.py"
FILES = {name: f"scripts/{name}.py" for name in (links.GATES, links.CELL, links.GRADIENTS, links.TRAIN)}
# key -> what a link says, what the control then shows, and what the link must say besides.
EXAMPLES = {
    "model": ("time-machine-lstm", "time-machine-lstm", {}),
    "epoch": ("16", 16, {}),
    "net": ("backward", "backward", {"model": "lighthouse-bigru-cloze"}),
    "hold_z": ("0.9", "0.9", {}),
    "hold_r": ("0", "0", {}),
    "hold_f": ("1", "1", {"model": "time-machine-lstm"}),
    "hold_i": ("0.25", "0.25", {"model": "time-machine-lstm"}),
    "hold_o": ("0.5", "0.5", {"model": "time-machine-lstm"}),
    "keep_bias": ("-2", -2.0, {}),
    "recurrent": ("1.25", 1.25, {}),
    "read_as": ("before", "before", {}),
    "unit_held": ("3 h 0.25", "3 h 0.25", {}),
    "shown": ("as-trained", "as-trained", {"hold_z": "0.9"}),
    "sentence": ("so it goes", "so it goes", {"model": FIRST}),
    "order": ("mean", "mean", {"all_units": "true"}),
    "colour": ("change", "change", {}),
    "all_units": ("true", True, {}),
    "temperature": ("0.8", 0.8, {}),
    "unit": ("3", "3", {}),
    "beside": ("untrained", "untrained", {}),
    "kind": ("RNN (tanh)", "RNN (tanh)", {"beside": "untrained"}),
    "second": ("time-machine-rnn", "time-machine-rnn", {"beside": "another"}),
    "own_epoch": ("16", 16, {"beside": "another"}),
    "second_epoch": ("16", 16, {"beside": "another", "second": "time-machine-rnn"}),
    "part": ("c", "c", {"model": "time-machine-lstm"}),
    "row": ("10", 10, {}),
    "cut": ("true", True, {}),
    "sigma": ("true", True, {"model": "river-town-gru"}),
    "weights": ("true", True, {"model": "river-town-gru"}),
    "eigen": ("true", True, {"model": "river-town-gru"}),
    "theta": ("0.05", 0.05, {}),
}
ALONE = ((links.CELL,), (links.SERIES,), (links.PROBLEMS,), (links.LESSONS,))
SHORT = "ab ab ab ab ab"


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(page=links.GATES, **query):
    """A new session, as a reload or a second browser begins one."""
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update(query)
    if page != links.GATES:
        app.switch_page(FILES[page])
    app.run()
    assert not app.exception
    return app


def went(app, page):
    app.switch_page(FILES[page]).run()
    assert not app.exception
    return app


def clicked(app, page, **query):
    """The page after a click on a link to it."""
    app.query_params.clear()
    app.query_params.update(query)
    return went(app, page)


def control(app, key):
    kinds = ("selectbox", "select_slider", "segmented_control", "toggle", "text_input")
    (found,) = [widget for kind in kinds for widget in getattr(app, kind) if widget.key == key]
    return found


def said(app):
    return " ".join(warning.value for warning in app.warning)


def test_the_examples_above_name_every_choice_there_is():
    # No shipped model has two layers, and a run needs a training: both have a test of their own, and so have the choices of the
    # pages Cell, Numbers, Problems and Lessons.
    own = {key for key, choice in links.CHOICES.items() if choice.pages in ALONE}
    assert EXAMPLES.keys() | {"layer", "run", "lang"} | own == links.CHOICES.keys()


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_choice_in_a_link_is_followed_and_stays_through_every_change_of_page_and_a_reload(key):
    spelled, shown, besides = EXAMPLES[key]
    query = besides | {key: spelled}
    home, other = (
        (links.GATES, links.GRADIENTS)
        if links.GATES in links.CHOICES[key].pages
        else (links.GRADIENTS, links.GATES)
    )  # fmt: skip
    app = opened(home, **query)
    assert control(app, key).value == shown
    assert app.query_params == query
    assert "The link names" not in said(app)
    for page in (other, links.TRAIN):
        assert went(app, page).query_params == query
    app = went(opened(links.TRAIN, **app.query_params), home)  # reloaded elsewhere, and back
    assert control(app, key).value == shown
    assert app.query_params == query


# A unit is held by a click beside its picture (test_experiment.py); its control is there while it is.
@pytest.mark.parametrize(
    "key", [key for key in EXAMPLES if key not in ("sentence", "second_epoch", "own_epoch", "unit_held")]
)
def test_a_choice_made_on_the_page_is_in_its_address_and_one_taken_back_is_not(key):
    _, value, besides = EXAMPLES[key]
    app = opened(links.CHOICES[key].pages[-1], **besides)
    before = control(app, key).value
    assert before != value
    control(app, key).set_value(value).run()
    assert app.query_params == besides | {key: EXAMPLES[key][0]}
    control(app, key).set_value(before).run()
    assert key not in app.query_params


@pytest.mark.parametrize(
    ("key", "nonsense"),
    [(key, "<b>") for key in EXAMPLES if key != "sentence"]
    + [("model", odd) for odd in ("no such thing", "", ":red[x] $y$ *z*", "run:nonsense", "../time-machine-gru")],
)
def test_what_a_link_names_in_vain_is_told_in_a_sentence_and_taken_out(key, nonsense):
    page = links.CHOICES[key].pages[0]
    app = opened(page, **EXAMPLES[key][2] | {key: nonsense})
    problem = f"The link names the {links.noun(key)} “{plain(nonsense)}”, which is not here; "
    assert problem in said(app)
    assert key not in app.query_params
    # It stands until the person chooses something, and is gone then.
    app.run()
    assert problem in said(app)
    app.text_input(key="sentence").set_value(SHORT).run()
    assert "The link names" not in said(app)


def test_a_link_that_can_be_followed_is_silent_and_a_bare_one_stays_bare():
    app = opened()
    assert not app.warning
    assert app.query_params == {}


def test_what_the_model_does_not_have_is_told_and_left_out():
    app = opened(model="time-machine-lstm", hold_z="0.9", layer="0", foreign="1")
    assert "the value of the update gate z “0\\.9”, which cannot be chosen here" in said(app)
    assert "foreign" not in said(app)
    assert app.query_params == {"model": "time-machine-lstm"}


def test_numbers_are_recognised_however_they_are_spelled():
    app = opened(keep_bias="2.0", recurrent="1.50", hold_z="0.90", epoch="0016")
    assert "The link names" not in said(app)
    assert app.query_params == {"epoch": "16", "hold_z": "0.9", "keep_bias": "2", "recurrent": "1.5"}


def test_what_another_model_offered_gives_way_without_a_word():
    app = opened(epoch="16", hold_z="0.9")
    app.selectbox(key="model").set_value("time-machine-rnn").run()
    assert app.query_params == {"model": "time-machine-rnn", "epoch": "16"}
    assert not app.warning
    app.selectbox(key="model").set_value("time-machine-gru").run()
    assert app.query_params == {"epoch": "16", "hold_z": "0.9"}  # it comes back with the gate


def test_the_words_are_in_the_address_only_on_request_and_the_request_stays():
    app = opened()
    app.text_input(key="sentence").set_value("so it goes").run()
    assert app.query_params == {}
    app.toggle(key="in_link").set_value(True).run()
    assert app.query_params == {"model": FIRST, "sentence": "so it goes"}
    went(app, links.GRADIENTS)
    assert app.toggle(key="in_link").value
    app.text_input(key="sentence").set_value("and on").run()
    assert app.query_params == {"model": FIRST, "sentence": "and on"}
    went(app, links.GATES).toggle(key="in_link").set_value(False).run()
    assert app.query_params == {}
    assert app.text_input(key="sentence").value == "and on"


def test_an_example_that_is_asked_into_the_link_is_the_one_that_is_seen():
    app = opened(model="river-town-gru")
    app.toggle(key="in_link").set_value(True).run()
    assert app.query_params == {"model": "river-town-gru", "sentence": texts.EXAMPLES["river-town"]}


def test_an_emptied_sentence_stays_empty():
    app = opened()
    app.text_input(key="sentence").set_value("").run()
    assert went(app, links.GRADIENTS).text_input(key="sentence").value == ""
    app.toggle(key="in_link").set_value(True).run()
    assert app.query_params == {"model": FIRST, "sentence": ""}
    went(app, links.GATES).selectbox(key="model").set_value("lighthouse-gru").run()
    assert app.text_input(key="sentence").value == ""
    again = opened(**app.query_params)
    assert again.text_input(key="sentence").value == ""
    assert again.toggle(key="in_link").value


def test_a_longer_text_takes_the_sentence_out_of_the_address_and_brings_it_back():
    app = opened(sentence="so it goes")
    app.segmented_control(key="source").set_value("longer").run()
    assert app.query_params == {}
    assert app.toggle(key="in_link").disabled
    app.segmented_control(key="source").set_value("sentence").run()
    assert app.query_params == {"model": FIRST, "sentence": "so it goes"}


def test_a_link_to_a_run_is_carried_by_the_page_that_shows_it_and_by_no_other():
    app = opened(links.TRAIN, run="nonsense")
    assert app.query_params == {"run": "nonsense"}
    assert went(app, links.GATES).query_params == {}
    assert went(app, links.TRAIN).query_params == {"run": "nonsense"}


def test_a_long_name_in_a_link_is_cut():
    assert "x" * 60 + "…" in said(opened(model="x" * 5000))
    assert "x" * 61 not in said(opened(model="x" * 5000))


def test_the_way_to_every_page_carries_what_is_chosen():
    app = opened(epoch="16")
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert links == dict.fromkeys(
        ("Gates", "Cell", "Gradients", "Train", "Problems", "Numbers", "Open", "Lessons"), "epoch=16"
    )


def test_the_layer_of_a_deep_model_is_in_the_address(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    deep = trained(*a_run(explorer.ModelConfig(hidden_size=4, num_layers=2)), **COMMANDED)
    query = {"model": f"run:{deep.id}", "layer": "1"}
    app = opened(**query)
    assert app.selectbox(key="layer").value == "1"
    assert went(app, links.TRAIN).query_params == query
    assert went(app, links.GRADIENTS).selectbox(key="layer").value == "1"
    assert "which is not here; 0 is shown" in said(opened(**query | {"layer": "2"}))


def test_a_model_that_still_learns_is_in_the_picker_with_its_status(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})  # the command line's run is listed
    going = runs.start(runs.RunRequest(*a_run(explorer.ModelConfig(hidden_size=4), epochs=5000), **COMMANDED))
    until(lambda: runs.run(going.id).has_checkpoint)
    try:
        app = opened()
        assert f"{going.name} · {going.id[:4]} (running)" in app.selectbox(key="model").options
        app.selectbox(key="model").set_value(f"run:{going.id}").run()
        assert not app.exception
        assert drawn.panels(app)
    finally:
        runs.stop(going.id)
    ended(going.id)
    assert f"{going.name} · {going.id[:4]}" in opened().selectbox(key="model").options


COMMANDED = {"corpus": "lighthouse", "session": runs.COMMAND_LINE}


def a_run(config, epochs=1):
    recipe = explorer.Recipe(epochs=epochs, batch_size=4, num_steps=10, max_tokens=2000)
    return config, recipe, explorer.load_corpus("lighthouse")


# ---- a link on a page that shows another model there


@pytest.fixture(scope="module")
def run():
    return trained(*a_run(explorer.ModelConfig(hidden_size=4), epochs=2), corpus="lighthouse", session="me")


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS])
def test_a_link_to_the_model_of_a_run_shows_it_and_nothing_of_the_model_before(run, page):
    app = opened(model="time-machine-lstm", epoch="16", hold_f="0.9", sentence="so it goes")
    clicked(app, links.TRAIN, run=run.id)  # not offered by any page: it does not lead anywhere
    assert "run" not in app.query_params
    app = opened(links.TRAIN, model="time-machine-lstm", epoch="16", hold_f="0.9", sentence="so it goes", run=run.id)
    clicked(app, page, model=f"run:{run.id}")
    assert control(app, "model").value == f"run:{run.id}"
    assert control(app, "epoch").value == 2
    assert said(app) == ""
    assert "hold_f" not in app.query_params
    assert control(app, "sentence").value == "so it goes"
    went(app, links.TRAIN)
    assert app.query_params["run"] in (run.id, [run.id])  # and the page Train still shows the run


def test_a_link_that_no_page_offered_changes_nothing_within_a_session(run):
    app = opened(model="time-machine-lstm", epoch="16")
    clicked(app, links.GRADIENTS, model=f"run:{run.id}")
    assert (control(app, "model").value, control(app, "epoch").value) == ("time-machine-lstm", 16)


def test_the_language_stays_on_the_way_to_what_a_lesson_shows():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"lang": "zh"})
    app.switch_page("scripts/lessons.py").run()
    offered = app.session_state["chosen"].offered
    assert offered
    assert all(values["lang"] == "zh" for _, values in offered)
    page, values = offered[0]
    state = app.session_state["chosen"]
    links._follow(state, {key: value for key, value in values.items() if key != "lang"}, page)  # gone back to, say
    assert str(state.values["lang"]) == "zh"
    links._follow(state, {"lang": "en"}, page)
    assert str(state.values["lang"]) == "en"


def test_a_class_is_not_left_by_going_back_to_its_page():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"class": "ABCDE", "step": "2"})
    app.switch_page("scripts/lessons.py").run()
    app.switch_page("scripts/gates.py").run()
    _page, values = next(iter(app.session_state["chosen"].offered))
    app.query_params.clear()
    app.query_params.update(values)  # which a browser's history holds between the two
    state = app.session_state["chosen"]
    links._follow(state, values, "lessons")
    assert str(state.values["class"]) == "ABCDE"
    assert str(state.values["step"]) == "2"
    links._follow(state, {"class": "FGHIJ"}, "lessons")
    assert str(state.values["class"]) == "FGHIJ"
