"""Gates: what the gates of the model do at every step of the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from explorer.figures import gates as drawing
from explorer.figures import perplexity as curves
from explorer.figures.panel import Panel
from explorer.figures.style import number
from explorer.pages.shell import charts, controls, export, facts, links, notices, pickers, pictures, roles, shelf, texts
from explorer.pages.shell.models import Which, checkpoint_of
from explorer.pages.shell.plain import plain
from explorer.pages.shell.shelf import Shelf
from explorer.probes.gates import GateTrace, Tape, gate_statistics, memory_time, trace_gates
from explorer.probes.reading import gates_read
from explorer.words import say

NO_UNIT = "none"


class Shown(NamedTuple):
    """What is left of a reading when it is drawn: its score's name, whether it has one, and its tables."""

    score_name: str
    scored: bool
    tables: list[export.Table]


def show_metrics(trace: GateTrace, tape: Tape) -> None:
    """The numbers of the whole text, in rows of three, or two where it is narrow."""
    grid = st.grid(3, min_column_width=150)
    for card, value, figures in _cards(trace, tape):
        grid.metric(say(f"card.{card}", **figures), value, border=True, help=say(f"card.{card}.help", **figures))


def _cards(trace: GateTrace, tape: Tape) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What each card is called in the words, its value, and the figures of its words."""
    gate, keep_TH, residual = tape.cell.keeps, tape.keep_TH, trace.residual
    statistics = None if keep_TH is None else gate_statistics(keep_TH)
    tau = None if keep_TH is None or statistics is None else float(memory_time(keep_TH).max())
    named = {"gate": gate.letter} if gate else {}
    yield "characters", f"{len(trace):,}", {}
    yield "mean" if gate else "mean-no-gate", f"{statistics.mean:.2f}" if statistics else "–", named
    yield (
        "saturated" if gate else "saturated-no-gate",
        f"{statistics.saturated_share:.0%}" if statistics else "–",
        named,
    )
    yield "memory", "–" if tau is None else short_steps(tau), {}
    yield f"score-{trace.config.objective}", number(trace.perplexity), {}
    proved = residual is not None and np.isfinite(residual)
    yield "proof", f"{residual:.0e}" if proved else "–", {"kernel": tape.kernel}


def short_steps(tau: float) -> str:
    """A memory time on a card: five characters at most."""
    return f"{tau:,.1f}" if tau < 1e3 else f"{tau:,.0f}" if tau < 1e4 else ">10k"


@dataclass(frozen=True)
class View:
    """What is drawn of a text."""

    which: Which
    layer: int
    direction: str | None
    order: str
    quantity: str
    unit: int | None

    def panel(self, of: Shelf, text: str) -> Panel:
        """The characters, and under them what every gate does at each."""
        trace = facts.facts(self.which, text, of).trace
        shown = trace.tape(self.layer, self.direction or "forward")
        named = [] if self.which.untrained else roles.roles_of(self.which.name, shown.net)
        return drawing.tape(
            trace, layer=self.layer, direction=self.direction, order=self.order, quantity=self.quantity,
            unit=self.unit, roles=named, alt=say("gate-page.alt.tape"),
        )  # fmt: skip


def show_gates(view: View, text: str) -> None:
    """The picture; a unit that is chosen in it is drawn alone."""
    of = shelf.own()
    done = pictures.show(partial(view.panel, of), text, view, key="tape", typed="sentence")
    if done.chosen and done.chosen["line"] is not None and done.chosen["line"] != view.unit:
        links.put("unit", str(done.chosen["line"]))
        st.rerun()
    if len(text) > drawing.MAX_STEPS:
        st.caption(say("gate-page.cut", count=len(text), most=drawing.MAX_STEPS))


def show_learning(by_epoch: dict[int, float | None], which: Which, score_name: str, read: int | None) -> None:
    """How the model came to read the text as it does, or the first characters of it."""
    said = say("gate-page.learning.part", read=read) if read else say("gate-page.learning")
    altered = f" {say('gate-page.learning.as-trained')}" if which.intervention else ""
    st.markdown(f"{said}{altered}")
    charts.show(
        curves.by_epoch(by_epoch, which.epoch, score_name), key="by_epoch", config={"displayModeBar": False},
        alt=say("gate-page.alt.by-epoch"),
    )  # fmt: skip


def tables(trace: GateTrace, which: Which, layer: int, direction: str | None) -> list[export.Table]:
    """What the page shows of a reading, as tables; none of them holds the reading."""
    read = export.Fact(trace, partial(trace_gates, facts.facts(which, trace.text).model, trace.text))
    units_of = partial(drawing.blocks, layer=layer, direction=direction)
    steps_of = partial(drawing.step_frame, layer=layer, direction=direction)
    rows = drawing.row_count(trace, layer=layer, direction=direction)
    return [
        export.Table(say("table.gates"), which.label, units_of, read, rows),
        export.Table(say("table.steps"), which.label, steps_of, read, len(trace)),
        export.Table(say("table.surprise"), which.label, curves.curve_frame, read, len(trace)),
    ]


def show_reading(which: Which, text: str, layer: int, direction: str | None, order: str, below: Any) -> Shown:
    """What the model did with the text. What is returned is small: the page waits afterwards, with ten others perhaps."""
    trace = facts.read(which, text)
    tape = trace.tape(layer, direction or "forward")
    with below:
        quantity = controls.choose("colour", list(drawing.quantities(trace, tape)))
        units = [NO_UNIT, *map(str, drawing.unit_order(tape, order))]
        unit = controls.choose("unit", units, lambda unit: say("option.no-unit") if unit == NO_UNIT else unit)
        texts.offer_link()
    notices.show_warnings(trace)
    named = [] if which.untrained else roles.roles_of(which.name, tape.net)
    # What the titles say was found in the model as trained; of another epoch, or an altered one, nothing is claimed.
    found = which.epoch == checkpoint_of(which).last_epoch and not which.intervention
    st.caption(say("gate-page.named" if found else "gate-page.named-then") if named else trace.config.kind.look_for)
    if len(trace):
        show_gates(View(which, layer, direction, order, quantity, None if unit == NO_UNIT else int(unit)), text)
    st.caption(plain(str(gates_read(trace, tape))))
    show_metrics(trace, tape)
    kept = tables(trace, which, layer, direction) if len(trace) else []
    return Shown(trace.score_name, trace.perplexity is not None, kept)


def page() -> None:
    """The page. In a function: what a script keeps in its globals outlives it, and a trace may have a hundred megabytes."""
    with st.sidebar:
        which, checkpoint = pickers.choose_model()
        layer, direction = pickers.choose_net(checkpoint.config, range(checkpoint.config.num_layers))
        order = controls.choose("order", drawing.ORDERS)
        below = st.container()
    text = texts.choose_text(checkpoint)
    notices.mark_altered(which, text)
    shown = show_reading(which, text, layer, direction, order, below)
    with st.spinner(say("gate-page.reading-by-epoch")):
        by_epoch = facts.by_epoch(which, text[: drawing.MAX_STEPS])
    if shown.scored and len(by_epoch) > 1:
        show_learning(by_epoch, which, shown.score_name, drawing.MAX_STEPS if len(text) > drawing.MAX_STEPS else None)
    if shown.tables:
        make = partial(curves.by_epoch_frame, by_epoch, shown.score_name)
        export.offer([*shown.tables, export.Table(say("table.by-epoch"), which.name, make)], key="gates")


page()
