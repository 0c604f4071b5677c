"""A network that learns numbers for a page: in the one line in which all sessions wait, and only while somebody looks on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple

import streamlit as st

from explorer.cells import CELLS
from explorer.models import ModelConfig
from explorer.pages.shell import patience, shelf
from explorer.series import BUILT_IN, SeriesStep, Task, learn, series_model
from explorer.training import TrainingDivergedError
from explorer.words import say

LOOK_S = 0.1


class Wishes(NamedTuple):
    """What is learned, and by what: two that are alike learn the same.

    Attributes:
        task: its name out of BUILT_IN, or what tells a person's own from others.
        cell: a key of CELLS.
        units: of each layer.
        length: time steps of a sequence.
        steps: of the optimizer.
        rate: Adam's learning rate.
        clip_norm: the threshold of global-norm clipping; None does not clip.

    """

    task: str
    cell: str
    units: int
    length: int
    steps: int
    rate: float = 5e-3
    clip_norm: float | None = 1.0

    @property
    def config(self) -> ModelConfig:
        """The network: of the layers that the cell suggests."""
        return ModelConfig(
            self.cell, hidden_size=self.units, num_layers=CELLS[self.cell].suggested.get("num_layers", 1)
        )


class Learnt:
    """A network, and what happened while it learned.

    Attributes:
        task: what it learns.
        wishes: how.
        model: as far as it is.
        records: every step so far.
        fault: why it could not go on, or "".

    """

    def __init__(self, task: Task, wishes: Wishes) -> None:
        self.task, self.wishes = task, wishes
        self.model = series_model(task, wishes.config, seed=0)
        self.records: list[SeriesStep] = []
        self.fault = ""
        self._steps = learn(
            self.model,
            task,
            steps=wishes.steps,
            length=wishes.length,
            learning_rate=wishes.rate,
            clip_norm=wishes.clip_norm,
        )
        self._lock, self._watching = threading.Lock(), 0
        self._begun: Future[None] | None = None

    @property
    def done(self) -> bool:
        """Whether it has made all of its steps, or cannot make more."""
        return len(self.records) >= self.wishes.steps or bool(self.fault)

    def _run(self) -> None:
        """Go on, as long as somebody looks on."""
        try:
            while self._watching and not self.done:
                self.records.append(next(self._steps))
        except TrainingDivergedError as fault:
            self.fault = str(fault)

    @contextmanager
    def _watched(self) -> Iterator[Future[None]]:
        with self._lock:
            self._watching += 1
            if self._begun is None or self._begun.done():
                self._begun = patience.turns().begin(self._run)
            begun = self._begun
        try:
            yield begun
        finally:
            with self._lock:
                self._watching -= 1

    def wait(self) -> None:
        """Until it is done, with a bar that says how far it is; breaks off for a newer wish."""
        if self.done:
            return
        bar = st.progress(0.0, say("series-page.learning", step=0, total=self.wishes.steps))
        with self._watched() as begun:
            while not begun.done():
                made, total = len(self.records), self.wishes.steps
                bar.progress(made / total, say("series-page.learning", step=made, total=total))
                patience.pause(LOOK_S)
        bar.empty()


def learnt(task: Task, wishes: Wishes) -> Learnt:
    """The network of some wishes, begun or done: of a built-in task one for all sessions, of a person's own one for theirs."""
    of = shelf.models() if wishes.task in BUILT_IN else shelf.own()
    return of.get(("numbers", wishes), lambda: Learnt(task, wishes))
