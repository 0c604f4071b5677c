"""Whether a process of this machine is still there, and whether it is still the same one."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

CLOCK_ERROR_S = 5.0  # two clocks are compared, and a clock may be set meanwhile


def alive(pid: int) -> bool | None:
    """Whether there is a process with this number; a stopped one is, one that only waits to be buried (zombie) is not.

    None where one cannot ask: on Windows.
    """
    if os.name == "nt":
        return None
    with contextlib.suppress(OSError, IndexError):
        return _stat(pid)[0] not in "ZX"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another person's
        return True
    return True


def started_after(pid: int, moment: float) -> bool:
    """Whether a process was started after a moment (seconds since 1970): it is not the one that was seen then.

    False where the system does not say, which is without /proc.
    """
    with contextlib.suppress(OSError, IndexError, ValueError):
        # Field 22 of /proc/<pid>/stat, 20 after its name: clock ticks from the machine's start to the process's. proc(5).
        started_s = int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")
        up_s = float(Path("/proc/uptime").read_text("ascii").split()[0])
        return time.time() - (up_s - started_s) > moment + CLOCK_ERROR_S
    return False


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the program's name, which may hold blanks and brackets; the state comes first."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
