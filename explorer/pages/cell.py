"""Cell: one step of a model, opened: the drawing and the equations of its cell with the numbers in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from explorer.cells import Cell
from explorer.characters import visible
from explorer.checkpoints import Checkpoint
from explorer.figures import cell as drawing
from explorer.figures import gates as over_text
from explorer.figures.panel import Panel
from explorer.models import NetKey
from explorer.pages.shell import charts, controls, export, facts, links, notices, pickers, pictures, roles, shelf, texts
from explorer.pages.shell.models import Which
from explorer.pages.shell.plain import plain
from explorer.pages.shell.shelf import Shelf
from explorer.probes import cost
from explorer.probes.cell import OWN_KERNEL, CellChange, OpenedCell, open_cell
from explorer.probes.gates import GateTrace, Tape
from explorer.reads import Read
from explorer.tokens import WORD, Tokens, blanks, first_steps, replaced, token_of
from explorer.words import say

FREE = "free"
STATES = (FREE, "-1", "-0.75", "-0.5", "-0.25", "0", "0.25", "0.5", "0.75", "1")
OWN = (FREE, "-4", "-2", "-1", "-0.5", "0", "0.5", "1", "2", "4")
SHIFTS = ("-6", "-4", "-2", "-1", "-0.5", "0", "0.5", "1", "2", "4", "6")
HELD = (FREE, "0", "0.1", "0.25", "0.5", "0.75", "0.9", "1")
# The choices of all that can be changed at a step.
CHANGES = (
    "at_x",
    "at_variant",
    *(f"at_{what}_{letter}" for what, letters in links.CHANGED.items() for letter in letters),
)
VALUES = {"before": (STATES, FREE), "bias": (SHIFTS, "0"), "own": (OWN, FREE), "hold": (HELD, FREE)}


@dataclass(frozen=True)
class View:
    """One unit over the text, and the step that is opened."""

    which: Which
    net: NetKey
    unit: int
    step: int

    def panel(self, of: Shelf, text: str) -> Panel:
        """The text and the unit's own parts."""
        trace = facts.facts(self.which, text, of).trace
        layer, direction = self.net
        return over_text.unit_tape(trace, self.unit, self.step, layer=layer, direction=direction)


# ---- what is opened


def choose_net(checkpoint: Checkpoint) -> NetKey:
    """One net: layer and direction, where the model has a choice of them."""
    layer, direction = pickers.choose_net(checkpoint.config, range(checkpoint.config.num_layers), both=False)
    return NetKey(layer, direction or "forward")


def moved(tape: Tape) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """How far each unit's state went at each step, (T, H)."""
    distance: np.ndarray[tuple[int, int], np.dtype[np.float32]] = np.abs(tape.h_TH - tape.h_prev_TH)
    return distance


def choose_unit(which: Which, tape: Tape) -> int:
    """The unit whose numbers are shown: at first one that is known to follow something, or that moves most."""
    said = {role.unit: plain(role.place) for role in reversed(roles.all_of(which, tape.net))}
    said |= {role.unit: plain(role.place) for role in reversed(roles.roles_of(which, tape.net))}
    named = [role.unit for role in roles.roles_of(which, tape.net)]
    first = named[0] if named else int(moved(tape).max(0).argmax())
    units = [first, *(unit for unit in range(tape.h_TH.shape[1]) if unit != first)]

    def called(unit: str) -> str:
        known = said.get(int(unit))
        return say("cell-page.unit", unit=int(unit), place=known) if known else unit

    return int(controls.choose("unit", list(map(str, units)), called, name="at-unit"))


