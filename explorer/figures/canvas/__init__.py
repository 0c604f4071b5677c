"""A panel as bytes, for a canvas in the browser: a JSON that says what is drawn, and columns of numbers behind it.

A plotly figure of 200 steps and 256 units takes a browser 190 ms to draw and forgets where one was; the canvas takes a
millisecond, and new data leave the zoom, the cursor and what was chosen as they were. `ink.js` reads what `pack` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, singledispatch
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from explorer.characters import visible
from explorer.figures.hundredths import gapped, hundredths
from explorer.figures.panel import (
    ROW_PX,
    Alarm,
    Area,
    Axis,
    Bars,
    ColourBar,
    Gaps,
    Heatmap,
    Item,
    Level,
    Line,
    Marks,
    Panel,
    Row,
    Scale,
    Spans,
    UnitMap,
    Values,
)
from explorer.figures.style import SEQUENTIAL, Stroke
from explorer.tokens import CHARACTER, WORD
from explorer.words import say

LARGEST, LEAST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
DASHES: Mapping[str, Sequence[int]] = {
    "solid": (), "dash": (6, 4), "dot": (2, 3), "dashdot": (7, 3, 2, 3), "longdash": (11, 4), "2px,6px": (2, 6),
}  # pixels drawn and left out  # fmt: skip
ALIGNED = 8
HINTS = ("step", "token", "unit", "closer", "whole", "infinite")
ROW_EXTRA_PX, FOOT_PX = 37, 34  # a title of one line and what is left free, in panel.js; under the last row
TITLE_LINE_PX = 17  # of each further line, in look.css
Packed: TypeAlias = dict[str, Any]


@cache
def script(*names: str) -> str:
    """These files of this folder, joined to one module: what one says, those after it can call."""
    return "\n".join(_file(f"{name}.js") for name in names)


@cache
def style() -> str:
    """The look of what lies over and beside the canvases."""
    return _file("look.css")


def height_px(rows: int) -> int:
    """Height of a panel of so many rows of the usual height, with titles of one line."""
    return rows * (ROW_PX + ROW_EXTRA_PX) + FOOT_PX


def height_of(panel: Panel) -> int:
    """Height of a panel where no line of a title is wider than it is."""
    lines = sum(row.title.count("<br>") for row in panel.rows)
    return sum(row.height_px + ROW_EXTRA_PX for row in panel.rows) + lines * TITLE_LINE_PX + FOOT_PX


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def pack(panel: Panel, about: Mapping[str, Any] | None = None) -> bytes:
    """The length of a JSON in 4 bytes, padded to 8; the JSON; the columns it points to. Each is padded to a multiple of 8.

    Args:
        panel: rows over an axis of steps.
        about: what whoever fetches it also wants to know.

    """
    columns = _Columns()
    head = {
        "about": about or {},
        "alt": panel.alt,
        "x": {
            "low": panel.x.low,
            "high": panel.x.high,
            "label": panel.x.label,
            "words": list(panel.x.words),
            "blanks": list(panel.x.blanks),
        },
        "leftPx": panel.left_px,
        "chosen": panel.chosen,
        "newline": visible("\n"),
        "named": panel.named,
        "told": list(panel.told),
        "roles": {str(unit): words for unit, words in panel.roles.items()},
        "scale": _scale(panel.scale),
        "hints": _hints(panel),
        "rows": [_row(row, columns) for row in panel.rows],
    }
    text = _padded(json.dumps(head | {"columns": columns.kinds}, ensure_ascii=False, allow_nan=False).encode(), b" ")
    return len(text).to_bytes(ALIGNED, "little") + text + b"".join(columns.data)


def _hints(panel: Panel) -> dict[str, str]:
    """Words that the drawing itself writes, by what they are for."""
    reads = WORD if panel.x.blanks else CHARACTER
    said = {name: say(f"panel.{name}", of_token=reads) for name in HINTS}
    if panel.named:
        said["whole"] = say("panel.run")
    if any(row.brushed for row in panel.rows):
        said["closer"] = say("panel.brush")
    return said


def _padded(data: bytes, filler: bytes = b"\0") -> bytes:
    return data + filler * (-len(data) % ALIGNED)


class _Columns:
    """The columns of a panel, each sent once."""

    def __init__(self) -> None:
        self.kinds: list[tuple[str, int]] = []
        self.data: list[bytes] = []
        self._places: dict[int, tuple[int, Values]] = {}  # with the column itself, so that its id stays its own

    def floats(self, values: Values) -> Packed:
        """Numbers in four bytes: what is too large for those becomes their largest, and what is too small their smallest."""
        array = np.asarray(values)
        if _is_count(array):
            return {"from": int(array[0]), "count": len(array)}
        kept = np.clip(array, -LARGEST, LARGEST).astype(np.float32)
        return self._placed(values, np.where((kept == 0) & (array > 0), np.float32(LEAST), kept))

    def exact(self, array: NDArray[Any]) -> Packed:
        """An array as it is."""
        return self._placed(array, array)

    def _placed(self, values: Values, array: NDArray[Any]) -> Packed:
        if id(values) not in self._places:
            self._places[id(values)] = (len(self.kinds), values)
            self.kinds.append((array.dtype.str[1:], array.size))
            self.data.append(_padded(np.ascontiguousarray(array).tobytes()))
        return {"column": self._places[id(values)][0]}


def _is_count(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "i" and array.size > 1 and bool((np.diff(array) == 1).all())


def _row(row: Row, columns: _Columns) -> Packed:
    look: Packed = {
        "title": row.title,
        "key": row.key,
        "line": row.line,
        "heightPx": row.height_px,
        "stacked": row.stacked,
    }
    look |= {"pinned": row.pinned, "brushed": row.brushed, "y": _axis(row.y)}
    return look | {"items": [_item(item, columns) | {"kind": KINDS[type(item)]} for item in row.items]}


def _axis(axis: Axis) -> Packed:
    marks = list(axis.ticks.items()) if isinstance(axis.ticks, Mapping) else axis.ticks
    ends = {
        "label": axis.label,
        "low": axis.low,
        "high": axis.high,
        "log": axis.log,
        "percent": axis.percent,
        "ticks": marks,
    }
    look = {"reverse": axis.reverse, "fromZero": axis.from_zero, "zero": axis.zero, "grid": axis.grid}
    return ends | look | {"bare": axis.bare, "hidden": axis.hidden}


def _scale(scale: Scale | None) -> Packed | None:
    if scale is None:
        return None
    return {"low": scale.low, "high": scale.high, "log": scale.log, "colours": scale.colours}


def _stroke(stroke: Stroke) -> Packed:
    return {"colour": stroke.colour, "width": stroke.width, "dash": DASHES[stroke.dash]}


KINDS: Mapping[type[Item], str] = {
    Line: "line", Bars: "bars", Heatmap: "heatmap", UnitMap: "units", Gaps: "gaps", Area: "area", Marks: "marks",
    Level: "level", Alarm: "alarm", ColourBar: "colourbar", Spans: "spans",
}  # fmt: skip


@singledispatch
def _item(item: Any, columns: _Columns) -> Packed:
    """An item as the head has it."""
    raise TypeError(type(item).__name__)


@_item.register
def _(item: Line, columns: _Columns) -> Packed:
    points: Packed = {"x": columns.floats(item.x), "y": columns.floats(item.y), "name": item.name, "hover": item.hover}
    if item.values is not None:
        points["values"] = columns.floats(item.values)
    if item.text is not None:
        points["text"] = list(item.text)
    return points | _stroke(item.stroke) | {"filled": item.filled, "dots": item.dots_px, "opacity": item.opacity}


@_item.register
def _(item: Bars, columns: _Columns) -> Packed:
    numbers = {"at": columns.floats(item.at), "values": columns.floats(item.values), "said": columns.floats(item.said)}
    return numbers | {"colour": item.colour, "hover": item.hover, "width": item.width}


@_item.register
def _(item: Heatmap, columns: _Columns) -> Packed:
    values = columns.exact(item.values)
    text = [words for line in item.text for words in line] if item.text is not None else None
    look = {"scale": _scale(item.scale), "lettered": item.lettered, "hover": item.hover, "text": text}
    return {"values": values, "lines": len(item.values)} | look


@_item.register
def _(item: UnitMap, columns: _Columns) -> Packed:
    said = {letter: _hundredths(values_HT, columns) for letter, values_HT in item.said.items()}
    about = {"letter": item.letter, "net": item.net, "numbers": list(map(int, item.units)), "unit": 0.01, "said": said}
    return about | {
        "values": _hundredths(item.values_HT, columns),
        "lines": len(item.units),
        "scale": _scale(item.scale),
    }


def _hundredths(values_HT: NDArray[Any], columns: _Columns) -> Packed:
    """In a byte each, where two decimals of each fit into one."""
    whole, said = hundredths(values_HT)
    return columns.exact(whole if said is None else gapped(whole, said))


@_item.register
def _(item: Gaps, columns: _Columns) -> Packed:
    where = {"where": columns.exact(item.where.astype(np.uint8)), "lines": len(item.where), "first": item.first}
    return where | {"hover": item.hover}


@_item.register
def _(item: Area, columns: _Columns) -> Packed:
    return {"x": list(item.x), "y": list(item.y), "hover": item.hover}


@_item.register
def _(item: Spans, columns: _Columns) -> Packed:
    return {"ends": item.ends}


@_item.register
def _(item: Marks, columns: _Columns) -> Packed:
    look = {"symbol": item.symbol, "size": item.size_px, "colour": item.colour, "outline": item.outline_px}
    return look | {"x": columns.floats(item.x), "y": columns.floats(item.y)}


@_item.register
def _(item: Level, columns: _Columns) -> Packed:
    return {"value": item.value, "name": item.name} | _stroke(item.stroke)


@_item.register
def _(item: Alarm, columns: _Columns) -> Packed:
    return {"step": item.step, "name": item.name, "colour": item.colour}


@_item.register
def _(item: ColourBar, columns: _Columns) -> Packed:
    ends = {"low": item.low, "high": item.high, "ticks": list(item.ticks.items()), "left": item.left}
    return ends | {"colours": SEQUENTIAL}
