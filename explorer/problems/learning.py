"""Learning a problem: the loss of the answers alone, texts that grow, and an end where it is solved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.cells import CELLS
from explorer.clipping import clip_gradients
from explorer.fields import check_above_zero, check_choice, check_whole, expected, finite
from explorer.models import CharModel, ConfigError, ModelConfig
from explorer.problems.drawing import MOST_LENGTH, PROBLEMS, Drawn, Problem
from explorer.training import TrainingDivergedError, check_seed

BATCH, LEARNING_RATE, CLIP_NORM, MOST_STEPS = 64, 0.01, 1.0, 2_000
RECENT = 5  # batches by which it is judged whether texts can grow, and at the end whether the problem is solved
GROWS_AT, SOLVED_AT = 0.9, 0.99  # shares of their answers that are right
SOLVED_NATS = 0.1  # of their mean loss
GROWTH = 1.5


@dataclass(frozen=True)
class Learned:
    """What one step of learning a problem did.

    Attributes:
        step: counted from 1.
        length: characters of the texts of this step.
        nll_nats: mean negative log-likelihood of the answers, before the update.
        accuracy: share of the answers that were the model's likeliest character, before the update, in [0, 1].
        grad_norm_before: l2 norm of all gradients together, before clipping.
        grad_norm_after: the same after clipping.
        elapsed_s: seconds of learning so far.
        solved: whether the texts have their full length and almost all recent answers were right; it is the last step.

    """

    step: int
    length: int
    nll_nats: float
    accuracy: float
    grad_norm_before: float
    grad_norm_after: float
    elapsed_s: float
    solved: bool


def problem_of(key: object) -> Problem:
    """A problem by its key.

    Raises:
        ConfigError: there is none of that name.

    """
    return PROBLEMS[check_choice("problem", key, tuple(PROBLEMS))]


def problem_model(
    problem: Problem, cell: str = "gru", hidden: int = 32, init: str | None = None, *, length: int = 60, seed: int = 0
) -> CharModel:
    """An untrained model of one layer for a problem.

    Args:
        problem: whose symbols it reads.
        cell: a key of CELLS.
        hidden: its units.
        init: of its weights; None takes the problem's, or "torch" where the cell does not have it.
        length: the longest memory that "chrono" aims at, in characters.
        seed: of its weights.

    Raises:
        ConfigError: as ModelConfig and CharModel have it.

    """
    check_choice("cell", cell, tuple(CELLS))
    if init is None:
        init = problem.init if problem.init in CELLS[cell].initialisations() else "torch"
    config = ModelConfig(cell, hidden_size=hidden, init=init, chrono_t_max=max(length, 3))
    return CharModel(config, problem.vocabulary, seed=check_seed(seed))


def answer_logits(model: CharModel, drawn: Drawn) -> Tensor:
    """logits_ABV of the answers, each predicted from what stands before it."""
    h, _ = model.states(drawn.ids_TB[:-1])
    before_T = torch.from_numpy(drawn.answered_T[1:])
    return model.out(model.features(h)[before_T])  # type: ignore[no-any-return]


def answer_loss(model: CharModel, drawn: Drawn) -> tuple[Tensor, float]:
    """Mean negative log-likelihood of the answers alone, in nats, and the share of them that is right."""
    logits_ABV, answers_AB = answer_logits(model, drawn), drawn.answers_AB
    right = float((logits_ABV.argmax(-1) == answers_AB).double().mean())
    return F.cross_entropy(logits_ABV.flatten(0, 1), answers_AB.flatten()), right


@torch.no_grad()
def accuracy(model: CharModel, problem: Problem, length: int, count: int, generator: torch.Generator) -> float:
    """Share of the answers of new texts that are the model's likeliest character, in [0, 1].

    Raises:
        ConfigError: a model of other symbols, or one that does not predict the next character from those before; a length or
            a count that makes no sense.

    """
    check_model(model, problem)
    return answer_loss(model, problem.draw(count, length, generator))[1]


def check_model(model: CharModel, problem: Problem) -> None:
    """Refuse a model that cannot be asked this problem.

    Raises:
        ConfigError: its symbols are others, or it does not predict the next character from those before.

    """
    if model.vocabulary.symbols != problem.vocabulary.symbols:
        raise ConfigError(
            "model", expected("model-of-problem", symbols=problem.symbols), "".join(model.vocabulary.symbols[1:])
        )
    if model.config.objective != "next":
        raise ConfigError("model", expected("model-of-objective", objective="next"), model.config.objective)


class Learning(Iterator[Learned]):
    """`learn` as an iterator that can be left between two steps and gone on with."""

    def __init__(
        self, model: CharModel, problem: Problem, length: int, seed: int = 0, *, grows: bool | None = None,
        most_steps: int = MOST_STEPS, learning_rate: float = LEARNING_RATE, clip_norm: float | None = CLIP_NORM,
    ) -> None:  # fmt: skip
        check_model(model, problem)
        self.model, self.problem = model, problem
        self.length = check_whole("length", length, problem.shortest, MOST_LENGTH)
        self.most_steps = check_whole("most_steps", most_steps, 1, 10**6)
        self.clip_norm = None if clip_norm is None else check_above_zero("clip_norm", clip_norm)
        self._optimizer = torch.optim.Adam(model.parameters(), lr=check_above_zero("learning_rate", learning_rate))
        self._chance = torch.Generator().manual_seed(check_seed(seed) % 2**63)
        self._now = (
            min(problem.shortest + 1, self.length) if (problem.grows if grows is None else grows) else self.length
        )
        self._recent: list[tuple[float, float]] = []
        self._step, self._elapsed_s, self._solved = 0, 0.0, False

    def __next__(self) -> Learned:
        if self._solved or self._step == self.most_steps:
            raise StopIteration
        began = time.perf_counter()
        self._step, length = self._step + 1, self._now
        nll_nats, right, before, after = self._learn(self.problem.draw(BATCH, length, self._chance))
        self._judge(nll_nats, right)
        self._elapsed_s += time.perf_counter() - began
        return Learned(self._step, length, nll_nats, right, before, after, self._elapsed_s, self._solved)

    def _learn(self, drawn: Drawn) -> tuple[float, float, float, float]:
        """One step: loss, share of right answers, and the gradient's norm before and after clipping."""
        self._optimizer.zero_grad()
        loss, right = answer_loss(self.model, drawn)
        loss.backward()
        clipping = clip_gradients(self.model.named_parameters(), self.clip_norm)
        nll_nats = float(loss.detach())
        for what, value in (("loss", nll_nats), ("gradient", clipping.norm_before)):
            if finite(value) is None:
                raise TrainingDivergedError(self._step, "loss", what)
        self._optimizer.step()
        return nll_nats, right, clipping.norm_before, clipping.norm_after

    def _judge(self, nll_nats: float, right: float) -> None:
        """Texts grow, and at their full length learning ends, by what was answered of late."""
        self._recent = [*self._recent[-RECENT + 1 :], (nll_nats, right)]
        if len(self._recent) < RECENT:
            return
        nats, share = (sum(values) / RECENT for values in zip(*self._recent, strict=True))
        if self._now == self.length:
            self._solved = share >= SOLVED_AT and nats <= SOLVED_NATS
        elif share >= GROWS_AT:
            self._now, self._recent = min(max(int(self._now * GROWTH), self._now + 1), self.length), []


def learn(model: CharModel, problem: Problem, length: int, seed: int = 0, **settings: Any) -> Iterator[Learned]:
    """Learn a problem with Adam: a record a step, until it is solved or the steps are used up.

    Only answers have a loss. Where the problem grows, texts begin short and become longer by half
    where nine of ten answers are right, up to `length`. The same
    seed gives the same weights.

    Args:
        model: trained in place.
        problem: what it learns.
        length: characters of the texts in the end.
        seed: of the texts.
        settings: `grows` (whether texts begin short; None: as the problem says), `most_steps`, `learning_rate`, `clip_norm`.

    Raises:
        ConfigError: a setting or a model that makes no sense.
        TrainingDivergedError: a loss or gradient that is not finite.

    """
    return Learning(model, problem, length, seed, **settings)
