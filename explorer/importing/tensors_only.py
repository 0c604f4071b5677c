"""An unpickler that builds numbers, texts, containers and descriptions of tensors, and nothing else.

A pickle is a program for a small stack machine. Here its instructions are carried out, but a name of a class or function is
only ever a name: nothing is imported, looked up or called. What a file would construct of a class becomes a `Stub`, which holds
the class's name and the state that was put into it. The few names that build tensors and plain containers are in `_KNOWN`.
The instructions are those of Python's own documentation of protocols 0 to 5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from explorer.importing.opened import ImportRefusedError

MAX_INSTRUCTIONS = 1_000_000  # and values that are copied


@dataclass(frozen=True)
class Named:
    """The name of a class or function in a pickle, never looked up."""

    path: str


@dataclass(eq=False)
class Stub:
    """An object of a class that is not known here: what it was made from, and the state that was put into it."""

    path: str
    arguments: tuple[Any, ...] = ()
    state: dict[Any, Any] = field(default_factory=dict)
    items: dict[Any, Any] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Storage:
    """The numbers of some tensors: their format as torch calls it ("Float"), their key in the file, and how many there are."""

    kind: str
    key: str
    count: int
    start: int = 0
    held: bytes | str = (
        b""  # a file of its own, in which a plain pickle keeps a storage; a text of its bytes in protocol 2
    )


@dataclass(frozen=True, eq=False)
class TensorAt:
    """A tensor: where it lies in its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(eq=False)
class ArrayAt:
    """An array of numpy inside a pickle: its state is (version, shape, dtype, in Fortran's order, bytes)."""

    state: tuple[Any, ...] = ()


class _Mark:
    """Where a group of values begins on the stack."""


_MARK = _Mark()


