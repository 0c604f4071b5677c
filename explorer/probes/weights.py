"""What each step of a text adds to the gradient of each weight, and how far the steps cancel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from explorer.cells import CellWeights, input_projection
from explorer.cells.base import Outer, previous
from explorer.clipping import grad_norm
from explorer.models import NetKey, SequenceModel
from explorer.reads import Read, read_of
from explorer.reads.kernel import through_nets
from explorer.tokens import Tokens

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class WeightGradients:
    """What each step of a text adds to the gradient of each parameter; the loss is the text's mean, in nats.

    Attributes:
        norms_T: parameter name -> l2 norm of the part that step t adds, (T,).
        total_norms: parameter name -> norm of the sum over steps, which is the gradient that training sees.

    """

    norms_T: Mapping[str, Floats64]
    total_norms: Mapping[str, float]

    @property
    def surviving_share(self) -> dict[str, float]:
        """Norm of the sum / sum of the norms, in [0, 1]: 1 where all steps agree, 0 where they cancel; NaN for 0 / 0."""
        sums = {name: float(norm_T.sum()) for name, norm_T in self.norms_T.items()}
        return {name: self.total_norms[name] / total if total else math.nan for name, total in sums.items()}


def weight_gradient_steps(model: SequenceModel, text: Tokens | Read) -> WeightGradients:
    """What each step adds to the gradient of every parameter, for the mean loss of a text, in nats.

    The part of step t is what the weights get from being used at t, with the gradient of all later losses: the part of a
    matrix is an outer product, whose norm is the product of two norms. The sum over t is the gradient training sees.

    Args:
        model: left exactly as it was found; no .grad is written.
        text: any text, or what the model has read already.

    Raises:
        ConfigError: a read of another model, or a read of numbers in which no step is asked.
        TextError: a text of which the model predicts nothing.

    """
    read = read_of(model, text)
    read.check_losses()
    outer = _contributions(read)
    norms_T = {name: _outer_norms(pairs) for name, pairs in outer.items()}
    totals = {name: _outer_sum_norm(pairs) for name, pairs in outer.items()}
    names = [name for name, _ in model.named_parameters()]
    for net in model.config.nets:
        if any(name not in outer for name in names if name.endswith(net.suffix)):
            by_step_T, whole = _by_autograd(read, net)
            norms_T, totals = norms_T | by_step_T, totals | whole
    return WeightGradients({name: norms_T[name] for name in names}, {name: totals[name] for name in names})


def _outer_norms(pairs: Sequence[Outer]) -> Floats64:
    # ||a b^T|| = ||a|| ||b||; the pairs fill different rows of the parameter
    norms_T: Floats64 = np.hypot.reduce([_row_norms(a) * _row_norms(b) for a, b in pairs])
    norms_T.setflags(write=False)
    return norms_T


def _row_norms(rows_TA: Tensor) -> Floats64:
    """The norm of each row, each brought to a largest entry of 1 first: the square of 1e-200 would be zero."""
    largest_T1 = rows_TA.abs().amax(1, keepdim=True)
    unit_T1 = torch.where((largest_T1 > 0) & largest_T1.isfinite(), largest_T1, 1)
    norms_T: Floats64 = (torch.linalg.vector_norm(rows_TA / unit_T1, dim=1) * unit_T1[:, 0]).numpy()
    return norms_T


def _outer_sum_norm(pairs: Sequence[Outer]) -> float:
    return math.hypot(*(grad_norm(a.T @ b) for a, b in pairs))


def _contributions(read: Read) -> dict[str, list[Outer]]:
    """The parts of the gradient of every parameter for which they are written by hand, in the order of the input.

    Autograd is asked for the gradient at a zero that is added to every projected input, so that no parameter is touched.
    """
    model, first = read.precise, read.first_of(read.precise)
    was_read: dict[NetKey, Tensor] = {}
    states: dict[NetKey, Tensor] = {}
    nudges: dict[str, Tensor] = {}

    def nudged(name: str, value: Tensor) -> Tensor:
        nudges[name] = torch.zeros_like(value).requires_grad_()
        return value.detach() + nudges[name] if name == "embedding" else value + nudges[name]

    def scanned(net: NetKey, x: Tensor) -> Tensor:
        weights = model.rnn.weights(net)
        projected = nudged(net.suffix, input_projection(x, weights))
        h_T1H, _ = model.config.kind.scan(projected, first[net], weights, model.config.variant)
        was_read[net], states[net] = x[:, 0].detach(), h_T1H[:, 0].detach()
        return h_T1H

    with torch.enable_grad():
        x = model.embed(read.inputs.unsqueeze(1))
        embedded = model.embedding is not None and not read.inputs.is_floating_point()
        h = through_nets(model, nudged("embedding", x) if embedded else x, scanned)
        features_TF = model.features(h)[:, 0]
        outputs_TV = nudged("out", model.out(features_TF))
        loss = read.mean_loss(outputs_TV)
        gradients = dict(zip(nudges, torch.autograd.grad(loss, list(nudges.values())), strict=True))
    parts: dict[str, list[Outer]] = {}
    if embedded:
        parts["embedding.weight"] = [(_wide(read, read.inputs), gradients["embedding"][:, 0])]
    for net in model.config.nets:
        x_TE = _wide(read, was_read[net])
        own = _net_contributions(read, net, gradients[net.suffix][:, 0], x_TE, states[net])
        if model.config.reads_backward(net):
            own = {name: [(a.flip(0), b.flip(0)) for a, b in pairs] for name, pairs in own.items()}
        parts |= own
    parts["out.weight"] = [(gradients["out"], features_TF.detach())]
    parts["out.bias"] = [(gradients["out"], _ones(gradients["out"]))]
    return parts


def _wide(read: Read, x: Tensor) -> Tensor:
    """What was read as rows of numbers: one-hot, where it was ids."""
    wide: Tensor = x if x.is_floating_point() else F.one_hot(x, read.model.inputs).to(torch.float64)
    return wide


def _ones(like_TA: Tensor) -> Tensor:
    return like_TA.new_ones(len(like_TA), 1)


def _net_contributions(
    read: Read, net: NetKey, dgates_TG: Tensor, x_TE: Tensor, h_TH: Tensor
) -> dict[str, list[Outer]]:
    """The parts of one net's parameters, all in the order in which the net reads."""
    model, config, cell = read.precise, read.precise.config, read.precise.config.kind
    weights = CellWeights(*(parameter.detach() for parameter in model.rnn.weights(net)))
    first_H, *rest = (part_1H[0] for part_1H in read.first_of(model)[net])
    h_prev_TH = previous(h_TH, first_H)
    step, _ = cell.recover(input_projection(x_TE, weights), h_prev_TH, tuple(rest), weights, config.variant)
    parts = {"weight_ih": [(dgates_TG, x_TE)], "bias_ih": [(dgates_TG, _ones(dgates_TG))]}
    if (recurrent := cell.recurrent_parts(dgates_TG, step, h_prev_TH, config.variant)) is not None:
        parts |= {"weight_hh": recurrent[0], "bias_hh": [(recurrent[1], _ones(dgates_TG))]}
    there = {name for name, _ in model.named_parameters()}
    named = {f"rnn.{part}{net.suffix}": pairs for part, pairs in parts.items()}
    return {name: pairs for name, pairs in named.items() if name in there}


