"""Interventions: a model altered by hand, without training it again.

What comes out is an ordinary CharModel with other weights, so that every probe, the clip ledger and torch's own kernel
say of it what they say of any model. In particular a gate is *held* by weights: with W = U = 0 and the bias
ln(v / (1 - v)) it has the value v at every step, whatever is read.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import nn

from explorer.cells import CELLS, Cell
from explorer.cells.base import logit
from explorer.fields import ConfigError, expected, finite, got
from explorer.models import CharModel, ModelConfig, NetKey
from explorer.words import Saying, say


class HeldUnit(NamedTuple):
    """One part of one unit, held at a value at every step.

    Attributes:
        unit: its number.
        part: a gate or a part of the state, by its letter.
        value: in [0, 1] for a gate; of a state, what its cell can hold.
        layer: of its net.
        direction: of its net.

    """

    unit: int
    part: str
    value: float
    layer: int = 0
    direction: str = "forward"

    def __str__(self) -> str:
        return say("intervention.unit", unit=self.unit, part=self.part, value=self.value)


@dataclass(frozen=True)
class Intervention:
    """What is changed in every net of a model. Checked when made; false where it changes nothing.

        Intervention(hold={"z": 1})  # a GRU that keeps everything

    Attributes:
        hold: letter of a gate -> the value in [0, 1] at which it is held. A mapping is taken, pairs are kept.
        keep_bias: added to the bias of the gate that keeps (z of a GRU, f of an LSTM): above 0 it keeps more.
        recurrent: all recurrent weights U are multiplied with it, their biases are not.
        units: parts of single units that are held, after everything else.
        variant: another variant of the cell, read off the same weights: a GRU's reset gate acting "before" or "after", as
            happens where a model is carried from one library to another. None leaves it.

    """

    hold: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    keep_bias: float = 0.0
    recurrent: float = 1.0
    variant: str | None = None
    units: tuple[HeldUnit, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(HeldUnit(*unit) for unit in self.units))
        for held in self.units:
            if finite(held.value) is None:
                raise ConfigError("units", expected("finite"), held.value)
        # Pairs, so that an intervention can be a key.
        object.__setattr__(self, "hold", tuple(sorted(dict(self.hold).items())))
        for letter, value in self.held.items():
            if (number := finite(value)) is None or not 0 <= number <= 1:
                raise ConfigError(letter, expected("value-of-gate"), value)
        if finite(self.keep_bias) is None:
            raise ConfigError("keep_bias", expected("finite"), self.keep_bias)
        if (factor := finite(self.recurrent)) is None or factor < 0:
            raise ConfigError("recurrent", expected("factor"), self.recurrent)

    @property
    def held(self) -> dict[str, float]:
        """Letter of a gate -> the value it is held at."""
        return dict(self.hold)

    def __bool__(self) -> bool:
        return self != Intervention()

    def __str__(self) -> str:
        return say("intervention", changes=self._changes()) if self else say("intervention.none")

    def _changes(self) -> Iterator[Saying]:
        for gate, value in self.held.items():
            yield Saying("intervention.held", {"gate": gate, "value": value})
        if self.keep_bias:
            yield Saying("intervention.keep-bias", {"shift": self.keep_bias})
        if self.recurrent != 1:
            yield Saying("intervention.recurrent", {"factor": self.recurrent})
        for unit in self.units:
            yield Saying("intervention.unit", {"unit": unit.unit, "part": unit.part, "value": unit.value})
        if self.variant:
            titles = {variant: title for cell in CELLS.values() for variant, title in cell.variants.items()}
            yield Saying("intervention.read-as", {"variant": titles.get(self.variant, self.variant)})


@torch.no_grad()
def altered(model: CharModel, intervention: Intervention) -> CharModel:
    """A copy of a model with the intervention made in every net.

    The recurrent weights are scaled first, then the bias is shifted, then gates are held, then parts of units.

    Args:
        model: left exactly as it was found.
        intervention: what to change.

    Raises:
        ConfigError: a gate or a unit the model does not have, or a value that no weights hold.

    """
    _check(model.config.kind, intervention)
    cell = model.config.kind
    changed = copy.deepcopy(model)
    changed.zero_grad()
    if intervention.variant:
        setting: dict[str, Any] = {cell.setting: intervention.variant}
        changed.config = changed.rnn.config = replace(model.config, **setting)
    if model.config.bias == "none" and (intervention.held or intervention.keep_bias or intervention.units):
        _give_bias(changed)
    for net in model.config.nets:
        weights = changed.rnn.weights(net)
        weights.w_hh_GH.mul_(intervention.recurrent)
        if intervention.keep_bias and cell.keeps:
            cell.rows(weights.b_ih_G, cell.keeps.letter).add_(intervention.keep_bias)
        for letter, value in intervention.held.items():
            for weight in weights if cell.recurrent else (weights.w_ih_GE, weights.b_ih_G):
                cell.rows(weight, letter).zero_()
            cell.rows(weights.b_ih_G, letter).fill_(logit(value))
    for held in intervention.units:
        _hold_unit(changed, held)
    return changed


def can_hold(config: ModelConfig, held: HeldUnit) -> bool:
    """Whether a model of this kind has such a unit, and weights that hold the part at the value."""
    net = NetKey(held.layer, held.direction)
    there = net in config.nets and 0 <= held.unit < config.width(net) and finite(held.value) is not None
    return there and config.kind.held(held.part, held.value, config.variant) is not None


def _hold_unit(model: CharModel, held: HeldUnit) -> None:
    """Hold a part of a unit by the rows of its arguments."""
    net, cell = NetKey(held.layer, held.direction), model.config.kind
    if net not in model.config.nets:
        raise ConfigError(
            "units", expected("net", nets=model.config.nets), got("net", layer=net.layer, direction=net.direction)
        )
    weights = model.rnn.weights(net)
    hidden = weights.w_hh_GH.shape[1]
    if not 0 <= held.unit < hidden:
        raise ConfigError("units", expected("unit", count=hidden), held.unit)
    arguments = cell.held(held.part, held.value, model.config.variant)
    if arguments is None:
        raise ConfigError("units", expected("held", cell=cell.key, letters=list(cell.letters)), str(held))
    for letter, argument in arguments.items():
        for weight in weights if cell.recurrent else (weights.w_ih_GE, weights.b_ih_G):
            cell.rows(weight, letter)[held.unit].zero_()
        cell.rows(weights.b_ih_G, letter)[held.unit] = argument


def _check(cell: Cell, intervention: Intervention) -> None:
    """Refuse what this cell does not have."""
    letters = [gate.letter for gate in cell.gates]
    if strangers := [letter for letter in intervention.held if letter not in letters]:
        having = (
            expected("gate-of-cell", letters=letters, cell=cell.key) if letters else expected("no-gate", cell=cell.key)
        )
        raise ConfigError("hold", having, got("letters", letters=strangers))
    if intervention.keep_bias and cell.keeps is None:
        keeping = [other.key for other in CELLS.values() if other.keeps]
        raise ConfigError("keep_bias", expected("cell-that-keeps", cells=keeping), cell.key)
    if intervention.recurrent != 1 and not cell.recurrent:
        raise ConfigError("recurrent", expected("factor-without-recurrence", cell=cell.key), intervention.recurrent)
    if intervention.variant is not None and intervention.variant not in cell.variants:
        named = [variant for variant in cell.variants if variant]
        offered = expected("variant", allowed=named, cell=cell.key) if named else expected("no-variant", cell=cell.key)
        raise ConfigError("variant", offered, intervention.variant)


def _give_bias(model: CharModel) -> None:
    """Zero biases for a model that has none: what is held or shifted is one of them."""
    model.config = model.rnn.config = replace(model.config, bias="one")
    for net in model.config.nets:
        model.rnn.register_parameter(f"bias_ih{net.suffix}", nn.Parameter(model.rnn.weights(net).b_ih_G))
