"""Checkpoints: what is saved comes back bit by bit, a write is whole or not at all, and hostile files are refused.

The hostile files are laid out here, byte by byte, after the safetensors format: 8 bytes of header length (little
endian), a JSON header, the tensors' bytes without a gap.
"""

import builtins
import copy
import errno
import io
import json
import math
import os
import pickle
import re
import struct
import tempfile
import tracemalloc
import zipfile
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explorer.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from explorer.models import CharModel, ModelConfig
from explorer.recording import EpochRecord, flat_weights
from explorer.text import UNKNOWN, Vocabulary
from explorer.training import Recipe

MEMORY = 50_000_000
EXOTIC = [
    "😀", "\u0301", "é", "\n", '"', "\\", "\u2028", "\0", "\r", "\x7f", "\ufeff", "\ufffd", "\U0010ffff", "<", "文", "א",
]  # fmt: skip
COLUMNS = [
    "epoch", "step", "nll_nats", "grad_norm_before", "grad_norm_before_max", "grad_norm_after", "clipped_share",
    "tokens_per_s",
]  # fmt: skip
METADATA = ["format", "config", "vocabulary", "corpus", "recipe", "seed", "history"]


def make_history(epochs):
    return tuple(EpochRecord(e, 2 * e, 2.5 - e / 4, 3.0, 4.0, 1.0, 0.25, 1000.0) for e in range(1, epochs + 1))


def make_model(seed=1, vocabulary=None, **fields):
    vocabulary = vocabulary or Vocabulary((UNKNOWN, *"ab\n😀é"), (0, 5, 4, 3, 2, 1))
    return CharModel(ModelConfig(**{"hidden_size": 3} | fields), vocabulary, seed=seed)


def make_checkpoint(model=None, epochs=3, **fields):
    model = model or make_model()
    snapshots = {epoch: flat_weights(model) for epoch in range(epochs)}
    return replace(Checkpoint(model, Recipe(epochs=3), 7, "a corpus", make_history(epochs), snapshots), **fields)


def vector(model):
    return np.concatenate([p.detach().numpy().ravel() for _, p in model.named_parameters()])


def set_weights(model, values):
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(torch.tensor(values, dtype=torch.float32), model.parameters())


def check_message(fault):
    text = str(fault)
    assert 20 < len(text) < 400, text
    assert text.isprintable(), ascii(text)  # one line, and no half of a surrogate pair that no page can encode


# ---- saved and read again -----------------------------------------------------------------------------------


@st.composite
def configs(draw):
    sizes = st.integers(1, 4)
    cell = draw(st.sampled_from(["rnn", "gru", "lstm"]))
    direction = draw(st.sampled_from(["forward", "bidirectional", "parallel"]))
    return ModelConfig(
        cell=cell,
        reset=draw(st.sampled_from(["before", "after"])),
        activation=draw(st.sampled_from(["tanh", "relu", "sigmoid"])),
        hidden_size=draw(sizes),
        num_layers=draw(st.integers(1, 3)),
        direction=direction,
        hidden_size_backward=None if direction == "forward" else draw(st.none() | sizes),
        embedding_size=draw(st.none() | sizes),
        objective=draw(st.sampled_from(["cloze", "leaky"])) if direction == "bidirectional" else "next",
        init=draw(st.sampled_from(["torch", "normal"] if cell == "rnn" else ["torch", "normal", "chrono"])),
        chrono_t_max=draw(st.integers(3, 1_000_000)),
    )


characters = st.sampled_from(EXOTIC) | st.characters(exclude_categories=["Cs"])
positive = st.floats(min_value=1e-300, max_value=1e300)
recipes = st.builds(
    Recipe,
    optimizer=st.sampled_from(["sgd", "adam"]),
    learning_rate=positive | st.integers(1, 100),
    clip_norm=st.none() | positive,
    batch_size=st.integers(1, 4096),
    num_steps=st.integers(1, 4096),
    epochs=st.integers(1, 5000),
    sampling=st.sampled_from(["sequential", "random"]),
    random_offset=st.booleans(),
    max_tokens=st.none() | st.integers(1, 10**9),
)


@st.composite
def checkpoints(draw):
    symbols = draw(st.lists(characters, min_size=1, max_size=12, unique=True))
    counts = draw(st.lists(st.integers(0, 10**12), min_size=len(symbols), max_size=len(symbols)))
    model = make_model(0, Vocabulary((UNKNOWN, *symbols), (0, *counts)), **asdict(draw(configs())))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = sum(p.numel() for p in model.parameters())
    weights = random.normal(0, 3, size).astype(np.float32)
    weights[:4] = np.array([-0.0, 1e-45, 3.4028235e38, 0.1], np.float32)[: len(weights)]
    set_weights(model, weights)
    finite = st.floats(0, 1e200)
    epochs = draw(st.integers(0, 4))
    rows = [(e, draw(st.integers(1, 10**9)), *(draw(finite) for _ in range(6))) for e in range(1, epochs + 1)]
    snapshots = {
        epoch: torch.tensor(random.normal(0, 1, size), dtype=draw(st.sampled_from([torch.float16, torch.float32])))
        for epoch in draw(st.sets(st.integers(0, epochs - 1)))
    } if epochs else {}  # fmt: skip
    corpus = draw(st.text(characters, max_size=200))
    seed = draw(st.integers(-(10**18) + 1, 10**18 - 1))
    return Checkpoint(model, draw(recipes), seed, corpus, tuple(EpochRecord(*row) for row in rows), snapshots)


def same_bits(one, other):
    one, other = one.detach(), other.detach()
    return one.dtype == other.dtype and one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes()


