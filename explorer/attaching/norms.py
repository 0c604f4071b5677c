"""The norms of a step: torch's clipping with the norm before and after it, and what the optimizer then added."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from explorer.attaching.samples import ParameterSample
from explorer.clipping import grad_norm

EPSILON = 1e-6  # torch divides by the norm and this
SURE = 1e-15, 1e15  # of whose squares float32 loses nothing


@dataclass(frozen=True)
class Clipped:
    """What one call of clipping did, or none: then nothing was changed.

    Attributes:
        norms: parameter -> l2 norm of its gradient before.
        norm_before: of all together.
        norm_after: the same after, measured again.
        coefficient: what the gradients were multiplied with.
        max_norm: the threshold; None where nothing was clipped.

    """

    norms: Mapping[str, float]
    norm_before: float
    norm_after: float
    coefficient: float = 1.0
    max_norm: float | None = None

    def beside(self, other: Clipped) -> Clipped:
        """Two calls in one step, each on parameters of its own."""
        before, after = (
            math.hypot(*pair) for pair in ((self.norm_before, other.norm_before), (self.norm_after, other.norm_after))
        )
        thresholds = [c.max_norm for c in (self, other) if c.max_norm is not None]
        least = min(self.coefficient, other.coefficient)
        return Clipped({**self.norms, **other.norms}, before, after, least, min(thresholds, default=None))


def norm_of(gradient: Tensor) -> float:
    """l2 norm, of a sparse gradient too; in float64 where its own precision may have lost it."""
    numbers = gradient.coalesce().values() if gradient.is_sparse else gradient
    norm = float(torch.linalg.vector_norm(numbers, dtype=torch.promote_types(numbers.dtype, torch.float32)))
    return norm if SURE[0] < norm < SURE[1] else grad_norm(numbers)


def measured(named: Iterable[tuple[str, Tensor]]) -> Clipped:
    """The norm of every gradient, where nobody clips."""
    norms = {name: norm_of(p.grad) for name, p in named if p.grad is not None}
    together = math.hypot(*norms.values())
    return Clipped(norms, together, together)


def summed(parameters: Iterable[Tensor], total: float | None = None) -> float:
    """The l2 norm of all gradients together.

    Args:
        parameters: whose gradients.
        total: what torch makes of it in their own precision, if that is known; taken where float32 loses nothing.

    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if total is None and not any(gradient.is_sparse for gradient in gradients):
        total = float(nn.utils.get_total_norm(gradients))
    return total if total is not None and SURE[0] < total < SURE[1] else math.hypot(*map(norm_of, gradients))


def clip(
    named: Sequence[tuple[str, Tensor]], max_norm: float, norm_type: float, foreach: bool | None, *, closely: bool
) -> tuple[Tensor, Clipped]:
    """The two halves of torch.nn.utils.clip_grad_norm_, one after the other: its result, and what it did.

    Args:
        named: the parameters whose gradients are clipped, with names.
        max_norm: the threshold.
        norm_type: of the norm that is clipped.
        foreach: torch's choice of implementation.
        closely: whether the norm of each parameter is measured.

    """
    parameters = [p for _, p in named]
    total = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None], norm_type, False, foreach)
    if closely:
        before = measured(named)
    else:
        norm = summed(parameters, float(total) if norm_type == 2 else None)
        before = Clipped({}, norm, norm)
    nn.utils.clip_grads_with_norm_(parameters, max_norm, total, foreach)
    coefficient = min(1.0, float(max_norm) / (float(total) + EPSILON))
    after = summed(parameters) if coefficient < 1 else before.norm_before
    threshold = float(max_norm) if norm_type == 2 else None
    return total, replace(before, norm_after=after, coefficient=coefficient, max_norm=threshold)


def parameter_samples(
    norms: Mapping[str, float], weights: Mapping[str, tuple[Tensor, Tensor]]
) -> tuple[dict[str, ParameterSample], float | None]:
    """What happened to each parameter, and ||update|| / ||weights|| of all together.

    Args:
        norms: name -> l2 norm of its gradient before clipping.
        weights: name -> (before, after) the update; empty where no optimizer of torch made the step.

    """
    total = math.hypot(*norms.values())
    moved = {name: (norm_of(before), norm_of(after.detach() - before)) for name, (before, after) in weights.items()}
    samples = {}
    for name, norm in norms.items():
        share = (norm / total) ** 2 if total else math.nan
        weight, update = moved.get(name, (None, None))
        samples[name] = ParameterSample(norm, share, weight, _ratio(update, weight))
    if not moved:
        return samples, None
    weight, update = (math.hypot(*column) for column in zip(*moved.values(), strict=True))
    return samples, _ratio(update, weight)


def _ratio(update: float | None, weight: float | None) -> float | None:
    if update is None or weight is None:
        return None
    return update / weight if weight else math.inf if update else 0.0
