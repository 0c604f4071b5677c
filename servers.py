"""Several processes that serve the app behind one address, each browser always by the same one.

One process answers on one core: Python runs one thread at a time. Here a process at the door accepts each connection, looks which
browser it is from, and hands the connection itself over (SCM_RIGHTS, unix(7)). It reads nothing more and writes nothing, so that
an answer costs what it costs without a door. A connection is one browser's, or a proxy's (`door.NamedBrowsers`).

The processes are forked from the door's, once that has imported all they need: they share this memory until they write to it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import logging
import os
import pickle
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import streamlit as st
import uvicorn
from starlette.datastructures import Headers
from streamlit.web import bootstrap
from streamlit.web.cli import main_run

import door
import explorer
from explorer.pages.shell import classes, shelf

AVAILABLE = sys.platform == "linux"
MOST_BY_ITSELF = 4  # more take memory that nobody may have asked for
HEAD_BYTES = 16 * 1024  # of a request that are looked at
MESSAGE_BYTES = 64 * 1024  # of a question about a class, or its answer
HEAD_S, LOOK_AGAIN_S = 20.0, 0.05
MOST_COMING = 1_000  # connections that have not said yet who they are
ENDING_S = 10.0
SOON_S, MOST_SOON = 10.0, 3  # a process that ends so soon after its start will do so again
PORTS = 20  # that are tried where none was asked for


def read(options: Sequence[str]) -> dict[str, Any]:
    """Streamlit's options, as its own command reads them from the command line and the environment; they hold from here on."""
    flags = main_run.make_context("app", ["app.py", *options]).params
    flags = {name: value for name, value in flags.items() if name not in ("target", "args")}
    bootstrap.load_config_options(flags)
    return flags


def has_certificate() -> bool:
    """Whether the server shall encrypt by itself: then nobody can look whose a connection is before it is answered."""
    return bool(st.get_option("server.sslCertFile"))


def sensible_number() -> int:
    """One process for the person at this machine; for others as many as there are cores, up to a few."""
    plain = AVAILABLE and door.serves_others() and not has_certificate()
    return min(MOST_BY_ITSELF, len(os.sched_getaffinity(0))) if plain else 1


def serve(number: int, flags: Mapping[str, Any], said: Callable[[str], None]) -> int:
    """Serve the app in so many processes until something ends this one.

    Args:
        number: of processes.
        flags: as they were read.
        said: is told the address once people are let in.

    Returns:
        The exit status: 0 where a signal ended it, 1 where the processes would not stay.

    Raises:
        OSError: the address cannot be had.

    """
    with _listener(flags) as listener:
        _import_all()
        keeper = _Door(listener, number)
        said(_address(listener))
        return keeper.run()


def _listener(flags: Mapping[str, Any]) -> socket.socket:
    """A socket at the address of the options; where no port was asked for, at the first free one from there on."""
    address, port = str(st.get_option("server.address") or ""), int(st.get_option("server.port"))
    tries = PORTS if flags["server_port"] is None else 1
    for tried in range(port, port + tries):
        try:
            made = socket.create_server(
                (address, tried), family=socket.AF_INET6 if ":" in address or not address else socket.AF_INET,
                backlog=2048, dualstack_ipv6=not address and socket.has_dualstack_ipv6(),
            )  # fmt: skip
        except OSError:
            if tried == port + tries - 1:
                raise
            continue
        made.setblocking(False)
        bootstrap.load_config_options({**flags, "server_port": made.getsockname()[1]})  # the cookie has it in its name
        return made
    raise AssertionError


def asked_address() -> str:
    """Where the options want the server."""
    return f"{st.get_option('server.address') or '*'}:{st.get_option('server.port')}"


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = "localhost" if host in ("127.0.0.1", "::1") else socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{str(st.get_option('server.baseUrlPath')).strip('/')}"


def _import_all() -> None:
    """What each process needs, where collections do not look at it any more: that would be writing to it."""
    importlib.import_module("app")
    # What a page caches is declared before there is a server, which is as it should be and no news to whoever starts one.
    logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)
    for script in sorted((Path(explorer.__file__).parent / "pages" / "scripts").glob("[!_]*.py")):
        importlib.import_module(f"explorer.pages.{script.stem}")
    gc.collect()
    gc.freeze()


