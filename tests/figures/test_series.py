"""Numbers in time, drawn: what was read and told, the gates, and the loss."""

import numpy as np
import pandas as pd
import pytest
import torch

import explorer
from explorer import ModelConfig, SeriesRead
from explorer.cells import CELLS
from explorer.figures import series as drawing
from explorer.figures.canvas import pack
from explorer.figures.panel import Line, Marks, UnitMap
from explorer.models import SequenceModel
from explorer.series import BUILT_IN, Table, series_model


def read(task="sine", cell="gru", steps=20, **config):
    model = series_model(BUILT_IN[task], ModelConfig(cell, hidden_size=4, **config), seed=1)
    return SeriesRead.of(model, BUILT_IN[task].example(steps))


def drawn(task="sine", cell="gru", **options):
    trace = explorer.trace_series(read(task, cell))
    return trace, drawing.tape(trace, BUILT_IN[task].columns, BUILT_IN[task].targets, **options)


@pytest.mark.parametrize("cell", CELLS)
def test_rows_hold_the_numbers_of_the_trace(cell):
    trace, panel = drawn(cell=cell, unit=2)
    (value,) = panel.rows[0].items
    np.testing.assert_array_equal(value.y, trace.inputs_TE[:, 0])
    true, told = panel.rows[1].items
    np.testing.assert_array_equal(told.y, trace.outputs_TV[:, 0])
    np.testing.assert_array_equal(true.y, trace.target[:, 0])
    assert any("unit 2" in row.title for row in panel.rows)
    maps = [item for row in panel.rows for item in row.items if isinstance(item, UnitMap)]
    assert [one.letter for one in maps] == ([gate.letter for gate in CELLS[cell].gates] or ["h"])
    assert panel.figure().data
    assert pack(panel)


def test_of_several_columns_each_is_on_its_own_range_and_says_its_own_numbers():
    trace, panel = drawn("adding")
    numbers, marks = panel.rows[0].items
    assert (min(marks.y), max(marks.y)) == (0, 1)
    np.testing.assert_array_equal(numbers.values, trace.inputs_TE[:, 0])


def test_where_only_the_end_is_asked_only_the_end_is_marked():
    trace, panel = drawn("adding", unchanged=1 / 6)
    told, true = panel.rows[1].items
    assert isinstance(told, Line)
    assert isinstance(true, Marks)
    assert list(true.x) == [19]
    bars, level = panel.rows[-1].items
    assert list(bars.at) == [19]
    assert bars.values[0] == trace.loss
    assert level.value == 1 / 6


def test_without_the_maps_the_means_stay():
    _, panel = drawn(all_units=False)
    assert not any(isinstance(item, UnitMap) for row in panel.rows for item in row.items)
    assert any("mean" in row.title for row in panel.rows)


def test_classes_are_drawn_as_probabilities():
    model = SequenceModel(ModelConfig("gru", hidden_size=4), 2, 3, seed=1)
    one = SeriesRead(model, torch.randn(8, 2), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    trace = explorer.trace_series(one)
    panel = drawing.tape(trace, ["a", "<b>"], ["up", "down", "flat"])
    *lines, true = panel.rows[1].items
    assert [item.y.tolist() for item in lines] == [p.tolist() for p in trace.outputs_TV.T]
    assert list(true.x) == [*range(8)]
    assert list(true.y) == [trace.outputs_TV[t, trace.target[t]] for t in range(8)]
    assert list(true.said) == ["up", "down", "flat", "up", "down", "flat", "up", "down"]
    assert pack(panel)
    assert panel.figure().data
    table = drawing.frame(trace, ["a", "b"], ["up", "down", "flat"])
    assert list(table["true class"]) == list(true.said)
    assert table["up, told"].tolist() == trace.outputs_TV[:, 0].tolist()
    assert "<b></span>" not in panel.rows[0].title
    assert "&#60;b&#62;" in panel.rows[0].title


def test_the_table_holds_every_step():
    trace = explorer.trace_series(read("adding"))
    table = drawing.frame(trace, ["number", "mark"], ["sum"])
    assert len(table) == 20
    assert table["sum, told"].tolist() == trace.outputs_TV[:, 0].tolist()
    assert table["mean squared error"].notna().sum() == 1
    assert table["mean z, layer 0, forward"].between(0, 1).all()


def test_a_persons_columns_may_be_called_as_ours_are():
    model = SequenceModel(ModelConfig("gru", hidden_size=4), 2, 2, seed=1)
    x_TE = torch.randn(3, 2)
    trace = explorer.trace_series(SeriesRead(model, x_TE, torch.tensor([0, 1, 1])))
    table = drawing.frame(trace, ["true class", "step"], ["a", "b"])
    assert table["true class′"].tolist() == ["a", "b", "b"]
    np.testing.assert_allclose(table["true class"], x_TE[:, 0], rtol=1e-6)
    assert table["step"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(table["step′"], x_TE[:, 1], rtol=1e-6)


def test_a_trace_has_a_picture_and_a_line():
    trace = explorer.trace_series(read())
    assert repr(trace).startswith("SeriesTrace(steps=20")
    assert "plotly" in trace._repr_html_()


def test_a_table_is_drawn_in_its_own_units():
    rows = 120
    frame = pd.DataFrame({"temp": 20 + 5 * np.sin(np.arange(rows) / 3), "wind": 100.0 + np.arange(rows) % 7})
    task = Table.of(frame, "temp", ["temp", "wind"], horizon=2)
    model = series_model(task, ModelConfig("gru", hidden_size=4), seed=1)
    trace = explorer.trace_series(SeriesRead.of(model, task.example(30)))
    made = drawing.in_unit(trace, task)
    first, count = len(frame) - 2 - len(trace), len(trace)
    np.testing.assert_allclose(made.inputs_TE, frame.to_numpy()[first : first + count], rtol=1e-5)
    np.testing.assert_allclose(made.target[:, 0], frame["temp"][first + 2 : first + 2 + count], rtol=1e-5)
    assert np.abs(made.outputs_TV - 20).max() < 20  # an untrained net tells something near the mean, in degrees
    np.testing.assert_allclose(made.loss_T, (made.outputs_TV - made.target)[:, 0] ** 2, rtol=1e-4)
    assert "temp" in drawing.frame(made, task.columns, task.targets)
    same = drawing.in_unit(explorer.trace_series(read()), BUILT_IN["sine"])
    np.testing.assert_array_equal(same.inputs_TE, explorer.trace_series(read()).inputs_TE)
