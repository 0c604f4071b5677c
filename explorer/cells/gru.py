"""The gated recurrent unit, in both reset conventions (Cho et al. 2014, arXiv 1406.1078; torch.nn.GRU)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from explorer.cells.base import SHUT, Cell, CellWeights, Gate, LinearNet, Outer, State, input_projection, previous
from explorer.cells.equations import Equation, Node
from explorer.cells.scanning import gradients_after, states_after, weight_gradients

RESETS = ("before", "after")


class GRUStep(NamedTuple):
    """State h, reset gate r, update gate z (both in [0, 1]) and candidate state n (in [-1, 1]), all _BH."""

    h: Tensor
    r: Tensor
    z: Tensor
    n: Tensor


class GRU(Cell):
    """h = z * h_prev + (1 - z) * n, in either reset convention.

    "before": the reset gate acts on h_prev before the matrix product (Cho et al. 2014; d2l from scratch). "after": it acts
    on the product (cuDNN, torch.nn.GRU, Keras' default). The same weights mean different networks under the two.
    """

    key = "gru"
    stacked = ("r", "z", "n")
    gates = (
        Gate("z", "update gate", "keeps the old state", "renews it", keeps=True),
        Gate("r", "reset gate", "sees the old state", "forgets it", forgets=True),
    )
    paths = ("copy", "update", "candidate")
    setting = "reset"
    variants: ClassVar[Mapping[str, str]] = {reset: f"GRU, reset {reset}" for reset in RESETS[::-1]}
    looked_at = RESETS[::-1]
    look_for = (
        "Where the **update gate** is light, a unit keeps its past; where it is dark, it takes in what is new. Where "
        "the **reset gate** is dark, a unit forgets its past when it computes the candidate."
    )
    presets: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "never-forget": {"z": 1}, "forget-at-once": {"z": 0}, "never-reset": {"r": 1}, "plain": {"z": 0, "r": 1},
    }  # fmt: skip

    book: ClassVar[Mapping[str, tuple[str, str]]] = {"n": (r"\tilde{H}", "h")}

    def update(self, projected_BG: Tensor, state: State, weights: CellWeights, variant: str) -> GRUStep:
        """One step; see `Cell.update`."""
        (h_prev_BH,) = state
        xr_BH, xz_BH, xn_BH = projected_BG.chunk(3, -1)
        u_r, u_z, u_n = weights.w_hh_GH.chunk(3)
        c_r, c_z, c_n = weights.b_hh_G.chunk(3)
        # r = sigma(W_r x + b_r + U_r h_prev + c_r)
        r_BH = torch.sigmoid(xr_BH + F.linear(h_prev_BH, u_r, c_r))
        # z = sigma(W_z x + b_z + U_z h_prev + c_z)
        z_BH = torch.sigmoid(xz_BH + F.linear(h_prev_BH, u_z, c_z))
        if variant == "before":
            # n = tanh(W_n x + b_n + U_n (r * h_prev) + c_n)
            n_BH = torch.tanh(xn_BH + F.linear(r_BH * h_prev_BH, u_n, c_n))
        else:
            # n = tanh(W_n x + b_n + r * (U_n h_prev + c_n))
            n_BH = torch.tanh(xn_BH + r_BH * F.linear(h_prev_BH, u_n, c_n))
        # h = z * h_prev + (1 - z) * n
        h_BH = z_BH * h_prev_BH + (1 - z_BH) * n_BH
        return GRUStep(h_BH, r_BH, z_BH, n_BH)

    def equations(self, variant: str) -> tuple[Equation, ...]:
        """See `Cell.equations`."""
        return (
            Equation("r", "sigmoid(x_r + u_r)"),
            Equation("z", "sigmoid(x_z + u_z)"),
            Equation("n", "tanh(x_n + u_n)" if variant == "before" else "tanh(x_n + r * u_n)"),
            Equation("h", "z * h_prev + (1 - z) * n"),
        )

    def seen(self, letter: str, variant: str) -> str:
        """The candidate's U sees what the reset gate has left, where that acts before the product."""
        return "r * h_prev" if (letter, variant) == ("n", "before") else "h_prev"

    def drawn(self, variant: str) -> tuple[Node, ...]:
        """The state runs along the top, the update gate mixes it with the candidate; see `Cell.drawn`."""
        both = (("h_prev", 0.6), ("x", 0.6))
        if variant == "before":
            floor, reset = 3, [Node("reset", "×", (2.3, 2), "r * h_prev", ("r", "h_prev"))]
        else:
            floor, reset = 4, [
                Node("u_n", "U", (1.3, 3), "u_n", (("h_prev", 0.6),)),
                Node("reset", "×", (2.3, 2), "r * u_n", ("r", "u_n")),
            ]  # fmt: skip
        return (
            Node("h_prev", "", (0, 0), "h_prev"),
            Node("x", "", (0, floor), ""),
            Node("z", "σ", (1.3, 1), "z", both),
            Node("r", "σ", (1.3, 2), "r", both),
            *reset,
            Node("n", "tanh", (3.5, 2), "n", ("reset", "x")),
            Node("keep", "×", (3.5, 0), "z * h_prev", ("h_prev", "z")),
            Node("rest", "1−", (4.4, 1), "1 - z", ("z",)),
            Node("write", "×", (5.3, 1), "(1 - z) * n", ("rest", "n")),
            Node("sum", "+", (5.3, 0), "z * h_prev + (1 - z) * n", ("keep", "write")),
            Node("h", "", (6.4, 0), "h", ("sum",)),
        )

    def plain(self, projected_BG: Tensor, h_prev_BH: Tensor, weights: CellWeights) -> Tensor:
        """Where z = 0 and r = 1: tanh(W_n x + b_n + U_n h_prev + c_n); see `Cell.plain`."""
        u_n, c_n = self.rows(weights.w_hh_GH, "n"), self.rows(weights.b_hh_G, "n")
        return torch.tanh(projected_BG.chunk(3, -1)[2] + F.linear(h_prev_BH, u_n, c_n))

    def scan(self, projected_TBG: Tensor, state: State, weights: CellWeights, variant: str) -> tuple[Tensor, State]:
        """With its derivative by hand; see `Cell.scan`."""
        kind = _GRUBeforeScan if variant == "before" else _GRUAfterScan
        h_TBH = kind.apply(projected_TBG, *state, weights.w_hh_GH, weights.b_hh_G)
        return h_TBH, (h_TBH[-1],)

    def linearised(self, read: Tensor, h_TH: Tensor, first: State, weights: CellWeights, variant: str) -> LinearNet:
        """By hand; see `Cell.linearised`."""
        h_prev_TH = previous(h_TH, first[0])
        step = self.update(input_projection(read, weights), (h_prev_TH,), weights, variant)
        return (_LinearBefore if variant == "before" else _LinearAfter)(weights, h_prev_TH, step)

    def around(
        self, projected_NG: Tensor, before: State, step: GRUStep, weights: CellWeights, variant: str
    ) -> LinearNet:
        """By hand; see `Cell.around`."""
        return (_LinearBefore if variant == "before" else _LinearAfter)(weights, before[0], step)

    def recurrent_parts(
        self, dgates_TG: Tensor, step: GRUStep, h_prev_TH: Tensor, variant: str
    ) -> tuple[list[Outer], Tensor]:
        """The candidate's rows stand behind the reset gate; see `Cell.recurrent_parts`."""
        hidden = h_prev_TH.shape[1]
        drz, dn = dgates_TG.split([2 * hidden, hidden], 1)
        if variant == "before":
            return [(drz, h_prev_TH), (dn, step.r * h_prev_TH)], dgates_TG
        dbias_TG = torch.cat([drz, dn * step.r], 1)  # U_n h' + c_n is behind the reset gate
        return [(dbias_TG, h_prev_TH)], dbias_TG

    def held(self, part: str, value: float, variant: str) -> dict[str, float] | None:
        """The candidate too, and the state: z = 0 and n = value; see `Cell.held`."""
        if part in ("n", "h") and abs(value) < 1:
            return {"n": math.atanh(value)} | ({"z": -SHUT} if part == "h" else {})
        return super().held(part, value, variant)

    def kernel(self, variant: str) -> tuple[str, Callable[..., tuple[Tensor, ...]]] | None:
        """Torch has one of the conventions."""
        return ("torch.nn.GRU", torch.gru) if variant == "after" else None

    def torchs_step(self, variant: str) -> Callable[[Tensor, State, CellWeights], State] | None:
        """torch.gru_cell; see `Cell.torchs_step`."""
        return (lambda x_BE, state, own: (torch.gru_cell(x_BE, state[0], *own),)) if variant == "after" else None


class _GRUAfterScan(torch.autograd.Function):
    """n_t = tanh(x_n + r * (U_n h_{t-1} + c_n)): the reset gate acts after the matrix product."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h0_BH: Tensor, u: Tensor, c: Tensor) -> Tensor:
        hidden = h0_BH.shape[-1]
        states = states_after(h0_BH, len(x_TBG))
        gates = x_TBG + c  # becomes r | z | U_n h_{t-1} + c_n
        gates[..., 2 * hidden :] = c[2 * hidden :]
        n_TBH = torch.empty_like(states[1:])
        u_t = u.T.contiguous()
        rows = states.unbind(0)
        r, z, un = (part.unbind(0) for part in gates.split(hidden, -1))
        columns = zip(gates.unbind(0), gates[..., : 2 * hidden].unbind(0), r, z, un, x_TBG[..., 2 * hidden :].unbind(0),
                      n_TBH.unbind(0), rows, rows[1:], strict=False)  # fmt: skip
        for gates_t, rz_t, r_t, z_t, un_t, xn_t, n_t, h_prev, h in columns:
            gates_t.addmm_(h_prev, u_t)
            rz_t.sigmoid_()
            torch.addcmul(xn_t, r_t, un_t, out=n_t).tanh_()
            torch.lerp(n_t, h_prev, z_t, out=h)  # h = n + z (h_prev - n)
        ctx.save_for_backward(states, gates, n_TBH, u)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout_TBH: Tensor) -> tuple[Tensor, ...]:
        states, gates, n, u = ctx.saved_tensors
        steps, batch, hidden = n.shape
        r, z, un = gates.split(hidden, -1)
        # dh/da_n = (1-z)(1-n^2): what a unit of gradient at h gives the candidate's argument; the others follow from it
        to_n = (1 - z) * (1 - n * n)
        factors = n.new_empty(steps, batch, 3, hidden)
        torch.mul(to_n * un, r * (1 - r), out=factors[:, :, 0])
        torch.mul((states[:-1] - n) * z, 1 - z, out=factors[:, :, 1])
        torch.mul(to_n, r, out=factors[:, :, 2])
        dgates = torch.empty_like(factors)  # gradient at U h + c: r | z | n
        dh_TBH = gradients_after(dout_TBH)
        dh, dh_wide = dh_TBH.unbind(0), dh_TBH.unsqueeze(2).unbind(0)
        factor, dgate, flat, keep = factors.unbind(0), dgates.unbind(0), dgates.flatten(2).unbind(0), z.unbind(0)
        for t in reversed(range(steps)):
            torch.mul(dh_wide[t + 1], factor[t], out=dgate[t])
            dh[t].addcmul_(dh[t + 1], keep[t]).addmm_(flat[t], u)
        du, dc = weight_gradients(dgates.flatten(2), states[:-1])
        # At the input the candidate is not behind the reset gate.
        torch.mul(dh_TBH[1:], to_n, out=dgates[:, :, 2])
        return dgates.flatten(2), dh[0], du, dc


class _GRUBeforeScan(torch.autograd.Function):
    """n_t = tanh(x_n + U_n (r * h_{t-1}) + c_n): the reset gate acts before the matrix product."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h0_BH: Tensor, u: Tensor, c: Tensor) -> Tensor:
        hidden = h0_BH.shape[-1]
        states = states_after(h0_BH, len(x_TBG))
        gates = x_TBG + c  # becomes r | z | n
        reset_TBH = torch.empty_like(states[1:])  # r * h_{t-1}
        u_rz_t, u_n_t = u[: 2 * hidden].T.contiguous(), u[2 * hidden :].T.contiguous()
        rows = states.unbind(0)
        r, z, n = (part.unbind(0) for part in gates.split(hidden, -1))
        columns = zip(gates[..., : 2 * hidden].unbind(0), r, z, n, reset_TBH.unbind(0), rows, rows[1:], strict=False)
        for rz_t, r_t, z_t, n_t, reset_t, h_prev, h in columns:
            rz_t.addmm_(h_prev, u_rz_t).sigmoid_()
            torch.mul(r_t, h_prev, out=reset_t)
            n_t.addmm_(reset_t, u_n_t).tanh_()
            torch.lerp(n_t, h_prev, z_t, out=h)
        ctx.save_for_backward(states, gates, reset_TBH, u)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout_TBH: Tensor) -> tuple[Tensor, ...]:
        states, gates, reset_TBH, u = ctx.saved_tensors
        steps, batch, hidden = reset_TBH.shape
        r, z, n = gates.split(hidden, -1)
        u_rz, u_n = u[: 2 * hidden], u[2 * hidden :]
        factors = n.new_empty(steps, batch, 2, hidden)  # z | n, both straight from dh
        torch.mul((states[:-1] - n) * z, 1 - z, out=factors[:, :, 0])
        torch.mul(1 - z, 1 - n * n, out=factors[:, :, 1])
        to_r = reset_TBH * (1 - r)  # h_prev * r (1-r), applied to the gradient at r * h_prev
        dgates = n.new_empty(steps, batch, 3, hidden)
        dreset = torch.empty_like(states[0])
        dh_TBH = gradients_after(dout_TBH)
        dh, dh_wide, factor = dh_TBH.unbind(0), dh_TBH.unsqueeze(2).unbind(0), factors.unbind(0)
        dr, dzn, dn = dgates[:, :, 0].unbind(0), dgates[:, :, 1:].unbind(0), dgates[:, :, 2].unbind(0)
        drz = dgates[:, :, :2].flatten(2).unbind(0)
        reset_gate, keep, to_r_rows = r.unbind(0), z.unbind(0), to_r.unbind(0)
        for t in reversed(range(steps)):
            torch.mul(dh_wide[t + 1], factor[t], out=dzn[t])
            torch.mm(dn[t], u_n, out=dreset)
            torch.mul(dreset, to_r_rows[t], out=dr[t])
            dh[t].addcmul_(dh[t + 1], keep[t]).addcmul_(dreset, reset_gate[t]).addmm_(drz[t], u_rz)
        du_rz, dc_rz = weight_gradients(dgates[:, :, :2].flatten(2), states[:-1])
        du_n, dc_n = weight_gradients(dgates[:, :, 2], reset_TBH)
        return dgates.flatten(2), dh[0], torch.cat([du_rz, du_n]), torch.cat([dc_rz, dc_n])


