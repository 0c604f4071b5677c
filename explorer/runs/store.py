"""The runs on disk: one SQLite file for settings, metrics and epochs, and beside it the texts and the weights.

Each run that is being trained belongs to one worker, named by a token; a worker that was taken for dead and was not
finds another token there, and nothing it writes is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import platform
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from explorer.files import write_atomically
from explorer.runs import process, rows
from explorer.runs.database import Database, disk_told
from explorer.runs.facts import (
    ACTIVE,
    INTERRUPTED,
    RESUMABLE,
    RUNNING,
    STOPPED,
    STOPPING,
    WAITING,
    EpochEvent,
    Metrics,
    Run,
    RunError,
    UnknownRunError,
)
from explorer.runs.rows import EVENT_COLUMNS, PEAK_WIDTHS, SCHEMA, STEP_COLUMNS, STORED, VERSION
from explorer.training import StepRecord

DEAD_AFTER_S = 30  # without a heartbeat; a process that is gone is noticed at once
KEPT_DELETED_S = 24 * 3600
WITHOUT_A_WORD = "Its process ended without a word. Resume continues where it was last kept."
UNHEARD = (
    f"Nothing was heard of its process for over {DEAD_AFTER_S} seconds, so it is taken for ended. Resume continues where it "
    "was last kept."
)
NUMBER = "(SELECT number FROM runs WHERE id = ?)"


class Superseded(Exception):
    """The run belongs to another worker, or was deleted for good."""


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # written, renamed or gone meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total


def _unreadable(fault: rows.Unreadable) -> str:
    return f"This run cannot be read: its {fault} is damaged in the store. The other runs are not touched by it; delete this one."


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """What a damaged row holds, as a sentence."""
    try:
        yield
    except (TypeError, ValueError, KeyError, RecursionError) as fault:
        raise RunError(f"The {what} of this run cannot be read: they are damaged in the store.") from fault


class Store:
    """The runs in a data folder. One object may be used from many threads; each process opens its own.

    Args:
        folder: where the runs are; made where there is none.
        follows: whether to go on with a store that is put in the place of this one: a server does, and a worker, whose run
            is in the old one, does not.

    Raises:
        RunError: (from every method) the disk refused; nothing is half written.

    """

    def __init__(self, folder: Path, *, follows: bool = True) -> None:
        self.folder = folder
        with disk_told():
            for made in (folder, folder / "texts", folder / "runs"):
                made.mkdir(mode=0o700, parents=True, exist_ok=True)  # people's own texts
        self.database = Database(folder / "runs.sqlite", SCHEMA, VERSION, follows=follows)
        self._rows, self._transaction = self.database.rows, self.database.transaction

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    # ---- files ----------------------------------------------------------------------------------------------

    def run_folder(self, run_id: str) -> Path:
        """Where a run's weights are."""
        return self.folder / "runs" / run_id

    def checkpoint_path(self, run_id: str) -> Path:
        """A run's checkpoint, as save_checkpoint writes it."""
        return self.run_folder(run_id) / "model.safetensors"

    def state_path(self, run_id: str) -> Path:
        """A run's resumable state."""
        return self.run_folder(run_id) / "state.safetensors"

    def keep_text(self, text: str) -> str:
        """Keep a text; returns its SHA-256, by which it is found."""
        data = text.encode("utf-8")
        digest = hashlib.sha256(data).hexdigest()
        path = self.folder / "texts" / f"{digest}.txt"
        with disk_told():
            if not path.is_file():
                write_atomically(path, data)
        return digest

    def text(self, digest: str) -> str:
        """A text that was kept."""
        with disk_told():
            return (self.folder / "texts" / f"{digest}.txt").read_bytes().decode("utf-8")

    def run_bytes(self, run_id: str) -> int:
        """What the files of a run take of the disk."""
        return _bytes_in(self.run_folder(run_id))

    def bytes(self) -> int:
        """What everything takes of it."""
        return _bytes_in(self.folder)

    # ---- what a page reads ----------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            UnknownRunError: there is none with this id.
            RunError: it cannot be read.

        """
        found = self._rows(f"SELECT {', '.join(STORED)} FROM runs WHERE id = ?", run_id)
        if not found:
            raise UnknownRunError
        try:
            return rows.to_run(found[0])
        except rows.Unreadable as fault:
            raise RunError(_unreadable(fault)) from fault

    def runs(self, owners: Sequence[str] = (), statuses: Sequence[str] = (), at_most: int = 1_000) -> list[Run]:
        """The runs that are not deleted and can be read, newest first; no owners or statuses named means all."""
        return [row for row in self._listed(owners, statuses, at_most) if isinstance(row, Run)]

    def unreadable(self, owners: Sequence[str] = ()) -> dict[str, str]:
        """The runs that cannot be read: their ids, and a sentence about each. They can be deleted."""
        listed = self._listed(owners, (), 1_000)
        return dict(row for row in listed if not isinstance(row, Run))

    def _listed(self, owners: Sequence[str], statuses: Sequence[str], at_most: int) -> Iterator[Run | tuple[str, str]]:
        wanted, values = ["deleted IS NULL"], [*owners, *statuses]
        for column, allowed in (("owner", owners), ("status", statuses)):
            if allowed:
                wanted.append(f"{column} IN ({', '.join('?' * len(allowed))})")
        columns, where = ", ".join(STORED), " AND ".join(wanted)
        query = f"SELECT {columns} FROM runs WHERE {where} ORDER BY number DESC LIMIT {at_most:d}"
        for row in self._rows(query, *values):
            try:
                yield rows.to_run(row)
            except rows.Unreadable as fault:
                yield str(row["id"]), _unreadable(fault)

    def metrics(self, run_id: str, after: int = 0, at_most: int = 1000) -> Metrics:
        """The steps after one, at most so many: evenly spaced ones and, of each stretch, the one with the largest gradient."""
        known = self._rows("SELECT number, step, parameters FROM runs WHERE id = ?", run_id)
        if not known:
            raise UnknownRunError
        with _readable("steps"):
            number, last, parameters = known[0]
            wanted, values = "step > ?", [number, after]
            if last - after > at_most:
                wanted, values = (
                    "step IN (SELECT value FROM json_each(?))",
                    [number, self._thinned(number, after, last, at_most)],
                )
            columns = f"SELECT {', '.join(STEP_COLUMNS)} FROM steps WHERE run = ? AND {wanted} ORDER BY step"
            return rows.to_metrics(self._rows(columns, *values), json.loads(parameters))

    def _thinned(self, number: int, after: int, last: int, at_most: int) -> str:
        """The steps to show, as a JSON list."""
        stride = -(-2 * (last - after) // max(2, at_most - 3))
        width = max((w for w in PEAK_WIDTHS if w <= stride), default=1)
        stride = -(-stride // width) * width
        if width == 1:
            largest = "SELECT step, max(grad_norm_before) FROM steps WHERE run = ? AND step > ? GROUP BY (step - 1) / ?"
            peaks = self._rows(largest, number, after, stride)
        else:
            largest = (
                "SELECT step, max(norm) FROM peaks WHERE run = ? AND width = ? AND stretch >= ? GROUP BY stretch / ?"
            )
            peaks = self._rows(largest, number, width, after // width, stride // width)
        spaced = range(last, after, -stride)
        return json.dumps(sorted({after + 1, *spaced} | {step for step, _ in peaks if step > after}))

    def epochs(self, run_id: str, after: int = -1, at_most: int | None = None) -> list[EpochEvent]:
        """The epochs after one (-1 includes epoch 0): all, or about so many evenly spaced ones, the snapshots and the last."""
        with _readable("epochs"):
            last = self._rows(f"SELECT max(epoch) FROM epochs WHERE run = {NUMBER}", run_id)[0][0] or 0
            every = 1 if at_most is None else max(1, math.ceil((last - after) / max(1, at_most)))
            wanted = f"run = {NUMBER} AND epoch > ? AND (epoch % ? = 0 OR snapshot OR epoch = ?)"
            query = f"SELECT {', '.join(EVENT_COLUMNS)} FROM epochs WHERE {wanted} ORDER BY epoch"
            return [rows.to_event(row) for row in self._rows(query, run_id, after, every, last)]

    # ---- from the first wish to the last word ---------------------------------------------------------------

    def add(self, run: Run, *, waiting_per_session: int | None = None, running_per_session: int = 1) -> Run:
        """Put a new run into the store.

        Raises:
            RunError: its session has as many as it may have.

        """
        marks = ", ".join(f":{name}" for name in STORED)
        with self._transaction() as db:
            if waiting_per_session is not None:
                self._check_session(db, run.owner, waiting_per_session + running_per_session)
            db.execute(f"INSERT INTO runs ({', '.join(STORED)}) VALUES ({marks})", rows.from_run(run))
        return run

    def _check_session(self, db: sqlite3.Connection, owner: str, most: int) -> None:
        active = "SELECT count(*) FROM runs WHERE owner = ? AND status IN (?, ?, ?)"
        if db.execute(active, (owner, *ACTIVE)).fetchone()[0] >= most:
            raise RunError(f"Expected at most {most} runs that run or wait in one session; stop one of them first.")

    def claim(self, workers: int, running_per_session: int) -> tuple[str, str] | None:
        """Take the first run in line that may start: its id and the token of the worker to be; None if there is none."""
        first = """
            SELECT id FROM runs AS w WHERE status = ? AND deleted IS NULL AND
                (SELECT count(*) FROM runs AS r WHERE r.owner = w.owner AND r.status IN (?, ?)) < ?
            ORDER BY queued LIMIT 1"""
        busy = "SELECT count(*) FROM runs WHERE status IN (?, ?)"
        if not self._rows("SELECT 1 FROM runs WHERE status = ? AND deleted IS NULL LIMIT 1", WAITING):
            return None  # nothing is written, and nobody who writes is waited for
        with self._transaction() as db:
            if db.execute(busy, (RUNNING, STOPPING)).fetchone()[0] >= workers:
                return None
            row = db.execute(first, (WAITING, RUNNING, STOPPING, running_per_session)).fetchone()
            return None if row is None else (row[0], self._begin(db, row[0]))

    def begin(self, run_id: str) -> str:
        """Take a run at once, without waiting in line; returns the worker's token."""
        with self._transaction() as db:
            return self._begin(db, run_id)

    def _begin(self, db: sqlite3.Connection, run_id: str) -> str:
        token, now = secrets.token_urlsafe(8), time.time()
        db.execute(
            "UPDATE runs SET status = ?, worker = ?, host = ?, pid = NULL, heartbeat = ?, started = coalesce(started, ?), "
            "queued = NULL, ended = NULL, message = '' WHERE id = ?",
            (RUNNING, token, platform.node(), now, now, run_id),
        )
        return token

    def stop(self, run_id: str) -> None:
        """A waiting run is stopped, a running one is stopping from now on; others stay as they are."""
        with self._transaction() as db:
            db.execute(
                "UPDATE runs SET status = CASE status WHEN ? THEN ? ELSE ? END, queued = NULL, "
                "ended = CASE status WHEN ? THEN ? END WHERE id = ? AND status IN (?, ?)",
                (WAITING, STOPPED, STOPPING, WAITING, time.time(), run_id, WAITING, RUNNING),
            )

    def requeue(self, run_id: str, waiting_per_session: int, running_per_session: int) -> None:
        """Put a run that ended early in line again.

        Raises:
            RunError: it cannot be resumed, or its session has as many as it may have.

        """
        run = self.run(run_id)
        if not run.resumable or run.deleted:
            state = "deleted" if run.deleted else run.status
            raise RunError(f"Expected a run that was {', '.join(RESUMABLE)}; this one is {state}.")
        with self._transaction() as db:
            self._check_session(db, run.owner, waiting_per_session + running_per_session)
            db.execute(
                "UPDATE runs SET status = ?, queued = ?, ended = NULL, message = '' WHERE id = ? AND status = ?",
                (WAITING, time.time(), run_id, run.status),
            )

    def end(
        self, run_id: str, token: str, status: str, message: str = "", *, fault: tuple[int, str] | None = None
    ) -> None:
        """The last word of a worker on its run."""
        step, parameter = fault or (None, None)
        self._update(
            run_id, token, status=status, message=message, ended=time.time(), fault_step=step, fault_parameter=parameter
        )  # fmt: skip

    def end_dead(self, run_id: str, token: str, message: str) -> None:
        """The last word on a run whose worker is gone without one."""
        with self._transaction() as db:
            db.execute(
                "UPDATE runs SET status = ?, message = ?, ended = ? WHERE id = ? AND worker = ? AND status IN (?, ?)",
                (INTERRUPTED, message, time.time(), run_id, token, RUNNING, STOPPING),
            )

    def sweep(self) -> None:
        """Runs whose process is gone become interrupted; runs deleted a day ago go for good.

        A process that is silent but still there is not gone: its run says so, and goes on when it answers. On another
        host one cannot look, and silence decides.
        """
        going = "SELECT id, worker, host, pid, heartbeat FROM runs WHERE status IN (?, ?)"
        for run_id, token, host, pid, heartbeat in self._rows(going, RUNNING, STOPPING):
            heartbeat = heartbeat if isinstance(heartbeat, int | float) else 0.0  # damaged: nothing was heard
            silent = time.time() - heartbeat > DEAD_AFTER_S
            alive = process.alive(pid) if isinstance(pid, int) and host == platform.node() else None
            if alive and silent and process.started_after(pid, heartbeat):
                alive = False  # another process has the number by now
            if alive is False:
                self.end_dead(run_id, token, WITHOUT_A_WORD)
            elif silent and alive is None:
                self.end_dead(run_id, token, UNHEARD)
            elif silent:
                self._say_not_answering(run_id, pid, heartbeat)
        self.purge(KEPT_DELETED_S)

    def purge(self, deleted_for_s: float) -> None:
        """Runs that were deleted so long ago go for good."""
        # What was deleted before it was made was never deleted: a damaged row costs nobody their run.
        # And within the day, one that is still being stopped has a worker, which would make its folder again.
        gone = "deleted <= ? AND deleted >= created AND (deleted <= ? OR status NOT IN (?, ?))"
        now = time.time()
        about = now - deleted_for_s, now - KEPT_DELETED_S, RUNNING, STOPPING
        for row in self._rows(f"SELECT id FROM runs WHERE {gone}", *about):
            self._purge(row[0])

    def _say_not_answering(self, run_id: str, pid: int, heartbeat: float) -> None:
        message = (
            f"Its process ({pid}) is there but has not answered for over {DEAD_AFTER_S} seconds: it is paused, or the machine "
            f"is asleep or busy. The run goes on when it answers; to give it up, end that process, then press Resume."
        )
        # Asked again, since it may have answered meanwhile; and nothing is written a second time.
        about = "id = ? AND heartbeat = ? AND status IN (?, ?) AND message != ?"
        values = run_id, heartbeat, RUNNING, STOPPING, message
        if self._rows(f"SELECT 1 FROM runs WHERE {about}", *values):
            with self._transaction() as db:
                db.execute(f"UPDATE runs SET message = ? WHERE {about}", (message, *values))

    # ---- names and deletion ---------------------------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET name = ? WHERE id = ?", (name, run_id))

    def set_deleted(self, run_id: str, deleted: bool) -> None:
        """Take a run out of every list, or put it back."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET deleted = ? WHERE id = ?", (time.time() if deleted else None, run_id))

    def _purge(self, run_id: str) -> None:
        with self._transaction() as db:
            row = db.execute("SELECT number, text FROM runs WHERE id = ? AND deleted NOT NULL", (run_id,)).fetchone()
            if row is None:
                return
            for table in ("steps", "peaks", "epochs"):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (row["number"],))
            db.execute("DELETE FROM runs WHERE id = ?", (run_id,))
            needed = db.execute("SELECT count(*) FROM runs WHERE text = ?", (row["text"],)).fetchone()[0]
        shutil.rmtree(self.run_folder(run_id), ignore_errors=True)
        if not needed:
            (self.folder / "texts" / f"{row['text']}.txt").unlink(missing_ok=True)

    # ---- what a worker writes -------------------------------------------------------------------------------

    def write(
        self, run_id: str, token: str, steps: Sequence[StepRecord], events: Sequence[EpochEvent], trained_s: float
    ) -> None:
        """A batch of steps and epochs, all or none, and how long they took.

        Raises:
            Superseded: the run belongs to another worker.

        """
        with self._transaction() as db:
            self._claim_or_leave(db, run_id, token)
            number = db.execute("SELECT number FROM runs WHERE id = ?", (run_id,)).fetchone()[0]
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
            for event in events:
                self._write_event(db, number, event)
            if steps:
                last, speeds = steps[-1], sorted(s.tokens_per_s for s in steps)
                db.execute(
                    "UPDATE runs SET epoch = CASE WHEN ? >= step THEN ? ELSE epoch END, step = max(step, ?), "
                    "trained_s = trained_s + ?, tokens_per_s = ? WHERE number = ?",
                    (last.step, last.epoch, last.step, trained_s, speeds[len(speeds) // 2], number),
                )  # fmt: skip

    def _write_event(self, db: sqlite3.Connection, number: int, event: EpochEvent) -> None:
        # After a resumption an epoch may come a second time, measured less: what is there stays.
        kept = ", ".join(
            f"{name} = coalesce(excluded.{name}, {name})" for name in EVENT_COLUMNS if name not in ("epoch", "step")
        )
        marks = ", ".join("?" * (len(EVENT_COLUMNS) + 1))
        db.execute(
            f"INSERT INTO epochs (run, {', '.join(EVENT_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO UPDATE SET {kept}",
            (number, *rows.event_row(event)),
        )

    def pulse(self, run_id: str, token: str, pid: int) -> str:
        """Say that the worker lives; returns the run's status. A run given up too early is taken back.

        Raises:
            Superseded: the run belongs to another worker.

        """
        with self._transaction() as db:
            self._claim_or_leave(db, run_id, token)
            db.execute(
                "UPDATE runs SET heartbeat = ?, pid = ?, host = ?, status = CASE status WHEN ? THEN ? ELSE status END, "
                "message = CASE WHEN status IN (?, ?, ?) THEN '' ELSE message END WHERE id = ?",
                (time.time(), pid, platform.node(), INTERRUPTED, RUNNING, INTERRUPTED, RUNNING, STOPPING, run_id),
            )  # fmt: skip
            return str(db.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()[0])

    def status(self, run_id: str) -> str:
        """A run's status; "" if it is gone."""
        found = self._rows("SELECT status FROM runs WHERE id = ?", run_id)
        return str(found[0][0]) if found else ""

    def note_process(self, run_id: str, token: str, pid: int) -> None:
        """Which process has the run; it was started before this."""
        self._update(run_id, token, pid=pid, heartbeat=time.time())

    def note_checkpoint(self, run_id: str, token: str) -> None:
        """There is a file of the run's weights now."""
        self._update(run_id, token, has_checkpoint=1)

    def _update(self, run_id: str, token: str, **columns: Any) -> None:
        with self._transaction() as db:
            self._claim_or_leave(db, run_id, token)
            assignments = ", ".join(f"{name} = ?" for name in columns)
            db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*columns.values(), run_id))

    def _claim_or_leave(self, db: sqlite3.Connection, run_id: str, token: str) -> None:
        row = db.execute("SELECT worker FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None or row[0] != token:
            raise Superseded
