"""Gates: what the gates of the model do at every step of the text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.figures import gates as drawing
from explorer.figures import perplexity as curves
from explorer.figures.panel import Panel
from explorer.figures.style import number
from explorer.models import ModelConfig, NetKey
from explorer.pages.shell import (
    brush,
    charts,
    controls,
    experiment,
    export,
    facts,
    links,
    notices,
    patience,
    pickers,
    pictures,
    roles,
    shelf,
    texts,
    tour,
    writing,
)
from explorer.pages.shell.models import Which, checkpoint_of
from explorer.pages.shell.plain import plain
from explorer.pages.shell.shelf import Shelf
from explorer.probes.gates import GateTrace, Tape, gate_statistics, trace_gates
from explorer.probes.reading import gates_read
from explorer.probes.units import Role
from explorer.tokens import first_steps
from explorer.words import own, say, speaking

NO_UNIT = "none"
TAPE = "tape"
CARDS = ("score", "memory", "mean", "saturated")
OF_GATE = ("mean", "saturated")


class Shown(NamedTuple):
    """What is left of a reading when it is drawn: its score, its tables, and the place of what the model writes."""

    score_name: str
    scored: bool
    tables: list[export.Table]
    written: DeltaGenerator


def show_metrics(trace: GateTrace, tape: Tape, original: GateTrace | None) -> None:
    """The numbers of the whole text, in a row, or two where it is narrow; of an altered model with those of the original."""
    before = dict.fromkeys(CARDS) if original is None else _values(original, original.tapes[tape.net])
    gate = tape.cell.keeps
    pairs = st.grid(2, min_column_width=340)  # four cards or two beside each other, never three
    for place, (card, value) in enumerate(_values(trace, tape).items()):
        if place % 2 == 0:
            pair = pairs.grid(2, min_column_width=150)
        code = _code(card, trace.config)
        figures = {"gate": gate.letter} if gate else {}
        change = None if before[card] is None else say("card.as-trained", value=before[card])
        pair.metric(
            say(f"card.{code}", **figures), value, change, delta_color="off", delta_arrow="off", border=True,
            help=say(f"card.{code}.help", **figures),
        )  # fmt: skip
    residual = trace.residual
    if residual is not None and np.isfinite(residual):
        st.caption(say("gate-page.proof", residual=residual), help=say("gate-page.proof.help", kernel=tape.kernel))


def _code(card: str, config: ModelConfig) -> str:
    """What a card is called in the words: a score by what is asked of the model, and what a cell without gates has not."""
    if card == "score":
        return f"score-{config.objective}"
    return f"{card}-no-gate" if card in OF_GATE and config.kind.keeps is None else card


def _values(trace: GateTrace, tape: Tape) -> dict[str, str]:
    """Card -> its value; a dash where there is none."""
    keep_TH = tape.keep_TH
    statistics = None if keep_TH is None else gate_statistics(keep_TH)
    if statistics is None or tape.tau_H is None:
        return dict.fromkeys(CARDS, "–") | {"score": number(trace.perplexity)}
    tau, saturated = float(tape.tau_H.max()), f"{statistics.saturated_share:.0%}"
    values = (number(trace.perplexity), short_steps(tau), f"{statistics.mean:.2f}", saturated)
    return dict(zip(CARDS, values, strict=True))


def short_steps(tau: float) -> str:
    """A memory time on a card: five characters at most."""
    return f"{tau:,.1f}" if tau < 1e3 else f"{tau:,.0f}" if tau < 1e4 else ">10k"


@dataclass(frozen=True)
class View:
    """What is drawn of a text by one model."""

    which: Which
    layer: int
    direction: str | None
    order: str
    quantity: str
    unit: int | None
    all_units: bool

    def panel(self, of: Shelf, text: str, epoch: int | None = None) -> Panel:
        """The characters, and under them what every gate does at each; of an altered model with a ghost of the original.

        At another epoch of the training the units stay in their places.
        """
        which = self.which if epoch is None else self.which._replace(epoch=epoch)
        chosen, shown, original = (facts.facts(one, text, of) for one in (self.which, which, which.as_trained))
        return drawing.tape(
            shown.trace, layer=self.layer, direction=self.direction, order=self.order, ordered_as=chosen.trace,
            quantity=self.quantity, unit=self.unit, roles=self.named, known=self.known,
            all_units=self.all_units or not self.named, learned_T=shown.learned_T,
            ghost=original.trace if which.intervention else None, alt=say("gate-page.alt.tape"),
        )  # fmt: skip

    @property
    def named(self) -> list[Role]:
        """The units that are drawn alone."""
        return roles.roles_of(self.which, self.net)

    @property
    def known(self) -> list[Role]:
        """What is known of every unit of the first net that is drawn."""
        return roles.all_of(self.which, self.net)

    @property
    def net(self) -> NetKey:
        """The first net that is drawn."""
        return NetKey(self.layer, self.direction or "forward")

    @property
    def found(self) -> bool:
        """Whether that is the model in which their roles were found: of another epoch, or an altered one, nothing is claimed."""
        return self.which.epoch == checkpoint_of(self.which).last_epoch and not self.which.intervention

    def of_another(self, which: Which) -> View:
        """The same of another model, as far as that has it."""
        config = checkpoint_of(which).config
        direction = self.direction if self.direction in config.directions else None
        return replace(self, which=which, layer=min(self.layer, config.num_layers - 1), direction=direction)


def show_gates(view: View, text: str, key: str) -> None:
    """The picture; a unit that is chosen in it is drawn alone."""
    epochs = checkpoint_of(view.which).epochs
    played = pictures.Played(epochs, view.which.epoch) if key == TAPE and not view.which.untrained else None
    draw = partial(view.panel, shelf.own())
    done = pictures.show(draw, text, view, key=key, typed="sentence", played=played)
    token = checkpoint_of(view.which).vocabulary.token
    if done.chosen and done.chosen["row"] == drawing.TEXT:
        writing.take(text, token, done.chosen["step"])
    if done.chosen and done.chosen["line"] is not None and done.chosen["line"] != view.unit:
        links.put("unit", str(done.chosen["line"]))
        st.rerun()
    if done.brushed:
        brush.take(text, token, done.brushed)
    if done.epoch is not None and done.epoch in epochs and done.epoch != view.which.epoch:
        links.put("epoch", done.epoch)
        st.rerun()


def show_beside(first: View, second: Which, text: str) -> None:
    """The pictures of two models, beside each other where there is room."""
    both = {TAPE: first, f"{TAPE}_second": first.of_another(second)}
    for column, (key, view) in zip(st.columns(2), both.items(), strict=True):
        with column, speaking(token=checkpoint_of(view.which).vocabulary.token):
            trace, model = facts.read(view.which, text), plain(view.which.label)
            score = say(f"card.{_code('score', trace.config)}")
            st.caption(say("gate-page.beside", model=model, score=score, value=number(trace.perplexity)))
            show_gates(view, text, key)
    notices.show_tokens_differ(*(facts.read(one, text) for one in (first.which, second)))


def show_learning(which: Which, text: str, score_name: str) -> list[export.Table]:
    """How the model came to read the text as it does, or the first characters of it: on request, since it takes ten readings.

    Returns:
        The same as a table, where it was asked for.

    """
    opened = st.expander(say("gate-page.learning.open"), key="learning", on_change="rerun")
    if not opened.open:
        return []
    with opened:
        token = checkpoint_of(which).vocabulary.token
        begins = first_steps(text, drawing.MAX_STEPS, token)
        with patience.aside(say("gate-page.reading-by-epoch"), done=facts.knows_by_epoch(which, begins)):
            by_epoch = facts.by_epoch(which, begins)
        cut = len(begins) < len(text)
        said = say("gate-page.learning.part", read=drawing.MAX_STEPS) if cut else say("gate-page.learning")
        altered = f" {say('gate-page.learning.as-trained')}" if which.intervention else ""
        st.markdown(f"{said}{altered}")
        charts.show(
            curves.by_epoch(by_epoch, which.epoch, score_name), key="by_epoch", config={"displayModeBar": False},
            alt=say("gate-page.alt.by-epoch"),
        )  # fmt: skip
    return [export.Table(say("table.by-epoch"), which.name, partial(curves.by_epoch_frame, by_epoch, score_name))]


def tables(trace: GateTrace, which: Which, layer: int, direction: str | None) -> list[export.Table]:
    """What the page shows of a reading, as tables; none of them holds the reading."""
    read = export.Fact(trace, partial(trace_gates, facts.facts(which, trace.text).model, trace.text))
    units_of = partial(drawing.blocks, layer=layer, direction=direction)
    steps_of = partial(drawing.step_frame, layer=layer, direction=direction)
    rows = drawing.row_count(trace, layer=layer, direction=direction)
    return [
        export.Table(say("table.gates"), which.file_label, units_of, read, rows),
        export.Table(say("table.steps"), which.file_label, steps_of, read, len(trace)),
        export.Table(say("table.surprise"), which.file_label, curves.curve_frame, read, len(trace)),
    ]


def choose_view(which: Which, trace: GateTrace, layer: int, direction: str | None) -> View:
    """The controls of what is drawn, as far as the reading decides them."""
    tape = trace.tape(layer, direction or "forward")
    named = roles.roles_of(which, tape.net)
    all_units = bool(links.ready("all_units", False, (False, True))) if named else True
    orders = [order for order in drawing.ORDERS if named or order != drawing.ROLE]
    order = controls.choose("order", orders, lambda one: say(f"order.{one}")) if all_units else orders[0]
    units = [NO_UNIT, *map(str, drawing.unit_order(tape, order, roles.all_of(which, tape.net)))]
    followed = controls.choose("unit", units, lambda unit: say("option.no-unit") if unit == NO_UNIT else unit)
    unit = None if followed == NO_UNIT else int(followed)
    quantities = drawing.quantities(trace, tape, unit)
    quantity = controls.choose("colour", list(quantities), lambda code: quantities[code].name)
    texts.offer_link()
    return View(which, layer, direction, order, quantity, unit, all_units)


def show_what_to_look_for(view: View, trace: GateTrace) -> None:
    """The sentence over the picture, and beside it the way into the tour."""
    ghost = f" {say('gate-page.ghost')}" if view.which.intervention else ""
    said, way = st.columns([6, 1])
    if not view.named:
        said.caption(own(trace.config.kind.look_for) + ghost)
    else:
        named = say("gate-page.named" if view.found else "gate-page.named-then")
        said.caption(named + ghost, help=say("gate-page.named.help"))
    with way:
        tour.offer()


def show_reading(view: View, second: Which | None, trace: GateTrace, text: str) -> Shown:
    """What the model did with the text. What is returned is small: the page waits afterwards, with ten others perhaps.

    The pictures are of the text as it was typed, since that is what they are asked for: a reading has its accents composed.
    """
    tape, altered = trace.tape(view.layer, view.direction or "forward"), view.which.intervention
    with st.container():  # what comes and goes shall not move columns below: a picture in them would be made anew
        notices.show_warnings(trace)
        notices.offer_reader(view.which, trace, text)
    if view.named and len(trace):
        role, which = view.named[0], view.which.as_trained
        held = next((one for one in experiment.possible(which, tape, view.named) if one.unit == role.unit), None)
        tour.show(tour.Here(role, held, checkpoint_of(which).corpus))
    show_what_to_look_for(view, trace)
    if len(trace) and second is None:
        show_gates(view, text, TAPE)
    elif second is not None:
        show_beside(view, second, text)
    if view.named and len(trace):
        controls.switch("all_units", count=tape.h_TH.shape[1])
    notices.show_folded(view.which, text)
    if len(trace) > drawing.MAX_STEPS:
        st.caption(say("gate-page.cut", count=len(trace), most=drawing.MAX_STEPS))
    brush.show(view.which, tape, text, trace.text)
    experiment.offer(view.which, tape, view.named, view.unit)
    if altered.units:
        experiment.show_worse(view.which, view.named, text)
    written = st.container()
    st.caption(plain(str(gates_read(trace, tape))))
    show_metrics(trace, tape, facts.read(view.which.as_trained, text) if altered else None)
    if tape.gates and len(trace):
        show_saturation(facts.facts(view.which, text).net(tape.net))
    kept = tables(trace, view.which, view.layer, view.direction) if len(trace) else []
    return Shown(trace.score_name, trace.perplexity is not None, kept, written)


def show_written(shown: Shown, which: Which, second: Which | None, text: str) -> None:
    """What the model would write, over the numbers of the reading."""
    if shown.tables:
        with shown.written:
            writing.show(which, text, second)


def show_saturation(known: facts.NetFacts) -> None:
    """How often each unit's gates are nearly closed, and how often nearly open."""
    st.markdown(say("gate-page.saturation"))
    charts.draw(known.saturation, key="saturation")


def page() -> None:
    """The page. In a function: what a script keeps in its globals outlives it, and a trace may have a hundred megabytes."""
    with st.sidebar:
        chosen, checkpoint = pickers.choose_model()
        layer, direction = pickers.choose_net(checkpoint.config, range(checkpoint.config.num_layers))
        below = st.container()
        second = pickers.choose_second(chosen)
    text = texts.choose_text(checkpoint)
    which = notices.mark_altered(chosen, text)
    with patience.table(text):
        trace = facts.read(which, text)
        with below:
            view = choose_view(which, trace, layer, direction)
        shown = show_reading(view, second, trace, text)
        del trace  # what follows waits
        if patience.is_long(text):  # afterwards it would have to be read again
            show_written(shown, which, second, text)
    facts.settle(which, text[: drawing.MAX_STEPS])
    if not patience.is_long(text):
        show_written(shown, which, second, text)
    learned = show_learning(which, text, shown.score_name) if shown.scored and len(checkpoint.epochs) > 1 else []
    if roles.find(chosen):
        st.rerun()
    if shown.tables:
        export.offer([*shown.tables, *learned], key="gates")
