"""The strict reader of .safetensors files: a file is checked, byte range by byte range, before the library sees it.

The library itself accepts NaN, repeated names, names with slashes, and shapes like [0, 2^40].
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.words import Told, say

MAX_DIMENSIONS = 4
ITEM_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "U8": np.dtype("<u1"),
    "BF16": np.dtype("<u2"), "I64": np.dtype("<i8"),
}  # fmt: skip


class StrictError(Told, ValueError):
    """A file that is not what its kind should be; says what was expected and what came."""


@dataclass(frozen=True)
class Entry:
    """What the header says of one tensor: its number format, its shape, and its bytes, counted after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(data: bytes, most: int) -> dict[str, Any]:
    """The header of a .safetensors file as JSON has it: a name -> what is said of it; nothing where it is no object.

    Args:
        data: the whole file.
        most: bytes the header may have.

    Raises:
        StrictError: cut off, larger, not UTF-8, or not strict JSON.

    """
    length = header_bytes(data)
    if len(data) < 8 or length > len(data) - 8:
        raise StrictError("strict.cut-off", size=len(data))
    if length > most:
        raise StrictError("strict.header-too-large", most=most, size=length)
    try:
        header = read_json(data[8 : 8 + length].decode("utf-8"), "header")
    except UnicodeDecodeError as fault:
        raise StrictError("strict.header-not-utf-8") from fault
    return header if isinstance(header, dict) else {}


def read_entries(described: dict[str, Any], data: bytes, most: int, dtypes: Iterable[str]) -> dict[str, Entry]:
    """What a header says of the tensors, if they lie one after the other, without a hole, to the end of the file.

    Args:
        described: the header without its metadata.
        data: the whole file.
        most: tensors there may be.
        dtypes: the number formats there may be.

    Raises:
        StrictError: a tensor is described in another form, or lies elsewhere.

    """
    if len(described) > most:
        raise StrictError("strict.too-many-tensors", most=most, count=len(described))
    formats = tuple(dtypes)
    entries = {name: _entry(name, entry, formats, len(data)) for name, entry in described.items()}
    reached, body = 0, len(data) - 8 - header_bytes(data)
    for name, entry in sorted(entries.items(), key=lambda item: item[1].begin):
        if entry.begin != reached:
            raise StrictError("strict.begins-elsewhere", tensor=name, expected=reached, begin=entry.begin)
        reached = entry.end
    if reached != body:
        raise StrictError("strict.size-of-weights", expected=reached, size=body)
    return entries


def _entry(name: str, entry: Any, dtypes: tuple[str, ...], most: int) -> Entry:
    if not re.fullmatch(r"[A-Za-z0-9_.]{1,128}", name):
        raise StrictError("strict.name-of-tensor", got=name)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise StrictError("strict.entry", tensor=name)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in dtypes:
        raise StrictError("strict.number-format", tensor=name, allowed=dtypes, got=dtype)
    for what, values, longest in (("shape", shape, MAX_DIMENSIONS), ("data_offsets", offsets, 2)):
        if (
            not isinstance(values, list)
            or len(values) > longest
            or not all(type(v) is int and 0 <= v <= most for v in values)
        ):
            raise StrictError("strict.whole-numbers", what=what, tensor=name, most=longest, got=values)
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * ITEM_TYPES[dtype].itemsize:
        raise StrictError("strict.bytes-of-shape", tensor=name, shape=shape, offsets=offsets)
    return Entry(dtype, tuple(shape), offsets[0], offsets[1])


def header_bytes(data: bytes) -> int:
    """How long a file says its header is."""
    return int.from_bytes(data[:8], "little")


def read_values(data: bytes, entry: Entry) -> NDArray[Any]:
    """The numbers of a tensor, flat: a view of the bytes, nothing is copied."""
    start = 8 + header_bytes(data) + entry.begin
    return np.frombuffer(data, ITEM_TYPES[entry.dtype], math.prod(entry.shape), start)


def read_json(text: str, what: str) -> Any:
    """JSON without repeated keys, NaN, Infinity or lone surrogates.

    Args:
        text: the JSON.
        what: it is, for the sentence.

    Raises:
        StrictError: it is not.

    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError(say("strict.key-twice"))
        for text in (text for pair in pairs for text in pair if isinstance(text, str)):
            text.encode("utf-8")  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        return result

    def refuse(constant: str) -> None:
        raise ValueError(say("strict.no-json", constant=constant))

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as fault:
        reason = say("strict.too-deep") if isinstance(fault, RecursionError) else str(fault)
        raise StrictError("strict.json", what=what, reason=reason) from fault


def read_fields(text: str, what: str, expected: Iterable[str]) -> dict[str, Any]:
    """A JSON object with exactly these fields.

    Args:
        text: the JSON.
        what: it is, for the sentence.
        expected: the names.

    Raises:
        StrictError: it is not.

    """
    names, values = set(expected), read_json(text, what)
    if not isinstance(values, dict) or set(values) != names:
        odd = sorted(set(values) ^ names) if isinstance(values, dict) else [type(values).__name__]
        raise StrictError("strict.fields", what=what, names=sorted(names), odd=odd)
    return values
