"""The statuses of a run, and what leads from one to the next: the only table of both.

The store moves runs by it, the pages take icons from it, and docs/runs.md shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

WAITING, RUNNING, STOPPING = "waiting", "running", "stopping"
FINISHED, STOPPED, INTERRUPTED, DIVERGED, FAILED = "finished", "stopped", "interrupted", "diverged", "failed"

Event = Literal["claim", "stop", "end", "die", "answer", "resume"]
EVENTS: Mapping[Event, str] = {
    "claim": "a worker takes it",
    "stop": "its owner stops it",
    "end": "its worker says its last word",
    "die": "its worker is gone without one, or was not heard where one cannot look",
    "answer": "its worker is heard, also one that was taken for gone",
    "resume": "its owner resumes it",
}
LAST_WORDS = (FINISHED, STOPPED, DIVERGED, FAILED, INTERRUPTED)


@dataclass(frozen=True)
class Status:
    """What a status means.

    Attributes:
        icon: the name of its Material symbol.
        meaning: in a few words.
        after: what can happen -> the statuses it can lead to, the usual one first; nothing else happens to such a run.
        bad: whether the run's message tells a fault.

    """

    icon: str
    meaning: str
    after: Mapping[Event, tuple[str, ...]] = field(default_factory=dict)
    bad: bool = False


STATUSES: Mapping[str, Status] = {
    WAITING: Status("hourglass_empty", "in line", {"claim": (RUNNING,), "stop": (STOPPED,)}),
    RUNNING: Status(
        "directions_run",
        "a worker trains it",
        {"stop": (STOPPING,), "end": LAST_WORDS, "die": (INTERRUPTED,), "answer": (RUNNING,)},
    ),
    STOPPING: Status(
        "pan_tool",
        "its worker was asked to stop",
        {"end": LAST_WORDS, "die": (INTERRUPTED,), "answer": (STOPPING,)},
    ),
    FINISHED: Status("check_circle", "every epoch was trained"),
    STOPPED: Status("stop_circle", "ended by its owner or by a limit", {"resume": (WAITING,)}),
    INTERRUPTED: Status(
        "power_off",
        "its process ended, or the server it belongs to",
        {"resume": (WAITING,), "answer": (RUNNING, STOPPING), "end": LAST_WORDS},
    ),
    DIVERGED: Status("warning", "a loss, gradient or weight was not finite", bad=True),
    FAILED: Status("error", "an error, or a saved state that cannot be used", {"resume": (WAITING,)}, bad=True),
}


def where(event: Event) -> tuple[str, ...]:
    """The statuses in which this can happen."""
    return tuple(name for name, status in STATUSES.items() if event in status.after)


def allowed(status: str, event: Event) -> tuple[str, ...]:
    """The statuses this can lead to from one; () where it cannot happen, or where there is no such status."""
    known = STATUSES.get(status)
    return known.after.get(event, ()) if known else ()


TRAINED = where("die")  # a worker has it
HELD = where("end")  # and those whose worker may still be heard
RESUMABLE = where("resume")
ACTIVE = (WAITING, *TRAINED)
