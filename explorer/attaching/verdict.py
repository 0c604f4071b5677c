"""What is wrong with a training whose task is not known: only its losses, its norms, its gates and its gradients in time.

In this order, the first that holds: a state that still hangs on the step before ("never-detached"), a value that is not finite
in what is read ("bad-data") or elsewhere ("exploding"), no updates of the model at all ("no-update"), no gradient in a layer or
anywhere ("no-gradient"), a loss that rises or jumps ("rate-too-large"), a gradient that grows back through time ("exploding").
Then, where the loss stands still: gates or states that are stuck ("saturated", "dead-units"), steps that are all too short
("clip-bound", "rate-too-small"), a gradient that does not reach back to what must be remembered ("vanishing"). Beside any of it:
a threshold that is never reached ("clip-idle").
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from explorer.attaching.faults import Fault
from explorer.attaching.layers import Layer, NetName
from explorer.attaching.ledger import Ledger
from explorer.attaching.samples import NetSample, StepSample
from explorer.probes.diagnosis import DEAD_SHARE, EXPLODING_SHARE, SATURATED_SHARE, VANISHING_STEPS
from explorer.probes.finding import CERTAIN, LIKELY, Finding
from explorer.probes.gradients import HALF, HORIZON, LEAST_ROWS, first_under
from explorer.probes.progress import CLIPPED_AWAY, LEAST_STEPS, SMALL_UPDATE
from explorer.words import Saying

Floats = NDArray[np.float64]
LEAST_TO_STALL = 100  # steps before a loss that has not fallen means anything
STALLED = 0.15  # of the first loss: less is gained
NOTHING_GAINED = 0.03
RISEN = 1.2  # times the first loss
JUMPED, JUMPED_SHARE = 10.0, 0.05  # times the first loss, in so many of the steps
WARMING = 1.2  # times the median learning rate so far
RECOVERED = 0.5  # of the first loss gained in the end all the same
FIRST_STEPS = 5


@dataclass(frozen=True)
class Loop:
    """A training loop, as far as a probe has seen it.

    Attributes:
        ledger: loss and norms of every step.
        samples: the sampled steps.
        layers: the recurrent layers.
        rates_S: the learning rate of the optimizer's first group at each step; NaN where no optimizer of torch made it.
        plain: whether a step's length follows the gradient's, as with SGD.
        fault: the first value that was not finite.
        attached_step: the first step that began in a state that was not detached.
        unreached: layers that were called, and no gradient has ever come back to them.
        passes: backward passes that reached the model, where only optimizers of other parameters made steps; else 0.
        entered: whether the probe's block has been entered.

    """

    ledger: Ledger
    samples: tuple[StepSample, ...]
    layers: tuple[Layer, ...]
    rates_S: Floats = field(default_factory=lambda: np.array([]))
    plain: bool = False
    fault: Fault | None = None
    attached_step: int | None = None
    unreached: tuple[str, ...] = ()
    passes: int = 0
    entered: bool = True

    @property
    def learning_rate(self) -> float | None:
        """The largest so far: what a schedule has made of it since has done no harm. None where none is known."""
        known_S = self.rates_S[np.isfinite(self.rates_S)]
        return float(known_S.max()) if known_S.size else None

    @property
    def warming_up(self) -> bool:
        """Whether the learning rate is still on its way up."""
        known_S = self.rates_S[np.isfinite(self.rates_S)]
        return bool(known_S.size and known_S[-1] > WARMING * np.median(known_S))

    @property
    def first_loss(self) -> float | None:
        """Of the first step, or the median of the first five where that is lower: a rate too large shows at the second."""
        losses_S = self.ledger.finite("loss")
        return float(min(losses_S[0], np.median(losses_S[:FIRST_STEPS]))) if losses_S.size else None

    @property
    def last_loss(self) -> float | None:
        """Median of the last tenth."""
        losses_S = self.ledger.finite("loss")
        return float(np.median(losses_S[-max(FIRST_STEPS, len(losses_S) // 10) :])) if losses_S.size else None

    @property
    def gained(self) -> float | None:
        """By what share of itself the loss has fallen; None where none was seen."""
        first, last = self.first_loss, self.last_loss
        return None if first is None or last is None else (first - last) / abs(first) if first else 0.0

    @property
    def late(self) -> tuple[StepSample, ...]:
        """The sampled steps of the later half."""
        return self.samples[len(self.samples) // 2 :]

    @property
    def update_ratio(self) -> float | None:
        """The largest ||update|| / ||weights|| of a sampled step: where the gradient vanishes, later ones are short too."""
        ratios = [s.update_ratio for s in self.samples if s.update_ratio is not None]
        return max(filter(math.isfinite, ratios), default=None)

    def nets(self) -> dict[NetName, list[NetSample]]:
        """Net -> its samples of the later half; without those whose steps could not be recovered."""
        found: dict[NetName, list[NetSample]] = {}
        for sample in (net for step in self.late for net in step.nets if not net.mismatch):
            found.setdefault(sample.net, []).append(sample)
        return found

    def layer(self, net: NetName) -> Layer:
        """The layer that a net belongs to."""
        return next(layer for layer in self.layers if layer.name == net.module)


@dataclass(frozen=True)
class LoopDiagnosis:
    """What can be said of a training loop.

    Attributes:
        findings: what holds, the gravest first; never empty.
        notes: what to know before one believes it.

    """

    findings: tuple[Finding, ...]
    notes: tuple[Saying, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules alone."""
        return tuple(finding.rule for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.findings, *self.notes)))

    def __repr__(self) -> str:
        return f"LoopDiagnosis(rules={self.rules!r})"

    def _repr_html_(self) -> str:
        lines = (f"<li>{html.escape(str(said))}</li>" for said in (*self.findings, *self.notes))
        return f"<ul>{''.join(lines)}</ul>"


