"""Every sentence a person reads is made here, from a code and its figures; words know nothing of the rest.

A language is one file beside this one: `SENTENCES` (code -> a template for str.format, or a function of the figures where
a template cannot do), `FORMS` (what may stand behind a colon in a template -> how it writes a figure), `OWN` (what a cell
says of itself, in English -> the same), and `TOKENS` (what {token}, {tokens} and {Tokens} stand for where a model reads
characters, and where it reads words).

    say("text.too-large", size=7_000_000)  # "Expected a text of at most 5 MB; this one has 7.0 MB. ..."
"""

from __future__ import annotations

import pkgutil
import re
import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

LANGUAGES = tuple(module.name for module in pkgutil.iter_modules(__path__))
MOST_NAMED = 20  # languages by a browser
_WISH = re.compile(r"\s*([A-Za-z]+)[\w-]*\s*(?:;\s*q=([01](?:\.\d*)?))?", re.ASCII)
LANGUAGE: ContextVar[str] = ContextVar("LANGUAGE", default="en")
"""The one that is spoken, out of LANGUAGES; a thread of its own has its own."""
TOKEN: ContextVar[str] = ContextVar("TOKEN", default="character")
"""What the model that is spoken of reads at a step, "character" or "word"; a thread of its own has its own."""


class Language(Protocol):
    """What the file of a language holds."""

    SENTENCES: Mapping[str, str | Callable[..., str]]
    FORMS: Mapping[str, Callable[[Any], str]]
    OWN: Mapping[str, str]
    TOKENS: Mapping[str, Mapping[str, str]]


CONVERSIONS: Mapping[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


class _Part(NamedTuple):
    """Of a sentence: letters as they are, and the figure behind them; none at the end."""

    letters: str
    figure: str | None
    form: str
    conversion: str | None


@cache  # there are as many as there are sentences
def _parts(sentence: str) -> list[_Part]:
    """A sentence, taken apart once: str.format does so each time, and a page says hundreds."""
    parts = string.Formatter().parse(sentence)
    return [_Part(letters, figure, form or "", conversion) for letters, figure, form, conversion in parts]


def _written(sentence: str, spoken: Language, figures: Mapping[str, Any]) -> str:
    """str.format with the forms of a language, and with what it calls that which a model reads."""
    said, forms, tokens = [], spoken.FORMS, spoken.TOKENS[TOKEN.get()]
    for letters, figure, form, conversion in _parts(sentence):
        said.append(letters)
        if figure is not None:
            value = tokens[figure] if figure in tokens else figures[figure]
            value = CONVERSIONS[conversion](value) if conversion else value
            said.append(forms[form](value) if form in forms else format(value, form))
    return "".join(said)


@cache
def language(name: str) -> Language:
    """A language by its name out of LANGUAGES."""
    return cast("Language", import_module(f"{__name__}.{name}"))


def say(code: str, /, **figures: Any) -> str:
    """The sentence of a code with its figures, in the language that is spoken.

    A figure `of_token` says what the model reads that is spoken of, "character" or "word", wherever the sentence is said.
    """
    if "of_token" in figures:
        with speaking(token=figures.pop("of_token")):
            return say(code, **figures)
    spoken = language(LANGUAGE.get())
    sentence = spoken.SENTENCES[code]
    return sentence(**figures) if callable(sentence) else _written(sentence, spoken, figures)


def own(text: str) -> str:
    """What a cell says of itself, in the language that is spoken: a cell is one file, and its words are English there."""
    return language(LANGUAGE.get()).OWN.get(text, text)


class Voice(NamedTuple):
    """How sentences are said: in a language, of a model that reads characters or words."""

    language: str
    token: str

    @classmethod
    def now(cls) -> Voice:
        """The one that is spoken with here."""
        return cls(LANGUAGE.get(), TOKEN.get())


@contextmanager
def speaking(language: str | None = None, token: str | None = None) -> Iterator[None]:
    """A language, or what a model reads, for a while: where another thread asks for what a page has shown, say.

    Args:
        language: out of LANGUAGES; None leaves the one that is spoken.
        token: what the model reads that is spoken of; None leaves what it is.

    """
    before = LANGUAGE.set(language or LANGUAGE.get()), TOKEN.set(token or TOKEN.get())
    try:
        yield
    finally:
        LANGUAGE.reset(before[0])
        TOKEN.reset(before[1])


def preferred(named: str) -> str:
    """The language out of LANGUAGES that a browser names first, as in "zh-CN,zh;q=0.9,en;q=0.8"; English where it names none."""
    wished = (
        (float(found[2] or 1), found[1].lower()) for one in named.split(",")[:MOST_NAMED] if (found := _WISH.match(one))
    )
    return next(
        (name for weight, name in sorted(wished, key=lambda wish: -wish[0]) if weight and name in LANGUAGES), "en"
    )


def knows(code: str) -> bool:
    """Whether there is a sentence of this code."""
    return code in language(LANGUAGE.get()).SENTENCES


@dataclass(frozen=True)
class Saying:
    """A code and its figures that become words only where they are read: a part of another sentence, or a note."""

    code: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return say(self.code, **self.figures)


class Told(Exception):
    """An error that tells a person what was expected, what came and what to do.

    Attributes:
        code: of its sentence.
        figures: that stand in the sentence, by name.

    """

    def __init__(self, code: str, /, **figures: Any) -> None:
        # Exception.__init__ is not called: what a subclass was made from stays in args, so that it can be pickled.
        self.code, self.figures = code, figures

    def __str__(self) -> str:
        return say(self.code, **self.figures)
