"""Learning a problem: accuracy and loss as they go, accuracy against the length of the text, a text with its parts coloured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain, groupby
from typing import Any

import pandas as pd

from explorer.figures.panel import Axis, Level, Line, Panel, Row
from explorer.figures.style import BLUE, GREY, LINES, ORANGE, PURPLE, Stroke, keyed, translucent
from explorer.problems import Learned, Problem
from explorer.words import say

Curves = Mapping[str, Sequence[Learned]]
"""Records of learning, by what the cell is called."""
ACCURACY, LOSS = "accuracy", "nll_nats"
PARTS = {"kept": BLUE, "noise": GREY, "break": PURPLE, "answer": ORANGE, "rest": ""}
RECENT, DRAWN = 9, 150  # steps that are averaged, and points a curve
LIVE_PX = 230


def frame(curves: Curves) -> pd.DataFrame:
    """One line a step of each cell: length of its texts, loss and accuracy of its answers, norms, seconds."""
    lines = [{"cell": name, **vars(record)} for name, records in curves.items() for record in records]
    return pd.DataFrame(lines, columns=["cell", *Learned.__dataclass_fields__])


def live(curves: Curves, what: str, chance: float, most_s: float) -> dict[str, Any]:
    """One quantity against seconds as a chart of Vega-Lite, which can grow without being built anew.

    Args:
        curves: what was recorded so far.
        what: ACCURACY or LOSS.
        chance: share of right answers by guessing; a line across the accuracy.
        most_s: where the axis ends.

    """
    thinned = [_thinned(name, records, what).to_dict("records") for name, records in curves.items()]
    strokes = dict(zip(curves, LINES, strict=False))
    colour = {
        "field": "cell", "type": "nominal",
        "scale": {"domain": list(strokes), "range": [stroke.colour for stroke in strokes.values()]},
        # Within the drawing, where a loss never is at its end: beside it, it would make one of the two lower.
        "legend": {"orient": "top-right", "title": None} if what == LOSS else None,
    }  # fmt: skip
    y: dict[str, Any] = {"field": what, "type": "quantitative", "title": None}
    y |= {"scale": {"domain": [0, 1]}, "axis": {"format": "%", "tickCount": 5}} if what == ACCURACY else {}
    dash = {"field": "cell", "type": "nominal", "legend": None}
    x = {"field": "seconds", "type": "quantitative", "title": None, "scale": {"domain": [0, most_s]}}
    encoding = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    layers: list[dict[str, Any]] = [{"mark": {"type": "line", "strokeWidth": 2.5, "clip": True}, "encoding": encoding}]
    if what == ACCURACY:
        guess = {"type": "rule", "strokeDash": [5, 4], "color": GREY}
        layers.append({"mark": guess, "encoding": {"y": {"datum": chance}}})
    title = say(f"problem-figure.{what.replace('_', '-')}")
    return {"data": {"values": list(chain.from_iterable(thinned))}, "height": LIVE_PX, "title": title, "layer": layers}


def _thinned(name: str, records: Sequence[Learned], what: str) -> pd.DataFrame:
    """At most so many points of a curve, each a mean over recent steps."""
    values = pd.Series([getattr(record, what) for record in records], dtype=float).rolling(RECENT, min_periods=1).mean()
    table = pd.DataFrame({"cell": name, "seconds": [record.elapsed_s for record in records], what: values})
    return table.iloc[:: max(1, len(table) // DRAWN)]


def against_length(accuracies: Mapping[str, Mapping[int, float]], chance: float, trained: int) -> Panel:
    """Share of right answers on new texts against their length; a dotted line where training ended.

    Args:
        accuracies: of each cell by the length of the text, lengths ascending.
        chance: by guessing.
        trained: the length that was trained at last.

    """
    lengths = sorted({length for by_length in accuracies.values() for length in by_length})
    strokes = dict(zip(accuracies, LINES, strict=False))
    lines = [
        Line(
            list(map(float, by_length)), list(by_length.values()), strokes[name], name, f"{name} %{{y:.0%}}", dots_px=6
        )
        for name, by_length in accuracies.items()
    ]
    guess = Stroke(GREY, 1.5, "dash")
    keys = ", ".join(keyed(name, stroke) for name, stroke in strokes.items())
    title = f"{keys}<br>{keyed(say('problem-figure.chance'), guess)}"
    low, high = (lengths[0] * 0.9, lengths[-1] * 1.1) if lengths else (1, 10)
    x = Axis(say("problem-figure.length"), low, high, log=True, ticks={float(n): str(n) for n in lengths}, cursor=True)
    row = Row(title, [*lines, Level(chance, guess)], Axis(low=-0.03, high=1.03, percent=True), 190)
    return Panel(x, [row], chosen=float(trained), alt=say("problem-figure.alt"))


def length_frame(accuracies: Mapping[str, Mapping[int, float]]) -> pd.DataFrame:
    """One line a cell and length: share of right answers, in [0, 1]."""
    lines = [(name, length, share) for name, shares in accuracies.items() for length, share in shares.items()]
    return pd.DataFrame(lines, columns=["cell", "length", "accuracy"])


def parts_of(problem: Problem, text: str) -> list[str]:
    """What each character of a text is, out of PARTS."""
    first = len(text) - problem.asked
    flags = zip(problem.kept(text), problem.noise(text), problem.breaks(text), strict=True)
    named = ("kept" if kept else "break" if broken else "noise" if noise else "rest" for kept, noise, broken in flags)
    return ["answer" if at >= first else part for at, part in enumerate(named)]


def coloured_text(problem: Problem, text: str) -> str:
    """A text as HTML, its parts on the colours of PARTS, the answer framed."""
    runs = groupby(zip(parts_of(problem, text), text, strict=True), key=lambda pair: pair[0])
    spans = "".join(_span(part, "".join(c for _, c in pairs)) for part, pairs in runs)
    return f'<div style="font:1.25rem/1.7 ui-monospace,monospace;overflow-wrap:anywhere;">{spans}</div>'


def legend(problem: Problem, text: str) -> str:
    """What the colours of a text mean, as HTML: those that are in it."""
    parts = dict.fromkeys(part for part in parts_of(problem, text) if part != "rest")
    return " &nbsp; ".join(_span(part, say(f"problem-part.{part}")) for part in parts)


def _span(part: str, text: str) -> str:
    if not PARTS[part]:
        return escape(text)
    frame = f"outline:2px&#32;solid&#32;{PARTS[part]};" if part == "answer" else ""
    look = (
        f"background:{translucent(PARTS[part], 0.16 if part == 'noise' else 0.4)};border-radius:3px;padding:0&#32;2px;"
    )
    return f'<span style="{look}{frame}">{escape(text)}</span>'
