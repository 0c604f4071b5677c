"""Computations that take long: they say what they are, and give way to a newer wish."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

import streamlit as st

import explorer
from explorer.pages import _session
from explorer.pages._facts import Facts, facts
from explorer.pages._models import Which

LONG = 3_000  # characters; fewer are read within a blink
LOOK_S = 0.05


def read(which: Which, text: str) -> explorer.GateTrace:
    """What a model did with a text. While a long one is read, the page says so and breaks off for a newer wish."""
    known = facts(which, text)
    if len(text) < LONG or "trace" in vars(known):
        return known.trace
    reading = _begin(which, text)
    with st.spinner(f"The model is reading {len(text):,} characters."):
        while not reading.done():
            wait([reading], LOOK_S)
            _session.give_way()
    return reading.result()


@st.cache_resource(show_spinner=False, max_entries=2, scope="session")
def _begin(which: Which, text: str) -> Future[explorer.GateTrace]:
    """The reading, begun in a thread of its own; who comes again after breaking off waits for the same one."""
    known: Facts = facts(which, text)
    _ = known.model  # loaded here: a cache of Streamlit's belongs to its own threads
    reader = ThreadPoolExecutor(1)
    reading = reader.submit(lambda: known.trace)
    reader.shutdown(wait=False)
    return reading
