"""Interventions: a model altered by hand, without training it again.

What comes out is an ordinary CharModel with other weights, so that every probe, the clip ledger and torch's own kernel
say of it what they say of any model. In particular a gate is *held* by weights: with W = U = 0 and the bias
ln(v / (1 - v)) it has the value v at every step, whatever is read.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from explorer.cells import CELLS, Cell
from explorer.fields import ConfigError, expected, finite, got
from explorer.models import CharModel
from explorer.words import Saying, say

SHUT = 1_000.0  # sigma(-1000) is 0 and sigma(1000) is 1, exactly, in float32 and in float64


@dataclass(frozen=True)
class Intervention:
    """What is changed in every net of a model. Checked when made; false where it changes nothing.

        Intervention(hold={"z": 1})  # a GRU that keeps everything

    Attributes:
        hold: letter of a gate -> the value in [0, 1] at which it is held. A mapping is taken, pairs are kept.
        keep_bias: added to the bias of the gate that keeps (z of a GRU, f of an LSTM): above 0 it keeps more.
        recurrent: all recurrent weights U are multiplied with it, their biases are not.
        variant: another variant of the cell, read off the same weights: a GRU's reset gate acting "before" or "after", as
            happens where a model is carried from one library to another. None leaves it.

    """

    hold: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    keep_bias: float = 0.0
    recurrent: float = 1.0
    variant: str | None = None

    def __post_init__(self) -> None:
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
        if self.variant:
            titles = {variant: title for cell in CELLS.values() for variant, title in cell.variants.items()}
            yield Saying("intervention.read-as", {"variant": titles.get(self.variant, self.variant)})


@torch.no_grad()
def altered(model: CharModel, intervention: Intervention) -> CharModel:
    """A copy of a model with the intervention made in every net.

    The recurrent weights are scaled first, then the bias is shifted, then gates are held.

    Args:
        model: left exactly as it was found.
        intervention: what to change.

    Raises:
        ConfigError: a gate the model's cell does not have.

    """
    _check(model.config.kind, intervention)
    cell = model.config.kind
    changed = copy.deepcopy(model)
    changed.zero_grad()
    if intervention.variant:
        setting: dict[str, Any] = {cell.setting: intervention.variant}
        changed.config = changed.rnn.config = replace(model.config, **setting)
    if model.config.bias == "none" and (intervention.held or intervention.keep_bias):
        _give_bias(changed)
    for net in model.config.nets:
        weights = changed.rnn.weights(net)
        weights.w_hh_GH.mul_(intervention.recurrent)
        if intervention.keep_bias and cell.keeps:
            cell.rows(weights.b_ih_G, cell.keeps.letter).add_(intervention.keep_bias)
        for letter, value in intervention.held.items():
            for weight in weights if cell.recurrent else (weights.w_ih_GE, weights.b_ih_G):
                cell.rows(weight, letter).zero_()
            cell.rows(weights.b_ih_G, letter).fill_(_argument(value))
    return changed


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


def _argument(value: float) -> float:
    """What sigma makes `value` of."""
    if value in (0, 1):
        return SHUT if value else -SHUT
    return math.log(value / (1 - value))
