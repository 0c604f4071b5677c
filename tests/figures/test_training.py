"""What is drawn of a run is what its store holds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from explorer import CharModel, ModelConfig, Recipe, Vocabulary, trace_gates
from explorer.cells import CELLS
from explorer.figures import training as drawing
from explorer.figures.canvas import height_px, pack
from explorer.figures.gates import MEMORY, unit_order
from explorer.figures.panel import Alarm, Heatmap, Level, Line, UnitMap
from explorer.recording import EpochRecord
from explorer.runs import EpochEvent, GateSummary, Metrics, Run
from explorer.runs.request import setting

STEPS = np.arange(1, 9)
NORMS = {"rnn.weight_hh_l0": np.full(8, 3.0), "out.bias": np.full(8, 4.0)}
METRICS = Metrics(
    STEPS, np.repeat([1, 2], 4), np.linspace(3, 2, 8), np.linspace(3, 2.5, 8), np.arange(8) % 4 == 3, np.full(8, 5.0),
    np.minimum(5.0, np.full(8, 2.0)), np.array([1, 1, 0.4, 0.4, 1, 0.4, 0.4, 0.4]), np.full(8, 1e4), NORMS,
)  # fmt: skip
GATE = GateSummary(0, "forward", "z", 0.3, 0.5, 0.25, 0.1)


def event(epoch, **more):
    nothing = dict(
        summary=None, held_out_nll_nats=None, sentence_nll_nats=None, gates=None, samples=None, snapshot=False
    )
    return EpochEvent(**(dict(epoch=epoch, step=epoch * 4) | nothing | more))


SUMMARY = EpochRecord(1, 4, 3.0, 5.0, 5.0, 2.0, 0.75, 1e4)
EPOCHS = [
    event(0),
    event(1, held_out_nll_nats=math.log(9), gates=(GATE,), summary=SUMMARY),
    event(2, sentence_nll_nats=math.log(7), summary=replace(SUMMARY, epoch=2, step=8, clipped_share=0.5)),
]
RUN = Run(
    step=8, id="a", name="first", status="running", owner="me", corpus="c", text="", config=ModelConfig(hidden_size=4),
    recipe=Recipe(epochs=2, clip_norm=2.0), seed=0, sentence="ab", prefixes=(), held_out_share=0.1, held_out=10,
    trained_on=90, symbols=28, unigram_nll_nats=math.log(17), parameters=(), weights=10, steps_total=8, created=0.0,
)  # fmt: skip
PROGRESS = drawing.Progress(RUN, METRICS, EPOCHS)


def items(panel, kind):
    """Each item of one kind, with its row."""
    return [(row, item) for row in panel.rows for item in row.of(kind)]


def named(panel, name):
    (found,) = [item for _, item in items(panel, (Line, Level)) if item.name == name]
    return found


def test_every_curve_has_its_own_numbers():
    figure = drawing.live([PROGRESS])
    for name, expected in {
        "training": np.exp(METRICS.epoch_nll_nats_S),
        "before": METRICS.grad_norm_before_S,
        "after": METRICS.grad_norm_after_S,
        "coefficient": METRICS.clip_coefficient_S,
    }.items():
        np.testing.assert_array_equal(named(figure, name).x, STEPS)
        np.testing.assert_array_equal(named(figure, name).y, expected)
    # What is measured after some epochs only is a line over those: (step, value)
    for name, points in {
        "held out": [(4, 9)], "your sentence": [(8, 7)], "mean z": [(4, 0.3)], "saturated z": [(4, 0.75)],
        "steps clipped": [(4, 0.75), (8, 0.5)],
    }.items():  # fmt: skip
        curve = named(figure, name)
        np.testing.assert_allclose(list(zip(curve.x, curve.y, strict=True)), points)


def test_theta_and_the_baselines_are_lines_across():
    figure = drawing.live([PROGRESS])
    assert {name: named(figure, name).value for name in ("θ", "blind guess", "by frequency")} == {
        "θ": 2.0, "blind guess": 28, "by frequency": pytest.approx(17)}  # fmt: skip
    unclipped = replace(PROGRESS, run=replace(RUN, recipe=Recipe(epochs=2, clip_norm=None)))
    assert "θ" not in [level.name for _, level in items(drawing.live([unclipped]), Level)]


def test_squares_are_stacked_and_add_up_to_one():
    figure = drawing.live([PROGRESS])
    np.testing.assert_allclose(named(figure, "weight_hh_l0").y, 9 / 25)
    np.testing.assert_allclose(named(figure, "out.bias").y, 16 / 25)
    (stacked,) = [row for row in figure.rows if row.stacked]  # norms do not add
    assert [line.name for line in stacked.of(Line)] == ["weight_hh_l0", "out.bias"]


def test_a_step_that_was_not_finite_is_marked_loudly():
    assert items(drawing.live([PROGRESS]), Alarm) == []
    broken = drawing.live([replace(PROGRESS, run=replace(RUN, status="diverged", fault_step=9))])
    ((row, alarm),) = items(broken, Alarm)
    assert (row.title, alarm.step, alarm.name) == ("gradient norm", 9, "not finite at step 9")


def test_the_mark_of_a_step_that_was_not_finite_is_inside_the_axis():
    for step in (0, 1, 8, 2000):
        run = replace(RUN, status="diverged", step=step, fault_step=step + 1)
        assert drawing.axis_end(drawing.Progress(run, METRICS, [])) > step + 1


def test_every_curve_stands_in_its_row():
    figure = drawing.live([PROGRESS])
    rows = {item.name: row.title for row, item in items(figure, (Line, Level))}
    assert rows == {
        "training": "perplexity", "held out": "perplexity", "your sentence": "perplexity", "blind guess": "perplexity",
        "by frequency": "perplexity", "before": "gradient norm", "after": "gradient norm", "θ": "gradient norm",
        "coefficient": "clipping", "steps clipped": "clipping", "weight_hh_l0": "share of the squared norm",
        "out.bias": "share of the squared norm", "mean z": "gates on your sentence", "saturated z": "gates on your sentence",
    }  # fmt: skip
    assert [row.title for row in figure.rows if row.y.log] == ["perplexity", "gradient norm"]


def test_only_a_model_that_has_not_read_the_character_has_a_perplexity():
    def title(*objectives):
        runs = [
            replace(RUN, config=ModelConfig(hidden_size=4, direction="bidirectional", objective=o)) for o in objectives
        ]
        return drawing.live([replace(PROGRESS, run=run) for run in runs]).rows[0].title

    assert title("cloze") == "pseudo-perplexity"
    assert title("leaky") == "leaky score"
    assert title("cloze", "leaky", "cloze") == "pseudo-perplexity / leaky score"


def test_nets_and_overflowing_losses_are_told_apart():
    run = replace(RUN, config=ModelConfig(hidden_size=4, num_layers=2, direction="parallel"))
    gates = (GATE, replace(GATE, layer=1, mean=0.6), replace(GATE, direction="backward", mean=0.9))
    figure = drawing.live([drawing.Progress(run, METRICS, [event(1, gates=gates, held_out_nll_nats=1e4)])])
    lines = items(figure, Line)
    means = {row.title: (line.name, line.y.tolist()) for row, line in lines if line.name.startswith("mean")}
    assert means == {
        "gates on your sentence (layer 0, forward)": ("mean z", [0.3]),
        "gates on your sentence (layer 1, forward)": ("mean z", [0.6]),
        "gates on your sentence (layer 0, second forward)": ("mean z", [0.9]),
    }
    assert drawing.live_height_px([run]) == height_px(len(figure.rows)) > drawing.live_height_px([RUN])
    assert np.isfinite(named(figure, "held out").y).all()


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


def test_runs_on_the_same_axes_differ_in_colour_and_number():
    other = drawing.Progress(replace(RUN, name="second", step=20, steps_total=20), METRICS, [])
    figure = drawing.live([PROGRESS, other])
    colours = {item.name: item.stroke.colour for _, item in items(figure, (Line, Level))}
    assert colours["1: training"] != colours["2: training"]
    assert colours["1: θ"] == colours["1: training"]
    assert figure.x.high == 20
    assert len(figure.rows) == 3


def test_in_a_notebook_the_same_curves_are_drawn_by_plotly():
    panel = drawing.live([replace(PROGRESS, run=replace(RUN, status="diverged", fault_step=9))])
    made = panel.figure()
    lines = [item for _, item in items(panel, (Line, Level))]
    assert len(made.data) == len(lines)
    for trace, line in zip(made.data, lines, strict=True):
        assert trace.hovertemplate.startswith(f"{line.name} %{{y")
        assert trace.line.color == line.stroke.colour
    assert [shape.x0 for shape in made.layout.shapes] == [9]
    assert [trace.name or trace.stackgroup for trace in made.data].count("share of the squared norm") == 2


def test_a_run_without_a_step_can_be_drawn():
    empty = Metrics(*(column[:0] for column in vars(METRICS).values() if isinstance(column, np.ndarray)), {})
    pack(drawing.live([drawing.Progress(RUN, empty, [])]))


def test_settings_that_differ_are_named():
    other = replace(
        RUN, name="second", config=ModelConfig("rnn", hidden_size=4), recipe=Recipe(epochs=9, clip_norm=None)
    )
    table, differs = drawing.settings_frame([RUN, other])
    assert differs == ["Cell", "Clip threshold θ", "Epochs"]
    assert table[""].tolist() == [1, 2]
    assert table["Clip threshold θ"].isna().tolist() == [False, True]


def test_every_setting_of_one_run_is_in_words():
    run = replace(RUN, sentence="$x$ <b>", recipe=Recipe(clip_norm=None, epochs=9), held_out_share=0.25)
    table = drawing.settings_of(run).set_index("Setting")["Value"]
    expected = {
        "Your sentence": "$x$ <b>", "Clip threshold θ": "–", "Epochs": "9", "Held out": "25%", "Cell": run.config.cell,
    }  # fmt: skip
    assert table[list(expected)].to_dict() == expected
    fields = {*ModelConfig.__dataclass_fields__, *Recipe.__dataclass_fields__}
    assert {setting(field) for field in fields} <= set(table.index) - fields
    assert all(isinstance(value, str) for value in table)


@pytest.mark.parametrize("cell", CELLS)
def test_after_an_epoch_the_gate_that_keeps_is_drawn_in_the_order_of_the_last(cell):
    vocabulary = Vocabulary.from_text("abc")
    then, last = (trace_gates(CharModel(ModelConfig(cell, hidden_size=4), vocabulary, seed=e), "abcab") for e in (1, 4))
    strip, kept, surprise = drawing.after_epoch(then, last, "alt").rows
    (drawn,) = kept.of(UnitMap)
    kept_TH = then.tape().keep_TH if CELLS[cell].keeps else then.tape().h_TH
    order = unit_order(last.tape(), MEMORY)
    assert list(drawn.units) == list(order)
    np.testing.assert_array_equal(drawn.values_HT, kept_TH[:, order].T)
    assert next(iter(strip.of(Heatmap))).values.shape == (1, 5)
    assert surprise.title
    assert not strip.brushed  # nothing on Train answers to it
