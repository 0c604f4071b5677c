"""Numbers in time as what a model reads: one step a row of x_TE, and a squared error, or a cross-entropy, where one is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from explorer.cells import State
from explorer.fields import ConfigError, expected, got
from explorer.models import NetKey, SequenceModel
from explorer.reads.base import Read
from explorer.reads.text import error, nll_nats
from explorer.series import Drawn
from explorer.words import say


class SeriesRead(Read):
    """A model that reads numbers. A term is the loss of a step, numbered by the step.

    Attributes:
        target: y_TV of a regression, whose loss is the mean squared error over V; classes_T (int64) of a classification, whose
            loss is -ln p of the class, in nats.
        asked: the steps whose output is looked at, int64, ascending.
        is_regression: whether numbers are told, and not classes.

    Args:
        model: as many outputs as there are targets or classes.
        x_TE: what it reads, floats, at least one step.
        target: as above; floats make a regression.
        asked_T: True where the output is looked at, bool; None for every step. What is padding is not asked, and stands at the
            end.
        labels: of the steps, one for each; None counts them.
        first: the state each net begins in, parts _1H; None for zeros.

    Raises:
        ConfigError: shapes, labels or classes that do not fit the model, or numbers that are not finite.

    """

    def __init__(
        self,
        model: SequenceModel,
        x_TE: Tensor,
        target: Tensor,
        *,
        asked_T: Tensor | None = None,
        labels: Sequence[str] | None = None,
        first: Mapping[NetKey, State] | None = None,
    ) -> None:
        _check_shapes(model, x_TE, target, asked_T)
        if labels is not None and len(labels) != len(x_TE):
            raise ConfigError("labels", expected("labels", count=len(x_TE)), len(labels))
        self.is_regression = target.is_floating_point()
        self.target = target.double() if self.is_regression else target
        kept_T = torch.ones(len(x_TE), dtype=torch.bool) if asked_T is None else asked_T
        self.asked = kept_T.nonzero()[:, 0]
        self.score_name = say("score.squared-error" if self.is_regression else "score.cross-entropy")
        super().__init__(
            model, list(labels) if labels is not None else [str(step) for step in range(len(x_TE))], x_TE, first
        )

    @classmethod
    def of(cls, model: SequenceModel, drawn: Drawn, row: int = 0) -> SeriesRead:
        """One of the sequences that were drawn; those after the first count their steps, since their labels are not known.

        Args:
            model: what reads it.
            drawn: the sequences, and what is asked of them.
            row: which one, counted from 0.

        Raises:
            ConfigError: shapes that do not fit the model, or numbers that are not finite.
            IndexError: there is no such row.

        """
        return cls(
            model, drawn.x_TBE[:, row], drawn.y_TBV[:, row], asked_T=drawn.asked_T, labels=None if row else drawn.labels
        )

    @property
    def answers(self) -> tuple[Tensor, Tensor]:
        """Row t speaks of step t."""
        return self.asked, self.asked

    def asked_T(self, net: NetKey) -> Tensor:
        """Step t's own loss, where one is asked."""
        return torch.full((len(self),), -1).scatter(0, self.asked, self.asked)

    def terms(self, outputs_CV: Tensor, asked_C: Tensor) -> Tensor:
        """Mean squared error over the targets, or -ln p of the class."""
        target_C = self.target[asked_C]
        # L = 1/V sum of (y' - y)^2
        return (outputs_CV - target_C).square().mean(1) if self.is_regression else nll_nats(outputs_CV, target_C)

    def errors(self, outputs_CV: Tensor, asked_C: Tensor) -> Tensor:
        """2/V (y' - y), or softmax - onehot."""
        target_C = self.target[asked_C]
        if not self.is_regression:
            return error(outputs_CV, target_C)
        return (outputs_CV - target_C) * 2 / outputs_CV.shape[1]

    def check_losses(self) -> None:
        """Refuse numbers of which nothing is asked.

        Raises:
            ConfigError: no step is asked.

        """
        if not len(self.asked):
            raise ConfigError("asked_T", expected("a-step-asked"), got("none"))


def _check_shapes(model: SequenceModel, x_TE: Tensor, target: Tensor, asked_T: Tensor | None) -> None:
    outputs = model.out.out_features
    if x_TE.dim() != 2 or not x_TE.is_floating_point() or x_TE.shape[1] != model.inputs or not len(x_TE):
        raise ConfigError(
            "x_TE",
            expected("numbers-in-time", columns=model.inputs),
            got("tensor", dtype=x_TE.dtype, shape=tuple(x_TE.shape)),
        )
    shape = (len(x_TE), outputs) if target.is_floating_point() else (len(x_TE),)
    if tuple(target.shape) != shape:
        raise ConfigError(
            "target",
            expected("target-shape", shape=shape),
            got("tensor", dtype=target.dtype, shape=tuple(target.shape)),
        )
    if not bool(x_TE.isfinite().all()) or not bool(target.double().isfinite().all()):
        raise ConfigError("x_TE", expected("finite-numbers"), got("not-finite"))
    if not target.is_floating_point() and not bool(((target >= 0) & (target < outputs)).all()):
        raise ConfigError("target", expected("classes", most=outputs - 1), got("others"))
    if asked_T is not None and (asked_T.dtype != torch.bool or tuple(asked_T.shape) != (len(x_TE),)):
        raise ConfigError(
            "asked_T", expected("mask", steps=len(x_TE)), got("tensor", dtype=asked_T.dtype, shape=tuple(asked_T.shape))
        )
