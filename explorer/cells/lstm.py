"""The LSTM with a forget gate (Gers et al. 2000; torch.nn.LSTM)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from explorer.cells.base import (
    FEW_ROWS,
    SHUT,
    Cell,
    CellWeights,
    Gate,
    LinearNet,
    Outer,
    State,
    input_projection,
    logit,
    previous,
)
from explorer.cells.equations import Equation, Node
from explorer.cells.scanning import gradients_after, states_after, weight_gradients

LARGEST_HELD = 0.99  # the cell state of a unit whose h is held: with 1, its argument would be infinite


class LSTMStep(NamedTuple):
    """State h, cell state c, input, forget and output gates i, f, o (in [0, 1]) and candidate g (in [-1, 1]), all _BH."""

    h: Tensor
    c: Tensor
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


class LSTM(Cell):
    """c = f * c_prev + i * g, h = o * tanh(c): the gates do not depend on c_prev."""

    key = "lstm"
    stacked = ("i", "f", "g", "o")
    gates = (
        Gate("f", "forget gate", "keeps the cell state", "drops it", keeps=True),
        Gate("i", "input gate", "writes the candidate", "does not"),
        Gate("o", "output gate", "shows the cell state", "hides it"),
    )
    state = ("h", "c")
    paths = ("copy", "gates", "candidate")
    variants: ClassVar[Mapping[str, str]] = {"": "LSTM"}
    look_for = (
        "Where the **forget gate** is light, a unit keeps its cell state. The **input gate** sets how much of the candidate "
        "is written, the **output gate** how much of the cell state is passed on."
    )
    presets: ClassVar[Mapping[str, Mapping[str, float]]] = {"never-forget": {"f": 1}, "forget-at-once": {"f": 0}}

    book: ClassVar[Mapping[str, tuple[str, str]]] = {"g": (r"\tilde{C}", "c")}

    def update(self, projected_BG: Tensor, state: State, weights: CellWeights, variant: str) -> LSTMStep:
        """One step; see `Cell.update`."""
        h_prev_BH, c_prev_BH = state
        return _updated(*_gates(projected_BG, h_prev_BH, weights), c_prev_BH)

    def equations(self, variant: str) -> tuple[Equation, ...]:
        """See `Cell.equations`."""
        return (
            Equation("f", "sigmoid(x_f + u_f)"),
            Equation("i", "sigmoid(x_i + u_i)"),
            Equation("g", "tanh(x_g + u_g)"),
            Equation("o", "sigmoid(x_o + u_o)"),
            Equation("c", "f * c_prev + i * g"),
            Equation("h", "o * tanh(c)"),
        )

    def drawn(self, variant: str) -> tuple[Node, ...]:
        """The cell state runs along the top, past three gates; see `Cell.drawn`."""
        both = (("h_prev", 0.6), ("x", 0.6))
        return (
            Node("c_prev", "", (0, 0), "c_prev"),
            Node("h_prev", "", (0, 3), "h_prev"),
            Node("x", "", (0, 4), ""),
            Node("f", "σ", (1.3, 1), "f", both),
            Node("i", "σ", (1.3, 2), "i", both),
            Node("g", "tanh", (1.3, 3), "g", both),
            Node("o", "σ", (1.3, 4), "o", both),
            Node("keep", "×", (2.5, 0), "f * c_prev", ("c_prev", "f")),
            Node("write", "×", (3.5, 2), "i * g", ("i", "g")),
            Node("sum", "+", (3.5, 0), "f * c_prev + i * g", ("keep", "write")),
            Node("c", "", (6.4, 0), "c", ("sum",)),
            Node("act", "tanh", (4.7, 2), "tanh(c)", ("sum",)),
            Node("show", "×", (4.7, 4), "o * tanh(c)", ("o", "act")),
            Node("h", "", (6.4, 4), "h", ("show",)),
        )

    def scan(self, projected_TBG: Tensor, state: State, weights: CellWeights, variant: str) -> tuple[Tensor, State]:
        """With its derivative by hand; see `Cell.scan`."""
        h_TBH, c_BH = _LSTMScan.apply(projected_TBG, *state, weights.w_hh_GH, weights.b_hh_G)
        return h_TBH, (h_TBH[-1], c_BH)

    def recover(
        self, projected_TG: Tensor, h_prev_TH: Tensor, rest: State, weights: CellWeights, variant: str
    ) -> tuple[LSTMStep, State]:
        """Torch's LSTM does not give c, its gates do; see `Cell.recover`."""
        gates = _gates(projected_TG, h_prev_TH, weights)
        c_prev_TH, c_H = _cell_states_before(*gates[:3], *rest)
        return _updated(*gates, c_prev_TH), (c_H,)

    def linearised(self, read: Tensor, h_TH: Tensor, first: State, weights: CellWeights, variant: str) -> LinearNet:
        """By hand; see `Cell.linearised`."""
        h_prev_TH = previous(h_TH, first[0])
        step, _ = self.recover(input_projection(read, weights), h_prev_TH, first[1:], weights, variant)
        return _LinearLSTM(weights, step, previous(step.c, first[1]))

    def around(
        self, projected_NG: Tensor, before: State, step: LSTMStep, weights: CellWeights, variant: str
    ) -> LinearNet:
        """By hand; see `Cell.around`."""
        return _LinearLSTM(weights, step, before[1])

    def recurrent_parts(
        self, dgates_TG: Tensor, step: LSTMStep, h_prev_TH: Tensor, variant: str
    ) -> tuple[list[Outer], Tensor]:
        """U h + c stands beside W x + b; see `Cell.recurrent_parts`."""
        return [(dgates_TG, h_prev_TH)], dgates_TG

    def held(self, part: str, value: float, variant: str) -> dict[str, float] | None:
        """The candidate too, and the states: c = g with f = 0 and i = 1, h = o tanh(c) of such a c; see `Cell.held`."""
        if part in ("g", "c") and abs(value) < 1:
            return {"g": math.atanh(value)} | ({"f": -SHUT, "i": SHUT} if part == "c" else {})
        if part == "h" and abs(value) < math.tanh(LARGEST_HELD):
            cell = math.copysign(LARGEST_HELD, value)
            return {"f": -SHUT, "i": SHUT, "g": math.atanh(cell), "o": logit(value / math.tanh(cell))}
        return super().held(part, value, variant)

    def kernel(self, variant: str) -> tuple[str, Callable[..., tuple[Tensor, ...]]] | None:
        """Torch has it."""
        return "torch.nn.LSTM", torch.lstm

    def torchs_step(self, variant: str) -> Callable[[Tensor, State, CellWeights], State]:
        """torch.lstm_cell; see `Cell.torchs_step`."""
        return lambda x_BE, state, own: torch.lstm_cell(x_BE, state, *own)

    def chrono(self, memory_H: Tensor) -> dict[str, Tensor]:
        """What is kept longer is also written more slowly (Tallec & Ollivier 2018, arXiv 1804.11188)."""
        return {"f": memory_H, "i": -memory_H}


