"""Numbers in time: what a network can learn of them, and the loop that trains it.

A `Task` draws sequences x_TBE and what is asked of them, numbers y_TBV or classes_TB, at the steps asked_T. Built in are a
sine, the adding problem (Hochreiter and Schmidhuber 1997), the kind of a wave under noise, and any table: some columns, one of
them to be told some rows ahead, as a number or, where it holds words, as one of them.

    task = Table.of(frame, target="temperature", horizon=3)
    model = series_model(task, ModelConfig("gru", hidden_size=32), seed=0)
    for record in learn(model, task, steps=300):
        ...
    trace = trace_series(SeriesRead.of(model, task.example()))
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from explorer.clipping import clip_gradients
from explorer.fields import ConfigError, check_above_zero, check_whole, expected, finite
from explorer.models import ModelConfig, SequenceModel
from explorer.training import TrainingDivergedError
from explorer.words import say

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
LONGEST, MOST_ROWS, MOST_COLUMNS = 2_000, 1_000_000, 64
LEAST_ROWS = 20
MOST_CLASSES = 12
ROUNDING = 1e-12  # of the largest value in a column: what is left of its deviation where it is constant
SURE = 3  # standard errors by which a share must be better than one that comes of knowing nothing
HELD_OUT_ROWS, HELD_OUT_SEED = 200, 1_000_003


@dataclass(frozen=True)
class Drawn:
    """Some sequences, and what is asked of them.

    Attributes:
        x_TBE: what is read.
        y_TBV: what is to be told, at the steps that are asked: numbers, or classes_TB (int64).
        asked_T: where the output is looked at.
        labels: of the steps of the first sequence.

    """

    x_TBE: Tensor
    y_TBV: Tensor
    asked_T: Tensor
    labels: tuple[str, ...]


class Task(ABC):
    """What a network is to learn of numbers in time.

    Attributes:
        name: what it is called.
        mean_told: what the target is on average, in numbers of the network.

    """

    name: str
    mean_told: float = 0.0

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """What is read at a step."""

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """What is told."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of which one is told; none where numbers are."""
        return ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the outputs of a network stand for: the classes, or the targets."""
        return self.classes or self.targets

    @abstractmethod
    def draw(self, rows: int, steps: int, generator: torch.Generator) -> Drawn:
        """Sequences to learn from: so many, each of so many steps."""

    @abstractmethod
    def example(self, steps: int, seed: int = 0) -> Drawn:
        """One sequence that nothing was learned from."""

    def held_out(self, steps: int) -> Drawn:
        """Sequences that nothing was learned from, by which a model is judged."""
        return self.draw(HELD_OUT_ROWS, steps, torch.Generator().manual_seed(HELD_OUT_SEED))

    def in_unit(self, y_TV: Floats) -> Floats:
        """Numbers of the network as numbers of the target, in its own unit."""
        return y_TV

    def columns_in_unit(self, x_TE: Floats) -> Floats:
        """What the network reads, in the units of the columns."""
        return x_TE

    def guesses(self, drawn: Drawn) -> dict[str, float]:
        """The error of those who know nothing, by code; see `Score`."""
        if self.classes:
            # The best of those who always tell one class, there where the model is judged: what was frequent before may not be.
            told = drawn.y_TBV[drawn.asked_T].flatten()
            return {"usual": 1 - int(told.bincount().max()) / len(told)}
        asked_V = self.in_unit(drawn.y_TBV[drawn.asked_T].double().numpy())
        return {"mean": _rms(asked_V - self.in_unit(np.zeros_like(asked_V) + self.mean_told))}


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2))) if errors.size else math.nan


class Sine(Task):
    """The next value of a sine whose period (10 to 40 steps) and phase nobody tells."""

    name = "sine"

    @property
    def columns(self) -> tuple[str, ...]:
        """The value alone."""
        return (say("numbers.value"),)

    @property
    def targets(self) -> tuple[str, ...]:
        """The next one."""
        return (say("numbers.next-value"),)

    def draw(self, rows: int, steps: int, generator: torch.Generator) -> Drawn:
        """Each with a period and a phase of its own."""
        phase_B, period_B = (torch.rand(rows, generator=generator) for _ in range(2))
        times_T1 = torch.arange(steps + 1).unsqueeze(1)
        wave_TB1 = torch.sin(2 * math.pi * (times_T1 / (10 + 30 * period_B) + phase_B)).unsqueeze(2)
        return Drawn(wave_TB1[:-1], wave_TB1[1:], torch.ones(steps, dtype=torch.bool), _counted(steps))

    def example(self, steps: int, seed: int = 0) -> Drawn:
        """One more."""
        return self.draw(1, steps, torch.Generator().manual_seed(HELD_OUT_SEED + 1 + seed))


class Adding(Task):
    """The sum of two marked numbers out of many, asked at the end: one mark in each half.

    Hochreiter and Schmidhuber 1997, experiment 4. Whoever always says 1 has a mean squared error of 1/6.
    """

    name, mean_told = "adding", 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """A number, and whether it counts."""
        return say("numbers.number"), say("numbers.mark")

    @property
    def targets(self) -> tuple[str, ...]:
        """The sum of those that count."""
        return (say("numbers.sum"),)

    def draw(self, rows: int, steps: int, generator: torch.Generator) -> Drawn:
        """Numbers in [0, 1), two of them marked."""
        if steps < 2:
            raise ConfigError("steps", expected("at-least", least=2), steps)
        numbers_TB = torch.rand(steps, rows, generator=generator)
        marks_TB = torch.zeros(steps, rows)
        half = steps // 2
        for first, end in ((0, half), (half, steps)):
            at_1B = torch.randint(first, end, (1, rows), generator=generator)
            marks_TB.scatter_(0, at_1B, 1.0)
        y_TB1 = (numbers_TB * marks_TB).sum(0).expand(steps, rows).unsqueeze(2)
        asked_T = torch.arange(steps) == steps - 1
        return Drawn(torch.stack([numbers_TB, marks_TB], 2), y_TB1, asked_T, _counted(steps))

    def example(self, steps: int, seed: int = 0) -> Drawn:
        """One more."""
        return self.draw(1, steps, torch.Generator().manual_seed(HELD_OUT_SEED + 1 + seed))


class Waves(Task):
    """Which of three waves it was, asked at the end: a sine, a square or a saw, of unknown period and phase, under noise.

    No value alone tells them apart; who gathers what the values say does.
    """

    name = "waves"
    NOISE = 0.5

    @property
    def columns(self) -> tuple[str, ...]:
        """The value alone."""
        return (say("numbers.value"),)

    @property
    def targets(self) -> tuple[str, ...]:
        """The kind."""
        return (say("numbers.kind"),)

    @property
    def classes(self) -> tuple[str, ...]:
        """The three."""
        return tuple(say(f"numbers.kind.{kind}") for kind in ("sine", "square", "saw"))

    def draw(self, rows: int, steps: int, generator: torch.Generator) -> Drawn:
        """Each of a kind, a period (10 to 40 steps) and a phase of its own; all three have the same mean square."""
        kind_B = torch.randint(3, (rows,), generator=generator)
        phase_B, period_B = (torch.rand(rows, generator=generator) for _ in range(2))
        turns_TB = torch.arange(steps).unsqueeze(1) / (10 + 30 * period_B) + phase_B
        sine_TB = torch.sin(2 * math.pi * turns_TB)
        # Mean squares: of a sine 1/2, of a square's sign 1, of a saw in [-1, 1) 1/3.
        kinds_KTB = torch.stack([math.sqrt(2) * sine_TB, sine_TB.sign(), math.sqrt(3) * (2 * (turns_TB % 1) - 1)])
        noise_TB = self.NOISE * torch.randn(steps, rows, generator=generator)
        x_TB = kinds_KTB.gather(0, kind_B.expand(1, steps, rows))[0] + noise_TB
        asked_T = torch.arange(steps) == steps - 1
        return Drawn(x_TB.unsqueeze(2), kind_B.expand(steps, rows), asked_T, _counted(steps))

    def example(self, steps: int, seed: int = 0) -> Drawn:
        """One more."""
        return self.draw(1, steps, torch.Generator().manual_seed(HELD_OUT_SEED + 1 + seed))


BUILT_IN: dict[str, Task] = {task.name: task for task in (Sine(), Adding(), Waves())}


def _counted(steps: int) -> tuple[str, ...]:
    return tuple(map(str, range(steps)))


@dataclass(frozen=True, eq=False)
class Table(Task):
    """Some columns of a table, row by row, and one of them to be told so many rows ahead. Made by `of`.

    What is read and told is standardised by the mean and the deviation of the rows that are learned from.

    Attributes:
        x_NE: columns in their own units, a row a time.
        y_N: the target in its own unit, at the same rows; of a column of words the number of the word in `words`.
        words: that the target holds, in their order; none where it holds numbers.
        horizon: how many rows ahead it is told.
        learned: how many rows, from the first on, are learned from.
        all_labels: of the rows.

    """

    name: str
    read: tuple[str, ...]
    told: tuple[str, ...]
    x_NE: Floats = field(repr=False)
    y_N: Floats = field(repr=False)
    horizon: int
    learned: int
    all_labels: tuple[str, ...] = field(repr=False)
    words: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        target: str,
        columns: Sequence[str] | None = None,
        *,
        horizon: int = 1,
        held_out_share: float = 0.2,
        labels: str | None = None,
        name: str = "table",
    ) -> Self:
        """A table as a task.

        Args:
            frame: a row a time, ascending.
            target: the column that is told: numbers, or 2 to MOST_CLASSES different words.
            columns: that are read; None for every column of numbers.
            horizon: how many rows ahead the target is told, at least 1; a word may be told of its own row, 0.
            held_out_share: share of the rows, the last ones, that nothing is learned from, in (0, 0.9].
            labels: the column that names the rows, such as a date; None counts them.
            name: what the task is called.

        Raises:
            ConfigError: a column is not there or holds what is no number, or there are too few rows.

        """
        frame = frame.set_axis([str(column) for column in frame.columns], axis=1)  # a table without a head has numbers
        target = str(target)
        read = list(numeric_columns(frame) if columns is None else map(str, columns))
        words = _words(frame[target]) if target in frame.columns else ()
        for column in (*read, *(() if words else (target,))):
            _check_column(frame, column)
        if labels is not None and [*frame.columns].count(str(labels)) != 1:
            raise ConfigError("labels", expected("one-column", allowed=[*frame.columns]), labels)
        if not read or len(read) > MOST_COLUMNS:
            raise ConfigError("columns", expected("some-columns", most=MOST_COLUMNS), len(read))
        share = finite(held_out_share)
        if share is None or not 0 < share <= 0.9:
            raise ConfigError("held_out_share", expected("share-held-out"), held_out_share)
        if not LEAST_ROWS <= len(frame) <= MOST_ROWS:
            raise ConfigError("rows", expected("rows", least=LEAST_ROWS, most=MOST_ROWS), len(frame))
        ahead = check_whole("horizon", horizon, 0 if words else 1, len(frame) // 4)
        named = _counted(len(frame)) if labels is None else tuple(map(str, frame[str(labels)]))
        learned = len(frame) - max(ahead + 2, round(share * len(frame)))
        told = [words.index(str(word)) for word in frame[target]] if words else frame[target]
        x_NE, y_N = frame[read].to_numpy(np.float64), np.asarray(told, np.float64)
        return cls(name, tuple(read), (target,), x_NE, y_N, ahead, learned, named, words)

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the table that are read."""
        return self.read

    @property
    def targets(self) -> tuple[str, ...]:
        """The one that is told."""
        return self.told

    @property
    def classes(self) -> tuple[str, ...]:
        """The words of the target."""
        return self.words

    @property
    def _scale(self) -> tuple[Floats, Floats, float, float]:
        x_NE, y_N = self.x_NE[: self.learned], self.y_N[: self.learned]
        return x_NE.mean(0), _spread(x_NE), float(y_N.mean()), float(_spread(y_N))

    @property
    def beyond_share(self) -> float:
        """Share of the held-out target numbers that lie beyond all that were learned from, in [0, 1]; 0 of classes."""
        learned_N, held_N = self.y_N[: self.learned], self.y_N[self.learned :]
        if self.classes:
            return 0.0
        return float(((held_N < learned_N.min()) | (held_N > learned_N.max())).mean())

    def in_unit(self, y_TV: Floats) -> Floats:
        """As the column of the target has it."""
        *_, mean, spread = self._scale
        return y_TV * spread + mean

    def columns_in_unit(self, x_TE: Floats) -> Floats:
        """As the table has it."""
        mean_E, spread_E, *_ = self._scale
        return x_TE * spread_E + mean_E

    def guesses(self, drawn: Drawn) -> dict[str, float]:
        """Beside the mean: that the target stays as it is."""
        found = super().guesses(drawn)
        if not self.classes and self.targets[0] in self.columns:
            now_T = self.columns_in_unit(drawn.x_TBE[:, 0].double().numpy())[:, self.columns.index(self.targets[0])]
            found["stays"] = _rms(self.in_unit(drawn.y_TBV[:, 0].double().numpy())[:, 0] - now_T)
        return found

    def held_out(self, steps: int) -> Drawn:
        """All rows that nothing is learned from, in one sequence."""
        return self.example(len(self.x_NE))

    def draw(self, rows: int, steps: int, generator: torch.Generator) -> Drawn:
        """Stretches of the rows that are learned from, begun anywhere."""
        most = self.learned - self.horizon - steps
        if most < 0:
            raise ConfigError("steps", expected("steps-in-table", most=self.learned - self.horizon), steps)
        starts = torch.randint(most + 1, (rows,), generator=generator).tolist()
        return self._windows(starts, steps)

    def example(self, steps: int, seed: int = 0) -> Drawn:
        """The last rows, none of which was learned from, as far as there are so many."""
        end = len(self.x_NE) - self.horizon
        return self._windows([max(self.learned, end - steps)], min(steps, end - self.learned))

    def _windows(self, starts: Sequence[int], steps: int) -> Drawn:
        mean_E, spread_E, mean, spread = self._scale
        x = [(self.x_NE[start : start + steps] - mean_E) / spread_E for start in starts]
        y_TB = np.stack([self.y_N[start + self.horizon : start + self.horizon + steps] for start in starts], 1)
        told = torch.from_numpy(y_TB.astype(np.int64) if self.classes else ((y_TB - mean) / spread)[..., None])
        x_TBE = torch.from_numpy(np.stack(x, 1)).float()
        labels = self.all_labels[starts[0] : starts[0] + steps]
        return Drawn(x_TBE, told if self.classes else told.float(), torch.ones(steps, dtype=torch.bool), labels)


