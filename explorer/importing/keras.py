"""Keras' files: HDF5 with weights under the names of their layers, and .keras, a zip of such a file and a description.

Kernels multiply from the right and are transposed here; gates stand in the order z, r, h and i, f, c, o. A GRU that resets after
the product has two rows of biases. Layers made for cuDNN (Keras 2) have both biases in one row, and kernels in another layout;
how it is undone is in Keras' own `preprocess_weights_for_loading`.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from explorer.importing.layers import CELL_OF_BLOCKS
from explorer.importing.opened import (
    MAX_NUMBERS,
    MAX_TENSORS,
    Array,
    ImportRefusedError,
    Opened,
    as_array,
    check_name,
)
from explorer.importing.pytorch import read_member
from explorer.words import Saying

MAX_CONFIG_BYTES = 5_000_000
MAX_DEPTH = 12
_DESCRIPTION = ".".join(("config", "json"))  # in two parts, because together they look like a code of words
_RECURRENT = {"SimpleRNN": "rnn", "GRU": "gru", "LSTM": "lstm", "CuDNNGRU": "gru", "CuDNNLSTM": "lstm"}
_NO_EFFECT = "InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "Softmax"
_ACTIVATIONS = "tanh", "relu", "sigmoid", "linear"
_ROLES = "kernel", "recurrent_kernel", "bias"
_ORDER = {"gru": (1, 0, 2), "lstm": (0, 1, 2, 3), "rnn": (0,)}  # where our blocks of rows stand in Keras' columns

Weights = dict[str, dict[str, tuple[str, Array]]]  # "", "forward", "backward" -> role -> path in the file and numbers


def open_h5(data: bytes) -> Opened:
    """An .h5 file: a whole model, or weights alone.

    Raises:
        ImportRefusedError: the package that reads HDF5 is missing, the file is damaged, or describes what we do not have.

    """
    root = _root(data, "file.hdf5")
    described = _guarded(lambda: root.attrs.get("model_config"))
    config = None if described is None else _parsed(described)
    return _opened("file.hdf5", _datasets(root), config)


def open_keras(data: bytes) -> Opened:
    """A .keras file.

    Raises:
        ImportRefusedError: as for open_h5.

    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if not {_DESCRIPTION, "model.weights.h5"} <= set(members):
                raise ImportRefusedError("import.damaged-zip")
            config = _parsed(read_member(archive, members[_DESCRIPTION], MAX_CONFIG_BYTES))
            held = read_member(archive, members["model.weights.h5"], 8 * MAX_NUMBERS)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, OverflowError) as fault:
        raise ImportRefusedError("import.damaged-zip") from fault
    return _opened("file.keras", _datasets(_root(held, "file.keras")), config)


# ---- HDF5


def _root(data: bytes, kind: str) -> Any:
    try:
        pyfive = import_module("pyfive")
    except ImportError as fault:
        raise ImportRefusedError("import.needs-package", kind=Saying(kind), package="pyfive") from fault
    return _guarded(lambda: pyfive.File(io.BytesIO(data)))


def _guarded(read: Any) -> Any:
    """What a reader of somebody else's gives; it may fail in any way on a damaged file."""
    try:
        return read()
    except ImportRefusedError:
        raise
    except Exception as fault:
        raise ImportRefusedError("import.damaged-hdf5") from fault


def _datasets(root: Any) -> dict[str, Array]:
    """Path -> numbers of every dataset, in the order of the file's layers where it says one."""

    def read() -> dict[str, Array]:
        top = root["model_weights"] if "model_weights" in list(root) else root
        names = [_text(name) for name in top.attrs.get("layer_names", [])]
        found: dict[str, Array] = {}
        for path, dataset in sorted(_walk(top, "", 0), key=lambda item: _place(item[0], names)):
            size = int(np.prod(dataset.shape, dtype=object)) if dataset.shape else 1
            if len(found) >= MAX_TENSORS or size + sum(array.size for array in found.values()) > MAX_NUMBERS:
                raise ImportRefusedError("import.too-many-numbers", most=MAX_NUMBERS)
            if dataset.dtype.kind == "f" and dataset.shape:
                found[check_name(path)] = as_array(path, dataset[...])
        return found

    return dict(_guarded(read))


