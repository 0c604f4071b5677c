"""Lessons: every measure runs and names one of its choices; another model may be answered otherwise."""

import math
from functools import cache

import pytest

from explorer.checkpoints import load_checkpoint
from explorer.lessons import BOOK, LESSONS, MOST_OWN
from explorer.models import CharModel
from explorer.words import Saying

PARTS = ("claim", "question", "look", "change", "rule")
STEPS = [(lesson, step) for lesson in LESSONS.values() for step in lesson.steps]


@cache
def shipped(name):
    return load_checkpoint(f"checkpoints/{name}.safetensors").model


def untrained(name):
    model = shipped(name)
    return CharModel(model.config, model.vocabulary, seed=3)


def step_of(lesson, key):
    return next(step for step in LESSONS[lesson].steps if step.key == key)


@cache
def measured(lesson, key, models=shipped, own=""):
    return step_of(lesson, key).measure(models, own)


def test_there_are_seven_lessons_of_three_or_four_steps():
    assert len(LESSONS) == 7
    assert all(len(lesson.steps) in (3, 4) for lesson in LESSONS.values())
    assert all(len({step.key for step in lesson.steps}) == len(lesson.steps) for lesson in LESSONS.values())


@pytest.mark.parametrize(("lesson", "step"), STEPS, ids=lambda one: one.key)
def test_a_measure_finds_exactly_one_choice_right_and_its_figures_stand_in_the_answer(lesson, step):
    found = step.measure(shipped, "")
    assert 2 <= len(step.choices) <= 4
    assert step.choices.count(found.right) == 1
    assert not any(math.isnan(value) for value in found.figures.values() if not isinstance(value, Saying))
    assert not any(
        isinstance(value, str) for value in found.figures.values()
    )  # words come in the language of who reads
    assert lesson.answer(step, found.figures)
    assert all(lesson.said(step, part) for part in PARTS)
    assert len({lesson.choice(step, choice) for choice in step.choices}) == len(step.choices)


def test_what_is_right_follows_the_model_and_not_the_lesson():
    assert measured("gate", "quotes").right != "same"
    assert measured("gate", "quotes", untrained).right == "same"
    assert measured("motives", "breaks").right == "shuts"
    assert measured("motives", "breaks", untrained).right == "same"
    assert measured("vanish", "reader").right == "gru"
    assert measured("vanish", "reader", untrained).right == "same"
    honest = {"time-machine-birnn-leaky": "time-machine-rnn"}
    swapped = lambda name: shipped(honest.get(name, name))  # noqa: E731
    assert (measured("two", "leak").right, measured("two", "leak", swapped).right) == ("sees", "predicts")
    assert (measured("two", "writes").right, measured("two", "writes", swapped).right) == ("refuses", "writes")
    before = {"time-machine-gru": "time-machine-gru-before"}
    swapped = lambda name: shipped(before.get(name, name))  # noqa: E731
    assert (measured("mistakes", "biases").right, measured("mistakes", "biases", swapped).right) == ("other", "same")
    assert (measured("mistakes", "reset").right, measured("mistakes", "reset", swapped).right) == ("worse", "same")
    swapped = lambda _: shipped("lighthouse-bigru-cloze")  # noqa: E731
    assert (measured("mistakes", "parallel").right, measured("mistakes", "parallel", swapped).right) == (
        "nothing",
        "follows",
    )
    assert measured("mistakes", "huge").right == "infinite"
    swapped = lambda _: shipped("time-machine-birnn-leaky")  # noqa: E731
    assert (measured("two", "cloze").right, measured("two", "cloze", swapped).right) == ("no", "yes")


@pytest.mark.parametrize("own", ["", " ", "a", "ab", "  \n", "💡💡 💡", "\ud800 x\x00y", "one two " * 5_000, "é è ö"])
def test_any_sentence_is_measured_or_the_example_in_its_place(own):
    for key in ("words", "beside"):
        found = measured("own", key, own=own)
        assert found.right in step_of("own", key).choices
        assert not any(math.isnan(value) for value in found.figures.values() if not isinstance(value, Saying))


def test_an_own_sentence_is_the_one_that_is_measured():
    assert str(measured("own", "words", own="so it goes on").figures["which"]) == "your sentence"
    assert str(measured("own", "words", own="word").figures["which"]) != "your sentence"
    assert measured("own", "words", own=BOOK).figures["start"] == measured("own", "words").figures["start"]
    assert len(BOOK) < MOST_OWN
