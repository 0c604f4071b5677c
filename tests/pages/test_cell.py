"""The page Cell, run without a browser."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages.shell import models, texts
from explorer.probes.cell import open_cell

APP = Path(explorer.__file__).parent / "pages" / "frame.py"


def opened(**query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page("scripts/cell.py").run()
    assert not app.exception
    return app


def said(app):
    return " ".join(markdown.value for markdown in app.markdown)


def formulas(app):
    return app.get("latex")[0].value if app.get("latex") else app.latex[0].value


def test_it_opens_where_a_named_unit_moves_most():
    app = opened(model="lighthouse-gru")
    model = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
    at, unit = int(app.session_state["at"]), int(app.session_state["unit"])
    numbers = open_cell(model, texts.EXAMPLES["lighthouse"], at).of_unit(unit)
    tape = explorer.trace_gates(model, texts.EXAMPLES["lighthouse"]).tape()
    assert unit == 95  # whose role is told first
    assert at == np.abs(tape.h_TH - tape.h_prev_TH)[:, unit].argmax()
    assert f"z = {numbers['z']:.2f}" in said(app)
    assert f"h goes from {numbers['h_prev']:.2f} to **{numbers['h']:.2f}**" in said(app)
    assert f"= {numbers['h']:.3f}" in formulas(app)
    assert "torch.nn.GRU" in " ".join(caption.value for caption in app.caption)


def captions(app):
    return " ".join(caption.value for caption in app.caption)


def test_of_one_hot_vectors_and_columns_is_spoken_where_both_were_read():
    assert "one-hot vectors" in captions(opened(model="lighthouse-gru"))
    assert "one-hot vectors" not in captions(opened(model="lighthouse-gru", at_hold_z="1"))  # torch has not read it so
    assert "one-hot vectors" not in captions(opened(model="lighthouse-mingru"))  # it has an embedding


def test_arrows_go_on_and_back_and_the_link_keeps_the_step():
    app = opened(at="3")
    app.button(key="at_on").click().run()
    assert app.query_params["at"] in ("4", ["4"])
    assert "Step 4" in said(app)
    app.button(key="at_back").click().run()
    app.button(key="at_back").click().run()
    assert "Step 2" in said(app)
    first = opened(at="0")
    assert first.button(key="at_back").disabled
    assert not first.button(key="at_on").disabled


def test_a_gru_made_a_plain_cell_says_how_far_it_is_from_one():
    app = opened(at="20")
    app.button(key="at_plain").click().run()
    captions = " ".join(caption.value for caption in app.caption)
    assert "weights, 0." in captions
    assert app.query_params["at_hold_z"] in ("0", ["0"])
    app.button(key="at_restore").click().run()
    assert "at_hold_z" not in app.query_params
    assert "weights, 0." not in " ".join(caption.value for caption in app.caption)


def test_what_was_stands_in_the_drawing_once_something_is_changed():
    assert "was " not in " ".join(drawn.svgs(opened(at="20")))
    changed = opened(at="20", at_before_h="0.5")
    assert all("was " in svg for svg in drawn.svgs(changed))
    assert all(">0.50<" in svg or ">0.500" in svg for svg in drawn.svgs(changed))


def test_another_character_and_the_other_convention():
    app = opened(at="20", at_x="z", at_variant="before")
    assert r"U_n (r_t \odot h_{t-1})" in formulas(app)
    assert app.selectbox(key="at_x").value == "z"


@pytest.mark.parametrize(
    "name", ["time-machine-rnn", "lighthouse-mingru", "lighthouse-bigru-cloze", "time-machine-lstm"]
)
def test_every_kind_of_model(name):
    app = opened(model=name)
    assert formulas(app)
    if name == "lighthouse-bigru-cloze":
        app.selectbox(key="net").set_value("backward").run()
        assert not app.exception


def test_the_letters_of_the_book():
    app = opened(book="true")
    assert r"\tilde{H}_t" in formulas(app)


def test_what_the_model_does_not_know_and_what_is_too_long_is_told():
    app = opened(model="time-machine-gru", sentence="小满站在渡口，看着河水")
    assert any("unknown" in warning.value or "does not know" in warning.value for warning in app.warning)
    assert not opened(model="time-machine-gru", sentence="so it goes").warning
    app = opened(model="time-machine-gru")
    app.segmented_control(key="source").set_value("longer").run()
    app.text_area(key="long_text").set_value("so it goes on " * 400).run()
    assert not app.exception
    assert "the first 2,000 can be opened here" in captions(app)


def test_no_text_and_no_nonsense():
    app = opened(sentence="")
    assert any("at least one character" in info.value for info in app.info)
    app = opened(at="9999", unit="7000", at_hold_z="2", at_x="ß", at_bias_z="x")
    assert not app.exception
    assert len(app.warning) == 1


def test_what_a_step_costs_is_measured_when_it_is_asked_for():
    app = opened()
    assert not app.dataframe
    app.session_state["cell_cost"] = True
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["cell"])[:3] == ["RNN (tanh)", "GRU, reset after", "LSTM"]
    assert (table["µs a step"] > 0).all()
