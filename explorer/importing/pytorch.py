"""PyTorch's files, new (a zip) and old (pickles and numbers in a row): tensors by name, and nothing of their code."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from explorer.importing.opened import MAX_FILE_BYTES, MAX_NUMBERS, Array, ImportRefusedError, Opened, as_array
from explorer.importing.tensors_only import ArrayAt, Machine, Storage, Stub, TensorAt
from explorer.importing.walking import Found, walk

MAX_DIMENSIONS = 8
MAX_PICKLE_BYTES = 20_000_000
_FORMATS = {
    "Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": "u2", "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1",
    "Byte": "u1", "Bool": "u1",
}  # fmt: skip
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_ZIP_FAULTS = zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, OverflowError
Reader = Callable[[Storage], Array]


def open_pytorch(data: bytes) -> Opened:
    """A .pt or .pth file.

    Raises:
        ImportRefusedError: it is damaged, too large, or holds no tensors.

    """
    found, read = _from_zip(data) if data.startswith(b"PK") else _from_old(data)
    return opened("file.pytorch", found, read)


def open_pickle(data: bytes) -> Opened:
    """A plain pickle, of arrays of numpy or tensors of torch.

    Raises:
        ImportRefusedError: it is damaged, too large, or holds no arrays.

    """
    return opened("file.pickle", walk(Machine(data).run()), _nowhere)


def _nowhere(storage: Storage) -> Array:
    raise ImportRefusedError("import.storage-missing", key=storage.key[:60])


def _of_its_own(held: bytes | str) -> Array:
    """The numbers of a storage that a plain pickle holds as a whole file in the old format."""
    inner, read = _values_of_old(held.encode("latin-1", "replace") if isinstance(held, str) else held)
    if not isinstance(inner, Storage) or inner.held:
        raise ImportRefusedError("import.damaged-pickle", at=0)
    array = read(inner)
    return widened(array) if inner.kind == "BFloat16" else array


def opened(kind: str, found: Found, read: Reader) -> Opened:
    """What was found, with the numbers of its tensors.

    Raises:
        ImportRefusedError: the tensors are too large together, or one of them does not lie in its storage.

    """
    left, arrays, budget = MAX_NUMBERS, {}, [MAX_FILE_BYTES]

    def numbers(storage: Storage) -> Array:
        budget[0] -= len(storage.held)  # many tensors may name one large storage
        if budget[0] < 0:
            raise ImportRefusedError("import.too-many-numbers", most=MAX_NUMBERS)
        return _of_its_own(storage.held) if storage.held else read(storage)

    for name, tensor in found.tensors.items():
        left -= _size(name, tensor)
        if left < 0:
            raise ImportRefusedError("import.too-many-numbers", most=MAX_NUMBERS)
        arrays[name] = _from_numpy(name, tensor) if isinstance(tensor, ArrayAt) else _strided(name, tensor, numbers)
    return Opened(kind, arrays, {}, tuple(found.left_out), found.modules, found.vocabularies)


# ---- containers


def _from_zip(data: bytes) -> tuple[Found, Reader]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = {info.filename: info for info in archive.infolist()}
    except _ZIP_FAULTS as fault:
        raise ImportRefusedError("import.damaged-zip") from fault
    root = min((name for name in names if name.rpartition("/")[2] == "data.pkl"), key=len, default=None)
    if root is None:
        raise ImportRefusedError("import.no-pickle")
    folder, budget = root.removesuffix("data.pkl"), [2 * MAX_FILE_BYTES]

    def member(name: str, most: int) -> bytes:
        if name not in names:
            raise ImportRefusedError("import.storage-missing", key=name[:60])
        return read_member(archive, names[name], most)

    order = ">" if f"{folder}byteorder" in names and member(f"{folder}byteorder", 16) == b"big" else "<"

    def read(storage: Storage) -> Array:
        form = np.dtype(order + _FORMATS[storage.kind])
        held = member(f"{folder}data/{storage.key}", min(form.itemsize * max(storage.count, 0), budget[0]))
        budget[0] -= len(held)  # many tensors may name one large storage
        return np.frombuffer(held, form, len(held) // form.itemsize)

    return walk(Machine(member(root, MAX_PICKLE_BYTES)).run()), read


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """One file of a zip, refused before it takes more memory than it may.

    Raises:
        ImportRefusedError: larger than it may be, or damaged.

    """
    if info.file_size > most:
        raise ImportRefusedError("import.member-too-large", name=info.filename[:60], most=most, size=info.file_size)
    try:
        with archive.open(info) as file:
            return file.read(most + 1)[:most]
    except (*_ZIP_FAULTS, RuntimeError) as fault:  # RuntimeError: a password is wanted
        raise ImportRefusedError("import.damaged-zip") from fault


def _from_old(data: bytes) -> tuple[Found, Reader]:
    tree, read = _values_of_old(data)
    return walk(tree), read


def _values_of_old(data: bytes) -> tuple[Any, Reader]:
    """Four pickles (a magic number, a version, a system, the value), the keys of the storages, and their numbers in a row."""
    machine = Machine(data)
    magic = machine.run()
    if magic != _OLD_MAGIC:
        raise ImportRefusedError("import.damaged-pickle", at=machine.at)
    version = _after(machine)
    version.run()
    about = _after(version)
    system = about.run()
    value = _after(about)
    tree = value.run()
    listed = _after(value)
    keys = listed.run()
    order = ">" if isinstance(system, dict) and system.get("little_endian") is False else "<"
    places = _places(data, listed.at, keys, value.storages)

    def read(storage: Storage) -> Array:
        at, count = places.get(storage.key, (0, -1))
        if not 0 <= storage.start <= storage.start + storage.count <= count:
            raise ImportRefusedError("import.storage-missing", key=storage.key[:60])
        return np.frombuffer(data, np.dtype(order + _FORMATS[storage.kind]), count, at)[storage.start :]

    return tree, read


def _after(machine: Machine) -> Machine:
    return Machine(machine.data, machine.at)


def _places(data: bytes, at: int, keys: object, kinds: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Key of a storage -> where its numbers begin and how many there are; before them stands their count, in 8 bytes."""
    if not isinstance(keys, list):
        raise ImportRefusedError("import.damaged-pickle", at=at)
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        count = int.from_bytes(data[at : at + 8], "little", signed=True)
        if not isinstance(key, str | int) or str(key) not in kinds:
            raise ImportRefusedError("import.damaged-pickle", at=at)
        size = np.dtype(_FORMATS[kinds[str(key)]]).itemsize
        if not 0 <= count * size <= len(data) - at - 8:
            raise ImportRefusedError("import.cut-off", at=at)
        places[str(key)] = (at + 8, count)
        at += 8 + count * size
    return places


