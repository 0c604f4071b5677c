"""A worker's hold on a run: what it writes while it has it.

A hold has a token. A worker that was taken for dead and is not finds another one in the store as soon as the run is somebody
else's, and nothing it writes is taken.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from explorer.runs import process, rows
from explorer.runs.database import Database
from explorer.runs.facts import EpochEvent
from explorer.runs.rows import EVENT_COLUMNS, STEP_COLUMNS
from explorer.runs.status import HELD, STOPPING, Event, allowed
from explorer.training import StepRecord


class Superseded(Exception):
    """The run belongs to another worker, is over, or was deleted for good."""


class Claim(NamedTuple):
    """One worker's hold on one run.

    Raises:
        Superseded: (from every method) it holds the run no longer; nothing is written.
        RunError: (from every method) the disk refused; nothing is half written.

    """

    database: Database
    run_id: str
    token: str

    def status(self) -> str:
        """The run's status, whoever holds it; "" if it is gone."""
        found = self.database.rows("SELECT status FROM runs WHERE id = ?", self.run_id)
        return str(found[0][0]) if found else ""

    def write(self, steps: Sequence[StepRecord], events: Sequence[EpochEvent], trained_s: float) -> None:
        """A batch of steps and epochs, all or none, and how long they took."""
        with self.database.transaction() as db:
            self._check(db)
            number = db.execute("SELECT number FROM runs WHERE id = ?", (self.run_id,)).fetchone()[0]
            _write_steps(db, number, steps)
            for event in events:
                _write_event(db, number, event)
            if steps:
                last, speeds = steps[-1], sorted(s.tokens_per_s for s in steps)
                db.execute(
                    "UPDATE runs SET epoch = CASE WHEN ? >= step THEN ? ELSE epoch END, step = max(step, ?), "
                    "trained_s = trained_s + ?, tokens_per_s = ? WHERE number = ?",
                    (last.step, last.epoch, last.step, trained_s, speeds[len(speeds) // 2], number),
                )

    def pulse(self, pid: int) -> str:
        """Say that the worker lives; returns the run's status. A run given up too early is taken back."""
        with self.database.transaction() as db:
            status = self._check(db)
            back = allowed(status, "answer")
            deleted = db.execute("SELECT deleted FROM runs WHERE id = ?", (self.run_id,)).fetchone()[0] is not None
            # Whoever deleted the run meanwhile wants it stopped.
            after = STOPPING if deleted and STOPPING in back else back[0]
            move(
                db, self.run_id, "answer", after, heartbeat=time.time(), pid=pid, host=process.identity(pid), message="",
                ended=None,
            )  # fmt: skip
            return after

    def end(self, status: str, message: str = "", *, fault: tuple[int, str] | None = None) -> None:
        """The last word of a worker on its run."""
        step, parameter = fault or (None, None)
        with self.database.transaction() as db:
            self._check(db)
            move(
                db, self.run_id, "end", status, message=message, ended=time.time(), fault_step=step,
                fault_parameter=parameter,
            )  # fmt: skip

    def note_process(self, pid: int) -> None:
        """Which process has the run; it was started before this."""
        self._note(pid=pid, host=process.identity(pid), heartbeat=time.time())

    def note_checkpoint(self) -> None:
        """There is a file of the run's weights now."""
        self._note(has_checkpoint=1)

    def _note(self, **columns: Any) -> None:
        with self.database.transaction() as db:
            self._check(db)
            put(db, self.run_id, **columns)

    def _check(self, db: sqlite3.Connection) -> str:
        """The run's status, while the worker holds it."""
        row = db.execute("SELECT worker, status FROM runs WHERE id = ?", (self.run_id,)).fetchone()
        if row is None or row["worker"] != self.token or row["status"] not in HELD:
            raise Superseded
        return str(row["status"])


def move(db: sqlite3.Connection, run_id: str, event: Event, to: str | None = None, **columns: Any) -> bool:
    """Let something happen to a run, and write these columns with it; False, and nothing is written, where it cannot.

    Args:
        db: within a transaction.
        run_id: the run.
        event: what happens.
        to: the status it leads to; None for the usual one.
        columns: that change with it.

    """
    row = db.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
    after = allowed(row[0], event) if row else ()
    if not after or (to or after[0]) not in after:
        return False
    put(db, run_id, status=to or after[0], **columns)
    return True


def put(db: sqlite3.Connection, run_id: str, **columns: Any) -> None:
    """Write columns of a run."""
    assignments = ", ".join(f"{name} = ?" for name in columns)
    db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*columns.values(), run_id))


def _write_steps(db: sqlite3.Connection, number: int, steps: Sequence[StepRecord]) -> None:
    marks = ", ".join("?" * (len(STEP_COLUMNS) + 1))
    db.executemany(
        f"INSERT OR REPLACE INTO steps (run, {', '.join(STEP_COLUMNS)}) VALUES ({marks})",
        [(number, *rows.step_row(record)) for record in steps],
    )
    db.executemany(
        "INSERT INTO peaks (run, width, stretch, step, norm) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET step = excluded.step, norm = excluded.norm WHERE excluded.norm > norm",
        [(number, *peak) for peak in rows.peaks(steps)],
    )


def _write_event(db: sqlite3.Connection, number: int, event: EpochEvent) -> None:
    # After a resumption an epoch may come a second time, measured less: what is there stays.
    kept = ", ".join(
        f"{name} = coalesce(excluded.{name}, {name})" for name in EVENT_COLUMNS if name not in ("epoch", "step")
    )
    marks = ", ".join("?" * (len(EVENT_COLUMNS) + 1))
    db.execute(
        f"INSERT INTO epochs (run, {', '.join(EVENT_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO UPDATE SET {kept}",
        (number, *rows.event_row(event)),
    )
