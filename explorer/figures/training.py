"""Training as it goes: every curve of one or several runs on one axis of steps, and the gates of a sentence over epochs.

What ticks is drawn on a canvas, which keeps the zoom and does not flicker. What is looked at is drawn by plotly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures import canvas
from explorer.figures.gates import GATE, STATE, unit_order
from explorer.figures.panel import Alarm, Axis, Item, Level, Line, Panel, Row, UnitMap, is_lettered
from explorer.figures.style import BLUE, GREEN, GREY, LINES, ORANGE, PURPLE, RED, Stroke, characters
from explorer.models import NetKey
from explorer.probes.gates import GateTrace
from explorer.reads.text import score_name
from explorer.runs import EpochEvent, Metrics, Run

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
"""The columns of a table, by name; live makes them every second, so a DataFrame is made only where one is wanted."""


def step_frame(progress: Progress) -> pd.DataFrame:
    """One line a step: loss, perplexity of the epoch so far, norms before and after, clipping, each parameter's share."""
    return pd.DataFrame(_step_columns(progress))


def epoch_frame(progress: Progress) -> pd.DataFrame:
    """One line an epoch: perplexity of the held-out part and of the sentence, clipping, mean and saturation of every gate.

    The share of clipped steps is the epoch's own, over all of its steps; those that are drawn favour large gradients.
    """
    return pd.DataFrame(_epoch_columns(progress))


def _step_columns(progress: Progress) -> Columns:
    m = progress.metrics
    columns = {
        "step": m.step_S,
        "epoch": m.epoch_S,
        "nll (nats)": m.nll_nats_S,
        "perplexity": np.exp(np.minimum(m.epoch_nll_nats_S, OVERFLOW_NATS)),
        "gradient norm before": m.grad_norm_before_S,
        "gradient norm after": m.grad_norm_after_S,
        "clip coefficient": m.clip_coefficient_S,
        "characters per second": m.tokens_per_s_S,
    }
    return columns | {f"share {name}": share_S for name, share_S in m.squared_share().items()}


def _epoch_columns(progress: Progress) -> Columns:
    events, run = progress.epochs, progress.run
    columns = {
        "step": np.array([event.step for event in events]),
        "epoch": np.array([event.epoch for event in events]),
        "clipped share": np.array([event.summary.clipped_share if event.summary else math.nan for event in events]),
        "held out": np.array([_perplexity(event.held_out_nll_nats) for event in events]),
        "sentence": np.array([_perplexity(event.sentence_nll_nats) for event in events]),
    }
    for gate, measured in _gates(events).items():
        where = _where(gate.net, run)
        columns |= {f"mean {gate.letter}{where}": measured.mean, f"saturated {gate.letter}{where}": measured.saturated}
    return columns


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
    parts = [f"layer {net.layer}"] if run.config.num_layers > 1 else []
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
            progress, _step_columns(progress), _epoch_columns(progress), "" if alone else f"{number}: ", colour,
            beside=GREY if alone else colour,
        )
        for number, (progress, colour) in enumerate(zip(progresses, itertools.cycle(RUN_COLOURS)), 1)
    ]  # fmt: skip
    score = " / ".join(dict.fromkeys(score_name(one.run.config.objective) for one in drawn))
    rows = [
        Row(score, [item for one in drawn for item in _scores(one, alone)], Axis(log=True)),
        Row("gradient norm", [item for one in drawn for item in _norms(one)], Axis(log=True)),
        Row("clipping", [item for one in drawn for item in _clipping(one)], SHARE),
    ]
    if alone:
        rows += [Row("share of the squared norm", _shares(drawn[0]), SHARE, stacked=True), *_gate_rows(drawn[0])]
    return Panel(Axis("step", 0, max(map(axis_end, progresses))), rows, alt=alt, named=True)


def live_height_px(runs: Sequence[Run]) -> int:
    """Height of that drawing, which is known before there is anything to draw."""
    alone = len(runs) == 1
    return canvas.height_px(3 + alone * (1 + len(_gated_nets(runs[0]))))


@dataclass(frozen=True)
class _Drawn:
    """One of the runs that are drawn together: what stands before the names of its curves, and their colours."""

    progress: Progress
    steps: Columns
    epochs: Columns
    prefix: str
    colour: str
    beside: str

    @property
    def run(self) -> Run:
        return self.progress.run

    def of_steps(self, name: str, column: str, stroke: Stroke | None = None, opacity: float = 1) -> Line:
        """A curve of what every step has."""
        stroke = stroke or Stroke(self.colour)
        return Line(self.steps["step"], self.steps[column], stroke, self.prefix + name, opacity=opacity)

    def of_epochs(self, name: str, values: NDArray[Any], stroke: Stroke) -> list[Line]:
        """A curve of what is measured after some epochs: a line over those where it was; none where it never was."""
        known = ~np.isnan(values)
        return [Line(self.epochs["step"][known], values[known], stroke, self.prefix + name)] if known.any() else []


