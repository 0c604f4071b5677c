"""Rows over one axis of steps: one cursor runs through all of them, and the characters of the text stand under the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from explorer.figures.figure import Figure
from explorer.figures.style import MARGIN, escaped, visible

LETTERED_STEPS = 110  # up to here the characters themselves fit under a figure as wide as a page
LEAST_LETTER_PX, LETTER_PX = 8, 13
TITLE_LINE_PX, TITLE_GAP_PX, LIFT_PX, LETTERS_PX = 17, 10, 6, 22


@dataclass(frozen=True)
class Row:
    """One row of a stack.

    Attributes:
        title: over the row, in lines of about fifty characters: plotly does not wrap, and a phone has room for no more.
        height_px: of what is drawn.
        traces: of plotly, without their axes.
        axis: the row's y axis.

    """

    title: str
    height_px: int
    traces: Sequence[dict[str, Any]]
    axis: dict[str, Any]

    @property
    def lift_px(self) -> int:
        """What the topmost tick label stands over the row, under the title."""
        return LIFT_PX * all(self.axis.get(name, True) for name in ("visible", "showticklabels"))

    @property
    def over_px(self) -> int:
        """What the lines of the title take, and a gap."""
        lines = self.title.count("<br>") + 1
        return TITLE_GAP_PX + (TITLE_LINE_PX * lines + self.lift_px) * bool(self.title)


def stack(
    rows: Sequence[Row], text: Sequence[str], count: int, x_title: str, *, lettered: bool, **layout: Any
) -> Figure:
    """Rows on one x axis, the first on top.

    Args:
        rows: at least one.
        text: what was read.
        count: how many steps of it are drawn.
        x_title: of the axis of steps.
        lettered: whether the characters are written under the last row, where they fit.
        layout: anything else that the figure's layout shall have.

    """
    rows = [*rows, _letters(text, count)] if lettered else list(rows)
    total = height_px(rows)
    notes: list[dict[str, Any]] = []
    layout = {
        "height": total + MARGIN["t"] + MARGIN["b"],
        "margin": MARGIN,
        "dragmode": False,  # a finger that is put on the figure scrolls the page; the mode bar has the zoom
        "showlegend": False,
        "annotations": notes,
        "uniformtext": {"mode": "hide", "minsize": LEAST_LETTER_PX},
        "xaxis": _x_axis(text, count, x_title, lettered=lettered) | {"anchor": f"y{len(rows)}"},
    } | layout
    data: list[dict[str, Any]] = []
    top = float(total)
    for number, row in enumerate(rows, 1):
        suffix = "" if number == 1 else str(number)
        top -= row.over_px
        domain = [max(top - row.height_px, 0) / total, top / total]
        # automargin off: it would lay everything out twice, and the margins are ours already.
        layout[f"yaxis{suffix}"] = row.axis | {"domain": domain, "anchor": "x", "fixedrange": True, "automargin": False}
        if row.title:
            notes.append(note(row.title, domain[1], row.lift_px))
        data += [item | {"yaxis": f"y{suffix}"} for item in row.traces]
        top -= row.height_px
    return Figure({"data": data, "layout": layout})


def height_px(rows: Sequence[Row]) -> int:
    """Of rows and their titles together."""
    return sum(row.over_px + row.height_px for row in rows)


def note(text: str, y: float, lift_px: int = 0) -> dict[str, Any]:
    """A title over what begins at a height, from the left edge of the figure on."""
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": y, "yref": "paper", "yanchor": "bottom"}
    place |= {"xshift": 2 - MARGIN["l"], "yshift": lift_px}
    return place | {"text": text, "showarrow": False, "align": "left", "font": {"size": 13}}


def _x_axis(text: Sequence[str], count: int, title: str, *, lettered: bool) -> dict[str, Any]:
    axis = {
        "title": {"text": title},
        "range": [-0.5, max(count, 1) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "automargin": False,
        "showspikes": True,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "solid",
    }
    if lettered:  # not drawn, since it would overlap on a phone; hovering reads it
        axis |= {
            "tickvals": list(range(count)),
            "ticktext": characters(text[:count]),
            "showticklabels": False,
            "ticks": "",
        }
    return axis


def characters(text: Sequence[str]) -> list[str]:
    """Each character as plotly shall show it."""
    return [escaped(visible(c)) for c in text]


def _letters(text: Sequence[str], count: int) -> Row:
    """The characters over bars that are not seen: plotly makes them as narrow as the bars, and leaves out what does not fit.

    All characters of one width, so that a narrow figure has none rather than its i's and l's.
    """
    bars = {
        "type": "bar",
        "xaxis": "x",
        "x": list(range(count)),
        "y": [0.01] * count,
        "width": 1,
        "text": characters(text[:count]),
        "textposition": "outside",
        "textangle": 0,
        "textfont": {"family": "ui-monospace, monospace", "size": LETTER_PX},
        "cliponaxis": False,
        "marker": {"color": "rgba(0,0,0,0)", "line": {"width": 0}},
        "hoverinfo": "skip",
    }
    return Row("", LETTERS_PX, [bars], {"visible": False, "range": [0, 1]})
