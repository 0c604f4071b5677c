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

from explorer.characters import visible
from explorer.figures.panel import (
    Area,
    Axis,
    Bars,
    ColourBar,
    Gaps,
    Heatmap,
    Item,
    Level,
    Line,
    Panel,
    Row,
    Scale,
    Values,
    is_lettered,
    over_steps,
)
from explorer.figures.style import (
    BLUE,
    GREY,
    LINES,
    ORANGE,
    PLAIN,
    PURPLE,
    Stroke,
    broken,
    coloured,
    escaped,
    keyed,
    number,
    share,
    signed,
    translucent,
)
from explorer.figures.tables import BLOCK_ROWS
from explorer.probes.clipping import ClipLedger, ParameterGradient
from explorer.probes.gradients import HALF, HORIZON, GradientFlow
from explorer.probes.jacobians import JacobianPaths
from explorer.probes.weights import WeightGradients
from explorer.recording import EpochRecord
from explorer.tokens import WORD, token_of
from explorer.words import own, say

MAX_STEPS = 300  # a triangle has their square
LOW, HIGH = -6, 2  # decades of every gradient norm, as colour and as height
SHARE_LOW, SHARE_HIGH = -4, 1.5  # decades of every share of a local gradient
GAIN_LOW, GAIN_HIGH = -3, 1  # decades of every gain of a step
FLOATS = np.finfo(np.float32)
FLOOR = 1e-300  # a gradient of exactly zero, on a logarithmic axis
TRIANGLE_PX, ROW_PX, STRIP_PX = 400, 130, 26
LOSSES, TEXT = "losses", "text"  # what a click in a row is told by
TITLED_PX, TITLE_LINE_PX = 28, 17  # over a panel whose first title has one line; of one more
WHOLE = Stroke(GREY, 3)
LIMIT = Stroke(GREY, 1.5, "dash")
THETA = Stroke(ORANGE, 2, "dash")
DOTTED = Stroke(GREY, 1, "dot")
AT_ONE = Level(1, Stroke(GREY, 1))
NORMS = Scale(10.0**LOW, 10.0**HIGH, log=True)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

ROUND = [mantissa * 10.0**decade for decade in range(-6, 7) for mantissa in (1, 2, 5)]
"""Ticks of a logarithmic axis of a few decades."""
SHARES = Axis(
    low=10.0 ** (SHARE_LOW - 0.3), high=10.0**SHARE_HIGH, log=True,
    ticks={1e-4: "0.01 %", 1e-3: "0.1 %", HORIZON: "1 %", 0.1: "10 %", HALF: "½", 1: "1", 10: "10"},
)  # fmt: skip


def flow(
    flow: GradientFlow,
    paths: JacobianPaths | None = None,
    row: int | None = None,
    steps: int = MAX_STEPS,
    columns: int = 1,
    alt: str = "",
) -> Panel:
    """The gradient flow of one net over a text: triangle, whole-text gradient, one chosen loss, and what carries it.

    Args:
        flow: the facts.
        paths: of the same net and text; None leaves out what carries the gradient.
        row: the loss to follow: the step it is read off.
        steps: how many steps are drawn from the first on.
        columns: how many such figures stand beside each other; with more, fewer characters fit under each.
        alt: what the panel shows, for those who cannot see it.

    """
    count = min(len(flow), steps)
    short = _is_short(flow, count)
    lettered = short and is_lettered(count, columns)
    strip, curve = _whole(flow, count)
    rows = [strip, _triangle(flow, row, count)]
    if row is not None and row < count and flow.asked_T[row] >= 0:
        rows.append(_one_loss(flow, row, count))
    rows.append(curve)
    if paths is not None and len(paths.gain_T):
        rows.append(_carriers(paths, count, "flow-figure.leaves-uncut" if flow.cut else "flow-figure.leaves"))
    axis = over_steps(flow.labels, count, say("flow-figure.reached"), said=_step(short and is_lettered(count)))
    return Panel(axis, rows, hover="closest", lettered=lettered, scale=NORMS, alt=alt)


def _is_short(flow: GradientFlow, count: int) -> bool:
    """Whether the labels of the steps are characters: longer ones, such as dates, would run into each other."""
    return all(len(label) == 1 for label in flow.labels[:count])


