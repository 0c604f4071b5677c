"""Resuming: a training put aside and taken up again equals, bit for bit, the same training that never stopped."""

import functools
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from explorer.models import CharModel, ConfigError, ModelConfig
from explorer.recording import Recording
from explorer.runs.facts import RunError
from explorer.runs.state import restore_state, save_state
from explorer.text import Vocabulary
from explorer.training import Recipe, Training, TrainingDivergedError, train

TEXT = "".join(random.Random(5).choices("abcdefg ", weights=range(1, 9), k=160))
VOCABULARY = Vocabulary.from_text(TEXT)
RECIPE = Recipe("adam", 0.02, 0.5, batch_size=3, num_steps=7, epochs=3)
NETWORKS = {
    "gru-after": {},
    "gru-before": {"reset": "before"},
    "gru-two-layers": {"num_layers": 2, "embedding_size": 3},
    "rnn": {"cell": "rnn"},
    "lstm": {"cell": "lstm"},
    "lstm-parallel": {"cell": "lstm", "direction": "parallel"},
    "gru-cloze": {"direction": "bidirectional", "objective": "cloze"},
    "rnn-leaky": {"cell": "rnn", "direction": "bidirectional", "objective": "leaky"},
}


def make_model(seed=3, dtype=torch.float32, **fields):
    return CharModel(ModelConfig(**{"hidden_size": 6} | fields), VOCABULARY, seed=seed).to(dtype)


def facts(record):
    """Everything of a record but how fast it was."""
    return replace(record, tokens_per_s=1.0)


def assert_bit_equal(first, second):
    for (name, p), (other_name, q) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert name == other_name
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def train_through(model, recipe, path, stop_after, seed=8):
    """Train to a step, put it aside in a file, and go on with another model in another Training; all records."""
    training, recording = Training(model, TEXT, recipe, seed), Recording(model, recipe)
    records = []
    for record in itertools.islice(training, stop_after):
        recording.add(record)
        records.append(record)
    save_state(path, "a-run", training, recording)

    other = CharModel(model.config, VOCABULARY, seed=99).to(next(model.parameters()).dtype)
    resumed, kept = Training(other, TEXT, recipe, seed), Recording(other, recipe)
    restore_state(path, "a-run", resumed, kept)
    for record in resumed:
        kept.add(record)
        records.append(record)
    return other, kept, records


def train_whole(model, recipe, seed=8):
    recording, records = Recording(model, recipe), []
    for record in train(model, TEXT, recipe, seed):
        recording.add(record)
        records.append(record)
    return recording, records


@functools.cache
def steps_of_epoch(sampling):
    """The steps an epoch has, epoch by epoch."""
    recipe = replace(RECIPE, sampling=sampling)
    records = train(make_model(hidden_size=1), TEXT, recipe, 8)
    return [len(list(group)) for _, group in itertools.groupby(records, lambda record: record.epoch)]


