"""What a textbook says that gates do, tried on a model that has learned one of the problems gates were made for.

Each claim has a rule, and is true of a model only where its figures pass it; docs/problems.md has the rules and what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from explorer.cells.base import Gate
from explorer.fields import check_whole
from explorer.interventions import HeldUnit, Intervention, altered
from explorer.models import CharModel
from explorer.probes.gates import GateTrace, trace_gates
from explorer.probes.gradients import HORIZON, gradient_flow
from explorer.problems.drawing import Problem
from explorer.problems.learning import SOLVED_AT, accuracy
from explorer.tokens import joined
from explorer.words import Saying

MOST_CLAIMED = 400  # characters of a text: the flow of a longer one has too many numbers
TRACED, FOLLOWED, TRIED = 32, 8, 400  # texts whose gates, whose gradients are looked at, and that are answered
LEAST_DIFFERENCE = 0.05  # of a gate's mean between two kinds of characters; of untrained models it is under 0.03
NEARLY = SOLVED_AT - 0.04  # share of right answers from which a problem counts as solved on texts it has not seen
KEEPS, RESETS, REACHES, NEEDED = "keeps", "resets", "reaches", "needed"
NOT, UNSOLVED = "not", "unsolved"


@dataclass(frozen=True)
class Claim:
    """One claim and whether it holds of the model.

    Attributes:
        code: "keeps" (the gate that keeps is more open on noise than on what is to be kept), "resets" (a gate shuts at breaks),
            "reaches" (the gradient of the answer reaches what it needs), "needed" (a gate held at its mean spoils the answers).
        holds: by the claim's rule.
        gate: the gate it speaks of; None for the gradient.
        figures: what was measured, by name.
        why_not: where it does not hold: "not", or "unsolved" where the problem would have to be solved first.

    """

    code: str
    holds: bool
    gate: Gate | None
    figures: Mapping[str, float] = field(default_factory=dict)
    why_not: str = NOT

    def told(self) -> Saying:
        """The claim with its figures, for a sentence."""
        figures = {**self.figures, "gate": self.gate.title} if self.gate else dict(self.figures)
        return Saying(f"claim.{self.code}" if self.holds else f"claim.{self.code}.{self.why_not}", figures)


@dataclass(frozen=True)
class Claims:
    """What holds of a model that was asked a problem.

    Attributes:
        problem: its key.
        length: characters of the texts.
        accuracy: share of the answers that are right on texts it has not seen, in [0, 1].
        chance: the same by guessing.
        solved: whether nearly all are right.
        claims: each that makes sense for this problem and this cell.

    """

    problem: str
    length: int
    accuracy: float
    chance: float
    solved: bool
    claims: tuple[Claim, ...]


def claims(model: CharModel, problem: Problem, length: int, seed: int = 0) -> Claims:
    """Try every claim on texts the model has not seen.

    Args:
        model: left exactly as it was found.
        problem: that it was to learn.
        length: characters of the texts, at most 400.
        seed: of the texts.

    Raises:
        ConfigError: a length that makes no sense, or a model that cannot be asked this problem.

    """
    length = check_whole("length", length, problem.shortest, MOST_CLAIMED)
    right = accuracy(model, problem, length, TRIED, _unseen(seed))
    texts = problem.draw(TRACED, length, _unseen(seed)).texts
    traces = [trace_gates(model, text) for text in texts]
    solved = right >= NEARLY
    found = [
        *_keeping(model, problem, traces),
        *_resetting(model, problem, traces),
        _reaching(model, problem, texts[:FOLLOWED], solved=solved),
        *_needing(model, problem, traces, right, seed),
    ]
    return Claims(problem.key, length, right, problem.chance, solved, tuple(found))


def _unseen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(2**40 + seed)


def _gates_of_the_past(model: CharModel) -> list[Gate]:
    """The gates that act on the old state."""
    return [gate for gate in model.config.kind.gates if gate.keeps or gate.forgets]


def _mean(traces: Sequence[GateTrace], gate: Gate, where: Callable[[str], list[bool]]) -> float:
    """Mean of a gate of the first layer over its units and the characters of one kind; NaN where there are none."""
    chosen = [trace.tape()[gate.letter][np.array(where(joined(trace.text)), bool)] for trace in traces]
    values = np.concatenate(chosen)
    return float(values.mean(dtype=np.float64)) if values.size else np.nan


def _keeping(model: CharModel, problem: Problem, traces: Sequence[GateTrace]) -> Iterator[Claim]:
    """The gate that keeps: on noise against on what is to be kept."""
    gate = model.config.kind.keeps
    if gate is None:
        return
    on_noise, on_kept = _mean(traces, gate, problem.noise), _mean(traces, gate, problem.kept)
    if np.isfinite(on_noise):
        yield Claim(KEEPS, on_noise - on_kept >= LEAST_DIFFERENCE, gate, {"noise": on_noise, "kept": on_kept})


def _resetting(model: CharModel, problem: Problem, traces: Sequence[GateTrace]) -> Iterator[Claim]:
    """The gates that act on the old state: at breaks against everywhere else."""

    def elsewhere(text: str) -> list[bool]:
        return [not broken for broken in problem.breaks(text)]

    for gate in _gates_of_the_past(model):
        at_breaks, others = _mean(traces, gate, problem.breaks), _mean(traces, gate, elsewhere)
        if np.isfinite(at_breaks):
            shuts = others - at_breaks >= LEAST_DIFFERENCE
            yield Claim(RESETS, shuts, gate, {"breaks": at_breaks, "elsewhere": others})


def _reaching(model: CharModel, problem: Problem, texts: Sequence[str], *, solved: bool) -> Claim:
    """How much of the first answer's gradient is left at the earliest character it needs."""
    shares, distances = [], []
    for text in texts:
        reads, needs = len(text) - 1 - problem.asked, problem.kept(text).index(True)
        norms_TT = gradient_flow(model, text, layer=model.config.num_layers - 1).norms_TT
        shares.append(_share(norms_TT[reads], reads, needs))
        distances.append(reads - needs)
    share, steps = float(np.median(shares)), float(np.median(distances))
    return Claim(REACHES, solved and share >= HORIZON, None, {"share": share, "steps": steps}, _why_not(solved=solved))


def _share(norms_T: NDArray[np.float64], reads: int, needs: int) -> float:
    local = norms_T[reads]
    return float(norms_T[needs] / local) if local > 0 else 0.0


def _needing(
    model: CharModel, problem: Problem, traces: Sequence[GateTrace], before: float, seed: int
) -> Iterator[Claim]:
    """The answers with a gate of every unit held at its mean, against the answers as they are."""
    for gate in _gates_of_the_past(model):
        held = altered(model, Intervention(units=tuple(_at_their_means(traces, gate))))
        after = accuracy(held, problem, len(traces[0].text), TRIED, _unseen(seed))
        solved = before >= NEARLY
        spoilt = solved and after <= (before + problem.chance) / 2
        yield Claim(NEEDED, spoilt, gate, {"before": before, "after": after}, _why_not(solved=solved))


def _why_not(*, solved: bool) -> str:
    return NOT if solved else UNSOLVED


def _at_their_means(traces: Sequence[GateTrace], gate: Gate) -> Iterator[HeldUnit]:
    for net in traces[0].tapes:
        mean_H = np.concatenate([trace.tapes[net][gate.letter] for trace in traces]).mean(0, dtype=np.float64)
        for unit, value in enumerate(mean_H):
            yield HeldUnit(unit, gate.letter, min(float(value), 1.0), net.layer, net.direction)
