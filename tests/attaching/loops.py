"""Small models, their loops, and cells unrolled by hand: autograd's word on every gate and every dL/dh_t."""

from torch import nn


class Net(nn.Module):
    """A recurrent layer and a linear head on every step, or on the last."""

    def __init__(self, layer, outputs=2, last=False):
        super().__init__()
        self.rnn, self.last = layer, last
        self.head = nn.Linear(layer.hidden_size * (1 + layer.bidirectional), outputs, dtype=layer.weight_ih_l0.dtype)

    def forward(self, x, state=None):
        h, _ = self.rnn(x, state)
        h = h[:, -1] if self.last and self.rnn.batch_first else h[-1] if self.last else h
        return self.head(h)


def cell_like(layer, number=0, direction=""):
    """torch's own cell with the weights of one net of a layer."""
    kind = {nn.RNN: nn.RNNCell, nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}[type(layer)]
    extra = {"nonlinearity": layer.nonlinearity} if kind is nn.RNNCell else {}
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if layer.bias else [])]
    weights = {name: getattr(layer, f"{name}_l{number}{direction}") for name in names}
    cell = kind(weights["weight_ih"].shape[1], layer.hidden_size, layer.bias, dtype=weights["weight_ih"].dtype, **extra)
    cell.load_state_dict(weights)
    return cell


def unrolled(cell, x_TBE, state=None):
    """The cell, step by step; every h_t keeps its gradient."""
    states = []
    for x_BE in x_TBE:
        state = cell(x_BE, state)
        h = state[0] if isinstance(state, tuple) else state
        h.retain_grad()
        states.append(h)
    return states, state


def norms(states):
    """||dL/dh_t|| of each step, as autograd has it."""
    return [float(h.grad.norm()) for h in states]