def power(exponent: int) -> str:
    """10 to a power, as one writes it."""
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _step(lettered: bool) -> str:
    """A step before what is said of it: its number, and its character where plotly writes them."""
    return say("figure.at-lettered-step" if lettered else "figure.at-step")


def _decades(low: float, high: float, step: int = 2, label: str = "") -> Axis:
    ticks = [tick for tick in range(int(np.ceil(low)), int(high) + 1) if tick % step == 0]
    words = {10.0**tick: "1" if tick == 0 else power(tick) for tick in ticks}
    return Axis(label, 10.0**low, 10.0**high, log=True, ticks=words)


def _norms(norms: NDArray[np.float64]) -> NDArray[Any]:
    """Norms as they are sent: in four bytes where those hold them, none becoming zero or infinite."""
    sizes = norms[(norms > 0) & np.isfinite(norms)]
    fits = not sizes.size or (sizes.min() > FLOATS.tiny and sizes.max() < FLOATS.max)
    return norms.astype(np.float32) if fits else norms


def _triangle(flow: GradientFlow, row: int | None, count: int) -> Row:
    loss, state = say("flow-figure.loss", step="%{y}"), flow.state
    norms_TT = np.where(_beyond_cut(flow, count), np.nan, flow.norms_TT[:count, :count])
    said_TT = np.isfinite(norms_TT) & (norms_TT > 0)
    shown_TT = _norms(np.where(np.isfinite(norms_TT), norms_TT, np.nan))
    decades = {float(tick): power(tick) for tick in range(LOW, HIGH + 1, 2)}
    items: list[Item] = [
        Heatmap(shown_TT, f"<br>{loss}: {say('figure.gradient')} %{{z{PLAIN}}}"),
        ColourBar(LOW, HIGH, decades, left=flow.backward),
        *_without_gradient(flow, said_TT, loss),
    ]
    reach_T, line = reach(flow)[:count], Stroke(ORANGE)
    if not np.isnan(reach_T).all():
        hover = "<br>" + say("flow-figure.falls", loss=loss)
        items.append(Line(reach_T, np.arange(count), line, hover=hover))
    if row is not None and row < count:
        items.append(Level(row, Stroke(GREY, 1.5, "dot")))
    second = flow.net.direction == "backward" and not flow.backward
    reads = say("flow-figure.second") if second else say(f"net.{flow.net.direction}")
    net = say("figure.layer", layer=flow.net.layer, reads=reads)
    title = f"<b>‖∂L<sub>t</sub>/∂{state}<sub>k</sub>‖</b>, {net}<br>{keyed(say('flow-figure.reach'), line)}"
    return Row(
        title, items, Axis(say("flow-figure.losses"), max(count, 1) - 0.5, -0.5, grid=False), TRIANGLE_PX, key=LOSSES
    )


def _without_gradient(flow: GradientFlow, said_TT: NDArray[np.bool_], loss: str) -> list[Item]:
    """What hovering says where there is no gradient, and why."""
    count = len(said_TT)
    path_TT = np.tri(count, dtype=bool).T if flow.backward else np.tri(count, dtype=bool)
    asked_TT = path_TT & (flow.asked_T[:count] >= 0)[:, None]
    cut_TT = asked_TT & _beyond_cut(flow, count)
    zero_TT = asked_TT & (flow.norms_TT[:count, :count] == 0) & ~cut_TT
    reasons = {
        f"<br>{loss}: {say('flow-figure.zero')}": zero_TT,
        f"<br>{loss}: {say('flow-figure.cut')}": cut_TT,
        f"<br>{loss}: {say('flow-figure.not-finite')}": asked_TT & ~said_TT & ~zero_TT & ~cut_TT,
    }
    silent = [_no_loss(int(step), count) for step in np.flatnonzero(flow.asked_T[:count] < 0)]
    return [_no_path(flow, count), *silent, *(Gaps(mask, why) for why, mask in reasons.items() if mask.any())]


def _beyond_cut(flow: GradientFlow, count: int) -> NDArray[np.bool_]:
    """Where the graph is cut between a loss and a step: blank, since a gradient that has vanished is something else."""
    if flow.cut is None:
        return np.zeros((count, count), dtype=bool)
    reached_T = np.array([flow.cut.reached(step) for step in range(count)])
    return np.arange(count) < reached_T[:, None]


