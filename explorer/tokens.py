"""What a model reads at a step: a character or a word; a text taken apart into them, and put together again.

A text of characters stays a str, which is a sequence of its characters. A text of words is a tuple. Words are told apart without
a dictionary: Chinese and Japanese signs are a word each, and a run of Thai letters is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import accumulate, chain, islice
from typing import TypeAlias

Tokens: TypeAlias = Sequence[str]
"""A text as a model reads it: a str of characters, or a tuple of words."""
CHARACTER, WORD = KINDS = ("character", "word")
LONGEST = 50  # letters of a word; what goes on longer is cut
OPENS, CLOSES, TURNS = "([{“‘„«¿¡", ".,;:!?)]}”’»…%，。；：！？）", "\"'"  # TURNS open and close in turn
TIGHT = "—/\n"  # no blank on either side
# Signs that are written without blanks: ideographs, their marks, and the two Japanese syllabaries.
EAST = "\u2e80-\u3029\u3030-\u3098\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


@cache
def _marks() -> re.Pattern[str]:
    """What is written on the letter before it; Python takes it for no letter."""
    points = map(chr, range(0x300, 0x20000))
    return re.compile(f"[{''.join(point for point in points if unicodedata.category(point).startswith('M'))}]")


@cache
def _pattern(marks: str) -> re.Pattern[str]:
    """A line end, an ideograph, a number with its points, a word with its apostrophes and hyphens, or any other sign.

    Without marks in it, it takes a fourth of the time.
    """
    letters = f"(?:[^\\W_{EAST}]{marks}*)+" if marks else f"[^\\W_{EAST}]+"
    return re.compile(rf"\n|[{EAST}]|\d+(?:[.,:]\d+)+|{letters}(?:['’-]{letters})*|\S")


@cache
def _short(marks: str) -> re.Pattern[str]:
    """The same without what joins letters, and with few of them: pieces of a word that is too long."""
    letter = f"(?:[^\\W_{EAST}]{marks}*)" if marks else f"[^\\W_{EAST}]"
    return re.compile(rf"{letter}{{1,{LONGEST}}}|\S")


def token_of(text: Tokens) -> str:
    """What a text as a model reads it is made of, one of KINDS."""
    return WORD if isinstance(text, tuple) else CHARACTER


def split(text: Tokens, token: str) -> Tokens:
    """A text as a model of characters or of words reads it.

    Args:
        text: any text; words stay as they are, and are put together for a model of characters.
        token: one of KINDS.

    """
    if token == CHARACTER:
        return joined(text)
    return _words(text) if isinstance(text, str) else tuple(text)


def is_word(symbol: str) -> bool:
    """Whether a text of this alone is this word."""
    return _taken_apart(symbol) == (symbol,)


@lru_cache(maxsize=2)  # a form counts the words that are going to be learned each time anything in it changes
def _words(text: str) -> tuple[str, ...]:
    return _taken_apart(text)


def _taken_apart(text: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", text)
    marks = _marks().pattern if not text.isascii() and _marks().search(text) else ""
    found: list[str] = _pattern(marks).findall(text)
    known: dict[str, str] = {}
    # Each word once in memory: a million of them have 8 MB, not 60.
    found = [known.setdefault(word, word) for word in found]
    if max(map(len, known), default=0) <= LONGEST:
        return tuple(found)
    pieces = ([word] if len(word) <= LONGEST else _short(marks).findall(word) for word in found)
    return tuple(chain.from_iterable(pieces))


def joined(symbols: Tokens) -> str:
    """The text of some symbols as one writes it: words with a blank between them, but for marks that stand close to a word.

    Taken apart again, it gives the same symbols.

    Args:
        symbols: a part of a text as a model reads it.

    """
    if isinstance(symbols, str):
        return symbols
    return "".join(f" {word}" if apart else word for word, apart in zip(symbols, blanks(symbols), strict=True))


def part(text: Tokens, start: int, end: int) -> str:
    """Some steps of a text as they are written in it: whether a quotation mark opens or closes, what stands before tells.

    Args:
        text: as a model reads it.
        start: the first of the steps, counted from 0.
        end: the first step after them.

    """
    if isinstance(text, str):
        return text[start:end]
    begins = islice(zip(text[:end], blanks(text[:end]), strict=True), start, end)
    return "".join(f" {word}" if apart else word for word, apart in begins)


def first_steps(text: str, most: int, token: str) -> str:
    """The beginning of a text that a model reads in so many steps.

    Args:
        text: any text.
        most: steps.
        token: what the model reads at one, out of KINDS.

    """
    if token == CHARACTER or len(text) <= most:
        return text[:most]
    words = split(text, token)
    return text if len(words) <= most else joined(words[:most])


def step_at(text: Tokens, offset: int) -> int:
    """The first step of a text that begins at a character, or after it; its length where none does.

    Args:
        text: as a model reads it.
        offset: characters of the text as it is written that stand before.

    """
    if isinstance(text, str):
        return min(offset, len(text))
    ends = accumulate(len(word) + blank for word, blank in zip(text, blanks(text), strict=True))
    return next((step for step, end in enumerate(chain([0], ends)) if end >= offset), len(text))


def replaced(text: Tokens, step: int, symbol: str) -> Tokens:
    """A text with another symbol at one step.

    Args:
        text: as a model reads it.
        step: which one, counted from 0.
        symbol: what stands there instead.

    """
    before, after = text[:step], text[step + 1 :]
    return f"{before}{symbol}{after}" if isinstance(text, str) else (*before, symbol, *after)


def blanks(words: Sequence[str]) -> Iterator[bool]:
    """Before which words a blank stands; what comes after a word does not change it.

    Args:
        words: of a text.

    """
    close, turned = True, set[str]()  # nothing goes between the last word and this; the marks of TURNS that are open
    east = False
    for word in words:
        if word == "\n":
            turned.clear()
        opens = word in OPENS or (word in TURNS and word not in turned)
        tight, ends = word in TIGHT, word in CLOSES or (word in TURNS and not opens)
        now_east = bool(re.match(f"[{EAST}]", word)) or (opens and east and not word.isascii())
        yield not (close or tight or ends or (east and now_east))
        if word in TURNS:
            turned ^= {word}
        close, east = tight or opens, now_east or (east and ends and not word.isascii())
