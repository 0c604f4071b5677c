"""Training loops of a person's own, as a probe that is attached to them records them: in the same store as the runs.

Nobody here trains them: they are never in line, and cannot be stopped or resumed from here. S counts steps of a loop, T time
steps of a sequence, L lags.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from explorer.cells import CELLS, Cell
from explorer.probes.finding import Finding
from explorer.runs.status import FAILED, FINISHED, INTERRUPTED, RUNNING
from explorer.words import own, say

Floats = NDArray[np.float64]
PREFIX = "loop-"  # begins the id of each
STATUSES = (RUNNING, FINISHED, FAILED, INTERRUPTED)


@dataclass(frozen=True)
class LoopLayer:
    """A recurrent layer of the model that is trained.

    Attributes:
        module: its name in the model; "" for the model itself.
        cell: a key of cells.CELLS.
        variant: of the cell.
        units: H of it.
        depth: layers stacked in it.
        directions: "forward", and "backward" where it reads both ways.

    """

    module: str
    cell: str
    variant: str
    units: int
    depth: int
    directions: tuple[str, ...]

    @property
    def kind(self) -> Cell:
        """The cell itself."""
        return CELLS[self.cell]

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        figures = {"module": self.module, "title": own(self.kind.variants[self.variant]), "units": self.units}
        return say("loop.layer", **figures, depth=self.depth, both=len(self.directions) > 1)


@dataclass(frozen=True)
class Loop:
    """One loop, as it is at the moment.

    Attributes:
        id: unguessable, safe in a URL, begun by PREFIX.
        name: as its owner calls it.
        status: one of STATUSES; "failed" where the loop raised.
        owner: the session it belongs to.
        layers: the recurrent layers of its model.
        created: seconds since 1970; so are `ended` and `deleted` (None: not yet).
        step: the last step that is in the store; 0 before the first.
        sampled: how many steps were looked at closely.
        findings: the verdict so far.
        message: how it ended, or "".

    """

    id: str
    name: str
    status: str
    owner: str
    layers: tuple[LoopLayer, ...]
    created: float
    ended: float | None = None
    deleted: float | None = None
    step: int = 0
    sampled: int = 0
    findings: tuple[Finding, ...] = ()
    message: str = ""

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return self.status == RUNNING

    def cell_of(self, net: LoopNet) -> Cell:
        """The cell of a net of it."""
        return next((layer.kind for layer in self.layers if layer.module == net[0]), self.layers[0].kind)


LoopNet = tuple[str, int, str]
"""A net: the name of its module, the layer in it, the direction."""


@dataclass(frozen=True)
class NetSummary:
    """One net in one sampled step.

    Attributes:
        net: which.
        gates: letter -> (mean, share of values under 0.1 or over 0.9), both in [0, 1].
        half_life_steps: until less than half of a loss's gradient is left; None where that does not come in the sequence.
        horizon_steps: until less than a hundredth is left.

    """

    net: LoopNet
    gates: Mapping[str, tuple[float, float]]
    half_life_steps: int | None
    horizon_steps: int | None


@dataclass(frozen=True)
class Sample:
    """One sampled step.

    Attributes:
        step: counted from 1.
        update_ratio: ||update|| / ||weights||; None where no optimizer of torch made the step.
        nets: each net that ran.
        shares: parameter -> its share of the squared norm of all gradients, in [0, 1].

    """

    step: int
    update_ratio: float | None
    nets: tuple[NetSummary, ...]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class GateInTime:
    """A gate at each time step, over units and rows: mean, and the values that a tenth and nine tenths are under."""

    mean_T: Floats
    low_T: Floats
    high_T: Floats


@dataclass(frozen=True)
class InTime:
    """One net in the step that was sampled last, by time step.

    Attributes:
        net: which.
        gates: letter -> what it did.
        norm_T: ||dL/dh_t||_2; None where no gradient came back.
        local_T: the part of it that arrives from above; None where only the sum is known.
        share_L: what is left of a loss's gradient so many steps before it; None where it was not followed.

    """

    net: LoopNet
    gates: Mapping[str, GateInTime]
    norm_T: Floats | None
    local_T: Floats | None
    share_L: Floats | None


@dataclass(frozen=True)
class LoopRecord:
    """What is drawn of a loop: its steps as columns, its sampled steps, and the last of those in time.

    Attributes:
        loop: as it is.
        step_S: ascending, from 1; not every one where they were thinned.
        loss_S: in its own unit; NaN for what is not known, here and below.
        norm_before_S: of all gradients together, before clipping.
        norm_after_S: after it.
        coefficient_S: what they were multiplied with, in (0, 1].
        max_norm_S: the threshold.
        samples: ascending.
        sampled_step: of `latest`; 0 for none.
        latest: each net in time.

    """

    loop: Loop
    step_S: NDArray[np.int64]
    loss_S: Floats
    norm_before_S: Floats
    norm_after_S: Floats
    coefficient_S: Floats
    max_norm_S: Floats
    samples: tuple[Sample, ...] = ()
    sampled_step: int = 0
    latest: tuple[InTime, ...] = field(default=(), repr=False)

    @property
    def max_norm(self) -> float | None:
        """The threshold of the last step that had one."""
        known = self.max_norm_S[np.isfinite(self.max_norm_S)]
        return float(known[-1]) if known.size else None


def finite_or_none(value: float | None) -> float | None:
    """What a JSON and a column can hold: NaN and infinities become None."""
    return value if value is not None and math.isfinite(value) else None
