"""Whether a process is there, and whether it is the same one: asked of real ones."""

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
    seen = process.identity(child.pid)
    assert process.alive(child.pid, seen) is True
    os.kill(child.pid, signal.SIGSTOP)
    assert process.alive(child.pid, seen) is True
    child.kill()
    child.wait()
    assert process.alive(child.pid, seen) is False


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_a_process_that_nobody_has_buried_yet_is_gone(child):
    seen = process.identity(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    os.kill(child.pid, 0)  # the system still has its number
    assert process.alive(child.pid, seen) is False


def test_a_process_of_somebody_else_is_there():
    for pid in (1, os.getpid()):
        assert process.alive(pid, process.identity(pid)) is True


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_another_process_with_its_number_is_another_one(child):
    began = process.identity(child.pid).split()[-1]
    since_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(began) / os.sysconf("SC_CLK_TCK")
    assert 0 <= since_s < 30  # it is as old as this test
    earlier = f"{process.machine()} {int(began) - 1}"
    assert process.alive(child.pid, earlier) is False
    assert process.alive(child.pid, process.machine()) is False  # it was gone already when it was asked for


@pytest.mark.parametrize("pid", [0, -1, 2**31, 10**18, None, "12", 1.5, b"\xff"])
def test_what_is_no_number_of_a_process_is_not_looked_at(pid):
    assert process.alive(pid, process.machine()) is None


@pytest.mark.parametrize("elsewhere", ["", "another-machine", None, 3, b"\xff"])
def test_of_another_machine_one_cannot_tell(elsewhere):
    assert process.alive(os.getpid(), elsewhere) is None


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_two_containers_of_one_name_are_two_machines(monkeypatch):
    seen = process.identity(os.getpid())
    monkeypatch.setattr(Path, "readlink", lambda self: Path("pid:[1]"))  # the namespace in which numbers are counted
    assert process.alive(os.getpid(), seen) is None
    assert process.alive(os.getpid(), process.identity(os.getpid())) is True


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_a_machine_that_was_started_again_is_another_one(monkeypatch):
    seen = process.identity(os.getpid())
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, *about: "again" if self.name == "boot_id" else read(self, *about)
    )
    assert process.alive(os.getpid(), seen) is None


def test_without_proc_a_process_is_there_if_it_can_be_sent_a_signal(child, monkeypatch):
    monkeypatch.setattr(process, "_stat", lambda pid: (_ for _ in ()).throw(FileNotFoundError()))
    seen = process.identity(child.pid)
    assert seen == process.machine()
    assert process.alive(child.pid, seen) is True
    child.kill()
    child.wait()
    assert process.alive(child.pid, seen) is False


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
@pytest.mark.parametrize("name", ["a b", "a) S 1 (b", "(("])
def test_a_program_may_have_any_name(name, tmp_path):
    path = tmp_path / name
    path.write_text("#!/bin/sh\nsleep 600 & wait\n")
    path.chmod(0o755)
    child = subprocess.Popen([path], start_new_session=True)
    try:
        assert process.alive(child.pid, process.identity(child.pid)) is True
        assert process.identity(child.pid).split()[-1].isdecimal()
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
