"""One step of one net, opened: every number that its equations are made of, and what becomes of them when one is changed.

The equations are those that `Cell.equations` shows. They are evaluated as they are read, and compared with the kernel that
made the states, or, where something is changed, with the cell's own step: the difference is the proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.cells import Cell, CellWeights, State, input_projection
from explorer.cells.base import logit, previous
from explorer.cells.equations import value
from explorer.fields import ConfigError, expected, finite
from explorer.interventions import check_gates, check_variant
from explorer.models import NetKey, SequenceModel
from explorer.probes.pictured import Pictured
from explorer.reads import Read, read_of
from explorer.tokens import Tokens

OWN_KERNEL = "explorer.cells"


@dataclass(frozen=True)
class CellChange:
    """What is changed at the one step. Nothing of it reaches the steps before.

    Attributes:
        unit: whose state, biases and weights are changed; counted from 0.
        before: part of the state before the step -> its value in this unit.
        bias: letter of a part -> what is added to this unit's b.
        own_weight: letter of a part -> this unit's weight of its own old state, on the diagonal of U.
        hold: letter of a gate -> the value in [0, 1] at which all units hold it.
        variant: of the cell, read off the same weights; "" for the model's own.

    """

    unit: int = 0
    before: Mapping[str, float] = field(default_factory=dict)
    bias: Mapping[str, float] = field(default_factory=dict)
    own_weight: Mapping[str, float] = field(default_factory=dict)
    hold: Mapping[str, float] = field(default_factory=dict)
    variant: str = ""


@dataclass(frozen=True, repr=False)
class OpenedCell(Pictured):
    """One step of one net in numbers, in float64.

    Attributes:
        label: what was read at the step.
        step: which step of the input, counted from 0.
        net: which layer and direction.
        cell: what kind of cell it is.
        variant: of the cell.
        held: letters of the gates that are held.
        values: name -> its value in each unit, (H,): every part by its letter; x_z, which is W_z x + b_z, and u_z, which is U_z
            h_prev + c_z, of every part z that is stacked; h_prev and c_prev; and "plain", the state of a plain cell with the
            candidate's weights, where the cell has such a limit.
        residual: max |h by the equations that are shown - h by `against`|, over all units.
        against: the name of the kernel that made the states; "explorer.cells", where something is changed or torch has none.
        biases: where each part has one: at the input "ih", at the state "hh".

    """

    label: str
    step: int
    net: NetKey
    cell: Cell
    variant: str
    held: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    residual: float
    against: str
    biases: tuple[str, ...] = ("ih", "hh")

    def _facts(self) -> dict[str, Any]:
        return {"cell": self.cell.variants[self.variant], "step": self.step, "label": self.label}

    def of_unit(self, unit: int) -> dict[str, float]:
        """The numbers of one unit, by name.

        Args:
            unit: its number, counted from 0.

        Raises:
            ConfigError: there is no such unit.

        """
        if not 0 <= unit < (count := len(self.values["h"])):
            raise ConfigError("unit", expected("unit", count=count), unit)
        return {name: float(value_H[unit]) for name, value_H in self.values.items()}

    @property
    def kept(self) -> str:
        """The part of the state that the gates keep: c of an LSTM, h of the others."""
        return self.cell.state[-1]

    @property
    def from_copy(self) -> float:
        """The largest |state after - state before| of a unit: 0 where the step only copies."""
        return float(np.abs(self.values[self.kept] - self.values[f"{self.kept}_prev"]).max())

    @property
    def from_plain(self) -> float | None:
        """The largest |h - h of a plain cell with the candidate's weights| of a unit; None where the cell has no such limit."""
        plain_H = self.values.get("plain")
        return None if plain_H is None else float(np.abs(self.values["h"] - plain_H).max())


