"""The plain recurrent cell (Elman 1990; torch.nn.RNN)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from explorer.cells.base import Cell, CellWeights, LinearNet, Outer, State, logit
from explorer.cells.equations import Equation, Node
from explorer.cells.scanning import gradients_after, states_after, weight_gradients

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda a: a
}  # fmt: skip
TANH_SATURATED = 0.8  # beyond it, the slope of tanh is under 0.36


class RNNStep(NamedTuple):
    """What a plain cell computes in one step: its state h_BH."""

    h: Tensor


class RNN(Cell):
    """h = phi(W x + b + U h_prev + c): every step overwrites every unit."""

    key = "rnn"
    stacked = ("h",)
    paths = ("candidate",)
    setting = "activation"
    variants: ClassVar[Mapping[str, str]] = {name: f"RNN ({name})" for name in ACTIVATIONS}
    looked_at = ("tanh",)
    look_for = "A plain cell has **no gates**: every step overwrites every unit. Look how little of its state lasts."

    def update(self, projected_BG: Tensor, state: State, weights: CellWeights, variant: str) -> RNNStep:
        """One step; see `Cell.update`."""
        (h_prev_BH,) = state
        # h = phi(W x + b + U h_prev + c)
        h_BH = ACTIVATIONS[variant](projected_BG + F.linear(h_prev_BH, weights.w_hh_GH, weights.b_hh_G))
        return RNNStep(h_BH)

    def equations(self, variant: str) -> tuple[Equation, ...]:
        """See `Cell.equations`."""
        return (Equation("h", "x_h + u_h" if variant == "linear" else f"{variant}(x_h + u_h)"),)

    def drawn(self, variant: str) -> tuple[Node, ...]:
        """The old state and the character add up; see `Cell.drawn`."""
        sign = {"sigmoid": "σ", "linear": "="}.get(variant, variant)
        return (
            Node("h_prev", "", (0, 0), "h_prev"),
            Node("x", "", (0, 2), ""),
            Node("u_h", "U", (1.4, 0), "u_h", ("h_prev",)),
            Node("x_h", "W", (1.4, 2), "x_h", ("x",)),
            Node("sum", "+", (2.8, 1), "x_h + u_h", ("u_h", "x_h")),
            Node("act", sign, (4.1, 1), "h", ("sum",)),
            Node("h", "", (5.4, 1), "h", ("act",)),
        )

    def scan(self, projected_TBG: Tensor, state: State, weights: CellWeights, variant: str) -> tuple[Tensor, State]:
        """With its derivative by hand; see `Cell.scan`."""
        h_TBH = _RNNScan.apply(projected_TBG, *state, weights.w_hh_GH, weights.b_hh_G, variant)
        return h_TBH, (h_TBH[-1],)

    def linearised(self, read: Tensor, h_TH: Tensor, first: State, weights: CellWeights, variant: str) -> LinearNet:
        """By hand; see `Cell.linearised`."""
        return _LinearRNN(weights, h_TH, variant)

    def around(
        self, projected_NG: Tensor, before: State, step: RNNStep, weights: CellWeights, variant: str
    ) -> LinearNet:
        """By hand; see `Cell.around`."""
        return _LinearRNN(weights, step.h, variant)

    def recurrent_parts(
        self, dgates_TG: Tensor, step: RNNStep, h_prev_TH: Tensor, variant: str
    ) -> tuple[list[Outer], Tensor]:
        """U h + c stands beside W x + b; see `Cell.recurrent_parts`."""
        return [(dgates_TG, h_prev_TH)], dgates_TG

    def kernel(self, variant: str) -> tuple[str, Callable[..., tuple[Tensor, ...]]] | None:
        """Torch has it with two of the activations."""
        calls = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}
        return ("torch.nn.RNN", calls[variant]) if variant in calls else None

    def torchs_step(self, variant: str) -> Callable[[Tensor, State, CellWeights], State] | None:
        """torch.rnn_tanh_cell and torch.rnn_relu_cell; see `Cell.torchs_step`."""
        call = {"tanh": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell}.get(variant)
        return None if call is None else lambda x_BE, state, own: (call(x_BE, state[0], *own),)

    def held(self, part: str, value: float, variant: str) -> dict[str, float] | None:
        """The state: phi(a) = value; see `Cell.held`."""
        inside = {"tanh": abs(value) < 1, "relu": value >= 0, "sigmoid": 0 < value < 1, "linear": True}
        inverse = {"tanh": math.atanh, "relu": float, "sigmoid": logit, "linear": float}
        return {"h": inverse[variant](value)} if part == "h" and inside[variant] else None

    def initialisations(self) -> tuple[str, ...]:
        """The identity too: U alone carries the state (Le et al. 2015)."""
        return (*super().initialisations(), "identity")

    def bound(self, weights: CellWeights, variant: str) -> Tensor:
        """Gamma U: the slope of the activation is at most gamma (Pascanu et al. 2013, arXiv 1211.5063)."""
        return weights.w_hh_GH * (0.25 if variant == "sigmoid" else 1.0)

    def stuck(self, h_TH: Any, variant: str) -> float | None:
        """Share of the states beyond 0.8 of a tanh, or under 0.1 and over 0.9 of a sigmoid."""
        if variant == "tanh":
            return float((np.abs(h_TH) > TANH_SATURATED).mean())
        return float((np.abs(h_TH - 0.5) > 0.4).mean()) if variant == "sigmoid" else None

    def dies(self, variant: str) -> bool:
        """The slope of a relu is zero where its value is."""
        return variant == "relu"

    def unbounded(self, variant: str) -> bool:
        """A relu lets everything above zero pass."""
        return variant == "relu"


def activation_slope(h: Tensor, activation: str) -> Tensor:
    """phi'(a) of a plain cell's activation, written in its value h = phi(a)."""
    if activation == "linear":
        return torch.ones_like(h)
    if activation == "relu":
        return (h > 0).to(h.dtype)
    return h * (1 - h) if activation == "sigmoid" else 1 - h * h


class _RNNScan(torch.autograd.Function):
    """h_t = phi(x_t + U h_{t-1} + c)."""

    @staticmethod
    def forward(ctx: Any, x_TBH: Tensor, h0_BH: Tensor, u: Tensor, c: Tensor, activation: str) -> Tensor:
        states = states_after(h0_BH, len(x_TBH))
        torch.add(x_TBH, c, out=states[1:])
        u_t = u.T.contiguous()
        apply_ = {"tanh": Tensor.tanh_, "relu": Tensor.relu_, "sigmoid": Tensor.sigmoid_, "linear": lambda a: a}[
            activation
        ]
        rows = states.unbind(0)
        for h_prev, h in pairwise(rows):
            apply_(h.addmm_(h_prev, u_t))
        ctx.activation = activation
        ctx.save_for_backward(states, u)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout_TBH: Tensor) -> tuple[Tensor | None, ...]:
        states, u = ctx.saved_tensors
        h_TBH = states[1:]
        slope_TBH = activation_slope(h_TBH, ctx.activation)
        da_TBH = torch.empty_like(h_TBH)
        dh_TBH = gradients_after(dout_TBH)  # row t: gradient at the state before step t
        dh, da, slope = dh_TBH.unbind(0), da_TBH.unbind(0), slope_TBH.unbind(0)
        for t in reversed(range(len(da))):
            torch.mul(dh[t + 1], slope[t], out=da[t])
            dh[t].addmm_(da[t], u)
        return da_TBH, dh[0], *weight_gradients(da_TBH, states[:-1]), None


class _LinearRNN(LinearNet):
    """J = diag(phi'(a)) U, the slope written in h."""

    def __init__(self, weights: CellWeights, h_TH: Tensor, activation: str) -> None:
        super().__init__(weights)
        self.slope_TH = activation_slope(h_TH, activation)

    def jacobian(self, t: int) -> Tensor:
        return self.slope_TH[t].unsqueeze(1) * self.u[0]

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        return {"candidate": (ds_RS * self.slope_TH[t]) @ self.u[0]}

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return (ds_RS * self.slope_TH[t]) @ self.w[0]
