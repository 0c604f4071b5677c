"""The session and the process behind the pages: what is kept, whose browser it is, and what is set up once."""

from __future__ import annotations

import contextlib
import gc
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
import torch

from explorer import runs
from explorer.pages._plain import plain

TURN_S = 5e-4
BROWSER_HEADER = "X-Gate-Explorer-Browser"  # set by door.py, which takes out what a client says there
LOCAL_HEADER = "X-Gate-Explorer-Local"  # set by door.py, likewise
ROOT = str(Path(__file__).parents[2])
# A path from the root of a disk down to its last part: between quotes, or up to a blank where no address of the web is meant.
ABSOLUTE = re.compile(
    r"(?<=')(?:[A-Za-z]:)?[/\\][^']*[/\\](?=[^'/\\]*')|(?<![\w/.\\…])(?:[A-Za-z]:)?[/\\](?:[^/\\\s'\",;()]+[/\\])+"
)


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

    The server knows it by a cookie and says it in a header of its own (`door.py`). In a browser that takes no cookies, it is
    the tab.
    """
    named = st.context.headers.get(BROWSER_HEADER)
    return str(named or st.session_state.setdefault("tab", secrets.token_hex(8)))


def owns(run: runs.Run) -> bool:
    """Whether this person may stop, resume, rename or delete a run; whoever has its address may look."""
    return run.owner in owners()


def owners() -> tuple[str, ...]:
    """Whose runs this person sees: the browser's own and, where they sit at this machine, the command line's."""
    return (browser(), runs.COMMAND_LINE) if at_this_machine() else (browser(),)


def at_this_machine() -> bool:
    """Whether the person sits at the server's own machine, which their connection decides (`door.is_local`)."""
    return bool(st.context.headers.get(LOCAL_HEADER))


def told(sentence: object) -> str:
    """A sentence of the library as markdown, to the letter; where files lie is told at this machine only."""
    return plain(str(sentence) if at_this_machine() else without_folders(str(sentence)))


def without_folders(sentence: str) -> str:
    """A sentence in which no folder of the server is named."""
    with contextlib.suppress(runs.RunError):
        sentence = sentence.replace(str(runs.data_folder()), "the data folder")
    return ABSOLUTE.sub("…/", sentence.replace(ROOT, "…"))


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
