"""What a training run leaves behind: a history of its epochs and the weights along the way."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from explorer.training import Recipe, StepRecord

SNAPSHOTS = 10
MAX_BYTES = (
    18_000_000  # of weights and snapshots together: a checkpoint of 20 MB has its history and vocabulary as well
)


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of training.

    Attributes:
        epoch: counted from 1.
        step: the epoch's last step, counted from 1.
        nll_nats: mean over the epoch's characters, measured during the epoch.
        grad_norm_before: mean over its steps of the norm before clipping.
        grad_norm_before_max: the largest of them.
        grad_norm_after: mean over its steps of the norm after clipping.
        clipped_share: share of its steps in which clipping changed the gradient, in [0, 1].
        tokens_per_s: median over its steps.

    """

    epoch: int
    step: int
    nll_nats: float
    grad_norm_before: float
    grad_norm_before_max: float
    grad_norm_after: float
    clipped_share: float
    tokens_per_s: float

    @classmethod
    def of(cls, steps: list[StepRecord]) -> EpochRecord:
        """The summary of one epoch's steps."""
        last, before = steps[-1], [s.grad_norm_before for s in steps]
        return cls(
            last.epoch, last.step, last.epoch_nll_nats, statistics.fmean(before), max(before),
            statistics.fmean(s.grad_norm_after for s in steps), statistics.fmean(s.clip_coefficient < 1 for s in steps),
            statistics.median(s.tokens_per_s for s in steps),
        )  # fmt: skip


def snapshot_epochs(epochs: int, count: int = SNAPSHOTS) -> tuple[int, ...]:
    """Epoch 0, about `count` epochs spaced evenly in the logarithm, and the last one."""
    spaced = {round(epochs ** (i / (count - 1))) for i in range(count)} if epochs else set()
    return tuple(sorted({0, epochs} | spaced))


def flat_weights(model: nn.Module) -> Tensor:
    """All parameters in the order of named_parameters, as one vector: half precision where it can hold them."""
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    half = flat.half()
    return half if bool(half.isfinite().all()) else flat.float()


class Recording:
    """Collects a run's history and snapshots while it is trained.

        recording = Recording(model, recipe)
        for record in train(model, text, recipe, seed):
            recording.add(record)
        save_checkpoint(path, recording.checkpoint(...))

    Attributes:
        history: the epochs finished so far.
        snapshots: epoch -> flat weights after it; 0 is before training. A model so large that ten do not fit into a
            checkpoint keeps fewer.

    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self._model = model
        size = sum(p.numel() for p in model.parameters())
        self._left = MAX_BYTES - 4 * size
        self._wanted = snapshot_epochs(recipe.epochs, max(2, min(SNAPSHOTS, self._left // (2 * size))))
        self._steps: list[StepRecord] = []
        self.history: list[EpochRecord] = []
        self.snapshots: dict[int, Tensor] = {}
        self._keep(0)

    def add(self, record: StepRecord) -> bool:
        """Take the record of the step just made, with the model as it is after that step; True if a snapshot was kept."""
        # The summary of an epoch has no use for the norms of single parameters, and an epoch can be long.
        self._steps.append(replace(record, grad_norms={}))
        if not record.epoch_ends:
            return False
        self.history.append(EpochRecord.of(self._steps))
        self._steps.clear()
        return record.epoch in self._wanted and self._keep(record.epoch)

    def _keep(self, epoch: int) -> bool:
        flat = flat_weights(self._model)
        if flat.nbytes > self._left:
            return False
        self._left -= flat.nbytes
        self.snapshots[epoch] = flat
        return True

    def state(self) -> dict[str, Any]:
        """History, and the steps of the epoch that is not finished, as JSON has them; the snapshots are apart."""
        return {"history": [asdict(e) for e in self.history], "steps": [asdict(s) for s in self._steps]}

    def restore(self, state: dict[str, Any], snapshots: dict[int, Tensor]) -> None:
        """Go on from a state; the model must be as it was then."""
        self.history = [EpochRecord(**e) for e in state["history"]]
        self._steps = [StepRecord(**s) for s in state["steps"]]
        self._left += sum(flat.nbytes for flat in self.snapshots.values()) - sum(f.nbytes for f in snapshots.values())
        self.snapshots = dict(snapshots)
