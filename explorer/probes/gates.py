"""Every gate at every step of a text, recovered from the states and proved against the kernel that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.cells import CellWeights, GRUStep, LSTMStep, RNNStep, gru_step, lstm_gates, lstm_update, rnn_step
from explorer.models import CharModel, ConfigError, ModelConfig, NetKey
from explorer.probes.kernel import CHUNK, kernel_states
from explorer.probes.perplexity import SCORE_NAMES, Floats, TextScore, score_states
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

    Attributes:
        net: which layer and direction.
        h_TH: states, float32.
        h_prev_TH: the state each step started from.
        residual: max |h by the displayed equation, in float64 - h by the kernel|, each step begun from the kernel's own
            state; None for a text without characters.
        kernel: what produced the states: "torch.nn.GRU", ..., or "explorer.scan" where torch has no such cell.

    """

    net: NetKey
    h_TH: Floats
    h_prev_TH: Floats
    residual: float | None
    kernel: str

    @property
    def gates(self) -> dict[str, Floats]:
        """The gates in [0, 1] by their full names, the one that keeps the old state first."""
        return {}

    @property
    def keep_TH(self) -> Floats | None:
        """The gate that keeps the old state: z of a GRU, f of an LSTM, none of an RNN."""
        return next(iter(self.gates.values()), None)

    @property
    def change_T(self) -> Floats:
        """||h_t - h_{t-1}||_2 / sqrt(H): how far the state moved, per unit."""
        with np.errstate(invalid="ignore", over="ignore"):  # of a diverged model
            moved_T: Floats = np.sqrt(((self.h_TH - self.h_prev_TH) ** 2).mean(1, dtype=np.float64)).astype(np.float32)
        return moved_T


@dataclass(frozen=True)
class RNNTape(Tape):
    """A plain cell has a state and no gates."""


@dataclass(frozen=True)
class GRUTape(Tape):
    """A GRU's update gate z, reset gate r (in [0, 1]) and candidate state n (in [-1, 1]); z keeps the old state."""

    z_TH: Floats
    r_TH: Floats
    n_TH: Floats

    @property
    def gates(self) -> dict[str, Floats]:
        """Update gate z and reset gate r."""
        return {"update gate z": self.z_TH, "reset gate r": self.r_TH}


@dataclass(frozen=True)
class LSTMTape(Tape):
    """An LSTM's input, forget and output gates (in [0, 1]), candidate g (in [-1, 1]) and cell state c."""

    i_TH: Floats
    f_TH: Floats
    g_TH: Floats
    o_TH: Floats
    c_TH: Floats

    @property
    def gates(self) -> dict[str, Floats]:
        """Forget gate f, input gate i and output gate o."""
        return {"forget gate f": self.f_TH, "input gate i": self.i_TH, "output gate o": self.o_TH}


@dataclass(frozen=True)
class GateTrace:
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

    text: str
    config: ModelConfig
    symbols: tuple[str, ...]
    tapes: Mapping[NetKey, Tape]
    score: TextScore
    unigram_nll_nats_T: Floats
    unknown_T: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.text)

    def tape(self, layer: int = 0, direction: str = "forward") -> Tape:
        """The tape of one net.

        Raises:
            ConfigError: the model has no such net.

        """
        try:
            return self.tapes[NetKey(layer, direction)]
        except KeyError:
            there = ", ".join(f"(layer={net.layer}, direction={net.direction!r})" for net in self.tapes)
            raise ConfigError(f"Expected a net out of {there}; got (layer={layer}, direction={direction!r}).") from None

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
    def perplexity_without_unknown(self) -> float | None:
        """The same over the characters that the vocabulary has; the model still reads the others, as one symbol."""
        mean = self.score.mean_over(~self.unknown_T)
        return None if mean is None else perplexity(mean)

    @property
    def score_name(self) -> str:
        """What exp(mean nll) is called: "perplexity", "pseudo-perplexity" (cloze), "leaky score" (has read the answer)."""
        return SCORE_NAMES[self.config.objective]

    @property
    def unknown_share(self) -> float:
        """Share of characters the vocabulary lacks, in [0, 1]."""
        return float(self.unknown_T.mean()) if len(self) else 0.0

    @cached_property
    def residual(self) -> float | None:
        """The largest residual of all nets; None for a text without characters."""
        return max((tape.residual for tape in self.tapes.values() if tape.residual is not None), default=None)

    def expected(self, position: int) -> list[tuple[str, float]]:
        """What the model held likeliest at a position, with probabilities; position T asks what comes after the text."""
        if position == len(self):
            ids, values = self.score.next_ids_K, self.score.next_probabilities_K
        else:
            ids, values = self.score.top_ids_TK[position], self.score.top_probabilities_TK[position]
        return [(self.symbols[i], float(p)) for i, p in zip(ids, values, strict=True) if i >= 0]


