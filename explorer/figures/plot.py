"""A panel drawn by plotly: the one place that knows plotly's traces, axes and layout.

All rows are y domains over one x axis, since plotly's one cursor runs through subplots of one axis only. The pixels of rows
and titles are counted here, and so are the margins: plotly's own would lay everything out twice.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, singledispatch
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import plotly.io
from numpy.typing import NDArray
from plotly.basedatatypes import BaseFigure
from plotly.colors import sample_colorscale

from explorer.figures.hundredths import FORMAT, gapped, hundredths
from explorer.figures.panel import (
    LETTERED_STEPS,
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
)
from explorer.figures.style import GREY, ORANGE, PLAIN, SEQUENTIAL, Stroke, translucent
from explorer.words import say

LEAST_LETTER_PX, LETTER_PX, LETTERS_PX = 8, 13, 22
TITLE_LINE_PX, TITLE_GAP_PX, LIFT_PX = 17, 10, 6
TOP_PX, RIGHT_PX, BOTTOM_PX = 28, 16, 44
TITLE_SHIFT_PX = -58
INVISIBLE = "rgba(0,0,0,0)"
SHADE = translucent(GREY, 0.22)
STOPS = 8  # colours a decade, between which plotly mixes
_UNSEEN = {"marker": {"opacity": 0}}
# plotly lets one click on markers only, so there are some that are not seen.
CLICKABLE = {"mode": "lines+markers", "marker": {"opacity": 0, "size": 9}, "selected": _UNSEEN, "unselected": _UNSEEN}
# Streamlit's template writes axes in a grey of 3.7:1 on white. It replaces this colour, which its own template has too, by
# one that stands out against either theme: #262730 (15:1) or #fafafa (17:1).
INK = "#000037"

Made = dict[str, Any]
"""A part of a plotly figure."""


def figure(panel: Panel) -> go.Figure:
    """A panel as a figure of plotly's, which checks every property of it."""
    return go.Figure(made(panel))


class Sent(BaseFigure):  # type: ignore[misc]  # plotly has no types
    """What st.plotly_chart sends: it asks a figure of plotly's for its dictionary, and for nothing else.

    plotly makes an object of every property, checks it and copies it, several milliseconds a figure at every keystroke. The
    tests have it check them all, so a page sends the dictionary as it was made. Nothing of plotly's is in here.
    """

    def __init__(self, panel: Panel, ink: str) -> None:
        self._panel, self._ink = panel, ink

    def to_dict(self) -> Made:
        """What plotly.js draws: arrays in base64, every word in the ink, and plotly's template of the moment."""
        name, parts = plotly.io.templates.default, made(self._panel)
        template = {"template": _template(name)} if name else {}
        sent: Made = sendable(parts | {"layout": template | inked(parts["layout"], self._ink)})
        return sent


@cache
def _template(name: str) -> Made:
    """A template of plotly's as it is sent; it copies all of it each time it is asked."""
    template: Made = sendable(plotly.io.templates[name].to_plotly_json())
    return template


