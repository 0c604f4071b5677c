"""Where the gradient goes, drawn: the flow triangle, one loss's reach, the paths that carry it, and the clip ledger.

Everything that may be compared has fixed limits: a colour or a height is the same number in every model.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures.figure import Figure
from explorer.figures.style import (
    BLUE,
    GREY,
    LINES,
    MARGIN,
    ORANGE,
    PURPLE,
    SEQUENTIAL,
    coloured,
    escaped,
    line_trace,
    translucent,
    visible,
)
from explorer.probes.clipping import ClipLedger
from explorer.probes.gradients import HALF, HORIZON, GradientFlow
from explorer.probes.jacobians import JacobianPaths
from explorer.probes.weights import WeightGradients
from explorer.recording import EpochRecord

MAX_STEPS = 300  # a triangle has their square
LOW, HIGH = -6, 2  # decades of every gradient norm, as colour and as height
SHARE_LOW, SHARE_HIGH = -4, 1.5  # decades of every share of a local gradient
GAIN_LOW, GAIN_HIGH = -3, 1  # decades of every gain of a step
FLOOR = 1e-300  # a gradient of exactly zero, on a logarithmic axis
LETTERED_STEPS = 110  # whose characters fit under a figure as wide as the page
TRIANGLE_PX, ROW_PX, STRIP_PX = 400, 130, 26
LINE_PX, GAP_PX = 16, 12  # of a title's line, and what is left over it
PATHS = {"copy": LINES[0], "update": LINES[1], "gates": LINES[1], "candidate": LINES[2]}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

UNSEEN_MARKERS: dict[str, Any] = {"mode": "lines+markers", "marker": {"opacity": 0, "size": 9}} | {
    state: {"marker": {"opacity": 0}} for state in ("selected", "unselected")
}
ROUND = [mantissa * 10.0**decade for decade in range(-6, 7) for mantissa in (1, 2, 5)]
"""Ticks of a logarithmic axis of a few decades."""

Row = tuple[str, int, list[dict[str, Any]], dict[str, Any]]
"""One row of a stack: title, height in pixels, traces, y axis."""


def flow(
    flow: GradientFlow,
    paths: JacobianPaths | None = None,
    row: int | None = None,
    steps: int = MAX_STEPS,
    columns: int = 1,
) -> Figure:
    """The gradient flow of one net over a text: triangle, whole-text gradient, one chosen loss, and what carries it.

    Args:
        flow: the facts.
        paths: of the same net and text; None leaves out what carries the gradient.
        row: the loss to follow: the step it is read off.
        steps: how many steps are drawn from the first on.
        columns: how many such figures stand beside each other; with more, fewer characters fit under each.

    """
    count = min(len(flow), steps)
    lettered = 0 < count <= LETTERED_STEPS // columns
    rows = [_triangle(flow, row, count, lettered), *_whole(flow, count, lettered)]
    if row is not None and row < count and flow.asked_T[row] >= 0:
        rows.append(_one_loss(flow, row, count))
    if paths is not None and len(paths.gain_T):
        rows.append(_carriers(paths, count, lettered))
    return _stack(rows, flow, count, lettered)


def _stack(rows: list[Row], flow: GradientFlow, count: int, lettered: bool) -> Figure:
    """Rows on one x axis, so that one cursor runs through all of them."""
    total = sum(height + _over(title) for title, height, _, _ in rows)
    layout: dict[str, Any] = {
        "height": total + MARGIN["t"] + MARGIN["b"],
        "margin": MARGIN,
        "hovermode": "closest",
        "showlegend": False,
        "annotations": [],
        "coloraxis": {
            "cmin": LOW, "cmax": HIGH, "colorscale": SEQUENTIAL,
            "colorbar": _colour_bar(total, *rows[0][:2], left=flow.backward),
        },
        "xaxis": _x_axis(flow, count, lettered) | {"anchor": f"y{len(rows)}"},
    }  # fmt: skip
    data: list[dict[str, Any]] = []
    top = float(total)
    for number, (title, height, traces, axis) in enumerate(rows, 1):
        suffix = "" if number == 1 else str(number)
        top -= _over(title)
        domain = [max(top - height, 0) / total, top / total]
        layout[f"yaxis{suffix}"] = axis | {"domain": domain, "anchor": "x", "fixedrange": True}
        layout["annotations"].append(_note(title, domain[1]))
        data += [trace | {"yaxis": f"y{suffix}"} for trace in traces]
        top -= height
    return Figure({"data": data, "layout": layout})


def _over(title: str) -> int:
    """Pixels over a row: its title's lines, and a gap."""
    return GAP_PX + LINE_PX * (title.count("<br>") + 1) * bool(title)