def diagnosis_of(loop: Loop, notes: Iterable[Saying] = ()) -> LoopDiagnosis:
    """The verdict on a loop: the first rule that holds, and a threshold that is never reached; "healthy" where the loss fell."""
    rules: tuple[Callable[[Loop], Finding | None], ...] = (
        _attached, _not_finite, _others_updated, _too_short, _unmoved, _ungraded, _risen, _exploding, _saturated, _dead,
        _too_slow, _vanishing,
    )  # fmt: skip
    findings = [found for rule in rules if (found := rule(loop)) is not None][:1]
    idle = None if findings and findings[0].rule in ("no-update", "no-gradient") else _idle(loop)
    findings = findings or [_well(loop)]
    frozen = [layer.name for layer in loop.layers if layer.name in loop.unreached and _is_frozen(layer)]
    told = [Saying("attach.frozen", {"modules": frozen})] if frozen else []
    return LoopDiagnosis((*findings, *([idle] if idle else [])), (*notes, *told))


def _is_frozen(layer: Layer) -> bool:
    return not any(parameter.requires_grad for parameter in layer.module.parameters())


def _attached(loop: Loop) -> Finding | None:
    return Finding("never-detached", CERTAIN, {"step": loop.attached_step}) if loop.attached_step is not None else None


def _not_finite(loop: Loop) -> Finding | None:
    if loop.fault is None:
        return None
    if (risen := _risen(loop)) is not None:
        figures = {**risen.figures, "non_finite": loop.fault.value, "at_step": loop.fault.step}
        return Finding("rate-too-large", LIKELY, figures, "loop-value")
    figures = {"non_finite": loop.fault.value, "at_step": loop.fault.step}
    what = loop.fault.value.what
    if isinstance(what, Saying) and what.code == "value.read-by":
        return Finding("bad-data", CERTAIN, figures)
    return Finding("exploding", CERTAIN, figures, "loop-value")


def _others_updated(loop: Loop) -> Finding | None:
    """Gradients came, and every update was of something else: an optimizer made for another copy of the model."""
    if loop.passes < LEAST_STEPS:
        return None
    return Finding("no-update", CERTAIN, {"passes": loop.passes})


def _too_short(loop: Loop) -> Finding | None:
    if len(loop.ledger) >= LEAST_STEPS:
        return None
    if not loop.entered:
        return Finding("too-short", CERTAIN, {}, "not-entered")
    return Finding("too-short", CERTAIN, {"least": LEAST_STEPS, "steps": len(loop.ledger)}, "loop")


def _unmoved(loop: Loop) -> Finding | None:
    """There was a gradient, and no sampled update has changed a weight."""
    if loop.update_ratio != 0 or not loop.ledger.finite("norm_before").any():
        return None
    if loop.learning_rate == 0:
        return Finding("no-update", CERTAIN, {}, "rate")
    if not loop.ledger.finite("norm_after").any():
        return Finding("no-update", CERTAIN, {"clip_norm": float(loop.ledger.finite("max_norm")[-1])}, "clip")
    return None


