"""What a probe has recorded, as pandas tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from explorer.attaching.ledger import Ledger
from explorer.attaching.samples import DECILES, NetSample, StepSample
from explorer.attaching.writers import path

KINDS = ("steps", "gates", "gradients", "flow", "parameters")


def table(kind: str, ledger: Ledger, samples: Sequence[StepSample]) -> pd.DataFrame:
    """One of KINDS; GateProbe.frame says what is in each."""
    if kind == "steps":
        columns = {name: ledger[name] for name in Ledger.COLUMNS}
        return pd.DataFrame({"step": np.arange(1, len(ledger) + 1)} | columns)
    if kind == "parameters":
        return pd.DataFrame([row for sample in samples for row in _parameters(sample)])
    rows = {"gates": _gates, "gradients": _gradients, "flow": _flow}[kind]
    tables = [rows(sample.step, net) for sample in samples for net in sample.nets]
    kept = [frame for frame in tables if len(frame)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def _parameters(sample: StepSample) -> Iterable[dict[str, Any]]:
    for name, found in sample.parameters.items():
        yield {"step": sample.step, "parameter": name, **vars(found)}


def _gates(step: int, net: NetSample) -> pd.DataFrame:
    tables = []
    for letter, gate in net.gates.items():
        columns = {"mean": gate.mean_T, "low": gate.low_T, "high": gate.high_T, "saturated": gate.saturated_T}
        columns |= {f"decile_{share:g}": gate.deciles_TQ[:, q] for q, share in enumerate(DECILES)}
        named = {"step": step, "net": path(net.net), "gate": letter, "time_step": np.arange(len(gate.mean_T))}
        tables.append(pd.DataFrame(named | columns))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _gradients(step: int, net: NetSample) -> pd.DataFrame:
    if net.norm_T is None:
        return pd.DataFrame()
    local_T = np.full(len(net.norm_T), np.nan) if net.local_T is None else net.local_T
    named = {"step": step, "net": path(net.net), "time_step": np.arange(len(net.norm_T))}
    return pd.DataFrame(named | {"norm": net.norm_T, "local_norm": local_T})


def _flow(step: int, net: NetSample) -> pd.DataFrame:
    if net.share_L is None:
        return pd.DataFrame()
    lags = np.arange(len(net.share_L))
    return pd.DataFrame({"step": step, "net": path(net.net), "lag": lags, "share": net.share_L})