@dataclass
class _Process:
    """A process that serves: its number at the system, when it began, and the lines to it.

    Attributes:
        handing: connections go out here.
        asked: what it wants to know of the classes comes in here, and the answers go back; it closes when the process ends.

    """

    pid: int
    began: float
    handing: socket.socket
    asked: socket.socket


@dataclass
class _Coming:
    """A connection that has not said yet who it is from: until when it may, and when it is looked at again."""

    until: float
    next_look: float = 0.0


class _Door:
    """Accepts connections and hands them over, keeps the classes of all processes, and begins one anew that has ended."""

    def __init__(self, listener: socket.socket, number: int) -> None:
        self.listener, self.number, self.ended = listener, number, False
        self.classes = classes.Classes()
        self.coming: OrderedDict[socket.socket, _Coming] = OrderedDict()  # the oldest first
        self.turn = itertools.cycle(range(number))
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self._accept)
        self.processes: dict[int, _Process] = {}
        self.soon = 0

    def run(self) -> int:
        """Until a signal comes; the exit status."""
        for signalled in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signalled, self._end)
        for place in range(self.number):
            self._begin(place)
        while not self.ended and self.soon < MOST_SOON:
            for key, _ in self.selector.select(LOOK_AGAIN_S if self.coming else 0.5):
                key.data(key.fileobj)
            self._look_again()
        self._end_all()
        return 0 if self.ended else 1

    def _end(self, *_: object) -> None:
        self.ended = True

    # ---- processes ------------------------------------------------------------------------------------------

    def _begin(self, place: int) -> None:
        handing, handed = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked, asking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if not pid:
            for other in (handing, asked, self.listener, *self.coming, *self._lines()):
                other.close()
            self.selector.close()
            _be(door.Place(place, self.number), handed, asking)
        handed.close()
        asking.close()
        handing.setblocking(False)
        self.processes[place] = _Process(pid, time.monotonic(), handing, asked)
        self.selector.register(asked, selectors.EVENT_READ, lambda _: self._answer(place))

    def _lines(self) -> Iterator[socket.socket]:
        for process in self.processes.values():
            yield from (process.handing, process.asked)

    def _answer(self, place: int) -> None:
        """A question about the classes, or the end of who asks."""
        line = self.processes[place].asked
        try:
            question = line.recv(MESSAGE_BYTES)
        except OSError:
            question = b""
        if not question:
            self._begin_anew(place)
            return
        name, given = pickle.loads(question)  # noqa: S301 (from a process forked from this one)
        with suppress(OSError):
            line.send(pickle.dumps(getattr(self.classes, name)(*given)))

    def _begin_anew(self, place: int) -> None:
        ended = self.processes.pop(place)
        self.selector.unregister(ended.asked)
        ended.handing.close()
        ended.asked.close()
        with suppress(ProcessLookupError):
            os.kill(ended.pid, signal.SIGKILL)  # it may have closed its line and live
        os.waitpid(ended.pid, 0)
        self.soon = self.soon + 1 if time.monotonic() - ended.began < SOON_S else 0
        if not self.ended:
            self._begin(place)

    def _end_all(self) -> None:
        """As a signal does; who does not end in time is ended."""
        waited = {process.pid for process in self.processes.values()}
        for pid in waited:
            os.kill(pid, signal.SIGTERM)
        for line in (*self._lines(), *self.coming):
            line.close()
        until = time.monotonic() + ENDING_S
        while waited and time.monotonic() < until:
            waited -= {pid for pid in waited if os.waitpid(pid, os.WNOHANG)[0]}
            time.sleep(0.02)
        for pid in waited:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    # ---- connections ----------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # gone again, or no more files may be open: then others close soon
            connection, _ = listener.accept()
            connection.setblocking(False)
            if len(self.coming) >= MOST_COMING:
                self._forget(next(iter(self.coming))).close()
            self.coming[connection] = _Coming(time.monotonic() + HEAD_S)
            self.selector.register(connection, selectors.EVENT_READ, self._look)

    def _look(self, connection: socket.socket) -> None:
        """Hand a connection over if its first request tells where to; what is read stays there to be read."""
        if connection not in self.coming:  # let go of since the selector saw it
            return
        try:
            head = connection.recv(HEAD_BYTES, socket.MSG_PEEK)
            if b"\r\n\r\n" in head or len(head) == HEAD_BYTES:
                self._hand_over(connection, head)
                return
        except (BlockingIOError, BrokenPipeError):
            head = b"?"  # the process takes no more just now, or begins anew
        except OSError:
            head = b""
        if head:
            # The rest is on its way. A look now would see the same: it waits, and the selector with it.
            if self.coming[connection].next_look == 0.0:
                self.selector.unregister(connection)
            self.coming[connection].next_look = time.monotonic() + LOOK_AGAIN_S
        else:
            self._forget(connection).close()

    def _look_again(self) -> None:
        now = time.monotonic()
        for connection, known in [*self.coming.items()]:
            if known.until < now:
                self._forget(connection).close()
            elif 0.0 < known.next_look < now:
                self._look(connection)

    def _hand_over(self, connection: socket.socket, head: bytes) -> None:
        place = self._place(head, connection.getpeername()[0])
        socket.send_fds(self.processes[place].handing, [b"."], [connection.fileno()])
        self._forget(connection).close()  # the other process has it

    def _place(self, head: bytes, address: str) -> int:
        """Whose a connection is: the browser's by its cookie; a first visit's in turn; what has no cookie, its address's."""
        lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        pairs = [line.partition(b":") for line in lines]
        headers = Headers(raw=[(name.lower(), value.strip()) for name, _, value in pairs])
        if browser := door.browser_of(door.token_of(headers)):
            return door.place_of(browser, self.number)
        if "text/html" in headers.get("Accept", ""):
            return next(self.turn)
        return door.place_of(door.browser_of(address), self.number)

    def _forget(self, connection: socket.socket) -> socket.socket:
        if self.coming.pop(connection).next_look == 0.0:
            self.selector.unregister(connection)
        return connection


