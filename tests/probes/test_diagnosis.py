"""Verdicts on models whose condition is known: by construction, by a record made by hand, and on a part of the bench."""

import copy
import importlib.util
import math
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import CharModel, ModelConfig, Recipe, Vocabulary, diagnose, load_checkpoint, load_corpus
from explorer.probes.finding import RULES, Finding
from explorer.probes.progress import TrainingRecord, judge
from explorer.recording import EpochRecord
from explorer.words import en, knows

ROOT = Path(__file__).parents[2]
TEXT = load_corpus("lighthouse")[200:400]
EXAMPLE_BY_HEART = "the time traveller for so it will be convenient to speak of him was expounding a recondite matter"
UNIFORM, UNIGRAM = math.log(40), 2.9


def bench():
    spec = importlib.util.spec_from_file_location("verdicts", ROOT / "benchmarks" / "verdicts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["verdicts"] = module
    spec.loader.exec_module(module)
    return module


def test_the_fast_part_of_the_bench_has_no_false_alarm_and_names_what_it_should():
    verdicts = bench()
    said = [(case, verdicts.rules_of(case)) for case in verdicts.cases(fast=True)]
    assert [(case.name, rules) for case, rules in said if case.condition == "healthy" and rules != ("healthy",)] == []
    assert [(case.name, rules) for case, rules in said if case.condition != "healthy" and "healthy" in rules] == []
    missed = [(case.condition, case.name, rules) for case, rules in said if case.condition not in rules]
    assert len(missed) <= 0.05 * len(said), missed


def record(nats, *, recipe=None, before=1.0, after=1.0, weight_norm=10.0, **more):
    history = tuple(
        EpochRecord(i + 1, 10 * (i + 1), nll, before, before, after, float(after < before), 1e4)
        for i, nll in enumerate(nats)
    )
    recipe = recipe or Recipe(learning_rate=0.1)
    return TrainingRecord(recipe, history, UNIFORM, UNIGRAM, 10_000, weight_norm, **more)


FALLING = list(np.geomspace(3.6, 0.5, 30))
RECORDS = {
    "learned": (record(FALLING), None),
    "learned, always clipped": (record(FALLING, before=100.0, after=0.01), None),
    "three epochs": (record([3.6, 3.0, 2.7]), None),
    "no better than frequencies, at a usual rate": (record([3.5, 2.95] + [2.9] * 20), None),
    "a jump that is made good": (record([*FALLING[:20], 3.0, *FALLING[20:]]), None),
    "nothing yet": (record([]), "untrained"),
    "broken off": (record(FALLING, fault_step=7), "rate-too-large"),
    "worse than guessing": (record([3.6, 9.0, 30.0]), "rate-too-large"),
    "jumping": (record([3.6, 1.0] + [3.0, 1.1] * 3 + [2.5, 2.7] * 10), "rate-too-large"),
    "flat": (record([3.69] * 30, recipe=Recipe(learning_rate=1e-4)), "rate-too-small"),
    "flat by clipping": (record([3.6] * 30, before=1.0, after=1e-4), "clip-bound"),
    "held out rises": (record(FALLING, held_out=((0, 3.6), (5, 2.0), (10, 1.8), (30, 2.9))), "overfitting"),
    "held out falls": (record(FALLING, held_out=((0, 3.6), (5, 2.0), (30, 1.8))), None),
    "held out wavers": (record(FALLING, held_out=((0, 3.6), (5, 1.0), (30, 1.05))), None),
    "held out stays far above": (record(FALLING, held_out=((0, 3.6), (5, 1.8), (30, 1.85))), "overfitting"),
    "held out stays far above, and falls": (
        record(FALLING, held_out=((0, 3.6), (5, 1.85), (28, 1.7), (30, 1.71))),
        None,
    ),
    "held out stays far above, and fell not long ago": (
        record(FALLING, held_out=((0, 3.6), (5, 1.85), (25, 1.7), (30, 1.75))),
        None,
    ),
    "held out stays far above, and so does training": (
        record([2.0] * 30, held_out=((0, 3.6), (5, 3.3), (30, 3.35))),
        None,
    ),
}


@pytest.mark.parametrize(("made", "rule"), RECORDS.values(), ids=RECORDS)
def test_a_training_is_judged_by_its_record(made, rule):
    assert [finding.rule for finding in judge(made)] == ([] if rule is None else [rule])


def test_a_ruined_learning_rate_is_never_told_to_change_its_cell():
    (found,) = judge(record([3.6, 9.0, 30.0], recipe=Recipe(learning_rate=10.0, clip_norm=None)))
    assert found.advice == (
        "Train again with a learning rate of 1, or clip the gradient at 1: now it is 10 and nothing is clipped."
    )
    (clipped,) = judge(record([3.6, 9.0, 30.0], recipe=Recipe(learning_rate=100.0)))
    assert clipped.advice == "Train again with a learning rate of 10."
    assert "worse than a blind guess (40.00)" in clipped.evidence


@pytest.mark.parametrize("path", sorted((ROOT / "checkpoints").glob("*.safetensors")), ids=lambda path: path.stem)
def test_the_shipped_models_get_sentences_a_teacher_would_sign(path):
    checkpoint = load_checkpoint(path)
    expected = {
        "time-machine-birnn-leaky": "leaks",
        "lighthouse-birnn-parallel": "saturated",
    }.get(path.stem, "healthy")
    if checkpoint.corpus == "time-machine":
        text = EXAMPLE_BY_HEART if checkpoint.config.objective != "next" else checkpoint.model.generate("time", 120, 0)
    else:
        text = load_corpus(checkpoint.corpus)[300:500]
    diagnosis = diagnose(checkpoint, text)
    assert diagnosis.rules[0] == expected
    assert "clip-bound" not in diagnosis.rules


def test_a_text_unlike_the_corpus_and_one_known_by_heart():
    checkpoint = load_checkpoint(ROOT / "checkpoints" / "time-machine-gru.safetensors")
    assert diagnose(checkpoint, "zq jxk vwq zzx jqk xvz qqj wkx zjv qxz " * 3).rules == ("unlike",)
    assert diagnose(checkpoint, "МАШИНА ВРЕМЕНИ 1895 ГОДА: РОМАН ГЕРБЕРТА УЭЛЛСА, ПЕРЕВОД").rules == ("unlike",)
    strange = "another traveller came along the road and said that he had never seen a stranger thing in all his life"
    assert diagnose(checkpoint, strange).rules == ("by-heart",)


def test_an_epoch_before_training_is_untrained_and_a_bare_model_is_judged_by_its_gradient_alone():
    checkpoint = load_checkpoint(ROOT / "checkpoints" / "lighthouse-gru.safetensors")
    assert diagnose(replace(checkpoint, history=()), TEXT).rules == ("untrained",)
    assert diagnose(checkpoint.model, TEXT).rules == ("healthy",)


@pytest.mark.parametrize("text", ["", "a", "a short text", "x" * 28])
def test_a_short_text_says_how_long_it_must_be(text):
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text(TEXT), seed=0)
    (finding,) = diagnose(model, text).findings
    assert finding.rule == "too-short"
    assert finding.evidence == f"29 characters or more are needed; this text has {len(text)}."


