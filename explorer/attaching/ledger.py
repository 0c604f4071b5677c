"""The norms and the loss of every step, in memory: eight bytes a number, so that a loop of a million steps fits."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
CLIPS_ONE_IN_TEN = 0.9  # the quantile that is suggested as a threshold


@dataclass(frozen=True)
class LoopStep:
    """One step of a training loop.

    Attributes:
        step: counted from 1.
        loss: in its own unit, the sum of what was given or backpropagated in the step; None where none was seen.
        norm_before: l2 norm of all gradients together before clipping; None where none was measured.
        norm_after: the same after it; equal where nothing was clipped.
        coefficient: what the gradients were multiplied with, in (0, 1]; with several thresholds in a step the smallest.
        max_norm: the threshold; None where the step was not clipped by the probe.

    """

    step: int
    loss: float | None = None
    norm_before: float | None = None
    norm_after: float | None = None
    coefficient: float = 1.0
    max_norm: float | None = None


class Ledger:
    """Every step so far, as columns.

    Columns, each of S float64: loss, norm_before, norm_after, coefficient, max_norm; NaN for what is not known.
    """

    COLUMNS = ("loss", "norm_before", "norm_after", "coefficient", "max_norm")

    def __init__(self) -> None:
        self._columns = {name: array("d") for name in self.COLUMNS}

    def __len__(self) -> int:
        return len(self._columns["loss"])

    def add(self, step: LoopStep) -> None:
        """Take the step just made."""
        for name, column in self._columns.items():
            value = getattr(step, name)
            column.append(math.nan if value is None else value)

    def __getitem__(self, name: str) -> Floats:
        return np.array(self._columns[name])

    def finite(self, name: str) -> Floats:
        """The finite numbers of a column."""
        column = self[name]
        return column[np.isfinite(column)]

    def norm_quantiles(self, shares: Sequence[float] = QUANTILES) -> dict[float, float]:
        """Share of the steps -> norm before clipping that so many were under; empty where none was measured."""
        norms_S = self.finite("norm_before")
        return dict(zip(shares, np.quantile(norms_S, shares).tolist(), strict=True)) if norms_S.size else {}

    @property
    def suggested_threshold(self) -> float | None:
        """The norm that nine in ten steps were under: a threshold there clips the rest. None where none was measured."""
        return self.norm_quantiles((CLIPS_ONE_IN_TEN,)).get(CLIPS_ONE_IN_TEN)
