"""The states of a model along an input, by torch's own fused kernel where torch has the cell, else by the cell's scan.

One call a net, however long the input: beside other threads, a loop of small calls waits for Python at each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from explorer.cells import CellWeights, State
from explorer.models import NetKey, SequenceModel

CHUNK = 2048  # steps in memory at once
BLOCK_BYTES = 32_000_000  # of outputs at once: a vocabulary may have 70,000 symbols


def through_nets(model: SequenceModel, x: Tensor, each: Callable[[NetKey, Tensor], Tensor]) -> dict[NetKey, Tensor]:
    """The states h_T... of every net in the order of the input, layer by layer, made one net at a time.

    Args:
        model: whose nets they are.
        x: what layer 0 reads, time first.
        each: makes of a net and what it reads its states, both in the order in which the net itself reads.

    """
    h: dict[NetKey, Tensor] = {}
    for net in model.config.nets:
        read = model.rnn.input_of(net, x, h)
        h[net] = each(net, read.flip(0)).flip(0) if model.config.reads_backward(net) else each(net, read)
    return h


@torch.no_grad()
def kernel_states(
    model: SequenceModel, net: NetKey, x: Tensor, first: Mapping[NetKey, State] | None = None
) -> tuple[Tensor, str]:
    """States h_TH of one net from a kernel that is not the displayed equation, and the kernel's name.

    Args:
        model: whose net it is.
        net: which one.
        x: what it reads, in its own order: ids_T or floats x_TE.
        first: the state each net begins in, parts _1H; None for zeros.

    """
    config, weights = model.config, model.rnn.weights(net)
    name, kernel = config.kind.kernel(config.variant) or ("explorer.cells", None)
    h_TH = weights.w_ih_GE.new_empty(len(x), config.width(net))
    state = (first or model.rnn.zero_state(1))[net]
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK].unsqueeze(1)
        if kernel is None:
            h_C1H, state = model.rnn.scan_net(net, part, state)
        else:
            h_C1H, *last = kernel(*_as_torch_takes_it(part, state, weights), True, 1, 0.0, False, False, False)
            state = tuple(part_1BH[0] for part_1BH in last)
        h_TH[start : start + CHUNK] = h_C1H[:, 0]
    return h_TH, name


def _as_torch_takes_it(part: Tensor, state: State, weights: CellWeights) -> tuple[Tensor, Any, CellWeights]:
    """Input (one-hot vectors themselves, a block at a time), first state with a leading axis of layers, and weights."""
    if not part.is_floating_point():
        # Only of the symbols that stand in the block: a vocabulary may have 70,000.
        symbols, place = part.unique(return_inverse=True)
        part = one_hot(place, len(symbols)).to(state[0].dtype)
        weights = weights._replace(w_ih_GE=weights.w_ih_GE[:, symbols].contiguous())
    first = [part_BH.unsqueeze(0) for part_BH in state]
    return part, first if len(first) == 2 else first[0], weights
