"""The server of the app: its pages, the address from which live curves are fetched, and what is loaded ahead of them."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


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


BASE = str(st.get_option("server.baseUrlPath")).strip("/")
app = st.App(
    "explorer/pages/_frame.py", lifespan=load_ahead, routes=[Route(f"/{BASE}/live/{{ids}}".replace("//", "/"), live)]
)
