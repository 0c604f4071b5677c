"""Prose for a person stands in explorer/words/ alone, and every code has its sentence, with its figures, in every language."""

import ast
import inspect
import re
import string
from functools import cache
from pathlib import Path

import pytest

import explorer
from explorer import words
from explorer.words import LANGUAGES

ROOT = Path(explorer.__file__).parent
MODULES = {
    **{path.relative_to(ROOT).as_posix(): path for path in ROOT.rglob("*.py") if path.parent != ROOT / "words"},
    **{name: ROOT.parent / name for name in ("app.py", "door.py", "servers.py")},
}
"""Name -> file, less the words themselves."""


@cache
def parsed(name):
    return ast.parse(MODULES[name].read_text("utf-8"))


# ---- no prose elsewhere

TWO_WORDS = re.compile("[A-Za-z]{2,} [a-z]{2,}")
TAG = re.compile("<[a-z/][^>]*(>|$)")
SQL = re.compile(
    r"\b(SELECT|UPDATE|DELETE|CREATE|INSERT|PRAGMA|WHERE|ORDER|AND|IN)\b"
)  # in capitals, as prose never has them
# What looks like prose and is data: words to tell languages by, names of encodings, beginnings of files, Python's own, texts
# for a model to read. And what is said while the words are loaded.
DATA = {
    "__init__.py": {"module 'explorer' has no attribute "},
    "encodings.py": {
        ", replacing what cannot be read",
        "ISO-8859-15 (Western European with euro sign)",
        "EUC-KR or CP949 (Korean)",
    },
    "runs/__init__.py": {"command line"},
    "lessons.py": {
        "the time traveller for so it will be convenient to teach a small machine to keep a secret",
        'He looked back at the harbour. "Turn the light, and bring the little network home." Then he was sorry.',
        "The lamp was lit at six.\nThe boat came in at eight.\nThey ate, and went to bed.\n",
        "the time ",
    },
    "pages/frame.py": {"Gate explorer", "Loading PyTorch; only the first visit after a start waits for it."},
    "pages/shell/texts.py": {
        "the time traveller for so it will be convenient to teach a small machine to keep a secret",
        'He looked back at the harbour. "Turn the light, and bring the little network home." Then he was sorry.',
        'The keeper went up the stairs and counted them. "One more," he said. Then he looked at the sea. "And that was all."',
        'He looked back at the harbour. "Turn the light, and bring the little boat home." Then he was sorry. "What is it?" '
        'he asked, and the boy did not look up. "It was the sea," said the old man, and shut the door.',
    },
    "foreign.py": {"version https://git-lfs", r"\s*<(!doctype html|html)"},
}  # fmt: skip
# A cell says itself what it and its gates are called, so that it is one file.
DATA_ALONE = {"everyday.py", *(name for name in MODULES if name.startswith("cells/"))}


def prose(tree):
    """The strings with two words in a row, outside of HTML's tags, that are no docstrings."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    said = (node.value for node in strings if id(node) not in documents and not SQL.search(node.value))
    return [text for text in said if TWO_WORDS.search(TAG.sub(" ", text))]


CONVERTED = sorted(set(MODULES) - DATA_ALONE)


@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_module_holds_no_prose(name):
    assert [text for text in prose(parsed(name)) if text not in DATA.get(name, ())] == []


def test_what_is_let_through_as_data_is_there():
    for name, texts in DATA.items():
        assert texts <= set(prose(parsed(name)))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise Fault("Nothing is here.")', ["Nothing is here."]),
        ('say(f"took {n} long steps")', [" long steps"]),
        ('HTML = "<div class=a><b>Nothing</b> is here</div>"', ["<div class=a><b>Nothing</b> is here</div>"]),
        ('HTML = "<p class=a></p>"', []),
        ('QUERY = "SELECT number FROM runs"', []),
        ('say("Delete one of the runs and go in")', ["Delete one of the runs and go in"]),
        ('"""What a module is."""\nsay("text.too-large", size=3)', []),
        ('def f():\n    """Does a thing."""\n    return f"{a}.{b}"', []),
    ],
)
def test_the_rule_sees_what_it_should(source, found):
    assert prose(ast.parse(source)) == found


# ---- codes and their figures

PREFIX = {"expected": "expected.", "got": "got."}  # what explorer.fields puts before a code
CODE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
HOLE = "[a-z0-9-]+"


def errors():
    """The names of the errors whose first argument is a code; of a ConfigError it is a field."""
    classes = [node for name in MODULES for node in ast.walk(parsed(name)) if isinstance(node, ast.ClassDef)]
    found = {"Told"}
    while grown := {node.name for node in classes if found & set(map(last_name, node.bases))} - found:
        found |= grown
    return found - {"ConfigError"}


def last_name(node):
    return ast.unparse(node).split(".")[-1]


MAKERS = errors() | {"say", "Saying", "knows", *PREFIX}


def calls():
    """(module, code, names of its figures or None, where a call does not spell them out) of each call with a code in it."""
    for name in MODULES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.Call) and node.args and (maker := maker_of(node.func)):
                for code in codes_in(node.args[0]):
                    yield name, PREFIX.get(maker, "") + code, figures_given(node)


def maker_of(function):
    if ast.unparse(function) == "super().__init__":
        return "Told"
    name = last_name(function)
    return name if name in MAKERS else None


def codes_in(node):
    if isinstance(node, ast.IfExp):
        yield from (*codes_in(node.body), *codes_in(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
        yield node.value


def figures_given(call):
    names = {keyword.arg for keyword in call.keywords}
    for mapping in call.args[1:]:  # of a Saying
        names |= {key.value for key in mapping.keys} if isinstance(mapping, ast.Dict) else {None}
    return None if None in names else names - {"of_token"}  # says of what the sentence is, whichever it is


def patterns():
    """What codes are put together from: f-strings that begin with a room's name and a dot."""
    for name in set(MODULES) - {"fields.py"}:  # whose two every call of `expected` and `got` goes through
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.JoinedStr) and re.match(r"[a-z]+(\\-[a-z]+)*\\\.", pattern := pattern_of(node)):
                yield pattern


