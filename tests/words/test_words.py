"""What is said is made of a code and its figures, in the language that is spoken."""

import pickle
import string

import pytest

from explorer import ConfigError, TextError, words
from explorer.fields import expected
from explorer.words import LANGUAGE, LANGUAGES, Saying, Told, say


@pytest.fixture
def gibberish(tmp_path, monkeypatch):
    """Another language: one file beside the others."""
    (tmp_path / "gibberish.py").write_text(
        "SENTENCES = {'config': '{field} zork {expected} blip {got}', 'expected.whole': '{least:loud}-{most:loud}',\n"
        "             'text.too-large': lambda most, size: f'{size // most} gromp'}\n"
        "FORMS = {'loud': lambda number: f'{number}!'}\n"
        "TOKENS = {'character': {}}\n",
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


class Unwritable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x" * 10**6, "'" + "x" * 39), (list(range(1000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1"),
        (10**4000, "1" + "0" * 39),
        (10**5000, "<int>"), ([10**5000], "<list>"), (Unwritable(), "<Unwritable>"),
    ],
    ids=["text", "list", "number", "longer than python writes", "one in a list", "a faulty repr"],
)  # fmt: skip
def test_what_came_is_never_long_in_the_sentence_and_never_hides_it(value, said):
    refused = ConfigError("epochs", expected("whole", least=1, most=5), value)
    assert str(refused) == f"epochs: expected a whole number from 1 to 5; got {said}."


def test_a_figure_is_written_as_its_sentence_says():
    assert say("text.breaks-became-line-ends", breaks=1) == "1 page break or separators became line ends."
    assert say("text.breaks-became-line-ends", breaks=1200) == "1,200 page breaks or separators became line ends."


class Odd:
    """Something that str, repr and ascii say differently, and that takes any form."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"{self.name} as ü"

    def __repr__(self):
        return f"<{self.name} ü>"

    def __format__(self, form):
        return f"{self.name}:{form}" if form else str(self)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_is_written_as_str_format_writes_it(language):
    """Forms of our own aside: {quoted} and its like."""
    spoken, compared = words.language(language), 0
    for code, sentence in spoken.SENTENCES.items():
        if callable(sentence):
            continue
        parts = [part for part in string.Formatter().parse(sentence) if part[1] is not None]
        figures = {name: Odd(name) for _, name, *_ in parts} | spoken.TOKENS["character"]
        with words.speaking(language):
            if not any(form in spoken.FORMS for _, _, form, _ in parts):
                assert words.say(code, **figures) == sentence.format(**figures)
                compared += any(conversion for *_, conversion in parts)
    assert compared >= 10  # with !r, !s or !a
