"""The fields of a configuration, as a person may give them, and how one is refused; numpy's numbers are numbers too."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from explorer.words import Saying, Told


class ConfigError(Told, ValueError):
    """A configuration or a request that makes no sense.

    Attributes:
        field: the name of what was asked for.
        expected: what it can be, made by `expected`.
        got: the value that came, or what is said of it.

    """

    def __init__(self, field: str, expected: Saying, got: object, /) -> None:
        self.field, self.expected, self.got = field, expected, got
        super().__init__("config", field=field, expected=expected, got=got if isinstance(got, Saying) else shown(got))


def expected(what: str, /, **figures: Any) -> Saying:
    """What a field can be, for a ConfigError: a code of words, less its "expected.", with its figures."""
    return Saying(f"expected.{what}", figures)


def got(what: str, /, **figures: Any) -> Saying:
    """What came instead, where the value alone does not say it: a code of words, less its "got.", with its figures."""
    return Saying(f"got.{what}", figures)


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
    """A value inside a sentence, never long; its type alone where it cannot be written, as a number of 5,000 digits."""
    try:
        return repr(value)[:40]
    except Exception:  # a repr is somebody else's code
        return f"<{type(value).__name__}>"


def check_choice(field: str, value: object, allowed: Sequence[str]) -> str:
    """The value, if it is one of the allowed words.

    Raises:
        ConfigError: it is not.

    """
    if not isinstance(value, str) or value not in allowed:
        raise ConfigError(field, expected("choice", allowed=allowed), value)
    return value


def check_whole(field: str, value: object, least: int, most: int) -> int:
    """The value as an int, if it is a whole number of any type from least to most.

    Raises:
        ConfigError: it is not.

    """
    number = whole(value)
    if number is None or not least <= number <= most:
        raise ConfigError(field, expected("whole", least=least, most=most), value)
    return number


def check_above_zero(field: str, value: object) -> float:
    """The value as a float, if it is a finite number of any type above 0.

    Raises:
        ConfigError: it is not.

    """
    number = finite(value)
    if number is None or number <= 0:
        raise ConfigError(field, expected("above-zero"), value)
    return number


def check_flag(field: str, value: object) -> bool:
    """The value as a bool, if it is one of any type.

    Raises:
        ConfigError: it is not.

    """
    if (truth := flag(value)) is None:
        raise ConfigError(field, expected("flag"), value)
    return truth