def choose_step(trace: GateTrace, tape: Tape, unit: int) -> int:
    """The step that is opened: at first the one at which the unit's state goes farthest. Arrow keys go on and back."""
    count = tape.h_TH.shape[0]
    steps = list(map(str, range(count)))
    with st.container(horizontal=True, vertical_alignment="center"):
        step = int(links.ready("at", str(int(moved(tape)[:, unit].argmax())), steps))
        st.button(
            say("cell-page.back"), key="at_back", icon=":material/arrow_back:", shortcut="Left", disabled=step == 0,
            on_click=links.take_values, args=({"at": str(step - 1)},),
        )  # fmt: skip
        st.button(
            say("cell-page.on"), key="at_on", icon=":material/arrow_forward:", shortcut="Right",
            disabled=step == count - 1, on_click=links.take_values, args=({"at": str(step + 1)},),
        )  # fmt: skip
        shown = list(map(visible, trace.text))
        if token_of(trace.text) == WORD:
            shown = [f" {word}" if blank else word for word, blank in zip(shown, blanks(trace.text), strict=True)]
        around, after = (
            plain("".join(shown[start:end])) for start, end in ((max(0, step - 14), step), (step + 1, step + 15))
        )
        here = plain(visible(trace.text[step]))
        st.markdown(say("cell-page.here", step=step, before=around, here=here, after=after))
    return step


# ---- what is changed


def choose_change(cell: Cell, checkpoint: Checkpoint, unit: int, read: str) -> tuple[str, CellChange]:
    """Another character, and what else is changed at this step alone."""
    own = cell.stacked if cell.recurrent else ()
    asked = {"before": cell.state, "hold": tuple(gate.letter for gate in cell.gates), "bias": cell.stacked, "own": own}
    with st.expander(say("cell-page.change"), expanded=links.at_arrival(*CHANGES)):
        st.caption(say("cell-page.change.about"))
        _offer_presets(cell)
        symbols = [read, *(symbol for symbol in checkpoint.model.vocabulary.symbols[1:] if symbol != read)]
        character = controls.choose("at_x", symbols, visible)
        changed = {what: _slide(what, letters) for what, letters in asked.items()}
        variant = _choose_variant(cell, checkpoint.config.variant)
    change = CellChange(unit, changed["before"], changed["bias"], changed["own"], changed["hold"], variant)
    return character, change


def _slide(what: str, letters: tuple[str, ...]) -> dict[str, float]:
    values, default = VALUES[what]
    chosen = {
        letter: controls.slide(f"at_{what}_{letter}", values, default, _named, f"at_{what}", letter=letter)
        for letter in letters
    }
    return {letter: float(one) for letter, one in chosen.items() if one != default}


def _named(value: str) -> str:
    return say("option.free") if value == FREE else value


def _choose_variant(cell: Cell, own: str) -> str:
    """Another variant of the cell, of the same weights; "" for its own."""
    if len(cell.variants) < 2:
        return ""
    offered = [own, *(variant for variant in cell.variants if variant != own)]
    chosen = controls.choose("at_variant", offered, cell.variants.__getitem__)
    return "" if chosen == own else chosen


def _offer_presets(cell: Cell) -> None:
    """What one may try with the gates at this step, a click each."""
    with st.container(horizontal=True, gap="small"):
        for code, held in cell.presets.items():
            values = {f"at_hold_{gate.letter}": f"{held.get(gate.letter, FREE)}" for gate in cell.gates}
            st.button(
                say(f"preset.{code}"), key=f"at_{code}", type="tertiary", on_click=links.take_values, args=(values,)
            )
        st.button(
            say("cell-page.restore"), key="at_restore", type="tertiary", icon=":material/undo:", on_click=links.drop,
            args=CHANGES,
        )  # fmt: skip


# ---- what is shown


def show(opened: OpenedCell, was: OpenedCell | None, unit: int, *, one_hot: bool) -> None:
    """The drawing, the equations with this step's numbers, and the same numbers as bars."""
    st.markdown(reading(opened, unit))
    charts.draw(drawing.drawing(opened, unit, was), key="cell_drawing")
    equations, bars = st.columns([3, 2])
    with equations:
        book = bool(links.ready("book", False, (False, True)))
        st.latex(drawing.formulas(opened, unit, book=book))
        controls.switch("book")
    with bars:
        charts.draw(drawing.bars(opened, unit, was), key="cell_bars")
        st.caption(proof(opened, one_hot=one_hot))


