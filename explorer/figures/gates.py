"""The gate tape: text, gates, state and surprise of one layer on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from explorer.figures.figure import Figure
from explorer.figures.perplexity import surprise_row
from explorer.figures.style import (
    LINES,
    MARGIN,
    SEQUENTIAL,
    coloured,
    decimals,
    escaped,
    line_trace,
    translucent,
    visible,
)
from explorer.probes.gates import GateTrace, GRUTape, LSTMTape, Tape, memory_time
from explorer.probes.perplexity import NATS_PER_BIT, Floats

ORDERS = ("memory time", "mean", "index")
MAX_STEPS = 2_000
LETTERED_STEPS = 110  # up to here the characters themselves fit under the tape
DETAILED_CELLS = 150_000  # up to here hovering also says what is not drawn: candidate and state
STRIP_PX, LINES_PX, GAP_PX = 26, 130, 40
LEAST_HEATMAP_PX, MOST_HEATMAP_PX = 144, 288
PALETTE = sample_colorscale(SEQUENTIAL, [i / 15 for i in range(16)])


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
    trace: GateTrace,
    *,
    layer: int = 0,
    direction: str | None = None,
    order: str = "memory time",
    quantity: str = "surprise",
    unit: int | None = None,
    steps: int = MAX_STEPS,
) -> Figure:
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
        where = f" ({trace.config.name_of(one.net.direction)})" if len(tapes) > 1 else ""
        rows += _heatmap_rows(one, unit_order(one, order), where, count)
        if unit is not None and unit < one.h_TH.shape[1]:
            rows.append(_unit_row(one, unit, where, count))
        rows.append(_mean_row(one, where, count))
    rows.append(_Row(*surprise_row(trace, count)))
    return _stack(rows, trace, count)


def _stack(rows: list[_Row], trace: GateTrace, count: int) -> Figure:
    """Rows on one x axis, so that one cursor runs through all of them."""
    total = sum(row.height_px + GAP_PX for row in rows)
    layout: dict[str, Any] = {
        "height": total + MARGIN["t"] + MARGIN["b"],
        "margin": MARGIN,
        "hovermode": "x",
        "hoversubplots": "axis",
        "showlegend": False,
        "annotations": [],
        "coloraxis": {"cmin": 0, "cmax": 100, "colorscale": SEQUENTIAL, "showscale": False},
        "xaxis": _x_axis(trace, count) | {"anchor": f"y{len(rows)}"},
    }
    data: list[dict[str, Any]] = []
    top = float(total)
    for number, row in enumerate(rows, 1):
        suffix = "" if number == 1 else str(number)
        domain = [max(top - GAP_PX - row.height_px, 0) / total, (top - GAP_PX) / total]
        # automargin off: it would lay everything out twice, and the margins are ours already.
        layout[f"yaxis{suffix}"] = row.axis | {"domain": domain, "anchor": "x", "fixedrange": True, "automargin": False}
        layout["annotations"].append(_title(row.title, domain[1]))
        data += [item | {"yaxis": f"y{suffix}"} for item in row.traces]
        top -= row.height_px + GAP_PX
    return Figure({"data": data, "layout": layout})


def _title(text: str, y: float) -> dict[str, Any]:
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": y, "yref": "paper", "yanchor": "bottom"}
    return place | {"text": text, "showarrow": False, "font": {"size": 13}}


def _x_axis(trace: GateTrace, count: int) -> dict[str, Any]:
    axis = {
        "title": {"text": "step"},
        "range": [-0.5, max(count, 1) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "automargin": False,
        "showspikes": True,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "solid",
    }
    if 0 < count <= LETTERED_STEPS:
        letters = {"tickvals": list(range(count)), "ticktext": _characters(trace, count), "tickangle": 0, "ticks": ""}
        axis |= letters | {"tickfont": {"size": 13 if count <= 60 else 11}}
    return axis


def _characters(trace: GateTrace, count: int) -> list[str]:
    return [escaped(visible(c)) for c in trace.text[:count]]


def _strip_row(trace: GateTrace, one: Tape, quantity: str, count: int) -> _Row:
    values_T, unit = quantities(trace, one)[quantity]
    shown_T = values_T[:count].astype(np.float32)
    low, high = _range(shown_T)
    strip = {
        "type": "heatmap",
        "z": shown_T.reshape(1, -1),
        "zmin": low,
        "zmax": high,
        "colorscale": SEQUENTIAL,
        "showscale": False,
        "text": [_characters(trace, count)],
        "xaxis": "x",
        "hovertemplate": f"%{{text}} {quantity} %{{z:.2f}} {unit}<extra></extra>",
    }
    title = f"{quantity}: {decimals(low)} dark, {decimals(high)} light" + (f", in {unit}" if unit else "")
    return _Row(title, STRIP_PX, [strip], {"visible": False})


def _range(values_T: NDArray[Any]) -> tuple[float, float]:
    """Lowest and highest defined value; a strip may use its own range because the range is written above it."""
    defined = values_T[np.isfinite(values_T)]
    return (float(defined.min()), float(defined.max())) if defined.size else (0.0, 0.0)


def _heatmap_rows(one: Tape, units: NDArray[np.intp], where: str, count: int) -> list[_Row]:
    height = min(max(len(units), LEAST_HEATMAP_PX), MOST_HEATMAP_PX)  # a pixel a unit where it can be
    axis = {"autorange": "reversed", "showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    axis["title"] = {"text": f"{len(units)} units"}
    if not one.gates:  # a plain cell: its state is all there is to see
        state = _heatmap("h", one.h_TH, {}, units, count) | {"colorscale": SEQUENTIAL, "zmin": -100, "zmax": 100}
        del state["coloraxis"]
        return [_Row(f"<b>state h</b>{where}: dark −1, light +1", height, [state | {"showscale": False}], axis)]
    # One cursor runs through all heatmaps, so each says its own gate, and the other parts are shared out among them.
    letters = [name.split()[-1] for name in one.gates]
    others = {letter: part_TH for letter, part_TH in _parts(one).items() if letter not in letters}
    if count * len(units) > DETAILED_CELLS:
        others = {}
    rows = []
    for letter, (name, gate_TH) in zip(letters, one.gates.items(), strict=True):
        said = {other: others.pop(other) for other in list(others)[:2]}
        item = _heatmap(letter, gate_TH, said, units, count)
        rows.append(_Row(f"<b>{name}</b>{where}: {_polarity(name)}", height, [item], axis))
    return rows


def _polarity(name: str) -> str:
    return {
        "update gate z": "light keeps the old state, dark renews it",
        "reset gate r": "light sees the old state, dark forgets it",
        "forget gate f": "light keeps the cell state, dark drops it",
        "input gate i": "light writes the candidate, dark does not",
        "output gate o": "light shows the cell state, dark hides it",
    }[name]


def _parts(one: Tape) -> dict[str, Floats]:
    """Every part of a step, by its letter."""
    if isinstance(one, GRUTape):
        return {"z": one.z_TH, "r": one.r_TH, "n": one.n_TH, "h": one.h_TH}
    if isinstance(one, LSTMTape):
        return {"f": one.f_TH, "i": one.i_TH, "g": one.g_TH, "o": one.o_TH, "c": one.c_TH, "h": one.h_TH}
    return {"h": one.h_TH}


def percent(values: NDArray[Any]) -> NDArray[Any]:
    """Values in [-1, 1] in whole hundredths, a byte each: what a screen can show, at an eighth of the bytes.

    With NaN among them, which no byte can be, floats: those of a diverged model are not drawn.
    """
    hundredths = np.rint(np.clip(values, -1.27, 1.27) * 100)
    kept: NDArray[Any] = hundredths.astype(np.float32 if np.isnan(hundredths).any() else np.int8)
    return kept


def _heatmap(
    letter: str, values_TH: Floats, said: dict[str, Floats], units: NDArray[np.intp], count: int
) -> dict[str, Any]:
    """One part of every unit; hovering also says up to two other parts (plotly has two more slots a cell)."""
    hover = f"%{{y}}, in hundredths: {letter} %{{z}}"
    extra: dict[str, Any] = {}
    for slot, (other, part_TH) in zip(("hovertext", "customdata"), said.items(), strict=False):
        extra[slot] = percent(part_TH[:count, units].T)
        hover += f"  {other} %{{{slot}}}"
    return extra | {
        "type": "heatmap",
        "z": percent(values_TH[:count, units].T),
        "coloraxis": "coloraxis",
        "xaxis": "x",
        "y": [f"unit {i}" for i in units],
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _mean_row(one: Tape, where: str, count: int) -> _Row:
    """Mean over units, with the band that holds the middle 80 % of them."""
    drawn = dict(zip(one.gates or {"state h": one.h_TH}, LINES, strict=False))
    x = np.arange(count)
    traces: list[dict[str, Any]] = []
    for name, line in drawn.items():
        part_TH = one.gates.get(name, one.h_TH)[:count]
        low_T, high_T = _middle(part_TH)
        band = {"fill": "tonexty", "fillcolor": translucent(line["color"], 0.18)}
        mean_T = part_TH.mean(1, dtype=np.float64).astype(np.float32)
        traces += [
            line_trace(x, low_T.astype(np.float32), {"width": 0}),
            line_trace(x, high_T.astype(np.float32), {"width": 0}, **band),
            line_trace(x, mean_T, line, f"mean {name.split()[-1]} %{{y:.2f}}"),
        ]
    axis = {"range": [0, 1] if one.gates else [-1, 1], "zeroline": False, "nticks": 5}
    title = f"mean and middle 80 % of the units{where}: {_key({n.split()[-1]: v for n, v in drawn.items()})}"
    return _Row(title, LINES_PX, traces, axis)


def _middle(part_TH: Floats) -> NDArray[Any]:
    """The ends of the band that holds the middle 80 % of the units, (2, T)."""
    if not len(part_TH):
        return np.zeros((2, 0))
    with np.errstate(invalid="ignore"):  # of a diverged model
        ends_2T: NDArray[Any] = np.quantile(part_TH, [0.1, 0.9], axis=1)
    return ends_2T


def _unit_row(one: Tape, unit: int, where: str, count: int) -> _Row:
    """Every part of one unit alone."""
    x, parts = np.arange(count), _parts(one)
    drawn = dict(zip(parts, LINES, strict=False))
    traces = [line_trace(x, parts[name][:count, unit], line, f"{name} %{{y:.2f}}") for name, line in drawn.items()]
    return _Row(f"<b>unit {unit}</b> alone{where}: {_key(drawn)}", LINES_PX, traces, {"zeroline": True, "nticks": 5})


def _key(drawn: dict[str, dict[str, Any]]) -> str:
    """The lines of a row, in words: name, colour and dash."""
    dashes = {"solid": "line", "dash": "dashed", "dot": "dotted", "dashdot": "dash-dotted", "longdash": "long dashes"}
    return ", ".join(
        coloured(f"{name} ({dashes.get(line.get('dash', 'solid'), 'thin')})", line["color"])
        for name, line in drawn.items()
    )


def strip_html(
    trace: GateTrace, quantity: str, *, layer: int = 0, direction: str = "forward", steps: int = MAX_STEPS
) -> str:
    """The text itself, each character on the colour of a quantity, as an HTML fragment; hovering gives the numbers."""
    values_T, unit = quantities(trace, trace.tape(layer, direction))[quantity]
    values_T = values_T[:steps]
    low, high = _range(values_T)
    scaled_T = np.nan_to_num((values_T - low) / (high - low if high > low else 1.0))
    spans = []
    for position, (character, value, level) in enumerate(
        zip(trace.text, values_T, (scaled_T * 15).round().astype(int), strict=False)
    ):
        known = np.isfinite(value)
        style = f"background:{PALETTE[level]};color:{'#111' if level > 8 else '#fff'}" if known else ""
        title = (
            f"step {position}: {quantity} {decimals(value)} {unit}"
            if known
            else f"step {position}: {quantity} not defined"
        )
        spans.append(
            f'<span title="{title}" style="{style}">{escaped(visible(character))}</span>'
            + ("<br>" if character == "\n" else "")
        )
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
            "direction": name,
            "step": np.repeat(np.arange(steps), hidden),
            "character": np.repeat(np.array(list(trace.text), dtype=object), hidden),
            "unit": np.tile(np.arange(hidden), steps),
        }
        frames.append(pd.DataFrame(columns | {letter: part_TH.ravel() for letter, part_TH in _parts(one).items()}))
    return pd.concat(frames, ignore_index=True)


def step_frame(trace: GateTrace, *, layer: int = 0, direction: str | None = None) -> pd.DataFrame:
    """What is drawn per step: character, every quantity of the strip, and the 10-90 % band of every gate."""
    columns: dict[str, Any] = {"step": np.arange(len(trace)), "character": list(trace.text)}
    directions = trace.config.directions if direction is None else (direction,)
    for name in directions:
        one = trace.tape(layer, name)
        prefix = f"{name} " if len(directions) > 1 else ""
        for quantity, (values_T, unit) in quantities(trace, one).items():
            column = quantity if quantity == "surprise" else prefix + quantity
            columns[f"{column} ({unit})" if unit else column] = values_T
        for gate, gate_TH in one.gates.items():
            low_T, high_T = _middle(gate_TH)
            columns |= {f"{prefix}{gate.split()[-1]} 10 %": low_T, f"{prefix}{gate.split()[-1]} 90 %": high_T}
    return pd.DataFrame(columns)
