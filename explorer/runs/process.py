"""Whether a process is still there, and whether it is still the same one; no clock is asked."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path


def machine() -> str:
    """Where the numbers of processes mean what they mean here: the host, its start, and the namespace of the numbers.

    Two containers on one host may have the same name, and a process of one is not there in the other.
    """
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def identity(pid: int) -> str:
    """What tells a process from every other one that had or will have its number: its machine, and when it began there.

    Where the system has no /proc, it is the machine alone.
    """
    # Field 22 of /proc/<pid>/stat, 20 after its name: clock ticks from the machine's start to the process's. proc(5).
    with contextlib.suppress(OSError, IndexError):
        return f"{machine()} {_stat(pid)[19]}"
    return machine()


def alive(pid: object, seen: object) -> bool | None:
    """Whether a process is there; a stopped one is, one that only waits to be buried (zombie) is not.

    None where one cannot look: on another machine, in another container, on Windows.

    Args:
        pid: its number.
        seen: its identity when it was there.

    """
    here = machine()
    if os.name == "nt" or not isinstance(pid, int) or not 0 < pid < 2**31:
        return None
    if not isinstance(seen, str) or not f"{seen} ".startswith(f"{here} "):
        return None
    with contextlib.suppress(OSError, IndexError):
        stat = _stat(pid)
        return stat[0] not in "ZX" and seen == f"{here} {stat[19]}"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another person's
        return True
    return True


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the program's name, which may hold blanks and brackets; the state comes first."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
