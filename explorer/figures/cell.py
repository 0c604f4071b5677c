"""A cell as a drawing with the numbers of one step in it, its equations with the same numbers, and its parts as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import pandas as pd
import torch
from plotly.colors import sample_colorscale

from explorer.cells.equations import Equation, Node, latex, value
from explorer.characters import visible
from explorer.figures.style import ORANGE, SEQUENTIAL
from explorer.probes.cell import OpenedCell
from explorer.words import say

COLUMN_PX, ROW_PX, MARGIN_PX, EDGE_PX = 100, 58, 40, 26
BOX_PX, END_PX, SIGN_PX = (58, 34), (60, 38), 13
THIN_PX, THICK_PX = 1.2, 4.8
REST = "1−"
SIGNS = ("×", "+", REST)  # drawn as circles; what is no sign is a box
LEAST_PX = 560  # narrower, its numbers could not be read: it is then scrolled
BAR_PX, BAR_ROW_PX, NAME_PX, NUMBER_PX = 150, 24, 36, 124
NEGATIVE, POSITIVE = (201, 122, 18), (61, 143, 209)  # of a state: orange below zero, blue above
LIGHT, DARK = "#ffffff", "#10151d"


class Line(NamedTuple):
    """An equation in symbols, in the symbols of the book, and its right-hand side with the numbers of one unit: LaTeX."""

    letter: str
    symbols: str
    book: str
    numbers: str


def frame(opened: OpenedCell, was: OpenedCell | None = None) -> pd.DataFrame:
    """One line a unit: every number of the step; with those of the unchanged one behind, where there is one."""
    table = pd.DataFrame({"unit": range(len(opened.values["h"]))} | dict(opened.values))
    return table if was is None else table.join(pd.DataFrame(dict(was.values)).add_suffix("_unchanged"))


# ---- equations --------------------------------------------------------------------------------------------------------


def lines(opened: OpenedCell, unit: int) -> list[Line]:
    """The equations of a step, in the order in which they are computed."""
    numbers = {name: f"{number:.3f}" for name, number in opened.of_unit(unit).items()}
    ours, book = _ours(opened), _book(opened)
    return [_line(opened, equation, ours, book, numbers) for equation in opened.cell.equations(opened.variant)]


def formulas(opened: OpenedCell, unit: int, *, book: bool = False) -> str:
    """All equations under each other, each in symbols and with the numbers of a unit: one block of LaTeX."""
    pairs = ((line.book if book else line.symbols, line.numbers) for line in lines(opened, unit))
    block = r"\\[6pt]".join(rf"{symbols.replace('=', '&=', 1)}\\&= {numbers}" for symbols, numbers in pairs)
    return rf"\small\begin{{aligned}}{block}\end{{aligned}}"


def _line(
    opened: OpenedCell, equation: Equation, ours: Mapping[str, str], book: Mapping[str, str], numbers: Mapping[str, str]
) -> Line:
    letter, form = equation
    result = numbers[letter]
    held = letter in opened.held
    filled = rf"\text{{{say('cell-figure.held')}}}" if held else latex(form, numbers, r"\cdot")
    return Line(
        letter, f"{ours[letter]} = {latex(form, ours)}", f"{book[letter]} = {latex(form, book)}",
        rf"{result}\;({filled})" if held else f"{filled} = {result}",
    )  # fmt: skip


def _ours(opened: OpenedCell) -> dict[str, str]:
    """Name -> our symbol."""
    cell = opened.cell
    names = {letter: f"{letter}_t" for letter in cell.letters}
    names |= {f"{letter}_prev": f"{letter}_{{t-1}}" for letter in cell.state}
    for letter in cell.stacked:
        seen = cell.seen(letter, opened.variant)
        product = latex(seen, names)
        b, c = _biases(opened, f"b_{letter}", f"c_{letter}")
        names[f"x_{letter}"] = f"W_{letter} x_t{b}"
        names[f"u_{letter}"] = f"U_{letter} {product if seen == 'h_prev' else f'({product})'}{c}"
    return names


def _book(opened: OpenedCell) -> dict[str, str]:
    """Name -> the symbol in Dive into Deep Learning, where a row is a state; c is torch's second bias, which the book has not."""
    cell = opened.cell
    written = {letter: cell.book.get(letter, (letter.upper(), letter)) for letter in cell.letters}
    names = {letter: f"{symbol}_t" for letter, (symbol, _) in written.items()}
    names |= {f"{letter}_prev": f"{letter.upper()}_{{t-1}}" for letter in cell.state}
    for letter in cell.stacked:
        index, seen = written[letter][1], cell.seen(letter, opened.variant)
        product = latex(seen, names)
        b, c = _biases(opened, f"b_{index}", f"c_{index}")
        names[f"x_{letter}"] = f"X_t W_{{x{index}}}{b}"
        names[f"u_{letter}"] = f"{product if seen == 'h_prev' else f'({product})'} W_{{h{index}}}{c}"
    return names


