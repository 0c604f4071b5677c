"""The loss, read where it is backpropagated: `loss.backward()`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

_listening: list[Callable[[Tensor], None]] = []
_inside = threading.local()  # whether this thread is in a `backward()` that is told


@contextmanager
def each_backward(took: Callable[[Tensor], None]) -> Iterator[None]:
    """Have every scalar handed over on which `backward()` was called, once that is done or has failed.

    From the first such block that is entered to the last that is left, in whatever order, Tensor.backward is another function,
    which calls the one that was there. Callbacks of a framework end in the order in which they began.
    """
    if not _listening:
        _put_around()
    _listening.append(took)
    try:
        yield
    finally:
        _listening.remove(took)
        if not _listening:
            _put_back()


def _put_around() -> None:
    original = Tensor.backward
    if hasattr(original, "put_around"):  # by us, and it could not be put back: somebody else had put theirs around it
        return

    @functools.wraps(original)
    def backward(self: Tensor, gradient: Tensor | None = None, *args: Any, **kwargs: Any) -> None:
        if getattr(
            _inside, "one", False
        ):  # ours is there twice, with somebody else's between; or a hook backpropagates
            original(self, gradient, *args, **kwargs)  # type: ignore[no-untyped-call]
            return
        _inside.one = True
        try:
            original(self, gradient, *args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            _inside.one = False
            if gradient is None and self.numel() == 1:
                for took in [*_listening]:
                    took(self)

    backward.put_around = original  # type: ignore[attr-defined]
    Tensor.backward = backward  # type: ignore[method-assign]


def _put_back() -> None:
    if original := getattr(Tensor.backward, "put_around", None):
        Tensor.backward = original  # type: ignore[method-assign]