def _note(text: str, y: float) -> dict[str, Any]:
    """A title over a row."""
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": y, "yref": "paper", "yanchor": "bottom"}
    return place | {"text": text, "showarrow": False, "align": "left", "font": {"size": 13}}


def _colour_bar(total: int, title: str, height: int, *, left: bool) -> dict[str, Any]:
    """In the corner of the triangle's row that the triangle leaves free."""
    ticks = list(range(LOW, HIGH + 1, 2))
    top, bottom = total - _over(title) - 6, total - _over(title) - height + 6
    place = {"x": 0.02, "xanchor": "left", "y": bottom / total, "yanchor": "bottom"} if left else {
        "x": 0.98, "xanchor": "right", "y": top / total, "yanchor": "top"}  # fmt: skip
    words = {"tickvals": ticks, "ticktext": [power(tick) for tick in ticks], "ticks": ""}
    return place | words | {"thickness": 10, "outlinewidth": 0, "ypad": 0, "xpad": 0, "len": 0.5 * height / total}


def power(exponent: int) -> str:
    """10 to a power, as one writes it."""
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _x_axis(flow: GradientFlow, count: int, lettered: bool) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": "step whose state is reached"},
        "range": [-0.5, max(count, 1) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "showspikes": True,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "solid",
        "spikesnap": "cursor",
    }
    if lettered:
        letters = [escaped(visible(c)) for c in flow.text[:count]]
        axis |= {"tickvals": list(range(count)), "ticktext": letters, "tickangle": 0, "ticks": ""}
        axis["tickfont"] = {"size": 13 if count <= 45 else 10 if count <= 70 else 8}
    return axis


def _step(lettered: bool) -> str:
    """A step in a hover text: its number, and its character where the axis has them."""
    return "step %{x:d} “%{x}”" if lettered else "step %{x:d}"


def _decades(low: float, high: float, step: int = 2) -> dict[str, Any]:
    ticks = [tick for tick in range(int(np.ceil(low)), int(high) + 1) if tick % step == 0]
    words = ["1" if tick == 0 else power(tick) for tick in ticks]
    return {
        "type": "log", "range": [low, high], "tickvals": [10.0**t for t in ticks], "ticktext": words, "zeroline": False,
        "showspikes": False,
    }  # fmt: skip


def log10(norms: NDArray[Any]) -> NDArray[np.float32]:
    """Decades of a norm; zero is drawn as 1e-300."""
    with np.errstate(invalid="ignore"):
        decades: NDArray[np.float32] = np.log10(np.maximum(norms, FLOOR)).astype(np.float32)
    return decades