@given(saved=checkpoints())
@settings(deadline=None, max_examples=40)
def test_everything_saved_comes_back(saved):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_checkpoint(path, saved)
        from_path, from_bytes, from_string = (load_checkpoint(s) for s in (path, path.read_bytes(), str(path)))
    for read in (from_path, from_bytes, from_string):
        assert read.config == saved.config
        assert read.vocabulary == saved.vocabulary
        assert read.recipe == saved.recipe
        assert (read.seed, read.corpus) == (saved.seed, saved.corpus)
        ours, theirs = dict(read.model.named_parameters()), dict(saved.model.named_parameters())
        assert ours.keys() == theirs.keys()
        assert all(ours[name].dtype == torch.float32 and same_bits(ours[name], theirs[name]) for name in ours)
        assert read.snapshots.keys() == saved.snapshots.keys()
        assert all(same_bits(read.snapshots[e], saved.snapshots[e]) for e in saved.snapshots)
        assert read.epochs == (*sorted(saved.snapshots), len(saved.history))
        assert len(read.history) == len(saved.history)
        for one, other in zip(read.history, saved.history, strict=True):
            # Six significant digits are written.
            assert asdict(one) == pytest.approx(asdict(other), rel=5.001e-6, abs=0)
            assert (one.epoch, one.step) == (other.epoch, other.step)


def test_exotic_characters_come_back_in_their_order(tmp_path):
    vocabulary = Vocabulary((UNKNOWN, *EXOTIC), (0, *range(len(EXOTIC), 0, -1)))
    save_checkpoint(tmp_path / "m", make_checkpoint(make_model(vocabulary=vocabulary), corpus='é\n"\u2028😀'))
    read = load_checkpoint(tmp_path / "m")
    assert read.vocabulary.symbols == (UNKNOWN, *EXOTIC)
    assert read.vocabulary.counts == (0, *range(len(EXOTIC), 0, -1))
    assert read.corpus == 'é\n"\u2028😀'


def test_a_model_in_float64_is_saved_in_float32(tmp_path):
    model = make_model().double()
    with torch.no_grad():
        model.out.bias.fill_(0.1)
    save_checkpoint(tmp_path / "m", make_checkpoint(model))
    bias = load_checkpoint(tmp_path / "m").model.out.bias
    assert bias.dtype == torch.float32
    assert bias.tolist() == [float(np.float32(0.1))] * 6


def test_a_model_read_predicts_what_the_saved_one_predicted(tmp_path):
    model = make_model(cell="lstm", num_layers=2, embedding_size=2)
    save_checkpoint(tmp_path / "m", make_checkpoint(model))
    read = load_checkpoint(tmp_path / "m").model
    ids_TB = torch.tensor([[1], [4], [0], [5]])
    assert not read.training
    assert torch.equal(read(ids_TB)[0], model(ids_TB)[0])


def test_a_run_of_5000_epochs_with_6000_characters_is_saved_and_read(tmp_path):
    symbols = tuple(map(chr, range(0x4E00, 0x4E00 + 6000)))
    model = make_model(vocabulary=Vocabulary((UNKNOWN, *symbols), (0, *range(6000, 0, -1))), hidden_size=1)
    history = tuple(EpochRecord(e, 8 * e, 1.23456e-5 * e, *[1.23456e-5] * 5) for e in range(1, 5001))
    save_checkpoint(tmp_path / "m", Checkpoint(model, Recipe(epochs=5000), 0, "many", history))
    read = load_checkpoint(tmp_path / "m")
    assert (read.last_epoch, read.history[-1].step, len(read.vocabulary)) == (5000, 40_000, 6001)


def test_weights_too_large_for_half_stay_in_float32(tmp_path):
    weights = np.linspace(-70_000, 70_000, vector(make_model()).size, dtype=np.float32)
    early = make_model()
    set_weights(early, weights)
    save_checkpoint(tmp_path / "m", make_checkpoint(epochs=1, snapshots={0: flat_weights(early)}))
    read = load_checkpoint(tmp_path / "m")
    assert read.snapshots[0].dtype == torch.float32
    assert vector(read.model_at(0)).tobytes() == weights.tobytes()


# ---- the model as it was ------------------------------------------------------------------------------------


def run_of(epochs=5, kept=(0, 1, 3)):
    """A checkpoint whose weights after epoch k are drawn from seed k, and those weights."""
    weights = {k: np.random.default_rng(k).normal(0, 2, 123).astype(np.float32) for k in (*kept, epochs)}
    snapshots = {}
    for epoch in kept:
        model = make_model()
        set_weights(model, weights[epoch])
        snapshots[epoch] = flat_weights(model)
    model = make_model()
    set_weights(model, weights[epochs])
    return make_checkpoint(model, history=make_history(epochs), snapshots=snapshots), weights


def test_model_at_first_and_middle_epochs_is_rounded_to_half_and_the_last_is_exact(tmp_path):
    checkpoint, weights = run_of()
    save_checkpoint(tmp_path / "m", checkpoint)
    read = load_checkpoint(tmp_path / "m")
    assert read.epochs == (0, 1, 3, 5)
    for epoch in (0, 1, 3):
        model = read.model_at(epoch)
        assert not model.training
        assert (model.config, model.vocabulary) == (read.config, read.vocabulary)
        np.testing.assert_array_equal(vector(model), weights[epoch].astype(np.float16).astype(np.float32))
        # Eleven significant bits.
        np.testing.assert_allclose(vector(model), weights[epoch], rtol=2**-11, atol=2**-25)
    assert vector(read.model_at(5)).tobytes() == weights[5].tobytes()
    assert not read.model_at(5).training


@pytest.mark.parametrize("epoch", [-1, 2, 4, 6, 10**30])
def test_model_at_an_epoch_that_was_not_kept_is_refused(epoch):
    checkpoint, _ = run_of()
    with pytest.raises(CheckpointError, match=r"0, 1, 3, 5.*got") as caught:
        checkpoint.model_at(epoch)
    check_message(caught.value)


