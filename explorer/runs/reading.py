"""What a page reads of the store. Nothing here writes, and no writer is waited for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from explorer.runs import rows
from explorer.runs.database import Database
from explorer.runs.facts import EpochEvent, Metrics, Run, RunError, UnknownRunError
from explorer.runs.rows import EVENT_COLUMNS, PEAK_WIDTHS, STEP_COLUMNS, STORED
from explorer.words import say

NUMBER = "(SELECT number FROM runs WHERE id = ?)"


class Reader:
    """The runs in a database, as they are now.

    Raises:
        RunError: (from every method) the disk refused, or what was asked for is damaged.

    """

    def __init__(self, database: Database) -> None:
        self._rows = database.rows

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
            raise RunError("run.unreadable", column=fault) from fault

    def runs(self, owners: Sequence[str] = (), statuses: Sequence[str] = (), at_most: int = 1_000) -> list[Run]:
        """The runs that are not deleted and can be read, newest first; no owners or statuses named means all."""
        return [row for row in self._listed(owners, statuses, at_most) if isinstance(row, Run)]

    def listed(self, owners: Sequence[str] = ()) -> tuple[list[Run], dict[str, str]]:
        """The same runs, and those that cannot be read: their ids (`rows.key`), and a sentence about each.

        What cannot be read can be saved and deleted.
        """
        listed = list(self._listed(owners, (), 1_000))
        return [row for row in listed if isinstance(row, Run)], dict(row for row in listed if not isinstance(row, Run))

    def _listed(self, owners: Sequence[str], statuses: Sequence[str], at_most: int) -> Iterator[Run | tuple[str, str]]:
        wanted, values = ["deleted IS NULL"], [*owners, *statuses]
        for column, allowed in (("owner", owners), ("status", statuses)):
            if allowed:
                wanted.append(f"{column} IN ({', '.join('?' * len(allowed))})")
        columns, where = ", ".join(STORED), " AND ".join(wanted)
        query = f"SELECT number, {columns} FROM runs WHERE {where} ORDER BY number DESC LIMIT {at_most:d}"
        for row in self._rows(query, *values):
            try:
                yield rows.to_run(row)
            except rows.Unreadable as fault:
                yield rows.key(row), say("run.unreadable", column=fault)

    def raw(self, run_id: str) -> bytes:
        """The row of a run as it stands in the store, as JSON (`rows.to_json`); also of one that cannot be read.

        Raises:
            UnknownRunError: there is none with this id.

        """
        found = self._rows(f"SELECT * FROM runs WHERE {rows.NAMED}", run_id, run_id)
        if not found:
            raise UnknownRunError
        return rows.to_json(found[0])

    # ---- along the way --------------------------------------------------------------------------------------

    def metrics(self, run_id: str, after: int = 0, at_most: int = 1000) -> Metrics:
        """The steps after one, at most so many: evenly spaced ones and, of each stretch, the one with the largest gradient."""
        number, last, parameters = self._recorded(run_id)
        with _readable("steps"):
            if last - after <= at_most:
                return self._steps(number, parameters, "step > ?", after)
            thinned = self._thinned(number, after, last, at_most)
            return self._steps(number, parameters, "step IN (SELECT value FROM json_each(?))", thinned)

    def steps(self, run_id: str, after: int, until: int) -> Metrics:
        """Every step after one, up to another."""
        number, _, parameters = self._recorded(run_id)
        with _readable("steps"):
            return self._steps(number, parameters, "step > ? AND step <= ?", after, until)

    def _recorded(self, run_id: str) -> tuple[int, int, str]:
        """A run's number, its last step and the names of its parameters as JSON."""
        known = self._rows("SELECT number, step, parameters FROM runs WHERE id = ?", run_id)
        if not known:
            raise UnknownRunError
        number, step, parameters = known[0]
        if not isinstance(step, int):
            raise RunError("run.unreadable", column="step")
        return number, step, parameters

    def _steps(self, number: int, parameters: str, wanted: str, *values: int | str) -> Metrics:
        query = f"SELECT {', '.join(STEP_COLUMNS)} FROM steps WHERE run = ? AND {wanted} ORDER BY step"
        return rows.to_metrics(self._rows(query, number, *values), json.loads(parameters))

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


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """What a damaged row holds, as a sentence."""
    try:
        yield
    except (TypeError, ValueError, KeyError, RecursionError) as fault:
        raise RunError("run.damaged", what=what) from fault
