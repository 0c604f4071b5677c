"""Facts of a loop as rows of the store, and back; whatever is read is checked, since a disk can be damaged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.cells import CELLS
from explorer.probes.finding import RULES, Finding
from explorer.probes.gradients import NonFinite
from explorer.runs import columns as column
from explorer.runs.loops import (
    STATUSES,
    Floats,
    GateInTime,
    InTime,
    Loop,
    LoopLayer,
    LoopNet,
    NetSummary,
    Sample,
    finite_or_none,
)
from explorer.runs.rows import Unreadable
from explorer.words import Saying, knows

SCHEMA = """
CREATE TABLE IF NOT EXISTS loops (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, owner TEXT NOT NULL,
    layers TEXT NOT NULL, created REAL NOT NULL, ended REAL, deleted REAL, step INTEGER NOT NULL DEFAULT 0,
    sampled INTEGER NOT NULL DEFAULT 0, findings TEXT NOT NULL DEFAULT '[]', message TEXT NOT NULL DEFAULT '',
    latest TEXT, host TEXT, pid INTEGER);
CREATE TABLE IF NOT EXISTS loop_steps (
    loop INTEGER NOT NULL, step INTEGER NOT NULL, loss REAL, norm_before REAL, norm_after REAL, coefficient REAL,
    max_norm REAL, PRIMARY KEY (loop, step)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loop_samples (
    loop INTEGER NOT NULL, step INTEGER NOT NULL, sample TEXT NOT NULL, PRIMARY KEY (loop, step)) WITHOUT ROWID;
"""
COLUMNS = ("loss", "norm_before", "norm_after", "coefficient", "max_norm")


def layers_json(layers: Sequence[LoopLayer]) -> str:
    """The layers of a model."""
    return json.dumps([asdict(layer) for layer in layers])


def to_loop(row: sqlite3.Row) -> Loop:
    """A loop as the store has it.

    Raises:
        Unreadable: a column holds what no loop has there; the message names it.

    """
    values = {}
    for name, read in _READ.items():
        try:
            values[name] = read(row[name])
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as fault:
            raise Unreadable(name) from fault
    return Loop(**values)


def to_columns(rows: Sequence[sqlite3.Row]) -> tuple[NDArray[np.int64], dict[str, Floats]]:
    """Steps, and each of COLUMNS; NaN for what is not known."""
    step_S = np.array([row["step"] for row in rows], np.int64)
    return step_S, {f"{name}_S": np.array([row[name] for row in rows], np.float64) for name in COLUMNS}


# ---- the verdict ---------------------------------------------------------------------------------------------------


def findings_json(findings: Sequence[Finding]) -> str:
    """A verdict by codes and figures, so that it is read in any language."""
    return json.dumps([{**vars(found), "figures": _figures(found.figures)} for found in findings])


def _figures(figures: Mapping[str, object]) -> dict[str, Any]:
    return {name: _written(value) for name, value in figures.items()}


def _written(value: object) -> Any:
    match value:
        case NonFinite():
            return {"what": _written(value.what), "step": value.step, "unit": value.unit}
        case Saying():
            return {"code": value.code, "figures": _figures(value.figures)}
        case tuple():
            return list(value)
        case bool() | int() | str() | None:
            return value
        case float():
            return finite_or_none(value)
    return str(value)


def _read_figure(value: Any) -> Any:
    if isinstance(value, list):
        return _net(value)
    if not isinstance(value, dict):
        return value
    if "code" in value:
        if not knows(value["code"]):
            raise KeyError(value["code"])
        return Saying(value["code"], {name: _read_figure(figure) for name, figure in value["figures"].items()})
    return NonFinite(_read_figure(value["what"]), value["step"], value["unit"])


def _findings(written: str) -> tuple[Finding, ...]:
    found = []
    for each in json.loads(written):
        if each["rule"] not in RULES:
            raise KeyError(each["rule"])
        figures = {column.text(name): _read_figure(figure) for name, figure in each["figures"].items()}
        finding = Finding(each["rule"], column.text(each["confidence"]), figures, column.text(each["case"]))
        str(finding)  # whatever its sentences need is there
        found.append(finding)
    return tuple(found)


# ---- samples -------------------------------------------------------------------------------------------------------


def sample_json(sample: Sample) -> str:
    """A sampled step."""
    return json.dumps(asdict(sample))


def to_sample(step: int, written: str) -> Sample:
    """A sampled step, as it was written."""
    told = json.loads(written)
    nets = [
        NetSummary(
            _net(net["net"]),
            {column.text(letter): (float(mean), float(share)) for letter, (mean, share) in net["gates"].items()},
            column.or_none(int)(net["half_life_steps"]),
            column.or_none(int)(net["horizon_steps"]),
        )
        for net in told["nets"]
    ]
    shares = {column.text(name): float(share) for name, share in told["shares"].items()}
    return Sample(int(step), column.or_none(float)(told["update_ratio"]), tuple(nets), shares)


def latest_json(step: int, nets: Sequence[InTime]) -> str:
    """The step sampled last, in time."""
    written = [
        {
            "net": net.net,
            "gates": {
                letter: [_list(gate.mean_T), _list(gate.low_T), _list(gate.high_T)]
                for letter, gate in net.gates.items()
            },
            **{name: _list(getattr(net, name)) for name in ("norm_T", "local_T", "share_L")},
        }
        for net in nets
    ]
    return json.dumps({"step": step, "nets": written})


def to_latest(written: str | None) -> tuple[int, tuple[InTime, ...]]:
    """The step sampled last, and each net in time; (0, ()) where none was."""
    if written is None:
        return 0, ()
    told = json.loads(written)
    nets = [
        InTime(
            _net(net["net"]),
            {column.text(letter): GateInTime(*map(_array, rows)) for letter, rows in net["gates"].items()},
            *(None if net[name] is None else _array(net[name]) for name in ("norm_T", "local_T", "share_L")),
        )
        for net in told["nets"]
    ]
    return int(told["step"]), tuple(nets)


def _list(values: Floats | None) -> list[float | None] | None:
    return None if values is None else [finite_or_none(float(f"{value:.5g}")) for value in values]


def _array(values: list[float | None]) -> Floats:
    return np.array(values, np.float64)


# ---- columns -------------------------------------------------------------------------------------------------------


def _net(value: Any) -> LoopNet:
    module, layer, direction = value
    return column.text(module), int(layer), column.text(direction)


def _layers(written: str) -> tuple[LoopLayer, ...]:
    layers = tuple(LoopLayer(**layer | {"directions": tuple(layer["directions"])}) for layer in json.loads(written))
    for layer in layers:
        if layer.variant not in CELLS[layer.cell].variants:
            raise KeyError(layer.variant)
        column.text(layer.module), column.amount(layer.units), column.amount(layer.depth)
    if not layers:
        raise ValueError
    return layers


_READ: dict[str, Callable[[Any], Any]] = {
    "id": column.text, "name": column.text, "owner": column.text, "message": column.text, "layers": _layers,
    "findings": _findings, "status": column.one_of(STATUSES), "step": column.amount, "sampled": column.amount,
    "created": column.number, "ended": column.or_none(column.number), "deleted": column.or_none(column.number),
}  # fmt: skip
