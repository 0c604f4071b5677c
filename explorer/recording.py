"""What a training run leaves behind: a history of its epochs and the weights along the way."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.training import Recipe, StepRecord

SNAPSHOTS = 10


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
        snapshots: epoch -> flat weights after it; 0 is before training.

    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self._model = model
        self._wanted = snapshot_epochs(recipe.epochs)
        self._steps: list[StepRecord] = []
        self.history: list[EpochRecord] = []
        self.snapshots: dict[int, Tensor] = {0: flat_weights(model)}

    def add(self, record: StepRecord) -> None:
        """Take the record of the step just made; the model is as it is after that step."""
        self._steps.append(record)
        if record.epoch_ends:
            self.history.append(EpochRecord.of(self._steps))
            self._steps.clear()
            if record.epoch in self._wanted:
                self.snapshots[record.epoch] = flat_weights(self._model)
