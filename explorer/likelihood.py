"""What a text costs: its surprise in nats under a coarse model of everyday writing. Wrongly decoded bytes cost far more.

Counted are how often the signs stand in a language, which words are usual, how upper and lower case follow each other,
and which scripts and marks meet inside a word. The models are in explorer/everyday.py.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from explorer.everyday import LANGUAGES, PRICE_OF_ODD, Language

USUAL_WORD = 1.5  # nats that a usual word gives back
MOST_FOR_WORDS = 200.0  # nats that they give back if every word is usual, in however long a text; in English a third is
BINARY = re.compile("[\0-\x08\x0e-\x1b\x7f]")
"""A control character that no text holds; tabs, ends of lines and pages, and separators (FS to US) are none."""

_RUN = re.compile("[\0-\x7f]?[^\0-\x7f]+[\0-\x7f]?")
_WORD = re.compile(r"\w+")
_EAST = "East Asian"
_ENDS_A_WORD, _NEVER_BEGINS_ONE = "ςךםןףץ", "ьъыЬЪЫ"


@dataclass(frozen=True)
class Price:
    """What a text costs.

    Attributes:
        nats: its surprise; the difference of two readings of the same bytes is the log of the odds between them.
        odd_share: share of its signs outside ASCII that no everyday text of one language holds, in [0, 1].

    """

    nats: float
    odd_share: float


def price(text: str) -> Price | None:
    """What a text costs in the language that suits it best; None where it holds characters that no text holds."""
    counts = Counter(text)
    if any(_is_impossible(sign) for sign in counts):
        return None
    words = Counter(_WORD.findall(text.lower()))
    prices = [_price_in(language, counts, words) for language in LANGUAGES]
    beyond = sum(count for sign, count in counts.items() if sign >= "\x80")
    nats = min(nats for nats, _ in prices) + sum(count * _ascii_price(sign) for sign, count in counts.items())
    return Price(nats + _meetings_price(text), min(odd for _, odd in prices) / max(1, beyond))


def _price_in(language: Language, counts: Mapping[str, int], words: Counter[str]) -> tuple[float, int]:
    """What the signs outside ASCII cost in a language, less what its words give back; and how many of them are odd."""
    prices = [(language.price(sign), count) for sign, count in counts.items() if sign >= "\x80"]
    nats, size = sum(cost * count for cost, count in prices), sum(count for _, count in prices)
    if size and language.share == 1:  # a few signs of another script among Latin letters: how few they are costs too
        latin = sum(count for sign, count in counts.items() if sign.isascii() and sign.isalpha())
        nats += size * math.log1p(latin / size)
    known = sum(words.get(word, 0) for word in language.usual_words)
    odd = sum(count for cost, count in prices if cost >= PRICE_OF_ODD - 5)
    return nats - min(USUAL_WORD, MOST_FOR_WORDS / max(1, words.total())) * known, odd


def _is_impossible(sign: str) -> bool:
    odd_control = BINARY.match(sign) or "\x80" <= sign <= "\x9f"
    return bool(odd_control) or unicodedata.category(sign) in ("Cn", "Co", "Cs")


def _ascii_price(sign: str) -> float:
    if sign >= "\x80":
        return 0.0
    return 3.0 if sign.isalnum() or sign in " \n\r.,'\"" else 5.0


def _meetings_price(text: str) -> float:
    """What it costs that signs stand beside each other: case within words, scripts within words, marks within words."""
    meetings = Counter(pair for run in _RUN.finditer(text) for pair in pairwise(run[0]))
    # A pair that comes again and again is one oddity of the text, not many.
    return sum(_meeting_price(a, b) * (1 + math.log(count)) for (a, b), count in meetings.items())


@lru_cache(maxsize=1 << 16)
def _meeting_price(a: str, b: str) -> float:
    one, other = _script(a), _script(b)
    price = 0.0
    if b.isupper() and b > "\x7f":
        price = 6.0 if a.islower() else 0.7 if a.isupper() else 1.5
    elif a.isupper() and b.isupper():
        price = 0.7
    if one and other and one != other:
        price += 4.0 if _EAST in (one, other) else 7.0
    if (one and b in "‚„“‹«¿¡") or (other and a in "»›¤¬¦"):
        price += 6.0
    if (one and b in "–•†‡") or (other and a in "–•†‡"):
        price += 2.0
    if (a in _ENDS_A_WORD and other) or (b in _NEVER_BEGINS_ONE and not one) or (a == "σ" and not other):
        price += 5.0
    return price


@cache
def _script(sign: str) -> str:
    """The script of a letter, or of an East Asian mark; "" for what is none."""
    if "\u3000" <= sign <= "\u303f" or sign >= "\uff00":
        return _EAST
    if not sign.isalpha() and not unicodedata.category(sign).startswith("M"):
        return ""
    if sign < "\u0250" or "\u1e00" <= sign <= "\u1eff":
        return "Latin"
    if sign >= "\u2e80":
        return _EAST
    return unicodedata.name(sign, "").split(" ")[0]
