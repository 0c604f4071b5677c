"""What carries the gradient through each step of a net: the paths of its Jacobian, its singular values, its exponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.cells.base import LinearNet
from explorer.fields import ConfigError, check_whole, expected, got
from explorer.models import NetKey, SequenceModel
from explorer.probes.gradients import GradientFlow
from explorer.probes.sweep import Sweep, random_directions
from explorer.reads import Read, read_of
from explorer.reads.base import check_net
from explorer.tokens import Tokens

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class JacobianPaths:
    """What carries the gradient through each step of one net: J_t = ds_t/ds_{t-1} split by path.

    s is h, and (h, c) for an LSTM. Paths of a GRU: "copy" diag(z), "update" (h acts on z), "candidate" (h acts on n,
    also through r). Of an LSTM: "copy" (c kept by f), "gates" (h acts on i, f, o), "candidate" (h acts on g). An RNN
    has the candidate only.

    Attributes:
        net: which layer and direction.
        carried: path -> ||g_t P_t|| / ||g_t||, (T,), g_t the gradient of the text's mean loss at s_t: what really passes.
            NaN where no gradient arrives. For an LSTM g_t is taken once what h_t passes on to c_t of the same step is
            added, and P_t begins there.
        gain_T: the same for all paths together, ||g_t J_t|| / ||g_t||.
        norms: path -> sigma_max of the path alone, (T,), what it could pass at most; empty without singular values.
        sigma_max_T: largest singular value of J_t; empty without singular values.
        sigma_min_T: smallest one; empty without singular values.
        log_product_T: ln of the Frobenius norm of J_{T-1} ... J_t, nats; -inf for a product of zero.
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


@torch.no_grad()
def jacobian_paths(
    model: SequenceModel,
    text: Tokens | Read,
    layer: int = 0,
    direction: str = "forward",
    *,
    singular_values: bool = True,
    flow: GradientFlow | None = None,
) -> JacobianPaths:
    """What each path of the cell carries at each step: of the gradient that really passes, and at most.

    Args:
        model: left exactly as it was found.
        text: any text, or what the model has read already.
        layer: of the net, counted from 0.
        direction: of the net, "forward" or "backward".
        singular_values: also what takes decompositions of H x H matrices at every step: at 256 units, 50 ms a step.
        flow: of the same model, text and net where there is one already: it saves the sweep.

    Raises:
        ConfigError: no such net; a lower layer of a model whose layers read both directions below; a flow of another text or
            net; or a read of another model.

    """
    net = check_net(model, layer, direction)
    read = read_of(model, text)
    if flow is not None and (flow.labels, flow.net) != (read.labels, net):
        raise ConfigError("flow", expected("flow", layer=layer, direction=direction), got("another"))
    if not read.losses:
        none = np.empty(0)
        return JacobianPaths(net, {}, none, {}, none, none, none, None)
    line = read.linear(net)
    in_text_order = slice(None, None, -1) if model.config.reads_backward(net) else slice(None)
    if flow is None:
        g_TS = torch.empty(len(read), line.parts * line.hidden, dtype=torch.float64)
        for t, ds, _ in Sweep(read, net, each=False):
            g_TS[t] = ds[0] / torch.linalg.vector_norm(ds[0])
    else:
        g_TS = torch.from_numpy(flow.directions_TS[in_text_order].copy())
    by_path = line.split(g_TS, slice(None))

    def rows(values_T: Tensor) -> Floats64:
        array: Floats64 = values_T.numpy()[in_text_order].copy()
        array.setflags(write=False)
        return array

    carried = {path: rows(ds_TS.norm(dim=1)) for path, ds_TS in by_path.items()}
    gain_T = rows(torch.stack(list(by_path.values())).sum(0).norm(dim=1))
    sigma = _singular_values(line, len(read)) if singular_values else {}
    nothing = torch.empty(0, dtype=torch.float64)
    largest = {path: rows(sigma[path]) for path in by_path if path in sigma}
    highest, lowest, log_product = (rows(sigma.get(name, nothing)) for name in ("max", "min", "log_product"))
    bounding = model.config.kind.bound(read.precise.rnn.weights(net), model.config.variant)
    bound = None if bounding is None else float(singular_values_of(bounding)[0])
    return JacobianPaths(net, carried, gain_T, largest, highest, lowest, log_product, bound)