def _ungraded(loop: Loop) -> Finding | None:
    """All gradients are exactly zero, at a loss that is not; or none has come back to a layer that was called."""
    norms_S, losses_S = loop.ledger.finite("norm_before"), loop.ledger.finite("loss")
    if norms_S.size and not norms_S.any() and (losses_S.any() or not losses_S.size):
        return Finding("no-gradient", CERTAIN, {"steps": len(norms_S)}, "zero")
    names = [layer.name for layer in loop.layers if layer.name in loop.unreached and not _is_frozen(layer)]
    return Finding("no-gradient", CERTAIN, {"modules": names, "steps": len(loop.ledger)}) if names else None


def share_of(samples: list[NetSample]) -> Floats | None:
    """The share of a loss's gradient that is left, by lag: the median over sampled steps."""
    # A gradient beyond its precision, as under a scale that is too large at first, has no share.
    shares = [net.share_L for net in samples if net.share_L is not None and np.isfinite(net.share_L).all()]
    if not shares:
        return None
    lags = max(map(len, shares))
    padded = np.full((len(shares), lags), np.nan)
    for row, share_L in zip(padded, shares, strict=True):
        row[: len(share_L)] = share_L
    median_L: Floats = np.nanmedian(padded, axis=0)
    return median_L


def _exploding(loop: Loop) -> Finding | None:
    """As of a text: a loss's own gradient has grown tenfold on its way back."""
    for net, samples in loop.nets().items():
        share_L = share_of(samples)
        if share_L is not None and np.nanmax(share_L) >= EXPLODING_SHARE:
            worst = int(np.nanargmax(share_L))
            return Finding("exploding", LIKELY, {"share": float(share_L[worst]), "lag": worst, "net": net}, "loop-time")
    return None


def _risen(loop: Loop) -> Finding | None:
    first, last, ratio = loop.first_loss, loop.last_loss, loop.update_ratio
    if first is None or last is None or ratio is None or loop.learning_rate is None:
        return None
    if first <= 0 or ratio < SMALL_UPDATE:
        return None
    figures = _rate(loop) | {"first_loss": first, "last_loss": last}
    if last > RISEN * first:
        return Finding("rate-too-large", LIKELY, figures, "loop")
    losses_S = loop.ledger.finite("loss")
    jumped_share = float((losses_S > JUMPED * first).mean())
    if jumped_share >= JUMPED_SHARE and (loop.gained or 0.0) < RECOVERED:
        return Finding("rate-too-large", LIKELY, figures | {"largest_loss": float(losses_S.max())}, "loop-jumped")
    return None


def _rate(loop: Loop) -> dict[str, float]:
    thresholds_S = loop.ledger.finite("max_norm")
    clip = {"clip_norm": float(thresholds_S[-1])} if thresholds_S.size else {}
    return ({} if loop.learning_rate is None else {"learning_rate": loop.learning_rate}) | clip


def _too_slow(loop: Loop) -> Finding | None:
    """The loss stands still, and the steps are too short for more: by clipping, or by the rate."""
    gained, ratio = loop.gained, loop.update_ratio
    if gained is None or ratio is None or loop.learning_rate is None or len(loop.ledger) < LEAST_TO_STALL:
        return None
    if gained >= NOTHING_GAINED or not 0 < ratio < SMALL_UPDATE or loop.warming_up:
        return None
    before, after = (float(np.mean(loop.ledger.finite(name))) for name in ("norm_before", "norm_after"))
    figures = _rate(loop) | {"update_share": ratio}
    if loop.plain and after < CLIPPED_AWAY * before and ratio * before >= SMALL_UPDATE * after:
        share = float(np.mean(loop.ledger["coefficient"] < 1))
        return Finding("clip-bound", LIKELY, figures | {"clipped_share": share, "grad_norm_before": before})
    return Finding("rate-too-small", LIKELY, figures | {"last_loss": loop.last_loss}, "loop")


def _stands_still(loop: Loop) -> bool:
    """Whether the loss has gained little in steps enough to gain more; also where no loss was seen."""
    return len(loop.ledger) >= LEAST_TO_STALL and (loop.gained is None or loop.gained < STALLED)


