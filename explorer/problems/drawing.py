"""The problems gates were made for: texts at random, each with answers that a plain function knows.

A text ends with "?" and what it asks for, so that a model which predicts the next character answers by reading on, and every page
that shows a text can show one of these. The motives are those of Dive into Deep Learning, section 9.1: an early token matters;
some tokens are to be skipped; the sequence breaks. Parity is the task that a gate blind to the state cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.fields import check_whole
from explorer.text import UNKNOWN, Vocabulary

DIGITS, BITS, NOISE = "0123", "01", "abcdef"
ASK, OPENS, CLOSES, BREAK = "?", "<", ">", "|"
COPIED = 3  # characters that are asked for where the payload is copied
BREAKS_ONE_IN = 6  # of the inner characters of a text with breaks
MOST_COUNT, MOST_LENGTH = 4_096, 1_000


@dataclass(frozen=True)
class Drawn:
    """Texts of one length at random, with what is right.

    Attributes:
        texts: each of `length` characters, its answers at the end.
        ids_TB: the same by the numbers of the problem's vocabulary, int64.
        answered_T: True where an answer stands, the same in every text.

    """

    texts: tuple[str, ...]
    ids_TB: Tensor = field(repr=False)
    answered_T: NDArray[np.bool_] = field(repr=False)

    @property
    def answers_AB(self) -> Tensor:
        """The right answers, ids, in the order in which they stand."""
        return self.ids_TB[torch.from_numpy(self.answered_T)]


@dataclass(frozen=True)
class Problem:
    """A kind of text that ends with a question.

        problem = PROBLEMS["first"]
        drawn = problem.draw(count=64, length=60, generator=torch.Generator().manual_seed(0))
        problem.solve(drawn.texts[0][:-1])  # what stands in its last place

    Attributes:
        key: its name in PROBLEMS.
        symbols: that its texts are made of.
        answers: the symbols that can be the answer, each equally often: a guess is right once in so many.
        asked: answers at the end of a text.
        shortest: characters of its shortest text.
        body: draws the part before the question: (characters, numbers in [0, 1) to draw by) -> text.
        solve: the right answers of a text that ends with the question, by counting on one's fingers.
        kept: where a text holds what is to be kept, a flag a character.
        noise: where it holds what is to be ignored.
        breaks: where it holds a break, after which what stood before is of no use.
        init: of a model's weights, where its cell has it; else torch's. "chrono" is a long memory from the start.
        grows: whether a model learns it on short texts first: without, few cells find the way into it.

    """

    key: str
    symbols: str
    answers: str
    asked: int
    shortest: int
    body: Callable[[int, Iterator[float]], str] = field(repr=False)
    solve: Callable[[str], str] = field(repr=False)
    kept: Callable[[str], list[bool]] = field(repr=False)
    noise: Callable[[str], list[bool]] = field(repr=False)
    breaks: Callable[[str], list[bool]] = field(repr=False)
    init: str = "chrono"
    grows: bool = True

    @property
    def chance(self) -> float:
        """Share of the answers that are right by guessing, in (0, 1)."""
        return 1 / len(self.answers)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Its symbols in the order in which they are listed; none counts for more than another."""
        return Vocabulary((UNKNOWN, *self.symbols), (0, *(1 for _ in self.symbols)))

    def draw(self, count: int, length: int, generator: torch.Generator) -> Drawn:
        """Texts at random.

        Args:
            count: how many.
            length: characters of each, the question and its answers included.
            generator: that they are drawn from; the same state gives the same texts.

        Raises:
            ConfigError: a count or a length that makes no sense.

        """
        count = check_whole("count", count, 1, MOST_COUNT)
        length = check_whole("length", length, self.shortest, MOST_LENGTH)
        inner = length - 1 - self.asked
        chances = torch.rand(count, 2 * length, generator=generator, dtype=torch.float64).tolist()
        asking = (self.body(inner, iter(row)) + ASK for row in chances)
        texts = tuple(text + self.solve(text) for text in asking)
        return Drawn(texts, self._ids(texts), np.arange(length) >= length - self.asked)

    def _ids(self, texts: tuple[str, ...]) -> Tensor:
        """ids_TB: as Vocabulary.encode, of many texts at once."""
        number_of = np.zeros(128, np.int64)
        for index, symbol in enumerate(self.vocabulary.symbols[1:], 1):
            number_of[ord(symbol)] = index
        letters_BT = np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(len(texts), -1)
        return torch.from_numpy(np.ascontiguousarray(number_of[letters_BT].T))


def _some(symbols: str, count: int, chances: Iterator[float]) -> str:
    """So many symbols, each equally likely."""
    return "".join(symbols[int(next(chances) * len(symbols))] for _ in range(count))


