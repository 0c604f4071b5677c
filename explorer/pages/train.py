"""Train: start a run, watch it live, find it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import streamlit as st

import explorer
from explorer import runs
from explorer.figures import training as drawing
from explorer.figures.hundredths import CONFIG
from explorer.pages import live, new_run
from explorer.pages.shell import charts, export, links, models, people, session
from explorer.pages.shell.plain import badge, cells, plain
from explorer.runs.status import DIVERGED, FINISHED, STATUSES, meaning, named

NEWEST = 8  # runs that are listed until one asks for all
HIGHLIGHT = "rgba(224, 138, 30, 0.25)"


def watch(run_id: str) -> None:
    """One run: what one can do about it, its curves, which follow it by themselves, and its sentence."""
    run = runs.run(run_id)
    findings = verdict(run)
    st.markdown(f"{status(run, findings)} **{plain(run.name)}**", help=meaning(run.status))
    offer_actions(run)
    if run.message:
        (st.error if STATUSES[run.status].bad else st.caption)(people.told(run.message))
    for finding in findings:
        st.markdown(
            f":material/stethoscope: **{finding.title}.** {badge(finding.sureness)}"
            + plain(f"{finding.evidence} {finding.advice}")
        )
    live.show_curves([run], key="live")
    if run.has_checkpoint:
        show_sentence(run)
    settings = st.expander("Settings of this run", key="settings", on_change="rerun")
    if settings.open:
        settings.dataframe(cells(drawing.settings_of(run)), hide_index=True)  # Streamlit offers it as a CSV, too
    export.offer(tables(run), key="run")


def offer_actions(run: runs.Run) -> None:
    """What this person can do about a run."""
    mine = people.owns(run)
    with st.container(horizontal=True):
        if mine and run.stoppable and st.button("Stop", icon=":material/stop:"):
            _do(runs.stop, run.id)
        if mine and run.resumable and st.button("Resume", icon=":material/resume:"):
            _do(runs.resume, run.id)
        if run.has_checkpoint and not run.active:
            st.download_button("Download", runs.checkpoint_path(run.id).read_bytes, run.file_name, on_click="ignore")
        if st.button("New run", icon=":material/add:"):
            links.open_run(None)
    if run.deleted is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning("This run was deleted; for a day it can be brought back.", width="stretch")
            if mine and st.button("Bring it back", icon=":material/undo:"):
                _do(runs.restore, run.id)
    if not mine:
        st.caption("You see this run by its address. Only the browser that started it can stop, resume or delete it.")


def tables(run: runs.Run) -> Iterator[export.Table]:
    """All that was recorded of a run."""
    every, some = partial(live.steps, run.id), partial(live.some_steps, run.id)
    yield export.Table("Steps of the run", run.name, every, rows=run.step, sample=some)
    yield export.Table("Epochs of the run", run.name, partial(live.epochs, run.id))


def how_far(run: runs.Run) -> str:
    """Where a run ended, or stands."""
    epoch = f"epoch {run.epoch} of {run.recipe.epochs}"
    return epoch if run.fault_step is None else f"at step {run.fault_step:,}, in {epoch}"


def verdict(run: runs.Run) -> Sequence[explorer.Finding]:
    """What the run's own record says of it so far; empty where nothing stands out, or where there is no record yet."""
    version = models.version(models.RUN + run.id)
    return live.verdict(run.id, version, run.status) if run.has_checkpoint else ()


def status(run: runs.Run, findings: Sequence[explorer.Finding]) -> str:
    """The run's status; one that ended worse than guessing is not ticked off."""
    ruined = any(finding.rule == "rate-too-large" for finding in findings)
    icon = STATUSES[DIVERGED if run.status == FINISHED and ruined else run.status].icon
    return f":material/{icon}: {named(run.status)}"


def _do(action: Callable[..., object], *about: str) -> None:
    """Do something to a run and show what came of it, or why it was refused."""
    try:
        action(*about)
    except runs.RunError as fault:
        st.error(people.told(fault))
    else:
        st.rerun()


