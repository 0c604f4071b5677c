"""A plotly figure that is quick to make and to send, because a page makes several at every keystroke.

plotly checks every property of every figure, then copies all of it, and asks of every list what kind of table it may be:
most of the time a keystroke took. Ours are written once, in this folder: the tests check their properties, and what is
sent is made in one walk.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray


class Figure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A plotly figure of `{"data": ..., "layout": ...}` whose properties are taken as they are."""

    checked: ClassVar[bool] = False  # True: by plotly, as go.Figure does; the tests set it

    def __init__(self, made: dict[str, Any]) -> None:
        super().__init__(made, _validate=self.checked)

    def to_dict(self) -> dict[str, Any]:
        """What plotly.js draws, as go.Figure.to_dict gives it: arrays in base64."""
        made = {"data": sendable(self._data), "layout": sendable(self._layout)}
        if frames := [sendable(frame._props) for frame in self._frame_objs]:
            made["frames"] = frames
        return made


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
