"""What single units have learned to follow: roles, chosen on one half of a text and confirmed on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.cells import Cell
from explorer.characters import visible
from explorer.features import BEFORE, CHARACTER, COUNTED, FEATURES, features_of
from explorer.models import CharModel, NetKey
from explorer.probes.gates import GateTrace, trace_gates
from explorer.reads import Read
from explorer.tokens import Tokens
from explorer.words import knows, say

Floats64 = NDArray[np.float64]
TURNS = 20
LEAST_STEPS = 400  # of a text, in halves of 200: with fewer, chance explains much
LEAST_SHARE = 0.1  # a role that explains less of a unit is none that one could see
LEAST_DIFFERENCE = 0.1  # of the means in and out: less cannot be seen in a picture
SURPRISE = "surprise"
PLACES = {name: place for place, name in enumerate(FEATURES)}
LEAST_SPREAD = 1e-6  # of a unit that does anything


@dataclass(frozen=True)
class Role:
    """What one part of one unit follows.

    Attributes:
        unit: its number, counted from 0.
        part: a letter of the cell: a gate, or a part of the state.
        feature: a name out of features_of, or "surprise".
        share_held_out: share of its variance that the feature explains in the half it was not chosen on, at most 1.
        mean_in: its mean where the feature holds (of a distance: where it is its median or more), on that half.
        mean_out: its mean elsewhere.

    """

    unit: int
    part: str
    feature: str
    share_held_out: float
    mean_in: float
    mean_out: float

    @property
    def sign(self) -> int:
        """1 where it is larger where the feature holds, -1 where it is smaller."""
        return 1 if self.mean_in > self.mean_out else -1

    @property
    def place(self) -> str:
        """Where its feature holds, in words."""
        kind, _, character = self.feature.partition(" ")
        single = kind in (CHARACTER, BEFORE) and bool(character)
        return say(f"role.{kind}", character=visible(character)) if single else say(f"role.{self.feature}")

    def means(self, cell: Cell) -> str:
        """The part, its mean there, and its mean elsewhere, in words.

        Args:
            cell: of the net, which names its gates.

        """
        titles = {gate.letter: gate.title for gate in cell.gates}
        named = f"part.{self.part}"
        part = titles.get(self.part) or (say(named) if knows(named) else self.part)
        elsewhere = say(f"role.{self.feature}.else" if self.feature in (*COUNTED, SURPRISE) else "role.else")
        return say("role.means", part=part, mean_in=self.mean_in, mean_out=self.mean_out, elsewhere=elsewhere)


def response_order(values_TH: NDArray[Any]) -> NDArray[np.intp]:
    """The units in an order in which those that respond alike stand together; those that do nothing come last.

    By their angle in the plane of the two leading eigenvectors of their correlations (Friendly 2002, "Corrgrams"); the circle is
    cut where it is emptiest. The sign of an eigenvector is chosen, so that the order is the same on every machine.

    Args:
        values_TH: a part of every unit over a text; a unit with a value that is not finite counts as one that does nothing.

    """
    values_TH = np.asarray(values_TH, np.float64)
    hidden = values_TH.shape[1]
    with np.errstate(invalid="ignore"):
        spread_H = values_TH.std(0) if len(values_TH) else np.zeros(hidden)
    alive = np.flatnonzero(np.isfinite(spread_H) & (spread_H > LEAST_SPREAD))
    if len(alive) < 3:
        return np.concatenate([alive, np.setdiff1d(np.arange(hidden), alive)])
    standard_TH = (values_TH[:, alive] - values_TH[:, alive].mean(0)) / spread_H[alive]
    _, vectors = np.linalg.eigh(standard_TH.T @ standard_TH / len(values_TH))
    leading = vectors[:, [-1, -2]]
    leading *= np.sign(leading[np.abs(leading).argmax(0), [0, 1]])
    angle_H = np.arctan2(leading[:, 1], leading[:, 0])
    around = np.argsort(angle_H, kind="stable")
    gaps = np.diff(angle_H[around], append=angle_H[around[0]] + 2 * np.pi)
    around = np.roll(around, -(int(gaps.argmax()) + 1))
    return np.concatenate([alive[around], np.setdiff1d(np.arange(hidden), alive)])


@dataclass(frozen=True)
class UnitRoles:
    """The roles of the units of one net.

    Attributes:
        net: which layer and direction.
        roles: those above the control, the strongest first.
        level: the largest share that features turned against the text explain, of all units, parts and turns; a role explains
            more.
        candidates: how many units, parts and features were compared.

    """

    net: NetKey
    roles: tuple[Role, ...]
    level: float
    candidates: int

    def frame(self) -> pd.DataFrame:
        """One line a role."""
        names = ("unit", "part", "feature", "share_held_out", "sign", "mean_in", "mean_out")
        return pd.DataFrame([[getattr(role, name) for name in names] for role in self.roles], columns=list(names))

    def by_unit(self) -> list[Role]:
        """The strongest role of each unit that has any, what has to be remembered longest first, and alike roles together."""
        strongest = {role.unit: role for role in reversed(self.roles)}
        return sorted(strongest.values(), key=lambda role: (_rank(role), role.feature, -role.share_held_out))

    def told(self, most: int) -> list[Role]:
        """The strongest role of each feature, of a unit of its own; what has to be remembered longest first.

        Roles of single characters come last.

        Args:
            most: how many roles, where there are so many.

        """
        chosen: list[Role] = []
        seen = [role for role in self.roles if abs(role.mean_in - role.mean_out) >= LEAST_DIFFERENCE]
        for role in sorted(seen, key=_rank):
            if role.feature not in {r.feature for r in chosen} and role.unit not in {r.unit for r in chosen}:
                chosen.append(role)
        return chosen[:most]


def _rank(role: Role) -> int:
    """The place of its feature among all; those of single characters come last."""
    return PLACES.get(role.feature, len(PLACES))


def unit_roles(
    model: CharModel, text: Tokens | Read, layer: int = 0, direction: str = "forward", *, seed: int = 0
) -> UnitRoles:
    """What each gate and each part of the state of every unit follows in a text, as far as more than chance is in it.

    For each, the feature that explains most of its variance in the first half is chosen, and judged by a line fitted there
    on the second half. Many units times many features find something by chance: the same with features that are turned
    against the text gives the level that must be beaten (a permutation test with the maximum as its statistic: Westfall &
    Young 1993). Visual analyses of such units: Karpathy et al. 2015 (arXiv 1506.02078), Strobelt et al. 2018 (LSTMVis).

    Args:
        model: left exactly as it was found.
        text: at least 400 characters, or what the model has read already; with fewer there are no roles.
        layer: of the net, counted from 0.
        direction: of the net, "forward" or "backward".
        seed: of the turns.

    Raises:
        ConfigError: no such net, or a read of another model or of numbers.

    """
    trace = trace_gates(model, text)
    return roles_of(trace, layer, direction, seed=seed)


def roles_of(trace: GateTrace, layer: int = 0, direction: str = "forward", *, seed: int = 0) -> UnitRoles:
    """The same from a trace that is already there."""
    tape = trace.tape(layer, direction)
    features = features_of(trace.text)
    if np.isfinite(trace.nll_nats_T[1:]).all():
        features[SURPRISE] = np.nan_to_num(trace.nll_nats_T)
    letters, hidden = list(tape.parts), tape.h_TH.shape[1]
    values_TU = np.concatenate([tape[letter] for letter in letters], 1).astype(np.float64)
    if len(trace) < LEAST_STEPS or not features or not np.isfinite(values_TU).all():
        return UnitRoles(tape.net, (), 0.0, 0)
    matrix_TF = np.stack(list(features.values()), 1).astype(np.float64)
    parts = _Halves.of(values_TU)
    chosen_U, shares_U = parts.judged(matrix_TF)
    chance = np.random.default_rng(seed)
    level = max(parts.judged(_turned(matrix_TF, chance))[1].max() for _ in range(TURNS))
    names, half = list(features), len(trace) // 2
    roles = [
        _role(int(u) % hidden, letters[u // hidden], names[chosen_U[u]], float(shares_U[u]),
              matrix_TF[half:, chosen_U[u]], values_TU[half:, u])
        for u in np.argsort(-shares_U)
        if shares_U[u] > max(level, LEAST_SHARE)
    ]  # fmt: skip
    return UnitRoles(tape.net, tuple(roles), float(level), values_TU.shape[1] * len(names))


@dataclass(frozen=True)
class _Halves:
    """The values of all units and parts in both halves of a text, centred, and how far they spread."""

    centred: tuple[Floats64, Floats64]
    means: tuple[Floats64, Floats64]
    spreads: tuple[Floats64, Floats64]

    @classmethod
    def of(cls, values_TU: Floats64) -> _Halves:
        """Of all steps."""
        halves = values_TU[: len(values_TU) // 2], values_TU[len(values_TU) // 2 :]
        means = halves[0].mean(0), halves[1].mean(0)
        centred = halves[0] - means[0], halves[1] - means[1]
        return cls(centred, means, (centred[0].std(0), centred[1].std(0)))

    def judged(self, matrix_TF: Floats64) -> tuple[NDArray[np.intp], Floats64]:
        """For each column the feature that explains most of it in the first half, and its share in the second.

        The line v = a + b f is fitted to the first half. What it leaves of the second follows from means and products:
        E (v - a - b f)^2 = (E v - a - b E f)^2 + var v - 2 b cov(f, v) + b^2 var f.
        """
        half = len(matrix_TF) // 2
        first_TF, second_TF = matrix_TF[:half], matrix_TF[half:]
        covariance_FU, var_F = _covariance(first_TF, self.centred[0]), first_TF.var(0)
        spread_FU = np.sqrt(var_F)[:, None] * self.spreads[0]
        size_FU = np.divide(np.abs(covariance_FU), spread_FU, out=np.zeros_like(covariance_FU), where=spread_FU > 0)
        chosen_U, column_U = size_FU.argmax(0), np.arange(size_FU.shape[1])
        slope_U = covariance_FU[chosen_U, column_U] / np.where(var_F > 0, var_F, 1)[chosen_U]
        start_U = self.means[0] - slope_U * first_TF.mean(0)[chosen_U]
        missed_U = self.means[1] - start_U - slope_U * second_TF.mean(0)[chosen_U]
        var_U, held_out_U = self.spreads[1] ** 2, _covariance(second_TF, self.centred[1])[chosen_U, column_U]
        left_U = missed_U**2 + var_U - 2 * slope_U * held_out_U + slope_U**2 * second_TF.var(0)[chosen_U]
        return chosen_U, np.where(var_U > 0, 1 - left_U / np.where(var_U > 0, var_U, 1), 0.0)


def _covariance(matrix_TF: Floats64, centred_TU: Floats64) -> Floats64:
    covariance_FU: Floats64 = (matrix_TF - matrix_TF.mean(0)).T @ centred_TU / len(matrix_TF)
    return covariance_FU


def _turned(matrix_TF: Floats64, chance: np.random.Generator) -> Floats64:
    """Each half turned by a random number of steps, an eighth of it at least: what features say stays, and their rhythm, too.

    Where they say it is another place of the text. Shuffled blocks lose what is slow, so that slow noise looked like a role.
    """
    half = len(matrix_TF) // 2
    return np.concatenate([_turned_part(part_TF, chance) for part_TF in (matrix_TF[:half], matrix_TF[half:])])


def _turned_part(part_TF: Floats64, chance: np.random.Generator) -> Floats64:
    steps = len(part_TF)
    return np.roll(part_TF, int(chance.integers(steps // 8, steps - steps // 8)), 0)


def _role(unit: int, part: str, feature: str, share: float, feature_T: Floats64, values_T: Floats64) -> Role:
    holds_T = feature_T >= np.median(feature_T) if feature in (*COUNTED, SURPRISE) else feature_T > 0
    inside, outside = values_T[holds_T], values_T[~holds_T]
    mean_in, mean_out = (float(values.mean()) if values.size else float("nan") for values in (inside, outside))
    return Role(unit, part, feature, share, mean_in, mean_out)
