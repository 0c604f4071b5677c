"""What one step of each cell costs at one width: weights, multiplications, and the time that it takes here."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import pandas as pd
import torch

from explorer.cells import CELLS, Cell
from explorer.models import ModelConfig, NetKey, SequenceModel
from explorer.reads.kernel import kernel_states

STEPS, TAKES = 300, 5


@dataclass(frozen=True)
class Cost:
    """What one step of one layer costs.

    Attributes:
        cell: what kind of cell.
        weights: numbers it learns, biases included.
        multiplications: of one step: those of the matrix products, and one for each product of two units.
        us_per_step: microseconds a step of one sequence takes here, by the kernel that reads texts: the shortest of some takes.

    """

    cell: Cell
    weights: int
    multiplications: int
    us_per_step: float


def costs(config: ModelConfig, inputs: int) -> list[Cost]:
    """One layer of every cell, as wide as the first layer of a model, reading vectors of `inputs` numbers."""
    return [_cost(key, config.width(NetKey(0, "forward")), inputs) for key in CELLS]


def frame(found: list[Cost]) -> pd.DataFrame:
    """One line a cell."""
    return pd.DataFrame(
        {
            "cell": [next(iter(cost.cell.variants.values())) for cost in found],
            "weights": [cost.weights for cost in found],
            "multiplications": [cost.multiplications for cost in found],
            "us_per_step": [cost.us_per_step for cost in found],
        }
    )


def _cost(key: str, width: int, inputs: int) -> Cost:
    cell = CELLS[key]
    model = SequenceModel(replace(ModelConfig(key, hidden_size=width), bias="one"), inputs, 1, seed=0)
    weights = model.rnn.weights(NetKey(0, "forward"))
    parts = [weights.w_ih_GE, weights.w_hh_GH]
    products = sum(form.count("*") for _, form in cell.equations(next(iter(cell.variants))))
    learned = sum(part.numel() for part in parts) + weights.b_ih_G.numel()
    return Cost(cell, learned, sum(part.numel() for part in parts) + products * width, _measured(model, inputs))


def _measured(model: SequenceModel, inputs: int) -> float:
    x_TE = torch.randn(STEPS, inputs, generator=torch.Generator().manual_seed(0))
    taken_s = []
    for _ in range(TAKES):
        began_s = time.perf_counter()
        kernel_states(model, NetKey(0, "forward"), x_TE)
        taken_s.append(time.perf_counter() - began_s)
    return 1e6 * min(taken_s) / STEPS
