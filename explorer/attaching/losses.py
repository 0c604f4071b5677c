"""The loss, read where it is backpropagated: `loss.backward()`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor


@contextmanager
def each_backward(took: Callable[[Tensor], None]) -> Iterator[None]:
    """Have every scalar handed over on which `backward()` was called, once that is done or has failed.

    Tensor.backward is another function inside this block; it calls the one that was there.
    """
    original = Tensor.backward

    @functools.wraps(original)
    def backward(self: Tensor, gradient: Tensor | None = None, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, gradient, *args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            if gradient is None and self.numel() == 1:
                took(self)

    Tensor.backward = backward  # type: ignore[method-assign]
    try:
        yield
    finally:
        Tensor.backward = original  # type: ignore[method-assign]