class Machine:
    """Runs one pickle.

    Args:
        data: the file.
        start: where the pickle begins.

    """

    def __init__(self, data: bytes, start: int = 0) -> None:
        self.data, self.at, self.left = data, start, MAX_INSTRUCTIONS
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, str] = {}  # the key of each storage that was named -> the format of its numbers

    def run(self) -> Any:
        """The value of the pickle; `at` is then where it ended.

        Raises:
            ImportRefusedError: it is cut off, or not a pickle.

        """
        try:
            return self._run()
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error, OverflowError) as fault:
            if isinstance(fault, ImportRefusedError):
                raise
            raise ImportRefusedError("import.damaged-pickle", at=self.at) from fault

    def _run(self) -> Any:
        while (code := self.take(1)) != b".":
            self.spend(1)
            _INSTRUCTIONS[code](self)
        return self.pop()

    def spend(self, count: int) -> None:
        """Count what is done, so that a short program cannot make much of little."""
        self.left -= count
        if self.left < 0:
            raise ImportRefusedError("import.too-many-instructions", most=MAX_INSTRUCTIONS)

    # ---- reading, and the stack

    def take(self, count: int) -> bytes:
        """The next bytes of the pickle."""
        if not 0 <= count <= len(self.data) - self.at:
            raise ImportRefusedError("import.cut-off", at=self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        """The next number, in the form of struct."""
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def line(self, encoding: str = "utf-8") -> str:
        """The next line."""
        end = self.data.index(b"\n", self.at)
        return self.take(end - self.at + 1)[:-1].decode(encoding)

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take a value off the stack."""
        value = self.stack.pop()
        if value is _MARK:
            raise IndexError
        return value

    def group(self) -> list[Any]:
        """Take everything off the stack down to the last mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise IndexError

    def top(self) -> Any:
        """The value on top of the stack."""
        if self.stack[-1] is _MARK:
            raise IndexError
        return self.stack[-1]


def _set_items(machine: Machine, pairs: list[Any]) -> None:
    target = machine.top()
    items = target.items if isinstance(target, Stub) else target
    if not isinstance(items, dict) or len(pairs) % 2:
        raise TypeError
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        items[_key(key)] = value


def _key(key: Any) -> Hashable:
    """A key that can be compared at no cost: a text, a number, or the object itself; anything nested becomes a new key."""
    return key if isinstance(key, str | bytes | int | float | Stub | Named | None) else object()


def _append(machine: Machine, values: list[Any]) -> None:
    target = machine.top()
    values_of = target.values if isinstance(target, Stub) else target
    if not isinstance(values_of, list):
        raise TypeError
    values_of.extend(values)


def _reduce(machine: Machine) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.spend(sum(len(each) for each in arguments if isinstance(each, list | tuple | dict)))
    machine.push(_called(function, arguments))


def _called(function: Any, arguments: Any) -> Any:
    """What a known name makes of its arguments; a Stub for everything else."""
    if not isinstance(arguments, tuple):
        raise TypeError
    if isinstance(function, Stub):  # a class that was itself made by a call
        return Stub(function.path, arguments)
    if not isinstance(function, Named):
        raise TypeError
    known = _KNOWN.get(function.path)
    return Stub(function.path, arguments) if known is None else known(*arguments)


def _build(machine: Machine) -> None:
    state, target = machine.pop(), machine.top()
    if isinstance(target, ArrayAt):
        target.state = state
    elif isinstance(target, Stub):
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                target.state.update(part)


def _new(machine: Machine, keywords: bool) -> None:
    if keywords:
        machine.pop()
    _reduce(machine)


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(Named(f"{_text(module)}.{_text(name)}"))


def _instance(machine: Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.push(_called(Named(f"{module}.{name}"), tuple(machine.group())))


def _object(machine: Machine) -> None:
    kind, *arguments = machine.group()
    machine.push(_called(kind, tuple(arguments)))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) >= 2**62:
        raise TypeError
    return value


def _wholes(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple | list):
        raise TypeError
    return tuple(map(_whole, values))


# ---- names that are known

_STORAGES = "Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"


def _persistent(machine: Machine, identity: Any) -> Any:
    """What torch puts outside of the pickle: the numbers of tensors, and the source text of classes."""
    if not isinstance(identity, tuple) or not identity:
        raise TypeError
    if identity[0] == "module":
        return identity[1]
    tag, kind, key, _, count, *view = identity
    if tag != "storage" or not isinstance(kind, Named):
        raise TypeError
    kept = kind.path.rpartition(".")[2].removesuffix("Storage")
    if kept not in _STORAGES:
        raise ImportRefusedError("import.odd-storage", got=kind.path)
    name = str(_whole(key)) if isinstance(key, int) else _text(key)
    machine.storages[name] = kept
    if view and view[0] is not None:  # in the old format, a storage may be a part of another
        _, offset, size = view[0]
        return Storage(kept, name, _whole(size), _whole(offset))
    return Storage(kept, name, _whole(count))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorAt:
    if not isinstance(storage, Storage):
        raise TypeError
    return TensorAt(storage, _whole(offset), _wholes(shape), _wholes(strides))


def _listed(values: Any = (), *_: Any) -> list[Any]:
    if not isinstance(values, list | tuple):
        raise TypeError
    return list(values)


def _mapped(pairs: Any = (), *_: Any) -> dict[Any, Any]:
    if isinstance(pairs, dict):
        return dict(pairs)
    if not isinstance(pairs, list | tuple):
        raise TypeError
    return {_key(key): value for key, value in pairs}


def _own_file(data: Any) -> Storage:
    if not isinstance(data, bytes | str):
        raise TypeError
    return Storage("", "", 0, 0, data)


def _wrapped(tensor: Any = None, *_: Any) -> TensorAt:
    if not isinstance(tensor, TensorAt):
        raise TypeError
    return tensor


_KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _mapped,
    "collections.Counter": _mapped,
    "collections.defaultdict": lambda *_: {},
    "builtins.dict": _mapped,
    "builtins.list": _listed,
    "builtins.set": _listed,
    "builtins.frozenset": _listed,
    "builtins.tuple": lambda values=(): tuple(_listed(values)),
    "__builtin__.set": _listed,
    "__builtin__.dict": _mapped,
    "__builtin__.list": _listed,
    "_codecs.encode": lambda text, *_: text,  # bytes, as Python 2 wrote them: encoded where they are wanted
    "torch.Size": lambda values=(): tuple(_listed(values)),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _wrapped,
    "torch._utils._rebuild_parameter_with_state": _wrapped,
    "torch.nn.parameter.Parameter": _wrapped,  # until 0.3
    "torch.autograd.variable.Variable": _wrapped,
    "torch.storage._load_from_bytes": _own_file,
    "numpy.core.multiarray._reconstruct": lambda *_: ArrayAt(),
    "numpy._core.multiarray._reconstruct": lambda *_: ArrayAt(),
    "copyreg._reconstructor": lambda kind, *_: _called(kind, ()),
    "copy_reg._reconstructor": lambda kind, *_: _called(kind, ()),
}