def pattern_of(node):
    return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)


def figures_of(sentence):
    """(needed, possible) names of the figures of a sentence; possible is None where it takes any."""
    if not callable(sentence):
        names = {
            re.split(r"[.\[]", field)[0] for _, field, _, _ in string.Formatter().parse(sentence) if field is not None
        } - TOKENS
        return names, names
    parameters = inspect.signature(sentence).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    needed = {p.name for p in named if p.default is p.empty}
    return needed, None if len(named) < len(parameters) else {p.name for p in named}


TOKENS = {"token", "tokens", "Tokens"}  # what a model reads: said of it, and brought by no call
CALLS = sorted(calls(), key=str)
SENTENCES = words.language("en").SENTENCES


def test_the_rules_see_the_calls():
    assert len(CALLS) > 100
    assert {"StrictError", "CheckpointError", "TextError", "EncodingError", "TrainingDivergedError"} <= MAKERS


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_code_has_a_sentence(name):
    assert [call for call in CALLS if call[1] not in words.language(name).SENTENCES] == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_call_brings_the_figures_of_its_sentence_and_no_others(name):
    sentences = words.language(name).SENTENCES
    wrong = []
    for module, code, given in CALLS:
        needed, possible = figures_of(sentences[code])
        if given is not None and not (needed <= given and (possible is None or given <= possible)):
            wrong.append((module, code, given ^ needed))
    assert wrong == []


def strings():
    constants = (node for name in MODULES for node in ast.walk(parsed(name)) if isinstance(node, ast.Constant))
    return {node.value for node in constants if isinstance(node.value, str)}


def test_what_looks_like_a_code_is_one():
    rooms = {code.split(".")[0] for code in SENTENCES}
    alike = {text for text in strings() if CODE.fullmatch(text) and "." in text and text.split(".")[0] in rooms}
    assert len(alike) > 100
    assert alike - set(SENTENCES) == set()


def test_no_code_is_there_for_nothing():
    used = {code for _, code, _ in CALLS} | strings()
    made = re.compile("|".join(patterns()))
    assert [code for code in SENTENCES if code not in used and not made.fullmatch(code)] == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_has_the_codes_and_figures_of_the_others(name):
    other = words.language(name).SENTENCES
    assert set(other) == set(SENTENCES)
    assert {code: figures_of(other[code]) for code in other} == {
        code: figures_of(SENTENCES[code]) for code in SENTENCES
    }


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_template_writes_its_figures_in_forms_there_are(name):
    spoken = words.language(name)
    used = {
        spec
        for sentence in spoken.SENTENCES.values() if not callable(sentence)
        for _, field, spec, _ in string.Formatter().parse(sentence) if field is not None
    }  # fmt: skip
    assert [spec for spec in used - set(spoken.FORMS) if not any(writes(value, spec) for value in (1, 1.5, "a"))] == []
    assert [form for form in spoken.FORMS if form not in used] == []


def writes(value, spec):
    try:
        format(value, spec)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("sentence", "figures"),
    [
        ("no figure", (set(), set())),
        ("{a} of {b:,} {c!r:.40}", ({"a", "b", "c"}, {"a", "b", "c"})),
        ("{a.b} {c[0]} {{d}}", ({"a", "c"}, {"a", "c"})),
        (lambda a, b=None: "", ({"a"}, {"a", "b"})),
        (lambda a, **_: "", ({"a"}, None)),
    ],
)
def test_the_figures_of_a_sentence_are_seen(sentence, figures):
    assert figures_of(sentence) == figures
