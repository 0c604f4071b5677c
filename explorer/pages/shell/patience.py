"""Computations that take long: one at a time for all sessions, and giving way to a newer wish."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import streamlit as st

from explorer.pages.shell import session

LONG = 3_000  # characters; fewer are read within a blink
OFTEN = 500  # the same of a text that is read at each epoch of a training
LOOK_S = 0.05
V = TypeVar("V")


class Turns:
    """A thread that does one thing after another. Ten long texts at once would take ten times the memory, and no less time."""

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(1)
        self._lock, self._ahead = threading.Lock(), 0

    @property
    def ahead(self) -> int:
        """How many are being done or wait."""
        return self._ahead

    def begin(self, work: Callable[[], V]) -> Future[V]:
        """Have something done in its turn."""
        with self._lock:
            self._ahead += 1
        begun = self._reader.submit(work)
        begun.add_done_callback(self._ended)
        return begun

    def _ended(self, _: Future[Any]) -> None:
        with self._lock:
            self._ahead -= 1


@st.cache_resource(show_spinner=False)
def turns() -> Turns:
    """The one line in which all sessions wait."""
    return Turns()


def wait_for(begun: Future[V]) -> V:
    """The result of something that takes long; breaks off for a newer wish."""
    while not begun.done():
        wait([begun], LOOK_S)
        session.give_way()
    return begun.result()
