"""In plain words: does this model, on this text, vanish, explode, saturate, or hang on its clipping? With the figures."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from explorer.models import CharModel, ModelConfig, NetKey
from explorer.probes.clipping import ClipLedger, clip_ledger
from explorer.probes.gates import GateTrace, gate_statistics, trace_gates
from explorer.probes.gradients import LEAST_ROWS, GradientFlow, gradient_flow
from explorer.text import TextError

VERDICTS = ("exploding", "vanishing", "saturated", "clip-bound", "healthy")
VANISHING_STEPS = 20
EXPLODING_SHARE = 10.0
SATURATED_SHARE = 0.9
TANH_SATURATED = 0.8
CLIP_BOUND_COEFFICIENT = 0.5
FAR_TOO_LARGE = 100.0  # times the threshold: then a larger one is no advice
NO_CLIPPING = sys.float_info.max


@dataclass(frozen=True)
class Finding:
    """One verdict.

    Attributes:
        verdict: one of VERDICTS.
        evidence: the figures that led to it, as a sentence.
        suggestion: one change to try; empty for a healthy model.

    """

    verdict: str
    evidence: str
    suggestion: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.evidence}" + f" {self.suggestion}" * bool(self.suggestion)


@dataclass(frozen=True)
class Diagnosis:
    """What can be said of a model on a text.

    Attributes:
        net: the net whose gradient was looked at.
        findings: what holds, the gravest first; empty where the text is too short to tell.

    """

    net: NetKey
    findings: tuple[Finding, ...]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The verdicts alone."""
        return tuple(finding.verdict for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or (
            f"This text is too short to tell: {VANISHING_STEPS + LEAST_ROWS + 1} characters or more are needed."
        )


def diagnose(
    model: CharModel, text: str, max_norm: float | None = 1.0, layer: int = 0, direction: str = "forward"
) -> Diagnosis:
    """What is wrong with the gradient of this model on this text, if anything.

    exploding: a value that is not finite, or a median share of ten times the local gradient at some lag (ten is our choice:
        a trained model's shares stay under 2; sigma_max > 1 alone would only be necessary, Pascanu et al. 2013).
    vanishing: the median share is under 1 % at lag 20 or before, or no loss gives its state any gradient. 20 steps: a
        plain RNN trained by gradient descent fails on dependencies of 10 to 20 steps (Bengio, Simard & Frasconi 1994;
        Goodfellow et al. 2016, section 10.7).
    saturated: 90 % of a gate's values are under 0.1 or over 0.9 (the limits of Karpathy et al. 2015, arXiv 1506.02078; the
        share is ours). Of a plain cell, states beyond 0.8 in size for tanh, which are the same limits as tanh a =
        2 sigma(2a) - 1 has them, and dead ones (zero) for relu.
    clip-bound: clipping at max_norm leaves less than half of this text's gradient (our choice): the length of a step is
        then theta, not the gradient.
    healthy: none of these, and losses enough to say so: at least 8 that look 20 steps back.

    Args:
        model: left exactly as it was found.
        text: at most 4,000 characters.
        max_norm: the clip threshold the model is trained with; None for none.
        layer: of the net whose flow is judged.
        direction: of that net.

    """
    flow = gradient_flow(model, text, layer, direction)
    try:
        ledger = clip_ledger(model, text, max_norm or NO_CLIPPING)
    except TextError:
        ledger = None
    return diagnosis_of(flow, trace_gates(model, text), ledger)


def diagnosis_of(flow: GradientFlow, trace: GateTrace, ledger: ClipLedger | None) -> Diagnosis:
    """The same from facts that are already there."""
    config = trace.config
    judged = (_exploding(flow, ledger), _vanishing(flow, config), _saturated(flow, trace), _clip_bound(flow, ledger))
    findings = tuple(finding for finding in judged if finding is not None)
    if not findings and _looks_back(flow, VANISHING_STEPS):
        findings = (Finding("healthy", _reach(flow), ""),)
    return Diagnosis(flow.net, findings)


def _looks_back(flow: GradientFlow, lag: int) -> bool:
    """Whether enough losses look so many steps back."""
    return lag < len(flow) and bool(flow.rows_L[lag] >= LEAST_ROWS)


def _reach(flow: GradientFlow) -> str:
    def steps(lag: int | None) -> str:
        return "nowhere in this text" if lag is None else f"after {lag} step{'s' * (lag != 1)}"

    said = (
        f"The median loss falls under half of its local gradient {steps(flow.half_life_steps)}, under 1 % "
        f"{steps(flow.horizon_steps)}"
    )
    # Over the steps to the horizon, where there is one: a line fitted through what lies far under it says something else.
    horizon, slope = flow.horizon_steps, flow.slope_per_step
    if horizon:
        left = float(flow.median_L[horizon] ** (1 / horizon))
    elif slope is not None:
        left = float(np.exp(slope))
    else:
        return f"{said}."
    return f"{said}; each step leaves {left:.0%} of it."


def _exploding(flow: GradientFlow, ledger: ClipLedger | None) -> Finding | None:
    suggestion = "Try a lower clip threshold, or smaller recurrent weights: an orthogonal U has sigma_max 1."
    fault = flow.non_finite or (ledger.non_finite if ledger else None)
    if fault is not None:
        return Finding("exploding", f"The first value that is not a finite number: {fault}.", suggestion)
    median_L = np.where(flow.rows_L >= LEAST_ROWS, flow.median_L, -np.inf)
    if not median_L.size or median_L.max() < EXPLODING_SHARE:
        return None
    first, worst = int(np.argmax(median_L >= EXPLODING_SHARE)), int(median_L.argmax())
    evidence = (
        f"The median loss is {median_L[first]:,.3g} times its local gradient {first} steps back, and "
        f"{median_L[worst]:,.3g} times {worst} steps back."
    )
    return Finding("exploding", evidence, suggestion)


def _vanishing(flow: GradientFlow, config: ModelConfig) -> Finding | None:
    local_T = flow.local_T[flow.asked_T >= 0]
    if len(local_T) >= LEAST_ROWS and not (local_T > 0).any() and np.isfinite(local_T).all():
        evidence = "No loss gives its state any gradient: nothing leads from the state to the output."
        return Finding("vanishing", evidence, "Look at the output weights.")
    horizon = flow.horizon_steps
    if horizon is None or horizon > VANISHING_STEPS or not _looks_back(flow, horizon):
        return None
    suggestion = {
        "rnn": "Try a gated cell: its copy path multiplies by z, not by U."
        if config.activation != "sigmoid"
        else "Try tanh, whose slope is up to 1 and not up to 1/4, or a gated cell.",
        "gru": "Try more training, or gates that start open: init='chrono'.",
        "lstm": "Try more training, or gates that start open: init='chrono'.",
    }[config.cell]
    return Finding("vanishing", _reach(flow), suggestion)


def _saturated(flow: GradientFlow, trace: GateTrace) -> Finding | None:
    if len(trace) < LEAST_ROWS:
        return None
    tape, config = trace.tape(*flow.net), trace.config
    found = []
    for name, gate_TH in tape.gates.items():
        statistics = gate_statistics(gate_TH)
        if statistics is not None and statistics.saturated_share >= SATURATED_SHARE:
            found.append(
                f"{statistics.saturated_share:.0%} of the values of the {name} are under 0.1 or over 0.9, where its slope "
                f"is {statistics.sensitivity:.3f} on average, of 0.25 at most."
            )
    if config.cell == "rnn":
        stuck = {
            "tanh": ("beyond ±0.8", np.abs(tape.h_TH) > TANH_SATURATED),
            "sigmoid": ("under 0.1 or over 0.9", np.abs(tape.h_TH - 0.5) > 0.4),
            "relu": ("exactly zero", tape.h_TH == 0),
        }
        where, stuck_TH = stuck[config.activation]
        if (share := float(stuck_TH.mean())) >= SATURATED_SHARE:
            found.append(f"{share:.0%} of the states are {where}.")
    suggestion = "Try smaller weights into it (a lower learning rate, weight decay), or biases nearer to 0."
    return Finding("saturated", " ".join(found), suggestion) if found else None


def _clip_bound(flow: GradientFlow, ledger: ClipLedger | None) -> Finding | None:
    losses = int((flow.asked_T >= 0).sum())
    if (
        ledger is None
        or ledger.max_norm is None
        or losses < LEAST_ROWS
        or not ledger.coefficient < CLIP_BOUND_COEFFICIENT
    ):
        return None
    evidence = (
        f"The gradient of this text has norm {ledger.norm_before:.3g}; clipped at {ledger.max_norm:g}, "
        f"{ledger.coefficient:.1%} of it is left, in the same direction."
    )
    if ledger.norm_before > FAR_TOO_LARGE * ledger.max_norm:
        return Finding("clip-bound", evidence, "A longer step would not help: mend what makes the gradient so large.")
    suggestion = (
        f"A batch's mean gradient is smaller than one text's: where training is clipped as often, try a threshold near "
        f"{ledger.norm_before:.2g}, or a lower learning rate."
    )
    return Finding("clip-bound", evidence, suggestion)