@pytest.mark.parametrize("epoch", [0, 5])
@pytest.mark.parametrize("kind", [torch.float16, torch.float32])
def test_changing_a_model_at_an_epoch_changes_nothing_in_the_checkpoint(epoch, kind):
    checkpoint, _ = run_of()
    checkpoint = replace(checkpoint, snapshots={e: s.to(kind) for e, s in checkpoint.snapshots.items()})
    before = vector(checkpoint.model_at(epoch))
    with torch.no_grad():
        for parameter in checkpoint.model_at(epoch).parameters():
            parameter.fill_(9)
    np.testing.assert_array_equal(vector(checkpoint.model_at(epoch)), before)


def test_a_model_at_an_epoch_can_be_saved_as_a_checkpoint_of_its_own(tmp_path):
    checkpoint, weights = run_of()
    save_checkpoint(tmp_path / "m", make_checkpoint(checkpoint.model_at(1), epochs=0))
    read = load_checkpoint(tmp_path / "m")
    assert read.epochs == (0,)
    np.testing.assert_array_equal(vector(read.model), weights[1].astype(np.float16).astype(np.float32))


def test_a_stopped_run_keeps_the_snapshots_before_its_last_finished_epoch(tmp_path):
    checkpoint, weights = run_of(epochs=5, kept=(0, 1, 2, 4))
    stopped = replace(checkpoint, history=make_history(2))
    save_checkpoint(tmp_path / "m", stopped)
    read = load_checkpoint(tmp_path / "m")
    assert read.epochs == stopped.epochs == (0, 1, 2)
    assert sorted(read.snapshots) == [0, 1]
    assert vector(read.model_at(2)).tobytes() == weights[5].tobytes()


# ---- refused before it is written; that a write is whole or not at all is in test_files.py ---------------------


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "the disk is full"), OSError("no number")])
def test_a_disk_that_refuses_is_told_with_the_path(tmp_path, monkeypatch, fault):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"the old one")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", Mock(side_effect=fault))
        with pytest.raises(CheckpointError, match=r"could not be written.*Nothing was changed") as caught:
            save_checkpoint(path, make_checkpoint())
    check_message(caught.value)
    assert str(path) in str(caught.value)
    assert (fault.strerror or "no number") in str(caught.value)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [(path.name, b"the old one")]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["out.bias", "rnn.weight_hh_l0", "snapshot.1"])
def test_weights_that_are_not_finite_are_never_saved(tmp_path, value, where):
    (tmp_path / "m").write_bytes(b"the old one")
    checkpoint = make_checkpoint()
    with torch.no_grad():
        tensor = checkpoint.snapshots[1] if where == "snapshot.1" else checkpoint.model.get_parameter(where)
        tensor.view(-1)[-1] = value
    with pytest.raises(CheckpointError, match=re.escape(where)) as caught:
        save_checkpoint(tmp_path / "m", checkpoint)
    check_message(caught.value)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"the old one"]


def test_a_float64_weight_beyond_float32_is_never_saved(tmp_path):
    model = make_model().double()
    with torch.no_grad():
        model.out.bias[0] = 1e39
    with pytest.raises(CheckpointError, match=r"out\.bias"):
        save_checkpoint(tmp_path / "m", make_checkpoint(model, snapshots={}))
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_too_large_to_read_is_never_saved(tmp_path):
    many = tuple(map(chr, range(0x10000, 0x10000 + 80_000)))
    long_header = make_model(vocabulary=Vocabulary((UNKNOWN, *many), (10**9,) * 80_001), hidden_size=1)
    wide = make_model(hidden_size=512)  # 3 * 512 * (6 + 512 + 2) + 6 * 513 = 801,798 weights: 3.2 MB, snapshots 1.6 MB
    fifteen = {epoch: flat_weights(wide) for epoch in range(15)}
    for checkpoint in (make_checkpoint(long_header), make_checkpoint(wide, epochs=15, snapshots=fifteen)):
        with pytest.raises(CheckpointError, match="25 MB with a header of 1 MB") as caught:
            save_checkpoint(tmp_path / "m", checkpoint)
        check_message(caught.value)
        assert list(tmp_path.iterdir()) == []


def test_a_corpus_named_in_bytes_that_are_no_text_does_not_lose_the_run(tmp_path):
    # What Path("\xff.txt").stem is on Linux: such a name reaches save_checkpoint after hours of training.
    try:
        save_checkpoint(tmp_path / "m", make_checkpoint(corpus=os.fsdecode(b"\xff")))
    except CheckpointError as fault:
        check_message(fault)
    else:
        assert load_checkpoint(tmp_path / "m").last_epoch == 3


# ---- hostile files ------------------------------------------------------------------------------------------


@cache
def valid():
    """Metadata and tensors {name: [dtype, shape, bytes]} of a small valid file, taken apart by hand."""
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "m", make_checkpoint())
        data = (Path(folder) / "m").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    # The library writes the metadata in an order that changes from process to process; hypothesis wants one.
    metadata = dict(sorted(header.pop("__metadata__").items()))
    tensors = {
        name: [entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])]]
        for name, entry in sorted(header.items())
    }
    return metadata, tensors


def parts():
    """(metadata, tensors), free to change."""
    return copy.deepcopy(valid())


def lay_out(metadata, tensors):
    """Header and body: the tensors one after the other, from the first byte."""
    header, body = {"__metadata__": metadata}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    return header, body


def pack(header, body):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + body


def build(metadata, tensors):
    return pack(*lay_out(metadata, tensors))


def with_entry(field, value, name="out.bias"):
    header, body = lay_out(*parts())
    header[name][field] = value
    return pack(header, body)


def with_tensor(name, dtype, shape, data):
    metadata, tensors = parts()
    return build(metadata, tensors | {name: [dtype, shape, data]})


def with_weight(name, value):
    """One value of a tensor, the last, overwritten."""
    metadata, tensors = parts()
    kind = {"F32": np.float32, "F16": np.float16}[tensors[name][0]]
    data = np.array([value], kind).tobytes()
    tensors[name][2] = tensors[name][2][: -len(data)] + data
    return build(metadata, tensors)


def with_metadata(**values):
    metadata, tensors = parts()
    return build(metadata | values, tensors)


