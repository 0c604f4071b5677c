"""Classes: one browser leads, others follow its lesson and step, and their answers are counted without names."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast

MOST_CLASSES, MOST_BROWSERS, MOST_S = 200, 500, 8 * 3600.0
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"  # none that is read as another, or as a figure
CODE_LENGTH = 5
Place = tuple[str, str]  # lesson and step


class Seen(NamedTuple):
    """What a class shows just now.

    Attributes:
        lesson: its key.
        step: its key.
        revealed: whether the answer is shown.
        counts: choice -> how many browsers chose it.
        browsers: how many follow.
        leads: whether the one who asks is the presenter.

    """

    lesson: str
    step: str
    revealed: bool
    counts: Mapping[str, int]
    browsers: int
    leads: bool

    @property
    def answered(self) -> int:
        """How many have answered."""
        return sum(self.counts.values())


@dataclass
class _Class:
    presenter: str
    at: Place
    begun: float
    revealed: set[Place] = field(default_factory=set)
    browsers: set[str] = field(default_factory=set)
    answers: dict[Place, dict[str, str]] = field(default_factory=dict)


class Classes:
    """The classes of this process, in memory only: so many, so long, so large. Of a browser, a salted hash is kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._salt = clock, secrets.token_bytes(16)
        self._lock, self._classes = threading.Lock(), dict[str, _Class]()

    def begin(self, browser: str, at: Place) -> str | None:
        """Begin a class and return its code; the one that this browser led is over. None where there are too many."""
        presenter = self._hashed(browser)
        with self._lock:
            self._clear()
            for code in [code for code, one in self._classes.items() if one.presenter == presenter]:
                del self._classes[code]
            if len(self._classes) >= MOST_CLASSES:
                return None
            while (code := "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))) in self._classes:
                pass
            self._classes[code] = _Class(presenter, at, self._clock())
            return code

    def end(self, code: str, browser: str) -> None:
        """End a class, if it is this browser's."""
        with self._lock:
            if (one := self._classes.get(code)) and one.presenter == self._hashed(browser):
                del self._classes[code]

    def move(self, code: str, browser: str, at: Place) -> bool:
        """Go to a step; false, and nothing moves, where this browser does not lead."""
        with self._lock:
            one = self._led(code, browser)
            if one:
                one.at = at
            return one is not None

    def reveal(self, code: str, browser: str) -> bool:
        """Show the answer of the step to everyone; likewise."""
        with self._lock:
            one = self._led(code, browser)
            if one:
                one.revealed.add(one.at)
            return one is not None

    def join(self, code: str, browser: str) -> Seen | None:
        """What the class shows, to one who follows or leads it; None for no such class, or no more."""
        name = self._hashed(browser)
        with self._lock:
            self._clear()
            one = self._classes.get(code)
            if one is None:
                return None
            leads = one.presenter == name
            if not leads and len(one.browsers) < MOST_BROWSERS:
                one.browsers.add(name)
            counts = Counter(one.answers.get(one.at, {}).values())
            return Seen(*one.at, one.at in one.revealed, dict(counts), len(one.browsers), leads)

    def answer(self, code: str, browser: str, at: Place, choice: str) -> bool:
        """Count an answer: one a browser and step, the last before the answer is shown. False where it is not counted."""
        name = self._hashed(browser)
        with self._lock:
            self._clear()
            one = self._classes.get(code)
            if one is None or at != one.at or at in one.revealed or name not in one.browsers:
                return False
            one.answers.setdefault(at, {})[name] = choice
            return True

    def _led(self, code: str, browser: str) -> _Class | None:
        self._clear()
        one = self._classes.get(code)
        return one if one and one.presenter == self._hashed(browser) else None

    def _clear(self) -> None:
        now = self._clock()
        for code in [code for code, one in self._classes.items() if now - one.begun > MOST_S]:
            del self._classes[code]

    def _hashed(self, browser: str) -> str:
        return hashlib.blake2b(browser.encode(), key=self._salt, digest_size=16).hexdigest()


class _Elsewhere:
    """The classes that another process keeps for this one: each question goes there."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._ask, name)


_kept: Classes = Classes()


def all_classes() -> Classes:
    """The classes of this server."""
    return _kept


def are_kept_by(ask: Callable[..., Any]) -> None:
    """From now on the classes are another process's.

    Args:
        ask: returns what a method of `Classes` there returns; it takes the method's name and arguments.

    """
    global _kept  # set once, before the first page
    _kept = cast("Classes", _Elsewhere(ask))


def code_of(typed: str) -> str | None:
    """A code as it may have been typed; None where it cannot be one."""
    code = "".join(typed.split()).upper() if len(typed) <= 20 else ""
    return code if len(code) == CODE_LENGTH and set(code) <= set(LETTERS) else None
