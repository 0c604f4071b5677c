"""Texts folded to what a vocabulary knows, against d2l's own preparation and Unicode's tables."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import Vocabulary, load_corpus
from explorer.corpora import preprocess_time_machine
from explorer.probes import reading

LETTERS = Vocabulary.from_text("abcdefghijklmnopqrstuvwxyz ")
ENGLISH, CHINESE = Vocabulary.from_text(load_corpus("lighthouse")), Vocabulary.from_text(load_corpus("river-town"))


@pytest.mark.parametrize(
    "line",
    [
        "The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us.",
        "His grey eyes shone and twinkled, and his usually pale face was flushed--and so on, in 1895!",
        "a \"quote\" and 'another'. ", "...", "12 3", "plain", "Plain",
    ],
)  # fmt: skip
def test_to_letters_a_line_is_folded_as_the_time_machine_was_prepared(line):
    folded = LETTERS.folded(line)
    expected = preprocess_time_machine(line) if not set(line) <= set(LETTERS.symbols) else line
    assert folded == expected


@pytest.mark.parametrize(
    ("vocabulary", "typed", "read"),
    [
        (ENGLISH, "“Turn the light”", '"Turn the light"'),
        (ENGLISH, "caf\u00e9", "cafe"),
        (ENGLISH, "Ｔｕｒｎ", "Turn"),
        (ENGLISH, "well — well", "well - well" if "-" in ENGLISH.symbols else "well — well"),
        (CHINESE, "小满站在渡口,看着河水.", "小满站在渡口，看着河水。"),
        (CHINESE, '他说"来"和"去"', "他说“来”和“去”"),
        (CHINESE, "「来」", "“来“" if "」" not in CHINESE.symbols else "「来」"),
        (LETTERS, "\u0130", "i"),
    ],
)
def test_each_character_becomes_the_nearest_that_is_known(vocabulary, typed, read):
    assert vocabulary.folded(typed) == read


@pytest.mark.parametrize("text", [load_corpus("lighthouse"), load_corpus("river-town")])
def test_a_text_that_is_known_stays_as_it_is(text):
    assert Vocabulary.from_text(text).folded(text) == text


def test_what_has_nothing_near_it_stays_and_is_unknown():
    assert LETTERS.folded("a 你 b") == "a 你 b"
    assert ENGLISH.folded("é 小 9").endswith(" 小 9")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=30))
def test_folding_twice_is_folding_once_and_leaves_no_more_unknown(text):
    for vocabulary in (LETTERS, ENGLISH, CHINESE):
        once = vocabulary.folded(text)
        assert vocabulary.folded(once) == once
        assert sum(c not in vocabulary.symbols for c in once) <= sum(
            c not in vocabulary.symbols for c in vocabulary.as_read(text)
        )


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_ascii_is_folded_to_letters_as_a_regular_expression_does_it(text):
    read = LETTERS.as_read(text)
    if not set(read) <= set(LETTERS.symbols):
        # Gaps of known blanks alone stay; d2l has one blank for each.
        assert re.sub(" +", " ", LETTERS.folded(text)).strip() == re.sub("[^A-Za-z]+", " ", read).strip().lower()


@pytest.mark.parametrize("letter", ["ß", "ø", "ı", "你"])
def test_another_letter_is_not_near(letter):
    assert LETTERS.folded(f"a{letter}b") == f"a{letter}b"


def test_what_is_left_out_is_told_from_what_is_read_as_something_near():
    letters = Vocabulary.from_text("abc xyz")
    notice = reading.folded("Abc, 19", letters)
    assert "“A”: it reads the nearest" in str(notice)
    assert "“,”, “1” and “9”" in str(notice) or "“,”, “1”, “9”" in str(notice)
    assert "left out" in str(notice)
    assert [letters.leaves_out(c) for c in ",1 aé你"] == [True, True, False, False, False, False]
    whole = Vocabulary.from_text("abc, xyz.")
    assert not whole.leaves_out("1")
    assert "left out" not in str(reading.folded("Abc", whole))
