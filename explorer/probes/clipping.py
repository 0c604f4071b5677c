"""What clipping does to the gradient of a text: before, after, and whether its direction turns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.clipping import grad_norm
from explorer.fields import ConfigError, expected, finite
from explorer.models import SequenceModel
from explorer.probes.gradients import NonFinite
from explorer.probes.pictured import Pictured
from explorer.reads import Read, read_of
from explorer.tokens import Tokens
from explorer.words import Saying

WAYS = ("norm", "value", "parameter")
LARGEST = 5


@dataclass(frozen=True)
class ParameterGradient:
    """The gradient of one parameter, before and after clipping.

    Attributes:
        name: of the parameter.
        norm_before: l2 norm, float64.
        share: of the squared norm of all parameters together, in [0, 1]; squares add, norms do not. NaN for 0 / 0.
        norms_after: way of clipping -> l2 norm after it.
        largest: the largest entries by magnitude: (index, value), at most five.

    """

    name: str
    norm_before: float
    share: float
    norms_after: Mapping[str, float]
    largest: tuple[tuple[tuple[int, ...], float], ...]


@dataclass(frozen=True)
class ClipOutcome:
    """What one way of clipping does to all parameters together.

    Attributes:
        norm_after: l2 norm of all gradients together.
        coefficient: what every gradient is multiplied with; None for the ways that multiply differently.
        angle_degrees: between the clipped and the unclipped gradient; 0 where the direction is kept.
        changed_share: share of the entries that changed, in [0, 1].

    """

    norm_after: float
    coefficient: float | None
    angle_degrees: float
    changed_share: float


@dataclass(frozen=True, repr=False)
class ClipLedger(Pictured):
    """Clipping, for the mean loss of one text.

    Attributes:
        nll_nats: the loss.
        max_norm: the threshold theta; None where nothing is clipped.
        norm_before: l2 norm of all gradients together, float64.
        parameters: one ParameterGradient for each parameter, in the model's order.
        outcomes: "norm" (all together, min(1, theta/norm): what training does), "value" (every entry to [-theta, theta]),
            "parameter" (each parameter's gradient to a norm of at most theta) -> what it does.
        non_finite: the first parameter, else the loss, else the first entry of a gradient that is not a finite number; then
            nothing is clipped.

    """

    nll_nats: float
    max_norm: float | None
    norm_before: float
    parameters: tuple[ParameterGradient, ...]
    outcomes: Mapping[str, ClipOutcome]
    non_finite: NonFinite | None

    def _facts(self) -> dict[str, Any]:
        norms = {"norm_before": self.norm_before, "norm_after": self.norm_after}
        return norms | {"max_norm": self.max_norm, "parameters": len(self.parameters)}

    @property
    def coefficient(self) -> float:
        """What clipping by norm multiplies every gradient with, in (0, 1]."""
        coefficient = self.outcomes["norm"].coefficient
        return 1.0 if coefficient is None else coefficient

    @property
    def norm_after(self) -> float:
        """The norm after clipping by norm."""
        return self.outcomes["norm"].norm_after


def clip_ledger(model: SequenceModel, text: Tokens | Read, max_norm: float | None) -> ClipLedger:
    """What clipping at max_norm does to the gradient of this text's mean loss, parameter by parameter.

    Clipping by the norm of all gradients together is Pascanu et al. 2013 (arXiv 1211.5063).

    Args:
        model: left exactly as it was found; no .grad is written.
        text: the loss is the mean over the characters the model predicts, as in training. A summed loss would have
            larger gradients, and want a larger threshold.
        max_norm: theta, above 0; None does not clip, as in a Recipe.

    Raises:
        ConfigError: a max_norm that is neither None nor a finite number above 0, a read of another model, or a read of
            numbers in which no step is asked.
        TextError: a text of which the model predicts nothing.

    """
    theta = None if max_norm is None else finite(max_norm)
    if max_norm is not None and (theta is None or theta <= 0):
        raise ConfigError("max_norm", expected("above-zero-or-none"), max_norm)
    loss, gradients = mean_gradient(read_of(model, text))
    norms = {name: grad_norm(gradient) for name, gradient in gradients.items()}
    norm_before = math.hypot(*norms.values())
    clipped = {way: _clipped(gradients, norms, norm_before, theta, way) for way in WAYS}
    norms_after = {way: {name: grad_norm(gradient) for name, gradient in clipped[way].items()} for way in WAYS}
    parameters = tuple(
        ParameterGradient(
            name,
            norms[name],
            (norms[name] / norm_before) ** 2 if norm_before else math.nan,
            {way: norms_after[way][name] for way in WAYS},
            _largest(gradient),
        )
        for name, gradient in gradients.items()
    )
    coefficient = _coefficient(norm_before, theta)
    outcomes = {
        way: _outcome(
            gradients, clipped[way], math.hypot(*norms_after[way].values()), coefficient if way == "norm" else None
        )
        for way in WAYS
    }
    fault = _first_non_finite(
        chain(
            ((name, parameter.detach()) for name, parameter in model.named_parameters()),
            [(Saying("value.loss"), torch.tensor(loss))],
            ((Saying("value.gradient-of", {"parameter": name}), gradient) for name, gradient in gradients.items()),
        )
    )
    return ClipLedger(loss, theta, norm_before, parameters, outcomes, fault)


def mean_gradient(read: Read) -> tuple[float, dict[str, Tensor]]:
    """The mean loss of what was read, and the gradient of every parameter in float64."""
    read.check_losses()
    # Of a copy, so that a frozen model has gradients too and none is written into it. (torch.func would do without the
    # copy, and costs every server 20 MB for its imports.)
    model, first = read.precise, read.first_of(read.precise)
    names, parameters = zip(*model.named_parameters(), strict=True)
    with torch.enable_grad():
        x = model.embed(read.inputs.unsqueeze(1))
        outputs_TV = read.outputs(lambda net, own: model.rnn.scan_net(net, own, first[net])[0], x)
        loss = read.mean_loss(outputs_TV)
        gradients = torch.autograd.grad(loss, parameters)
    return loss.item(), dict(zip(names, gradients, strict=True))


def _coefficient(norm: float, max_norm: float | None) -> float:
    """min(theta / ||g||, 1); a gradient that is not finite is left as it is."""
    return max_norm / norm if max_norm is not None and norm > max_norm and math.isfinite(norm) else 1.0


def _clipped(
    gradients: Mapping[str, Tensor], norms: Mapping[str, float], norm: float, max_norm: float | None, way: str
) -> dict[str, Tensor]:
    if way == "value" and max_norm is not None:
        return {name: g.clamp(-max_norm, max_norm) if math.isfinite(norm) else g for name, g in gradients.items()}
    if way == "parameter":
        return {name: g * _coefficient(norms[name], max_norm) for name, g in gradients.items()}
    return {name: g * _coefficient(norm, max_norm) for name, g in gradients.items()}


def _outcome(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], norm_after: float, coefficient: float | None
) -> ClipOutcome:
    old, new = _flat(before), _flat(after)
    if not math.isfinite(norm_after):  # nothing is clipped then, and NaN differs from itself
        return ClipOutcome(norm_after, coefficient, 0.0, 0.0)
    angle = 0.0 if coefficient is not None else _angle_degrees(old, new)
    return ClipOutcome(norm_after, coefficient, angle, float((old != new).double().mean()))


def _flat(gradients: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


def _angle_degrees(old: Tensor, new: Tensor) -> float:
    """The angle between two gradients, each brought to norm 1 first; 0 where one of them is zero."""
    old_norm, new_norm = grad_norm(old), grad_norm(new)
    if not (old_norm and new_norm):
        return 0.0
    a, b = old / old_norm, new / new_norm
    # 2 atan2(||a - b||, ||a + b||): exact for small angles, where the arc cosine has no digits left.
    return math.degrees(2 * math.atan2(float((a - b).norm()), float((a + b).norm())))


def _largest(gradient: Tensor) -> tuple[tuple[tuple[int, ...], float], ...]:
    flat = gradient.flatten()
    places = flat.abs().topk(min(LARGEST, flat.numel())).indices.numpy()
    return tuple(
        (tuple(int(i) for i in np.unravel_index(place, tuple(gradient.shape))), float(flat[place])) for place in places
    )


def _first_non_finite(values: Iterable[tuple[str | Saying, Tensor]]) -> NonFinite | None:
    for name, value in values:
        bad: NDArray[np.int64] = (~value.isfinite()).flatten().nonzero().numpy()
        if bad.size:
            return NonFinite(name, None, int(bad[0, 0]))
    return None
