"""Numbers: a network that reads numbers in time, a series or a table of one's own, from learning to gates and gradient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

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
from explorer.interventions import Intervention, altered
from explorer.models import SequenceModel
from explorer.pages.shell import alterations, charts, controls, export, links, people, pictures, session, shelf
from explorer.pages.shell.learning import Learnt, Wishes, learnt
from explorer.pages.shell.plain import plain
from explorer.pages.shell.shelf import Shelf
from explorer.pages.shell.texts import Upload
from explorer.probes.series import SeriesTrace
from explorer.reads.series import SeriesRead
from explorer.series import BUILT_IN, Score, Table, Task, class_columns, counts_rows, numeric_columns, scored
from explorer.tables import columns_with_gaps, read_table
from explorer.words import LANGUAGE, own, say

V = TypeVar("V")
OWN, NO_UNIT = "own-table", "none"
UNITS, LENGTHS, STEPS = (8, 16, 24, 32, 64), (10, 20, 30, 50, 100, 200), (50, 100, 200, 400, 800, 1600)
DEFAULT_STEPS = {"sine": 100, "adding": 400, "waves": 400, OWN: 200}
RATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
NO_THETA = "none"
BEYOND = 0.5  # share of what is asked for that lies beyond what was learned
THETAS = ("1", "0.01", "0.1", "0.5", "5", NO_THETA)
DEFAULT_LENGTH = {"sine": 50, "adding": 20, "waves": 50, OWN: 30}
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
            changed = choose_changes(known)
            units = [NO_UNIT, *map(str, range(known.wishes.units))]
            followed = controls.choose("numbers_unit", units, _unit_name)
        known.wait()
        show(Seen(known, changed), followed)
    except ConfigError as fault:
        st.error(people.told(fault))


def choose_network(task: str, key: str) -> Wishes:
    """The controls of the network, and of how long it learns."""
    cell = controls.choose("numbers_cell", ["gru", *(name for name in CELLS if name != "gru")], _cell_name)
    units = controls.slide("numbers_units", UNITS, 24)
    length = controls.slide("numbers_length", LENGTHS, DEFAULT_LENGTH[task])
    steps = controls.slide("numbers_steps", STEPS, DEFAULT_STEPS[task])
    rate = controls.slide("numbers_rate", RATES, 0.005, "{:g}".format)
    theta = controls.choose("numbers_theta", THETAS, lambda one: say("option.no-clipping") if one == NO_THETA else one)
    clip_norm = None if theta == NO_THETA else float(theta)
    return Wishes(key, cell, int(units), int(length), int(steps), float(rate), clip_norm)


def choose_changes(known: Learnt) -> Intervention:
    """What is altered in it once it has learned."""
    cell = CELLS[known.wishes.cell]
    if not cell.gates:
        return Intervention()
    keys = [f"{links.NUMBERS_HOLD}{gate.letter}" for gate in cell.gates]
    with st.expander(say("page.alter"), expanded=links.at_arrival(*keys)):
        return Intervention(alterations.choose_held(cell, links.NUMBERS_HOLD))


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
    numbers, of_words = numeric_columns(frame), class_columns(frame)
    if len(numbers) < 1:
        st.error(say("series-page.no-numbers", columns=[*map(str, frame.columns)][:8]))
        return None, ""
    gaps = [say("series-page.gap", name=name, count=count) for name, count in columns_with_gaps(frame).items()]
    if gaps:
        st.caption(plain(say("series-page.gaps", columns=gaps[:8])))
    with place:
        telling = sorted(numbers, key=partial(counts_rows, frame))  # what counts the rows is told least
        target = controls.choose("numbers_target", [*telling, *of_words])
        read = st.multiselect(
            say("control.numbers-columns"), numbers, numbers, key="numbers_columns", persist_state="session"
        )
        soonest = 0 if target in of_words else 1  # a number that is read needs not be told
        horizon = int(controls.slide("numbers_horizon", range(soonest, MOST_HORIZON + 1), soonest))
    others = [str(column) for column in frame.columns if str(column) not in (*numbers, target)]
    label = others[0] if others else None
    default = numbers if target in of_words else [target]
    task = Table.of(frame, target, read or default, horizon=horizon, labels=label, name=file.name)
    chosen = repr((target, read, horizon)).encode()
    return task, hashlib.sha256(file.data + chosen).hexdigest()


def _read(file: Upload) -> pd.DataFrame:
    try:
        return read_table(file.data)
    except ConfigError:
        raise
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


class Seen(NamedTuple):
    """A network that has learned, and what is altered in it."""

    known: Learnt
    changed: Intervention

    def kept(self, of: Shelf, what: str, make: Callable[[], V]) -> V:
        """What is known of it, computed once for all who see the same; some of it is words."""
        return of.get((f"numbers-{what}", self.known.wishes, self.changed, LANGUAGE.get()), make)

    def model(self, of: Shelf) -> SequenceModel:
        """The network, altered."""
        model: SequenceModel = self.kept(of, "model", lambda: altered(self.known.model, self.changed))
        return model

    def read(self, of: Shelf) -> SeriesRead:
        """Having read a sequence from which it learned nothing."""
        task, length = self.known.task, self.known.wishes.length
        return self.kept(of, "read", lambda: SeriesRead.of(self.model(of), task.example(length)))

    def trace(self, of: Shelf) -> SeriesTrace:
        """What its gates did, and what it told."""
        return self.kept(of, "trace", lambda: explorer.trace_series(self.read(of)))

    def flow(self, of: Shelf) -> explorer.GradientFlow:
        """How much of each loss reaches each step."""
        return self.kept(of, "flow", lambda: explorer.gradient_flow(self.model(of), self.read(of)))

    def score(self, of: Shelf) -> Score:
        """How well it tells its target."""
        known = self.known
        return self.kept(of, "score", lambda: scored(self.model(of), known.task, known.wishes.length))

    def tape(self, of: Shelf, unit: int | None, _: str) -> Panel:
        """The picture of its gates."""
        task = self.known.task
        trace = drawing.in_unit(self.trace(of), task)
        return drawing.tape(trace, task.columns, task.outputs, unit=unit, alt=say("series-page.alt.tape"))

    def triangle(self, of: Shelf, _: str) -> Panel:
        """The picture of its gradient."""
        flow = self.flow(of)
        rows = [row for row, term in enumerate(flow.asked_T.tolist()) if term >= 0]
        several = len(rows) > 1
        panel = flows.flow(flow, None, rows[-1] if several else None, alt=say("series-page.alt.flow"))
        # A triangle of one row is the curve below it.
        return panel if several else replace(panel, rows=[row for row in panel.rows if row.key != flows.LOSSES])


def show(seen: Seen, chosen: str) -> None:
    """How good it is beside those who know nothing; then the pictures of a sequence that it has not seen."""
    known, of = seen.known, shelf.own()
    if known.fault:
        st.warning(plain(known.fault))
        return
    st.markdown(_verdict(seen, seen.score(of)))
    if seen.changed:
        trained = _said(Seen(known, Intervention()).score(of).error, known.task)
        code = "series-page.altered-classes" if known.task.classes else "series-page.altered"
        st.caption(say(code, changes=plain(str(seen.changed)), error=trained))
    followed = None if chosen == NO_UNIT else int(chosen)
    about = (known.wishes, seen.changed)
    done = pictures.show(partial(seen.tape, of, followed), "", (about, followed), key="numbers_tape")
    if done.chosen and done.chosen["line"] is not None and done.chosen["line"] != followed:
        links.put("numbers_unit", str(done.chosen["line"]))
        st.rerun()
    one = known.task.example(known.wishes.length).asked_T.sum() == 1
    st.markdown(say("series-page.flow-of-one" if one else "series-page.flow"))
    pictures.show(partial(seen.triangle, of), "", (about, "flow"), key="numbers_flow")
    flow = seen.flow(of)
    st.caption(say("series-page.reach", half=flow.half_life_steps, horizon=flow.horizon_steps))
    st.markdown(say("series-page.learned", steps=len(known.records), seconds=known.records[-1].elapsed_s))
    charts.show(
        drawing.learning(known.records), key="numbers_learning", config=CONFIG, alt=say("series-page.alt.learning")
    )
    trace = drawing.in_unit(seen.trace(of), known.task)
    made = partial(drawing.frame, trace, known.task.columns, known.task.outputs)
    export.offer([export.Table(say("table.series"), known.task.name, made, rows=len(trace))], key="numbers")


def _verdict(seen: Seen, score: Score) -> str:
    """Whether it tells its target better than those who know nothing; on sequences from which nothing was learned.

    To one that was altered by hand, no advice on learning is given.
    """
    known = seen.known
    name, best = min(score.guesses.items(), key=lambda guess: guess[1])
    figures = {
        "target": plain(known.task.targets[0]), "error": _said(score.error, known.task), "guess": _said(best, known.task),
    }  # fmt: skip
    code = score.judged
    icon = {"better": ":material/check:", "few": ":material/info:"}.get(code, ":material/warning:")
    if seen.changed and code != "better":
        code = "changed"
    advice = _advice(code, known.task)
    kind = "-classes" if known.task.classes else ""
    return f"{icon} {say(f'series-page.{code}{kind}', who=say(f'series-page.who.{name}'), **figures)} {advice}"


def _advice(code: str, task: Task) -> str:
    """What to change; nothing where it tells its target well, or where nobody could say."""
    if code in ("better", "changed", "few"):
        return ""
    beyond = isinstance(task, Table) and task.beyond_share > BEYOND
    return say(f"series-page.{'beyond' if beyond else code}.advice")


def _said(error: float, task: Task) -> str:
    """An error as it is told: of classes the share that is right, which is all or nothing only where it is."""
    if not task.classes:
        return number(error)
    return ">99%" if 0 < error < 0.005 else "<1%" if 0.995 < error < 1 else f"{1 - error:.0%}"
