"""What a training run leaves behind: a history of its epochs and the weights along the way."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace

import torch
from torch import Tensor, nn

from explorer.fields import ConfigError, expected, got
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
        """The summary of one epoch's steps.

        Args:
            steps: all of them in their order, at least one.

        """
        last, before = steps[-1], [s.grad_norm_before for s in steps]
        return cls(
            last.epoch, last.step, last.epoch_nll_nats, statistics.fmean(before), max(before),
            statistics.fmean(s.grad_norm_after for s in steps), statistics.fmean(s.clip_coefficient < 1 for s in steps),
            statistics.median(s.tokens_per_s for s in steps),
        )  # fmt: skip


HISTORY_COLUMNS = tuple(f.name for f in fields(EpochRecord))
STEP_COLUMNS = (
    "epoch", "step", "nll_nats", "epoch_nll_nats", "grad_norm_before", "grad_norm_after", "clip_coefficient", "tokens_per_s",
)  # fmt: skip
SHARES = ("clipped_share", "clip_coefficient")


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
        save_checkpoint(path, Checkpoint(model, recipe, seed, corpus, tuple(recording.history), recording.snapshots))

    Args:
        model: the one that is trained; its weights are read, never changed.
        recipe: how it is trained; its epochs settle which of them leave a snapshot.

    Attributes:
        history: the epochs finished so far.
        snapshots: epoch -> flat weights after it; 0 is before training. A model so large that ten do not fit into a
            checkpoint keeps fewer.

    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self._model = model
        self._size = size = sum(p.numel() for p in model.parameters())
        self._budget = self._left = MAX_BYTES - 4 * size
        self._wanted = snapshot_epochs(recipe.epochs, max(2, min(SNAPSHOTS, self._left // (2 * size))))
        self._steps: list[StepRecord] = []
        self.history: list[EpochRecord] = []
        self.snapshots: dict[int, Tensor] = {}
        self._keep(0)

    def add(self, record: StepRecord) -> bool:
        """Take the record of the step just made, with the model as it is after that step.

        Args:
            record: of that step; every step is taken, in order.

        Returns:
            Whether a snapshot was kept.

        """
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

    def state(self) -> dict[str, Tensor]:
        """Everything recorded so far, as tensors.

        `history` is float64, an epoch a row, in the columns of EpochRecord. `steps` is the same for the steps of the epoch
        that is not finished, in the columns STEP_COLUMNS. `snapshot.<epoch>` are the flat weights, not copied.
        """
        history = [astuple(epoch) for epoch in self.history]
        steps = [tuple(getattr(step, name) for name in STEP_COLUMNS) for step in self._steps]
        tables = {"history": _table(history, HISTORY_COLUMNS), "steps": _table(steps, STEP_COLUMNS)}
        return tables | {f"snapshot.{epoch}": flat for epoch, flat in self.snapshots.items()}

    def restore(self, tensors: Mapping[str, Tensor], ends: Sequence[int], step: int) -> None:
        """Go on from a state.

        Args:
            tensors: what `state` gave.
            ends: the last step of each epoch that was finished then.
            step: the last step done then.

        Raises:
            ConfigError: these are not the tables and snapshots of such a training; nothing is changed.

        """
        rest = dict(tensors)
        history = _rows(rest, "history", HISTORY_COLUMNS, len(ends))
        _check_counted("history", history, [(epoch, end) for epoch, end in enumerate(ends, 1)])
        begun = range(ends[-1] + 1 if ends else 1, step + 1)
        steps = _rows(rest, "steps", STEP_COLUMNS, len(begun))
        _check_counted("steps", steps, [(len(ends) + 1, number) for number in begun])
        snapshots = self._checked_snapshots(rest, len(ends))
        self.history = [EpochRecord(int(epoch), int(end), *row) for epoch, end, *row in history]
        self._steps = [_step(*row) for row in steps]
        self.snapshots, self._left = snapshots, self._budget - sum(flat.nbytes for flat in snapshots.values())

    def _checked_snapshots(self, tensors: Mapping[str, Tensor], finished: int) -> dict[int, Tensor]:
        """The snapshots that such a recording keeps of so many epochs: every one it wants, as long as there is room."""
        left, size, rest, snapshots = self._budget, self._size, dict(tensors), {}
        for epoch in (epoch for epoch in self._wanted if epoch <= finished):
            flat = rest.pop(f"snapshot.{epoch}", None)
            if flat is None and left >= 4 * size:
                raise ConfigError("recording", expected("snapshot", epoch=epoch), got("none"))
            if flat is not None:
                snapshots[epoch] = _checked_snapshot(epoch, flat, size, left)
                left -= flat.nbytes
        if rest:
            raise ConfigError("recording", expected("kept", epochs=finished), got("more", odd=sorted(rest)))
        return snapshots


def _step(
    epoch: float,
    step: float,
    nll: float,
    epoch_nll: float,
    before: float,
    after: float,
    coefficient: float,
    speed: float,
) -> StepRecord:
    """A step of an epoch that is not finished, from its row of STEP_COLUMNS."""
    return StepRecord(
        step=int(step), epoch=int(epoch), nll_nats=nll, epoch_nll_nats=epoch_nll, epoch_ends=False, grad_norm_before=before,
        grad_norm_after=after, clip_coefficient=coefficient, grad_norms={}, tokens_per_s=speed,
    )  # fmt: skip


def _checked_snapshot(epoch: int, flat: Tensor, size: int, left: int) -> Tensor:
    if flat.dtype not in (torch.float16, torch.float32) or flat.shape != (size,) or flat.nbytes > left:
        raise ConfigError(
            "recording", expected("snapshot-of", epoch=epoch, weights=size, most=left),
            got("tensor", dtype=flat.dtype, shape=tuple(flat.shape)),
        )  # fmt: skip
    if not bool(flat.isfinite().all()):
        raise ConfigError("recording", expected("finite-snapshot", epoch=epoch), got("not-finite"))
    return flat


def _table(rows: Sequence[tuple[float, ...]], columns: Sequence[str]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(columns))


def _rows(tensors: dict[str, Tensor], name: str, columns: Sequence[str], length: int) -> list[list[float]]:
    """The rows of a table, taken out of the tensors; every number finite, at least 0, and shares at most 1."""
    table = tensors.pop(name, None)
    shape = length, len(columns)
    if table is None or table.dtype != torch.float64 or tuple(table.shape) != shape:
        came = got("none") if table is None else got("tensor", dtype=table.dtype, shape=tuple(table.shape))
        raise ConfigError("recording", expected("table", name=name, shape=shape), came)
    most = torch.tensor([1.0 if column in SHARES else sys.float_info.max for column in columns], dtype=torch.float64)
    if not bool(((table >= 0) & (table <= most)).all()):  # also where it holds NaN
        raise ConfigError("recording", expected("numbers", name=name), got("others"))
    return table.tolist()


def _check_counted(name: str, rows: list[list[float]], counted: list[tuple[int, int]]) -> None:
    """The first two columns, which the training settles."""
    for row, (epoch, step) in zip(rows, counted, strict=True):
        if row[:2] != [epoch, step]:
            raise ConfigError(
                "recording",
                expected("place", name=name, step=step, epoch=epoch),
                got("place", step=row[1], epoch=row[0]),
            )
