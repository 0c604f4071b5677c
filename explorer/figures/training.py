"""Training as it goes: every curve of one or several runs on one axis of steps, and the gates of a sentence over epochs.

What ticks is an ECharts option (a plain dictionary, drawn by st.echarts_chart): it takes new rows without being built
again, so it keeps its zoom and does not flicker. What is looked at is a plotly figure, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.figures.gates import percent, unit_order
from explorer.figures.style import BLUE, GREEN, GREY, LINES, ORANGE, PURPLE, SEQUENTIAL, escaped, visible
from explorer.probes.gates import GateTrace
from explorer.runs import EpochEvent, Metrics, Run

RUN_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
ALARM = "#d1495b"
# Pairs of a strong and a light tone, so that neighbours in a stack differ in lightness too.
SHARE_COLOURS = (BLUE, "#9ec9ea", GREEN, "#9bd6c4", ORANGE, "#f3c58c", PURPLE, "#d4bdec", GREY, "#c8ccd2")
CLIP_WINDOW = 50  # drawn points over which the share of clipped steps is taken
FIRST_AXIS_STEPS = 100
OVERFLOW_NATS = 700  # exp of more has no float
ROW_PX, GAP_PX, TOP_PX, BOTTOM_PX = 150, 50, 40, 70


@dataclass(frozen=True)
class Progress:
    """What is drawn of one run: its settings, its steps (thinned) and its epochs."""

    run: Run
    metrics: Metrics
    epochs: Sequence[EpochEvent]


def step_frame(progress: Progress) -> pd.DataFrame:
    """One line a step: loss, perplexity of the epoch so far, norms before and after, clipping, each parameter's share."""
    m = progress.metrics
    clipped_S = pd.Series((m.clip_coefficient_S < 1).astype(float))
    columns: dict[str, Any] = {
        "step": m.step_S,
        "epoch": m.epoch_S,
        "nll (nats)": m.nll_nats_S,
        "perplexity": np.exp(np.minimum(m.epoch_nll_nats_S, OVERFLOW_NATS)),
        "gradient norm before": m.grad_norm_before_S,
        "gradient norm after": m.grad_norm_after_S,
        "clip coefficient": m.clip_coefficient_S,
        "clipped share": clipped_S.rolling(CLIP_WINDOW, min_periods=1).mean(),
        "characters per second": m.tokens_per_s_S,
    }
    return pd.DataFrame(columns | {f"share {name}": share_S for name, share_S in m.squared_share().items()})


def epoch_frame(progress: Progress) -> pd.DataFrame:
    """One line an epoch: perplexity of the held-out part and of the sentence, mean and saturation of every gate."""
    lines = []
    for event in progress.epochs:
        line: dict[str, Any] = {"step": event.step, "epoch": event.epoch}
        line |= {"held out": _perplexity(event.held_out_nll_nats), "sentence": _perplexity(event.sentence_nll_nats)}
        for gate in event.gates or ():
            where = gate.gate.split()[-1] + _where(gate.layer, gate.direction, progress.run)
            line |= {f"mean {where}": gate.mean, f"saturated {where}": gate.low_share + gate.high_share}
        lines.append(line)
    return pd.DataFrame(lines, columns=None if lines else ["step", "epoch", "held out", "sentence"])


def _where(layer: int, direction: str, run: Run) -> str:
    parts = [f"layer {layer}"] if run.config.num_layers > 1 else []
    parts += [direction] if len(run.config.directions) > 1 else []
    return f" ({', '.join(parts)})" if parts else ""


def _perplexity(nll_nats: float | None) -> float:
    return math.nan if nll_nats is None else math.exp(min(nll_nats, OVERFLOW_NATS))


def live(progresses: Sequence[Progress]) -> dict[str, Any]:
    """Every curve of one or several runs on one axis of steps, as an ECharts option.

    Rows: perplexity (log); gradient norm before and after clipping (log, theta dashed, a step that was not finite marked
    from top to bottom); clip coefficient and share of clipped steps; for a single run also each parameter's share of
    the squared norm, and the gates on the person's sentence. Runs differ by colour, the curves of one run by dash.
    """
    alone = len(progresses) == 1
    rows = ["perplexity", "gradient norm", "clipping"] + (["share of the squared norm", "gates"] if alone else [])
    option = _grids(rows, max(map(axis_end, progresses)))
    for number, progress in enumerate(progresses):
        steps, epochs = step_frame(progress), epoch_frame(progress)
        option["dataset"] += [{"source": steps}, {"source": epochs}]
        curves = _Curves(2 * number, RUN_COLOURS[number % len(RUN_COLOURS)], "" if alone else f"{progress.run.name}: ")
        option["series"] += curves.of(progress, epochs, alone)
        if alone:
            option["series"] += [*_shares(steps), *_gates(epochs)]
    return option


def axis_end(progress: Progress) -> int:
    """Where the axis of steps ends: it doubles as the run goes, so that it seldom jumps and is never mostly empty."""
    run, end = progress.run, FIRST_AXIS_STEPS
    while end < run.step and end < run.steps_total:
        end *= 2
    return max(run.step, min(end, run.steps_total)) if run.active else max(run.step, 1)


