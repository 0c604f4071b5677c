"""What stands in the value of a pickle: which tensors, under which names, in which modules, and what may be a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.importing.opened import MAX_TENSORS, ImportRefusedError, LeftOut, check_name
from explorer.importing.tensors_only import ArrayAt, Stub, TensorAt
from explorer.words import Saying

MAX_DEPTH = 24
MAX_VISITED = 200_000
_FACTS = "mode", "nonlinearity"
_TRAINING = "optim", "scheduler", "ema_state", "grad_scaler", "scaler"


@dataclass
class Found:
    """What was met so far, by the names that lead to it."""

    tensors: dict[str, Any] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    modules: dict[str, dict[str, Any]] = field(default_factory=dict)
    vocabularies: dict[str, Any] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    visited: int = 0


def walk(value: Any) -> Found:
    """Everything that can be found in a value.

    Raises:
        ImportRefusedError: nested too deeply, or too much of it.

    """
    found = Found()
    _visit(found, value, (), is_tensor=lambda leaf: isinstance(leaf, TensorAt | ArrayAt))
    return found


def walk_state(value: Mapping[Any, Any], is_tensor: Any) -> Found:
    """The same for a dict in memory, whose tensors are recognised by a function."""
    found = Found()
    _visit(found, value, (), is_tensor)
    return found


def _visit(found: Found, value: Any, path: tuple[str, ...], is_tensor: Any) -> None:
    if isinstance(value, str | bytes | int | float | None):
        return  # a checkpoint may hold long lists of numbers
    found.visited += 1
    if len(path) > MAX_DEPTH or found.visited > MAX_VISITED:
        raise ImportRefusedError("import.nested")
    if is_tensor(value):
        _add_tensor(found, value, path)
    elif path and path[-1].lower().startswith(_TRAINING):
        found.left_out.append(LeftOut(check_name(".".join(path)), (), Saying("import.left.training")))
    elif isinstance(value, Stub | Mapping | list | tuple) and id(value) not in found.seen:
        found.seen.add(id(value))
        if _may_be_vocabulary(value):
            found.vocabularies[".".join(path)] = value
            return
        for name, child in _children(found, value, path):
            _visit(found, child, (*path, name or "_"), is_tensor)


def _add_tensor(found: Found, value: Any, path: tuple[str, ...]) -> None:
    if len(found.tensors) >= MAX_TENSORS:
        raise ImportRefusedError("import.too-many-tensors", most=MAX_TENSORS)
    found.tensors[check_name(".".join(path))] = value


def _children(found: Found, value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Stub):
        yield from _of_object(found, value, path)
    elif isinstance(value, Mapping):
        yield from ((str(key), child) for key, child in value.items() if isinstance(key, str | int))
    else:
        yield from ((str(place), child) for place, child in enumerate(value))


def _of_object(found: Found, value: Stub, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Of a module of torch its parameters, buffers and modules; of another object its attributes."""
    facts = {name: value.state[name] for name in _FACTS if isinstance(value.state.get(name), str | int)}
    found.modules[".".join(path)] = {"class": value.path, **facts}
    for group in ("_parameters", "_buffers", "_modules"):
        members = value.state.get(group)
        if isinstance(members, dict):
            yield from ((str(name), child) for name, child in members.items() if child is not None)
    hidden = "_parameters" in value.state  # a module: what it keeps beside them is no parameter
    for name, child in value.state.items():
        if isinstance(name, str) and not name.startswith("_") and not (hidden and isinstance(child, TensorAt)):
            yield name, child
    yield from ((str(key), child) for key, child in value.items.items() if isinstance(key, str | int))
    yield from ((str(place), child) for place, child in enumerate(value.values))


def _may_be_vocabulary(value: Any) -> bool:
    """Whether it is a list of texts, or a dict between texts and whole numbers; as keys, JSON has texts of these."""
    if isinstance(value, list | tuple):
        return len(value) > 1 and all(isinstance(each, str) for each in value)
    if not isinstance(value, dict) or len(value) < 2:
        return False
    if all(isinstance(key, str) and type(each) is int for key, each in value.items()):
        return True
    return all(
        isinstance(each, str) and (type(key) is int or (isinstance(key, str) and key.isdigit()))
        for key, each in value.items()
    )
