"""What makes no sense is refused in words, by the control it belongs to, before anything starts."""

import math
import random
from dataclasses import replace

import pytest

from explorer import runs
from explorer.models import CharModel, ModelConfig
from explorer.runs import validation
from explorer.runs.facts import RunError
from explorer.runs.recorder import split_text
from explorer.text import Vocabulary
from explorer.training import RECIPES, Recipe, train

TEXT = "".join(random.Random(2).choices("abcd ef\n", k=1_000))
SMALL = {"batch_size": 2, "num_steps": 5}
LONG_SINGLE = "a" * 2_000


@pytest.fixture(autouse=True)
def _folder(folder):
    pass


def test_what_makes_sense_is_not_refused():
    assert runs.validate({}, {}, TEXT * 10) == {}
    assert runs.validate(ModelConfig(), RECIPES["quick"], TEXT * 10, name="Ann's GRU, no. 2 (灯塔)") == {}
    assert runs.validate({"direction": "bidirectional", "objective": "cloze"}, SMALL, TEXT) == {}


@pytest.mark.parametrize(
    ("config", "recipe", "control"),
    [
        *(({"hidden_size": v}, {}, "hidden_size") for v in (0, -1, 100_000, 1.5, "12", None, True)),
        ({"num_layers": 9}, {}, "num_layers"),
        ({"cell": "transformer"}, {}, "cell"),
        ({"cell": "rnn", "init": "chrono"}, {}, "init"),
        ({"direction": "bidirectional"}, {}, "objective"),
        ({"objective": "cloze"}, {}, "objective"),
        *(({}, {"learning_rate": v}, "learning_rate") for v in (0, -1, math.inf, math.nan, "1", 10**400, 1e39)),
        *(({}, {"clip_norm": v}, "clip_norm") for v in (0, -1, math.inf, math.nan)),
        *(({}, {"epochs": v}, "epochs") for v in (0, 5_001, 1.5)),
        *(({}, {"batch_size": v}, "batch_size") for v in (0, 5_000)),
        ({}, {"optimizer": "rmsprop"}, "optimizer"),
        ({"colour": "red"}, {}, "colour"),
    ],
    ids=str,
)
def test_nonsense_is_told_by_its_control(config, recipe, control):
    problems = runs.validate(config, SMALL | recipe, TEXT)
    assert list(problems) == [control]
    assert problems[control].startswith(f"{control}: ")
    assert problems[control].endswith(".")
    assert "\n" not in problems[control]
    assert len(problems[control]) < 300


def test_every_nonsense_is_told_at_once():
    problems = runs.validate(
        {"hidden_size": 0, "num_layers": 0}, {"learning_rate": 0, "clip_norm": 0}, "", name="a/b", held_out_share=2
    )
    assert set(problems) == {
        "hidden_size", "num_layers", "learning_rate", "clip_norm", "text", "name", "held_out_share",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("abc\0def" * 100, "NUL"),
        (LONG_SINGLE, "two different characters"),
        ("ab", "at least 16 characters"),
        ("ab" * 2_600_000, "5 MB"),
    ],
    ids=["empty", "blank", "nul", "one symbol", "short", "large"],
)
def test_a_text_that_cannot_be_learned_from(text, word):
    problems = runs.validate({}, SMALL, text)
    assert list(problems) == ["text"]
    assert word in problems["text"]


@pytest.mark.parametrize(
    "name", ["a/b", "..", "a\\b", "../../etc/passwd", "a\0b", "a\nb", "\u202egpj", "n" * 81, "\ud800"]
)
def test_a_name_that_could_be_a_path_or_unreadable(name):
    problems = runs.validate({}, SMALL, TEXT, name=name)
    assert list(problems) == ["name"]
    problems["name"].encode("utf-8")


def test_exactly_enough_text_is_enough():
    recipe = Recipe(**SMALL, epochs=1)
    needed = recipe.shortest_text
    assert runs.validate({}, recipe, TEXT[:needed], held_out_share=0) == {}
    assert "text" in runs.validate({}, recipe, TEXT[: needed - 1], held_out_share=0)


def test_a_model_too_large_for_its_file_is_refused():
    problems = runs.validate({"hidden_size": 4_000}, SMALL, TEXT)
    assert list(problems) == ["hidden_size"]
    assert "weights" in problems["hidden_size"]


def test_a_text_of_too_many_symbols_for_its_file_is_refused():
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) + "".join(map(chr, range(0x20000, 0x2A000)))
    assert "different characters" in runs.validate({"hidden_size": 1}, SMALL | {"epochs": 5_000}, text)["text"]


def test_a_step_that_would_not_fit_into_memory_is_refused():
    recipe = {"batch_size": 4_096, "num_steps": 400}
    problems = runs.validate({"hidden_size": 512}, recipe, TEXT * 2_000)
    assert list(problems) == ["batch_size"]
    assert "GB" in problems["batch_size"]


def test_a_server_with_a_limit_refuses_longer_recipes(monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_MAX_STEPS", "100")
    assert "limit of this server" in runs.validate({}, SMALL | {"epochs": 50}, TEXT)["epochs"]
    assert runs.validate({}, SMALL | {"epochs": 1}, TEXT) == {}


def test_nothing_is_started_or_kept_when_something_makes_no_sense(folder):
    with pytest.raises(RunError, match=r"text: .*empty"):
        runs.start(ModelConfig(), RECIPES["quick"], "", corpus="x", session="ann")
    with pytest.raises(RunError, match="name: "):
        runs.start(ModelConfig(), Recipe(**SMALL), TEXT, corpus="x", session="ann", name="a/b")
    with pytest.raises(RunError, match="seed: "):
        runs.start(ModelConfig(), Recipe(**SMALL), TEXT, corpus="x", session="ann", seed=10**18)
    assert runs.runs() == []
    assert list((folder / "texts").iterdir()) == []


@pytest.mark.parametrize("sampling", ["sequential", "random"])
@pytest.mark.parametrize("random_offset", [False, True])
def test_the_steps_foretold_are_about_the_steps_made(sampling, random_offset):
    recipe = Recipe(sampling=sampling, random_offset=random_offset, batch_size=3, num_steps=7, epochs=6)
    made = list(train(CharModel(ModelConfig(hidden_size=2), Vocabulary.from_text(TEXT)), TEXT, recipe))
    assert abs(validation.steps_total(recipe, len(TEXT)) - len(made)) <= recipe.epochs


def test_weights_are_counted_as_the_model_has_them():
    config = ModelConfig("lstm", hidden_size=7, num_layers=2, direction="bidirectional", objective="cloze")
    vocabulary = Vocabulary.from_text(TEXT)
    model = CharModel(config, vocabulary)
    assert validation.weight_count(config, len(vocabulary)) == sum(p.numel() for p in model.parameters())


def test_the_held_out_part_is_what_follows_and_never_trained_on():
    recipe = Recipe(**SMALL, max_tokens=600)
    assert split_text(TEXT, recipe, 0.1) == (TEXT[:600], TEXT[600:])
    assert split_text(TEXT, recipe, 0) == (TEXT[:600], TEXT[600:])
    reads_all = replace(recipe, max_tokens=None)
    assert split_text(TEXT, reads_all, 0.1) == (TEXT[:900], TEXT[900:])
    assert split_text(TEXT, reads_all, 0) == (TEXT, "")
    assert split_text(TEXT[:16], reads_all, 0.1) == (TEXT[:16], "")  # what remains would not fill a batch
