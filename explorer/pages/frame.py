"""The frame of the app: page settings, navigation and what all pages share."""

import contextlib
import sys
from pathlib import Path

import streamlit as st

SIDEBAR_PX = 366  # so that a model's whole name can be read in it
st.set_page_config(
    page_title="Gate explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide",
    initial_sidebar_state=SIDEBAR_PX,
)  # fmt: skip
ready = getattr(sys.modules.get("explorer.pages.shell.process"), "READY", None)
loading = "Loading PyTorch; only the first visit after a start waits for it."
# A spinner costs a thread and three messages, 2 ms of each run: it turns for the first visit alone.
with contextlib.nullcontext() if ready and ready.is_set() else st.spinner(loading):
    # Not before the page is there: the import takes seconds.
    from explorer.pages.shell import language, links, notices, patience, process, shelf
    from explorer.words import say

    process.settle()
    process.READY.set()


def run() -> None:
    """One run of a page, with what all pages share."""
    language.speak()
    PAGES = {
        links.GATES: st.Page("scripts/gates.py", title=say("page.gates"), default=True),
        links.CELL: st.Page("scripts/cell.py", title=say("page.cell")),
        links.GRADIENTS: st.Page("scripts/gradients.py", title=say("page.gradients")),
        links.TRAIN: st.Page("scripts/train.py", title=say("page.train")),
        links.PROBLEMS: st.Page("scripts/problems.py", title=say("page.problems")),
        links.SERIES: st.Page("scripts/series.py", title=say("page.series")),
        links.OPEN: st.Page("scripts/open.py", title=say("page.open")),
        links.LESSONS: st.Page("scripts/lessons.py", title=say("page.lessons")),
    }
    # Streamlit's own navigation would lead to bare addresses. These links carry what is chosen, also into a new tab.
    shown = st.navigation(list(PAGES.values()), position="hidden")
    links.read(next(name for name, page in PAGES.items() if page == shown))
    language.speak()  # what the link names is known now
    with st.container(horizontal=True, gap="xsmall", key="navigation"):
        for name, page in PAGES.items():
            st.page_link(page, help=say(f"page.{name}.help"), query_params=links.address(name))
        language.choose()
    problems = st.container()
    if notices.runs_whole(shown):
        links.write(complete=True)
    shelf.own().settle()  # what the page has computed meanwhile
    with problems:
        notices.show_problems()


with patience.FLOOR.taken():
    run()
