"""Training as it goes: every curve of one or several runs on one axis of steps, and the gates of a sentence over epochs.

What ticks are figures.curves, which keep the zoom and do not flicker. What is looked at is a plotly figure, as everywhere.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures.curves import Alarm, Curve, Curves, Level, Row
from explorer.figures.figure import Figure
from explorer.figures.gates import unit_order
from explorer.figures.hundredths import FORMAT, gapped, hundredths
from explorer.figures.stack import LETTERED_STEPS, characters, note
from explorer.figures.style import BLUE, GREEN, GREY, LINES, ORANGE, PURPLE, RED, SEQUENTIAL, translucent
from explorer.probes.gates import GateTrace
from explorer.reads.text import score_name
from explorer.runs import EpochEvent, Metrics, Run

RUN_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
# Pairs of a strong and a light tone, so that neighbours in a stack differ in lightness too.
SHARE_COLOURS = (BLUE, "#9ec9ea", GREEN, "#9bd6c4", ORANGE, "#f3c58c", PURPLE, "#d4bdec", GREY, "#c8ccd2")
FIRST_AXIS_STEPS = 100
FIRST_GATE_ROW = 4
OVERFLOW_NATS = 700  # exp of more has no float
DASHED, DOTTED = (6, 4), (2, 3)


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
    events = progress.epochs
    columns: dict[str, list[float]] = {
        "step": [event.step for event in events],
        "epoch": [event.epoch for event in events],
        "clipped share": [event.summary.clipped_share if event.summary else math.nan for event in events],
        "held out": [_perplexity(event.held_out_nll_nats) for event in events],
        "sentence": [_perplexity(event.sentence_nll_nats) for event in events],
    }
    for at, event in enumerate(events):
        for gate in event.gates or ():
            where = gate.gate + _where(gate.layer, gate.direction, progress.run)
            for name, value in (("mean", gate.mean), ("saturated", gate.low_share + gate.high_share)):
                columns.setdefault(f"{name} {where}", [math.nan] * len(events))[at] = value
    return {name: np.array(column) for name, column in columns.items()}


def _where(layer: int, direction: str, run: Run) -> str:
    parts = [f"layer {layer}"] if run.config.num_layers > 1 else []
    parts += [run.config.name_of(direction)] if len(run.config.directions) > 1 else []
    return f" ({', '.join(parts)})" if parts else ""


def _perplexity(nll_nats: float | None) -> float:
    return math.nan if nll_nats is None else math.exp(min(nll_nats, OVERFLOW_NATS))


def live(progresses: Sequence[Progress], alt: str = "") -> Curves:
    """Every curve of one or several runs on one axis of steps.

    Rows: perplexity or what stands for it (log); gradient norm before and after clipping (log), theta dashed, a step that
    was not finite marked from top to bottom; clip coefficient and share of clipped steps; for a single run also each
    parameter's share of the squared norm, and the gates of each net on the person's sentence. Runs differ by colour, the
    curves of one run by dash.
    """
    alone = len(progresses) == 1
    curves: list[Curve] = []
    for number, progress in enumerate(progresses):
        steps, epochs = _step_columns(progress), _epoch_columns(progress)
        name, colour = "" if alone else f"{number + 1}: ", RUN_COLOURS[number % len(RUN_COLOURS)]
        curves += _common(steps, epochs, name, colour, alone)
        if alone:
            curves += [*_shares(steps), *_gates(epochs, progress.run)]
    levels = [level for number, progress in enumerate(progresses) for level in _levels(progress, number, alone)]
    alarms = [
        Alarm(1, ("" if alone else f"{number + 1}: ") + f"not finite at step {step:,}", step, RED)
        for number, progress in enumerate(progresses)
        if (step := progress.run.fault_step) is not None
    ]
    rows = _rows([progress.run for progress in progresses])
    return Curves(max(map(axis_end, progresses)), rows, curves, levels, alarms, alt)


def live_height_px(runs: Sequence[Run]) -> int:
    """Height of that drawing, which is known before there is anything to draw."""
    return Curves(1, _rows(runs), []).height_px


def _rows(runs: Sequence[Run]) -> list[Row]:
    score = " / ".join(dict.fromkeys(score_name(run.config.objective) for run in runs))
    rows = [Row(score, log=True), Row("gradient norm", log=True), Row("clipping", low=0, high=1, percent=True)]
    if len(runs) == 1:
        rows.append(Row("share of the squared norm", low=0, high=1, percent=True, stacked=True))
        if _gated(runs[0]):
            rows += [
                Row(f"gates on your sentence{_where(net.layer, net.direction, runs[0])}", low=0, high=1)
                for net in runs[0].config.nets
            ]
    return rows


def _gated(run: Run) -> bool:
    """Whether there is a sentence, and a cell with gates to read it."""
    return bool(run.sentence) and bool(run.config.kind.gates)


def axis_end(progress: Progress) -> int:
    """Where the axis of steps ends: it doubles as the run goes, so that it seldom jumps and is never mostly empty."""
    run, end = progress.run, FIRST_AXIS_STEPS
    while end < run.step and end < run.steps_total:
        end *= 2
    # The step that was not finite comes after the last one, and its mark wants room.
    last = max(run.step, 1) if run.fault_step is None else run.fault_step + max(1, run.fault_step // 50)
    return max(last, min(end, run.steps_total)) if run.active else last


def _common(steps: Columns, epochs: Columns, name: str, colour: str, alone: bool) -> list[Curve]:
    """The curves that every run has."""

    def of_steps(row: int, label: str, column: str, **look: Any) -> Curve:
        return Curve(row, name + label, steps["step"], steps[column], **{"colour": colour} | look)

    measured = [
        _of_epochs(epochs, row, name + label, column, colour, dash)
        for row, column, label, dash in (
            (0, "held out", "held out", DASHED),
            (0, "sentence", "your sentence", DOTTED),
            (2, "clipped share", "steps clipped", DASHED),
        )
    ]
    grey = {"colour": GREY if alone else colour, "width": 5, "opacity": 0.45}
    return [
        of_steps(0, "training", "perplexity"),
        *(curve for curve in measured if len(curve.x)),
        of_steps(1, "before", "gradient norm before", **grey),
        of_steps(1, "after", "gradient norm after"),
        of_steps(2, "coefficient", "clip coefficient"),
    ]


def _of_epochs(epochs: Columns, row: int, name: str, column: str, colour: str, dash: tuple[int, ...]) -> Curve:
    """A curve of what is measured after some epochs: a line over those where it was."""
    known = ~np.isnan(epochs[column])
    return Curve(row, name, epochs["step"][known], epochs[column][known], colour, dash)


def _levels(progress: Progress, number: int, alone: bool) -> list[Level]:
    """What the curves are to be compared with: guessing, and theta."""
    run = progress.run
    levels = [
        Level(0, "blind guess", float(run.symbols)),
        Level(0, "by frequency", math.exp(run.unigram_nll_nats)),
    ] * alone
    if run.recipe.clip_norm is not None:
        colour = GREY if alone else RUN_COLOURS[number % len(RUN_COLOURS)]
        levels.append(Level(1, "θ" if alone else f"{number + 1}: θ", run.recipe.clip_norm, colour))
    return levels


def _shares(steps: Columns) -> list[Curve]:
    """Whose gradient it is: squares add, so they may be stacked."""
    columns = [column for column in steps if column.startswith("share ")]
    return [
        Curve(3, column.removeprefix("share ").removeprefix("rnn."), steps["step"], steps[column], colour, opacity=0.85)
        for column, colour in zip(columns, itertools.cycle(SHARE_COLOURS), strict=False)
    ]


def _gates(epochs: Columns, run: Run) -> list[Curve]:
    """Mean (line) and saturated share (dashed) of every gate on the person's sentence, one row a net."""
    curves = []
    for row, net in enumerate(run.config.nets, FIRST_GATE_ROW):
        where = _where(net.layer, net.direction, run)
        means = [column for column in epochs if column.startswith("mean ") and column.endswith(where)]
        for mean, line in zip(means, LINES, strict=False):
            gate = mean.removeprefix("mean ").removesuffix(where)
            curves += [
                _of_epochs(epochs, row, f"mean {gate}", mean, line["color"], ()),
                _of_epochs(epochs, row, f"saturated {gate}", f"saturated {gate}{where}", line["color"], DASHED),
            ]
    return [curve for curve in curves if len(curve.x)]