def _biases(opened: OpenedCell, *symbols: str) -> list[str]:
    """What is added at the input and at the state, where the model has a bias there."""
    return [f" + {symbol}" if part in opened.biases else "" for part, symbol in zip(("ih", "hh"), symbols, strict=True)]


# ---- the drawing ------------------------------------------------------------------------------------------------------


def drawing(opened: OpenedCell, unit: int, was: OpenedCell | None = None) -> str:
    """The cell as SVG, for one unit: a wire is as thick as what it carries is large, a box as light as its gate is open.

    Args:
        opened: the step.
        unit: whose numbers stand in it.
        was: the step before something was changed: its numbers stand below, where they differ.

    """
    nodes = {node.key: node for node in opened.cell.drawn(opened.variant)}
    numbers, before = _numbers(nodes, opened, unit), {} if was is None else _numbers(nodes, was, unit)
    columns, rows = (max(node.at[i] for node in nodes.values()) for i in (0, 1))
    width, height = columns * COLUMN_PX + 2 * MARGIN_PX, rows * ROW_PX + 2 * EDGE_PX + 8
    wires = f'<g opacity="0.45">{"".join(_wires(nodes, numbers))}</g>'  # as one, or two above each other were darker
    things = "".join(_node(node, numbers.get(node.key), before.get(node.key), opened) for node in nodes.values())
    told = escape(say("cell-figure.alt", cell=opened.cell.variants[opened.variant], unit=unit))
    wide = f"min-width:{LEAST_PX}px;max-width:{1.15 * width:g}px"
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="100%" style="{wide}" role="img" '
        f'aria-label="{told}" font-family="inherit" fill="currentColor">{wires}{things}</svg>'
    )


def _numbers(nodes: Mapping[str, Node], opened: OpenedCell, unit: int) -> dict[str, float]:
    """The value of each thing in the drawing that has one."""
    values = {name: torch.tensor(number) for name, number in opened.of_unit(unit).items()}
    return {key: float(value(node.form, values)) for key, node in nodes.items() if node.form in values or node.sign}


def _place(node: Node) -> tuple[float, float]:
    return MARGIN_PX + node.at[0] * COLUMN_PX, EDGE_PX + node.at[1] * ROW_PX


def _wires(nodes: Mapping[str, Node], numbers: Mapping[str, float]) -> list[str]:
    """Every wire: along its row, then along the column of where it leads; or turning at the column that it names."""
    drawn = []
    for node in nodes.values():
        for wire in node.wires:
            key, turn = (wire, None) if isinstance(wire, str) else wire
            (x, y), (end_x, end_y) = _place(nodes[key]), _place(node)
            x += 0 if nodes[key].sign else END_PX[0] / 2
            at = end_x if turn is None else MARGIN_PX + turn * COLUMN_PX
            size = min(abs(numbers.get(key, 0.3)), 1.0)
            path = f"M{x:g} {y:g}H{at:g}V{end_y:g}H{end_x:g}"
            drawn.append(
                f'<path d="{path}" fill="none" stroke="currentColor" stroke-linejoin="round" '
                f'stroke-width="{THIN_PX + (THICK_PX - THIN_PX) * size:.2f}"/>'
            )
    return drawn


