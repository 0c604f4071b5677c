"""A text folded to what a vocabulary knows: the nearest symbol for each that it lacks, in case, accent and kind of mark."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, groupby

# Marks that stand for each other; of those that a vocabulary knows, the first here.
ALIKE = (
    "\"“”„‟«»「」『』", "'’‘‚‛`´", "-–—‒−‐‑", ".。…", ",，、", ";；", ":：", "?？", "!！", "(（", ")）",
)  # fmt: skip
FULL_WIDTH = 0xFEE0  # from "!" to its wide form
QUOTES = "“”"
GAPS = ("P", "N", "Z", "Sm", "Sc", "Sk", "Cc")  # categories of Unicode: marks, digits, blanks; an emoji is none


class Folding:
    """How texts are folded to some characters. A text whose characters are all known stays as it is.

    - A mark becomes one that stands for it (“ becomes "), an accented letter its base, a capital its small letter or the
      other way round, a wide character its narrow form or the other way round, a line end a blank.
    - Where only letters and the blank are known, a run of marks, digits and blanks becomes one blank, and none at either end:
      so The Time Machine was prepared (Dive into Deep Learning 0.17, section 8.2).
    - Words likewise: the same one in another case, without accents, or with the other apostrophe; where only words of letters
      are known, marks and numbers between them are left out.
    - What has nothing near it stays, and is unknown.

    Applied twice, it does the same as once.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._letters_only = " " in self._known and all(c == " " or c.isalpha() for c in self._known)
        self._words_only = all(map(str.isalpha, self._known))
        self._alike = {c: [other for other in marks if other in self._known] for marks in ALIKE for c in marks}

    def applied(self, text: str) -> str:
        """The text, folded."""
        if self._known.issuperset(text):
            return text
        if self._letters_only:
            text = self._with_blanks(text)
        turns = self._turns()
        return "".join(c if c in self._known else self._nearest(next(turns) if c == '"' else c) for c in text)

    def leaves_out(self, symbol: str, *, words: bool = False) -> bool:
        """Whether nothing is read for a mark or a number: where only letters, or words of letters, are known."""
        only = self._words_only if words else self._letters_only
        return only and symbol not in self._known and not symbol.isspace() and all(map(_is_gap, symbol))

    def _turns(self) -> Iterator[str]:
        """A straight quotation mark opens and closes in turn."""
        return cycle(QUOTES) if self._known.issuperset(QUOTES) else cycle('"')

    def of_words(self, words: Sequence[str]) -> tuple[str, ...]:
        """The same of a text that is taken apart into words."""
        if self._known.issuperset(words):
            return tuple(words)
        kept = (w for w in words if not (self._words_only and all(map(_is_gap, w))))
        turns = self._turns()
        marks = (next(turns) if w == '"' and w not in self._known else w for w in kept)
        return tuple(
            w if w in self._known else self._nearest(w) if len(w) == 1 else self._nearest_word(w) for w in marks
        )

    def _nearest_word(self, word: str) -> str:
        return next((near for near in _near_words(word) if near in self._known), word)

    def _with_blanks(self, text: str) -> str:
        runs = [(gap, "".join(run)) for gap, run in groupby(text, _is_gap)]
        return "".join(
            run if not gap or self._known.issuperset(run) else " " * (0 < place < len(runs) - 1)
            for place, (gap, run) in enumerate(runs)
        )

    def _nearest(self, character: str) -> str:
        return next((near for near in self._near(character) if near in self._known), character)

    def _near(self, character: str) -> Iterator[str]:
        yield character
        yield from self._alike.get(character, ())
        yield unicodedata.normalize("NFKC", character)
        if "!" <= character <= "~":
            yield chr(ord(character) + FULL_WIDTH)
        for letter in (character, unicodedata.normalize("NFKD", character)[0]):
            yield from (letter, letter.lower(), letter.upper())
        if character.isspace():
            yield " "


def _near_words(word: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", word)
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    for one in (word, plain, bare):
        for same in (one, one.replace("’", "'"), one.replace("'", "’")):
            yield from (same, same.lower(), same.capitalize(), same.title(), same.upper())


def _is_gap(character: str) -> bool:
    return unicodedata.category(character).startswith(GAPS)
