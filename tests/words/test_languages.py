"""Every language says all that English says: the same codes, the same figures, nothing left in English."""

import inspect
import re
import string

import pytest

from explorer.cells import CELLS
from explorer.tokens import KINDS
from explorer.words import LANGUAGES, language, own, say, speaking

ENGLISH = language("en")
OTHERS = [name for name in LANGUAGES if name != "en"]
CHINESE = re.compile("[\u4e00-\u9fff]")
WORD = re.compile("[A-Za-z]{2,}")
# What is the same in every language: names, symbols, formulas and formats, and what stands for nothing but a figure.
ALIKE = re.compile(
    r"GRU|LSTM|RNN|minGRU|ReLU|SGD|Adam|PNG|SVG|CSV|JSON|UTF-8|English|Keras|ONNX|PyTorch|torch|nn|tanh|max|log|sigmoid|dL|dh_t|"
    r"float\d*|NaN|inf|safetensors|npz|pt|pth|px|nats|bits?|kB|MB|GB|HTML|Parquet|GitHub|Streamlit|br|sub|sup|span|tt|th",
    re.IGNORECASE,
)
every_other = pytest.mark.parametrize("name", OTHERS)


def figures(sentence):
    """The names of the figures in a template with their formats, or the parameters of a function."""
    if callable(sentence):
        return sorted(inspect.signature(sentence).parameters)
    fields = [
        (name, form, conversion) for _, name, form, conversion in string.Formatter().parse(sentence) if name is not None
    ]
    names = {name.split(".")[0].split("[")[0] for name, _, _ in fields}
    return sorted({"token" if name in ENGLISH.TOKENS["word"] else name for name in names})


def test_there_is_another_language():
    assert OTHERS == ["zh"]


@every_other
def test_it_has_the_same_codes_and_forms(name):
    assert language(name).SENTENCES.keys() == ENGLISH.SENTENCES.keys()
    assert language(name).FORMS.keys() == ENGLISH.FORMS.keys()


@pytest.mark.parametrize("name", LANGUAGES)
def test_it_has_a_name_for_all_that_a_model_may_read(name):
    called = language(name).TOKENS
    assert set(called) == set(KINDS)
    assert called["word"].keys() == called["character"].keys()
    assert not {*called["word"].values()} & {*called["character"].values()}
    used = {field for sentence in language(name).SENTENCES.values() if not callable(sentence)
            for _, field, _, _ in string.Formatter().parse(sentence) if field in ENGLISH.TOKENS["word"]}  # fmt: skip
    assert used == called["word"].keys()


@every_other
@pytest.mark.parametrize("code", ENGLISH.SENTENCES)
def test_a_sentence_has_the_figures_of_the_english_one(name, code):
    assert figures(language(name).SENTENCES[code]) == figures(ENGLISH.SENTENCES[code])


def words_of(sentence):
    """The words of a template that are in it whatever its figures."""
    text = "".join(literal for literal, *_ in string.Formatter().parse(sentence))
    text = re.sub(r"`[^`]*`|<[^>]*>|:[a-z_]+:|--[a-z-]+|[\w.]+\(.*?\)|\S+\.\w+|\w+[=_]\S*", " ", text)
    return [word for word in WORD.findall(text) if not ALIKE.fullmatch(word)]


@every_other
@pytest.mark.parametrize("code", [code for code, sentence in ENGLISH.SENTENCES.items() if not callable(sentence)])
def test_nothing_is_left_in_english(name, code):
    said, english = language(name).SENTENCES[code], ENGLISH.SENTENCES[code]
    if words_of(english):
        assert CHINESE.search(said) or not words_of(said), said
    assert not re.search(
        r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,} [a-z]{2,}", " ".join(re.sub(r"`[^`]*`", "", said).split())
    ), said


@every_other
def test_what_cells_say_of_themselves_is_said(name):
    cells = CELLS.values()
    texts = {text for cell in cells for gate in cell.gates for text in (gate.name, gate.light, gate.dark)}
    texts |= {path for cell in cells for path in cell.paths}
    texts |= {cell.look_for for cell in cells} | {
        title for cell in cells for title in cell.variants.values() if "reset" in title
    }
    with speaking(name):
        assert [text for text in texts if own(text) == text] == []
    assert language(name).OWN.keys() == texts


@every_other
def test_forms_write_what_they_are_given(name):
    given = {
        "perplexity": 1.0, "steps": 3.0, "memory": 5.5, "epochs": 3, "layers": 2, "tokens": 4, "rows": 2, "names": ["a", "b"],
        "few": ["a"], "net": ("rnn", 0, "forward"), "module": "rnn", "kB": 1500, "MB": 10**6, "GB": 10**9, "tenths": 0.3,
        "alternatives": ["a", "b"], "choices": ["a"], "all": ["a", "b"], "sentences": ["a."], "quoted": "x",
    }  # fmt: skip
    for form, value in given.items():
        assert language(name).FORMS[form](value)
    # Some way of writing counts is the language's own.
    assert language(name).FORMS["tokens"](4) != ENGLISH.FORMS["tokens"](4)


def test_a_language_is_spoken_only_for_a_while():
    before = say("language.en"), say("part.h")
    with speaking("zh"):
        assert say("part.h") != before[1]
    assert (say("language.en"), say("part.h")) == before
