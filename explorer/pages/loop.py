"""One training loop of the person's own on the page Train: what a probe attached to it has recorded, while it goes and after."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd
import streamlit as st

from explorer import runs
from explorer.figures import loops as drawing
from explorer.figures.hundredths import CONFIG
from explorer.pages import live
from explorer.pages.shell import charts, export, links, notices, people
from explorer.pages.shell.plain import plain
from explorer.runs.status import FAILED, STATUSES, named
from explorer.words import say

MOST_STEPS = 2_000_000  # of a table


def watch(loop_id: str) -> None:
    """One loop: its verdict, its curves, which follow it by themselves, and what its last sampled step did in time."""
    loop = runs.loop(loop_id)
    st.markdown(f"{status(loop)} **{plain(loop.name)}**")
    st.caption(plain(say("loop.about", layers=[layer.title for layer in loop.layers])))
    if st.button(say("run-page.new"), icon=":material/add:"):
        links.open_run(None)
    if loop.deleted is not None:
        st.warning(say("run-page.was-deleted"))
    if loop.message:
        (st.error if loop.status == FAILED else st.caption)(people.told(loop.message))
    for finding in loop.findings:
        notices.show_finding(finding)
    live.show_loop(loop, key="live_loop")
    show_in_time(runs.loop_record(loop_id))
    export.offer(tables(loop), key="loop")


def status(loop: runs.Loop) -> str:
    """How a loop stands; one whose verdict is grave is not ticked off."""
    return f":material/{STATUSES[loop.status].icon}: {named(loop.status)}"


def show_in_time(record: runs.LoopRecord) -> None:
    """The step sampled last: gates and gradient at each time step, and what is left of a loss's gradient by lag."""
    figure, lag = drawing.in_time(record), drawing.by_lag(record)
    if figure is not None:
        st.markdown(say("loop.in-time", step=record.sampled_step))
        charts.show(figure, key="loop_in_time", config=CONFIG, alt=say("loop.alt.in-time"))
    if lag is not None:
        st.markdown(say("loop.by-lag", step=record.sampled_step))
        charts.show(lag, key="loop_by_lag", config=CONFIG, alt=say("loop.alt.by-lag"))


def tables(loop: runs.Loop) -> Iterator[export.Table]:
    """All that was recorded of a loop."""
    every = partial(_steps, loop.id, max(1, loop.step))
    some = partial(_steps, loop.id, live.SAMPLED)
    yield export.Table(say("table.run-steps"), loop.name, every, rows=loop.step, sample=some)
    yield export.Table(say("table.loop-samples"), loop.name, partial(_samples, loop.id))


def _steps(loop_id: str, at_most: int) -> pd.DataFrame:
    return drawing.step_frame(runs.loop_record(loop_id, 2 * min(at_most, MOST_STEPS)))


def _samples(loop_id: str) -> pd.DataFrame:
    return drawing.sample_frame(runs.loop_record(loop_id, MOST_STEPS))
