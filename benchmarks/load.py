"""Load: 30 sessions on a real server with two trainings; how long an interaction takes, who sees whose text, how much memory.

The script starts a server with a data folder of its own and talks to it as a browser does: over websockets, with the
widgets' states, the link and the hashes of large messages it has, and over HTTP, from which curves on a page fetch
themselves every second, a tick, and pictures when they are others than those there. What is typed is asked for as a picture
first, and then told to the page. A session opens Train and types its private text there; then it watches one of the two
runs, and one to three seconds after each answer it does the next thing. With a third argument, 1, each session watches for
40 s of every minute and types on Gates and Gradients for 20 s, so that at any time a third types; with 2, two thirds:

- watching: it presses R (four times of five), or goes to the form of a new run, edits the private text there, and goes
  back to the run;
- typing: it edits the private sentence (half of the time), moves the epochs, follows a unit or moves theta, takes
  another model, or goes to the other page.

A time is that from sending to `script_finished`; "to the figure" is that to the first chart sent; "to the picture" is that to
what the canvas draws. An answer is what a person waits for: to the figure where there is
one, else to the end. In turns of ten seconds the trainings go on or are held (SIGSTOP), so with and without are measured
on the same sessions; the curves of a run that is held tick all the same.

`python benchmarks/load.py 30 60`: sessions, and seconds with and without; then `... 30 60 1`. With PROCESSES=2 in the
environment the server has two processes. Needs Linux: it reads /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg  # noqa: TID251 (the protocol, not the app)
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: TID251
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

WARM_S, SLICE_S, ROLE_S, PATIENCE_S = 10.0, 10.0, 20.0, 30.0
# Texts are also sent as lists of characters: between a token's letters may be anything that is no small letter.
NO_LETTERS = bytes(set(range(256)) - set(string.ascii_lowercase.encode()))
TOKEN = re.compile(rb"(?=(qzxj[a-z]{8}))")
STEP = re.compile(r"step ([\d,]+) of")
CHARTS = ("plotly_chart", "echarts_chart", "bidi_component")
WORDS = "the time traveller was expounding a recondite matter to us and his grey eyes shone by the lamp on a hill"
FIGURE = ", to the figure"
WORKER = b"explorer.runs.worker"
PROCESSES = os.environ.get("PROCESSES", "1")
WATCHED = "Your sentence, watched while the model learns"


@dataclass
class Record:
    """What all sessions saw. The phase is warm, going (the trainings), held, or over."""

    phase: str = "warm"
    times: list[tuple[str, str, float]] = field(default_factory=list)  # kind, phase, ms
    tokens: set[bytes] = field(default_factory=set)
    own: set[bytes] = field(default_factory=set)
    leaks: int = 0
    received: int = 0
    faults: list[str] = field(default_factory=list)


class Person:
    """One websocket session, kept as a browser keeps it."""

    def __init__(self, port: int, record: Record, seed: int) -> None:
        self.port, self.record, self.random = port, record, random.Random(seed)
        self.token = b"qzxj" + "".join(self.random.choices(string.ascii_lowercase, k=8)).encode()
        record.tokens.add(self.token)
        self.page, self.query, self.pages, self.cookie = "", "", {}, ""
        self.widgets, self.states, self.cached = {}, {}, {}
        self.asked_at, self.figure_ms, self.step, self.answer = 0.0, None, None, None
        self.ticking, self.drawing = None, None
        self.pictures: dict[str, bool] = {}  # address -> whether it follows what is typed
        self.stamps: dict[str, str] = {}

    async def open(self, page: str, query: str = "") -> Person:
        """Load a page by its address."""
        address, self.query = f"ws://127.0.0.1:{self.port}/_stcore/stream", query
        self.cookie = self.cookie or await asyncio.to_thread(cookie_from, self.port)
        self.socket = await connect(
            address, max_size=None, subprotocols=["streamlit"], proxy=None, additional_headers={"Cookie": self.cookie}
        )
        self.reader = asyncio.create_task(self.read())
        await self.ask("load", page_name=page)
        return self

    async def close(self) -> None:
        """Close the tab."""
        self.stop_ticking()
        await self.socket.close()
        await self.reader

    async def ask(self, kind: str, trigger: str = "", **about: object) -> None:
        """Rerun the whole page, wait until that has finished, and note how long it took."""
        self.answer = asyncio.get_running_loop().create_future()
        self.asked_at, self.figure_ms, phase = time.perf_counter(), None, self.record.phase
        await self.send(trigger, **about)
        try:
            ms = await asyncio.wait_for(self.answer, PATIENCE_S)
        except TimeoutError:
            self.record.faults.append(f"{kind}: no answer within {PATIENCE_S:.0f} s")
            return
        self.record.times.append((kind, phase, ms))
        if self.figure_ms is not None:
            self.record.times.append((kind + FIGURE, phase, self.figure_ms))

    async def send(self, trigger: str = "", **about: object) -> None:
        """A rerun request with everything a browser puts into it."""
        message = BackMsg()
        rerun = message.rerun_script
        for name, value in about.items():
            setattr(rerun, name, value)
        rerun.query_string, rerun.page_script_hash = self.query, self.page
        rerun.cached_message_hashes.extend(self.cached)
        shown = {element.id for _, element in self.widgets.values()}
        rerun.widget_states.widgets.extend(state for key, state in self.states.items() if key in shown)
        if trigger:
            rerun.widget_states.widgets.add(id=self.widgets[trigger][1].id, trigger_value=True)
        with contextlib.suppress(ConnectionClosed):  # the reader tells it
            await self.socket.send(message.SerializeToString())

    async def read(self) -> None:
        """Take in what the server sends, and look for private texts in it."""
        try:
            async for raw in self.socket:
                self.look(raw)
                self.take(ForwardMsg.FromString(raw))
        except ConnectionClosed as fault:
            self.record.faults.append(f"the server closed a session: {fault}")

    def look(self, raw: bytes) -> None:
        """Whether private texts are in what came."""
        self.record.received += len(raw)
        # Only whole tokens: an image has every four letters somewhere.
        found = self.record.tokens.intersection(TOKEN.findall(raw.translate(None, NO_LETTERS)))
        self.record.own |= found & {self.token}
        self.record.leaks += len(found - {self.token})

    def take(self, message: ForwardMsg) -> None:
        """What a browser does with a message."""
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self.stop_ticking()
            self.widgets, self.figure_ms, self.pictures = {}, None, {}
        elif kind == "navigation":
            self.page = message.navigation.page_script_hash
            self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "script_finished":
            self.finish(message.script_finished, time.perf_counter())
        elif kind in ("delta", "ref_hash"):
            if message.metadata.cacheable or message.ref_hash:
                sent = message.ref_hash or message.hash
                message = self.cached.pop(sent, message)
                self.cached = dict([*self.cached.items()][-5:]) | {sent: message}
            self.see(message, message.delta.new_element)

    def see(self, message: ForwardMsg, element: object) -> None:
        """An element of the page."""
        kind = element.WhichOneof("type")
        about = getattr(element, kind) if kind else None
        if kind in CHARTS and self.figure_ms is None:
            self.figure_ms = (time.perf_counter() - self.asked_at) * 1e3
        if kind == "exception" or (kind == "alert" and about.format == about.ERROR):
            self.record.faults.append(f"the page shows an error: {str(about)[:200]}")
        elif kind == "bidi_component":
            self.mount(json.loads(about.json))
        elif getattr(about, "id", "") and getattr(about, "label", ""):
            self.widgets.setdefault(about.label, (kind, about))
            if getattr(about, "set_value", False):
                self.states.pop(about.id, None)

    def mount(self, asked: dict[str, object]) -> None:
        """What asks the server by itself: curves, or a picture that is not the one there already."""
        address = str(asked.get("address", ""))
        if address.startswith("live/"):
            self.stop_ticking()
            self.ticking = asyncio.create_task(self.tick(asked))
        elif address.startswith("picture/"):
            self.pictures[address] = bool(asked["typed"])
            if self.stamps.get(address) != asked["stamp"]:
                self.drawing = asyncio.create_task(self.draw("picture", address, {}))

    async def draw(self, kind: str, address: str, question: dict[str, str]) -> None:
        """Fetch a picture, as its script does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        began, phase = time.perf_counter(), self.record.phase
        try:
            asked = json.dumps(question).encode()
            status, body = await asyncio.to_thread(post, connection, f"/{address}", asked, self.cookie)
        except (OSError, http.client.HTTPException) as fault:
            self.record.faults.append(f"picture: {fault!r}")
            return
        finally:
            connection.close()
        if status == 200:
            self.record.times.append((kind, phase, (time.perf_counter() - began) * 1e3))
            self.look(body)
            self.stamps[address] = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])["about"]["stamp"]
        elif status != 409:  # a newer one was asked for meanwhile
            self.record.faults.append(f"picture: {status} {body[:200]!r}")

    async def keystroke(self, page: str, sentence: str) -> None:
        """What a browser asks before it tells the page what was typed."""
        typed = [address for address, follows in self.pictures.items() if follows]
        asked = (self.draw(f"{page}: keystroke, to the picture", address, {"text": sentence}) for address in typed)
        await asyncio.gather(*asked)

    def finish(self, status: int, now: float) -> None:
        """A run of the page, or of a fragment of it, has ended."""
        if status == ForwardMsg.FINISHED_SUCCESSFULLY and self.answer is not None and not self.answer.done():
            self.answer.set_result((now - self.asked_at) * 1e3)
        elif status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.record.faults.append("a page did not compile")

    async def tick(self, asked: dict[str, str]) -> None:
        """Fetch curves every second, and have the page run again when their runs are not as the page has them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            while True:
                began = time.perf_counter()
                address = f"/{asked['address']}?state={quote(asked['state'])}"
                body = await asyncio.to_thread(fetch, connection, address, self.cookie)
                self.record.times.append(("tick", self.record.phase, (time.perf_counter() - began) * 1e3))
                self.record.received += len(body)
                about = json.loads(gzip.decompress(body)[8:].partition(b', "alt": ')[0].removeprefix(b'{"about": '))
                self.step = int(STEP.search(about["said"])[1].replace(",", ""))
                if about["state"] != asked["state"]:
                    asked["state"] = about["state"]  # once
                    await self.send()
                await asyncio.sleep(1)
        except (OSError, http.client.HTTPException, ValueError, TypeError) as fault:
            self.record.faults.append(f"curves: {fault!r}")
        finally:
            connection.close()

    def stop_ticking(self) -> None:
        """The curves leave the page."""
        if self.ticking is not None:
            self.ticking.cancel()
        self.ticking = None

    async def go(self, page: str, query: str = "") -> None:
        """Another page; one with a query by the browser's back button."""
        self.stop_ticking()
        self.page, self.query, self.widgets = self.pages[page], query, {}
        await self.ask(f"{page.title() or 'Gates'}: go there", is_history_navigation=bool(query))

    async def put(self, kind: str, label: str, value: str | float | None = None) -> None:
        """Set a widget; without a value, to any of its choices, or the other way."""
        if label not in self.widgets:  # it was overtaken
            await self.ask("any page: R")
            return
        sort, about = self.widgets[label]
        state = BackMsg().rerun_script.widget_states.widgets.add(id=about.id)
        if sort in ("slider", "button_group"):
            value = value or self.random.choice(about.options)
            state.string_array_value.data[:] = [value]
        elif sort == "checkbox":
            state.bool_value = not (self.states[about.id].bool_value if about.id in self.states else about.default)
        elif sort == "number_input":
            state.double_value = value
        else:
            state.string_value = value = value or self.random.choice(about.options)
        self.states[about.id] = state
        if about.query_param_key:
            self.query = urlencode(dict(parse_qsl(self.query)) | {about.query_param_key: value})
        await self.ask(kind)

    def sentence(self) -> str:
        """Words with the private token among them."""
        words = self.random.sample(WORDS.split(), 10)
        return " ".join([*words[:4], self.token.decode(), *words[4:]])