def _by_autograd(read: Read, net: NetKey) -> tuple[dict[str, Floats64], dict[str, float]]:
    """What each step adds to the recurrent weights of a net, and the norm of the sum, for any cell.

    At each step the weights go through a door of their own, where autograd is seen coming by with what this step adds.
    """
    model, first, config = read.precise, read.first_of(read.precise), read.precise.config
    names = [f"rnn.{part}{net.suffix}" for part in ("weight_hh", "bias_hh")]
    parameters = {name: parameter for name, parameter in model.named_parameters() if name in names}
    noted = {name: np.zeros(len(read)) for name in parameters}

    def door(name: str, t: int) -> Tensor:
        used = parameters[name].view_as(parameters[name])
        used.register_hook(lambda gradient: noted[name].__setitem__(t, grad_norm(gradient)))
        return used

    def looped(key: NetKey, x: Tensor) -> Tensor:
        if key != net:
            return model.rnn.scan_net(key, x, first[key])[0]
        weights, state, h = model.rnn.weights(net), first[net], []
        for t, projected_BG in enumerate(input_projection(x, weights).unbind(0)):
            fields = {"w_hh_GH" if "weight" in name else "b_hh_G": door(name, t) for name in parameters}
            state = config.kind.state_of(
                config.kind.update(projected_BG, state, weights._replace(**fields), config.variant)
            )
            h.append(state[0])
        return torch.stack(h)

    with torch.enable_grad():
        loss = read.mean_loss(read.outputs(looped, model.embed(read.inputs.unsqueeze(1))))
        whole = torch.autograd.grad(loss, list(parameters.values()))
    if config.reads_backward(net):
        noted = {name: norms_T[::-1].copy() for name, norms_T in noted.items()}
    return noted, dict(zip(parameters, map(grad_norm, whole), strict=True))