def _saturated(loop: Loop) -> Finding | None:
    if not _stands_still(loop):
        return None
    for net, samples in loop.nets().items():
        layer = loop.layer(net)
        for gate in layer.cell.gates:
            share = float(np.median([sample.gates[gate.letter].saturated_T.mean() for sample in samples]))
            if share >= SATURATED_SHARE:
                return Finding("saturated", LIKELY, {"gate": gate.title, "share": share}, "gate")
        stuck = [sample.stuck for sample in samples if sample.stuck is not None]
        if stuck and float(np.median(stuck)) >= SATURATED_SHARE:
            return Finding("saturated", LIKELY, {"share": float(np.median(stuck))}, layer.variant)
    return None


def _dead(loop: Loop) -> Finding | None:
    if not _stands_still(loop):
        return None
    shares = [sample.dead for samples in loop.nets().values() for sample in samples if sample.dead is not None]
    share = float(np.median(shares)) if shares else 0.0
    return Finding("dead-units", LIKELY, {"share": share}, "loop") if share >= DEAD_SHARE else None


def _vanishing(loop: Loop) -> Finding | None:
    """Of the modules, the first through which even the net that reaches farthest carries too little."""
    if not _stands_still(loop):
        return None
    by_module: dict[str, dict[NetName, list[NetSample]]] = {}
    for net, samples in loop.nets().items():
        by_module.setdefault(net.module, {})[net] = samples
    return next((found for nets in by_module.values() if (found := _vanishing_in(loop, nets)) is not None), None)


def _vanishing_in(loop: Loop, nets: dict[NetName, list[NetSample]]) -> Finding | None:
    """Even by the net that carries it farthest, under a hundredth of a loss's gradient is left after 20 steps.

    Only a net that is asked at the end alone is judged: what came early cannot be learned then. One that is asked at every step
    may need no more than it has, and its loss may stand where it has learned all there is.
    """
    shares = {net: share_L for net, samples in nets.items() if (share_L := share_of(samples)) is not None}
    horizons = {net: first_under(share_L, HORIZON) for net, share_L in shares.items()}
    if not shares or any(horizon is None or horizon > VANISHING_STEPS for horizon in horizons.values()):
        return None
    if min(map(len, shares.values())) < VANISHING_STEPS + LEAST_ROWS + 1:
        return None
    if not all(asked_at_end(sample) for samples in nets.values() for sample in samples):
        return None
    net = max(shares, key=lambda net: horizons[net] or 0)
    lags = {"half_life_steps": first_under(shares[net], HALF), "horizon_steps": horizons[net]}
    figures = {name: float(lag) for name, lag in lags.items() if lag is not None}
    return Finding("vanishing", LIKELY, figures, "loop-gated" if loop.layer(net).cell.keeps else "loop-plain")


def asked_at_end(sample: NetSample) -> bool:
    """Whether all of the loss is read off one end of the sequence."""
    if sample.local_T is None:
        return False
    inner_T = sample.local_T[:-1] if sample.net.direction == "forward" else sample.local_T[1:]
    return not (inner_T > 0).any()


def _idle(loop: Loop) -> Finding | None:
    """A threshold that no step has reached, in as many steps as let one be sure of it."""
    thresholds_S, norms_S = loop.ledger.finite("max_norm"), loop.ledger.finite("norm_before")
    if not norms_S.any() or len(thresholds_S) < LEAST_TO_STALL or (loop.ledger["coefficient"] < 1).any():
        return None
    figures = {
        "max_norm": float(thresholds_S[-1]),
        "steps": len(thresholds_S),
        "largest": float(norms_S.max()),
        "suggested": loop.ledger.suggested_threshold,
    }
    return Finding("clip-idle", CERTAIN, figures)


def _well(loop: Loop) -> Finding:
    """The loss fell, and nothing else stands out; or there is no loss that says so."""
    figures: dict[str, object] = {"first_loss": loop.first_loss, "last_loss": loop.last_loss}
    if loop.gained is not None and loop.gained >= STALLED:
        return Finding("healthy", LIKELY, figures, "loop")
    reached = [share_L for samples in loop.nets().values() if (share_L := share_of(samples)) is not None]
    horizons = [horizon for share_L in reached if (horizon := first_under(share_L, HORIZON)) is not None]
    if loop.gained is None or not horizons or len(horizons) < len(reached):
        return Finding("unclear", LIKELY, figures, "loop")
    return Finding("unclear", LIKELY, figures | {"horizon_steps": max(horizons)}, "loop-reach")
