"""Facts of a run as rows of the store, and back; the tables they are in.

`peaks` says, of every stretch of 16, 64, 256 and 1,024 steps, which step had the largest gradient: a long run is
thinned without reading all of it.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, fields
from functools import lru_cache
from typing import Any

import numpy as np

from explorer.models import ModelConfig
from explorer.recording import EpochRecord
from explorer.runs import columns as column
from explorer.runs.facts import EpochEvent, GateSummary, Metrics, Run
from explorer.runs.status import STATUSES
from explorer.training import Recipe, StepRecord

VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, owner TEXT NOT NULL,
    corpus TEXT NOT NULL, text TEXT NOT NULL, config TEXT NOT NULL, recipe TEXT NOT NULL, seed INTEGER NOT NULL,
    sentence TEXT NOT NULL, prefixes TEXT NOT NULL, held_out_share REAL NOT NULL, held_out INTEGER NOT NULL,
    trained_on INTEGER NOT NULL, symbols INTEGER NOT NULL, unigram_nll_nats REAL NOT NULL, parameters TEXT NOT NULL,
    weights INTEGER NOT NULL, steps_total INTEGER NOT NULL, created REAL NOT NULL, queued REAL, started REAL, ended REAL,
    deleted REAL, step INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0, trained_s REAL NOT NULL DEFAULT 0,
    tokens_per_s REAL, message TEXT NOT NULL DEFAULT '', fault_step INTEGER, fault_parameter TEXT,
    has_checkpoint INTEGER NOT NULL DEFAULT 0, worker TEXT, host TEXT, pid INTEGER, heartbeat REAL);
CREATE INDEX IF NOT EXISTS runs_by_status ON runs (status, queued);
CREATE TABLE IF NOT EXISTS steps (
    run INTEGER NOT NULL, step INTEGER NOT NULL, epoch INTEGER NOT NULL, nll_nats REAL, epoch_nll_nats REAL,
    epoch_ends INTEGER NOT NULL, grad_norm_before REAL, grad_norm_after REAL, clip_coefficient REAL, tokens_per_s REAL,
    grad_norms BLOB NOT NULL, PRIMARY KEY (run, step)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peaks (
    run INTEGER NOT NULL, width INTEGER NOT NULL, stretch INTEGER NOT NULL, step INTEGER NOT NULL, norm REAL,
    PRIMARY KEY (run, width, stretch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (
    run INTEGER NOT NULL, epoch INTEGER NOT NULL, step INTEGER NOT NULL, summary TEXT, held_out_nll_nats REAL,
    sentence_nll_nats REAL, gates TEXT, samples TEXT, snapshot INTEGER NOT NULL, PRIMARY KEY (run, epoch)) WITHOUT ROWID;
"""
STEP_COLUMNS = (
    "step", "epoch", "nll_nats", "epoch_nll_nats", "epoch_ends", "grad_norm_before", "grad_norm_after",
    "clip_coefficient", "tokens_per_s", "grad_norms",
)  # fmt: skip
EVENT_COLUMNS = ("epoch", "step", "summary", "held_out_nll_nats", "sentence_nll_nats", "gates", "samples", "snapshot")
PEAK_WIDTHS = (16, 64, 256, 1024)
STORED = tuple(f.name for f in fields(Run) if f.name not in ("place", "wait_s"))


def from_run(run: Run) -> dict[str, Any]:
    """The columns of a run, by name."""
    values = {name: getattr(run, name) for name in STORED}
    values |= {"config": json.dumps(asdict(run.config)), "recipe": json.dumps(asdict(run.recipe))}
    return values | {"prefixes": json.dumps(run.prefixes), "parameters": json.dumps(run.parameters)}


class Unreadable(ValueError):
    """A row that is not what it was when it was written: a damaged disk, or another program's hand."""


def to_run(row: sqlite3.Row) -> Run:
    """A run as the store has it; its place in line is the registry's business.

    Raises:
        Unreadable: a column holds what no run has there; the message names it.

    """
    values = {}
    for name in STORED:
        try:
            values[name] = (_READ.get(name) or _READ_KIND[Run.__annotations__[name]])(row[name])
        except (TypeError, ValueError, RecursionError) as fault:
            raise Unreadable(name) from fault
    return Run(**values)


# ---- a row that cannot be read ---------------------------------------------------------------------------------

NAMED = "(id = ? OR 'row ' || number = ?)"
"""In SQL: the run of this `key`, which is given twice."""
KEPT_BACK = ("owner", "worker", "host", "pid")  # a file travels farther than what names a browser or a machine should


