"""What a model would write next: the likeliest characters as bars."""

from __future__ import annotations

from html import escape

from explorer.characters import visible
from explorer.figures.drawing import WIDE_PX, drawn
from explorer.figures.style import BLUE, GREY, escaped
from explorer.probes.writing import Writing
from explorer.words import say

BAR_PX, THICK_PX, NAME_PX = 24, 16, 96


def likeliest(writing: Writing, alt: str = "") -> str:
    """As SVG a bar a character, as long as it is likely, the likeliest on top; grey where it is the one that stands there."""
    room, bars = WIDE_PX - NAME_PX, []
    for place, (symbol, probability) in enumerate(writing.best):
        top, colour = BAR_PX * place, GREY if symbol == writing.stands else BLUE
        name = say("writing-figure.character", character=escaped(visible(symbol)), probability=probability)
        bars.append(
            f'<text x="{NAME_PX - 8}" y="{top + 16}" text-anchor="end">{name}</text>'
            f'<rect x="{NAME_PX}" y="{top + 4}" width="{room * probability:.2f}" height="{THICK_PX}" fill="{colour}"/>'
        )
    foot = BAR_PX * len(writing.best)
    axis = f'<path d="M{NAME_PX} 0V{foot}M{WIDE_PX} 0V{foot}" stroke="currentColor" stroke-opacity="0.25"/>'
    ticks = f'<text x="{NAME_PX}" y="{foot + 14}">0</text><text x="{WIDE_PX}" y="{foot + 14}" text-anchor="end">100 %</text>'
    share = escape(say("writing-figure.share", temperature=writing.temperature))
    middle = f'<text x="{(NAME_PX + WIDE_PX) / 2}" y="{foot + 14}" text-anchor="middle">{share}</text>'
    return drawn("".join((axis, *bars, f'<g font-size="10.5" opacity="0.8">{ticks}{middle}</g>')), foot + 20, alt)
