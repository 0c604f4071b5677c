"""The loss, read where it is backpropagated: `loss.backward()`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_listening: list[Callable[[float], None]] = []
_inside = threading.local()  # whether this thread is in a `backward()` that is told
UNSCALED = "_gate_explorer_unscaled"


@contextmanager
def each_backward(took: Callable[[float], None]) -> Iterator[None]:
    """Have the value of every scalar handed over on which `backward()` was called, once that is done or has failed.

    Of a loss that a GradScaler has scaled it is the value before: the scale changes from step to step. From the first such block
    that is entered to the last that is left, in whatever order, Tensor.backward and GradScaler.scale are other functions, which
    call those that were there. Callbacks of a framework end in the order in which they began.
    """
    if not _listening:
        _put_around(Tensor, "backward", _told)
        _put_around(torch.amp.GradScaler, "scale", _remembered)
    _listening.append(took)
    try:
        yield
    finally:
        _listening.remove(took)
        if not _listening:
            _put_back(Tensor, "backward")
            _put_back(torch.amp.GradScaler, "scale")


def _told(original: Callable[..., Any]) -> Callable[..., Any]:
    def backward(self: Tensor, gradient: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        # Ours is there twice, with somebody else's between; or a hook backpropagates.
        if getattr(_inside, "one", False):
            return original(self, gradient, *args, **kwargs)
        _inside.one = True
        try:
            return original(self, gradient, *args, **kwargs)
        finally:
            _inside.one = False
            if gradient is None and self.numel() == 1:
                value = float(getattr(self, UNSCALED, self).detach())
                for took in [*_listening]:
                    took(value)

    return backward


def _remembered(original: Callable[..., Any]) -> Callable[..., Any]:
    def scale(self: Any, outputs: Any) -> Any:
        scaled = original(self, outputs)
        if isinstance(outputs, Tensor) and isinstance(scaled, Tensor):
            setattr(scaled, UNSCALED, outputs.detach())
        return scaled

    return scale


def _put_around(owner: Any, name: str, made: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    original = getattr(owner, name)
    if hasattr(original, "put_around"):  # by us, and it could not be put back: somebody else had put theirs around it
        return
    function: Any = functools.wraps(original)(made(original))
    function.put_around = original
    setattr(owner, name, function)


def _put_back(owner: Any, name: str) -> None:
    if original := getattr(getattr(owner, name), "put_around", None):
        setattr(owner, name, original)
