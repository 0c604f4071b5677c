"""Training against the same loop written with torch.nn, clip_grad_norm_ and torch.optim, and by hand."""

import itertools
import math
import random
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import explorer
from explorer.cells import CELLS, CellWeights
from explorer.checkpoints import Checkpoint
from explorer.clipping import clip_gradients
from explorer.models import CharModel, ConfigError, ModelConfig
from explorer.probes.diagnosis import _saturated
from explorer.probes.progress import TrainingRecord
from explorer.recording import Recording
from explorer.text import UNKNOWN, TextError, Vocabulary
from explorer.training import RECIPES, Recipe, StepRecord, TrainingDivergedError, train

TEXT = "".join(random.Random(7).choices("abcdefg", weights=range(1, 8), k=100))
VOCABULARY = Vocabulary.from_text(TEXT)
SMALL = Recipe(learning_rate=0.5, clip_norm=None, batch_size=3, num_steps=6, epochs=3)


def make_model(seed=3, dtype=torch.float64, vocabulary=VOCABULARY, **fields):
    return CharModel(ModelConfig(**{"hidden_size": 5} | fields), vocabulary, seed=seed).to(dtype)


def weights(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def norm(*tensors):
    return math.sqrt(math.fsum(x * x for tensor in tensors for x in tensor.flatten().tolist()))


# ---- the loop against torch.nn ------------------------------------------------------------------------------


class TorchModel(nn.Module):
    """The same network out of torch.nn, with the names CharModel gives its parameters."""

    def __init__(self, config, symbols):
        super().__init__()
        self.config, self.symbols = config, symbols
        self.embedding = nn.Embedding(symbols, config.embedding_size) if config.embedding_size else None
        kind = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[config.cell]
        both = config.direction == "bidirectional"
        extra = {"nonlinearity": config.activation} if config.cell == "rnn" else {}
        width = config.embedding_size or symbols
        self.rnn = kind(width, config.hidden_size, config.num_layers, bidirectional=both, **extra)
        self.out = nn.Linear(config.hidden_size * (2 if both else 1), symbols)

    def loss(self, x, y, state):
        inputs = self.embedding(x) if self.embedding else F.one_hot(x, self.symbols).double()
        states, last = self.rnn(inputs, state)
        if self.config.objective == "cloze":
            before, after = states.chunk(2, -1)
            zero = torch.zeros_like(before[:1])
            states, y = torch.cat([torch.cat([zero, before[:-1]]), torch.cat([after[1:], zero])], -1), x
        loss = F.cross_entropy(self.out(states).reshape(-1, self.symbols), y.reshape(-1))
        return loss, self.carry(last)

    def carry(self, last):
        if isinstance(last, tuple):
            return tuple(map(self.carry, last))
        last = last.detach().clone()
        if self.config.direction == "bidirectional":
            last[1::2] = 0  # the backward nets ended at the piece's beginning
        return last


class LoopedGRU(TorchModel):
    """Reset before, which torch.nn does not have: a plain loop over the cell, differentiated by autograd."""

    def loss(self, x, y, state):
        h = torch.zeros(x.shape[1], self.config.hidden_size, dtype=torch.float64) if state is None else state
        cell = (self.rnn.weight_ih_l0, self.rnn.weight_hh_l0, self.rnn.bias_ih_l0, self.rnn.bias_hh_l0)
        states = []
        for x_B in x:
            h = CELLS["gru"].step(F.one_hot(x_B, self.symbols).double(), (h,), CellWeights(*cell), "before").h
            states.append(h)
        return F.cross_entropy(self.out(torch.cat(states)), y.reshape(-1)), h.detach()


NETWORKS = {
    "rnn-tanh": {"cell": "rnn"},
    "rnn-relu": {"cell": "rnn", "activation": "relu"},
    "gru": {"cell": "gru"},
    "gru-two-layers": {"cell": "gru", "num_layers": 2},
    "gru-embedding": {"cell": "gru", "embedding_size": 3},
    "gru-reset-before": {"cell": "gru", "reset": "before"},
    "lstm": {"cell": "lstm"},
    "lstm-leaky-two-layers": {"cell": "lstm", "direction": "bidirectional", "objective": "leaky", "num_layers": 2},
    "gru-cloze": {"cell": "gru", "direction": "bidirectional", "objective": "cloze"},
}


def train_and_keep_batches(monkeypatch, model, recipe, seed=5):
    """Our loop's records, and the (epoch, x, y) it was given."""
    seen, target = [], CharModel.target

    def spy(self, x_TB, y_TB):
        seen.append((x_TB.clone(), y_TB.clone()))
        return target(self, x_TB, y_TB)

    monkeypatch.setattr(CharModel, "target", spy)
    records = list(train(model, TEXT, recipe, seed))
    return records, [(record.epoch, *batch) for record, batch in zip(records, seen, strict=True)]


def train_with_torch(oracle, batches, recipe):
    """Losses and norms before clipping of every step."""
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[recipe.optimizer](
        oracle.parameters(), lr=recipe.learning_rate
    )
    state, previous, losses, norms = None, None, [], []
    for epoch, x, y in batches:
        if recipe.sampling == "random" or epoch != previous:
            state = None
        previous = epoch
        loss, state = oracle.loss(x, y, state)
        optimizer.zero_grad()
        loss.backward()
        parameters = dict(oracle.named_parameters())
        norms.append({name: norm(p.grad) for name, p in parameters.items()})
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters.values(), recipe.clip_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


UNCLIPPED = [
    ("sequential", "sgd", 0.5, None, 1e-9),
    ("random", "sgd", 0.5, None, 1e-9),
    ("sequential", "adam", 0.02, None, 1e-7),
]
# clip_grad_norm_ divides by norm + 1e-6, so that clipped runs agree only about as well as that.
CLIPPED = [("sequential", "sgd", 2.0, 0.05, 1e-4), ("random", "adam", 0.02, 0.05, 1e-4)]
RUNS = [
    *((network, *how) for network in NETWORKS for how in UNCLIPPED),
    *((network, *how) for network in ("rnn-relu", "gru-reset-before", "lstm-leaky-two-layers") for how in CLIPPED),
]


@pytest.mark.parametrize(("network", "sampling", "optimizer", "learning_rate", "clip_norm", "tolerance"), RUNS)
def test_training_equals_the_same_loop_in_torch(
    monkeypatch, network, sampling, optimizer, learning_rate, clip_norm, tolerance
):
    recipe = replace(
        SMALL, sampling=sampling, optimizer=optimizer, learning_rate=learning_rate, clip_norm=clip_norm, epochs=2
    )
    model = make_model(**NETWORKS[network])
    oracle = (LoopedGRU if network == "gru-reset-before" else TorchModel)(model.config, len(VOCABULARY)).double()
    oracle.load_state_dict(model.state_dict())
    before = weights(model)

    records, batches = train_and_keep_batches(monkeypatch, model, recipe)
    losses, norms = train_with_torch(oracle, batches, recipe)

    assert len(records) >= 8
    assert [r.nll_nats for r in records] == pytest.approx(losses, rel=tolerance)
    for record, expected in zip(records, norms, strict=True):
        assert record.grad_norms == pytest.approx(expected, rel=10 * tolerance, abs=1e-12)
    if clip_norm is not None:
        assert sum(r.clip_coefficient < 1 for r in records) > len(records) / 2
    for name, parameter in model.named_parameters():
        assert parameter.dtype == torch.float64
        change, expected = parameter.detach() - before[name], oracle.get_parameter(name).detach() - before[name]
        atol = 10 * tolerance * float(expected.abs().max())
        torch.testing.assert_close(change, expected, rtol=10 * tolerance, atol=atol)


def test_sequential_batches_without_offset_walk_through_the_text_row_by_row(monkeypatch):
    recipe = replace(SMALL, random_offset=False, epochs=2)
    _, batches = train_and_keep_batches(monkeypatch, make_model(), recipe)
    row = (len(TEXT) - 1) // 3
    expected = [
        [TEXT[b * row + start : b * row + start + 6] for b in range(3)]
        for x_start in range(0, row - 5, 6)
        for start in (x_start, x_start + 1)  # x, and y one character later
    ]
    got = [[VOCABULARY.decode(column) for column in part.T] for _, *batch in batches for part in batch]
    assert got == expected * 2


# ---- targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "nll", "share_of_a"),
    [
        # The output layer ignores the states and says p(a) = 1/2, p(b) = p(unknown) = 1/4. x is "aa", y is "ab".
        ({}, 1.5 * math.log(2), 1 / 2),
        ({"direction": "parallel"}, 1.5 * math.log(2), 1 / 2),
        ({"direction": "bidirectional", "objective": "leaky"}, 1.5 * math.log(2), 1 / 2),
        ({"direction": "bidirectional", "objective": "cloze"}, math.log(2), 1.0),
    ],
    ids=["next", "next-parallel", "leaky", "cloze"],
)
def test_each_objective_is_asked_for_its_own_characters(fields, nll, share_of_a):
    model = make_model(vocabulary=Vocabulary((UNKNOWN, "a", "b"), (0, 2, 1)), **fields)
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.copy_(torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64).log())
    bias = model.out.bias.detach().clone()
    recipe = Recipe(learning_rate=1.0, clip_norm=None, batch_size=1, num_steps=2, epochs=1, random_offset=False)
    (record,) = train(model, "aab", recipe)
    assert record.nll_nats == pytest.approx(nll, rel=1e-12)
    # gradient of the bias: predicted minus actual share of each symbol
    gradient = torch.tensor([0.25, 0.5 - share_of_a, 0.25 - (1 - share_of_a)], dtype=torch.float64)
    torch.testing.assert_close(model.out.bias.detach(), bias - gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("objective", ["cloze", "leaky"])
def test_bidirectional_objectives_learn(objective):
    model = make_model(dtype=torch.float32, direction="bidirectional", objective=objective, hidden_size=12)
    recipe = Recipe("adam", 0.05, 1.0, batch_size=2, num_steps=10, epochs=25)
    records = list(train(model, "abcdefg" * 12, recipe))
    # Each neighbour gives the answer away, so that little is left to guess of ln 7 nats.
    assert records[-1].epoch_nll_nats < 0.2 < math.log(7) - 0.2 < records[0].nll_nats


# ---- what the records say -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["sequential", "random"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_d2l_takes_8_batches_of_10_000_tokens(sampling, seed):
    text = "".join(random.Random(1).choices("abcdefgh ", k=12_000))
    recipe = replace(RECIPES["d2l-v2"], epochs=2, sampling=sampling)
    records = list(train(make_model(dtype=torch.float32, vocabulary=Vocabulary.from_text(text)), text, recipe, seed))
    assert [r.step for r in records] == list(range(1, 17))
    assert [r.epoch for r in records] == [1] * 8 + [2] * 8
    assert [r.epoch_ends for r in records] == ([False] * 7 + [True]) * 2


def test_epoch_loss_is_the_mean_over_the_epoch_so_far():
    records = list(train(make_model(), TEXT, SMALL))
    for epoch in (1, 2, 3):
        steps = [r for r in records if r.epoch == epoch]
        assert [r.epoch_ends for r in steps] == [False] * (len(steps) - 1) + [True]
        for count, record in enumerate(steps, 1):
            tokens = SMALL.batch_size * SMALL.num_steps
            expected = math.fsum(r.nll_nats * tokens for r in steps[:count]) / (count * tokens)
            assert record.epoch_nll_nats == pytest.approx(expected, rel=1e-12)
            assert record.epoch_perplexity == pytest.approx(math.e**expected, rel=1e-12)
    assert records[-1].epoch == 3


@pytest.mark.parametrize(("bias", "finite"), [(600.0, True), (800.0, False)])
def test_perplexity_is_infinite_where_exp_overflows(bias, finite):
    model = make_model()
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.zero_()[0] = bias  # certain of the unknown symbol, which never comes
    record = next(train(model, TEXT, SMALL))
    assert record.nll_nats == pytest.approx(bias, rel=1e-12)
    assert record.epoch_perplexity == (pytest.approx(math.exp(bias), rel=1e-9) if finite else math.inf)


@pytest.mark.parametrize("clip_norm", [None, 0.05, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norms_are_measured_on_the_gradients_themselves(clip_norm, dtype):
    model = make_model(dtype=dtype)
    clipped = []
    for record in train(model, TEXT, replace(SMALL, clip_norm=clip_norm)):
        gradients = {name: p.grad for name, p in model.named_parameters()}
        before = math.sqrt(math.fsum(n * n for n in record.grad_norms.values()))
        assert record.grad_norms.keys() == gradients.keys()
        assert record.grad_norm_before == pytest.approx(before, rel=1e-12)
        assert record.grad_norm_after == pytest.approx(min(clip_norm or math.inf, before), rel=1e-6)
        assert record.clip_coefficient == pytest.approx(min((clip_norm or math.inf) / before, 1), rel=1e-12)
        # tighter than float32 can hit the threshold: only a second measurement agrees like this
        assert record.grad_norm_after == pytest.approx(norm(*gradients.values()), rel=1e-12)
        for name, gradient in gradients.items():
            scaled = record.grad_norms[name] * record.clip_coefficient
            assert norm(gradient) == pytest.approx(scaled, rel=1e-6, abs=1e-30)
        assert 0 < record.tokens_per_s < math.inf
        if record.clip_coefficient < 1:
            clipped.append(record.grad_norm_after)
    assert bool(clipped) == (clip_norm is not None)
    if clipped and dtype == torch.float32:
        assert any(after != clip_norm for after in clipped)


# ---- chance -------------------------------------------------------------------------------------------------


def run(seed, sampling="random", noise=0):
    torch.manual_seed(noise)  # the global generator must not matter
    model = make_model(dtype=torch.float32)
    records = list(train(model, TEXT, replace(SMALL, sampling=sampling, clip_norm=0.5), seed))
    return [(r.nll_nats, r.grad_norm_before, r.grad_norm_after, r.epoch_nll_nats) for r in records], weights(model)


@pytest.mark.parametrize("sampling", ["sequential", "random"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(sampling):
    records, final = run(4, sampling, noise=1)
    again, final_again = run(4, sampling, noise=2)
    other, final_other = run(5, sampling, noise=1)
    assert records == again
    assert same(final, final_again)
    assert records != other
    assert not same(final, final_other)


@pytest.mark.parametrize("seed", [-1, 10**14, -(10**14)])
def test_a_large_or_negative_seed_is_as_good_as_any(seed):
    assert len(list(train(make_model(), TEXT, replace(SMALL, epochs=1), seed))) >= 4


# ---- beginning and stopping ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("random_offset", "needed"), [(False, 3 * 6 + 1), (True, 3 * 6 + 1 + 6)])
@pytest.mark.parametrize("sampling", ["sequential", "random"])
@pytest.mark.parametrize("as_ids", [False, True])
def test_a_text_shorter_than_one_batch_is_refused_at_the_call(random_offset, needed, sampling, as_ids):
    model, recipe = make_model(), replace(SMALL, random_offset=random_offset, sampling=sampling)

    def text(length):
        return VOCABULARY.encode(TEXT[:length]) if as_ids else TEXT[:length]

    for length in (0, 1, needed - 1):
        with pytest.raises(TextError, match=rf"at least {needed} characters.* got {length}\."):
            train(model, text(length), recipe)
    with pytest.raises(TextError, match=rf"got {needed - 1}\."):
        train(model, text(len(TEXT)), replace(recipe, max_tokens=needed - 1))
    for seed in range(12):
        assert len(list(train(model, text(needed), recipe, seed))) == recipe.epochs


def test_nothing_is_trained_before_the_first_record_is_asked_for():
    model = make_model()
    before = weights(model)
    steps = train(model, TEXT, SMALL)
    assert same(weights(model), before)
    next(steps)
    assert not same(weights(model), before)


def test_a_run_stopped_half_way_leaves_the_model_as_trained_as_it_was():
    whole, stopped = make_model(), make_model()
    at_step = {record.step: weights(whole) for record in train(whole, TEXT, SMALL)}
    steps = train(stopped, TEXT, SMALL)
    assert [record.step for record in itertools.islice(steps, 5)] == [1, 2, 3, 4, 5]
    steps.close()
    assert len(at_step) > 5
    assert same(weights(stopped), at_step[5])
    assert len(stopped.generate("ab", 10)) == 12


# ---- clipping -----------------------------------------------------------------------------------------------


def parameters_with(*gradients, dtype=torch.float64):
    named = []
    for index, gradient in enumerate(gradients):
        gradient = torch.as_tensor(gradient, dtype=dtype)
        parameter = nn.Parameter(torch.zeros_like(gradient))
        parameter.grad = gradient.clone()
        named.append((f"p{index}", parameter))
    return named


def test_clipping_by_hand():
    named = parameters_with([3.0, 0.0], [[4.0]])
    clipping = clip_gradients(named, 2.5)
    assert clipping.norms_before == {"p0": 3.0, "p1": 4.0}
    assert (clipping.norm_before, clipping.coefficient, clipping.norm_after) == (5.0, 0.5, 2.5)
    assert [p.grad.tolist() for _, p in named] == [[1.5, 0.0], [[2.0]]]


@pytest.mark.parametrize("max_norm", [5.0, 5.1, 1e30, None])
def test_gradients_within_the_threshold_are_left_alone(max_norm):
    named = parameters_with([3.0, 0.0], [[4.0]])
    clipping = clip_gradients(iter(named), max_norm)
    assert (clipping.norm_before, clipping.coefficient, clipping.norm_after) == (5.0, 1.0, 5.0)
    assert [p.grad.tolist() for _, p in named] == [[3.0, 0.0], [[4.0]]]


def test_a_parameter_without_a_gradient_is_left_out():
    clipping = clip_gradients([*parameters_with([3.0, 4.0]), ("frozen", nn.Parameter(torch.ones(2)))], 1.0)
    assert clipping.norms_before == {"p0": 5.0}
    assert clipping.norm_after == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("max_norm", [1.0, None])
def test_zero_gradients_have_coefficient_1(dtype, max_norm):
    named = parameters_with([0.0, 0.0], [0.0], dtype=dtype)
    clipping = clip_gradients(named, max_norm)
    assert clipping.norms_before == {"p0": 0.0, "p1": 0.0}
    assert (clipping.norm_before, clipping.coefficient, clipping.norm_after) == (0.0, 1.0, 0.0)
    assert all(not p.grad.any() for _, p in named)


@pytest.mark.parametrize(
    ("size", "theta", "dtype"),
    [
        (1e20, 1.0, torch.float32),
        (1e20, 1e-2, torch.float32),
        (1e38, 1e-2, torch.float32),  # the coefficient, about 1e-41, is below float32's normal numbers
        (3e38, 1.0, torch.float32),
        (1e200, 1.0, torch.float64),
        (1e300, 1e-2, torch.float64),
    ],
)
def test_enormous_gradients_are_clipped_and_not_zeroed(size, theta, dtype):
    named = parameters_with([size] * 3, [[size, -size], [size, size]], dtype=dtype)
    clipping = clip_gradients(named, theta)
    exact = float(named[0][1].grad.new_tensor(size))  # what the type makes of it
    assert clipping.norms_before == pytest.approx({"p0": exact * 3**0.5, "p1": exact * 2.0}, rel=1e-6)
    assert clipping.norm_before == pytest.approx(exact * 7**0.5, rel=1e-6)
    assert clipping.coefficient == pytest.approx(theta / size / 7**0.5, rel=1e-6)
    assert clipping.norm_after == pytest.approx(theta, rel=1e-6)
    assert norm(*(p.grad for _, p in named)) == pytest.approx(theta, rel=1e-6)
    each = theta / 7**0.5
    assert [x for _, p in named for x in p.grad.flatten().tolist()] == pytest.approx(
        [each, each, each, each, -each, each, each], rel=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_gradient_that_dwarfs_the_others_still_leaves_their_proportion(dtype):
    named = parameters_with([1e20], [2e20], [1.0], dtype=dtype)
    clip_gradients(named, 5**0.5)
    assert [float(p.grad) for _, p in named] == pytest.approx([1.0, 2.0, 1e-20], rel=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("max_norm", [1.0, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_non_finite_gradients_are_reported_and_not_touched(bad, max_norm, dtype):
    named = parameters_with([3.0, 4.0], [1.0, bad], dtype=dtype)
    before = [p.grad.clone() for _, p in named]
    clipping = clip_gradients(named, max_norm)
    assert clipping.norms_before["p0"] == 5.0
    assert not math.isfinite(clipping.norms_before["p1"])
    assert not math.isfinite(clipping.norm_before)
    assert not math.isfinite(clipping.norm_after)
    for (_, p), gradient in zip(named, before, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=0, atol=0, equal_nan=True)


ENTRIES = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=6)


@given(
    st.lists(ENTRIES, min_size=1, max_size=4),
    st.floats(1e-3, 1e3),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(deadline=None, max_examples=60)
def test_clipping_agrees_with_torch_on_ordinary_gradients(gradients, theta, dtype):
    exact = math.sqrt(math.fsum(x * x for gradient in gradients for x in gradient))
    assume(exact > 0.1)  # below, the 1e-6 that clip_grad_norm_ adds to the norm is felt
    ours, theirs = parameters_with(*gradients, dtype=dtype), parameters_with(*gradients, dtype=dtype)
    clipping = clip_gradients(ours, theta)
    nn.utils.clip_grad_norm_([p for _, p in theirs], theta)
    for (_, our), (_, their) in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our.grad, their.grad, rtol=1.2e-5, atol=1e-12)
    assert clipping.norm_before == pytest.approx(exact, rel=1e-9)
    assert clipping.norm_after == pytest.approx(norm(*(p.grad for _, p in ours)), rel=1e-9)
    assert clipping.norm_after == pytest.approx(min(theta, exact), rel=1e-6)
    assert clipping.coefficient == pytest.approx(min(theta / exact, 1.0), rel=1e-9)


# ---- divergence ---------------------------------------------------------------------------------------------


def follow_until_it_diverges(model, text, recipe):
    """The fault, the number of steps that went well, and the weights after the last of them."""
    kept, steps = weights(model), 0
    try:
        for record in train(model, text, recipe):
            kept, steps = weights(model), record.step
    except TrainingDivergedError as fault:
        return fault, steps, kept
    pytest.fail("the run did not diverge")


@pytest.mark.parametrize(
    ("optimizer", "learning_rate", "dtype"),
    [
        ("sgd", 1e6, torch.float32),
        ("sgd", 1e38, torch.float32),
        ("sgd", 1e38, torch.float64),
        ("adam", 1e6, torch.float32),
        ("adam", 1e6, torch.float64),
    ],
)
def test_a_learning_rate_far_too_large_stops_the_run_with_the_last_finite_weights(dtype, optimizer, learning_rate):
    model = make_model(dtype=dtype, cell="rnn", activation="relu", hidden_size=8)
    recipe = Recipe(optimizer, learning_rate, clip_norm=None, batch_size=2, num_steps=60, epochs=200)
    before = weights(model)
    fault, steps, kept = follow_until_it_diverges(model, TEXT * 2, recipe)
    assert fault.step == steps + 1 > 1
    assert fault.parameter in {*before, "loss"}
    assert f"step {fault.step}" in str(fault)
    assert fault.parameter in str(fault)
    assert same(weights(model), kept)
    assert not same(kept, before)
    assert all(value.isfinite().all() for value in kept.values())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("learning_rate", [1e38, 1e39, 1e308])
def test_a_learning_rate_beyond_float32_is_refused_or_diverges(optimizer, learning_rate):
    model = make_model(dtype=torch.float32, cell="rnn", activation="relu")
    with pytest.raises((ConfigError, TrainingDivergedError)):
        list(train(model, TEXT, replace(SMALL, optimizer=optimizer, learning_rate=learning_rate, clip_norm=None)))
    assert all(value.isfinite().all() for value in weights(model).values())


def test_an_update_that_overflows_is_taken_back_from_every_parameter():
    model = make_model(dtype=torch.float32, vocabulary=Vocabulary((UNKNOWN, "a"), (0, 1)))
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(3e38)  # both symbols equally likely: their gradients are +-1/2, and 3.5e38 is too large
    before = weights(model)
    fault, steps, _ = follow_until_it_diverges(model, "a" * 50, replace(SMALL, learning_rate=1e38))
    assert (steps, fault.step, fault.parameter) == (0, 1, "out.bias")
    assert same(weights(model), before)


def test_weights_that_are_huge_but_finite_are_no_divergence():
    model = make_model(dtype=torch.float32, vocabulary=Vocabulary((UNKNOWN, "a"), (0, 1)))
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(3e38)  # both symbols equally likely; their sum is beyond float32
    record = next(train(model, "a" * 50, SMALL))
    assert record.nll_nats == pytest.approx(math.log(2), rel=1e-6)


def test_an_infinite_loss_with_finite_gradients_is_called_the_loss():
    model = make_model(dtype=torch.float32, vocabulary=Vocabulary((UNKNOWN, "a"), (0, 1)))
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.copy_(torch.tensor([3e38, -3e38]))
    before = weights(model)
    fault, steps, _ = follow_until_it_diverges(model, "a" * 50, replace(SMALL, clip_norm=1.0))
    assert (steps, fault.step, fault.parameter) == (0, 1, "loss")
    assert same(weights(model), before)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("name", ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "out.weight", "out.bias"])
def test_a_poisoned_weight_stops_the_run_at_once_and_a_parameter_is_named(poison, clip_norm, name):
    model = make_model()
    with torch.no_grad():
        model.get_parameter(name).view(-1)[0] = poison
    with pytest.raises(TrainingDivergedError) as caught:
        next(train(model, TEXT, replace(SMALL, clip_norm=clip_norm)))
    assert caught.value.step == 1
    assert caught.value.parameter in weights(model)
    assert "step 1: the " in str(caught.value)
    assert f" of {caught.value.parameter} " in str(caught.value)
    assert "\n" not in str(caught.value)


# ---- recipes ------------------------------------------------------------------------------------------------

NONSENSE = [
    *(("learning_rate", value) for value in (0, 0.0, -1, math.inf, -math.inf, math.nan, "1", None, True, 10**400)),
    *(("clip_norm", value) for value in (0, 0.0, -0.5, math.inf, math.nan, "1", False)),
    *(("epochs", value) for value in (0, -1, 1.5, 2.0, True, "3", None, math.nan)),
    *((field, value) for field in ("batch_size", "num_steps") for value in (0, -1, 1.5, 2.0, True, "3", None)),
    *(("max_tokens", value) for value in (0, -1, 1e4, True)),
    *(("optimizer", value) for value in ("rmsprop", "SGD", "", None, ["sgd"])),
    *(("sampling", value) for value in ("sequentially", "", None, 0)),
    *(("random_offset", value) for value in (0, 1, None, "no")),
    *(("token", value) for value in ("words", "", None, ["word"])),
    *(("held_gate", value) for value in ("q", "", "zr", 1, ["z"])),
    *(("held_at", value) for value in (-0.1, 1.1, math.nan, math.inf, "1", None, True)),
    *(("backward_batches", value) for value in (0, -1, 17, 1.5, 2.0, True, "3", None)),
]


@pytest.mark.parametrize(("field", "value"), NONSENSE, ids=lambda v: str(v)[:20])
def test_nonsense_in_a_recipe_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"^{field}: expected ") as caught:
        Recipe(**{field: value})
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    with pytest.raises(ConfigError, match=rf"^{field}: expected "):
        replace(RECIPES["quick"], **{field: value})


def test_what_makes_sense_in_a_recipe_is_taken_as_it_is():
    fields = {
        "optimizer": "adam", "learning_rate": 1, "clip_norm": None, "batch_size": 1, "num_steps": 1, "epochs": 1,
        "sampling": "random", "random_offset": False, "max_tokens": 2, "held_gate": "z", "held_at": 0,
        "backward_batches": 1, "token": "word",
    }  # fmt: skip
    assert asdict(Recipe(**fields)) == fields


@pytest.mark.parametrize(
    ("name", "published"),
    [
        (
            "d2l-v2",
            {
                "optimizer": "sgd", "learning_rate": 1, "clip_norm": 1, "batch_size": 32, "num_steps": 35,
                "epochs": 500, "sampling": "sequential", "random_offset": True, "max_tokens": 10_000,
            },
        ),
        (
            "d2l-zh-v1",
            {
                "optimizer": "sgd", "learning_rate": 100, "clip_norm": 0.01, "batch_size": 32, "num_steps": 35,
                "epochs": 160, "sampling": "sequential", "random_offset": False, "max_tokens": 10_000,
            },
        ),
    ],
)  # fmt: skip
def test_the_recipes_have_the_published_numbers(name, published):
    assert asdict(RECIPES[name]) == published | {
        "held_gate": None, "held_at": 1.0, "backward_batches": 1, "token": "character",
    }  # fmt: skip


def test_a_step_record_is_a_fact_and_cannot_be_changed():
    record = next(train(make_model(), TEXT, SMALL))
    assert isinstance(record, StepRecord)
    with pytest.raises(AttributeError):
        record.nll_nats = 0.0


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (torch.arange(200) % 9, r"expected numbers from 0 to 3, .* got 0 to 8\. Encode the text"),
        (torch.full((200,), -1), r"got -1 to -1"),
        (torch.zeros(200), r"expected whole numbers in one row; got torch\.float32 of shape \(200,\)"),
        (torch.zeros(20, 10, dtype=torch.int64), r"of shape \(20, 10\)"),
    ],
)
def test_ids_that_the_vocabulary_does_not_have_are_told(ids, said):
    recipe = Recipe("adam", batch_size=2, num_steps=3, epochs=1)
    with pytest.raises(TextError, match=said):
        train(model_of_three(), ids, recipe)
    within = (torch.arange(200) % 4).to(torch.int32)
    records = [list(train(model_of_three(), given, recipe))[-1] for given in (within, within.long())]
    assert records[0].nll_nats == records[1].nll_nats


def model_of_three():
    return CharModel(ModelConfig(hidden_size=3), Vocabulary.from_text("abc"), seed=0)


# ---- over how many batches the gradient goes back ---------------------------------------------------------------------


@pytest.mark.parametrize("back", [1, 2, 3, 8])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_gradient_goes_back_over_as_many_batches_as_it_is_told(cell, back):
    """Against torch's own net, which reads the batches before again, piece by piece, and is not detached between them."""
    model = make_model(cell=cell)
    twin = TorchModel(model.config, len(VOCABULARY)).double()
    twin.load_state_dict(model.state_dict())
    recipe = Recipe("sgd", 0.5, 1.0, batch_size=2, num_steps=5, epochs=2, random_offset=False, backward_batches=back)
    x_NB, y_NB = (VOCABULARY.encode(TEXT)[i : i + 98].view(2, 49).T for i in (0, 1))
    optimizer, expected = torch.optim.SGD(twin.parameters(), 0.5), []
    for _ in range(2):
        began = {}  # batch -> the state it began in
        state = None
        for batch in range(9):
            began[batch] = state
            state = began[max(0, batch - back + 1)]
            for piece in range(max(0, batch - back + 1), batch + 1):
                rows = slice(5 * piece, 5 * piece + 5)
                states, state = twin.rnn(F.one_hot(x_NB[rows], len(VOCABULARY)).double(), state)
            loss = F.cross_entropy(twin.out(states).flatten(0, 1), y_NB[rows].flatten())
            optimizer.zero_grad()
            loss.backward()
            before = nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
            optimizer.step()
            expected.append((loss.item(), before.item()))
            state = tuple(part.detach() for part in state) if cell == "lstm" else state.detach()
    records = [(record.nll_nats, record.grad_norm_before) for record in train(model, TEXT[:99], recipe)]
    np.testing.assert_allclose(records, expected, rtol=1e-9)


def test_what_goes_back_farther_learns_otherwise():
    records = {back: list(train(make_model(), TEXT, replace(SMALL, backward_batches=back)))[1] for back in (1, 2)}
    assert records[1].nll_nats != pytest.approx(records[2].nll_nats, rel=1e-12) or (
        records[1].grad_norm_before != pytest.approx(records[2].grad_norm_before, rel=1e-9)
    )


def test_only_batches_that_follow_each_other_have_one_before():
    with pytest.raises(ConfigError, match=r"^backward_batches: expected 1 with random sampling"):
        Recipe(sampling="random", backward_batches=2)


# ---- a gate that is held ----------------------------------------------------------------------------------------------


def update_gate_alone(weights, x_T, h):
    """A GRU without a reset gate, written out: h = z h + (1 - z) tanh(W_n x + b_n + U_n h + c_n)."""
    states = []
    for x in x_T:
        z = torch.sigmoid(weights["w_z"][:, x] + weights["b_z"] + weights["u_z"] @ h + weights["c_z"])
        n = torch.tanh(weights["w_n"][:, x] + weights["b_n"] + weights["u_n"] @ h + weights["c_n"])
        h = z * h + (1 - z) * n
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_gru_trained_with_r_held_at_1_is_a_gru_with_an_update_gate_alone(reset):
    model = CharModel(ModelConfig("gru", hidden_size=4, reset=reset, bias="two"), VOCABULARY, seed=3).double()
    recipe = Recipe("sgd", 0.5, None, batch_size=1, num_steps=9, epochs=3, random_offset=False, held_gate="r")
    own = {}
    for name, letters in (("weight_ih_l0", "w"), ("weight_hh_l0", "u"), ("bias_ih_l0", "b"), ("bias_hh_l0", "c")):
        _, z, n = dict(model.rnn.named_parameters())[name].detach().clone().chunk(3)
        own |= {f"{letters}_z": z.requires_grad_(), f"{letters}_n": n.requires_grad_()}
    own |= {
        "out_w": model.out.weight.detach().clone().requires_grad_(),
        "out_b": model.out.bias.detach().clone().requires_grad_(),
    }
    text = TEXT[:28]
    ids_N, losses, h = model.vocabulary.encode(text), [], torch.zeros(4, dtype=torch.float64)
    for _ in range(3):
        h = torch.zeros(4, dtype=torch.float64)
        for start in range(0, 27, 9):
            h_TH = update_gate_alone(own, ids_N[start : start + 9], h)
            loss = torch.nn.functional.cross_entropy(
                h_TH @ own["out_w"].T + own["out_b"], ids_N[start + 1 : start + 10]
            )
            gradients = torch.autograd.grad(loss, list(own.values()))
            losses.append(loss.item())
            h = h_TH[-1].detach()
            with torch.no_grad():
                for weight, gradient in zip(own.values(), gradients, strict=True):
                    weight -= 0.5 * gradient
    assert [record.nll_nats for record in train(model, text, recipe)] == pytest.approx(losses, abs=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("cell", "letter"), [("gru", "z"), ("gru", "r"), ("lstm", "f"), ("mingru", "z")])
def test_what_is_held_stays_exactly_where_it_is(cell, letter, optimizer):
    model = CharModel(ModelConfig(cell, hidden_size=4), VOCABULARY, seed=3)
    recipe = replace(SMALL, optimizer=optimizer, learning_rate=0.05, held_gate=letter, held_at=0.25)
    before = weights(model)
    list(train(model, TEXT, recipe))
    gate_TH = explorer.trace_gates(model, TEXT[:40]).tape()[letter]
    assert np.ptp(gate_TH) == 0
    assert gate_TH[0, 0] == pytest.approx(0.25, abs=1e-7)
    assert not torch.equal(before["out.weight"], model.out.weight)  # the rest learns


def test_what_cannot_be_held_is_refused_before_the_first_step():
    with pytest.raises(ConfigError, match="held_gate"):
        train(CharModel(ModelConfig("rnn", hidden_size=4), VOCABULARY), TEXT, replace(SMALL, held_gate="z"))
    with pytest.raises(ConfigError, match="held_gate"):
        train(CharModel(ModelConfig("lstm", hidden_size=4), VOCABULARY), TEXT, replace(SMALL, held_gate="r"))
    with pytest.raises(ConfigError, match="with biases"):
        train(
            CharModel(ModelConfig("gru", hidden_size=4, bias="none"), VOCABULARY), TEXT, replace(SMALL, held_gate="r")
        )


def test_the_bias_that_holds_a_gate_is_no_weight_that_learns():
    checkpoints = {}
    for held in (None, "r"):
        model = CharModel(ModelConfig("gru", hidden_size=8), VOCABULARY, seed=1)
        recipe = replace(SMALL, held_gate=held)
        steps = train(model, TEXT, recipe)
        recording = Recording(model, recipe)
        for made in steps:
            recording.add(made)
        checkpoints[held] = Checkpoint(model, recipe, 0, "own", tuple(recording.history), recording.snapshots)
    records = {held: TrainingRecord.of(checkpoint) for held, checkpoint in checkpoints.items()}
    assert records["r"].weight_norm < records[None].weight_norm  # the bias that holds is 2,800 long
    assert 0.5 < records["r"].growth < 2 * records[None].growth


def test_a_gate_that_was_held_in_training_is_not_accused_of_being_saturated():
    model = CharModel(ModelConfig("gru", hidden_size=8), VOCABULARY, seed=1)
    recipe = replace(SMALL, held_gate="r")
    list(train(model, TEXT, recipe))
    flow, trace = explorer.gradient_flow(model, TEXT), explorer.trace_gates(model, TEXT)
    record = TrainingRecord(recipe, (), 1, 1, 1, 1)
    assert _saturated(flow, trace, record) is None
    # The control: the same gates of a model that was not asked to hold one.
    accused = _saturated(flow, trace, replace(record, recipe=SMALL))
    assert accused.rule == "saturated"
    assert accused.figures["gate"] == "reset gate r"