def sendable(part: Any) -> Any:
    """A copy with every array as plotly.js reads it."""
    if isinstance(part, dict):
        return {name: sendable(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return list(map(sendable, part))
    return typed(part) if isinstance(part, np.ndarray) else part


def typed(array: NDArray[Any]) -> Any:
    """An array of numbers as {"dtype", "bdata", "shape"}; any other, or an empty one, as a list."""
    if array.dtype == np.int64:  # plotly.js has none
        array = array.astype(np.int32)
    if not array.size or array.dtype.kind not in "iuf":
        return array.tolist()
    packed = {"dtype": array.dtype.str[1:], "bdata": b64encode(array.tobytes()).decode("ascii")}
    return packed | ({"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {})


def made(panel: Panel) -> Made:
    """A panel as the data and layout of plotly.js."""
    if len(panel.x.words) > LETTERED_STEPS:  # plotly takes a second for a thousand of them
        panel = replace(panel, x=replace(panel.x, words=()))
    rows = _placed(panel)
    data = [
        _placed_step(_drawn(item, panel, placed.row), panel.x) | {"xaxis": "x", "yaxis": f"y{placed.suffix}"}
        for placed in rows
        for item in _expanded(placed.row.items)
        if not isinstance(item, Alarm | Spans)
    ]
    layout = _frame(panel, rows) | _axes(panel, rows) | _colours(panel, rows)
    layout |= {"annotations": list(_titles(rows)), "shapes": [*_chosen(panel), *_alarms(rows), *_spans(rows)]}
    return {"data": data, "layout": layout}


def _placed_step(drawn: Made, axis: Axis) -> Made:
    """An item whose hover says the step first, where the axis has words for it."""
    said = drawn.get("hovertemplate")
    return drawn | {"hovertemplate": axis.said + said} if said and axis.said else drawn


def _expanded(items: Sequence[Item]) -> Iterator[Item]:
    """The items, with the heatmaps that stand for a map of units."""
    for item in items:
        yield from _heatmaps(item) if isinstance(item, UnitMap) else (item,)


def _heatmaps(item: UnitMap) -> Iterator[Item]:
    """A map of units in hundredths, and the gaps in it. Plotly has slots for two more parts a cell."""
    parts = {letter: hundredths(values_HT) for letter, values_HT in {item.letter: item.values_HT, **item.said}.items()}
    slots = dict(zip(("z", "hovertext", "customdata"), (whole for whole, _ in parts.values()), strict=False))
    partial = [said_HT for _, said_HT in parts.values() if said_HT is not None]  # of a diverged model
    hover = "%{y}: " + "  ".join(f"{name} %{{{slot}{FORMAT}}}" for name, slot in zip(parts, slots, strict=False))
    names, shown = [say("figure.unit", unit=int(i)) for i in item.units], slots.pop("z")
    scale = replace(item.scale, low=100 * item.scale.low, high=100 * item.scale.high)
    if not partial:
        yield Heatmap(shown, hover, scale, names, more=slots)
        return
    kept = np.logical_and.reduce(partial)
    yield Heatmap(gapped(shown, kept), hover, scale, names, more=slots)
    yield Gaps(~kept, say("figure.gap", letter=item.letter), names)


def over_px(row: Row) -> int:
    """What stands over a row: the lines of its title, and a gap."""
    lines = row.title.count("<br>") + 1
    return TITLE_GAP_PX + (TITLE_LINE_PX * lines + _lift_px(row)) * bool(row.title)


def _lift_px(row: Row) -> int:
    """What the topmost tick label stands over the row, under the title."""
    return 0 if row.y.hidden or row.y.bare else LIFT_PX


class _Placed(NamedTuple):
    """A row with its place: numbered from 1, and its lower and upper end in pixels from the lower end of the last row."""

    row: Row
    number: int
    bottom_px: int
    top_px: int
    total_px: int

    @property
    def suffix(self) -> str:
        return "" if self.number == 1 else str(self.number)

    @property
    def domain(self) -> list[float]:
        return [self.bottom_px / self.total_px, self.top_px / self.total_px]


def _placed(panel: Panel) -> list[_Placed]:
    """The rows from the first on, and under them that of the characters."""
    rows = [*panel.rows, _letters(panel.x.words)] if panel.lettered else panel.rows
    gaps = [over_px(row) for row in rows]
    if panel.top_px is not None:
        gaps[0] = 0
    total = sum(gaps) + sum(row.height_px for row in rows)
    bottoms = [total - used for used in accumulate(gap + row.height_px for gap, row in zip(gaps, rows, strict=True))]
    return [
        _Placed(row, number, bottom, bottom + row.height_px, total)
        for number, (row, bottom) in enumerate(zip(rows, bottoms, strict=True), 1)
    ]


def _frame(panel: Panel, rows: Sequence[_Placed]) -> Made:
    """What holds of the figure as a whole."""
    top = TOP_PX if panel.top_px is None else panel.top_px
    return {
        "height": top + rows[0].total_px + BOTTOM_PX,
        "margin": {"l": panel.left_px, "r": RIGHT_PX, "t": top, "b": BOTTOM_PX},
        "dragmode": False,  # a finger that is put on the figure scrolls the page; the mode bar has the zoom
        "showlegend": False,
        "hovermode": panel.hover,
        "bargap": 0.25,
        **({"hoversubplots": "axis"} if panel.hover == "x" else {}),
        **({"clickmode": "event+select"} if panel.clickable else {}),
        **({"uniformtext": {"mode": "hide", "minsize": LEAST_LETTER_PX}} if panel.lettered else {}),
    }


def _axes(panel: Panel, rows: Sequence[_Placed]) -> Made:
    """The shared axis, under the last row, and that of each row."""
    margin = {"automargin": not panel.x.cursor}  # over the steps of a text the margins are ours, see above
    axes = {"xaxis": _axis(panel.x) | margin | {"anchor": f"y{rows[-1].suffix}"}}
    for placed in rows:
        place = margin | {"domain": placed.domain, "anchor": "x", "fixedrange": True}
        axes[f"yaxis{placed.suffix}"] = _axis(placed.row.y) | place
    return axes


def _axis(axis: Axis) -> Made:
    made: Made = {"zeroline": axis.zero}
    if axis.hidden:
        made["visible"] = False
    if not axis.grid:
        made["showgrid"] = False
    if axis.label:
        made["title"] = {"text": axis.label}
    if axis.low is not None and axis.high is not None:
        ends = np.array([axis.low, axis.high])
        made["range"] = (np.log10(ends) if axis.log else ends).tolist()
    elif axis.reverse:
        made["autorange"] = "reversed"
    elif axis.from_zero:
        made["rangemode"] = "tozero"
    if axis.bare or axis.words:  # words are not drawn, since they would overlap on a phone; hovering reads them
        made |= {"showticklabels": False, "ticks": ""}
    if axis.cursor:
        made |= {"showspikes": True, "spikemode": "across", "spikethickness": 1, "spikedash": "solid"}
    return made | _values(axis)


def _values(axis: Axis) -> Made:
    """How an axis shows its values."""
    made: Made = {"type": "log", "showspikes": False} if axis.log else {}
    if axis.names:
        made = {"type": "category", "categoryorder": "array", "categoryarray": list(axis.names)}
    if axis.percent:
        made["tickformat"] = ".0%"
    if isinstance(axis.ticks, int):
        return made | {"nticks": axis.ticks}
    words = dict(enumerate(axis.words)) or axis.ticks
    chosen = {"tickvals": list(words), "ticktext": list(words.values()), "tickangle": 0} if words else {}
    return made | chosen


def _titles(rows: Sequence[_Placed]) -> Iterator[Made]:
    """The titles over their rows, from the left edge of the figure on."""
    for placed in rows:
        if placed.row.title:
            words = {"text": placed.row.title, "showarrow": False, "align": "left", "font": {"size": 13}}
            place = {
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": placed.domain[1],
                "yref": "paper",
                "yanchor": "bottom",
            }
            yield words | place | {"xshift": TITLE_SHIFT_PX, "yshift": _lift_px(placed.row)}


def _chosen(panel: Panel) -> Iterator[Made]:
    """The line through all rows."""
    if panel.chosen is not None:
        look = {"color": ORANGE, "width": 1.5, "dash": "dot"}
        yield {"type": "line", "x0": panel.chosen, "x1": panel.chosen, "y0": 0, "y1": 1, "yref": "paper", "line": look}


def _alarms(rows: Sequence[_Placed]) -> Iterator[Made]:
    for placed in rows:
        for alarm in placed.row.of(Alarm):
            place = {"x0": alarm.step, "x1": alarm.step, "y0": 0, "y1": 1, "yref": f"y{placed.suffix} domain"}
            words = {"text": alarm.name, "textposition": "end", "textangle": 0}
            yield place | {"type": "line", "line": {"color": alarm.colour, "width": 3}, "label": words}


def _spans(rows: Sequence[_Placed]) -> Iterator[Made]:
    for placed in rows:
        for first, last in (ends for spans in placed.row.of(Spans) for ends in spans.ends):
            place = {"x0": first - 0.5, "x1": last + 0.5, "y0": 0, "y1": 1, "yref": f"y{placed.suffix} domain"}
            yield place | {"type": "rect", "line": {"width": 0}, "fillcolor": SHADE, "layer": "below"}


def _colours(panel: Panel, rows: Sequence[_Placed]) -> Made:
    """The colours that heatmaps share, and the bar that explains them."""
    made: Made = {}
    if panel.scale is not None:
        scale = panel.scale
        made["coloraxis"] = {"cmin": scale.low, "cmax": scale.high, "colorscale": _stops(scale), "showscale": False}
    for placed in rows:
        for bar in placed.row.of(ColourBar):
            made["coloraxis2"] = {
                "cmin": bar.low,
                "cmax": bar.high,
                "colorscale": SEQUENTIAL,
                "colorbar": _bar(bar, placed),
            }
    return made


def _bar(bar: ColourBar, placed: _Placed) -> Made:
    low, high = placed.bottom_px + 6, placed.top_px - 6
    place = {"x": 0.02, "xanchor": "left", "y": low / placed.total_px, "yanchor": "bottom"} if bar.left else {
        "x": 0.98, "xanchor": "right", "y": high / placed.total_px, "yanchor": "top"}  # fmt: skip
    words = {"tickvals": list(bar.ticks), "ticktext": list(bar.ticks.values()), "ticks": ""}
    length = 0.5 * placed.row.height_px / placed.total_px
    return place | words | {"thickness": 10, "outlinewidth": 0, "ypad": 0, "xpad": 0, "len": length}


@dataclass(frozen=True)
class Letters(Item):
    """The characters of the steps, under the last row."""

    words: Sequence[str]


def _letters(words: Sequence[str]) -> Row:
    """The characters over bars that are not seen: plotly makes them as narrow as the bars, and leaves out what does not fit.

    All characters of one width, so that a narrow figure has none rather than its i's and l's.
    """
    return Row("", [Letters(words)], Axis(low=0, high=1, hidden=True), LETTERS_PX)


def _hover(words: str | None) -> Made:
    """Without words the pointer passes over."""
    return {"hoverinfo": "skip"} if words is None else {"hovertemplate": f"{words}<extra></extra>"}


def _line(stroke: Stroke) -> Made:
    look: Made = {"color": stroke.colour, "width": stroke.width}
    return look | ({"dash": stroke.dash} if stroke.dash != "solid" else {})


@singledispatch
def _drawn(item: Any, panel: Panel, row: Row) -> Made:
    """An item as a trace of plotly's, but for its axes. A new kind of item registers itself below."""
    raise TypeError(type(item).__name__)


@_drawn.register
def _(item: Line, panel: Panel, row: Row) -> Made:
    words = item.hover or (f"{item.name} %{{y{PLAIN}}}" if item.name else None)
    made: Made = {"type": "scatter", "mode": "lines", "x": item.x, "y": item.y, "line": _line(item.stroke)} | _hover(
        words
    )
    if item.text is not None:
        made["text"] = item.text
    if item.values is not None:
        made["customdata"] = item.values
    if item.filled:
        made |= {"fill": "tonexty", "fillcolor": translucent(item.stroke.colour, item.filled)}
    if row.stacked:
        made |= {"stackgroup": row.title, "fillcolor": translucent(item.stroke.colour, item.opacity)}
    elif item.opacity < 1:
        made["opacity"] = item.opacity
    if item.dots_px:
        made |= {"mode": "lines+markers", "marker": {"size": item.dots_px}}
    return made | CLICKABLE if item.clickable else made


@_drawn.register
def _(item: Level, panel: Panel, row: Row) -> Made:
    line = Line([panel.x.low, panel.x.high], [item.value] * 2, item.stroke, item.name)
    return _drawn(line, panel, row)


@_drawn.register
def _(item: Marks, panel: Panel, row: Row) -> Made:
    look = {"symbol": item.symbol, "size": item.size_px, "color": item.colour, "line": {"width": item.outline_px}}
    made: Made = {"type": "scatter", "mode": "markers", "marker": look, "x": item.x, "y": item.y, "cliponaxis": False}
    if item.said is not None:
        made["customdata"] = item.said
    return made | _hover(item.hover)


@_drawn.register
def _(item: Bars, panel: Panel, row: Row) -> Made:
    made: Made = {"type": "bar", "marker": {"color": item.colour}, "customdata": item.said} | _hover(item.hover)
    if item.width is not None:
        made["width"] = item.width
    if item.lying:
        return made | {"orientation": "h", "x": item.values, "y": item.at}
    return made | {"x": item.at, "y": item.values}


@_drawn.register
def _(item: Letters, panel: Panel, row: Row) -> Made:
    count = len(item.words)
    return {
        "type": "bar",
        "x": list(range(count)),
        "y": [0.01] * count,
        "width": 1,
        "text": list(item.words),
        "textposition": "outside",
        "textangle": 0,
        "textfont": {"family": "ui-monospace, monospace", "size": LETTER_PX},
        "cliponaxis": False,
        "marker": {"color": INVISIBLE, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


@_drawn.register
def _(item: Heatmap, panel: Panel, row: Row) -> Made:
    made = _cells(item.values) | dict(item.more) | _hover(item.hover) | _scaled(item.scale)
    if item.names:
        made["y"] = list(item.names)
    if item.text is not None:
        return made | {"text": item.text}  # which a gap has, too
    return made | {"hoverongaps": False}


def _cells(values: NDArray[Any]) -> Made:
    return {"type": "heatmap", "z": values}


def _scaled(scale: Scale | None) -> Made:
    if scale is None:
        return {"coloraxis": "coloraxis"}
    return {"zmin": scale.low, "zmax": scale.high, "colorscale": _stops(scale), "showscale": False}


def _stops(scale: Scale) -> Sequence[Any]:
    """The colours of a scale at their places; a heatmap of logarithms would say logarithms when it is hovered over."""
    if not scale.log:
        return scale.colours
    span = scale.high / scale.low
    parts = np.linspace(0, 1, round(STOPS * np.log10(span)) + 1)
    places = (span**parts - 1) / (span - 1)
    return [
        [float(place), colour] for place, colour in zip(places, sample_colorscale(scale.colours, parts), strict=True)
    ]


@_drawn.register
def _(item: Gaps, panel: Panel, row: Row) -> Made:
    cells = np.where(item.where, np.float32(0), np.float32(np.nan))
    made = _cells(cells) | {"opacity": 0, "showscale": False, "hoverongaps": False} | _hover(item.hover)
    return made | ({"y": list(item.names)} if item.names else {"y0": item.first, "dy": 1})


@_drawn.register
def _(item: ColourBar, panel: Panel, row: Row) -> Made:
    """Plotly draws a bar for a heatmap only: this one is not seen."""
    return _cells(np.zeros((1, 1), np.int8)) | {"opacity": 0, "coloraxis": "coloraxis2", "hoverinfo": "skip"}


@_drawn.register
def _(item: Area, panel: Panel, row: Row) -> Made:
    area = {"type": "scatter", "mode": "none", "fill": "toself", "fillcolor": INVISIBLE, "hoveron": "fills"}
    return area | {"x": item.x, "y": item.y, "text": item.hover, "hoverinfo": "text"}


def inked(layout: Made, ink: str) -> Made:
    """A layout whose words are all in one colour."""
    colour = {"color": ink}
    shown = layout | {"font": colour | layout.get("font", {}), "hoverlabel": {"font": colour}}
    for name, axis in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            title = {"title": axis["title"] | {"font": colour}} if "title" in axis else {}
            shown[name] = axis | {"tickfont": colour} | title
        if name.startswith("coloraxis") and "colorbar" in axis:
            shown[name] = axis | {"colorbar": axis["colorbar"] | {"tickfont": colour}}
    return shown
