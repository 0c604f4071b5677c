"""How much of each character's loss reaches each earlier step.

One net is linearised along a text once, for all steps together (cells/base.LinearNet); what is left is one sweep that
carries the gradients of *all* characters' losses at once (explorer.probes.sweep): the row of loss t enters at step t and
is multiplied by the Jacobian of every step it passes. docs/gradients.md has the algebra, tests/probes/test_gradients.py
the oracles. All of it is computed in float64, whatever the precision of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from explorer.batches import Cut
from explorer.fields import ConfigError, check_whole, expected
from explorer.models import NetKey, SequenceModel
from explorer.probes.pictured import Pictured
from explorer.probes.sweep import Sweep
from explorer.reads import Read, read_of
from explorer.reads.base import check_net
from explorer.text import TextError
from explorer.tokens import Tokens, token_of
from explorer.words import Saying, say

Floats64 = NDArray[np.float64]
MAX_STEPS = 4_000  # steps of a flow: its matrix has their square, 128 MB
HALF, HORIZON = 0.5, 0.01  # shares of the local gradient that half-life and horizon look for
LEAST_ROWS = 8  # a lag counts in the fitted slope when at least so many losses look that far back


def first_under(share_L: Floats64 | None, level: float) -> int | None:
    """The first lag at which a share is under a level; None where it never is."""
    if share_L is None:
        return None
    under: NDArray[np.int64] = np.flatnonzero(share_L < level)
    return int(under[0]) if under.size else None


@dataclass(frozen=True)
class NonFinite:
    """The first value that is not a finite number.

    Attributes:
        what: what holds it: a parameter by its name, or what is said of a state, a gradient or the loss.
        step: of the text; None for a parameter.
        unit: which unit (of a parameter: which entry, counted row by row); None for a norm.

    """

    what: str | Saying
    step: int | None
    unit: int | None

    def __str__(self) -> str:
        step = [Saying("value.step", {"step": self.step})] * (self.step is not None)
        entry = [Saying("value.entry", {"entry": self.unit})] * (self.unit is not None)
        return say("value", parts=[self.what, *step, *entry])


@dataclass(frozen=True, repr=False)
class GradientFlow(Pictured):
    """How much of each character's loss reaches each step of one net.

    Row t is the loss that is *read off* h_t: of character t + 1, or of character t - 1 for a cloze model's net that
    reads from the end. The diagonal is that loss's local gradient; columns run to where the net began to read.

    Attributes:
        labels: what stands at each step: the characters of a text, as it was read.
        net: which layer and direction.
        backward: whether the net reads from the end; then row t has its values at k >= t.
        asked_T: the character that row t's loss speaks of; -1 where no loss is read off h_t.
        norms_TT: norms_TT[t, k] = ||dL_t/ds_k||_2, nats per unit of state; NaN where there is no path or no loss. s is the
            whole state: h, and for an LSTM (h, c), where the gradient at c_k has what h_k passes on to it added. Zero where the
            graph is cut between k and t.
        step_norms_T: ||dL/ds_k||_2, L the mean of all losses of the text, as in training.
        parts: "h", and for an LSTM "c" -> (norms_TT, step_norms_T) of that part of the state alone.
        directions_TS: dL/ds_k brought to length 1; NaN where that gradient is zero.
        lambda_1: the largest Lyapunov exponent, nats per step, as lyapunov_exponents gives it: the decay of the direction
            that lasts longest. NaN where no loss is read, or not every number is finite.
        non_finite: the first value on the way that is not a finite number; None where all are.
        cut: where the graph is cut, as training does it; None where it is followed to the beginning.

    """

    labels: Sequence[str]
    net: NetKey
    backward: bool
    asked_T: NDArray[np.int64]
    norms_TT: Floats64
    step_norms_T: Floats64
    parts: Mapping[str, tuple[Floats64, Floats64]]
    directions_TS: Floats64
    lambda_1: float
    non_finite: NonFinite | None
    cut: Cut | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def _facts(self) -> dict[str, Any]:
        steps = {"half_life_steps": self.half_life_steps, "horizon_steps": self.horizon_steps}
        return {"steps": len(self), "net": tuple(self.net)} | steps | {"lambda_1": self.lambda_1}

    @property
    def state(self) -> str:
        """What the norms are of: "h", or "(h, c)"."""
        names = tuple(self.parts)
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    def alone(self, part: str) -> GradientFlow:
        """The same flow at one part of the state alone, with its half-life, horizon and slope.

        Args:
            part: "h", or of an LSTM "c".

        Raises:
            ConfigError: a part this state does not have.

        """
        if part not in self.parts:
            raise ConfigError("part", expected("part", parts=tuple(self.parts)), part)
        norms_TT, step_norms_T = self.parts[part]
        return replace(self, norms_TT=norms_TT, step_norms_T=step_norms_T, parts={part: self.parts[part]})

    @property
    def local_T(self) -> Floats64:
        """||dL_t/ds_t||: what each loss gives its own step."""
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

    @property
    def half_life_steps(self) -> int | None:
        """The first lag at which the median share is under one half; None where the text never gets there."""
        return first_under(self.median_L, HALF)

    @property
    def horizon_steps(self) -> int | None:
        """The first lag at which the median share is under 1 %; None where the text never gets there."""
        return first_under(self.median_L, HORIZON)

    @cached_property
    def fit(self) -> tuple[float, float] | None:
        """Slope (nats per step) and intercept of the line fitted to ln median_L; None under three usable lags.

        Least squares over the lags that at least LEAST_ROWS losses have. Beside lambda_1, which is the same decay for
        the direction that lasts longest.
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


