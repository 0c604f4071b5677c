"""What is said is made of a code and its figures, in the language that is spoken; and the comparison of two reaches."""

import pickle

import pytest

from explorer import ConfigError, TextError, words
from explorer.fields import expected
from explorer.words import LANGUAGE, Saying, Told, say
from explorer.words.en import Reach, reach_compared


@pytest.fixture
def gibberish(tmp_path, monkeypatch):
    """Another language: one file beside the others."""
    (tmp_path / "gibberish.py").write_text(
        "SENTENCES = {'config': '{field} zork {expected} blip {got}', 'expected.whole': '{least:loud}-{most:loud}',\n"
        "             'text.too-large': lambda most, size: f'{size // most} gromp'}\n"
        "FORMS = {'loud': lambda number: f'{number}!'}\n",
        "utf-8",
    )
    monkeypatch.setattr(words, "__path__", [*words.__path__, str(tmp_path)])
    token = LANGUAGE.set("gibberish")
    yield
    LANGUAGE.reset(token)


def test_an_error_is_told_in_the_language_that_is_spoken_when_it_is_read(gibberish):
    refused = ConfigError("epochs", expected("whole", least=1, most=5), 9)
    assert str(refused) == "epochs zork 1!-5! blip 9"
    assert str(TextError("text.too-large", most=5, size=11)) == "2 gromp"
    LANGUAGE.set("en")
    assert str(refused) == "epochs: expected a whole number from 1 to 5; got 9."


def test_an_error_carries_what_it_is_told_from():
    refused = ConfigError("epochs", expected("whole", least=1, most=5), "9")
    assert (refused.field, refused.expected, refused.got) == (
        "epochs",
        Saying("expected.whole", {"least": 1, "most": 5}),
        "9",
    )
    fault = TextError("text.too-large", most=5, size=11)
    assert (fault.code, fault.figures) == ("text.too-large", {"most": 5, "size": 11})


@pytest.mark.parametrize(
    "error",
    [
        TextError("text.too-large", most=5_000_000, size=7_100_000),
        ConfigError("epochs", expected("whole", least=1, most=5), 0),
        Told("strict.too-deep"),
    ],
)
def test_an_error_that_went_through_a_pipe_is_told_the_same(error):
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("value", ["x" * 10**6, list(range(1000)), 10**4000])
def test_what_came_is_never_long_in_the_sentence(value):
    assert len(str(ConfigError("epochs", expected("whole", least=1, most=5), value))) < 120


def test_a_figure_is_written_as_its_sentence_says():
    assert say("text.breaks-became-line-ends", breaks=1) == "1 page break or separators became line ends."
    assert say("text.breaks-became-line-ends", breaks=1200) == "1,200 page breaks or separators became line ends."


# ---- two reaches


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            (5, 12, 2.0),
            (5, 35, 8.0),
            "farther in B: it falls under 1 % after 35 steps, in A it falls under 1 % after 12 steps.",
        ),
        (
            (5, None, 2.0),
            (5, 1, 8.0),
            "farther in A: it stays over 1 % at every step of this text, in B it falls under 1 % after",
        ),
        ((5, 1, None), (9, 0, 8.0), "in A: it falls under 1 % after 1 step, in B it falls under 1 % after 0 steps."),
        (
            (5, None, 2.0),
            (26, None, 2.0),
            "farther in B: it falls under half after 26 steps, in A it falls under half after 5",
        ),
        ((9, 9, 250.0), (9, 3, 1.25), "not the better reader for that (perplexity 250 against 1.25): a gate"),
        ((9, 9, 2.0), (9, 3, 2.0), "not the better reader for that (perplexity 2.00 against 2.00): a gate"),
        (
            (9, 9, 1.25),
            (9, 3, 250.0),
            "It also reads this text better (perplexity 1.25 against 250); a long reach alone",
        ),
        ((9, 9, 1.25), (9, 3, float("inf")), "That alone makes it no better reader: a gate"),
        ((9, 9, None), (9, 3, 4.0), "That alone makes it no better reader: a gate"),
    ],
)
def test_the_farther_reach_is_named_with_its_figures(first, second, said):
    a, b = (Reach(name, *about) for name, about in zip("AB", (first, second), strict=True))
    assert said in reach_compared(a, b)
    assert reach_compared(a, b) == reach_compared(b, a)


@pytest.mark.parametrize("lags", [(None, None), (0, 0), (7, 20), (7, None)])
def test_of_two_equal_reaches_nothing_is_said(lags):
    assert reach_compared(Reach("A", *lags, 2.0), Reach("B", *lags, 3.0)) == ""
