"""What a model did while it read numbers in time: gates, states, what it told and how wrong it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from explorer.models import ModelConfig, NetKey
from explorer.probes.gates import Tape, largest_residual, record_tapes
from explorer.probes.pictured import Pictured
from explorer.reads.series import SeriesRead

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class SeriesTrace(Pictured):
    """Everything a model did while it read numbers.

    Attributes:
        labels: of the steps.
        config: the model's.
        score_name: what the loss is called.
        inputs_TE: what was read, in numbers of the network, float64.
        tapes: one Tape for each net.
        outputs_TV: what was told at each step, float64, in numbers of the network; of a classification the probability of each
            class, in [0, 1].
        target: y_TV or classes_T.
        loss_T: of each step: the mean squared error over V, or -ln p of the class in nats; NaN where none is asked.

    """

    labels: tuple[str, ...]
    config: ModelConfig
    score_name: str
    inputs_TE: Floats
    tapes: Mapping[NetKey, Tape]
    outputs_TV: Floats
    target: NDArray[Any]
    loss_T: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def _facts(self) -> dict[str, Any]:
        return {"steps": len(self), "cell": self.config.title, "nets": len(self.tapes), "loss": self.loss}

    def tape(self, layer: int = 0, direction: str = "forward") -> Tape:
        """The tape of one net.

        Args:
            layer: of the net, counted from 0.
            direction: of the net, "forward" or "backward".

        Raises:
            ConfigError: the model has no such net.

        """
        return self.tapes[self.config.net(layer, direction)]

    @property
    def is_regression(self) -> bool:
        """Whether numbers are told, and not classes."""
        return self.target.ndim == 2

    @property
    def loss(self) -> float:
        """Mean over the steps that are asked."""
        known = self.loss_T[~np.isnan(self.loss_T)]
        return float(known.mean()) if known.size else math.nan

    @cached_property
    def residual(self) -> float:
        """Max |h by the displayed equation - h by the kernel| of all nets."""
        return largest_residual(self.tapes.values()) or 0.0


@torch.no_grad()
def trace_series(read: SeriesRead) -> SeriesTrace:
    """Recover every gate of every net at every step of numbers that a model has read.

    Args:
        read: the model and the numbers; the model is left exactly as it was found.

    Raises:
        ConfigError: no step is asked.

    """
    read.check_losses()
    tapes, _ = record_tapes(read)
    # What is told is computed in float64, from the same weights, as the losses of all probes are.
    features_TF = read.precise.features({net: states.unsqueeze(1) for net, states in read.h.items()})[:, 0]
    outputs_TV = read.precise.out(features_TF)
    loss_T = torch.full((len(read),), math.nan, dtype=torch.float64)
    loss_T[read.asked] = read.terms(outputs_TV[read.asked], read.asked)
    told_TV = outputs_TV if read.is_regression else outputs_TV.softmax(-1)
    return SeriesTrace(
        tuple(read.labels), read.model.config, read.score_name, read.inputs.double().numpy(), tapes, told_TV.numpy(),
        read.target.numpy(), loss_T.numpy(),
    )  # fmt: skip