@pytest.mark.parametrize("place", ["before the first step", "mid-epoch", "epoch's end", "after it", "at the end"])
@pytest.mark.parametrize(("optimizer", "learning_rate"), [("sgd", 0.5), ("adam", 0.02)])
@pytest.mark.parametrize("sampling", ["sequential", "random"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_resumed_training_equals_one_that_never_stopped(tmp_path, network, sampling, optimizer, learning_rate, place):
    recipe = replace(RECIPE, sampling=sampling, optimizer=optimizer, learning_rate=learning_rate)
    first, second, *_ = lengths = steps_of_epoch(sampling)
    stop_after = {
        "before the first step": 0, "mid-epoch": first + second // 2, "epoch's end": first + second,
        "after it": first + second + 1, "at the end": sum(lengths),
    }[place]  # fmt: skip
    whole = make_model(**NETWORKS[network])
    recording, expected = train_whole(whole, recipe)
    resumed, kept, records = train_through(make_model(**NETWORKS[network]), recipe, tmp_path / "state", stop_after)
    assert list(map(facts, records)) == list(map(facts, expected))
    assert_bit_equal(resumed, whole)
    assert [replace(e, tokens_per_s=1.0) for e in kept.history] == [
        replace(e, tokens_per_s=1.0) for e in recording.history
    ]
    if stop_after:  # before the first step, the model it was restored into has its own history before training
        assert kept.snapshots.keys() == recording.snapshots.keys()
        for epoch, flat in recording.snapshots.items():
            np.testing.assert_array_equal(kept.snapshots[epoch].numpy(), flat.numpy())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("back", [2, 3, 16])
def test_a_gradient_that_goes_back_over_several_batches_is_resumed_at_every_step(tmp_path, network, back):
    recipe = replace(RECIPE, backward_batches=back, epochs=2)
    whole = make_model(**NETWORKS[network])
    _, expected = train_whole(whole, recipe)
    for stop_after in range(len(expected) + 1):
        resumed, _, records = train_through(make_model(**NETWORKS[network]), recipe, tmp_path / "state", stop_after)
        assert list(map(facts, records)) == list(map(facts, expected))
        assert_bit_equal(resumed, whole)


def test_float64_is_resumed_in_float64(tmp_path):
    whole = make_model(dtype=torch.float64)
    _, expected = train_whole(whole, RECIPE)
    resumed, _, records = train_through(make_model(dtype=torch.float64), RECIPE, tmp_path / "state", 9)
    assert list(map(facts, records)) == list(map(facts, expected))
    assert_bit_equal(resumed, whole)


def test_the_model_at_the_stop_is_as_it_was_then(tmp_path):
    model = make_model()
    training = Training(model, TEXT, RECIPE)
    for _ in range(5):
        next(training)
    state = training.state()
    then = {name: p.detach().clone() for name, p in model.named_parameters()}
    next(training)  # the state is a copy
    other = make_model(seed=1)
    Training(other, TEXT, RECIPE).restore(state)
    for name, p in other.named_parameters():
        torch.testing.assert_close(p.detach(), then[name], rtol=0, atol=0)


# ---- the controls: what a state leaves out is missed ----------------------------------------------------------


def changed(state, name, change=lambda t: torch.nextafter(t, torch.tensor(1.0))):
    return replace(state, tensors=state.tensors | {name: change(state.tensors[name])})


def without(state, kind):
    return replace(state, tensors={n: t for n, t in state.tensors.items() if not n.startswith(kind)})


SPOILED = {
    "nothing": lambda state: state,
    "one bit of the carried state": lambda state: changed(state, "carried.0.forward.0"),
    "one bit of a moment": lambda state: changed(state, "optimizer.1.exp_avg"),
    "one bit of the other moment": lambda state: changed(state, "optimizer.1.exp_avg_sq"),
    "one bit of a weight": lambda state: changed(state, "weights.out.bias"),
    "the epoch's sum": lambda state: replace(state, nll_sum_nats=state.nll_sum_nats + 1e-3),
}


def put_aside():
    """A state in the midst of the second epoch."""
    training = Training(make_model(), TEXT, RECIPE, 8)
    for _ in range(steps_of_epoch(RECIPE.sampling)[0] + 2):
        next(training)
    return training.state()


@pytest.mark.parametrize("what", SPOILED)
def test_the_comparison_fails_when_a_part_of_the_state_is_wrong(what):
    whole = make_model()
    expected = list(map(facts, train(whole, TEXT, RECIPE, 8)))
    resumed = Training(make_model(), TEXT, RECIPE, 8)
    resumed.restore(SPOILED[what](put_aside()))
    rest = list(map(facts, resumed))
    assert (rest == expected[-len(rest) :]) == (what == "nothing")


IMPOSSIBLE = {
    "a later epoch": lambda state: replace(state, epoch=state.epoch + 1),
    "an earlier epoch": lambda state: replace(state, epoch=state.epoch - 1),
    "an epoch beyond the recipe": lambda state: replace(state, epoch=4),
    "an epoch below zero": lambda state: replace(state, epoch=-1),
    "a batch less": lambda state: replace(state, batch=state.batch - 1),
    "no batch": lambda state: replace(state, batch=0, step=state.step - state.batch, tokens=0, nll_sum_nats=0.0),
    "a batch beyond the epoch": lambda state: replace(state, batch=10**18),
    "another step": lambda state: replace(state, step=state.step + 1),
    "a step as a float": lambda state: replace(state, step=float(state.step)),
    "a batch as a bool": lambda state: replace(state, batch=True),
    "an epoch as text": lambda state: replace(state, epoch="2"),
    "other tokens": lambda state: replace(state, tokens=state.tokens - 1),
    "a sum that is NaN": lambda state: replace(state, nll_sum_nats=float("nan")),
    "a sum that is infinite": lambda state: replace(state, nll_sum_nats=float("inf")),
    "a sum below zero": lambda state: replace(state, nll_sum_nats=-1e-9),
    "a sum as an int": lambda state: replace(state, nll_sum_nats=2),
    "no carried state": lambda state: without(state, "carried."),
    "no moments": lambda state: without(state, "optimizer."),
    "no weights": lambda state: without(state, "weights."),
    "no place at all": lambda state: replace(state, epoch=0, batch=0, step=0, tokens=0, nll_sum_nats=0.0),
    "a tensor of another name": lambda state: replace(state, tensors=state.tensors | {"x": torch.zeros(1)}),
    "another count of Adam's": lambda state: changed(state, "optimizer.0.step", lambda t: t + 1),
    "a second moment below zero": lambda state: changed(state, "optimizer.0.exp_avg_sq", lambda t: t - 1),
    "a second moment of NaN": lambda state: changed(state, "optimizer.0.exp_avg_sq", lambda t: t * torch.nan),
    "a first moment of infinity": lambda state: changed(state, "optimizer.0.exp_avg", lambda t: t + torch.inf),
    "a weight of NaN": lambda state: changed(state, "weights.out.bias", lambda t: t * torch.nan),
    "a carried state of infinity": lambda state: changed(state, "carried.0.forward.0", lambda t: t + torch.inf),
    "a weight transposed": lambda state: changed(state, "weights.out.weight", lambda t: t.T),
    "a weight in half precision": lambda state: changed(state, "weights.out.weight", lambda t: t.half()),
    "a carried state of other rows": lambda state: changed(state, "carried.0.forward.0", lambda t: t[:-1]),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_state_no_such_training_was_in_is_refused_and_nothing_is_changed(what):
    model = make_model()
    training = Training(model, TEXT, RECIPE, 8)
    next(training)
    before = training.state()
    with pytest.raises(ConfigError, match=r"^state: expected .*\.$") as caught:
        training.restore(IMPOSSIBLE[what](put_aside()))
    assert len(str(caught.value)) < 250
    after = training.state()
    assert replace(after, tensors={}) == replace(before, tensors={})
    assert all(torch.equal(after.tensors[name], tensor) for name, tensor in before.tensors.items())
    training.restore(put_aside())  # the control


def test_a_squared_gradient_beyond_float32_is_a_state_like_any_other():
    # 1e20 squared is no float32: the second moment is infinite and Adam's step 0, which is a finite training.
    infinite = changed(put_aside(), "optimizer.0.exp_avg_sq", lambda t: t + torch.inf)
    training = Training(make_model(), TEXT, RECIPE, 8)
    training.restore(infinite)
    kept = training.model.rnn.weight_ih_l0.detach().clone()
    next(training)
    assert torch.equal(training.model.rnn.weight_ih_l0, kept)
    Training(make_model(), TEXT, RECIPE, 8).restore(training.state())


def test_the_unbounded_state_of_a_relu_net_is_restored_and_told_by_the_next_step():
    model = make_model(cell="rnn", activation="relu")
    training = Training(model, TEXT, RECIPE, 8)
    next(training)
    training.restore(changed(training.state(), "carried.0.forward.0", lambda t: t + torch.inf))
    with pytest.raises(TrainingDivergedError):
        next(training)


@pytest.mark.parametrize("sampling", ["sequential", "random"])
@pytest.mark.parametrize("random_offset", [True, False])
@pytest.mark.parametrize(("batch_size", "num_steps"), [(1, 1), (3, 7), (5, 11), (2, 40)])
def test_the_last_step_of_each_epoch_is_known_before_it_is_made(sampling, random_offset, batch_size, num_steps):
    shape = {"batch_size": batch_size, "num_steps": num_steps}
    recipe = Recipe("sgd", 0.1, epochs=6, sampling=sampling, random_offset=random_offset, **shape)
    training = Training(make_model(hidden_size=1), TEXT, recipe, 8)
    foretold = training.last_steps(6)
    assert foretold == [record.step for record in training if record.epoch_ends]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("fields", [{}, {"num_steps": 1}, {"optimizer": "sgd", "learning_rate": 0.1}])
def test_every_state_a_training_is_in_is_accepted(network, fields):
    recipe = replace(RECIPE, epochs=2, **{"batch_size": 4, "num_steps": 12} | fields)
    text = TEXT[:80]
    training = Training(make_model(**NETWORKS[network]), text, recipe, 8)
    other = Training(make_model(**NETWORKS[network]), text, recipe, 8)
    other.restore(training.state())
    for _ in training:
        other.restore(training.state())


def test_the_comparison_fails_with_another_seed_of_the_batches():
    training = Training(make_model(), TEXT, RECIPE, 8)
    for _ in range(9):
        next(training)
    same, other = Training(make_model(), TEXT, RECIPE, 8), Training(make_model(), TEXT, RECIPE, 9)
    for resumed in (same, other):
        resumed.restore(training.state())
    rest = list(map(facts, training))
    assert list(map(facts, same)) == rest
    assert list(map(facts, other)) != rest


# ---- beginning, ending, refusing ------------------------------------------------------------------------------


def test_a_training_can_be_restored_to_its_beginning():
    model = make_model()
    training = Training(model, TEXT, RECIPE, 8)
    beginning = training.state()
    first = list(map(facts, training))
    training.restore(beginning)
    assert list(map(facts, training)) == first


def test_a_training_that_diverged_is_over_and_has_no_state():
    recipe = Recipe(learning_rate=1e38, clip_norm=None, batch_size=2, num_steps=40, epochs=50)
    training = Training(make_model(cell="rnn", activation="relu"), TEXT, recipe)
    with pytest.raises(TrainingDivergedError):
        list(training)
    assert list(training) == []
    with pytest.raises(ConfigError, match=r"^state: expected a training between two steps"):
        training.state()


def test_a_step_that_is_broken_off_leaves_no_state_but_an_earlier_one_can_be_restored(monkeypatch):
    whole = list(map(facts, train(make_model(), TEXT, RECIPE, 8)))
    model = make_model()
    training = Training(model, TEXT, RECIPE, 8)
    records = [facts(next(training)) for _ in range(5)]
    kept = training.state()
    with monkeypatch.context() as patch:

        def break_off(*_):
            raise KeyboardInterrupt

        patch.setattr(CharModel, "carried", break_off)  # called when the weights have already changed
        with pytest.raises(KeyboardInterrupt):
            next(training)
    with pytest.raises(ConfigError, match=r"^state:"):
        training.state()
    assert list(training) == []
    training.restore(kept)
    assert records + list(map(facts, training)) == whole


def test_a_state_of_another_model_or_optimizer_is_refused():
    training = Training(make_model(), TEXT, RECIPE)
    next(training)
    for other in (make_model(hidden_size=7), make_model(cell="lstm"), make_model(num_layers=2)):
        with pytest.raises(ConfigError, match=r"^state: expected one of this model and recipe"):
            Training(other, TEXT, RECIPE).restore(training.state())


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage", "a checkpoint"])
def test_a_damaged_state_file_is_refused_in_a_sentence(tmp_path, damage):
    path, model = tmp_path / "state.safetensors", make_model()
    training, recording = Training(model, TEXT, RECIPE), Recording(model, RECIPE)
    next(training)
    save_state(path, "a-run", training, recording)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "a checkpoint":
        from explorer.checkpoints import Checkpoint, save_checkpoint

        save_checkpoint(path, Checkpoint(model, RECIPE, 0, "x"))
    else:
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "garbage": bytes(range(256)) * 20}[damage])
    with pytest.raises(RunError, match=r"state\.safetensors of this run cannot be used"):
        restore_state(path, "a-run", training, recording)


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path, model = tmp_path / "state.safetensors", make_model()
    training, recording = Training(model, TEXT, RECIPE), Recording(model, RECIPE)
    next(training)
    save_state(path, "a-run", training, recording)
    before = path.read_bytes()
    next(training)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match=r"disk .* is full; nothing was half written"):
        save_state(path, "a-run", training, recording)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
