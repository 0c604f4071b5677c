"""Training as it goes: every curve of one or several runs on one axis of steps, and the gates of a sentence over epochs.

A canvas draws both, which keeps the zoom and does not flicker.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures import canvas
from explorer.figures.gates import MEMORY, heatmap_rows, tape, unit_order
from explorer.figures.panel import Alarm, Axis, Item, Level, Line, Panel, Row, is_lettered, over_steps
from explorer.figures.style import BLUE, GREEN, GREY, LINES, ORANGE, PURPLE, RED, Stroke
from explorer.models import NetKey
from explorer.probes.gates import GateTrace
from explorer.reads.text import score_name
from explorer.runs import EpochEvent, Metrics, Run
from explorer.runs.request import setting
from explorer.runs.status import named
from explorer.words import say

RUN_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
# Pairs of a strong and a light tone, so that neighbours in a stack differ in lightness too.
SHARE_COLOURS = (BLUE, "#9ec9ea", GREEN, "#9bd6c4", ORANGE, "#f3c58c", PURPLE, "#d4bdec", GREY, "#c8ccd2")
FIRST_AXIS_STEPS = 100
OVERFLOW_NATS = 700  # exp of more has no float
SHARE = Axis(low=0, high=1, percent=True)
DASHED = Stroke(GREY, 1.5, "dash")  # what is compared with


@dataclass(frozen=True)
class Progress:
    """What is drawn of one run: its settings, its steps (thinned) and its epochs."""

    run: Run
    metrics: Metrics
    epochs: Sequence[EpochEvent]


Columns = dict[str, NDArray[Any]]
"""The columns of a table, by name."""


def step_frame(progress: Progress) -> pd.DataFrame:
    """One line a step: loss, perplexity of the epoch so far, norms before and after, clipping, each parameter's share."""
    m = progress.metrics
    columns = {
        "step": m.step_S,
        "epoch": m.epoch_S,
        "nll": m.nll_nats_S,
        "perplexity": _perplexity_S(m),
        "norm-before": m.grad_norm_before_S,
        "norm-after": m.grad_norm_after_S,
        "clip-coefficient": m.clip_coefficient_S,
        "speed": m.tokens_per_s_S,
    }
    shares = {say("run-column.share", parameter=name): share_S for name, share_S in m.squared_share().items()}
    return pd.DataFrame(_called(columns) | shares)


def epoch_frame(progress: Progress) -> pd.DataFrame:
    """One line an epoch: perplexity of the held-out part and of the sentence, clipping, mean and saturation of every gate.

    The share of clipped steps is the epoch's own, over all of its steps; those that are drawn favour large gradients.
    """
    columns = _called(_epoch_columns(progress.epochs))
    for gate, measured in _gates(progress.epochs).items():
        figures = {"letter": gate.letter, "where": _where(gate.net, progress.run)}
        columns[say("run-column.mean", **figures)] = measured.mean
        columns[say("run-column.saturated", **figures)] = measured.saturated
    return pd.DataFrame(columns)


def _called(columns: Columns) -> Columns:
    return {say(f"run-column.{key}"): values for key, values in columns.items()}


def _perplexity_S(metrics: Metrics) -> NDArray[np.float64]:
    """Of the epoch so far, at each step."""
    return np.exp(np.minimum(metrics.epoch_nll_nats_S, OVERFLOW_NATS))


def _epoch_columns(events: Sequence[EpochEvent]) -> Columns:
    """What was measured after each epoch; NaN where it was not."""
    return {
        "step": np.array([event.step for event in events]),
        "epoch": np.array([event.epoch for event in events]),
        "clipped": np.array([event.summary.clipped_share if event.summary else math.nan for event in events]),
        "held-out": np.array([_perplexity(event.held_out_nll_nats) for event in events]),
        "sentence": np.array([_perplexity(event.sentence_nll_nats) for event in events]),
    }


class _Gate(NamedTuple):
    """Which gate of which net."""

    net: NetKey
    letter: str


class _Measured(NamedTuple):
    """What a gate was on the person's sentence after each epoch; NaN where it was not measured."""

    mean: NDArray[np.float64]
    saturated: NDArray[np.float64]


def _gates(events: Sequence[EpochEvent]) -> dict[_Gate, _Measured]:
    """Every gate that was measured, in the order of the nets and of their gates."""
    gates: dict[_Gate, _Measured] = {}
    for at, event in enumerate(events):
        for summary in event.gates or ():
            gate = _Gate(NetKey(summary.layer, summary.direction), summary.gate)
            if gate not in gates:
                gates[gate] = _Measured(np.full(len(events), math.nan), np.full(len(events), math.nan))
            gates[gate].mean[at] = summary.mean
            gates[gate].saturated[at] = summary.low_share + summary.high_share
    return gates