def _gates(projected_BG: Tensor, h_prev_BH: Tensor, weights: CellWeights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gates i, f, o and the candidate g, in the order i, f, g, o."""
    i_BH, f_BH, g_BH, o_BH = (projected_BG + F.linear(h_prev_BH, weights.w_hh_GH, weights.b_hh_G)).chunk(4, -1)
    # i, f, o = sigma(W x + b + U h_prev + c);  g = tanh(W_g x + b_g + U_g h_prev + c_g)
    return torch.sigmoid(i_BH), torch.sigmoid(f_BH), torch.tanh(g_BH), torch.sigmoid(o_BH)


def _updated(i_BH: Tensor, f_BH: Tensor, g_BH: Tensor, o_BH: Tensor, c_prev_BH: Tensor) -> LSTMStep:
    """The part of a step that comes after its gates."""
    # c = f * c_prev + i * g
    c_BH = f_BH * c_prev_BH + i_BH * g_BH
    # h = o * tanh(c)
    h_BH = o_BH * torch.tanh(c_BH)
    return LSTMStep(h_BH, c_BH, i_BH, f_BH, g_BH, o_BH)


def _cell_states_before(i_TH: Tensor, f_TH: Tensor, g_TH: Tensor, c_H: Tensor) -> tuple[Tensor, Tensor]:
    """The cell state before each step, and after the last.

    c_t = f_t * c_{t-1} + i_t * g_t needs no matrix product, so this loop is short.
    """
    cells = torch.cat([c_H.unsqueeze(0), i_TH * g_TH])  # what is written first, the recurrence in place after it
    rows = cells.unbind(0)
    for c_prev_H, c_H, f_H in zip(rows, rows[1:], f_TH.unbind(0), strict=False):
        c_H.addcmul_(f_H, c_prev_H)
    return cells[:-1], cells[-1]


class _LSTMScan(torch.autograd.Function):
    """c_t = f * c_{t-1} + i * g;  h_t = o * tanh(c_t)."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h0_BH: Tensor, c0_BH: Tensor, u: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        hidden = h0_BH.shape[-1]
        states, cells = states_after(h0_BH, len(x_TBG)), states_after(c0_BH, len(x_TBG))
        gates = x_TBG + b  # becomes i | f | g | o
        tanh_c = torch.empty_like(cells[1:])
        u_t = u.T.contiguous()
        rows, cell_rows = states.unbind(0), cells.unbind(0)
        i, f, g, o = (part.unbind(0) for part in gates.split(hidden, -1))
        columns = zip(gates.unbind(0), gates[..., : 2 * hidden].unbind(0), i, f, g, o, tanh_c.unbind(0),
                      cell_rows, cell_rows[1:], rows, rows[1:], strict=False)  # fmt: skip
        for gates_t, if_t, i_t, f_t, g_t, o_t, tanh_t, c_prev, c, h_prev, h in columns:
            gates_t.addmm_(h_prev, u_t)
            if_t.sigmoid_()
            g_t.tanh_()
            o_t.sigmoid_()
            torch.mul(f_t, c_prev, out=c).addcmul_(i_t, g_t)
            torch.tanh(c, out=tanh_t)
            torch.mul(o_t, tanh_t, out=h)
        ctx.save_for_backward(states, cells, gates, tanh_c, u)
        return states[1:], cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout_TBH: Tensor, dc_BH: Tensor) -> tuple[Tensor, ...]:
        states, cells, gates, tanh_c, u = ctx.saved_tensors
        steps, batch, hidden = tanh_c.shape
        i, f, g, o = gates.split(hidden, -1)
        factors = tanh_c.new_empty(steps, batch, 3, hidden)  # i | f | g, from dc
        torch.mul(g * i, 1 - i, out=factors[:, :, 0])
        torch.mul(cells[:-1] * f, 1 - f, out=factors[:, :, 1])
        torch.mul(i, 1 - g * g, out=factors[:, :, 2])
        to_o = tanh_c * o * (1 - o)
        to_c = o * (1 - tanh_c * tanh_c)
        dgates = tanh_c.new_empty(steps, batch, 4, hidden)
        dh_TBH = gradients_after(dout_TBH)
        dc = dc_BH.clone()
        dh, factor, flat = dh_TBH.unbind(0), factors.unbind(0), dgates.flatten(2).unbind(0)
        difg, do = dgates[:, :, :3].unbind(0), dgates[:, :, 3].unbind(0)
        forget, to_o_rows, to_c_rows = f.unbind(0), to_o.unbind(0), to_c.unbind(0)
        for t in reversed(range(steps)):
            torch.mul(dh[t + 1], to_o_rows[t], out=do[t])
            dc.addcmul_(dh[t + 1], to_c_rows[t])
            torch.mul(dc.unsqueeze(1), factor[t], out=difg[t])
            dc.mul_(forget[t])
            dh[t].addmm_(flat[t], u)
        dgates_TBG = dgates.flatten(2)
        return dgates_TBG, dh[0], dc, *weight_gradients(dgates_TBG, states[:-1])


