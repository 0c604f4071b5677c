"""The backward sweep: one pass from the last step to the first that carries the gradients of all losses at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.batches import Cut
from explorer.models import NetKey, SequenceModel
from explorer.reads import Read
from explorer.reads.base import nets_above

Floats64 = NDArray[np.float64]
# When a row is outside, all rows outside the nearer limits are scaled back to 1 by powers of two, which is exact. Within
# them, the squares of a norm stay inside float64's range.
SMALL, NEAR_SMALL, NEAR_LARGE, LARGE = 1e-100, 1e-50, 1e50, 1e100


def random_directions(width: int, k: int) -> Tensor:
    """The k orthonormal directions of states (width, k) from which Lyapunov exponents are measured, the same every time."""
    start = torch.randn(width, k, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    directions_SK: Tensor = torch.linalg.qr(start)[0]
    return directions_SK


class Sweep:
    """The backward sweep: rows of gradients at every net on the way, one row a loss, and one for the mean of all.

    With each=False that last row is the only one; else a random direction goes along behind it, whose growth in the end
    is `lambda_1`. A row stands for ds * 2^exponent, from the moment it is made: a row that has become very small or large
    is scaled back by a power of two, so that what is carried through thousands of steps stays inside float64's range.

    With a cut (which needs each=True) a row ends where training would cut its graph, and the mean is of what goes on.
    Losses before `since` (which needs each=True, and no cut) have no row of their own and are in the mean all the same.
    """

    def __init__(self, read: Read, net: NetKey, *, each: bool, cut: Cut | None = None, since: int = 0) -> None:
        model = read.precise
        self.nets = nets_above(model, net)
        self.steps, self.each, self.cut, self.since = len(read), each, cut, since
        self.backward = model.config.reads_backward(net)
        self.linear = {key: read.linear(key) for key in self.nets}
        top = model.config.num_layers - 1
        self.local = {key: read.local_gradients(key) for key in self.nets if key.layer == top}
        if self.backward:
            self.local = {key: local.flip(0) for key, local in self.local.items()}
        self.largest_T = torch.stack([local_TH.abs().amax(1) for local_TH in self.local.values()]).amax(0).tolist()
        self.share = 1 / max(read.losses, 1)
        rows = self.steps - since + 2 if each else 1
        # Two blocks a net: at a step, and one step earlier.
        self.ds, self.earlier = (
            {key: torch.zeros(rows, line.parts * line.hidden, dtype=torch.float64) for key, line in self.linear.items()}
            for _ in range(2)
        )
        self.exponent = np.zeros(rows, dtype=np.int64)
        self.mean = -2 if each else -1
        if each:
            self.ds[net][-1] = random_directions(self.ds[net].shape[1], 1)[:, 0]
        self.fed = {key: _fed_by(model, key, self.nets) for key in self.nets}

    def __iter__(self) -> Iterator[tuple[int, Tensor, Floats64]]:
        """From the last step to the first: t, completed rows at the last net (losses t, t+1, ..., mean, random), their norms.

        The first row is that of `since` where t is before it.
        The norms are (rows, parts of the state) in float64; the rows themselves are to be multiplied with 2^exponent.
        """
        for t in reversed(range(self.steps)):
            first = max(0, t - self.since) if self.each else 0
            self._enter(t)
            sizes = []
            for key in self.nets:
                ds, line = self.ds[key][first:], self.linear[key]
                line.complete(ds, t)
                norms_RP = torch.linalg.vector_norm(ds.view(-1, line.parts, line.hidden), dim=2).numpy()
                sizes.append(norms_RP.max(1))
                if key == self.nets[-1]:
                    with np.errstate(over="ignore"):  # a norm beyond float64 is infinite
                        yield t, ds, np.ldexp(norms_RP, self.exponent[first:, None])
                self._feed(key, ds, t, first)
                line.pull(ds, t, self.earlier[key][first:])
            self.ds, self.earlier = self.earlier, self.ds
            self._rescale(np.max(sizes, 0), first)
            if self.cut and t % self.cut.steps == 0:
                self._end_rows(self.cut, t)

    @property
    def lambda_1(self) -> float:
        """Once it has ended: the mean rate, in nats per step, at which the random direction grew."""
        norm = float(torch.linalg.vector_norm(self.ds[self.nets[-1]][-1]))
        with np.errstate(divide="ignore"):
            return float((np.log(norm) + self.exponent[-1] * np.log(2)) / self.steps)

    def _enter(self, t: int) -> None:
        """The loss read off step t begins its own row, and is added to the mean's."""
        largest = self.largest_T[t]
        exponent = math.frexp(largest)[1] if 0 < largest < math.inf else 0
        own = self.each and t >= self.since
        if own:
            self.exponent[t - self.since] = exponent
        mean = self.exponent[self.mean]
        empty = not any(bool(ds[self.mean].any()) for ds in self.ds.values())
        unit = exponent if empty else max(exponent, mean)
        if not empty and unit > mean:
            for ds in self.ds.values():
                _times_power(ds[self.mean], mean - unit)
        self.exponent[self.mean] = unit
        for key, local_TH in self.local.items():
            hidden = self.linear[key].hidden
            if own:
                self.ds[key][t - self.since, :hidden] += _times_power(local_TH[t].clone(), -exponent)
            self.ds[key][self.mean, :hidden] += _times_power(local_TH[t] * self.share, -unit)

    def _end_rows(self, cut: Cut, t: int) -> None:
        """Nothing of the losses that are cut at step t goes on to the step before it; the mean is added up anew."""
        reached = [cut.reached(row) for row in range(t, self.steps)]
        ended = [t + row for row, first in enumerate(reached) if first == t]
        living = [t + row for row, first in enumerate(reached) if first < t]
        unit = int(self.exponent[living].max()) if living else 0
        power_R = torch.from_numpy(np.exp2((self.exponent[living] - unit).astype(np.float64)))
        for ds in self.ds.values():
            ds[ended] = 0
            ds[self.mean] = self.share * (power_R @ ds[living])
        self.exponent[self.mean] = unit

    def _feed(self, key: NetKey, ds: Tensor, t: int, first: int) -> None:
        if self.fed[key]:
            dx_RE = self.linear[key].push(ds, t)
            for below, columns in self.fed[key].items():
                self.ds[below][first:, : self.linear[below].hidden] += dx_RE[:, columns]

    def _rescale(self, size_R: Floats64, first: int) -> None:
        there_R = size_R[size_R > 0]
        if not there_R.size or (there_R.min() > SMALL and there_R.max() < LARGE):
            return
        # All rows that are on their way out at once, so that this is rare; zero and what is not finite stay.
        rows = np.flatnonzero(((size_R < NEAR_SMALL) | (size_R > NEAR_LARGE)) & (size_R > 0) & np.isfinite(size_R))
        exponent = np.frexp(size_R[rows])[1]
        self.exponent[first + rows] += exponent
        for ds in self.ds.values():
            ds[first + rows] *= torch.from_numpy(np.exp2(-exponent.astype(np.float64))).unsqueeze(1)


def _times_power(row_S: Tensor, exponent: int) -> Tensor:
    """A row times a power of two, in place; what falls under float64's range becomes zero."""
    array = row_S.numpy()
    np.ldexp(array, exponent, out=array)
    return row_S


def _fed_by(model: SequenceModel, net: NetKey, nets: Sequence[NetKey]) -> dict[NetKey, slice]:
    """Which of the nets a net reads, and where they stand in its input."""
    config, fed, start = model.config, {}, 0
    for direction in (net.direction,) if config.stacked_apart else config.directions:
        stop = start + config.width(NetKey(net.layer - 1, direction))
        if (below := NetKey(net.layer - 1, direction)) in nets:
            fed[below] = slice(start, stop)
        start = stop
    return fed