def _where(net: NetKey, run: Run) -> str:
    parts = [say("run-figure.layer", layer=net.layer)] if run.config.num_layers > 1 else []
    parts += [run.config.name_of(net.direction)] if len(run.config.directions) > 1 else []
    return f" ({', '.join(parts)})" if parts else ""


def _perplexity(nll_nats: float | None) -> float:
    return math.nan if nll_nats is None else math.exp(min(nll_nats, OVERFLOW_NATS))


def live(progresses: Sequence[Progress], alt: str = "") -> Panel:
    """Every curve of one or several runs on one axis of steps.

    Rows: perplexity or what stands for it (log); gradient norm before and after clipping (log), theta dashed, a step that
    was not finite marked from top to bottom; clip coefficient and share of clipped steps; for a single run also each
    parameter's share of the squared norm, and the gates of each net on the person's sentence. Runs differ by colour, the
    curves of one run by dash.
    """
    alone = len(progresses) == 1
    drawn = [
        _Drawn(
            progress, _epoch_columns(progress.epochs), "" if alone else f"{number}: ", colour,
            beside=GREY if alone else colour,
        )
        for number, (progress, colour) in enumerate(zip(progresses, itertools.cycle(RUN_COLOURS)), 1)
    ]  # fmt: skip
    score = " / ".join(dict.fromkeys(score_name(one.run.config.objective) for one in drawn))
    rows = [
        Row(score, [item for one in drawn for item in _scores(one, alone)], Axis(log=True)),
        Row(say("run-figure.norms"), [item for one in drawn for item in _norms(one)], Axis(log=True)),
        Row(say("run-figure.clipping"), [item for one in drawn for item in _clipping(one)], SHARE),
    ]
    if alone:
        rows += [Row(say("run-figure.shares"), _shares(drawn[0]), SHARE, stacked=True), *_gate_rows(drawn[0])]
    return Panel(Axis(say("run-figure.step"), 0, max(map(axis_end, progresses))), rows, alt=alt, named=True)


def live_height_px(runs: Sequence[Run]) -> int:
    """Height of that drawing, which is known before there is anything to draw."""
    alone = len(runs) == 1
    return canvas.height_px(3 + alone * (1 + len(_gated_nets(runs[0]))))


@dataclass(frozen=True)
class _Drawn:
    """One of the runs that are drawn together: what stands before the names of its curves, and their colours.

    A curve is called `curve.<key>` in the words.
    """

    progress: Progress
    epochs: Columns
    prefix: str
    colour: str
    beside: str

    @property
    def run(self) -> Run:
        return self.progress.run

    @property
    def metrics(self) -> Metrics:
        return self.progress.metrics

    def named(self, key: str, **figures: str) -> str:
        """What a curve of this run is called."""
        return self.prefix + say(f"curve.{key}", **figures)

    def of_steps(self, key: str, values_S: NDArray[Any], stroke: Stroke | None = None, opacity: float = 1) -> Line:
        """A curve of what every step has."""
        return Line(self.metrics.step_S, values_S, stroke or Stroke(self.colour), self.named(key), opacity=opacity)

    def of_epochs(self, key: str, values: NDArray[Any], stroke: Stroke, **figures: str) -> list[Line]:
        """A curve of what is measured after some epochs: a line over those where it was; none where it never was."""
        known = ~np.isnan(values)
        name = self.named(key, **figures)
        return [Line(self.epochs["step"][known], values[known], stroke, name)] if known.any() else []


def _scores(one: _Drawn, alone: bool) -> list[Item]:
    """Perplexity or what stands for it; of a single run also what guessing has."""
    levels = [
        Level(one.run.symbols, DASHED, one.named("blind-guess")),
        Level(math.exp(one.run.unigram_nll_nats), DASHED, one.named("by-frequency")),
    ]
    return [
        one.of_steps("training", _perplexity_S(one.metrics)),
        *one.of_epochs("held-out", one.epochs["held-out"], Stroke(one.colour, dash="dash")),
        *one.of_epochs("sentence", one.epochs["sentence"], Stroke(one.colour, dash="dot")),
        *(levels if alone else ()),
    ]


def _norms(one: _Drawn) -> list[Item]:
    """The gradient's norm before and after clipping, theta, and the step that broke."""
    theta, broken = one.run.recipe.clip_norm, one.run.fault_step
    alarm = "" if broken is None else one.prefix + say("curve.not-finite", step=broken)
    return [
        one.of_steps("before", one.metrics.grad_norm_before_S, Stroke(one.beside, 5), opacity=0.45),
        one.of_steps("after", one.metrics.grad_norm_after_S),
        *([Level(theta, Stroke(one.beside, 1.5, "dash"), one.named("theta"))] if theta is not None else []),
        *([Alarm(broken, alarm, RED)] if broken is not None else []),
    ]


