"""The runs on disk: one SQLite file for settings, metrics and epochs, and beside it the texts and the weights.

Here is what happens to a run from the first wish to its deletion; what a page reads is in reading.py, what a worker writes in
claim.py. Which status leads to which is said in status.py alone.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Container, Sequence
from pathlib import Path

from explorer.runs import loop_rows, process, rows
from explorer.runs.claim import Claim, move, put
from explorer.runs.database import Database
from explorer.runs.facts import Run, RunError
from explorer.runs.folder import Folder
from explorer.runs.loop_store import Loops
from explorer.runs.reading import Reader
from explorer.runs.rows import SCHEMA, STORED, VERSION
from explorer.runs.status import ACTIVE, RESUMABLE, TRAINED, told, where
from explorer.words import say

DEAD_AFTER_S = 30  # without a heartbeat, where one cannot look; a process that is gone is noticed at once
KEPT_DELETED_S = 24 * 3600


def _one_of(column: str, allowed: Sequence[str]) -> str:
    """A condition in SQL; the words are our own."""
    return f"{column} IN ({', '.join(map(repr, allowed))})"


class Store(Reader):
    """The runs in a data folder. One object may be used from many threads; each process opens its own.

    Args:
        folder: where the runs are; made where there is none.
        follows: whether to go on with a store that is put in the place of this one: a server does, and a worker, whose run
            is in the old one, does not.

    Raises:
        RunError: (from every method) the disk refused; nothing is half written.

    """

    def __init__(self, folder: Path, *, follows: bool = True) -> None:
        self.files = Folder(folder)
        self.database = Database(folder / "runs.sqlite", SCHEMA + loop_rows.SCHEMA, VERSION, follows=follows)
        self.loops = Loops(self.database)
        super().__init__(self.database)
        self._transaction = self.database.transaction

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    # ---- the line -------------------------------------------------------------------------------------------

    def add(self, run: Run, *, waiting_per_session: int | None = None, running_per_session: int = 1) -> Run:
        """Put a new run into the store.

        Raises:
            RunError: its session has as many as it may have.

        """
        marks = ", ".join(f":{name}" for name in STORED)
        with self._transaction() as db:
            if waiting_per_session is not None:
                _check_session(db, run.owner, waiting_per_session + running_per_session)
            db.execute(f"INSERT INTO runs ({', '.join(STORED)}) VALUES ({marks})", rows.from_run(run))
        return run

    def claim(self, workers: int, running_per_session: int) -> Claim | None:
        """Take the first run in line that may start, for the worker to be; None if there is none."""
        waits, trained = _one_of("status", where("claim")), _one_of("status", TRAINED)
        first = f"""
            SELECT id FROM runs AS w WHERE {waits} AND deleted IS NULL AND
                (SELECT count(*) FROM runs AS r WHERE r.owner = w.owner AND r.{trained}) < ?
            ORDER BY queued LIMIT 1"""
        if not self._rows(f"SELECT 1 FROM runs WHERE {waits} AND deleted IS NULL LIMIT 1"):
            return None  # nothing is written, and nobody who writes is waited for
        with self._transaction() as db:
            if db.execute(f"SELECT count(*) FROM runs WHERE {trained}").fetchone()[0] >= workers:
                return None
            row = db.execute(first, (running_per_session,)).fetchone()
            return None if row is None else self._begin(db, row[0])

    def begin(self, run_id: str) -> Claim:
        """Take a run that waits at once, before those that are in line before it.

        Raises:
            RunError: it does not wait.

        """
        with self._transaction() as db:
            return self._begin(db, run_id)

    def _begin(self, db: sqlite3.Connection, run_id: str) -> Claim:
        claim, now = Claim(self.database, run_id, secrets.token_urlsafe(8)), time.time()
        if not move(
            db, run_id, "claim", worker=claim.token, host=process.machine(), pid=None, heartbeat=now, queued=None,
            ended=None, message="",
        ):  # fmt: skip
            raise RunError("run.not-waiting", status=told(self.run(run_id).status))
        db.execute("UPDATE runs SET started = coalesce(started, ?) WHERE id = ?", (now, run_id))
        return claim

    def stop(self, run_id: str) -> None:
        """A waiting run is stopped, a running one is stopping from now on; others stay as they are."""
        with self._transaction() as db:
            if move(db, run_id, "stop", queued=None):
                ended = f"UPDATE runs SET ended = ? WHERE id = ? AND NOT {_one_of('status', TRAINED)}"
                db.execute(ended, (time.time(), run_id))

    def requeue(self, run_id: str, waiting_per_session: int, running_per_session: int) -> None:
        """Put a run that ended early in line again; a worker that may still have it has it no longer.

        Raises:
            RunError: it cannot be resumed, or its session has as many as it may have.

        """
        run = self.run(run_id)
        with self._transaction() as db:
            if run.resumable and not run.deleted:
                _check_session(db, run.owner, waiting_per_session + running_per_session)
            moved = not run.deleted and move(
                db, run_id, "resume", queued=time.time(), ended=None, message="", worker=None
            )
            if not moved:
                state = "deleted" if run.deleted else run.status
                raise RunError("run.not-resumable", allowed=[*map(told, RESUMABLE)], status=told(state))

    # ---- the dead -------------------------------------------------------------------------------------------

    def end_dead(self, run_id: str, token: str, message: str) -> None:
        """The last word on a run whose worker is gone without one."""
        with self._transaction() as db:
            row = db.execute("SELECT worker FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is not None and row["worker"] == token:
                move(db, run_id, "die", message=message, ended=time.time())

    def sweep(self, living: Container[str] = ()) -> None:
        """Runs whose process is gone become interrupted; runs deleted a day ago go for good.

        A process that is silent but still there is not gone: its run says so, and goes on when it answers. Where one cannot
        look (another machine or container, Windows), silence decides; a worker that was only silent takes its run back.

        Args:
            living: the tokens of workers that are known to be there.

        """
        going = f"SELECT id, worker, host, pid, heartbeat FROM runs WHERE {_one_of('status', TRAINED)}"
        for run_id, token, host, pid, heartbeat in self._rows(going):
            alive = token in living or process.alive(pid, host)
            silent_s = _silent_s(heartbeat)
            if alive is False:
                self.end_dead(run_id, token, say("run.without-a-word"))
            elif silent_s is None:
                self._hear(run_id, token)
            elif silent_s > DEAD_AFTER_S and alive is None:
                self.end_dead(run_id, token, say("run.unheard", seconds=DEAD_AFTER_S))
            elif silent_s > DEAD_AFTER_S:
                self._say_not_answering(run_id, pid, heartbeat)
        self.purge(KEPT_DELETED_S)
        self.loops.purge(KEPT_DELETED_S)

    def _hear(self, run_id: str, token: str) -> None:
        """Begin to wait for a word of a worker: when it was heard last is damaged, or was said by another clock."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET heartbeat = ? WHERE id = ? AND worker = ?", (time.time(), run_id, token))

    def _say_not_answering(self, run_id: str, pid: int, heartbeat: float) -> None:
        message = say("run.not-answering", pid=pid, seconds=DEAD_AFTER_S)
        # Asked again, since it may have answered meanwhile; and nothing is written a second time.
        about = f"id = ? AND heartbeat = ? AND {_one_of('status', TRAINED)} AND message != ?"
        values = run_id, heartbeat, message
        if self._rows(f"SELECT 1 FROM runs WHERE {about}", *values):
            with self._transaction() as db:
                db.execute(f"UPDATE runs SET message = ? WHERE {about}", (message, *values))

    # ---- names and deletion ---------------------------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        with self._transaction() as db:
            put(db, run_id, name=name)

    def set_deleted(self, run_id: str, deleted: bool) -> None:
        """Take a run out of every list, or put it back; also one that cannot be read, by its `rows.key`."""
        with self._transaction() as db:
            now = time.time() if deleted else None
            db.execute(f"UPDATE runs SET deleted = ? WHERE {rows.NAMED}", (now, run_id, run_id))

    def purge(self, deleted_for_s: float) -> None:
        """Runs that were deleted so long ago go for good."""
        # What was deleted before it was made was never deleted: a damaged row costs nobody their run.
        # And within the day, one that is still being stopped has a worker, which would make its folder again.
        gone = f"deleted <= ? AND deleted >= created AND (deleted <= ? OR NOT {_one_of('status', TRAINED)})"
        now = time.time()
        for row in self._rows(f"SELECT number FROM runs WHERE {gone}", now - deleted_for_s, now - KEPT_DELETED_S):
            self._purge(row["number"])

    def _purge(self, number: int) -> None:
        with self._transaction() as db:
            query = "SELECT id, text FROM runs WHERE number = ? AND deleted NOT NULL"
            row = db.execute(query, (number,)).fetchone()
            if row is None:
                return
            for table in ("steps", "peaks", "epochs"):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (number,))
            db.execute("DELETE FROM runs WHERE number = ?", (number,))
            needed = db.execute("SELECT count(*) FROM runs WHERE text = ?", (row["text"],)).fetchone()[0]
        self.files.forget_run(str(row["id"]))
        if not needed:
            self.files.forget_text(str(row["text"]))


def _check_session(db: sqlite3.Connection, owner: str, most: int) -> None:
    active = f"SELECT count(*) FROM runs WHERE owner = ? AND {_one_of('status', ACTIVE)}"
    if db.execute(active, (owner,)).fetchone()[0] >= most:
        raise RunError("run.too-many-active", most=most)


def _silent_s(heartbeat: object) -> float | None:
    """For how long a worker was silent; None where what is written makes no sense."""
    if not isinstance(heartbeat, int | float):
        return None
    silent_s = time.time() - heartbeat
    return silent_s if silent_s >= -DEAD_AFTER_S else None
