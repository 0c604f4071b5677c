"""What a figure shows, before anything draws it: rows over one axis, with lines, bars, heatmaps and marks in them.

gates, gradients, perplexity and training make panels of facts. plot.py draws them with plotly, canvas/ packs them for a
canvas. Words for hovering are plotly's templates: %{x}, %{y}, %{z}, %{text}, %{customdata}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from numpy.typing import NDArray

from explorer.figures.hundredths import CONFIG
from explorer.figures.style import ORANGE, SEQUENTIAL, Stroke, characters
from explorer.tokens import WORD, blanks, token_of

if TYPE_CHECKING:
    import numpy as np
    from plotly.graph_objects import Figure

LETTERED_STEPS = 110  # up to here the characters themselves fit under a figure as wide as a page
ROW_PX = 150

Values: TypeAlias = "NDArray[Any] | Sequence[Any]"


@dataclass(frozen=True, eq=False)
class Axis:
    """The axis of a row, or the one that all rows share.

    Attributes:
        label: beside it.
        low: where it begins, in the unit of the values, also with log; None: where the values do.
        high: where it ends. Under low, the axis runs the other way.
        log: whether it is logarithmic.
        percent: whether its values are shares, which are shown in per cent.
        ticks: the words at chosen values, or how many ticks there are at most; None: as many as fit.
        words: of the steps 0, 1, ...: read when hovering.
        blanks: before which of them a blank stands, where they are words of a text.
        said: what hovering says of a step, before what stands there; "" for nothing.
        names: of categories, which then are the values.
        reverse: whether it runs the other way, where it has no ends.
        from_zero: whether it begins at zero, where it has no ends.
        zero: whether zero has a line.
        grid: whether ticks have lines.
        bare: whether it has neither ticks nor their labels.
        hidden: whether nothing of it is drawn.
        cursor: whether a line follows the pointer through all rows.

    """

    label: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False
    percent: bool = False
    ticks: Mapping[float, str] | int | None = None
    words: Sequence[str] = field(default=(), repr=False)
    blanks: Sequence[bool] = field(default=(), repr=False)
    said: str = ""
    names: Sequence[str] = ()
    reverse: bool = False
    from_zero: bool = False
    zero: bool = False
    grid: bool = True
    bare: bool = False
    hidden: bool = False
    cursor: bool = False


class Item:
    """What stands in a row."""


Kind = TypeVar("Kind", bound=Item)


@dataclass(frozen=True, eq=False)
class Line(Item):
    """A line through points; in a stacked row a band on the bands before it.

    Attributes:
        x: of its points; on a canvas ascending.
        y: of its points; what is not finite, or not positive on a logarithmic axis, is not drawn.
        stroke: its look.
        name: what a canvas writes beside it, and hovering says where there is no hover.
        hover: what hovering says; where there is no name either, the pointer passes over.
        text: words of each point for the hover.
        values: numbers of each point for the hover, where they are not what is drawn.
        filled: opacity of the area between this line and the one before.
        dots_px: size of its points.
        clickable: whether its points can be clicked, though they are not seen.
        opacity: of the whole.

    """

    x: Values = field(repr=False)
    y: Values = field(repr=False)
    stroke: Stroke = field(default_factory=Stroke)
    name: str = ""
    hover: str | None = None
    text: Sequence[str] | None = field(default=None, repr=False)
    values: Values | None = field(default=None, repr=False)
    filled: float = 0
    dots_px: float = 0
    clickable: bool = False
    opacity: float = 1


@dataclass(frozen=True, eq=False)
class Bars(Item):
    """Bars from zero to their values; lying where the axis of the row has names."""

    at: Values = field(repr=False)
    values: Values = field(repr=False)
    colour: str
    hover: str
    said: Values = field(repr=False)
    width: float | None = None
    lying: bool = False


@dataclass(frozen=True, eq=False)
class Scale:
    """The colours of a heatmap: the first is that of low and less, the last that of high and more; log: of their logarithms."""

    low: float
    high: float
    colours: Sequence[Any] = field(default_factory=lambda: SEQUENTIAL, repr=False)
    log: bool = False


@dataclass(frozen=True, eq=False)
class Heatmap(Item):
    """Values as colours over the steps, line by line.

    Attributes:
        values: (lines, steps); NaN is a gap, of which hovering says nothing.
        hover: what hovering says.
        scale: None: that of the panel.
        names: of the lines.
        text: words of each cell for the hover.
        more: further values of each cell, by the name they have in the hover: "hovertext", "customdata".
        lettered: whether the characters of the steps stand in the cells, where they fit: for a heatmap of one line.

    """

    values: NDArray[Any] = field(repr=False)
    hover: str
    scale: Scale | None = None
    names: Sequence[str] = field(default=(), repr=False)
    text: Sequence[Sequence[str]] | None = field(default=None, repr=False)
    more: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    lettered: bool = False


@dataclass(frozen=True, eq=False)
class UnitMap(Item):
    """One part of every unit of a net as colours over the steps, unit by unit.

    Hovering says the part of a unit to two decimals, and the other parts beside it.

    Attributes:
        letter: of the part.
        values_HT: of the part, (units, steps).
        units: their numbers, the first on top.
        scale: of the values.
        said: further parts by their letters, each (units, steps).
        net: what tells the maps of one net from those of another.

    """

    letter: str
    values_HT: NDArray[Any] = field(repr=False)
    units: NDArray[np.intp]
    scale: Scale
    said: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    net: str = ""


@dataclass(frozen=True, eq=False)
class Gaps(Item):
    """Cells of which hovering says something in words, since a heatmap has none there; (lines, steps), the first at `first`."""

    where: NDArray[np.bool_] = field(repr=False)
    hover: str
    names: Sequence[str] = field(default=(), repr=False)
    first: int = 0


@dataclass(frozen=True, eq=False)
class Area(Item):
    """An area that is not seen, inside which hovering says something."""

    x: Sequence[float]
    y: Sequence[float]
    hover: str


@dataclass(frozen=True, eq=False)
class Spans(Item):
    """Where something holds, as a shade over the whole height of its row; (steps,)."""

    where: NDArray[np.bool_] = field(repr=False)

    @property
    def ends(self) -> list[tuple[int, int]]:
        """The first and the last step of each stretch."""
        steps = [False, *map(bool, self.where), False]
        turns = [step for step, (before, here) in enumerate(pairwise(steps)) if before != here]
        return [(first, after - 1) for first, after in zip(turns[::2], turns[1::2], strict=True)]


@dataclass(frozen=True, eq=False)
class Marks(Item):
    """Single points, on top of what is drawn."""

    x: Values = field(repr=False)
    y: Values = field(repr=False)
    symbol: str
    size_px: float
    colour: str = ORANGE
    outline_px: float = 0
    hover: str | None = None
    said: Values | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Level(Item):
    """A value to compare with, as a line across its row."""

    value: float
    stroke: Stroke = field(default_factory=Stroke)
    name: str = ""


@dataclass(frozen=True)
class Alarm(Item):
    """A step at which something broke, over the whole height of its row: it has no point to draw."""

    step: float
    name: str
    colour: str


@dataclass(frozen=True)
class ColourBar(Item):
    """What explains colours that stand for powers of ten: exponents, in the lower left corner of a row or the upper right."""

    low: float
    high: float
    ticks: Mapping[float, str]
    left: bool


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a panel.

    Attributes:
        title: over it, in lines of about fifty characters: nothing wraps it, and a phone has room for no more.
        items: what is drawn, the last on top.
        y: its axis.
        height_px: of what is drawn.
        stacked: whether its lines are bands that lie on each other.
        key: what a click in it is told by.
        line: what a click in it chooses, where it has no map whose line is under the pointer.
        pinned: whether a canvas keeps it in sight while one scrolls.
        brushed: whether dragging across it chooses steps, where elsewhere it looks closer.

    """

    title: str
    items: Sequence[Item] = ()
    y: Axis = field(default_factory=Axis)
    height_px: int = ROW_PX
    stacked: bool = False
    key: str = ""
    line: int | None = None
    pinned: bool = False
    brushed: bool = False

    def of(self, kind: type[Kind]) -> Iterator[Kind]:
        """Its items of one kind."""
        return (item for item in self.items if isinstance(item, kind))