async def watch(person: Person, run: str) -> None:
    if WATCHED in person.widgets and person.random.random() < 0.5:
        await person.put("Train: form", WATCHED, person.sentence())
    elif f"run={run}" not in person.query:
        await person.go("train", f"run={run}")
    elif person.random.random() < 0.8 or "New run" not in person.widgets:  # it was overtaken
        await person.ask("Train: R")
    else:
        await person.ask("Train: new run", trigger="New run")


async def type_on(person: Person) -> None:
    on_gates = "Follow one unit" in person.widgets
    if not on_gates and "θ" not in person.widgets:
        await person.go("")
        return
    page, other, mine = ("Gates", "gradients", "Follow one unit") if on_gates else ("Gradients", "", "θ")
    what = person.random.choices(("type", "epochs", "own", "model", "page"), (50, 15, 10, 10, 15))[0]
    if what == "page":
        await person.go(other)
    elif what == "type":
        sentence = person.sentence()
        await person.keystroke(page, sentence)
        await person.put(f"{page}: type", "Your sentence", sentence)
    else:
        labels = {"epochs": "Epochs of training", "own": mine, "model": "Model"}
        await person.put(f"{page}: {'θ, unit' if what == 'own' else what}", labels[what])


async def live(person: Person, place: float, run: str, typing: int) -> None:
    """Watch and type by turns; who does what is shifted by the person's place, from 0 to 1."""
    began = time.monotonic()
    while person.record.phase != "over":
        await asyncio.sleep(person.random.uniform(1, 3))
        turn = int((time.monotonic() - began) / ROLE_S + 3 * place)
        await (watch(person, run) if turn % 3 >= typing else type_on(person))