def _spread(values_N: Floats) -> Floats:
    """The deviation of each column; 1 of one that is the same number throughout, but for rounding."""
    spread: Floats = values_N.std(0)
    return np.where(spread > ROUNDING * np.abs(values_N).max(0), spread, 1.0)


def numeric_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of a table that hold finite numbers only."""
    return [str(column) for column in frame.columns if _numbers(frame, column) is not None]


def counts_rows(frame: pd.DataFrame, column: str) -> bool:
    """Whether a column of numbers goes up or down by the same from row to row, as a count of days does."""
    values_N = frame[column].to_numpy(np.float64)
    steps_N = np.diff(values_N)
    return len(values_N) > 1 and bool(steps_N[0] != 0) and float(np.ptp(steps_N)) <= 1e-9 * float(np.abs(steps_N).max())


def class_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of a table that hold a few different words, and no gap."""
    return [str(column) for place, column in enumerate(frame.columns) if _words(frame.iloc[:, place])]


def _words(values: Any) -> tuple[str, ...]:
    """The different words of a column, in their order; none where it holds numbers, times or gaps, one word or too many."""
    if values.ndim != 1 or getattr(values.dtype, "kind", "O") in "iufcmM" or values.isna().any():
        return ()
    words = tuple(sorted({str(word) for word in values}))
    return words if 2 <= len(words) <= MOST_CLASSES else ()


