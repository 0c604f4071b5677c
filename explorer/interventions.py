"""Interventions: a model altered by hand, without training it again.

What comes out is an ordinary model with other weights, so that every probe, the clip ledger and torch's own kernel
say of it what they say of any model. In particular a gate is *held* by weights: with W = U = 0 and the bias
ln(v / (1 - v)) it has the value v at every step, whatever is read.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from explorer.cells import CELLS, Cell
from explorer.cells.base import logit
from explorer.fields import ConfigError, expected, finite, got
from explorer.models import ModelConfig, NetKey, SequenceModel
from explorer.words import Saying, say

ALL = slice(None)  # units

M = TypeVar("M", bound=SequenceModel)


class HeldUnit(NamedTuple):
    """One part of one unit, held at a value at every step.

    Attributes:
        unit: its number, counted from 0.
        part: by its letter: a gate, the candidate or a part of the state.
        value: in [0, 1] for a gate; of the others, what its cell can hold.
        layer: of its net, counted from 0.
        direction: of its net, "forward" or "backward".

    """

    unit: int
    part: str
    value: float
    layer: int = 0
    direction: str = "forward"

    @property
    def net(self) -> NetKey:
        """The net it is in."""
        return NetKey(self.layer, self.direction)

    def __str__(self) -> str:
        return str(self.told())

    def told(self) -> Saying:
        """What is done, for a sentence."""
        return Saying("intervention.unit", self._asdict())


@dataclass(frozen=True)
class Intervention:
    """What is changed in every net of a model. Checked when made; false where it changes nothing.

        Intervention(hold={"z": 1})  # a GRU that keeps everything

    Attributes:
        hold: letter of a gate -> the value in [0, 1] at which it is held. A mapping is taken, pairs are kept.
        keep_bias: added to the bias of the gate that keeps (z of a GRU, f of an LSTM): above 0 it keeps more.
        recurrent: all recurrent weights U are multiplied with it, their biases are not; at least 0.
        units: parts of single units that are held, after everything else.
        variant: another variant of the cell, read off the same weights: a GRU's reset gate acting "before" or "after", as
            happens where a model is carried from one library to another. None leaves it.

    Raises:
        ConfigError: a value outside [0, 1] for a gate, a factor below 0, or a number that is not finite.

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
            yield unit.told()
        if self.variant:
            titles = {variant: title for cell in CELLS.values() for variant, title in cell.variants.items()}
            yield Saying("intervention.read-as", {"variant": titles.get(self.variant, self.variant)})


@torch.no_grad()
def altered(model: M, intervention: Intervention) -> M:
    """A copy of a model with the intervention made in every net.

    The recurrent weights are scaled first, then the bias is shifted, then gates are held, then parts of units.

    Args:
        model: left exactly as it was found.
        intervention: what to change.

    Raises:
        ConfigError: a gate, a unit, a variant or recurrent weights the model does not have, or a value that no weights hold.

    """
    cell = model.config.kind
    _check(cell, intervention)
    config = read_as(model.config, intervention.variant)
    held = [(unit, _arguments(config, unit)) for unit in intervention.units]
    changed = copy.deepcopy(model)
    changed.zero_grad()
    changed.config = changed.rnn.config = config
    if model.config.bias == "none" and (intervention.held or intervention.keep_bias or intervention.units):
        _give_bias(changed)
    for net in model.config.nets:
        weights = changed.rnn.weights(net)
        weights.w_hh_GH.mul_(intervention.recurrent)
        if intervention.keep_bias and cell.keeps:
            cell.rows(weights.b_ih_G, cell.keeps.letter).add_(intervention.keep_bias)
    for letter, value in intervention.held.items():
        hold_gate(changed, letter, value)
    for unit, arguments in held:
        for letter, argument in arguments.items():
            _hold(changed, unit.net, letter, unit.unit, argument)
    return changed


@torch.no_grad()
def hold_gate(model: SequenceModel, letter: str, value: float) -> None:
    """Hold a gate of every net at a value, in place: with W = U = 0, its bias is the argument whose sigma is the value."""
    for net in model.config.nets:
        _hold(model, net, letter, ALL, logit(value))