def _triangle(flow: GradientFlow, row: int | None, count: int, lettered: bool) -> Row:
    heatmap = {
        "type": "heatmap",
        "z": log10(flow.norms_TT[:count, :count]),
        "coloraxis": "coloraxis",
        "xaxis": "x",
        "hoverongaps": False,
        "hovertemplate": f"loss read off step %{{y}}, at the state of {_step(lettered)}: 10^%{{z:.1f}}<extra></extra>",
    }
    traces: list[dict[str, Any]] = [heatmap]
    reach_T = reach(flow)[:count]
    if not np.isnan(reach_T).all():
        line = {"color": ORANGE, "width": 2}
        hover = f"the loss read off step %{{y}} falls under 1 % of its local gradient at {_step(lettered)}"
        traces.append(line_trace(reach_T, np.arange(count), line, hover))
    if row is not None and row < count:
        traces.append(line_trace([-0.5, count - 0.5], [row, row], {"color": GREY, "width": 1.5, "dash": "dot"}))
    reads = "second forward" if flow.net.direction == "backward" and not flow.backward else flow.net.direction
    net = f"layer {flow.net.layer}, {reads}"
    title = f"<b>‖∂L<sub>t</sub>/∂h<sub>k</sub>‖</b>, {net}<br>{coloured('line: 1 % of the local gradient', ORANGE)}"
    axis = {
        "range": [max(count, 1) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
        "title": {"text": "loss read off step"},
    }
    return title, TRIANGLE_PX, traces, axis


def reach(flow: GradientFlow) -> NDArray[np.float64]:
    """For each loss the nearest step at which its gradient is under 1 % of its local one; NaN where there is none."""
    if not len(flow):
        return np.empty(0)
    under_TT = flow.shares_TT < HORIZON
    nearest_T = under_TT.argmax(1) if flow.backward else len(flow) - 1 - under_TT[:, ::-1].argmax(1)
    return np.where(under_TT.any(1), nearest_T, np.nan)


def _whole(flow: GradientFlow, count: int, lettered: bool) -> list[Row]:
    x, norms_T = np.arange(count), flow.step_norms_T[:count]
    known = norms_T[norms_T > 0]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    strip = {
        "type": "heatmap",
        "z": log10(norms_T).reshape(1, -1),
        "zmin": np.log10(low or 1),
        "zmax": np.log10(high or 1),
        "colorscale": SEQUENTIAL,
        "showscale": False,
        "xaxis": "x",
        "hovertemplate": f"{_step(lettered)}: 10^%{{z:.2f}}<extra></extra>",
    }
    hidden = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    hover = f"{_step(lettered)}: gradient %{{y:.2e}}"
    curve = line_trace(
        x, np.where(norms_T > 0, norms_T, np.nan), LINES[0], hover
    )  # zero where no loss is read any more
    title = "<b>‖∂L/∂h<sub>k</sub>‖</b> of the mean loss"
    return [
        (f"{title}:<br>{low:.1e} dark, {high:.1e} light", STRIP_PX, [strip], hidden),
        ("", ROW_PX, [curve], _decades(LOW, HIGH)),
    ]


def _one_loss(flow: GradientFlow, row: int, count: int) -> Row:
    steps = np.arange(row, count) if flow.backward else np.arange(min(row + 1, count))
    norms = np.maximum(flow.norms_TT[row, steps], FLOOR)
    letters = [escaped(visible(flow.text[k])) for k in steps]
    shares = flow.shares_TT[row, steps]
    hover = "“%{customdata[0]}” at step %{x:d}: %{y:.2e}, %{customdata[1]:.3%} of the local gradient"
    markers = {"mode": "lines+markers", "marker": {"size": 4}}
    line = line_trace(steps, norms, LINES[1], hover, customdata=list(zip(letters, shares, strict=True)), **markers)
    one_percent = HORIZON * float(flow.local_T[row])
    limit = line_trace(
        [-0.5, count - 0.5], [max(one_percent, FLOOR)] * 2, {"color": GREY, "width": 1.5, "dash": "dash"}
    )
    asked = escaped(visible(flow.text[int(flow.asked_T[row])]))
    title = f"<b>the loss of “{asked}”</b>, step {row};<br>{coloured('its 1 % (dashed)', GREY)}"
    return title, ROW_PX, [line, limit], _decades(LOW, HIGH)


def _carriers(paths: JacobianPaths, count: int, lettered: bool) -> Row:
    x = np.arange(count)
    traces = [
        line_trace(x, np.maximum(gain_T[:count], FLOOR), PATHS[path], f"{_step(lettered)}: {path} %{{y:.3f}}")
        for path, gain_T in paths.carried.items()
    ]
    whole = {"color": GREY, "width": 3}
    traces.insert(
        0, line_trace(x, np.maximum(paths.gain_T[:count], FLOOR), whole, f"{_step(lettered)}: together %{{y:.3f}}")
    )
    traces.append(_at_one(count))
    names = [coloured(path + _dash(PATHS[path]), PATHS[path]["color"]) for path in paths.carried]
    title = "<b>what a step back leaves</b><br>" + _listed([*names, coloured("all (thick)", GREY)])
    return title, ROW_PX + 30, traces, _decades(GAIN_LOW, GAIN_HIGH, 1)


def _listed(names: Sequence[str]) -> str:
    """Names, two in a line: a column can be narrow."""
    pairs = [", ".join(names[i : i + 2]) for i in range(0, len(names), 2)]
    return ",<br>".join(pairs)


def _dash(line: dict[str, Any]) -> str:
    return {"dash": " (dashed)", "dot": " (dotted)"}.get(line.get("dash", ""), "")


def _at_one(count: int) -> dict[str, Any]:
    return line_trace([-0.5, count - 0.5], [1, 1], {"color": GREY, "width": 1})


def singular_values(flow: GradientFlow, paths: JacobianPaths, steps: int = MAX_STEPS, columns: int = 1) -> Figure:
    """What each path could carry at most, the band from sigma_min to sigma_max of J_t, and the line at 1."""
    count = min(len(paths.sigma_max_T), steps)
    x = np.arange(count)
    low_T = np.maximum(paths.sigma_min_T[:count], 10.0 ** (GAIN_LOW - 1))
    thin = {"width": 0, "color": GREY}
    band = [
        line_trace(x, low_T, thin, customdata=paths.sigma_min_T[:count], hover="σ min %{customdata:.2e}"),
        line_trace(
            x, paths.sigma_max_T[:count], thin, "σ max %{y:.3f}", fill="tonexty", fillcolor=translucent(GREY, 0.25)
        ),
    ]
    lines = [
        line_trace(x, np.maximum(norm_T[:count], FLOOR), PATHS[path], f"{path} at most %{{y:.3f}}")
        for path, norm_T in paths.norms.items()
    ]
    names = [coloured(path + _dash(PATHS[path]), PATHS[path]["color"]) for path in paths.norms]
    title = f"<b>σ max</b> of<br>{_listed(names)}<br>{coloured('band: σ min to σ max of the whole step', GREY)}"
    row = (title, ROW_PX + 70, [*band, *lines, _at_one(count)], _decades(GAIN_LOW, GAIN_HIGH, 1))
    figure = _stack([row], flow, count, 0 < count <= LETTERED_STEPS // columns)
    figure.update_layout(hovermode="x", coloraxis={"showscale": False})
    return figure


def by_lag(flows: Mapping[str, GradientFlow]) -> Figure:
    """The median share of the local gradient by lag, with its fitted slope; one line a model, beside lambda_1."""
    traces: list[dict[str, Any]] = []
    names = []
    longest = max((len(one) for one in flows.values()), default=1)
    for (name, one), line in zip(flows.items(), LINES, strict=False):
        lags = np.flatnonzero(one.rows_L)
        hover = f"{escaped(name)}, lag %{{x}}: %{{y:.3%}}"
        traces.append(line_trace(lags, np.maximum(one.median_L[lags], FLOOR), line, hover))
        said = f"{coloured(escaped(name) + _dash(line), line['color'])}"
        if one.fit is not None:
            slope, intercept = one.fit
            ends = np.array([0, max(int(lags[-1]), 1)])
            thin = {"color": line["color"], "width": 1}
            traces.append(line_trace(ends, np.maximum(np.exp(intercept + slope * ends), FLOOR), thin))
            said += f" {slope:+.3f}"
        if np.isfinite(one.lambda_1):
            said += f", λ₁ {one.lambda_1:+.3f}"
        names.append(said)
    dotted = {"color": GREY, "width": 1, "dash": "dot"}
    traces += [line_trace([0, longest], [share, share], dotted) for share in (HALF, HORIZON)]
    layout = {
        "height": 290 + 18 * len(names),
        "margin": MARGIN | {"t": 12 + 18 * len(names)},
        "showlegend": False,
        "annotations": [_note("<br>".join(names), 1)],
        "xaxis": {"title": {"text": "lag in steps"}, "rangemode": "tozero", "zeroline": False},
        "yaxis": _decades(SHARE_LOW, SHARE_HIGH, 1)
        | {"tickvals": [1e-4, 1e-3, HORIZON, 0.1, HALF, 1, 10], "ticktext": ["0.01 %", "0.1 %", "1 %", "10 %", "½", "1", "10"]},
    }  # fmt: skip
    return Figure({"data": traces, "layout": layout})


def weights(gradients: WeightGradients, flow: GradientFlow, steps: int = MAX_STEPS, columns: int = 1) -> Figure:
    """What each step adds to the gradient of each weight matrix; in the title, how much of it survives the sum."""
    count = min(len(flow), steps)
    lettered = 0 < count <= LETTERED_STEPS // columns
    names = [name for name in gradients.norms_T if "bias" not in name]
    traces, said = [], []
    for name, line in zip(names, itertools.cycle(LINES)):
        short = name.removeprefix("rnn.")
        norms_T = gradients.norms_T[name][:count]
        drawn_T = np.where(norms_T > 0, norms_T, np.nan)  # the last step, off which no loss is read, adds nothing
        traces.append(line_trace(np.arange(count), drawn_T, line, f"{_step(lettered)}: {short} %{{y:.2e}}"))
        share = gradients.surviving_share[name]
        said.append(coloured(f"{short}{_dash(line)} {share:.0%}", line["color"]))
    title = "<b>what each step adds</b>; of it survives the sum:<br>" + _listed(said)
    figure = _stack([(title, ROW_PX + 70, traces, _decades(LOW, HIGH))], flow, count, lettered)
    figure.update_layout(hovermode="x", coloraxis={"showscale": False}, xaxis_title_text="step at which it is used")
    return figure


def weights_frame(gradients: WeightGradients, flow: GradientFlow) -> pd.DataFrame:
    """Per step: the norm of what it adds to the gradient of each parameter."""
    return pd.DataFrame({"step": np.arange(len(flow)), "character": list(flow.text), **gradients.norms_T})


def clip(ledger: ClipLedger) -> Figure:
    """Norms of every parameter's gradient before and after clipping by norm, and of all together, with theta."""
    names = ["all together", *(entry.name.removeprefix("rnn.") for entry in ledger.parameters)]
    before = [ledger.norm_before, *(entry.norm_before for entry in ledger.parameters)]
    after = [ledger.norm_after, *(entry.norms_after["norm"] for entry in ledger.parameters)]
    shares = [1.0, *(entry.share for entry in ledger.parameters)]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": np.maximum(values, 10.0**LOW),
            "customdata": list(zip(values, shares, strict=True)),
            "marker": {"color": colour},
            "hovertemplate": f"%{{y}}, {name}: %{{customdata[0]:.3e}}; %{{customdata[1]:.1%}} of ‖g‖²<extra></extra>",
        }
        for name, values, colour in (("before", before, translucent(GREY, 0.6)), ("after", after, BLUE))
    ]
    theta = line_trace([ledger.max_norm] * 2, [names[0], names[-1]], {"color": ORANGE, "width": 2, "dash": "dash"})
    words = f"{coloured('before', GREY)}, {coloured('after', BLUE)}, {coloured('θ (dashed)', ORANGE)}"
    layout = {
        "height": 60 + MARGIN["b"] + 34 * len(names),
        "margin": MARGIN | {"l": 110},
        "barmode": "group",
        "bargap": 0.25,
        "showlegend": False,
        "annotations": [_note(words, 1)],
        "xaxis": _decades(LOW, HIGH) | {"title": {"text": "norm of the gradient"}, "tickangle": 0},
        "yaxis": {"autorange": "reversed", "type": "category"},
    }
    return Figure({"data": [*bars, theta], "layout": layout})


