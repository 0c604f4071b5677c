"""The proof of a flow: a few of its rows computed again, in float64, by torch.autograd.grad through a plain loop of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from explorer.models import CharModel, NetKey
from explorer.probes.gradients import GradientFlow
from explorer.probes.reading import Reading, nets_above, nll_nats, reading_of
from explorer.training import grad_norm

PROOF_STEPS, PROOF_ROWS = 32, 3  # how much of a flow is repeated


def flow_residual(model: CharModel, flow: GradientFlow, reading: Reading | None = None) -> float | None:
    """Largest relative difference between a few rows of a flow and torch.autograd.grad through an unrolled loop.

    Three losses among the first 32 steps that the net reads, every step each reaches, at the whole state. About 1e-12 is
    the rounding of float64. None where no loss is read off these steps, or the flow is not finite. A reading of the same
    model and text saves another.
    """
    reading, net = reading_of(model, flow.text, reading), flow.net
    order = np.arange(len(flow))[::-1] if flow.backward else np.arange(len(flow))
    order = order[:PROOF_STEPS]
    asked = [int(t) for t in order if flow.asked_T[t] >= 0]
    if not asked or flow.non_finite is not None:
        return None
    with torch.enable_grad():
        states_of = _unrolled(reading, net, [int(t) for t in order])
        residuals = []
        for place in np.linspace(0, len(asked) - 1, PROOF_ROWS).astype(int):
            row, reached = asked[place], [int(t) for t in order[: list(order).index(asked[place]) + 1]]
            loss = _loss_read_off(reading, states_of, net, row, int(flow.asked_T[row]))
            states = [part for k in reached for part in states_of[net][k]]
            gradients = torch.autograd.grad(loss, states, retain_graph=True, materialize_grads=True)
            norms_PK = np.array([grad_norm(g) for g in gradients]).reshape(len(reached), -1).T
            expected = np.hypot.reduce(norms_PK, axis=0)
            ours = flow.norms_TT[row, reached]
            residuals.append(np.max(np.abs(ours - expected) / np.maximum(expected, np.finfo(np.float64).tiny)))
    return float(max(residuals))


States = dict[NetKey, dict[int, tuple[Tensor, ...]]]
"""Net -> step -> the parts of its state, each _1H."""


def _unrolled(reading: Reading, net: NetKey, order: Sequence[int]) -> States:
    """States of a net and of those above it, step by step under autograd; what they read besides is taken as given."""
    model = reading.precise
    states_of: States = {}
    for key in reversed(nets_above(model, net)):
        states_of[key] = {}
        state = model.rnn.zero_state(1)[key]
        for t in order:
            known = {
                k: states_of[k][t][0] if k in states_of and k != key else h_TH[t : t + 1]
                for k, h_TH in reading.h.items()
            }
            x = model.rnn.input_of(key, reading.x[t : t + 1], known)
            h_1H, *rest = _step(model, key, x, state)
            # The value is the state the flow was computed at, the gradient that of the step: along another trajectory,
            # which a chaotic net leaves for by rounding alone, the gradients are others too.
            h_1H = h_1H + (reading.h[key][t : t + 1] - h_1H).detach()
            states_of[key][t] = state = (h_1H, *rest)
    return states_of


def _step(model: CharModel, net: NetKey, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    cell = model.config.kind
    return cell.state_of(cell.step(x, state, model.rnn.weights(net), model.config.variant))


def _loss_read_off(
    reading: Reading,
    states_of: Mapping[NetKey, Mapping[int, tuple[Tensor, ...]]],
    net: NetKey,
    row: int,
    asked: int,
) -> Tensor:
    """The loss of character `asked`, read off the state of `net`'s direction after step `row`."""
    config, parts = reading.precise.config, []
    for direction in config.directions:
        key = NetKey(config.num_layers - 1, direction)
        # cloze reads each character from the state before it and the state after it
        t = row if config.objective != "cloze" else asked - 1 if direction == "forward" else asked + 1
        inside = 0 <= t < len(reading.ids_T)
        given = reading.h[key][t : t + 1] if inside else reading.h[key].new_zeros(1, config.width(key))
        parts.append(states_of[key][t][0] if key in states_of and t in states_of[key] else given)
    return nll_nats(reading.precise.out(torch.cat(parts, 1)), reading.ids_T[asked : asked + 1]).sum()