def _no_path(flow: GradientFlow, count: int) -> Area:
    """The other half of the triangle, which is empty: an area, since cells would double what is sent."""
    first, last = -0.5, count - 0.5
    corner = [first, last] if flow.backward else [last, first]
    words = say("flow-figure.no-path-before" if flow.backward else "flow-figure.no-path-after")
    return Area([first, corner[0], last, first], [first, corner[1], last, first], words)


def _no_loss(step: int, count: int) -> Gaps:
    """A row of the triangle off which no loss is read."""
    return Gaps(np.ones((1, count), dtype=bool), say("flow-figure.no-loss", step="%{y}"), first=step)


def reach(flow: GradientFlow) -> NDArray[np.float64]:
    """For each loss the nearest step at which its gradient is under 1 % of its local one; NaN where there is none."""
    if not len(flow):
        return np.empty(0)
    under_TT = (flow.shares_TT < HORIZON) & ~_beyond_cut(flow, len(flow))  # a cut is not a gradient that vanishes
    nearest_T = under_TT.argmax(1) if flow.backward else len(flow) - 1 - under_TT[:, ::-1].argmax(1)
    return np.where(under_TT.any(1), nearest_T, np.nan)


def _whole(flow: GradientFlow, count: int) -> list[Row]:
    x, norms_T = np.arange(count), flow.step_norms_T[:count]
    arrives_T = np.isfinite(norms_T) & (norms_T > 0)  # zero where no loss is read any more
    known = norms_T[arrives_T]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        decades_T = np.log10(norms_T)
    words = [list(map(_gradient, norms_T))]
    scale = Scale(float(np.log10(low or 1)), float(np.log10(high or 1)))
    shown = np.where(arrives_T, decades_T, np.nan).astype(np.float32).reshape(1, -1)
    strip = Heatmap(
        shown, "%{text}", scale, text=words, lettered=_is_short(flow, count) or token_of(flow.labels) == WORD
    )
    hover = f"{say('figure.gradient')} %{{y{PLAIN}}}"
    curve = Line(x, np.where(arrives_T, norms_T, np.nan), LINES[0], hover=hover)
    title = f"<b>‖∂L/∂{flow.state}<sub>k</sub>‖</b> {say('flow-figure.mean-loss')}"
    ends = say("figure.ends", low=number(low), high=number(high))
    bare = Axis(grid=False, bare=True)
    return [
        Row(f"{title}:<br>{ends}", [strip], bare, STRIP_PX, key=TEXT, pinned=True),
        Row(title, [curve], _decades(LOW, HIGH), ROW_PX),
    ]


def _gradient(norm: float) -> str:
    """A norm in words, also where there is none."""
    if norm == 0:
        return say("flow-figure.none")
    return say("flow-figure.gradient", norm=number(norm)) if np.isfinite(norm) else say("flow-figure.undefined")


def _one_loss(flow: GradientFlow, row: int, count: int) -> Row:
    first = 0 if flow.cut is None else flow.cut.reached(row)
    steps = np.arange(row, count) if flow.backward else np.arange(first, min(row + 1, count))
    norms, shares = flow.norms_TT[row, steps], flow.shares_TT[row, steps]
    words = [
        _gradient(norm) + (say("flow-figure.of-local", share=share(part)) if norm > 0 else "")
        for norm, part in zip(norms.tolist(), shares.tolist(), strict=True)
    ]
    line = Line(steps, np.maximum(norms, FLOOR), LINES[1], hover="%{text}", text=words, dots_px=4)
    limit = Level(max(HORIZON * float(flow.local_T[row]), FLOOR), LIMIT)
    asked = escaped(visible(flow.labels[int(flow.asked_T[row])]))
    title = f"<b>{say('flow-figure.loss-of', character=asked)}</b>, {say('flow-figure.step', step=row)}:"
    title += f"<br>{keyed(say('flow-figure.limit'), LIMIT)}"
    return Row(title, [line, limit], _decades(LOW, HIGH), ROW_PX)


def _drawn(x: Values, values: NDArray[Any], line: Stroke, hover: str) -> Line:
    """A line on a logarithmic axis, which has no zero; hovering says the values themselves."""
    return Line(x, np.maximum(values, FLOOR), line, hover=f"{hover} %{{customdata{PLAIN}}}", values=values)


