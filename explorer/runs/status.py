"""The statuses of a run, and what leads from one to the next: the only table of both.

The store moves runs by it, the pages take icons from it, and docs/runs.md shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from explorer.words import Saying, say

WAITING, RUNNING, STOPPING = "waiting", "running", "stopping"
FINISHED, STOPPED, INTERRUPTED, DIVERGED, FAILED = "finished", "stopped", "interrupted", "diverged", "failed"

Event = Literal["claim", "stop", "end", "die", "answer", "resume"]
EVENTS: tuple[Event, ...] = get_args(Event)
LAST_WORDS = (FINISHED, STOPPED, DIVERGED, FAILED, INTERRUPTED)


@dataclass(frozen=True)
class Status:
    """What follows from a status. What it is called, and what it means, is in the words.

    Attributes:
        icon: the name of its Material symbol.
        after: what can happen -> the statuses it can lead to, the usual one first; nothing else happens to such a run.
        bad: whether the run's message tells a fault.

    """

    icon: str
    after: Mapping[Event, tuple[str, ...]] = field(default_factory=dict)
    bad: bool = False


STATUSES: Mapping[str, Status] = {
    WAITING: Status("hourglass_empty", {"claim": (RUNNING,), "stop": (STOPPED,)}),
    RUNNING: Status(
        "directions_run",
        {"stop": (STOPPING,), "end": LAST_WORDS, "die": (INTERRUPTED,), "answer": (RUNNING,)},
    ),
    STOPPING: Status(
        "pan_tool",
        {"end": LAST_WORDS, "die": (INTERRUPTED,), "answer": (STOPPING,)},
    ),
    FINISHED: Status("check_circle"),
    STOPPED: Status("stop_circle", {"resume": (WAITING,)}),
    INTERRUPTED: Status(
        "power_off",
        {"resume": (WAITING,), "answer": (RUNNING, STOPPING), "end": LAST_WORDS},
    ),
    DIVERGED: Status("warning", bad=True),
    FAILED: Status("error", {"resume": (WAITING,)}, bad=True),
}


def told(status: str) -> Saying:
    """A status, or "deleted", as a person reads it: a part of a sentence that is said later."""
    return Saying(f"status.{status}")


def named(status: str) -> str:
    """The same, said now."""
    return str(told(status))


def meaning(status: str) -> str:
    """What a status means, in a few words."""
    return say(f"status.{status}.means")


def happening(event: Event) -> str:
    """What happens to a run, in a few words."""
    return say(f"event.{event}")


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
