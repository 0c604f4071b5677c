"""Files made to do harm, and damaged ones: refused in one sentence, with nothing of them run and little memory taken."""

import io
import os
import pickle
import random
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save as safetensors_bytes

from explorer import ImportRefusedError, import_model
from explorer.importing.pytorch import open_pytorch
from explorer.importing.tensors_only import Machine, Named, Stub
from readers import SYMBOLS, Reader


def torch_bytes(value, old=False):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


def zipped(pickled, storages=(), compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in storages:
            archive.writestr(f"archive/data/{key}", data)
    return file.getvalue()


def refused(data, **options):
    with pytest.raises(ImportRefusedError) as caught:
        import_model(data, vocabulary=SYMBOLS, **options)
    sentence = str(caught.value)
    assert 20 < len(sentence) < 700
    assert "\n" not in sentence
    return caught.value


def state(**options):
    torch.manual_seed(3)
    return Reader("gru", **options).state_dict()


# ---- nothing runs


class Calls:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_in_a_pickle_is_not_made(tmp_path, protocol):
    mark = tmp_path / "was here"
    attacks = [
        Calls(os.system, f"touch '{mark}'"),
        Calls(eval, f"open({str(mark)!r}, 'w')"),
        Calls(os.mkdir, str(mark)),
    ]
    for attack in attacks:
        pickled = pickle.dumps({"model": state(), "x": attack}, protocol)
        for data in (pickled, zipped(pickled)):  # the weights beside it may be read
            outcome(lambda data=data: import_model(data, vocabulary=SYMBOLS))
        Machine(pickle.dumps(attack, protocol)).run()
    assert not mark.exists()


def test_a_call_beside_weights_is_not_made_and_the_weights_are_read(tmp_path):
    mark = tmp_path / "was here"
    data = torch_bytes({"model": state(), "x": Calls(os.mkdir, str(mark))})
    assert import_model(data, vocabulary=SYMBOLS).model.config.cell == "gru"
    assert not mark.exists()


def test_no_module_of_a_file_is_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_code.py").write_text("raise SystemExit('imported')\nclass Net: pass\n")
    data = b"ctheir_code\nNet\n)\x81}X\x01\x00\x00\x00aK\x01sb."
    made = Machine(data).run()
    assert isinstance(made, Stub)
    assert (made.path, made.state) == ("their_code.Net", {"a": 1})
    assert "their_code" not in sys.modules
    refused(zipped(data))


def test_a_name_is_only_a_name():
    assert Machine(b"cos\nsystem\n.").run() == Named("os.system")


# ---- the machine is an unpickler: its oracle is Python's own


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_what_python_reads(protocol):
    shared = [1, 2]
    value = {
        "a": [None, True, False, 0, 1, 255, 256, 65536, -1, 2**31, -(2**40), 1.5, float("inf")],
        "b": ("x", "é", "\n", "漢" * 100, "z" * 300), "c": {1: (), 2: (1,), 3: (1, 2), 4: (1, 2, 3), 5: (1, 2, 3, 4)},
        "d": [shared, shared, []],
    }  # fmt: skip
    data = pickle.dumps(value, protocol)
    assert Machine(data).run() == value == pickle.loads(data)


# ---- little memory, whatever is declared


def storage_pickle(count, shape, key="0", kind="FloatStorage", strides=None):
    strides = strides or tuple(np.cumprod((1, *shape[:0:-1]))[::-1].tolist())
    pickled = b"\x80\x02}X\x0c\x00\x00\x00weight_hh_l0ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
    pickled += (
        b"ctorch\n" + kind.encode() + b"\nX" + struct.pack("<I", len(key)) + key.encode() + b"X\x03\x00\x00\x00cpu"
    )
    pickled += number(count) + b"tQK\x00(" + b"".join(map(number, shape)) + b"t("
    return pickled + b"".join(map(number, strides)) + b"t\x89}tRs."


def number(value):
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


@pytest.mark.parametrize(
    "data",
    [
        zipped(storage_pickle(2**40, (2**20, 2**20)), [("0", bytes(64))]),
        zipped(storage_pickle(16, (2**30, 2), strides=(0, 0)), [("0", bytes(64))]),
        zipped(storage_pickle(16, (5, 4)), [("0", bytes(64))]),
        zipped(storage_pickle(16, (4, 4), strides=(-4, 1)), [("0", bytes(64))]),
        zipped(storage_pickle(16, (4, 4)), []),
        zipped(storage_pickle(-1, (4, 4)), [("0", bytes(64))]),
        zipped(storage_pickle(16, (4,) * 40), [("0", bytes(64))]),
        zipped(storage_pickle(16, (4, 4), kind="QInt8Storage"), [("0", bytes(64))]),
        zipped(storage_pickle(16, (4, 4)), [("0", bytes(200_000_000))], zipfile.ZIP_DEFLATED),
        zipped(b"\x80\x02" + b"]" * 10 + b"\x8a\xff"),
        zipped(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f"),
        zipped(b"\x80\x04\x96" + struct.pack("<Q", 2**62)),
        zipped(b"(" * 100_000 + b"t" * 100_000 + b"."),
        zipped(b"]" + b"]a" * 10 + b"." + bytes(100)),
        zipped(bytes([0x80, 2]) + b"}q\x00h\x00h\x00s."),
        zipped(b"N" * 1_100_000 + b"."),
        zipped(b""),
        b"PK\x03\x04" + bytes(100),
    ],
    ids=range(18),
)
def test_declared_sizes_are_checked_before_memory_is_taken(data):
    tracemalloc.start()
    try:
        refused(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_short_program_cannot_make_much():
    # A list that holds the one before it ten times, forty times over: 10^40 elements for who follows every path.
    bomb = b"\x80\x02]q\x00"
    for level in range(40):
        bomb += b"](" + bytes([ord("h"), level]) * 10 + b"e" + b"q" + bytes([level + 1])
    refused(zipped(bomb + b"."))
    # A list of 1,000 pairs, made into a dict again and again.
    pairs = (
        b"\x80\x02]("
        + b"K\x01K\x02\x86" * 1000
        + b"eq\x00"
        + b"("
        + b"ccollections\nOrderedDict\nh\x00\x85R" * 10_000
        + b"t."
    )
    assert "instructions" in str(refused(zipped(pairs)))


def test_odd_names_cannot_spoil_a_sentence():
    named = {f"a\n{'x' * 1000}{n}": torch.ones(3, 4) for n in range(3000)}
    refused(torch_bytes(named))
    refused(torch_bytes({f"layer{n}.weight": torch.ones(3, 4) for n in range(3000)}))
    refused(torch_bytes(state() | {f"layer{n}.weight": torch.ones(3, 4) for n in range(300)}))
    refused(torch_bytes(state() | {f"other{n}.weight_hh": torch.ones(3, 4) for n in range(300)}))


def test_npz_says_no_more_than_it_holds():
    file = io.BytesIO()
    np.savez(file, weight_hh_l0=np.zeros((4, 4), np.float32))
    data = file.getvalue()
    refused(data.replace(b"(4, 4)", b"(9, 9)"))
    array = io.BytesIO()
    np.save(array, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", array.getvalue())
    refused(file.getvalue())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        header = (
            b"\x93NUMPY\x01\x00\x76\x00"
            + b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 9)}".ljust(117)
            + b"\n"
        )
        archive.writestr("a.npy", header + bytes(16))
    refused(file.getvalue())


# ---- damage


def npz_of(tensors):
    file = io.BytesIO()
    np.savez(file, **{name: tensor.numpy() for name, tensor in tensors.items()})
    return file.getvalue()


SEEDS = {
    "new": torch_bytes(state(hidden=3)),
    "old": torch_bytes(state(hidden=3), old=True),
    "module": torch_bytes(Reader("lstm", hidden=3)),
    "old module": torch_bytes(Reader("lstm", hidden=3), old=True),
    "npz": npz_of(state(hidden=3)),
    "safetensors": safetensors_bytes(state(hidden=3)),
    "pickle": pickle.dumps({name: tensor.numpy() for name, tensor in state(hidden=3).items()}, 4),
    "pickle 2": pickle.dumps({name: tensor.numpy() for name, tensor in state(hidden=3).items()}, 2),
}


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_read(name):
    import_model(SEEDS[name], vocabulary=SYMBOLS)


def outcome(act):
    """What a refusal says; nothing where there was none."""
    try:
        act()
    except ImportRefusedError as fault:
        return str(fault)
    return ""


def mutated(data, chance):
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        at = chance.randrange(len(data))
        kind = chance.randrange(5)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.choice([1, 2, 8, 64])]
        elif kind == 2:
            data[at:at] = chance.randbytes(chance.choice([1, 4, 16]))
        elif kind == 3:
            data[at] ^= 1 << chance.randrange(8)
        else:
            start = chance.randrange(len(data))
            data[at : at + 8] = data[start : start + 8]
        if len(data) < 4:
            break
    return bytes(data)


@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_file_is_read_or_refused(name):
    chance = random.Random(name)
    outcomes = set()
    for _ in range(400):
        data = mutated(SEEDS[name], chance)
        outcomes.add(outcome(lambda data=data: import_model(data, vocabulary=SYMBOLS)))
    assert any(outcomes)
    assert not any("\n" in said for said in outcomes)


@pytest.mark.parametrize("name", ["new", "old", "module"])
def test_the_pickle_inside_may_be_damaged_too(name):
    """A zip's checksums would find a change: here the pickle is changed and packed again."""
    chance = random.Random(name)
    if name == "old":
        pickled, storages = SEEDS["old"], None
    else:
        with zipfile.ZipFile(io.BytesIO(SEEDS[name])) as archive:
            parts = {part.partition("/")[2]: archive.read(part) for part in archive.namelist()}
        pickled = parts["data.pkl"]
        storages = [(key.removeprefix("data/"), data) for key, data in parts.items() if key.startswith("data/")]
    for _ in range(600):
        data = mutated(pickled, chance)
        said = outcome(lambda data=data: open_pytorch(data if storages is None else zipped(data, storages)))
        assert "\n" not in said


@pytest.mark.parametrize("name", SEEDS)
def test_a_file_that_is_cut_off_is_refused(name):
    data = SEEDS[name]
    for size in [*range(0, 200, 7), len(data) // 2, len(data) - 1]:
        refused(data[:size])


def test_names_that_are_nothing_do_not_hide_the_depth():
    deep = b"}" + b"X\x00\x00\x00\x00}" * 30_000 + b"s" * 30_000 + b"."
    refused(zipped(b"\x80\x02" + deep))


def test_thousands_of_matrices_are_not_tried_in_pairs():
    many = state(hidden=3) | {f"m{n}": torch.zeros(len(SYMBOLS), 3) for n in range(3000)}
    assert refused(torch_bytes(many)).argument == "leave_out"


def test_one_large_storage_is_not_read_thousands_of_times():
    large = torch.zeros(4_000_000)
    views = {f"v{n}": large[n : n + 4].reshape(2, 2) for n in range(1000)}
    refused(torch_bytes(views))
