"""Holding a unit, and asking which units stay on, as the page Gates offers them."""

import html
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer.cells import CELLS
from explorer.interventions import HeldUnit, Intervention, altered
from explorer.pages.shell import alterations, brush, models, texts
from explorer.probes.ablation import Ablation
from explorer.probes.brush import Place

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
EXAMPLE = texts.EXAMPLES["lighthouse"]
MODEL = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def run(**query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update({"model": "lighthouse-gru"} | query)
    app.run()
    assert not app.exception
    return app


def said(app):
    return " ".join(line.value for line in app.markdown)


def learned():
    text = explorer.load_corpus("lighthouse")
    return text[len(text) // 2 :][:2000]


def test_a_word_that_was_dragged_across_is_compared_with_itself_elsewhere():
    at = EXAMPLE.index("the harbour")
    app = brushed(at - 1, at + 3)  # blanks at its ends do not count
    assert "Where else “the” stands" in said(app)
    (table,) = [table.value for table in app.table if "forward" in table.value.columns]
    assert all("**the**" in place for place in table.index)
    app = brushed(at + 4, at + 10)
    assert "“harbour” stands" in said(app) or "“harbour” stands nowhere else here." in [c.value for c in app.caption]


def test_a_click_holds_a_named_unit_at_its_mean_and_says_what_becomes_worse():
    app = run()
    app.button(key="try_95").click().run()
    assert not app.exception
    mean = float(explorer.trace_gates(MODEL, learned()).tape()["h"][:, 95].mean())
    value = float(f"{mean:.3g}")
    assert app.selectbox(key="unit_held").value == f"95 h {value:.3g}"
    held = HeldUnit(95, "h", value)
    changed = altered(MODEL, Intervention(units=(held,)))
    done = Ablation.of(held, *(explorer.trace_gates(model, learned()) for model in (MODEL, changed)))
    assert f"rises by {done.mean_rise_nats / np.log(2):.2f} bits" in said(app)
    (table,) = [table.value for table in app.table if "without it" in table.value]
    assert table["without it"].tolist() == [f"{bits:.2f}" for bits in done.frame()["after_bits"].head(6)]
    assert "Its role, inside quotation marks" in said(app)
    app.selectbox(key="unit_held").set_value("free").run()
    assert "What becomes worse" not in said(app)
    assert "This model is altered" not in said(app)


def test_where_nothing_is_held_nothing_is_said_to_become_worse():
    assert "What becomes worse without it" not in said(run())
    assert "What becomes worse without it" not in said(run(hold_z="0.5"))


@pytest.mark.parametrize(
    "spelled", ["128 h 0.1", "-1 h 0.1", "3 q 0.1", "3 h 1.5", "3 h nan", "3 h", "x", "3 h 0.1 7 forward"]
)
def test_a_link_to_what_cannot_be_held_holds_nothing_and_says_so(spelled):
    app = run(unit_held=spelled)
    assert "This model is altered" not in said(app)
    assert len(app.warning) == 1


@pytest.mark.parametrize(
    "held", [HeldUnit(95, "h", -0.25), HeldUnit(3, "z", 1.0), HeldUnit(0, "h", 0.5, 1, "backward")]
)
def test_a_unit_that_is_held_can_be_spelled_in_a_link_and_read_again(held):
    config = explorer.ModelConfig(hidden_size=128, num_layers=2, direction="bidirectional", objective="cloze")
    assert alterations._unit_of(alterations.spelled(held), config) == held


@pytest.mark.parametrize("preset", CELLS["gru"].presets)
def test_a_preset_holds_its_gates_and_lets_go_of_the_others(preset):
    app = run(hold_r="0.25")
    app.button(key=f"preset_{preset}").click().run()
    assert not app.exception
    held = {letter: app.select_slider(key=f"hold_{letter}").value for letter in "zr"}
    wanted = CELLS["gru"].presets[preset]
    assert held == {letter: f"{wanted[letter]:g}" if letter in wanted else "free" for letter in "zr"}


def test_presets_are_of_gates_that_the_cell_has():
    for cell in CELLS.values():
        assert {letter for held in cell.presets.values() for letter in held} <= {gate.letter for gate in cell.gates}


def brushed(first, last, text=EXAMPLE):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params["model"] = "lighthouse-gru"
    app.session_state[brush.KEY] = (text, "character", first, last)
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("text", [" t", "t ", " a b ", "  "])
def test_blanks_stand_outside_of_the_stars(text):
    said = brush._said(Place(3, 4, "at", text, "he"))
    assert said.count("**") == (2 if text.strip() else 0)
    if text.strip():
        inner = said.split("**")[1]
        assert html.unescape(inner).replace("\\", "") == text.strip().replace("\n", "↵")


def test_dragging_across_a_quotation_finds_its_unit_and_other_quotations():
    app = brushed(32, 81)
    assert "Steps 32 to 81" in said(app)
    assert any(button.label.startswith("unit 95: ") for button in app.button)
    (places,) = [line.value for line in app.markdown if line.value.startswith("- ")]
    assert len(places.splitlines()) == 5
    assert sum("&quot;" in place or '"' in place for place in places.splitlines()) >= 4
    app.button(key="brushed_95").click().run()
    assert app.selectbox(key="unit").value == "95"
    app.button(key="brush_close").click().run()
    assert "Steps 32 to 81" not in said(app)


def test_what_was_dragged_across_in_another_text_is_gone():
    assert "Steps 3 to 9" not in said(brushed(3, 9, "another text"))


def test_where_no_unit_is_on_it_says_so_and_names_none():
    app = brushed(20, 70)
    assert "No unit's state is on one side" in said(app)
    assert not [button for button in app.button if (button.key or "").startswith("brushed_")]


def test_a_model_whose_text_is_not_here_is_tried_on_the_person_s():
    app = run(model="time-machine-gru", unit_held="3 h 0.25")
    (line,) = [line.value for line in app.markdown if line.value.startswith("**") and "of this text" in line.value]
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    text, held = texts.EXAMPLES["time-machine"], HeldUnit(3, "h", 0.25)
    traces = (explorer.trace_gates(one, text) for one in (model, altered(model, Intervention(units=(held,)))))
    rise = Ablation.of(held, *traces).mean_rise_nats / np.log(2)
    assert (f"rises by {rise:.2f}" if rise > 0 else f"falls by {-rise:.2f}") in line


def test_that_something_becomes_worse_is_not_said_where_the_mean_falls():
    app = run(model="time-machine-gru", unit_held="24 h 0.111")  # on this sentence the model does better without it
    assert "Nothing becomes worse on average" in said(app)
    assert "falls by 0." in said(app)
    assert "What becomes worse without it" not in said(app)


@pytest.mark.parametrize(("unit", "confirmed"), [(95, True), (110, False)])
def test_the_page_says_of_a_role_whether_the_experiment_confirms_it(unit, confirmed):
    app = run()
    app.button(key=f"try_{unit}").click().run()
    assert ("Its role is confirmed" in said(app)) == confirmed
    assert ("Its role is not confirmed" in said(app)) == (not confirmed)


def test_of_a_unit_without_a_role_no_role_is_confirmed_or_denied():
    assert "Its role" not in said(run(unit_held="3 h 0.25"))
