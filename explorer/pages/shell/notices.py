"""What a person should know before they believe the numbers."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.navigation.page import Page

import explorer
from explorer import runs
from explorer.figures.style import number
from explorer.pages.shell import alterations, controls, facts, links, people
from explorer.pages.shell.models import Which, best_reader, checkpoint_of, lacking, model_label
from explorer.pages.shell.plain import badge, plain
from explorer.probes import reading
from explorer.probes.finding import Finding
from explorer.reads.text import score_name
from explorer.tokens import Tokens, token_of
from explorer.words import say


def runs_whole(page: Page) -> bool:
    """Show a page; where a file of a run or model fails it on the way, what is wrong stands in the place of the rest."""
    try:
        page.run()
    except (runs.RunError, explorer.CheckpointError) as fault:
        st.error(people.told(fault))
        return False
    return True


def show_problems() -> None:
    """What the link named in vain."""
    if problems := links.problems():
        st.warning("  \n".join(problems), icon=":material/link_off:")


ALTERED = "altered"


def mark_altered(which: Which, text: str) -> Which:
    """The model to show, with a mark over it where it is altered: before and after, the one or the other, and the way back."""
    if not which.intervention:
        return which
    before, after = (_perplexity(one, text) for one in (which.as_trained, which))
    score = score_name(checkpoint_of(which).config.objective)
    altered = say("page.altered", changes=which.intervention)
    change = say("page.altered.score", score=score, before=before, after=after) if before else ""
    with st.container(border=True):
        st.markdown(f":material/science: {altered} {change}")
        with st.container(horizontal=True):
            shown = controls.segments("shown", (ALTERED, alterations.AS_TRAINED))
            st.button(say("page.altered.restore"), icon=":material/undo:", on_click=alterations.restore)
    return which.as_trained if shown == alterations.AS_TRAINED else which


def _perplexity(which: Which, text: str) -> str:
    """Of the text; "" where it is not defined."""
    value = facts.perplexity_of(which, text)
    return "" if value is None else number(value)


def show_warnings(trace: explorer.GateTrace) -> None:
    """What holds of the whole reading of a text."""
    for notice in reading.notices(trace):
        _show(notice, st)


def offer_reader(which: Which, trace: explorer.GateTrace, text: str) -> None:
    """The way to a model that knows more of a text, where much of it is unknown to the first model of the page."""
    found = (
        best_reader(text, trace.config, token_of(trace.text)) if trace.unknown_share > reading.MANY_UNKNOWN else None
    )
    if found and found[1] < lacking(text, checkpoint_of(which).vocabulary):
        name, share, token = found
        code = (
            "page.reader.characters"
            if token != token_of(trace.text)
            else "page.reader.most"
            if share
            else "page.reader"
        )
        label = say(code, label=plain(model_label(name)))
        chosen = {"model": name}
        st.button(label, icon=":material/swap_horiz:", on_click=links.take_values, args=(chosen,))


def show_tokens_differ(first: explorer.GateTrace, second: explorer.GateTrace) -> None:
    """What cannot be compared of two models, one of which reads characters and the other words, and what can."""
    if token_of(first.text) == token_of(second.text):
        return
    bits = {"first": first.bits_per_character, "second": second.bits_per_character}
    same = first.config.objective == second.config.objective and None not in bits.values()
    st.caption(" ".join([say("page.tokens-differ"), *([say("page.tokens-differ.bits", **bits)] if same else [])]))


STETHOSCOPE = ":material/stethoscope:"


def show_finding(finding: Finding) -> None:
    """What the record of a run or loop says, how sure that is, its evidence, and one change to try."""
    evidence = plain(f"{finding.evidence} {finding.advice}")
    st.markdown(f"{STETHOSCOPE} {say('titled', title=finding.title)} {badge(finding.sureness)}{evidence}")


def show_folded(which: Which, text: str) -> None:
    """Which characters are read as others."""
    if notice := reading.folded(text, checkpoint_of(which).vocabulary):
        _show(notice, st)


def show_unread(sentence: str, learned: Tokens, place: Any) -> None:
    """Which characters of a sentence do not occur in the text that a model is going to learn."""
    if notice := reading.unread(sentence, learned):
        _show(notice, place)


def _show(notice: reading.Notice, place: Any) -> None:
    (place.warning if notice.grave else place.caption)(plain(str(notice)))