# ---- the instructions


def _get(machine: Machine, place: int) -> None:
    machine.push(machine.memo[place])


def _put(machine: Machine, place: int) -> None:
    machine.memo[place] = machine.top()


def _tuple_of(count: int) -> Callable[[Machine], None]:
    def take(machine: Machine) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(values)))

    return take


def _constant(value: Any) -> Callable[[Machine], None]:
    return lambda machine: machine.push(value)


def _counted_text(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)).decode("utf-8", "surrogatepass"))


def _counted_bytes(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)))


def _old_text(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.take(machine.number(form)).decode("latin-1"))


def _long(form: str) -> Callable[[Machine], None]:
    def take(machine: Machine) -> None:
        data = machine.take(machine.number(form))
        if len(data) > 64:
            raise ValueError
        machine.push(int.from_bytes(data, "little", signed=True))

    return take


def _integer_line(machine: Machine) -> None:
    line = machine.line().removesuffix("L")
    machine.push({"00": False, "01": True}[line] if line in ("00", "01") else int(line))


def _string_line(machine: Machine) -> None:
    line = machine.line()
    if len(line) < 2 or line[0] != line[-1] or line[0] not in "'\"":
        raise ValueError
    machine.push(line[1:-1])


def _global(machine: Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.push(Named(f"{module}.{name}"))


def _drop_group(machine: Machine) -> None:
    machine.group()


_INSTRUCTIONS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": lambda m: _drop(m.take(1)),  # the protocol's number
    b"\x95": lambda m: _drop(m.take(8)),  # the length of a frame
    b"(": lambda m: m.push(_MARK),
    b"0": lambda m: _drop(m.pop()),
    b"1": _drop_group,
    b"2": lambda m: m.push(m.top()),
    b"N": _constant(None), b"\x88": _constant(True), b"\x89": _constant(False), b")": _constant(()),
    b"]": lambda m: m.push([]), b"}": lambda m: m.push({}), b"\x8f": lambda m: m.push([]),
    b"I": _integer_line, b"L": _integer_line, b"F": lambda m: m.push(float(m.line())),
    b"J": lambda m: m.push(m.number("<i")), b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")), b"\x8a": _long("<B"), b"\x8b": _long("<i"),
    b"G": lambda m: m.push(float(struct.unpack(">d", m.take(8))[0])),
    b"S": _string_line, b"V": lambda m: m.push(m.line("raw-unicode-escape")), b"T": _old_text("<i"), b"U": _old_text("<B"),
    b"X": _counted_text("<I"), b"\x8c": _counted_text("<B"), b"\x8d": _counted_text("<Q"),
    b"B": _counted_bytes("<I"), b"C": _counted_bytes("<B"), b"\x8e": _counted_bytes("<Q"), b"\x96": _counted_bytes("<Q"),
    b"t": lambda m: m.push(tuple(m.group())), b"\x85": _tuple_of(1), b"\x86": _tuple_of(2), b"\x87": _tuple_of(3),
    b"l": lambda m: m.push(m.group()),
    b"d": lambda m: _filled(m, m.group()),
    b"a": lambda m: _append(m, [m.pop()]),
    b"e": lambda m: _append(m, m.group()), b"\x90": lambda m: _append(m, m.group()),
    b"\x91": lambda m: m.push(m.group()),  # a frozenset
    b"s": lambda m: _set_items(m, [m.pop(), m.pop()][::-1]),
    b"u": lambda m: _set_items(m, m.group()),
    b"g": lambda m: _get(m, int(m.line())), b"h": lambda m: _get(m, m.number("<B")), b"j": lambda m: _get(m, m.number("<I")),
    b"p": lambda m: _put(m, int(m.line())), b"q": lambda m: _put(m, m.number("<B")), b"r": lambda m: _put(m, m.number("<I")),
    b"\x94": lambda m: _put(m, len(m.memo)),
    b"c": _global, b"\x93": _stack_global, b"R": _reduce, b"b": _build, b"i": _instance, b"o": _object,
    b"\x81": lambda m: _new(m, keywords=False), b"\x92": lambda m: _new(m, keywords=True),
    b"Q": lambda m: m.push(_persistent(m, m.pop())),
}  # fmt: skip


def _drop(_: Any) -> None:
    """A value that is not wanted."""


def _filled(machine: Machine, pairs: list[Any]) -> None:
    machine.push({})
    _set_items(machine, pairs)