def without_metadata(key):
    metadata, tensors = parts()
    del metadata[key]
    return build(metadata, tensors)


def with_field(key, field, value):
    """One field in one of the JSON texts of the metadata; a value of type bytes is written as it stands."""
    fields = json.loads(parts()[0][key])
    text = json.dumps(fields | {field: "@" if isinstance(value, bytes) else value})
    return with_metadata(**{key: text.replace('"@"', value.decode()) if isinstance(value, bytes) else text})


def without_field(key, field):
    fields = json.loads(parts()[0][key])
    del fields[field]
    return with_metadata(**{key: json.dumps(fields)})


def with_header_text(change):
    """The header's JSON changed as bytes."""
    header, body = lay_out(*parts())
    return pack(change(json.dumps(header, ensure_ascii=False).encode()), body)


def replaced(old, new):
    def change(text):
        assert text.count(old) >= 1
        return text.replace(old, new, 1)

    return with_header_text(change)


@pytest.fixture
def refuse(monkeypatch):
    """Asserts that a file is refused in one sentence, before the library sees it, in little memory."""

    def refuse(source, words="", library=False):
        def handed_over(*_):
            raise AssertionError("the library was handed a file that should have been refused before")

        with monkeypatch.context() as patch:
            if not library:
                patch.setattr(safetensors.torch, "deserialize", handed_over)
            tracemalloc.start()
            try:
                with pytest.raises(CheckpointError) as caught:
                    load_checkpoint(source)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        check_message(caught.value)
        # Where the text is not even strict JSON, the sentence may say so instead of naming the field.
        assert re.search(rf"{words}|JSON in the \w+", str(caught.value)), str(caught.value)
        assert peak < MEMORY

    return refuse


def named(cases):
    """Cases are functions: each makes its file when its test runs."""
    return pytest.mark.parametrize("odd", cases.values(), ids=cases)


def test_the_file_the_hostile_ones_are_made_from_is_read():
    read = load_checkpoint(build(*parts()))
    np.testing.assert_array_equal(vector(read.model), vector(make_model()))
    assert read.epochs == (0, 1, 2, 3)
    assert read.history == make_history(3)
    for same in (with_field("config", "hidden_size", 3), with_metadata(seed="7"), with_entry("shape", [6])):
        assert same == build(*parts())
    assert load_checkpoint(with_field("recipe", "learning_rate", b"0.5")).recipe.learning_rate == 0.5
    assert load_checkpoint(with_weight("snapshot.0", 3.0)).snapshots[0][-1] == 3
    assert load_checkpoint(replaced(b'"seed": "7"', b'"seed": "-8"')).seed == -8
    assert load_checkpoint(with_header_text(lambda text: text.ljust(1_000_000))).last_epoch == 3
    metadata, tensors = parts()
    bare = build(metadata, {n: t for n, t in tensors.items() if not n.startswith("snapshot.")})
    assert load_checkpoint(bare).epochs == (3,)


WHOLE = {
    "empty": lambda data: b"",
    "7 bytes": lambda data: b"\x01\0\0\0\0\0\0",
    "8 zero bytes": lambda data: bytes(8),
    "only a length": lambda data: struct.pack("<Q", 100),
    "one byte short": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "cut in the header": lambda data: data[:200],
    "cut after the header": lambda data: pack(lay_out(*parts())[0], b""),
    "one byte more": lambda data: data + b"\0",
    "a page more": lambda data: data + bytes(4096),
    "twice": lambda data: data * 2,
    "length one too large": lambda data: struct.pack("<Q", 2**16) + data[8:],
    "length 2**63": lambda data: struct.pack("<Q", 2**63) + data[8:],
    "length 2**64 - 1": lambda data: b"\xff" * 8 + data[8:],
    "length of zero": lambda data: bytes(8) + data[8:],
    "big-endian length": lambda data: data[7::-1] + data[8:],
    "a header over 1 MB": lambda data: with_header_text(lambda text: text.ljust(1_000_001)),
    "over 25 MB": lambda data: data + bytes(25_000_000),
    "zeros": lambda data: bytes(1_000_000),
    "text": lambda data: b"Once upon a time there was a lighthouse. " * 100,
    "png": lambda data: b"\x89PNG\r\n\x1a\n" + bytes(100),
}


@named(WHOLE)
def test_files_of_another_kind_or_length_are_refused(refuse, odd):
    data = odd(build(*parts()))
    refuse(data, "at most 25 MB" if len(data) > 25_000_000 else "Expected")


