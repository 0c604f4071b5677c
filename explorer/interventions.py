"""Interventions: a model altered by hand, without training it again.

What comes out is an ordinary CharModel with other weights, so that every probe, the clip ledger and torch's own kernel
say of it what they say of any model. In particular a gate is *held* by weights: with W = U = 0 and the bias
ln(v / (1 - v)) it has the value v at every step, whatever is read.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import nn

from explorer.cells import RESETS
from explorer.initialisation import gate_rows
from explorer.models import CharModel, ConfigError

HOLDABLE = {"rnn": (), "gru": ("z", "r"), "lstm": ("f", "i", "o")}  # the gate that keeps stands first
SHUT = 1_000.0  # sigma(-1000) is 0 and sigma(1000) is 1, exactly, in float32 and in float64


@dataclass(frozen=True)
class Intervention:
    """What is changed in every net of a model. Checked when made; false where it changes nothing.

    Attributes:
        z: value at which a GRU's update gate is held, in [0, 1]; None leaves it free.
        r: the same for its reset gate.
        f: the same for an LSTM's forget gate.
        i: the same for its input gate.
        o: the same for its output gate.
        keep_bias: added to the bias of the gate that keeps (z of a GRU, f of an LSTM): above 0 it keeps more.
        recurrent: all recurrent weights U are multiplied with it, their biases are not.
        reset: where a GRU's reset gate acts, "before" or "after": the same weights read in the other convention, as
            happens where a model is carried from one library to another. None leaves it.

    """

    z: float | None = None
    r: float | None = None
    f: float | None = None
    i: float | None = None
    o: float | None = None
    keep_bias: float = 0.0
    recurrent: float = 1.0
    reset: str | None = None

    def __post_init__(self) -> None:
        for gate, value in self.held.items():
            if not 0 <= value <= 1:
                raise ConfigError(f"{gate}: expected a value from 0 to 1 to hold the gate at; got {value!r}.")
        if not math.isfinite(self.keep_bias):
            raise ConfigError(f"keep_bias: expected a finite number; got {self.keep_bias!r}.")
        if not (math.isfinite(self.recurrent) and self.recurrent >= 0):
            raise ConfigError(f"recurrent: expected a finite factor of at least 0; got {self.recurrent!r}.")
        if self.reset not in (None, *RESETS):
            raise ConfigError(f"reset: expected one of {', '.join(RESETS)}; got {self.reset!r}.")

    @property
    def held(self) -> dict[str, float]:
        """Gate -> the value it is held at."""
        gates = {gate: getattr(self, gate) for gates in HOLDABLE.values() for gate in gates}
        return {gate: value for gate, value in gates.items() if value is not None}

    def __bool__(self) -> bool:
        return self != Intervention()

    def __str__(self) -> str:
        parts = [f"{gate} held at {value:g}" for gate, value in self.held.items()]
        parts += [f"bias of the gate that keeps {self.keep_bias:+g}"] * bool(self.keep_bias)
        parts += [f"recurrent weights × {self.recurrent:g}"] * (self.recurrent != 1)
        parts += [f"reset gate read as acting {self.reset}"] * bool(self.reset)
        return ", ".join(parts) or "nothing changed"


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
    cell = model.config.cell
    holdable = HOLDABLE[cell]
    if strangers := [gate for gate in intervention.held if gate not in holdable]:
        raise ConfigError(
            f"Expected a gate of this {cell} ({', '.join(holdable) or 'it has none'}) to hold; got {', '.join(strangers)}."
        )
    if intervention.keep_bias and not holdable:
        raise ConfigError(f"keep_bias: expected a cell with a gate that keeps (gru, lstm); got {cell}.")
    if intervention.reset and cell != "gru":
        raise ConfigError(f"reset: expected a GRU, which has a reset gate; got {cell}.")
    changed = copy.deepcopy(model)
    changed.zero_grad()
    if intervention.reset:
        changed.config = changed.rnn.config = replace(model.config, reset=intervention.reset)
    if model.config.bias == "none" and (intervention.held or intervention.keep_bias):
        _give_bias(changed)
    for net in model.config.nets:
        weights = changed.rnn.weights(net)
        weights.w_hh_GH.mul_(intervention.recurrent)
        if intervention.keep_bias:
            gate_rows(weights.b_ih_G, cell, holdable[0]).add_(intervention.keep_bias)
        for gate, value in intervention.held.items():
            for weight in weights:
                gate_rows(weight, cell, gate).zero_()
            gate_rows(weights.b_ih_G, cell, gate).fill_(_argument(value))
    return changed


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
