"""The loops of a store: what the probe that is attached to one writes, and what the page Train reads."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from explorer.runs import loop_rows, process
from explorer.runs.database import Database
from explorer.runs.facts import RunError, UnknownRunError
from explorer.runs.loop_rows import COLUMNS
from explorer.runs.loops import InTime, Loop, LoopRecord, Sample, finite_or_none
from explorer.runs.rows import Unreadable, to_json
from explorer.runs.status import INTERRUPTED
from explorer.words import say

Numbers = tuple[int, float | None, float | None, float | None, float | None, float | None]
"""A step, and each of COLUMNS."""
THINNED = """AND (step % ? = 0 OR step IN (1, ?) OR step IN
    (SELECT step FROM (SELECT step, max(norm_before) FROM loop_steps WHERE loop = ? GROUP BY step / ?)))"""


class Loops:
    """The loops in a database.

    Raises:
        RunError: (from every method) the disk refused, or what was asked for is damaged.

    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- what a page reads -----------------------------------------------------------------------------------------

    def loop(self, loop_id: str) -> Loop:
        """One loop; one whose process is gone without a word is interrupted.

        Raises:
            UnknownRunError: there is none with this id.

        """
        try:
            return _as_it_is(self._row(loop_id))
        except Unreadable as fault:
            raise RunError("run.unreadable", column=fault) from fault

    def loops(self, owners: Sequence[str] = (), at_most: int = 1_000) -> list[Loop]:
        """The loops that are not deleted and can be read, newest first; no owners named means all."""
        return [loop for loop in self._listed(owners, at_most) if isinstance(loop, Loop)]

    def listed(self, owners: Sequence[str] = ()) -> tuple[list[Loop], dict[str, str]]:
        """The same loops, and those that cannot be read: id -> a sentence."""
        listed = list(self._listed(owners, 1_000))
        return [one for one in listed if isinstance(one, Loop)], dict(
            one for one in listed if not isinstance(one, Loop)
        )

    def _listed(self, owners: Sequence[str], at_most: int) -> Iterator[Loop | tuple[str, str]]:
        whose = f"AND owner IN ({', '.join('?' * len(owners))})" if owners else ""
        query = f"SELECT * FROM loops WHERE deleted IS NULL {whose} ORDER BY number DESC LIMIT {at_most:d}"
        for row in self._database.rows(query, *owners):
            try:
                yield _as_it_is(row)
            except Unreadable as fault:
                yield str(row["id"]), say("run.unreadable", column=fault)

    def record(self, loop_id: str, at_most: int = 1_000) -> LoopRecord:
        """What is drawn of a loop: about so many steps, evenly spaced, and of each stretch the one with the largest gradient."""
        row, loop = self._row(loop_id), self.loop(loop_id)
        number, stride = row["number"], max(1, -(-2 * loop.step // max(2, at_most)))
        wanted, values = ("", ()) if stride == 1 else (THINNED, (stride, loop.step, number, stride))
        asked = f"SELECT step, {', '.join(COLUMNS)} FROM loop_steps WHERE loop = ? {wanted} ORDER BY step"
        try:
            step_S, columns = loop_rows.to_columns(self._database.rows(asked, number, *values))
            sampled, latest = loop_rows.to_latest(row["latest"])
            samples = self._samples(number, at_most)
            return LoopRecord(loop, step_S, **columns, samples=samples, sampled_step=sampled, latest=latest)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as fault:
            raise RunError("run.damaged", what="steps") from fault

    def _samples(self, number: int, at_most: int) -> tuple[Sample, ...]:
        query = "SELECT step, sample FROM loop_samples WHERE loop = ? ORDER BY step"
        found = self._database.rows(query, number)
        stride = max(1, -(-len(found) // max(1, at_most)))
        return tuple(loop_rows.to_sample(*row) for row in found[::-1][::stride][::-1])

    def _row(self, loop_id: str) -> sqlite3.Row:
        found = self._database.rows("SELECT * FROM loops WHERE id = ?", loop_id)
        if not found:
            raise UnknownRunError
        return found[0]

    def raw(self, loop_id: str) -> bytes:
        """The row of a loop as it stands in the store, as JSON; also of one that cannot be read.

        Raises:
            UnknownRunError: there is none with this id.

        """
        return to_json(self._row(loop_id))

    # ---- what the probe writes -------------------------------------------------------------------------------------

    def add(self, loop: Loop, pid: int) -> None:
        """Put a new loop into the store."""
        values = {name: getattr(loop, name) for name in ("id", "name", "status", "owner", "created")}
        values |= {"layers": loop_rows.layers_json(loop.layers), "pid": pid, "host": process.identity(pid)}
        marks = ", ".join("?" * len(values))
        with self._database.transaction() as db:
            db.execute(f"INSERT INTO loops ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))

    def write(
        self,
        loop_id: str,
        steps: Sequence[Numbers],
        samples: Sequence[Sample],
        latest: tuple[int, Sequence[InTime]] | None,
    ) -> None:
        """A batch of steps and sampled steps, all or none.

        Raises:
            UnknownRunError: the loop was deleted for good.

        """
        marks = ", ".join("?" * (len(COLUMNS) + 2))
        with self._database.transaction() as db:
            number = _number(db, loop_id)
            db.executemany(
                f"INSERT OR REPLACE INTO loop_steps (loop, step, {', '.join(COLUMNS)}) VALUES ({marks})",
                [(number, step, *map(finite_or_none, values)) for step, *values in steps],
            )
            db.executemany(
                "INSERT OR REPLACE INTO loop_samples (loop, step, sample) VALUES (?, ?, ?)",
                [(number, sample.step, loop_rows.sample_json(sample)) for sample in samples],
            )
            changed: dict[str, Any] = {"step": steps[-1][0]} if steps else {}
            if latest is not None:
                changed["latest"] = loop_rows.latest_json(*latest)
            _put(db, number, **changed)
            db.execute("UPDATE loops SET sampled = sampled + ? WHERE number = ?", (len(samples), number))

    def note(self, loop_id: str, **columns: Any) -> None:
        """Columns of a loop that are not its steps: status, findings (as JSON), ended, message.

        Raises:
            UnknownRunError: the loop was deleted for good.

        """
        with self._database.transaction() as db:
            _put(db, _number(db, loop_id), **columns)

    # ---- names and deletion -----------------------------------------------------------------------------------------

    def rename(self, loop_id: str, name: str) -> None:
        """Give a loop another name."""
        with self._database.transaction() as db:
            db.execute("UPDATE loops SET name = ? WHERE id = ?", (name, loop_id))

    def set_deleted(self, loop_id: str, deleted: bool) -> None:
        """Take a loop out of every list, or put it back."""
        with self._database.transaction() as db:
            db.execute("UPDATE loops SET deleted = ? WHERE id = ?", (time.time() if deleted else None, loop_id))

    def purge(self, deleted_for_s: float) -> None:
        """Loops that were deleted so long ago go for good."""
        until = time.time() - deleted_for_s
        gone = self._database.rows("SELECT number FROM loops WHERE deleted <= ? AND deleted >= created", until)
        for row in gone:
            with self._database.transaction() as db:
                for table in ("loop_steps", "loop_samples"):
                    db.execute(f"DELETE FROM {table} WHERE loop = ?", (row["number"],))
                db.execute("DELETE FROM loops WHERE number = ?", (row["number"],))


def _number(db: sqlite3.Connection, loop_id: str) -> int:
    """Under which its steps stand. It is looked up each time: the number of a loop that is gone may be another's by now."""
    row = db.execute("SELECT number FROM loops WHERE id = ?", (loop_id,)).fetchone()
    if row is None:
        raise UnknownRunError
    return int(row["number"])


def _put(db: sqlite3.Connection, number: int, **columns: Any) -> None:
    if columns:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        db.execute(f"UPDATE loops SET {assignments} WHERE number = ?", (*columns.values(), number))


def _as_it_is(row: sqlite3.Row) -> Loop:
    """A loop of a row; showing is reading, so that a process that is gone is noticed and nothing is written."""
    loop = loop_rows.to_loop(row)
    gone = loop.active and process.alive(row["pid"], row["host"]) is False
    return replace(loop, status=INTERRUPTED) if gone else loop
