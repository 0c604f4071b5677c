"""What is kept of a sampled step: of every net its gates and its gradient by time step, of every parameter its norms.

Time steps are those of the sequence, also for a net that reads from its end. Q counts deciles, L lags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.attaching.calls import Call
from explorer.attaching.gradients import Arrived, gradients_of
from explorer.attaching.layers import NetName
from explorer.attaching.strands import Strand, Strands, strands_of
from explorer.probes.gradients import HALF, HORIZON, first_under

Floats = NDArray[np.float64]
DECILES = tuple(round(0.1 * q, 1) for q in range(1, 10))
BINS = 1_000  # of a gate's values: a decile is right to a thousandth
LOW, HIGH = BINS // 10, BINS - BINS // 10  # bins under 0.1, and from 0.9 on


@dataclass(frozen=True)
class GateSteps:
    """One gate over the units and rows of a batch, at each time step.

    Attributes:
        mean_T: in [0, 1].
        deciles_TQ: 0.1 to 0.9, to within 0.001.
        low_T: share of values under 0.1 (closed), in [0, 1].
        high_T: share of values from 0.9 on (open).

    """

    mean_T: Floats
    deciles_TQ: Floats
    low_T: Floats
    high_T: Floats

    @property
    def saturated_T(self) -> Floats:
        """Share of values under 0.1 or from 0.9 on."""
        return self.low_T + self.high_T


@dataclass(frozen=True)
class NetSample:
    """One net in one sampled step.

    Attributes:
        net: its module, layer and direction.
        gates: letter -> GateSteps; empty for a plain cell.
        norm_T: ||dL/dh_t||_2 over the rows that are looked at and all units: all of it, through every later step; None where
            no gradient came back.
            L is the loss that was backpropagated, so its scale (a mean or a sum over rows, a scaled loss) is in it.
        local_T: the part of it that arrives at h_t from above, not through later steps; None for a loop over a cell, where
            autograd shows only the sum.
        share_L: the last local gradient of a row, followed back alone: its norm over the whole state so many steps before /
            where it set out; median over at most four rows. None where it cannot be followed.
        residual: max |h by the displayed equation - h the layer gave|, the larger of it and of the layers called one by one.
        tolerance: up to which rounding explains it.
        stuck: share of the states of a plain cell that are saturated; None for a gated one.
        dead: share of the units that are zero at every step, for a cell of which such a unit passes no gradient; else None.

    """

    net: NetName
    gates: Mapping[str, GateSteps]
    norm_T: Floats | None
    local_T: Floats | None
    share_L: Floats | None
    residual: float
    tolerance: float
    stuck: float | None
    dead: float | None

    @property
    def mismatch(self) -> bool:
        """Whether the recovered steps are not those the layer made; the gates and gradients are then not to be trusted."""
        return not self.residual <= self.tolerance

    @property
    def half_life_steps(self) -> int | None:
        """Steps until less than half of a loss's gradient is left; None where that does not come within the sequence."""
        return first_under(self.share_L, HALF)

    @property
    def horizon_steps(self) -> int | None:
        """Steps until less than a hundredth is left."""
        return first_under(self.share_L, HORIZON)


@dataclass(frozen=True)
class ParameterSample:
    """One parameter in one sampled step.

    Attributes:
        norm_before: l2 norm of its gradient before clipping.
        share: of the squared norm of all gradients together, in [0, 1]; squares add, norms do not. NaN for 0 / 0.
        weight_norm: its own l2 norm before the update; None where no optimizer of torch made the step.
        update_ratio: ||what the optimizer added|| / weight_norm; None as above.

    """

    norm_before: float
    share: float
    weight_norm: float | None = None
    update_ratio: float | None = None


@dataclass(frozen=True)
class StepSample:
    """One sampled step.

    Attributes:
        step: counted from 1.
        nets: those that ran with gradients on; of a layer that was called several times in the step, its first call.
        parameters: name -> what happened to it.
        update_ratio: ||update|| / ||weights||, all parameters together; None where no optimizer of torch made the step.

    """

    step: int
    nets: tuple[NetSample, ...]
    parameters: Mapping[str, ParameterSample]
    update_ratio: float | None


# ---- of a net ----------------------------------------------------------------------------------------------------------


def net_samples(calls: Sequence[Call], most_rows: int | None = None) -> list[NetSample]:
    """Every net of one call of a layer, or of the calls of a cell; of at most so many rows of the batch."""
    with torch.no_grad(), torch.autocast(calls[0].precision.device, enabled=False):
        strands = strands_of(calls, most_rows)
        recovered = [strand.recovered() for strand in strands.nets]
        found = gradients_of(calls, strands, recovered)
        return [
            _net_sample(calls[0], strands, strand, step, found.get(place))
            for place, (strand, (_, _, step)) in enumerate(zip(strands.nets, recovered, strict=True))
        ]