def _be(place: door.Place, handed: socket.socket, asking: socket.socket) -> NoReturn:
    """What a forked process does until its end."""
    status = 1
    try:
        for signalled in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signalled, signal.SIG_DFL)
        door.PLACE = place
        shelf.SESSIONS_BYTES //= place.of  # what is kept at most is the same for all of them together
        shelf.MODELS_BYTES //= place.of
        classes.are_kept_by(_Line(asking).ask)
        _HandedServer(_config(), handed).run()
        status = 0
    except KeyboardInterrupt:  # uvicorn has ended the connections and gives the signal back
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _Line:
    """A line to the process at the door: one question at a time."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._lock = line, threading.Lock()

    def ask(self, name: str, *given: Any) -> Any:
        """What a method of the classes returns there."""
        with self._lock:
            self._line.send(pickle.dumps((name, given)))
            answer = self._line.recv(MESSAGE_BYTES)
        return pickle.loads(answer)  # noqa: S301 (from the process this one is forked from)


def _config() -> uvicorn.Config:
    """As `streamlit run` sets it."""
    interval = int(st.get_option("server.websocketPingInterval") or 30)
    return uvicorn.Config(
        importlib.import_module("app").app, ws="websockets-sansio", ws_ping_interval=interval, ws_ping_timeout=interval,
        ws_max_size=int(st.get_option("server.maxMessageSize")) * 10**6,
        ws_per_message_deflate=bool(st.get_option("server.enableWebsocketCompression")),
        access_log=False, log_level="warning", use_colors=False,
    )  # fmt: skip


class _HandedServer(uvicorn.Server):
    """Serves the connections that it is handed, and listens at no address of its own."""

    def __init__(self, config: uvicorn.Config, line: socket.socket) -> None:
        super().__init__(config)
        self._line, self._taking = line, set[asyncio.Task[Any]]()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._line.setblocking(False)
        asyncio.get_running_loop().add_reader(self._line, self._take)

    def _take(self) -> None:
        try:
            message, files, _, _ = socket.recv_fds(self._line, 1, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        if not message:  # the process at the door has ended
            asyncio.get_running_loop().remove_reader(self._line)
            self.should_exit = True
        for file in files:
            loop, connection = asyncio.get_running_loop(), socket.socket(fileno=file)
            task = loop.create_task(self._connect(connection))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    async def _connect(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with suppress(OSError):  # gone again
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        """As in `uvicorn.Server.startup`."""
        made: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
