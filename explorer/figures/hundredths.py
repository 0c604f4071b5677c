"""Heatmaps of numbers to two decimals, a byte each, that are read as what they are: 7 is sent, 0.07 is said.

As float32 they are four times as long, and a tape holds hundreds of thousands. d3-format cannot divide, but it groups
digits as a locale asks it to: with groups of two and a point between them, 7 becomes 0.07 and -123 becomes -1.23. The
locale is part of plotly's config: a page passes CONFIG to the chart, a panel that shows itself has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = ":04,d"
_NUMBERS = {"decimal": ".", "thousands": ".", "grouping": [2, 99], "currency": ["", ""]}
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "locale": "hundredths",
    "locales": {"hundredths": {"dictionary": {}, "format": _NUMBERS}},
}


def hundredths(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Values in whole hundredths, in the smallest whole numbers that hold them, and which can be said so; None: all."""
    whole = np.rint(values * np.float32(100))
    most = _most(whole)
    if most < 2**31:
        return _packed(whole, most), None
    said = np.abs(whole) < 2**31  # not so with NaN
    whole = np.where(said, whole, 0)
    return _packed(whole, _most(whole)), said


def _most(whole: NDArray[Any]) -> float:
    return max(float(whole.max(initial=0)), -float(whole.min(initial=0)))  # NaN where one is among them


def _packed(whole: NDArray[Any], most: float) -> NDArray[Any]:
    kept: NDArray[Any] = whole.astype(np.int8 if most < 2**7 else np.int16 if most < 2**15 else np.int32)
    return kept


def gapped(values: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values with gaps where they are not kept; a byte has none."""
    return np.where(kept, values.astype(np.float32), np.float32(np.nan))
