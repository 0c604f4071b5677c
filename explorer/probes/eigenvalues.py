"""The eigenvalues of the recurrent weights, and what becomes of the powers of a matrix.

Without a nonlinearity, h_t = U^t h_0: what lies along an eigenvector grows as |lambda|^t. A gradient meets the same powers on
its way back, times the slopes of what stands between (Pascanu et al. 2013, arXiv 1211.5063).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.cells import Cell
from explorer.fields import ConfigError, expected
from explorer.models import NetKey, SequenceModel
from explorer.probes.pictured import Pictured

POWERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, repr=False)
class Eigenvalues(Pictured):
    """The eigenvalues of the recurrent weights of one net, part by part.

    Attributes:
        net: which layer and direction.
        cell: what kind of cell it is.
        values: letter of a part -> its eigenvalues, complex (H,), the largest first. The part that is no gate stands first.
        power_norms: ||U^k||_2 of that part's U at each k of POWERS; inf beyond the numbers of float64.

    """

    net: NetKey
    cell: Cell
    values: Mapping[str, NDArray[np.complex128]]
    power_norms: NDArray[np.float64]

    def _facts(self) -> dict[str, Any]:
        return {f"radius_{letter}": self.radius(letter) for letter in self.values}

    @property
    def part(self) -> str:
        """The part that is no gate: the candidate, or the state of a plain cell."""
        return next(iter(self.values))

    def radius(self, letter: str) -> float:
        """The largest |lambda|: above 1, some powers grow without end; below 1, all vanish.

        Args:
            letter: of a part, one of `values`.

        Raises:
            KeyError: there is no such part.

        """
        return float(np.abs(self.values[letter][0]))


def eigenvalues(model: SequenceModel, layer: int = 0, direction: str = "forward") -> Eigenvalues:
    """The eigenvalues of one net's recurrent weights, in float64.

    Args:
        model: left exactly as it was found.
        layer: of the net, counted from 0.
        direction: of the net, "forward" or "backward".

    Raises:
        ConfigError: no such net; or a cell without recurrent weights.

    """
    cell, net = model.config.kind, model.config.net(layer, direction)
    if not cell.recurrent:
        raise ConfigError("cell", expected("recurrent-weights"), cell.key)
    stacked = model.rnn.weights(net).w_hh_GH.detach().double()
    gates = {gate.letter for gate in cell.gates}
    letters = sorted(cell.stacked, key=lambda letter: letter in gates)
    parts = {letter: cell.rows(stacked, letter).numpy() for letter in letters}
    values = {letter: _eigenvalues(u_HH) for letter, u_HH in parts.items()}
    ordered = {letter: found[np.argsort(-np.abs(found), kind="stable")] for letter, found in values.items()}
    return Eigenvalues(net, cell, ordered, _power_norms(parts[letters[0]]))


def _eigenvalues(u_HH: NDArray[np.float64]) -> NDArray[np.complex128]:
    if not np.isfinite(u_HH).all():
        return np.full(len(u_HH), np.nan, np.complex128)
    return np.linalg.eigvals(u_HH).astype(np.complex128)


def _power_norms(u_HH: NDArray[np.float64]) -> NDArray[np.float64]:
    """The norms of U, U^2, U^4 and so on, each the square of the one before."""
    norms, power_HH = [], u_HH
    with np.errstate(over="ignore", invalid="ignore"):
        for power in POWERS:
            power_HH = u_HH if power == 1 else power_HH @ power_HH
            norms.append(np.linalg.norm(power_HH, 2) if np.isfinite(power_HH).all() else np.inf)
    return np.array(norms)
