"""From a path, the bytes of an upload or a dict in memory to named arrays."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from explorer import foreign, strict
from explorer.checkpoints import MAX_FILE_BYTES as MAX_CHECKPOINT_BYTES
from explorer.importing.keras import open_h5, open_keras
from explorer.importing.onnx import open_onnx
from explorer.importing.opened import (
    MAX_FILE_BYTES,
    MAX_NUMBERS,
    MAX_TENSORS,
    Array,
    ImportRefusedError,
    Opened,
    as_array,
    check_name,
)
from explorer.importing.pytorch import open_pickle, open_pytorch, read_member, widened
from explorer.importing.walking import walk_state
from explorer.words import Saying

MAX_HEADER_BYTES = 1_000_000


def open_source(source: str | Path | bytes | Mapping[str, Any] | nn.Module, weights_only: bool = False) -> Opened:
    """What stands in a file, in the bytes of one, in a state_dict or in a module.

    Args:
        source: of these.
        weights_only: whether a file must be of weights alone, and no larger than a checkpoint of ours.

    Raises:
        ImportRefusedError: not a file that can be read, or larger than it may be.

    """
    if isinstance(source, nn.Module):
        return _in_memory(source.state_dict(), _modules_of(source))
    if isinstance(source, Mapping):
        return _in_memory(source, {})
    most = MAX_CHECKPOINT_BYTES if weights_only else MAX_FILE_BYTES
    data = source if isinstance(source, bytes) else read_file(Path(source), most)
    if len(data) > most:
        raise ImportRefusedError("import.too-large", most=most, size=len(data))
    kind = foreign.recognised(data) or foreign.kind_of_text(data) or "import.unknown"
    if kind not in _READERS:
        raise ImportRefusedError("import.cannot-read", kind=Saying(kind))
    if weights_only and kind not in _WEIGHTS:
        raise ImportRefusedError("import.more-than-weights", kind=Saying(kind))
    opened = _READERS[kind](data)
    if weights_only and opened.modules:
        raise ImportRefusedError("import.more-than-weights", kind=Saying(kind))
    return opened


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Raises:
        ImportRefusedError: there is none, or it is larger than it may be.

    """
    try:
        if not path.is_file():
            raise ImportRefusedError("import.no-file", path=str(path))
        if (size := path.stat().st_size) > most:
            raise ImportRefusedError("import.too-large", most=most, size=size)
        return path.read_bytes()
    except (OSError, ValueError) as fault:
        if isinstance(fault, ImportRefusedError):
            raise
        reason = getattr(fault, "strerror", None) or fault
        raise ImportRefusedError("import.not-read", path=str(path), reason=str(reason)) from fault


def _in_memory(state: Mapping[str, Any], modules: dict[str, dict[str, Any]]) -> Opened:
    found = walk_state(state, lambda leaf: isinstance(leaf, Tensor | np.ndarray))
    arrays = {name: _as_numpy(name, tensor) for name, tensor in found.tensors.items()}
    return Opened("import.memory", arrays, {}, tuple(found.left_out), found.modules | modules, found.vocabularies)


def _as_numpy(name: str, tensor: Tensor | Array) -> Array:
    if isinstance(tensor, np.ndarray):
        return as_array(name, tensor)
    if tensor.is_sparse or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
        raise ImportRefusedError("import.not-numbers", tensor=name, dtype=str(tensor.dtype))
    plain = tensor.detach().cpu()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).contiguous().numpy().copy()


def _modules_of(module: nn.Module) -> dict[str, dict[str, Any]]:
    """What is known of each recurrent layer inside."""
    facts: dict[str, dict[str, Any]] = {}
    for name, part in module.named_modules():
        known = {
            fact: getattr(part, fact) for fact in ("mode", "nonlinearity") if isinstance(getattr(part, fact, None), str)
        }
        facts[name] = {"class": f"{type(part).__module__}.{type(part).__qualname__}", **known}
    return facts


def _open_safetensors(data: bytes) -> Opened:
    try:
        header = strict.read_header(data, MAX_HEADER_BYTES)
        metadata = header.pop("__metadata__", None) or {}
        if str(metadata.get("format", "")).startswith("gate-explorer"):
            raise ImportRefusedError("import.own-checkpoint")
        entries = strict.read_entries(header, data, MAX_TENSORS, strict.ITEM_TYPES)
    except strict.StrictError as fault:
        raise ImportRefusedError(fault.code, **fault.figures) from fault
    _check_count(sum(math.prod(entry.shape) for entry in entries.values()))
    return Opened("file.safetensors", {name: _values(data, entry) for name, entry in entries.items()})


def _values(data: bytes, entry: strict.Entry) -> Array:
    values = strict.read_values(data, entry).reshape(entry.shape)
    return widened(values) if entry.dtype == "BF16" else values


def _open_npz(data: bytes) -> Opened:
    arrays, left = {}, MAX_NUMBERS
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if len(members) > MAX_TENSORS:
                raise ImportRefusedError("import.too-many-tensors", most=MAX_TENSORS)
            for info in members:
                name = check_name(info.filename.removesuffix(".npy"))
                arrays[name] = _read_npy(name, read_member(archive, info, 8 * left + 10_000))
                left -= arrays[name].size
                _check_count(MAX_NUMBERS - left)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, OverflowError) as fault:
        raise ImportRefusedError("import.damaged-zip") from fault
    return Opened("file.npz", arrays)


def _open_npy(data: bytes) -> Opened:
    raise ImportRefusedError("import.single-array")


def _read_npy(name: str, data: bytes) -> Array:
    """One array in numpy's own format; its header is checked against its length before the numbers are touched."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.kind not in "fiub" or any(size < 0 for size in shape):
            raise ImportRefusedError("import.not-numbers", tensor=name[:60], dtype=str(dtype))
        if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
            raise ImportRefusedError("import.odd-array", tensor=name[:60])
        values = np.frombuffer(data, dtype, offset=file.tell())
        return values.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="))
    except (ValueError, TypeError, SyntaxError, EOFError, OverflowError, RecursionError, MemoryError) as fault:
        if isinstance(fault, ImportRefusedError):
            raise
        raise ImportRefusedError("import.odd-array", tensor=name[:60]) from fault


def _check_count(count: int) -> None:
    if count > MAX_NUMBERS:
        raise ImportRefusedError("import.too-many-numbers", most=MAX_NUMBERS)


_WEIGHTS = "file.pytorch", "file.safetensors", "file.npz"
_READERS: dict[str, Callable[[bytes], Opened]] = {
    "file.pytorch": open_pytorch,
    "file.pickle": open_pickle,
    "file.safetensors": _open_safetensors,
    "file.npz": _open_npz,
    "file.npy": _open_npy,
    "file.onnx": open_onnx,
    "file.hdf5": open_h5,
    "file.keras": open_keras,
}
