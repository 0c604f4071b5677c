"""The minGRU (Feng et al. 2024, arXiv 2410.01201): a GRU whose gate and candidate see the input alone, and no state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from explorer.cells.base import (
    SHUT,
    Cell,
    CellWeights,
    Gate,
    LinearNet,
    State,
    input_projection,
    logit,
    previous,
)
from explorer.cells.equations import Equation, Node, above_half


class MinGRUStep(NamedTuple):
    """State h, update gate z (in [0, 1]) and candidate state n (above 0), all _BH."""

    h: Tensor
    z: Tensor
    n: Tensor


class MinGRU(Cell):
    """h = z * h_prev + (1 - z) * g(W_n x + b_n): z depends on the character alone.

    It has no recurrent weights, so that all steps can be computed side by side. In a single layer its gate is a look-up table
    of the character; a second layer sees the states below, and with them what stood before.
    """

    key = "mingru"
    stacked = ("z", "n")
    gates = (Gate("z", "update gate", "keeps the old state", "renews it", keeps=True),)
    paths = ("copy",)
    recurrent = False
    variants: ClassVar[Mapping[str, str]] = {"": "minGRU"}
    look_for = (
        "Where the **update gate** is light, a unit keeps its past; where it is dark, it takes in what is new. The gate "
        "does not see the state: in the first layer, the same symbol always opens it alike."
    )
    suggested: ClassVar[Mapping[str, Any]] = {"num_layers": 2, "embedding_size": 32}
    presets: ClassVar[Mapping[str, Mapping[str, float]]] = {"never-forget": {"z": 1}, "forget-at-once": {"z": 0}}

    book: ClassVar[Mapping[str, tuple[str, str]]] = {"n": (r"\tilde{H}", "h")}

    def update(self, projected_BG: Tensor, state: State, weights: CellWeights, variant: str) -> MinGRUStep:
        """One step; see `Cell.update`."""
        (h_prev_BH,) = state
        xz_BH, xn_BH = projected_BG.chunk(2, -1)
        # z = sigma(W_z x + b_z)
        z_BH = torch.sigmoid(xz_BH)
        # n = g(W_n x + b_n), g(a) = a + 1/2 for a >= 0 and sigma(a) below
        n_BH = above_half(xn_BH)
        # h = z * h_prev + (1 - z) * n
        return MinGRUStep(z_BH * h_prev_BH + (1 - z_BH) * n_BH, z_BH, n_BH)

    def equations(self, variant: str) -> tuple[Equation, ...]:
        """See `Cell.equations`."""
        return Equation("z", "sigmoid(x_z)"), Equation("n", "g(x_n)"), Equation("h", "z * h_prev + (1 - z) * n")

    def drawn(self, variant: str) -> tuple[Node, ...]:
        """As a GRU's, but that nothing leads from the old state to gate and candidate; see `Cell.drawn`."""
        return (
            Node("h_prev", "", (0, 0), "h_prev"),
            Node("x", "", (0, 2), ""),
            Node("z", "σ", (1.4, 1), "z", (("x", 0.6),)),
            Node("n", "g", (1.4, 2), "n", ("x",)),
            Node("keep", "×", (2.6, 0), "z * h_prev", ("h_prev", "z")),
            Node("rest", "1−", (3.6, 1), "1 - z", ("z",)),
            Node("write", "×", (4.7, 1), "(1 - z) * n", ("rest", "n")),
            Node("sum", "+", (4.7, 0), "z * h_prev + (1 - z) * n", ("keep", "write")),
            Node("h", "", (6, 0), "h", ("sum",)),
        )

    def scan(self, projected_TBG: Tensor, state: State, weights: CellWeights, variant: str) -> tuple[Tensor, State]:
        """Gates and candidates of all steps at once, then the states; see `Cell.scan`."""
        _, z_TBH, n_TBH = self.update(projected_TBG, state, weights, variant)
        (h_BH,), states = state, []
        for z_BH, written_BH in zip(z_TBH.unbind(0), ((1 - z_TBH) * n_TBH).unbind(0), strict=True):
            h_BH = torch.addcmul(written_BH, z_BH, h_BH)
            states.append(h_BH)
        return torch.stack(states), (h_BH,)

    def held(self, part: str, value: float, variant: str) -> dict[str, float] | None:
        """The candidate too, and the state: z = 0 and n = value; see `Cell.held`."""
        if part in ("n", "h") and value > 0:
            return {"n": value - 0.5 if value >= 0.5 else logit(value)} | ({"z": -SHUT} if part == "h" else {})
        return super().held(part, value, variant)

    def linearised(self, read: Tensor, h_TH: Tensor, first: State, weights: CellWeights, variant: str) -> LinearNet:
        """By hand; see `Cell.linearised`."""
        h_prev_TH, projected_TG = previous(h_TH, first[0]), input_projection(read, weights)
        return _LinearMinGRU(
            weights, h_prev_TH, projected_TG, self.update(projected_TG, (h_prev_TH,), weights, variant)
        )


class _LinearMinGRU(LinearNet):
    """J = diag(z): the copy path is the only one."""

    def __init__(self, weights: CellWeights, h_prev_TH: Tensor, projected_TG: Tensor, step: MinGRUStep) -> None:
        super().__init__(weights)
        xn_TH = projected_TG.chunk(2, 1)[1]
        self.z_TH = step.z
        self.to_z = (h_prev_TH - step.n) * step.z * (1 - step.z)
        self.to_n = (1 - step.z) * torch.where(xn_TH >= 0, 1, step.n * (1 - step.n))

    def jacobian(self, t: int) -> Tensor:
        return torch.diag(self.z_TH[t])

    def split(self, ds_RS: Tensor, t: int | slice) -> dict[str, Tensor]:
        return {"copy": ds_RS * self.z_TH[t]}

    def pull(self, ds_RS: Tensor, t: int, out_RS: Tensor) -> None:
        torch.mul(ds_RS, self.z_TH[t], out=out_RS)

    def push(self, ds_RS: Tensor, t: int) -> Tensor:
        return (ds_RS * self.to_z[t]) @ self.w[0] + (ds_RS * self.to_n[t]) @ self.w[1]
