"""A verdict on norms that somebody else's tool has logged: a table of steps, with a gradient norm and perhaps a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.attaching.faults import Fault
from explorer.attaching.ledger import Ledger, LoopStep
from explorer.attaching.verdict import Loop, LoopDiagnosis, diagnosis_of
from explorer.fields import ConfigError, expected, finite
from explorer.probes.finding import LIKELY, Finding
from explorer.probes.gradients import NonFinite
from explorer.words import Saying

if TYPE_CHECKING:
    import pandas as pd

SPIKE = 100.0  # times the median norm
# What others call them, in lower case and with _ for every sign; the first that is there is taken.
NAMES: Mapping[str, Sequence[str]] = {
    "loss": ("loss", "train_loss", "training_loss", "loss_train"),
    "norm_before": ("norm_before", "grad_norm", "gradient_norm", "gradient_norm_before", "grad_norm_total", "norm", "gnorm",
                    "train_grad_norm", "total_norm", "train_global_gradient_norm"),
    "norm_after": ("norm_after", "gradient_norm_after", "clipped_norm", "grad_norm_clipped"),
    "max_norm": ("max_norm", "clipping_threshold", "clip_norm", "clip", "threshold"),
}  # fmt: skip


def diagnose_norms(table: pd.DataFrame, *, max_norm: float | None = None) -> LoopDiagnosis:
    """What a log of norms alone says of a training: a value that is not finite, a spike, a threshold that is never reached.

    Without the model, nothing is said of gates or of the gradient in time: where nothing stands out, that is all it means.

    Args:
        table: a row a step, ascending; a column with a gradient norm, and perhaps a loss and the norm after clipping, under any
            of the names that are usual.
        max_norm: the threshold, where no column has it.

    Raises:
        ConfigError: no column has a gradient norm, or a column holds what is no number.

    """
    if max_norm is not None and (finite(max_norm) or 0) <= 0:
        raise ConfigError("max_norm", expected("above-zero-or-none"), max_norm)
    columns = {key: _column(table, key) for key in NAMES}
    if columns["norm_before"] is None:
        raise ConfigError(
            "columns", expected("norm-column", names=NAMES["norm_before"][:4]), [*map(str, table.columns)]
        )
    ledger, fault = _ledger(columns, max_norm), _first_fault(columns)
    verdict = diagnosis_of(Loop(ledger, (), (), fault=fault))
    spike = None if fault is not None or verdict.rules[:1] == ("too-short",) else _spike(ledger)
    others = tuple(
        finding for finding in verdict.findings if spike is None or finding.rule not in ("healthy", "unclear")
    )
    return LoopDiagnosis((*([spike] if spike else []), *others), (Saying("attach.norms-alone"),))


def _column(table: pd.DataFrame, key: str) -> Any:
    names = {"".join(c if c.isalnum() else "_" for c in str(name).lower()): name for name in table.columns}
    found = next((names[name] for name in NAMES[key] if name in names), None)
    if found is None:
        return None
    if table[found].dtype.kind not in "iuf":
        raise ConfigError(str(found), expected("column-of-numbers"), str(table[found].dtype))
    return table[found].to_numpy(np.float64)


def _ledger(columns: Mapping[str, Any], max_norm: float | None) -> Ledger:
    ledger = Ledger()
    before_S = columns["norm_before"]
    for place, before in enumerate(before_S.tolist()):
        known = {key: math.nan if column is None else float(column[place]) for key, column in columns.items()}
        threshold = known["max_norm"] if columns["max_norm"] is not None else max_norm
        after = known["norm_after"] if columns["norm_after"] is not None else min(before, threshold or math.inf)
        coefficient = min(1.0, after / before) if before > 0 and math.isfinite(before) else 1.0
        loss = None if columns["loss"] is None else known["loss"]
        ledger.add(LoopStep(place + 1, loss, before, after, coefficient, threshold))
    return ledger


def _first_fault(columns: Mapping[str, Any]) -> Fault | None:
    """The first row whose loss or norm is infinite; or not a number, where it was one before: a log may begin late."""
    found = []
    for key in ("loss", "norm_before"):
        if columns[key] is None:
            continue
        seen = np.maximum.accumulate(np.isfinite(columns[key]))
        bad = np.flatnonzero(np.isinf(columns[key]) | (np.isnan(columns[key]) & seen))
        # A gap, as of a tool that logs one of several rows, is no fault: afterwards come numbers again.
        bad = bad[bad > np.flatnonzero(np.isfinite(columns[key])).max(initial=-1)]
        if bad.size:
            found.append((int(bad[0]), key))
    if not found:
        return None
    step, key = min(found)
    return Fault(step + 1, NonFinite(Saying("value.loss" if key == "loss" else "value.norm"), None, None))


def _spike(ledger: Ledger) -> Finding | None:
    """In the later half, a norm so many times the median: clipped away it is no fault."""
    norms_S, after_S = ledger["norm_before"], ledger["norm_after"]
    late_S = np.arange(len(norms_S)) >= len(norms_S) // 2
    if not np.isfinite(norms_S).any():
        return None
    median = float(np.nanmedian(norms_S))
    spikes = np.flatnonzero(late_S & (norms_S > SPIKE * median) & (after_S > SPIKE * median))
    if not spikes.size or not median:
        return None
    worst = int(spikes[np.argmax(norms_S[spikes])])
    figures = {"largest": float(norms_S[worst]), "at_step": worst + 1, "times": float(norms_S[worst] / median),
               "suggested": ledger.suggested_threshold}  # fmt: skip
    return Finding("exploding", LIKELY, figures, "spike")
