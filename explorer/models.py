"""Character models: what a configuration means, and the network it describes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.cells import ACTIVATIONS, GATE_ORDER, RESETS, CellWeights, input_projection
from explorer.scan import State, scan
from explorer.text import Vocabulary

DIRECTIONS = ("forward", "bidirectional", "parallel")
OBJECTIVES = ("next", "cloze", "leaky")
INITS = ("torch", "normal", "chrono")
MAX_HIDDEN, MAX_LAYERS, MAX_PARAMETERS = 4096, 8, 5_000_000
NORMAL_INIT_STD = 0.01


class ConfigError(ValueError):
    """A configuration or a request that makes no sense; the message says what was expected and what came."""


class NetKey(NamedTuple):
    """One of the nets a model is made of: which layer, and "forward" or "backward" (the second net)."""

    layer: int
    direction: str

    @property
    def suffix(self) -> str:
        """How torch ends the names of this net's parameters: "_l0", "_l0_reverse", "_l1", ..."""
        return f"_l{self.layer}" + ("_reverse" if self.direction == "backward" else "")


@dataclass(frozen=True)
class ModelConfig:
    """What a model is. Checked when made: a ConfigError names the field, what was expected and what came.

    Attributes:
        cell: "rnn", "gru" or "lstm".
        reset: where a GRU's reset gate acts, "before" or "after" the matrix product (see cells.gru_step).
        activation: of an rnn: "tanh", "relu" or "sigmoid".
        hidden_size: units H of the (first) net.
        num_layers: layers, each reading the states of the one below.
        direction: "forward"; "bidirectional" (the second net reads from the end); "parallel" (two nets that both
            read forward: a "bidirectional" net as it is published by mistake, kept to reproduce its numbers).
        hidden_size_backward: units of the second net; None means hidden_size.
        embedding_size: width of a learned embedding; None means one-hot.
        objective: "next" (predict the next character from what stands before it); "cloze" (predict each character
            from the forward state before it and the backward state after it); "leaky" (next character from both
            directions, which have already read it: a textbook mistake, kept to be shown).
        init: "torch" (PyTorch's defaults), "normal" (N(0, 0.01), zero biases), "chrono" (PyTorch's, with the bias of
            the gate that keeps set to ln U(1, chrono_t_max - 1); Tallec & Ollivier 2018, arXiv 1804.11188).
        chrono_t_max: the longest memory "chrono" aims at, in characters.

    """

    cell: str = "gru"
    reset: str = "after"
    activation: str = "tanh"
    hidden_size: int = 256
    num_layers: int = 1
    direction: str = "forward"
    hidden_size_backward: int | None = None
    embedding_size: int | None = None
    objective: str = "next"
    init: str = "torch"
    chrono_t_max: int = 100

    def __post_init__(self) -> None:
        for field, allowed in _CHOICES.items():
            value = getattr(self, field)
            if not isinstance(value, str) or value not in allowed:
                raise ConfigError(f"{field}: expected one of {', '.join(allowed)}; got {value!r}.")
        for field, most in _SIZES.items():
            value = getattr(self, field)
            optional = field in ("hidden_size_backward", "embedding_size")
            if value is None and optional:
                continue
            if type(value) is not int or not 1 <= value <= most:
                raise ConfigError(f"{field}: expected a whole number from 1 to {most:,}; got {value!r}.")
        self._check_sense()

    def _check_sense(self) -> None:
        if self.objective == "next" and self.direction == "bidirectional":
            raise ConfigError(
                'objective: expected "cloze" or "leaky" for a bidirectional model, whose second net has already read '
                'the next character; got "next".'
            )
        if self.objective != "next" and self.direction != "bidirectional":
            raise ConfigError(f'objective: expected "next" for a {self.direction} model; got {self.objective!r}.')
        if self.direction == "forward" and self.hidden_size_backward is not None:
            raise ConfigError(
                "hidden_size_backward: expected None for a forward model, which has no second net; "
                f"got {self.hidden_size_backward}."
            )
        if self.init == "chrono" and (self.cell == "rnn" or self.chrono_t_max < 3):
            raise ConfigError(
                "init: chrono expects a cell with a gate that keeps (gru, lstm) and chrono_t_max >= 3; "
                f"got {self.cell} and {self.chrono_t_max}."
            )

    @property
    def variant(self) -> str:
        """What tells two models of the same cell apart: the activation of an rnn, the reset convention of a gru."""
        return {"rnn": self.activation, "gru": self.reset, "lstm": ""}[self.cell]

    @property
    def directions(self) -> tuple[str, ...]:
        """The nets of a layer: "forward", and "backward" for the second net where there is one."""
        return ("forward",) if self.direction == "forward" else ("forward", "backward")

    @property
    def nets(self) -> tuple[NetKey, ...]:
        """Every net of the model, layer by layer, forward before backward."""
        return tuple(NetKey(layer, d) for layer in range(self.num_layers) for d in self.directions)

    @property
    def stacked_apart(self) -> bool:
        """Whether the layers of each direction see only their own direction below.

        They must for cloze: were layer 1 given both directions of layer 0, its forward state before t would
        already contain, through the backward net, the character at t that it is asked for (as in ELMo, Peters 2018).
        """
        return self.objective == "cloze"

    def width(self, direction: str) -> int:
        """Units H of the net in one direction."""
        return (self.hidden_size_backward or self.hidden_size) if direction == "backward" else self.hidden_size

    def name_of(self, direction: str) -> str:
        """What a net is called: "second forward" where the second one, named as torch names it, reads forward too."""
        return "second forward" if direction == "backward" and self.direction == "parallel" else direction

    def reads_backward(self, net: NetKey) -> bool:
        """Whether this net reads the text from its end."""
        return net.direction == "backward" and self.direction == "bidirectional"

    def input_size(self, net: NetKey, vocabulary_size: int) -> int:
        """Width E of what this net reads at each step."""
        if net.layer == 0:
            return self.embedding_size or vocabulary_size
        return self.width(net.direction) if self.stacked_apart else self.features

    @property
    def features(self) -> int:
        """Width of what the output layer reads: the states of all nets of the last layer side by side."""
        return sum(self.width(d) for d in self.directions)

    def parameter_shapes(self, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every parameter of a model with this configuration, without making one."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.embedding_size:
            shapes["embedding.weight"] = (vocabulary_size, self.embedding_size)
        for net in self.nets:
            hidden, gates = self.width(net.direction), len(GATE_ORDER[self.cell])
            shapes[f"rnn.weight_ih{net.suffix}"] = (gates * hidden, self.input_size(net, vocabulary_size))
            shapes[f"rnn.weight_hh{net.suffix}"] = (gates * hidden, hidden)
            shapes[f"rnn.bias_ih{net.suffix}"] = shapes[f"rnn.bias_hh{net.suffix}"] = (gates * hidden,)
        shapes["out.weight"], shapes["out.bias"] = (vocabulary_size, self.features), (vocabulary_size,)
        return shapes


_CHOICES = {
    "cell": tuple(GATE_ORDER),
    "reset": RESETS,
    "activation": tuple(ACTIVATIONS),
    "direction": DIRECTIONS,
    "objective": OBJECTIVES,
    "init": INITS,
}
_SIZES = {
    "hidden_size": MAX_HIDDEN,
    "num_layers": MAX_LAYERS,
    "hidden_size_backward": MAX_HIDDEN,
    "embedding_size": MAX_HIDDEN,
    "chrono_t_max": 1_000_000,
}


class RecurrentStack(nn.Module):
    """The nets of a model, parameters named as torch.nn.GRU names them, run by explorer.scan."""

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        for name, shape in config.parameter_shapes(vocabulary_size).items():
            if name.startswith("rnn."):
                self.register_parameter(name.removeprefix("rnn."), nn.Parameter(torch.empty(shape)))

    def weights(self, net: NetKey) -> CellWeights:
        """The four parameters of one net."""
        return CellWeights(
            *(getattr(self, f"{part}{net.suffix}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        )

    def zero_state(self, batch_size: int) -> dict[NetKey, State]:
        """The state before the first character: zeros for every net."""
        parts = 2 if self.config.cell == "lstm" else 1
        return {
            net: tuple(
                self.weights(net).w_hh_GH.new_zeros(batch_size, self.config.width(net.direction)) for _ in range(parts)
            )
            for net in self.config.nets
        }

    def run_net(self, net: NetKey, x: Tensor, state: State) -> tuple[Tensor, State]:
        """States h_TBH of one net in the order of the text, and its state after its own last step.

        Args:
            net: which one.
            x: what it reads, in the order of the text: ids_TB or floats x_TBE.
            state: its state before its own first step (which for a backward net is at the end of the text).

        """
        if self.config.reads_backward(net):
            h_TBH, last = self.scan_net(net, x.flip(0), state)
            return h_TBH.flip(0), last
        return self.scan_net(net, x, state)

    def scan_net(self, net: NetKey, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The same for an x in the order in which the net itself reads, and states in that order."""
        weights = self.weights(net)
        projected_TBG = input_projection(x, weights)
        return scan(self.config.cell, self.config.variant, projected_TBG, state, weights.w_hh_GH, weights.b_hh_G)

    def forward(self, x: Tensor, state: dict[NetKey, State]) -> tuple[dict[NetKey, Tensor], dict[NetKey, State]]:
        """States h_TBH of every net in the order of the text, and the state each net ends in."""
        h: dict[NetKey, Tensor] = {}
        last: dict[NetKey, State] = {}
        for net in self.config.nets:
            h[net], last[net] = self.run_net(net, self.input_of(net, x, h), state[net])
        return h, last

    def input_of(self, net: NetKey, x: Tensor, h: dict[NetKey, Tensor]) -> Tensor:
        """What a net reads: the text for layer 0, the states of the layer below for the others."""
        if net.layer == 0:
            return x
        directions = (net.direction,) if self.config.stacked_apart else self.config.directions
        return torch.cat([h[NetKey(net.layer - 1, d)] for d in directions], -1)


class CharModel(nn.Module):
    """A recurrent network that predicts characters. Works in float32, and in float64 after .double().

    Args:
        config: what it is.
        vocabulary: its symbols.
        seed: of the initial weights; None takes torch's global generator.

    Raises:
        ConfigError: more than 5 million parameters.

    """

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, seed: int | None = None) -> None:
        super().__init__()
        size = sum(math.prod(shape) for shape in config.parameter_shapes(len(vocabulary)).values())
        if size > MAX_PARAMETERS:
            raise ConfigError(
                f"Expected at most {MAX_PARAMETERS:,} parameters; hidden_size {config.hidden_size} with "
                f"{config.num_layers} layer(s) and {len(vocabulary)} symbols gives {size:,}. Take fewer units."
            )
        self.config, self.vocabulary = config, vocabulary
        self.embedding = nn.Embedding(len(vocabulary), config.embedding_size) if config.embedding_size else None
        self.rnn = RecurrentStack(config, len(vocabulary))
        self.out = nn.Linear(config.features, len(vocabulary))
        generator = torch.default_generator if seed is None else torch.Generator().manual_seed(seed)
        initialise(self, generator)

    def states(
        self, ids_TB: Tensor, state: dict[NetKey, State] | None = None
    ) -> tuple[dict[NetKey, Tensor], dict[NetKey, State]]:
        """States h_TBH of every net, and the state each ends in; state None starts from zeros."""
        x = self.embedding(ids_TB) if self.embedding is not None else ids_TB
        return self.rnn(x, self.rnn.zero_state(ids_TB.shape[1]) if state is None else state)  # type: ignore[no-any-return]

    def features(self, h: dict[NetKey, Tensor]) -> Tensor:
        """What the output layer reads at each step: the last layer's states of all directions, (T, B, features).

        For cloze, the forward state *before* the character and the backward state *after* it; zeros at the edges.
        """
        top = self.config.num_layers - 1
        parts = [h[NetKey(top, direction)] for direction in self.config.directions]
        if self.config.objective == "cloze":
            forward_TBH, backward_TBH = parts
            parts = [F.pad(forward_TBH[:-1], (0, 0, 0, 0, 1, 0)), F.pad(backward_TBH[1:], (0, 0, 0, 0, 0, 1))]
        return torch.cat(parts, -1)

    def forward(self, ids_TB: Tensor, state: dict[NetKey, State] | None = None) -> tuple[Tensor, dict[NetKey, State]]:
        """logits_TBV and the state after. Row t speaks of character t + 1 ("next", "leaky") or of character t ("cloze")."""
        h, last = self.states(ids_TB, state)
        return self.out(self.features(h)), last

    def target(self, x_TB: Tensor, y_TB: Tensor) -> Tensor:
        """Which ids the logits of x_TB are asked for; y_TB is x_TB one character later."""
        return x_TB if self.config.objective == "cloze" else y_TB

    def carried(self, state: dict[NetKey, State]) -> dict[NetKey, State]:
        """The state to start the next piece of the same text with: cut from the graph, and zero for nets that read backward.

        A backward net ends where the piece begins; its state there says nothing about the text after the piece.
        """
        return {
            net: tuple(torch.zeros_like(part) if self.config.reads_backward(net) else part.detach() for part in parts)
            for net, parts in state.items()
        }

    @torch.no_grad()
    def generate(self, prefix: str, length: int, temperature: float = 1.0, seed: int = 0) -> str:
        """The prefix and `length` characters after it, each drawn from the model's own prediction.

        Args:
            prefix: at least one character.
            length: characters to add.
            temperature: divides the logits; 0 always takes the likeliest character.
            seed: the same seed draws the same text.

        The unknown symbol has no shape to write and is never drawn.

        Raises:
            ConfigError: a model that needs the text after the character, an empty prefix, or a negative temperature.

        """
        if self.config.objective != "next":
            raise ConfigError(
                f'generate: expected a model with objective "next"; this one is {self.config.objective!r}.'
            )
        if not prefix or length < 0 or not 0 <= temperature < math.inf:
            raise ConfigError(
                "generate: expected a prefix of at least one character, length >= 0 and a finite temperature >= 0; "
                f"got {prefix[:20]!r}, {length} and {temperature}."
            )
        generator = torch.Generator().manual_seed(seed)
        drawn: list[int] = []
        logits_TBV, state = self(self.vocabulary.encode(prefix).unsqueeze(1))
        for _ in range(length):
            logits_V = logits_TBV[-1, 0].index_fill(0, torch.tensor([0]), -torch.inf)
            drawn.append(_draw(logits_V, temperature, generator))
            logits_TBV, state = self(torch.tensor([[drawn[-1]]]), state)
        return prefix + self.vocabulary.decode(drawn)

    @torch.no_grad()
    def fill(self, text: str, position: int, k: int = 5) -> list[tuple[str, float]]:
        """The k likeliest characters at one position given everything around it, with their probabilities.

        What stands at the position itself is not looked at: neither net has read it.

        Raises:
            ConfigError: not a cloze model, or a position outside the text.

        """
        if self.config.objective != "cloze":
            raise ConfigError(f'fill: expected a model with objective "cloze"; this one is {self.config.objective!r}.')
        ids_T = self.vocabulary.encode(text)
        if not 0 <= position < len(ids_T) or k < 1:
            raise ConfigError(
                f"fill: expected a position from 0 to {len(ids_T) - 1} and k >= 1; got {position} and {k}."
            )
        logits_TBV, _ = self(ids_T.unsqueeze(1))
        probabilities_K, ids_K = F.softmax(logits_TBV[position, 0], 0).topk(min(k, len(self.vocabulary)))
        return [(self.vocabulary.symbols[i], p) for i, p in zip(ids_K.tolist(), probabilities_K.tolist(), strict=True)]


def _draw(logits_V: Tensor, temperature: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits_V.argmax())
    # Shifted by the largest and in float64, so that a tiny temperature makes zeros of the others and not NaN of all.
    probabilities_V = F.softmax((logits_V - logits_V.max()).double() / temperature, 0)
    return int(torch.multinomial(probabilities_V, 1, generator=generator))


@torch.no_grad()
def initialise(model: CharModel, generator: torch.Generator) -> None:
    """Fill every parameter as config.init says, in the order of named_parameters, from one generator."""
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
            # torch.nn.RNN, GRU, LSTM and Linear: U(-1/sqrt(n), 1/sqrt(n)), n the width of the state that is read.
            width = (
                config.features
                if name.startswith("out.")
                else config.width("backward" if "reverse" in name else "forward")
            )
            parameter.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width), generator=generator)
    if config.init == "chrono":
        for net in config.nets:
            _chrono_bias(model.rnn.weights(net), config, generator)


def _chrono_bias(weights: CellWeights, config: ModelConfig, generator: torch.Generator) -> None:
    """Set the keeping gate's bias to ln U(1, T_max - 1), in b_ih; its other bias, which would add to it, to zero."""
    gates = GATE_ORDER[config.cell]
    hidden = weights.w_hh_GH.shape[1]
    memory_H = (
        torch.empty(hidden, dtype=weights.b_ih_G.dtype).uniform_(1, config.chrono_t_max - 1, generator=generator).log_()
    )

    def set_gate(gate: str, value_H: Tensor) -> None:
        rows = slice(gates.index(gate) * hidden, (gates.index(gate) + 1) * hidden)
        weights.b_ih_G[rows] = value_H
        weights.b_hh_G[rows] = 0

    if config.cell == "gru":
        set_gate("z", memory_H)
    else:
        set_gate("f", memory_H)
        set_gate("i", -memory_H)
