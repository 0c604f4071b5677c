"""In plain words: is this model, on this text, well, or what is the matter with it? Causes before symptoms.

What can be judged from the training is judged from its record (explorer.probes.progress), never from one text. What one
text shows is a fault only where the model does not read it well: a model that does its work may forget as fast as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explorer.checkpoints import Checkpoint
from explorer.models import CharModel, ModelConfig, NetKey
from explorer.probes.finding import CERTAIN, LIKELY, Finding
from explorer.probes.gates import GateTrace, gate_statistics, trace_gates
from explorer.probes.gradients import LEAST_ROWS, GradientFlow, gradient_flow
from explorer.probes.pictured import Pictured
from explorer.probes.progress import TrainingRecord, corpus_nats, judge, still_falling
from explorer.text import Vocabulary
from explorer.tokens import Tokens

VANISHING_STEPS = 20
EXPLODING_SHARE = 10.0
SATURATED_SHARE = 0.9
DEAD_SHARE = 0.5
READS_WELL = 0.75  # of what frequencies alone cost on this text: under it, something beyond them is used
UNLIKE_UNKNOWN, UNLIKE_NATS = 0.2, 0.5  # share of unknown characters; nats a character above the corpus's own cost
SURPRISED_NATS = 0.7  # above what the text that was learned costs
BY_HEART = 0.35  # share of what frequencies alone cost on the corpus, under which a text is known by heart


@dataclass(frozen=True, repr=False)
class Diagnosis(Pictured):
    """What can be said of a model on a text.

    Attributes:
        net: the net whose gradient was looked at.
        findings: what holds, the gravest first; never empty.

    """

    net: NetKey
    findings: tuple[Finding, ...]

    def _facts(self) -> dict[str, Any]:
        return {"net": tuple(self.net), "rules": self.rules}

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules alone."""
        return tuple(finding.rule for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


def diagnose(
    checkpoint_or_model: Checkpoint | CharModel, text: Tokens, layer: int = 0, direction: str = "forward"
) -> Diagnosis:
    """What is wrong with this model on this text, if anything. A Checkpoint brings its training, which says most.

    From the training: "untrained"; "rate-too-large" (not finite, worse than guessing, or jumping); "rate-too-small" and
    "clip-bound" (nothing learned, and steps too short by the rate or by clipping); "overfitting". Then the text: "too-short",
    "unlike" (other characters than it learned), "exploding" (a value that is not finite, or a median share of ten times the
    local gradient), "leaks", "by-heart". Then, where the text is not read well, the gradient: "disconnected", "dead-units",
    "saturated" (90 % of a gate under 0.1 or over 0.9: Karpathy et al. 2015, arXiv 1506.02078), "truncated", "vanishing"
    (under 1 % within 20 steps: Bengio, Simard & Frasconi 1994), "still-learning". Else "healthy" or "unclear".

    benchmarks/verdicts.py holds the rules against models whose condition is known.

    Args:
        checkpoint_or_model: left exactly as it was found.
        text: at most 4,000 characters.
        layer: of the net whose flow is judged, counted from 0.
        direction: of that net, "forward" or "backward".

    Raises:
        ConfigError: no such net; or a lower layer of a model whose layers read both directions below.
        TextError: a longer text.

    """
    whole = checkpoint_or_model if isinstance(checkpoint_or_model, Checkpoint) else None
    model = checkpoint_or_model.model if isinstance(checkpoint_or_model, Checkpoint) else checkpoint_or_model
    record = TrainingRecord.of(whole) if whole else None
    flow = gradient_flow(model, text, layer, direction)
    return diagnosis_of(flow, trace_gates(model, text), model.vocabulary, record)


def diagnosis_of(
    flow: GradientFlow, trace: GateTrace, vocabulary: Vocabulary, record: TrainingRecord | None
) -> Diagnosis:
    """The same from facts that are already there; record None for a model whose training is not known."""
    causes = judge(record) if record is not None else []
    found = causes or _of_text(flow, trace, vocabulary, record)
    return Diagnosis(flow.net, tuple(replace(finding, token=vocabulary.token) for finding in found))


def _of_text(
    flow: GradientFlow, trace: GateTrace, vocabulary: Vocabulary, record: TrainingRecord | None
) -> list[Finding]:
    if (diverged := _not_finite(flow, trace)) is not None:
        return [diverged]
    least = VANISHING_STEPS + LEAST_ROWS + 1
    score_nats = trace.score.mean_nll_nats
    if len(trace) < least or score_nats is None:
        return [Finding("too-short", CERTAIN, {"least": least, "characters": len(trace)})]
    text_nats = float(trace.unigram_nll_nats_T.mean(dtype=np.float64))
    cause = _other_characters(trace, text_nats, vocabulary) or _exploding(flow)
    if cause is not None:
        return [cause]
    figures: dict[str, float | str] = {"score_nats": score_nats, "score": trace.score_name, **_reach(flow)}
    if trace.config.objective == "leaky":
        return [Finding("leaks", CERTAIN, figures)]
    if score_nats < READS_WELL * text_nats and not _much_worse(score_nats, record):
        return [Finding("healthy", LIKELY, figures)]
    if record is not None and _much_worse(score_nats, record):
        rule = "by-heart" if record.last_nats < BY_HEART * record.unigram_nats else "unlike"
        return [Finding(rule, LIKELY, {"score_nats": score_nats, "last_nats": record.last_nats})]
    symptoms = (_disconnected(flow), _dead(flow, trace), _saturated(flow, trace, record), _truncated(flow, record),
                _vanishing(flow, trace.config), still_falling(record))  # fmt: skip
    found = [finding for finding in symptoms if finding is not None]
    return found[:2] or [Finding("unclear", LIKELY, figures)]


def _much_worse(score_nats: float, record: TrainingRecord | None) -> bool:
    return record is not None and score_nats > record.last_nats + SURPRISED_NATS


def _not_finite(flow: GradientFlow, trace: GateTrace) -> Finding | None:
    if flow.non_finite is not None:
        return Finding("exploding", CERTAIN, {"non_finite": flow.non_finite}, "value")
    step = trace.score.undefined_from
    return None if step is None else Finding("exploding", CERTAIN, {"step": step}, "prediction")


def _reach(flow: GradientFlow) -> dict[str, float]:
    lags = {"half_life_steps": flow.half_life_steps, "horizon_steps": flow.horizon_steps}
    return {name: lag for name, lag in lags.items() if lag is not None}


def _exploding(flow: GradientFlow) -> Finding | None:
    median_L = np.where(flow.rows_L >= LEAST_ROWS, flow.median_L, -np.inf)
    if not median_L.size or not median_L.max() >= EXPLODING_SHARE:
        return None
    worst = int(median_L.argmax())
    return Finding("exploding", LIKELY, {"share": float(median_L[worst]), "lag": worst})


def _other_characters(trace: GateTrace, text_nats: float, vocabulary: Vocabulary) -> Finding | None:
    """A text of characters that the model does not know, or seldom met."""
    if trace.unknown_share > UNLIKE_UNKNOWN:
        return Finding("unlike", CERTAIN, {"unknown_share": trace.unknown_share}, "unknown")
    usual_nats = corpus_nats(vocabulary)
    if text_nats > usual_nats + UNLIKE_NATS:
        return Finding("unlike", LIKELY, {"text_nats": text_nats, "corpus_nats": usual_nats}, "frequencies")
    return None


def _disconnected(flow: GradientFlow) -> Finding | None:
    local_T = flow.local_T[flow.asked_T >= 0]
    return None if (local_T > 0).any() else Finding("disconnected", CERTAIN)


def _dead(flow: GradientFlow, trace: GateTrace) -> Finding | None:
    """Units of a relu that are zero all along: no gradient passes them on this text."""
    if not trace.config.kind.dies(trace.config.variant):
        return None
    share = float((trace.tape(*flow.net).h_TH == 0).all(0).mean())
    return Finding("dead-units", LIKELY, {"share": share}) if share >= DEAD_SHARE else None


def _saturated(flow: GradientFlow, trace: GateTrace, record: TrainingRecord | None) -> Finding | None:
    tape, config = trace.tape(*flow.net), trace.config
    held = record.recipe.held_gate if record else None
    for letter, gate_TH in tape.gates.items():
        if letter == held:  # somebody wanted it so
            continue
        statistics = gate_statistics(gate_TH)
        if statistics is not None and statistics.saturated_share >= SATURATED_SHARE:
            said: dict[str, float | str] = {"gate": config.kind.gate(letter).title, "share": statistics.saturated_share}
            return Finding("saturated", LIKELY, said, "gate")
    share = config.kind.stuck(tape.h_TH, config.variant)
    if share is not None and share >= SATURATED_SHARE:
        return Finding("saturated", LIKELY, {"share": share}, config.variant)
    return None


def _truncated(flow: GradientFlow, record: TrainingRecord | None) -> Finding | None:
    """The gradient would reach farther than training ever carries it back."""
    if record is None or len(flow) <= record.recipe.backward_steps + LEAST_ROWS:
        return None
    horizon = flow.horizon_steps
    if horizon is not None and horizon <= record.recipe.backward_steps:
        return None
    return Finding("truncated", LIKELY, {"backward_steps": record.recipe.backward_steps, **_reach(flow)})


def _vanishing(flow: GradientFlow, config: ModelConfig) -> Finding | None:
    horizon = flow.horizon_steps
    if horizon is None or horizon > VANISHING_STEPS or flow.rows_L[horizon] < LEAST_ROWS:
        return None
    return Finding("vanishing", LIKELY, _reach(flow), "gated" if config.kind.keeps else "plain")
