"""The states of a model along a text, by torch's own fused kernel where torch has the cell, else by explorer.scan.

One call a net, however long the text: beside other threads, a loop of small calls waits for Python at each of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.cells import CellWeights
from explorer.models import CharModel, ModelConfig, NetKey

CHUNK = 2048  # steps in memory at once


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
    hidden = weights.w_hh_GH.shape[1]
    kernel = _torch_kernel(config, weights)
    h_TH = weights.w_hh_GH.new_empty(len(x), hidden)
    state = model.rnn.zero_state(1)[net]
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK].unsqueeze(1)
        if kernel is None:
            h_C1H, state = model.rnn.scan_net(net, part, state)
        else:
            h_C1H, state = _run_torch(kernel, part, state)
        h_TH[start : start + CHUNK] = h_C1H[:, 0]
    return h_TH, "explorer.scan" if kernel is None else f"torch.nn.{type(kernel).__name__}"


_TORCH_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def _torch_kernel(config: ModelConfig, weights: CellWeights) -> nn.RNNBase | None:
    """Torch's module of this cell with our weights (the tensors themselves), or None where torch has none."""
    inputs, hidden = weights.w_ih_GE.shape[1], weights.w_hh_GH.shape[1]
    kernel: nn.RNNBase
    if config.cell == "lstm":
        kernel = nn.LSTM(inputs, hidden, device="meta")
    elif config.cell == "gru" and config.reset == "after":
        kernel = nn.GRU(inputs, hidden, device="meta")
    elif config.cell == "rnn" and config.activation in ("tanh", "relu"):
        kernel = nn.RNN(inputs, hidden, nonlinearity=config.activation, device="meta")
    else:
        return None
    ours = dict(zip(_TORCH_NAMES, (weight.detach() for weight in weights), strict=True))
    kernel.load_state_dict(ours, assign=True)
    return kernel


def _run_torch(kernel: nn.RNNBase, part: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """States and last state of torch's kernel, for ids_C1 or floats x_C1E."""
    if not part.is_floating_point():
        # torch's kernel wants the one-hot vectors themselves; a block of them at a time.
        part = nn.functional.one_hot(part, kernel.input_size).to(state[0].dtype)
    first = tuple(s.unsqueeze(0) for s in state)
    h_C1H, last = kernel(part, first if len(first) == 2 else first[0])
    return h_C1H, tuple(s[0] for s in (last if len(first) == 2 else (last,)))
