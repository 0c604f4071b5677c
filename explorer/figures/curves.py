"""The lines of a panel as numbers for curves.js, which draws them on a canvas while they grow.

A plotly figure is built again at every change, an ECharts one forgets its zoom and its tooltip. The canvas fetches these: a
second of training costs the server a copy of bytes, and the person's zoom and cursor stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.figures.panel import ROW_PX, Alarm, Kind, Level, Line, Panel, Row, Values

SCRIPT = Path(__file__).with_name("curves.js")
GAP_PX, MARGIN_PX = 46, 84  # the last is curves.js's TOP + BOTTOM
LARGEST = float(np.finfo(np.float32).max)
DASHES = {"solid": (), "dash": (6, 4), "dot": (2, 3)}  # pixels drawn and left out


def height_px(rows: int) -> int:
    """Height of the drawing of so many rows."""
    return rows * (ROW_PX + GAP_PX) - GAP_PX + MARGIN_PX


def pack(panel: Panel, about: Mapping[str, Any] | None = None) -> bytes:
    """The length of a JSON in 4 bytes, the JSON, padded to a multiple of 4, and the columns it points to, float32.

    Args:
        panel: lines, levels and alarms in rows over an axis of steps from 0 on.
        about: what curves.js also wants to know of them: "state", "active", "said", "samples".

    """
    columns: list[NDArray[np.float32]] = []
    places: dict[int, int] = {}

    def place(column: Values) -> int:
        if id(column) not in places:
            places[id(column)] = len(columns)
            columns.append(np.clip(column, -LARGEST, LARGEST).astype(np.float32))
        return places[id(column)]

    head = {
        "about": about or {},
        "alt": panel.alt,
        "end": panel.x.high,
        "rowPx": ROW_PX,
        "gapPx": GAP_PX,
        "rows": list(map(_row, panel.rows)),
        "curves": [
            _curve(line) | {"row": row, "x": place(line.x), "y": place(line.y)} for row, line in _all(panel, Line)
        ],
        "levels": [
            {"row": row, "name": level.name, "value": level.value, "colour": level.stroke.colour}
            for row, level in _all(panel, Level)
        ],
        "alarms": [
            {"row": row, "name": alarm.name, "step": alarm.step, "colour": alarm.colour}
            for row, alarm in _all(panel, Alarm)
        ],
        "lengths": [len(column) for column in columns],
    }
    text = json.dumps(head, ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + b"".join(column.tobytes() for column in columns)


def _all(panel: Panel, kind: type[Kind]) -> Iterator[tuple[int, Kind]]:
    """Every item of one kind, with the number of its row."""
    return ((number, item) for number, row in enumerate(panel.rows) for item in row.of(kind))


def _row(row: Row) -> dict[str, Any]:
    axis = row.y
    look = {"log": axis.log, "low": axis.low, "high": axis.high, "percent": axis.percent}
    return {"title": row.title, "stacked": row.stacked} | look


def _curve(line: Line) -> dict[str, Any]:
    stroke = line.stroke
    look = {"colour": stroke.colour, "dash": DASHES[stroke.dash], "width": stroke.width}
    return {"name": line.name, "opacity": line.opacity} | look
