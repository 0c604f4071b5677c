"""Cells whose gates have matrices of their own, as textbooks write them: W_xz, W_hz, b_z or Wz, Uz, bz, also as linear layers.

They are put on top of each other, so that the rest of the import sees stacked weights. d2l's parameters multiply from the right
(x @ W), a linear layer's from the left; a rectangular matrix shows which it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from explorer.importing.opened import Array, Opened

_NAME = re.compile(
    r"(?P<prefix>(?:.*[._])?)(?P<what>weight|bias|w|u|b)_?(?P<side>[xih])?_?(?P<gate>[rzhncifog])(?P<tail>\.weight|\.bias)?",
    re.I,
)
_CELLS = ("rz", "hncg", "rz*"), ("ifo", "cg", "if*o")  # the gates, letters of the candidate, and the order of ours

Groups = dict[str, dict[str, dict[str, str]]]  # prefix -> "w_ih", "b_hh", ... -> letter -> name


def fused(opened: Opened) -> Opened:
    """The same with the gates of each cell in one matrix, where they stand in several; else as it was."""
    arrays, origins = dict(opened.arrays), dict(opened.origins)
    for prefix, roles in _grouped(opened.arrays).items():
        letters = _letters(roles)
        if letters is None or not (parts := _stacked(opened.arrays, roles, letters)):
            continue
        for role, (names, array) in parts.items():
            arrays[f"{prefix}{role}"] = array
            origins[f"{prefix}{role}"] = (", ".join(opened.origin(name)[0] for name in names), array.shape)
            for name in names:
                del arrays[name]
    return replace(opened, arrays=arrays, origins=origins)


def _grouped(arrays: Mapping[str, Array]) -> Groups:
    groups: Groups = {}
    for name in arrays:
        if (match := _NAME.fullmatch(name)) is None:
            continue
        what, side, tail = match["what"].lower(), (match["side"] or "").lower(), (match["tail"] or "").lower()
        kind = "b" if what in ("b", "bias") or tail == ".bias" else "w"
        acts_on = "hh" if side == "h" or what == "u" else "ih"
        groups.setdefault(match["prefix"], {}).setdefault(f"{kind}_{acts_on}", {})[match["gate"].lower()] = name
    return groups


def _letters(roles: Mapping[str, Mapping[str, str]]) -> str | None:
    """The letters of a cell's parts in our order; None where they are those of none."""
    inputs, states = roles.get("w_ih", {}), roles.get("w_hh", {})
    for gates, candidates, order in _CELLS:
        candidate = set(inputs) - set(gates)
        if (
            set(inputs) == set(states)
            and set(gates) <= set(inputs)
            and candidate <= set(candidates)
            and len(candidate) == 1
        ):
            return order.replace("*", candidate.pop())
    return None


def _stacked(
    arrays: Mapping[str, Array], roles: Mapping[str, Mapping[str, str]], letters: str
) -> dict[str, tuple[list[str], Array]]:
    """Beginning of torch's name -> names in the file and stacked numbers; nothing where the shapes do not fit."""
    inputs, states = ([arrays[roles[role][letter]] for letter in letters] for role in ("w_ih", "w_hh"))
    hidden = states[0].shape[-1] if states[0].ndim else 0
    if {array.shape for array in states} != {(hidden, hidden)} or len({array.shape for array in inputs}) != 1:
        return {}
    if inputs[0].ndim != 2 or hidden not in inputs[0].shape:
        return {}
    rows, columns = inputs[0].shape
    linear = roles["w_ih"][letters[0]].endswith(".weight")
    turned = rows != hidden or (columns == hidden and not linear)
    parts = {}
    for role, each in (("ih", inputs), ("hh", states)):
        matrices = [array.T for array in each] if turned else each
        parts[f"weight_{role}"] = ([roles[f"w_{role}"][letter] for letter in letters], np.concatenate(matrices))
    for role in ("ih", "hh"):
        names = roles.get(f"b_{role}", {})
        if set(names) == set(letters) and all(arrays[name].size == hidden for name in names.values()):
            biases = [arrays[names[letter]].reshape(-1) for letter in letters]
            parts[f"bias_{role}"] = ([names[letter] for letter in letters], np.concatenate(biases))
    return parts
