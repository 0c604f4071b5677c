"""Several processes behind one address: whose a connection is, what is handed over, and what one door keeps for all."""

import asyncio
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from streamlit.web import bootstrap

import door
import explorer.cli
import servers
from explorer.pages.shell import classes
from test_cli import answers, descendants, is_alive
from waiting import until

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not servers.AVAILABLE, reason="connections are handed over on Linux only")
AT, CHOICE = ("gates", "first"), "keeps"


def cookie(token):
    return f"{door.cookie_name()}={token}"


@pytest.fixture
def at_the_door():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield servers._Door(listener, 3)


@pytest.fixture
def sockets():
    with ExitStack() as stack:
        yield stack


def head(**headers):
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(["GET /train HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


# ---- whose a connection is


def test_a_browser_is_always_the_same_ones_and_the_cookies_are_shared_out_evenly(at_the_door):
    counts = [0, 0, 0]
    for _ in range(300):
        token = door._new_token()
        place = at_the_door._place(head(cookie=f"a=b; {cookie(token)}; c=d"), "192.0.2.7")
        assert place == at_the_door._place(head(Cookie=cookie(token), Accept="text/html"), "192.0.2.8")
        assert door.Place(place, 3).has(door.browser_of(token))
        counts[place] += 1
    assert min(counts) > 60


def test_first_visits_go_round_and_what_has_no_cookie_stays_with_its_address(at_the_door):
    visits = [at_the_door._place(head(Accept="text/html,*/*"), "192.0.2.7") for _ in range(6)]
    assert visits == [0, 1, 2, 0, 1, 2]
    for address in ("192.0.2.7", "2001:db8::1"):
        assert len({at_the_door._place(head(), address) for _ in range(5)}) == 1
    assert len({at_the_door._place(head(), f"192.0.2.{number}") for number in range(40)}) == 3


@pytest.mark.parametrize("sent", [
    b"", b"\r\n\r\n", b"GET", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nCookie\r\n: x\r\n\r\n", b"\xff" * 5000,
    b"GET / HTTP/1.1\r\nCookie: gate-explorer-8501=" + b"x" * 9000 + b"\r\n\r\n",
])  # fmt: skip
def test_whatever_is_sent_belongs_to_somebody(at_the_door, sent):
    assert at_the_door._place(sent, "192.0.2.7") in range(3)


def test_a_process_gives_out_only_cookies_by_which_a_browser_comes_back_to_it(monkeypatch):
    for number in range(4):
        monkeypatch.setattr(door, "PLACE", door.Place(number, 4))
        assert {door.place_of(door.browser_of(door._new_token()), 4) for _ in range(20)} == {number}


# ---- classes, which the door keeps for all


def test_a_class_is_the_same_from_every_process(at_the_door, monkeypatch, sockets):
    lines = []
    for place in range(2):
        asked, asking = map(sockets.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        at_the_door.processes[place] = servers._Process(0, time.monotonic(), asked, asked)
        lines.append(servers._Line(asking))
        threading.Thread(
            target=lambda place=place: [at_the_door._answer(place) for _ in range(2 + place)], daemon=True
        ).start()
    monkeypatch.setattr(classes, "_kept", classes.all_classes())  # put back after the test
    classes.are_kept_by(lines[0].ask)
    code = classes.all_classes().begin("presenter", AT)
    assert classes.all_classes().join(code, "presenter").leads
    classes.are_kept_by(lines[1].ask)
    assert classes.all_classes().join(code, "student").step == AT[1]
    assert classes.all_classes().answer(code, "student", AT, CHOICE)
    assert classes.all_classes().join(code, "student").counts == {CHOICE: 1}


def test_every_question_a_page_asks_is_one_the_classes_answer():
    asked = re.findall(r"all_classes\(\)\.(\w+)\(", (ROOT / "explorer" / "pages" / "lessons.py").read_text("utf-8"))
    assert {"begin", "join", "answer"} <= set(asked)
    assert all(callable(getattr(classes.Classes, name, None)) for name in asked)


# ---- how many


@pytest.mark.parametrize(("address", "certificate", "number"), [
    ("127.0.0.1", None, 1), ("0.0.0.0", None, min(servers.MOST_BY_ITSELF, len(os.sched_getaffinity(0)))), ("0.0.0.0", "x", 1),
])  # fmt: skip
def test_one_process_for_this_machine_and_one_a_core_for_others(address, certificate, number, monkeypatch):
    values = {"server.address": address, "server.allowedHosts": [], "server.sslCertFile": certificate}
    monkeypatch.setattr("streamlit.get_option", values.__getitem__)
    assert servers.sensible_number() == number


def test_options_are_read_as_streamlit_reads_them(monkeypatch):
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
    try:
        flags = servers.read(
            ["--server.port", "8600", "--server.allowedHosts", "a.example", "--server.allowedHosts=b.example"]
        )
        assert (flags["server_port"], door.st.get_option("server.address")) == (8600, "0.0.0.0")
        assert list(door.st.get_option("server.allowedHosts")) == ["a.example", "b.example"]
    finally:
        monkeypatch.delenv("STREAMLIT_SERVER_ADDRESS")
        bootstrap.load_config_options({})


# ---- real ones


@contextmanager
def two_processes(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "explorer", "--data", str(folder), "app", "--processes=2", f"--server.port={port}"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [*command, "--server.headless=true"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=os.environ | {"GATE_EXPLORER_SPARE": "0"},
        ) as process,
    ):
        try:
            until(lambda: answers(port))
            yield process, port
        finally:
            process.terminate()


def visit(port, connection=None, **headers):
    """A page: its status, the cookie that came, and where it sends the browser."""
    mine = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    mine.request("GET", "/", headers={"Accept": "text/html"} | headers)
    answer = mine.getresponse()
    answer.read()
    if connection is None:
        mine.close()
    return answer.status, (answer.getheader("Set-Cookie") or "").partition(";")[0], answer.getheader("Location")


def place_of(given):
    return door.place_of(door.browser_of(given.partition("=")[2]), 2)


@pytest.mark.process
def test_two_processes_share_out_their_visitors_and_one_that_dies_begins_anew(tmp_path):
    with two_processes(tmp_path) as (process, port):
        first, second = (visit(port)[1] for _ in range(2))
        assert {place_of(first), place_of(second)} == {0, 1}
        assert visit(port, Cookie=first)[:2] == (200, first)
        # A proxy's connection, over which another browser comes: it is sent to a new one.
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as shared:
            assert visit(port, shared, Cookie=first)[0] == 200
            assert visit(port, shared, Cookie=second) == (307, "", "/")
        # Whoever says half of who they are waits for nobody, and nobody for them.
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: local")
            assert visit(port, Cookie=second)[0] == 200
            slow.sendall(f"host\r\nCookie: {second}\r\nConnection: close\r\n\r\n".encode())
            said = b"".join(iter(lambda: slow.recv(65536), b""))
            assert said.startswith(b"HTTP/1.1 200")
        ended = sorted(descendants(process.pid))[0]
        os.kill(ended, signal.SIGKILL)
        until(lambda: not is_alive(ended) and len([*filter(is_alive, descendants(process.pid))]) == 2)
        assert [visit(port, Cookie=given)[0] for given in (first, second)] == [200, 200]
    log = (tmp_path / "log").read_text("utf-8")
    assert f"http://localhost:{port}/ in 2 processes" in log
    assert len(log.splitlines()) == 1
    with suppress(OSError):
        assert not answers(port)


@pytest.mark.parametrize(("path", "query", "there"), [
    (b"/train", b"run=x", "/train?run=x"), (b"//evil.example/x", b"", "/evil.example/x"), (b"/", b"", "/"),
    (b"/\\\\evil.example", b"", "/evil.example"), (b"///", b"a=//b", "/?a=//b"), (b"/a%0d%0ab", b"", "/a%0d%0ab"),
])  # fmt: skip
def test_who_is_sent_to_another_process_stays_at_this_server(path, query, there, monkeypatch):
    monkeypatch.setattr(door, "PLACE", door.Place(0, 2))
    token = next(t for t in iter(lambda: secrets.token_urlsafe(24), None) if not door.PLACE.has(door.browser_of(t)))
    sent = []

    async def send(message):
        sent.append(message)

    async def inner(*_):
        raise AssertionError("not this process's")

    scope = {"type": "http", "method": "GET", "path": path.decode(), "raw_path": path, "query_string": query,
             "headers": [(b"host", b"localhost"), (b"cookie", cookie(token).encode())]}  # fmt: skip
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(door.NamedBrowsers(inner)(scope, None, send))).result()
    assert sent[0]["status"] == 307
    assert dict(sent[0]["headers"])[b"location"].decode() == there


def test_a_certificate_of_the_server_s_own_and_several_processes_are_refused_together():
    """They would be served without it."""
    command = [
        sys.executable,
        "-m",
        "explorer",
        "app",
        "--processes=2",
        "--server.sslCertFile=x",
        "--server.sslKeyFile=y",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "sslCertFile" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "explorer", "app", "--processes=2", f"--server.port={port}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_several_processes_elsewhere_than_on_linux_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(explorer.cli.sys, "platform", "darwin")
    monkeypatch.setattr(explorer.cli.os, "chdir", lambda _: None)
    result = CliRunner().invoke(explorer.cli.cli, ["--data", str(tmp_path), "app", "--processes", "2"])
    assert result.exit_code == 2
    assert "need Linux" in result.output