def _scores(one: _Drawn, alone: bool) -> list[Item]:
    """Perplexity or what stands for it; of a single run also what guessing has."""
    levels = [
        Level(one.run.symbols, DASHED, "blind guess"),
        Level(math.exp(one.run.unigram_nll_nats), DASHED, "by frequency"),
    ]
    return [
        one.of_steps("training", "perplexity"),
        *one.of_epochs("held out", one.epochs["held out"], Stroke(one.colour, dash="dash")),
        *one.of_epochs("your sentence", one.epochs["sentence"], Stroke(one.colour, dash="dot")),
        *(levels if alone else ()),
    ]


def _norms(one: _Drawn) -> list[Item]:
    """The gradient's norm before and after clipping, theta, and the step that broke."""
    run = one.run
    theta = (
        [Level(run.recipe.clip_norm, Stroke(one.beside, 1.5, "dash"), f"{one.prefix}θ")]
        if run.recipe.clip_norm is not None
        else []
    )
    alarm = f"{one.prefix}not finite at step {run.fault_step:,}" if run.fault_step is not None else ""
    return [
        one.of_steps("before", "gradient norm before", Stroke(one.beside, 5), opacity=0.45),
        one.of_steps("after", "gradient norm after"),
        *theta,
        *([Alarm(run.fault_step, alarm, RED)] if run.fault_step is not None else []),
    ]


def _clipping(one: _Drawn) -> list[Item]:
    """How much is clipped, and how often."""
    return [
        *one.of_epochs("steps clipped", one.epochs["clipped share"], Stroke(one.colour, dash="dash")),
        one.of_steps("coefficient", "clip coefficient"),
    ]


def _shares(one: _Drawn) -> list[Item]:
    """Whose gradient it is: squares add, so they may be stacked."""
    shares = one.progress.metrics.squared_share()
    return [
        Line(one.steps["step"], share_S, Stroke(colour), parameter.removeprefix("rnn."), opacity=0.85)
        for (parameter, share_S), colour in zip(shares.items(), itertools.cycle(SHARE_COLOURS))
    ]


def _gate_rows(one: _Drawn) -> Iterator[Row]:
    """Mean (line) and saturated share (dashed) of every gate on the person's sentence, one row a net."""
    gates = _gates(one.progress.epochs)
    for net in _gated_nets(one.run):
        items: list[Item] = []
        for (gate, measured), line in zip(((g, m) for g, m in gates.items() if g.net == net), LINES, strict=False):
            items += one.of_epochs(f"mean {gate.letter}", measured.mean, Stroke(line.colour))
            items += one.of_epochs(f"saturated {gate.letter}", measured.saturated, Stroke(line.colour, dash="dash"))
        yield Row(f"gates on your sentence{_where(net, one.run)}", items, Axis(low=0, high=1))


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


def over_training(traces: Mapping[int, GateTrace], layer: int = 0, direction: str = "forward") -> Panel:
    """The gate that keeps, for one sentence, under the model as it was at each epoch: a heatmap one can play."""
    epochs = sorted(traces)
    tapes = {epoch: traces[epoch].tape(layer, direction) for epoch in epochs}
    last, text = tapes[epochs[-1]], traces[epochs[-1]].text
    units, letter = unit_order(last, "memory time"), next(iter(last.gates), "h")
    name, scale, dark = (last.cell.gate(letter).title, GATE, "0") if last.gates else ("state h", STATE, "−1")

    frames = {epoch: tape[letter][:, units].T for epoch, tape in tapes.items()}
    axis = Axis(f"{len(units)} units", reverse=True, grid=False, bare=True)
    row = Row(f"<b>{name}</b>:<br>dark {dark}, light 1", [UnitMap(letter, frames[epochs[-1]], units, scale)], axis, 282)
    lettered = is_lettered(len(text))
    steps = Axis("step", words=characters(text), said=f"step %{{x:d}}{' “%{x}”' * lettered}, ", grid=False)
    played = {str(epoch): values_HT for epoch, values_HT in frames.items()}
    return Panel(steps, [row], hover="closest", frames=played, top_px=48)


def settings_frame(runs: Sequence[Run]) -> tuple[pd.DataFrame, list[str]]:
    """One line a run with its settings, and the names of the settings in which the runs differ."""
    rows = [_settings(run) for run in runs]
    differ = [name for name in rows[0] if len({str(row[name]) for row in rows}) > 1]
    about = [{"": number, "run": run.name, "status": run.status} for number, run in enumerate(runs, 1)]
    return pd.DataFrame([one | row for one, row in zip(about, rows, strict=True)]), differ


def _settings(run: Run) -> dict[str, Any]:
    of_run: dict[str, Any] = {"corpus": run.corpus, "text": run.text[:8], "sentence": run.sentence}
    of_run |= {"held out": run.held_out_share, "seed": run.seed}
    return of_run | asdict(run.config) | asdict(run.recipe)


def settings_of(run: Run) -> pd.DataFrame:
    """Each setting of a run by name, and what it is, in words."""
    row = _settings(run) | {"held out": f"{run.held_out_share:.0%}"}
    said = {name: "–" if value is None else str(value) for name, value in row.items() if name != "text"}
    return pd.DataFrame({"setting": said.keys(), "value": said.values()})
