"""Text and numbers: what a character is, which number it has, and how a stranger's file becomes text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor

from explorer import foreign
from explorer.composition import Composition
from explorer.encodings import ENCODINGS, Reading, encoding_named, flaw, read_as, recognise
from explorer.folding import Folding
from explorer.likelihood import BINARY
from explorer.tokens import CHARACTER, WORD, Tokens, is_word, joined, split
from explorer.words import Saying, Told, say

UNKNOWN = "<unk>"
MAX_FILE_BYTES = 5_000_000
MAX_COUNT = 10**15
_BREAKS = re.compile("[\v\f\x1c-\x1f]")


class TextError(Told, ValueError):
    """A text or a file that cannot be used; says what was expected and what came.

    Attributes:
        code: of its sentence in explorer/words/, such as "text.too-large".
        figures: that stand in the sentence, by name.

    """


class EncodingError(TextError):
    """A file that could be a text, in one of several encodings or with bytes that do not fit: a person has to choose.

    Attributes:
        code: of its sentence in explorer/words/.
        candidates: names out of ENCODINGS, the likeliest first; each reads the file.
        figures: that stand in the sentence, by name; `candidates` is one of them.

    """

    def __init__(self, code: str, /, *, candidates: tuple[str, ...] = (), **figures: Any) -> None:
        super().__init__(code, candidates=candidates, **figures)
        self.candidates = candidates


@lru_cache(maxsize=2)  # a form counts the text that is going to be learned each time anything in it changes
def _ranked(text: Tokens) -> list[tuple[str, int]]:
    """Every code point of a text, or every word, and how often it stands there, the most frequent first."""
    # Counter keeps first-appearance order and most_common is stable: ties stay as the text has them.
    return Counter(text).most_common()


@dataclass(frozen=True)
class DecodedText:
    """The text of a file.

    Attributes:
        text: as clean_text leaves it, with at least one visible character.
        encoding: what it was read as, a name out of ENCODINGS.
        notes: what was left out or changed, in plain sentences; mostly none.

    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def clean_text(text: str) -> str:
    """Line ends become LF, lone surrogates become U+FFFD.

    Nothing else changes: the code points of the result are the characters every chart shows.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text
    # A lone surrogate cannot be encoded, saved or drawn; U+FFFD is Unicode's own mark for "was unreadable".
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def split_clean(text: Tokens, token: str) -> Tokens:
    """A text cleaned, and taken apart as a model of characters or of words reads it."""
    return split(clean_text(text) if isinstance(text, str) else text, token)


def newlines_to_blanks(text: str) -> str:
    """Every line end (LF, CR, or CR LF together) becomes one blank, so that a text of lines is one stream of words."""
    return clean_text(text).replace("\n", " ")


def decode_text(data: bytes, encoding: str | None = None) -> DecodedText:
    """Text of an uploaded file: its encoding is recognised beyond doubt, or chosen by a person, and never guessed.

    Byte-order marks are dropped, and so is a DOS end of file (^Z); ends of pages (form feed), vertical tabs and the
    separators FS to US become line ends. A character cut at the end of the file is left out, with a note.

    Args:
        data: the file.
        encoding: a name out of ENCODINGS, or another one for it ("latin-1"); None to recognise it.

    Raises:
        EncodingError: it cannot be told which encoding it is; `candidates` are those to choose from.
        TextError: empty, larger than 5 MB, binary or a known format that is not text, or not in the chosen encoding.

    """
    if len(data) > MAX_FILE_BYTES:
        raise TextError("text.too-large", most=MAX_FILE_BYTES, size=len(data))
    if kind := foreign.recognised(data):
        raise TextError("text.foreign", kind=Saying(kind))
    if not data.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\f\v\x1a"):
        raise TextError("text.nothing-visible")
    reading = _recognise(data) if encoding is None else _read_as(data, encoding)
    text, notes = _tidied(reading.text)
    if BINARY.search(text):
        raise TextError("text.binary", encoding=reading.encoding)
    if not text.strip():
        raise TextError("text.nothing-visible")
    return DecodedText(clean_text(text), reading.encoding, reading.notes + notes)


def _recognise(data: bytes) -> Reading:
    found = recognise(data)
    if isinstance(found, Reading):
        return found
    if not found.candidates:
        raise TextError("text.unreadable", reason=found.reason)
    raise EncodingError("text.encoding-in-doubt", reason=found.reason, candidates=found.candidates)


def _read_as(data: bytes, encoding: str) -> Reading:
    name = encoding_named(encoding)
    if name is None:
        raise TextError("text.encoding-unknown", known=tuple(ENCODINGS), got=encoding)
    try:
        return read_as(data, name)
    except UnicodeDecodeError as fault:
        raise TextError("text.other-encoding", encoding=name, flaw=flaw(data, fault)) from fault


def _tidied(text: str) -> tuple[str, tuple[str, ...]]:
    """Without the DOS end of file, and with one kind of line end; what was done, as sentences."""
    notes = []
    if text.endswith("\x1a"):
        text = text.rstrip("\x1a")
        notes.append(say("text.end-of-file-dropped"))
    if breaks := len(_BREAKS.findall(text)):
        text = _BREAKS.sub("\n", text)
        notes.append(say("text.breaks-became-line-ends", breaks=breaks))
    return text, tuple(notes)


@dataclass(frozen=True)
class Vocabulary:
    """The symbols of a model, in the order of their numbers.

    Attributes:
        symbols: the unknown symbol first, then single code points or words by falling frequency, ties in order of
            first appearance (d2l's order, so that its tables can be reproduced).
        counts: how often each symbol stood in the text the vocabulary was made from, at most 10^15; 0 for the unknown one.
        token: what a symbol is, "character" or "word"; see explorer/tokens.py.

    Raises:
        TextError: the unknown symbol is not the first or the only one, a symbol is no single code point, or no single word, or
            stands twice, or the counts do not fit.

    """

    symbols: tuple[str, ...]
    counts: tuple[int, ...]
    token: str = CHARACTER

    def __post_init__(self) -> None:
        if len(self.symbols) < 2 or self.symbols[0] != UNKNOWN:
            raise TextError("vocabulary.too-few", unknown=UNKNOWN, count=len(self.symbols))
        odd = [s for s in self.symbols[1:] if not self._is_symbol(s)]
        if odd:
            raise TextError(f"vocabulary.odd.{self.token}", symbols=odd[:3])
        if len(set(self.symbols)) != len(self.symbols):
            raise TextError("vocabulary.repeated")
        if len(self.counts) != len(self.symbols) or not all(0 <= count <= MAX_COUNT for count in self.counts):
            raise TextError("vocabulary.counts", most=MAX_COUNT, count=len(self.symbols))

    def _is_symbol(self, symbol: str) -> bool:
        if self.token == WORD:
            return is_word(symbol) and not any(map(_is_surrogate, symbol))
        return len(symbol) == 1 and not _is_surrogate(symbol)

    @classmethod
    def from_text(cls, text: Tokens, token: str = CHARACTER) -> Vocabulary:
        """The vocabulary of a text: every code point that stands in it, or every word.

        Args:
            text: at least one character; it is cleaned first, see clean_text. Or a text that is taken apart already.
            token: what its symbols are.

        Raises:
            TextError: an empty text.

        """
        ranked = _ranked(split_clean(text, token))
        if not ranked:
            raise TextError("vocabulary.empty-text")
        return cls((UNKNOWN, *(s for s, _ in ranked)), (0, *(c for _, c in ranked)), token)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    @cached_property
    def _composition(self) -> Composition:
        return Composition(self.symbols[1:])

    @cached_property
    def _folding(self) -> Folding:
        return Folding(self.symbols[1:])

    def __len__(self) -> int:
        return len(self.symbols)

    def folded(self, text: Tokens) -> Tokens:
        """The text with the nearest known symbol for each that the vocabulary lacks; see explorer/folding.py.

        Nothing is folded that is not asked for: `encode` reads a text as it is.

        Args:
            text: any text.

        """
        read = self.as_read(text)
        return self._folding.applied(read) if isinstance(read, str) else self._folding.of_words(read)

    def as_read(self, text: Tokens) -> Tokens:
        """The text as a model with this vocabulary reads it: cleaned, taken apart into words where it reads words, else composed
        as its corpus was.

        "e" and a combining accent become "é" where the corpus has that, and the other way round; Hangul likewise. A text
        whose characters are all known stays as it is, so a corpus does. See explorer/composition.py.

        Args:
            text: any text, or one as a model reads it.

        """
        read = split_clean(text, self.token)
        return self._composition.applied(read) if isinstance(read, str) else read

    def encode(self, text: Tokens) -> Tensor:
        """ids_T, int64 in [0, V), one for each symbol of as_read(text).

        Never fails: a symbol the vocabulary lacks becomes 0, the unknown symbol.

        Args:
            text: any text, an empty one too.

        """
        return torch.tensor([self._index.get(c, 0) for c in self.as_read(text)], dtype=torch.int64)

    def decode(self, ids: Sequence[int] | Tensor, after: Tokens = "") -> str:
        """The text of some ids; the unknown symbol is shown as U+FFFD.

        Args:
            ids: numbers of symbols in [0, V), as a sequence or as ids_T.
            after: what it goes on from: a word begins with a blank there, a full stop does not.

        Raises:
            IndexError: a number of V or more.

        """
        shown = tuple(self.symbols[i] if i else "\ufffd" for i in map(int, ids))
        if self.token != WORD:
            return "".join(shown)
        before = split(after, WORD)
        return joined((*before, *shown))[len(joined(before)) :]

    def leaves_out(self, symbol: str) -> bool:
        """Whether `folded` reads nothing for a symbol that stands between others.

        Args:
            symbol: a character or a word.

        """
        return self._folding.leaves_out(symbol, words=self.token == WORD)

    def unknown_share(self, text: Tokens) -> float:
        """Share of a text's symbols that the vocabulary lacks, in [0, 1]; 0 for an empty text.

        Args:
            text: any text; it counts as as_read has it.

        """
        read = self.as_read(text)
        return sum(symbol not in self._index for symbol in read) / len(read) if read else 0.0

    def unigram_nll_nats(self) -> Tensor:
        """-ln p of each symbol, (V,) in nats, under the corpus frequencies; add-one smoothing keeps the unknown one finite."""
        counts_V = torch.tensor(self.counts, dtype=torch.float64) + 1
        return -(counts_V / counts_V.sum()).log()
