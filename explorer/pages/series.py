"""Numbers: a network that reads numbers in time, a series or a table of one's own, from learning to gates and gradient."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

import explorer
from explorer.cells import CELLS
from explorer.fields import ConfigError
from explorer.figures import gradients as flows
from explorer.figures import series as drawing
from explorer.figures.hundredths import CONFIG
from explorer.figures.panel import Panel
from explorer.figures.style import number
from explorer.pages.shell import charts, controls, export, links, people, pictures, session, shelf
from explorer.pages.shell.learning import Learnt, Wishes, learnt
from explorer.pages.shell.plain import plain
from explorer.pages.shell.shelf import Shelf
from explorer.pages.shell.texts import Upload
from explorer.probes.series import SeriesTrace
from explorer.series import BUILT_IN, Score, Table, Task, numeric_columns, scored
from explorer.words import LANGUAGE, own, say

OWN, NO_UNIT = "own-table", "none"
UNITS, LENGTHS, STEPS = (8, 16, 24, 32, 64), (10, 20, 30, 50, 100, 200), (50, 100, 200, 400, 800, 1600)
DEFAULT_STEPS = {"sine": 100, "adding": 400, OWN: 200}
DEFAULT_LENGTH = {"sine": 50, "adding": 20, OWN: 30}
TABLE, MOST_TABLE_BYTES, MOST_HORIZON = "table", 5_000_000, 30


def page() -> None:
    """The page."""
    st.caption(say("series-page.what"))
    with st.sidebar:
        task_name = controls.choose("numbers", [*BUILT_IN, OWN], lambda one: say(f"numbers.{one}"))
        below = st.container()
    try:
        task, key = (BUILT_IN[task_name], task_name) if task_name in BUILT_IN else choose_table(below)
        if task is None:
            return
        with below:
            known = learnt(task, choose_network(task_name, key))
            units = [NO_UNIT, *map(str, range(known.wishes.units))]
            followed = controls.choose("numbers_unit", units, _unit_name)
        known.wait()
        show(known, followed)
    except ConfigError as fault:
        st.error(people.told(fault))


def choose_network(task: str, key: str) -> Wishes:
    """The controls of the network, and of how long it learns."""
    cell = controls.choose("numbers_cell", ["gru", *(name for name in CELLS if name != "gru")], _cell_name)
    units = controls.slide("numbers_units", UNITS, 24)
    length = controls.slide("numbers_length", LENGTHS, DEFAULT_LENGTH[task])
    steps = controls.slide("numbers_steps", STEPS, DEFAULT_STEPS[task])
    return Wishes(key, cell, int(units), int(length), int(steps))


def _unit_name(unit: str) -> str:
    return say("option.no-unit") if unit == NO_UNIT else unit


def _cell_name(cell: str) -> str:
    return own(next(iter(CELLS[cell].variants.values())))


# ---- a table of one's own ------------------------------------------------------------------------------------------


def choose_table(place: st.delta_generator.DeltaGenerator) -> tuple[Task | None, str]:
    """The task of a person's own table, and what tells it from others; None where there is no table yet."""
    file = _choose_file()
    if file is None:
        return None, ""
    frame = shelf.own().get(("table", file.data), partial(_read, file))
    numbers = numeric_columns(frame)
    if len(numbers) < 1:
        st.error(say("series-page.no-numbers", columns=[*map(str, frame.columns)][:8]))
        return None, ""
    with place:
        target = controls.choose("numbers_target", numbers)
        read = st.multiselect(
            say("control.numbers-columns"), numbers, numbers, key="numbers_columns", persist_state="session"
        )
        horizon = int(controls.slide("numbers_horizon", range(1, MOST_HORIZON + 1), 1))
    others = [str(column) for column in frame.columns if str(column) not in numbers]
    label = others[0] if others else None
    task = Table.of(frame, target, read or [target], horizon=horizon, labels=label, name=file.name)
    chosen = repr((target, read, horizon)).encode()
    return task, hashlib.sha256(file.data + chosen).hexdigest()


def _read(file: Upload) -> pd.DataFrame:
    try:
        return pd.read_csv(io.BytesIO(file.data), sep=None, engine="python", encoding_errors="replace")
    except Exception as fault:  # pandas' reader raises whatever the file makes it raise
        said = " ".join(str(fault).split())[:200]
        raise ConfigError("table", explorer.fields.expected("csv"), said) from fault


