"""Stretches of a text that were learned word for word, against a search for every stretch."""

import random

import numpy as np
import pytest

from explorer import load_corpus
from explorer.probes.learned import LEAST, LEAST_EAST_ASIAN, learned_stretches

LEARNED = {"lighthouse": LEAST, "river-town": LEAST_EAST_ASIAN}


def searched(text, learned, least):
    """The same by str.find, for stretches of every length."""
    where = [False] * len(text)
    for first in range(len(text)):
        for end in range(first + least, len(text) + 1):
            if text[first:end] not in learned:
                break
            where[first:end] = [True] * (end - first)
    return where


@pytest.mark.parametrize(("name", "least"), LEARNED.items())
@pytest.mark.parametrize("seed", range(8))
def test_pieces_of_what_was_learned_are_found_between_others(name, least, seed):
    chance, learned = random.Random(seed), load_corpus(name)
    pieces = []
    for _ in range(6):
        start, length = chance.randrange(len(learned) - 40), chance.randrange(2, 30)
        pieces += [learned[start : start + length], "".join(chance.sample("qzxj#+", 3))]
    text = "".join(pieces)
    assert learned_stretches(text, learned).tolist() == searched(text, learned, least)


@pytest.mark.parametrize("text", ["", "a", "a short one", "He ran into the wood and met a bear."])
def test_of_another_text_nothing_is_said(text):
    assert not learned_stretches(text, load_corpus("lighthouse")).any()


def test_the_text_itself_is_all_of_it_and_one_shorter_than_a_stretch_nothing():
    learned = load_corpus("lighthouse")
    assert learned_stretches(learned[:500], learned).all()
    assert np.array_equal(learned_stretches(learned[: LEAST - 1], learned), np.zeros(LEAST - 1, bool))