async def take_turns(server: int, data: Path, record: Record, seconds: float) -> None:
    """Let the trainings go on and hold them by turns."""
    await asyncio.sleep(WARM_S)
    workers, busy, spent, began = workers_of(server), cpu_s(server), time.process_time(), time.monotonic()
    try:
        for turn in range(2 * max(1, round(seconds / SLICE_S))):
            if turn % 2:
                await hold(workers, data)
            else:
                tell(workers, signal.SIGCONT)
            record.phase = "held" if turn % 2 else "going"
            await asyncio.sleep(SLICE_S)
    finally:
        record.phase = "over"
        tell(workers, signal.SIGCONT)
    took = time.monotonic() - began
    print(f"the server took {(cpu_s(server) - busy) / took:.0%} of a core,", end=" ")
    print(f"this script {(time.process_time() - spent) / took:.0%}; {record.received / 1e6:.0f} MB sent")


async def start_two(port: int, record: Record) -> list[str]:
    """Two trainings of 256 units, started on the page Train; their ids."""
    person, runs = await Person(port, record, -1).open("train"), []
    await person.ask("form", trigger="d2l-v2")
    for label, value in (("Units", 256), ("Epochs", 5000)):
        await person.put("form", label, value)
    for _ in range(2):
        await person.ask("form", trigger="Start")
        runs.append(dict(parse_qsl(person.query))["run"])
        await person.ask("form", trigger="New run")
    await person.close()
    return runs


