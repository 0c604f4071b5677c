"""The gate tape: text, gates, state and surprise of one layer on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import get_colorscale, sample_colorscale

from explorer.figures.perplexity import surprise_row
from explorer.figures.style import LINES, MARGIN, SEQUENTIAL, escaped, translucent, visible
from explorer.probes.gates import GateTrace, GRUTape, LSTMTape, Tape, memory_time
from explorer.probes.perplexity import NATS_PER_BIT

ORDERS = ("memory time", "mean", "index")
MAX_STEPS = 2_000
LETTERED_STEPS = 110  # up to here the characters themselves fit under the tape
DETAILED_CELLS = 150_000  # up to here each cell of a heatmap carries all parts of its step for the hover
STRIP_PX, HEATMAP_PX, LINES_PX, GAP_PX = 26, 190, 130, 40


def quantities(trace: GateTrace, tape: Tape) -> dict[str, tuple[NDArray[Any], str]]:
    """What the characters of a text can be coloured by: name -> (values_T, unit)."""
    result: dict[str, tuple[NDArray[Any], str]] = {"surprise": (trace.nll_nats_T / NATS_PER_BIT, "bits")}
    for name, gate_TH in tape.gates.items():
        result[f"mean {name.split()[-1]}"] = (gate_TH.mean(1), "")
    result["state change"] = (tape.change_T, "rms per unit")
    return result


def unit_order(tape: Tape, order: str) -> NDArray[np.intp]:
    """The units of a tape, first drawn at the top: by index, by mean of the keeping gate, or by memory time, longest first."""
    keep_TH = tape.keep_TH
    if order == "index" or keep_TH is None or not keep_TH.size:
        return np.arange(tape.h_TH.shape[1])
    key_H = keep_TH.mean(0, dtype=np.float64) if order == "mean" else memory_time(keep_TH)
    return np.argsort(-key_H, kind="stable")


@dataclass(frozen=True)
class _Row:
    """One row of the tape: its title, its height in pixels, its traces and its y axis."""

    title: str
    height_px: int
    traces: Sequence[dict[str, Any]]
    axis: dict[str, Any]


def tape(
    trace: GateTrace, *, layer: int = 0, direction: str | None = None, order: str = "memory time",
    quantity: str = "surprise", unit: int | None = None, steps: int = MAX_STEPS,
) -> go.Figure:  # fmt: skip
    """The gates of one layer over a text, unit by step, with what the text, the state and the surprise did meanwhile.

    Args:
        trace: the facts.
        layer: which layer.
        direction: "forward" or "backward"; None draws every direction the model has on the one time axis.
        order: how units are ordered: "memory time", "mean" (of the gate that keeps) or "index".
        quantity: what the strip at the top shows, a key of `quantities`.
        unit: also draws this unit's own gates and states.
        steps: how many steps are drawn from the first on.
    """
    directions = trace.config.directions if direction is None else (direction,)
    tapes = [trace.tape(layer, d) for d in directions]
    count = min(len(trace), steps)
    rows = [_strip_row(trace, tapes[0], quantity, count)]
    for one in tapes:
        where = f", {one.net.direction} net" if len(tapes) > 1 else ""
        rows += _heatmap_rows(trace, one, unit_order(one, order), where, count)
        if unit is not None and unit < one.h_TH.shape[1]:
            rows.append(_unit_row(one, unit, where, count))
        rows.append(_mean_row(one, where, count))
    rows.append(_Row(*surprise_row(trace, count)))
    return _stack(rows, trace, count)


def _stack(rows: list[_Row], trace: GateTrace, count: int) -> go.Figure:
    """Rows on one x axis, so that one cursor runs through all of them."""
    total = sum(row.height_px + GAP_PX for row in rows)
    layout: dict[str, Any] = {
        "height": total + MARGIN["t"] + MARGIN["b"], "margin": MARGIN, "hovermode": "x", "hoversubplots": "axis",
        "showlegend": False, "annotations": [], "dragmode": "zoom",
        "coloraxis": {"cmin": 0, "cmax": 100, "colorscale": SEQUENTIAL, "showscale": False},
        "xaxis": _x_axis(trace, count) | {"anchor": f"y{len(rows)}" if len(rows) > 1 else "y"},
    }  # fmt: skip
    data, top = [], float(total)
    for number, row in enumerate(rows, 1):
        suffix = "" if number == 1 else str(number)
        domain = [max((top - GAP_PX - row.height_px) / total, 0), (top - GAP_PX) / total]
        layout[f"yaxis{suffix}"] = row.axis | {"domain": domain, "anchor": "x", "fixedrange": True}
        layout["annotations"].append({
            "text": f"<b>{row.title}</b>", "x": 0, "xref": "paper", "xanchor": "left", "y": domain[1], "yref": "paper",
            "yanchor": "bottom", "showarrow": False, "font": {"size": 13},
        })  # fmt: skip
        data += [item | {"yaxis": f"y{suffix}"} for item in row.traces]
        top -= row.height_px + GAP_PX
    return go.Figure({"data": data, "layout": layout})


def _x_axis(trace: GateTrace, count: int) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": "step (character of the text)"}, "range": [-0.5, max(count, 1) - 0.5], "showgrid": False,
        "zeroline": False, "showspikes": True, "spikemode": "across", "spikethickness": 1, "spikedash": "solid",
    }  # fmt: skip
    if 0 < count <= LETTERED_STEPS:
        axis |= {
            "tickvals": list(range(count)), "ticktext": [escaped(visible(c)) for c in trace.text[:count]],
            "tickangle": 0, "ticks": "", "tickfont": {"size": 13 if count <= 60 else 11},
        }  # fmt: skip
    return axis


def _characters(trace: GateTrace, count: int) -> list[str]:
    return [escaped(visible(c)) for c in trace.text[:count]]


def _strip_row(trace: GateTrace, one: Tape, quantity: str, count: int) -> _Row:
    values_T, unit = quantities(trace, one)[quantity]
    shown_T = values_T[:count].astype(np.float32)
    low, high = _range(shown_T)
    title = f"{quantity}, from {low:.2f} (dark) to {high:.2f} {unit} (light)".replace("  ", " ")
    strip = {
        "type": "heatmap", "z": shown_T.reshape(1, -1), "zmin": low, "zmax": high, "colorscale": SEQUENTIAL, "showscale": False,
        "text": [_characters(trace, count)], "xaxis": "x", "name": "",
        "hovertemplate": f"<b>%{{text}}</b> step %{{x}}<br>{quantity} %{{z:.2f}} {unit}<extra></extra>",
    }  # fmt: skip
    return _Row(title, STRIP_PX, [strip], {"visible": False})


def _range(values_T: NDArray[Any]) -> tuple[float, float]:
    """Lowest and highest defined value; a strip may use its own range because the range is written above it."""
    defined = values_T[np.isfinite(values_T)]
    return (float(defined.min()), float(defined.max())) if defined.size else (0.0, 0.0)


def _heatmap_rows(trace: GateTrace, one: Tape, units: NDArray[np.intp], where: str, count: int) -> list[_Row]:
    parts = _parts(one)
    axis = {"autorange": "reversed", "showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "",
            "title": {"text": f"{len(units)} units"}}  # fmt: skip
    if not one.gates:  # a plain cell: its state is all there is to see
        state = _heatmap(trace, one.h_TH, parts, units, count) | {"coloraxis": None, "colorscale": SEQUENTIAL, "zmin": -100, "zmax": 100, "showscale": False}
        return [_Row(f"state h{where}: −1 dark, +1 light (a plain cell has no gates)", HEATMAP_PX, [state], axis)]
    return [
        _Row(f"{name}{where}: 0 dark, 1 light{_polarity(name)}", HEATMAP_PX, [_heatmap(trace, gate_TH, parts, units, count)], axis)
        for name, gate_TH in one.gates.items()
    ]


def _polarity(name: str) -> str:
    return {
        "update gate z": " (light: the unit keeps its old state)",
        "reset gate r": " (dark: the candidate does not see the old state)",
        "forget gate f": " (light: the unit keeps its old cell state)",
    }.get(name, "")


def _parts(one: Tape) -> dict[str, NDArray[Any]]:
    """Every part of a step, by its letter."""
    if isinstance(one, GRUTape):
        return {"z": one.z_TH, "r": one.r_TH, "n": one.n_TH, "h": one.h_TH}
    if isinstance(one, LSTMTape):
        return {"f": one.f_TH, "i": one.i_TH, "g": one.g_TH, "o": one.o_TH, "c": one.c_TH, "h": one.h_TH}
    return {"h": one.h_TH}


def percent(values: NDArray[Any]) -> NDArray[np.int8]:
    """Values in [-1, 1] in whole hundredths, a byte each: what a screen can show, at an eighth of the bytes."""
    return np.rint(np.clip(values, -1.27, 1.27) * 100).astype(np.int8)


def _heatmap(trace: GateTrace, values_TH: NDArray[Any], parts: dict[str, NDArray[Any]], units: NDArray[np.intp], count: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "heatmap", "z": percent(values_TH[:count, units].T), "coloraxis": "coloraxis", "xaxis": "x", "name": "",
        "y": [f"unit {i}" for i in units], "hovertemplate": "%{y}, step %{x}<br>%{z} hundredths<extra></extra>",
    }  # fmt: skip
    if count * len(units) <= DETAILED_CELLS:
        item["customdata"] = np.stack([percent(part[:count, units].T) for part in parts.values()], -1)
        letters = "  ".join(f"{name} %{{customdata[{i}]}}" for i, name in enumerate(parts))
        item["hovertemplate"] = f"<b>%{{y}}</b>, step %{{x}}, in hundredths:<br>{letters}<extra></extra>"
    return item


def _mean_row(one: Tape, where: str, count: int) -> _Row:
    """Mean over units, with the band that holds the middle 80 % of them."""
    bands = one.gates or {"state h": one.h_TH}
    traces: list[dict[str, Any]] = []
    x = np.arange(count)
    for (name, part_TH), line in zip(bands.items(), LINES, strict=False):
        letter = name.split()[-1]
        low_T, high_T = np.quantile(part_TH[:count], [0.1, 0.9], axis=1) if count else (x, x)
        fill = {"type": "scatter", "mode": "lines", "x": x, "xaxis": "x", "line": {"width": 0}, "hoverinfo": "skip"}
        traces += [fill | {"y": _hundredths(low_T)}, fill | {"y": _hundredths(high_T), "fill": "tonexty", "fillcolor": translucent(line["color"], 0.18)}]
        traces.append({
            "type": "scatter", "mode": "lines", "x": x, "xaxis": "x", "y": _hundredths(part_TH[:count].mean(1)), "line": line,
            "name": f"mean {letter}", "hovertemplate": f"mean {letter} %{{y:.2f}}<extra></extra>",
        })  # fmt: skip
    keys = ", ".join(f"<span style='color:{line['color']}'>{name.split()[-1]}</span> {_dash(line)}" for name, line in zip(bands, LINES, strict=False))
    axis = {"range": [0, 1] if one.gates else [-1, 1], "zeroline": False, "nticks": 5}
    return _Row(f"mean over units, and the band of the middle 80 %{where}: {keys}", LINES_PX, traces, axis)


def _dash(line: dict[str, Any]) -> str:
    return {"solid": "(line)", "dash": "(dashed)", "dot": "(dotted)", "dashdot": "(dash-dot)"}[line.get("dash", "solid")]


def _hundredths(values: NDArray[Any]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _unit_row(one: Tape, unit: int, where: str, count: int) -> _Row:
    x, parts = np.arange(count), _parts(one)
    lines = [*LINES, {"color": LINES[0]["color"], "width": 1}, {"color": LINES[1]["color"], "width": 1}]
    traces = [
        {"type": "scatter", "mode": "lines", "x": x, "xaxis": "x", "y": part_TH[:count, unit], "line": line,
         "hovertemplate": f"{name} %{{y:.2f}}<extra></extra>", "name": name}
        for (name, part_TH), line in zip(parts.items(), lines, strict=False)
    ]  # fmt: skip
    keys = ", ".join(f"<span style='color:{line['color']}'>{name}</span> {_dash(line)}" for name, line in zip(parts, lines, strict=False))
    return _Row(f"unit {unit} alone{where}: {keys}", LINES_PX, traces, {"zeroline": True, "nticks": 5})


def strip_html(trace: GateTrace, quantity: str, *, layer: int = 0, direction: str = "forward", steps: int = MAX_STEPS) -> str:
    """The text itself, each character on the colour of a quantity, as an HTML fragment; hovering gives the numbers."""
    values_T, unit = quantities(trace, trace.tape(layer, direction))[quantity]
    values_T = values_T[:steps]
    low, high = _range(values_T)
    scaled_T = np.nan_to_num((values_T - low) / (high - low if high > low else 1.0))
    palette = sample_colorscale(get_colorscale(SEQUENTIAL), [i / 15 for i in range(16)])
    spans = []
    for position, (character, value, level) in enumerate(zip(trace.text, values_T, (scaled_T * 15).round().astype(int), strict=False)):
        known = np.isfinite(value)
        style = f"background:{palette[level]};color:{'#111' if level > 8 else '#fff'}" if known else ""
        title = f"step {position}: {quantity} {value:.2f} {unit}" if known else f"step {position}: {quantity} not defined"
        spans.append(f'<span title="{title}" style="{style}">{escaped(visible(character))}</span>' + ("<br>" if character == "\n" else ""))
    return (
        '<div dir="auto" style="font-family:ui-monospace,monospace;font-size:1.05rem;line-height:1.75;'
        f'overflow-wrap:anywhere">{"".join(spans)}</div>'
    )


def frame(trace: GateTrace, *, layer: int = 0, direction: str | None = None) -> pd.DataFrame:
    """Every part of every unit at every step of one layer: one line a (direction, step, unit)."""
    frames = []
    for name in trace.config.directions if direction is None else (direction,):
        one = trace.tape(layer, name)
        steps, hidden = one.h_TH.shape
        columns: dict[str, Any] = {
            "direction": name, "step": np.repeat(np.arange(steps), hidden), "character": np.repeat(np.array(list(trace.text), dtype=object), hidden),
            "unit": np.tile(np.arange(hidden), steps),
        }  # fmt: skip
        frames.append(pd.DataFrame(columns | {letter: part.ravel() for letter, part in _parts(one).items()}))
    return pd.concat(frames, ignore_index=True)


def step_frame(trace: GateTrace, *, layer: int = 0, direction: str | None = None) -> pd.DataFrame:
    """What is drawn per step: character, every quantity of the strip, mean and 10-90 % band of every gate."""
    columns: dict[str, Any] = {"step": np.arange(len(trace)), "character": list(trace.text)}
    for name in trace.config.directions if direction is None else (direction,):
        one = trace.tape(layer, name)
        prefix = f"{name} " if direction is None and len(trace.config.directions) > 1 else ""
        columns |= {(q if q == "surprise" else prefix + q) + (f" ({u})" if u else ""): v for q, (v, u) in quantities(trace, one).items()}
        for gate, gate_TH in one.gates.items():
            low_T, high_T = np.quantile(gate_TH, [0.1, 0.9], axis=1) if len(trace) else (np.zeros(0), np.zeros(0))
            columns |= {f"{prefix}{gate.split()[-1]} 10 %": low_T, f"{prefix}{gate.split()[-1]} 90 %": high_T}
    return pd.DataFrame(columns)
