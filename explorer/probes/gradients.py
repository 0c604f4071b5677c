"""Where the gradient goes: how much of each character's loss reaches each earlier step, by which path, into which weight.

One net is linearised along a text once, for all steps together (the factors of explorer.scan's backward sweeps); what is
left is one sweep that carries the gradients of *all* characters' losses at once: the row of loss t enters at step t and is
multiplied by the Jacobian of every step it passes. docs/gradients.md has the algebra, tests/probes/test_gradients.py the
oracles. Probes work in the model's own precision; norms are float64.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from explorer.cells import CellWeights, gru_step, input_projection, lstm_gates, lstm_step, rnn_step
from explorer.models import CharModel, ConfigError, NetKey
from explorer.scan import scan
from explorer.text import TextError, clean_text

Floats64 = NDArray[np.float64]
MAX_STEPS = 4_000  # steps of a flow: its matrix has their square, 128 MB
HALF, HORIZON = 0.5, 0.01  # shares of the local gradient that half-life and horizon look for
LEAST_ROWS = 8  # a lag counts in the fitted slope when at least so many losses look that far back
PROOF_STEPS, PROOF_ROWS = 32, 3  # how much of a flow is repeated by autograd as its proof
FEW_ROWS = 16  # fewer are carried back gate by gate
# When a row is outside, all rows outside the nearer limits are scaled back to 1 by powers of two, which is exact.
SMALL, NEAR_SMALL, NEAR_LARGE, LARGE = 1e-12, 1e-3, 1e3, 1e12


@dataclass(frozen=True)
class NonFinite:
    """The first value that is not a finite number.

    Attributes:
        what: what holds it: a parameter's name, "state h of layer 0, forward", or "gradient ...".
        step: of the text; None for a parameter.
        unit: which unit (of a parameter: which entry, counted row by row); None for a norm.

    """

    what: str
    step: int | None
    unit: int | None

    def __str__(self) -> str:
        place = [f"step {self.step}"] * (self.step is not None) + [f"entry {self.unit}"] * (self.unit is not None)
        return ", ".join([self.what, *place])


@dataclass(frozen=True)
class GradientFlow:
    """How much of each character's loss reaches each step of one net. Not truncated.

    Row t is the loss that is *read off* h_t: of character t + 1, or of character t - 1 for a cloze model's net that
    reads from the end. The diagonal is that loss's local gradient; columns run to where the net began to read.

    Attributes:
        text: as it was read.
        net: which layer and direction.
        backward: whether the net reads from the end; then row t has its values at k >= t.
        asked_T: the character that row t's loss speaks of; -1 where no loss is read off h_t.
        norms_TT: norms_TT[t, k] = ||dL_t/dh_k||_2, nats per unit of state; NaN where there is no path or no loss.
        cell_norms_TT: the same at the cell state c_k of an LSTM; None for other cells.
        step_norms_T: ||dL/dh_k||_2, L the mean of all losses of the text, as in training.
        directions_TS: dL/ds_k brought to length 1, s the state h, or (h, c); NaN where that gradient is zero.
        non_finite: the first value on the way that is not a finite number; None where all are.

    """

    text: str
    net: NetKey
    backward: bool
    asked_T: NDArray[np.int64]
    norms_TT: Floats64
    cell_norms_TT: Floats64 | None
    step_norms_T: Floats64
    directions_TS: Floats64
    non_finite: NonFinite | None

    def __len__(self) -> int:
        return len(self.text)

    @property
    def local_T(self) -> Floats64:
        """||dL_t/dh_t||: what each loss gives its own step."""
        return np.diagonal(self.norms_TT)

    @cached_property
    def shares_TT(self) -> Floats64:
        """norms_TT as shares of each row's local gradient; NaN for a row whose local gradient is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares_TT: Floats64 = self.norms_TT / self.local_T[:, None]
        shares_TT[~(self.local_T > 0)] = np.nan
        return shares_TT

    def _lag(self, lag: int) -> Floats64:
        shares = np.diagonal(self.shares_TT, lag if self.backward else -lag)
        return shares[~np.isnan(shares)]

    @cached_property
    def rows_L(self) -> NDArray[np.int64]:
        """How many losses look back so many steps."""
        return np.array([self._lag(lag).size for lag in range(len(self))], dtype=np.int64)

    @cached_property
    def median_L(self) -> Floats64:
        """Median over the losses of the share that reaches lag l; NaN where no loss looks so far back."""
        return np.array([np.median(s) if (s := self._lag(lag)).size else np.nan for lag in range(len(self))])

    def _first_lag_under(self, share: float) -> int | None:
        under = np.flatnonzero(self.median_L < share)
        return int(under[0]) if under.size else None

    @property
    def half_life_steps(self) -> int | None:
        """The first lag at which the median share is under one half; None where the text never gets there."""
        return self._first_lag_under(HALF)

    @property
    def horizon_steps(self) -> int | None:
        """The first lag at which the median share is under 1 %; None where the text never gets there."""
        return self._first_lag_under(HORIZON)

    @cached_property
    def fit(self) -> tuple[float, float] | None:
        """Slope (nats per step) and intercept of the line fitted to ln median_L; None under three usable lags.

        Least squares over the lags that at least LEAST_ROWS losses have. Beside lambda_1 of lyapunov_exponents, which
        is the same decay for the direction that lasts longest.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            log_L = np.log(self.median_L)
        lags = np.flatnonzero((self.rows_L >= LEAST_ROWS) & np.isfinite(log_L))
        if lags.size < 3:
            return None
        slope, intercept = np.polyfit(lags, log_L[lags], 1)
        return float(slope), float(intercept)

    @property
    def slope_per_step(self) -> float | None:
        """The fitted slope, nats per step: exp(slope) is what one more step leaves. None where it cannot be fitted."""
        return self.fit[0] if self.fit else None


@dataclass(frozen=True)
class JacobianPaths:
    """What carries the gradient through each step of one net: J_t = ds_t/ds_{t-1} split by path.

    s is h, and (h, c) for an LSTM. Paths of a GRU: "copy" diag(z), "update" (h acts on z), "candidate" (h acts on n,
    also through r). Of an LSTM: "copy" (c kept by f), "gates" (h acts on i, f, o), "candidate" (h acts on g). An RNN
    has the candidate only.

    Attributes:
        net: which layer and direction.
        carried: path -> ||g_t P_t|| / ||g_t||, g_t the gradient of the text's mean loss at s_t: what really passes.
            NaN where no gradient arrives.
        gain_T: the same for all paths together, ||g_t J_t|| / ||g_t||.
        norms: path -> sigma_max of the path alone, what it could pass at most; empty without singular values.
        sigma_max_T: largest singular value of J_t; empty without singular values.
        sigma_min_T: smallest one; empty without singular values.
        log_product_T: ln of the Frobenius norm of J_t ... J_0, nats; -inf for a product of zero.
        bound: sigma_max(U) * gamma of a plain cell (Pascanu et al. 2013, arXiv 1211.5063; gamma is 1, for a sigmoid
            1/4): under 1 it must vanish, above 1 it need not explode. None for gated cells.

    """

    net: NetKey
    carried: Mapping[str, Floats64]
    gain_T: Floats64
    norms: Mapping[str, Floats64]
    sigma_max_T: Floats64
    sigma_min_T: Floats64
    log_product_T: Floats64
    bound: float | None


@dataclass(frozen=True)
class LyapunovSpectrum:
    """Finite-time Lyapunov exponents of one net along a text, its inputs given (Vogt et al. 2020, arXiv 2006.14123).

    Attributes:
        net: which layer and direction.
        running_TK: the K largest exponents after so many steps, nats per step, counted from where the net ends.

    """

    net: NetKey
    running_TK: Floats64

    @property
    def exponents_K(self) -> Floats64:
        """The exponents over the whole text, largest first; NaN for a text without characters."""
        return self.running_TK[-1] if len(self.running_TK) else np.full(self.running_TK.shape[1], np.nan)


@dataclass(frozen=True)
class WeightGradients:
    """What each step of a text adds to the gradient of each parameter; the loss is the text's mean, in nats.

    Attributes:
        norms_T: parameter name -> norm of the part that step t adds.
        total_norms: parameter name -> norm of the sum over steps, which is the gradient that training sees.

    """

    norms_T: Mapping[str, Floats64]
    total_norms: Mapping[str, float]

    @property
    def all_T(self) -> Floats64:
        """Norm of what step t adds to all parameters together."""
        squares: Floats64 = np.sqrt(sum(norm_T**2 for norm_T in self.norms_T.values()))
        return squares

    @property
    def surviving_share(self) -> dict[str, float]:
        """Norm of the sum / sum of the norms, in [0, 1]: 1 where all steps agree, 0 where they cancel; NaN for 0 / 0."""
        sums = {name: float(norm_T.sum()) for name, norm_T in self.norms_T.items()}
        return {name: self.total_norms[name] / total if total else math.nan for name, total in sums.items()}


class _Linear(ABC):
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


class _RNN(_Linear):
    """J = diag(phi'(a)) U, the slope written in h."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, h_TH: Tensor, activation: str) -> None:
        super().__init__(weights, h_TH.shape[1], h_prev_TH)
        self.slope_TH = {
            "tanh": lambda: 1 - h_TH * h_TH,
            "relu": lambda: (h_TH > 0).to(h_TH.dtype),
            "sigmoid": lambda: h_TH * (1 - h_TH),
        }[activation]()

    def jacobian(self, t: int) -> Tensor:
        return self.slope_TH[t].unsqueeze(1) * self.u[0]

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        return {"candidate": (ds_RS * self.slope_TH[t]) @ self.u[0]}

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return (ds_RS * self.slope_TH[t]) @ self.w[0]


class _GRU(_Linear):
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


class _LSTM(_Linear):
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


@dataclass(frozen=True)
class _Reading:
    """A model that has read a text: ids, inputs and states in the order of the text."""

    model: CharModel
    ids_T: Tensor
    x: Tensor
    h: dict[NetKey, Tensor]

    @classmethod
    @torch.no_grad()
    def of(cls, model: CharModel, text: str) -> _Reading:
        ids_T = model.vocabulary.encode(text)
        x = model.embedding(ids_T.unsqueeze(1)) if model.embedding is not None else ids_T.unsqueeze(1)
        h = model.states(ids_T.unsqueeze(1))[0] if len(ids_T) else {}
        return cls(model, ids_T, x, {net: h_T1H[:, 0] for net, h_T1H in h.items()})

    def linear(self, net: NetKey) -> _Linear:
        """One net linearised along the text."""
        config, weights = self.model.config, self.model.rnn.weights(net)
        h = {key: states.unsqueeze(1) for key, states in self.h.items()}
        read, h_TH = self.model.rnn.input_of(net, self.x, h)[:, 0], self.h[net]
        if config.reads_backward(net):
            read, h_TH = read.flip(0), h_TH.flip(0)
        h_prev_TH = torch.cat([torch.zeros_like(h_TH[:1]), h_TH[:-1]])
        if config.cell == "rnn":
            return _RNN(weights, h_prev_TH, h_TH, config.activation)
        if config.cell == "lstm":
            return _LSTM(weights, h_prev_TH, *lstm_gates(read, h_prev_TH, weights))
        _, r, z, n = gru_step(read, h_prev_TH, weights, config.reset)
        return (_GRUBefore if config.reset == "before" else _GRUAfter)(weights, h_prev_TH, r, z, n)

    @property
    def losses(self) -> int:
        """How many characters are predicted."""
        return len(self.ids_T) if self.model.config.objective == "cloze" else max(len(self.ids_T) - 1, 0)

    def asked_T(self, net: NetKey) -> Tensor:
        """Which character the loss read off the state after t speaks of; -1 for none."""
        ahead = self.model.config.objective != "cloze" or net.direction == "forward"
        asked_T = torch.arange(len(self.ids_T)) + (1 if ahead else -1)
        return asked_T.where(asked_T < len(self.ids_T), -1)

    def local_gradients(self, net: NetKey) -> Tensor:
        """dL_t/dh_t at the top net of a direction, (T, H) in the order of the text: zero where no loss is read."""
        config = self.model.config
        features_TF = self.model.features({key: states.unsqueeze(1) for key, states in self.h.items()})[:, 0]
        # dL/dlogits = softmax - onehot, and on through the output weights
        asked_T = self.asked_T(net)
        rows = asked_T if config.objective == "cloze" else torch.arange(len(asked_T))  # the logits that answer
        probabilities_TV = self.model.out(features_TF).softmax(-1)[rows]
        error_TV = probabilities_TV - F.one_hot(self.ids_T[asked_T], len(self.model.vocabulary))
        start = 0 if net.direction == "forward" else config.width("forward")
        weight_VH = self.model.out.weight[:, start : start + config.width(net.direction)]
        local_TH: Tensor = (error_TV @ weight_VH) * (asked_T >= 0).unsqueeze(1)
        return local_TH


def _check_net(model: CharModel, layer: int, direction: str) -> NetKey:
    config, net = model.config, NetKey(layer, direction)
    if net not in config.nets:
        there = ", ".join(f"(layer={n.layer}, direction={n.direction!r})" for n in config.nets)
        raise ConfigError(f"Expected a net out of {there}; got (layer={layer}, direction={direction!r}).")
    if config.direction == "bidirectional" and not config.stacked_apart and layer < config.num_layers - 1:
        raise ConfigError(
            f"Expected the last layer ({config.num_layers - 1}) of a model whose layers read both directions below: under "
            f"it a gradient runs both ways through the text, which one sweep cannot follow. Got layer {layer}."
        )
    return net


def _nets_above(model: CharModel, net: NetKey) -> list[NetKey]:
    """The nets a gradient passes on its way to this one, the top first, itself last. All read in the same direction."""
    config = model.config
    directions = config.directions if config.direction == "parallel" else (net.direction,)
    return [NetKey(i, d) for i in reversed(range(net.layer + 1, config.num_layers)) for d in directions] + [net]


class _Sweep:
    """The backward sweep: rows of gradients at every net on the way, one row a loss, and one for the mean of all.

    A row that has become very small or large is scaled back by a power of two; its scale is kept in float64, so that
    a gradient of 1e-200 is a number in float32 too.
    """

    def __init__(self, reading: _Reading, net: NetKey, *, each: bool) -> None:
        model = reading.model
        self.nets = _nets_above(model, net)
        self.steps, self.each = len(reading.ids_T), each
        self.backward = model.config.reads_backward(net)
        self.linear = {key: reading.linear(key) for key in self.nets}
        top = model.config.num_layers - 1
        self.local = {key: reading.local_gradients(key) for key in self.nets if key.layer == top}
        if self.backward:
            self.local = {key: local.flip(0) for key, local in self.local.items()}
        self.share = 1 / max(reading.losses, 1)
        rows = self.steps + 1 if each else 1
        dtype = model.out.weight.dtype
        # Two blocks a net: at a step, and one step earlier.
        self.ds, self.earlier = (
            {key: torch.zeros(rows, line.parts * line.hidden, dtype=dtype) for key, line in self.linear.items()}
            for _ in range(2)
        )
        self.scale = np.ones(rows)
        self.fed = {key: _fed_by(model, key, self.nets) for key in self.nets}

    def __iter__(self) -> Iterator[tuple[int, Tensor, Floats64]]:
        """From the last step to the first: t, completed rows at the last net (losses t, t+1, ..., mean), their norms.

        The norms are (rows, parts of the state) in float64; the rows themselves are to be multiplied with `scale`.
        """
        for t in reversed(range(self.steps)):
            first = t if self.each else 0
            sizes = []
            for key in self.nets:
                ds, line = self.ds[key][first:], self.linear[key]
                if key in self.local:
                    self._enter(ds[:, : line.hidden], self.local[key][t])
                line.complete(ds, t)
                by_part = ds.view(-1, line.parts, line.hidden)
                norms_RP = torch.linalg.vector_norm(by_part, dim=2, dtype=torch.float64).numpy()
                sizes.append(norms_RP.max(1))
                if key == self.nets[-1]:
                    yield t, ds, norms_RP * self.scale[first:, None]
                self._feed(key, ds, t, first)
                line.pull(ds, t, self.earlier[key][first:])
            self.ds, self.earlier = self.earlier, self.ds
            self._rescale(np.max(sizes, 0), first)

    def _enter(self, dh_RH: Tensor, local_H: Tensor) -> None:
        if self.each:
            dh_RH[0] += local_H
        dh_RH[-1] += local_H * (self.share / float(self.scale[-1]))

    def _feed(self, key: NetKey, ds: Tensor, t: int, first: int) -> None:
        if self.fed[key]:
            dx_RE = self.linear[key].push(ds, t)
            for below, columns in self.fed[key].items():
                self.ds[below][first:, : self.linear[below].hidden] += dx_RE[:, columns]

    def _rescale(self, size_R: Floats64, first: int) -> None:
        there_R = size_R[size_R > 0]
        if not there_R.size or (there_R.min() > SMALL and there_R.max() < LARGE):
            return
        # All rows that are on their way out at once, so that this is rare; zero and what is not finite stay.
        rows = np.flatnonzero(((size_R < NEAR_SMALL) | (size_R > NEAR_LARGE)) & (size_R > 0) & np.isfinite(size_R))
        unit = np.exp2(np.floor(np.log2(size_R[rows])))
        self.scale[first + rows] *= unit
        for ds in self.ds.values():
            ds[first + rows] /= torch.from_numpy(unit).to(ds.dtype).unsqueeze(1)


def _fed_by(model: CharModel, net: NetKey, nets: Sequence[NetKey]) -> dict[NetKey, slice]:
    """Which of the nets a net reads, and where they stand in its input."""
    config, fed, start = model.config, {}, 0
    for direction in (net.direction,) if config.stacked_apart else config.directions:
        stop = start + config.width(direction)
        if (below := NetKey(net.layer - 1, direction)) in nets:
            fed[below] = slice(start, stop)
        start = stop
    return fed


@torch.no_grad()
def gradient_flow(model: CharModel, text: str, layer: int = 0, direction: str = "forward") -> GradientFlow:
    """How much of each character's loss reaches each step of one net, by one backward sweep over all losses at once.

    Exact and untruncated. Under other layers, the gradient comes down through all of them at every step.

    Args:
        model: left exactly as it was found.
        text: at most 4,000 characters; of an empty one or a single character nothing is defined.
        layer: of the net.
        direction: of the net, "forward" or "backward".

    Raises:
        ConfigError: no such net; or a lower layer of a model whose layers read both directions below.
        TextError: a longer text: the matrix has its square. Take a part of it.

    """
    net = _check_net(model, layer, direction)
    text = clean_text(text)
    steps = len(text)
    if steps > MAX_STEPS:
        raise TextError(f"Expected at most {MAX_STEPS:,} characters for a T x T flow; got {steps:,}. Take a part.")
    parts = 2 if model.config.cell == "lstm" else 1
    norms = np.full((parts, steps, steps), np.nan)
    step_norms_T = np.full(steps, np.nan)
    directions_TS = np.full((steps, parts * model.config.width(direction)), np.nan)
    reading = _Reading.of(model, text)
    backward = model.config.reads_backward(net)
    asked_T = reading.asked_T(net).numpy()
    if reading.losses and steps > 1:
        for t, ds, norms_RP in _Sweep(reading, net, each=True):
            norms[:, t:, t], step_norms_T[t] = norms_RP[:-1].T, norms_RP[-1, 0]
            directions_TS[t] = ds[-1]
        if backward:
            norms, step_norms_T, directions_TS = (
                norms[:, ::-1, ::-1].copy(),
                step_norms_T[::-1].copy(),
                directions_TS[::-1],
            )
        norms[:, asked_T < 0] = np.nan
    fault = _first_non_finite(reading, net, norms[0], asked_T)
    with np.errstate(divide="ignore", invalid="ignore"):
        directions_TS = directions_TS / np.linalg.norm(directions_TS, axis=1, keepdims=True)
    for array in (norms, step_norms_T, directions_TS, asked_T):
        array.setflags(write=False)
    cell_norms_TT = norms[1] if parts == 2 else None
    return GradientFlow(text, net, backward, asked_T, norms[0], cell_norms_TT, step_norms_T, directions_TS, fault)


def _first_non_finite(
    reading: _Reading, net: NetKey, norms_TT: Floats64, asked_T: NDArray[np.int64]
) -> NonFinite | None:
    """The first parameter, else the first state, else the first gradient that is not a finite number."""
    for name, parameter in reading.model.named_parameters():
        if (bad := (~parameter.isfinite()).flatten().nonzero()).numel():
            return NonFinite(name, None, int(bad[0]))
    for key, h_TH in reading.h.items():
        h_TH = h_TH.flip(0) if reading.model.config.reads_backward(key) else h_TH
        if (bad := (~h_TH.isfinite()).nonzero()).numel():
            step, unit = bad[0].tolist()
            step = len(h_TH) - 1 - step if reading.model.config.reads_backward(key) else step
            return NonFinite(f"state h of layer {key.layer}, {key.direction}", step, unit)
    inside_TT = np.tri(len(norms_TT), dtype=bool)
    inside_TT = inside_TT.T if reading.model.config.reads_backward(net) else inside_TT
    bad_rows, bad_steps = np.nonzero(~np.isfinite(norms_TT) & inside_TT & (asked_T >= 0)[:, None])
    if bad_rows.size:
        return NonFinite(f"gradient of the loss read off step {bad_rows[0]}", int(bad_steps[0]), None)
    return None


def flow_residual(model: CharModel, flow: GradientFlow) -> float | None:
    """Largest relative difference between a few rows of a flow and torch.autograd.grad through an unrolled loop.

    Three losses among the first 32 steps that the net reads, every step each reaches. About 1e-5 is the rounding of
    float32. None where no loss is read off these steps.
    """
    reading, net = _Reading.of(model, flow.text), flow.net
    order = np.arange(len(flow))[::-1] if flow.backward else np.arange(len(flow))
    order = order[:PROOF_STEPS]
    asked = [int(t) for t in order if flow.asked_T[t] >= 0]
    if not asked:
        return None
    with torch.enable_grad():
        h_of = _unrolled(reading, net, [int(t) for t in order])
        residuals = []
        for place in np.linspace(0, len(asked) - 1, PROOF_ROWS).astype(int):
            row, reached = asked[place], [int(t) for t in order[: list(order).index(asked[place]) + 1]]
            loss = _loss_read_off(reading, h_of, net, row, int(flow.asked_T[row]))
            gradients = torch.autograd.grad(loss, [h_of[net][k] for k in reached], retain_graph=True)
            expected = np.array([float(torch.linalg.vector_norm(g, dtype=torch.float64)) for g in gradients])
            ours = flow.norms_TT[row, reached]
            residuals.append(np.max(np.abs(ours - expected) / np.maximum(expected, np.finfo(np.float32).tiny)))
    return float(max(residuals))


def _unrolled(reading: _Reading, net: NetKey, order: Sequence[int]) -> dict[NetKey, dict[int, Tensor]]:
    """States h_1H of a net and of those above it, step by step under autograd; what they read besides is taken as given."""
    model = reading.model
    config, h_of = model.config, dict[NetKey, dict[int, Tensor]]()
    for key in reversed(_nets_above(model, net)):
        weights, h_of[key] = model.rnn.weights(key), {}
        state = model.rnn.zero_state(1)[key]
        for t in order:
            known = {k: h_of[k][t] if k in h_of and k != key else h_TH[t : t + 1] for k, h_TH in reading.h.items()}
            x = model.rnn.input_of(key, reading.x[t], known)
            if config.cell == "gru":
                state = (gru_step(x, state[0], weights, config.reset).h,)
            elif config.cell == "rnn":
                state = (rnn_step(x, state[0], weights, config.activation).h,)
            else:
                step = lstm_step(x, state[0], state[1], weights)
                state = (step.h, step.c)
            if not state[0].requires_grad:  # of a frozen model
                state[0].requires_grad_()
            h_of[key][t] = state[0]
    return h_of


def _loss_read_off(
    reading: _Reading, h_of: Mapping[NetKey, Mapping[int, Tensor]], net: NetKey, row: int, asked: int
) -> Tensor:
    """The loss of character `asked`, read off the state of `net`'s direction after step `row`."""
    config, parts = reading.model.config, []
    for direction in config.directions:
        key = NetKey(config.num_layers - 1, direction)
        # cloze reads each character from the state before it and the state after it
        t = row if config.objective != "cloze" else asked - 1 if direction == "forward" else asked + 1
        inside = 0 <= t < len(reading.ids_T)
        given = reading.h[key][t : t + 1] if inside else reading.h[key].new_zeros(1, config.width(direction))
        parts.append(h_of[key][t] if key in h_of and t in h_of[key] else given)
    return F.cross_entropy(reading.model.out(torch.cat(parts, 1)), reading.ids_T[asked : asked + 1])


@torch.no_grad()
def jacobian_paths(
    model: CharModel,
    text: str,
    layer: int = 0,
    direction: str = "forward",
    *,
    singular_values: bool = True,
    flow: GradientFlow | None = None,
) -> JacobianPaths:
    """What each path of the cell carries at each step: of the gradient that really passes, and at most.

    Args:
        model: left exactly as it was found.
        text: any text.
        layer: of the net.
        direction: of the net.
        singular_values: also what takes decompositions of H x H matrices at every step: at 256 units, 50 ms a step.
        flow: of the same model, text and net where there is one already: it saves the sweep.

    Raises:
        ConfigError: as gradient_flow; or a flow of another text or net.

    """
    net = _check_net(model, layer, direction)
    text = clean_text(text)
    if flow is not None and (flow.text, flow.net) != (text, net):
        raise ConfigError(f"flow: expected one of the same text and net, layer {layer}, {direction}; got another.")
    reading = _Reading.of(model, text)
    if not reading.losses:
        nothing = np.empty(0)
        return JacobianPaths(net, {}, nothing, {}, nothing, nothing, nothing, None)
    line = reading.linear(net)
    in_text_order = slice(None, None, -1) if model.config.reads_backward(net) else slice(None)
    if flow is None:
        g_TS = torch.empty(len(text), line.parts * line.hidden, dtype=torch.float64)
        for t, ds, _ in _Sweep(reading, net, each=False):
            g_TS[t] = ds[0].double() / torch.linalg.vector_norm(ds[0], dtype=torch.float64)
    else:
        g_TS = torch.from_numpy(flow.directions_TS[in_text_order].copy())
    by_path = line.split(g_TS.to(line.h_prev_TH.dtype), slice(None))

    def rows(values_T: Tensor) -> Floats64:
        array: Floats64 = values_T.double().numpy()[in_text_order].copy()
        array.setflags(write=False)
        return array

    carried = {path: rows(ds_TS.double().norm(dim=1)) for path, ds_TS in by_path.items()}
    gain_T = rows(torch.stack(list(by_path.values())).sum(0).double().norm(dim=1))
    sigma = _singular_values(line, len(text)) if singular_values else {}
    largest = {path: rows(sigma[path]) for path in by_path if path in sigma}
    highest, lowest, log_product = (rows(sigma.get(name, torch.empty(0))) for name in ("max", "min", "log product"))
    gamma = 0.25 if model.config.activation == "sigmoid" else 1.0
    bound = gamma * float(torch.linalg.matrix_norm(line.u[0], 2)) if model.config.cell == "rnn" else None
    return JacobianPaths(net, carried, gain_T, largest, highest, lowest, log_product, bound)


def _singular_values(line: _Linear, steps: int) -> dict[str, Tensor]:
    """sigma_max of every path, sigma_max and sigma_min of J_t, and ln ||J_{T-1} ... J_t||_F, each (T,)."""
    values: dict[str, list[Tensor]] = {}
    product, log_scale = (
        torch.eye(line.parts * line.hidden, dtype=line.h_prev_TH.dtype),
        torch.zeros((), dtype=torch.float64),
    )
    for t in reversed(range(steps)):
        unit = torch.eye(len(product), dtype=product.dtype)
        line.complete(unit, t)
        row = {path: torch.linalg.matrix_norm(part, 2) for path, part in line.split(unit, t).items()}
        jacobian = line.jacobian(t)
        sigma = torch.linalg.svdvals(jacobian)
        product = product @ jacobian
        size = torch.linalg.vector_norm(product, dtype=torch.float64)
        log_scale = log_scale + size.log()
        product = product / size if size > 0 else product
        row |= {"max": sigma[0], "min": sigma[-1], "log product": log_scale}
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    return {name: torch.stack(column).flip(0) for name, column in values.items()}


@torch.no_grad()
def lyapunov_exponents(
    model: CharModel, text: str, k: int = 4, layer: int = 0, direction: str = "forward"
) -> LyapunovSpectrum:
    """The k largest finite-time Lyapunov exponents of one net along a text, by QR of its Jacobians.

    lambda_1 is the rate, in nats per step, at which a gradient in the direction that lasts longest fades or grows. The
    directions are carried backward, as gradients are (a product of Jacobians and its transpose have the same exponents);
    they start from k random ones, the same every time.

    Args:
        model: left exactly as it was found.
        text: any text; with few steps the exponents have not settled, running_TK shows how far.
        k: how many, at most the width of the state (2H for an LSTM).
        layer: of the net; its inputs are taken as given.
        direction: of the net.

    Raises:
        ConfigError: no such net, or a k it does not have.

    """
    net = _check_net(model, layer, direction)
    reading = _Reading.of(model, clean_text(text))
    width = model.config.width(direction) * (2 if model.config.cell == "lstm" else 1)
    if not 1 <= k <= width:
        raise ConfigError(f"k: expected 1 to {width} exponents for this net; got {k}.")
    steps = len(reading.ids_T)
    if not steps:
        return LyapunovSpectrum(net, np.empty((0, k)))
    line = reading.linear(net)
    start = torch.randn(width, k, dtype=line.h_prev_TH.dtype, generator=torch.Generator().manual_seed(0))
    q_SK = torch.linalg.qr(start)[0]
    logs_TK = torch.empty(steps, k, dtype=torch.float64)
    for count, t in enumerate(reversed(range(steps))):
        # Q_{t-1} R_t = J_t^T Q_t;  lambda_i = 1/T sum over t of ln |R_t,ii|
        ds_KS = q_SK.T.contiguous()
        line.complete(ds_KS, t)
        line.pull(ds_KS, t, earlier_KS := torch.empty_like(ds_KS))
        q_SK, r_KK = torch.linalg.qr(earlier_KS.T)
        logs_TK[count] = r_KK.diagonal().abs().double().log()
    running_TK: Floats64 = (logs_TK.cumsum(0) / torch.arange(1, steps + 1).unsqueeze(1)).numpy()
    running_TK.setflags(write=False)
    return LyapunovSpectrum(net, running_TK)


def weight_gradient_steps(model: CharModel, text: str) -> WeightGradients:
    """What each step adds to the gradient of every parameter, for the mean loss of a text, in nats.

    The part of step t is what the weights get from being used at t, with the gradient of all later losses: the part of a
    matrix is an outer product, whose norm is the product of two norms. The sum over t is the gradient training sees.

    Raises:
        TextError: a text of which the model predicts nothing.

    """
    contributions = _contributions(model, predicted_ids(model, text))
    norms_T = {name: _outer_norms(pairs) for name, pairs in contributions.items()}
    totals = {name: _outer_sum_norm(pairs) for name, pairs in contributions.items()}
    return WeightGradients(norms_T, totals)


def text_loss(model: CharModel, logits_TV: Tensor, ids_T: Tensor) -> Tensor:
    """Mean negative log-likelihood, in nats, of the characters of a text that a model predicts."""
    if model.config.objective == "cloze":
        return F.cross_entropy(logits_TV, ids_T)
    return F.cross_entropy(logits_TV[:-1], ids_T[1:])


def predicted_ids(model: CharModel, text: str) -> Tensor:
    """ids_T of a text of which the model predicts something.

    Raises:
        TextError: an empty text, or a single character for a model that predicts the next.

    """
    ids_T = model.vocabulary.encode(text)
    least = 1 if model.config.objective == "cloze" else 2
    if len(ids_T) < least:
        raise TextError(f"Expected a text of at least {least} characters, so that there is a loss; got {len(ids_T)}.")
    return ids_T


Outer = tuple[Tensor, Tensor]
"""Two blocks of rows whose outer products, step by step, make a part of a gradient: (rows_TA, columns_TB)."""


def _outer_norms(pairs: Sequence[Outer]) -> Floats64:
    # ||a b^T|| = ||a|| ||b||; the pairs fill different rows of the parameter
    squares = [(a.double().norm(dim=1) * b.double().norm(dim=1)) ** 2 for a, b in pairs]
    norms_T: Floats64 = torch.stack(squares).sum(0).sqrt().numpy()
    norms_T.setflags(write=False)
    return norms_T


def _outer_sum_norm(pairs: Sequence[Outer]) -> float:
    return math.hypot(*(float(torch.linalg.vector_norm(a.T @ b, dtype=torch.float64)) for a, b in pairs))


def _contributions(model: CharModel, ids_T: Tensor) -> dict[str, list[Outer]]:
    """The parts of every parameter's gradient, in the order of the text.

    Autograd is asked for the gradient at a zero that is added to every projected input, so that no parameter is touched.
    """
    read: dict[NetKey, Tensor] = {}
    states: dict[NetKey, Tensor] = {}
    nudges: dict[str, Tensor] = {}

    def nudged(name: str, value: Tensor) -> Tensor:
        nudges[name] = torch.zeros_like(value).requires_grad_()
        return value.detach() + nudges[name] if name == "embedding" else value + nudges[name]

    with torch.enable_grad():
        x = ids_T.unsqueeze(1)
        if model.embedding is not None:
            x = nudged("embedding", model.embedding(x))
        for net in model.config.nets:
            weights, flip = model.rnn.weights(net), model.config.reads_backward(net)
            read[net] = model.rnn.input_of(net, x, states)
            own = read[net].flip(0) if flip else read[net]
            projected = nudged(net.suffix, input_projection(own, weights))
            zero = model.rnn.zero_state(1)[net]
            h_T1H, _ = scan(model.config.cell, model.config.variant, projected, zero, weights.w_hh_GH, weights.b_hh_G)
            states[net] = h_T1H.flip(0) if flip else h_T1H
        features_TF = model.features(states)[:, 0]
        logits_TV = nudged("out", model.out(features_TF))
        loss = text_loss(model, logits_TV, ids_T)
        gradients = dict(zip(nudges, torch.autograd.grad(loss, list(nudges.values())), strict=True))
    one_hot_TV = F.one_hot(ids_T, len(model.vocabulary)).to(loss.dtype)
    parts: dict[str, list[Outer]] = {}
    if model.embedding is not None:
        parts["embedding.weight"] = [(one_hot_TV, gradients["embedding"][:, 0])]
    for net in model.config.nets:
        x_TE = read[net][:, 0].detach() if read[net].is_floating_point() else one_hot_TV
        parts |= _net_contributions(model, net, gradients[net.suffix][:, 0], x_TE, states[net][:, 0].detach())
    parts["out.weight"] = [(gradients["out"], features_TF.detach())]
    parts["out.bias"] = [(gradients["out"], _ones(gradients["out"]))]
    return parts


def _ones(like_TA: Tensor) -> Tensor:
    return like_TA.new_ones(len(like_TA), 1)


def _net_contributions(
    model: CharModel, net: NetKey, dgates_TG: Tensor, x_TE: Tensor, h_TH: Tensor
) -> dict[str, list[Outer]]:
    """The parts of one net's four parameters; dgates_TG in the order in which the net reads, the rest in the text's."""
    config, hidden = model.config, h_TH.shape[1]
    weights = CellWeights(*(parameter.detach() for parameter in model.rnn.weights(net)))
    if config.reads_backward(net):
        x_TE, h_TH = x_TE.flip(0), h_TH.flip(0)
    h_prev_TH = torch.cat([torch.zeros_like(h_TH[:1]), h_TH[:-1]])
    recurrent: list[Outer] = [(dgates_TG, h_prev_TH)]
    dbias_TG = dgates_TG
    if config.cell == "gru":
        step = gru_step(x_TE, h_prev_TH, weights, config.reset)
        drz, dn = dgates_TG.split([2 * hidden, hidden], 1)
        if config.reset == "before":
            recurrent = [(drz, h_prev_TH), (dn, step.r * h_prev_TH)]
        else:  # U_n h' + c_n is behind the reset gate
            dbias_TG = torch.cat([drz, dn * step.r], 1)
            recurrent = [(dbias_TG, h_prev_TH)]
    parts = {
        f"rnn.weight_ih{net.suffix}": [(dgates_TG, x_TE)],
        f"rnn.weight_hh{net.suffix}": recurrent,
        f"rnn.bias_ih{net.suffix}": [(dgates_TG, _ones(dgates_TG))],
        f"rnn.bias_hh{net.suffix}": [(dbias_TG, _ones(dgates_TG))],
    }
    if config.reads_backward(net):
        return {name: [(a.flip(0), b.flip(0)) for a, b in pairs] for name, pairs in parts.items()}
    return parts