def clip_history(history: Sequence[EpochRecord], clip_norm: float | None, chosen: int) -> Figure:
    """Norms before and after clipping during training, epoch by epoch, theta, and the share of steps that were clipped."""
    epochs = np.array([e.epoch for e in history])
    columns = ("grad_norm_before_max", "grad_norm_before", "grad_norm_after", "clipped_share")
    largest, before, after, share = (np.array([getattr(e, name) for e in history]) for name in columns)
    dotted = {"color": GREY, "width": 1, "dash": "dot"}
    # plotly lets one click on markers only, so there are some that are not seen.
    traces = [
        line_trace(epochs, largest, dotted, "largest %{y:.3g}", **UNSEEN_MARKERS),
        line_trace(epochs, before, {"color": GREY, "width": 2}, "before %{y:.3g}", **UNSEEN_MARKERS),
        line_trace(epochs, after, LINES[0], "after %{y:.3g}", **UNSEEN_MARKERS),
        line_trace(epochs, share, {"color": PURPLE, "width": 2}, "clipped %{y:.0%}", yaxis="y2", **UNSEEN_MARKERS),
    ]
    if clip_norm is not None:
        dashed = {"color": ORANGE, "width": 2, "dash": "dash"}
        traces.append(line_trace([0, epochs[-1]], [clip_norm, clip_norm], dashed))
    words = [("before (dotted: largest)", GREY), ("after", BLUE), ("θ (dashed)", ORANGE)]
    notes = [(", ".join(coloured(*word) for word in words), 1), (coloured("share of steps clipped", PURPLE), 0.3)]
    chosen_line = {"type": "line", "x0": chosen, "x1": chosen, "y0": 0, "y1": 1, "yref": "paper"}
    axis = {
        "title": {"text": "epoch"},
        "zeroline": False,
        "showgrid": False,
        "anchor": "y2",
        "range": [0, epochs[-1] * 1.01],
    }
    layout = {
        "height": 340,
        "margin": MARGIN,
        "showlegend": False,
        "hovermode": "x unified",
        "clickmode": "event+select",
        "xaxis": axis,
        "yaxis": {"type": "log", "domain": [0.45, 1], "tickvals": ROUND, "ticktext": [f"{tick:g}" for tick in ROUND]},
        "yaxis2": {"range": [-0.03, 1.03], "tickformat": ".0%", "domain": [0, 0.3], "zeroline": False, "nticks": 3},
        "shapes": [chosen_line | {"line": {"color": ORANGE, "width": 1.5, "dash": "dot"}}],
        "annotations": [_note(text, y) for text, y in notes],
    }
    return Figure({"data": traces, "layout": layout})


