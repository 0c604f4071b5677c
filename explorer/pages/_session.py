"""The session and the process behind the pages: what is kept, whose browser it is, and what is set up once."""

from __future__ import annotations

import contextlib
import gc
import secrets
import sys
from collections.abc import Mapping
from typing import Any

import streamlit as st
import torch

from explorer import runs

TURN_S = 5e-4
BROWSER_HEADER = "X-Gate-Explorer-Browser"  # set by app.py, which takes out what a client says there
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once a process: one torch thread (two beside a busy server are slower), a warm worker, imports out of gc's sight.

    With torch imported, a collection of everything takes 98 ms; of what is not frozen, next to none. Every call of torch
    lets other threads run and then asks for its turn again, which Python grants after 5 ms: beside two busy threads, a
    loop of 71 steps took 5 s, and takes 0.3 s with turns of half a millisecond.
    """
    torch.set_num_threads(1)
    sys.setswitchinterval(TURN_S)
    with contextlib.suppress(runs.RunError):  # a data folder that cannot be written: the page Train says so
        runs.prepare()
    gc.collect()
    gc.freeze()


def browser() -> str:
    """A name for the person's browser, the same after it was closed and opened again: whose run it is.

    The server knows it by a cookie and says it in a header of its own (`app.py`). In a browser that takes no cookies, it is
    the tab.
    """
    named = st.context.headers.get(BROWSER_HEADER)
    return str(named or st.session_state.setdefault("tab", secrets.token_hex(8)))


def owns(run: runs.Run) -> bool:
    """Whether this person may stop, resume, rename or delete a run; whoever has its address may look."""
    return run.owner in owners()


def owners() -> tuple[str, ...]:
    """Whose runs this person sees: the browser's own and, on a server that serves this machine only, the command line's.

    A proxy on the same machine may bring strangers to a local address: it names their host, or says that it forwards.
    """
    headers = st.context.headers
    host = str(headers.get("Host") or "localhost")
    asked = host if host.startswith("[") else host.partition(":")[0]
    local = st.get_option("server.address") in LOCAL and asked in LOCAL and not headers.get("X-Forwarded-For")
    return (browser(), runs.COMMAND_LINE) if local else (browser(),)


def give_way() -> None:
    """Let Streamlit break this run off if the person wants something newer by now: it looks where its session is asked."""
    kept("sentence", "")


def kept(key: str, default: Any) -> Any:
    """What the session keeps under a key."""
    return st.session_state.get(key, default)


def fill(values: Mapping[str, Any]) -> None:
    """Put values into the session, and so into the controls of these keys."""
    for key, value in values.items():
        st.session_state[key] = value


def fill_once(values: Mapping[str, Any]) -> None:
    """The same, where there is no value yet."""
    for key, value in values.items():
        st.session_state.setdefault(key, value)


def forget(key: str) -> None:
    """Take a value out of the session."""
    st.session_state.pop(key, None)
