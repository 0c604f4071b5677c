"""Hooks on somebody else's modules, which copies and saved files of the module do without."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any


class Hook:
    """A hook that stays with the module it was given to.

    A module is copied or pickled with its hooks: an average of its weights, the best so far, a file. The copy has one that does
    nothing, out of the standard library, so that a file needs nothing of ours.
    """

    def __init__(self, called: Callable[..., Any]) -> None:
        self._called = called

    def __call__(self, *given: Any) -> Any:
        """What the hook is for."""
        return self._called(*given)

    def __deepcopy__(self, memo: object) -> Any:
        return contextlib.nullcontext().__exit__  # takes anything and returns None

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")
