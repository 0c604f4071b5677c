"""What a model would write next: the likeliest characters as bars."""

from __future__ import annotations

from html import escape

from explorer.characters import visible
from explorer.figures.drawing import WIDE_PX, drawn
from explorer.figures.style import BLUE, GREY, escaped
from explorer.probes.writing import Writing
from explorer.words import say

BAR_PX, THICK_PX, NAME_PX = 24, 16, 96
LETTER_PX, MOST_LETTERS = 6.5, 14  # of a word's letter at the size in which it is written, and how many are


def likeliest(writing: Writing, alt: str = "") -> str:
    """As SVG a bar a character, as long as it is likely, the likeliest on top; grey where it is the one that stands there."""
    shown = [_cut(visible(symbol)) for symbol, _ in writing.best]
    # Room for the longest word: beside a character there is enough.
    longest = max(map(len, shown), default=0)
    left = NAME_PX + round(LETTER_PX * max(0, longest - 4))
    room, bars = WIDE_PX - left, []
    for place, (symbol, probability) in enumerate(writing.best):
        top, colour = BAR_PX * place, GREY if symbol == writing.stands else BLUE
        name = say("writing-figure.character", character=escaped(shown[place]), probability=probability)
        bars.append(
            f'<text x="{left - 8}" y="{top + 16}" text-anchor="end">{name}</text>'
            f'<rect x="{left}" y="{top + 4}" width="{room * probability:.2f}" height="{THICK_PX}" fill="{colour}"/>'
        )
    foot = BAR_PX * len(writing.best)
    axis = f'<path d="M{left} 0V{foot}M{WIDE_PX} 0V{foot}" stroke="currentColor" stroke-opacity="0.25"/>'
    ticks = (
        f'<text x="{left}" y="{foot + 14}">0</text><text x="{WIDE_PX}" y="{foot + 14}" text-anchor="end">100 %</text>'
    )
    share = escape(say("writing-figure.share", temperature=writing.temperature))
    middle = f'<text x="{(left + WIDE_PX) / 2}" y="{foot + 14}" text-anchor="middle">{share}</text>'
    return drawn("".join((axis, *bars, f'<g font-size="10.5" opacity="0.8">{ticks}{middle}</g>')), foot + 20, alt)


def _cut(word: str) -> str:
    return word if len(word) <= MOST_LETTERS else f"{word[: MOST_LETTERS - 1]}…"
