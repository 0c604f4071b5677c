"""The first value of a loop that is not a finite number: at which step, and in what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.attaching.calls import Call, data_of
from explorer.attaching.strands import laid_out
from explorer.probes.gradients import NonFinite
from explorer.words import Saying


@dataclass(frozen=True)
class Fault:
    """The first value that is not a finite number.

    Attributes:
        step: of the training, counted from 1.
        value: what holds it; its step is the time step, its unit the unit (of a parameter the entry, row by row).

    """

    step: int
    value: NonFinite


def first_fault(
    parameters: Mapping[str, Tensor], calls: Iterable[Sequence[Call]], loss: float | None
) -> NonFinite | None:
    """The first one in the order in which a step computes: weights, inputs, states, loss, gradients by parameter."""
    weights = ((name, p.detach()) for name, p in parameters.items())
    gradients = (
        (Saying("value.gradient-of", {"parameter": name}), p.grad)
        for name, p in parameters.items()
        if p.grad is not None
    )
    lost = loss is not None and not torch.tensor(loss).isfinite()
    return (
        _in_tensors(weights)
        or next(filter(None, map(_in_calls, calls)), None)
        or (NonFinite(Saying("value.loss"), None, None) if lost else None)
        or _in_tensors(gradients)
    )


def _in_tensors(tensors: Iterable[tuple[str | Saying, Tensor]]) -> NonFinite | None:
    for name, tensor in tensors:
        bad = _bad(tensor.coalesce().values() if tensor.is_sparse else tensor)
        if len(bad):
            return NonFinite(name, None, int(bad[0]))
    return None


def _bad(tensor: Tensor) -> Tensor:
    return (~tensor.isfinite()).flatten().nonzero().flatten()


def _in_calls(calls: Sequence[Call]) -> NonFinite | None:
    """In what a layer read, else in its states: the time step is the first of any row."""
    if not calls:
        return None
    if calls[0].layer.kernel is None:
        lines = [torch.stack([data_of(call.x) for call in calls]), torch.stack([call.last[0] for call in calls])]
        x_TN, h_TN = (line.reshape(len(calls), -1, line.shape[-1]) for line in lines)
    else:
        rows, x, h = laid_out(calls[0])
        x_TN, h_TN = rows.padded(x), rows.padded(h)
    module = calls[0].layer.name
    return _in_time("value.read-by", module, x_TN) or _in_time("value.states-of", module, h_TN)


def _in_time(code: str, module: str, x_TBE: Tensor) -> NonFinite | None:
    bad = (~x_TBE.isfinite()).nonzero()
    if not len(bad):
        return None
    step, _, unit = bad[0].tolist()
    return NonFinite(Saying(code, {"module": module}), step, unit)
