"""What stands at each step of a text, computed from the text alone: what a unit of a network may have learned to follow.

A feature is a number at each step: 1 and 0 where it holds and where it does not, or how far something is. Its name is a code;
`words/` says it. Chinese text has no blanks and no capitals: there, clauses and brackets carry what words carry elsewhere. Of a
text that is read word by word, what lies within words is left out.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from explorer.tokens import Tokens

Feature = NDArray[np.float32]

OPENING = {"(": ")", "[": "]", "{": "}", "（": "）", "【": "】", "〈": "〉", "《": "》"}
QUOTES = {"“": "”", "「": "」", "『": "』", "«": "»"}
VOWELS = frozenset("aeiouyáéíóúàèìòùäöüâêîôûåæøœ")
ENDS_CLAUSE = frozenset(".,;:!?…。，、；：！？\n")
LONGEST = 120  # steps; what is farther away is told no more
OWN_CHARACTERS = 24  # the most frequent ones have a feature each


def _inside(text: Tokens, pairs: Mapping[str, str], toggle: str = "") -> Feature:
    """1 from what opens to before what closes; a line's end closes what is open."""
    inside, depth, closing = np.zeros(len(text), np.float32), 0, ""
    for t, character in enumerate(text):
        if depth and character in (closing, "\n"):
            depth = 0
        elif not depth and (character in pairs or character in toggle):
            depth, closing = 1, pairs.get(character, character)
        inside[t] = depth
    return inside


def _since(starts_T: NDArray[np.bool_]) -> Feature:
    """Steps since the last start, at most LONGEST; LONGEST before the first."""
    steps_T = np.arange(len(starts_T))
    last_T = np.maximum.accumulate(np.where(starts_T, steps_T, -LONGEST)) if len(starts_T) else steps_T
    return np.minimum(steps_T - last_T, LONGEST).astype(np.float32)


def _where(holds: Callable[[str], bool]) -> Callable[[Tokens], Feature]:
    return lambda text: np.fromiter(map(holds, text), np.float32, len(text))


def _shifted(feature_T: Feature) -> Feature:
    return np.concatenate([np.zeros(1, np.float32), feature_T])[: len(feature_T)]


def _is_word(character: str) -> bool:
    """A sign of a word between blanks; East Asian text has none between its signs."""
    return (character.isalnum() and character < "\u2e80") or character == "'"


def _word_start(text: Tokens) -> Feature:
    words = _where(_is_word)(text)
    return words * (1 - _shifted(words))


def _word_end(text: Tokens) -> Feature:
    """The first step after a word: that it was the last letter can be known only then."""
    words = _where(_is_word)(text)
    return (1 - words) * _shifted(words)


def _in_word(text: Tokens) -> Feature:
    return _since(_word_start(text) > 0) * _where(_is_word)(text)


def _after(holds: Callable[[str], bool]) -> Callable[[Tokens], Feature]:
    """Steps since a character of a kind was read."""
    return lambda text: _since(_where(holds)(text) > 0)


def _is_punctuation(character: str) -> bool:
    return len(character) == 1 and unicodedata.category(character).startswith("P")


def _is_capital(token: str) -> bool:
    return token[0].isupper()


FEATURES: Mapping[str, Callable[[Tokens], Feature]] = MappingProxyType(
    {
        "quoted": lambda text: _inside(text, QUOTES, '"'),
        "bracketed": lambda text: _inside(text, OPENING),
        "word-start": _word_start,
        "in-line": _after("\n".__eq__),
        "in-clause": _after(ENDS_CLAUSE.__contains__),
        "line-start": lambda text: _shifted(_where("\n".__eq__)(text)),
        "after-vowel": lambda text: _shifted(_where(lambda c: c.lower() in VOWELS)(text)),
        "in-word": _in_word,
        "word-end": _word_end,
        "since-blank": _after(str.isspace),
        "since-capital": _after(_is_capital),
        "since-punctuation": _after(_is_punctuation),
        "vowel": _where(lambda character: character.lower() in VOWELS),
        "blank": _where(" ".__eq__),
        "line-end": _where("\n".__eq__),
        "punctuation": _where(_is_punctuation),
        "digit": _where(str.isdigit),
        "capital": _where(_is_capital),
    }
)
"""Name -> what computes it; what has to be remembered longest stands first."""
CHARACTER, BEFORE = "character", "after"
WITHIN_WORDS = frozenset(("word-start", "after-vowel", "in-word", "word-end", "since-blank", "vowel", "blank"))
"""Those that say something of characters alone."""
COUNTED = frozenset(("in-word", "in-line", "in-clause", "since-blank", "since-capital", "since-punctuation"))
"""Those that are distances; the others hold or do not."""


def feature_of(name: str, text: Tokens) -> Feature | None:
    """One feature of a text, of any character, however rare it is there; None where it does not vary.

    Args:
        name: as in features_of.
        text: as a model reads it.

    """
    kind, _, character = name.partition(" ")
    if kind in (CHARACTER, BEFORE) and character:
        here = _where(character.__eq__)(text)
        made = here if kind == CHARACTER else _shifted(here)
    elif name in FEATURES and (isinstance(text, str) or name not in WITHIN_WORDS):
        made = FEATURES[name](text)
    else:
        return None
    return made if len(text) and np.ptp(made) > 0 else None


def features_of(text: Tokens) -> dict[str, Feature]:
    """Every feature that varies in a text, by name: those above, and this character and the one before, the usual ones each."""
    left_out = frozenset[str]() if isinstance(text, str) else WITHIN_WORDS
    made = {name: feature(text) for name, feature in FEATURES.items() if name not in left_out}
    for character, _ in Counter(text).most_common(OWN_CHARACTERS):
        here = _where(character.__eq__)(text)
        made |= {f"{CHARACTER} {character}": here, f"{BEFORE} {character}": _shifted(here)}
    return {name: feature_T for name, feature_T in made.items() if np.ptp(feature_T) > 0} if text else {}
