"""Where the gradient goes, drawn: the flow triangle, one loss's reach, the paths that carry it, and the clip ledger.

Everything that may be compared has fixed limits: a colour or a height is the same number in every model.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from explorer.figures.figure import Figure
from explorer.figures.hundredths import saying
from explorer.figures.stack import LETTERED_STEPS, LETTERS_PX, LIFT_PX, TITLE_LINE_PX, Row, height_px, note, stack
from explorer.figures.style import (
    BLUE,
    GREY,
    LINES,
    MARGIN,
    ORANGE,
    PLAIN,
    PURPLE,
    SEQUENTIAL,
    broken,
    coloured,
    escaped,
    keyed,
    line_trace,
    number,
    share,
    signed,
    translucent,
    visible,
)
from explorer.figures.tables import BLOCK_ROWS
from explorer.probes.clipping import ClipLedger
from explorer.probes.gradients import HALF, HORIZON, GradientFlow
from explorer.probes.jacobians import JacobianPaths
from explorer.probes.weights import WeightGradients
from explorer.recording import EpochRecord

MAX_STEPS = 300  # a triangle has their square
LOW, HIGH = -6, 2  # decades of every gradient norm, as colour and as height
SHARE_LOW, SHARE_HIGH = -4, 1.5  # decades of every share of a local gradient
GAIN_LOW, GAIN_HIGH = -3, 1  # decades of every gain of a step
FLOATS = np.finfo(np.float32)
FLOOR = 1e-300  # a gradient of exactly zero, on a logarithmic axis
TRIANGLE_PX, ROW_PX, STRIP_PX = 400, 130, 26
STOPS = 8  # colours a decade, between which plotly mixes
WHOLE = {"color": GREY, "width": 3}
LIMIT = {"color": GREY, "width": 1.5, "dash": "dash"}
THETA = {"color": ORANGE, "width": 2, "dash": "dash"}
_EXPONENTS = np.linspace(LOW, HIGH, STOPS * (HIGH - LOW) + 1)
DECADES = [
    [float(place), colour]
    for place, colour in zip(
        (10.0**_EXPONENTS - 10.0**LOW) / (10.0**HIGH - 10.0**LOW),
        sample_colorscale(SEQUENTIAL, np.linspace(0, 1, len(_EXPONENTS))),
        strict=True,
    )
]
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

UNSEEN_MARKERS: dict[str, Any] = {"mode": "lines+markers", "marker": {"opacity": 0, "size": 9}} | {
    state: {"marker": {"opacity": 0}} for state in ("selected", "unselected")
}
ROUND = [mantissa * 10.0**decade for decade in range(-6, 7) for mantissa in (1, 2, 5)]
"""Ticks of a logarithmic axis of a few decades."""


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
    colours = _colours(rows, lettered=lettered, left=flow.backward)
    return _stack(rows, flow, count, lettered, **colours)


def _stack(rows: list[Row], flow: GradientFlow, count: int, lettered: bool, **layout: Any) -> Figure:
    """Rows over the steps of a flow."""
    look: dict[str, Any] = {"hovermode": "closest", "x_title": "step whose state is reached"} | layout
    return stack(rows, flow.labels, count, lettered=lettered, **look)


def _colours(rows: Sequence[Row], *, lettered: bool, left: bool) -> dict[str, Any]:
    """The colours of gradient norms, and the bar that explains them in the corner of the triangle that is free.

    A heatmap of logarithms says logarithms when it is hovered over. This one has the norms themselves, and colours that lie
    on their axis as the powers of ten do; the bar is that of a second axis, in decades.
    """
    bar = _colour_bar(rows[0], height_px(rows) + LETTERS_PX * lettered, left=left)
    return {
        "coloraxis": {"cmin": 10.0**LOW, "cmax": 10.0**HIGH, "showscale": False, "colorscale": DECADES},
        "coloraxis2": {"cmin": LOW, "cmax": HIGH, "colorscale": SEQUENTIAL, "colorbar": bar},
    }


def _colour_bar(first: Row, total: int, *, left: bool) -> dict[str, Any]:
    ticks = list(range(LOW, HIGH + 1, 2))
    top, bottom = total - first.over_px - 6, total - first.over_px - first.height_px + 6
    place = {"x": 0.02, "xanchor": "left", "y": bottom / total, "yanchor": "bottom"} if left else {
        "x": 0.98, "xanchor": "right", "y": top / total, "yanchor": "top"}  # fmt: skip
    words = {"tickvals": ticks, "ticktext": [power(tick) for tick in ticks], "ticks": ""}
    size = {"thickness": 10, "outlinewidth": 0, "ypad": 0, "xpad": 0, "len": 0.5 * first.height_px / total}
    return place | words | size


def power(exponent: int) -> str:
    """10 to a power, as one writes it."""
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


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


def _norms(norms: NDArray[np.float64]) -> NDArray[Any]:
    """Norms as they are sent: in four bytes where those hold them, none becoming zero or infinite."""
    sizes = norms[(norms > 0) & np.isfinite(norms)]
    fits = not sizes.size or (sizes.min() > FLOATS.tiny and sizes.max() < FLOATS.max)
    return norms.astype(np.float32) if fits else norms


def _triangle(flow: GradientFlow, row: int | None, count: int, lettered: bool) -> Row:
    where, state = f"read off step %{{y}}, at the state of<br>{_step(lettered)}", flow.state
    norms_TT = flow.norms_TT[:count, :count]
    said_TT = np.isfinite(norms_TT) & (norms_TT > 0)
    heatmap = {
        "type": "heatmap",
        "z": _norms(np.where(np.isfinite(norms_TT), norms_TT, np.nan)),
        "coloraxis": "coloraxis",
        "xaxis": "x",
        "hoverongaps": False,
        "hovertemplate": f"loss {where}: gradient %{{z{PLAIN}}}<extra></extra>",
    }
    bar = {"type": "heatmap", "z": [[0]], "opacity": 0, "coloraxis": "coloraxis2", "hoverinfo": "skip", "xaxis": "x"}
    traces: list[dict[str, Any]] = [heatmap, bar, *_without_gradient(flow, said_TT, where)]
    reach_T, line = reach(flow)[:count], {"color": ORANGE, "width": 2}
    if not np.isnan(reach_T).all():
        hover = f"the loss read off step %{{y}} falls under 1 %<br>of its local gradient at {_step(lettered)}"
        traces.append(line_trace(reach_T, np.arange(count), line, hover))
    if row is not None and row < count:
        traces.append(line_trace([-0.5, count - 0.5], [row, row], {"color": GREY, "width": 1.5, "dash": "dot"}))
    reads = "second forward" if flow.net.direction == "backward" and not flow.backward else flow.net.direction
    net = f"layer {flow.net.layer}, {reads}"
    title = f"<b>‖∂L<sub>t</sub>/∂{state}<sub>k</sub>‖</b>, {net}<br>{keyed('1 % of the local gradient', line)}"
    axis = {
        "range": [max(count, 1) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
        "title": {"text": "loss read off step"},
    }
    return Row(title, TRIANGLE_PX, traces, axis)


def _without_gradient(flow: GradientFlow, said_TT: NDArray[np.bool_], where: str) -> list[dict[str, Any]]:
    """What hovering says where there is no gradient, and why."""
    count = len(said_TT)
    path_TT = np.tri(count, dtype=bool).T if flow.backward else np.tri(count, dtype=bool)
    asked_TT = path_TT & (flow.asked_T[:count] >= 0)[:, None]
    zero_TT = asked_TT & (flow.norms_TT[:count, :count] == 0)
    reasons = {
        f"loss {where}:<br>no gradient arrives, it is exactly 0": zero_TT,
        f"loss {where}:<br>the gradient is not a finite number": asked_TT & ~said_TT & ~zero_TT,
    }
    silent = [_no_loss(int(step), count) for step in np.flatnonzero(flow.asked_T[:count] < 0)]
    return [_no_path(flow, count), *silent, *(saying(why, mask) for why, mask in reasons.items() if mask.any())]


def _no_path(flow: GradientFlow, count: int) -> dict[str, Any]:
    """The other half of the triangle, which is empty: an area, since cells would double what is sent."""
    first, last = -0.5, count - 0.5
    corner = [first, last] if flow.backward else [last, first]
    side = "before" if flow.backward else "after"
    area = {"type": "scatter", "mode": "none", "fill": "toself", "fillcolor": "rgba(0,0,0,0)", "hoveron": "fills"}
    place = {"xaxis": "x", "x": [first, corner[0], last, first], "y": [first, corner[1], last, first]}
    words = f"no path: a loss does not depend<br>on the states {side} the step it is read off"
    return area | place | {"text": words, "hoverinfo": "text"}


def _no_loss(step: int, count: int) -> dict[str, Any]:
    """A row of the triangle off which no loss is read."""
    unseen = saying("no loss is read off step %{y}", np.ones((1, count), dtype=bool))
    return unseen | {"y0": step, "dy": 1}


def reach(flow: GradientFlow) -> NDArray[np.float64]:
    """For each loss the nearest step at which its gradient is under 1 % of its local one; NaN where there is none."""
    if not len(flow):
        return np.empty(0)
    under_TT = flow.shares_TT < HORIZON
    nearest_T = under_TT.argmax(1) if flow.backward else len(flow) - 1 - under_TT[:, ::-1].argmax(1)
    return np.where(under_TT.any(1), nearest_T, np.nan)


def _whole(flow: GradientFlow, count: int, lettered: bool) -> list[Row]:
    x, norms_T = np.arange(count), flow.step_norms_T[:count]
    arrives_T = np.isfinite(norms_T) & (norms_T > 0)  # zero where no loss is read any more
    known = norms_T[arrives_T]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        decades_T = np.log10(norms_T)
    strip = {
        "type": "heatmap",
        "z": np.where(arrives_T, decades_T, np.nan).astype(np.float32).reshape(1, -1),
        "zmin": np.log10(low or 1),
        "zmax": np.log10(high or 1),
        "colorscale": SEQUENTIAL,
        "showscale": False,
        "xaxis": "x",
        "text": [list(map(_gradient, norms_T))],
        "hovertemplate": f"{_step(lettered)}: %{{text}}<extra></extra>",
    }
    hidden = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    hover = f"{_step(lettered)}: gradient %{{y{PLAIN}}}"
    curve = line_trace(x, np.where(arrives_T, norms_T, np.nan), LINES[0], hover)
    title = f"<b>‖∂L/∂{flow.state}<sub>k</sub>‖</b> of the mean loss"
    return [
        Row(f"{title}:<br>{number(low)} dark, {number(high)} light", STRIP_PX, [strip], hidden),
        Row("", ROW_PX, [curve], _decades(LOW, HIGH)),
    ]


def _gradient(norm: float) -> str:
    """A norm in words, also where there is none."""
    if norm == 0:
        return "no gradient arrives"
    return f"gradient {number(norm)}" if np.isfinite(norm) else "the gradient is not defined here"


def _one_loss(flow: GradientFlow, row: int, count: int) -> Row:
    steps = np.arange(row, count) if flow.backward else np.arange(min(row + 1, count))
    norms, shares = flow.norms_TT[row, steps], flow.shares_TT[row, steps]
    words = [
        f"“{escaped(visible(flow.labels[k]))}” at step {k}:<br>{_gradient(norm)}"
        + f", {share(part)} of the local one" * (norm > 0)
        for k, norm, part in zip(steps.tolist(), norms.tolist(), shares.tolist(), strict=True)
    ]
    markers = {"mode": "lines+markers", "marker": {"size": 4}}
    line = line_trace(steps, np.maximum(norms, FLOOR), LINES[1], "%{text}", text=words, **markers)
    one_percent = HORIZON * float(flow.local_T[row])
    limit = line_trace([-0.5, count - 0.5], [max(one_percent, FLOOR)] * 2, LIMIT)
    asked = escaped(visible(flow.labels[int(flow.asked_T[row])]))
    title = f"<b>the loss of “{asked}”</b>, step {row}:<br>{keyed('its 1 %', LIMIT)}"
    return Row(title, ROW_PX, [line, limit], _decades(LOW, HIGH))


def _drawn(x: Any, values: NDArray[Any], line: dict[str, Any], hover: str, **more: Any) -> dict[str, Any]:
    """A line on a logarithmic axis, which has no zero; hovering says the values themselves."""
    said = f"{hover} %{{customdata{PLAIN}}}"
    return line_trace(x, np.maximum(values, FLOOR), line, said, customdata=values, **more)


def _carriers(paths: JacobianPaths, count: int, lettered: bool) -> Row:
    x, at, lines = np.arange(count), _step(lettered), _lines_of(paths.carried)
    traces = [
        _drawn(x, paths.gain_T[:count], WHOLE, f"{at}: together"),
        *(_drawn(x, gain_T[:count], lines[path], f"{at}: {path}") for path, gain_T in paths.carried.items()),
        _at_one(count),
    ]
    names = [keyed(path, line) for path, line in lines.items()]
    title = "<b>what a step back leaves</b><br>" + _listed([*names, keyed("all (thick)", WHOLE)])
    return Row(title, ROW_PX + 30, traces, _decades(GAIN_LOW, GAIN_HIGH, 1))


def _lines_of(paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A line for each path of a cell. The candidate alone has that of the candidate among others."""
    named = list(paths)
    return dict(zip(named, LINES[2:] if len(named) == 1 else LINES, strict=False))