def test_a_confident_model_on_a_long_text_is_not_told_that_it_is_short():
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text("ab"), seed=0)
    with torch.no_grad():
        model.out.bias[1] = 500.0
    assert "too-short" not in diagnose(model, "a" * 120).rules


def test_what_is_not_finite_is_named():
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text(TEXT), seed=0)
    with torch.no_grad():
        model.rnn.weight_hh_l0[2, 1] = torch.nan
    (finding,) = diagnose(model, TEXT).findings
    assert (finding.rule, finding.confidence) == ("exploding", "certain")
    assert finding.evidence == "The first value that is not a finite number: rnn.weight_hh_l0, entry 17."


def test_a_zero_model_says_that_nothing_reaches_the_state():
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text(TEXT), seed=0)
    with torch.no_grad():
        model.out.weight.zero_()
    assert diagnose(model, TEXT).rules[0] == "disconnected"


def test_the_model_is_left_as_it_was_found():
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text(TEXT), seed=0).train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    diagnose(model, TEXT)
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert model.training


def test_every_rule_has_words():
    for rule in RULES:
        assert knows(f"verdict.{rule}")
        assert knows(f"verdict.{rule}.found")
    assert {code.split(".")[1] for code in en.SENTENCES if code.startswith("verdict.")} == set(RULES)
    assert str(Finding("too-short", figures={"least": 29, "characters": 3})) == (
        "Too short to tell. 29 characters or more are needed; this text has 3."
    )


def test_a_finding_can_be_pickled_and_copied():
    for finding in (Finding("healthy"), Finding("vanishing", figures={"horizon_steps": 3})):
        assert pickle.loads(pickle.dumps(finding)) == copy.deepcopy(finding) == finding