def key(row: sqlite3.Row) -> str:
    """What a run that cannot be read goes by: its id; its number, where the id is what cannot be read."""
    try:
        return column.text(row["id"]) or f"row {row['number']}"
    except (TypeError, ValueError):
        return f"row {row['number']}"


def to_json(row: sqlite3.Row) -> bytes:
    """A row as JSON, every value as it stands there but KEPT_BACK; what JSON has no word for is {"hex": its bytes}."""
    values = {name: _plain(row[name]) for name in row.keys() if name not in KEPT_BACK}  # noqa: SIM118
    return json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """A value of the store as JSON can have it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and not value.isascii():
        value = value.encode("utf-8", "surrogateescape")
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode("utf-8")
    return {"hex": value.hex()} if isinstance(value, bytes) else value


# ---- columns ---------------------------------------------------------------------------------------------------

_READ_KIND: dict[str, Callable[[Any], Any]] = {
    "str": column.text, "int": column.amount, "float": column.number, "str | None": column.or_none(column.text),
    "int | None": column.or_none(column.amount), "float | None": column.or_none(column.number),
}  # fmt: skip
_READ: dict[str, Callable[[Any], Any]] = {
    "config": lambda value: ModelConfig(**json.loads(value)),
    "recipe": lambda value: Recipe(**json.loads(value)),
    "prefixes": column.words, "parameters": column.words, "status": column.one_of(STATUSES), "seed": column.count,
    "has_checkpoint": column.flag,
}  # fmt: skip


def step_row(record: StepRecord) -> tuple[Any, ...]:
    """A step in the order of STEP_COLUMNS; the parameters' norms as float64, in the order of the run's `parameters`."""
    norms = array("d", record.grad_norms.values()).tobytes()
    return (*(getattr(record, name) for name in STEP_COLUMNS[:-1]), norms)


def to_metrics(rows: list[sqlite3.Row], parameters: Sequence[str]) -> Metrics:
    """Steps as columns."""
    columns = dict(zip(STEP_COLUMNS, zip(*rows, strict=True) if rows else [()] * len(STEP_COLUMNS), strict=True))
    norms_SP = np.frombuffer(b"".join(columns.pop("grad_norms")), np.float64).reshape(len(rows), len(parameters))
    kinds = {"step": np.int64, "epoch": np.int64, "epoch_ends": np.bool_}
    arrays: dict[str, Any] = {f"{n}_S": np.array(c, kinds.get(n, np.float64)) for n, c in columns.items()}
    return Metrics(**arrays, grad_norms={name: norms_SP[:, i] for i, name in enumerate(parameters)})


def event_row(event: EpochEvent) -> tuple[Any, ...]:
    """An epoch in the order of EVENT_COLUMNS; NULL for what was not measured."""
    return (
        event.epoch, event.step, None if event.summary is None else json.dumps(astuple(event.summary)),
        event.held_out_nll_nats, event.sentence_nll_nats,
        None if event.gates is None else json.dumps([astuple(gate) for gate in event.gates]),
        None if event.samples is None else json.dumps(event.samples, ensure_ascii=False), event.snapshot,
    )  # fmt: skip


def to_event(row: sqlite3.Row) -> EpochEvent:
    """An epoch as it was written."""
    epoch, step, summary, held_out, sentence, gates, samples, snapshot = row
    return EpochEvent(
        column.amount(epoch), column.amount(step), summary and _summary(summary),
        column.measured(held_out), column.measured(sentence),
        gates and _gates(gates), samples and column.words(samples), column.flag(snapshot),
    )  # fmt: skip


# A page asks for all epochs of a run every second, and they do not change.
@lru_cache(maxsize=8_192)
def _summary(written: str) -> EpochRecord:
    return EpochRecord(*map(column.real, json.loads(written)))


@lru_cache(maxsize=8_192)
def _gates(written: str) -> tuple[GateSummary, ...]:
    return tuple(
        GateSummary(column.amount(layer), column.text(direction), column.text(gate), *map(column.measured, shares))
        for layer, direction, gate, *shares in json.loads(written)
    )


def peaks(steps: Sequence[StepRecord]) -> list[tuple[int, int, int, float]]:
    """(width, stretch, step, norm) of the largest gradient in each stretch these steps are in."""
    largest: dict[tuple[int, int], StepRecord] = {}
    for record in steps:
        for width in PEAK_WIDTHS:
            at = width, (record.step - 1) // width
            if at not in largest or record.grad_norm_before > largest[at].grad_norm_before:
                largest[at] = record
    return [(*at, record.step, record.grad_norm_before) for at, record in largest.items()]
