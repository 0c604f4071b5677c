"""What is altered by hand in a model, without training it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

import explorer
from explorer import Intervention
from explorer.cells import Cell, gate_titles
from explorer.interventions import HeldUnit, can_hold, read_as
from explorer.pages.shell import links
from explorer.pages.shell.controls import choose, slide
from explorer.words import say

FREE = "free"
HELD = (FREE, "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "1")
SHIFTS = (-6.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 6.0)
FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
AS_TRAINED = "as-trained"
ALTERING = ("keep_bias", "recurrent", "read_as", "unit_held", *(f"hold_{letter}" for letter in gate_titles()))


def choose_alterations(config: explorer.ModelConfig) -> Intervention:
    """The controls of an intervention, as far as the model's cell has what they alter."""
    cell, factor, shift = config.kind, 1.0, 0.0
    with st.expander(say("page.alter"), expanded=links.at_arrival(*ALTERING)):
        st.caption(say("page.alter.about"))
        _offer_presets(cell)
        held = choose_held(cell, links.HOLD)
        if cell.keeps:
            shift = slide("keep_bias", SHIFTS, 0.0, gate=cell.keeps.title)
        if cell.recurrent:
            factor = slide("recurrent", FACTORS, 1.0)
        variant = _choose_variant(cell, config.variant)
        units = _choose_unit(read_as(config, variant))
    return Intervention(held, keep_bias=shift, recurrent=factor, variant=variant, units=units)


def choose_held(cell: Cell, begins: str) -> dict[str, float]:
    """A control for each gate of a cell, whose key begins so; letter -> value of those that are held."""
    chosen = {
        gate.letter: slide(f"{begins}{gate.letter}", HELD, FREE, _held, "hold", gate=gate.title) for gate in cell.gates
    }
    return {letter: float(value) for letter, value in chosen.items() if value != FREE}


def _offer_presets(cell: Cell) -> None:
    """What one may try with the gates, a click each."""
    with st.container(horizontal=True, gap="small"):
        for code, held in cell.presets.items():
            values = {f"hold_{gate.letter}": f"{held[gate.letter]:g}" for gate in cell.gates if gate.letter in held}
            free = [f"hold_{gate.letter}" for gate in cell.gates if gate.letter not in held]
            st.button(say(f"preset.{code}"), key=f"preset_{code}", on_click=_hold, args=(values, free), type="tertiary")


def _hold(values: Mapping[str, str], free: Sequence[str]) -> None:
    links.drop(*free)
    links.take_values(values)


def spelled(unit: HeldUnit) -> str:
    """A unit that is held, as a link has it; of the first layer's forward net unless it says more."""
    net = () if (unit.layer, unit.direction) == (0, "forward") else (unit.layer, unit.direction)
    return " ".join(map(str, (unit.unit, unit.part, f"{unit.value:.3g}", *net)))


def _unit_of(text: str, config: explorer.ModelConfig) -> HeldUnit | None:
    """What a link means; None where it is nothing that this model can hold."""
    try:
        unit, part, value, *net = text.split(" ")
        held = HeldUnit(int(unit), part, float(value), *((int(net[0]), net[1]) if len(net) == 2 else ()))
    except ValueError:
        return None
    return held if can_hold(config, held) else None


def _choose_unit(config: explorer.ModelConfig) -> tuple[HeldUnit, ...]:
    """The unit that is held, which a click beside the picture chooses; here it is let go of."""
    named = links.named("unit_held")
    held = None if named is None else _unit_of(str(named), config)
    options = [FREE] if held is None else [FREE, str(named)]
    if held is None:
        links.ready("unit_held", FREE, options)
        return ()
    figures = {"unit": held.unit, "part": held.part, "value": held.value}
    chosen = choose("unit_held", options, lambda one: _held(one) if one == FREE else say("option.held-unit", **figures))
    return () if chosen == FREE else (held,)


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
