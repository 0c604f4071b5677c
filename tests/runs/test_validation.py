"""What makes no sense is refused in words, by the control it belongs to, before anything starts."""

import math
import random
from dataclasses import fields, replace

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


def problems_of(config, recipe, text, **about):
    return runs.validate(runs.RunRequest(config, recipe, text, corpus="sea", session="ann", **about))


def test_what_makes_sense_is_not_refused():
    assert problems_of({}, {}, TEXT * 10) == {}
    assert problems_of(ModelConfig(), RECIPES["quick"], TEXT * 10, name="Ann's GRU, no. 2 (灯塔)") == {}
    assert problems_of({"direction": "bidirectional", "objective": "cloze"}, SMALL, TEXT) == {}


@pytest.mark.parametrize(
    ("config", "recipe", "control"),
    [
        *(({"hidden_size": v}, {}, "hidden_size") for v in (0, -1, 100_000, 1.5, "12", None, True)),
        ({"num_layers": 9}, {}, "num_layers"),
        ({"cell": "transformer"}, {}, "cell"),
        ({"cell": "rnn", "init": "chrono"}, {}, "init"),
        ({"init": "chrono", "chrono_t_max": 2}, {}, "chrono_t_max"),
        ({"cell": "lstm", "init": "identity"}, {}, "init"),
        ({"cell": "rnn", "keep_bias": 1.0}, {}, "keep_bias"),
        ({"bias": "none", "keep_bias": 1.0}, {}, "bias"),
        ({"hidden_size_backward": 3}, {}, "hidden_size_backward"),
        ({"hidden_sizes": (3, 4), "num_layers": 3}, {}, "hidden_sizes"),
        ({"direction": "bidirectional"}, {}, "objective"),
        ({"objective": "cloze"}, {}, "objective"),
        *(({}, {"learning_rate": v}, "learning_rate") for v in (0, -1, math.inf, math.nan, "1", 10**400, 1e39)),
        *(({}, {"clip_norm": v}, "clip_norm") for v in (0, -1, math.inf, math.nan)),
        *(({}, {"epochs": v}, "epochs") for v in (0, 5_001, 1.5)),
        *(({}, {"batch_size": v}, "batch_size") for v in (0, 5_000)),
        ({}, {"optimizer": "rmsprop"}, "optimizer"),
        ({"colour": "red"}, {}, "colour"),
        ({}, {"batch_size": 4_000}, "text"),
        ({}, {"max_tokens": 3}, "max_tokens"),
        ({"hidden_size": 4_000}, {}, "hidden_size"),
    ],
    ids=str,
)
def test_nonsense_is_told_by_its_control(config, recipe, control):
    problems = problems_of(config, SMALL | recipe, TEXT)
    assert list(problems) == [control]
    sentence = str(problems[control])
    assert sentence.startswith(f"{control}: expected ")
    assert sentence == f"{control}: e{problems[control].told[1:]}"
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert "_" not in problems[control].told  # a person sees the control, not the name it has in the program


def test_every_nonsense_is_told_at_once():
    problems = problems_of(
        {"hidden_size": 0, "num_layers": 0}, {"learning_rate": 0, "clip_norm": 0}, "", name="a/b", held_out_share=2,
        sentence="n" * 2_001, seed=0.5,
    )  # fmt: skip
    assert set(problems) == {
        "hidden_size", "num_layers", "learning_rate", "clip_norm", "text", "name", "held_out_share", "sentence", "seed",
    }  # fmt: skip


def test_every_field_of_a_configuration_is_its_own_complaint():
    """No field is found by reading a sentence: each is refused by the name it has."""
    for kind, field in ((k, f.name) for k in (ModelConfig, Recipe) for f in fields(k)):
        of = {field: object()}
        problems = problems_of(of if kind is ModelConfig else {}, SMALL | of if kind is Recipe else SMALL, TEXT)
        assert list(problems) == [field]
        assert problems[field].field == field
        assert problems[field].got is of[field]
        assert "; got <object object" in problems[field].told


def test_a_value_that_looks_like_a_sentence_does_not_confuse_it():
    problems = problems_of({"cell": "a: expected b; got c."}, SMALL, TEXT)
    assert (problems["cell"].field, problems["cell"].got) == ("cell", "a: expected b; got c.")
    assert problems["cell"].told.endswith("; got 'a: expected b; got c.'.")


def test_a_request_can_hold_anything_until_it_is_asked():
    asked = runs.RunRequest({"hidden_size": -1}, {}, "", corpus="", session="")
    assert set(asked.problems()) == {"hidden_size", "text"}
    with pytest.raises(RunError, match=r"^hidden_size: expected .* text: expected .*"):
        runs.new_run(asked)


