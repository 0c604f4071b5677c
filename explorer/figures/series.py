"""Numbers in time, drawn: what was read, what was told and how wrong, with the gates of one layer on the same axis of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures.gates import MEMORY, heatmap_rows, mean_row, unit_order, unit_row
from explorer.figures.panel import Axis, Bars, Item, Level, Line, Marks, Panel, Row
from explorer.figures.style import BLUE, GREY, LINES, ORANGE, PLAIN, Stroke, escaped, keyed, translucent
from explorer.probes.series import SeriesTrace
from explorer.series import SeriesStep, Task
from explorer.words import say

MAX_STEPS = 2_000
INPUT_PX, TARGET_PX, LOSS_PX = 96, 130, 80
TOLD, TRUE = Stroke(ORANGE, 2.5), Stroke(BLUE, 2, "dash")


def in_unit(trace: SeriesTrace, task: Task) -> SeriesTrace:
    """A trace in the units of the table that was learned from: a network reads and tells multiples of a standard deviation.

    Args:
        trace: of an example of the task.
        task: what was learned.

    """
    made = replace(trace, inputs_TE=task.columns_in_unit(trace.inputs_TE))
    if not trace.is_regression:
        return made
    one = task.in_unit(np.ones_like(trace.outputs_TV[:1])) - task.in_unit(np.zeros_like(trace.outputs_TV[:1]))
    return replace(
        made, outputs_TV=task.in_unit(trace.outputs_TV), target=task.in_unit(trace.target),
        loss_T=trace.loss_T * float((one**2).mean()),
    )  # fmt: skip


def tape(
    trace: SeriesTrace,
    columns: Sequence[str],
    targets: Sequence[str],
    *,
    layer: int = 0,
    direction: str | None = None,
    order: str = MEMORY,
    unit: int | None = None,
    all_units: bool = True,
    unchanged: float | None = None,
    steps: int = MAX_STEPS,
    alt: str = "",
) -> Panel:
    """What a network read and told, and its gates meanwhile, unit by step.

    Args:
        trace: the facts.
        columns: names of what was read.
        targets: names of what was told; of a classification, of the classes.
        layer: which layer.
        direction: "forward" or "backward"; None draws both where there are two.
        order: how units are ordered, see figures.gates.unit_order.
        unit: also draws this unit alone.
        all_units: whether the maps of all units are drawn.
        unchanged: the loss of whoever knows nothing, drawn as a level; None for none.
        steps: how many steps are drawn from the first on.
        alt: what the panel shows, for those who cannot see it.

    """
    count = min(len(trace), steps)
    rows = [_inputs(trace, columns, count), _told(trace, targets, count)]
    for name in trace.config.directions if direction is None else (direction,):
        one = trace.tape(layer, name)
        where = f" ({trace.config.name_of(name)})" if len(trace.config.directions) > 1 and direction is None else ""
        if unit is not None and unit < one.h_TH.shape[1]:
            rows.append(unit_row(one, unit, where, count))
        if all_units:
            rows += heatmap_rows(one, unit_order(one, order), where, count)
        rows.append(mean_row(one, where, count))
    rows.append(_losses(trace, count, unchanged))
    words = tuple(map(escaped, trace.labels[:count]))
    axis = Axis(say("run-figure.step"), -0.5, max(count, 1) - 0.5, words=words, grid=False, cursor=True)
    return Panel(axis, rows, alt=alt)


def _inputs(trace: SeriesTrace, columns: Sequence[str], count: int) -> Row:
    """Every column on its own range, since they have units of their own; the range is what hovering says."""
    drawn = list(zip(range(trace.inputs_TE.shape[1]), LINES, strict=False))
    x, items, named = np.arange(count), list[Item](), []
    for place, line in drawn:
        values_T = trace.inputs_TE[:count, place]
        # A column of its own has an axis of its own; several share one from their lowest to their highest.
        shown_T = values_T if len(drawn) == 1 else _on_its_range(values_T)
        hover = f"{escaped(columns[place])} %{{customdata{PLAIN}}}"
        items.append(Line(x, shown_T, line, hover=hover, values=values_T))
        named.append(keyed(escaped(columns[place]), line))
    more = trace.inputs_TE.shape[1] - len(drawn)
    if more > 0:
        named.append(say("series-figure.more", count=more))
    scaled = len(drawn) > 1
    title = f"{say('series-figure.read-scaled' if scaled else 'series-figure.read')} {', '.join(named)}"
    return Row(title, items, Axis(ticks=3, bare=scaled), INPUT_PX, pinned=True)


def _on_its_range(values_T: NDArray[Any]) -> NDArray[Any]:
    low, high = float(values_T.min()), float(values_T.max())
    return (values_T - low) / (high - low) if high > low else np.full_like(values_T, 0.5)


def _told(trace: SeriesTrace, targets: Sequence[str], count: int) -> Row:
    """What was told beside what was true; where only some steps are asked, those are marked."""
    asked_T = ~np.isnan(trace.loss_T[:count])
    steps, x = np.flatnonzero(asked_T), np.arange(count)
    target = escaped(targets[0])
    if not trace.is_regression:
        return _classes(trace, targets, steps, x)
    told_T, true_T = trace.outputs_TV[:count, 0], trace.target[:count, 0]
    told, true = say("series-figure.told"), say("series-figure.true")
    items: list[Item] = [Line(x, told_T, TOLD, hover=f"{told} %{{y{PLAIN}}}")]
    if asked_T.all():
        items.insert(0, Line(x, true_T, TRUE, hover=f"{true} %{{y{PLAIN}}}"))
    else:
        items.append(Marks(steps, true_T[steps], "diamond", 11, BLUE, hover=f"{true} %{{y{PLAIN}}}"))
    title = f"{target}: {keyed(told, TOLD)}, {keyed(true, TRUE)}"
    return Row(title, items, Axis(ticks=5), TARGET_PX)


def _classes(trace: SeriesTrace, classes: Sequence[str], steps: NDArray[Any], x: NDArray[Any]) -> Row:
    """The probability of each class, and at the steps that are asked a mark at that of the true one."""
    drawn = list(zip(range(trace.outputs_TV.shape[1]), LINES, strict=False))
    items: list[Item] = [
        Line(x, trace.outputs_TV[: len(x), place], line, hover=f"{escaped(classes[place])} %{{y{PLAIN}}}")
        for place, line in drawn
    ]
    true = trace.target[steps]
    names = [escaped(classes[place]) for place in true]
    hover = f"{say('series-figure.true')} %{{customdata}}"
    items.append(Marks(steps, trace.outputs_TV[steps, true], "circle", 9, BLUE, hover=hover, said=names))
    named = [keyed(escaped(classes[place]), line) for place, line in drawn]
    if (more := trace.outputs_TV.shape[1] - len(drawn)) > 0:
        named.append(say("series-figure.more-classes", count=more))
    told = ", ".join(set(names)) if len(set(names)) == 1 else ""
    title = f"{say('series-figure.classes')} {', '.join(named)}; {say('series-figure.true-class', told=told)}"
    return Row(title, items, Axis(low=0, high=1, ticks=3), TARGET_PX)


def _losses(trace: SeriesTrace, count: int, unchanged: float | None) -> Row:
    steps = np.flatnonzero(~np.isnan(trace.loss_T[:count]))
    hover = f"{trace.score_name} %{{customdata{PLAIN}}}"
    loss = trace.loss_T[steps]
    items: list[Item] = [Bars(steps, loss, translucent(BLUE, 0.65), hover, said=loss, width=0.8)]
    dashed, title = Stroke(GREY, 1.5, "dash"), say("series-figure.loss", score=trace.score_name)
    if unchanged is not None:
        items.append(Level(unchanged, dashed))
        title += f", {keyed(say('series-figure.guess'), dashed)}"
    return Row(title, items, Axis(ticks=4, from_zero=True), LOSS_PX)


def learning(records: Sequence[SeriesStep]) -> Panel:
    """Loss and gradient norm before and after clipping, over the steps of training (all logarithmic)."""
    steps = np.array([record.step for record in records])
    before, after = Stroke(GREY, 5), Stroke(BLUE)
    loss = Line(steps, [record.loss for record in records], Stroke(BLUE), hover=f"{say('curve.loss')} %{{y{PLAIN}}}")
    norms: list[Item] = [
        Line(steps, [record.grad_norm_before for record in records], before, hover=f"%{{y{PLAIN}}}", opacity=0.45),
        Line(steps, [record.grad_norm_after for record in records], after, hover=f"%{{y{PLAIN}}}"),
    ]
    named = f"{keyed(say('curve.before'), before)}, {keyed(say('curve.after'), after)}"
    rows = [
        Row(say("curve.loss"), [loss], Axis(log=True), TARGET_PX),
        Row(f"{say('run-figure.norms')}: {named}", norms, Axis(log=True), TARGET_PX),
    ]
    return Panel(Axis(say("run-figure.step"), 1, max(2, len(records))), rows, top_px=28)


def frame(trace: SeriesTrace, columns: Sequence[str], targets: Sequence[str]) -> pd.DataFrame:
    """One line a step: label, what was read, what was told and true, the loss, and the mean of every gate of every net."""
    table: dict[str, Any] = {}

    def add(name: str, values: Any) -> None:
        """A person's columns may be called as ours are."""
        while name in table:
            name += "′"
        table[name] = values

    add(say("run-column.step"), np.arange(len(trace)))
    add(say("series-column.label"), list(trace.labels))
    for place, name in enumerate(columns):
        add(name, trace.inputs_TE[:, place])
    for place, name in enumerate(targets):
        add(say("series-column.told", name=name), trace.outputs_TV[:, place])
        if trace.is_regression:
            add(say("series-column.true", name=name), trace.target[:, place])
    if not trace.is_regression:
        add(say("series-column.true-class"), [targets[place] for place in trace.target])
    add(trace.score_name, trace.loss_T)
    for net, one in trace.tapes.items():
        for letter, gate_TH in one.gates.items():
            mean = say("series-column.mean", letter=letter, layer=net.layer, direction=net.direction)
            add(mean, gate_TH.mean(1))
    return pd.DataFrame(table)