def _clipping(one: _Drawn) -> list[Item]:
    """How much is clipped, and how often."""
    return [
        *one.of_epochs("steps-clipped", one.epochs["clipped"], Stroke(one.colour, dash="dash")),
        one.of_steps("coefficient", one.metrics.clip_coefficient_S),
    ]


def _shares(one: _Drawn) -> list[Item]:
    """Whose gradient it is: squares add, so they may be stacked."""
    shares = one.progress.metrics.squared_share()
    return [
        Line(one.metrics.step_S, share_S, Stroke(colour), parameter.removeprefix("rnn."), opacity=0.85)
        for (parameter, share_S), colour in zip(shares.items(), itertools.cycle(SHARE_COLOURS))
    ]


def _gate_rows(one: _Drawn) -> Iterator[Row]:
    """Mean (line) and saturated share (dashed) of every gate on the person's sentence, one row a net."""
    gates = _gates(one.progress.epochs)
    for net in _gated_nets(one.run):
        items: list[Item] = []
        for (gate, measured), line in zip(((g, m) for g, m in gates.items() if g.net == net), LINES, strict=False):
            items += one.of_epochs("mean", measured.mean, Stroke(line.colour), letter=gate.letter)
            dashed = Stroke(line.colour, dash="dash")
            items += one.of_epochs("saturated", measured.saturated, dashed, letter=gate.letter)
        yield Row(say("run-figure.gates", where=_where(net, one.run)), items, Axis(low=0, high=1))


def _gated_nets(run: Run) -> Sequence[NetKey]:
    """The nets that read a sentence with gates."""
    return run.config.nets if run.sentence and run.config.kind.gates else ()


def axis_end(progress: Progress) -> int:
    """Where the axis of steps ends: it doubles as the run goes, so that it seldom jumps and is never mostly empty."""
    run, end = progress.run, FIRST_AXIS_STEPS
    while end < run.step and end < run.steps_total:
        end *= 2
    # The step that was not finite comes after the last one, and its mark wants room.
    last = max(run.step, 1) if run.fault_step is None else run.fault_step + max(1, run.fault_step // 50)
    return max(last, min(end, run.steps_total)) if run.active else last


def after_epoch(trace: GateTrace, last: GateTrace, alt: str = "") -> Panel:
    """What a model did with a sentence after one epoch of its training: the text, the gate that keeps, and the surprise.

    Args:
        trace: by the model as it was then.
        last: by the model as it is after the last epoch, by whose memory the units are ordered, so that they keep their places.
        alt: what the panel shows, for those who cannot see it.

    """
    shown, ordered = next(iter(trace.tapes.values())), next(iter(last.tapes.values()))
    strip, surprise = tape(trace, all_units=False).rows
    maps = {row.key: row for row in heatmap_rows(shown, unit_order(ordered, MEMORY), "", len(trace))}
    kept = maps[shown.cell.keeps.letter if shown.cell.keeps else "h"]
    axis = over_steps(trace.text, len(trace), say("figure.step"))
    rows = [replace(strip, brushed=False), kept, surprise]
    return Panel(axis, rows, lettered=is_lettered(len(trace)), alt=alt)


def settings_frame(runs: Sequence[Run]) -> tuple[pd.DataFrame, list[str]]:
    """One line a run with its settings, and the names of the settings in which the runs differ."""
    rows = [_settings(run) for run in runs]
    differ = [name for name in rows[0] if len({str(row[name]) for row in rows}) > 1]
    run_name, status = say("run-column.run"), say("run-column.status")
    about = [{"": number, run_name: run.name, status: named(run.status)} for number, run in enumerate(runs, 1)]
    return pd.DataFrame([one | row for one, row in zip(about, rows, strict=True)]), differ


def _settings(run: Run) -> dict[str, Any]:
    """Each setting as a person calls it, and its value."""
    of_run: dict[str, Any] = {"corpus": run.corpus, "digest": run.text[:8], "sentence": run.sentence}
    of_run |= {"held_out_share": run.held_out_share, "seed": run.seed}
    return {setting(field): value for field, value in (of_run | asdict(run.config) | asdict(run.recipe)).items()}


def settings_of(run: Run) -> pd.DataFrame:
    """Each setting of a run by name, and what it is, in words."""
    row = _settings(run) | {setting("held_out_share"): f"{run.held_out_share:.0%}"}
    del row[setting("digest")]
    values = ["–" if value is None else str(value) for value in row.values()]
    return pd.DataFrame({say("run-column.setting"): row.keys(), say("run-column.value"): values})
