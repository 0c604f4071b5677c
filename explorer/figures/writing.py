"""What a model would write next: the likeliest characters as bars."""

from __future__ import annotations

from explorer.characters import visible
from explorer.figures.panel import Axis, Bars, Panel, Row
from explorer.figures.style import BLUE, GREY, escaped
from explorer.probes.writing import Writing
from explorer.words import say

BAR_PX = 24


def likeliest(writing: Writing, alt: str = "") -> Panel:
    """A bar a character, as long as it is likely, the likeliest on top; grey where it is the one that stands there."""
    names = [say("writing-figure.character", character=escaped(visible(s)), probability=p) for s, p in writing.best]
    shares = [probability for _, probability in writing.best]
    bars = [
        Bars([name], [share], GREY if symbol == writing.stands else BLUE, "%{y}", [share], lying=True)
        for (symbol, _), name, share in zip(writing.best, names, shares, strict=True)
    ]
    row = Row("", bars, Axis(names=names, reverse=True), BAR_PX * len(names) + 8)
    axis = Axis(say("writing-figure.share", temperature=writing.temperature), low=0, high=1, percent=True, ticks=5)
    return Panel(axis, [row], hover="closest", top_px=6, alt=alt)