def _node(node: Node, number: float | None, before: float | None, opened: OpenedCell) -> str:
    x, y = _place(node)
    if not node.sign:
        return _end(node, number, before, opened)
    boxed = node.key in opened.cell.letters or node.sign not in SIGNS
    fill, ink = _colours(node, number, opened)
    title = f"<title>{escape(f'{node.form} = {number:.4f}' if number is not None else node.form)}</title>"
    if not boxed:
        return (
            f'<g>{title}<circle cx="{x:g}" cy="{y:g}" r="{SIGN_PX}" fill="{fill}" stroke="currentColor" stroke-opacity="0.6"/>'
            f"{_text(x, y + 5, node.sign, ink, 15)}{_beside(x + SIGN_PX + 4, y + 18, number, before)}</g>"
        )
    name = f"{node.key} · {node.sign}" if node.key in opened.cell.letters else node.sign
    said = "–" if number is None else f"{number:.2f}"
    return (
        f"<g>{title}{_box(x, y, BOX_PX, 6, fill)}{_text(x, y - 3, name, ink, 11)}{_text(x, y + 12, said, ink, 13, bold=True)}"
        f"{_was(x + 4, y + BOX_PX[1] / 2 + 11, number, before, anchor='start')}</g>"
    )


def _end(node: Node, number: float | None, before: float | None, opened: OpenedCell) -> str:
    """An input or an output: its name, and its value below it, or the character."""
    x, y = _place(node)
    name, _, prev = node.key.partition("_")
    written = f'{name}<tspan font-size="9" dy="3">{"t−1" if prev else "t"}</tspan>'
    said = visible(opened.label) if number is None else f"{number:.2f}"
    fill, ink = _colours(node, number, opened)
    return (
        f"<g>{_box(x, y, END_PX, 19, fill)}{_text(x, y - 4, written, ink, 12, raw=True)}"
        f"{_text(x, y + 12, said, ink, 13, bold=True)}{_was(x, y + END_PX[1] / 2 + 11, number, before)}</g>"
    )


def _box(x: float, y: float, size_px: tuple[int, int], round_px: int, fill: str) -> str:
    wide, high = size_px
    return (
        f'<rect x="{x - wide / 2:g}" y="{y - high / 2:g}" width="{wide}" height="{high}" rx="{round_px}" fill="{fill}" '
        f'stroke="currentColor" stroke-opacity="0.6"/>'
    )


def _beside(x: float, y: float, number: float | None, before: float | None) -> str:
    """What comes out of a sign: below its wire to the right, clear of a wire that comes from below."""
    shown = "" if number is None else _text(x, y, f"{number:.2f}", "currentColor", 11, anchor="start")
    return shown + _was(x, y + 12, number, before, anchor="start")


def _was(x: float, y: float, number: float | None, before: float | None, *, anchor: str = "middle") -> str:
    """What stood here before the change, where it would be read otherwise."""
    if number is None or before is None or f"{number:.2f}" == f"{before:.2f}":
        return ""
    return _text(x, y, say("cell-figure.was", value=f"{before:.2f}"), "currentColor", 10, opacity=0.75, anchor=anchor)


def _text(
    x: float, y: float, said: str, ink: str, size: float, *, bold: bool = False, raw: bool = False, opacity: float = 1,
    anchor: str = "middle",
) -> str:  # fmt: skip
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" fill="{ink}" fill-opacity="{opacity:g}"{weight}>'
        f"{said if raw else escape(said)}</text>"
    )


def _colours(node: Node, number: float | None, opened: OpenedCell) -> tuple[str, str]:
    """Fill and ink: a gate on the scale of gates, everything else orange below zero and blue above."""
    if number is None:
        return "none", "currentColor"
    gates = {gate.letter for gate in opened.cell.gates}
    return shade(number, gate=node.key in gates or node.sign == REST)


