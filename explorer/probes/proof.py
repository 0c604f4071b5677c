"""The proof of a flow: a few of its rows computed again by torch.autograd.grad through a plain loop of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.cells import gru_step, lstm_step, rnn_step
from explorer.models import CharModel, NetKey
from explorer.probes.gradients import GradientFlow
from explorer.probes.reading import Reading, nets_above, reading_of

PROOF_STEPS, PROOF_ROWS = 32, 3  # how much of a flow is repeated


def flow_residual(model: CharModel, flow: GradientFlow, reading: Reading | None = None) -> float | None:
    """Largest relative difference between a few rows of a flow and torch.autograd.grad through an unrolled loop.

    Three losses among the first 32 steps that the net reads, every step each reaches. About 1e-5 is the rounding of
    float32. None where no loss is read off these steps, or the
    flow is not finite. A reading of the same model and text saves another.
    """
    reading, net = reading_of(model, flow.text, reading), flow.net
    order = np.arange(len(flow))[::-1] if flow.backward else np.arange(len(flow))
    order = order[:PROOF_STEPS]
    asked = [int(t) for t in order if flow.asked_T[t] >= 0]
    if not asked or flow.non_finite is not None:
        return None
    with torch.enable_grad():
        h_of = _unrolled(reading, net, [int(t) for t in order])
        residuals = []
        for place in np.linspace(0, len(asked) - 1, PROOF_ROWS).astype(int):
            row, reached = asked[place], [int(t) for t in order[: list(order).index(asked[place]) + 1]]
            loss = _loss_read_off(reading, h_of, net, row, int(flow.asked_T[row]))
            gradients = torch.autograd.grad(loss, [h_of[net][k] for k in reached], retain_graph=True)
            expected = np.array([float(torch.linalg.vector_norm(g, dtype=torch.float64)) for g in gradients])
            ours = flow.norms_TT[row, reached]
            residuals.append(np.max(np.abs(ours - expected) / np.maximum(expected, np.finfo(np.float32).tiny)))
    return float(max(residuals))


def _unrolled(reading: Reading, net: NetKey, order: Sequence[int]) -> dict[NetKey, dict[int, Tensor]]:
    """States h_1H of a net and of those above it, step by step under autograd; what they read besides is taken as given."""
    model = reading.model
    config, h_of = model.config, dict[NetKey, dict[int, Tensor]]()
    for key in reversed(nets_above(model, net)):
        weights, h_of[key] = model.rnn.weights(key), {}
        state = model.rnn.zero_state(1)[key]
        for t in order:
            known = {k: h_of[k][t] if k in h_of and k != key else h_TH[t : t + 1] for k, h_TH in reading.h.items()}
            x = model.rnn.input_of(key, reading.x[t : t + 1], known)
            if config.cell == "gru":
                state = (gru_step(x, state[0], weights, config.reset).h,)
            elif config.cell == "rnn":
                state = (rnn_step(x, state[0], weights, config.activation).h,)
            else:
                step = lstm_step(x, state[0], state[1], weights)
                state = (step.h, step.c)
            # The value is the state the flow was computed at, the gradient that of the step: along another trajectory,
            # which a chaotic net leaves for by rounding alone, the gradients are others too.
            h_1H = state[0] + (reading.h[key][t : t + 1] - state[0]).detach()
            if not h_1H.requires_grad:  # of a frozen model
                h_1H.requires_grad_()
            state = (h_1H, *state[1:])
            h_of[key][t] = h_1H
    return h_of


def _loss_read_off(
    reading: Reading, h_of: Mapping[NetKey, Mapping[int, Tensor]], net: NetKey, row: int, asked: int
) -> Tensor:
    """The loss of character `asked`, read off the state of `net`'s direction after step `row`."""
    config, parts = reading.model.config, []
    for direction in config.directions:
        key = NetKey(config.num_layers - 1, direction)
        # cloze reads each character from the state before it and the state after it
        t = row if config.objective != "cloze" else asked - 1 if direction == "forward" else asked + 1
        inside = 0 <= t < len(reading.ids_T)
        given = reading.h[key][t : t + 1] if inside else reading.h[key].new_zeros(1, config.width(direction))
        parts.append(h_of[key][t] if key in h_of and t in h_of[key] else given)
    return F.cross_entropy(reading.model.out(torch.cat(parts, 1)), reading.ids_T[asked : asked + 1])
