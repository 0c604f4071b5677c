"""What is altered by hand in a model, without training it again."""

from __future__ import annotations

import streamlit as st

import explorer
from explorer import Intervention
from explorer.cells import Cell, gate_titles
from explorer.pages.shell import links
from explorer.pages.shell.controls import choose, slide
from explorer.words import say

FREE = "free"
HELD = (FREE, "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "1")
SHIFTS = (-6.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 6.0)
FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
AS_TRAINED = "as-trained"
ALTERING = ("keep_bias", "recurrent", "read_as", *(f"hold_{letter}" for letter in gate_titles()))


def choose_alterations(config: explorer.ModelConfig) -> Intervention:
    """The controls of an intervention, as far as the model's cell has what they alter."""
    cell, factor, shift = config.kind, 1.0, 0.0
    with st.expander(say("page.alter"), expanded=links.at_arrival(*ALTERING)):
        st.caption(say("page.alter.about"))
        held = {
            gate.letter: slide(f"hold_{gate.letter}", HELD, FREE, _held, "hold", gate=gate.title) for gate in cell.gates
        }
        if cell.keeps:
            shift = slide("keep_bias", SHIFTS, 0.0, gate=cell.keeps.title)
        if cell.recurrent:
            factor = slide("recurrent", FACTORS, 1.0)
        variant = _choose_variant(cell, config.variant)
    values = {letter: float(value) for letter, value in held.items() if value != FREE}
    return Intervention(values, keep_bias=shift, recurrent=factor, variant=variant)


def _choose_variant(cell: Cell, own: str) -> str | None:
    """Another variant of a cell of which people use several for the same weights."""
    if len(cell.looked_at) < 2:
        return None
    names = {AS_TRAINED: say("option.as-trained"), **cell.variants}
    chosen = choose("read_as", (AS_TRAINED, *cell.variants), names.__getitem__)
    return None if chosen in (AS_TRAINED, own) else chosen


def _held(value: str) -> str:
    return say("option.free") if value == FREE else value


def restore() -> None:
    """Take back everything that was altered."""
    links.drop(*ALTERING, "shown")
