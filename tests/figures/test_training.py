"""What is drawn of a run is what its store holds."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from explorer import CharModel, ModelConfig, Recipe, Vocabulary, trace_gates
from explorer.figures import training as drawing
from explorer.runs import EpochEvent, GateSummary, Metrics, Run

STEPS = np.arange(1, 9)
NORMS = {"rnn.weight_hh_l0": np.full(8, 3.0), "out.bias": np.full(8, 4.0)}
METRICS = Metrics(
    STEPS, np.repeat([1, 2], 4), np.linspace(3, 2, 8), np.linspace(3, 2.5, 8), np.arange(8) % 4 == 3, np.full(8, 5.0),
    np.minimum(5.0, np.full(8, 2.0)), np.array([1, 1, 0.4, 0.4, 1, 0.4, 0.4, 0.4]), np.full(8, 1e4), NORMS,
)  # fmt: skip
GATE = GateSummary(0, "forward", "update gate z", 0.3, 0.25, 0.05, 0.1)


def event(epoch, **more):
    nothing = dict(
        summary=None, held_out_nll_nats=None, sentence_nll_nats=None, gates=None, samples=None, snapshot=False
    )
    return EpochEvent(**(dict(epoch=epoch, step=epoch * 4) | nothing | more))


EPOCHS = [event(0), event(1, held_out_nll_nats=math.log(9), gates=(GATE,)), event(2, sentence_nll_nats=math.log(7))]
RUN = Run(
    step=8, id="a", name="first", status="running", owner="me", corpus="c", text="", config=ModelConfig(hidden_size=4),
    recipe=Recipe(epochs=2, clip_norm=2.0), seed=0, sentence="ab", prefixes=(), held_out_share=0.1, held_out=10,
    trained_on=90, symbols=28, unigram_nll_nats=math.log(17), parameters=(), weights=10, steps_total=8, created=0.0,
)  # fmt: skip
PROGRESS = drawing.Progress(RUN, METRICS, EPOCHS)


def series(option, name):
    (found,) = [s for s in option["series"] if s["name"] == name]
    return found


def drawn(option, name):
    """The column of numbers that a series reads."""
    one = series(option, name)
    return option["dataset"][one["datasetIndex"]]["source"][one["encode"]["y"]].to_numpy()


def test_every_curve_reads_its_own_numbers():
    option = drawing.live([PROGRESS])
    np.testing.assert_allclose(drawn(option, "training"), np.exp(METRICS.epoch_nll_nats_S))
    np.testing.assert_array_equal(drawn(option, "before clipping"), 5.0)
    np.testing.assert_array_equal(drawn(option, "after clipping"), 2.0)
    np.testing.assert_array_equal(drawn(option, "coefficient"), METRICS.clip_coefficient_S)
    np.testing.assert_allclose(drawn(option, "share clipped")[[1, 2, 7]], [0, 1 / 3, 5 / 8])
    np.testing.assert_allclose(drawn(option, "held out"), [np.nan, 9, np.nan])
    np.testing.assert_allclose(drawn(option, "your sentence"), [np.nan, np.nan, 7])
    np.testing.assert_allclose(drawn(option, "mean z")[1], 0.3)
    np.testing.assert_allclose(drawn(option, "saturated z")[1], 0.3)


def test_theta_and_the_baselines_are_lines_across():
    option = drawing.live([PROGRESS])
    assert series(option, "theta")["data"] == [[0, 2.0], [8, 2.0]]
    assert series(option, "blind guess")["data"][0][1] == 28
    assert series(option, "by frequency")["data"][0][1] == pytest.approx(17)


def test_squares_are_stacked_and_add_up_to_one():
    option = drawing.live([PROGRESS])
    np.testing.assert_allclose(drawn(option, "weight_hh_l0"), 9 / 25)
    np.testing.assert_allclose(drawn(option, "out.bias"), 16 / 25)
    assert series(option, "out.bias")["stack"] == series(option, "weight_hh_l0")["stack"]
    assert not any("stack" in s for s in option["series"] if "clipping" in s["name"])  # norms do not add


def test_all_rows_share_the_steps_the_pointer_and_the_zoom():
    option = drawing.live([PROGRESS])
    assert {(axis["min"], axis["max"]) for axis in option["xAxis"]} == {(0, 8)}
    assert [zoom["xAxisIndex"] for zoom in option["dataZoom"]] == [[0, 1, 2, 3, 4]] * 2
    assert option["animation"] is False
    json.dumps({key: value for key, value in option.items() if key != "dataset"})


def test_a_step_that_was_not_finite_is_marked_loudly():
    assert not any("finite" in s["name"] for s in drawing.live([PROGRESS])["series"])
    option = drawing.live([replace(PROGRESS, run=replace(RUN, status="diverged", fault_step=9))])
    assert series(option, "not finite at step 9")["markLine"]["data"] == [{"xAxis": 9}]


@pytest.mark.parametrize(
    ("step", "total", "status", "end"),
    [
        (0, 5000, "running", 100), (101, 5000, "running", 200), (3500, 5000, "running", 5000), (350, 5000, "stopped", 350),
        (0, 60, "running", 60),
    ],
)  # fmt: skip
def test_the_axis_of_steps_doubles_and_ends_with_the_run(step, total, status, end):
    run = replace(RUN, step=step, steps_total=total, status=status)
    assert drawing.axis_end(drawing.Progress(run, METRICS, [])) == end


def test_runs_on_the_same_axes_differ_in_colour_and_name():
    other = drawing.Progress(replace(RUN, name="second", step=20, steps_total=20), METRICS, [])
    option = drawing.live([PROGRESS, other])
    colours = [series(option, f"{name}: training")["lineStyle"]["color"] for name in ("first", "second")]
    assert len(set(colours)) == 2
    assert {axis["max"] for axis in option["xAxis"]} == {20}
    assert len(option["grid"]) == 3


def test_a_run_without_a_step_can_be_drawn():
    empty = Metrics(*(column[:0] for column in vars(METRICS).values() if isinstance(column, np.ndarray)), {})
    drawing.live([drawing.Progress(RUN, empty, [])])


def test_settings_that_differ_are_named():
    other = replace(
        RUN, name="second", config=ModelConfig("rnn", hidden_size=4), recipe=Recipe(epochs=9, clip_norm=None)
    )
    table, differs = drawing.settings_frame([RUN, other])
    assert differs == ["cell", "clip_norm", "epochs"]
    assert table["clip_norm"].isna().tolist() == [False, True]


def test_the_sentence_over_training_has_a_frame_an_epoch():
    vocabulary = Vocabulary.from_text("abc")
    traces = {e: trace_gates(CharModel(ModelConfig(hidden_size=4), vocabulary, seed=e), "abcab") for e in (4, 0, 1)}
    figure = drawing.over_training(traces)
    assert [frame.name for frame in figure.frames] == ["0", "1", "4"]
    units = [int(label.split()[1]) for label in figure.data[0].y]
    for frame in figure.frames:
        z_TH = traces[int(frame.name)].tape().z_TH
        np.testing.assert_allclose(np.asarray(frame.data[0].z) / 100, z_TH[:, units].T, atol=0.005 + 1e-6)
    assert [step.label for step in figure.layout.sliders[0].steps] == ["0", "1", "4"]