def _nowhere(text: str) -> list[bool]:
    return [False] * len(text)


# ---- an early token matters


def _first_body(length: int, chances: Iterator[float]) -> str:
    """A digit, and noise that holds digits too: which one counts is told by its place alone."""
    return _some(DIGITS, 1, chances) + _some(DIGITS + NOISE, length - 1, chances)


def _first_answer(text: str) -> str:
    return text[0]


def _at_first(text: str) -> list[bool]:
    return [at == 0 for at in range(len(text))]


def _later(text: str) -> list[bool]:
    return [0 < at < _body_of(text) for at in range(len(text))]


# ---- tokens to skip


def _skip_body(length: int, chances: Iterator[float]) -> str:
    """Payload with brackets before, between and after it, which hold the same digits as the payload."""
    gaps = _partition(length - COPIED, COPIED + 1, chances)
    bracketed = [OPENS + _some(DIGITS, gap - 2, chances) + CLOSES if gap else "" for gap in gaps]
    payload = _some(DIGITS, COPIED, chances)
    return "".join(gap + digit for gap, digit in zip(bracketed, (*payload, ""), strict=True))


def _partition(total: int, parts: int, chances: Iterator[float]) -> list[int]:
    """A whole number as a sum of so many at random, none of them 1, in which no bracket fits."""
    cuts = sorted(int(next(chances) * (total + 1)) for _ in range(parts - 1))
    sizes = [after - before for before, after in pairwise((0, *cuts, total))]
    for at, size in enumerate(sizes):
        if size == 1:  # it goes to the largest, or takes one from it
            sizes[at] = 0
            sizes[sizes.index(max(sizes))] += 1
    return sizes


def _outside(text: str) -> Iterator[bool]:
    """Whether each character stands outside brackets, the brackets themselves not counted as outside."""
    inside = False
    for c in text:
        inside = inside or c == OPENS
        yield not inside
        inside = inside and c != CLOSES


def _body_of(text: str) -> int:
    """Where the question stands, or the end."""
    return text.find(ASK) if ASK in text else len(text)


def _payload(text: str) -> list[bool]:
    end = _body_of(text)
    return [outside and at < end for at, outside in enumerate(_outside(text))]


def _bracketed(text: str) -> list[bool]:
    return [not outside and c in DIGITS for c, outside in zip(text, _outside(text), strict=True)]


def _skip_answer(text: str) -> str:
    return "".join(c for c, kept in zip(text, _payload(text), strict=True) if kept)


# ---- breaks, and parity


def _breaks_body(length: int, chances: Iterator[float]) -> str:
    """Digits, and breaks between them; a digit at either end, so that every sum is equally likely."""
    inner = "".join(
        BREAK if next(chances) * BREAKS_ONE_IN < 1 else _some(DIGITS, 1, chances) for _ in range(max(length - 2, 0))
    )
    return _some(DIGITS, min(length, 1), chances) + inner + _some(DIGITS, 1, chances) * (length > 1)


def _since_break(text: str) -> int:
    return text.rfind(BREAK, 0, _body_of(text)) + 1


def _breaks_answer(text: str) -> str:
    return str(sum(int(c) for c in text[_since_break(text) : _body_of(text)]) % len(DIGITS))


def _after_break(text: str) -> list[bool]:
    return [_since_break(text) <= at < _body_of(text) for at in range(len(text))]


def _at_breaks(text: str) -> list[bool]:
    return [c == BREAK for c in text]


def _parity_body(length: int, chances: Iterator[float]) -> str:
    return _some(BITS, length, chances)


def _parity_answer(text: str) -> str:
    return str(text.count("1", 0, _body_of(text)) % 2)


def _bits(text: str) -> list[bool]:
    return [at < _body_of(text) for at in range(len(text))]


PROBLEMS: Mapping[str, Problem] = {
    problem.key: problem
    for problem in (
        Problem("first", DIGITS + NOISE + ASK, DIGITS, 1, 3, _first_body, _first_answer, _at_first, _later,
                _nowhere, grows=False),
        Problem("skip", DIGITS + OPENS + CLOSES + ASK, DIGITS, COPIED, 2 * COPIED + 3, _skip_body, _skip_answer, _payload,
                _bracketed, _nowhere),
        Problem("breaks", DIGITS + BREAK + ASK, DIGITS, 1, 3, _breaks_body, _breaks_answer, _after_break, _nowhere,
                _at_breaks, init="torch"),
        Problem("parity", BITS + ASK, BITS, 1, 3, _parity_body, _parity_answer, _bits, _nowhere, _nowhere,
                init="orthogonal"),
    )
}  # fmt: skip
"""Every problem by its key."""