class _LinearLSTM(LinearNet):
    """c = f * c' + i * g, h = o * tanh(c); s = (h | c)."""

    parts = 2

    def __init__(self, weights: CellWeights, step: LSTMStep, c_prev: Tensor) -> None:
        super().__init__(weights)
        _, c, i, f, g, o = step
        self.f_TH = f
        self.to_i, self.to_f, self.to_g = g * i * (1 - i), c_prev * f * (1 - f), i * (1 - g * g)
        tanh_c = c.tanh()
        self.to_o, self.to_c = tanh_c * o * (1 - o), o * (1 - tanh_c * tanh_c)

    def complete(self, ds_RS: Tensor, t: int | slice) -> None:
        # dc += dh * o (1 - tanh^2 c)
        ds_RS[:, self.hidden :].addcmul_(ds_RS[:, : self.hidden], self.to_c[t])

    def _through_gates(self, t: int, weights: Sequence[Tensor]) -> Tensor:
        """dh/da_o, and under it dc/da_i, da_f, da_g, times the weights of h' or of x: (2H, H or E)."""
        m_i, m_f, m_g, m_o = weights
        written = (self.to_i[t].unsqueeze(1) * m_i).addcmul_(self.to_f[t].unsqueeze(1), m_f)
        return torch.cat([self.to_o[t].unsqueeze(1) * m_o, written.addcmul_(self.to_g[t].unsqueeze(1), m_g)])

    def jacobian(self, t: int) -> Tensor:
        opened, written = self._through_gates(t, self.u).chunk(2)
        shown, kept = self.to_c[t].unsqueeze(1), torch.diag(self.f_TH[t])
        return torch.cat([torch.cat([opened + shown * written, shown * kept], 1), torch.cat([written, kept], 1)])

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        dh, dc = ds_RS.chunk(2, 1)
        u_i, u_f, u_g, u_o = self.u
        gates = (dc * self.to_i[t]) @ u_i + (dc * self.to_f[t]) @ u_f + (dh * self.to_o[t]) @ u_o
        candidate = (dc * self.to_g[t]) @ u_g
        # The copy path ends in c', the others in h'.
        return {
            "copy": torch.cat([torch.zeros_like(dh), dc * self.f_TH[t]], 1),
            "gates": torch.cat([gates, torch.zeros_like(dc)], 1),
            "candidate": torch.cat([candidate, torch.zeros_like(dc)], 1),
        }

    def carried(self, ds_RS: Tensor, rows: slice) -> Tensor:
        dh, dc = ds_RS.chunk(2, 1)
        written = (dc * self.to_i[rows], dc * self.to_f[rows], dc * self.to_g[rows])
        dgates_RG = torch.cat([*written, dh * self.to_o[rows]], 1)  # i | f | g | o
        return torch.cat([dgates_RG @ self.whole_u, dc * self.f_TH[rows]], 1)

    def pull(self, ds_RS: Tensor, t: int, out_RS: Tensor) -> None:
        if len(ds_RS) < FEW_ROWS:
            super().pull(ds_RS, t, out_RS)
            return
        out_RS[:, : self.hidden] = ds_RS @ self._through_gates(t, self.u)
        torch.mul(ds_RS[:, self.hidden :], self.f_TH[t], out=out_RS[:, self.hidden :])

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return ds_RS @ self._through_gates(t, self.w)
