"""Train: start a run, watch it live, find it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import streamlit as st

import explorer
from explorer import runs
from explorer.figures import training as drawing
from explorer.pages import live, loop, new_run
from explorer.pages.shell import export, links, models, notices, people, pictures, session
from explorer.pages.shell.plain import cells, plain
from explorer.probes.progress import long_enough
from explorer.runs.status import DIVERGED, FINISHED, STATUSES, meaning, named
from explorer.words import TOKEN, say

NEWEST = 8  # runs that are listed until one asks for all
HIGHLIGHT = "rgba(224, 138, 30, 0.25)"


def watch(run_id: str) -> None:
    """One run: what it trains, what one can do about it, its curves, which follow it by themselves, and its sentence."""
    run = runs.run(run_id)
    TOKEN.set(run.recipe.token)
    findings = verdict(run)
    st.markdown(f"{status(run, findings)} **{plain(run.name)}**", help=meaning(run.status))
    st.caption(plain(runs.summary(run.config, run.recipe, run.corpus, run.steps_total)))
    offer_actions(run)
    if run.message:
        (st.error if STATUSES[run.status].bad else st.caption)(people.told(run.message))
    show_verdict(run, findings)
    live.show_curves([run], key="live")
    if run.has_checkpoint:
        show_sentence(run)
    settings = st.expander(say("run-page.settings"), key="settings", on_change="rerun")
    if settings.open:
        settings.dataframe(cells(drawing.settings_of(run)), hide_index=True)  # Streamlit offers it as a CSV, too
    export.offer(tables(run), key="run")


def show_verdict(run: runs.Run, findings: Sequence[explorer.Finding] | None) -> None:
    """What the run's own record says of it, or that nothing in it stands out; nothing where there is no record yet."""
    for finding in findings or ():
        notices.show_finding(finding)
    if findings is not None and not findings:
        st.markdown(f"{notices.STETHOSCOPE} {nothing_found(run)}")


def nothing_found(run: runs.Run) -> str:
    """What it means that nothing was found wrong with a run."""
    if not long_enough(run.epoch, run.step):
        return say("run-page.too-early" if run.active else "run-page.too-short")
    return say("run-page.nothing-so-far" if run.active else "run-page.nothing-stands-out")