async def steps_of(port: int, record: Record, runs: list[str]) -> list[int]:
    """The step each run is at, as its page says; 0 for one that does not run."""
    people = [await Person(port, record, -2).open("train", f"run={run}") for run in runs]
    await asyncio.sleep(1)
    for person in people:
        await person.close()
    return [person.step or 0 for person in people]


async def memory(server: int, port: int, record: Record, sessions: int) -> list[Person]:
    """Memory idle, and of a session that has loaded Train once; the sessions, once each has typed its text there."""
    first = await Person(port, record, -3).open("")
    await first.go("gradients")
    await first.go("train")
    await first.close()
    await asyncio.sleep(1)
    people, sizes = [], [memory_mb(server)]
    for number in range(sessions):
        people.append(await Person(port, record, number).open("train"))
        sizes.append(memory_mb(server))
    # Now and then the allocator gives some megabytes of before back; that is not the sessions' merit.
    grown = sum(max(0.0, after - before) for before, after in itertools.pairwise(sizes))
    print(f"idle server {sizes[0]:.0f} MB (promised 400); a light session {grown / sessions:.2f} MB (promised 1)")
    for person in people:
        await person.put("form", WATCHED, person.sentence())
    return people


async def measure(server: int, port: int, data: Path, sessions: int, seconds: float, typing: int) -> Record:
    record = Record()
    people = await memory(server, port, record, sessions)
    runs, deadline = await start_two(port, record), time.monotonic() + 60
    while not all(began := await steps_of(port, record, runs)):
        if time.monotonic() > deadline:
            raise SystemExit(f"The trainings did not begin within a minute: {record.faults}")
        await asyncio.sleep(1)
    lives = [live(person, n / sessions, runs[n % 2], typing) for n, person in enumerate(people)]
    await asyncio.gather(take_turns(server, data, record, seconds), *lives)
    ended = await steps_of(port, record, runs)
    print(f"server at the end {memory_mb(server):.0f} MB; the trainings went from steps {began} to {ended}")
    if not all(after > before for before, after in zip(began, ended, strict=True)):
        record.faults.append("a training was not running any more")
    for person in people:
        await person.close()
    return record


