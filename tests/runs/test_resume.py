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
    save_state(path, training.state(), recording)

    other = CharModel(model.config, VOCABULARY, seed=99).to(next(model.parameters()).dtype)
    resumed, kept = Training(other, TEXT, recipe, seed), Recording(other, recipe)
    restore_state(path, resumed, kept)
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


def spoiled(state, what):
    tensors = dict(state.tensors)
    if what == "epoch":
        return replace(state, epoch=state.epoch + 1)
    if what == "batch":
        return replace(state, batch=state.batch - 1)
    if what == "carried":
        return replace(state, tensors={n: t for n, t in tensors.items() if not n.startswith("carried.")})
    if what == "optimizer":
        return replace(state, tensors={n: t for n, t in tensors.items() if not n.startswith("optimizer.")})
    if what == "optimizer's step":
        return replace(state, tensors={n: t + 1 if n.endswith(".step") else t for n, t in tensors.items()})
    if what == "epoch's sum":
        return replace(state, nll_sum_nats=state.nll_sum_nats + 1e-3)
    if what == "one bit of a weight":
        name = "weights.out.bias"
        return replace(state, tensors=tensors | {name: torch.nextafter(tensors[name], torch.tensor(1.0))})
    return state


@pytest.mark.parametrize(
    "what",
    ["nothing", "epoch", "batch", "carried", "optimizer", "optimizer's step", "epoch's sum", "one bit of a weight"],
)
def test_the_comparison_fails_when_a_part_of_the_state_is_wrong(what):
    whole = make_model()
    expected = list(map(facts, train(whole, TEXT, RECIPE, 8)))
    training = Training(make_model(), TEXT, RECIPE, 8)
    for _ in range(steps_of_epoch(RECIPE.sampling)[0] + 2):
        next(training)
    resumed = Training(make_model(), TEXT, RECIPE, 8)
    resumed.restore(spoiled(training.state(), what))
    rest = list(map(facts, resumed))
    assert (rest == expected[-len(rest) :]) == (what == "nothing")


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
    save_state(path, training.state(), recording)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "a checkpoint":
        from explorer.checkpoints import Checkpoint, save_checkpoint

        save_checkpoint(path, Checkpoint(model, RECIPE, 0, "x"))
    else:
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "garbage": bytes(range(256)) * 20}[damage])
    with pytest.raises(RunError, match=r"state\.safetensors of this run cannot be used"):
        restore_state(path, training, recording)


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path, model = tmp_path / "state.safetensors", make_model()
    training, recording = Training(model, TEXT, RECIPE), Recording(model, RECIPE)
    next(training)
    save_state(path, training.state(), recording)
    before = path.read_bytes()
    next(training)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match=r"disk .* is full; nothing was half written"):
        save_state(path, training.state(), recording)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