def _numbers(frame: pd.DataFrame, column: Any) -> Floats | None:
    if frame[column].ndim != 1 or getattr(frame[column].dtype, "kind", "") not in "iuf":  # two may have one name
        return None
    values: Floats = frame[column].to_numpy(np.float64)
    return values if np.isfinite(values).all() else None


def _check_column(frame: pd.DataFrame, column: str) -> None:
    if column not in frame.columns:
        raise ConfigError("columns", expected("choice", allowed=[*map(str, frame.columns)]), column)
    if _numbers(frame, column) is None:
        raise ConfigError("columns", expected("column-of-numbers"), column)


@dataclass(frozen=True)
class Score:
    """How well a model tells its target where nothing was learned from.

    Attributes:
        error: root mean squared error in the target's own unit; of classes the share that is told wrong, in [0, 1].
        guesses: the same of those who know nothing: "mean" always tells the mean, "stays" that the target stays as it is,
            "usual" one class, the most frequent.
        answers: how many classes were told; None of numbers.

    """

    error: float
    guesses: Mapping[str, float]
    answers: int | None = None

    @property
    def judged(self) -> str:
        """Beside the best of those who know nothing: "better" by a tenth, "alike", or "worse".

        Of classes, better or worse also by three standard errors of that guess: few answers are often right by chance. "few"
        where none could be better: there are too few, or nearly all are of one class.
        """
        best, margin = min(self.guesses.values()), 0.0
        if self.answers:
            margin = max(0.1 * best, SURE * math.sqrt(best * (1 - best) / self.answers), SURE / self.answers)
        if self.error < best - (margin or 0.1 * best):
            return "better"
        if self.error > best + margin:
            return "worse"
        return "few" if margin >= best and self.answers else "alike"


