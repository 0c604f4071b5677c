"""The gate tape: text, gates, state and surprise of one layer on one time axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.characters import visible
from explorer.features import COUNTED, Feature, feature_of
from explorer.figures.drawing import drawn, mark
from explorer.figures.panel import (
    Axis,
    Heatmap,
    Item,
    Line,
    Marks,
    Panel,
    Row,
    Scale,
    Spans,
    UnitMap,
    is_lettered,
    over_steps,
)
from explorer.figures.perplexity import baselines, surprise_row
from explorer.figures.style import (
    GREEN,
    LINES,
    ORANGE,
    PLAIN,
    Stroke,
    coloured,
    escaped,
    keyed,
    number,
)
from explorer.figures.tables import BLOCK_ROWS
from explorer.probes.gates import SATURATED_HIGH, SATURATED_LOW, GateTrace, Tape
from explorer.probes.perplexity import NATS_PER_BIT, Floats
from explorer.probes.units import Role, response_order
from explorer.text import UNKNOWN
from explorer.tokens import token_of
from explorer.words import own, say

ROLE, MEMORY, MEAN, INDEX, RESPONSE = ORDERS = ("role", "memory", "mean", "index", "response")
MAX_STEPS = 2_000
DETAILED_CELLS = 150_000  # up to here hovering also says what is not drawn: candidate and state
STRIP_PX, LINES_PX, ROLE_PX = 26, 130, 56
LEAST_HEATMAP_PX, MOST_HEATMAP_PX = 144, 288
LEAST_GUESS = 0.005  # what rounds to 0 % is not told
GHOSTLY = 0.55  # opacity of what was, before the model was altered
SCATTER_PX, EDGE_PX = 340, 52
SURPRISE, CHANGE = "surprise", "change"
TEXT = "text"  # what a click in the strip is told by
MORE, UNREAD = "▲", "○"  # marks on the strip
GATE, STATE = Scale(0, 1), Scale(-1, 1)
UNDER, UNDERLINE = -0.45, Stroke(GREEN, 3)  # of a strip from -0.5 to 0.5


@dataclass(frozen=True)
class Quantity:
    """What the characters of a text can be coloured by.

    Attributes:
        name: what it is called.
        values_T: NaN where it is not defined.
        measure: its unit; "" for a gate, which has none.
        low: the value that is drawn dark.
        high: the value that is drawn light. Of the surprise it is what a blind guess pays, in every model and at every
            epoch: on a range of its own, an untrained model looks as if it knew something.

    """

    name: str
    values_T: NDArray[Any]
    measure: str
    low: float
    high: float


def quantities(trace: GateTrace, tape: Tape, unit: int | None = None) -> dict[str, Quantity]:
    """What the characters of a text can be coloured by: surprise, mean of a gate, how far the state moved, a unit's own parts.

    Returns:
        code -> quantity: "surprise", "mean-z" and so on, "change", and with a unit "unit-h", "unit-z" and so on.

    """
    bits_T, blind = trace.nll_nats_T / NATS_PER_BIT, baselines(trace)[0]
    result = {SURPRISE: Quantity(say("gate-figure.strip-surprise"), bits_T, say("score-figure.bits"), 0, blind)}
    for letter, gate_TH in tape.gates.items():
        result[f"mean-{letter}"] = Quantity(say("gate-figure.mean", letter=letter), gate_TH.mean(1), "", 0, 1)
    moved = Quantity(say("gate-figure.change"), tape.change_T, say("gate-figure.rms"), *_range(tape.change_T))
    return result | {CHANGE: moved} | (_of_unit(tape, unit) if unit is not None else {})


def _of_unit(tape: Tape, unit: int) -> dict[str, Quantity]:
    """What one unit did, its state first; a state without ends on its own range."""
    result = {}
    for letter in ("h", *(letter for letter in tape.parts if letter != "h")):
        values_T = tape[letter][:, unit]
        bounded = bool((np.abs(values_T) <= 1).all())
        ends = (0.0, 1.0) if letter in tape.gates else (-1.0, 1.0) if bounded else _range(values_T)
        name = say("gate-figure.of-unit", unit=unit, letter=letter)
        result[f"unit-{letter}"] = Quantity(name, values_T, "", *ends)
    return result


def _range(values_T: NDArray[Any]) -> tuple[float, float]:
    """Lowest and highest defined value, for a strip that has its range written above it."""
    defined = values_T[np.isfinite(values_T)]
    return (float(defined.min()), float(defined.max())) if defined.size else (0.0, 0.0)


def described(trace: GateTrace, code: str, quantity: Quantity, count: int) -> list[str]:
    """In words, the value of each of the first characters, and what is the matter with it."""
    words, name = [], quantity.name
    for step, (value, unknown) in enumerate(zip(quantity.values_T[:count], trace.unknown_T, strict=False)):
        said = f"{name} {number(value)} {quantity.measure}".rstrip()
        if not np.isfinite(value):
            said = say(_undefined(trace, code, step), name=name)
        elif code == SURPRISE and value > quantity.high:
            said += say("gate-figure.more-than-guess")
        words.append(said + (say("gate-figure.unknown-here", symbol=UNKNOWN) if unknown else ""))
    return words


def _undefined(trace: GateTrace, code: str, step: int) -> str:
    """Why a value is none."""
    if code == SURPRISE and step == 0 and trace.config.objective != "cloze" and np.isnan(trace.nll_nats_T[0]):
        return "gate-figure.unasked"
    return "gate-figure.unnamed" if code == SURPRISE and trace.score.unnamed_T[step] else "gate-figure.not-finite"


def unit_order(tape: Tape, order: str, roles: Sequence[Role] = ()) -> NDArray[np.intp]:
    """The units of a tape, first drawn at the top.

    Args:
        tape: of one net.
        order: INDEX; MEAN of the gate that keeps, or MEMORY time by it, the largest first; ROLE, those with a role first, in the
            order of the roles, and then by memory time; RESPONSE, those whose state goes alike together.
        roles: of units of this net, one a unit.

    """
    if order == RESPONSE:
        return response_order(tape.h_TH)
    if order == INDEX or tape.cell.keeps is None or tape.tau_H is None:
        by_key = np.arange(tape.h_TH.shape[1])
    else:
        key_H = tape.mean_H[tape.cell.keeps.letter] if order == MEAN else tape.tau_H
        by_key = np.argsort(-key_H, kind="stable")
    first = [role.unit for role in roles if order == ROLE and role.unit < len(by_key)]
    return np.array([*first, *(unit for unit in by_key if unit not in first)], np.intp)


def tape(
    trace: GateTrace,
    *,
    layer: int = 0,
    direction: str | None = None,
    order: str = MEMORY,
    ordered_as: GateTrace | None = None,
    quantity: str = SURPRISE,
    unit: int | None = None,
    roles: Sequence[Role] = (),
    known: Sequence[Role] = (),
    all_units: bool = True,
    learned_T: NDArray[np.bool_] | None = None,
    ghost: GateTrace | None = None,
    steps: int = MAX_STEPS,
    alt: str = "",
) -> Panel:
    """The gates of one layer over a text, unit by step, with what the text, the state and the surprise did meanwhile.

    Args:
        trace: the facts.
        layer: which layer.
        direction: "forward" or "backward"; None draws every direction the model has on the one time axis.
        order: how units are ordered, one of ORDERS; see unit_order.
        ordered_as: the reading of the text whose units are ordered so; None: this one.
        quantity: what the strip at the top shows, a code of `quantities`; of a net that has none of that code, the surprise.
        unit: also draws this unit's own gates and states.
        roles: of units of the first direction, each drawn alone above all others.
        known: roles of units of the first direction, those that are drawn alone or not: said of a unit, and its order by role.
        all_units: whether the maps of all units are drawn, and their means.
        learned_T: where the text repeats what the model learned (probes.learned); underlined in the strip.
        ghost: of the same text by the same net before it was altered: thin, behind what is drawn of it.
        steps: how many steps are drawn from the first on.
        alt: what the panel shows, for those who cannot see it.

    """
    directions = trace.config.directions if direction is None else (direction,)
    tapes = [trace.tape(layer, d) for d in directions]
    ghosts = [None if ghost is None else ghost.tape(layer, d) for d in directions]
    count = min(len(trace), steps)
    rows = [_strip_row(trace, tapes[0], quantity, unit, count)]
    if learned_T is not None and learned_T[:count].any():
        rows[0] = _underlined(rows[0], learned_T[:count])
    rows += [
        _role_row(tapes[0], role, count, ghosts[0], feature_of(role.feature, trace.text[:count])) for role in roles
    ]
    for one, before in zip(tapes, ghosts, strict=True):
        own = (known or roles) if one is tapes[0] else ()
        units = unit_order(one if ordered_as is None else ordered_as.tapes[one.net], order, own)
        where = f" ({trace.config.name_of(one.net.direction)})" if len(tapes) > 1 else ""
        if all_units:
            rows += heatmap_rows(one, units, where, count)
        if unit is not None and unit < one.h_TH.shape[1]:
            rows.append(unit_row(one, unit, where, count, before))
        if all_units:
            rows.append(mean_row(one, where, count, before))
    rows.append(surprise_row(trace, count, ghost))
    axis = over_steps(trace.text, count, say("figure.step"))
    return Panel(
        axis, rows, lettered=is_lettered(count), told=_expected(trace, count),
        roles=_said_of([*known, *roles], tapes[0]), alt=alt,
    )  # fmt: skip


def _strip_row(trace: GateTrace, one: Tape, code: str, unit: int | None, count: int) -> Row:
    known = quantities(trace, one, unit if unit is not None and unit < one.h_TH.shape[1] else None)
    code = code if code in known else SURPRISE
    quantity = known[code]
    shown_T = quantity.values_T[:count].astype(np.float32)
    words = [[escaped(words) for words in described(trace, code, quantity, count)]]
    strip = Heatmap(shown_T.reshape(1, -1), "%{text}", Scale(quantity.low, quantity.high), text=words, lettered=True)
    ends = say("gate-figure.ends", low=number(quantity.low), high=number(quantity.high))
    title = quantity.name + f" ({quantity.measure})" * bool(quantity.measure) + f": {ends}"
    marks = []
    if code == SURPRISE:
        title += f" ({say('curve.blind-guess')})"
        marks.append((MORE, say("gate-figure.more"), shown_T > quantity.high))
    marks.append((UNREAD, say("gate-figure.unknown"), trace.unknown_T[:count]))
    marks = [mark for mark in marks if mark[2].any()]
    title += "<br>" * bool(marks) + ", ".join(f"{coloured(sign, ORANGE)} {words}" for sign, words, _ in marks)
    items = [strip, *(_marks(mark, where_T) for mark, _, where_T in marks)]
    return Row(title, items, Axis(low=-0.5, high=0.5, hidden=True), STRIP_PX, key=TEXT, pinned=True, brushed=True)


def _underlined(strip: Row, where_T: NDArray[np.bool_]) -> Row:
    """The strip, with a line under the characters of some stretches."""
    ends = np.flatnonzero(np.diff(np.r_[False, where_T, False]))
    items = list(strip.items)
    for first, end in zip(ends[::2], ends[1::2], strict=True):
        items.append(Line(np.array([first - 0.45, end - 0.55]), np.full(2, UNDER), UNDERLINE))
    joint = ", " if "<br>" in strip.title else "<br>"
    return replace(strip, title=f"{strip.title}{joint}{keyed(say('gate-figure.learned'), UNDERLINE)}", items=items)


def _marks(mark: str, where_T: NDArray[np.bool_]) -> Marks:
    """Marks on the characters of the strip, at its lower edge or in its middle, where they show on dark and on light."""
    steps = np.flatnonzero(where_T)
    symbol, height, outline_px = {MORE: ("triangle-up", -0.25, 0), UNREAD: ("circle-open", 0.2, 2)}[mark]
    return Marks(steps, np.full(len(steps), height), symbol, 7, outline_px=outline_px)


def _role_row(one: Tape, role: Role, count: int, ghost: Tape | None, feature_T: Feature | None) -> Row:
    """What a unit with a known role does: the part that follows something, and the gate that keeps the unit's past.

    Where what it follows holds in the text, the row is shaded; of a distance it is not.
    """
    drawn = {role.part: LINES[0]} | ({one.cell.keeps.letter: LINES[1]} if one.cell.keeps else {})
    drawn[role.part] = LINES[0]
    x = np.arange(count)
    items: list[Item] = [] if feature_T is None or role.feature in COUNTED else [Spans(feature_T > 0)]
    items += _ghosts(ghost, drawn, role.unit, count)
    items += [
        Line(x, one[letter][:count, role.unit], line, hover=f"{letter} %{{y{PLAIN}}}") for letter, line in drawn.items()
    ]
    gates_alone = set(drawn) <= set(one.gates)
    # A cell state has no ends, nor has every cell's state.
    free = any(not bool((np.abs(one[letter][:count, role.unit]) <= 1).all()) for letter in drawn)
    axis = Axis(low=None if free else 0 if gates_alone else -1, high=None if free else 1, zero=True, ticks=3)
    named = {letter: role.means(one.cell) if letter == role.part else letter for letter in drawn}
    key = ", ".join(keyed(named[letter], line) for letter, line in drawn.items())
    title = (
        f"{say('figure.role', unit=role.unit, place=escaped(role.place))}<br>{key}"  # in two lines: a phone is narrow
    )
    return Row(title, items, axis, ROLE_PX, line=role.unit)


def _said_of(roles: Sequence[Role], one: Tape) -> dict[int, str]:
    """What is known of units, in words."""
    return {role.unit: f"{escaped(role.place)}: {role.means(one.cell)}" for role in roles}


def _ghosts(ghost: Tape | None, drawn: Mapping[str, Stroke], unit: int, count: int) -> Iterator[Line]:
    """What the parts of a unit were before the model was altered."""
    if ghost is not None:
        for letter, stroke in drawn.items():
            yield _ghost(letter, ghost[letter][:count, unit], stroke)


def _ghost(letter: str, values_T: Floats, stroke: Stroke) -> Line:
    said = say("figure.ghost", name=letter)
    return Line(np.arange(len(values_T)), values_T, replace(stroke, width=1), hover=said, opacity=GHOSTLY)


def _expected(trace: GateTrace, count: int) -> list[str]:
    """What the model held likeliest at each step, in words."""
    told = []
    for step in range(count):
        guesses = [
            say("figure.guess", character=escaped(visible(symbol)), probability=p)
            for symbol, p in trace.expected(step)
            if p >= LEAST_GUESS
        ]
        told.append(say("figure.expected", guesses=", ".join(guesses)) if guesses else "")
    return told


def heatmap_rows(one: Tape, units: NDArray[np.intp], where: str, count: int) -> list[Row]:
    """A map of each gate, unit by step, of the first so many steps; of a plain cell one of its state."""
    height = min(max(len(units), LEAST_HEATMAP_PX), MOST_HEATMAP_PX)  # a pixel a unit where it can be
    axis = Axis(say("figure.units", count=len(units)), reverse=True, grid=False, bare=True)
    if not one.gates:  # a plain cell: its state is all there is to see
        drawn = UnitMap("h", one.h_TH[:count, units].T, units, STATE, net=str(one.net))
        return [Row(f"<b>{say('part.h')}</b>{where}: {say('figure.state-ends')}", [drawn], axis, height, key="h")]
    # One cursor runs through all maps, so each says its own gate, and the other parts are shared out among them.
    others = {letter: part_TH for letter, part_TH in one.parts.items() if letter not in one.gates}
    if count * len(units) > DETAILED_CELLS:
        others = {}
    rows = []
    for gate in one.cell.gates:
        said = {other: others.pop(other)[:count, units].T for other in list(others)[:2]}
        drawn = UnitMap(gate.letter, one[gate.letter][:count, units].T, units, GATE, said, str(one.net))
        ends = say("figure.gate-ends", light=own(gate.light), dark=own(gate.dark))
        title = f"<b>{gate.title}</b>{where}:<br>{ends}"
        rows.append(Row(title, [drawn], axis, height, key=gate.letter))
    return rows


def mean_row(one: Tape, where: str, count: int, ghost: Tape | None = None) -> Row:
    """Mean over units, with the band that holds the middle 80 % of them."""
    drawn = dict(zip(one.gates or ("h",), LINES, strict=False))
    x = np.arange(count)
    items: list[Item] = []
    for letter, line in drawn.items():
        part_TH = one[letter][:count]
        if ghost is not None:
            items.append(_ghost(letter, _mean(ghost[letter][:count]), line))
        low_T, high_T = _middle(part_TH).astype(np.float32)
        edge = Stroke(line.colour, 0)
        items += [
            Line(x, low_T, edge),
            Line(x, high_T, edge, filled=0.18),
            Line(x, _mean(part_TH), line, hover=f"{say('figure.mean-of', letter=letter)} %{{y{PLAIN}}}"),
        ]
    title = f"{say('gate-figure.means')}{where}:<br>{_key(drawn)}"
    return Row(title, items, Axis(low=0 if one.gates else -1, high=1, ticks=5), LINES_PX)


def _mean(part_TH: Floats) -> NDArray[np.float32]:
    """Mean over the units, (T,)."""
    mean_T: NDArray[np.float32] = part_TH.mean(1, dtype=np.float64).astype(np.float32)
    return mean_T


def _middle(part_TH: Floats) -> NDArray[Any]:
    """The ends of the band that holds the middle 80 % of the units, (2, T)."""
    if not len(part_TH):
        return np.zeros((2, 0))
    with np.errstate(invalid="ignore"):  # of a diverged model
        ends_2T: NDArray[Any] = np.quantile(part_TH, [0.1, 0.9], axis=1)
    return ends_2T


def unit_row(one: Tape, unit: int, where: str, count: int, ghost: Tape | None = None) -> Row:
    """Every part of one unit alone."""
    x, parts = np.arange(count), one.parts
    drawn = dict(zip(parts, LINES, strict=False))
    lines = [*_ghosts(ghost, drawn, unit, count)]
    lines += [Line(x, parts[name][:count, unit], line, hover=f"{name} %{{y{PLAIN}}}") for name, line in drawn.items()]
    return Row(
        f"{say('figure.unit-alone', unit=unit, where=where)}:<br>{_key(drawn)}",
        lines,
        Axis(zero=True, ticks=5),
        LINES_PX,
    )


def unit_tape(
    trace: GateTrace, unit: int, step: int, *, layer: int = 0, direction: str = "forward", steps: int = MAX_STEPS
) -> Panel:
    """The text and every part of one unit over it; the row is shaded at one step. See `tape`."""
    one, count = trace.tape(layer, direction), min(len(trace), steps)
    strip, row = _strip_row(trace, one, SURPRISE, None, count), unit_row(one, unit, "", count)
    rows = [replace(strip, brushed=False), replace(row, items=[Spans(np.arange(count) == step), *row.items])]
    axis = over_steps(trace.text, count, say("figure.step"))
    alt = say("gate-figure.unit-alt", unit=unit)
    return Panel(axis, rows, lettered=is_lettered(count), told=_expected(trace, count), alt=alt)


def _key(drawn: dict[str, Stroke]) -> str:
    """The lines of a row: a piece of each, and its name."""
    return ", ".join(keyed(name, line) for name, line in drawn.items())


def saturation(tape: Tape, alt: str = "") -> str:
    """How often each unit's gates are nearly closed, and how often nearly open: a mark a gate and unit (Karpathy et al. 2015).

    As SVG. On a text that sees both, a gate in the corner at the lower left is never decided, and one at an edge always is.
    """
    left, foot, room = EDGE_PX, SCATTER_PX - EDGE_PX, SCATTER_PX - 2 * EDGE_PX
    marks, keys = [], []
    for form, ((letter, gate_TH), stroke) in enumerate(zip(tape.gates.items(), LINES, strict=False)):
        for unit, (low, high) in enumerate(zip(*_saturated(gate_TH), strict=True)):
            said = escape(say("figure.saturated", unit=unit, letter=letter, low=low, high=high))
            marks.append(mark(form, left + room * low, foot - room * high, stroke.colour, said, 4, 0))
        key = left + 40 * form
        keys.append(f'{mark(form, key, 14, stroke.colour, "", 4, 0)}<text x="{key + 9}" y="18">{letter}</text>')
    lines, ticks = [], []
    for share in (0, 0.5, 1):
        x, y = left + room * share, foot - room * share
        lines.append(f"M{left} {y:g}H{left + room}M{x:g} {foot}V{foot - room}")
        ticks.append(f'<text x="{x:g}" y="{foot + 15}" text-anchor="middle">{share:.0%}</text>')
        ticks.append(f'<text x="{left - 6}" y="{y + 4:g}" text-anchor="end">{share:.0%}</text>')
    closed, opened = escape(say("figure.closed")), escape(say("figure.open"))
    ticks.append(f'<text x="{left + room / 2:g}" y="{foot + 32}" text-anchor="middle">{closed}</text>')
    ticks.append(
        f'<text transform="translate(12 {foot - room / 2:g}) rotate(-90)" text-anchor="middle">{opened}</text>'
    )
    axes = (
        f'<path d="{"".join(lines)}" stroke="currentColor" stroke-opacity="0.2"/><g font-size="11">{"".join(ticks)}</g>'
    )
    return drawn(f"{axes}{''.join(marks)}{''.join(keys)}", SCATTER_PX, alt, SCATTER_PX)


def _saturated(gate_TH: Floats) -> tuple[list[float], list[float]]:
    """The share of the steps at which each unit's gate is nearly closed, and nearly open."""
    return (gate_TH < SATURATED_LOW).mean(0).tolist(), (gate_TH > SATURATED_HIGH).mean(0).tolist()