def height_px(runs: int) -> int:
    """Height of `live` for so many runs."""
    return TOP_PX + (5 if runs == 1 else 3) * (ROW_PX + GAP_PX) + BOTTOM_PX


def _grids(rows: list[str], last_step: int) -> dict[str, Any]:
    """One coordinate system a row, all on the same steps, with one pointer and one zoom."""
    tops = [TOP_PX + i * (ROW_PX + GAP_PX) for i in range(len(rows))]
    x = {"type": "value", "min": 0, "max": last_step, "splitLine": {"show": False}}
    named = {"name": "step", "nameLocation": "middle", "nameGap": 26}
    hidden = {"axisLabel": {"show": False}, "axisPointer": {"label": {"show": False}}}
    log = {"type": "log", "minorSplitLine": {"show": False}}
    share = {"type": "value", "min": 0, "max": 1}
    zoom = {"xAxisIndex": list(range(len(rows))), "filterMode": "none"}
    return {
        "animation": False,
        "dataset": [],
        "series": [],
        "title": [
            {"text": row, "top": top - 28, "left": 0, "textStyle": {"fontSize": 13}}
            for row, top in zip(rows, tops, strict=True)
        ],
        "grid": [{"top": top, "height": ROW_PX, "left": 56, "right": 150} for top in tops],
        "xAxis": [x | {"gridIndex": i} | (named if i == len(rows) - 1 else hidden) for i in range(len(rows))],
        "yAxis": [{"gridIndex": i} | (log if i < 2 else share) for i in range(len(rows))],
        "legend": {"show": False},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.4g", "confine": True},
        "dataZoom": [{"type": "inside"} | zoom, {"type": "slider", "bottom": 4, "height": 18} | zoom],
    }


@dataclass(frozen=True)
class _Curves:
    """The curves that every run has: which dataset they read, their colour, and what their names begin with."""

    dataset: int
    colour: str
    name: str

    def of(self, progress: Progress, epochs: pd.DataFrame, alone: bool) -> list[dict[str, Any]]:
        run, end = progress.run, axis_end(progress)
        series = [self._steps(0, "perplexity", "training")]
        series += [
            self._epochs(column, label, dash)
            for column, label, dash in (("held out", "held out", "dashed"), ("sentence", "your sentence", "dotted"))
            if epochs[column].notna().any()
        ]
        before = self._steps(1, "gradient norm before", "before clipping") | _tone(GREY, "solid")
        series.append(before | {"lineStyle": {"color": GREY, "width": 5, "opacity": 0.45}})
        series.append(self._steps(1, "gradient norm after", "after clipping"))
        series.append(self._steps(2, "clip coefficient", "coefficient"))
        series.append(self._steps(2, "clipped share", "share clipped") | _tone(self.colour, "dashed"))
        if alone:
            series.append(_constant(0, float(run.symbols), "blind guess", end))
            series.append(_constant(0, math.exp(run.unigram_nll_nats), "by frequency", end))
        if run.recipe.clip_norm is not None:
            series.append(_constant(1, run.recipe.clip_norm, f"{self.name}theta", end))
        if run.fault_step is not None:
            series.append(_alarm(run.fault_step, f"{self.name}not finite at step {run.fault_step}"))
        return series

    def _steps(self, row: int, column: str, label: str) -> dict[str, Any]:
        return _line(row, self.dataset, column, self.name + label) | _tone(self.colour, "solid")

    def _epochs(self, column: str, label: str, dash: str) -> dict[str, Any]:
        return _line(0, self.dataset + 1, column, self.name + label) | _tone(self.colour, dash)


def _line(row: int, dataset: int, column: str, name: str) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "xAxisIndex": row,
        "yAxisIndex": row,
        "datasetIndex": dataset,
        "encode": {"x": "step", "y": column, "tooltip": [column]},
        "showSymbol": False,
        "connectNulls": True,
        "labelLayout": {"moveOverlap": "shiftY"},
    }


def _tone(colour: str, dash: str) -> dict[str, Any]:
    """Colour and dash of a line, and its name at its end in the same colour."""
    return {
        "lineStyle": {"color": colour, "type": dash, "width": 2},
        "itemStyle": {"color": colour},
        "endLabel": {"show": True, "formatter": "{a}", "color": colour, "fontSize": 11},
    }


def _constant(row: int, value: float, name: str, last_step: int) -> dict[str, Any]:
    flat = {
        "type": "line",
        "name": name,
        "xAxisIndex": row,
        "yAxisIndex": row,
        "data": [[0, value], [last_step, value]],
    }
    return flat | {"showSymbol": False, "tooltip": {"show": False}} | _tone(GREY, "dashed")


