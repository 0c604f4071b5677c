"""Train: start a run, watch it live, find it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer import runs
from explorer.figures import training as drawing
from explorer.pages import _models, _new_run, _session
from explorer.pages._curves import show_curves

if TYPE_CHECKING:
    from explorer.figures.figure import Figure

TICK_S, SNAPSHOT_S = 1.0, 5.0
HIGHLIGHT = "rgba(224, 138, 30, 0.25)"
DRAWN_STEPS = 600
STATUS = {
    "waiting": ":material/hourglass_empty: waiting", "running": ":material/directions_run: running",
    "stopping": ":material/pan_tool: stopping", "stopped": ":material/stop_circle: stopped",
    "finished": ":material/check_circle: finished", "interrupted": ":material/power_off: interrupted",
    "diverged": ":material/warning: diverged", "failed": ":material/error: failed",
}  # fmt: skip


SHARED_S = 0.5  # all who watch a run within so long are shown the same


def _moment(run: runs.Run) -> tuple[object, ...]:
    """What tells a run from what it was before, for the caches."""
    return run.id, run.name, run.status, int(time.monotonic() / SHARED_S) if run.active else run.step


AS_IT_IS: dict[Any, Any] = {runs.Run: _moment}


@st.cache_resource(show_spinner=False, max_entries=16, hash_funcs=AS_IT_IS)
def progress(run: runs.Run) -> drawing.Progress:
    """What is drawn of a run; all who watch it share it."""
    return drawing.Progress(run, runs.metrics(run.id, DRAWN_STEPS), runs.epochs_since(run.id))


def whole(run_id: str) -> drawing.Progress:
    """Everything there is of a run, for its tables."""
    run = runs.run(run_id)
    return drawing.Progress(run, runs.metrics(run_id, max(run.step, 1)), runs.epochs_since(run_id))


@st.cache_resource(show_spinner=False, max_entries=16, hash_funcs=AS_IT_IS)
def packed(watched: tuple[runs.Run, ...], alt: str) -> tuple[bytes, int]:
    """Their curves as the component takes them, and the height of the drawing."""
    curves = drawing.live([progress(run) for run in watched], alt)
    return curves.pack(), curves.height_px


def show_run(run: runs.Run) -> None:
    """One run: how it stands, and every curve of it."""
    drawn = progress(run)
    said = [
        STATUS[run.status],
        f"step {run.step:,} of about {run.steps_total:,}",
        f"epoch {run.epoch} of {run.recipe.epochs}",
    ]
    if run.place:
        said.append(f"place {run.place} in line, about {run.wait_s or 0:.0f} s to wait")
    if run.active and run.tokens_per_s:
        said.append(f"{run.tokens_per_s:,.0f} characters/s")
    if run.time_left_s is not None:
        said.append(f"about {run.time_left_s:.0f} s left")
    st.markdown(f"**{_session.plain(run.name)}**")
    st.caption(" · ".join(said))
    if run.message:
        (st.error if run.status in ("diverged", "failed") else st.caption)(run.message)
    if len(drawn.metrics):
        alt = "Perplexity, gradient norms, clipping, shares and gates over the steps of training"
        show_curves(*packed((run,), alt), key="live")
    samples = next((event.samples for event in reversed(drawn.epochs) if event.samples), None)
    if samples:
        st.caption("The model writes, at this point of its training:")
        st.code("\n".join(samples), language=None, wrap_lines=True)


def watch(run_id: str) -> None:
    """A run as it is now, again every second while it goes."""
    run = runs.run(run_id)

    @st.fragment(run_every=TICK_S if run.active else None)
    def tick() -> None:
        now = runs.run(run_id)
        show_run(now)
        if run.active and not now.active:
            st.rerun()  # once: the buttons change, the ticking ends

    with st.container(horizontal=True):
        if run.status in ("running", "waiting") and st.button("Stop", icon=":material/stop:"):
            _do(runs.stop, run_id)
        if run.resumable and st.button("Resume", icon=":material/resume:"):
            _do(runs.resume, run_id)
        if run.has_checkpoint and not run.active:
            st.download_button(
                "Download", runs.checkpoint_path(run_id).read_bytes, f"{run_id}.safetensors", on_click="ignore"
            )
        if st.button("New run", icon=":material/add:"):
            _session.open_run(None)
    tick()
    with st.container(horizontal=True):
        _session.offer_csv("Steps of the run", lambda: drawing.step_frame(whole(run_id)))
        _session.offer_csv("Epochs of the run", lambda: drawing.epoch_frame(whole(run_id)))
    if run.has_checkpoint:
        st.fragment(show_sentence, run_every=SNAPSHOT_S if run.active else None)(run)


def _do(action: Callable[..., object], *about: str) -> None:
    """Do something to a run and show what came of it, or why it was refused."""
    try:
        action(*about)
    except runs.RunError as fault:
        st.error(str(fault))
    else:
        st.rerun()


def show_sentence(run: runs.Run) -> None:
    """The gates of the person's sentence at every snapshot there is, to be played."""
    what = "the states take shape" if run.config.cell == "rnn" else "the gate that keeps takes shape"
    figure = over_training(run.id, _models.version(_models.RUN + run.id), run.sentence)
    if figure is not None:
        st.markdown(f"**Your sentence over training.** Press Play: {what}.")
        st.plotly_chart(figure, key="over_training", alt="The keeping gate on the sentence at each snapshot")


