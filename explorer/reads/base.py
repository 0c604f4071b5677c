"""What a probe needs of a model and what it has read: a `Read`. docs/decisions.md says why it is one object.

A kind of input is a subclass, one a file: it knows the labels of the axis, which losses are read off which outputs, and what
the score is called. Probes know neither a vocabulary nor a cross-entropy.

Gradients are followed in float64, from the same weights: in float32 the error at a character that is predicted well,
softmax - onehot, has no digits left, and a product over hundreds of steps leaves the range of the numbers.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from explorer.cells import State
from explorer.cells.base import LinearNet
from explorer.fields import ConfigError, expected
from explorer.models import ModelConfig, NetKey, SequenceModel
from explorer.reads.kernel import BLOCK_BYTES, kernel_states, through_nets

M = TypeVar("M", bound=SequenceModel)


def in_float64(model: M) -> M:
    """A copy of a model in float64, with gradients asked for: the one it is made from is left as it was found."""
    return copy.deepcopy(model).double().requires_grad_()


class Read(ABC):
    """A model and an input that it reads; states and losses are computed once, for all probes that ask.

    A *term* is one of the losses that add up to the mean loss, numbered by what it speaks of: of a text, the character.

    Attributes:
        model: as it was given; it is left as it was found.
        labels: what stands at each step of the axis.
        inputs: what the model is given, time first: ids_T or floats x_TE.

    """

    score_name: str
    """What the score made of the mean loss is called."""

    def __init__(
        self, model: SequenceModel, labels: Sequence[str], inputs: Tensor, first: Mapping[NetKey, State] | None = None
    ) -> None:
        self.model, self.labels, self.inputs = model, labels, inputs
        self._first = first

    def __len__(self) -> int:
        return len(self.inputs)

    # ---- what a kind of input says -------------------------------------------------------------------------------

    @property
    @abstractmethod
    def answers(self) -> tuple[Tensor, Tensor]:
        """The rows of the output off which terms are read, and which term each of them is: (rows_K, terms_K)."""

    @abstractmethod
    def asked_T(self, net: NetKey) -> Tensor:
        """Which term is read off the state of a top net after step t, int64; -1 for none.

        Args:
            net: a net of the last layer.

        """

    @abstractmethod
    def terms(self, outputs_CV: Tensor, asked_C: Tensor) -> Tensor:
        """The loss of each asked term, (C,), differentiable.

        Args:
            outputs_CV: the row of the output off which each of the terms is read.
            asked_C: which terms these are, int64.

        """

    @abstractmethod
    def errors(self, outputs_CV: Tensor, asked_C: Tensor) -> Tensor:
        """dL/doutput of each asked term, (C, V), to full precision.

        Args:
            outputs_CV: the row of the output off which each of the terms is read.
            asked_C: which terms these are, int64.

        """

    @abstractmethod
    def check_losses(self) -> None:
        """Refuse an input of which nothing is predicted."""

    def shared(self, other: Read) -> int:
        """How many steps, from the first, surely have the same states and losses as another reading by the same model.

        Args:
            other: any reading; 0 where nothing is known of the two.

        """
        del other
        return 0

    # ---- what follows ----------------------------------------------------------------------------------------------

    @property
    def losses(self) -> int:
        """How many terms there are."""
        return len(self.answers[0])

    @cached_property
    def precise(self) -> SequenceModel:
        """The model in float64."""
        return in_float64(self.model)

    def first_of(self, model: SequenceModel) -> Mapping[NetKey, State]:
        """The state each net begins in, parts _1H, in the precision of a model: zeros, where none was given.

        Args:
            model: `model` or `precise`.

        """
        if self._first is None:
            return model.rnn.zero_state(1)
        return {net: tuple(part.to(model.out.weight.dtype) for part in parts) for net, parts in self._first.items()}

    @cached_property
    def x(self) -> Tensor:
        """What layer 0 of `precise` reads: ids_T or floats x_TE."""
        with torch.no_grad():
            return self.precise.embed(self.inputs)

    @cached_property
    def h(self) -> dict[NetKey, Tensor]:
        """Net -> states h_TH in float64, in the order of the input."""
        model, first = self.precise, self.first_of(self.precise)
        return through_nets(model, self.x, lambda net, read: kernel_states(model, net, read, first)[0])

    def linear(self, net: NetKey) -> LinearNet:
        """One net linearised along the input, in float64, in the order in which the net reads.

        Args:
            net: any net of the model.

        """
        config, weights = self.precise.config, self.precise.rnn.weights(net)
        read, h_TH = self.precise.rnn.input_of(net, self.x, self.h), self.h[net]
        if config.reads_backward(net):
            read, h_TH = read.flip(0), h_TH.flip(0)
        first = tuple(part_1H[0] for part_1H in self.first_of(self.precise)[net])
        return config.kind.linearised(read, h_TH, first, weights, config.variant)

    def outputs(self, each: Callable[[NetKey, Tensor], Tensor], x: Tensor | None = None) -> Tensor:
        """outputs_TV of `precise`, its nets being run by `each` with a batch of one.

        Args:
            each: makes states h_T1H of a net and what it reads, both in the order in which the net reads (see through_nets).
            x: what layer 0 reads, with a batch of one; None for what was read.

        """
        h = through_nets(self.precise, self.x.unsqueeze(1) if x is None else x, each)
        output: Tensor = self.precise.out(self.precise.features(h)[:, 0])
        return output

    def mean_loss(self, outputs_TV: Tensor) -> Tensor:
        """The mean of all terms, as training has it.

        Args:
            outputs_TV: of the whole input.

        """
        rows_K, asked_K = self.answers
        return self.terms(outputs_TV[rows_K], asked_K).mean()

    @torch.no_grad()
    def local_gradients(self, net: NetKey) -> Tensor:
        """dL_t/dh_t at the top net of a direction, (T, H) in the order of the input: zero where no loss is read.

        Args:
            net: a net of the last layer.

        """
        model, config = self.precise, self.precise.config
        features_TF = model.features({key: states.unsqueeze(1) for key, states in self.h.items()})[:, 0]
        asked_T, (rows_K, asked_K) = self.asked_T(net), self.answers
        row_of = torch.zeros(len(self) + 1, dtype=torch.int64).scatter(0, asked_K, rows_K)  # term -> row
        start = 0 if net.direction == "forward" else config.features - config.width(net)
        weight_VH = model.out.weight[:, start : start + config.width(net)]
        local_TH = features_TF.new_zeros(len(asked_T), config.width(net))
        read = (asked_T >= 0).nonzero()[:, 0]
        for block in read.split(max(1, BLOCK_BYTES // (8 * model.out.out_features))):
            outputs_CV = model.out(features_TF[row_of[asked_T[block]]])
            local_TH[block] = self.errors(outputs_CV, asked_T[block]) @ weight_VH
        return local_TH


def one_way_layers(config: ModelConfig) -> range:
    """The layers through which a gradient runs one way: under one that reads both directions it runs both ways."""
    both_ways = config.direction == "bidirectional" and not config.stacked_apart
    return range(config.num_layers - 1 if both_ways else 0, config.num_layers)


def check_net(model: SequenceModel, layer: int, direction: str) -> NetKey:
    """The net, if the model has it and a gradient runs one way through it.

    Raises:
        ConfigError: no such net; or a lower layer of a model whose layers read both directions below.

    """
    config = model.config
    net = config.net(layer, direction)
    if layer not in one_way_layers(config):
        raise ConfigError("layer", expected("top-layer", last=config.num_layers - 1), layer)
    return net


def nets_above(model: SequenceModel, net: NetKey) -> list[NetKey]:
    """The nets a gradient passes on its way to this one, the top first, itself last. All read in the same direction."""
    config = model.config
    directions = config.directions if config.direction == "parallel" else (net.direction,)
    return [NetKey(i, d) for i in reversed(range(net.layer + 1, config.num_layers)) for d in directions] + [net]