def clip_history_frame(history: Sequence[EpochRecord]) -> pd.DataFrame:
    """The history of a run, one line an epoch."""
    return pd.DataFrame([asdict(record) for record in history])


def frame(flow: GradientFlow) -> pd.DataFrame:
    """Every norm of the triangle: one line a (loss, step)."""
    losses, steps = np.nonzero(~np.isnan(flow.norms_TT))
    letters = np.array(list(flow.text), dtype=object)
    columns: dict[str, Any] = {
        "read off step": losses,
        "character asked": letters[flow.asked_T[losses]],
        "step": steps,
        "character": letters[steps],
        "gradient": flow.norms_TT[losses, steps],
        "share of local": flow.shares_TT[losses, steps],
    }
    if len(flow.parts) > 1:
        columns |= {f"gradient at {part} alone": norms_TT[losses, steps] for part, (norms_TT, _) in flow.parts.items()}
    return pd.DataFrame(columns)


def step_frame(flow: GradientFlow, paths: JacobianPaths) -> pd.DataFrame:
    """Per step: the gradient of the text's mean loss, and what a step back leaves of it by each path."""
    columns: dict[str, Any] = {
        "step": np.arange(len(flow)),
        "character": list(flow.text),
        "gradient": flow.step_norms_T,
    }
    if len(paths.gain_T):
        columns |= {f"{path} carries": gain_T for path, gain_T in paths.carried.items()} | {"together": paths.gain_T}
        columns |= {f"{path} at most": norm_T for path, norm_T in paths.norms.items()}
    if len(paths.sigma_max_T):
        columns |= {"sigma max": paths.sigma_max_T, "sigma min": paths.sigma_min_T, "ln product": paths.log_product_T}
    return pd.DataFrame(columns)


def lag_frame(flows: Mapping[str, GradientFlow]) -> pd.DataFrame:
    """Per model and lag: the median share of the local gradient, and how many losses look so far back."""
    parts = [
        pd.DataFrame({"model": name, "lag": np.arange(len(one)), "median share": one.median_L, "losses": one.rows_L})
        for name, one in flows.items()
    ]
    return pd.concat(parts, ignore_index=True)


def clip_frame(ledger: ClipLedger) -> pd.DataFrame:
    """Per parameter: norm before, share of the squared norm, norm after each way of clipping, and the largest entry."""
    return pd.DataFrame(
        [
            {"parameter": entry.name, "norm before": entry.norm_before, "share of squared norm": entry.share}
            | {f"norm after, by {way}": norm for way, norm in entry.norms_after.items()}
            | {"largest entry": entry.largest[0][1], "at": str(entry.largest[0][0])}
            for entry in ledger.parameters
        ]
    )
