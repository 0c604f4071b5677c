"""Runs: trainings that outlive the page. What a page needs is here; docs/runs.md tells it with examples.

S counts steps of a training, P parameters of a model.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from explorer.checkpoints import Checkpoint, load_checkpoint
from explorer.fields import expected, got
from explorer.runs.facts import EpochEvent, GateSummary, Metrics, Run, RunError, UnknownRunError
from explorer.runs.loops import PREFIX, Loop, LoopRecord
from explorer.runs.registry import Registry
from explorer.runs.request import RunRequest
from explorer.runs.settings import Settings, data_folder, settings
from explorer.runs.validation import Complaint, name_problem, summary
from explorer.text import clean_text

__all__ = [
    "BLOCK_STEPS",
    "COMMAND_LINE",
    "Complaint",
    "EpochEvent",
    "GateSummary",
    "Loop",
    "LoopRecord",
    "Metrics",
    "Run",
    "RunError",
    "RunRequest",
    "Settings",
    "UnknownRunError",
    "checkpoint",
    "checkpoint_path",
    "data_folder",
    "delete",
    "epochs_since",
    "is_loop",
    "loop",
    "loop_record",
    "loops",
    "metrics",
    "metrics_since",
    "models",
    "new_run",
    "prepare",
    "raw",
    "rename",
    "restore",
    "resume",
    "run",
    "runs",
    "settings",
    "start",
    "steps",
    "stop",
    "summary",
    "text",
    "unreadable",
    "validate",
]
BLOCK_STEPS = 5_000  # about 1 MB
COMMAND_LINE = "command line"  # the session of what is trained there

_registries: dict[Settings, Registry] = {}
_lock = threading.Lock()


def _registry() -> Registry:
    """The one registry of this process for the settings as they are."""
    chosen = settings()
    with _lock:
        if chosen not in _registries:
            _registries[chosen] = Registry(chosen)
        return _registries[chosen]


def prepare() -> None:
    """Have a worker ready, with everything imported, so that the first Start shows a point within two seconds."""
    _registry().prepare()
    _registry().look()


def validate(request: RunRequest) -> dict[str, Complaint]:
    """What of a request makes no sense here: control -> complaint; empty when the run may start."""
    return request.problems(settings().max_steps)


def new_run(request: RunRequest) -> Run:
    """A run as `start` would put it in line, without putting it anywhere.

    Raises:
        RunError: something of it makes no sense.

    """
    return request.run(settings().max_steps)


def start(request: RunRequest) -> Run:
    """Put a new run in line; it is running when this returns, if there is a free place.

    Raises:
        RunError: it makes no sense, the session has its share of runs or of the disk, or the disk refused.

    """
    made = new_run(request)
    registry = _registry()
    registry.check_number(request.session)
    registry.check_room(request.session)
    made = replace(made, text=registry.store.files.keep_text(clean_text(request.text)))
    chosen = registry.settings
    registry.store.add(
        made, waiting_per_session=chosen.waiting_per_session, running_per_session=chosen.running_per_session
    )
    registry.admit()
    return run(made.id)


def stop(run_id: str) -> Run:
    """A running run is "stopping" at once and stopped within a second; a waiting one is stopped at once."""
    _registry().store.stop(run_id)
    return run(run_id)


def resume(run_id: str) -> Run:
    """Put a run that was stopped, interrupted or failed in line again; it goes on bit for bit.

    Raises:
        RunError: it cannot be resumed, or its session has its share of runs or of the disk.

    """
    registry = _registry()
    chosen, known = registry.settings, registry.store.run(run_id)
    if known.resumable:
        registry.check_room(known.owner)
    registry.store.requeue(run_id, chosen.waiting_per_session, chosen.running_per_session)
    registry.admit()
    return run(run_id)


def run(run_id: str) -> Run:
    """A run as it is now.

    Raises:
        UnknownRunError: there is none with this id.
        RunError: it cannot be read.

    """
    registry = _registry()
    registry.look()
    return registry.with_places([registry.run(run_id)])[0]


def runs(*sessions: str) -> list[Run]:
    """The runs of these sessions, or of everybody, newest first, without the deleted ones."""
    registry = _registry()
    registry.look()
    return registry.with_places([registry.told(r) for r in registry.store.runs(sessions)])


def is_loop(run_id: str) -> bool:
    """Whether an id is that of a loop that a probe recorded: `rename`, `delete`, `restore` and `raw` take it too."""
    return run_id.startswith(PREFIX)


def loop(loop_id: str) -> Loop:
    """A loop as it is now.

    Raises:
        UnknownRunError: there is none with this id.
        RunError: it cannot be read.

    """
    return _registry().store.loops.loop(loop_id)


def loops(*sessions: str) -> list[Loop]:
    """The loops of these sessions, or of everybody, newest first, without the deleted ones."""
    return _registry().store.loops.loops(sessions)


def loop_record(loop_id: str, at_most: int = 1000) -> LoopRecord:
    """A whole loop, at most so many steps: evenly spaced ones and, of each stretch, the one with the largest gradient."""
    return _registry().store.loops.record(loop_id, at_most)


class Listed(NamedTuple):
    """What sessions have, without what is deleted.

    Attributes:
        runs: newest first.
        loops: newest first.
        unreadable: the runs and loops that cannot be read: id -> a sentence. `raw` and `delete` take the id.

    """

    runs: list[Run]
    loops: list[Loop]
    unreadable: dict[str, str]


def listed(*sessions: str) -> Listed:
    """All that these sessions have, or everybody, asked for at once: beside many others, every question takes its turn."""
    registry = _registry()
    registry.look()
    found, damaged = registry.store.listed(sessions)
    looped, broken = registry.store.loops.listed(sessions)
    return Listed(registry.with_places([registry.told(one) for one in found]), looped, damaged | broken)


def raw(run_id: str) -> bytes:
    """What the store has of a run's settings, as JSON, also of one that cannot be read; not of its steps and epochs."""
    store = _registry().store
    return store.loops.raw(run_id) if is_loop(run_id) else store.raw(run_id)


