"""What is live on the page Train: curves that ask the server how their runs stand, every second while one of them goes.

A tick through Streamlit runs the page again, 20 ms of the one process that serves everybody. This is a plain answer
over HTTP, made once for all who ask within half a second; the page runs again only when what it says is not true any more.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

import explorer
from explorer import runs
from explorer.figures import canvas
from explorer.figures import loops as loop_drawing
from explorer.figures import training as drawing
from explorer.figures.panel import Panel
from explorer.pages.shell import models, people
from explorer.probes.progress import TrainingRecord, judge
from explorer.runs import Run
from explorer.words import LANGUAGE, LANGUAGES, say, speaking

DRAWN_STEPS, DRAWN_EPOCHS = 600, 150
SAMPLED = 200  # steps, by which the size of their table is judged
SHARED_S = 0.5  # all who ask within so long are told the same
MOST_RUNS, MOST_SHOWN = 4, 200
HTML = """
<p class="said"></p>
<div class="panel" role="group"></div>
<div class="writes" hidden><p>{writes}</p><pre></pre></div>
"""
SCRIPTS = ("ink", "panel", "pointing", "live")
CSS = Path(__file__).with_suffix(".css")
_packing = threading.Lock()


def state(watched: Sequence[Run]) -> str:
    """What the page around the curves shows of these runs; when it changes, the page is run again."""
    return " ".join(f"{run.status}@{models.version_of(run)}" for run in watched)


def said(run: Run) -> str:
    """How far a run is, in a line."""
    told = [*_place_in_training(run)]
    if run.place:
        told.append(say("live.place", place=run.place, wait_s=run.wait_s or 0))
    if run.active and run.tokens_per_s:
        with speaking(token=run.recipe.token):
            told.append(say("live.speed", speed=run.tokens_per_s))
    if run.time_left_s is not None:
        told.append(say("live.left", left_s=run.time_left_s))
    return " · ".join(told)


def _place_in_training(run: Run) -> tuple[str, str]:
    places = {"step": run.step, "total": run.steps_total}, {"epoch": run.epoch, "total": run.recipe.epochs}
    if run.fault_step is None:
        return say("live.step", **places[0]), say("live.epoch", **places[1])
    return say("live.fault", **places[0] | {"step": run.fault_step}), say("live.fault-epoch", **places[1])


def progress(run: Run) -> drawing.Progress:
    """What is drawn of a run."""
    return drawing.Progress(run, runs.metrics(run.id, DRAWN_STEPS), runs.epochs_since(run.id, at_most=DRAWN_EPOCHS))


def steps(run_id: str) -> Iterator[pd.DataFrame]:
    """The table of all steps of a run, in blocks."""
    run = runs.run(run_id)
    for block in runs.steps(run_id):
        yield drawing.step_frame(drawing.Progress(run, block, []))


def some_steps(run_id: str) -> pd.DataFrame:
    """A few lines of it."""
    return drawing.step_frame(drawing.Progress(runs.run(run_id), runs.metrics(run_id, SAMPLED), []))


def epochs(run_id: str) -> pd.DataFrame:
    """The table of all epochs of a run."""
    return drawing.epoch_frame(drawing.Progress(runs.run(run_id), runs.metrics(run_id, 1), runs.epochs_since(run_id)))


@lru_cache(maxsize=32)
def _packed(ids: tuple[str, ...], shown: str, language: str, moment: int) -> bytes:
    with speaking(language):
        return _said_and_drawn(ids)


def _said_and_drawn(ids: tuple[str, ...]) -> bytes:
    panel, about = _of_loop(ids[0]) if runs.is_loop(ids[0]) else _of_runs(ids)
    return gzip.compress(canvas.pack(panel, about), 1)


def _of_loop(loop_id: str) -> tuple[Panel, dict[str, Any]]:
    record = runs.loop_record(loop_id, DRAWN_STEPS)
    loop = record.loop
    told = say("live.loop", step=loop.step, sampled=loop.sampled)
    about = {"state": loop_state(loop), "active": loop.active, "said": told, "samples": ""}
    return loop_drawing.live(record, say("live.of-loop")), about


def loop_state(loop: runs.Loop) -> str:
    """What the page around the curves shows of a loop; when it changes, the page is run again."""
    return f"{loop.status}@{loop.sampled}"


def _of_runs(ids: tuple[str, ...]) -> tuple[Panel, dict[str, Any]]:
    watched = [runs.run(run_id) for run_id in ids]
    drawn = [progress(run) for run in watched]
    alone = len(drawn) == 1
    samples = next((event.samples for event in reversed(drawn[0].epochs) if event.samples), None) if alone else None
    about = {
        "state": state(watched),
        "active": any(run.active for run in watched),
        "said": said(watched[0]) if alone else "",
        "samples": "\n".join(samples or ()),
    }
    return drawing.live(drawn, say("live.alone" if alone else "live.together")), about


def answer(ids: tuple[str, ...], shown: str, language: str = "en") -> tuple[int, bytes]:
    """HTTP status, and the curves of these runs packed as figures.canvas does it, gzipped; or what is wrong, in words.

    Args:
        ids: of the runs.
        shown: their state as the page of the asker shows it: who shows a new one is not told an older one.
        language: in which it is said.

    """
    language = language if language in LANGUAGES else "en"
    with speaking(language):
        try:
            with _packing:  # who comes while it is made waits for it
                return 200, _packed(ids[:MOST_RUNS], shown[:MOST_SHOWN], language, int(time.monotonic() / SHARED_S))
        except runs.UnknownRunError as fault:
            return 404, people.without_folders(str(fault)).encode()
        except runs.RunError as fault:
            return 503, people.without_folders(str(fault)).encode()


def show_curves(watched: Sequence[Run], key: str) -> None:
    """The curves of some runs, and of a single one how it stands and what it writes; they follow it by themselves.

    Mounted again with the same key, they go on where the person's zoom is. The page is run again when `state` has changed:
    all of it, since after a restart of the server it knows no fragment of the page that is still open.
    """
    _mount([run.id for run in watched], state(watched), drawing.live_height_px(watched), key)


def show_loop(loop: runs.Loop, key: str) -> None:
    """The curves of a loop of the person's own, and how far it is; the page runs again when a step was looked at closely."""
    _mount([loop.id], loop_state(loop), loop_drawing.live_height_px(loop), key)


