"""The settings of this room, each one an environment variable."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from explorer.runs.facts import RunError

PREFIX = "GATE_EXPLORER_"


@dataclass(frozen=True)
class Settings:
    """How runs are kept and admitted; each field is the variable GATE_EXPLORER_<FIELD>.

    Attributes:
        data: the data folder.
        workers: runs that are trained at once.
        running_per_session: of these, one session's.
        waiting_per_session: runs of one session in line.
        max_steps: a recipe with more steps is refused; None has no limit.
        max_seconds: a run that trained so long is stopped; None has no limit.
        state_seconds: between two resumable states.
        nice: how far trainings step aside for answers, from 0 to 19 (nice(1)).
        spare: 1 keeps a worker waiting with everything imported, 0 does not.
        runs_per_session: runs that one session keeps; None has no limit, here and below.
        session_mb: what the runs of one session may take of the disk.
        disk_mb: what all runs together may take of it.
        public: 1 for a server that strangers use: the limits of OF_STRANGERS hold where no other is given.

    """

    data: Path
    workers: int = max(1, (os.cpu_count() or 2) - 1)
    running_per_session: int = 1
    waiting_per_session: int = 1
    max_steps: int | None = None
    max_seconds: int | None = None
    state_seconds: int = 10
    nice: int = 19
    spare: int = 1
    runs_per_session: int | None = None
    session_mb: int | None = None
    disk_mb: int | None = None
    public: int = 0


# A recipe of the book takes 4,500 steps and some minutes; a run keeps a checkpoint and a state of a few MB.
OF_STRANGERS = {"max_steps": 50_000, "max_seconds": 1_800, "runs_per_session": 20, "session_mb": 300, "disk_mb": 10_000}


def settings() -> Settings:
    """The settings as the environment has them now.

    Raises:
        RunError: a variable that is not a whole number.

    """
    given = {f.name: os.environ.get(PREFIX + f.name.upper(), "") for f in fields(Settings) if f.name != "data"}
    chosen = {name: _number(name, value) for name, value in given.items() if value}
    return Settings(data_folder(), **((OF_STRANGERS if chosen.get("public") else {}) | chosen))


def data_folder() -> Path:
    """$GATE_EXPLORER_DATA, or gate-explorer in $XDG_DATA_HOME, %LOCALAPPDATA% or ~/.local/share."""
    if chosen := os.environ.get("GATE_EXPLORER_DATA"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return (Path(base) / "gate-explorer").absolute()


def _number(name: str, value: str) -> int:
    least = 0 if name in ("spare", "nice", "waiting_per_session", "state_seconds", "public") else 1
    if not value.isascii() or not value.isdigit() or len(value) > 15 or int(value) < least:
        raise RunError("run.setting", name=f"{PREFIX}{name.upper()}", least=least, got=value[:40])
    return int(value)
