"""Whether a process is there, and since when: asked of real ones."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from explorer.runs import process

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not tell")
HAS_PROC = Path("/proc/self/stat").exists()


@pytest.fixture
def child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield child
    child.kill()
    child.wait()


def test_a_process_is_there_while_it_runs_and_while_it_is_stopped(child):
    assert process.alive(child.pid) is True
    os.kill(child.pid, signal.SIGSTOP)
    assert process.alive(child.pid) is True
    child.kill()
    child.wait()
    assert process.alive(child.pid) is False


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_a_process_that_nobody_has_buried_yet_is_gone(child):
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    os.kill(child.pid, 0)  # the system still has its number
    assert process.alive(child.pid) is False


def test_a_process_of_somebody_else_is_there():
    assert process.alive(1) is True
    assert process.alive(os.getpid()) is True


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_it_is_known_when_a_process_was_started(child):
    now = time.time()
    assert not process.started_after(child.pid, now)
    assert process.started_after(child.pid, now - 60)
    assert not process.started_after(os.getpid(), now)
    assert not process.started_after(1, now)


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
@pytest.mark.parametrize("name", ["a b", "a) S 1 (b", "(("])
def test_a_program_may_have_any_name(name, tmp_path):
    path = tmp_path / name
    path.write_text("#!/bin/sh\nsleep 600 & wait\n")
    path.chmod(0o755)
    child = subprocess.Popen([path], start_new_session=True)
    try:
        assert process.alive(child.pid) is True
        assert not process.started_after(child.pid, time.time())
        assert process.started_after(child.pid, time.time() - 60)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def test_a_process_that_is_not_there_was_started_at_no_time(child):
    child.kill()
    child.wait()
    assert not process.started_after(child.pid, 0)
