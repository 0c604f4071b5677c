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

from explorer.cells import CellWeights, gru_step, input_projection
from explorer.models import CharModel, NetKey
from explorer.probes.reading import in_float64, predicted_ids, text_loss
from explorer.scan import scan
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
    def all_T(self) -> Floats64:
        """Norm of what step t adds to all parameters together."""
        together_T: Floats64 = np.hypot.reduce(list(self.norms_T.values()))
        return together_T

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
    contributions = _contributions(in_float64(model), predicted_ids(model, text))
    norms_T = {name: _outer_norms(pairs) for name, pairs in contributions.items()}
    totals = {name: _outer_sum_norm(pairs) for name, pairs in contributions.items()}
    return WeightGradients(norms_T, totals)


Outer = tuple[Tensor, Tensor]

"""Two blocks of rows whose outer products, step by step, make a part of a gradient: (rows_TA, columns_TB)."""


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
    """The parts of every parameter's gradient, in the order of the text.

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
            own = read[net].flip(0) if flip else read[net]
            projected = nudged(net.suffix, input_projection(own, weights))
            zero = model.rnn.zero_state(1)[net]
            h_T1H, _ = scan(model.config.cell, model.config.variant, projected, zero, weights.w_hh_GH, weights.b_hh_G)
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
    """The parts of one net's four parameters; dgates_TG in the order in which the net reads, the rest in the text's."""
    config, hidden = model.config, h_TH.shape[1]
    weights = CellWeights(*(parameter.detach() for parameter in model.rnn.weights(net)))
    if config.reads_backward(net):
        x_TE, h_TH = x_TE.flip(0), h_TH.flip(0)
    h_prev_TH = torch.cat([torch.zeros_like(h_TH[:1]), h_TH[:-1]])
    recurrent: list[Outer] = [(dgates_TG, h_prev_TH)]
    dbias_TG = dgates_TG
    if config.cell == "gru":
        step = gru_step(x_TE, h_prev_TH, weights, config.reset)
        drz, dn = dgates_TG.split([2 * hidden, hidden], 1)
        if config.reset == "before":
            recurrent = [(drz, h_prev_TH), (dn, step.r * h_prev_TH)]
        else:  # U_n h' + c_n is behind the reset gate
            dbias_TG = torch.cat([drz, dn * step.r], 1)
            recurrent = [(dbias_TG, h_prev_TH)]
    parts = {
        f"rnn.weight_ih{net.suffix}": [(dgates_TG, x_TE)],
        f"rnn.weight_hh{net.suffix}": recurrent,
        f"rnn.bias_ih{net.suffix}": [(dgates_TG, _ones(dgates_TG))],
        f"rnn.bias_hh{net.suffix}": [(dbias_TG, _ones(dgates_TG))],
    }
    parts = {name: pairs for name, pairs in parts.items() if name in config.parameter_shapes(len(model.vocabulary))}
    if config.reads_backward(net):
        return {name: [(a.flip(0), b.flip(0)) for a, b in pairs] for name, pairs in parts.items()}
    return parts
