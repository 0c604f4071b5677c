"""A loop kept in the store of the app's own runs, so that the page Train shows it live. The loop writes, the app reads."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from typing import Any

from explorer.attaching.layers import Layer
from explorer.attaching.ledger import LoopStep
from explorer.attaching.samples import NetSample, StepSample
from explorer.attaching.verdict import LoopDiagnosis
from explorer.runs import COMMAND_LINE
from explorer.runs.loop_rows import findings_json
from explorer.runs.loop_store import Numbers
from explorer.runs.loops import PREFIX, GateInTime, InTime, Loop, LoopLayer, NetSummary, Sample, finite_or_none
from explorer.runs.settings import data_folder
from explorer.runs.status import FAILED, FINISHED, RUNNING
from explorer.runs.store import Store

WRITE_EVERY_S = 1.0
LONGEST_STEPS = 1_000  # of a sequence that is drawn; a longer one is thinned evenly


class Kept:
    """One loop in the store, from its first step on.

    Attributes:
        id: under which the page Train shows it.

    Raises:
        RunError: (from every method) the disk refused.

    """

    def __init__(self, name: str, layers: Sequence[Layer]) -> None:
        self._store = Store(data_folder(), follows=False)
        self.id = PREFIX + secrets.token_urlsafe(12)
        described = tuple(map(_described, layers))
        loop = Loop(self.id, name, RUNNING, COMMAND_LINE, described, time.time())
        self._store.loops.add(loop, os.getpid())
        self._steps: list[Numbers] = []
        self._samples: list[Sample] = []
        self._latest: StepSample | None = None
        self._written_at = 0.0

    @property
    def waited_s(self) -> float:
        """For how long the store has not heard of the loop."""
        return time.monotonic() - self._written_at

    @property
    def due(self) -> bool:
        """Whether it should."""
        return self.waited_s >= WRITE_EVERY_S

    def add(self, made: LoopStep, sample: StepSample | None) -> None:
        """Take a step; it is in the store with the next `write`."""
        self._steps.append((made.step, made.loss, made.norm_before, made.norm_after, made.coefficient, made.max_norm))
        if sample is not None:
            self._samples.append(_summary(sample))
            self._latest = sample

    def write(self, diagnosis: LoopDiagnosis | None = None) -> None:
        """Put what was taken, and the verdict so far, into the store."""
        seen = self._latest  # only the latest is kept by time step
        latest = None if seen is None else (seen.step, [_in_time(net) for net in seen.nets])
        self._store.loops.write(self.id, self._steps, self._samples, latest)
        self._steps, self._samples, self._latest = [], [], None
        if diagnosis is not None:
            self._store.loops.note(self.id, findings=findings_json(diagnosis.findings))
        self._written_at = time.monotonic()

    def goes_on(self) -> None:
        """The same loop again, after it ended."""
        self._store = Store(data_folder(), follows=False)
        self._store.loops.note(self.id, status=RUNNING, ended=None, message="")

    def end(self, message: str, *, failed: bool) -> None:
        """The last word on it: what the loop raised, if it did. The store is let go, until the loop goes on."""
        status = FAILED if failed else FINISHED
        try:
            self._store.loops.note(self.id, status=status, ended=time.time(), message=message)
        finally:
            self._store.close()


def _described(layer: Layer) -> LoopLayer:
    hidden: Any = layer.module.hidden_size
    return LoopLayer(layer.name, layer.cell.key, layer.variant, int(hidden), layer.depth, layer.directions)


def _summary(sample: StepSample) -> Sample:
    shares = {
        name: share for name, found in sample.parameters.items() if (share := finite_or_none(found.share)) is not None
    }
    return Sample(sample.step, finite_or_none(sample.update_ratio), tuple(map(_of_net, sample.nets)), shares)


def _of_net(net: NetSample) -> NetSummary:
    gates = {
        letter: (float(gate.mean_T.mean()), float(gate.saturated_T.mean()))
        for letter, gate in net.gates.items()
        if gate.mean_T.size
    }
    return NetSummary((net.net.module, net.net.layer, net.net.direction), gates, net.half_life_steps, net.horizon_steps)


def _in_time(net: NetSample) -> InTime:
    """A net by time step, of a long sequence every so many."""
    every = slice(None, None, max(1, -(-_steps_of(net) // LONGEST_STEPS)))
    gates = {
        letter: GateInTime(gate.mean_T[every], gate.deciles_TQ[every, 0], gate.deciles_TQ[every, -1])
        for letter, gate in net.gates.items()
    }
    thinned = (None if values is None else values[every] for values in (net.norm_T, net.local_T, net.share_L))
    return InTime((net.net.module, net.net.layer, net.net.direction), gates, *thinned)


def _steps_of(net: NetSample) -> int:
    return max((len(gate.mean_T) for gate in net.gates.values()), default=0 if net.norm_T is None else len(net.norm_T))
