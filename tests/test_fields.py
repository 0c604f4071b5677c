"""What a person may give a configuration: numpy's numbers are numbers, and what is learned decides the symbols."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import explorer
from explorer import CharModel, ModelConfig, Recipe, Vocabulary
from explorer.clipping import grad_norm
from explorer.fields import finite, flag, whole
from explorer.models import ConfigError
from explorer.runs.request import RunRequest
from explorer.training import train

INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64]


@pytest.mark.parametrize("kind", INTEGERS)
def test_whole_numbers_of_numpy_are_sizes_and_seeds(kind):
    config = ModelConfig(hidden_size=kind(32), num_layers=kind(2), hidden_sizes=None, embedding_size=kind(4))
    assert (config.hidden_size, config.num_layers, config.embedding_size) == (32, 2, 4)
    assert {type(size) for size in (config.hidden_size, config.num_layers, config.embedding_size)} == {int}
    recipe = Recipe(batch_size=kind(3), num_steps=kind(7), epochs=kind(2), max_tokens=kind(100))
    assert (recipe.batch_size, recipe.num_steps, recipe.epochs, recipe.max_tokens) == (3, 7, 2, 100)
    model = CharModel(ModelConfig(hidden_size=4), Vocabulary.from_text("abc"), seed=kind(1))
    same = CharModel(ModelConfig(hidden_size=4), Vocabulary.from_text("abc"), seed=1)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), same.parameters(), strict=True))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64, int])
def test_real_numbers_of_numpy_are_rates_and_thresholds(kind):
    recipe = Recipe(learning_rate=kind(2), clip_norm=kind(1), random_offset=np.bool_(False))
    assert (recipe.learning_rate, recipe.clip_norm, recipe.random_offset) == (2.0, 1.0, False)
    assert {type(recipe.learning_rate), type(recipe.clip_norm)} == {float}
    assert Recipe(learning_rate=np.logspace(-2, 0, 3)[1]).learning_rate == pytest.approx(0.1)
    assert ModelConfig("lstm", keep_bias=kind(1)).keep_bias == 1.0


@pytest.mark.parametrize(
    "value", [np.float64("nan"), np.inf, np.complex128(1), np.array([1.0]), "1", None, np.bool_(True)]
)
def test_what_is_no_number_is_refused_in_a_sentence(value):
    assert finite(value) is None
    with pytest.raises(ConfigError, match="learning_rate: expected"):
        Recipe(learning_rate=value)


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=3), st.none()))
def test_every_value_is_a_number_a_flag_or_neither(value):
    assert (whole(value) is not None) == (type(value) is int)
    assert (flag(value) is not None) == (type(value) is bool)
    number = finite(value)
    if number is not None:
        assert type(value) in (int, float)
        assert math.isfinite(number)


@pytest.mark.parametrize("tokens", [300, 700, None])
def test_symbols_are_counted_on_what_is_learned(tokens):
    text = "abcdefgh " * 50 + "XYZ" * 100  # the rest has other characters
    recipe = Recipe(max_tokens=tokens, batch_size=2, num_steps=10, epochs=1)
    learned = text[:tokens]
    assert recipe.learned(text) == learned
    symbols = set(Vocabulary.from_text(recipe.learned(text)).symbols[1:])
    assert symbols == set(learned)
    assert RunRequest({}, recipe, text, corpus="letters", session="ann").problems() == {}


def test_the_recipe_of_the_first_chinese_edition_counts_as_the_book_does():
    text = explorer.load_corpus("river-town", newlines_to_blanks=True)
    recipe = explorer.RECIPES["d2l-zh-v1"]
    assert recipe.max_tokens == 10_000
    expected = set(text[:10_000])  # newlines become blanks, then the cut, then the symbols
    vocabulary = Vocabulary.from_text(recipe.learned(text))
    assert set(vocabulary.symbols[1:]) == expected
    assert "\n" not in expected
    assert len(set(text)) > len(expected)


@pytest.mark.parametrize("size", [1e-200, 1e-160, 5e-324, 1e-45, 1.0, 1e200])
@pytest.mark.parametrize("entries", [1, 4, 1000])
def test_the_norm_of_tiny_and_of_huge_numbers(size, entries):
    gradient = torch.full((entries,), size, dtype=torch.float64)
    assert grad_norm(gradient) == pytest.approx(math.hypot(*[size] * entries), rel=1e-12)


def test_no_clipping_is_none_wherever_a_threshold_goes():
    model = CharModel(ModelConfig(hidden_size=4), Vocabulary.from_text("abc"), seed=1)
    recipe = Recipe(clip_norm=None, batch_size=2, num_steps=5, epochs=1)
    ledger = explorer.clip_ledger(model, "abcabc", recipe.clip_norm)
    assert {outcome.norm_after for outcome in ledger.outcomes.values()} == {ledger.norm_before}
    for record in train(model, "abc" * 10, recipe, 0):
        assert record.grad_norm_before == record.grad_norm_after
