"""Global-norm clipping, measured: the norm of the gradient before and after, of each parameter and of all together.

It needs nothing of the explorer. A training loop of one's own can use it in place of torch.nn.utils.clip_grad_norm_:

    clipping = clip_gradients(model.named_parameters(), max_norm=1.0)
    clipping.norm_before, clipping.norm_after
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

SAFE_NORM = 1e-140  # of which float64 still holds the square, to full precision


@dataclass(frozen=True)
class Clipping:
    """What clipping measured: norms before (per parameter and together), the coefficient, and the norm after."""

    norms_before: dict[str, float]
    norm_before: float
    coefficient: float
    norm_after: float


def grad_norm(gradient: Tensor) -> float:
    """l2 norm measured in float64, right for tiny and for huge entries too; NaN and inf come through."""
    norm = float(torch.linalg.vector_norm(gradient, dtype=torch.float64))
    if SAFE_NORM <= norm <= 1 / SAFE_NORM or not gradient.numel():
        return norm
    # Squares of what is smaller or larger leave float64's range: by a power of two, which is exact, it is brought into it.
    largest = float(torch.linalg.vector_norm(gradient, torch.inf, dtype=torch.float64))
    if largest == 0 or not math.isfinite(largest):
        return largest
    exponent = math.frexp(largest)[1]
    scaled = np.ldexp(gradient.detach().double().flatten().cpu().numpy(), -exponent)
    with np.errstate(over="ignore"):  # a norm beyond float64 is infinite
        return float(np.ldexp(np.linalg.norm(scaled), exponent))


def clip_gradients(named_parameters: Iterable[tuple[str, nn.Parameter]], max_norm: float | None) -> Clipping:
    """Scale all gradients together to a norm of at most max_norm (Pascanu et al. 2013, arXiv 1211.5063); None only measures.

    Parameters without a gradient are left out. Non-finite gradients are left as they are: their norm says so.
    """
    gradients = {name: p.grad for name, p in named_parameters if p.grad is not None}
    norms = {name: grad_norm(gradient) for name, gradient in gradients.items()}
    before = math.hypot(*norms.values())
    if max_norm is None or not before > max_norm or not math.isfinite(before):
        return Clipping(norms, before, 1.0, before)
    # g <- min(theta / ||g||, 1) g
    coefficient = max_norm / before
    for gradient in gradients.values():
        gradient.copy_(gradient.double() * coefficient)  # in float64: float32 has no coefficient of 1e-40
    return Clipping(norms, before, coefficient, math.hypot(*map(grad_norm, gradients.values())))
