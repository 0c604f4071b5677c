"""What all drawings share: colours that differ for everyone and on both themes, and characters one can see."""

from __future__ import annotations

import html
from typing import Any

from plotly.colors import get_colorscale

# Sequential data. The scale is absolute: one colour is one number in every row and every model.
SEQUENTIAL = get_colorscale("Cividis")
# Categories: distinguishable to colour-blind readers, legible on white and on near-black, and never without a dash.
BLUE, ORANGE, GREEN, GREY, PURPLE = "#3d8fd1", "#e08a1e", "#1fa187", "#8a8f98", "#a476d6"
LINES: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "width": 2},
    {"color": ORANGE, "width": 2, "dash": "dash"},
    {"color": GREEN, "width": 2, "dash": "dot"},
    {"color": PURPLE, "width": 2, "dash": "dashdot"},
    {"color": GREY, "width": 2, "dash": "longdash"},
    {"color": BLUE, "width": 1, "dash": "2px,6px"},
)
MARGIN = {"l": 60, "r": 16, "t": 28, "b": 44}

_VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\u00a0": "⍽", "\u3000": "␣", "\u200b": "∅"}


def visible(character: str) -> str:
    """A character as something one can see: blanks and line ends get a mark, control characters their code."""
    if character in _VISIBLE:
        return _VISIBLE[character]
    return character if character.isprintable() else f"U+{ord(character):04X}"


def escaped(text: str) -> str:
    """Text as plotly and HTML shall show it, to the letter: their small markup and plotly's $...$ do not apply."""
    return html.escape(text).replace("$", "&#36;")


def line_trace(x: Any, y: Any, line: dict[str, Any], hover: str | None = None, **more: Any) -> dict[str, Any]:
    """A line on the shared x axis; without a hover text the pointer passes over it."""
    shown = {"hoverinfo": "skip"} if hover is None else {"hovertemplate": f"{hover}<extra></extra>"}
    return {"type": "scatter", "mode": "lines", "xaxis": "x", "x": x, "y": y, "line": line} | shown | more


def coloured(text: str, colour: str) -> str:
    """Words in a title, in the colour of their line."""
    return f"<span style='color:{colour}'>{text}</span>"


def translucent(colour: str, alpha: float) -> str:
    """A #rrggbb colour with an opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def number(value: float | None) -> str:
    """A perplexity as one reads it, in five characters at most: it stands on a card."""
    if value is None:
        return "–"
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            power = 1e3 if sign == "k" else unit
            return f"{value / power:.0f}{sign}" if value < 1e12 else f"{value:.0e}".replace("e+", "e")
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def decimals(value: float, digits: int = 2) -> str:
    """A value with some digits after the point, or as a power of ten where it has grown past reading."""
    return f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}".replace("e+", "e")