def _listed(names: Sequence[str]) -> str:
    """Names, two in a line: a column can be narrow."""
    pairs = [", ".join(names[i : i + 2]) for i in range(0, len(names), 2)]
    return ",<br>".join(pairs)


def _at_one(count: int) -> dict[str, Any]:
    return line_trace([-0.5, count - 0.5], [1, 1], {"color": GREY, "width": 1})


def singular_values(flow: GradientFlow, paths: JacobianPaths, steps: int = MAX_STEPS, columns: int = 1) -> Figure:
    """What each path could carry at most, the band from sigma_min to sigma_max of J_t, and the line at 1."""
    count = min(len(paths.sigma_max_T), steps)
    x = np.arange(count)
    low_T = np.maximum(paths.sigma_min_T[:count], 10.0 ** (GAIN_LOW - 1))
    thin = {"width": 0, "color": GREY}
    filled = {"fill": "tonexty", "fillcolor": translucent(GREY, 0.25)}
    band = [
        line_trace(x, low_T, thin, customdata=paths.sigma_min_T[:count], hover=f"σ min %{{customdata{PLAIN}}}"),
        line_trace(x, paths.sigma_max_T[:count], thin, f"σ max %{{y{PLAIN}}}", **filled),
    ]
    looks = _lines_of(paths.norms)
    lines = [_drawn(x, norm_T[:count], looks[path], f"{path} at most") for path, norm_T in paths.norms.items()]
    names = [keyed(path, line) for path, line in looks.items()]
    whole = f"{coloured('▒▒', GREY)} band: σ min to σ max of the whole step"
    title = f"<b>σ max</b> of<br>{_listed(names)}<br>{whole}"
    row = Row(title, ROW_PX + 70, [*band, *lines, _at_one(count)], _decades(GAIN_LOW, GAIN_HIGH, 1))
    return _stack([row], flow, count, 0 < count <= LETTERED_STEPS // columns, hovermode="x")


def by_lag(flows: Mapping[str, GradientFlow]) -> Figure:
    """The median share of the local gradient by lag, with its fitted slope; one line a model, beside lambda_1."""
    traces: list[dict[str, Any]] = []
    names = []
    longest = max((len(one) for one in flows.values()), default=1)
    for (name, one), line in zip(flows.items(), LINES, strict=False):
        lags = np.flatnonzero(one.rows_L)
        hover = f"{broken(name)},<br>lag %{{x}}: %{{text}}"
        medians = one.median_L[lags]
        traces.append(
            line_trace(lags, np.maximum(medians, FLOOR), line, hover, text=list(map(_left, medians.tolist())))
        )
        said = keyed(broken(name), line)
        if one.fit is not None:
            slope, intercept = one.fit
            ends = np.array([0, max(int(lags[-1]), 1)])
            thin = {"color": line["color"], "width": 1}
            traces.append(line_trace(ends, np.maximum(np.exp(intercept + slope * ends), FLOOR), thin))
            said += f"<br>   slope {signed(slope)}"
        if np.isfinite(one.lambda_1):
            said += (", " if one.fit is not None else "<br>   ") + f"λ₁ {signed(one.lambda_1)}"
        names.append(said)
    dotted = {"color": GREY, "width": 1, "dash": "dot"}
    traces += [line_trace([0, longest], [share, share], dotted) for share in (HALF, HORIZON)]
    over = 12 + TITLE_LINE_PX * sum(name.count("<br>") + 1 for name in names)
    layout = {
        "height": 278 + over,
        "margin": MARGIN | {"t": over},
        "dragmode": False,
        "showlegend": False,
        "annotations": [note("<br>".join(names), 1)],
        "xaxis": {"title": {"text": "lag in steps"}, "rangemode": "tozero", "zeroline": False},
        "yaxis": _decades(SHARE_LOW - 0.3, SHARE_HIGH, 1)
        | {"tickvals": [1e-4, 1e-3, HORIZON, 0.1, HALF, 1, 10], "ticktext": ["0.01 %", "0.1 %", "1 %", "10 %", "½", "1", "10"]},
    }  # fmt: skip
    return Figure({"data": traces, "layout": layout})


def _left(median: float) -> str:
    """A share of the local gradient, in words also where there is none."""
    return "nothing is left, exactly 0" if median == 0 else share(median) if median < 10 else f"{number(median)} times"


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
        traces.append(line_trace(np.arange(count), drawn_T, line, f"{_step(lettered)}: {short} %{{y{PLAIN}}}"))
        said.append(keyed(f"{short} {share(gradients.surviving_share[name])}", line))
    title = "<b>what each step adds</b>; of it survives the sum:<br>" + _listed(said)
    row = Row(title, ROW_PX + 70, traces, _decades(LOW, HIGH))
    return _stack([row], flow, count, lettered, hovermode="x", x_title="step at which it is used")


def weights_frame(gradients: WeightGradients, flow: GradientFlow) -> pd.DataFrame:
    """Per step: the norm of what it adds to the gradient of each parameter."""
    return pd.DataFrame({"step": np.arange(len(flow)), "character": list(flow.labels), **gradients.norms_T})


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
            "hovertemplate": f"%{{y}}, {name}: %{{customdata[0]{PLAIN}}}; %{{customdata[1]:.1%}} of ‖g‖²<extra></extra>",
        }
        for name, values, colour in (("before", before, translucent(GREY, 0.6)), ("after", after, BLUE))
    ]
    theta = line_trace([ledger.max_norm] * 2, [names[0], names[-1]], THETA)
    words = f"{coloured('■', GREY)} before, {coloured('■', BLUE)} after, {keyed('θ', THETA)}"
    layout = {
        "height": 60 + MARGIN["b"] + 34 * len(names),
        "margin": MARGIN | {"l": 110},
        "dragmode": False,
        "barmode": "group",
        "bargap": 0.25,
        "showlegend": False,
        "annotations": [note(words, 1)],
        "xaxis": _decades(LOW, HIGH) | {"title": {"text": "norm of the gradient"}, "tickangle": 0},
        "yaxis": {"autorange": "reversed", "type": "category"},
    }
    return Figure({"data": [*bars, theta], "layout": layout})


