"""A text is composed as the vocabulary's corpus was. The oracle is Python's unicodedata, and small cases by hand."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.text import Vocabulary, clean_text

NFC, NFD = (lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
ACUTE, ANGSTROM, DOT_BELOW = "\u0301", "\u212b", "\u0323"

# Half of the draws have a rule of their own: marks in any order, Hangul in parts, singletons, characters special in a regex.
SPECIAL = st.sampled_from([
    *"ae", ACUTE, DOT_BELOW, "\u0302", *"éẹạâậÅ", ANGSTROM, "\u0344", "\u0308", "\u1100", "\u1161", "\u11a8", "가", "각",
    "\u0958", "\u0915", "\u093c", "\u09c7", "\u09be", "\u09cb", "ﬁ", "\u2126", "Ω", "\r", "\n", "\ud800", *"]^-\\[",
])  # fmt: skip
TEXT = st.lists(SPECIAL | st.characters(exclude_categories=())).map("".join)


def as_read(corpus, text):
    return Vocabulary.from_text(corpus).as_read(text)


@pytest.mark.parametrize("word", ["café", "Łódź", "Việt Nam", "한국어", "ё й", "がぱ", "Ἀθῆναι"])
def test_either_form_reaches_a_corpus_of_the_other(word):
    assert as_read(NFC(word), NFD(word)) == NFC(word)
    assert as_read(NFD(word), NFC(word)) == NFD(word)
    assert NFC(word) != NFD(word)


def test_a_model_reads_the_same_from_either_form():
    vocabulary = Vocabulary.from_text("un café noir")
    decomposed = NFD("café")
    assert len(decomposed) == 5
    assert vocabulary.encode(decomposed).tolist() == vocabulary.encode("café").tolist()
    assert vocabulary.unknown_share(decomposed) == 0
    assert vocabulary.unknown_share("cafe\u0300") == 0.25  # è is not é: one unknown character of four


@pytest.mark.parametrize(
    ("corpus", "text", "expected"),
    [
        (f"{ANGSTROM}a", ANGSTROM, ANGSTROM),  # known as it is: the angstrom sign, which composes to Å
        ("Åa", ANGSTROM, "Å"),
        (f"{ANGSTROM}a", "Å", "Å"),  # nothing known is like it: A with ring and the angstrom sign are not the same sign
        (f"{ANGSTROM}a", ANGSTROM + DOT_BELOW, ANGSTROM + DOT_BELOW),
        ("\u2126", "Ω", "Ω"),
        ("ﬁ①", "ﬁ①", "ﬁ①"),
        ("fi1", "ﬁ①", "ﬁ①"),  # compatibility is not composition
        (f"ée{ACUTE}", "é", "é"),  # both are known: each stays
        (f"ée{ACUTE}", f"e{ACUTE}", f"e{ACUTE}"),
        ("abce", f"e{ACUTE}", "é"),  # neither is known: one unknown character, as in other texts
        ("abce", "é", "é"),
        (f"ae{ACUTE}", "à", "a\u0300"),  # a corpus with marks and no composed characters
        ("ẹa" + ACUTE, f"é{DOT_BELOW}", f"ẹ{ACUTE}"),  # the marks in the order of the corpus
        ("가나", "\u1100\u1161\u11a8", "각"),
        ("각", "가\u11a8", "각"),
        ("ab", "", ""),
    ],
)
def test_by_hand(corpus, text, expected):
    assert as_read(corpus, text) == expected


@given(TEXT, TEXT.filter(bool))
@settings(deadline=None, max_examples=300)
def test_what_is_read_is_settled_and_only_composed_otherwise(text, corpus):
    vocabulary = Vocabulary.from_text(corpus)
    read = vocabulary.as_read(text)
    assert vocabulary.as_read(read) == read
    assert vocabulary.encode(read).tolist() == vocabulary.encode(text).tolist()
    assert len(vocabulary.encode(text)) == len(read)
    assert NFC(read) == NFC(clean_text(text))


@given(TEXT.filter(bool))
@settings(deadline=None, max_examples=300)
def test_the_corpus_is_unchanged_and_so_is_every_text_of_its_characters(corpus):
    vocabulary = Vocabulary.from_text(corpus)
    assert vocabulary.as_read(corpus) == clean_text(corpus)
    assert vocabulary.unknown_share(corpus) == 0
    backwards = "".join(reversed(clean_text(corpus)))
    assert vocabulary.as_read(backwards) == backwards


@given(st.lists(st.sampled_from("ab éàüñ한국ёй")).map("".join))
@settings(deadline=None, max_examples=100)
def test_fewer_characters_are_unknown_than_without(text):
    for corpus in (NFC("ab éàüñ한국ёй"), NFD("ab éàüñ한국ёй")):
        vocabulary = Vocabulary.from_text(corpus)
        assert vocabulary.unknown_share(NFC(text)) == vocabulary.unknown_share(NFD(text)) == 0
