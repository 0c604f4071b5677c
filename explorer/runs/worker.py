"""The training process: `python -m explorer.runs.worker` imports torch, waits on stdin for a run, trains it and ends.

A worker belongs to the server that holds the other end of its stdin: when that end closes, it keeps its state and
leaves the run interrupted. It says one line on stdout, and only when it could not say it in the store.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import torch

from explorer.checkpoints import CheckpointError
from explorer.models import CharModel, ModelConfig
from explorer.probes.gates import trace_gates
from explorer.runs.claim import Claim, Superseded
from explorer.runs.database import StoreGoneError
from explorer.runs.facts import Run, RunError
from explorer.runs.folder import DamagedTextError
from explorer.runs.recorder import Recorder, split_text
from explorer.runs.settings import settings
from explorer.runs.state import StateError, set_aside
from explorer.runs.status import DIVERGED, FAILED, FINISHED, INTERRUPTED, STOPPED, STOPPING
from explorer.runs.store import Store
from explorer.text import Vocabulary
from explorer.tokens import split
from explorer.training import OPTIMIZERS, Recipe, StepRecord, TrainingDivergedError, train
from explorer.words import say

LOOK_EVERY_S, PULSE_EVERY_S = 0.1, 1.0
PATIENCE_S = 0.3  # so long a step may go on after Stop before it is broken off


class Interrupted(BaseException):
    """A step was broken off in its midst."""


class Pulse:
    """A thread beside the training: says that the worker lives, and hears that it should end.

        with Pulse(claim, run) as pulse:
            for record in pulse.steps(training):
                ...

    Attributes:
        verdict: (status, message) to end with; None while the training may go on.

    """

    def __init__(self, claim: Claim, run: Run, max_seconds: int | None = None) -> None:
        self._claim, self._max_seconds = claim, max_seconds
        self._ends_at = time.monotonic() + max(0.0, max_seconds - run.trained_s) if max_seconds else math.inf
        self._over = threading.Event()
        self._within = False
        self._said_at = math.inf
        self.verdict: tuple[str, str] | None = None

    def __enter__(self) -> Pulse:
        self._claim.pulse(os.getpid())
        self._handlers = {n: signal.signal(n, self._hear) for n in (signal.SIGINT, signal.SIGTERM)}
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def steps(self, training: Iterator[StepRecord]) -> Iterator[StepRecord]:
        """The steps of a training until there is a verdict; one that goes on for too long then is broken off.

        Raises:
            Interrupted: it was.

        """
        while self.verdict is None:
            self._within = True
            try:
                record = next(training, None)
            finally:
                self._within = False
            if record is None:
                return
            yield record

    def end(self, status: str, message: str) -> None:
        """The training should end, with this status."""
        if self.verdict is None:
            self.verdict, self._said_at = (status, message), time.monotonic()

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        # Runs in the main thread between two of its instructions, so that the flag cannot change meanwhile.
        if number == signal.SIGTERM:
            self.end(INTERRUPTED, say("run.terminated"))
        elif self.verdict is None:
            raise KeyboardInterrupt
        elif self._within:
            raise Interrupted

    def _beat(self) -> None:
        pulsed_at = time.monotonic()
        while not self._over.wait(LOOK_EVERY_S):
            # A disk that refuses is met, and told, by the training itself.
            with contextlib.suppress(RunError):
                try:
                    self._look()
                    if time.monotonic() - pulsed_at >= PULSE_EVERY_S:
                        pulsed_at = time.monotonic()
                        self._claim.pulse(os.getpid())
                except Superseded:
                    self.end(INTERRUPTED, "")  # which nobody will hear: the run is another's
            if self._within and time.monotonic() - self._said_at > PATIENCE_S:
                self._said_at = math.inf
                signal.raise_signal(signal.SIGINT)

    def _look(self) -> None:
        if self._claim.status() == STOPPING:
            self.end(STOPPED, "")
        elif time.monotonic() > self._ends_at:
            self.end(STOPPED, say("run.too-long", seconds=self._max_seconds))


def work(store: Store, claim: Claim, *, until_closed: int | None = None) -> None:
    """Train a run to its end, or until it is stopped; every ending but a refusing disk is told in the store.

    Args:
        store: where the run is.
        claim: the hold on it.
        until_closed: a file descriptor; when nothing more can be read from it, the run is interrupted.

    Raises:
        RunError: the disk refused.

    """
    run = store.run(claim.run_id)
    with contextlib.suppress(Superseded), Pulse(claim, run, settings().max_seconds) as pulse:
        if until_closed is not None:
            threading.Thread(target=_await_close, args=(until_closed, pulse), daemon=True).start()
        try:
            status, message, fault = _train(store, claim, run, pulse)
        except StateError as refusal:
            set_aside(store.files.state_path(run.id))
            status, message, fault = FAILED, f"{refusal} {say('run.anew')}", None
        except DamagedTextError as damage:
            status, message, fault = FAILED, str(damage), None
        except (RunError, CheckpointError, Superseded):
            raise
        except Exception as error:
            _keep_traceback(store.files.run_folder(run.id))
            status, message, fault = FAILED, _first_line(error), None
        claim.end(status, message, fault=fault)


def _train(store: Store, claim: Claim, run: Run, pulse: Pulse) -> tuple[str, str, tuple[int, str] | None]:
    """Status and message the run ends with, and (step, parameter) where it diverged."""
    text = store.files.text(run.text)
    model = CharModel(run.config, Vocabulary.from_text(run.recipe.learned(text), run.recipe.token), seed=run.seed)
    trained, held_out = split_text(split(text, run.recipe.token), run.recipe, run.held_out_share)
    steps = train(model, trained, run.recipe, run.seed)
    recorder = Recorder(store, claim, run, model, steps, held_out, settings().state_seconds)
    recorder.begin()
    diverged: TrainingDivergedError | None = None
    try:
        for record in pulse.steps(steps):
            recorder.add(record)
        recorder.keep_state()
    except TrainingDivergedError as fault:
        diverged = fault
    except Interrupted:
        recorder.rewind()
    except StoreGoneError as fault:
        raise RunError("run.said", said=f"{fault} {recorder.keep_files()}") from fault
    recorder.write()
    recorder.keep_checkpoint()
    if diverged is not None:
        return DIVERGED, str(diverged), (diverged.step, diverged.parameter)
    return (*(pulse.verdict or (FINISHED, "")), None)


def _await_close(descriptor: int, pulse: Pulse) -> None:
    while os.read(descriptor, 1024):
        continue
    pulse.end(INTERRUPTED, say("run.server-closed"))


def _keep_traceback(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "traceback.txt").write_text(traceback.format_exc(), "utf-8")


def _first_line(error: Exception) -> str:
    return say("run.failed", why=(str(error).splitlines() or [""])[0][:300] or type(error).__name__)


def warm_up() -> None:
    """Train, read and write with a tiny model, for what torch imports when it is first used: three seconds of it."""
    text = "ab" * 8
    model = CharModel(ModelConfig(hidden_size=2), Vocabulary.from_text(text), seed=0)
    for optimizer in OPTIMIZERS:
        next(train(model, text, Recipe(optimizer, batch_size=1, num_steps=2, epochs=1)))
    trace_gates(model, text)
    model.generate("a", 1)


def step_aside() -> None:
    """Let everybody who waits for an answer go first. On Windows the registry starts workers below normal priority."""
    nice = settings().nice
    with contextlib.suppress(OSError, AttributeError):
        os.nice(nice)
    # Linux shares out its processors by session first (sched(7), autogroup), and a worker has a session of its own.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def main() -> int:
    """Wait for "<run id> <token>" on stdin, and train it."""
    torch.set_num_threads(1)
    # A gradient that goes back over eight batches vanishes into numbers under 1e-38, with which a processor takes three times as
    # long; as zeros they cost nothing, and no weight would feel them.
    torch.set_flush_denormal(True)
    warm_up()
    request = sys.stdin.readline().split()
    if len(request) != 2:
        return 0
    try:
        store = Store(settings().data, follows=False)
        work(store, Claim(store.database, *request), until_closed=sys.stdin.fileno())
    except (RunError, CheckpointError) as fault:
        print(fault, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(RunError):  # a setting that makes no sense is told by who starts runs
        step_aside()
    sys.exit(main())
