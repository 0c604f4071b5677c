"""How a training went, judged from its own record: what one text's gradient cannot tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from explorer.checkpoints import Checkpoint
from explorer.clipping import grad_norm
from explorer.interventions import rows_of_gate
from explorer.probes.finding import CERTAIN, LIKELY, Finding
from explorer.recording import EpochRecord
from explorer.text import Vocabulary
from explorer.training import Recipe

Floats64 = NDArray[np.float64]
SMALL_UPDATE = (
    1e-3  # of the weights' norm a step: about what is usual (Karpathy, CS231n); benchmarks/verdicts.py: 30 times less
)
NOTHING_LEARNED = 0.97  # of what frequencies alone cost; less is learned than that
WORSE_THAN_GUESSING = 1.02  # times ln V
SWING_NATS = 0.15  # a loss that has once been so much lower has not settled
HELD_OUT_RISE_NATS = 0.15
GAP_NATS = math.log(3)  # what was not trained on costs three times the perplexity
UNMOVED = 0.25  # share of the epochs over which it has not been read better
LEAST_EPOCHS, LEAST_STEPS = 3, 20
STILL_FALLING = 0.02  # of the loss, over the last tenth of the epochs
GROWN = 10.0  # times what they were: weights that have run away and learned nothing
CLIPPED_AWAY = 0.2  # of the gradient's length is what clipping leaves, on average


@dataclass(frozen=True)
class TrainingRecord:
    """What a training left behind, as far as it tells whether it went well.

    Attributes:
        recipe: how it was trained.
        history: one EpochRecord for each finished epoch.
        uniform_nats: what a blind guess among all symbols costs a character.
        unigram_nats: what their frequencies alone cost.
        weights: how many numbers the model holds.
        weight_norm: their l2 norm, the larger one of before and after.
        growth: their norm after training / before; 1 where the weights before are not known.
        held_out: (epoch, mean nll in nats) of characters that were not trained on; empty where none were held out.
        fault_step: the step at which a value was not finite any more; None where all were.

    """

    recipe: Recipe
    history: tuple[EpochRecord, ...]
    uniform_nats: float
    unigram_nats: float
    weights: int
    weight_norm: float
    growth: float = 1.0
    held_out: tuple[tuple[int, float], ...] = ()
    fault_step: int | None = None

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        held_out: Sequence[tuple[int, float]] = (),
        fault_step: int | None = None,
    ) -> TrainingRecord:
        """The record in a checkpoint, with what its run knows besides."""
        parameters = [p.detach() for p in checkpoint.model.parameters()]
        # The bias that holds a gate is no weight that learns.
        held = [grad_norm(rows) for rows in _held_rows(checkpoint)]
        norm = first = _without(math.hypot(*map(grad_norm, parameters)), held)
        if checkpoint.snapshots:
            first = _without(grad_norm(checkpoint.snapshots[min(checkpoint.snapshots)]), held)
        size = sum(p.numel() for p in parameters)
        vocabulary = checkpoint.vocabulary
        return cls(
            checkpoint.recipe, checkpoint.history, math.log(len(vocabulary)), corpus_nats(vocabulary), size, max(norm, first),
            norm / first if first else 1.0, tuple(held_out), fault_step,
        )  # fmt: skip

    @property
    def nll_nats_E(self) -> Floats64:
        """Mean loss of each epoch, measured during it."""
        return np.array([epoch.nll_nats for epoch in self.history])

    @property
    def last_nats(self) -> float:
        """Mean loss of the last epoch."""
        return self.history[-1].nll_nats

    @property
    def clipped_share(self) -> float:
        """Share of all steps that were clipped, in [0, 1]."""
        return float(np.mean([epoch.clipped_share for epoch in self.history]))

    def update_share(self, grad_norm: float) -> float:
        """Length of a step for a gradient of this norm, as a share of the weights' norm."""
        step = grad_norm if self.recipe.optimizer == "sgd" else math.sqrt(self.weights)  # Adam: about 1 for each weight
        return self.recipe.learning_rate * step / self.weight_norm if self.weight_norm else math.inf


def _held_rows(checkpoint: Checkpoint) -> Iterator[Tensor]:
    letter = checkpoint.recipe.held_gate
    return iter(()) if letter is None else rows_of_gate(checkpoint.model, letter)


def _without(norm: float, parts: Sequence[float]) -> float:
    """The norm of what is left of a vector without some parts of it."""
    return math.sqrt(max(0.0, norm**2 - math.fsum(part**2 for part in parts))) if parts else norm


def corpus_nats(vocabulary: Vocabulary) -> float:
    """What a corpus costs a character, in nats, when only the frequencies of its symbols are known."""
    counts_V = np.array(vocabulary.counts, dtype=np.float64)
    if not counts_V.sum():
        return math.log(len(vocabulary))
    return float(counts_V @ vocabulary.unigram_nll_nats().numpy() / counts_V.sum())