@torch.no_grad()
def scored(model: SequenceModel, task: Task, length: int) -> Score:
    """A model on sequences that nothing was learned from: 200 of a built-in task, all rows held out of a table."""
    drawn = task.held_out(length)
    outputs_TBV, _ = model(drawn.x_TBE)
    if task.classes:
        wrong = outputs_TBV[drawn.asked_T].argmax(-1) != drawn.y_TBV[drawn.asked_T]
        return Score(float(wrong.double().mean()), task.guesses(drawn), wrong.numel())
    errors = [
        task.in_unit(told.double().numpy()) - task.in_unit(true.double().numpy())
        for told, true in zip(outputs_TBV[drawn.asked_T].unbind(1), drawn.y_TBV[drawn.asked_T].unbind(1), strict=True)
    ]
    return Score(_rms(np.stack(errors)), task.guesses(drawn))


# ---- the loop ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeriesStep:
    """One step of training on numbers.

    Attributes:
        step: counted from 1.
        loss: of the batch before the update: mean squared error in numbers of the network, or cross-entropy in nats.
        grad_norm_before: of all gradients together, before clipping.
        grad_norm_after: after it.
        elapsed_s: since the first step began.

    """

    step: int
    loss: float
    grad_norm_before: float
    grad_norm_after: float
    elapsed_s: float


