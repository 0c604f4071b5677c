"""History and snapshots of a run: against hand-worked epochs, numpy's half precision and a second run that is only watched."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer import recording as recording_module
from explorer.models import CharModel, ConfigError, ModelConfig
from explorer.recording import EpochRecord, Recording, flat_weights, snapshot_epochs
from explorer.text import Vocabulary
from explorer.training import Recipe, StepRecord, train

LARGEST_HALF = 65504.0


def step(number, epoch=1, ends=False, nll=1.0, before=1.0, after=1.0, coefficient=1.0, speed=1.0):
    return StepRecord(
        step=number, epoch=epoch, nll_nats=99.0, epoch_nll_nats=nll, epoch_ends=ends, grad_norm_before=before,
        grad_norm_after=after, clip_coefficient=coefficient, grad_norms={}, tokens_per_s=speed,
    )  # fmt: skip


def numbered_model(value):
    """Three weights and a bias, all of them one value."""
    model = nn.Linear(3, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


def as_half(value):
    return np.float32(np.float16(value))


# ---- which epochs are kept ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "kept"),
    [
        (0, (0,)),
        (1, (0, 1)),
        (2, (0, 1, 2)),
        (3, (0, 1, 2, 3)),
        # 10^(i/9): 1, 1.29, 1.67, 2.15, 2.78, 3.59, 4.64, 5.99, 7.74, 10
        (10, (0, 1, 2, 3, 4, 5, 6, 8, 10)),
        # 500^(i/9): 1, 1.99, 3.98, 7.94, 15.8, 31.6, 63.0, 125.7, 250.7, 500
        (500, (0, 1, 2, 4, 8, 16, 32, 63, 126, 251, 500)),
    ],
)
def test_epochs_kept_are_the_ones_worked_out_by_hand(epochs, kept):
    assert snapshot_epochs(epochs) == kept


@given(epochs=st.integers(1, 5000))
@settings(deadline=None, max_examples=60)
def test_epochs_kept_are_about_ten_from_zero_to_the_last_and_even_in_the_logarithm(epochs):
    kept = snapshot_epochs(epochs)
    assert list(kept) == sorted(set(kept))
    assert kept[0] == 0
    assert kept[-1] == epochs
    assert min(epochs + 1, 8) <= len(kept) <= 12
    ratio = epochs ** (1 / 9)
    for earlier, later in pairwise(kept[1:]):
        # Each is a rounded power of the ratio; neighbours that round to one number stand there once.
        assert later <= (earlier + 0.5) * ratio + 0.5 + 1e-9
        assert later >= max(earlier + 1, (earlier - 0.5) * ratio - 0.5 - 1e-9)


# ---- the weights as one vector ------------------------------------------------------------------------------


def test_flat_weights_are_all_parameters_in_their_order_rounded_to_half():
    generator = torch.Generator().manual_seed(4)
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 30, generator=generator)
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    expected = np.concatenate([model.get_parameter(name).detach().numpy().ravel() for name in names])
    flat = flat_weights(model)
    assert flat.dtype == torch.float16
    assert not flat.requires_grad
    np.testing.assert_array_equal(flat.numpy(), expected.astype(np.float16))


@pytest.mark.parametrize("value", [LARGEST_HALF, -LARGEST_HALF])
def test_the_largest_half_stays_half(value):
    flat = flat_weights(numbered_model(value))
    assert flat.dtype == torch.float16
    assert flat.tolist() == [value] * 4


@pytest.mark.parametrize("value", [65520.0, -70000.0, 3.4e38])
def test_one_weight_too_large_for_half_keeps_all_in_float32(value):
    model = numbered_model(0.1)
    with torch.no_grad():
        model.weight[0, 1] = value
    flat = flat_weights(model)
    assert flat.dtype == torch.float32
    assert flat.numpy().tobytes() == np.array([0.1, value, 0.1, 0.1], np.float32).tobytes()


def test_flat_weights_do_not_change_with_the_model():
    for value in (1.0, 70000.0):
        model = numbered_model(value)
        flat = flat_weights(model)
        with torch.no_grad():
            model.weight.zero_()
        assert flat.tolist() == [value] * 4


# ---- one epoch's summary ------------------------------------------------------------------------------------


def test_epoch_record_of_four_steps_worked_out_by_hand():
    steps = [
        step(9, 3, nll=3.0, before=1.0, after=1.0, coefficient=1.0, speed=100.0),
        step(10, 3, nll=2.5, before=4.0, after=2.0, coefficient=0.5, speed=400.0),
        step(11, 3, nll=2.25, before=3.0, after=2.0, coefficient=2 / 3, speed=200.0),
        step(12, 3, ends=True, nll=2.0, before=2.0, after=2.0, coefficient=1.0, speed=9000.0),
    ]
    assert EpochRecord.of(steps) == EpochRecord(
        epoch=3,
        step=12,
        nll_nats=2.0,
        grad_norm_before=2.5,
        grad_norm_before_max=4.0,
        grad_norm_after=1.75,
        clipped_share=0.5,
        tokens_per_s=300.0,
    )


# ---- a run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 7, 20])
def test_recording_keeps_each_epoch_and_the_weights_of_the_chosen_ones(stopped_after):
    model = numbered_model(0.0)
    recording = Recording(model, Recipe(epochs=20))
    for epoch in range(1, stopped_after + 1):
        for i in (1, 2, 3):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.fill_(epoch + i / 10)
            recording.add(step(3 * (epoch - 1) + i, epoch, ends=i == 3, before=epoch * i))
    assert [e.epoch for e in recording.history] == list(range(1, stopped_after + 1))
    assert [e.step for e in recording.history] == [3 * epoch for epoch in range(1, stopped_after + 1)]
    # Mean and largest of epoch * (1, 2, 3): no step of one epoch is counted in the next.
    assert [e.grad_norm_before for e in recording.history] == [2 * epoch for epoch in range(1, stopped_after + 1)]
    assert [e.grad_norm_before_max for e in recording.history] == [3 * epoch for epoch in range(1, stopped_after + 1)]
    # 20^(i/9): 1, 1.39, 1.95, 2.71, 3.79, 5.28, 7.37, 10.3, 14.3, 20
    kept = [epoch for epoch in (0, 1, 2, 3, 4, 5, 7, 10, 14, 20) if epoch <= stopped_after]
    assert sorted(recording.snapshots) == kept
    for epoch in kept:
        expected = as_half(epoch + 0.3) if epoch else 0.0
        assert recording.snapshots[epoch].float().tolist() == [expected] * 4


def test_an_unfinished_epoch_is_in_neither_history_nor_snapshots():
    model = numbered_model(0.5)
    recording = Recording(model, Recipe(epochs=2))
    recording.add(step(1))
    recording.add(step(2))
    assert recording.history == []
    assert list(recording.snapshots) == [0]
    recording.add(step(3, ends=True))
    recording.add(step(4, epoch=2))
    assert [e.step for e in recording.history] == [3]
    assert sorted(recording.snapshots) == [0, 1]


def test_recording_of_a_training_equals_a_second_run_that_is_only_watched():
    text = "abcabbcab " * 12
    recipe = Recipe(learning_rate=0.5, batch_size=2, num_steps=5, epochs=5)

    def model():
        return CharModel(ModelConfig(cell="rnn", hidden_size=4), Vocabulary.from_text(text), seed=2)

    def weights(model):
        return np.concatenate([p.detach().numpy().ravel() for _, p in model.named_parameters()])

    watched, recorded = model(), model()
    recording = Recording(recorded, recipe)
    for record in train(recorded, text, recipe, seed=3):
        recording.add(record)

    after, means, steps = {0: weights(watched)}, [], []
    for record in train(watched, text, recipe, seed=3):
        steps.append(record)
        if record.epoch_ends:
            after[record.epoch] = weights(watched)
            means.append(math.fsum(s.nll_nats for s in steps) / len(steps))
            steps.clear()

    assert not np.array_equal(after[0], after[5])
    assert sorted(recording.snapshots) == [0, 1, 2, 3, 4, 5]
    for epoch, flat in recording.snapshots.items():
        np.testing.assert_array_equal(flat.numpy(), after[epoch].astype(np.float16))
    # Every batch has as many characters, so the mean over characters is the mean over steps.
    assert [e.nll_nats for e in recording.history] == pytest.approx(means, rel=1e-12)
    assert all(math.isfinite(e.tokens_per_s) and e.tokens_per_s > 0 for e in recording.history)


# ---- put aside and taken up again ---------------------------------------------------------------------------


def recorded(epochs, steps_more=0, value=0.5):
    """A recording of three steps an epoch, and of some steps of the next epoch."""
    recording = Recording(numbered_model(value), Recipe(epochs=6))
    for number in range(1, 3 * epochs + steps_more + 1):
        recording.add(step(number, -(-number // 3), ends=number % 3 == 0, nll=1 / number, before=math.pi * number))
    return recording


def restored(tensors, ends, last, value=0.5):
    recording = Recording(numbered_model(value), Recipe(epochs=6))
    recording.restore(tensors, ends, last)
    return recording


@pytest.mark.parametrize(("epochs", "more"), [(0, 0), (0, 2), (1, 0), (2, 1), (6, 0)])
def test_a_recording_restored_goes_on_as_the_one_it_was_put_aside_from(epochs, more):
    kept = recorded(epochs, more)
    last = 3 * epochs + more
    other = restored(kept.state(), range(3, 3 * epochs + 1, 3), last)
    if epochs < 6:
        for number in range(last + 1, 3 * (epochs + 1) + 1):
            record = step(number, epochs + 1, ends=number % 3 == 0, before=2.0)
            assert other.add(record) == kept.add(record)
    assert other.history == kept.history
    assert all(type(e.epoch) is int and type(e.step) is int for e in other.history)
    assert other.snapshots.keys() == kept.snapshots.keys()
    assert all(other.snapshots[e].equal(kept.snapshots[e]) for e in kept.snapshots)


def changed(name, at, value):
    def change(tensors):
        tensors[name] = tensors[name].clone()
        tensors[name][at] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("history"), "history"),
        (lambda t: t.pop("steps"), "steps"),
        (lambda t: t.pop("snapshot.0"), "snapshot.0"),
        (lambda t: t.update({"snapshot.3": t["snapshot.0"]}), "snapshot.3"),
        (lambda t: t.update(x=t["history"]), "got x too"),
        (lambda t: t.update(history=t["history"].float()), "history"),
        (lambda t: t.update(history=t["history"][:1]), "history"),
        (lambda t: t.update(steps=t["steps"].T), "steps"),
        (changed("history", (1, 0), 3.0), "epoch 3"),
        (changed("history", (1, 1), 5.0), "step 5"),
        (changed("history", (1, 2), math.nan), "finite"),
        (changed("history", (0, 3), math.inf), "finite"),
        (changed("history", (0, 6), 1.01), "finite"),
        (changed("steps", (0, 1), 8.0), "step 8"),
        (changed("steps", (0, 2), -1.0), "finite"),
        (changed("snapshot.1", 2, math.nan), "finite snapshot.1"),
        (lambda t: t.update({"snapshot.1": t["snapshot.1"].double()}), "snapshot.1"),
        (lambda t: t.update({"snapshot.1": t["snapshot.1"][:3]}), "snapshot.1"),
    ],
)
def test_what_no_such_recording_holds_is_refused_and_changes_nothing(change, words):
    tensors = recorded(2, 1).state()
    restored(dict(tensors), [3, 6], 7)  # the control
    change(tensors)
    recording = Recording(numbered_model(0.5), Recipe(epochs=6))
    before = replace(step(1), nll_nats=1.0)
    recording.add(before)
    with pytest.raises(ConfigError, match=words) as caught:
        recording.restore(tensors, [3, 6], 7)
    assert str(caught.value).startswith("recording: expected")
    assert recording._steps == [before]
    assert (recording.history, list(recording.snapshots)) == ([], [0])


def test_a_snapshot_for_which_there_was_no_room_is_not_missed(monkeypatch):
    # Four weights beside 20 bytes of snapshots: 8 bytes each in half precision, 16 where a weight is too large for it.
    monkeypatch.setattr(recording_module, "MAX_BYTES", 4 * 4 + 20)
    kept = recorded(6, value=70_000.0)
    assert list(kept.snapshots) == [0]
    assert list(restored(kept.state(), range(3, 19, 3), 18, 70_000.0).snapshots) == [0]
    small = recorded(6)
    assert list(small.snapshots) == [0, 1]  # of 0, 1 and 6
    restored(small.state(), range(3, 19, 3), 18)
    without = {name: t for name, t in small.state().items() if name != "snapshot.0"}
    with pytest.raises(ConfigError, match=r"expected snapshot\.0, for which there was room"):
        restored(without, range(3, 19, 3), 18)