def over_training(traces: Mapping[int, GateTrace], layer: int = 0, direction: str = "forward") -> Figure:
    """The gate that keeps, for one sentence, under the model as it was at each epoch: a heatmap one can play."""
    epochs = sorted(traces)
    tapes = {epoch: traces[epoch].tape(layer, direction) for epoch in epochs}
    last, text = tapes[epochs[-1]], traces[epochs[-1]].text
    units, letter = unit_order(last, "memory time"), next(iter(last.gates), "h")
    name, low = (last.cell.gate(letter).title, 0) if last.gates else ("state h", -100)

    def values(epoch: int) -> dict[str, Any]:
        values_HT = tapes[epoch][letter][:, units].T
        z, said = hundredths(values_HT)
        return {"type": "heatmap", "z": z if said is None else gapped(z, said)}

    lettered = len(text) <= LETTERED_STEPS
    heatmap = values(epochs[-1]) | {
        "zmin": low,
        "zmax": 100,
        "colorscale": SEQUENTIAL,
        "showscale": False,
        "hoverongaps": False,
        "y": [f"unit {i}" for i in units],
        "hovertemplate": f"%{{y}}, step %{{x:d}}{' “%{x}”' * lettered}: {letter} %{{z{FORMAT}}}<extra></extra>",
    }
    letters = {"tickvals": list(range(len(text))), "ticktext": characters(text), "showticklabels": False, "ticks": ""}
    layout = {
        "height": 440,
        "margin": {"l": 60, "r": 16, "t": 48, "b": 110},
        "dragmode": False,
        "annotations": [note(f"<b>{name}</b>:<br>dark {'−1' if low else '0'}, light 1", 1)],
        "xaxis": (letters if lettered else {}) | {"title": {"text": "step"}, "showgrid": False},
        "yaxis": {"autorange": "reversed", "showticklabels": False, "title": {"text": f"{len(units)} units"}},
        "updatemenus": [_play_buttons()],
        "sliders": [_slider(epochs)],
    }
    frames = [{"name": str(epoch), "data": [values(epoch)]} for epoch in epochs]  # the rest stays as it is drawn
    return Figure({"data": [heatmap], "layout": layout, "frames": frames})


