"""Cells that learn a problem in front of the class: one attempt a session, in slices that give way to other sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch

from explorer.cells import CELLS
from explorer.models import CharModel
from explorer.pages.shell import opened, patience, session
from explorer.probes.claims import Claims, claims
from explorer.problems import PROBLEMS, Learned, Learning, accuracy, problem_model
from explorer.training import TrainingDivergedError
from explorer.words import say

UNITS, MOST_CELLS, MOST_S, SLICE_S = 32, 3, 15.0, 0.12
SHARES = (0.25, 0.5, 1, 2, 4)  # of the trained length, at which it is tried
TRIED = 300  # texts of each length
ATTEMPT = "problem_attempt"


class Wish(NamedTuple):
    """What is to be learned, and by whom."""

    problem: str
    length: int
    cells: tuple[str, ...]


@dataclass
class Pupil:
    """One cell that learns.

    Attributes:
        model: as it is by now.
        learning: what trains it.
        records: what it did so far.
        ended: whether it has solved the problem, used up its seconds or diverged.
        claims: what holds of it, once it has ended.
        accuracies: at each length, once it has ended.
        name: under which other pages know it, once it has ended.

    """

    model: CharModel
    learning: Learning
    records: list[Learned] = field(default_factory=list)
    ended: bool = False
    claims: Claims | None = None
    accuracies: dict[int, float] = field(default_factory=dict)
    name: str = ""

    def goes_on(self, most_s: float) -> None:
        """Learn for so many seconds, or to the end."""
        began = self.records[-1].elapsed_s if self.records else 0.0
        while not self.ended:
            try:
                self.records.append(next(self.learning))
            except (StopIteration, TrainingDivergedError):
                self.ended = True
                return
            last = self.records[-1]
            self.ended = last.solved or last.elapsed_s >= MOST_S
            if last.elapsed_s - began >= most_s:
                return


@dataclass
class Attempt:
    """What a session is learning, or has learned."""

    wish: Wish
    pupils: dict[str, Pupil]
    begun: bool = False

    @property
    def ended(self) -> bool:
        """Whether all have ended and were examined."""
        return all(pupil.claims for pupil in self.pupils.values())

    @property
    def curves(self) -> dict[str, list[Learned]]:
        """The records of each cell, by its key, of those that have begun."""
        return {cell: pupil.records for cell, pupil in self.pupils.items() if pupil.records}

    def goes_on(self) -> None:
        """A slice for each that has not ended; the examination of one that has. Nothing at first, so that it is seen to begin."""
        if not self.begun:
            self.begun = True
            return
        for pupil in self.pupils.values():
            if not pupil.ended:
                _in_turn(partial(pupil.goes_on, SLICE_S))
            elif pupil.claims is None:
                _in_turn(partial(_examine, self.wish, pupil))
                _keep(self.wish, pupil)


def begin(wish: Wish) -> None:
    """Begin an attempt; the one before it is over."""
    problem = PROBLEMS[wish.problem]
    pupils = {}
    for cell in wish.cells[:MOST_CELLS]:
        model = problem_model(problem, cell, UNITS, length=wish.length)
        pupils[cell] = Pupil(model, Learning(model, problem, wish.length, most_steps=10**6))
    session.fill({ATTEMPT: Attempt(wish, pupils)})


def of(wish: Wish) -> Attempt | None:
    """The session's attempt, if it is of this; one of anything else is over."""
    attempt: Attempt | None = session.kept(ATTEMPT, None)
    if attempt is not None and attempt.wish != wish:
        session.forget(ATTEMPT)
        return None
    return attempt


def lengths(wish: Wish) -> Sequence[int]:
    """At which a model is tried."""
    return [length for share in SHARES if (length := round(wish.length * share)) >= PROBLEMS[wish.problem].shortest]


def _in_turn(work: Callable[[], None]) -> None:
    """Only one computation at a time for all sessions; a newer wish of this one is seen after it."""
    begun = patience.turns().begin(work)
    with patience.FLOOR.left():
        begun.result()


def _examine(wish: Wish, pupil: Pupil) -> None:
    problem, unseen = PROBLEMS[wish.problem], torch.Generator().manual_seed(2**41)
    pupil.accuracies = {n: accuracy(pupil.model, problem, n, TRIED, unseen) for n in lengths(wish)}
    pupil.claims = claims(pupil.model, problem, wish.length)


def _keep(wish: Wish, pupil: Pupil) -> None:
    """Give it a name that every page can open: that of its weights."""
    digest = hashlib.sha256()
    for tensor in pupil.model.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    cell = CELLS[pupil.model.config.cell]
    title = say("problem-page.model", problem=say(f"problem.{wish.problem}"), cell=cell.key)
    pupil.name = opened.keep(pupil.model, title, wish, digest.digest())
