"""Every gate at every step of a text, recovered from the states and proved against the kernel that made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.cells import Cell, CellWeights, State, input_projection
from explorer.fields import expected, got
from explorer.models import CharModel, ConfigError, ModelConfig, NetKey
from explorer.probes.perplexity import NATS_PER_BIT, Floats, TextScore, score_states
from explorer.probes.pictured import Pictured
from explorer.reads import Read, TextRead, read_of
from explorer.reads.kernel import CHUNK, kernel_states, through_nets
from explorer.reads.text import score_name
from explorer.tokens import Tokens, joined
from explorer.training import perplexity

SATURATED_LOW, SATURATED_HIGH = 0.1, 0.9  # Karpathy et al. 2015, arXiv 1506.02078


@dataclass(frozen=True)
class GateStatistics:
    """How one gate behaved over a text.

    Attributes:
        mean: over units and steps, in [0, 1].
        low_share: share of values under 0.1 (closed).
        high_share: share of values over 0.9 (open).
        sensitivity: mean of gate * (1 - gate), the slope of the sigmoid; 0 (saturated) to 0.25.

    """

    mean: float
    low_share: float
    high_share: float
    sensitivity: float

    @property
    def saturated_share(self) -> float:
        """Share of values under 0.1 or over 0.9."""
        return self.low_share + self.high_share


def largest_residual(tapes: Iterable[Tape]) -> float | None:
    """The largest residual of some nets, NaN where one is; None where no step was read."""
    residuals = [tape.residual for tape in tapes if tape.residual is not None]
    return float(np.max(residuals)) if residuals else None  # Python's max would pass over a NaN


def gate_statistics(gate_TH: Floats) -> GateStatistics | None:
    """Statistics of a gate over all units and steps; None for a text without characters."""
    if not gate_TH.size:
        return None
    return GateStatistics(
        float(gate_TH.mean(dtype=np.float64)),
        float((gate_TH < SATURATED_LOW).mean()),
        float((gate_TH > SATURATED_HIGH).mean()),
        float((gate_TH * (1 - gate_TH)).mean(dtype=np.float64)),
    )


def memory_time(keep_TH: Floats) -> NDArray[np.float64]:
    """tau_H = -T / sum over t of ln z: steps until the copy path alone has kept 1/e of a unit's state.

    The geometric mean of the gate, as a time constant. inf for a gate that is exactly open all along, 0 for one that
    was exactly closed once. "Copy path only": what the candidate writes back is not in it.
    """
    with np.errstate(divide="ignore"):
        total_H = np.log(keep_TH.astype(np.float64)).sum(0)
        return np.where(total_H == 0, np.inf, -len(keep_TH) / total_H)


@dataclass(frozen=True)
class Tape:
    """What one net did at every step, in the order of the text (a backward net's step t is character t too).

        tape["z"]  # the update gate of a GRU, z_TH

    Attributes:
        net: which layer and direction.
        cell: what kind of cell it is: its gates, and what they are called.
        h_TH: states, float32.
        h_prev_TH: the state each step started from.
        parts: letter -> part_TH of every part of a step, as Cell.letters has them: z, r, n, h of a GRU; f, i, o, g, c, h of
            an LSTM; h alone of an RNN.
        residual: max |h by the displayed equation, in float64 - h by the kernel|, each step begun from the kernel's own
            state; None for a text without characters.
        kernel: what produced the states: "torch.nn.GRU", ..., or "explorer.cells" where torch has no such cell.

    """

    net: NetKey
    cell: Cell
    h_TH: Floats
    h_prev_TH: Floats
    parts: Mapping[str, Floats]
    residual: float | None
    kernel: str

    def __getitem__(self, letter: str) -> Floats:
        return self.parts[letter]

    @property
    def gates(self) -> dict[str, Floats]:
        """Letter -> gate_TH, in [0, 1], the one that keeps the old state first; empty for a plain cell."""
        return {gate.letter: self.parts[gate.letter] for gate in self.cell.gates}

    @property
    def keep_TH(self) -> Floats | None:
        """The gate that keeps the old state: z of a GRU, f of an LSTM, none of an RNN."""
        return self.parts[self.cell.keeps.letter] if self.cell.keeps else None

    @cached_property
    def tau_H(self) -> NDArray[np.float64] | None:
        """How long each unit holds on to its state, in steps, see `memory_time`; None without a gate that keeps, or a step."""
        return memory_time(self.keep_TH) if self.keep_TH is not None and len(self.keep_TH) else None

    @cached_property
    def mean_H(self) -> Mapping[str, NDArray[np.float64]]:
        """Letter -> the mean of that part of every unit, over the text."""
        return {letter: part_TH.mean(0, dtype=np.float64) for letter, part_TH in self.parts.items()}

    @property
    def change_T(self) -> Floats:
        """||h_t - h_{t-1}||_2 / sqrt(H): how far the state moved, per unit."""
        with np.errstate(invalid="ignore", over="ignore"):  # of a diverged model
            moved_T: Floats = np.sqrt(((self.h_TH - self.h_prev_TH) ** 2).mean(1, dtype=np.float64)).astype(np.float32)
        return moved_T


@dataclass(frozen=True, repr=False)
class GateTrace(Pictured):
    """Everything a model did while it read a text.

    Attributes:
        text: as it was read (line ends LF, lone surrogates U+FFFD, accents composed as the vocabulary has them).
        config: the model's.
        symbols: the model's, to name the ids of `score`.
        tapes: one Tape for each net.
        score: how surprised the model was.
        unigram_nll_nats_T: -ln p of each character under the corpus frequencies alone.
        unknown_T: True where the vocabulary lacks the character.

    """

    text: Tokens
    config: ModelConfig
    symbols: tuple[str, ...]
    tapes: Mapping[NetKey, Tape]
    score: TextScore
    unigram_nll_nats_T: Floats
    unknown_T: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.text)

    def _facts(self) -> dict[str, Any]:
        score = {} if self.perplexity is None else {self.score_name.replace(" ", "_"): self.perplexity}
        return {"steps": len(self), "cell": self.config.title, "nets": len(self.tapes)} | score

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
    def nll_nats_T(self) -> Floats:
        """-ln p of each character; NaN where the model makes no prediction."""
        return self.score.nll_nats_T

    @property
    def perplexity(self) -> float | None:
        """Exp of the mean of nll_nats_T, None where it is not defined; see score_name for what it may be called."""
        mean = self.score.mean_nll_nats
        return None if mean is None else perplexity(mean)

    @property
    def bits_per_character(self) -> float | None:
        """Bits of all that was predicted, divided by the characters it is written with: alike for characters and for words.

        None where the perplexity is not defined, and where a symbol is unknown: what an unknown word is written with is not told.
        """
        if self.perplexity is None or self.unknown_T.any():
            return None
        asked_T = np.isfinite(self.nll_nats_T)
        before = joined(self.text[: int(asked_T.argmax())])
        nats = float(self.nll_nats_T[asked_T].sum(dtype=np.float64))
        return nats / NATS_PER_BIT / (len(joined(self.text)) - len(before))

    @property
    def score_name(self) -> str:
        """What exp(mean nll) is called: "perplexity", "pseudo-perplexity" (cloze), "leaky score" (has read the answer)."""
        return score_name(self.config.objective)

    @property
    def unknown_share(self) -> float:
        """Share of characters the vocabulary lacks, in [0, 1]."""
        return float(self.unknown_T.mean()) if len(self) else 0.0

    @cached_property
    def residual(self) -> float | None:
        """The largest residual of all nets; None for a text without characters."""
        return largest_residual(self.tapes.values())

    def expected(self, position: int) -> list[tuple[str, float]]:
        """What the model held likeliest at a position.

        Args:
            position: a step of the text, counted from 0; its length T asks what comes after the text.

        Returns:
            (symbol, probability in [0, 1]) of at most five, the likeliest first; none where the model makes no prediction.

        Raises:
            IndexError: a position beyond T.

        """
        if position == len(self):
            ids, values = self.score.next_ids_K, self.score.next_probabilities_K
        else:
            ids, values = self.score.top_ids_TK[position], self.score.top_probabilities_TK[position]
        return [(self.symbols[i], float(p)) for i, p in zip(ids, values, strict=True) if i >= 0]


def states_after(trace: GateTrace, step: int) -> dict[NetKey, State]:
    """The state of every net after a step of the text, each part _1H, in float32."""
    return {
        net: tuple(torch.from_numpy(tape[letter][step : step + 1].copy()) for letter in tape.cell.state)
        for net, tape in trace.tapes.items()
    }


@torch.no_grad()
def trace_gates(model: CharModel, text: Tokens | Read) -> GateTrace:
    """Read a text, and recover every gate of every net at every step.

    Works for any length; memory is what is returned plus a block of 2,048 steps.

    Args:
        model: left exactly as it was found.
        text: any text, an empty one too; or one that the model has read already.

    Raises:
        ConfigError: a read of another model, or of numbers.

    """
    read = read_of(model, text)
    if not isinstance(read, TextRead):
        raise ConfigError("text", expected("text"), got("numbers"))
    tapes, h = record_tapes(read)
    ids_T = read.ids_T
    score = score_states(model, {net: states.unsqueeze(1) for net, states in h.items()}, ids_T)
    unigram_T = model.vocabulary.unigram_nll_nats()[ids_T].float().numpy()
    return GateTrace(read.text, model.config, model.vocabulary.symbols, tapes, score, unigram_T, (ids_T == 0).numpy())


@torch.no_grad()
def record_tapes(read: Read) -> tuple[dict[NetKey, Tape], dict[NetKey, Tensor]]:
    """The tape of every net along any input, and its states h_TH in the model's own precision.

    The states come from torch's own fused kernel where torch has the cell, else from the cell's scan; one call of its
    equation in float64, with time as the leading axis, then recovers all gates, and the state that call returns, compared
    with the kernel's, is the proof.
    """
    model, tapes = read.model, {}

    def record(net: NetKey, x: Tensor) -> Tensor:
        h_TH, kernel = kernel_states(model, net, x, read.first_of(model))
        tapes[net] = _tape(read, net, x, h_TH, kernel)
        return h_TH

    return tapes, through_nets(model, model.embed(read.inputs), record)


def _tape(read: Read, net: NetKey, x: Tensor, h_TH: Tensor, kernel: str) -> Tape:
    """The tape of a net that read x and went through h_TH, both in its own order."""
    backward, cell = read.model.config.reads_backward(net), read.model.config.kind
    # With the state before the first step: one block of memory for h and h_prev.
    states_TH = torch.cat([read.first_of(read.model)[net][0], h_TH])
    parts, residual = _recover(read, net, x, states_TH)
    if backward:
        states_TH, parts = states_TH.flip(0), {letter: part.flip(0) for letter, part in parts.items()}
    before_TH, after_TH = states_TH[: len(h_TH)], states_TH[-len(h_TH) :] if len(h_TH) else h_TH
    h, h_prev = map(_array, (before_TH, after_TH) if backward else (after_TH, before_TH))
    arrays = {letter: h if letter == "h" else _array(parts[letter]) for letter in cell.letters}
    return Tape(net, cell, h, h_prev, arrays, residual, kernel)


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.float().contiguous().numpy()
    array.setflags(write=False)
    return array


def _recover(read: Read, net: NetKey, x: Tensor, states_TH: Tensor) -> tuple[dict[str, Tensor], float | None]:
    """Every part of every step by the displayed equations, letter -> part_TH, and the residual of the state they give.

    The equations run in float64 with time as the leading axis, a block of steps at once; what is kept is float32.
    """
    model, cell = read.model, read.model.config.kind
    weights = CellWeights(*(weight.double() for weight in model.rnn.weights(net)))
    rest: State = tuple(part_1H[0].double() for part_1H in read.first_of(model)[net][1:])
    parts: dict[str, Tensor] = {}
    residuals: list[Tensor] = []
    for start in range(0, max(len(x), 1), CHUNK):
        part = x[start : start + CHUNK]
        h_prev_CH, h_CH = states_TH[start : start + len(part)].double(), states_TH[start + 1 : start + 1 + len(part)]
        projected_CG = input_projection(part.double() if part.is_floating_point() else part, weights)
        block, rest = cell.recover(projected_CG, h_prev_CH, rest, weights, model.config.variant)
        residuals += [(block.h - h_CH.double()).abs().max()] if len(part) else []
        for letter in set(block._fields) - {"h"}:
            values_CH = getattr(block, letter)
            if letter not in parts:  # room for all steps at once: blocks that are joined later are there twice
                parts[letter] = torch.empty(len(x), values_CH.shape[1])
            parts[letter][start : start + len(part)] = values_CH
    return parts, float(torch.stack(residuals).max()) if residuals else None
