"""A model that has read a text: its states, its losses, and where each loss enters a net.

Gradients are followed in float64, from the same weights: in float32 the error at a character that is predicted well,
softmax - onehot, has no digits left, and a product over hundreds of steps leaves the range of the numbers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.cells.base import LinearNet
from explorer.models import CharModel, ConfigError, ModelConfig, NetKey
from explorer.probes.kernel import BLOCK_BYTES, read_text
from explorer.text import TextError


def in_float64(model: CharModel) -> CharModel:
    """A copy of a model in float64, with gradients asked for: the one it is made from is left as it was found."""
    return copy.deepcopy(model).double().requires_grad_()


@dataclass(frozen=True)
class Reading:
    """A model that has read a text: ids, inputs and states in the order of the text.

    Attributes:
        model: as it was given.
        precise: the same in float64; x and h are its own.
        text: as it was read.
        ids_T: the text's numbers.
        x: what layer 0 reads: ids_T or floats x_TE.
        h: net -> states h_TH.

    """

    model: CharModel
    precise: CharModel
    text: str
    ids_T: Tensor
    x: Tensor
    h: dict[NetKey, Tensor]

    @classmethod
    @torch.no_grad()
    def of(cls, model: CharModel, text: str) -> Reading:
        """The model, having read the text from its zero state."""
        text, precise = model.vocabulary.as_read(text), in_float64(model)
        ids_T = model.vocabulary.encode(text)
        return cls(model, precise, text, ids_T, *read_text(precise, ids_T))

    def linear(self, net: NetKey) -> LinearNet:
        """One net linearised along the text."""
        config, weights = self.precise.config, self.precise.rnn.weights(net)
        read, h_TH = self.precise.rnn.input_of(net, self.x, self.h), self.h[net]
        if config.reads_backward(net):
            read, h_TH = read.flip(0), h_TH.flip(0)
        return config.kind.linearised(read, h_TH, weights, config.variant)

    @property
    def losses(self) -> int:
        """How many characters are predicted."""
        return len(self.ids_T) if self.model.config.objective == "cloze" else max(len(self.ids_T) - 1, 0)

    def asked_T(self, net: NetKey) -> Tensor:
        """Which character the loss read off the state after t speaks of; -1 for none."""
        ahead = self.model.config.objective != "cloze" or net.direction == "forward"
        asked_T = torch.arange(len(self.ids_T)) + (1 if ahead else -1)
        return asked_T.where(asked_T < len(self.ids_T), -1)

    @torch.no_grad()
    def local_gradients(self, net: NetKey) -> Tensor:
        """dL_t/dh_t at the top net of a direction, (T, H) in the order of the text: zero where no loss is read."""
        model, config = self.precise, self.precise.config
        features_TF = model.features({key: states.unsqueeze(1) for key, states in self.h.items()})[:, 0]
        asked_T = self.asked_T(net)
        rows = asked_T if config.objective == "cloze" else torch.arange(len(asked_T))  # the logits that answer
        start = 0 if net.direction == "forward" else config.features - config.width(net)
        weight_VH = model.out.weight[:, start : start + config.width(net)]
        local_TH = features_TF.new_zeros(len(asked_T), config.width(net))
        read = (asked_T >= 0).nonzero()[:, 0]
        for block in read.split(max(1, BLOCK_BYTES // (8 * len(model.vocabulary)))):
            logits_CV = model.out(features_TF[rows[block]])
            local_TH[block] = error(logits_CV, self.ids_T[asked_T[block]]) @ weight_VH
        return local_TH


def error(logits_TV: Tensor, target_T: Tensor) -> Tensor:
    """dL/dlogits of the negative log-likelihood, (T, V): softmax - onehot, to full precision.

    At the target, p - 1 is written as minus the sum of the other probabilities: of a character predicted with
    certainty to 1e-60, nothing is left of 1 - p.
    """
    target_T1 = target_T.unsqueeze(1)
    # dL/dlogit_j = p_j for the others;  dL/dlogit_target = -(sum of the others' p)
    others_TV = logits_TV.softmax(-1).scatter(1, target_T1, 0)
    return others_TV.scatter(1, target_T1, -others_TV.sum(1, keepdim=True))


def nll_nats(logits_TV: Tensor, target_T: Tensor) -> Tensor:
    """-ln p of each target, (T,), whose gradient keeps its digits however small it is."""
    target_T1 = target_T.unsqueeze(1)
    others_T = logits_TV.scatter(1, target_T1, -torch.inf).logsumexp(1)
    # -ln p = ln(1 + sum over the others of e^(logit - logit of the target))
    return F.softplus(others_T - logits_TV.gather(1, target_T1)[:, 0], threshold=600)


def reading_of(model: CharModel, text: str, known: Reading | None = None) -> Reading:
    """A model that has read a text: the one that is known, or a new one.

    Raises:
        ConfigError: the known one is of another model or text.

    """
    if known is None:
        return Reading.of(model, text)
    if known.model is not model or known.text != text:
        raise ConfigError("reading: expected one of the same model and text; got another.")
    return known


def one_way_layers(config: ModelConfig) -> range:
    """The layers through which a gradient runs one way: under one that reads both directions it runs both ways."""
    both_ways = config.direction == "bidirectional" and not config.stacked_apart
    return range(config.num_layers - 1 if both_ways else 0, config.num_layers)


def check_net(model: CharModel, layer: int, direction: str) -> NetKey:
    """The net, if the model has it and a gradient runs one way through it.

    Raises:
        ConfigError: no such net; or a lower layer of a model whose layers read both directions below.

    """
    config, net = model.config, NetKey(layer, direction)
    if net not in config.nets:
        there = ", ".join(f"(layer={n.layer}, direction={n.direction!r})" for n in config.nets)
        raise ConfigError(f"Expected a net out of {there}; got (layer={layer}, direction={direction!r}).")
    if layer not in one_way_layers(config):
        raise ConfigError(
            f"Expected the last layer ({config.num_layers - 1}) of a model whose layers read both directions below: under "
            f"it a gradient runs both ways through the text, which one sweep cannot follow. Got layer {layer}."
        )
    return net


def nets_above(model: CharModel, net: NetKey) -> list[NetKey]:
    """The nets a gradient passes on its way to this one, the top first, itself last. All read in the same direction."""
    config = model.config
    directions = config.directions if config.direction == "parallel" else (net.direction,)
    return [NetKey(i, d) for i in reversed(range(net.layer + 1, config.num_layers)) for d in directions] + [net]


def text_loss(model: CharModel, logits_TV: Tensor, ids_T: Tensor) -> Tensor:
    """Mean negative log-likelihood, in nats, of the characters of a text that a model predicts."""
    if model.config.objective == "cloze":
        return nll_nats(logits_TV, ids_T).mean()
    return nll_nats(logits_TV[:-1], ids_T[1:]).mean()


def predicted_ids(model: CharModel, text: str) -> Tensor:
    """ids_T of a text of which the model predicts something.

    Raises:
        TextError: an empty text, or a single character for a model that predicts the next.

    """
    ids_T = model.vocabulary.encode(text)
    least = 1 if model.config.objective == "cloze" else 2
    if len(ids_T) < least:
        raise TextError(f"Expected a text of at least {least} characters, so that there is a loss; got {len(ids_T)}.")
    return ids_T
