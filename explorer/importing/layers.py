"""From names and shapes to recurrent layers: which tensors are weights of which layer, in which direction, of which cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from explorer.cells import CELLS
from explorer.importing.opened import Array, ImportRefusedError
from explorer.models import NetKey

CELL_OF_BLOCKS = {1: "rnn", 3: "gru", 4: "lstm"}
_ROLE = {"weight": "w", "w": "w", "bias": "b", "b": "b"}
_PARTS = {"ih": "ih", "hh": "hh", "i2h": "ih", "x2h": "ih", "xh": "ih", "h2h": "hh", "hr": "hr", "h": "ih"}
_NAMES = (
    # rnn.weight_ih_l0_reverse, cell.weight_hh, enc_w_ih
    re.compile(
        r"(?P<prefix>.*?)(?P<what>weight|bias|w|b)_?(?P<part>ih|hh|hr)(_l(?P<layer>\d+))?(?P<reverse>_reverse)?", re.I
    ),
    # Wxh, W_hh, bh: a plain cell as it is written in numpy
    re.compile(r"(?P<prefix>(?:.*[._])?)(?P<what>w)_?(?P<part>xh|hh)(?P<layer>)(?P<reverse>)", re.I),
    re.compile(r"(?P<prefix>(?:.*[._])?)(?P<what>b)_?(?P<part>h)(?P<layer>)(?P<reverse>)", re.I),
    # i2h.weight, x2h.bias
    re.compile(r"(?P<prefix>.*?)(?P<part>i2h|x2h|xh|h2h|ih|hh)\.(?P<what>weight|bias)(?P<layer>)(?P<reverse>)", re.I),
)


@dataclass(frozen=True)
class Net:
    """One layer in one direction, as it stands in a file: names of its tensors, and its weights in torch's layout.

    Attributes:
        prefix: what the names of its tensors begin with.
        w_ih: name and numbers of the weights that act on the input, (G, E).
        w_hh: of those that act on the state, (G, H).
        b_ih: of the bias beside the first, (G,); None where there is none.
        b_hh: of the bias beside the second.

    """

    prefix: str
    w_ih: tuple[str, Array]
    w_hh: tuple[str, Array]
    b_ih: tuple[str, Array] | None = None
    b_hh: tuple[str, Array] | None = None

    @property
    def hidden(self) -> int:
        """Units H."""
        return int(self.w_hh[1].shape[1])

    @property
    def inputs(self) -> int:
        """Width E of what it reads."""
        return int(self.w_ih[1].shape[1])

    @property
    def parts(self) -> tuple[tuple[str, Array] | None, ...]:
        """Its tensors, the weights first."""
        return self.w_ih, self.w_hh, self.b_ih, self.b_hh

    @property
    def names(self) -> list[str]:
        """The names of its tensors."""
        return [part[0] for part in self.parts if part]


@dataclass(frozen=True)
class Stack:
    """The recurrent layers of a file, from the input up.

    Attributes:
        cell: a key of cells.CELLS.
        nets: every net by its layer and direction.

    """

    cell: str
    nets: Mapping[NetKey, Net]

    @property
    def names(self) -> set[str]:
        """The names of all their tensors."""
        return {name for net in self.nets.values() for name in net.names}

    @property
    def layers(self) -> int:
        """How many there are."""
        return 1 + max(net.layer for net in self.nets)

    @property
    def both_ways(self) -> bool:
        """Whether every layer has a second net that reads from the end."""
        return any(net.direction == "backward" for net in self.nets)

    @property
    def inputs(self) -> int:
        """Width of what the lowest layer reads."""
        return self.nets[NetKey(0, "forward")].inputs

    @property
    def features(self) -> int:
        """Width of what the output reads: the states of the uppermost layer side by side."""
        return self.width(self.layers - 1)

    def width(self, layer: int) -> int:
        """Width of the states of a layer, side by side."""
        return sum(net.hidden for key, net in self.nets.items() if key.layer == layer)

    def changed(self, change: Callable[[Array], Array]) -> Stack:
        """The same with all weights and biases changed, each a block of stacked rows."""
        nets = {
            key: Net(net.prefix, *((part[0], change(part[1])) if part else None for part in net.parts))  # type: ignore[arg-type]
            for key, net in self.nets.items()
        }
        return Stack(self.cell, nets)


Group = dict[str, str]  # the role of a tensor, "w_ih", "b_hh", ... -> its name
Place = tuple[str, int, bool]  # prefix, number within it, reads from the end


def find_stack(
    arrays: Mapping[str, Array], cell: str | None = None, layers: Sequence[str] | None = None
) -> tuple[Stack, set[str]]:
    """The recurrent layers, and the names of the tensors of layers that were not asked for.

    Args:
        arrays: the file's.
        cell: what the cell is; None to tell by the shapes.
        layers: prefixes of the layers from the input up; None where there is only one way.

    Raises:
        ImportRefusedError: there are none, several orders are possible, or they do not fit each other.

    """
    groups = _grouped(arrays)
    if not groups:
        matrices = [name for name, array in arrays.items() if array.ndim == 2]
        raise ImportRefusedError("import.no-layers", candidates=matrices)
    prefixes = _ordered(list(dict.fromkeys(place[0] for place in groups)), layers)
    others = {name for place, group in groups.items() if place[0] not in prefixes for name in group.values()}
    nets = {}
    for number, (prefix, within) in enumerate(_levels(groups, prefixes)):
        for reverse in (False, True):
            if (group := groups.get((prefix, within, reverse))) is not None:
                nets[NetKey(number, "backward" if reverse else "forward")] = _net(arrays, prefix, group)
    return _checked(Stack(_cell_of(nets, cell), nets)), others


def _grouped(arrays: Mapping[str, Array]) -> dict[Place, Group]:
    groups: dict[Place, Group] = {}
    for name, array in arrays.items():
        match = next(filter(None, (pattern.fullmatch(name) for pattern in _NAMES)), None)
        if match is None or array.ndim > 2 or not array.size:
            continue
        role = f"{_ROLE[match['what'].lower()]}_{_PARTS[match['part'].lower()]}"
        if role == "w_hr":
            raise ImportRefusedError("import.projection", tensor=name)
        groups.setdefault((match["prefix"], int(match["layer"] or 0), bool(match["reverse"])), {})[role] = name
    return {place: group for place, group in groups.items() if {"w_ih", "w_hh"} <= set(group)}


def _ordered(prefixes: list[str], wished: Sequence[str] | None) -> list[str]:
    """The prefixes from the input up: as they were asked for, or by their numbers where they differ in nothing else."""
    shown = {prefix.rstrip("._"): prefix for prefix in prefixes}
    if wished is not None:
        if odd := [name for name in wished if name.rstrip("._") not in shown]:
            raise ImportRefusedError("import.no-such-layer", candidates=list(shown), got=odd[0])
        return [shown[name.rstrip("._")] for name in wished]
    if len({re.sub(r"\d+", "", prefix) for prefix in prefixes}) > 1:
        raise ImportRefusedError("import.which-layers", candidates=list(shown))
    return sorted(prefixes, key=lambda prefix: [int(number) for number in re.findall(r"\d+", prefix)])


def _levels(groups: Mapping[Place, Group], prefixes: list[str]) -> list[tuple[str, int]]:
    return [
        (prefix, within) for prefix in prefixes for within in sorted({w for p, w, _ in groups if p == prefix})
    ]  # fmt: skip


def _net(arrays: Mapping[str, Array], prefix: str, group: Group) -> Net:
    w_ih, w_hh = arrays[group["w_ih"]], arrays[group["w_hh"]]
    if w_ih.ndim == w_hh.ndim == 2 and w_ih.shape[0] != w_hh.shape[0] and w_ih.shape[1] == w_hh.shape[1]:
        w_ih, w_hh = w_ih.T, w_hh.T  # x @ W instead of W @ x
    if w_ih.ndim != 2 or w_hh.ndim != 2 or w_ih.shape[0] != w_hh.shape[0] or w_hh.shape[0] % w_hh.shape[1]:
        raise ImportRefusedError(
            "import.odd-layer", tensor=group["w_ih"], shape=w_ih.shape, other=group["w_hh"], other_shape=w_hh.shape
        )
    b_ih, b_hh = (_bias(arrays, group.get(role), len(w_hh)) for role in ("b_ih", "b_hh"))
    return Net(prefix, (group["w_ih"], w_ih), (group["w_hh"], w_hh), b_ih, b_hh)


def _bias(arrays: Mapping[str, Array], name: str | None, rows: int) -> tuple[str, Array] | None:
    if name is None:
        return None
    if arrays[name].size != rows:
        raise ImportRefusedError("import.odd-bias", tensor=name, shape=arrays[name].shape, expected=rows)
    return name, arrays[name].reshape(-1)


def _cell_of(nets: Mapping[NetKey, Net], wished: str | None) -> str:
    blocks = {net.w_hh[1].shape[0] // net.hidden for net in nets.values()}
    cells = {CELL_OF_BLOCKS.get(count) for count in blocks}
    net = next(iter(nets.values()))
    if len(blocks) > 1:
        raise ImportRefusedError("import.several-cells", blocks=sorted(blocks))
    (cell,) = cells
    if cell is None or (wished is not None and wished != cell):
        raise ImportRefusedError(
            "import.other-cell", candidates=tuple(CELL_OF_BLOCKS.values()), tensor=net.w_hh[0],
            shape=net.w_hh[1].shape, blocks=next(iter(blocks)), cell=wished or "",
        )  # fmt: skip
    return cell


def _checked(stack: Stack) -> Stack:
    """The same, if each layer reads what the one below gives, and all have the same directions."""
    if NetKey(0, "forward") not in stack.nets:
        raise ImportRefusedError("import.only-backward", tensor=next(iter(stack.names)))
    for key, net in stack.nets.items():
        if NetKey(key.layer, "forward") not in stack.nets or (
            stack.both_ways and NetKey(key.layer, "backward") not in stack.nets
        ):
            raise ImportRefusedError("import.one-way-only", tensor=net.w_ih[0])
        if key.layer and net.inputs != stack.width(key.layer - 1):
            raise ImportRefusedError(
                "import.chain", candidates=_prefixes(stack), tensor=net.w_ih[0],
                inputs=net.inputs, below=stack.width(key.layer - 1),
            )  # fmt: skip
        if key.direction == "backward" and net.inputs != stack.nets[NetKey(key.layer, "forward")].inputs:
            raise ImportRefusedError("import.one-way-only", tensor=net.w_ih[0])
    return stack


def _prefixes(stack: Stack) -> list[str]:
    return list(dict.fromkeys(net.prefix.rstrip("._") for net in stack.nets.values()))


def reordered(rows: Array, cell: str, order: str) -> Array:
    """Stacked rows brought from a file's order of gates into ours.

    Args:
        rows: (G, ...).
        cell: a key of cells.CELLS.
        order: the letters of the stacked parts in the file's order, such as "zrn" or "ifog".

    Raises:
        ImportRefusedError: these are not the cell's letters.

    """
    letters = CELLS[cell].stacked
    if sorted(order) != sorted(letters):
        raise ImportRefusedError("import.gate-order", got=order, candidates=letters)
    size = len(rows) // len(letters)
    return rows.reshape(len(letters), size, *rows.shape[1:])[[order.index(x) for x in letters]].reshape(rows.shape)


def z_turned(rows: Array, cell: str) -> Array:
    """Stacked rows of a GRU whose update gate is 1 less what it was: sigma(-a) = 1 - sigma(a).

    Raises:
        ImportRefusedError: the cell is no GRU.

    """
    if cell != "gru":
        raise ImportRefusedError("import.z-of-gru", cell=cell)
    r, z, n = np.split(rows, 3)
    return np.concatenate([r, -z, n])
