"""Character models: what a configuration means, and the network it describes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.cells import CELLS, Cell, CellWeights, State, input_projection
from explorer.cells.gru import RESETS
from explorer.cells.rnn import ACTIVATIONS
from explorer.fields import ConfigError as ConfigError
from explorer.fields import check_choice, check_whole, expected, finite, got, whole
from explorer.initialisation import INITS, initialise
from explorer.text import Vocabulary
from explorer.tokens import Tokens
from explorer.words import Told, own, say

DIRECTIONS = ("forward", "bidirectional", "parallel")
OBJECTIVES = ("next", "cloze", "leaky")
BIASES = ("two", "one", "none")
MAX_HIDDEN, MAX_LAYERS, MAX_PARAMETERS = 4096, 8, 6_000_000
NEVER = -10_000.0  # the logit of a symbol that a file's model does not have: its probability is 0, exactly


class ModelDivergedError(Told, ArithmeticError):
    """A model was asked for a prediction, and what it gives is not finite: its numbers have outgrown their precision.

    Args:
        read: how many characters it had read by then.

    """

    def __init__(self, read: int) -> None:
        super().__init__("models.diverged", read=read)


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
    """What a model is. Checked when made.

    Attributes:
        cell: a key of cells.CELLS: "rnn", "gru", "lstm", ...
        reset: where a GRU's reset gate acts, "before" or "after" the matrix product (see cells.gru.GRU).
        activation: of an rnn: "tanh", "relu", "sigmoid" or "linear".
        hidden_size: units H of the first layer's (first) net, and of the others' where hidden_sizes says nothing else; at
            most 4,096.
        num_layers: layers, each reading the states of the one below; at most 8.
        direction: "forward"; "bidirectional" (the second net reads from the end); "parallel" (two nets that both
            read forward: a "bidirectional" net as it is published by mistake, kept to reproduce its numbers).
        hidden_size_backward: units of the second net; None means as many as the first.
        embedding_size: width of a learned embedding; None means one-hot.
        objective: "next" (predict the next character from what stands before it); "cloze" (predict each character
            from the forward state before it and the backward state after it); "leaky" (next character from both
            directions, which have already read it: a textbook mistake, kept to be shown).
        init: "torch" (PyTorch's defaults), "normal" (N(0, 0.01), zero biases), "chrono" (PyTorch's, with the bias of
            the gate that keeps set to ln U(1, chrono_t_max - 1)), "orthogonal" or "identity" (recurrent matrices);
            explorer.initialisation has the sources.
        chrono_t_max: the longest memory "chrono" aims at, in characters; then at least 3.
        bias: "two" biases a gate, b at the input and c at the state, as torch.nn and cuDNN have them; "one", as a
            textbook's cell has it: c stays zero, is not trained, and counts in no norm; "none": no cell has a bias (the
            output layer keeps its own). For the candidate of a reset-after GRU, whose c stands inside the reset gate and
            is a parameter of its own, "one" means the same: c is zero (cuDNN's CUDNN_RNN_SINGLE_INP_BIAS). None, when a
            configuration is made, means "one" for init "normal", as the book's from-scratch cells are, and for a cell without
            recurrent weights, else "two".
        keep_bias: added to the initial bias of the gate that keeps: f of an LSTM (1 is usual: Jozefowicz et al. 2015), z of
            a GRU.
        hidden_sizes: units of each layer, where they differ; None means hidden_size in every one. When it is given, it
            says how many layers there are.

    Raises:
        ConfigError: a field has a value it cannot have, or two fields contradict each other. It names the field, what was
            expected and what came.

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
    bias: str | None = None
    keep_bias: float = 0.0
    hidden_sizes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_choice("cell", self.cell, tuple(CELLS))
        if self.bias is None:
            self._set("bias", "two" if self.kind.recurrent and self.init != "normal" else "one")
        for field, allowed in _CHOICES.items():
            check_choice(field, getattr(self, field), allowed)
        self._set_sizes()
        for field, most in _SIZES.items():
            self._set(field, self._checked_size(field, getattr(self, field), most))
        if (keep_bias := finite(self.keep_bias)) is None:
            raise ConfigError("keep_bias", expected("finite"), self.keep_bias)
        self._set("keep_bias", keep_bias)
        self._check_sense()

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)  # frozen, but for what is said in another type or left open

    def _set_sizes(self) -> None:
        """Where each layer has its own width, the first width and the number of layers follow."""
        if self.hidden_sizes is None:
            return
        if not isinstance(self.hidden_sizes, list | tuple) or not self.hidden_sizes:
            raise ConfigError("hidden_sizes", expected("size-each-layer"), self.hidden_sizes)
        sizes = tuple(self._checked_size("hidden_sizes", size, MAX_HIDDEN) for size in self.hidden_sizes)
        if self.num_layers not in (1, len(sizes)):
            raise ConfigError("hidden_sizes", expected("sizes", count=self.num_layers), len(sizes))
        self._set("hidden_sizes", sizes)
        self._set("hidden_size", sizes[0])
        self._set("num_layers", len(sizes))

    def _checked_size(self, field: str, value: object, most: int) -> int | None:
        if value is None and field in ("hidden_size_backward", "embedding_size"):
            return None
        return check_whole(field, value, 1, most)

    def _check_sense(self) -> None:
        if self.objective == "next" and self.direction == "bidirectional":
            raise ConfigError("objective", expected("objective-both-ways"), self.objective)
        if self.objective != "next" and self.direction != "bidirectional":
            raise ConfigError("objective", expected("objective-one-way", direction=self.direction), self.objective)
        if self.direction == "forward" and self.hidden_size_backward is not None:
            raise ConfigError("hidden_size_backward", expected("no-second-net"), self.hidden_size_backward)
        self._check_cell()

    def _check_cell(self) -> None:
        """What is said of weights, of the gate that keeps and of its bias needs a cell that has them."""
        inits = self.kind.initialisations()
        if self.init not in inits:
            raise ConfigError("init", expected("init-of-cell", allowed=inits, cell=self.cell), self.init)
        if self.init == "chrono" and self.chrono_t_max < 3:
            raise ConfigError("chrono_t_max", expected("at-least", least=3), self.chrono_t_max)
        if self.bias == "two" and not self.kind.recurrent:
            raise ConfigError("bias", expected("bias-without-recurrence", cell=self.cell), self.bias)
        if self.keep_bias and self.kind.keeps is None:
            raise ConfigError("keep_bias", expected("keep-bias-without-gate", cell=self.cell), self.keep_bias)
        if self.bias == "none" and (self.keep_bias or self.init == "chrono"):
            raise ConfigError("bias", expected("bias-to-shift"), self.bias)

    @property
    def kind(self) -> Cell:
        """The cell itself."""
        return CELLS[self.cell]

    @property
    def variant(self) -> str:
        """What tells two models of the same cell apart: the activation of an rnn, the reset convention of a gru."""
        return str(getattr(self, self.kind.setting)) if self.kind.setting else ""

    @property
    def title(self) -> str:
        """What the cell is called, its variant included."""
        return own(self.kind.variants[self.variant])

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

    def width(self, net: NetKey) -> int:
        """Units H of one net.

        Args:
            net: one of `nets`.

        """
        if net.direction == "backward" and self.hidden_size_backward:
            return self.hidden_size_backward
        return self.hidden_sizes[net.layer] if self.hidden_sizes else self.hidden_size

    @property
    def units(self) -> str:
        """The units as one writes them: "64"; "64, 32" where the layers differ; "64 + 16" where the two nets do."""
        sizes = ", ".join(map(str, self.hidden_sizes or (self.hidden_size,)))
        return f"{sizes} + {self.hidden_size_backward}" if self.hidden_size_backward else sizes

    @property
    def parts(self) -> int:
        """How many vectors of H the state of a net has: h, and for an LSTM (h, c)."""
        return len(self.kind.state)

    def name_of(self, direction: str) -> str:
        """What a net is called: "second forward" where the second one, named as torch names it, reads forward too.

        Args:
            direction: of the net, one of `directions`.

        """
        second = direction == "backward" and self.direction == "parallel"
        return say("net.second-forward" if second else f"net.{direction}")

    @property
    def biases(self) -> tuple[str, ...]:
        """Where a net has biases of its own: at the input "ih", at the state "hh"."""
        return {"two": ("ih", "hh"), "one": ("ih",), "none": ()}[str(self.bias)]

    def net(self, layer: int, direction: str, field: str = "net") -> NetKey:
        """One of its nets.

        Args:
            layer: counted from 0.
            direction: "forward" or "backward".
            field: what an error is of.

        Raises:
            ConfigError: it has no such net.

        """
        net = NetKey(layer, direction)
        if net not in self.nets:
            raise ConfigError(field, expected("net", nets=self.nets), got("net", layer=layer, direction=direction))
        return net

    def reads_backward(self, net: NetKey) -> bool:
        """Whether this net reads the text from its end.

        Args:
            net: one of `nets`.

        """
        return net.direction == "backward" and self.direction == "bidirectional"

    def input_size(self, net: NetKey, vocabulary_size: int) -> int:
        """Width E of what this net reads at each step.

        Args:
            net: one of `nets`.
            vocabulary_size: how many symbols there are; for a model of numbers, how many columns.

        """
        if net.layer == 0:
            return self.embedding_size or vocabulary_size
        below = (net.direction,) if self.stacked_apart else self.directions
        return sum(self.width(NetKey(net.layer - 1, direction)) for direction in below)

    @property
    def features(self) -> int:
        """Width of what the output layer reads: the states of all nets of the last layer side by side."""
        return sum(self.width(NetKey(self.num_layers - 1, direction)) for direction in self.directions)

    def parameter_shapes(self, inputs: int, outputs: int | None = None) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every parameter of a model with this configuration, without making one.

        Args:
            inputs: width of what it reads at a step; of characters, how many symbols there are.
            outputs: width of what it gives; None for as many.

        """
        outputs = inputs if outputs is None else outputs
        shapes: dict[str, tuple[int, ...]] = {}
        if self.embedding_size:
            shapes["embedding.weight"] = (inputs, self.embedding_size)
        for net in self.nets:
            hidden, gates = self.width(net), len(self.kind.stacked)
            shapes[f"rnn.weight_ih{net.suffix}"] = (gates * hidden, self.input_size(net, inputs))
            if self.kind.recurrent:
                shapes[f"rnn.weight_hh{net.suffix}"] = (gates * hidden, hidden)
            for part in self.biases:
                shapes[f"rnn.bias_{part}{net.suffix}"] = (gates * hidden,)
        shapes["out.weight"], shapes["out.bias"] = (outputs, self.features), (outputs,)
        return shapes


_CHOICES = {
    "reset": RESETS,
    "activation": tuple(ACTIVATIONS),
    "direction": DIRECTIONS,
    "objective": OBJECTIVES,
    "init": INITS,
    "bias": BIASES,
}
_SIZES = {
    "hidden_size": MAX_HIDDEN,
    "num_layers": MAX_LAYERS,
    "hidden_size_backward": MAX_HIDDEN,
    "embedding_size": MAX_HIDDEN,
    "chrono_t_max": 1_000_000,
}


class RecurrentStack(nn.Module):
    """The nets of a model, parameters named as torch.nn.GRU names them, run by their cell's scan."""

    def __init__(self, config: ModelConfig, inputs: int) -> None:
        super().__init__()
        self.config = config
        for name, shape in config.parameter_shapes(inputs).items():
            if name.startswith("rnn."):
                self.register_parameter(name.removeprefix("rnn."), nn.Parameter(torch.empty(shape)))

    def weights(self, net: NetKey) -> CellWeights:
        """The weights of one net: its parameters, and zeros for the biases it does not have."""
        w_ih_GE: Tensor = getattr(self, f"weight_ih{net.suffix}")
        rows = len(w_ih_GE) if self.config.kind.recurrent else 0

        def there(name: str, *shape: int) -> Tensor:
            own: Tensor | None = getattr(self, f"{name}{net.suffix}", None)
            return (
                w_ih_GE.new_zeros(shape) if own is None else own
            )  # made only where it is wanted: this is asked every step

        return CellWeights(
            w_ih_GE,
            there("weight_hh", rows, self.config.width(net)),
            there("bias_ih", len(w_ih_GE)),
            there("bias_hh", rows),
        )

    def zero_state(self, batch_size: int) -> dict[NetKey, State]:
        """The state before the first character: zeros for every net."""
        config, like = self.config, self.weights(self.config.nets[0]).w_ih_GE
        return {
            net: tuple(like.new_zeros(batch_size, config.width(net)) for _ in range(config.parts))
            for net in config.nets
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
        return self.config.kind.scan(projected_TBG, state, weights, self.config.variant)

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


class SequenceModel(nn.Module):
    """A recurrent network with an output at every step. Works in float32, and in float64 after .double().

    Args:
        config: what it is.
        inputs: width E of what it reads at a step: columns of numbers, or how many ids there are.
        outputs: width V of what it gives at a step.
        seed: of the initial weights, a whole number; None takes torch's global generator.

    Raises:
        ConfigError: more than 6 million parameters, or a seed that is not a whole number torch can hold.

    """

    def __init__(self, config: ModelConfig, inputs: int, outputs: int, seed: int | None = None) -> None:
        super().__init__()
        size = sum(math.prod(shape) for shape in config.parameter_shapes(inputs, outputs).values())
        if size > MAX_PARAMETERS:
            raise ConfigError(
                "hidden_size", expected("fewer-units", most=MAX_PARAMETERS),
                got("units", units=config.units, layers=config.num_layers, outputs=outputs, count=size),
            )  # fmt: skip
        self.config, self.inputs = config, inputs
        self.embedding = nn.Embedding(inputs, config.embedding_size) if config.embedding_size else None
        self.rnn = RecurrentStack(config, inputs)
        self.out = nn.Linear(config.features, outputs)
        initialise(self, torch.default_generator if seed is None else _seeded(seed))

    def embed(self, inputs: Tensor) -> Tensor:
        """What layer 0 reads: ids, or their vectors where there is an embedding; numbers in the model's precision.

        Args:
            inputs: ids (int64) of any shape, or floats (..., E).

        """
        if inputs.is_floating_point():
            return inputs.to(self.out.weight.dtype)
        return inputs if self.embedding is None else self.embedding(inputs)

    def states(
        self, inputs_TB: Tensor, state: dict[NetKey, State] | None = None
    ) -> tuple[dict[NetKey, Tensor], dict[NetKey, State]]:
        """States h_TBH of every net in the order of the text, and the state each ends in.

        Args:
            inputs_TB: ids (int64), or floats x_TBE; at least one step.
            state: of every net before its own first step, each part _BH; None for zeros.

        """
        zero = self.rnn.zero_state(inputs_TB.shape[1]) if state is None else state
        return self.rnn(self.embed(inputs_TB), zero)  # type: ignore[no-any-return]

    def features(self, h: dict[NetKey, Tensor]) -> Tensor:
        """What the output layer reads at each step: the last layer's states of all directions, (T, B, features).

        For cloze, the forward state *before* the character and the backward state *after* it; zeros at the edges.

        Args:
            h: every net's states h_TBH in the order of the text, as `states` gives them.

        """
        top = self.config.num_layers - 1
        parts = [h[NetKey(top, direction)] for direction in self.config.directions]
        if self.config.objective == "cloze":
            forward_TBH, backward_TBH = parts
            parts = [F.pad(forward_TBH[:-1], (0, 0, 0, 0, 1, 0)), F.pad(backward_TBH[1:], (0, 0, 0, 0, 0, 1))]
        return torch.cat(parts, -1)

    def forward(
        self, inputs_TB: Tensor, state: dict[NetKey, State] | None = None
    ) -> tuple[Tensor, dict[NetKey, State]]:
        """outputs_TBV, and the state each net ends in.

        Args:
            inputs_TB: ids (int64), or floats x_TBE; at least one step.
            state: of every net before its own first step, each part _BH; None for zeros.

        """
        h, last = self.states(inputs_TB, state)
        return self.out(self.features(h)), last

    def carried(self, state: dict[NetKey, State]) -> dict[NetKey, State]:
        """The state to start the next piece of the same text with: cut from the graph, and zero for nets that read backward.

        A backward net ends where the piece begins; its state there says nothing about the text after the piece.

        Args:
            state: in which each net ended, each part _BH.

        """
        return {
            net: tuple(torch.zeros_like(part) if self.config.reads_backward(net) else part.detach() for part in parts)
            for net, parts in state.items()
        }


class CharModel(SequenceModel):
    """A recurrent network that predicts characters, or words where its vocabulary has those: below, a character is either.

    Row t of its logits speaks of character t + 1 ("next", "leaky") or of character t ("cloze").

    Args:
        config: what it is.
        vocabulary: its symbols.
        seed: of the initial weights, a whole number; None takes torch's global generator.

    Raises:
        ConfigError: more than 6 million parameters, or a seed that is not a whole number torch can hold.

    """

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, seed: int | None = None) -> None:
        super().__init__(config, len(vocabulary), len(vocabulary), seed)
        self.vocabulary = vocabulary

    @property
    def names_unknown(self) -> bool:
        """Whether it was given an output for what its vocabulary lacks; a model that another program trained may have none."""
        return float(self.out.bias[0].detach()) > NEVER / 2

    def target(self, x_TB: Tensor, y_TB: Tensor) -> Tensor:
        """Which ids the logits of x_TB are asked for, target_TB.

        Args:
            x_TB: ids that were read.
            y_TB: the same ids one character later.

        """
        return x_TB if self.config.objective == "cloze" else y_TB

    @torch.no_grad()
    def read_on(self, ids_T: Tensor, state: dict[NetKey, State] | None = None) -> tuple[Tensor, dict[NetKey, State]]:
        """logits_V after the last of one or more ids, and the state there.

        Args:
            ids_T: int64 in [0, V), at least one.
            state: of every net before the first id, each part _1H; None for zeros.

        """
        h, last = self.states(ids_T.unsqueeze(1), state)
        return self.out(self.features(h)[-1, 0]), last

    @torch.no_grad()
    def generate(self, prefix: str, length: int, temperature: float = 1.0, seed: int = 0) -> str:
        """The prefix as it was given and `length` characters after it, each drawn from the model's own prediction.

        The unknown symbol has no shape to write and is never drawn.

        Args:
            prefix: at least one character.
            length: characters to add, at least 0.
            temperature: divides the logits, at least 0; 0 always takes the likeliest character.
            seed: the same seed draws the same text.

        Raises:
            ConfigError: a model whose objective is not "next", an empty prefix, a negative length, or a temperature that is
                negative or not finite.
            ModelDivergedError: a prediction that is not finite.

        """
        return prefix + self.drawn(prefix, length, temperature, seed)[0]

    @torch.no_grad()
    def drawn(
        self,
        prefix: Tokens,
        length: int,
        temperature: float = 1.0,
        seed: int = 0,
        after: dict[NetKey, State] | None = None,
    ) -> tuple[str, Tensor]:
        """What `generate` adds to a prefix, and probabilities_V (float64) that its first character is drawn from.

        Args:
            prefix: at least one character.
            length: characters to draw, at least 0.
            temperature: as in `generate`; at 0 the likeliest character has all of the probability.
            seed: the same seed draws the same text.
            after: the state of every net after the prefix, each part _1H, where that is known; else the prefix is read.

        Raises:
            ConfigError: as in `generate`.
            ModelDivergedError: a prediction that is not finite.

        """
        self._check_draw(prefix, length, temperature)
        chance = random.Random(seed)
        drawn: list[int] = []
        read = self.vocabulary.as_read(prefix)
        if after is None:
            logits_V, state = self.read_on(self.vocabulary.encode(prefix))
        else:
            state = {net: tuple(part.to(self.out.weight.dtype) for part in parts) for net, parts in after.items()}
            logits_V = self._said_after({net: parts[0] for net, parts in state.items()})
        first_V = probabilities_V = _at_temperature(_finite(logits_V, len(read)), temperature)
        read_one = self._step_by_step()
        while len(drawn) < length:
            sums_V = probabilities_V.cumsum()
            drawn.append(int(sums_V.searchsorted(chance.random() * sums_V[-1], side="right")))
            if len(drawn) < length:
                logits_V, state = read_one(drawn[-1], state)
                probabilities_V = _at_temperature(_finite(logits_V, len(read) + len(drawn)), temperature)
        return self.vocabulary.decode(drawn, read), torch.from_numpy(first_V)

    def _step_by_step(self) -> Callable[[int, dict[NetKey, State]], tuple[Tensor, dict[NetKey, State]]]:
        """The same as `read_on` for one id at a time.

        By torch's own step where it has one: beside other threads, each of the dozen small calls of an equation waits for
        Python. Else by the cell's equation: a scan prepares more than one step takes.
        """
        config, kind = self.config, self.config.kind
        weights = {net: self.rnn.weights(net) for net in config.nets}
        torchs = kind.torchs_step(config.variant)
        one_hot = torchs is not None and self.embedding is None
        columns_VG = weights[config.nets[0]].w_ih_GE.T.contiguous()
        one = columns_VG.new_ones(1, 1)

        def next_state(net: NetKey, id_: int, h: dict[NetKey, Tensor], state: State) -> State:
            own = weights[net]
            if net.layer:
                read_1E = self.rnn.input_of(net, one, h)
            elif one_hot:  # what a one-hot vector picks of W, read by the number 1
                own, read_1E = own._replace(w_ih_GE=columns_VG[id_].unsqueeze(1)), one
            else:
                read_1E = self.embed(torch.tensor([id_]))
            return (
                torchs(read_1E, state, own) if torchs else kind.state_of(kind.step(read_1E, state, own, config.variant))
            )

        def read_one(id_: int, state: dict[NetKey, State]) -> tuple[Tensor, dict[NetKey, State]]:
            h, after = dict[NetKey, Tensor](), dict[NetKey, State]()
            for net in config.nets:
                after[net] = next_state(net, id_, h, state[net])
                h[net] = after[net][0]
            return self._said_after(h), after

        return read_one

    def _said_after(self, h: dict[NetKey, Tensor]) -> Tensor:
        """logits_V of a model that reads forward, from the states h_1H of its nets after a step."""
        top = self.config.num_layers - 1
        last = [h[NetKey(top, direction)] for direction in self.config.directions]
        return F.linear((last[0] if len(last) == 1 else torch.cat(last, -1))[0], self.out.weight, self.out.bias)

    def _check_draw(self, prefix: Tokens, length: int, temperature: float) -> None:
        if self.config.objective != "next":
            raise ConfigError("generate", expected("model-of-objective", objective="next"), self.config.objective)
        if not prefix or length < 0 or not 0 <= temperature < math.inf:
            raise ConfigError(
                "generate", expected("draw"), got("draw", prefix=prefix[:20], length=length, temperature=temperature)
            )

    @torch.no_grad()
    def fill(self, text: Tokens, position: int, k: int = 5) -> list[tuple[str, float]]:
        """The k likeliest characters at one position given everything around it, with their probabilities.

        What stands at the position itself is not looked at: neither net has read it.

        Args:
            text: at least one character.
            position: a step of the text as the model reads it, counted from 0.
            k: how many characters, at least 1; all symbols where there are fewer.

        Returns:
            (symbol, probability in [0, 1]), the likeliest first. The unknown symbol may be among them.

        Raises:
            ConfigError: not a cloze model, a position outside the text, or a k below 1.
            ModelDivergedError: a prediction that is not finite.

        """
        if self.config.objective != "cloze":
            raise ConfigError("fill", expected("model-of-objective", objective="cloze"), self.config.objective)
        ids_T = self.vocabulary.encode(text)
        if not 0 <= position < len(ids_T) or k < 1:
            raise ConfigError(
                "fill", expected("position", last=len(ids_T) - 1), got("position", position=position, k=k)
            )
        logits_TBV, _ = self(ids_T.unsqueeze(1))
        logits_V = torch.from_numpy(_finite(logits_TBV[position, 0], len(ids_T)))
        probabilities_K, ids_K = F.softmax(logits_V, 0).topk(min(k, len(self.vocabulary)))
        return [(self.vocabulary.symbols[i], p) for i, p in zip(ids_K.tolist(), probabilities_K.tolist(), strict=True)]


def _seeded(seed: object) -> torch.Generator:
    number = whole(seed)
    if number is None or not -(2**63) <= number < 2**64:
        raise ConfigError("seed", expected("seed-of-torch"), seed)
    return torch.Generator().manual_seed(number)


def _finite(logits_V: Tensor, read: int) -> NDArray[Any]:
    values_V: NDArray[Any] = logits_V.detach().double().numpy()
    if not np.isfinite(values_V).all():
        raise ModelDivergedError(read)
    return values_V


def _at_temperature(logits_V: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """p_V = softmax(logits / temperature), in float64; the unknown symbol, which has no shape to write, has none."""
    logits_V = logits_V.copy()
    logits_V[0] = -np.inf
    # Shifted by the largest, so that a tiny temperature makes zeros of the others and not NaN of all.
    shifted_V = logits_V - logits_V.max()
    powers_V: NDArray[np.float64]
    if temperature == 0:  # the limit: all of it is the likeliest one's
        powers_V = (np.arange(len(logits_V)) == logits_V.argmax()).astype(np.float64)
    else:
        with np.errstate(over="ignore"):  # of a temperature so small that the others are infinitely far
            powers_V = np.exp(shifted_V / temperature)
    powers_V /= powers_V.sum()
    return powers_V