def shade(number: float, *, gate: bool) -> tuple[str, str]:
    """The colour of a value, absolute: 0 to 1 for a gate, -1 to 1 and beyond for anything else; and a colour to write on it."""
    if gate:
        (sampled,) = sample_colorscale(SEQUENTIAL, min(max(number, 0.0), 1.0), colortype="tuple")
        rgb = [255 * part for part in sampled]
    else:
        size, hue = min(abs(number), 1.0), POSITIVE if number > 0 else NEGATIVE
        rgb = [255 + (part - 255) * (0.08 + 0.92 * size) for part in hue]
    luminance = sum(weight * (part / 255) ** 2.2 for weight, part in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))
    return "#{:02x}{:02x}{:02x}".format(*map(round, rgb)), DARK if luminance > 0.18 else LIGHT


# ---- bars -------------------------------------------------------------------------------------------------------------


def bars(opened: OpenedCell, unit: int, was: OpenedCell | None = None) -> str:
    """Every part of the step as a bar from zero on one scale, -1 to 1, or as far as the largest reaches; and what it was."""
    names = _bar_names(opened)
    numbers, before = opened.of_unit(unit), {} if was is None else was.of_unit(unit)
    most = max(1.0, *(abs(each[name]) for each in (numbers, before or numbers) for name in names))
    rows = [_bar(i, name, numbers[name], before.get(name), most, opened) for i, name in enumerate(names)]
    width, height = NAME_PX + BAR_PX + NUMBER_PX, len(names) * BAR_ROW_PX + 18
    zero = NAME_PX + BAR_PX / 2
    axis = f'<path d="M{zero:g} 0V{height - 16}" stroke="currentColor" stroke-opacity="0.5"/>' + "".join(
        _text(NAME_PX + BAR_PX * (1 + end) / 2, height - 3, f"{end * most:.3g}", "currentColor", 10, opacity=0.8)
        for end in (-1, 0, 1)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="100%" style="max-width:{1.2 * width:g}px" role="img" '
        f'aria-label="{escape(say("cell-figure.bars-alt", unit=unit))}" font-family="inherit" fill="currentColor">'
        f"{''.join(rows)}{axis}</svg>"
    )


def _bar_names(opened: OpenedCell) -> Sequence[str]:
    """The state before, the parts in the order in which they are computed."""
    return [
        *(f"{part}_prev" for part in opened.cell.state),
        *(one.letter for one in opened.cell.equations(opened.variant)),
    ]


def _bar(row: int, name: str, number: float, before: float | None, most: float, opened: OpenedCell) -> str:
    gates = {gate.letter for gate in opened.cell.gates}
    y, zero, half = row * BAR_ROW_PX, NAME_PX + BAR_PX / 2, BAR_PX / 2
    colour = shade(number, gate=name in gates)[0]
    letter, _, prev = name.partition("_")
    called = f'{letter}<tspan font-size="9" dy="3">{"t−1" if prev else "t"}</tspan>'
    start, wide = zero + min(number, 0) / most * half, abs(number) / most * half
    ghost = ""
    said = f"{number:.3f}"
    if before is not None and f"{before:.3f}" != said:
        at = zero + before / most * half
        ghost = (
            f'<path d="M{at:g} {y + 1}v{BAR_ROW_PX - 4}" stroke="{ORANGE}" stroke-width="2" stroke-dasharray="3 2"/>'
        )
        said += f" ({say('cell-figure.was', value=f'{before:.3f}')})"
    return (
        f"{_text(NAME_PX / 2, y + 16, called, 'currentColor', 13, raw=True)}"
        f'<rect x="{start:g}" y="{y + 4}" width="{max(wide, 0.5):g}" height="{BAR_ROW_PX - 9}" fill="{colour}" '
        f'stroke="currentColor" stroke-opacity="0.5"/>{ghost}'
        f'<text x="{NAME_PX + BAR_PX + 8}" y="{y + 16}" font-size="12">{escape(said)}</text>'
    )