def test_a_form_and_what_is_made_of_it_ask_for_the_same_run():
    about = {"corpus": "sea", "session": "ann", "seed": 3}
    form = runs.new_run(runs.RunRequest({"hidden_size": 5}, SMALL, TEXT, **about))
    made = runs.new_run(runs.RunRequest(ModelConfig(hidden_size=5), Recipe(**SMALL), TEXT, **about))
    assert replace(form, id=made.id, created=made.created, queued=made.queued) == made
    assert form.id != made.id


@pytest.mark.parametrize(
    ("config", "recipe", "steps", "said"),
    [
        (
            ModelConfig(), Recipe(), 9,
            "GRU, reset after, 256 units · sea · SGD, learning rate 1 · clipped at θ = 1 · 500 epochs, about 9 steps",
        ),
        (
            ModelConfig("lstm", hidden_sizes=(8, 4), direction="bidirectional", objective="cloze"),
            Recipe("adam", learning_rate=0.0005, clip_norm=None, epochs=1), 1,
            "LSTM, 8, 4 units, 2 layers, reads from both ends, cloze · sea · Adam, learning rate 0.0005 · not clipped · 1 epoch, "
            "about 1 step",
        ),
        (
            ModelConfig("rnn", hidden_size=7, direction="parallel"), Recipe(clip_norm=0.01, epochs=1_200), None,
            "RNN (tanh), 7 units, two nets that both read forward · sea · SGD, learning rate 1 · clipped at θ = 0.01 · "
            "1,200 epochs",
        ),
        (
            ModelConfig(hidden_size=7, direction="bidirectional", objective="leaky"), Recipe(), None,
            "GRU, reset after, 7 units, reads from both ends, leaky · sea · SGD, learning rate 1 · clipped at θ = 1 · 500 epochs",
        ),
    ],
)  # fmt: skip
def test_what_a_run_trains_stands_in_a_line(config, recipe, steps, said):
    assert runs.summary(config, recipe, "sea", steps) == said


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
    problems = problems_of({}, SMALL, text)
    assert list(problems) == ["text"]
    assert word in str(problems["text"])


@pytest.mark.parametrize(
    "name", ["a/b", "..", "a\\b", "../../etc/passwd", "a\0b", "a\nb", "\u202egpj", "n" * 81, "\ud800"]
)
def test_a_name_that_could_be_a_path_or_unreadable(name):
    problems = problems_of({}, SMALL, TEXT, name=name)
    assert list(problems) == ["name"]
    str(problems["name"]).encode("utf-8")


def test_exactly_enough_text_is_enough():
    recipe = Recipe(**SMALL, epochs=1)
    needed = recipe.shortest_text
    assert problems_of({}, recipe, TEXT[:needed], held_out_share=0) == {}
    assert "text" in problems_of({}, recipe, TEXT[: needed - 1], held_out_share=0)


def test_a_model_too_large_for_its_file_is_refused():
    problems = problems_of({"hidden_size": 4_000}, SMALL, TEXT)
    assert list(problems) == ["hidden_size"]
    assert "weights" in str(problems["hidden_size"])


def test_a_text_of_too_many_symbols_for_its_file_is_refused():
    planes = (range(0x4E00, 0x4E00 + 20_000), range(0x20000, 0x2A000), range(0x30000, 0x3A000))
    text = "".join(chr(point) for plane in planes for point in plane)
    assert "different characters" in problems_of({"hidden_size": 1}, SMALL | {"epochs": 5_000}, text)["text"].told


def test_a_step_that_would_not_fit_into_memory_is_refused():
    recipe = {"batch_size": 4_096, "num_steps": 400}
    problems = problems_of({"hidden_size": 512}, recipe, TEXT * 2_000)
    assert list(problems) == ["batch_size"]
    assert "GB" in str(problems["batch_size"])


def test_a_server_with_a_limit_refuses_longer_recipes(monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_MAX_STEPS", "100")
    assert "limit of this server" in problems_of({}, SMALL | {"epochs": 50}, TEXT)["epochs"].told
    assert problems_of({}, SMALL | {"epochs": 1}, TEXT) == {}


def test_nothing_is_started_or_kept_when_something_makes_no_sense(folder):
    with pytest.raises(RunError, match=r"text: .*empty"):
        runs.start(runs.RunRequest(ModelConfig(), RECIPES["quick"], "", corpus="x", session="ann"))
    with pytest.raises(RunError, match="name: "):
        runs.start(runs.RunRequest(ModelConfig(), Recipe(**SMALL), TEXT, corpus="x", session="ann", name="a/b"))
    with pytest.raises(RunError, match="seed: "):
        runs.start(runs.RunRequest(ModelConfig(), Recipe(**SMALL), TEXT, corpus="x", session="ann", seed=10**18))
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


def test_a_step_over_several_batches_takes_as_many_times_the_memory():
    config = ModelConfig(hidden_size=256)
    one, eight = (validation.step_bytes(config, Recipe(backward_batches=back), 28) for back in (1, 8))
    assert eight == 8 * one