def _alarm(step: int, text: str) -> dict[str, Any]:
    """A step that was not finite, over the whole height of the gradient's row: it has no point to draw."""
    label = {"formatter": text, "color": ALARM, "fontWeight": "bold"}
    mark = {
        "symbol": ["none", "none"],
        "data": [{"xAxis": step}],
        "lineStyle": {"color": ALARM, "width": 3, "type": "solid"},
    }
    return {
        "type": "line",
        "name": text,
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "data": [],
        "markLine": mark | {"label": label},
    }


def _shares(steps: pd.DataFrame) -> list[dict[str, Any]]:
    """Whose gradient it is: squares add, so they may be stacked."""
    series = []
    columns = [column for column in map(str, steps.columns) if column.startswith("share ")]
    for number, column in enumerate(columns):
        colour = SHARE_COLOURS[number % len(SHARE_COLOURS)]
        area = {
            "stack": "squared norm",
            "areaStyle": {"color": colour, "opacity": 0.85},
            "itemStyle": {"color": colour},
        }
        name = column.removeprefix("share ").removeprefix("rnn.")
        end = {"show": len(columns) <= len(SHARE_COLOURS), "formatter": "{a}", "color": colour, "fontSize": 10}
        series.append(_line(3, 0, column, name) | area | {"lineStyle": {"width": 0}, "endLabel": end})
    return series


def _gates(epochs: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean (line) and saturated share (dashed) of every gate on the person's sentence."""
    means = [column for column in map(str, epochs.columns) if column.startswith("mean ")]
    series = []
    for number, mean in enumerate(means):
        colour = LINES[number % 4]["color"]
        saturated = mean.replace("mean ", "saturated ", 1)
        series += [
            _line(4, 1, mean, mean) | _tone(colour, "solid"),
            _line(4, 1, saturated, saturated) | _tone(colour, "dashed"),
        ]
    return series


def over_training(traces: Mapping[int, GateTrace], layer: int = 0, direction: str = "forward") -> go.Figure:
    """The gate that keeps, for one sentence, under the model as it was at each epoch: a heatmap one can play."""
    epochs = sorted(traces)
    tapes = {epoch: traces[epoch].tape(layer, direction) for epoch in epochs}
    last, text = tapes[epochs[-1]], traces[epochs[-1]].text
    units, name, low = unit_order(last, "memory time"), next(iter(last.gates), "state h"), 0 if last.gates else -100

    def heatmap(epoch: int) -> dict[str, Any]:
        values_TH = tapes[epoch].gates.get(name, tapes[epoch].h_TH)
        return {
            "type": "heatmap",
            "z": percent(values_TH[:, units].T),
            "zmin": low,
            "zmax": 100,
            "colorscale": SEQUENTIAL,
            "showscale": False,
            "y": [f"unit {i}" for i in units],
            "hovertemplate": "%{y}, %{x}: %{z} hundredths<extra></extra>",
        }

    letters = {"tickvals": list(range(len(text))), "ticktext": [escaped(visible(c)) for c in text]}
    layout = {
        "height": 420,
        "margin": {"l": 60, "r": 16, "t": 32, "b": 110},
        "title": {"text": f"{name}: dark {low / 100:g}, light 1", "font": {"size": 13}},
        "xaxis": (letters if len(text) <= 110 else {}) | {"tickangle": 0, "showgrid": False},
        "yaxis": {"autorange": "reversed", "showticklabels": False, "title": {"text": f"{len(units)} units"}},
        "updatemenus": [_play_buttons()],
        "sliders": [_slider(epochs)],
    }
    frames = [{"name": str(epoch), "data": [heatmap(epoch)]} for epoch in epochs]
    return go.Figure({"data": [heatmap(epochs[-1])], "layout": layout, "frames": frames})


def _play_buttons() -> dict[str, Any]:
    play = {"frame": {"duration": 600, "redraw": True}, "transition": {"duration": 0}, "fromcurrent": True}
    buttons = [
        {"label": "Play", "method": "animate", "args": [None, play]},
        {"label": "Pause", "method": "animate", "args": [[None], _AT_ONCE]},
    ]
    place = {"x": 0, "y": -0.22, "xanchor": "left", "yanchor": "top", "direction": "left"}
    return place | {"type": "buttons", "buttons": buttons}


def _slider(epochs: Sequence[int]) -> dict[str, Any]:
    steps = [{"label": str(e), "method": "animate", "args": [[str(e)], _AT_ONCE]} for e in epochs]
    place = {"x": 0.2, "len": 0.8, "y": -0.1, "active": len(epochs) - 1}
    return place | {"currentvalue": {"prefix": "epoch ", "font": {"size": 13}}, "steps": steps}


_AT_ONCE = {"frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}, "mode": "immediate"}


def settings_frame(runs: Sequence[Run]) -> tuple[pd.DataFrame, list[str]]:
    """One line a run with its settings, and the names of the settings in which the runs differ."""
    frame = pd.DataFrame(
        [
            {"run": run.name, "status": run.status, "corpus": run.corpus, "seed": run.seed}
            | asdict(run.config)
            | asdict(run.recipe)
            for run in runs
        ]
    )
    return frame, [column for column in frame.columns[2:] if frame[column].astype(str).nunique(dropna=False) > 1]