@torch.no_grad()
def open_cell(
    model: SequenceModel,
    read: Tokens | Read,
    step: int,
    *,
    layer: int = 0,
    direction: str = "forward",
    change: CellChange | None = None,
) -> OpenedCell:
    """Open one step: every number of every unit.

    Args:
        model: left exactly as it was found.
        read: a text, or what the model has read already.
        step: counted from 0; of a net that reads from the end too, it is the step of the text.
        layer: of the net.
        direction: of the net.
        change: what is changed at this step alone; None for nothing.

    Raises:
        ConfigError: no such net, step, unit, part or variant; a value that is no number, or none of a gate; or a read of
            another model.

    """
    change = change or CellChange()
    read = read_of(model, read)
    config, cell = model.config, model.config.kind
    net = config.net(layer, direction)
    if not 0 <= step < len(read):
        raise ConfigError("step", expected("whole", least=0, most=len(read) - 1), step)
    variant = change.variant or config.variant
    _check(cell, variant, change, config.width(net))
    weights = _changed(cell, read.precise.rnn.weights(net), change)
    x_1, state = _at(read, net, step)
    state = tuple(
        _set(part_1H, change.unit, change.before.get(letter)) for letter, part_1H in zip(cell.state, state, strict=True)
    )
    projected_1G = _hold(cell, input_projection(x_1, weights), change)
    values = {f"{letter}_prev": part_1H[0] for letter, part_1H in zip(cell.state, state, strict=True)}
    values |= {f"x_{letter}": cell.rows(projected_1G[0], letter) for letter in cell.stacked}
    for letter, form in cell.equations(variant):
        # What U of this part sees may be a part that stands before it.
        if cell.recurrent and letter in cell.stacked:
            seen_H = value(cell.seen(letter, variant), values)
            values[f"u_{letter}"] = cell.rows(weights.w_hh_GH, letter) @ seen_H + cell.rows(weights.b_hh_G, letter)
        values[letter] = value(form, values)
    plain_1H = cell.plain(projected_1G, state[0], weights)
    values |= {} if plain_1H is None else {"plain": plain_1H[0]}
    unchanged = replace(change, variant=variant) == CellChange(change.unit, variant=config.variant)
    kernel = cell.kernel(variant) if unchanged else None
    h_H = read.h[net][step] if unchanged else cell.update(projected_1G, state, weights, variant).h[0]
    residual, against = float((values["h"] - h_H).abs().max()), kernel[0] if kernel else OWN_KERNEL
    arrays = {name: value_H.numpy() for name, value_H in values.items()}
    return OpenedCell(
        read.labels[step], step, net, cell, variant, tuple(change.hold), arrays, residual, against, config.biases
    )


def _at(read: Read, net: NetKey, step: int) -> tuple[Tensor, State]:
    """What a net reads at a step, ids_1 or x_1E, and the state before it, each part _1H, in float64."""
    model, h_TH = read.precise, read.h[net]
    config, x_T, first = model.config, model.rnn.input_of(net, read.x, read.h), read.first_of(model)[net]
    if config.reads_backward(net):
        x_T, h_TH, step = x_T.flip(0), h_TH.flip(0), len(read) - 1 - step
    weights = model.rnn.weights(net)
    h_prev_TH = previous(h_TH, first[0][0])[: step + 1]
    if len(first) == 1:
        return x_T[step : step + 1], (h_prev_TH[step:],)
    # The parts beside h follow from h and from what was read.
    rest: State = tuple(part_1H[0] for part_1H in first[1:])
    if step:
        projected_TG = input_projection(x_T[:step], weights)
        rest = config.kind.recover(projected_TG, h_prev_TH[:step], rest, weights, config.variant)[1]
    return x_T[step : step + 1], (h_prev_TH[step:], *(part_H.unsqueeze(0) for part_H in rest))


def _changed(cell: Cell, weights: CellWeights, change: CellChange) -> CellWeights:
    """A copy of a net's weights, with a unit's biases and its weights of itself changed, and what is held cut off."""
    copied = CellWeights(*(weight.detach().clone() for weight in weights))
    for letter, shift in change.bias.items():
        cell.rows(copied.b_ih_G, letter)[change.unit] += shift
    for letter, own in change.own_weight.items():
        cell.rows(copied.w_hh_GH, letter)[change.unit, change.unit] = own
    if cell.recurrent:
        for letter in change.hold:
            cell.rows(copied.w_hh_GH, letter).zero_()
            cell.rows(copied.b_hh_G, letter).zero_()
    return copied


def _hold(cell: Cell, projected_1G: Tensor, change: CellChange) -> Tensor:
    held_1G = projected_1G.clone()
    for letter, gate in change.hold.items():
        cell.rows(held_1G[0], letter).fill_(logit(gate))
    return held_1G


def _set(part_1H: Tensor, unit: int, to: float | None) -> Tensor:
    if to is None:
        return part_1H
    changed = part_1H.clone()
    changed[0, unit] = to
    return changed


def _check(cell: Cell, variant: str, change: CellChange, width: int) -> None:
    """Refuse what this cell does not have."""
    check_variant(cell, variant)
    check_gates(cell, change.hold, "hold")
    if not 0 <= change.unit < width:
        raise ConfigError("unit", expected("unit", count=width), change.unit)
    own = cell.stacked if cell.recurrent else ()
    asked = {"before": cell.state, "bias": cell.stacked, "own_weight": own, "hold": cell.stacked}
    for name, letters in asked.items():
        for letter, number in getattr(change, name).items():
            if letter not in letters:
                raise ConfigError(name, expected("changed", cell=cell.key, letters=list(letters)), letter)
            if finite(number) is None:
                raise ConfigError(name, expected("finite"), number)
    for number in change.hold.values():
        if not 0 <= number <= 1:
            raise ConfigError("hold", expected("value-of-gate"), number)
