"""Text and numbers: what a character is, which number it has, and how a stranger's file becomes text."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

UNKNOWN = "<unk>"
MAX_FILE_BYTES = 5_000_000
MAX_COUNT = 10**15


class TextError(ValueError):
    """A text or a file that cannot be used; the message says what was expected and what came."""


def clean_text(text: str, *, nfc: bool = False) -> str:
    """Line ends become LF, lone surrogates become U+FFFD; `nfc` also composes accents (Unicode NFC).

    Nothing else changes: the code points of the result are the characters every chart shows.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # A lone surrogate cannot be encoded, saved or drawn; U+FFFD is Unicode's own mark for "was unreadable".
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", text) if nfc else text


def decode_text(data: bytes) -> tuple[str, str]:
    """Text of an uploaded file and the name of the encoding it was read as.

    UTF-8, UTF-16 and GB18030 are recognised, byte-order marks are honoured and dropped.

    Raises:
        TextError: empty, larger than 5 MB, binary, or in none of the three encodings.

    """
    if len(data) > MAX_FILE_BYTES:
        raise TextError(
            f"Expected a text of at most 5 MB; this one has {len(data) / 1e6:.1f} MB. Cut it and try again."
        )
    for encoding, name in _candidate_encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = text.removeprefix("\ufeff")
        if any(c < " " and c not in "\t\n\r\f" for c in text):
            raise TextError(
                f"Expected plain text; this file holds control characters (read as {name}), so it is binary."
            )
        if not text.strip():
            raise TextError("Expected a text with at least one visible character; this file has none.")
        return clean_text(text), name
    raise TextError("Expected UTF-8, UTF-16 or GB18030 text; these bytes are none of them. Save it as UTF-8.")


def _candidate_encodings(data: bytes) -> list[tuple[str, str]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return [("utf-16", "UTF-16")]
    # UTF-16 without a mark: in any text with blanks and digits, one byte of many pairs is zero.
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = data[offset:4096:2]
        if len(data) % 2 == 0 and half.count(0) > 0.3 * len(half) > 0 and data[1 - offset : 4096 : 2].count(0) == 0:
            return [(encoding, "UTF-16")]
    # Chinese UTF-16 without a mark often fits GB18030 too; the reading with more everyday characters is the right one.
    usual = {encoding: _usual_share(data, encoding) for encoding in ("utf-16-le", "utf-16-be", "gb18030")}
    best = max(usual, key=usual.__getitem__)
    unmarked = len(data) % 2 == 0 and len(data) >= 16 and usual[best] > max(0.9, usual["gb18030"])
    return [("utf-8-sig", "UTF-8"), *([(best, "UTF-16")] if unmarked else []), ("gb18030", "GB18030")]


def _usual_share(data: bytes, encoding: str) -> float:
    text = data[:4096].decode(encoding, "replace")
    return sum(bool(c.encode("gb2312", "ignore")) for c in text) / max(1, len(text))


@dataclass(frozen=True)
class Vocabulary:
    """The symbols of a model, in the order of their numbers.

    Attributes:
        symbols: the unknown symbol first, then single code points by falling frequency, ties in order of
            first appearance (d2l's order, so that its tables can be reproduced).
        counts: how often each symbol stood in the text the vocabulary was made from; 0 for the unknown one.

    """

    symbols: tuple[str, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.symbols) < 2 or self.symbols[0] != UNKNOWN:
            raise TextError(
                f"Expected {UNKNOWN!r} followed by at least one character; got {len(self.symbols)} symbols."
            )
        odd = [s for s in self.symbols[1:] if len(s) != 1 or "\ud800" <= s <= "\udfff"]
        if odd or len(set(self.symbols)) != len(self.symbols):
            raise TextError(
                f"Expected different single characters as symbols; got {ascii(odd[:3])[:60] if odd else 'a repeated one'}."
            )
        if len(self.counts) != len(self.symbols) or not all(0 <= count <= MAX_COUNT for count in self.counts):
            raise TextError(f"Expected one count from 0 to {MAX_COUNT:,} for each of {len(self.symbols)} symbols.")

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """The vocabulary of a text: every code point that stands in it."""
        # Counter keeps first-appearance order and most_common is stable: ties stay as the text has them.
        ranked = Counter(clean_text(text)).most_common()
        if not ranked:
            raise TextError("Expected a text with at least one character to make a vocabulary from; it is empty.")
        return cls((UNKNOWN, *(s for s, _ in ranked)), (0, *(c for _, c in ranked)))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> Tensor:
        """ids_T, int64 in [0, V); never fails: a character the vocabulary lacks becomes 0, the unknown symbol."""
        return torch.tensor([self._index.get(c, 0) for c in clean_text(text)], dtype=torch.int64)

    def decode(self, ids: Sequence[int] | Tensor) -> str:
        """The text of some ids; the unknown symbol is shown as U+FFFD."""
        return "".join(self.symbols[i] if i else "\ufffd" for i in map(int, ids))

    def unknown_share(self, text: str) -> float:
        """Share of a text's characters that the vocabulary lacks, in [0, 1]; 0 for an empty text."""
        text = clean_text(text)
        return sum(c not in self._index for c in text) / len(text) if text else 0.0

    def unigram_nll_nats(self) -> Tensor:
        """-ln p of each symbol under the corpus frequencies, add-one smoothed so that the unknown one is finite."""
        counts_V = torch.tensor(self.counts, dtype=torch.float64) + 1
        return -(counts_V / counts_V.sum()).log()