class _LinearGRU(LinearNet):
    """J = diag(z) [copy] + diag((h' - n) z (1-z)) U_z [update] + candidate, which depends on where the reset acts."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, step: GRUStep) -> None:
        super().__init__(weights)
        _, r, z, n = step
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


class _LinearAfter(_LinearGRU):
    """n = tanh(x_n + r * q), q = U_n h' + c_n: candidate = diag(to_n) (diag(r) U_n + diag(q r (1-r)) U_r)."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, step: GRUStep) -> None:
        super().__init__(weights, h_prev_TH, step)
        r = step.r
        q = F.linear(h_prev_TH, self.u[2], weights.b_hh_G.split(self.hidden)[2])
        self.to_q = self.to_n * r
        self.to_r = self.to_n * q * r * (1 - r)

    def candidate(self, t: int) -> Tensor:
        return (self.to_q[t].unsqueeze(1) * self.u[2]).addcmul_(self.to_r[t].unsqueeze(1), self.u[0])

    def candidate_input(self, t: int) -> Tensor:
        return (self.to_n[t].unsqueeze(1) * self.w[2]).addcmul_(self.to_r[t].unsqueeze(1), self.w[0])

    def through_candidate(self, dh_RH: Tensor, t: int | slice) -> Tensor:
        return (dh_RH * self.to_q[t]) @ self.u[2] + (dh_RH * self.to_r[t]) @ self.u[0]

    def carried(self, ds_RS: Tensor, rows: slice) -> Tensor:
        factors = (self.to_r[rows], self.to_z[rows], self.to_q[rows])
        dgates_RG = torch.cat([ds_RS * factor for factor in factors], 1)  # r | z | n
        return torch.addcmul(dgates_RG @ self.whole_u, ds_RS, self.z_TH[rows])


class _LinearBefore(_LinearGRU):
    """n = tanh(x_n + U_n (r * h') + c_n): candidate = diag(to_n) U_n (diag(r) + diag(h' r (1-r)) U_r)."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, step: GRUStep) -> None:
        super().__init__(weights, h_prev_TH, step)
        self.to_r = h_prev_TH * step.r * (1 - step.r)

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