@torch.no_grad()
def gradient_flow(
    model: SequenceModel,
    text: Tokens | Read,
    layer: int = 0,
    direction: str = "forward",
    cut: Cut | None = None,
    earlier: tuple[Read, GradientFlow] | None = None,
) -> GradientFlow:
    """How much of each character's loss reaches each step of one net, by one backward sweep over all losses at once.

    Exact. Under other layers, the gradient comes down through all of them at every step.

    Args:
        model: left exactly as it was found.
        text: at most 4,000 characters, or steps of what the model has read already; of an empty one or a single character
            nothing is defined.
        layer: of the net, counted from 0.
        direction: of the net, "forward" or "backward".
        cut: where the graph is cut, as `Recipe.cut` has it of a training; None for nowhere.
        earlier: a flow and what it is of, before a text was edited: what the edit cannot have changed is taken from there.
            A character at the end of 200 then costs a few rows instead of 202. It is not used where it does not fit.

    Raises:
        ConfigError: no such net; a lower layer of a model whose layers read both directions below; a read of another model; or
            a cut whose numbers are not whole and at least 1, or of a model with a net that reads from the end, which begins anew
            in every batch and so has other states.
        TextError: a longer text: the matrix has its square. Take a part of it.

    """
    net = check_net(model, layer, direction)
    read = read_of(model, text)
    steps = len(read)
    if steps > MAX_STEPS:
        raise TextError("text.too-long-for-flow", most=MAX_STEPS, count=steps, of_token=token_of(read.labels))
    if cut is not None:
        cut = Cut(*(check_whole("cut", number, 1, 10**9) for number in cut))
    if cut is not None and any(map(model.config.reads_backward, model.config.nets)):
        raise ConfigError("cut", expected("no-cut-backward"), tuple(cut))
    asked_T = read.asked_T(net).numpy()
    known = earlier[1] if earlier and _fits(*earlier, read, net, cut) else None
    swept = _swept(read, net, asked_T, cut, known, read.shared(earlier[0]) if earlier and known else 0)
    fault = _first_non_finite(read, swept, asked_T)
    norms_TT, step_norms_T = _whole(swept.norms_PTT), _whole(swept.step_norms_PT)
    with np.errstate(divide="ignore", invalid="ignore"):
        directions_TS = swept.directions_TS / np.linalg.norm(swept.directions_TS, axis=1, keepdims=True)
    for array in (norms_TT, step_norms_T, swept.norms_PTT, swept.step_norms_PT, directions_TS, asked_T):
        array.setflags(write=False)
    parts = dict(zip(("h", "c"), zip(swept.norms_PTT, swept.step_norms_PT, strict=True), strict=False))
    lambda_1 = swept.lambda_1 if fault is None else np.nan
    return GradientFlow(
        read.labels, net, swept.backward, asked_T, norms_TT, step_norms_T, parts, directions_TS, lambda_1, fault, cut
    )


@dataclass(frozen=True)
class _Swept:
    """What a sweep over all losses leaves, by part P of the state, in the order of the text; NaN where nothing is defined."""

    backward: bool
    norms_PTT: Floats64
    step_norms_PT: Floats64
    directions_TS: Floats64
    lambda_1: float


