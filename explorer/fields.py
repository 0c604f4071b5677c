"""The fields of a configuration, as a person may give them: numpy's numbers are numbers too."""

from __future__ import annotations

import math
import numbers

import numpy as np


def whole(value: object) -> int | None:
    """The value as an int where it is a whole number of any type, numpy's included; else None. A bool is no number."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return None


def finite(value: object) -> float | None:
    """The value as a float where it is a finite real number of any type, numpy's included; else None."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # of 10**400
        return None
    return number if math.isfinite(number) else None


def flag(value: object) -> bool | None:
    """The value as a bool where it is one, numpy's included; else None."""
    return bool(value) if isinstance(value, bool | np.bool_) else None


def shown(value: object) -> str:
    """A value inside a sentence, never long."""
    return repr(value)[:40]
