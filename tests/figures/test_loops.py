"""The drawing of a loop: its rows, what is left out of them, and the tables beside it."""

from dataclasses import replace

import numpy as np
import pytest

from explorer.figures import loops as drawing
from explorer.figures.canvas import pack
from explorer.figures.panel import Level, Line
from explorer.runs.loops import GateInTime, InTime, Loop, LoopLayer, LoopRecord, NetSummary, Sample

NET, BACK = ("rnn", 0, "forward"), ("rnn", 0, "backward")
LAYER = LoopLayer("rnn", "gru", "after", 8, 1, ("forward", "backward"))
LOOP = Loop("loop-x", "mine", "running", "o", (LAYER,), 1.0, step=4, sampled=2)
STEPS = np.arange(1, 5)


def sample(step, horizon):
    nets = tuple(NetSummary(net, {"z": (0.2, 0.6), "r": (0.5, 0.1)}, 2, horizon) for net in (NET, BACK))
    return Sample(step, 0.01, nets, {"rnn.weight_hh_l0": 0.75, "out.weight": 0.25})


def record(loss=(4.0, 3.0, 2.0, 1.0), **changes):
    gate = GateInTime(np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.1, 0.2]), np.array([0.5, 0.6, 0.7]))
    latest = tuple(
        InTime(net, {"z": gate, "r": gate}, np.array([1e-3, 1e-2, 0.1]), local, np.array([1.0, 0.5, 0.02]))
        for net, local in ((NET, np.array([0.0, 0.0, 0.1])), (BACK, None))
    )
    made = LoopRecord(
        LOOP, STEPS, np.array(loss), np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4), np.array([1, 0.5, 1 / 3, 0.25]),
        np.array([np.nan, 1.0, 1.0, 1.0]), (sample(1, 5), sample(3, None)), 3, latest,
    )  # fmt: skip
    return replace(made, **changes)


def test_every_row_is_there_with_its_numbers():
    panel = drawing.live(record())
    titles = [row.title for row in panel.rows]
    assert titles == [
        "loss, in its own unit", "gradient norm", "clipping", "share of the squared norm", "gates of rnn, layer 0, forward",
        "gates of rnn, layer 0, backward", "reach of a loss: steps until 1 % is left",
    ]  # fmt: skip
    before, after, theta = panel.rows[1].items
    assert before.y.tolist() == [1, 2, 3, 4]
    assert after.y.tolist() == [1, 1, 1, 1]
    assert isinstance(theta, Level)
    assert theta.value == 1.0
    mean_z = panel.rows[4].items[0]
    assert (mean_z.name, list(mean_z.x), list(mean_z.y)) == ("mean z", [1, 3], [0.2, 0.2])
    reach = [(list(line.x), list(line.y)) for line in panel.rows[6].items]
    assert reach == [([1], [5.0])] * 2  # no point where it is past the sequence
    assert pack(panel)


@pytest.mark.parametrize(
    ("loss", "log"), [((4.0, 1.0, 0.1, 0.01), True), ((4.0, -1.0, 0.1, 0.0), False), ((np.nan,) * 4, False)]
)
def test_a_loss_is_logarithmic_only_where_all_of_it_is_positive(loss, log):
    assert drawing.live(record(loss)).rows[0].y.log is log


def test_before_the_first_step_there_is_a_picture_too():
    empty = np.array([])
    nothing = LoopRecord(replace(LOOP, step=0, sampled=0), np.array([], int), empty, empty, empty, empty, empty)
    assert pack(drawing.live(nothing))
    assert drawing.in_time(nothing) is None
    assert drawing.by_lag(nothing) is None
    assert len(drawing.step_frame(nothing)) == 0
    assert len(drawing.sample_frame(nothing)) == 0


def test_in_time_has_a_row_for_each_gate_and_one_for_the_gradient():
    panel = drawing.in_time(record())
    assert len(panel.rows) == 6
    low, high, mean = panel.rows[0].items
    assert (low.y.tolist(), high.y.tolist(), mean.y.tolist()) == ([0.0, 0.1, 0.2], [0.5, 0.6, 0.7], [0.1, 0.2, 0.3])
    assert high.filled
    assert "update gate z (rnn, layer 0, forward)" in panel.rows[0].title
    assert [len(panel.rows[at].items) for at in (2, 5)] == [2, 1]  # the local part is known of one net alone
    assert panel.figure().data


def test_by_lag_draws_every_net_and_the_levels():
    (row,) = drawing.by_lag(record()).rows
    assert [type(item) for item in row.items] == [Line, Line, Level, Level]
    assert row.items[0].y.tolist() == [1.0, 0.5, 0.02]
    assert {0.01, 0.1, 1.0} <= set(row.y.ticks)


def test_the_axis_does_not_jump():
    ends = [drawing.axis_end(replace(LOOP, step=step)) for step in (0, 50, 100, 101, 399, 401)]
    assert ends == [100, 100, 100, 200, 400, 800]
    assert drawing.axis_end(replace(LOOP, step=250, status="finished")) == 250


def test_tables():
    steps = drawing.step_frame(record())
    assert steps["loss"].tolist() == [4.0, 3.0, 2.0, 1.0]
    assert steps["clip coefficient"].tolist() == pytest.approx([1, 0.5, 1 / 3, 0.25])
    samples = drawing.sample_frame(record())
    assert len(samples) == 4
    assert samples["mean z"].tolist() == [0.2] * 4
    assert samples["horizon (steps)"].isna().tolist() == [False, False, True, True]
