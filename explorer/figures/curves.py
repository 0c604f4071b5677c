"""Curves that grow while one looks at them: what is drawn, and how it is sent to curves.js, which draws it.

A plotly figure is built again at every change, an ECharts one forgets its zoom and its tooltip. These are numbers and a
canvas, which fetches them: a second of training costs the server a copy of bytes, and the person's zoom and cursor stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.figures.style import GREY

SCRIPT = Path(__file__).with_name("curves.js")
ROW_PX, GAP_PX, MARGIN_PX = 150, 46, 84  # the last is curves.js's TOP + BOTTOM
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Row:
    """One row over the shared axis of steps; a range of None is that of the curves in it."""

    title: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    percent: bool = False
    stacked: bool = False


@dataclass(frozen=True)
class Curve:
    """One curve: steps x ascending, values y; what is not finite, or not positive in a row with log, is not drawn."""

    row: int
    name: str
    x: NDArray[Any] = field(repr=False)
    y: NDArray[Any] = field(repr=False)
    colour: str = GREY
    dash: tuple[int, ...] = ()
    width: float = 2
    opacity: float = 1


@dataclass(frozen=True)
class Level:
    """A value to compare with, as a dashed line across its row."""

    row: int
    name: str
    value: float
    colour: str = GREY


@dataclass(frozen=True)
class Alarm:
    """A step at which something broke, over the whole height of its row: it has no point to draw."""

    row: int
    name: str
    step: int
    colour: str


@dataclass(frozen=True)
class Curves:
    """Rows over one axis of steps from 0 to end."""

    end: int
    rows: Sequence[Row]
    curves: Sequence[Curve]
    levels: Sequence[Level] = ()
    alarms: Sequence[Alarm] = ()
    alt: str = ""

    @property
    def height_px(self) -> int:
        """Height of the drawing."""
        return len(self.rows) * (ROW_PX + GAP_PX) - GAP_PX + MARGIN_PX

    def pack(self, about: Mapping[str, Any] | None = None) -> bytes:
        """The length of a JSON in 4 bytes, the JSON, padded to a multiple of 4, and the columns it points to, float32.

        Args:
            about: what curves.js also wants to know of them: "state", "active", "said", "samples".

        """
        columns: list[NDArray[np.float32]] = []
        places: dict[int, int] = {}

        def place(column: NDArray[Any]) -> int:
            if id(column) not in places:
                places[id(column)] = len(columns)
                columns.append(np.clip(column, -LARGEST, LARGEST).astype(np.float32))
            return places[id(column)]

        curves = [vars(curve) | {"x": place(curve.x), "y": place(curve.y)} for curve in self.curves]
        head = {
            "about": about or {},
            "alt": self.alt,
            "end": self.end,
            "rowPx": ROW_PX,
            "gapPx": GAP_PX,
            "rows": list(map(asdict, self.rows)),
            "curves": curves,
            "levels": list(map(asdict, self.levels)),
            "alarms": list(map(asdict, self.alarms)),
            "lengths": [len(column) for column in columns],
        }
        text = json.dumps(head, ensure_ascii=False, allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        return len(text).to_bytes(4, "little") + text + b"".join(column.tobytes() for column in columns)
