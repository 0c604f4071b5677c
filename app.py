"""The server of the app: its pages, the addresses of live curves and downloads, and what is loaded ahead of them."""

import contextlib
import ctypes
import importlib.util
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
        from explorer.pages.shell import process

        process.settle()

    threading.Thread(target=load, daemon=True).start()
    yield


def live(request: Request) -> Response:
    """The progress of runs, to the curves that follow them; Starlette answers it in a thread."""
    from explorer.pages import live

    ids, asked = tuple(request.path_params["ids"].split(",")), request.query_params
    status, body = live.answer(ids, asked.get("state", ""), asked.get("lang", "en"))
    packed = {"Content-Encoding": "gzip"} if status == 200 else {}
    return Response(body, status, {"Cache-Control": "no-store"} | packed, "application/octet-stream")


def export(request: Request) -> Response:
    """A table that a page offers, sent in blocks."""
    from explorer.pages.shell import export

    browser = request.headers.get(door.NamedBrowsers.HEADER.decode(), "")
    languages = request.headers.get("Accept-Language", "")
    return export.answer(request.path_params["token"], request.path_params["kind"], browser, languages)


async def picture(request: Request) -> Response:
    """What a page draws of a text, also of one it does not know of yet."""
    from explorer.pages.shell import pictures

    if request.method != "POST":  # which would else be answered by Streamlit, with its page
        return Response(status_code=405, headers={"Allow": "POST"})
    if int(request.headers.get("Content-Length") or pictures.MOST_BYTES + 1) > pictures.MOST_BYTES:
        return Response(status_code=413)
    browser = request.headers.get(door.NamedBrowsers.HEADER.decode(), "")
    body = await request.body()
    status, answer = await run_in_threadpool(pictures.answer, request.path_params["token"], browser, body)
    return Response(answer, status, {"Cache-Control": "no-store"}, "application/octet-stream")


# Found without being imported: that takes a second, and the server is to answer at once.
PAGES = Path(str(importlib.util.find_spec("explorer").origin)).parent / "pages" / "frame.py"  # type: ignore[union-attr]
if door.serves_others():
    os.environ.setdefault("GATE_EXPLORER_PUBLIC", "1")  # runs.settings: what strangers may take
base = str(st.get_option("server.baseUrlPath")).strip("/")
places = (
    ("/live/{ids}", live, ["GET"]),
    ("/export/{token}/{kind}", export, ["GET"]),
    ("/picture/{token}", picture, ["GET", "POST"]),
)
routes = [Route(f"{'/' * bool(base)}{base}{path}", what, methods=methods) for path, what, methods in places]
inwards = [Middleware(layer) for layer in (door.KnownHosts, door.BoundedUploads, door.NamedBrowsers)]
app = st.App(PAGES, lifespan=load_ahead, routes=routes, middleware=inwards)
