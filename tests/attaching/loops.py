"""Small models and their loops, and recurrent layers unrolled by hand: autograd's word on every state and its gradient."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {nn.RNN: nn.RNNCell, nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}


class Net(nn.Module):
    """A recurrent layer and a linear head on every step, or on the last."""

    def __init__(self, layer, outputs=2, last=False):
        super().__init__()
        self.rnn, self.last = layer, last
        self.head = nn.Linear(layer.hidden_size * (1 + layer.bidirectional), outputs, dtype=layer.weight_ih_l0.dtype)

    def forward(self, x, state=None):
        h, self.state = self.rnn(x, state)
        if isinstance(h, PackedSequence):
            h = pad_packed_sequence(h, self.rnn.batch_first)[0]
        if self.last:
            h = h[:, -1] if self.rnn.batch_first else h[-1]
        return self.head(h)


def cell_like(layer, number=0, reverse=False):
    """torch's own cell with the very weights of one net of a layer."""
    extra = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNN) else {}
    suffix = f"_l{number}" + "_reverse" * reverse
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if layer.bias else [])]
    weights = {name: getattr(layer, name + suffix).detach() for name in names}
    with torch.random.fork_rng():  # a new cell draws its weights
        cell = CELLS[type(layer)](
            weights["weight_ih"].shape[1], layer.hidden_size, layer.bias, dtype=weights["weight_ih"].dtype, **extra
        )
    cell.load_state_dict(weights)
    return cell


def unrolled(layer, x_TBE, first=None, lengths=None):
    """A layer of torch, cell by cell: (outputs_TBH, last parts as torch stacks them, (number, reverse) -> h of every step).

    Every h keeps its gradient. Dropout between layers draws as the kernel does: on the packed rows where there are lengths.
    """
    steps, batch, _ = x_TBE.shape
    lengths = torch.full((batch,), steps) if lengths is None else lengths
    parts = 2 if isinstance(layer, nn.LSTM) else 1
    ways = 1 + layer.bidirectional
    zeros = torch.zeros(layer.num_layers * ways, batch, layer.hidden_size, dtype=x_TBE.dtype)
    first = [zeros] * parts if first is None else first
    last, kept = [[] for _ in range(parts)], {}
    for number in range(layer.num_layers):
        outputs = []
        for way in range(ways):
            place = number * ways + way
            states, end = _one(
                cell_like(layer, number, bool(way)), x_TBE, [part[place] for part in first], lengths, way
            )
            kept[number, bool(way)] = states
            outputs.append(torch.stack(states))
            for part, value in zip(last, end, strict=True):
                part.append(value)
        there_TB1 = (torch.arange(steps).unsqueeze(1) < lengths).unsqueeze(2)
        x_TBE = torch.cat(outputs, 2) * there_TB1
        if layer.dropout and layer.training and number + 1 < layer.num_layers:
            x_TBE = _dropped(x_TBE, lengths, layer.dropout)
    return x_TBE, [torch.stack(part) for part in last], kept


def _one(cell, x_TBE, state, lengths, backwards):
    states = [None] * len(x_TBE)
    for t in reversed(range(len(x_TBE))) if backwards else range(len(x_TBE)):
        there_B1 = (t < lengths).unsqueeze(1)
        made = cell(x_TBE[t], tuple(state) if len(state) > 1 else state[0])
        made = made if isinstance(made, tuple) else (made,)
        state = [torch.where(there_B1, new, old) for new, old in zip(made, state, strict=True)]
        state[0].retain_grad()
        states[t] = state[0]
    return states, state


def _dropped(x_TBE, lengths, share):
    if (lengths == len(x_TBE)).all():
        return F.dropout(x_TBE, share)
    packed = pack_padded_sequence(x_TBE, lengths)
    return pad_packed_sequence(packed._replace(data=F.dropout(packed.data, share)))[0]


def norms(states, lengths=None):
    """||dL/dh_t|| of each step, as autograd has it, over the rows that have the step."""
    found = []
    for t, h in enumerate(states):
        gradient_BH = h.grad if lengths is None else h.grad[t < lengths]
        found.append(float(gradient_BH.norm()))
    return found


def odd(outputs, *last):
    """A loss that every number of every output has a part in."""
    weights = [torch.linspace(-1, 2, part.numel(), dtype=part.dtype).view(part.shape) for part in (outputs, *last)]
    return sum((part.sin() * weight).sum() for part, weight in zip((outputs, *last), weights, strict=True))
