"""The norms of a step: torch's clipping with the norm before and after it, and what the optimizer then added."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from explorer.attaching.samples import ParameterSample
from explorer.clipping import grad_norm

EPSILON = 1e-6  # torch divides by the norm and this


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
    """l2 norm in float64, of a sparse gradient too."""
    return grad_norm(gradient.coalesce().values() if gradient.is_sparse else gradient)


def measured(named: Iterable[tuple[str, Tensor]]) -> Clipped:
    """The norms of gradients that nobody clips."""
    norms = {name: norm_of(p.grad) for name, p in named if p.grad is not None}
    together = math.hypot(*norms.values())
    return Clipped(norms, together, together)


def clipped(
    named: list[tuple[str, Tensor]], before: Clipped, max_norm: float, total: float, norm_type: float
) -> Clipped:
    """What torch's clipping did, once it is done.

    Args:
        named: the parameters it was called with, with names.
        before: the norms before it.
        max_norm: its threshold.
        total: what it returned.
        norm_type: of the norm it looked at; 2 is the one that is recorded.

    """
    coefficient = min(1.0, float(max_norm) / (total + EPSILON))
    after = measured(named).norm_after if coefficient < 1 else before.norm_before
    return Clipped(before.norms, before.norm_before, after, coefficient, float(max_norm) if norm_type == 2 else None)


def clip(
    named: list[tuple[str, Tensor]], max_norm: float, norm_type: float, error_if_nonfinite: bool, foreach: bool | None
) -> tuple[Tensor | None, Clipped, RuntimeError | None]:
    """torch.nn.utils.clip_grad_norm_: its result, what it did, and its refusal of a norm that is not finite."""
    before = measured(named)
    try:
        total = nn.utils.clip_grad_norm_([p for _, p in named], max_norm, norm_type, error_if_nonfinite, foreach)
    except RuntimeError as error:
        return None, before, error
    return total, clipped(named, before, max_norm, float(total), norm_type), None


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
