"""Who the person is: their browser, whether they sit at this machine, and what they may do and read there."""

from __future__ import annotations

import contextlib
import re
import secrets
from pathlib import Path

import streamlit as st

from explorer import runs
from explorer.pages.shell.plain import plain
from explorer.words import say

BROWSER_HEADER = "X-Gate-Explorer-Browser"  # set by door.py, which takes out what a client says there
LOCAL_HEADER = "X-Gate-Explorer-Local"  # set by door.py, likewise
ROOT = str(Path(__file__).parents[3])
# A path from the root of a disk down to its last part: between quotes, or up to a blank where no address of the web is meant.
ABSOLUTE = re.compile(
    r"(?<=')(?:[A-Za-z]:)?[/\\][^']*[/\\](?=[^'/\\]*')|(?<![\w/.\\…])(?:[A-Za-z]:)?[/\\](?:[^/\\\s'\",;()]+[/\\])+"
)


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
        sentence = sentence.replace(str(runs.data_folder()), say("page.data-folder"))
    return ABSOLUTE.sub("…/", sentence.replace(ROOT, "…"))