def offer_actions(run: runs.Run) -> None:
    """What this person can do about a run, and the pages that look into its model, also while it goes."""
    mine = people.owns(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        if mine and run.stoppable and st.button(say("run-page.stop"), icon=":material/stop:"):
            _do(runs.stop, run.id)
        if mine and run.resumable and st.button(say("run-page.resume"), icon=":material/resume:"):
            _do(runs.resume, run.id)
        if run.has_checkpoint and not run.active:
            read = runs.checkpoint_at(run).read_bytes
            st.download_button(say("run-page.download"), read, run.file_name, on_click="ignore")
        if st.button(say("run-page.new"), icon=":material/add:"):
            links.open_run(None)
        if run.has_checkpoint:
            for page in (links.GATES, links.GRADIENTS):
                links.offer(page, say(f"run-page.see.{page}"), model=models.RUN + run.id)
    if run.deleted is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(say("run-page.was-deleted"), width="stretch")
            if mine and st.button(say("run-page.restore"), icon=":material/undo:"):
                _do(runs.restore, run.id)
    if not mine:
        st.caption(say("run-page.not-yours"))


def tables(run: runs.Run) -> Iterator[export.Table]:
    """All that was recorded of a run."""
    every, some = partial(live.steps, run.id), partial(live.some_steps, run.id)
    yield export.Table(say("table.run-steps"), run.name, every, rows=run.step, sample=some)
    yield export.Table(say("table.run-epochs"), run.name, partial(live.epochs, run.id))


def how_far(run: runs.Run) -> str:
    """Where a run ended, or stands."""
    epoch = say("live.epoch", epoch=run.epoch, total=run.recipe.epochs)
    return epoch if run.fault_step is None else say("run-page.broke-off", step=run.fault_step, epoch=epoch)


def verdict(run: runs.Run) -> Sequence[explorer.Finding] | None:
    """What the run's own record says of it so far; empty where nothing stands out, None where there is no record yet."""
    return live.verdict(run.id, models.version_of(run), run.status) if run.has_checkpoint else None


def status(run: runs.Run, findings: Sequence[explorer.Finding] | None) -> str:
    """The run's status; one that ended worse than guessing is not ticked off."""
    ruined = any(finding.rule == "rate-too-large" for finding in findings or ())
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
    """What the run's model does with the person's sentence after each epoch of which there is a snapshot, to be played."""
    which = models.Which(models.RUN + run.id, 0, models.version_of(run))
    try:
        checkpoint = models.checkpoint_of(which)
    except explorer.CheckpointError:  # the pages that look into it read why
        return
    if not checkpoint.vocabulary.folded(run.sentence):
        return
    epochs, last = checkpoint.epochs, checkpoint.last_epoch
    of_run, chosen = session.kept("watched_epoch", ("", 0))
    shown = chosen if of_run == run.id and chosen in epochs else last
    play = say("run-page.play-gate" if run.config.kind.gates else "run-page.play-state") if len(epochs) > 1 else ""
    st.markdown(f"**{say('run-page.sentence')}** {play}")
    which = which._replace(epoch=last)
    draw = partial(live.watched, which, shown)
    played = pictures.Played(epochs, shown)
    done = pictures.show(draw, run.sentence, (which, shown), key="watched", played=played)
    if done.epoch in epochs and done.epoch != shown:
        # Who is at the last one follows the training.
        session.fill({"watched_epoch": ("", 0) if done.epoch == last else (run.id, done.epoch)})
        st.rerun()


def show_list() -> None:
    """The runs of this browser, and several of them on the same axes."""
    mine, loops, damaged = runs.listed(*people.owners())
    if not mine and not damaged and not loops:
        return
    st.subheader(say("run-page.yours"))
    for run_id, sentence in damaged.items():
        _show_damaged(run_id, sentence)
    all_of: list[runs.Run | runs.Loop] = [*mine, *loops]
    both = sorted(all_of, key=lambda one: -one.created)
    all_of_them = len(both) <= NEWEST or st.toggle(say("run-page.all", count=len(both)), key="all_runs")
    for one in both if all_of_them else both[:NEWEST]:
        _show_line(one)
    compare(mine)


def _show_damaged(run_id: str, sentence: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/broken_image: {plain(sentence)}", width="stretch")
        left = partial(runs.raw, run_id)
        st.download_button(say("run-page.save"), left, "damaged-run.json", key=f"save_{run_id}", on_click="ignore")
        if st.button(say("run-page.delete"), key=f"delete_{run_id}", icon=":material/delete:"):
            _do(delete, run_id)


def _stands(run: runs.Run | runs.Loop) -> str:
    """How a run stands, in a line; the list does not tick."""
    if isinstance(run, runs.Loop):
        how = "" if run.active else say("loop.ended", step=run.step)
        return f"{loop.status(run)} **{plain(run.name)}**{how}"
    how = "" if run.active else f", {how_far(run)}"
    return f"{status(run, verdict(run))} **{plain(run.name)}**{how}"


def _show_line(run: runs.Run | runs.Loop) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_stands(run), width="stretch")
        if st.button(say("run-page.open"), key=f"open_{run.id}"):
            links.open_run(run.id)
        with st.popover(say("run-page.more")):
            name = st.text_input(say("run-page.name"), run.name, key=f"name_{run.id}", max_chars=80)
            if st.button(say("run-page.rename"), key=f"rename_{run.id}", icon=":material/edit:"):
                _do(runs.rename, run.id, name)
            if st.button(say("run-page.delete"), key=f"delete_{run.id}", icon=":material/delete:"):
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
            st.caption(say("run-page.deleted"), width="content")
            if st.button(say("run-page.undo"), icon=":material/undo:"):
                session.forget("deleted")
                _do(runs.restore, deleted)


def compare(mine: Sequence[runs.Run]) -> None:
    """Several runs on the same axes, and the settings in which they differ."""
    names = {run.id: say("run-page.compared", name=run.name, id=run.id[:4], status=named(run.status)) for run in mine}
    chosen = st.multiselect(
        say("run-page.compare"), list(names), format_func=names.__getitem__, max_selections=live.MOST_RUNS
    )
    picked = [run for run in mine if run.id in chosen]
    if len(picked) < 2:
        return
    table, differs = drawing.settings_frame(picked)
    live.show_curves(picked, key="compared")
    st.caption(say("run-page.differ", settings=differs) if differs else say("run-page.same"))
    if len({run.recipe.token for run in picked}) > 1:
        st.caption(say("page.tokens-differ"))
    first = cells(table[[*table.columns[:3], *differs, *(c for c in table.columns[3:] if c not in differs)]])
    st.dataframe(first.style.set_properties(subset=[*differs], **{"background-color": HIGHLIGHT}), hide_index=True)
    export.offer(
        [export.Table(say("table.run-settings"), " ".join(run.name for run in picked), table.copy)], key="compared"
    )


def page() -> None:
    """The page."""
    try:
        offer_undo()
        if run_id := links.opened_run():
            (loop.watch if runs.is_loop(run_id) else watch)(run_id)
        else:
            st.caption(say("run-form.about"))
            new_run.offer_start()
        show_list()
    except runs.RunError as fault:
        st.error(people.told(fault))
        if links.opened_run() and st.button(say("run-page.new")):
            links.open_run(None)