def _carriers(paths: JacobianPaths, count: int, code: str) -> Row:
    x, looks = np.arange(count), _lines_of(paths.carried)
    lines = [_drawn(x, gain_T[:count], looks[path], own(path)) for path, gain_T in paths.carried.items()]
    names = [keyed(own(path), line) for path, line in looks.items()]
    title = f"<b>{say(code)}</b><br>" + _listed([*names, keyed(say("flow-figure.all"), WHOLE)])
    items = [_drawn(x, paths.gain_T[:count], WHOLE, say("flow-figure.together-one")), *lines, AT_ONE]
    return Row(title, items, _decades(GAIN_LOW, GAIN_HIGH, 1), ROW_PX + 30)


def _lines_of(paths: Iterable[str]) -> dict[str, Stroke]:
    """A line for each path of a cell. The candidate alone has that of the candidate among others."""
    named = list(paths)
    return dict(zip(named, LINES[2:] if len(named) == 1 else LINES, strict=False))


def _listed(names: Sequence[str]) -> str:
    """Names, two in a line: a column can be narrow."""
    pairs = [", ".join(names[i : i + 2]) for i in range(0, len(names), 2)]
    return ",<br>".join(pairs)


def singular_values(
    flow: GradientFlow, paths: JacobianPaths, steps: int = MAX_STEPS, columns: int = 1, alt: str = ""
) -> Panel:
    """What each path could carry at most, the band from sigma_min to sigma_max of J_t, and the line at 1."""
    count = min(len(paths.sigma_max_T), steps)
    x, thin, least_T = np.arange(count), Stroke(GREY, 0), paths.sigma_min_T[:count]
    band = [
        Line(
            x, np.maximum(least_T, 10.0 ** (GAIN_LOW - 1)), thin, hover=f"σ min %{{customdata{PLAIN}}}", values=least_T
        ),
        Line(x, paths.sigma_max_T[:count], thin, hover=f"σ max %{{y{PLAIN}}}", filled=0.25),
    ]
    looks = _lines_of(paths.norms)
    lines = [
        _drawn(x, norm_T[:count], looks[path], say("flow-figure.most", path=path))
        for path, norm_T in paths.norms.items()
    ]
    names = [keyed(path, line) for path, line in looks.items()]
    whole = f"{coloured('▒▒', GREY)} {say('flow-figure.band')}"
    title = f"{say('figure.sigma-max')}<br>{_listed(names)}<br>{whole}"
    row = Row(title, [*band, *lines, AT_ONE], _decades(GAIN_LOW, GAIN_HIGH, 1), ROW_PX + 70)
    axis = over_steps(flow.labels, count, say("flow-figure.reached"))
    return Panel(axis, [row], lettered=is_lettered(count, columns), alt=alt)


def by_lag(flows: Mapping[str, GradientFlow]) -> Panel:
    """The median share of the local gradient by lag, with its fitted slope; one line a model, beside lambda_1."""
    items: list[Item] = []
    names = []
    longest = max((len(one) for one in flows.values()), default=1)
    for (name, one), line in zip(flows.items(), LINES, strict=False):
        items += _median(one, broken(name), line)
        names.append(keyed(broken(name), line) + _slopes(one))
    items += [Line([0, longest], [part, part], DOTTED) for part in (HALF, HORIZON)]
    row = Row("<br>".join(names), items, SHARES, 234)
    axis = Axis(say("flow-figure.lag"), from_zero=True)
    return Panel(axis, [row], hover="closest", top_px=12 + TITLE_LINE_PX * (row.title.count("<br>") + 1))


def _median(flow: GradientFlow, name: str, line: Stroke) -> Iterator[Line]:
    """The median of one model by lag, and thin its slope."""
    lags = np.flatnonzero(flow.rows_L)
    medians = flow.median_L[lags]
    words = list(map(_left, medians.tolist()))
    yield Line(lags, np.maximum(medians, FLOOR), line, hover=f"{name},<br>lag %{{x}}: %{{text}}", text=words)
    if flow.fit is not None:
        slope, intercept = flow.fit
        ends = np.array([0, max(int(lags[-1]), 1)])
        yield Line(ends, np.maximum(np.exp(intercept + slope * ends), FLOOR), Stroke(line.colour, 1))


