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
from explorer.cells.base import Outer, State, previous
from explorer.models import CharModel, NetKey
from explorer.probes.reading import in_float64, predicted_ids, text_loss
from explorer.training import grad_norm

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class WeightGradients:
    """What each step of a text adds to the gradient of each parameter; the loss is the text's mean, in nats.

    Attributes:
        norms_T: parameter name -> norm of the part that step t adds.
        total_norms: parameter name -> norm of the sum over steps, which is the gradient that training sees.

    """

    norms_T: Mapping[str, Floats64]
    total_norms: Mapping[str, float]

    @property
    def surviving_share(self) -> dict[str, float]:
        """Norm of the sum / sum of the norms, in [0, 1]: 1 where all steps agree, 0 where they cancel; NaN for 0 / 0."""
        sums = {name: float(norm_T.sum()) for name, norm_T in self.norms_T.items()}
        return {name: self.total_norms[name] / total if total else math.nan for name, total in sums.items()}


def weight_gradient_steps(model: CharModel, text: str) -> WeightGradients:
    """What each step adds to the gradient of every parameter, for the mean loss of a text, in nats.

    The part of step t is what the weights get from being used at t, with the gradient of all later losses: the part of a
    matrix is an outer product, whose norm is the product of two norms. The sum over t is the gradient training sees.

    Raises:
        TextError: a text of which the model predicts nothing.

    """
    precise, ids_T = in_float64(model), predicted_ids(model, text)
    outer = _contributions(precise, ids_T)
    norms_T = {name: _outer_norms(pairs) for name, pairs in outer.items()}
    totals = {name: _outer_sum_norm(pairs) for name, pairs in outer.items()}
    names = [name for name, _ in model.named_parameters()]
    for net in model.config.nets:
        if any(name not in outer for name in names if name.endswith(net.suffix)):
            by_step_T, whole = _by_autograd(precise, ids_T, net)
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


def _contributions(model: CharModel, ids_T: Tensor) -> dict[str, list[Outer]]:
    """The parts of the gradient of every parameter for which they are written by hand, in the order of the text.

    Autograd is asked for the gradient at a zero that is added to every projected input, so that no parameter is touched.
    """
    read: dict[NetKey, Tensor] = {}
    states: dict[NetKey, Tensor] = {}
    nudges: dict[str, Tensor] = {}

    def nudged(name: str, value: Tensor) -> Tensor:
        nudges[name] = torch.zeros_like(value).requires_grad_()
        return value.detach() + nudges[name] if name == "embedding" else value + nudges[name]

    with torch.enable_grad():
        x = ids_T.unsqueeze(1)
        if model.embedding is not None:
            x = nudged("embedding", model.embedding(x))
        for net in model.config.nets:
            weights, flip = model.rnn.weights(net), model.config.reads_backward(net)
            read[net] = model.rnn.input_of(net, x, states)
            projected = nudged(net.suffix, input_projection(read[net].flip(0) if flip else read[net], weights))
            zero = model.rnn.zero_state(1)[net]
            h_T1H, _ = model.config.kind.scan(projected, zero, weights, model.config.variant)
            states[net] = h_T1H.flip(0) if flip else h_T1H
        features_TF = model.features(states)[:, 0]
        logits_TV = nudged("out", model.out(features_TF))
        loss = text_loss(model, logits_TV, ids_T)
        gradients = dict(zip(nudges, torch.autograd.grad(loss, list(nudges.values())), strict=True))
    one_hot_TV = F.one_hot(ids_T, len(model.vocabulary)).to(loss.dtype)
    parts: dict[str, list[Outer]] = {}
    if model.embedding is not None:
        parts["embedding.weight"] = [(one_hot_TV, gradients["embedding"][:, 0])]
    for net in model.config.nets:
        x_TE = read[net][:, 0].detach() if read[net].is_floating_point() else one_hot_TV
        parts |= _net_contributions(model, net, gradients[net.suffix][:, 0], x_TE, states[net][:, 0].detach())
    parts["out.weight"] = [(gradients["out"], features_TF.detach())]
    parts["out.bias"] = [(gradients["out"], _ones(gradients["out"]))]
    return parts


