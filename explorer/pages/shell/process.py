"""The process behind the pages: what is set up once, before the first of them."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading

import streamlit as st
import torch

from explorer import runs

TURN_S = 1e-3
READY = threading.Event()
"""Set once a page has loaded everything."""


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once a process: one torch thread (two beside a busy server are slower), a warm worker, imports out of gc's sight.

    With torch imported, a collection of everything takes 98 ms; of what is not frozen, next to none. Every call of torch
    lets other threads run and then asks for its turn again, which Python grants after 5 ms: beside two busy threads, a
    loop of 71 steps took 5 s, and takes 1 s with turns of a millisecond. Shorter ones cost sixty people more in changes than
    they save in waiting, since one run of a page goes on at a time (patience.Floor).
    """
    torch.set_num_threads(1)
    sys.setswitchinterval(TURN_S)
    with contextlib.suppress(runs.RunError):  # a data folder that cannot be written: the page Train says so
        runs.prepare()
    gc.collect()
    gc.freeze()
