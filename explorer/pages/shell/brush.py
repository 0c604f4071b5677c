"""Dragging across characters: which units stay on through them, and where else those do."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from explorer.pages.shell import experiment, facts, links, session
from explorer.pages.shell.models import Which
from explorer.pages.shell.plain import plain
from explorer.probes.brush import OnUnits, Place, elsewhere, units_on
from explorer.probes.gates import Tape
from explorer.probes.places import same_word
from explorer.tokens import Tokens, part, token_of
from explorer.words import say

KEY = "brushed"
SHOWN = 8  # units
PLACES = 6
LONGEST = 40  # characters of a word that are repeated in a sentence
SLACK = 2  # steps by which a hand may miss, or a unit be late
TOGETHER = 3  # of them, that are looked for elsewhere: with many, no other place has them all


def take(text: str, token: str, steps: Sequence[int]) -> None:
    """Keep what was dragged across, as long as the text stays and is read by characters, or by words."""
    first, last = map(int, steps)
    if session.kept(KEY, None) != (text, token, first, last):
        st.toast(say("brush.below", first=first, last=last), icon=":material/south:")  # which may be out of sight
    session.fill({KEY: (text, token, first, last)})


def show(which: Which, tape: Tape, typed: str, text: Tokens) -> None:
    """What was found, where something was dragged across in what was typed, and so in the text as the model reads it."""
    kept, token, first, last = session.kept(KEY, ("", "", 0, 0))
    if not kept or (kept, token) != (typed, token_of(text)) or not last < len(tape.h_TH):
        return
    found = units_on(tape.h_TH, first, last, slack=SLACK)
    stretch = plain(part(text, first, last + 1).strip() or part(text, first, last + 1))
    with st.container(border=True):
        st.markdown(say("brush.found" if len(found) else "brush.none", text=stretch, first=first, last=last))
        with st.container(horizontal=True, gap="small"):
            for unit, mean_in, mean_out in zip(found.units[:SHOWN], found.mean_in, found.mean_out, strict=False):
                label = say("brush.unit", unit=int(unit), mean_in=mean_in, mean_out=mean_out)
                chosen = {"unit": str(unit)}
                st.button(label, key=f"brushed_{unit}", type="tertiary", on_click=links.take_values, args=(chosen,))
        learned = experiment.tried_text(which)
        if len(found) and learned is not None:
            _show_places(which, tape, found, learned)
        _show_word(which, tape, text, (first, last), learned)
        st.button(say("brush.close"), key="brush_close", on_click=session.forget, args=(KEY,))


def _show_places(which: Which, tape: Tape, found: OnUnits, text: Tokens) -> None:
    clearest = found.first_units(TOGETHER)
    others_TH = facts.read(which, text).tape(*tape.net).h_TH
    places = elsewhere(others_TH, text, clearest)
    named = ", ".join(map(str, clearest.units))
    code = f"{'elsewhere' if places else 'nowhere'}-{'one' if len(clearest) == 1 else 'several'}"
    st.markdown(say(f"brush.{code}", units=named, what=say(experiment.LEARNED), count=len(text)))
    st.markdown("\n".join(f"- {_said(place)}" for place in places))


def _show_word(which: Which, tape: Tape, text: Tokens, steps: tuple[int, int], learned: Tokens | None) -> None:
    """Where else the same word stands, and how alike what each net has read by then is."""
    first, last = steps
    while first < last and text[first].isspace():
        first += 1
    while first < last and text[last].isspace():
        last -= 1
    trace = facts.read(which, text)
    found = same_word(trace, first, last, layer=tape.net.layer, most=PLACES)
    there = "places.here"
    if not len(found) and learned is not None:
        found = same_word(trace, first, last, facts.read(which, learned), tape.net.layer, PLACES)
        there = experiment.LEARNED
    word = _lines(found.word if len(found.word) <= LONGEST else f"{found.word[:LONGEST]}…")
    if not len(found):
        st.caption(say("places.none", word=word))
        return
    st.markdown(say("places.found", word=word, what=say(there)))
    names = {net: plain(found.config.name_of(net.direction)) for net in found.alike}
    table = {names[net]: [f"{value:+.2f}" for value in values] for net, values in found.alike.items()}
    st.table(pd.DataFrame(table, index=[_said(place) for place in found.places]), border="horizontal")


def _said(place: Place) -> str:
    inner = place.text.strip()
    if not inner:
        return _lines(f"{place.before}{place.text}{place.after}")
    # A blank beside the stars would end them, so those at the ends stand outside.
    start = place.text.index(inner)
    before, after = (place.before + place.text[:start]).lstrip(" "), place.text[start + len(inner) :] + place.after
    return f"{_lines(before)}**{_lines(inner)}**{_lines(after)}"


def _lines(text: str) -> str:
    return plain(text.replace("\n", "↵"))