def _fits(before: Read, known: GradientFlow, read: Read, net: NetKey, cut: Cut | None) -> bool:
    """Whether rows of a flow can be rows of another: of the same net with the same weights, whole and finite."""
    if known.net != net or cut or known.cut or known.non_finite or len(known.parts) != read.model.config.parts:
        return False
    # The flow was computed by a copy of the model as it was then.
    weights = (one.precise.parameters() for one in (before, read))
    return read.shared(before) > 0 and all(torch.equal(was, now) for was, now in zip(*weights, strict=True))


def _swept(
    read: Read, net: NetKey, asked_T: NDArray[np.int64], cut: Cut | None, known: GradientFlow | None, shared: int
) -> _Swept:
    config, steps = read.model.config, len(read)
    backward = config.reads_backward(net)
    norms_PTT = np.full((config.parts, steps, steps), np.nan)
    step_norms_PT = np.full((config.parts, steps), np.nan)
    directions_TS = np.full((steps, config.parts * config.width(net)), np.nan)
    if not read.losses or steps < 2:
        return _Swept(backward, norms_PTT, step_norms_PT, directions_TS, np.nan)
    if known:
        for part, (norms_TT, _) in enumerate(known.parts.values()):
            norms_PTT[part, :shared, :shared] = norms_TT[:shared, :shared]
    sweep = Sweep(read, net, each=True, cut=cut, since=shared)
    for t, ds, norms_RP in sweep:
        norms_PTT[:, max(t, shared) :, t], step_norms_PT[:, t] = norms_RP[:-2].T, norms_RP[-2]
        directions_TS[t] = ds[-2]
    if backward:
        norms_PTT, step_norms_PT, directions_TS = (
            norms_PTT[:, ::-1, ::-1].copy(), step_norms_PT[:, ::-1].copy(), directions_TS[::-1].copy(),
        )  # fmt: skip
    norms_PTT[:, asked_T < 0] = np.nan
    return _Swept(backward, norms_PTT, step_norms_PT, directions_TS, sweep.lambda_1)


def _whole(by_part: Floats64) -> Floats64:
    """The norm of all parts together; hypot neither overflows nor underflows on the way."""
    whole: Floats64 = by_part[0] if len(by_part) == 1 else np.hypot(by_part[0], by_part[1])
    return whole


def _first_non_finite(read: Read, swept: _Swept, asked_T: NDArray[np.int64]) -> NonFinite | None:
    """The first parameter, else the first state, else the first gradient that is not a finite number."""
    for name, parameter in read.model.named_parameters():
        if (bad := (~parameter.isfinite()).flatten().nonzero()).numel():
            return NonFinite(name, None, int(bad[0]))
    largest = torch.finfo(read.model.out.weight.dtype).max  # the model itself cannot hold more
    for key, h_TH in read.h.items():
        h_TH = h_TH.flip(0) if read.model.config.reads_backward(key) else h_TH
        if (bad := (~(h_TH.abs() <= largest)).nonzero()).numel():
            step, unit = bad[0].tolist()
            step = len(h_TH) - 1 - step if read.model.config.reads_backward(key) else step
            return NonFinite(Saying("value.state", {"layer": key.layer, "direction": key.direction}), step, unit)
    return _first_non_finite_gradient(swept, asked_T)


def _first_non_finite_gradient(swept: _Swept, asked_T: NDArray[np.int64]) -> NonFinite | None:
    inside_TT = np.tri(len(asked_T), dtype=bool)
    inside_TT = (inside_TT.T if swept.backward else inside_TT) & (asked_T >= 0)[:, None]
    for part, norms_TT, step_norms_T in zip(("h", "c"), swept.norms_PTT, swept.step_norms_PT, strict=False):
        bad_rows, bad_steps = np.nonzero(~np.isfinite(norms_TT) & inside_TT)
        if bad_rows.size:
            what = Saying("value.gradient-of-loss", {"part": part, "row": int(bad_rows[0])})
            return NonFinite(what, int(bad_steps[0]), None)
        if (bad := np.flatnonzero(~np.isfinite(step_norms_T))).size and inside_TT.any():
            return NonFinite(Saying("value.gradient-of-mean-loss", {"part": part}), int(bad[0]), None)
    return None
