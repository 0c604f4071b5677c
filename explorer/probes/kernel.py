"""The states of a model along a text, by torch's own fused kernel where torch has the cell, else by the cell's scan.

One call a net, however long the text: beside other threads, a loop of small calls waits for Python at each of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from explorer.cells import CellWeights, State
from explorer.models import CharModel, NetKey

CHUNK = 2048  # steps in memory at once
BLOCK_BYTES = 32_000_000  # of logits at once: a vocabulary may have 70,000 symbols


@torch.no_grad()
def read_text(model: CharModel, ids_T: Tensor) -> tuple[Tensor, dict[NetKey, Tensor]]:
    """What layer 0 reads of a text (ids_T or floats x_TE), and the states h_TH of every net in the order of the text."""
    x: Tensor = model.embedding(ids_T) if model.embedding is not None else ids_T
    h: dict[NetKey, Tensor] = {}
    for net in model.config.nets:
        read, backward = model.rnn.input_of(net, x, h), model.config.reads_backward(net)
        h_TH, _ = kernel_states(model, net, read.flip(0) if backward else read)
        h[net] = h_TH.flip(0) if backward else h_TH
    return x, h


def kernel_states(model: CharModel, net: NetKey, x: Tensor) -> tuple[Tensor, str]:
    """States h_TH of one net from a kernel that is not the displayed equation, and the kernel's name."""
    config, weights = model.config, model.rnn.weights(net)
    name, kernel = config.kind.kernel(config.variant) or ("explorer.cells", None)
    h_TH = weights.w_ih_GE.new_empty(len(x), config.width(net))
    state = model.rnn.zero_state(1)[net]
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