def _ones(like_TA: Tensor) -> Tensor:
    return like_TA.new_ones(len(like_TA), 1)


def _net_contributions(
    model: CharModel, net: NetKey, dgates_TG: Tensor, x_TE: Tensor, h_TH: Tensor
) -> dict[str, list[Outer]]:
    """The parts of one net's parameters; dgates_TG in the order in which the net reads, the rest in the text's."""
    config, cell = model.config, model.config.kind
    weights = CellWeights(*(parameter.detach() for parameter in model.rnn.weights(net)))
    if config.reads_backward(net):
        x_TE, h_TH = x_TE.flip(0), h_TH.flip(0)
    rest = tuple(h_TH.new_zeros(h_TH.shape[1]) for _ in cell.state[1:])
    step, _ = cell.recover(input_projection(x_TE, weights), previous(h_TH), rest, weights, config.variant)
    parts = {"weight_ih": [(dgates_TG, x_TE)], "bias_ih": [(dgates_TG, _ones(dgates_TG))]}
    if (recurrent := cell.recurrent_parts(dgates_TG, step, previous(h_TH), config.variant)) is not None:
        parts |= {"weight_hh": recurrent[0], "bias_hh": [(recurrent[1], _ones(dgates_TG))]}
    there = config.parameter_shapes(len(model.vocabulary))
    named = {f"rnn.{part}{net.suffix}": pairs for part, pairs in parts.items()}
    named = {name: pairs for name, pairs in named.items() if name in there}
    if config.reads_backward(net):
        return {name: [(a.flip(0), b.flip(0)) for a, b in pairs] for name, pairs in named.items()}
    return named


def _by_autograd(model: CharModel, ids_T: Tensor, net: NetKey) -> tuple[dict[str, Floats64], dict[str, float]]:
    """What each step adds to the recurrent weights of a net, and the norm of the sum, for any cell.

    At each step the weights go through a door of their own, where autograd is seen coming by with what this step adds.
    """
    names = [f"rnn.{part}{net.suffix}" for part in ("weight_hh", "bias_hh")]
    parameters = {name: parameter for name, parameter in model.named_parameters() if name in names}
    noted = {name: np.zeros(len(ids_T)) for name in parameters}

    def door(name: str, t: int) -> Tensor:
        used = parameters[name].view_as(parameters[name])
        used.register_hook(lambda gradient: noted[name].__setitem__(t, grad_norm(gradient)))
        return used

    def looped(x: Tensor, state: State) -> Tensor:
        weights, h = model.rnn.weights(net), []
        for t, projected_BG in enumerate(input_projection(x, weights).unbind(0)):
            fields = {"w_hh_GH" if "weight" in name else "b_hh_G": door(name, t) for name in parameters}
            step = model.config.kind.update(projected_BG, state, weights._replace(**fields), model.config.variant)
            state = model.config.kind.state_of(step)
            h.append(step.h)
        return torch.stack(h)

    with torch.enable_grad():
        x, zero = ids_T.unsqueeze(1), model.rnn.zero_state(1)
        states: dict[NetKey, Tensor] = {}
        x = model.embedding(x) if model.embedding is not None else x
        for key in model.config.nets:
            read = model.rnn.input_of(key, x, states)
            flip = model.config.reads_backward(key)
            if key != net:
                states[key], _ = model.rnn.run_net(key, read, zero[key])
            else:
                h_T1H = looped(read.flip(0) if flip else read, zero[key])
                states[key] = h_T1H.flip(0) if flip else h_T1H
        loss = text_loss(model, model.out(model.features(states)[:, 0]), ids_T)
        whole = torch.autograd.grad(loss, list(parameters.values()))
    if model.config.reads_backward(net):
        noted = {name: norms_T[::-1].copy() for name, norms_T in noted.items()}
    return noted, dict(zip(parameters, map(grad_norm, whole), strict=True))
