"""A verdict on norms that somebody else's tool has logged: a table of steps, with a gradient norm and perhaps a loss."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.attaching.faults import Fault
from explorer.attaching.ledger import Ledger, LoopStep
from explorer.attaching.verdict import RISEN, Loop, LoopDiagnosis, diagnosis_of
from explorer.fields import ConfigError, expected, finite, got
from explorer.probes.finding import LIKELY, Finding
from explorer.probes.gradients import NonFinite
from explorer.tables import read_table
from explorer.words import Saying

if TYPE_CHECKING:
    import pandas as pd

SPIKE = 100.0  # times the median norm
# A log has ended in numbers that are none if so many rows, and so many times its longest gap, are.
LEAST_ROWS, GAP_TIMES = 3, 3
# What others call them, in lower case and with _ for every sign; the first that is there is taken.
NAMES: Mapping[str, Sequence[str]] = {
    "loss": ("loss", "train_loss", "training_loss", "loss_train"),
    "step": ("step", "global_step", "train_global_step", "iteration", "iter"),
    "norm_before": ("norm_before", "grad_norm", "gradient_norm", "gradient_norm_before", "grad_norm_total", "gradnorm", "gnorm",
                    "grad_2_0_norm_total", "global_gradient_norm", "global_norm", "total_norm", "norm"),
    "norm_after": ("norm_after", "gradient_norm_after", "clipped_norm", "grad_norm_clipped"),
    "max_norm": ("max_norm", "clipping_threshold", "clip_norm", "clip", "threshold"),
}  # fmt: skip


def read_log(data: bytes) -> pd.DataFrame:
    """A log as CSV. What is written as NaN stays apart from what was not logged: it is read as infinite, and no number either.

    Args:
        data: the file.

    Raises:
        ConfigError: it is no table.

    """
    return read_table(data, as_text=True).apply(_as_numbers)


def _as_numbers(texts: pd.Series[str]) -> pd.Series[Any]:
    import pandas as pd

    written = texts.str.strip()
    numbers = pd.to_numeric(written, errors="coerce")
    lost = written.str.fullmatch("[-+]?nan", case=False)
    others = numbers.isna() & ~lost & (written != "")
    return texts if others.any() else numbers.mask(lost, math.inf)


def diagnose_norms(table: pd.DataFrame, *, max_norm: float | None = None, column: str | None = None) -> LoopDiagnosis:
    """What a log of norms alone says of a training: a value that is not finite, a spike, a threshold that is never reached.

    Without the model, nothing is said of gates or of the gradient in time: where nothing stands out, that is all it means.

    Args:
        table: a row a step, ascending; a column with a gradient norm, and perhaps a loss and the norm after clipping, under any
            of the names that are usual; where one says which step it was, the verdict does too.
        max_norm: the threshold, where no column has it.
        column: the one with the gradient norm; None looks for a usual name.

    Raises:
        ConfigError: no column has a gradient norm, a column holds what is no number or no norm, or there is no row.

    """
    if max_norm is not None and (finite(max_norm) or 0) <= 0:
        raise ConfigError("max_norm", expected("above-zero-or-none"), max_norm)
    named = {key: _named(table, key) for key in NAMES}
    if column is not None:
        named["norm_before"] = next((name for name in table.columns if str(name) == column), None)
    if named["norm_before"] is None:
        wanted = expected("norm-column", names=NAMES["norm_before"][:4])
        raise ConfigError("columns", wanted, got("columns", names=[*map(str, table.columns)]))
    columns = {key: _column(table, name) for key, name in named.items()}
    if not len(columns["norm_before"]):
        raise ConfigError("table", expected("rows-of-log"), got("empty-one"))
    if (columns["norm_before"] < 0).any():
        raise ConfigError(str(named["norm_before"]), expected("norms"), float(np.nanmin(columns["norm_before"])))
    ledger, fault = _ledger(columns, max_norm), _first_fault(columns)
    verdict = diagnosis_of(loop := Loop(ledger, (), (), fault=fault))
    judged = fault is None and verdict.rules[:1] != ("too-short",)
    own = next(filter(None, (_spike(ledger, columns["step"]), _risen(loop))), None) if judged else None
    others = tuple(finding for finding in verdict.findings if own is None or finding.rule not in ("healthy", "unclear"))
    return LoopDiagnosis((*([own] if own else []), *others), (Saying("attach.norms-alone"),))


def _named(table: pd.DataFrame, key: str) -> Any:
    """The column under the first usual name that is there, alone or behind the names of a run and a group."""
    plain = {"_".join(re.findall("[a-z0-9]+", str(name).lower())): name for name in table.columns}
    for name in NAMES[key]:
        if name in plain:
            return plain[name]
    behind = ([column for known, column in plain.items() if known.endswith(f"_{name}")] for name in NAMES[key])
    return next((found[0] for found in behind if len(found) == 1), None)


def _column(table: pd.DataFrame, found: Any) -> Any:
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
        # A gap, as of a tool that logs one of several rows, is no fault: afterwards come numbers again, or few rows without.
        known = np.flatnonzero(np.isfinite(columns[key]))
        bad = bad[bad > known.max(initial=-1)]
        longest = int(np.diff(known).max(initial=1)) - 1
        if bad.size and (np.isinf(columns[key][bad]).any() or bad.size >= max(LEAST_ROWS, GAP_TIMES * longest)):
            found.append((int(bad[0]), key))
    if not found:
        return None
    place, key = min(found)
    return Fault(
        _step_at(columns["step"], place), NonFinite(Saying("value.loss" if key == "loss" else "value.norm"), None, None)
    )


def _step_at(steps_S: Any, place: int) -> int:
    """Which step a row is of: as it says, or as it is counted."""
    known = steps_S is not None and bool(np.isfinite(steps_S[place]))
    return int(steps_S[place]) if known else place + 1


def _risen(loop: Loop) -> Finding | None:
    first, last = loop.first_loss, loop.last_loss
    if first is None or last is None or first <= 0 or last <= RISEN * first:
        return None
    return Finding("rate-too-large", LIKELY, {"first_loss": first, "last_loss": last}, "logged")


def _spike(ledger: Ledger, steps_S: Any) -> Finding | None:
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
    figures = {"largest": float(norms_S[worst]), "at_step": _step_at(steps_S, worst), "times": float(norms_S[worst] / median),
               "suggested": ledger.suggested_threshold}  # fmt: skip
    return Finding("exploding", LIKELY, figures, "spike")