def _slopes(flow: GradientFlow) -> str:
    """What is known of how fast a gradient fades, as a line of a title."""
    known = [say("figure.slope", slope=signed(flow.fit[0]))] if flow.fit is not None else []
    known += [f"λ₁ {signed(flow.lambda_1)}"] if np.isfinite(flow.lambda_1) else []
    return f"<br>   {', '.join(known)}" if known else ""


def _left(median: float) -> str:
    """A share of the local gradient, in words also where there is none."""
    if median == 0:
        return say("flow-figure.nothing-left")
    return share(median) if median < 10 else say("flow-figure.times", factor=number(median))


def weights(
    gradients: WeightGradients, flow: GradientFlow, steps: int = MAX_STEPS, columns: int = 1, alt: str = ""
) -> Panel:
    """What each step adds to the gradient of each weight matrix; in the title, how much of it survives the sum."""
    count = min(len(flow), steps)
    names = [name for name in gradients.norms_T if "bias" not in name]
    lines, said = [], []
    for name, line in zip(names, itertools.cycle(LINES)):
        short = name.removeprefix("rnn.")
        norms_T = gradients.norms_T[name][:count]
        drawn_T = np.where(norms_T > 0, norms_T, np.nan)  # the last step, off which no loss is read, adds nothing
        lines.append(Line(np.arange(count), drawn_T, line, hover=f"{short} %{{y{PLAIN}}}"))
        said.append(keyed(f"{short} {share(gradients.surviving_share[name])}", line))
    title = f"<b>{say('flow-figure.adds')}</b>; {say('flow-figure.survives')}:<br>" + _listed(said)
    row = Row(title, lines, _decades(LOW, HIGH), ROW_PX + 70)
    lettered = is_lettered(count, columns)
    axis = over_steps(flow.labels, count, say("flow-figure.used"), said=_step(is_lettered(count)))
    return Panel(axis, [row], lettered=lettered, alt=alt)


def weights_frame(gradients: WeightGradients, flow: GradientFlow) -> pd.DataFrame:
    """Per step: the norm of what it adds to the gradient of each parameter."""
    return pd.DataFrame({"step": np.arange(len(flow)), token_of(flow.labels): list(flow.labels), **gradients.norms_T})


def clip(ledger: ClipLedger) -> Panel:
    """Norms of every parameter's gradient before and after clipping by norm, and of all together, with theta."""
    names = [say("flow-figure.together"), *(entry.name.removeprefix("rnn.") for entry in ledger.parameters)]
    before = [ledger.norm_before, *(entry.norm_before for entry in ledger.parameters)]
    after = [ledger.norm_after, *(entry.norms_after["norm"] for entry in ledger.parameters)]
    shares = [1.0, *(entry.share for entry in ledger.parameters)]
    hover = f"%{{customdata[0]{PLAIN}}}; {say('figure.of-squares', share='%{customdata[1]:.1%}')}"
    first, then = say("figure.before"), say("figure.after")
    bars = [
        Bars(names, np.maximum(values, 10.0**LOW), colour, f"%{{y}}, {name}: {hover}",
             said=list(zip(values, shares, strict=True)), lying=True)
        for name, values, colour in ((first, before, translucent(GREY, 0.6)), (then, after, BLUE))
    ]  # fmt: skip
    theta = Line([ledger.max_norm] * 2, [names[0], names[-1]], THETA)
    words = f"{coloured('■', GREY)} {first}, {coloured('■', BLUE)} {then}, {keyed('θ', THETA)}"
    row = Row(words, [*bars, theta], Axis(names=names, reverse=True), 32 + 34 * len(names))
    axis = _decades(LOW, HIGH, label=say("flow-figure.norm"))
    return Panel(axis, [row], hover="closest", top_px=TITLED_PX, left_px=110)