HEADER_TEXT = {
    "not JSON": lambda text: b"hello" + text,
    "single quotes": lambda text: text.replace(b'"', b"'"),
    "a comma at the end": lambda text: text[:-1] + b",}",
    "a comment": lambda text: text + b"/* */",
    "two objects": lambda text: text + text,
    "not closed": lambda text: text[:-1],
    "nothing": lambda text: b"",
    "blanks": lambda text: b" " * 80,
    "NUL at the end": lambda text: text + b"\0",
    "null": lambda text: b"null",
    "a list": lambda text: b"[" + text + b"]",
    "a number": lambda text: b"12",
    "an empty object": lambda text: b"{}",
    "nested lists": lambda text: b"[" * 100_000,
    "nested objects": lambda text: b'{"a":' * 100_000,
    "nested and closed": lambda text: b"[" * 100_000 + b"]" * 100_000,
    "a tensor twice": lambda text: text[:-1] + b', "out.bias": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}',
    "a snapshot twice": lambda text: text[:-1] + b', "snapshot.1": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}}',
    "metadata twice": lambda text: text[:-1] + b', "__metadata__": {"format": "gate-explorer/3"}}',
}  # fmt: skip
CORPUS, SHAPE = b'"a corpus"', b'"shape": [6]'
IN_THE_HEADER = [
    (b"a corpus", b"\xff\xfe"), (b"a corpus", b"\xf0\x9f"),  # no UTF-8
    (b"a corpus", b"a\ncorpus"), (b"a corpus", b"\\u12"), (CORPUS, b"[" * 5000 + b"]" * 5000), (CORPUS, b"-Infinity"),
    (SHAPE, b'"shape": [NaN]'), (SHAPE, b'"shape": [Infinity]'), (SHAPE, b'"shape": [' + b"9" * 5000 + b"]"),
    (SHAPE, b'"shape": [1e999]'), (b'"dtype": "F32"', b'"dtype": "F32", "dtype": "F32"'),
    (b'"seed": "7"', b'"seed": "7", "seed": "7"'),
]  # fmt: skip
ENCODINGS = {
    **{codec: lambda text, codec=codec: text.decode().encode(codec)
       for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")},
    "surrogate in UTF-8": lambda text: text.replace(b"a corpus", b"\xed\xa0\x80"),
    "lone surrogate escaped": lambda text: text.replace(b"a corpus", b"\\ud800"),
    "lone surrogate in a key": lambda text: text.replace(b'"corpus"', b'"\\udfff"'),
    "minus zero": lambda text: text.replace(b'"data_offsets": [0,', b'"data_offsets": [-0,', 1),
}  # fmt: skip


@named(HEADER_TEXT)
def test_headers_that_are_not_strict_json_are_refused(refuse, odd):
    refuse(with_header_text(odd), "Expected")


@pytest.mark.parametrize(("old", "odd"), IN_THE_HEADER, ids=lambda text: ascii(text[:20]))
def test_headers_with_something_in_them_that_is_not_strict_json_are_refused(refuse, old, odd):
    refuse(replaced(old, odd), "Expected")


@named(ENCODINGS)
def test_headers_that_python_reads_but_the_library_does_not_are_refused(refuse, odd):
    refuse(with_header_text(odd), library=True)


def test_a_megabyte_of_nested_lists_takes_little_memory(refuse):
    data = with_metadata(history="[" + ",".join(["[" * 400 + "]" * 400] * 1200) + "]")
    assert 900_000 < len(data) < 1_000_000  # else it would be refused for its length
    refuse(data, "history")


def test_a_megabyte_of_different_characters_takes_little_memory(refuse):
    metadata, tensors = parts()
    most = 140_000
    metadata["vocabulary"] = (
        '{"characters":"' + "".join(map(chr, range(0x20000, 0x20000 + most))) + f'","counts":[{"0," * most}0]}}'
    )
    header, body = lay_out(metadata, tensors)
    refuse(pack(json.dumps(header, ensure_ascii=False).encode(), body), "out.bias")


# ---- hostile tensors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        [5], [2, 3], [6, 1], [], [0], [0, 2**40], [2**40], [2**63, 2, 6], [10**400], [-6], [-2, -3], [1, 1, 1, 1, 6],
        [1] * 10_000, [6.0], [True, 6], ["6"], "6", "6\n6", "\ud800", [[6]], None, [None], {"0": 6}, 6,
    ],
    ids=lambda shape: ascii(shape)[:24],
)  # fmt: skip
def test_shapes_that_are_not_the_tensors_are_refused(refuse, shape):
    refuse(with_entry("shape", shape), "out.bias")


@pytest.mark.parametrize(
    "offsets",
    [
        [24, 0], [0, 0], [-24, 0], [4, 28], [10**6, 10**6 + 24], [2**63, 2**63 + 24], [2**64, 2**64 + 24],
        [10**400, 10**400 + 24], [0.0, 24.0], [False, 24], ["0", "24"],
        "0,24", "0\n24", [24], [0, 24, 48], [], None, {"begin": 0, "end": 24},
    ],
    ids=lambda offsets: ascii(offsets)[:24],
)  # fmt: skip
def test_offsets_that_are_not_the_tensors_are_refused(refuse, offsets):
    refuse(with_entry("data_offsets", offsets), "tensor")


@pytest.mark.parametrize(
    ("first", "by", "body"),
    [
        # Both biases of the net are 36 bytes; the second is put on the first and everything after it moved up.
        ("rnn.bias_ih_l0", -36, lambda body, begin: body[:begin] + body[begin + 36 :]),
        ("rnn.bias_ih_l0", 8, lambda body, begin: body[:begin] + bytes(8) + body[begin:]),
        ("out.bias", 8, lambda body, begin: bytes(8) + body),
    ],
    ids=["two on the same bytes", "a hole between two", "a hole before the first"],
)
def test_tensors_that_do_not_lie_one_after_the_other_are_refused(refuse, first, by, body):
    header, data = lay_out(*parts())
    begin = header[first]["data_offsets"][0]
    assert by > 0 or header["rnn.bias_hh_l0"]["data_offsets"] == [begin - 36, begin]
    for name, entry in header.items():
        if name != "__metadata__" and entry["data_offsets"][0] >= begin:
            entry["data_offsets"] = [offset + by for offset in entry["data_offsets"]]
    refuse(pack(header, body(data, begin)), "begin")


FORMATS = [
    ("I64", [3]), ("F64", [3]), ("BF16", [12]), ("I32", [6]), ("U8", [24]), ("BOOL", [24]), ("F8_E4M3", [24]), ("f32", [6]),
    ("F32 ", [6]), ("", [6]), ("X" * 5000, [6]), ("F32\n", [6]), ("\ud800", [6]), (None, [6]), (32, [6]), (["F32"], [6]),
    ({"F32": 1}, [6]), (True, [6]), ("F4", [48]), ("C64", [3]),
]  # fmt: skip
ENTRIES = [
    *({"dtype": dtype, "shape": shape, "data_offsets": [0, 24]} for dtype, shape in FORMATS),
    ["F32", [6], [0, 24]], None, "F32", {}, {"shape": [6], "data_offsets": [0, 24]}, {"dtype": "F32", "data_offsets": [0, 24]},
    {"dtype": "F32", "shape": [6]}, {"dtype": "F32", "shape": [6], "data_offsets": [0, 24], "strides": [1]},
]  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: ascii(entry)[:40])
def test_entries_of_another_form_or_number_format_are_refused(refuse, entry):
    header, body = lay_out(*parts())
    header["out.bias"] = entry
    refuse(pack(header, body), "out.bias")


