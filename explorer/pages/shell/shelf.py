"""What is kept of what was computed: counted in bytes, for each session and for all of them, and only for a while.

A trace of 20,000 characters has a hundred megabytes and a sentence's has one, so entries cannot be counted alike. Whatever
is taken off a shelf is computed again when it is wanted; whoever still holds it goes on with it.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import streamlit as st
import torch

SESSION_BYTES, SESSIONS_BYTES = 64_000_000, 192_000_000  # of one session, and of all together
MODELS_BYTES = 128_000_000  # of the models, which all sessions share
KEPT_S = 90.0  # unused by its session; who comes back waits for it to be computed again
LOOK_EVERY_S = 15.0
SMALL = (int, float, bool, type(None))  # not looked into
V = TypeVar("V")


class Budget:
    """The shelves that share a budget in bytes.

    A thread looks after them, since nobody comes by who left: what was not used for a while is let go.
    """

    def __init__(self, most_bytes: int, kept_s: float) -> None:
        self.most_bytes, self.kept_s = most_bytes, kept_s
        self._lock = threading.Lock()
        self._shelves: weakref.WeakSet[Shelf] = weakref.WeakSet()
        threading.Thread(target=_look_after, args=(weakref.ref(self),), daemon=True).start()

    def shelf(self, most_bytes: int) -> Shelf:
        """A new shelf with a share of its own, which ends when nobody holds it any more."""
        made = Shelf(self, most_bytes)
        with self._lock:
            self._shelves.add(made)
        return made

    @property
    def bytes(self) -> int:
        """Held by all shelves, as they were measured last."""
        return sum(shelf.bytes for shelf in self._all())

    def let_go(self) -> None:
        """Of what was not used for a while."""
        for shelf in self._all():
            shelf.let_go(before=time.monotonic() - self.kept_s)

    def settle(self, spared: Shelf | None = None) -> None:
        """Let go of what was used least recently until the rest fits.

        Args:
            spared: keeps what it used last.

        """
        while self.bytes > self.most_bytes:
            oldest = min(
                (shelf for shelf in self._all() if shelf.can_spare(spared)), key=lambda s: s.oldest, default=None
            )
            if oldest is None:
                return
            oldest.let_go_of_one()

    def _all(self) -> list[Shelf]:
        with self._lock:
            return list(self._shelves)


def _look_after(about: weakref.ref[Budget]) -> None:
    while (budget := about()) is not None:
        budget.let_go()
        budget.settle()
        del budget  # ends when nobody else has it
        time.sleep(LOOK_EVERY_S)


@dataclass
class _Kept:
    """A value, when it was used last, and its bytes, as they were measured last; it may have grown since it was used."""

    value: Any
    used: float
    bytes: int
    grown: bool = True


class Shelf:
    """Values by key, each made when it is first asked for."""

    def __init__(self, budget: Budget, most_bytes: int) -> None:
        self._budget, self._most_bytes = budget, most_bytes
        self._lock = threading.RLock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()  # what was used last is last
        self.bytes = 0
        """Held, as it was measured last."""

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key; one is made where there is none, and then there must be room for it."""
        with self._lock:
            new = key not in self._kept
            if new:
                self._kept[key] = _Kept(make(), 0, 0)
            kept = self._kept[key]
            kept.used, kept.grown = time.monotonic(), True
            self._kept.move_to_end(key)
        if new:
            self.settle()
        value: V = kept.value
        return value

    def newest(self, wanted: Callable[[Hashable], bool]) -> Any:
        """The value that was used last of those whose key is wanted; None where there is none. It counts as not used now."""
        with self._lock:
            return next((self._kept[key].value for key in reversed(self._kept) if wanted(key)), None)

    def settle(self) -> None:
        """Measure what was used, and let go of what is too much for this shelf or for all: not of what was used last here."""
        with self._lock:
            for number, kept in enumerate(self._kept.values(), 1):
                if kept.grown:
                    # What was used last is still in use, and grows.
                    kept.bytes, kept.grown = bytes_of(kept.value), number == len(self._kept)
            self.bytes = sum(kept.bytes for kept in self._kept.values())
            while self.bytes > self._most_bytes and len(self._kept) > 1:
                self._drop_oldest()
        self._budget.settle(spared=self)

    @property
    def oldest(self) -> float:
        """When that was used which was used least recently; later than anything where there is nothing."""
        with self._lock:
            return next((kept.used for kept in self._kept.values()), float("inf"))

    def can_spare(self, spared: Shelf | None) -> bool:
        """Whether there is anything to let go of."""
        return len(self._kept) > (1 if self is spared else 0)

    def let_go(self, before: float) -> None:
        """Of what was not used since a moment."""
        with self._lock:
            while self._kept and self.oldest < before:
                self._drop_oldest()

    def let_go_of_one(self) -> None:
        """Of what was used least recently."""
        with self._lock:
            if self._kept:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.bytes -= self._kept.popitem(last=False)[1].bytes


def bytes_of(value: Any) -> int:
    """Bytes of the arrays, tensors and texts that can be reached from a value; what is reached twice counts once."""
    total, seen, ahead = 0, set[int](), [value]
    while ahead:
        one = ahead.pop()
        while isinstance(one, np.ndarray) and one.base is not None:
            one = one.base  # a view holds the whole of what it looks at
        if isinstance(one, torch.Tensor):
            one = one.untyped_storage()
        name = one.data_ptr() if isinstance(one, torch.UntypedStorage) else id(one)
        if name in seen:
            continue
        seen.add(name)
        if isinstance(one, torch.nn.Module):  # which has many tables of what it has none of
            ahead += one.parameters()
        elif isinstance(one, np.ndarray | torch.UntypedStorage | memoryview):
            total += one.nbytes() if isinstance(one, torch.UntypedStorage) else one.nbytes
        elif isinstance(one, str | bytes | bytearray):
            total += len(one)
        elif isinstance(one, Mapping):
            ahead += [inner for inner in one.values() if type(inner) not in SMALL]
        elif isinstance(one, list | tuple | set | frozenset):
            total += 8 * len(one)
            ahead += [inner for inner in one if type(inner) not in SMALL]
        elif hasattr(one, "__dict__") and not isinstance(one, type):
            ahead += [inner for inner in vars(one).values() if type(inner) not in SMALL]
    return total


@st.cache_resource(show_spinner=False)
def _of_sessions() -> Budget:
    return Budget(SESSIONS_BYTES, KEPT_S)


@st.cache_resource(show_spinner=False, scope="session")
def own() -> Shelf:
    """The shelf of the person's session; it goes with the session."""
    return _of_sessions().shelf(SESSION_BYTES)


@st.cache_resource(show_spinner=False)
def models() -> Shelf:
    """The shelf of the models, which all sessions share."""
    return Budget(MODELS_BYTES, float("inf")).shelf(MODELS_BYTES)