def memory_mb(server: int) -> float:
    """Memory of the server's processes; what several of them share is divided among them (PSS)."""
    folders = [Path(f"/proc/{process}") for process in processes_of(server)]
    if len(folders) == 1:
        return int(re.search(r"VmRSS:\s+(\d+)", (folders[0] / "status").read_text())[1]) / 1024
    return sum(int(re.search(r"Pss:\s+(\d+)", (one / "smaps_rollup").read_text())[1]) for one in folders) / 1024


def stat(process: int | str) -> list[str]:
    """What /proc says of a process, from its state on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def cpu_s(server: int) -> float:
    return sum(int(part) for one in processes_of(server) for part in stat(one)[11:13]) / os.sysconf("SC_CLK_TCK")


def processes_of(server: int) -> list[int]:
    """Those that serve: the first one and, where there are several, those that it has forked."""
    return [server, *(one for one, command in children(server) if WORKER not in command)]


def workers_of(server: int) -> list[int]:
    """The server's workers; those that are kept waiting are among them."""
    return [one for parent in processes_of(server) for one, command in children(parent) if WORKER in command]


def children(process: int) -> list[tuple[int, bytes]]:
    """What a process has begun, with its command."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if stat(folder.name)[1] == str(process):
                found.append((int(folder.name), (folder / "cmdline").read_bytes()))
    return found


async def hold(workers: list[int], data: Path) -> None:
    """Stop the workers at a moment when none of them keeps others from writing to the store."""
    for _ in range(50):
        tell(workers, signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(data / "runs.sqlite", timeout=0.02)) as store:
            try:
                store.execute("BEGIN IMMEDIATE").close()
                store.rollback()
                return
            except sqlite3.OperationalError:
                tell(workers, signal.SIGCONT)
        await asyncio.sleep(0.03)
    raise SystemExit("The trainings could not be held: the store was always being written to.")


def tell(processes: list[int], what: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, what)


@contextlib.contextmanager
def serving() -> Iterator[tuple[int, int, Path]]:
    """A server of this app with a data folder of its own: its process, port and folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp())
    places = {"GATE_EXPLORER_WORKERS": "2", "GATE_EXPLORER_RUNNING_PER_SESSION": "2"}
    environment = os.environ | {"GATE_EXPLORER_DATA": str(folder / "data")} | places
    command = [sys.executable, "-m", "explorer", "app", "--processes", PROCESSES]
    command += ["--server.headless=true", f"--server.port={port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port)
        yield process.pid, port, folder / "data"
        _, *tracebacks = (folder / "log").read_text().split("Traceback")
        print(
            f"{len(tracebacks)} tracebacks in the server's log",
            *(told.partition("\n20")[0][-900:] for told in tracebacks[:2]),
        )
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int) -> None:
    for _ in range(150):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
            return
        time.sleep(0.2)
    raise SystemExit("The server did not come up within 30 s.")


