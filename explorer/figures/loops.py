"""A training loop of a person's own: its losses and norms over the steps, and what its last sampled step did in time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from explorer.figures import canvas
from explorer.figures.panel import Axis, Item, Level, Line, Panel, Row
from explorer.figures.style import BLUE, GREY, LINES, ORANGE, Stroke, keyed
from explorer.figures.training import FIRST_AXIS_STEPS, SHARE, SHARE_COLOURS
from explorer.runs.loops import Floats, InTime, Loop, LoopNet, LoopRecord, Sample
from explorer.words import own, say

TOP_PX = 30
BAND, DASHED = 0.18, Stroke(GREY, 1.5, "dash")
Series = tuple[list[int], list[float]]


def step_frame(record: LoopRecord) -> pd.DataFrame:
    """One line a step: loss, norm before and after clipping, coefficient, threshold."""
    columns = {
        "step": record.step_S,
        "loss": record.loss_S,
        "norm-before": record.norm_before_S,
        "norm-after": record.norm_after_S,
        "clip-coefficient": record.coefficient_S,
        "threshold": record.max_norm_S,
    }
    return pd.DataFrame({say(f"run-column.{key}"): values for key, values in columns.items()})


def sample_frame(record: LoopRecord) -> pd.DataFrame:
    """One line a sampled step and net: mean and saturated share of each gate, half-life and horizon in steps."""
    rows = []
    for sample in record.samples:
        for net in sample.nets:
            row: dict[str, object] = {say("run-column.step"): sample.step, say("run-column.net"): _named(net.net)}
            for letter, (mean, saturated) in net.gates.items():
                row[say("run-column.mean", letter=letter, where="")] = mean
                row[say("run-column.saturated", letter=letter, where="")] = saturated
            row[say("run-column.half-life")] = net.half_life_steps
            row[say("run-column.horizon")] = net.horizon_steps
            rows.append(row)
    return pd.DataFrame(rows)


def live(record: LoopRecord, alt: str = "") -> Panel:
    """Every curve of a loop on one axis of its steps.

    Rows: the loss in its own unit (log where all of it is above 0); gradient norm before and after clipping (log), the threshold
    dashed; the coefficient; each parameter's share of the squared norm on sampled steps; of each net mean and saturated share
    of every gate on sampled steps, and how far a loss's gradient reaches.
    """
    rows = [_loss(record), _norms(record), _clipping(record), _shares(record.samples), *_gate_rows(record)]
    if (reach := _reach(record)) is not None:
        rows.append(reach)
    return Panel(Axis(say("run-figure.step"), 0, axis_end(record.loop)), rows, alt=alt, named=True)


def live_height_px(loop: Loop) -> int:
    """About the height of that drawing, which is known before there is anything to draw."""
    gated = sum(layer.depth * len(layer.directions) for layer in loop.layers if layer.kind.gates)
    return canvas.height_px(5 + gated)


def axis_end(loop: Loop) -> int:
    """Where the axis of steps ends: it doubles as the loop goes, so that it seldom jumps and is never mostly empty."""
    end = FIRST_AXIS_STEPS
    while end < loop.step:
        end *= 2
    return end if loop.active else max(1, loop.step)


def in_time(record: LoopRecord) -> Panel | None:
    """Each net in the step sampled last, time step by time step; None where there is none.

    Rows, of each net: every gate's mean over units and rows, between the values that a tenth and nine tenths are under; and the
    norm of the whole loss's gradient at each state (log), with the part of it that arrives from above.
    """
    rows = [row for net in record.latest for row in _net_rows(record.loop, net, several=len(record.latest) > 1)]
    if not rows:
        return None
    steps = max(max((len(gate.mean_T) for gate in net.gates.values()), default=0) for net in record.latest)
    steps = max(steps, *(0 if net.norm_T is None else len(net.norm_T) for net in record.latest))
    return Panel(Axis(say("loop-figure.time-step"), 0, max(1, steps - 1)), rows, top_px=TOP_PX)


def by_lag(record: LoopRecord) -> Panel | None:
    """What is left of a loss's own gradient so many steps before it, by net, in the step sampled last; None for none."""
    shares = {net.net: net.share_L for net in record.latest if net.share_L is not None}
    if not shares:
        return None
    drawn = list(zip(shares.items(), itertools.cycle(LINES)))
    items: list[Item] = [Line(np.arange(len(share_L)), share_L, line, _named(net)) for (net, share_L), line in drawn]
    items += [Level(0.5, DASHED, say("loop-figure.half")), Level(0.01, DASHED, say("loop-figure.hundredth"))]
    named = [keyed(_named(net), line) for (net, _), line in drawn] if len(drawn) > 1 else []
    title = " ".join([say("loop-figure.left"), *named])
    longest, decades = max(map(len, shares.values())) - 1, _decades(shares.values())
    row = Row(title, items, Axis(log=True, ticks=decades))
    return Panel(Axis(say("loop-figure.lag"), 0, max(1, longest)), [row], top_px=TOP_PX)


# ---- over the steps of the loop ------------------------------------------------------------------------------------


def _loss(record: LoopRecord) -> Row:
    known = record.loss_S[np.isfinite(record.loss_S)]
    positive = bool(known.size) and float(known.min()) > 0
    line = Line(record.step_S, record.loss_S, Stroke(BLUE), say("curve.loss"))
    return Row(say("loop-figure.loss"), [line], Axis(log=positive))