def _play_buttons() -> dict[str, Any]:
    play = {"frame": {"duration": 600, "redraw": True}, "transition": {"duration": 0}, "fromcurrent": True}
    buttons = [
        {"label": "Play", "method": "animate", "args": [None, play]},
        {"label": "Pause", "method": "animate", "args": [[None], _AT_ONCE]},
    ]
    place: dict[str, Any] = {
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "bottom",
        "direction": "left",
        "pad": {"b": 6},
    }
    # Colours that are legible on both themes; plotly's own active button is white with the theme's text on it.
    place |= {"showactive": False, "bgcolor": translucent(GREY, 0.2), "bordercolor": translucent(GREY, 0.5)}
    return place | {"type": "buttons", "buttons": buttons}


def _slider(epochs: Sequence[int]) -> dict[str, Any]:
    steps = [{"label": str(e), "method": "animate", "args": [[str(e)], _AT_ONCE]} for e in epochs]
    place: dict[str, Any] = {"x": 0, "len": 1, "y": 0, "pad": {"t": 44}, "active": len(epochs) - 1, "ticklen": 4}
    place |= {"bgcolor": translucent(GREY, 0.5), "activebgcolor": BLUE, "borderwidth": 0}
    return place | {"currentvalue": {"prefix": "epoch ", "font": {"size": 13}}, "steps": steps}


_AT_ONCE = {"frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}, "mode": "immediate"}


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