def end(process: subprocess.Popen[bytes]) -> None:
    """The server, and its workers, which go by themselves once they have kept their state."""
    workers = workers_of(process.pid)
    tell(workers, signal.SIGCONT)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while (workers := [w for w in workers if Path(f"/proc/{w}").is_dir()]) and time.monotonic() < deadline:
        time.sleep(0.2)
    tell(workers, signal.SIGKILL)


def cookie_from(port: int) -> str:
    """The cookie that a browser gets with the page, and shows from then on."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", "/", headers={"Accept": "text/html"})
    cookie = connection.getresponse().getheader("Set-Cookie", "").partition(";")[0]
    connection.close()
    return cookie


def fetch(connection: http.client.HTTPConnection, address: str, cookie: str = "") -> bytes:
    """The body of an answer, over a connection that is kept."""
    connection.request("GET", address, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise ValueError(f"{answer.status}: {body[:200]!r}")
    return body


def post(connection: http.client.HTTPConnection, address: str, body: bytes, cookie: str) -> tuple[int, bytes]:
    """The status and the body of an answer to a question."""
    connection.request("POST", address, body, headers={"Cookie": cookie})
    answer = connection.getresponse()
    return answer.status, answer.read()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def report(times: list[tuple[str, str, float]]) -> None:
    """Rows of a table: number, p50, p95 and max while the trainings go; the same while they are held; p95 / p95."""
    print(f"{'milliseconds':34s}" + "     n    p50    p95    max" * 2 + "  ratio of p95")
    acted = [row for row in times if row[0] != "tick"]
    figured = {kind.removesuffix(FIGURE) for kind, *_ in acted if kind.endswith(FIGURE)}
    answers = [("answers", *row[1:]) for row in acted if row[0].endswith(FIGURE) or row[0] not in figured]
    ends = [("to the end", *row[1:]) for row in acted if not row[0].endswith(FIGURE)]
    for rows in (acted, ends, answers, [row for row in times if row[0] == "tick"]):
        for kind in sorted({kind for kind, phase, _ in rows if phase in ("going", "held")}):
            print(f"{kind:34s}", end="")
            both = [[ms for k, p, ms in rows if (k, p) == (kind, phase)] for phase in ("going", "held")]
            for values in both:
                parts = percentile(values, 0.5), percentile(values, 0.95), max(values, default=float("nan"))
                print(f"{len(values):6d}" + "".join(f"{part:7.0f}" for part in parts), end="")
            print(f"{percentile(both[0], 0.95) / percentile(both[1], 0.95):7.2f}")


def main() -> None:
    if not Path("/proc/self/status").is_file():
        print("load: there is no /proc here, not measured")
        return
    sessions, seconds, typing = (int(given) for given in [*sys.argv[1:], *("30", "60", "0")[len(sys.argv) - 1 :]])
    with serving() as (server, port, data):
        record = asyncio.run(
            asyncio.wait_for(measure(server, port, data, sessions, seconds, typing), 150 + 3 * seconds)
        )
    report(record.times)
    print("promised: p95 of an answer at most 250 ms")
    print(
        f"private texts: {len(record.own)} of {sessions} sessions were sent their own; another's {record.leaks} times"
    )
    if record.leaks:
        record.faults.append("texts leak")
    elif typing and not record.own:  # who only watches is sent none
        record.faults.append("the search for texts finds nothing, not even one's own")
    for fault, times in Counter(record.faults).most_common(20):
        print(f"WRONG, {times} times: {fault}")
    raise SystemExit(1 if record.faults else 0)


if __name__ == "__main__":
    main()