@torch.no_grad()
def trace_gates(model: CharModel, text: str) -> GateTrace:
    """Read a text, and recover every gate of every net at every step.

    The states come from torch's own fused kernel where torch has the cell, else from explorer.scan; one call of the
    step function in float64, with time as its leading axis, then recovers all gates, and the state that call returns,
    compared with the kernel's, is the proof. Works for any length; memory is what is returned plus a block of 2,048 steps.

    Args:
        model: left exactly as it was found.
        text: any text, an empty one too.

    """
    text = model.vocabulary.as_read(text)
    ids_T = model.vocabulary.encode(text)
    x: Tensor = model.embedding(ids_T) if model.embedding is not None else ids_T
    h: dict[NetKey, Tensor] = {}
    tapes: dict[NetKey, Tape] = {}
    for net in model.config.nets:
        read = model.rnn.input_of(net, x, h)
        h[net], tapes[net] = _trace_net(model, net, read)
    score = score_states(model, {net: states.unsqueeze(1) for net, states in h.items()}, ids_T)
    unigram_T = model.vocabulary.unigram_nll_nats()[ids_T].float().numpy()
    return GateTrace(text, model.config, model.vocabulary.symbols, tapes, score, unigram_T, (ids_T == 0).numpy())


def _trace_net(model: CharModel, net: NetKey, x: Tensor) -> tuple[Tensor, Tape]:
    """States h_TH of one net in the order of the text, and its tape. x: what it reads, ids_T or floats x_TE."""
    backward = model.config.reads_backward(net)
    read = x.flip(0) if backward else x  # the order in which the net itself reads
    h_TH, kernel = kernel_states(model, net, read)
    # With the state before the first step: one block of memory for h and h_prev.
    states_TH = torch.cat([torch.zeros_like(h_TH[:1]), h_TH])
    parts, residual = _recover(model, net, read, states_TH)
    in_text_order = {f"{name}_TH": _array(part.flip(0) if backward else part) for name, part in parts.items()}
    kind = {"rnn": RNNTape, "gru": GRUTape, "lstm": LSTMTape}[model.config.cell]
    if backward:
        states_TH = states_TH.flip(0)
    before_TH, after_TH = states_TH[: len(h_TH)], states_TH[-len(h_TH) :] if len(h_TH) else h_TH
    h_TH, h_prev_TH = (before_TH, after_TH) if backward else (after_TH, before_TH)
    return h_TH, kind(net, _array(h_TH), _array(h_prev_TH), residual, kernel, **in_text_order)


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.float().contiguous().numpy()
    array.setflags(write=False)
    return array


def _recover(model: CharModel, net: NetKey, x: Tensor, states_TH: Tensor) -> tuple[dict[str, Tensor], float | None]:
    """Every part of every step by the displayed equations, name -> part_TH, and the residual of the state they give.

    The equations run in float64 with time as the leading axis, a block of steps at once; what is kept is float32.
    """
    config, weights = model.config, CellWeights(*(weight.double() for weight in model.rnn.weights(net)))
    c_BH = weights.w_hh_GH.new_zeros(states_TH.shape[1])
    kept: list[dict[str, Tensor]] = []
    residuals: list[Tensor] = []
    for start in range(0, max(len(x), 1), CHUNK):
        part = x[start : start + CHUNK]
        h_prev_CH, h_CH = states_TH[start : start + len(part)].double(), states_TH[start + 1 : start + 1 + len(part)]
        part = part.double() if part.is_floating_point() else part
        block: RNNStep | GRUStep | LSTMStep
        if config.cell == "gru":
            block = gru_step(part, h_prev_CH, weights, config.reset)
        elif config.cell == "rnn":
            block = rnn_step(part, h_prev_CH, weights, config.activation)
        else:
            gates = lstm_gates(part, h_prev_CH, weights)
            c_prev_CH, c_BH = _cell_states_before(*gates[:3], c_BH)
            block = lstm_update(*gates, c_prev_CH)
        residuals += [(block.h - h_CH.double()).abs().max()] if len(part) else []
        kept.append({name: getattr(block, name).float() for name in block._fields if name != "h"})
    parts = {name: torch.cat([block[name] for block in kept]) for name in kept[0]}
    return parts, float(torch.stack(residuals).max()) if residuals else None


def _cell_states_before(i_CH: Tensor, f_CH: Tensor, g_CH: Tensor, c_H: Tensor) -> tuple[Tensor, Tensor]:
    """The cell state before each step, and after the last: torch's LSTM does not give them, its gates do.

    c_t = f_t * c_{t-1} + i_t * g_t needs no matrix product, so this loop is short.
    """
    cells = torch.cat([c_H.unsqueeze(0), i_CH * g_CH])  # what is written first, the recurrence in place after it
    rows = cells.unbind(0)
    for c_prev_H, c_H, f_H in zip(rows, rows[1:], f_CH.unbind(0), strict=False):
        c_H.addcmul_(f_H, c_prev_H)
    return cells[:-1], cells[-1]