def _norms(record: LoopRecord) -> Row:
    items: list[Item] = [
        Line(record.step_S, record.norm_before_S, Stroke(GREY, 5), say("curve.before"), opacity=0.45),
        Line(record.step_S, record.norm_after_S, Stroke(BLUE), say("curve.after")),
    ]
    if record.max_norm is not None:
        items.append(Level(record.max_norm, DASHED, say("curve.theta")))
    return Row(say("run-figure.norms"), items, Axis(log=True))


def _clipping(record: LoopRecord) -> Row:
    line = Line(record.step_S, record.coefficient_S, Stroke(BLUE), say("curve.coefficient"))
    return Row(say("run-figure.clipping"), [line], SHARE)


def _shares(samples: Sequence[Sample]) -> Row:
    """Whose gradient it is: squares add, so they may be stacked."""
    names = list(dict.fromkeys(name for sample in samples for name in sample.shares))
    steps = [sample.step for sample in samples]
    items: list[Item] = [
        Line(steps, [sample.shares.get(name, 0.0) for sample in samples], Stroke(colour), name, opacity=0.85)
        for name, colour in zip(names, itertools.cycle(SHARE_COLOURS))
    ]
    return Row(say("run-figure.shares"), items, SHARE, stacked=True)


def _gate_rows(record: LoopRecord) -> Iterator[Row]:
    """Mean (line) and saturated share (dashed) of every gate, one row a net."""
    nets = list(dict.fromkeys(net.net for sample in record.samples for net in sample.nets if net.gates))
    for which in nets:
        found = [(s.step, net.gates) for s in record.samples for net in s.nets if net.net == which]
        items: list[Item] = []
        for letter, line in zip(found[0][1], LINES, strict=False):
            steps = [step for step, gates in found if letter in gates]
            columns = [[gates[letter][part] for _, gates in found if letter in gates] for part in (0, 1)]
            items.append(Line(steps, columns[0], Stroke(line.colour), say("curve.mean", letter=letter)))
            dashed = Stroke(line.colour, dash="dash")
            items.append(Line(steps, columns[1], dashed, say("curve.saturated", letter=letter)))
        yield Row(say("loop-figure.gates", net=which), items, Axis(low=0, high=1))


def _reach(record: LoopRecord) -> Row | None:
    """How far back a loss's gradient reaches; no point where it reaches past the beginning of the sequence."""
    nets = list(dict.fromkeys(net.net for sample in record.samples for net in sample.nets))
    items: list[Item] = []
    for which, line in zip(nets, itertools.cycle(LINES)):
        steps, horizons = _horizons(record.samples, which)
        if steps:
            items.append(Line(steps, horizons, line, _named(which) if len(nets) > 1 else ""))
    return Row(say("loop-figure.horizon"), items, Axis(from_zero=True)) if items else None


def _horizons(samples: Sequence[Sample], which: LoopNet) -> Series:
    found = [
        (sample.step, float(net.horizon_steps))
        for sample in samples
        for net in sample.nets
        if net.net == which and net.horizon_steps is not None
    ]
    return [step for step, _ in found], [horizon for _, horizon in found]


# ---- in time -------------------------------------------------------------------------------------------------------


def _net_rows(loop: Loop, net: InTime, *, several: bool) -> Iterator[Row]:
    where = f" ({_named(net.net)})" if several else ""
    cell = loop.cell_of(net.net)
    for gate, line in zip((g for g in cell.gates if g.letter in net.gates), LINES, strict=False):
        measured = net.gates[gate.letter]
        steps = np.arange(len(measured.mean_T))
        thin = Stroke(line.colour, 1, "dot")
        items: list[Item] = [
            Line(steps, measured.low_T, thin, say("loop-figure.tenth")),
            Line(steps, measured.high_T, thin, say("loop-figure.nine-tenths"), filled=BAND),
            Line(steps, measured.mean_T, replace(line, dash="solid"), say("curve.mean", letter=gate.letter)),
        ]
        yield Row(f"{gate.title}{where}: {say('loop-figure.light', light=own(gate.light))}", items, Axis(low=0, high=1))
    curves = {"all-of-it": (net.norm_T, Stroke(BLUE)), "local": (net.local_T, Stroke(ORANGE, dash="dash"))}
    known = {key: (norm_T, line) for key, (norm_T, line) in curves.items() if norm_T is not None}
    if known:
        named = [keyed(_curve(key), line) for key, (_, line) in known.items()]
        items = [Line(np.arange(len(norm_T)), norm_T, line, _curve(key)) for key, (norm_T, line) in known.items()]
        ticks = _decades(norm_T for norm_T, _ in known.values())
        yield Row(" ".join([say("loop-figure.gradient", where=where), *named]), items, Axis(log=True, ticks=ticks))


def _curve(key: str) -> str:
    return say(f"loop-figure.{key}")


def _decades(curves: Iterable[Floats]) -> dict[float, str]:
    """The powers of ten about these numbers, seven at most."""
    values = np.concatenate(list(curves))
    powers = np.log10(values[np.isfinite(values) & (values > 0)])
    if not powers.size:
        return {1.0: "1"}
    low, high = math.floor(powers.min()), math.ceil(powers.max())
    every = max(1, -(-(high - low) // 6))
    return {10.0**power: f"{10.0**power:g}" for power in range(low, high + 1, every)}


def _named(net: LoopNet) -> str:
    return say("loop-figure.net", net=net)
