"""The session and the process behind the pages: what is kept, whose browser it is, and what is set up once."""

from __future__ import annotations

import contextlib
import gc
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
import torch

from explorer import runs
from explorer.pages._plain import plain

TURN_S = 5e-4
BROWSER_HEADER = "X-Gate-Explorer-Browser"  # set by app.py, which takes out what a client says there
LOCAL_HEADER = "X-Gate-Explorer-Local"  # set by door.py, likewise


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
    """Whose runs this person sees: the browser's own and, where they sit at this machine, the command line's.

    Who does is decided by their connection (`door.is_local`).
    """
    return (browser(), runs.COMMAND_LINE) if st.context.headers.get(LOCAL_HEADER) else (browser(),)


def offer_csv(label: str, make: Callable[[], pd.DataFrame]) -> None:
    """A button that makes a table and downloads it, when it is pressed."""
    file_name = re.sub(r"\W+", "-", label.lower()).strip("-") + ".csv"
    make_csv = partial(_csv, make)
    st.download_button(f"{plain(label)} (CSV)", make_csv, file_name, "text/csv", on_click="ignore")


def _csv(make: Callable[[], pd.DataFrame]) -> str:
    return make().to_csv(index=False)


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
