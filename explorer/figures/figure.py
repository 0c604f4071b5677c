"""A plotly figure that is quick to make and to send, because a page makes several at every keystroke.

plotly makes an object of every property of a figure, checks it, copies all of it, and asks of every list what kind of
table it may be: most of the time a keystroke took. Ours are written once, in this folder: the tests check their
properties, what is sent is made in one walk, and the objects are made for whoever asks for one.
"""

from __future__ import annotations

from base64 import b64encode
from threading import RLock
from typing import Any, ClassVar

import numpy as np
import plotly.graph_objects as go
import plotly.io
from numpy.typing import NDArray

from explorer.figures.hundredths import CONFIG

UNFOLDING = RLock()
# Streamlit's template writes axes in a grey of 3.7:1 on white. It replaces this colour, which its own template has too, by
# one that stands out against either theme: #262730 (15:1) or #fafafa (17:1).
INK = "#000037"
STREAMLIT = "streamlit"  # its template, which it makes the one of the moment when it is imported


class Figure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A plotly figure of `{"data": ..., "layout": ..., "frames": ...}`, whose objects are made when one is asked for."""

    checked: ClassVar[bool] = False  # True: by plotly, as go.Figure does; the tests set it

    def __init__(self, made: dict[str, Any]) -> None:
        self._made = made
        if self.checked:
            self._unfold()

    def _unfold(self) -> None:
        super().__init__(self.__dict__.pop("_made"), _validate=self.checked)

    def __getattr__(self, name: str) -> Any:
        with UNFOLDING:  # of a figure that sessions share, another thread waits until all of it is there
            if "_made" in self.__dict__:
                self._unfold()
            return object.__getattribute__(self, name)

    def to_dict(self) -> dict[str, Any]:
        """What plotly.js draws, as go.Figure.to_dict gives it: arrays in base64."""
        made: dict[str, Any] | None = self.__dict__.get("_made")
        if made is not None:
            made = made | {"layout": {"template": _template()} | made["layout"]}
        else:
            made = {"data": self._data, "layout": self._layout, "frames": [f._props for f in self._frame_objs]}
        if plotly.io.templates.default == STREAMLIT:
            made = made | {"layout": inked(made["layout"])}
        return {name: sendable(part) for name, part in made.items() if name != "frames" or part}

    def show(self, *args: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """As go.Figure.show, with the locale in which hundredths are read."""
        return super().show(*args, config=CONFIG | (config or {}), **kwargs)

    def to_html(self, *args: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> str:
        """As go.Figure.to_html, with the locale in which hundredths are read."""
        return str(super().to_html(*args, config=CONFIG | (config or {}), **kwargs))

    def write_html(self, *args: Any, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """As go.Figure.write_html, with the locale in which hundredths are read."""
        super().write_html(*args, config=CONFIG | (config or {}), **kwargs)

    def _ipython_display_(self) -> None:
        self.show()


def inked(layout: dict[str, Any]) -> dict[str, Any]:
    """A layout whose words are all in the colour of text."""
    ink = {"color": INK}
    shown = layout | {"font": ink | layout.get("font", {}), "hoverlabel": {"font": ink} | layout.get("hoverlabel", {})}
    for name, axis in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            title = axis.get("title", {})
            title = title | {"font": ink | title.get("font", {})} if title else {}
            shown[name] = axis | {"tickfont": ink | axis.get("tickfont", {})} | ({"title": title} if title else {})
        if name.startswith("coloraxis") and "colorbar" in axis:
            bar = axis["colorbar"]
            shown[name] = axis | {"colorbar": bar | {"tickfont": ink | bar.get("tickfont", {})}}
    return shown


def _template() -> dict[str, Any]:
    """Plotly's template of the moment; Streamlit draws both themes by its own."""
    name = plotly.io.templates.default
    return plotly.io.templates[name].to_plotly_json() if name else {}


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
