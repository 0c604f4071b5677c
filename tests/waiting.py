"""Waiting in tests: for a condition, never for a time. A test that needs real time says so in its name, `..._in_real_time`."""

import threading
import time

from explorer import runs
from explorer.runs.worker import Pulse

LOOK_EVERY_S = 0.02


def until(holds, seconds=120):
    """Wait until something holds; a test fails where it never does."""
    deadline = time.monotonic() + seconds
    while not (held := holds()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(LOOK_EVERY_S)
    return held


def ended(run_id, seconds=120):
    """The run, once nobody trains it any more."""
    until(lambda: not runs.run(run_id).active, seconds)
    return runs.run(run_id)


def hearing(monkeypatch):
    """A function that waits until a training of this process has heard that it should end."""
    heard, end = threading.Event(), Pulse.end

    def told(pulse, *verdict):
        end(pulse, *verdict)
        heard.set()

    def wait():
        assert heard.wait(60), "the training did not hear that it should end"

    monkeypatch.setattr(Pulse, "end", told)
    return wait