def _net_sample(call: Call, strands: Strands, strand: Strand, step: Any, found: Arrived | None) -> NetSample:
    rows, hidden, cell = strands.rows, strand.h_TBH.shape[2], strand.layer.cell
    off_TBH = (step.h - strand.h_TBH).abs()
    there_TB = rows.there_TB
    residual = float((off_TBH if there_TB is None else off_TBH[there_TB]).max())
    in_time = rows.turned if strand.net.direction == "backward" else _as_is
    gates = {gate.letter: gate_steps(in_time(getattr(step, gate.letter)), there_TB) for gate in cell.gates}
    states = strand.h_TBH if there_TB is None else strand.h_TBH[there_TB]
    variant = strand.layer.variant
    return NetSample(
        strand.net,
        gates,
        None if found is None else _norms(in_time(found.ds_TBS[..., :hidden])),
        None if found is None or found.local_TBS is None else _norms(in_time(found.local_TBS[..., :hidden])),
        None if found is None or found.lone is None else lone_shares(*found.lone),
        max(residual, strands.residual) if strands.residual == strands.residual else strands.residual,
        call.precision.tolerance(call.last[0].dtype),
        cell.stuck(states.cpu().numpy(), variant),
        float((states.flatten(0, -2) == 0).all(0).double().mean()) if cell.dies(variant) else None,
    )


def _as_is(x_TBH: Tensor) -> Tensor:
    return x_TBH


def _norms(d_TBH: Tensor) -> Floats:
    norms: Floats = torch.linalg.vector_norm(d_TBH.flatten(1), dim=1, dtype=torch.float64).cpu().numpy()
    return norms


def lone_shares(norm_TR: Tensor, step_R: Tensor) -> Floats | None:
    """The median over rows of ||gradient so many steps before|| / ||gradient where it set out||, by lag."""
    rows_R = torch.arange(len(step_R), device=step_R.device)
    began_R = norm_TR[step_R, rows_R]
    asked_R = began_R > 0
    if not bool(asked_R.any()):
        return None
    lags_L1 = torch.arange(int(step_R[asked_R].max()) + 1, device=step_R.device).unsqueeze(1)
    at_LR = step_R - lags_L1
    share_LR = norm_TR.double().gather(0, at_LR.clamp(min=0)) / began_R.double()
    share_LR[(at_LR < 0) | ~asked_R] = torch.nan
    return _medians(share_LR.cpu().numpy())


def _medians(values_LR: Floats) -> Floats:
    """The median of each row but for its NaNs, of which no row has only; np.nanmedian is a hundred times slower."""
    rows_L, counts_L = np.arange(len(values_LR)), np.isfinite(values_LR).sum(1)
    sorted_LR = np.sort(values_LR, axis=1)  # NaN goes last
    middle_L: Floats = (sorted_LR[rows_L, (counts_L - 1) // 2] + sorted_LR[rows_L, counts_L // 2]) / 2
    return middle_L


def gate_steps(gate_TBH: Tensor, there_TB: Tensor | None) -> GateSteps:
    """A gate's statistics at each time step, over the rows that have the step."""
    steps, _, hidden = gate_TBH.shape
    flat_TN = gate_TBH.flatten(1)
    # Cut to the bins before they are whole numbers, and those of 32 bits: half the time of 64.
    whole = torch.int32 if steps * (BINS + 1) < 2**31 else torch.int64
    bin_TN = flat_TN.nan_to_num().mul_(BINS).clamp_(0, BINS - 1).to(whole)
    if there_TB is not None:
        bin_TN[~there_TB.repeat_interleave(hidden, 1)] = BINS  # counted apart
        flat_TN = flat_TN * there_TB.repeat_interleave(hidden, 1)
    first_T = torch.arange(steps, dtype=whole, device=bin_TN.device) * (BINS + 1)
    places = bin_TN.add_(first_T.unsqueeze(1)).flatten()
    counts = torch.bincount(places, minlength=steps * (BINS + 1)).view(steps, BINS + 1)[:, :BINS]
    return _from_counts(counts.cpu().numpy().astype(np.float64), flat_TN.sum(1, dtype=torch.float64).cpu().numpy())


def _from_counts(counts_TK: Floats, sum_T: Floats) -> GateSteps:
    all_T = counts_TK.sum(1)
    low_T, high_T = counts_TK[:, :LOW].sum(1) / all_T, counts_TK[:, HIGH:].sum(1) / all_T
    return GateSteps(sum_T / all_T, _deciles(counts_TK, all_T), low_T, high_T)


def _deciles(counts_TK: Floats, all_T: Floats) -> Floats:
    """The values under which so many lie, read off one histogram a time step: straight lines within a bin."""
    so_far = counts_TK.cumsum()  # over all time steps, one after the other: it only grows
    wanted_TQ = (so_far.reshape(counts_TK.shape)[:, -1] - all_T)[:, None] + np.multiply.outer(all_T, DECILES)
    bin_TQ = np.searchsorted(so_far, wanted_TQ)
    inside_TQ = (so_far[bin_TQ] - wanted_TQ) / counts_TK.ravel()[bin_TQ]
    values_TQ: Floats = (bin_TQ % counts_TK.shape[1] + 1 - inside_TQ) / BINS
    return values_TQ
