"""Which stretches of a text stand, word for word, in what a model learned: there it may remember, elsewhere it has to know."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from explorer.tokens import Tokens

LEAST = 12  # characters of a stretch in an alphabetic text: about two words and a half
LEAST_EAST_ASIAN = 5  # where a character is a word, or half of one
LEAST_WORDS = 4  # of a text that is read word by word
EAST_ASIAN = "\u2e80"  # from here on


def learned_stretches(text: Tokens, learned: Tokens) -> NDArray[np.bool_]:
    """Where a text repeats what was learned, (T,): True in every stretch of at least LEAST characters that stands there too.

    Of words, LEAST_WORDS make a stretch.

    Args:
        text: as the model reads it.
        learned: the text that it learned.

    """
    pieces, least = _pieces(learned)
    where_T = np.zeros(len(text), bool)
    for start in range(len(text) - least + 1):
        if text[start : start + least] in pieces:
            where_T[start : start + least] = True
    return where_T


@lru_cache(maxsize=8)
def _pieces(learned: Tokens) -> tuple[frozenset[Tokens], int]:
    """Every stretch of the least length, and that length."""
    east_asian = 2 * sum(c >= EAST_ASIAN for c in learned) > len(learned)
    least = LEAST_EAST_ASIAN if east_asian else LEAST if isinstance(learned, str) else LEAST_WORDS
    return frozenset(learned[i : i + least] for i in range(len(learned) - least + 1)), least