def models(*sessions: str) -> list[Run]:
    """The runs that have a checkpoint, newest first, also those that still go: for the model picker."""
    return [r for r in _registry().store.runs(sessions) if r.has_checkpoint]


def metrics(run_id: str, at_most: int = 1000) -> Metrics:
    """The whole run, at most so many steps: evenly spaced ones and, of each stretch, the one with the largest gradient."""
    return _registry().store.metrics(run_id, 0, at_most)


def metrics_since(run_id: str, step: int = 0, at_most: int = 5000) -> Metrics:
    """The steps after one."""
    return _registry().store.metrics(run_id, step, at_most)


def steps(run_id: str) -> Iterator[Metrics]:
    """Every step that there is now, in blocks; at least one, which may be empty."""
    store = _registry().store
    last = store.run(run_id).step
    for after in range(0, max(last, 1), BLOCK_STEPS):
        yield store.steps(run_id, after, min(after + BLOCK_STEPS, last))


def epochs_since(run_id: str, epoch: int = -1, at_most: int | None = None) -> list[EpochEvent]:
    """The epochs after one (-1 includes epoch 0, before training): all, or about so many, the snapshots and the last."""
    return _registry().store.epochs(run_id, epoch, at_most)


def text(run_id: str) -> str:
    """The text a run learns from."""
    store = _registry().store
    return store.files.text(store.run(run_id).text)


def checkpoint_path(run_id: str) -> Path:
    """The run's checkpoint file; it may not be there yet."""
    return _registry().store.files.checkpoint_path(_registry().store.run(run_id).id)


def checkpoint_at(run: Run) -> Path:
    """The checkpoint file of a run that one has: the store is not asked for it."""
    return _registry().store.files.checkpoint_path(run.id)


def checkpoint(run_id: str) -> Checkpoint:
    """The run's checkpoint, as it was kept last.

    Raises:
        CheckpointError: there is none yet, or it is damaged.

    """
    return load_checkpoint(checkpoint_path(run_id))


def rename(run_id: str, name: str) -> Run | Loop:
    """Give a run or a loop another name.

    Raises:
        RunError: it cannot be a name.

    """
    complaint = name_problem(name) if name.strip() else Complaint("name", expected("one-character"), got("none"))
    if complaint:
        raise RunError("run.said", said=complaint)
    store = _registry().store
    (store.loops if is_loop(run_id) else store).rename(run_id, name.strip())
    return loop(run_id) if is_loop(run_id) else run(run_id)


def delete(run_id: str) -> None:
    """Take a run or a loop out of every list, a run being stopped first; `restore` is the undo, for a day."""
    store = _registry().store
    if is_loop(run_id):
        store.loops.set_deleted(run_id, True)
        return
    store.stop(run_id)
    store.set_deleted(run_id, True)


def restore(run_id: str) -> Run | Loop:
    """Put a deleted run or loop back.

    Raises:
        RunError: its session has its share of runs or of the disk by now.

    """
    registry = _registry()
    if is_loop(run_id):
        registry.store.loops.set_deleted(run_id, False)
        return loop(run_id)
    try:
        known = registry.store.run(run_id)
    except RunError:  # one that cannot be read is put back all the same: it can be saved in the list
        registry.store.set_deleted(run_id, False)
        raise
    if known.deleted is not None:
        registry.check_number(known.owner)
        registry.check_room(known.owner, run_id)
        registry.store.set_deleted(run_id, False)
    return run(run_id)