def _walk(group: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise ImportRefusedError("import.nested")
    for name in group:
        child, below = group[name], f"{path}/{name}" if path else str(name)
        if hasattr(child, "shape"):
            yield below, child
        elif name not in ("optimizer", "optimizer_weights", "seed_generator"):
            yield from _walk(child, below, depth + 1)


def _place(path: str, names: list[str]) -> tuple[Any, ...]:
    layer = path.split("/")[0]
    natural = [int(part) if part.isdigit() else -1 for part in re.findall(r"\d+", path)]
    return (names.index(layer) if layer in names else len(names), re.sub(r"_?\d+", "", path), natural)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# ---- what is described


def _parsed(described: Any) -> dict[str, Any]:
    try:
        config = json.loads(described)
    except (ValueError, TypeError, RecursionError) as fault:
        raise ImportRefusedError("import.keras-config") from fault
    if not isinstance(config, dict):
        raise ImportRefusedError("import.keras-config")
    return config


def _layers(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers that are described, from the input up.

    Raises:
        ImportRefusedError: they are not one above the other.

    """
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(layers, list) or not all(_is_layer(layer) for layer in layers):
        raise ImportRefusedError("import.keras-config")
    if config.get("class_name") != "Sequential":
        names = [str(layer["config"].get("name")) for layer in layers]
        for below, layer in zip(["", *names], layers, strict=False):
            fed = {text for text in _texts(layer.get("inbound_nodes")) if text in names}
            if fed - {below}:
                raise ImportRefusedError("import.keras-graph", layer=str(layer["config"].get("name"))[:60])
    return layers


def _is_layer(layer: Any) -> bool:
    return (
        isinstance(layer, dict) and isinstance(layer.get("class_name"), str) and isinstance(layer.get("config"), dict)
    )


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < MAX_DEPTH:
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child, depth + 1)


def _inside(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer that a wrapper holds, or itself."""
    inner = layer["config"].get("layer")
    return inner if layer["class_name"] in ("Bidirectional", "TimeDistributed") and _is_layer(inner) else layer


def _check_layer(layer: dict[str, Any], last: bool) -> None:
    """Refuse a layer that computes what ours do not.

    Raises:
        ImportRefusedError: naming it.

    """
    inner = _inside(layer)
    kind, said = inner["class_name"], inner["config"]
    name = str(layer["config"].get("name") or kind)[:60]
    if kind in _RECURRENT:
        _check_recurrent(layer, kind, said, name, last)
    elif kind in ("Dense", "Activation"):
        if said.get("activation", "linear") not in ("softmax", "linear"):
            raise ImportRefusedError("import.keras-activation", layer=name, got=str(said.get("activation"))[:40])
    elif kind not in (*_NO_EFFECT, "Embedding"):
        raise ImportRefusedError("import.keras-layer", layer=name, kind=kind[:60])


def _check_recurrent(layer: dict[str, Any], kind: str, said: dict[str, Any], name: str, last: bool) -> None:
    active, gate = said.get("activation", "tanh"), said.get("recurrent_activation", "sigmoid")
    allowed = _ACTIVATIONS if kind == "SimpleRNN" else ("tanh",)
    if active not in allowed or gate != "sigmoid":
        raise ImportRefusedError(
            "import.keras-activation", layer=name, got=str(active if active not in allowed else gate)[:40]
        )
    both = layer["class_name"] == "Bidirectional"
    if said.get("go_backwards") or (both and layer["config"].get("merge_mode", "concat") != "concat"):
        raise ImportRefusedError("import.keras-direction", layer=name)
    if not said.get("return_sequences") and (both or not last):
        raise ImportRefusedError("import.keras-last-only", layer=name)


# ---- from Keras' layout to torch's


def _opened(kind: str, datasets: Mapping[str, Array], config: dict[str, Any] | None) -> Opened:
    grouped: dict[str, Weights] = {}
    for path, array in datasets.items():
        parts = path.removeprefix("layers/").split("/")
        side = next((way for way in ("backward", "forward") if any(p.startswith(way) for p in parts[1:])), "")
        grouped.setdefault(parts[0], {}).setdefault(side, {})[_role(parts)] = (path, array)
    ordered = list(_in_order(grouped, config))
    arrays: dict[str, Array] = {}
    origins: dict[str, tuple[str, tuple[int, ...]]] = {}
    modules: dict[str, dict[str, Any]] = {}
    for number, (said, weights) in enumerate(ordered):
        for name, (path, array, original) in _renamed(number, said, weights):
            arrays[name], origins[name] = array, (path, original)
        modules[f"layer{number}"] = _facts(said, weights)
    return Opened(kind, arrays, origins, (), modules)


def _role(parts: list[str]) -> str:
    last = parts[-1].partition(":")[0]
    if not last.isdigit():
        return last
    recurrent = "cell" in parts[:-1] or any(part.endswith("_cell") for part in parts)
    roles = _ROLES if recurrent else ("kernel", "bias")
    return roles[int(last)] if int(last) < len(roles) else last


def _in_order(grouped: dict[str, Weights], config: dict[str, Any] | None) -> Iterator[tuple[dict[str, Any], Weights]]:
    """Each layer that has weights, with what is said of it."""
    if config is None:
        yield from (({}, weights) for weights in grouped.values())
        return
    layers, seen = _layers(config), dict[str, int]()
    recurrent = [n for n, layer in enumerate(layers) if _inside(layer)["class_name"] in _RECURRENT]
    for number, layer in enumerate(layers):
        _check_layer(layer, last=number == max(recurrent, default=-1))
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", layer["class_name"]).lower()
        count = seen[snake] = seen.get(snake, -1) + 1
        counted = f"{snake}_{count}" if count else snake
        name = str(layer["config"].get("name"))
        if (weights := grouped.get(name) or grouped.get(counted)) is not None:
            yield layer, weights


def _renamed(
    number: int, said: dict[str, Any], weights: Weights
) -> Iterator[tuple[str, tuple[str, Array, tuple[int, ...]]]]:
    """Our name -> path, numbers in torch's layout, and the shape in the file."""
    kind = _inside(said)["class_name"] if said else ""
    for side, roles in weights.items():
        if "recurrent_kernel" in roles:
            end = "_l0_reverse" if side == "backward" else "_l0"
            for name, (path, array) in _recurrent(roles).items():
                yield f"layer{number}.{name}{end}", (path, array, roles[_role_of(name)][1].shape)
            continue
        alone = kind == "Embedding" or "embeddings" in roles or (not kind and "bias" not in roles)
        for role, (path, array) in roles.items():
            if role in ("kernel", "embeddings"):
                name = f"embedding{number}.weight" if alone else f"head{number}.weight"
                yield name, (path, array if alone else array.T, array.shape)
            else:
                yield f"head{number}.{role}", (path, array, array.shape)


def _role_of(name: str) -> str:
    return {"weight_ih": "kernel", "weight_hh": "recurrent_kernel"}.get(name, "bias")


def _recurrent(roles: dict[str, tuple[str, Array]]) -> dict[str, tuple[str, Array]]:
    """The weights of one net by the beginnings of torch's names."""
    if "kernel" not in roles:
        raise ImportRefusedError("import.keras-config")
    (path_ih, kernel), (path_hh, recurrent) = roles["kernel"], roles["recurrent_kernel"]
    cell = CELL_OF_BLOCKS.get(recurrent.shape[-1] // max(recurrent.shape[0], 1))
    if kernel.ndim != 2 or recurrent.ndim != 2 or cell is None or kernel.shape[1] != recurrent.shape[1]:
        raise ImportRefusedError(
            "import.odd-layer", tensor=path_ih, shape=kernel.shape, other=path_hh, other_shape=recurrent.shape
        )
    order = _ORDER[cell]
    bias = roles.get("bias")
    if bias is not None and cell != "rnn" and bias[1].shape == (2 * kernel.shape[1],):  # of cuDNN
        kernel, recurrent = _from_cudnn(kernel, len(order)), _turned(recurrent, len(order))
    found = {
        "weight_ih": (path_ih, _stacked(kernel.T, order)), "weight_hh": (path_hh, _stacked(recurrent.T, order))
    }  # fmt: skip
    if bias is not None:
        if bias[1].size not in (kernel.shape[1], 2 * kernel.shape[1]):
            raise ImportRefusedError("import.odd-bias", tensor=bias[0], shape=bias[1].shape, expected=kernel.shape[1])
        rows = bias[1].reshape(-1, kernel.shape[1])
        found |= {
            f"bias_{part}": (bias[0], _stacked(row, order)) for part, row in zip(("ih", "hh"), rows, strict=False)
        }
    return found


def _stacked(rows: Array, order: tuple[int, ...]) -> Array:
    if not rows.ndim or len(rows) % len(order):
        raise ImportRefusedError("import.keras-config")
    return np.concatenate([np.split(rows, len(order))[place] for place in order])


def _from_cudnn(kernel: Array, blocks: int) -> Array:
    return np.hstack([block.T.reshape(block.shape, order="F") for block in np.hsplit(kernel, blocks)])


def _turned(recurrent: Array, blocks: int) -> Array:
    return np.hstack([block.T for block in np.hsplit(recurrent, blocks)])


def _facts(said: dict[str, Any], weights: Weights) -> dict[str, Any]:
    """Of a recurrent layer: its activation, and of a GRU where its reset gate acts, by what is said or by its bias."""
    roles = next(iter(weights.values()))
    if "recurrent_kernel" not in roles:
        return {}
    config = _inside(said)["config"] if said else {}
    facts: dict[str, Any] = {"last_only": bool(said) and not config.get("return_sequences")}
    if config.get("activation") in _ACTIVATIONS:
        facts["activation"] = config["activation"]
    recurrent = roles["recurrent_kernel"][1]
    bias = roles["bias"][1] if "bias" in roles else None
    after = config.get("reset_after") if bias is None else bias.size == 2 * recurrent.shape[-1]
    return facts if after is None else facts | {"reset": "after" if after else "before"}