def _choose_file() -> Upload | None:
    file: Upload | None = links.named(TABLE)
    if file is None:
        st.file_uploader(
            say("series-page.file"), type=["csv", "tsv", "txt"], key="table_upload", on_change=_keep_file,
            max_upload_size=MOST_TABLE_BYTES // 10**6,
        )  # fmt: skip
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(file.name)}**", width="content")
        st.button(
            say("page.file.remove"), icon=":material/close:", key="table_remove", on_click=links.drop, args=(TABLE,)
        )
    return file


def _keep_file() -> None:
    if (file := session.kept("table_upload", None)) is not None:
        links.take_values({TABLE: Upload(file.name, file.getvalue())})


# ---- what it learned -----------------------------------------------------------------------------------------------


def show(known: Learnt, chosen: str) -> None:
    """How good it is beside those who know nothing; then the pictures of a sequence that it has not seen."""
    if known.fault:
        st.warning(plain(known.fault))
        return
    score = _score(shelf.own(), known)
    st.markdown(_verdict(known, score))
    followed = None if chosen == NO_UNIT else int(chosen)
    draw = partial(_tape, shelf.own(), known, followed)
    done = pictures.show(draw, "", (known.wishes, followed), key="numbers_tape")
    if done.chosen and done.chosen["line"] is not None and done.chosen["line"] != followed:
        links.put("numbers_unit", str(done.chosen["line"]))
        st.rerun()
    one = known.task.example(known.wishes.length).asked_T.sum() == 1
    st.markdown(say("series-page.flow-of-one" if one else "series-page.flow"))
    pictures.show(partial(_flow, shelf.own(), known), "", (known.wishes, "flow"), key="numbers_flow")
    st.markdown(say("series-page.learned", steps=len(known.records), seconds=known.records[-1].elapsed_s))
    charts.show(
        drawing.learning(known.records), key="numbers_learning", config=CONFIG, alt=say("series-page.alt.learning")
    )
    trace = _trace(shelf.own(), known)
    made = partial(drawing.frame, trace, known.task.columns, known.task.targets)
    export.offer([export.Table(say("table.series"), known.task.name, made, rows=len(trace))], key="numbers")


def _verdict(known: Learnt, score: Score) -> str:
    """Whether it tells its target better than those who know nothing; on sequences from which nothing was learned."""
    name, best = min(score.guesses.items(), key=lambda guess: guess[1])
    figures = {"target": plain(known.task.targets[0]), "rmse": number(score.rmse), "guess": number(best)}
    code = "better" if score.rmse < 0.9 * best else "alike" if score.rmse <= best else "worse"
    icon = ":material/check:" if code == "better" else ":material/warning:"
    return f"{icon} {say(f'series-page.{code}', who=say(f'series-page.who.{name}'), **figures)}"


def _read_of(known: Learnt) -> explorer.SeriesRead:
    return explorer.SeriesRead.of(known.model, known.task.example(known.wishes.length))


def _trace(of: Shelf, known: Learnt) -> SeriesTrace:
    return of.get(("numbers-trace", known.wishes, LANGUAGE.get()), lambda: explorer.trace_series(_read_of(known)))


def _score(of: Shelf, known: Learnt) -> Score:
    return of.get(("numbers-score", known.wishes), lambda: scored(known.model, known.task, known.wishes.length))


def _tape(of: Shelf, known: Learnt, unit: int | None, _: str) -> Panel:
    columns, targets = known.task.columns, known.task.targets
    return drawing.tape(_trace(of, known), columns, targets, unit=unit, alt=say("series-page.alt.tape"))


def _flow(of: Shelf, known: Learnt, _: str) -> Panel:
    flow = of.get(("numbers-flow", known.wishes), lambda: explorer.gradient_flow(known.model, _read_of(known)))
    rows = [row for row, term in enumerate(flow.asked_T.tolist()) if term >= 0]
    several = len(rows) > 1
    panel = flows.flow(flow, None, rows[-1] if several else None, alt=say("series-page.alt.flow"))
    # A triangle of one row is the curve below it.
    return panel if several else replace(panel, rows=[row for row in panel.rows if row.key != flows.LOSSES])


page()