def clip_history(history: Sequence[EpochRecord], clip_norm: float | None, chosen: int) -> Figure:
    """Norms before and after clipping during training, epoch by epoch, theta, and the share of steps that were clipped."""
    epochs = np.array([e.epoch for e in history])
    columns = ("grad_norm_before_max", "grad_norm_before", "grad_norm_after", "clipped_share")
    largest, before, after, clipped = (np.array([getattr(e, name) for e in history]) for name in columns)
    dotted = {"color": GREY, "width": 1, "dash": "dot"}
    before_line, share_line = {"color": GREY, "width": 2}, {"color": PURPLE, "width": 2}
    # plotly lets one click on markers only, so there are some that are not seen.
    traces = [
        line_trace(epochs, largest, dotted, "largest %{y:.3g}", **UNSEEN_MARKERS),
        line_trace(epochs, before, before_line, "before %{y:.3g}", **UNSEEN_MARKERS),
        line_trace(epochs, after, LINES[0], "after %{y:.3g}", **UNSEEN_MARKERS),
        line_trace(epochs, clipped, share_line, "clipped %{y:.0%}", yaxis="y2", **UNSEEN_MARKERS),
    ]
    if clip_norm is not None:
        traces.append(line_trace([0, epochs[-1]], [clip_norm, clip_norm], THETA))
    words = [keyed("largest", dotted), keyed("before", before_line), keyed("after", LINES[0]), keyed("θ", THETA)]
    notes = [(", ".join(words), 1), (keyed("share of steps clipped", share_line), 0.3)]
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
        "dragmode": False,
        "xaxis": axis,
        "yaxis": {"type": "log", "domain": [0.45, 1], "tickvals": ROUND, "ticktext": [f"{tick:g}" for tick in ROUND]},
        "yaxis2": {"range": [-0.03, 1.03], "tickformat": ".0%", "domain": [0, 0.3], "zeroline": False, "nticks": 3},
        "shapes": [chosen_line | {"line": {"color": ORANGE, "width": 1.5, "dash": "dot"}}],
        "annotations": [note(text, y, LIFT_PX) for text, y in notes],
    }
    return Figure({"data": traces, "layout": layout})