def rows_of_gate(model: SequenceModel, letter: str, *, gradients: bool = False) -> Iterator[Tensor]:
    """The rows of a gate in each weight and bias of every net, or in their gradients, as far as they have any."""
    cell = model.config.kind
    for net in model.config.nets:
        weights = model.rnn.weights(net)
        for weight in weights if cell.recurrent else (weights.w_ih_GE, weights.b_ih_G):
            found = weight.grad if gradients else weight.detach()
            if found is not None:
                yield cell.rows(found, letter)


def read_as(config: ModelConfig, variant: str | None) -> ModelConfig:
    """What a model is whose weights are read as another variant of its cell; None leaves it."""
    setting: dict[str, Any] = {config.kind.setting: variant} if variant else {}
    return replace(config, **setting)


def can_hold(config: ModelConfig, held: HeldUnit) -> bool:
    """Whether a model of this kind has such a unit, and weights that hold the part at the value."""
    try:
        return bool(_arguments(config, held))
    except ConfigError:
        return False


def _arguments(config: ModelConfig, held: HeldUnit) -> dict[str, float]:
    """The arguments that hold a part of a unit, by the letters of their rows.

    Raises:
        ConfigError: there are none.

    """
    net, cell = config.net(held.layer, held.direction, "units"), config.kind
    if not 0 <= held.unit < config.width(net):
        raise ConfigError("units", expected("unit", count=config.width(net)), held.unit)
    arguments = None if finite(held.value) is None else cell.held(held.part, held.value, config.variant)
    if arguments is None:
        raise ConfigError("units", expected("held", cell=cell.key, letters=list(cell.letters)), str(held))
    return arguments


def _hold(model: SequenceModel, net: NetKey, letter: str, units: slice | int, argument: float) -> None:
    """Make an argument constant, for some units of a net: with W = U = 0 it is the bias b."""
    cell, weights = model.config.kind, model.rnn.weights(net)
    for weight in weights if cell.recurrent else (weights.w_ih_GE, weights.b_ih_G):
        cell.rows(weight, letter)[units] = 0
    cell.rows(weights.b_ih_G, letter)[units] = argument


def check_gates(cell: Cell, letters: Iterable[str], field: str) -> None:
    """Refuse letters that are not a cell's gates.

    Raises:
        ConfigError: one is not; of this field.

    """
    own = [gate.letter for gate in cell.gates]
    if strangers := [letter for letter in letters if letter not in own]:
        having = expected("gate-of-cell", letters=own, cell=cell.key) if own else expected("no-gate", cell=cell.key)
        raise ConfigError(field, having, got("letters", letters=strangers))


def check_variant(cell: Cell, variant: str) -> None:
    """Refuse what is no variant of a cell.

    Raises:
        ConfigError: it is none.

    """
    if variant not in cell.variants:
        named = [name for name in cell.variants if name]
        offered = expected("variant", allowed=named, cell=cell.key) if named else expected("no-variant", cell=cell.key)
        raise ConfigError("variant", offered, variant)


def _check(cell: Cell, intervention: Intervention) -> None:
    """Refuse what this cell does not have."""
    check_gates(cell, intervention.held, "hold")
    if intervention.keep_bias and cell.keeps is None:
        keeping = [other.key for other in CELLS.values() if other.keeps]
        raise ConfigError("keep_bias", expected("cell-that-keeps", cells=keeping), cell.key)
    if intervention.recurrent != 1 and not cell.recurrent:
        raise ConfigError("recurrent", expected("factor-without-recurrence", cell=cell.key), intervention.recurrent)
    if intervention.variant is not None:
        check_variant(cell, intervention.variant)


def _give_bias(model: SequenceModel) -> None:
    """Zero biases for a model that has none: what is held or shifted is one of them."""
    model.config = model.rnn.config = replace(model.config, bias="one")
    for net in model.config.nets:
        model.rnn.register_parameter(f"bias_ih{net.suffix}", nn.Parameter(model.rnn.weights(net).b_ih_G))
