"""The initial weights of a model: the schemes a person can choose from, each with its source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from explorer.cells import CellWeights

if TYPE_CHECKING:  # for their names alone: models import this file
    from explorer.models import CharModel, ModelConfig

INITS = ("torch", "normal", "chrono", "orthogonal", "identity")
NORMAL_INIT_STD = 0.01


@torch.no_grad()
def initialise(model: CharModel, generator: torch.Generator) -> None:
    """Fill every parameter as config.init says, in the order of named_parameters, from one generator.

    "torch": U(-1/sqrt(H), 1/sqrt(H)), as torch.nn.RNN, GRU, LSTM and Linear do. "normal": N(0, 0.01) and zero biases, as
    Dive into Deep Learning does from scratch. The others begin with torch's and replace a part of it: "chrono" the bias of
    the gate that keeps (Tallec & Ollivier 2018, arXiv 1804.11188); "orthogonal" each gate's recurrent matrix by an
    orthogonal one (Saxe et al. 2014, arXiv 1312.6120); "identity" the recurrent matrix of a plain cell by the identity and
    its biases by zeros (Le et al. 2015, arXiv 1504.00941, where it is used with relu). `config.keep_bias` comes on top.
    """
    config = model.config
    for name, parameter in model.named_parameters():
        if config.init == "normal":
            if "bias" in name:
                parameter.zero_()
            else:
                parameter.normal_(0, NORMAL_INIT_STD, generator=generator)
        elif name == "embedding.weight":
            parameter.normal_(generator=generator)
        else:
            bound = 1 / math.sqrt(_width_read(config, name))
            parameter.uniform_(-bound, bound, generator=generator)
    for net in config.nets:
        weights = model.rnn.weights(net)
        if config.init == "chrono":
            _chrono_bias(weights, config, generator)
        elif config.init == "orthogonal":
            for u_HH in weights.w_hh_GH.chunk(len(config.kind.stacked)):
                torch.nn.init.orthogonal_(u_HH, generator=generator)
        elif config.init == "identity":
            torch.nn.init.eye_(weights.w_hh_GH)
            weights.b_ih_G.zero_()
            weights.b_hh_G.zero_()
        if config.keep_bias and config.kind.keeps:
            config.kind.rows(weights.b_ih_G, config.kind.keeps.letter).add_(config.keep_bias)


def _width_read(config: ModelConfig, name: str) -> int:
    """Width of the state that a parameter reads, by which torch scales it."""
    if name.startswith("out."):
        return config.features
    return next(config.width(net) for net in config.nets if name.endswith(net.suffix))


def _chrono_bias(weights: CellWeights, config: ModelConfig, generator: torch.Generator) -> None:
    """Set the keeping gate's bias to ln U(1, T_max - 1), in b_ih; its other bias, which would add to it, to zero."""
    memory_H = weights.b_ih_G.new_empty(weights.w_hh_GH.shape[1])
    memory_H.uniform_(1, config.chrono_t_max - 1, generator=generator).log_()
    for letter, value_H in config.kind.chrono(memory_H).items():
        config.kind.rows(weights.b_ih_G, letter).copy_(value_H)
        if config.kind.recurrent:
            config.kind.rows(weights.b_hh_G, letter).zero_()
