"""The proof of a flow: a few of its rows computed again, in float64, by torch.autograd.grad through a plain loop of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from explorer.clipping import grad_norm
from explorer.models import NetKey, SequenceModel
from explorer.probes.gradients import GradientFlow
from explorer.reads import Read
from explorer.reads.base import nets_above

PROOF_STEPS, PROOF_ROWS = 32, 3  # how much of a flow is repeated


def flow_residual(read: Read, flow: GradientFlow) -> float | None:
    """Largest relative difference between a few rows of a flow and torch.autograd.grad through an unrolled loop.

    Three losses among the first 32 steps that the net reads, every step each reaches, at the whole state. About 1e-12 is
    the rounding of float64. None where no loss is read off these steps, or the flow is not finite.

    Args:
        read: what the flow is of.
        flow: of one of its nets.

    """
    net = flow.net
    order = np.arange(len(flow))[::-1] if flow.backward else np.arange(len(flow))
    order = order[:PROOF_STEPS]
    asked = [int(t) for t in order if flow.asked_T[t] >= 0]
    if not asked or flow.non_finite is not None:
        return None
    with torch.enable_grad():
        states_of = _unrolled(read, net, [int(t) for t in order])
        residuals = []
        for place in np.linspace(0, len(asked) - 1, PROOF_ROWS).astype(int):
            row, reached = asked[place], [int(t) for t in order[: list(order).index(asked[place]) + 1]]
            loss = _loss_read_off(read, states_of, row, int(flow.asked_T[row]))
            states = [part for k in reached for part in states_of[net][k]]
            gradients = torch.autograd.grad(loss, states, retain_graph=True, materialize_grads=True)
            norms_PK = np.array([grad_norm(g) for g in gradients]).reshape(len(reached), -1).T
            expected = np.hypot.reduce(norms_PK, axis=0)
            ours = flow.norms_TT[row, reached]
            residuals.append(np.max(np.abs(ours - expected) / np.maximum(expected, np.finfo(np.float64).tiny)))
    return float(np.max(residuals))


States = dict[NetKey, dict[int, tuple[Tensor, ...]]]
"""Net -> step -> the parts of its state, each _1H."""


def _unrolled(read: Read, net: NetKey, order: Sequence[int]) -> States:
    """States of a net and of those above it, step by step under autograd; what they read besides is taken as given."""
    model = read.precise
    states_of: States = {}
    for key in reversed(nets_above(model, net)):
        states_of[key] = {}
        state = read.first_of(model)[key]
        for t in order:
            known = {
                k: states_of[k][t][0] if k in states_of and k != key else h_TH[t : t + 1] for k, h_TH in read.h.items()
            }
            x = model.rnn.input_of(key, read.x[t : t + 1], known)
            h_1H, *rest = _step(model, key, x, state)
            # The value is the state the flow was computed at, the gradient that of the step: along another trajectory,
            # which a chaotic net leaves for by rounding alone, the gradients are others too.
            h_1H = h_1H + (read.h[key][t : t + 1] - h_1H).detach()
            states_of[key][t] = state = (h_1H, *rest)
    return states_of


def _step(model: SequenceModel, net: NetKey, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    cell = model.config.kind
    return cell.state_of(cell.step(x, state, model.rnn.weights(net), model.config.variant))


def _loss_read_off(
    read: Read,
    states_of: Mapping[NetKey, Mapping[int, tuple[Tensor, ...]]],
    row: int,
    asked: int,
) -> Tensor:
    """The loss of character `asked`, read off the state of `net`'s direction after step `row`."""
    config, parts = read.precise.config, []
    for direction in config.directions:
        key = NetKey(config.num_layers - 1, direction)
        # cloze reads each character from the state before it and the state after it
        t = row if config.objective != "cloze" else asked - 1 if direction == "forward" else asked + 1
        inside = 0 <= t < len(read)
        given = read.h[key][t : t + 1] if inside else read.h[key].new_zeros(1, config.width(key))
        parts.append(states_of[key][t][0] if key in states_of and t in states_of[key] else given)
    return read.terms(read.precise.out(torch.cat(parts, 1)), torch.tensor([asked])).sum()