def show_sentence(run: runs.Run) -> None:
    """The gates of the person's sentence at every snapshot there is, to be played."""
    drawn = live.over_training(run.id, models.version(models.RUN + run.id), run.sentence)
    if drawn is None:
        return
    figure, snapshots = drawn
    what = "the states take shape" if not run.config.kind.gates else "the gate that keeps takes shape"
    st.markdown("**Your sentence over training.**" + f" Press Play: {what}." * (snapshots > 1))
    charts.show(figure, key="over_training", config=CONFIG, alt="The keeping gate on the sentence at each snapshot")


def show_list() -> None:
    """The runs of this browser, and several of them on the same axes."""
    mine, damaged = runs.runs(*people.owners()), runs.unreadable(*people.owners())
    if not mine and not damaged:
        return
    st.subheader("Your runs")
    for run_id, sentence in damaged.items():
        _show_damaged(run_id, sentence)
    for run in mine if len(mine) <= NEWEST or st.toggle(f"All {len(mine)} runs", key="all_runs") else mine[:NEWEST]:
        _show_line(run)
    compare(mine)


def _show_damaged(run_id: str, sentence: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/broken_image: {plain(sentence)}", width="stretch")
        left = partial(runs.raw, run_id)
        st.download_button("Save", left, "damaged-run.json", key=f"save_{run_id}", on_click="ignore")
        if st.button("Delete", key=f"delete_{run_id}", icon=":material/delete:"):
            _do(delete, run_id)


def _show_line(run: runs.Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        how = "" if run.active else f", {how_far(run)}"  # the list does not tick
        st.markdown(f"{status(run, verdict(run))} **{plain(run.name)}**{how}", width="stretch")
        if st.button("Open", key=f"open_{run.id}"):
            links.open_run(run.id)
        with st.popover("More"):
            name = st.text_input("Name", run.name, key=f"name_{run.id}", max_chars=80)
            if st.button("Rename", key=f"rename_{run.id}", icon=":material/edit:"):
                _do(runs.rename, run.id, name)
            if st.button("Delete", key=f"delete_{run.id}", icon=":material/delete:"):
                _do(delete, run.id)


def delete(run_id: str) -> None:
    """Delete a run, and remember which for the undo."""
    runs.delete(run_id)
    session.fill({"deleted": run_id})
    if links.opened_run() == run_id:
        links.close_run()


def offer_undo() -> None:
    """The undo of the last deletion."""
    if deleted := session.kept("deleted", ""):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("The run was deleted.", width="content")
            if st.button("Undo", icon=":material/undo:"):
                session.forget("deleted")
                _do(runs.restore, deleted)


def compare(mine: Sequence[runs.Run]) -> None:
    """Several runs on the same axes, and the settings in which they differ."""
    names = {run.id: f"{run.name} · {run.id[:4]} ({named(run.status)})" for run in mine}
    chosen = st.multiselect("Compare on the same axes", list(names), format_func=names.__getitem__, max_selections=4)
    picked = [run for run in mine if run.id in chosen]
    if len(picked) < 2:
        return
    table, differs = drawing.settings_frame(picked)
    live.show_curves(picked, key="compared")
    st.caption(f"They differ in {', '.join(differs)}." if differs else "Their settings are the same.")
    first = cells(table[[*table.columns[:3], *differs, *(c for c in table.columns[3:] if c not in differs)]])
    st.dataframe(first.style.set_properties(subset=[*differs], **{"background-color": HIGHLIGHT}), hide_index=True)
    export.offer([export.Table("Settings", " ".join(run.name for run in picked), table.copy)], key="compared")


def page() -> None:
    """The page."""
    try:
        offer_undo()
        if run_id := links.opened_run():
            watch(run_id)
        else:
            st.caption(
                "Press Start and watch: the perplexity falls, the gradient's norm (grey) is cut to θ (colour), and the gates on "
                "your own sentence open and close. A run goes on when you close the page; its address finds it again."
            )
            new_run.offer_start()
        show_list()
    except runs.RunError as fault:
        st.error(people.told(fault))
        if links.opened_run() and st.button("New run"):
            links.open_run(None)


page()
