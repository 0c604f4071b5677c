"""What is known of a run, as it is read from the store: settings, metrics as columns, and what each epoch brought."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.models import ModelConfig
from explorer.recording import EpochRecord
from explorer.runs.status import ACTIVE, RESUMABLE, TRAINED, allowed
from explorer.training import Recipe
from explorer.words import Told

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class RunError(Told, RuntimeError):
    """Something asked of a run cannot be done; it is told in one plain sentence."""


class UnknownRunError(RunError):
    """There is no such run; `said` is the last word of its worker, where there was one."""

    def __init__(self, said: str = "") -> None:
        if said:
            super().__init__("run.said", said=said)
        else:
            super().__init__("run.unknown")


class DataFolderError(RunError):
    """The data folder, or the disk it is on, refuses; the message does not say where it is, since strangers read it."""


def disk_fault(fault: Exception) -> DataFolderError:
    """What went wrong with the data folder and what to do about it; without its path: strangers read it."""
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    reason = getattr(fault, "strerror", None) or str(fault)
    if code == sqlite3.SQLITE_FULL or getattr(fault, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return DataFolderError("disk.full")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DataFolderError("disk.damaged", reason=reason)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DataFolderError("disk.busy")
    return DataFolderError("disk.refuses", reason=reason)


@dataclass(frozen=True)
class Run:
    """One training, as it is at the moment.

    Attributes:
        id: unguessable, safe in a URL.
        name: as its owner calls it.
        status: one of status.STATUSES: "waiting", "running", ...
        owner: the session that started it.
        corpus: the name of its text.
        text: the text's SHA-256, under which it is kept.
        config: the model's configuration.
        recipe: how it is trained.
        seed: of its weights and batches.
        sentence: whose perplexity and gates are measured along the way; may be empty.
        prefixes: what the generated samples begin with.
        held_out_share: share of the text kept from training where the recipe would read all of it, in [0, 1).
        held_out: characters the held-out perplexity is measured on; 0 where nothing is held out.
        trained_on: characters of the text that are trained on.
        symbols: size of the vocabulary; a uniform guess has this perplexity.
        unigram_nll_nats: what the symbols' frequencies alone give on the text, in nats a character.
        parameters: the names of the model's parameters, in the order of its vectors.
        weights: how many numbers they hold.
        created: seconds since 1970; so are `queued`, `started`, `ended`, `deleted` (None: not yet, or not again yet).
        step: the last step that is in the store; 0 before the first.
        steps_total: about how many there will be; a random offset may save a step an epoch.
        epoch: of that step.
        trained_s: seconds of training, over all resumptions.
        tokens_per_s: of the last steps; None before the first.
        message: a sentence about how it ended, or "".
        fault_step: of a diverged run, the step that failed.
        fault_parameter: and the parameter concerned, or "loss".
        has_checkpoint: whether there is a file of its weights.
        place: its place in line, from 1; None when it is not waiting.
        wait_s: estimated seconds until it starts; None when it is not waiting.

    """

    id: str
    name: str
    status: str
    owner: str
    corpus: str
    text: str
    config: ModelConfig
    recipe: Recipe
    seed: int
    sentence: str
    prefixes: tuple[str, ...]
    held_out_share: float
    held_out: int
    trained_on: int
    symbols: int
    unigram_nll_nats: float
    parameters: tuple[str, ...]
    weights: int
    steps_total: int
    created: float
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    deleted: float | None = None
    step: int = 0
    epoch: int = 0
    trained_s: float = 0.0
    tokens_per_s: float | None = None
    message: str = ""
    fault_step: int | None = None
    fault_parameter: str | None = None
    has_checkpoint: bool = False
    place: int | None = None
    wait_s: float | None = None

    @property
    def file_name(self) -> str:
        """What its checkpoint is called: as the run is, and a little of its id, since two may have one name."""
        return "-".join(filter(None, (re.sub(r"[^\w.]+", "-", self.name).strip("-."), self.id[:4]))) + ".safetensors"

    @property
    def active(self) -> bool:
        """Whether it is waiting, running or stopping."""
        return self.status in ACTIVE

    @property
    def stoppable(self) -> bool:
        """Whether its owner can stop it."""
        return bool(allowed(self.status, "stop"))

    @property
    def resumable(self) -> bool:
        """Whether it can be continued where it was."""
        return self.status in RESUMABLE

    @property
    def time_left_s(self) -> float | None:
        """Estimated seconds of training that are left; None before the first step and once the run has ended."""
        if self.status not in TRAINED or not self.step:
            return None
        return self.trained_s / self.step * max(0, self.steps_total - self.step)


@dataclass(frozen=True)
class Metrics:
    """Steps of a run as columns (S steps); what they mean stands in training.StepRecord.

    Attributes:
        step_S: ascending, from 1; not every one where the steps were thinned.
        epoch_S: counted from 1.
        nll_nats_S: mean over the batch, before the update.
        epoch_nll_nats_S: mean over the epoch so far.
        epoch_ends_S: whether it was its epoch's last step.
        grad_norm_before_S: norm of all gradients together, before clipping.
        grad_norm_after_S: after clipping.
        clip_coefficient_S: in (0, 1].
        tokens_per_s_S: characters of the batch per second.
        grad_norms: parameter name -> its norm before clipping, of length S.

    """

    step_S: Integers
    epoch_S: Integers
    nll_nats_S: Floats
    epoch_nll_nats_S: Floats
    epoch_ends_S: NDArray[np.bool_]
    grad_norm_before_S: Floats
    grad_norm_after_S: Floats
    clip_coefficient_S: Floats
    tokens_per_s_S: Floats
    grad_norms: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.step_S)

    @property
    def last_step(self) -> int:
        """The last step here; 0 where there are none."""
        return int(self.step_S[-1]) if len(self) else 0

    def squared_share(self) -> dict[str, Floats]:
        """Each parameter's share of the squared norm before clipping; the shares of a step add up to 1."""
        largest_S = np.maximum(1e-300, np.max(list(self.grad_norms.values()), axis=0, initial=0.0))
        squares = {name: (norm_S / largest_S) ** 2 for name, norm_S in self.grad_norms.items()}
        total_S = np.maximum(1e-300, sum(squares.values(), np.zeros(len(self))))
        return {name: square_S / total_S for name, square_S in squares.items()}


@dataclass(frozen=True)
class GateSummary:
    """One gate of one net over the run's sentence: see probes.gates.GateStatistics."""

    layer: int
    direction: str
    gate: str
    mean: float
    low_share: float
    high_share: float
    sensitivity: float


@dataclass(frozen=True)
class EpochEvent:
    """What an epoch brought.

    Attributes:
        epoch: counted from 1; 0 is before training.
        step: its last step.
        summary: its EpochRecord; None for epoch 0.
        held_out_nll_nats: mean over the held-out characters; None where it was not measured (so are those below).
        sentence_nll_nats: mean over the run's sentence.
        gates: of the run's sentence, every gate of every net.
        samples: generated texts, each beginning with its prefix.
        snapshot: whether the checkpoint holds the weights of this epoch.

    """

    epoch: int
    step: int
    summary: EpochRecord | None = None
    held_out_nll_nats: float | None = None
    sentence_nll_nats: float | None = None
    gates: tuple[GateSummary, ...] | None = None
    samples: tuple[str, ...] | None = None
    snapshot: bool = False
