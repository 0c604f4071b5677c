"""Who works when: one run of a page at a time, computations that take long one by one, and each gives way to a newer wish."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import streamlit as st

from explorer.pages.shell import session
from explorer.tokens import Tokens
from explorer.words import say

LONG = 3_000  # characters; fewer are read within a blink
OFTEN = 500  # the same of a text that is read at each epoch of a training
LOOK_S, LOOK_IN_LINE_S = 0.05, 0.2
RUNS = 1  # of pages at a time: with two, sixty people wait longer, for either of the two takes twice as long and more
V = TypeVar("V")


class Floor:
    """The runs of pages that go on at a time; the others wait in line.

    Python runs one thread at a time, and every call of torch lets go of it. Among sixty runs that go on together each such call
    waits for a turn of its own: all of them end late. One after another they end as they came, and the first at once.
    """

    def __init__(self, places: int) -> None:
        self._lock, self._free, self._line = threading.Lock(), places, deque[threading.Event]()
        self._mine = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One of the places, as long as this lasts."""
        self._take()
        self._mine.place = True
        try:
            yield
        finally:
            self._mine.place = False
            self._leave()

    @contextmanager
    def left(self) -> Iterator[None]:
        """For who waits for something: if this thread has a place, somebody else has it meanwhile."""
        if not getattr(self._mine, "place", False):  # a part of a page that runs alone has none
            yield
            return
        self._mine.place = False
        self._leave()
        try:
            yield
        finally:
            self._take()
            self._mine.place = True

    def _take(self) -> None:
        mine = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._line.append(mine)
        mine.wait()

    def _leave(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()  # the place goes from hand to hand: who comes now does not take it
            else:
                self._free += 1


FLOOR = Floor(RUNS)


class Table:
    """Where one long reading lies at a time, from when it is begun until what is drawn of it is sent.

    A reading of 20,000 characters has a hundred megabytes: ten pages that hold one each while they wait have a thousand.
    """

    def __init__(self) -> None:
        self._changed, self._line = threading.Condition(), deque[object]()

    @property
    def ahead(self) -> int:
        """How many sit at it or wait."""
        return len(self._line)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Come to the table in one's turn; whoever wants something newer meanwhile leaves the line."""
        mine = object()
        with self._changed:
            self._line.append(mine)
        try:
            while self._line[0] is not mine:
                with FLOOR.left(), self._changed:
                    self._changed.wait(LOOK_IN_LINE_S)
                session.give_way()
            yield
        finally:
            with self._changed:
                self._line.remove(mine)
                self._changed.notify_all()


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


@st.cache_resource(show_spinner=False)
def writers() -> Turns:
    """Another, for what a model writes: 150 steps one after the other, and nobody shall wait for that but who reads it."""
    return Turns()


def is_long(text: Tokens) -> bool:
    """Whether a text is read in its turn."""
    return len(text) >= LONG


@st.cache_resource(show_spinner=False)
def _table() -> Table:
    return Table()


@contextmanager
def table(text: str) -> Iterator[None]:
    """A long text's place at the table of all sessions; a short one needs none."""
    if not is_long(text):
        yield
        return
    with ExitStack() as held:
        with st.spinner(say("page.reading", count=len(text), ahead=_table().ahead)):
            held.enter_context(_table().taken())
        yield


@contextmanager
def aside(words: str, *, done: bool) -> Iterator[None]:
    """What takes about a second: with a word on the page, and without a place on the floor; neither where it is done already."""
    if done:
        yield
        return
    with st.spinner(words), FLOOR.left():
        yield


def pause(seconds: float) -> None:
    """Let time pass, and others work, and give way."""
    with FLOOR.left():
        time.sleep(seconds)
    session.give_way()


def wait_for(begun: Future[V]) -> V:
    """The result of something that takes long; breaks off for a newer wish, and what was not begun by then is not done."""
    try:
        while not begun.done():
            with FLOOR.left():
                wait([begun], LOOK_S)
            session.give_way()
        return begun.result()
    finally:
        begun.cancel()
