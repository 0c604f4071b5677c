"""State files that something has damaged or forged: refused in a sentence, and what the run then is.

The files are taken apart and laid out here, byte by byte, after the safetensors format (see tests/test_checkpoints.py); the
last 32 bytes are the SHA-256 of all others.
"""

import errno
import hashlib
import itertools
import json
import os
import random
import struct
import tracemalloc
from dataclasses import asdict, replace

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from explorer import runs
from explorer.checkpoints import Checkpoint, save_checkpoint
from explorer.models import CharModel, ModelConfig
from explorer.recording import Recording
from explorer.runs import state as state_module
from explorer.runs.facts import RunError
from explorer.runs.recorder import split_text
from explorer.runs.state import StateError, refused_path, restore_state, save_state
from explorer.runs.worker import work
from explorer.text import Vocabulary
from explorer.training import Recipe, Training
from waiting import hearing

TEXT = "".join(random.Random(5).choices("abcdefg ", weights=range(1, 9), k=160))
RECIPE = Recipe("adam", 0.02, 0.5, batch_size=3, num_steps=7, epochs=4)
CONFIG = ModelConfig(hidden_size=4)
RUN = "the-run"
SWAPPED = TEXT[::-1]  # another text of as many characters, each as often


def begun(config=CONFIG, recipe=RECIPE, text=TEXT, seed=8):
    """A training and its recording, at the beginning."""
    model = CharModel(config, Vocabulary.from_text(text), seed=3)
    return Training(model, text, recipe, seed), Recording(model, recipe)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a state in the midst of the third epoch."""
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    training, recording = begun()
    for record in training:
        recording.add(record)
        if record.epoch == 3 and len(recording._steps) == 3:
            break
    save_state(path, RUN, training, recording)
    return path.read_bytes()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Reads bytes as a state: the training and recording after it, or StateError. Any other error fails the test."""
    path = tmp_path_factory.mktemp("read") / "state.safetensors"
    training, recording = begun()

    def read(data):
        path.write_bytes(data)
        restore_state(path, RUN, training, recording)
        return training, recording

    return read