def judge(record: TrainingRecord) -> list[Finding]:
    """What went wrong in a training, the gravest first; empty where nothing did, or where there is too little to tell.

    A ruined learning rate is found before anything it ruins. The thresholds are fixed by benchmarks/verdicts.py.
    """
    if record.fault_step is not None:
        return [Finding("rate-too-large", CERTAIN, _rate(record) | {"fault_step": record.fault_step}, "broke-off")]
    if not record.history:
        return [Finding("untrained", CERTAIN, {"uniform_nats": record.uniform_nats})]
    found = _too_large(record) or _learned_nothing(record) or _overfitted(record)
    return [replace(found, token=record.recipe.token)] if found else []


def long_enough(epochs: int, steps: int) -> bool:
    """Whether a training is so long that it means something if nothing is found wrong with it."""
    return epochs >= LEAST_EPOCHS and steps >= LEAST_STEPS


def _rate(record: TrainingRecord) -> dict[str, float]:
    clip = record.recipe.clip_norm
    return {"learning_rate": record.recipe.learning_rate} | ({} if clip is None else {"clip_norm": clip})


def _too_large(record: TrainingRecord) -> Finding | None:
    """Worse than guessing, or a loss that keeps jumping far above what it has been."""
    nats_E, figures = record.nll_nats_E, _rate(record) | {"last_nats": record.last_nats}
    if record.last_nats > WORSE_THAN_GUESSING * record.uniform_nats:
        if record.update_share(_after(record)) < SMALL_UPDATE:  # it has not moved from where it began
            return None
        return Finding(
            "rate-too-large", CERTAIN, figures | {"uniform_nats": record.uniform_nats}, "worse-than-guessing"
        )
    if record.growth > GROWN and record.last_nats > NOTHING_LEARNED * record.unigram_nats:
        figures |= {"growth": record.growth, "unigram_nats": record.unigram_nats}
        return Finding("rate-too-large", LIKELY, figures, "grown")
    late_E = nats_E[len(nats_E) // 2 :]
    if len(nats_E) < 2 * LEAST_EPOCHS:
        return None
    # How far above the best so far the loss is, in the later half: half of the time by so much is no accident.
    above_E = late_E - np.minimum.accumulate(nats_E)[len(nats_E) // 2 :]
    if np.median(above_E) > SWING_NATS:
        return Finding("rate-too-large", LIKELY, figures | {"best_nats": float(nats_E.min())})
    return None


def _after(record: TrainingRecord) -> float:
    return float(np.mean([epoch.grad_norm_after for epoch in record.history]))


def _learned_nothing(record: TrainingRecord) -> Finding | None:
    """No more than the symbols' frequencies is learned, and the steps are too short for more: by the rate, or by clipping."""
    if record.last_nats < NOTHING_LEARNED * record.unigram_nats or record.history[-1].step < LEAST_STEPS:
        return None
    before, after = float(np.mean([e.grad_norm_before for e in record.history])), _after(record)
    share, unclipped = record.update_share(after), record.update_share(before)
    if share >= SMALL_UPDATE:
        return None
    figures = _rate(record) | {
        "update_share": share,
        "last_nats": record.last_nats,
        "unigram_nats": record.unigram_nats,
    }
    if unclipped >= SMALL_UPDATE and after < CLIPPED_AWAY * before:
        clipped = {"clipped_share": record.clipped_share, "grad_norm_before": before, "unclipped_share": unclipped}
        return Finding("clip-bound", LIKELY, figures | clipped)
    return Finding("rate-too-small", LIKELY, figures)


def _overfitted(record: TrainingRecord) -> Finding | None:
    """What was not trained on is read ever worse, or no better and far worse, while what was trained on is read ever better."""
    if len(record.held_out) < LEAST_EPOCHS:
        return None
    best_epoch, best = min(record.held_out, key=lambda pair: pair[1])
    last_epoch, last = record.held_out[-1]
    then = record.history[max(best_epoch, 1) - 1].nll_nats
    if best_epoch >= last_epoch or record.last_nats >= then:
        return None
    figures = {"best_epoch": best_epoch, "best_nats": best, "held_out_nats": last, "last_nats": record.last_nats}
    if last - best >= HELD_OUT_RISE_NATS:
        return Finding("overfitting", CERTAIN, figures)
    unmoved = best_epoch <= (1 - UNMOVED) * last_epoch and then - record.last_nats >= HELD_OUT_RISE_NATS
    return Finding("overfitting", LIKELY, figures, "gap") if unmoved and last - record.last_nats >= GAP_NATS else None


def still_falling(record: TrainingRecord | None) -> Finding | None:
    """A loss that still falls when the training ends."""
    if record is None or len(record.history) < LEAST_EPOCHS:
        return None
    nats_E = record.nll_nats_E
    tenth = max(1, len(nats_E) // 10)
    earlier = float(nats_E[-1 - tenth])
    if nats_E[-1] < (1 - STILL_FALLING) * earlier:
        figures = {"last_nats": record.last_nats, "earlier_nats": earlier, "epochs": float(tenth)}
        return Finding("still-learning", LIKELY, figures)
    return None
