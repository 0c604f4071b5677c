"""What one call of a recurrent layer read and gave, and the gradient that came back to what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import register_multi_grad_hook
from torch.nn.utils.rnn import PackedSequence

from explorer.attaching.layers import Layer


@dataclass(frozen=True)
class Precision:
    """In what precision torch computed: whether autocast was on, and its type."""

    device: str
    autocast: bool
    dtype: torch.dtype

    @classmethod
    def now(cls, device: str) -> Precision:
        """As it is here."""
        return cls(device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))

    def again(self) -> torch.autocast:
        """The same precision, as a context."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.autocast)

    def tolerance(self, dtype: torch.dtype) -> float:
        """How far rounding alone may take a state of this type, which is about 1 in size."""
        rounded = self.dtype if self.autocast else dtype
        return 64 * max(torch.finfo(dtype).eps, torch.finfo(rounded).eps)


@dataclass
class Call:
    """One call: detached tensors that share memory with the caller's, and the gradients at what it gave.

    Attributes:
        layer: that was called.
        x: what it read, as it came.
        first: the state it was given, each part as it came; None where it was given none.
        output: h of every step, as it was given (of a cell, its new state h).
        last: the state after the last step, each part.
        precision: in which it was computed.
        training: whether the layer drops out.
        generator: the state of torch's generator before it, where the layer drops out.
        gradients: place in (output, *last) -> sum of what came back there.

    """

    layer: Layer
    x: Tensor | PackedSequence
    first: tuple[Tensor, ...] | None
    output: Tensor | PackedSequence
    last: tuple[Tensor, ...]
    precision: Precision
    training: bool
    generator: Tensor | None = None
    gradients: dict[int, Tensor] = field(default_factory=dict)

    def keep(self) -> None:
        """Copy what was given: whoever got it may change it in place, as a ReLU or dropout does."""
        self.output = _detached(self.output, copied=True)
        self.last = tuple(part.clone() for part in self.last)

    def take(self, places: Sequence[int], gradients: Sequence[Tensor | None]) -> None:
        """Add the gradients of one backward pass."""
        for place, gradient in zip(places, gradients, strict=True):
            if gradient is not None:
                known, came = self.gradients.get(place), gradient.detach()
                self.gradients[place] = came.clone() if known is None else known + came


MARK = "gate-explorer"
MOST_NODES = 64  # of a graph that are looked at


def _metadata(node: Any) -> dict[Any, Any]:
    metadata: dict[Any, Any] = node.metadata  # torch's own place for such notes; its type says that it is a method
    return metadata


def mark(tensor: Tensor, probe: int, step: int) -> None:
    """Write a step at the place in the graph where a tensor was made; it stays there as long as the graph does."""
    if tensor.grad_fn is not None:
        _metadata(tensor.grad_fn)[MARK, probe] = step


def began_before(tensor: Tensor, probe: int, step: int) -> bool:
    """Whether a tensor still hangs on what the same probe has marked in an earlier step, through a few operations at most."""
    ahead, seen = [tensor.grad_fn], 0
    while ahead and seen < MOST_NODES:
        node = ahead.pop()
        if node is None:
            continue
        seen += 1
        if (known := _metadata(node).get((MARK, probe))) is not None:
            if known < step:
                return True
            continue  # made in this step
        ahead += [before for before, _ in node.next_functions]
    return False


def parts_of(state: Any) -> tuple[Tensor, ...]:
    """The parts of a state as torch hands it over: h, or (h, c)."""
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def data_of(output: Tensor | PackedSequence) -> Tensor:
    """The numbers of an output, packed or not."""
    return output.data if isinstance(output, PackedSequence) else output


def given_and_taken(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Tensor, ...] | None]:
    """The input and the state of a call, wherever the caller wrote them."""
    named = dict(zip(("input", "hx"), args, strict=False)) | kwargs
    state = named.get("hx")
    return named["input"], None if state is None else parts_of(state)


def call_of(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> tuple[Call, dict[int, Tensor]]:
    """A call, and the tensors it gave by their places in (output, *last); a cell gives its state alone."""
    x, first = given_and_taken(args, kwargs)
    output, state = (None, result) if layer.kernel is None else result
    last = parts_of(state)
    given = dict(enumerate(last, 1)) if output is None else {0: data_of(output), **dict(enumerate(last, 1))}
    call = Call(
        layer,
        _detached(x),
        None if first is None else tuple(part.detach() for part in first),
        _detached(last[0] if output is None else output),
        tuple(part.detach() for part in last),
        Precision.now(last[0].device.type),
        layer.module.training,
    )
    return call, given


def _detached(x: Any, *, copied: bool = False) -> Any:
    data = data_of(x).detach()
    data = data.clone() if copied else data
    return x._replace(data=data) if isinstance(x, PackedSequence) else data


def watch(call: Call, given: dict[int, Tensor]) -> Any:
    """Have the call take every gradient that comes back to what it gave; returns a handle with remove()."""
    places, take = list(given), call.take
    return register_multi_grad_hook(list(given.values()), lambda gradients: take(places, gradients))