def frame(trace: GateTrace, *, layer: int = 0, direction: str | None = None) -> pd.DataFrame:
    """Every part of every unit at every step of one layer: one line a (direction, step, unit)."""
    return pd.concat(blocks(trace, layer=layer, direction=direction), ignore_index=True)


def blocks(
    trace: GateTrace, *, layer: int = 0, direction: str | None = None, rows: int = BLOCK_ROWS
) -> Iterator[pd.DataFrame]:
    """The lines of `frame` in their order, about so many at a time; at least one block for each direction."""
    for name in trace.config.directions if direction is None else (direction,):
        one = trace.tape(layer, name)
        steps, hidden = one.h_TH.shape
        letters, parts, at_once = np.array(list(trace.text), dtype=object), one.parts, max(1, rows // hidden)
        for start in range(0, max(steps, 1), at_once):
            here = np.arange(start, min(start + at_once, steps))
            columns: dict[str, Any] = {
                "direction": pd.Series(name, index=range(len(here) * hidden), dtype="str"),
                "step": np.repeat(here, hidden),
                token_of(trace.text): pd.Series(np.repeat(letters[here], hidden), dtype="str"),
                "unit": np.tile(np.arange(hidden), len(here)),
            }
            yield pd.DataFrame(columns | {letter: part_TH[here].ravel() for letter, part_TH in parts.items()})


def row_count(trace: GateTrace, *, layer: int = 0, direction: str | None = None) -> int:
    """How many lines `frame` has."""
    names = trace.config.directions if direction is None else (direction,)
    return sum(trace.tape(layer, name).h_TH.size for name in names)


def step_frame(trace: GateTrace, *, layer: int = 0, direction: str | None = None) -> pd.DataFrame:
    """What is drawn per step: character or word, every quantity of the strip, and the 10-90 % band of every gate."""
    columns: dict[str, Any] = {"step": np.arange(len(trace)), token_of(trace.text): list(trace.text)}
    directions = trace.config.directions if direction is None else (direction,)
    for net in directions:
        one = trace.tape(layer, net)
        prefix = f"{net} " if len(directions) > 1 else ""
        for code, quantity in quantities(trace, one).items():
            column = quantity.name if code == SURPRISE else prefix + quantity.name
            columns[f"{column} ({quantity.measure})" if quantity.measure else column] = quantity.values_T
        for letter, gate_TH in one.gates.items():
            low_T, high_T = _middle(gate_TH)
            columns |= {f"{prefix}{letter} 10 %": low_T, f"{prefix}{letter} 90 %": high_T}
    return pd.DataFrame(columns)
