"""One net linearised along a text: the Jacobian of each step, and what each path of the cell makes of a gradient.

The factors are those of explorer.scan's backward sweeps, computed for all steps together; docs/gradients.md has the
algebra. S is the width of the state: H, and 2H for an LSTM's (h | c).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.cells import CellWeights, activation_slope, gru_step, lstm_gates
from explorer.models import ModelConfig

FEW_ROWS = 16  # fewer are carried back gate by gate


class LinearNet(ABC):
    """One net linearised along a text, t counted in the order in which it reads; ds is a block of gradients at s_t.

    s is the state h_H, and for an LSTM (h | c). Rows of ds are different losses.
    """

    def __init__(self, weights: CellWeights, hidden: int, h_prev_TH: Tensor) -> None:
        self.hidden, self.h_prev_TH = hidden, h_prev_TH
        self.u: tuple[Tensor, ...] = weights.w_hh_GH.detach().split(hidden)
        self.w: tuple[Tensor, ...] = weights.w_ih_GE.detach().split(hidden)

    @property
    def parts(self) -> int:
        """How many vectors of H the state has."""
        return 1

    def complete(self, ds_RS: Tensor, t: int) -> None:  # noqa: B027 - only an LSTM has two parts
        """Add, in place, what reaches one part of the state through another at the same step."""

    @abstractmethod
    def jacobian(self, t: int) -> Tensor:
        """J_t = ds_t/ds_{t-1}, (S, S)."""

    @abstractmethod
    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        """Completed gradients at s_t, carried to s_{t-1} by each path alone; t = slice(None) takes row t at step t."""

    def pull(self, ds_RS: Tensor, t: int, out_RS: Tensor) -> None:
        """Completed gradients at s_t, carried to s_{t-1} by all paths."""
        if len(ds_RS) < FEW_ROWS:
            out_RS.copy_(torch.stack(list(self.split(ds_RS, t).values())).sum(0))
        else:  # with many rows, one matrix a step is cheaper than a product for every gate
            torch.mm(ds_RS, self.jacobian(t), out=out_RS)

    @abstractmethod
    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        """Completed gradients at s_t, carried to the input x_t."""


class _RNN(LinearNet):
    """J = diag(phi'(a)) U, the slope written in h."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, h_TH: Tensor, activation: str) -> None:
        super().__init__(weights, h_TH.shape[1], h_prev_TH)
        self.slope_TH = activation_slope(h_TH, activation)

    def jacobian(self, t: int) -> Tensor:
        return self.slope_TH[t].unsqueeze(1) * self.u[0]

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        return {"candidate": (ds_RS * self.slope_TH[t]) @ self.u[0]}

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return (ds_RS * self.slope_TH[t]) @ self.w[0]


class _GRU(LinearNet):
    """J = diag(z) [copy] + diag((h' - n) z (1-z)) U_z [update] + candidate, which depends on where the reset acts."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, r: Tensor, z: Tensor, n: Tensor) -> None:
        super().__init__(weights, z.shape[1], h_prev_TH)
        self.r_TH, self.z_TH = r, z
        self.to_z = (h_prev_TH - n) * z * (1 - z)
        self.to_n = (1 - z) * (1 - n * n)

    @abstractmethod
    def candidate(self, t: int) -> Tensor:
        """(1-z) dn/dh', (H, H)."""

    @abstractmethod
    def candidate_input(self, t: int) -> Tensor:
        """(1-z) dn/dx, (H, E)."""

    @abstractmethod
    def through_candidate(self, dh_RH: Tensor, t: int | slice) -> Tensor:
        """Gradients at h_t, carried to h_{t-1} by the candidate alone."""

    def jacobian(self, t: int) -> Tensor:
        jacobian = self.candidate(t).addcmul_(self.to_z[t].unsqueeze(1), self.u[1])
        jacobian.diagonal().add_(self.z_TH[t])
        return jacobian

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        update = (ds_RS * self.to_z[t]) @ self.u[1]
        return {"copy": ds_RS * self.z_TH[t], "update": update, "candidate": self.through_candidate(ds_RS, t)}

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return ds_RS @ self.candidate_input(t).addcmul_(self.to_z[t].unsqueeze(1), self.w[1])


class _GRUAfter(_GRU):
    """n = tanh(x_n + r * q), q = U_n h' + c_n: candidate = diag(to_n) (diag(r) U_n + diag(q r (1-r)) U_r)."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, r: Tensor, z: Tensor, n: Tensor) -> None:
        super().__init__(weights, h_prev_TH, r, z, n)
        q = F.linear(h_prev_TH, self.u[2], weights.b_hh_G.split(self.hidden)[2])
        self.to_q = self.to_n * r
        self.to_r = self.to_n * q * r * (1 - r)

    def candidate(self, t: int) -> Tensor:
        return (self.to_q[t].unsqueeze(1) * self.u[2]).addcmul_(self.to_r[t].unsqueeze(1), self.u[0])

    def candidate_input(self, t: int) -> Tensor:
        return (self.to_n[t].unsqueeze(1) * self.w[2]).addcmul_(self.to_r[t].unsqueeze(1), self.w[0])

    def through_candidate(self, dh_RH: Tensor, t: int | slice) -> Tensor:
        return (dh_RH * self.to_q[t]) @ self.u[2] + (dh_RH * self.to_r[t]) @ self.u[0]


class _GRUBefore(_GRU):
    """n = tanh(x_n + U_n (r * h') + c_n): candidate = diag(to_n) U_n (diag(r) + diag(h' r (1-r)) U_r)."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, r: Tensor, z: Tensor, n: Tensor) -> None:
        super().__init__(weights, h_prev_TH, r, z, n)
        self.to_r = h_prev_TH * r * (1 - r)

    def candidate(self, t: int) -> Tensor:
        reset = self.to_r[t].unsqueeze(1) * self.u[0]
        reset.diagonal().add_(self.r_TH[t])
        return (self.u[2] @ reset).mul_(self.to_n[t].unsqueeze(1))

    def candidate_input(self, t: int) -> Tensor:
        through_r = self.u[2] @ (self.to_r[t].unsqueeze(1) * self.w[0])
        return (self.w[2] + through_r).mul_(self.to_n[t].unsqueeze(1))

    def through_candidate(self, dh_RH: Tensor, t: int | slice) -> Tensor:
        dreset = (dh_RH * self.to_n[t]) @ self.u[2]  # at r * h'
        return dreset * self.r_TH[t] + (dreset * self.to_r[t]) @ self.u[0]


class _LSTM(LinearNet):
    """c = f * c' + i * g, h = o * tanh(c); s = (h | c)."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, i: Tensor, f: Tensor, g: Tensor, o: Tensor) -> None:
        super().__init__(weights, f.shape[1], h_prev_TH)
        c_prev, c = _cell_states(i, f, g)
        self.f_TH = f
        self.to_i, self.to_f, self.to_g = g * i * (1 - i), c_prev * f * (1 - f), i * (1 - g * g)
        self.to_o, self.to_c = c.tanh() * o * (1 - o), o * (1 - c.tanh() ** 2)

    @property
    def parts(self) -> int:
        return 2

    def complete(self, ds_RS: Tensor, t: int) -> None:
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

    def pull(self, ds_RS: Tensor, t: int, out_RS: Tensor) -> None:
        if len(ds_RS) < FEW_ROWS:
            super().pull(ds_RS, t, out_RS)
            return
        out_RS[:, : self.hidden] = ds_RS @ self._through_gates(t, self.u)
        torch.mul(ds_RS[:, self.hidden :], self.f_TH[t], out=out_RS[:, self.hidden :])

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return ds_RS @ self._through_gates(t, self.w)


def _cell_states(i_TH: Tensor, f_TH: Tensor, g_TH: Tensor) -> tuple[Tensor, Tensor]:
    """The cell state before and after each step: c_t = f_t c_{t-1} + i_t g_t, from zero."""
    c_TH = torch.empty_like(f_TH)
    c_H = f_TH.new_zeros(f_TH.shape[1])
    for t, written_H in enumerate(i_TH * g_TH):
        c_TH[t] = c_H = torch.addcmul(written_H, f_TH[t], c_H)
    return torch.cat([torch.zeros_like(c_TH[:1]), c_TH[:-1]]), c_TH


def linearised(config: ModelConfig, weights: CellWeights, read: Tensor, h_TH: Tensor) -> LinearNet:
    """A net along what it read and the states it went through, both in the order in which it reads."""
    h_prev_TH = torch.cat([torch.zeros_like(h_TH[:1]), h_TH[:-1]])
    if config.cell == "rnn":
        return _RNN(weights, h_prev_TH, h_TH, config.activation)
    if config.cell == "lstm":
        return _LSTM(weights, h_prev_TH, *lstm_gates(read, h_prev_TH, weights))
    _, r, z, n = gru_step(read, h_prev_TH, weights, config.reset)
    return (_GRUBefore if config.reset == "before" else _GRUAfter)(weights, h_prev_TH, r, z, n)
