"""ONNX graphs: recurrent operators, what is looked up before them and multiplied after them.

Gates stand in the order z, r, h and i, o, f, c (onnx/docs/Operators.md), the biases of input and state in one row;
`linear_before_reset` says where a GRU's reset gate acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from explorer.importing.opened import (
    MAX_NUMBERS,
    MAX_TENSORS,
    Array,
    ImportRefusedError,
    Opened,
    as_array,
    check_name,
)
from explorer.words import Saying

_ORDER = {"GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1), "RNN": (0,)}  # where our blocks of rows stand in ONNX'
_USUAL = {"GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
_ACTIVATIONS = {"Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid"}
_MOVES = (  # they move numbers, or make shapes and zeros, and compute nothing else
    "Transpose", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Shape", "Constant", "ConstantOfShape", "Expand", "Concat",
    "Slice", "Split", "Cast", "Identity", "Dropout", "OneHot", "Gather", "Softmax", "LogSoftmax",
)  # fmt: skip
_PRODUCTS = "MatMul", "Gemm", "Add"


def open_onnx(data: bytes) -> Opened:
    """An .onnx file.

    Raises:
        ImportRefusedError: the package onnx is missing, the file is damaged, or computes what we do not have.

    """
    try:
        onnx = import_module("onnx")
        numpy_helper = import_module("onnx.numpy_helper")
    except ImportError as fault:
        raise ImportRefusedError("import.needs-package", kind=Saying("file.onnx"), package="onnx") from fault
    try:
        graph = onnx.load_model_from_string(data).graph
        constants = _constants(graph, numpy_helper.to_array)
        return _opened(graph, constants)
    except ImportRefusedError:
        raise
    except Exception as fault:  # of somebody else's reader, on a damaged file
        raise ImportRefusedError("import.damaged-onnx") from fault


def _constants(graph: Any, to_array: Any) -> dict[str, Array]:
    """Name -> numbers of everything that stands in the file itself; a file beside it is never read."""
    found: dict[str, Array] = {}
    left = MAX_NUMBERS
    for name, tensor in _tensors(graph):
        if tensor.data_location or tensor.external_data:
            raise ImportRefusedError("import.onnx-elsewhere", tensor=check_name(name))
        left -= prod(tensor.dims)
        if left < 0 or len(found) >= MAX_TENSORS or any(size < 0 for size in tensor.dims):
            raise ImportRefusedError("import.too-many-numbers", most=MAX_NUMBERS)
        found[check_name(name)] = as_array(name, to_array(tensor))
    return found


def _tensors(graph: Any) -> Iterator[tuple[str, Any]]:
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        if node.op_type == "Constant":
            yield from ((node.output[0], each.t) for each in node.attribute if each.name == "value")


def _opened(graph: Any, constants: Mapping[str, Array]) -> Opened:
    arrays: dict[str, Array] = {}
    origins: dict[str, tuple[str, tuple[int, ...]]] = {}
    modules: dict[str, dict[str, Any]] = {}
    used: set[str] = set()
    for number, node in enumerate(graph.node):
        if node.op_type in _ORDER:
            modules[f"layer{number}"] = _facts(node)
            parts = _recurrent(number, node, constants)
        else:
            parts = _weights(number, node, constants)
        for name, source, array in parts:
            arrays[name], origins[name] = array, (source, tuple(constants[source].shape))
            used.add(source)
    # What nothing was made of, and is no state of zeros: shapes, or a reason to refuse.
    rest = {n: array for n, array in constants.items() if n not in used and (array.dtype.kind != "f" or array.any())}
    return Opened("file.onnx", arrays | rest, origins, (), modules)


Part = tuple[str, str, Array]  # our name, the file's, numbers in torch's layout


def _weights(number: int, node: Any, constants: Mapping[str, Array]) -> Iterator[Part]:
    """Of an operator that is not recurrent: an embedding, or a part of the output."""
    kind, held = node.op_type, [name for name in node.input if name in constants]
    if kind not in (*_MOVES, *_PRODUCTS) or node.domain not in ("", "ai.onnx") or (kind == "Add" and not held):
        raise ImportRefusedError("import.onnx-operator", operator=kind[:40], node=node.name[:60])
    weights = [name for name in held if constants[name].dtype.kind == "f" and constants[name].size > 1]
    if kind == "Gather" and node.input[0] in weights:
        yield f"embedding{number}.weight", node.input[0], constants[node.input[0]]
    elif kind in ("MatMul", "Gemm") and node.input[1] in weights:
        turned = kind == "MatMul" or not _attributes(node).get("transB")
        array = constants[node.input[1]]
        yield f"head{number}.weight", node.input[1], array.T if turned else array
        if kind == "Gemm":
            _check_scales(node)
            yield from ((f"head{number}.bias", name, constants[name]) for name in node.input[2:] if name in weights)
    elif kind == "Add":
        yield from ((f"head{number}.bias", name, constants[name]) for name in weights)


def _check_scales(node: Any) -> None:
    attributes = _attributes(node)
    if attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) != 1 or attributes.get("transA"):
        raise ImportRefusedError("import.onnx-operator", operator=node.op_type, node=node.name[:60])


def _recurrent(number: int, node: Any, constants: Mapping[str, Array]) -> Iterator[Part]:
    """The weights of a recurrent operator, direction by direction."""
    names = [*node.input, *[""] * 8][:8]
    order = _ORDER[node.op_type]
    if names[7] or any(name and name in constants and constants[name].any() for name in names[5:7]):
        raise ImportRefusedError("import.onnx-state", node=node.name[:60] or node.op_type)
    if not {names[1], names[2]} <= set(constants) or (names[3] and names[3] not in constants):
        raise ImportRefusedError("import.onnx-weights", node=node.name[:60] or node.op_type)
    for way in range(len(constants[names[1]])):
        end = "_l0_reverse" if way else "_l0"
        for part, name in (("weight_ih", names[1]), ("weight_hh", names[2])):
            yield f"layer{number}.{part}{end}", name, _stacked(constants[name][way], order)
        if names[3]:
            for part, rows in zip(("bias_ih", "bias_hh"), np.split(constants[names[3]][way], 2), strict=True):
                yield f"layer{number}.{part}{end}", names[3], _stacked(rows, order)


def _stacked(rows: Array, order: tuple[int, ...]) -> Array:
    return np.concatenate([np.split(rows, len(order))[place] for place in order])


def _facts(node: Any) -> dict[str, Any]:
    """What the attributes say of the cell.

    Raises:
        ImportRefusedError: what ours do not have.

    """
    attributes, kind = _attributes(node), node.op_type
    way = attributes.get("direction", "forward")
    ways = 2 if way == "bidirectional" else 1
    default = _USUAL.get(kind, ("Tanh",)) * ways
    active = tuple(attributes.get("activations", default))
    odd = active != default if kind in _USUAL else len(set(active)) > 1 or active[0] not in _ACTIVATIONS
    if odd or way == "reverse" or attributes.get("clip") or attributes.get("input_forget") or attributes.get("layout"):
        raise ImportRefusedError("import.onnx-attributes", node=node.name[:60] or kind)
    if kind == "GRU":
        return {"reset": "after" if attributes.get("linear_before_reset") else "before"}
    return {"activation": _ACTIVATIONS[active[0]]} if kind == "RNN" else {}


def _attributes(node: Any) -> dict[str, Any]:
    """Name -> value; texts as texts."""
    values: dict[str, Any] = {}
    for each in node.attribute:
        texts = [text.decode("utf-8", "replace") for text in each.strings]
        kinds = {1: each.f, 2: each.i, 3: each.s.decode("utf-8", "replace"), 7: list(each.ints), 8: texts}
        values[each.name] = kinds.get(each.type)
    return values