def reading(opened: OpenedCell, unit: int) -> str:
    """What this step does to the unit, in a sentence."""
    numbers, keeps = opened.of_unit(unit), opened.cell.keeps
    kept = opened.kept
    figures = {"unit": unit, "before": numbers[f"{kept}_prev"], "after": numbers[kept], "state": kept}
    if keeps is None:
        return say("cell-page.reading.no-gate", **figures)
    return say("cell-page.reading", gate=keeps.title, share=numbers[keeps.letter], **figures)


def proof(opened: OpenedCell, *, one_hot: bool) -> str:
    """How far the equations are from what made the states, the step from a copy, and from a plain cell.

    Where the text is read as one-hot vectors, torch's kernel was given them, and the equations looked columns of W up.
    """
    same = {"residual": opened.residual, "against": opened.against}
    said = [say("cell-page.proof", **same) if opened.residual else say("cell-page.exact")]
    if one_hot and opened.against != OWN_KERNEL:
        said.append(say("cell-page.one-hot"))
    if opened.cell.keeps:
        said.append(say("cell-page.copy", state=opened.kept, distance=opened.from_copy))
    if opened.from_plain is not None:
        said.append(say("cell-page.plain", distance=opened.from_plain))
    return " ".join(said)


def show_over_text(view: View, text: str) -> None:
    """The unit over the whole text; a click opens another step."""
    st.markdown(say("cell-page.over-text"))
    done = pictures.show(partial(view.panel, shelf.own()), text, view, key="cell_tape", typed="sentence")
    if done.chosen and str(done.chosen["step"]) != str(view.step):
        links.put("at", str(done.chosen["step"]))
        st.rerun()


def show_costs(checkpoint: Checkpoint) -> None:
    """What a step of each cell costs at this width: on request, since it is measured."""
    opened = st.expander(say("cell-page.cost"), key="cell_cost", on_change="rerun", icon=":material/speed:")
    if opened.open:
        inputs = checkpoint.config.embedding_size or len(checkpoint.model.vocabulary)
        table = cost.frame(cost.costs(checkpoint.config, inputs))
        with opened:
            st.caption(say("cell-page.cost.about", units=checkpoint.config.width(NetKey(0, "forward")), inputs=inputs))
            columns = {name: say(f"column.{str(name).replace('_', '-')}") for name in table}
            st.dataframe(table.round(2).rename(columns=columns), hide_index=True)


def page() -> None:
    """The page."""
    with st.sidebar:
        which, checkpoint = pickers.choose_model(alters=False)
        net = choose_net(checkpoint)
        below = st.container()
    whole = texts.choose_text(checkpoint)
    text = first_steps(whole, over_text.MAX_STEPS, checkpoint.vocabulary.token)
    trace = facts.read(which, text)
    with st.container():  # what comes and goes shall not move the picture below, which would be made anew
        notices.show_warnings(trace)
        notices.offer_reader(which, trace, text)
        if len(whole) > len(text):
            st.caption(say("cell-page.cut", count=len(checkpoint.vocabulary.as_read(whole)), most=over_text.MAX_STEPS))
    if not len(trace):
        st.info(say("cell-page.no-text"))
        return
    known, tape = facts.facts(which, text), trace.tapes[net]
    with below:
        unit = choose_unit(which, tape)
    step = choose_step(trace, tape, unit)
    with below:
        character, change = choose_change(tape.cell, checkpoint, unit, trace.text[step])
        texts.offer_link()
    was = open_cell(known.model, known.read, step, layer=net.layer, direction=net.direction)
    changed = character != trace.text[step] or change != CellChange(unit)
    opened = was
    if changed:
        read: Tokens | Read = known.read
        if character != trace.text[step]:
            read = replaced(trace.text, step, character)
        opened = open_cell(known.model, read, step, layer=net.layer, direction=net.direction, change=change)
    show(opened, was if changed else None, unit, one_hot=checkpoint.config.embedding_size is None and net.layer == 0)
    notices.show_folded(which, text)
    show_over_text(View(which, net, unit, step), text)
    show_costs(checkpoint)
    table = partial(drawing.frame, opened, was if changed else None)
    export.offer([export.Table(say("table.cell"), which.file_label, table)], key="cell")
