"""The server of the app: its pages, who asks for them, the address of the live curves, and what is loaded ahead of them."""

import contextlib
import ctypes
import hashlib
import os
import re
import secrets
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import door

# glibc gives freed memory back to the system only beyond a threshold, which it raises by itself to twice the largest block
# that was ever freed: 20 MB of a server that has shown each page once. Told its own default, it stays with it.
M_TRIM_THRESHOLD, TRIM_BYTES = -1, 128 * 1024  # mallopt(3)
with contextlib.suppress(OSError, AttributeError):  # another system or another C library
    ctypes.CDLL("libc.so.6").mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)


@asynccontextmanager
async def load_ahead(_: st.App) -> AsyncIterator[None]:
    """Import PyTorch beside the server, which answers at once: a first visitor waits for what is left of it."""

    def load() -> None:
        from explorer.pages import _session

        _session.settle()

    threading.Thread(target=load, daemon=True).start()
    yield


def live(request: Request) -> Response:
    """The progress of runs, to the curves that follow them; Starlette answers it in a thread."""
    from explorer.pages import _live

    status, body = _live.answer(tuple(request.path_params["ids"].split(",")), request.query_params.get("state", ""))
    packed = {"Content-Encoding": "gzip"} if status == 200 else {}
    return Response(body, status, {"Cache-Control": "no-store"} | packed, "application/octet-stream")


def export(request: Request) -> Response:
    """A table that a page offers, sent in blocks."""
    from explorer.pages import _export

    browser = request.headers.get(NameBrowsers.HEADER.decode(), "")
    return _export.answer(request.path_params["token"], request.path_params["kind"], browser)


class NameBrowsers:
    """Gives each browser a cookie with the page, and tells the pages in a header which browser it is.

    The cookie is random, no script can read it, and each visit begins its life anew. It has the port in its name: cookies
    belong to a host, and two servers on one machine shall not take each other's. The header holds its hash, so that what is
    kept beside a run gives nobody the cookie. (Not in a room of its own: the package loads PyTorch.)
    """

    LIFE_S = 400 * 24 * 3600  # no browser keeps one longer
    TOKEN = re.compile(r"[\w-]{32}", re.ASCII)
    HEADER = b"x-gate-explorer-browser"  # _session.BROWSER_HEADER

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the server does, with a cookie in front of every page."""
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        asked, name = HTTPConnection(scope), f"gate-explorer-{st.get_option('server.port')}"
        token = asked.cookies.get(name, "")
        token = token if self.TOKEN.fullmatch(token) else ""
        said = [pair for pair in scope["headers"] if pair[0].lower() != self.HEADER]  # nobody else says it
        if token:
            said.append((self.HEADER, hashlib.sha256(token.encode()).hexdigest()[:16].encode()))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                encrypted = "https" in (asked.url.scheme, asked.headers.get("X-Forwarded-Proto"))
                about = f"Path=/{base}; Max-Age={self.LIFE_S}; HttpOnly; SameSite=Lax" + "; Secure" * encrypted
                kept = token or secrets.token_urlsafe(24)
                MutableHeaders(raw=message["headers"]).append("Set-Cookie", f"{name}={kept}; {about}")
            await send(message)

        await self.inner({**scope, "headers": said}, receive, send_named)


def _is_page(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("Content-Type", "").startswith("text/html")


if door.serves_others():
    os.environ.setdefault("GATE_EXPLORER_PUBLIC", "1")  # runs.settings: what strangers may take
base = str(st.get_option("server.baseUrlPath")).strip("/")
routes = [
    Route(f"{'/' * bool(base)}{base}{path}", what)
    for path, what in (("/live/{ids}", live), ("/export/{token}/{kind}", export))
]
inwards = [Middleware(layer) for layer in (door.KnownHosts, door.BoundedUploads, NameBrowsers)]
app = st.App("explorer/pages/_frame.py", lifespan=load_ahead, routes=routes, middleware=inwards)
