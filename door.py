"""What stands before the server: under which names it answers, who asks and from where, how much one may bring.

Not in the package `explorer`, which loads PyTorch when it is imported: the server shall answer at once.
"""

import asyncio
import hashlib
import ipaddress
import re
import secrets
import socket
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{0,5})?", re.ASCII | re.IGNORECASE)
UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/")
TOKEN = re.compile(r"[\w-]{32}", re.ASCII)
SHOWN_CHARACTERS = 60


class _Refusal(NamedTuple):
    """Why something is refused: an HTTP status, and the code of a sentence with its figures."""

    status: int
    code: str
    figures: Mapping[str, object] = MappingProxyType({})

    def said(self, languages: str) -> str:
        """In the first of the languages that a browser names which we speak."""
        from explorer.words import preferred, say, speaking

        with speaking(preferred(languages)):
            return say(self.code, **self.figures)


async def _answer(refusal: _Refusal, scope: Scope) -> PlainTextResponse:
    # In a thread: until PyTorch is loaded, the first import of the words waits for it, and the server shall not.
    languages = Headers(scope=scope).get("Accept-Language", "")
    return PlainTextResponse(await asyncio.to_thread(refusal.said, languages), refusal.status)


class KnownHosts:
    """Answers under names of this server only, and tells the pages in a header who sits at this machine.

    A page elsewhere can let its own name lead to this machine (DNS rebinding). Its requests then come from the person's
    browser and look like our own page's, but they name its host.
    """

    HEADER = b"x-gate-explorer-local"  # people.LOCAL_HEADER

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is meant for another host, and mark what comes from here."""
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        hosts = asked.headers.getlist("Host")
        if len(hosts) != 1 or not is_known(host_name(hosts[0])):
            await _refuse_host(", ".join(hosts), scope, receive, send)
            return
        await self.inner(_told(scope, self.HEADER, "1" if is_local(asked) else ""), receive, send)


def _told(scope: Scope, header: bytes, value: str) -> Scope:
    """What was asked, with a header that nobody outside can say; without it where there is nothing to say."""
    said = [pair for pair in scope["headers"] if pair[0].lower() != header]
    return {**scope, "headers": [*said, (header, value.encode())] if value else said}


async def _refuse_host(host: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    refusal = _Refusal(421, "door.host", {"host": host[:SHOWN_CHARACTERS]})
    await (await _answer(refusal, scope))(scope, receive, send)


def host_name(header: str) -> str:
    """The name in a Host header, in lower case and without its port; "" where there is none."""
    found = HOST.fullmatch(header)
    return found[1].lower().rstrip(".").strip("[]") if found else ""


def is_known(name: str) -> bool:
    """Whether the server answers under a name.

    Under `server.allowedHosts`, where it is set. Else under this machine's loopback names and, where other machines reach the
    server, under its addresses and its own name: nobody can make a bare address lead to another machine.
    """
    if given := _given_names():
        return bool(name) and any(_fits(name, one) for one in given)
    if _is_loopback(name):
        return True
    bound = str(st.get_option("server.address") or "")
    if not name or _is_loopback(bound):
        return False
    own = {bound, str(st.get_option("browser.serverAddress")), socket.gethostname(), f"{socket.gethostname()}.local"}
    return _address(name) is not None or name in {one.lower() for one in own}


def serves_others() -> bool:
    """Whether people at other machines may come: the server is bound more widely than to this one, or a proxy is declared."""
    return not _is_loopback(str(st.get_option("server.address") or "")) or not all(map(_is_loopback, _given_names()))


def is_local(asked: HTTPConnection) -> bool:
    """Whether a person sits at this machine: their connection comes from it, they name it so, and nobody forwards it.

    A proxy on the same machine connects from it too. It brings people under another name: a server that was given other names
    than its loopback ones (`server.allowedHosts`) takes nobody for local.
    """
    named = [host_name(asked.headers.get("Host", "")), *_given_names()]
    if "Origin" in asked.headers:
        named.append(host_name(asked.headers["Origin"].partition("://")[2]))
    forwarded = any(
        name in ("forwarded", "via", "x-real-ip") or name.startswith("x-forwarded") for name in asked.headers
    )
    return not forwarded and asked.client is not None and all(map(_is_loopback, [asked.client.host, *named]))


def _given_names() -> list[str]:
    return [str(name).strip().lower().rstrip(".").strip("[]") for name in st.get_option("server.allowedHosts") or ()]


def _fits(name: str, given: str) -> bool:
    """As Streamlit compares them: `*` is any name, `*.example.org` any below it."""
    return given in ("*", name) or (given.startswith("*.") and name.endswith(given[1:]))


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address  # ::ffff:127.0.0.1, on a socket for both


class Place(NamedTuple):
    """Which one this process is of those that serve behind one address (`servers.py`), each some of the browsers."""

    number: int = 0
    of: int = 1

    def has(self, browser: str) -> bool:
        """Whether a browser is served here."""
        return place_of(browser, self.of) == self.number


PLACE = Place()


def place_of(browser: str, places: int) -> int:
    """Which of so many processes serves a browser."""
    return int(browser, 16) % places


def cookie_name() -> str:
    """With the port in it: cookies belong to a host, and two servers on one machine shall not take each other's."""
    return f"gate-explorer-{st.get_option('server.port')}"


def token_of(headers: Headers) -> str:
    """The cookie that a browser shows; "" where it has none of ours."""
    token = cookie_parser(headers.get("Cookie", "")).get(cookie_name(), "")
    return token if TOKEN.fullmatch(token) else ""


def browser_of(token: str) -> str:
    """What a browser with this cookie is called; "" without one."""
    return hashlib.sha256(token.encode()).hexdigest()[:16] if token else ""


