"""Who trains when: runs start first in, first out, each in a process of its own, one of which is always warm."""

from __future__ import annotations

import contextlib
import heapq
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import explorer
from explorer.runs.claim import Claim, Superseded
from explorer.runs.facts import Run, RunError, UnknownRunError
from explorer.runs.settings import Settings
from explorer.runs.status import ACTIVE, TRAINED, WAITING
from explorer.runs.store import Store
from explorer.words import say

LOOK_EVERY_S = 1.0
SPARE_AFTER_S = 2.0  # a new spare is made once the run that took the last one is under way
MB = 10**6
TYPICAL_SPEED = 5e9  # characters * weights a second, until a run here has shown its own


class Registry:
    """The workers of one server over one data folder."""

    def __init__(self, chosen: Settings) -> None:
        self.settings = chosen
        self.store = Store(chosen.data)
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._spare: subprocess.Popen[str] | None = None
        self._looked_at = -LOOK_EVERY_S
        self._closed = False
        self._told: dict[str, str] = {}
        self._going: dict[str, subprocess.Popen[str]] = {}  # by token

    def prepare(self) -> None:
        """Have a worker wait with everything imported, if the settings want one."""
        with self._lock:
            wanted = self.settings.spare and not self._closed
            if wanted and (self._spare is None or self._spare.poll() is not None):
                self._spare = self._new_worker()

    def look(self) -> None:
        """Have dead runs noticed and waiting ones started, at most once a second.

        In a thread of its own: who asks only reads, and does not wait for anyone who writes.
        """
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            threading.Thread(target=self.look_now, daemon=True).start()

    def look_now(self) -> None:
        """Notice dead runs and start waiting ones; not where another thread is about it."""
        if self._looking.acquire(blocking=False):
            try:
                with contextlib.suppress(RunError):  # told to who starts a run, or stops one
                    self.store.sweep(self._living())
                    self.admit()
            finally:
                self._looking.release()

    def admit(self) -> None:
        """Start as many waiting runs as there are free places."""
        while claim := self.store.claim(self.settings.workers, self.settings.running_per_session):
            self._launch(claim)

    def check_number(self, owner: str) -> None:
        """Whether a session may keep one more run.

        Raises:
            RunError: it may not.

        """
        most = self.settings.runs_per_session
        if most is not None and len(self.store.runs([owner])) >= most:
            raise RunError("run.too-many", most=most)

    def check_room(self, owner: str, *coming: str) -> None:
        """Whether a session's runs may take more of the disk.

        Args:
            owner: the session.
            coming: runs that are not among its own now and will be.

        Raises:
            RunError: they may not; the sentence says what to delete.

        """
        chosen = self.settings
        if chosen.session_mb is not None:
            held = sum(map(self.store.files.run_bytes, [*(run.id for run in self.store.runs([owner])), *coming]))
            if held > chosen.session_mb * MB:
                raise RunError("run.too-large", held=held / MB, most=chosen.session_mb)
        if chosen.disk_mb is not None and self.store.files.bytes() > chosen.disk_mb * MB:
            self.store.purge(0)  # whoever deleted a run can do without its undo sooner than others without a run
            if self.store.files.bytes() > chosen.disk_mb * MB:
                raise RunError("run.no-room")

    def run(self, run_id: str) -> Run:
        """A run, with what its worker said last; of one that is not in the store any more, that is all there is."""
        try:
            return self.told(self.store.run(run_id))
        except UnknownRunError:
            if run_id in self._told:
                raise UnknownRunError(self._told[run_id]) from None
            raise

    def told(self, run: Run) -> Run:
        """The run with what its worker could not say in the store, because the disk refused."""
        return replace(run, message=self._told[run.id]) if run.id in self._told and not run.message else run

    def close(self) -> None:
        """Let the spare go, and the store; runs that are trained are interrupted when this process ends."""
        with self._lock:
            self._closed = True
            if self._spare is not None:
                _let_go(self._spare)
        self.store.close()

    # ---- processes ------------------------------------------------------------------------------------------

    def _launch(self, claim: Claim) -> None:
        self._told.pop(claim.run_id, None)
        with self._lock:
            process, self._spare = self._spare, None
        if process is None or not _hand_over(process, claim):
            process = self._new_worker()
            _hand_over(process, claim)
        self._going[claim.token] = process
        with contextlib.suppress(Superseded):
            claim.note_process(process.pid)
        threading.Thread(target=self._await_end, args=(process, claim), daemon=True).start()
        threading.Thread(target=self._prepare_later, daemon=True).start()

    def _living(self) -> set[str]:
        """The tokens of the workers of this server that are there; it knows them also where the system does not tell."""
        return {token for token, process in [*self._going.items()] if process.poll() is None}

    def _prepare_later(self) -> None:
        time.sleep(SPARE_AFTER_S)
        with contextlib.suppress(OSError):
            self.prepare()

    def _await_end(self, process: subprocess.Popen[str], claim: Claim) -> None:
        """Until the worker has ended; then the next run may start."""
        said = process.stdout.read().strip() if process.stdout is not None else ""
        process.wait()
        _let_go(process)
        self._going.pop(claim.token, None)
        if said:
            self._told[claim.run_id] = said
        with contextlib.suppress(RunError):
            self.store.end_dead(claim.run_id, claim.token, said or say("run.without-a-word"))
            self.admit()

    def _new_worker(self) -> subprocess.Popen[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "GATE_EXPLORER_DATA": str(self.settings.data)}
        below_normal = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)  # Windows only
        return subprocess.Popen(
            [sys.executable, "-m", "explorer.runs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=Path(explorer.__file__).parents[1],
            env=environment,
            start_new_session=True,  # Ctrl-C on the server is not for the worker: it has time to keep its state
            creationflags=below_normal,
        )

    # ---- the line -------------------------------------------------------------------------------------------

    def with_places(self, runs: Sequence[Run]) -> list[Run]:
        """The runs, those that wait with their place in line and how long they will wait."""
        if not any(run.status == WAITING for run in runs):
            return list(runs)
        waits = self._waits()
        return [
            replace(run, place=waits[run.id][0], wait_s=waits[run.id][1]) if run.id in waits else run for run in runs
        ]

    def _waits(self) -> dict[str, tuple[int, float]]:
        """Run -> (place, seconds), as if each took the first place that becomes free."""
        speed = _speed(self.store.runs(at_most=50))
        active = self.store.runs(statuses=ACTIVE)
        going = [run for run in active if run.status in TRAINED]
        free_at = [_left_s(run, speed) for run in going] + [0.0] * max(0, self.settings.workers - len(going))
        heapq.heapify(free_at)
        waits: dict[str, tuple[int, float]] = {}
        line = sorted((run for run in active if run.status == WAITING), key=lambda run: run.queued or 0)
        for place, run in enumerate(line, 1):
            waits[run.id] = place, free_at[0]
            heapq.heapreplace(free_at, free_at[0] + _left_s(run, speed))
        return waits


def _work(run: Run) -> float:
    """Characters times weights of one step."""
    return float(run.recipe.batch_size * run.recipe.backward_steps * run.weights)


def _speed(runs: Sequence[Run]) -> float:
    """Characters times weights a second, measured on the runs there are."""
    measured = [run for run in runs if run.trained_s > 1]
    seconds = sum(run.trained_s for run in measured)
    return sum(_work(run) * run.step for run in measured) / seconds if seconds else TYPICAL_SPEED


def _left_s(run: Run, speed: float) -> float:
    if run.time_left_s is not None:
        return run.time_left_s
    return _work(run) * max(0, run.steps_total - run.step) / max(speed, 1.0)


def _hand_over(process: subprocess.Popen[str], claim: Claim) -> bool:
    """Give a worker its run; False if it is not there any more."""
    if process.poll() is not None or process.stdin is None:
        return False
    try:
        process.stdin.write(f"{claim.run_id} {claim.token}\n")
        process.stdin.flush()
    except OSError:
        return False
    return True


def _let_go(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()
