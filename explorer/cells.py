"""The recurrent cells: one step of each as a pure function that returns every gate.

A step does not care what its leading axis is. Called in a loop with the batch as leading axis it runs a
network; called once with *time* as leading axis, on the states a kernel has already produced, it recovers
every gate at the price of two matrix products.

z keeps the old state: h = z * h_prev + (1 - z) * n, as in d2l, PyTorch and Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# How the gates are stacked inside the weights (PyTorch's order). Declared here, nowhere else.
GATE_ORDER = {"rnn": ("h",), "gru": ("r", "z", "n"), "lstm": ("i", "f", "g", "o")}
KEEPS = {"gru": "z", "lstm": "f"}  # the gate that keeps the old state; a plain cell has none
RESETS = ("before", "after")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda a: a
}  # fmt: skip


class CellWeights(NamedTuple):
    """One layer in one direction. G = number of stacked gates x H; E input width (the vocabulary for one-hot).

    A bias that the model does not have is zero here.
    """

    w_ih_GE: Tensor
    w_hh_GH: Tensor
    b_ih_G: Tensor
    b_hh_G: Tensor


class RNNStep(NamedTuple):
    """What a plain cell computes in one step: its state h_BH."""

    h: Tensor


class GRUStep(NamedTuple):
    """State h, reset gate r, update gate z (both in [0, 1]) and candidate state n (in [-1, 1]), all _BH."""

    h: Tensor
    r: Tensor
    z: Tensor
    n: Tensor


class LSTMStep(NamedTuple):
    """State h, cell state c, input, forget and output gates i, f, o (in [0, 1]) and candidate g (in [-1, 1]), all _BH."""

    h: Tensor
    c: Tensor
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


def input_projection(x: Tensor, weights: CellWeights) -> Tensor:
    """W x + b for every stacked gate, shape (..., G).

    Args:
        x: floats (..., E), or int64 ids (...): a one-hot x only picks a column of W, so it is looked up.
        weights: the cell's weights.

    """
    if x.is_floating_point():
        return F.linear(x, weights.w_ih_GE, weights.b_ih_G)
    return F.embedding(x, weights.w_ih_GE.T) + weights.b_ih_G


def activation_slope(h: Tensor, activation: str) -> Tensor:
    """phi'(a) of a plain cell's activation, written in its value h = phi(a)."""
    if activation == "linear":
        return torch.ones_like(h)
    if activation == "relu":
        return (h > 0).to(h.dtype)
    return h * (1 - h) if activation == "sigmoid" else 1 - h * h


def rnn_step(x: Tensor, h_prev_BH: Tensor, weights: CellWeights, activation: str = "tanh") -> RNNStep:
    """One step of the plain recurrent cell (Elman 1990; torch.nn.RNN).

    Args:
        x: floats x_BE or ids_B.
        h_prev_BH: previous state.
        weights: G = H.
        activation: "tanh", "relu", "sigmoid" or "linear".

    """
    # h = phi(W x + b + U h_prev + c)
    h_BH = ACTIVATIONS[activation](input_projection(x, weights) + F.linear(h_prev_BH, weights.w_hh_GH, weights.b_hh_G))
    return RNNStep(h_BH)


def gru_step(x: Tensor, h_prev_BH: Tensor, weights: CellWeights, reset: str = "after") -> GRUStep:
    """One step of the gated recurrent unit, in either reset convention.

    "before": the reset gate acts on h_prev before the matrix product (Cho et al. 2014, arXiv 1406.1078; d2l
    from scratch). "after": it acts on the product (cuDNN, torch.nn.GRU, Keras' default). The same weights
    mean different networks under the two.

    Args:
        x: floats x_BE or ids_B.
        h_prev_BH: previous state.
        weights: G = 3H, stacked r|z|n.
        reset: "before" or "after".

    """
    xr_BH, xz_BH, xn_BH = input_projection(x, weights).chunk(3, -1)
    u_r, u_z, u_n = weights.w_hh_GH.chunk(3)
    c_r, c_z, c_n = weights.b_hh_G.chunk(3)
    # r = sigma(W_r x + b_r + U_r h_prev + c_r)
    r_BH = torch.sigmoid(xr_BH + F.linear(h_prev_BH, u_r, c_r))
    # z = sigma(W_z x + b_z + U_z h_prev + c_z)
    z_BH = torch.sigmoid(xz_BH + F.linear(h_prev_BH, u_z, c_z))
    if reset == "before":
        # n = tanh(W_n x + b_n + U_n (r * h_prev) + c_n)
        n_BH = torch.tanh(xn_BH + F.linear(r_BH * h_prev_BH, u_n, c_n))
    else:
        # n = tanh(W_n x + b_n + r * (U_n h_prev + c_n))
        n_BH = torch.tanh(xn_BH + r_BH * F.linear(h_prev_BH, u_n, c_n))
    # h = z * h_prev + (1 - z) * n
    h_BH = z_BH * h_prev_BH + (1 - z_BH) * n_BH
    return GRUStep(h_BH, r_BH, z_BH, n_BH)


def lstm_gates(x: Tensor, h_prev_BH: Tensor, weights: CellWeights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gates i, f, o and the candidate g of an LSTM, in the order i, f, g, o; they do not depend on c_prev."""
    i_BH, f_BH, g_BH, o_BH = (
        input_projection(x, weights) + F.linear(h_prev_BH, weights.w_hh_GH, weights.b_hh_G)
    ).chunk(4, -1)
    # i, f, o = sigma(W x + b + U h_prev + c);  g = tanh(W_g x + b_g + U_g h_prev + c_g)
    return torch.sigmoid(i_BH), torch.sigmoid(f_BH), torch.tanh(g_BH), torch.sigmoid(o_BH)


def lstm_step(x: Tensor, h_prev_BH: Tensor, c_prev_BH: Tensor, weights: CellWeights) -> LSTMStep:
    """One step of the LSTM with a forget gate (Gers et al. 2000; torch.nn.LSTM).

    Args:
        x: floats x_BE or ids_B.
        h_prev_BH: previous state.
        c_prev_BH: previous cell state.
        weights: G = 4H, stacked i|f|g|o.

    """
    return lstm_update(*lstm_gates(x, h_prev_BH, weights), c_prev_BH)


def lstm_update(i_BH: Tensor, f_BH: Tensor, g_BH: Tensor, o_BH: Tensor, c_prev_BH: Tensor) -> LSTMStep:
    """The part of an LSTM's step that comes after its gates."""
    # c = f * c_prev + i * g
    c_BH = f_BH * c_prev_BH + i_BH * g_BH
    # h = o * tanh(c)
    h_BH = o_BH * torch.tanh(c_BH)
    return LSTMStep(h_BH, c_BH, i_BH, f_BH, g_BH, o_BH)
