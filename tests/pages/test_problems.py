"""The page Problems: the task at once, training in slices, what holds afterwards, and the way to the gates."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer.pages.shell import links, models, pupils
from explorer.pages.shell.pupils import Wish
from explorer.problems import PROBLEMS

APP = Path(explorer.__file__).parent / "pages" / "frame.py"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(pupils, "MOST_S", 0.2)
    monkeypatch.setattr(pupils, "TRIED", 20)
    st.cache_data.clear()
    st.cache_resource.clear()


def page(**chosen):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("scripts/problems.py")
    app.session_state["chosen"] = links._State(page="problems", values=chosen)
    app.run()
    assert not app.exception
    return app


def said(app):
    return "\n".join(element.value for element in (*app.markdown, *app.caption, *app.error, *app.warning))


def trained(app):
    app.button[0].click().run()
    for _ in range(40):
        assert not app.exception
        attempt = app.session_state["problem_attempt"]
        if attempt.ended:
            return app, attempt
        app.run()
    raise AssertionError("not ended")


@pytest.mark.parametrize("key", PROBLEMS)
def test_the_task_and_why_its_answer_is_right_are_there_before_training(key):
    app = page(problem=links.Named(key))
    assert "The right answer is **" in said(app)
    assert "by guessing" not in said(app)
    assert any("<span" in html.proto.body for html in app.get("html"))
    assert [button.label for button in app.button] == ["Train"]


def test_training_ends_with_curves_claims_and_a_model_that_gates_can_open():
    app, attempt = trained(page(problem_length=20))
    assert set(attempt.pupils) == {"gru", "rnn"}
    assert "What the gates do, measured" in said(app)
    assert app.button[0].label == "Train again"
    for pupil in attempt.pupils.values():
        assert pupil.records
        assert models.file_of(pupil.name).is_file()
        assert explorer.load_checkpoint(models.file_of(pupil.name)).model.config == pupil.model.config


def test_another_wish_ends_the_attempt_and_one_a_session_goes_on():
    app = page(problem_length=20)
    app.button[0].click().run()
    assert app.session_state["problem_attempt"].wish == Wish("first", 20, ("gru", "rnn"))
    app.session_state["chosen"].values["problem"] = "parity"
    app.run()
    assert "problem_attempt" not in app.session_state
    assert app.button[0].label == "Train"


@pytest.mark.parametrize("named", ["", "nothing", "<b>", "first\x00", "💡" * 50])
def test_an_address_that_names_nothing_known_is_told_and_the_default_shown(named):
    app = page(problem=links.Named(named), problem_length=links.Named(named))
    assert "The right answer is **" in said(app)


@pytest.mark.parametrize(
    ("named", "shown", "told"),
    [
        ("lstm,gru", ["lstm", "gru"], False), ("mingru", ["mingru"], False), ("gru,gru", ["gru"], False),
        ("gru,nothing", ["gru"], True), ("nothing", ["gru", "rnn"], True), ("", ["gru", "rnn"], True),
        (",💡<b>", ["gru", "rnn"], True), ("gru,rnn,lstm,mingru", ["gru", "rnn", "lstm"], True),
    ],
)  # fmt: skip
def test_a_link_names_the_cells_and_is_told_what_it_names_in_vain(named, shown, told):
    app = page(problem_cells=links.Named(named))
    assert app.multiselect[0].value == shown
    assert any("The link names the cells" in warning.value for warning in app.warning) == told
    in_address = app.query_params.get("problem_cells")
    assert in_address == (
        None if shown == ["gru", "rnn"] else ",".join(shown) if isinstance(in_address, str) else [",".join(shown)]
    )


def test_cells_that_are_chosen_are_in_the_link():
    app = page()
    app.multiselect[0].set_value(["lstm"]).run()
    assert app.query_params["problem_cells"] in ("lstm", ["lstm"])
    app.multiselect[0].set_value([]).run()
    assert "problem_cells" not in app.query_params
    assert app.multiselect[0].value == []


def test_a_link_shows_its_problem_and_length():
    app = page(problem=links.Named("parity"), problem_length=links.Named("20"))
    assert "Is the number of ones odd?" in said(app)
    assert app.select_slider[0].value == 20


def test_without_a_cell_nothing_is_trained():
    app = page(problem_cells=[])
    assert app.button[0].disabled
    assert "Choose at least one cell." in said(app)


def test_three_cells_at_most_learn_at_once():
    wish = Wish("first", 20, ("gru", "rnn", "lstm"))
    assert len(wish.cells) == pupils.MOST_CELLS
    assert pupils.lengths(wish) == [5, 10, 20, 40, 80]
    assert pupils.lengths(Wish("skip", 20, ())) == [10, 20, 40, 80]