NAMES = [
    "../../etc/x", "/etc/passwd", "..\\x", "out/bias", "a\nb", "out.bias\n", "out.bias\0", "", " ", "a b", "é", "ａ", "😀",
    "\u2028", "\ud800", "<b>x</b>", "a" * 129, "a" * 50_000, "__proto__", "extra.weight", "rnn.weight_hh_l1",
    "embedding.weight", "OUT.BIAS",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
@pytest.mark.parametrize("instead", [True, False], ids=["instead of one", "one more"])
def test_tensors_of_other_names_are_refused(refuse, name, instead):
    metadata, tensors = parts()
    tensors[name] = tensors.pop("out.bias") if instead else ["F32", [1], bytes(4)]
    refuse(build(metadata, tensors), "Expected")


@pytest.mark.parametrize("count", [257 - len(valid()[1]), 10_000])
@pytest.mark.parametrize("name", ["t{}", "snapshot.{}"])
def test_very_many_empty_tensors_are_refused(refuse, count, name):
    metadata, tensors = parts()
    tensors |= {name.format(100 + i): ["F32", [0], b""] for i in range(count)}
    refuse(build(metadata, tensors), "256 tensors")


PARAMETERS = [name for name in valid()[1] if not name.startswith("snapshot.")]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_is_missing_in_half_precision_or_of_another_shape_is_refused(refuse, name):
    metadata, tensors = parts()
    _, shape, data = tensors.pop(name)
    refuse(build(metadata, tensors), re.escape(name))
    half = np.frombuffer(data, np.float32).astype(np.float16).tobytes()
    refuse(with_tensor(name, "F16", shape, half), f"{name}.*F32")
    refuse(with_tensor(name, "F32", [shape[0] - 1, *shape[1:]], bytes(len(data) - len(data) // shape[0])), name)
    if shape[::-1] != shape:
        refuse(with_tensor(name, "F32", shape[::-1], data), name)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", valid()[1])
def test_values_that_are_not_finite_are_refused(refuse, name, value):
    refuse(with_weight(name, value), f"{re.escape(name)}.*NaN")


SNAPSHOTS = [
    *((f"snapshot.{epoch}", "F16", [123])  # not kept, or not written as an epoch is; the last of these is an Arabic digit
      for epoch in ("3", "4", "999999999", "1" + "0" * 60, "01", "00", "", "1.5", "1e0", "1_0", "-1", "+1", "\u0661")),
    ("Snapshot.1", "F16", [123]),
    *(("snapshot.1", "F16", shape) for shape in ([122], [124], [0], [1, 123], [])),
    *(("snapshot.1", dtype, [123]) for dtype in ("BF16", "F64", "I64")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dtype", "shape"), SNAPSHOTS, ids=ascii)
def test_snapshots_of_other_epochs_or_lengths_are_refused(refuse, name, dtype, shape):
    width = {"F16": 2, "BF16": 2}.get(dtype, 8)
    refuse(with_tensor(name, dtype, shape, bytes(width * math.prod(shape))), "Expected")


# ---- hostile metadata ---------------------------------------------------------------------------------------

VERSIONS = [
    "gate-explorer/2", "gate-explorer/30", "", "gate-explorer/3 ", "gate-explorer/3\ngate-explorer/3", "9" * 100_000, "\ud800",
    ["gate-explorer/3"],
]  # fmt: skip
MORE = [{"author": "nobody"}, {"a\nb": ""}, {"a" * 100_000: ""}, {"\udfff": ""}, {f"k{i}": "" for i in range(10_000)}]
OTHER_KINDS = [{"config": json.loads(valid()[0]["config"])}, {"seed": 7}, {"corpus": None}, {"corpus": ["a"]}]


@pytest.mark.parametrize("metadata", [{}, None, [], "gate-explorer/3", {"format": "pt"}], ids=ascii)
def test_metadata_of_another_program_is_refused(refuse, metadata):
    refuse(build(metadata, parts()[1]), "metadata|format")


def test_a_file_without_metadata_is_refused(refuse):
    header, body = lay_out(*parts())
    del header["__metadata__"]
    refuse(pack(header, body), "metadata|format")


@pytest.mark.parametrize(
    "odd", [*({"format": v} for v in VERSIONS), *MORE, *OTHER_KINDS], ids=lambda odd: ascii(odd)[:30]
)
def test_metadata_of_another_form_is_refused(refuse, odd):
    refuse(with_metadata(**odd), "metadata|format")


@pytest.mark.parametrize("key", METADATA)
def test_missing_metadata_is_refused(refuse, key):
    refuse(without_metadata(key), key)


@pytest.mark.parametrize("key", ["config", "vocabulary", "recipe", "history"])
@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{", "null", "[]", "3", '"x"', "true", "{}", "{'a': 1}", "NaN", "\ufeff{}", "[" * 100_000, '{"a":' * 100_000,
        '{"a": 1, "a": 1}', '{"a\\nb": 1}', '{"\\ud800": 1}', '{"' + "a" * 5000 + '": 1}', "9" * 5000, "1e999",
        "\ud800", "\0", "{}x",
    ],
    ids=lambda text: ascii(text[:20]),
)  # fmt: skip
def test_metadata_that_is_other_json_or_none_is_refused(refuse, key, text):
    refuse(with_metadata(**{key: text}), key)


@pytest.mark.parametrize("key", ["config", "recipe", "vocabulary", "history"])
def test_an_unknown_missing_or_repeated_field_is_refused(refuse, key):
    fields = json.loads(valid()[0][key])
    refuse(with_field(key, "unknown", 1), key)
    refuse(with_field(key, "__class__", "CharModel"), key)
    for field in fields:
        refuse(without_field(key, field), key)
        again = f'{valid()[0][key][:-1]}, "{field}": {json.dumps(fields[field])}}}'
        refuse(with_metadata(**{key: again}), f"{key}.*twice")


ODD = {  # part of the metadata -> field -> values it never has; bytes are written into the JSON as they stand
    "config": {
        "hidden_size": (10**9, 10**400, 4097, 0, -1, True, "8", b"1e3", 3.0, None, [3], {}, b"1e999", "9" * 1000, "\n"),
        "num_layers": (10**9, 9, 0, -1, True, "1", 1.0, None),
        "embedding_size": (10**9, 0, -1, False, "2", 2.0),
        "hidden_size_backward": (3, 0, "3", True),
        "chrono_t_max": (10**9, 0, None, "100", 100.0, 10**400),
        "cell": (
            "transformer", "", None, 1, ["gru"], {"gru": 1}, "GRU", "gru\n", "\ud800", "x" * 1000, ["x" * 1000], {"x" * 1000: 1},
        ),
        "reset": ("", None, "After"),
        "activation": ("exec", None, 0),
        "direction": ("backward", None, 2),
        "objective": ("cloze", "leaky", "", None, []),
        "init": ("zeros", None, {}),
    },
    "recipe": {
        "learning_rate": (
            b"1e999", b"-1e999", b"NaN", b"Infinity", 10**400, "1.0", "\n", True, 0, -1, 0.0, None, [1.0], "1" * 1000,
        ),
        "clip_norm": (b"1e999", 0, -1.0, "1", False, [], 10**400),
        "batch_size": (0, -1, 10**9, 10**400, 32.0, "32", True, None),
        "num_steps": (0, 10**9, 35.5, None, "x" * 1000),
        "epochs": (0, 10**9, 1.0, None, [500]),
        "optimizer": ("adamw", "", None, ["sgd"], {"sgd": 1}, 0, "x" * 1000, "\ud800\n"),
        "sampling": ("shuffled", None, ["random"], True),
        "random_offset": (0, 1, "true", None, "x" * 1000),
        "max_tokens": (0, -1, 10**10, 1.0, "all", True),
        "token": ("words", "Word", "", None, ["word"], "x" * 1000, "\ud800"),
        "held_gate": ("q", "", 1, ["z"], "f"),  # an f is a gate, but not of this model
        "held_at": (-0.1, 1.5, b"NaN", "1", None),
        "backward_batches": (0, -1, 17, 10**400, 1.0, "2", True, None),
    },
    "history": {
        "step": ([1.0, 2.0, 3.0],),
        "epoch": ([1.0, 2.0, 3.0], [0, 1, 2], [1, 1, 2], [1, 3, 4], [3, 2, 1], [-1, 0, 1], [2, 3, 4]),
    },
}  # fmt: skip
ODD_COLUMNS = [
    [], [1], [1, 2, 3, 4], "123", None, 3, {"0": 1}, [[1], [2], [3]], [1, 2, "3"], [1, 2, None], [True, 2, 3], b"[1, 2, NaN]",
    b"[1, 2, -Infinity]", b"[1, 2, 1e999]", [1, 2, 10**400],
]  # fmt: skip
FIELDS = [
    *((part, field, value) for part, fields in ODD.items() for field, values in fields.items() for value in values),
    *(("history", column, value) for column in COLUMNS for value in ODD_COLUMNS),
]


@pytest.mark.parametrize(("part", "field", "value"), FIELDS, ids=lambda v: ascii(v)[:24])
def test_fields_that_make_no_sense_are_refused_by_name(refuse, part, field, value):
    refuse(with_field(part, field, value), "history" if part == "history" else field)


@pytest.mark.parametrize(
    "change",
    [
        dict(hidden_size=4), dict(hidden_size=2), dict(cell="lstm"), dict(cell="rnn"), dict(num_layers=2), dict(embedding_size=6),
        dict(direction="parallel"), dict(direction="bidirectional", objective="cloze"), dict(hidden_size=4096),
        dict(hidden_size=4096, num_layers=8, embedding_size=4096),
        dict(hidden_size=4096, hidden_size_backward=4096, num_layers=8, direction="parallel"),
    ],
    ids=str,
)  # fmt: skip
def test_configurations_of_another_model_are_refused(refuse, change):
    fields = json.loads(valid()[0]["config"]) | change
    refuse(with_metadata(config=json.dumps(fields)), "Expected")


COUNTS = [0, 5, 4, 3, 2, 1]
VOCABULARIES = [
    (["a", "b"], [0, 1, 1]), ("", [0]), ("abcd", [0, 5, 4, 3, 2]), ("abcdef", [0, 5, 4, 3, 2, 1, 1]),
    *((characters, COUNTS) for characters in (
        ["ab", "c", "d", "e", "f"], {"a": 1}, None, 5, "abcda", "a\n\nbc", "abcd\ud800", "abcd\udfff", "abc\udc00\ud800")),
    *(("abcde", counts) for counts in ([0, 5, 4, 3, 2], [*COUNTS, 1], [], "054321", {"a": 5}, None)),
    *(("abcde", [0, 5, 4, 3, 2, count]) for count in (-1, 1.0, True, "1", None, [1], 10**400, -(10**400))),
]  # fmt: skip


@pytest.mark.parametrize(("characters", "counts"), VOCABULARIES, ids=lambda v: ascii(v)[:24])
def test_vocabularies_that_make_no_sense_are_refused(refuse, characters, counts):
    text = json.dumps({"characters": characters, "counts": counts})
    refuse(with_metadata(vocabulary=text), "vocabulary|symbol|count|character|out")


SEEDS = [
    "x", "", "-", "+7", "7.0", "1e3", "0x7", "1_000", " 7", "7\n", "--7", "9" * 19, "9" * 5000, "NaN", "\ud800", "7\0",
]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: ascii(seed[:20]))
def test_seeds_that_are_not_whole_numbers_are_refused(refuse, seed):
    refuse(with_metadata(seed=seed), "seed")


def test_a_history_shorter_than_the_snapshots_is_refused(refuse):
    columns = json.loads(valid()[0]["history"])
    shorter = json.dumps({name: column[:2] for name, column in columns.items()})
    refuse(with_metadata(history=shorter), r"snapshot\.2")


# ---- hostile things on the disk -----------------------------------------------------------------------------


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_and_zips_are_refused_and_never_run(tmp_path, refuse):
    sprung = tmp_path / "sprung"
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Trap(sprung)))
    (tmp_path / "old.pt").write_bytes(pickle.dumps([Trap(sprung)], protocol=0) * 100)
    torch.save({"model": make_model().state_dict(), "trap": Trap(sprung)}, tmp_path / "zip.pt")
    torch.save(Trap(sprung), tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(tmp_path / "real.zip", "w") as archive:
        archive.writestr("model.safetensors", build(*parts()))
    for path in sorted(tmp_path.iterdir()):
        refuse(path, "Expected")
        refuse(path.read_bytes(), "Expected")
    assert not sprung.exists()
    pickle.loads((tmp_path / "plain.pkl").read_bytes())
    assert sprung.exists()  # the trap works


def test_a_folder_and_a_missing_file_are_refused(tmp_path, refuse):
    for path in (tmp_path, tmp_path / "missing", tmp_path / "missing" / "deeper", str(tmp_path / "missing")):
        refuse(path, "Expected a .safetensors file")
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("dangling", "loop"):
        refuse(tmp_path / name, "Expected|could not be read")


@pytest.mark.parametrize("name", ["a\0b", "", "x" * 300])
def test_paths_that_cannot_be_are_refused(tmp_path, refuse, name):
    with pytest.raises(CheckpointError):
        load_checkpoint(f"{tmp_path}/{name}")


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path, refuse):
    os.mkfifo(tmp_path / "pipe.safetensors")
    refuse(tmp_path / "pipe.safetensors", "Expected")


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="this system has no /dev/zero")
def test_an_endless_device_is_refused(refuse):
    refuse("/dev/zero", "Expected")


@pytest.mark.parametrize("size", [25_000_001, 2**40])
def test_a_file_of_more_than_25_mb_is_refused_unread(tmp_path, refuse, size):
    path = tmp_path / "large.safetensors"
    path.write_bytes(build(*parts()))
    try:
        os.truncate(path, size)  # sparse: takes no room on the disk
    except OSError:
        pytest.skip("this file system holds no file of that size")
    refuse(path, "25 MB")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch, refuse):
    path = tmp_path / "m.safetensors"
    path.write_bytes(build(*parts()))
    with monkeypatch.context() as patch:
        for module in (io, builtins):  # pathlib asks one of the two, from version to version
            patch.setattr(module, "open", Mock(side_effect=OSError(errno.EACCES, "not yours")))
        refuse(path, "could not be read")


# ---- random damage ------------------------------------------------------------------------------------------


def check_read_or_refused(data):
    """The file is refused in one sentence, or it is a checkpoint that can be worked with."""
    try:
        read = load_checkpoint(data)
    except CheckpointError as fault:
        check_message(fault)
        return
    assert np.isfinite(vector(read.model)).all()
    assert read.vocabulary.unigram_nll_nats().isfinite().all()
    assert read.vocabulary.decode(range(len(read.vocabulary))).encode()
    assert all(math.isfinite(value) for record in read.history for value in asdict(record).values())
    assert [vector(read.model_at(epoch)).size for epoch in read.epochs] == [vector(read.model).size] * len(read.epochs)
    torch.Generator().manual_seed(read.seed)
    read.corpus.encode()


edits = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "delete", "set"]), st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)  # fmt: skip


