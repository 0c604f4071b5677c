"""The cells run over time, with hand-written derivatives: fast, and exact to autograd.

Every scan has the same two halves. Forward: the loop over time writes gates and states into one buffer
each. Backward: the local factors of the cell (what one unit of gradient at h_t does to each gate) are computed
for all steps at once, then one sweep from the last step to the first carries the gradient dh through them.
What is left in the sweep is one or two matrix products and two elementwise operations a step; the gradients of the
weights are one large product after it. docs/derivations.md has the algebra, tests/test_scan.py the oracles.

Every input gate comes in already projected (cells.input_projection), so that one-hot inputs are looked up
and autograd handles the input weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from explorer.cells import activation_slope

State = tuple[Tensor, ...]
"""What a net carries from step to step: (h_BH,) for rnn and gru, (h_BH, c_BH) for lstm."""


def scan(
    cell: str, variant: str, projected_TBG: Tensor, state: State, w_hh_GH: Tensor, b_hh_G: Tensor
) -> tuple[Tensor, State]:
    """Run one cell over time: all states h_TBH and the state after the last step.

    Args:
        cell: "rnn", "gru" or "lstm".
        variant: the activation of an rnn, the reset convention of a gru; not looked at for lstm.
        projected_TBG: W x + b of every step, gates stacked as cells.GATE_ORDER says; T >= 1.
        state: the state before the first step.
        w_hh_GH: recurrent weights U.
        b_hh_G: recurrent biases c.

    """
    inputs = (projected_TBG, *state, w_hh_GH, b_hh_G)
    if cell == "lstm":
        h_TBH, c_BH = _LSTMScan.apply(*inputs)
        return h_TBH, (h_TBH[-1], c_BH)
    if cell == "rnn":
        h_TBH = _RNNScan.apply(*inputs, variant)
    else:
        h_TBH = (_GRUBeforeScan if variant == "before" else _GRUAfterScan).apply(*inputs)
    return h_TBH, (h_TBH[-1],)


def _states_after(first_BH: Tensor, steps: int) -> Tensor:
    """A buffer for steps + 1 states with the first one filled in; [:-1] are the states before each step."""
    states = first_BH.new_empty(steps + 1, *first_BH.shape)
    states[0] = first_BH
    return states


def _weight_gradients(dgates_TBG: Tensor, inputs_TBH: Tensor) -> tuple[Tensor, Tensor]:
    """DU = sum over t, b of dgates x input, and the bias gradient: one large product instead of T small ones."""
    dgates_NG = dgates_TBG.flatten(0, 1)
    return dgates_NG.T @ inputs_TBH.flatten(0, 1), dgates_NG.sum(0)


class _RNNScan(torch.autograd.Function):
    """h_t = phi(x_t + U h_{t-1} + c)."""

    @staticmethod
    def forward(ctx: Any, x_TBH: Tensor, h0_BH: Tensor, u: Tensor, c: Tensor, activation: str) -> Tensor:
        states = _states_after(h0_BH, len(x_TBH))
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
        dh_TBH = torch.cat([torch.zeros_like(dout_TBH[:1]), dout_TBH])  # row t: gradient at the state before step t
        dh, da, slope = dh_TBH.unbind(0), da_TBH.unbind(0), slope_TBH.unbind(0)
        for t in reversed(range(len(da))):
            torch.mul(dh[t + 1], slope[t], out=da[t])
            dh[t].addmm_(da[t], u)
        return da_TBH, dh[0], *_weight_gradients(da_TBH, states[:-1]), None


class _GRUAfterScan(torch.autograd.Function):
    """n_t = tanh(x_n + r * (U_n h_{t-1} + c_n)): the reset gate acts after the matrix product."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h0_BH: Tensor, u: Tensor, c: Tensor) -> Tensor:
        hidden = h0_BH.shape[-1]
        states = _states_after(h0_BH, len(x_TBG))
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
        dh_TBH = torch.cat([torch.zeros_like(dout_TBH[:1]), dout_TBH])
        dh, dh_wide = dh_TBH.unbind(0), dh_TBH.unsqueeze(2).unbind(0)
        factor, dgate, flat, keep = factors.unbind(0), dgates.unbind(0), dgates.flatten(2).unbind(0), z.unbind(0)
        for t in reversed(range(steps)):
            torch.mul(dh_wide[t + 1], factor[t], out=dgate[t])
            dh[t].addcmul_(dh[t + 1], keep[t]).addmm_(flat[t], u)
        du, dc = _weight_gradients(dgates.flatten(2), states[:-1])
        # At the input the candidate is not behind the reset gate.
        torch.mul(dh_TBH[1:], to_n, out=dgates[:, :, 2])
        return dgates.flatten(2), dh[0], du, dc


class _GRUBeforeScan(torch.autograd.Function):
    """n_t = tanh(x_n + U_n (r * h_{t-1}) + c_n): the reset gate acts before the matrix product."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h0_BH: Tensor, u: Tensor, c: Tensor) -> Tensor:
        hidden = h0_BH.shape[-1]
        states = _states_after(h0_BH, len(x_TBG))
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
        dh_TBH = torch.cat([torch.zeros_like(dout_TBH[:1]), dout_TBH])
        dh, dh_wide, factor = dh_TBH.unbind(0), dh_TBH.unsqueeze(2).unbind(0), factors.unbind(0)
        dr, dzn, dn = dgates[:, :, 0].unbind(0), dgates[:, :, 1:].unbind(0), dgates[:, :, 2].unbind(0)
        drz = dgates[:, :, :2].flatten(2).unbind(0)
        reset_gate, keep, to_r_rows = r.unbind(0), z.unbind(0), to_r.unbind(0)
        for t in reversed(range(steps)):
            torch.mul(dh_wide[t + 1], factor[t], out=dzn[t])
            torch.mm(dn[t], u_n, out=dreset)
            torch.mul(dreset, to_r_rows[t], out=dr[t])
            dh[t].addcmul_(dh[t + 1], keep[t]).addcmul_(dreset, reset_gate[t]).addmm_(drz[t], u_rz)
        du_rz, dc_rz = _weight_gradients(dgates[:, :, :2].flatten(2), states[:-1])
        du_n, dc_n = _weight_gradients(dgates[:, :, 2], reset_TBH)
        return dgates.flatten(2), dh[0], torch.cat([du_rz, du_n]), torch.cat([dc_rz, dc_n])


class _LSTMScan(torch.autograd.Function):
    """c_t = f * c_{t-1} + i * g;  h_t = o * tanh(c_t)."""

    @staticmethod
    def forward(ctx: Any, x_TBG: Tensor, h0_BH: Tensor, c0_BH: Tensor, u: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        hidden = h0_BH.shape[-1]
        states, cells = _states_after(h0_BH, len(x_TBG)), _states_after(c0_BH, len(x_TBG))
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
        dh_TBH = torch.cat([torch.zeros_like(dout_TBH[:1]), dout_TBH])
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
        return dgates_TBG, dh[0], dc, *_weight_gradients(dgates_TBG, states[:-1])