def signed(data):
    """The file with the checksum that it should have."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def taken_apart(data):
    """Metadata, and tensors {name: [dtype, shape, bytes]}."""
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    metadata = header.pop("__metadata__")
    return metadata, {n: [e["dtype"], e["shape"], body[slice(*e["data_offsets"])]] for n, e in header.items()}


def laid_out(metadata, tensors):
    header, body = {"__metadata__": metadata}, b""
    order = sorted(tensors, key=lambda name: name == "sha256")
    for name in order:
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    return packed(json.dumps(header).encode(), body)


def packed(header, body):
    return signed(struct.pack("<Q", len(header)) + header + body)


def facts(training, recording):
    state, kept = training.state(), recording.state()
    tensors = {n: t.numpy().tobytes() for n, t in (state.tensors | kept).items()}
    return replace(state, tensors={}), tensors


def check_sentence(fault):
    assert str(fault).startswith("The saved state state.safetensors of this run cannot be used. ")
    assert str(fault).isprintable()
    assert len(str(fault)) < 420
    assert str(fault)[-1] in ".;"


# ---- the controls -------------------------------------------------------------------------------------------


def test_the_file_the_forged_ones_are_made_from_is_read(read, whole):
    training, recording = read(whole)
    state = training.state()
    assert (state.epoch, state.batch) == (3, 3)
    assert [e.epoch for e in recording.history] == [1, 2]
    assert [s.epoch for s in recording._steps] == [3, 3, 3]
    assert sorted(recording.snapshots) == [0, 1, 2]
    first = facts(training, recording)
    assert facts(*read(laid_out(*taken_apart(whole)))) == first


def test_the_last_bytes_are_the_sha_256_of_the_others_and_other_programs_read_the_file(whole):
    assert whole[-32:] == hashlib.sha256(whole[:-32]).digest()
    tensors = safetensors.torch.load(whole)
    assert tensors["sha256"].numpy().tobytes() == whole[-32:]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("sampling", ["sequential", "random"])
def test_what_was_recorded_comes_back_after_every_step(tmp_path, optimizer, sampling):
    recipe = replace(RECIPE, optimizer=optimizer, sampling=sampling, epochs=2)
    training, recording = begun(recipe=recipe)
    path = tmp_path / "state.safetensors"
    save_state(path, RUN, training, recording)
    for record in training:
        recording.add(record)
        save_state(path, RUN, training, recording)
        other, kept = begun(recipe=recipe)
        restore_state(path, RUN, other, kept)
        assert facts(other, kept) == facts(training, recording)
        assert kept.history == recording.history
        assert kept._steps == recording._steps


# ---- damage -------------------------------------------------------------------------------------------------


def test_one_flipped_bit_in_any_byte_is_refused(read, whole):
    before = facts(*read(whole))
    training, recording = read(whole)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(StateError, match="SHA-256"):
            read(bytes(damaged))
    assert facts(training, recording) == before
    read(whole)


def test_a_file_cut_off_or_longer_is_refused(read, whole):
    for length in range(0, len(whole), 11):
        with pytest.raises(StateError) as caught:
            read(whole[:length])
        check_sentence(caught.value)
    for more in (b"\0", b"\0" * 32, whole):
        with pytest.raises(StateError):
            read(whole + more)
    for length in (0, 1, 7, 8, 9, 31, 32, 33, 40, 41, 100):  # and with the right checksum
        for data in (signed(whole[:length] + bytes(32)), signed(bytes(length + 32)), signed(b"\xff" * (length + 32))):
            with pytest.raises(StateError) as caught:
                read(data)
            check_sentence(caught.value)
    read(whole)


def test_flipped_bits_under_a_right_checksum_are_refused_or_make_a_state_that_can_be(read, whole):
    pick, refused, header = random.Random(7), 0, struct.unpack("<Q", whole[:8])[0]
    for i in range(1200):
        data = bytearray(whole)
        position = pick.randrange(8 + header if i % 2 else len(data) - 32)
        data[position] ^= 1 << pick.randrange(8)
        try:
            read(signed(bytes(data)))
        except StateError as fault:
            refused += 1
            check_sentence(fault)
    assert refused > 600


# ---- forged, with a right checksum --------------------------------------------------------------------------


def with_metadata(**values):
    return lambda metadata, tensors: (metadata | values, tensors)


def without_metadata(key):
    return lambda metadata, tensors: ({k: v for k, v in metadata.items() if k != key}, tensors)


def with_place(**values):
    """Counters of the training replaced; a value of type bytes is written as it stands."""

    def change(metadata, tensors):
        place = json.loads(metadata["training"])
        raw = {k: v for k, v in values.items() if isinstance(v, bytes)}
        text = json.dumps(place | {k: f"@{k}" if k in raw else v for k, v in values.items()})
        for key, value in raw.items():
            text = text.replace(f'"@{key}"', value.decode())
        return metadata | {"training": text}, tensors

    return change


def with_tensor(name, dtype=None, shape=None, data=None):
    def change(metadata, tensors):
        old = tensors.get(name, ["F32", [], b""])
        new = [o if n is None else n for o, n in zip(old, (dtype, shape, data), strict=True)]
        return metadata, tensors | {name: new}

    return change


def without_tensor(name):
    return lambda metadata, tensors: (metadata, {n: t for n, t in tensors.items() if n != name})


def with_number(name, value, place=-1):
    """One number of a tensor overwritten, the last unless another is named."""

    def change(metadata, tensors):
        dtype, shape, data = tensors[name]
        numbers = np.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).copy()
        numbers[place] = value
        return metadata, tensors | {name: [dtype, shape, numbers.tobytes()]}

    return change


def with_rows(name, rows, columns=8):
    return with_tensor(name, "F64", [rows, columns], bytes(8 * rows * columns))


NAN, INF = float("nan"), float("inf")
FORGED = {
    "another run": (with_metadata(run="another"), "this run's run"),
    "another format": (with_metadata(format="gate-explorer-state/1"), "format"),
    "a checkpoint's format": (with_metadata(format="gate-explorer/3"), "format"),
    "another recipe": (with_metadata(recipe=json.dumps(asdict(replace(RECIPE, epochs=5)))), "recipe"),
    "another learning rate": (with_metadata(recipe=json.dumps(asdict(replace(RECIPE, learning_rate=0.03)))), "recipe"),
    "another configuration": (with_metadata(config=json.dumps(asdict(ModelConfig(hidden_size=5)))), "config"),
    "another cell": (with_metadata(config=json.dumps(asdict(replace(CONFIG, reset="before")))), "config"),
    "another seed": (with_metadata(seed="9"), "seed"),
    "a seed with a sign": (with_metadata(seed="+8"), "seed"),
    "a longer text": (with_metadata(tokens="161"), "tokens"),
    "another text": (with_metadata(text="0" * 64), "text"),
    "a run that is no text": (with_metadata(run=8), "this run's run"),
    "a run that is nested": (with_metadata(run=[[[[RUN]]]]), "this run's run"),
    "metadata of another form": (lambda m, t: ([], t), "metadata"),
    "no metadata": (lambda m, t: (None, t), "metadata"),
    "metadata besides": (with_metadata(more="x"), "metadata"),
    **{
        f"no {key}": (without_metadata(key), "metadata")
        for key in ("format", "run", "config", "recipe", "seed", "tokens", "text", "training")
    },
    "a place that is no text": (with_metadata(training={"step": 1}), "as text"),
    "a place that is a list": (with_metadata(training="[]"), "fields"),
    "a place that is null": (with_metadata(training="null"), "fields"),
    "a place that is empty": (with_metadata(training=""), "JSON"),
    "a place without end": (with_metadata(training='{"step": 1'), "JSON"),
    "a place nested deeply": (with_metadata(training='{"step":' + "[" * 100_000), "JSON"),
    "a place with a field besides": (with_place(more=1), "fields"),
    "a key that stands twice": (with_place(step=b'9, "step": 8'), "twice"),
    "a batch that never ends": (with_place(batch=10**18), "batch"),
    "a batch of 4,000 digits": (with_place(batch=b"9" * 4000), "batch"),
    "a batch of 5,000 digits": (with_place(batch=b"9" * 5000), "JSON"),
    "a batch below zero": (with_place(batch=-1), "batch"),
    "a batch of zero": (with_place(batch=0), "batch"),
    "a batch as a bool": (with_place(batch=True), "batch"),
    "a batch as a float": (with_place(batch=3.0), "batch"),
    "a batch as text": (with_place(batch="3"), "batch"),
    "a batch as null": (with_place(batch=None), "batch"),
    "a batch as a list": (with_place(batch=[3]), "batch"),
    "another batch": (with_place(batch=2), "step"),
    "an epoch beyond the recipe": (with_place(epoch=5), "epoch"),
    "an epoch that never ends": (with_place(epoch=10**18), "epoch"),
    "an epoch below zero": (with_place(epoch=-1), "epoch"),
    "another epoch": (with_place(epoch=2), "step"),
    "a step below zero": (with_place(step=-1), "step"),
    "a step beyond all": (with_place(step=10**300), "step"),
    "tokens beyond all": (with_place(tokens=10**300), "tokens"),
    "other tokens": (with_place(tokens=62), "tokens"),
    "a sum of NaN": (with_place(nll_sum_nats=b"NaN"), "JSON"),
    "a sum of Infinity": (with_place(nll_sum_nats=b"Infinity"), "JSON"),
    "a sum of 1e999": (with_place(nll_sum_nats=b"1e999"), "nll_sum_nats"),
    "a sum below zero": (with_place(nll_sum_nats=-0.5), "nll_sum_nats"),
    "a sum as text": (with_place(nll_sum_nats="1.0"), "nll_sum_nats"),
    "a sum as an int": (with_place(nll_sum_nats=100), "nll_sum_nats"),
    "a weight of NaN": (with_number("weights.out.bias", NAN), "finite"),
    "a weight of infinity": (with_number("weights.rnn.weight_hh_l0", INF, 0), "finite"),
    "a weight transposed": (with_tensor("weights.out.weight", shape=[4, 9]), "shape"),
    "a weight of one dimension": (with_tensor("weights.out.weight", shape=[36]), "shape"),
    "a weight in half precision": (with_tensor("weights.out.bias", "F16", [9], bytes(18)), "float16"),
    "a weight in double precision": (with_tensor("weights.out.bias", "F64", [9], bytes(72)), "float64"),
    "a weight as bytes": (with_tensor("weights.out.bias", "U8", [36]), "uint8"),
    "a weight as int": (with_tensor("weights.out.bias", "I32"), "I32"),
    "a weight missing": (without_tensor("weights.out.bias"), "tensors"),
    "a weight besides": (with_tensor("weights.more", "F32", [1], bytes(4)), "tensors"),
    "a tensor of another name": (with_tensor("x/../y", "F32", [1], bytes(4)), "names"),
    "a tensor of a very long name": (with_tensor("x" * 5000, "F32", [1], bytes(4)), "names"),
    "a tensor of no bytes": (with_tensor("weights.out.bias", shape=[0, 10**12], data=b""), "shape"),
    "a shape beyond the file": (with_tensor("weights.out.bias", shape=[2**40]), "shape"),
    "a shape of a bool": (with_tensor("weights.out.bias", shape=[True, 9]), "shape"),
    "a moment missing": (without_tensor("optimizer.0.exp_avg"), "tensors"),
    "a moment of a parameter besides": (with_tensor("optimizer.99.exp_avg", "F32", [1], bytes(4)), "tensors"),
    "a moment of another shape": (with_tensor("optimizer.0.exp_avg", "F32", [1], bytes(4)), "shape"),
    "a moment of NaN": (with_number("optimizer.0.exp_avg", NAN), "finite"),
    "a second moment of NaN": (with_number("optimizer.0.exp_avg_sq", NAN), "at least 0"),
    "a second moment below zero": (with_number("optimizer.0.exp_avg_sq", -1.0), "at least 0"),
    "another count of Adam's": (with_number("optimizer.0.step", 3), r"optimizer\.0\.step"),
    "Adam's count of NaN": (with_number("optimizer.0.step", NAN), r"optimizer\.0\.step"),
    "a carried state missing": (without_tensor("carried.0.forward.0"), "tensors"),
    "a carried state of another net": (with_tensor("carried.1.forward.0", "F32", [3, 4], bytes(48)), "tensors"),
    "a carried state of more rows": (with_tensor("carried.0.forward.0", "F32", [4, 4], bytes(64)), "shape"),
    "a carried state of NaN": (with_number("carried.0.forward.0", NAN), "finite"),
    "no history": (without_tensor("history"), "history"),
    "a history of an epoch less": (with_rows("history", 1), "history"),
    "a history of an epoch more": (with_rows("history", 3), "history"),
    "a history of fewer columns": (with_rows("history", 2, 7), "history"),
    "a history in single precision": (with_tensor("history", "F32", [2, 8], bytes(64)), "history"),
    "a history of zeros": (with_rows("history", 2), "step 8 of epoch 1|step 7 of epoch 1|of epoch 1"),
    "a history whose epochs are not whole": (with_number("history", 1.5, 0), "epoch 1.5"),
    "a history of other steps": (with_number("history", 3.0, 1), "step 3"),
    "a history of NaN": (with_number("history", NAN, 2), "history"),
    "a history of infinity": (with_number("history", INF, 4), "history"),
    "a norm below zero": (with_number("history", -1.0, 3), "history"),
    "a share above one": (with_number("history", 1.5, 6), "history"),
    "no steps": (without_tensor("steps"), "steps"),
    "a step less": (with_rows("steps", 2), "steps"),
    "a hundred thousand steps": (with_rows("steps", 100_000), "steps"),
    "steps of another epoch": (with_number("steps", 2.0, 0), "epoch 2"),
    "steps of other numbers": (with_number("steps", 1.0, 1), "step 1 "),
    "a loss of NaN": (with_number("steps", NAN, 2), "steps"),
    "a coefficient above one": (with_number("steps", 2.0, 6), "steps"),
    "no snapshot before training": (without_tensor("snapshot.0"), "snapshot.0"),
    "no snapshot of an epoch": (without_tensor("snapshot.2"), "snapshot.2"),
    "a snapshot of an epoch to come": (with_tensor("snapshot.4", "F16", [1], bytes(2)), "snapshot.4"),
    "a snapshot of an epoch below zero": (with_tensor("snapshot.-1", "F16", [1], bytes(2)), "names"),
    "a snapshot of no epoch": (with_tensor("snapshot.x", "F16", [1], bytes(2)), r"snapshot\.x"),
    "a snapshot named otherwise": (with_tensor("snapshot.01", "F16", [1], bytes(2)), r"snapshot\.01"),
    "a snapshot of another length": (with_tensor("snapshot.1", "F16", [3], bytes(6)), r"snapshot\.1"),
    "a snapshot in double precision": (with_tensor("snapshot.1", "F64", [3], bytes(24)), r"snapshot\.1"),
    "a snapshot of NaN": (with_number("snapshot.1", NAN), "finite"),
    "a snapshot of infinity": (with_number("snapshot.1", INF, 0), "finite"),
    "no checksum named": (without_tensor("sha256"), "sha256|bytes of weights"),
    "a checksum of another form": (with_tensor("sha256", "U8", [4, 8]), "sha256"),
    "a checksum as numbers": (with_tensor("sha256", "F32", [8]), "sha256"),
}  # fmt: skip


@pytest.mark.timeout(5, func_only=True)
@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_value_under_a_right_checksum_is_refused(read, whole, kind):
    change, words = FORGED[kind]
    forged = laid_out(*change(*taken_apart(whole)))
    assert forged != laid_out(*taken_apart(whole))
    before = facts(*read(whole))
    training, recording = read(whole)
    tracemalloc.start()
    try:
        with pytest.raises(StateError, match=words) as caught:
            read(forged)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    check_sentence(caught.value)
    assert peak < 50_000_000
    assert facts(training, recording) == before  # nothing of it was used


HEADERS = {
    "not an object": b"[]",
    "nothing": b"",
    "not UTF-8": b'{"\xff": 1}',
    "NaN": b'{"__metadata__": NaN}',
    "a key twice": b'{"__metadata__": {}, "__metadata__": {}}',
    "nested deeply": b'{"a":' * 50_000,
    "a lone surrogate": b'{"__metadata__": {"run": "\\ud800"}}',
    "too large": b" " * 2_000_000,
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_that_is_not_strict_json_is_refused(read, kind):
    with pytest.raises(StateError) as caught:
        read(packed(HEADERS[kind], bytes(32)))
    check_sentence(caught.value)


def test_very_many_tensors_are_refused(read, whole):
    metadata, tensors = taken_apart(whole)
    with pytest.raises(StateError, match="at most 1,000 tensors"):
        read(laid_out(metadata, tensors | {f"x{i}": ["F32", [0], b""] for i in range(1_001)}))


def test_holes_and_overlaps_are_refused(read, whole):
    (length,) = struct.unpack("<Q", whole[:8])
    header, body = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    for by in (-1, 1, -4, 4, 10**18, -(10**18)):
        moved = json.loads(json.dumps(header))
        moved["weights.out.bias"]["data_offsets"] = [o + by for o in moved["weights.out.bias"]["data_offsets"]]
        with pytest.raises(StateError):
            read(packed(json.dumps(moved).encode(), body))
    read(packed(json.dumps(header).encode(), body))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data(), value=values)
@settings(deadline=None, max_examples=150)
def test_a_value_replaced_by_any_other_is_refused_or_makes_a_state_that_can_be(read, whole, data, value):
    (length,) = struct.unpack("<Q", whole[:8])
    header, body = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    place = json.loads(header["__metadata__"]["training"])
    where = data.draw(st.sampled_from(["header", "metadata", "place", "entry"]))
    if where == "entry":
        holder = header[data.draw(st.sampled_from(sorted(header.keys() - {"__metadata__"})))]
    else:
        holder = {"header": header, "metadata": header["__metadata__"], "place": place}[where]
    key = data.draw(st.sampled_from(sorted(holder)))
    assume(json.dumps(holder[key]) != json.dumps(value))
    holder[key] = value
    if where == "place":
        header["__metadata__"]["training"] = json.dumps(place)
    try:
        training, _ = read(packed(json.dumps(header).encode(), body))
    except StateError as fault:
        check_sentence(fault)
    else:
        assert where == "place"
        assert key == "nll_sum_nats"
        assert training.state().nll_sum_nats == value


# ---- of another run -----------------------------------------------------------------------------------------


OTHERS = {
    "seed": lambda: begun(seed=9),
    "recipe": lambda: begun(recipe=replace(RECIPE, learning_rate=0.5)),
    "config": lambda: begun(config=ModelConfig(hidden_size=5)),
    "tokens": lambda: begun(text=TEXT + TEXT[:1]),
    "text": lambda: begun(text=SWAPPED),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_training_of_anything_else_refuses_the_state(tmp_path, whole, what):
    path = tmp_path / "state.safetensors"
    path.write_bytes(whole)
    training, recording = OTHERS[what]()
    with pytest.raises(StateError, match=f"this run's {what}, with .*; got ") as caught:
        restore_state(path, RUN, training, recording)
    check_sentence(caught.value)
    with pytest.raises(StateError, match="this run's run, with 'another-run'; got 'the-run'"):
        restore_state(path, "another-run", *begun())
    restore_state(path, RUN, *begun())


def test_a_checkpoint_a_folder_and_nothing_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    training, recording = begun()
    for make in (lambda: None, path.mkdir, lambda: save_checkpoint(path, Checkpoint(training.model, RECIPE, 8, "x"))):
        make()
        with pytest.raises(StateError) as caught:
            restore_state(path, RUN, training, recording)
        check_sentence(caught.value)
        if path.is_dir():
            path.rmdir()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_pipe_and_an_endless_device_are_refused_at_once(tmp_path):
    path = tmp_path / "state.safetensors"
    os.mkfifo(path)
    with pytest.raises(StateError, match="folder or device"):
        restore_state(path, RUN, *begun())
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(StateError, match="folder or device"):
        restore_state(path, RUN, *begun())


def test_a_file_larger_than_any_such_state_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "state.safetensors"
    with path.open("wb") as file:
        file.truncate(10**11)  # sparse: a hundred gigabytes of nothing
    tracemalloc.start()
    try:
        with pytest.raises(StateError, match=r"at most [12]\d\.\d MB; it is larger"):
            restore_state(path, RUN, *begun())
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("steps", [0, 1, 40])
def test_the_largest_size_that_is_read_holds_every_state(tmp_path, steps):
    """Long unfinished epochs of one character a step, parts of a state as wide as can be."""
    recipe = Recipe("adam", 0.01, batch_size=64, num_steps=1, epochs=2)
    training, recording = begun(ModelConfig("lstm", hidden_size=3, num_layers=2), recipe, TEXT * 30)
    for record in itertools.islice(training, steps):
        recording.add(record)
    path = tmp_path / "state.safetensors"
    save_state(path, RUN, training, recording)
    assert path.stat().st_size < state_module._most_bytes(training)
    restore_state(path, RUN, *begun(ModelConfig("lstm", hidden_size=3, num_layers=2), recipe, TEXT * 30))


def test_a_state_is_checked_once(tmp_path, monkeypatch):
    training, recording = begun(CONFIG, RECIPE, TEXT)
    for _ in range(3):
        recording.add(next(training))
    path, checked, check = tmp_path / "state.safetensors", [], Training.check
    save_state(path, RUN, training, recording)
    monkeypatch.setattr(Training, "check", lambda self, state: checked.append(state.step) or check(self, state))
    training, recording = begun(CONFIG, RECIPE, TEXT)
    restore_state(path, RUN, training, recording)
    assert checked == [3]
    assert next(training).step == 4


# ---- what becomes of the run --------------------------------------------------------------------------------


def added(store, **changes):
    run = runs.new_run(runs.RunRequest(CONFIG, RECIPE, TEXT, corpus="letters", session="ann", seed=4))
    return store.add(replace(run, text=store.files.keep_text(TEXT), **changes))


def trained(store, run):
    work(store, store.begin(run.id))
    return store.run(run.id)


@pytest.fixture
def stopped(store, monkeypatch):
    """A run stopped after step 12, past its first epoch."""
    run, made = added(store), Training.__next__

    def spy(self):
        record = made(self)
        if record.step == 12:
            store.stop(run.id)
            heard()
        return record

    with monkeypatch.context() as patch:
        heard = hearing(patch)
        patch.setattr(Training, "__next__", spy)
        assert trained(store, run).step == 12
    return run


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {"a flipped bit": flip, "cut off": cut, "emptied": lambda p: p.write_bytes(b""), "gone": lambda p: p.unlink()}


def reference(run):
    """The losses and the last weights of the same training by the library."""
    model = CharModel(CONFIG, Vocabulary.from_text(TEXT), seed=run.seed)
    text, _ = split_text(TEXT, RECIPE, run.held_out_share)
    losses = [record.nll_nats for record in Training(model, text, RECIPE, run.seed)]
    return losses, [p.detach() for p in model.parameters()]


def assert_is_the_whole_training(store, run):
    losses, weights = reference(run)
    assert store.metrics(run.id).nll_nats_S.tolist() == losses
    checkpoint = runs.checkpoint(run.id)
    for p, q in zip(checkpoint.model.parameters(), weights, strict=True):
        torch.testing.assert_close(p.detach(), q, rtol=0, atol=0)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_whose_state_is_refused_says_so_keeps_what_it_has_and_begins_anew_when_asked_again(
    store, stopped, damage
):
    path, model = store.files.state_path(stopped.id), store.files.checkpoint_path(stopped.id)
    DAMAGES[damage](path)
    kept, losses = model.read_bytes(), store.metrics(stopped.id).nll_nats_S.tolist()
    bad = path.read_bytes() if path.exists() else b""
    store.requeue(stopped.id, 1, 1)
    after = trained(store, stopped)
    assert after.status == "failed"
    assert after.message.startswith("The saved state state.safetensors of this run cannot be used. Expected")
    assert "Resume trains the run again from its first step" in after.message
    assert len(after.message) < 500
    # Nothing was trained, nothing was lost.
    assert after.resumable
    assert after.step == 12
    assert model.read_bytes() == kept
    assert store.metrics(stopped.id).nll_nats_S.tolist() == losses
    assert refused_path(path).read_bytes() == bad
    assert not path.exists()
    # The person was told, and asks for it again.
    store.requeue(stopped.id, 1, 1)
    anew = trained(store, stopped)
    assert (anew.status, anew.message) == ("finished", "")
    assert not refused_path(path).exists()
    assert_is_the_whole_training(store, stopped)


def test_a_run_whose_state_is_whole_goes_on_from_it(store, stopped, monkeypatch):
    made, steps = Training.__next__, []

    def spy(self):
        record = made(self)
        steps.append(record.step)
        return record

    monkeypatch.setattr(Training, "__next__", spy)
    store.requeue(stopped.id, 1, 1)
    after = trained(store, stopped)
    assert (after.status, after.message) == ("finished", "")
    assert steps[0] == 13
    assert_is_the_whole_training(store, stopped)


def test_a_state_of_another_run_is_refused_though_all_else_is_the_same(store, stopped):
    other = added(store, id="another-run", name="another", step=12)
    store.files.run_folder(other.id).mkdir(parents=True)
    store.files.state_path(other.id).write_bytes(store.files.state_path(stopped.id).read_bytes())
    after = trained(store, other)
    assert after.status == "failed"
    assert "this run's run, with 'another-run'; got" in after.message


def test_a_run_whose_text_was_changed_on_the_disk_does_not_go_on(store, stopped):
    text = store.files.path / "texts" / f"{store.run(stopped.id).text}.txt"
    text.write_text(SWAPPED, "utf-8")
    store.requeue(stopped.id, 1, 1)
    after = trained(store, stopped)
    assert after.status == "failed"
    assert after.message.startswith("The text of this run is damaged: expected the SHA-256 ")
    assert after.step == 12  # nothing was trained, and the state is where it was
    assert store.files.state_path(stopped.id).is_file()
    store.files.keep_text(TEXT)  # as a new run with the same text does
    store.requeue(stopped.id, 1, 1)
    assert trained(store, stopped).status == "finished"
    assert_is_the_whole_training(store, stopped)


@pytest.mark.parametrize("damaged", [SWAPPED.encode(), b"", b"\xff\xfe", TEXT.encode() + b" ", TEXT.encode()[:-1]])
def test_a_text_that_is_not_the_one_that_was_kept_is_not_trained_on(store, damaged):
    run = added(store)
    assert store.files.text(run.text) == TEXT
    (store.files.path / "texts" / f"{run.text}.txt").write_bytes(damaged)
    after = trained(store, run)
    assert (after.status, after.step) == ("failed", 0)
    assert after.message.startswith("The text of this run is damaged: expected the SHA-256 ")
    assert not store.files.checkpoint_path(run.id).exists()
    assert store.files.keep_text(TEXT) == run.text
    store.requeue(run.id, 1, 1)
    assert trained(store, run).status == "finished"


def test_a_disk_that_cannot_read_the_state_sets_nothing_aside(store, stopped, monkeypatch):
    path = store.files.state_path(stopped.id)
    with monkeypatch.context() as patch:

        def refuse(self, *arguments, **named):
            if self == path:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return opened(self, *arguments, **named)

        opened = type(path).open
        patch.setattr(type(path), "open", refuse)
        store.requeue(stopped.id, 1, 1)
        held = store.begin(stopped.id)
        with pytest.raises(RunError, match="could not be read") as caught:
            work(store, held)
        assert not isinstance(caught.value, StateError)
        store.end_dead(stopped.id, held.token, str(caught.value))
        store.requeue(stopped.id, 1, 1)
    assert path.is_file()
    assert not refused_path(path).exists()
    assert trained(store, stopped).status == "finished"
    assert_is_the_whole_training(store, stopped)


def test_a_state_that_is_damaged_while_the_run_goes_is_told_when_a_step_is_broken_off(store, monkeypatch):
    run, forward = added(store), CharModel.forward

    def slow(self, x_TB, state=None):
        if x_TB.shape[1] == RECIPE.batch_size and store.metrics(run.id).last_step == 7:
            flip(store.files.state_path(run.id))
            store.stop(run.id)
            while True:  # without an end: only being broken off ends it
                forward(self, x_TB, state)
        return forward(self, x_TB, state)

    with monkeypatch.context() as patch:
        patch.setattr(CharModel, "forward", slow)
        after = trained(store, run)
    assert after.status == "failed"
    assert "SHA-256" in after.message
    store.requeue(run.id, 1, 1)
    assert trained(store, run).status == "finished"
    assert_is_the_whole_training(store, run)