def _mount(ids: Sequence[str], shown: str, height_px: int, key: str) -> None:
    html, css = HTML.format(writes=say("live.writes")), canvas.style() + CSS.read_text("utf-8")
    component = st.components.v2.component("curves", html=html, css=css, js=canvas.script(*SCRIPTS))
    about = {"address": f"live/{','.join(ids)}", "language": LANGUAGE.get(), "state": shown}
    asked = about | {"height": height_px, "lost": say("live.lost")}
    component(key=key, data=asked, on_changed_change=lambda: None)


@st.cache_resource(show_spinner=False, max_entries=200)
def verdict(run_id: str, version: int, status: str) -> tuple[explorer.Finding, ...] | None:
    """What a run's own record says of it so far, for all who look; empty where nothing stands out, None without a record."""
    del version, status  # it is judged anew when they change
    name = models.RUN + run_id
    try:
        checkpoint = models.load(name)
        beyond = models.beyond_the_file(models.Which.of(name, checkpoint.last_epoch))
        begun = checkpoint.history or runs.run(run_id).fault_step is not None
        return tuple(judge(TrainingRecord.of(checkpoint, *beyond))) if begun else None
    except (explorer.CheckpointError, runs.RunError):
        return None


def watched(last: models.Which, shown: int, sentence: str, epoch: int | None = None) -> Panel:
    """What a run's model does with a sentence after an epoch.

    Args:
        last: the model after the last epoch of which there is a snapshot.
        shown: the epoch that the page shows.
        sentence: the run's own, which whoever has its link may see.
        epoch: which is asked for instead.

    """
    return _after(last._replace(epoch=shown if epoch is None else epoch), last, sentence, LANGUAGE.get())


@lru_cache(maxsize=16)
def _after(then: models.Which, last: models.Which, sentence: str, language: str) -> Panel:
    """The same, made once for all who watch the run in one language."""
    checkpoint = models.checkpoint_of(last)
    read = checkpoint.vocabulary.folded(sentence)
    # While it trains the file may be newer than the page, without what was the last epoch then: the page runs again soon.
    known = (
        one if one.epoch in checkpoint.epochs else one._replace(epoch=checkpoint.last_epoch) for one in (then, last)
    )
    first, second = (explorer.trace_gates(models.model_of(one), read) for one in known)
    with speaking(token=checkpoint.vocabulary.token):
        return drawing.after_epoch(first, second, say("run-page.alt.sentence"))