def series_model(task: Task, config: ModelConfig, seed: int = 0) -> SequenceModel:
    """A network that reads the columns of a task and has its outputs.

    Raises:
        ConfigError: an embedding, which only symbols have; or too many parameters.

    """
    if config.embedding_size is not None:
        raise ConfigError("embedding_size", expected("no-embedding"), config.embedding_size)
    return SequenceModel(config, len(task.columns), len(task.outputs), seed)


def learn(
    model: SequenceModel,
    task: Task,
    *,
    steps: int = 500,
    length: int = 50,
    rows: int = 32,
    learning_rate: float = 5e-3,
    clip_norm: float | None = 1.0,
    seed: int = 0,
) -> Iterator[SeriesStep]:
    """Train a model in place by Adam on the mean squared error, or of classes on the cross-entropy, a record a step.

    Args:
        model: made by `series_model`.
        task: what is learned.
        steps: of the optimizer.
        length: of the sequences, in time steps.
        rows: sequences in a batch.
        learning_rate: of Adam.
        clip_norm: the threshold of global-norm clipping; None does not clip.
        seed: of the sequences.

    Raises:
        ConfigError: a number makes no sense, or the table is shorter than a sequence.
        TrainingDivergedError: a loss or a gradient is not finite (while iterating).

    """
    check_whole("steps", steps, 1, 1_000_000)
    check_whole("length", length, 2, LONGEST)
    check_whole("rows", rows, 1, 4096)
    rate = check_above_zero("learning_rate", learning_rate)
    clip_norm = None if clip_norm is None else check_above_zero("clip_norm", clip_norm)
    generator = torch.Generator().manual_seed(check_whole("seed", seed, 0, 2**62))
    task.draw(1, length, torch.Generator().manual_seed(0))  # a table that is too short is refused at once
    return _learned(model, task, steps, (rows, length), rate, clip_norm, generator)


def _loss(outputs_TBV: Tensor, told: Tensor) -> Tensor:
    """Of numbers told_TBV the mean squared error; of classes told_TB the mean of -ln p, in nats."""
    if told.is_floating_point():
        return (outputs_TBV - told).square().mean()
    return F.cross_entropy(outputs_TBV.flatten(0, 1), told.flatten())


def _learned(
    model: SequenceModel,
    task: Task,
    steps: int,
    shape: tuple[int, int],
    rate: float,
    clip_norm: float | None,
    generator: torch.Generator,
) -> Iterator[SeriesStep]:
    optimizer, began = torch.optim.Adam(model.parameters(), lr=rate), time.perf_counter()
    for step in range(1, steps + 1):
        drawn = task.draw(*shape, generator)
        outputs_TBV, _ = model(drawn.x_TBE)
        loss = _loss(outputs_TBV[drawn.asked_T], drawn.y_TBV[drawn.asked_T])
        optimizer.zero_grad()
        loss.backward()
        clipping = clip_gradients(model.named_parameters(), clip_norm)
        if not math.isfinite(clipping.norm_before) or not math.isfinite(float(loss.detach())):
            raise TrainingDivergedError(step, "loss", "value")
        optimizer.step()
        elapsed_s = time.perf_counter() - began
        yield SeriesStep(step, float(loss.detach()), clipping.norm_before, clipping.norm_after, elapsed_s)