def damage(data, edits):
    data = bytearray(data)
    for kind, where, byte in edits:
        at = int(where * len(data))
        if kind == "insert":
            data.insert(at, byte)
        elif kind == "delete":
            del data[at : at + 1 + byte % 4]
        else:
            data[at] = data[at] ^ (1 << byte % 8) if kind == "flip" else byte
    return bytes(data)


@given(edits=edits)
@settings(deadline=None, max_examples=100)
def test_a_damaged_file_is_read_or_refused(edits):
    check_read_or_refused(damage(build(*parts()), edits))


@given(edits=edits)
@settings(deadline=None, max_examples=100)
def test_a_damaged_header_is_read_or_refused(edits):
    # The stated length stays right, so that the damage is met by what reads the header.
    check_read_or_refused(with_header_text(lambda text: damage(text, edits)))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.integers(-10, 10)
    | st.floats()
    | st.text(max_size=5)
    | st.text(st.characters(categories=["Cs", "Cc", "Zl"]), max_size=3)
    | st.sampled_from(["x" * 1000, 2**31, 2**63, 2**64, 1e999, 1e308, 5e-324, "F32", "F16", "rnn", "lstm", "cloze"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def leaves(tree, path=()):
    """The paths of everything in a tree of objects and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from leaves(value, (*path, key))


@cache
def opened():
    """The whole header as one tree: the JSON texts of the metadata opened too, and its paths."""
    header, body = lay_out(*parts())
    for key in ("config", "vocabulary", "recipe", "history"):
        header["__metadata__"][key] = json.loads(header["__metadata__"][key])
    return header, body, list(leaves(header))


@given(data=st.data(), value=values)
@example(data=None, value=None)
@settings(deadline=None, max_examples=150)
def test_a_header_with_one_value_replaced_or_removed_is_read_or_refused(data, value):
    header, body, paths = copy.deepcopy(opened())
    if data is not None:
        *above, last = data.draw(st.sampled_from(paths))
        node = header
        for key in above:
            node = node[key]
        if data.draw(st.integers(0, 9)):
            node[last] = value
        else:
            del node[last]
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict):
        for key in ("config", "vocabulary", "recipe", "history"):
            if key in metadata:
                metadata[key] = json.dumps(metadata[key])
    check_read_or_refused(pack(header, body))