def clip_history_frame(history: Sequence[EpochRecord]) -> pd.DataFrame:
    """The history of a run, one line an epoch."""
    return pd.DataFrame([asdict(record) for record in history])


def frame(flow: GradientFlow) -> pd.DataFrame:
    """Every norm of the triangle: one line a (loss, step)."""
    return pd.concat(blocks(flow), ignore_index=True)


def blocks(flow: GradientFlow, rows: int = BLOCK_ROWS) -> Iterator[pd.DataFrame]:
    """The lines of `frame` in their order, at most about so many at a time; at least one block."""
    letters, at_once = np.array(list(flow.labels), dtype=object), max(1, rows // max(len(flow), 1))
    for start in range(0, max(len(flow), 1), at_once):
        losses, steps = np.nonzero(~np.isnan(flow.norms_TT[start : start + at_once]))
        losses += start
        columns: dict[str, Any] = {
            "read off step": losses,
            "character asked": pd.Series(letters[flow.asked_T[losses]], dtype="str"),
            "step": steps,
            "character": pd.Series(letters[steps], dtype="str"),
            "gradient": flow.norms_TT[losses, steps],
            "share of local": flow.shares_TT[losses, steps],
        }
        if len(flow.parts) > 1:
            columns |= {
                f"gradient at {part} alone": norms_TT[losses, steps] for part, (norms_TT, _) in flow.parts.items()
            }
        yield pd.DataFrame(columns)


def row_count(flow: GradientFlow) -> int:
    """How many lines `frame` has."""
    return int(np.count_nonzero(~np.isnan(flow.norms_TT)))


def step_frame(flow: GradientFlow, paths: JacobianPaths) -> pd.DataFrame:
    """Per step: the gradient of the text's mean loss, and what a step back leaves of it by each path."""
    columns: dict[str, Any] = {
        "step": np.arange(len(flow)),
        "character": list(flow.labels),
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