@st.cache_resource(show_spinner=False, max_entries=8)
def over_training(run_id: str, version: int, sentence: str) -> Figure | None:
    """The drawing of that, for all who watch the run; None where there is no sentence or no checkpoint."""
    traces = _models.traces_of_run(run_id, sentence)
    return drawing.over_training(traces) if traces else None


def show_list() -> None:
    """The runs of this browser, and several of them on the same axes."""
    mine = runs.runs(*_session.owners())
    if not mine:
        return
    st.subheader("Your runs")
    for run in mine:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{STATUS[run.status]} **{_session.plain(run.name)}**"
                + f", epoch {run.epoch} of {run.recipe.epochs}" * (not run.active),  # the list does not tick
                width="stretch",
            )
            if st.button("Open", key=f"open_{run.id}"):
                _session.open_run(run.id)
            with st.popover("Rename"):
                name = st.text_input("Name", run.name, key=f"name_{run.id}", max_chars=80)
                if st.button("Rename", key=f"rename_{run.id}"):
                    _do(runs.rename, run.id, name)
            if st.button("Delete", key=f"delete_{run.id}"):
                _do(delete, run.id)
    compare(mine)


def delete(run_id: str) -> None:
    """Delete a run, and remember which for the undo."""
    runs.delete(run_id)
    _session.fill({"deleted": run_id})
    if _session.opened_run() == run_id:
        _session.close_run()


def offer_undo() -> None:
    """The undo of the last deletion."""
    if deleted := _session.kept("deleted", ""):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("The run was deleted.", width="content")
            if st.button("Undo", icon=":material/undo:"):
                _session.forget("deleted")
                _do(runs.restore, deleted)


def compare(mine: Sequence[runs.Run]) -> None:
    """Several runs on the same axes, and the settings in which they differ."""
    names = {run.id: f"{run.name} · {run.id[:4]} ({run.status})" for run in mine}
    chosen = st.multiselect("Compare on the same axes", list(names), format_func=names.__getitem__, max_selections=4)
    picked = [run for run in mine if run.id in chosen]
    if len(picked) < 2:
        return
    table, differs = drawing.settings_frame(picked)

    @st.fragment(run_every=TICK_S if any(run.active for run in picked) else None)
    def tick() -> None:
        now = tuple(runs.run(run.id) for run in picked)
        show_curves(*packed(now, "The chosen runs on the same axes, by number as in the table"), key="compared")

    tick()
    st.caption(f"They differ in {', '.join(differs)}." if differs else "Their settings are the same.")
    first = table[["", "run", "status", *differs, *(c for c in table.columns[3:] if c not in differs)]]
    st.dataframe(first.style.set_properties(subset=[*differs], **{"background-color": HIGHLIGHT}), hide_index=True)
    _session.offer_csv("Settings", lambda: table)


st.title("Train")
st.markdown(
    "Press Start and watch: the perplexity falls, the gradient's norm (grey) is cut to theta (colour), and the gates on "
    "your own sentence open and close. A run goes on when you close the page; its address finds it again."
)
try:
    offer_undo()
    if run_id := _session.opened_run():
        watch(run_id)
    else:
        _new_run.offer_start()
    show_list()
except runs.RunError as fault:
    st.error(str(fault))
    if _session.opened_run() and st.button("New run"):
        _session.open_run(None)
