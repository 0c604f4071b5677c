"""Which units stay on through some characters and off around them, and where else they do: LSTMVis' question.

Strobelt et al. 2018 (arXiv 1606.07461) have a person choose a threshold for all units. Here each unit has its own: the middle
of its range over the text, so that a unit that is on at 0.3 and one that is on at 0.9 count alike, and either side may be "on".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.fields import ConfigError, expected
from explorer.probes.perplexity import Floats
from explorer.tokens import CHARACTER, WORD, Tokens, part, token_of

LEAST_RANGE = 0.1  # of a unit over the text: one that moves less is never on
CONTEXT = {CHARACTER: 24, WORD: 6}  # tokens on either side of a place


@dataclass(frozen=True)
class OnUnits:
    """The units that are on exactly through some steps, the clearest first.

    Attributes:
        part: a letter.
        first: of the steps, counted from 0.
        last: of the steps, included.
        units: their numbers, (K,).
        signs: 1 where a unit is high when it is on, -1 where it is low, (K,).
        middles: of their ranges over the text, (K,): beyond them they are on.
        mean_in: over the steps, (K,).
        mean_out: over the other steps of the text, (K,).

    """

    part: str
    first: int
    last: int
    units: NDArray[np.intp]
    signs: NDArray[np.int8]
    middles: Floats
    mean_in: NDArray[np.float64]
    mean_out: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.units)

    def first_units(self, count: int) -> OnUnits:
        """Only the clearest of them.

        Args:
            count: how many are left, where there are so many.

        """
        names = ("units", "signs", "middles", "mean_in", "mean_out")
        return replace(self, **{name: getattr(self, name)[:count] for name in names})

    def on(self, values_TH: Floats) -> NDArray[np.bool_]:
        """Where each of them is on in a reading by the same net, (T, K).

        Args:
            values_TH: the same part of every unit of the net, over any text.

        """
        where: NDArray[np.bool_] = (values_TH[:, self.units] - self.middles) * self.signs > 0
        return where

    def frame(self) -> pd.DataFrame:
        """One line a unit."""
        columns = {"unit": self.units, "sign": self.signs, "mean_in": self.mean_in, "mean_out": self.mean_out}
        return pd.DataFrame(columns)


def units_on(values_TH: Floats, first: int, last: int, part: str = "h", *, slack: int = 0) -> OnUnits:
    """The units that are on at each of some steps, and off at the step before and the step after.

    As in LSTMVis (Strobelt et al. 2018, arXiv 1606.07461), but each unit has a threshold of its own.

    Args:
        values_TH: a part of every unit over a text.
        first: of the steps, counted from 0.
        last: of the steps, included.
        part: what it is called.
        slack: how many steps early or late a unit may turn on and off; of few steps, at most a third of them.

    Raises:
        ConfigError: the steps are not steps of the text.

    """
    if not 0 <= first <= last < len(values_TH):
        raise ConfigError("steps", expected("steps", count=len(values_TH)), (first, last))
    low_H, high_H = values_TH.min(0), values_TH.max(0)
    middle_H = (low_H + high_H) / 2
    side_TH = np.sign(values_TH - middle_H).astype(np.int8)
    slack = min(slack, (last - first + 1) // 3)
    inside_TH = side_TH[first + slack : last + 1 - slack]
    sign_H = inside_TH[0]
    around_TH = side_TH[[step for step in (first - 1 - slack, last + 1 + slack) if 0 <= step < len(values_TH)]]
    chosen_H = (
        (inside_TH == sign_H).all(0) & (sign_H != 0) & (around_TH != sign_H).all(0) & (high_H - low_H >= LEAST_RANGE)
    )
    units = np.flatnonzero(chosen_H) if len(around_TH) else np.empty(0, np.intp)  # of the whole text nothing stands out
    inside_T = np.zeros(len(values_TH), dtype=bool)
    inside_T[first : last + 1] = True
    mean_in, mean_out = (values_TH[where_T][:, units].mean(0, dtype=np.float64) if where_T.any() else np.zeros(len(units))
                         for where_T in (inside_T, ~inside_T))  # fmt: skip
    clearest = np.argsort(-np.abs(mean_in - mean_out), kind="stable")
    kept = units[clearest]
    return OnUnits(part, first, last, kept, sign_H[kept], middle_H[kept], mean_in[clearest], mean_out[clearest])


@dataclass(frozen=True)
class Place:
    """A stretch of a text through which units are on together.

    Attributes:
        first: of its steps.
        last: of its steps, included.
        before: the text before it.
        text: its own.
        after: the text after it.

    """

    first: int
    last: int
    before: str
    text: str
    after: str


def elsewhere(values_TH: Floats, text: Tokens, on: OnUnits, most: int = 5) -> list[Place]:
    """Where else the same units are on together, and end together: the stretches whose length is nearest first.

    Args:
        values_TH: the same part over another text, by the same net.
        text: that text.
        on: the units.
        most: how many places are told.

    """
    if not len(on):
        return []
    together_T = np.concatenate([[False], on.on(values_TH).all(1), [False]]).astype(np.int8)
    starts, ends = (np.flatnonzero(np.diff(together_T) == step) for step in (1, -1))
    wanted = on.last - on.first + 1
    nearest = np.argsort(np.abs(ends - starts - wanted), kind="stable")[:most]
    return [place_at(text, int(starts[i]), int(ends[i])) for i in nearest]


def place_at(text: Tokens, start: int, end: int) -> Place:
    """A stretch of a text, from one step up to another, with what stands around it."""
    context = CONTEXT[token_of(text)]
    before, after = part(text, max(0, start - context), start), part(text, end, end + context)
    return Place(start, end - 1, before, part(text, start, end), after)
