"""What one step of each cell costs at one width: weights, multiplications, and the time that it takes here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

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
        weights: numbers it learns, biases included, as many of these as the cell has of its own accord.
        multiplications: of one step: those of the matrix products, and one for each product of two units.
        us_per_step: microseconds a step of one sequence takes here, by the kernel that reads texts: the shortest of some takes,
            with those of the other cells between them.

    """

    cell: Cell
    weights: int
    multiplications: int
    us_per_step: float


def costs(config: ModelConfig, inputs: int) -> list[Cost]:
    """One layer of every cell, as wide as the first layer of a model, reading vectors of `inputs` numbers."""
    width = config.width(NetKey(0, "forward"))
    models = {key: SequenceModel(ModelConfig(key, hidden_size=width), inputs, 1, seed=0) for key in CELLS}
    taken = _measured(list(models.values()), inputs)
    return [_cost(models[key], inputs, us) for key, us in zip(models, taken, strict=True)]


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


def _cost(model: SequenceModel, inputs: int, us_per_step: float) -> Cost:
    config, cell = model.config, model.config.kind
    matrices = [p for name, p in model.rnn.named_parameters() if p.dim() > 1]
    products = sum(form.count("*") for _, form in cell.equations(next(iter(cell.variants))))
    multiplications = sum(part.numel() for part in matrices) + products * config.width(NetKey(0, "forward"))
    return Cost(cell, sum(p.numel() for p in model.rnn.parameters()), multiplications, us_per_step)


def _measured(models: Sequence[SequenceModel], inputs: int) -> list[float]:
    """Microseconds a step, in turns: what else the machine does hits all alike."""
    x_TE = torch.randn(STEPS, inputs, generator=torch.Generator().manual_seed(0))
    taken_s = [[_once_s(model, x_TE) for model in models] for _ in range(1 + TAKES)][1:]  # the first warms up
    return [1e6 * min(each) / STEPS for each in zip(*taken_s, strict=True)]


def _once_s(model: SequenceModel, x_TE: torch.Tensor) -> float:
    began_s = time.perf_counter()
    kernel_states(model, NetKey(0, "forward"), x_TE)
    return time.perf_counter() - began_s