# ---- tensors


def _size(name: str, tensor: TensorAt | ArrayAt) -> int:
    shape = tensor.shape if isinstance(tensor, TensorAt) else _numpy_shape(name, tensor)
    if len(shape) > MAX_DIMENSIONS or any(not 0 <= size <= MAX_NUMBERS for size in shape):
        raise ImportRefusedError("import.odd-shape", tensor=name, shape=shape)
    return math.prod(shape)


def _numpy_shape(name: str, tensor: ArrayAt) -> tuple[int, ...]:
    state = tensor.state
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[1], tuple):
        raise ImportRefusedError("import.odd-array", tensor=name)
    if not all(type(size) is int for size in state[1]):
        raise ImportRefusedError("import.odd-array", tensor=name)
    return state[1]


def _from_numpy(name: str, tensor: ArrayAt) -> Array:
    shape = _numpy_shape(name, tensor)
    _, _, dtype, fortran, held = tensor.state
    letters = dtype.arguments[0] if isinstance(dtype, Stub) and dtype.arguments else None
    if letters not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"):
        raise ImportRefusedError("import.odd-array", tensor=name)
    form = np.dtype(f"<{letters}")
    if isinstance(held, str):
        held = held.encode("latin-1", "replace")
    if not isinstance(held, bytes) or len(held) != math.prod(shape) * form.itemsize:
        raise ImportRefusedError("import.odd-array", tensor=name)
    return as_array(name, np.frombuffer(held, form).reshape(shape, order="F" if fortran is True else "C"))


def _strided(name: str, tensor: TensorAt, read: Reader) -> Array:
    """The numbers of a tensor, copied out of its storage."""
    values = read(tensor.storage)
    shape, strides, size = tensor.shape, tensor.strides, math.prod(tensor.shape)
    last = tensor.offset + sum((count - 1) * step for count, step in zip(shape, strides, strict=False))
    inside = len(strides) == len(shape) and all(step >= 0 for step in strides) and tensor.offset >= 0
    if not inside or (size and last >= len(values)):
        raise ImportRefusedError("import.outside-storage", tensor=name)
    if not size:
        return np.zeros(shape, np.float32)
    steps = tuple(step * values.itemsize for step in strides)
    array = np.lib.stride_tricks.as_strided(values[tensor.offset :], shape, steps, writeable=False).copy()
    return widened(array) if tensor.storage.kind == "BFloat16" else array.astype(array.dtype.newbyteorder("="))


def widened(array: Array) -> Array:
    """Float32 of bfloat16, which is its upper half."""
    return (array.astype(np.uint32) << 16).view(np.float32)