def _new_token() -> str:
    """One by which its browser comes back to this process."""
    while not PLACE.has(browser_of(token := secrets.token_urlsafe(24))):
        pass
    return token


async def _send_elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Let a browser ask again over another connection, which is then handed to the right process.

    A connection is looked at once, and a proxy may use it for another browser afterwards.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1012})
        return
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    # Of this server and no other: with two slashes in front, a browser would take what follows for another host.
    again = "/" + path.lstrip("/\\") + ("?" + scope["query_string"].decode("latin-1")) * bool(scope["query_string"])
    headers = {"Location": again, "Connection": "close", "Cache-Control": "no-store"}
    await Response(status_code=307, headers=headers)(scope, receive, send)


class NamedBrowsers:
    """Gives each browser a cookie with the page, and tells the pages in a header which browser it is.

    The cookie is random, no script can read it, and each visit begins its life anew. The header holds its hash, so that what
    is kept beside a run gives nobody the cookie.
    """

    LIFE_S = 400 * 24 * 3600  # no browser keeps one longer
    HEADER = b"x-gate-explorer-browser"  # people.BROWSER_HEADER

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the server does, with a cookie in front of every page."""
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        token = token_of(asked.headers)
        browser = browser_of(token)
        if browser and not PLACE.has(browser):
            await _send_elsewhere(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message, asked):
                encrypted = "https" in (asked.url.scheme, asked.headers.get("X-Forwarded-Proto"))
                base = str(st.get_option("server.baseUrlPath")).strip("/")
                about = f"Path=/{base}; Max-Age={self.LIFE_S}; HttpOnly; SameSite=Lax" + "; Secure" * encrypted
                cookie = f"{cookie_name()}={token or _new_token()}; {about}"
                MutableHeaders(raw=message["headers"]).append("Set-Cookie", cookie)
            await send(message)

        await self.inner(_told(scope, self.HEADER, browser), receive, send_named)


def _is_page(message: Message, asked: HTTPConnection) -> bool:
    """Also one that the browser has kept: that answer (304) does not say what it is, but who asked did."""
    if message["status"] == 304:
        return "text/html" in asked.headers.get("Accept", "")
    return Headers(raw=message["headers"]).get("Content-Type", "").startswith("text/html")


class _TooLargeError(Exception):
    """A file is larger than a file may be."""


class BoundedUploads:
    """Holds the limits of the page's uploads for whoever asks without the page.

    A session keeps its newest files; the page has taken what it needs of an older one.
    """

    FILE_BYTES = 25_000_000  # explorer.checkpoints.MAX_FILE_BYTES; a text may have less, as its page says
    FRAME_BYTES = 16 * 1024  # what a browser puts around a file
    KEPT_FILES = 4  # of a session
    COMING_FILES = 2  # at once, of a session
    ALL_BYTES = 256_000_000  # of all sessions, kept or coming
    ARRIVAL_S = 120.0

    def __init__(self, inner: ASGIApp) -> None:
        self.inner, self.coming, self.coming_bytes = inner, Counter[str](), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take an upload within the limits; refuse another with a sentence."""
        found = UPLOAD.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if found is None:
            await self.inner(scope, receive, send)
            return
        most = self.FILE_BYTES + self.FRAME_BYTES
        stated = HTTPConnection(scope).headers.get("Content-Length", str(most))
        length = int(stated) if stated.isdecimal() and len(stated) < 12 else most + 1
        if refusal := self._refusal(found[1], length):
            await (await _answer(refusal, scope))(scope, receive, send)
            return
        self.coming_bytes += length
        try:
            await self._take(found[1], scope, receive, send)
        finally:
            self.coming_bytes -= length

    def _refusal(self, session: str, length: int) -> _Refusal | None:
        if length > self.FILE_BYTES + self.FRAME_BYTES:
            return self._too_large()
        if self.coming[session] >= self.COMING_FILES:
            return _Refusal(429, "door.files-coming", {"most": self.COMING_FILES})
        if _held_bytes() + self.coming_bytes + length > self.ALL_BYTES // PLACE.of:
            return _Refusal(503, "door.files-full")
        return None

    def _too_large(self) -> _Refusal:
        return _Refusal(413, "door.file-too-large", {"most": self.FILE_BYTES})

    async def _take(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        arrived, answered = 0, False

        async def receive_counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self.FILE_BYTES + self.FRAME_BYTES:
                raise _TooLargeError
            return message

        async def send_noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        refusal = None
        self.coming[session] += 1
        try:
            async with asyncio.timeout(self.ARRIVAL_S):
                await self.inner(scope, receive_counted, send_noted)
        except _TooLargeError:
            refusal = self._too_large()
        except TimeoutError:
            refusal = _Refusal(408, "door.file-late", {"seconds": self.ARRIVAL_S})
        finally:
            self.coming[session] -= 1
            self.coming += Counter()  # forgets those at 0
            self._let_go(session)
        if refusal is not None and not answered:
            await (await _answer(refusal, scope))(scope, receive, send)

    def _let_go(self, session: str) -> None:
        """Drop the oldest files of a session, as far as it has too many."""
        if held := _uploads():
            for file_id in list(held.file_storage.get(session, ()))[: -self.KEPT_FILES]:
                held.remove_file(session, file_id)


def _uploads() -> MemoryUploadedFileManager | None:
    """Where Streamlit keeps files: `file_storage` is session -> file id -> file, oldest first."""
    manager = runtime.get_instance().uploaded_file_mgr if runtime.exists() else None
    return manager if isinstance(manager, MemoryUploadedFileManager) else None


def _held_bytes() -> int:
    sessions = list(held.file_storage.values()) if (held := _uploads()) else []
    return sum(len(file.data) for files in sessions for file in list(files.values()))
