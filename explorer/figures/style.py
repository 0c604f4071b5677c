"""What all drawings share: colours for both themes, numbers that fit, a person's text to the letter."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from plotly.colors import get_colorscale

from explorer.characters import visible

# Sequential data. The scale is absolute: one colour is one number in every row and every model.
SEQUENTIAL = get_colorscale("Cividis")
# Categories: distinguishable to colour-blind readers, 3:1 against both themes' backgrounds, and never without a dash.
# No colour reaches the 4.5:1 of text against both, so words are always in the theme's own colour.
BLUE, ORANGE, GREEN, GREY, PURPLE = "#3d8fd1", "#c97a12", "#1b9a80", "#858a94", "#a476d6"
RED = "#d1495b"


@dataclass(frozen=True)
class Stroke:
    """How a line looks; the dash is a key of SWATCHES."""

    colour: str = GREY
    width: float = 2
    dash: str = "solid"


LINES = (
    Stroke(BLUE),
    Stroke(ORANGE, dash="dash"),
    Stroke(GREEN, dash="dot"),
    Stroke(PURPLE, dash="dashdot"),
    Stroke(GREY, dash="longdash"),
    Stroke(BLUE, 1, "2px,6px"),
)
SWATCHES = {"solid": "━━", "dash": "━ ━", "dot": "∙∙∙", "dashdot": "━ ∙", "longdash": "━━ ━", "2px,6px": "∙ ∙"}
PLAIN = ":.3~g"  # a d3-format: a number in its own unit, three digits of it

_MARKUP = frozenset("&<>$%")
_RIGHT_TO_LEFT = frozenset(("R", "AL"))


def escaped(text: str) -> str:
    """Text as plotly shall show it, to the letter, wherever it takes text.

    plotly.js reads tags, entities (all by number, eight by name), $...$, and %{...} in hover templates. A left-to-right mark
    keeps a right-to-left character from turning the words and numbers that follow it.
    """
    if text.isascii() and _MARKUP.isdisjoint(text):
        return text
    shown = "".join(f"&#{ord(c)};" if c in _MARKUP else c for c in text)
    return shown + "\u200e" * any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)


def characters(text: Sequence[str]) -> list[str]:
    """Each character as plotly shall show it."""
    return [escaped(visible(c)) for c in text]


def broken(text: str, columns: int = 40) -> str:
    """A person's text as plotly shall show it, in lines of so many columns, broken after a blank where there is one."""
    lines, line, used = [], "", 0
    for character in text:
        wide = _columns(character)
        if used + wide > columns:
            end = line.rfind(" ") + 1 or len(line)
            lines.append(line[:end])
            line, used = line[end:], sum(map(_columns, line[end:]))
        line, used = line + character, used + wide
    return "<br>".join(map(escaped, [*lines, line]))


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def coloured(text: str, colour: str) -> str:
    """A mark in a title, in the colour of what it stands for; words keep the colour of text."""
    return f"<span style='color:{colour}'>{text}</span>"


def keyed(name: str, line: Stroke) -> str:
    """A name in a title, behind a piece of its line."""
    return f"{coloured(SWATCHES[line.dash], line.colour)} {name}"


def translucent(colour: str, alpha: float) -> str:
    """A #rrggbb colour with an opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def number(value: float | None) -> str:
    """Any number in six characters at most and a minus sign, to two or three digits: it stands on a card.

    1.04, 28.4, 141, 9,999, 66.5k, 3.1M, 8.2G, 9.4e37, 0.0032, 3.2e-5; a dash for None and for what is not a number.
    """
    if value is None or math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    value = float(value)  # of numpy's
    size = abs(value)
    return "-" * (value < 0) + ("∞" if math.isinf(size) else _small(size) if size < 1 else _large(size))


def _small(size: float) -> str:
    """A number in (0, 1)."""
    if size < 0.000995:
        return _power(size)
    places = 2 if size >= 0.0995 else 3 if size >= 0.00995 else 4
    return f"{size:.{places}f}"


def _large(size: float) -> str:
    """A number from 1 on. The limits are where rounding would need one digit more."""
    if size < 9.995:
        return f"{size:.2f}"
    if size < 99.95:
        return f"{size:.1f}"
    if size < 9_999.5:
        return f"{size:,.0f}"
    for unit, letter in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        if size < 999.5 * unit:
            return f"{size / unit:.{0 if size >= 99.95 * unit else 1}f}{letter}"
    return _power(size)


def _power(size: float) -> str:
    """As digits and a power of ten: one digit fewer where the power has three."""
    for digits in (1, 0):
        mantissa, power = f"{size:.{digits}e}".split("e")
        if len(text := f"{mantissa}e{int(power)}") <= 6:
            break
    return text


def signed(value: float | None) -> str:
    """A slope or an exponent with its sign: to three decimals, where those say anything."""
    if value is not None and 0.0005 <= abs(value) < 9.9995:
        return f"{value:+.3f}"
    return "+" * (value is not None and value > 0) + number(value)


def share(value: float | None) -> str:
    """A share in [0, 1] in per cent, in six characters at most; all and nothing are said only of all and nothing."""
    if value is None or math.isnan(value):
        return "–"
    if 0 < value <= 0.0005:
        return "<0.1 %"
    if 0.995 <= value < 1:
        return ">99 %"
    return f"{value:.1%}".replace("%", " %") if 0 < value < 0.0995 else f"{value:.0%}".replace("%", " %")


def decimals(value: float, digits: int = 2) -> str:
    """A value with some digits after the point, or as a power of ten where it has grown past reading."""
    return f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}".replace("e+", "e")