def clip_history(history: Sequence[EpochRecord], clip_norm: float | None, chosen: int) -> Panel:
    """Norms before and after clipping during training, epoch by epoch, theta, and the share of steps that were clipped."""
    epochs = np.array([record.epoch for record in history])
    before, clipped = Stroke(GREY), Stroke(PURPLE)
    largest, cut = say("flow-figure.largest"), say("flow-figure.clipped-hover")
    first, then = say("figure.before"), say("figure.after")

    def line(column: str, stroke: Stroke, hover: str) -> Line:
        values = np.array([getattr(record, column) for record in history])
        return Line(epochs, values, stroke, hover=hover, clickable=True)

    norms: list[Item] = [
        line("grad_norm_before_max", DOTTED, f"{largest} %{{y:.3g}}"),
        line("grad_norm_before", before, f"{first} %{{y:.3g}}"),
        line("grad_norm_after", LINES[0], f"{then} %{{y:.3g}}"),
    ]
    if clip_norm is not None:
        norms.append(Line([0, epochs[-1]], [clip_norm, clip_norm], THETA))
    words = [keyed(largest, DOTTED), keyed(first, before), keyed(then, LINES[0]), keyed("θ", THETA)]
    rows = [
        Row(", ".join(words), norms, Axis(log=True, ticks={tick: f"{tick:g}" for tick in ROUND}), 147),
        Row(keyed(say("flow-figure.clipped"), clipped), [line("clipped_share", clipped, f"{cut} %{{y:.0%}}")],
            Axis(low=-0.03, high=1.03, percent=True, ticks=3), 88),
    ]  # fmt: skip
    axis = Axis(say("panel.epoch"), 0, float(epochs[-1]) * 1.01, grid=False)
    return Panel(axis, rows, hover="x unified", chosen=chosen, clickable=True, top_px=TITLED_PX)


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
            say("flow-table.loss"): losses,
            say("flow-table.asked"): pd.Series(letters[flow.asked_T[losses]], dtype="str"),
            say("flow-table.step"): steps,
            say("flow-table.token", of_token=token_of(flow.labels)): pd.Series(letters[steps], dtype="str"),
            say("flow-table.gradient"): flow.norms_TT[losses, steps],
            say("flow-table.share"): flow.shares_TT[losses, steps],
        }
        if len(flow.parts) > 1:
            columns |= {
                say("flow-table.part", part=part): norms_TT[losses, steps] for part, (norms_TT, _) in flow.parts.items()
            }
        yield pd.DataFrame(columns)


def row_count(flow: GradientFlow) -> int:
    """How many lines `frame` has."""
    return int(np.count_nonzero(~np.isnan(flow.norms_TT)))


def step_frame(flow: GradientFlow, paths: JacobianPaths) -> pd.DataFrame:
    """Per step: the gradient of the text's mean loss, and what a step back leaves of it by each path."""
    columns: dict[str, Any] = {
        say("flow-table.step"): np.arange(len(flow)),
        say("flow-table.token", of_token=token_of(flow.labels)): list(flow.labels),
        say("flow-table.gradient"): flow.step_norms_T,
    }
    if len(paths.gain_T):
        columns |= {say("flow-table.carries", path=path): gain_T for path, gain_T in paths.carried.items()}
        columns[say("flow-table.together")] = paths.gain_T
        columns |= {say("flow-figure.most", path=path): norm_T for path, norm_T in paths.norms.items()}
    if len(paths.sigma_max_T):
        columns |= {say("flow-table.sigma-max"): paths.sigma_max_T, say("flow-table.sigma-min"): paths.sigma_min_T}
        columns[say("flow-table.product")] = paths.log_product_T
    return pd.DataFrame(columns)


def lag_frame(flows: Mapping[str, GradientFlow]) -> pd.DataFrame:
    """Per model and lag: the median share of the local gradient, and how many losses look so far back."""
    return pd.concat([pd.DataFrame(_lags(name, one)) for name, one in flows.items()], ignore_index=True)


def _lags(name: str, flow: GradientFlow) -> dict[str, Any]:
    return {
        say("flow-table.model"): name,
        say("flow-table.lag"): np.arange(len(flow)),
        say("flow-table.median"): flow.median_L,
        say("flow-table.losses"): flow.rows_L,
    }


def clip_frame(ledger: ClipLedger) -> pd.DataFrame:
    """Per parameter: norm before, share of the squared norm, norm after each way of clipping, and the largest entry."""
    return pd.DataFrame(list(map(_clipped, ledger.parameters)))


def _clipped(entry: ParameterGradient) -> dict[str, Any]:
    norms_after = {say("flow-table.after", way=way): norm for way, norm in entry.norms_after.items()}
    place, largest = entry.largest[0]
    return {
        say("flow-table.parameter"): entry.name,
        say("flow-table.before"): entry.norm_before,
        say("flow-table.squared"): entry.share,
        **norms_after,
        say("flow-table.largest"): largest,
        say("flow-table.at"): str(place),
    }
