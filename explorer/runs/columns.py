"""What a column of the store may hold: each function gives back a value that is of its kind.

Raises of each: TypeError or ValueError for any other value, since a disk can be damaged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from typing import Any

LARGEST = 10**18  # what a seed may be


def text(value: Any) -> str:
    """Text that a file can have."""
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")  # what is not UTF-8 in the file comes as half characters, see database.py
    return value


def count(value: Any) -> int:
    """A whole number, also below 0: a seed."""
    if not isinstance(value, int) or abs(value) > LARGEST:
        raise ValueError
    return value


def number(value: Any) -> float:
    """A finite number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return value


def real(value: Any) -> Any:
    """A number, also one that is not finite: of an epoch that went wrong."""
    if not isinstance(value, int | float):
        raise TypeError
    return value


def measured(value: Any) -> Any:
    """A number or, where nothing was measured, None."""
    return None if value is None else real(value)


def or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader that also takes None."""
    return lambda value: None if value is None else read(value)


def words(value: Any) -> tuple[str, ...]:
    """A list of texts, as JSON."""
    listed = json.loads(value)
    if not isinstance(listed, list):
        raise TypeError
    return tuple(map(text, listed))


def amount(value: Any) -> int:
    """A whole number, not below 0."""
    if count(value) < 0:
        raise ValueError
    return int(value)


def one_of(known: Collection[str]) -> Callable[[Any], str]:
    """A reader of one of these words."""

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError
        return str(value)

    return read


def flag(value: Any) -> bool:
    """0 or 1."""
    return bool((0, 1).index(value))