def _singular_values(line: LinearNet, steps: int) -> dict[str, Tensor]:
    """sigma_max of every path, sigma_max and sigma_min of J_t, and ln ||J_{T-1} ... J_t||_F, each (T,)."""
    values: dict[str, list[Tensor]] = {}
    product, log_scale = torch.eye(line.parts * line.hidden, dtype=torch.float64), torch.tensor(0.0).double()
    for t in reversed(range(steps)):
        unit = torch.eye(len(product), dtype=product.dtype)
        line.complete(unit, t)
        row = {path: singular_values_of(part)[0] for path, part in line.split(unit, t).items()}
        jacobian = line.jacobian(t)
        sigma = singular_values_of(jacobian)
        product = product @ jacobian
        size = torch.linalg.vector_norm(product)
        log_scale = log_scale + size.log()
        product = product / size if size > 0 else product
        row |= {"max": sigma[0], "min": sigma[-1], "log_product": log_scale}
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    return {name: torch.stack(column).flip(0) for name, column in values.items()}


def singular_values_of(matrix: Tensor) -> Tensor:
    """Singular values, largest first; NaN for a matrix that is not finite, which torch refuses to decompose."""
    if bool(matrix.isfinite().all()):
        sigma: Tensor = torch.linalg.svdvals(matrix)
        return sigma
    return torch.full((min(matrix.shape),), torch.nan, dtype=matrix.dtype)


@torch.no_grad()
def lyapunov_exponents(
    model: SequenceModel, text: Tokens | Read, k: int = 4, layer: int = 0, direction: str = "forward"
) -> LyapunovSpectrum:
    """The k largest finite-time Lyapunov exponents of one net along a text, by QR of its Jacobians.

    lambda_1 is the rate, in nats per step, at which a gradient in the direction that lasts longest fades or grows. The
    directions are carried backward, as gradients are (a product of Jacobians and its transpose have the same exponents);
    they start from k random ones, the same every time. Source: Vogt et al. 2020, arXiv 2006.14123.

    Args:
        model: left exactly as it was found.
        text: any text, or what the model has read already; with few steps the exponents have not settled, running_TK shows
            how far.
        k: how many, from 1 to the width of the state (2H for an LSTM).
        layer: of the net, counted from 0; its inputs are taken as given.
        direction: of the net, "forward" or "backward".

    Raises:
        ConfigError: no such net; a lower layer of a model whose layers read both directions below; a k the net does not have;
            or a read of another model.

    """
    net = check_net(model, layer, direction)
    read = read_of(model, text)
    width = model.config.parts * model.config.width(net)
    k = check_whole("k", k, 1, width)
    steps = len(read)
    if not steps:
        return LyapunovSpectrum(net, np.empty((0, k)))
    line = read.linear(net)
    q_SK = random_directions(width, k)
    logs_TK = torch.empty(steps, k, dtype=torch.float64)
    for count, t in enumerate(reversed(range(steps))):
        # Q_{t-1} R_t = J_t^T Q_t;  lambda_i = 1/T sum over t of ln |R_t,ii|
        ds_KS = q_SK.T.contiguous()
        line.complete(ds_KS, t)
        line.pull(ds_KS, t, earlier_KS := torch.empty_like(ds_KS))
        q_SK, r_KK = torch.linalg.qr(earlier_KS.T)
        logs_TK[count] = r_KK.diagonal().abs().log()
    running_TK: Floats64 = (logs_TK.cumsum(0) / torch.arange(1, steps + 1).unsqueeze(1)).numpy()
    running_TK.setflags(write=False)
    return LyapunovSpectrum(net, running_TK)