@dataclass(frozen=True, eq=False)
class Panel:
    """Rows over one axis, the first on top. It shows itself in a notebook.

    Attributes:
        x: the axis they share.
        rows: at least one.
        hover: "x": of all rows what is at the pointer's step; "x unified": the same in one box; "closest": what is under it.
        lettered: whether plotly writes the characters of the steps, the words of x, under the last row, where they fit.
        clickable: whether a point can be chosen by a click.
        scale: of the heatmaps that have none of their own.
        chosen: where a dotted line runs through all rows.
        top_px: room over the first row, which then has its title there; None: as much as the title takes.
        left_px: room for the labels of the rows' axes.
        alt: what it shows, for those who cannot see it.
        named: whether a canvas writes the names of the lines beside them, with their values.
        told: what a canvas says of each step, besides what stands in the rows.
        roles: what a canvas says of a unit, by its number.

    """

    x: Axis
    rows: Sequence[Row]
    hover: str = "x"
    lettered: bool = False
    clickable: bool = False
    scale: Scale | None = None
    chosen: float | None = None
    top_px: int | None = None
    left_px: int = 60
    alt: str = ""
    named: bool = False
    told: Sequence[str] = field(default=(), repr=False)
    roles: Mapping[int, str] = field(default_factory=dict, repr=False)

    def figure(self) -> Figure:
        """The same as a plotly.graph_objects.Figure, to be changed or saved as a picture."""
        from explorer.figures import plot  # which reads what is above

        return plot.figure(self)

    def show(self, **options: Any) -> None:
        """Show it, as plotly's Figure.show does; the locale in which hundredths are read goes along."""
        self.figure().show(**_with_locale(options))

    def to_html(self, **options: Any) -> str:
        """As plotly's Figure.to_html, with that locale."""
        return str(self.figure().to_html(**_with_locale(options)))

    def write_html(self, path: str | PathLike[str], **options: Any) -> None:
        """Save it as a page that opens in a browser, as plotly's Figure.write_html does, with that locale."""
        self.figure().write_html(path, **_with_locale(options))

    def _ipython_display_(self) -> None:
        self.show()


def _with_locale(options: dict[str, Any]) -> dict[str, Any]:
    """Options of plotly's, with the locale in which hundredths are read in their config."""
    return options | {"config": CONFIG | (options.get("config") or {})}


def over_steps(labels: Sequence[str], count: int, label: str, *, said: str = "") -> Axis:
    """The axis of the first steps of a text, with their characters or words."""
    end, shown = max(count, 1) - 0.5, labels[:count]
    apart = tuple(blanks(shown)) if token_of(shown) == WORD else ()
    return Axis(label, -0.5, end, words=characters(shown), blanks=apart, said=said, grid=False, cursor=True)


def is_lettered(count: int, columns: int = 1) -> bool:
    """Whether so many characters fit under a figure that is one of so many beside each other."""
    return 0 < count <= LETTERED_STEPS // columns
