"""What a person should know before they believe the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from streamlit.navigation.page import Page

import explorer
from explorer import runs
from explorer.figures.style import number, visible
from explorer.pages.shell import alterations, facts, links, people
from explorer.pages.shell.models import Which, checkpoint_of
from explorer.pages.shell.plain import plain
from explorer.probes.perplexity import SCORE_NAMES

MANY_UNKNOWN = 0.05  # from this share on it is a warning
NAMED_CHARACTERS, KNOWN_CHARACTERS = 8, 60


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


def mark_altered(which: Which, text: str) -> None:
    """A mark over everything that is drawn of an altered model: before and after, and the click that restores it."""
    if not which.intervention:
        return
    before, after = (_perplexity(one, text) for one in (which.as_trained, which))
    score = SCORE_NAMES[checkpoint_of(which).config.objective]
    change = f" On this text its {score} was {before} as trained and is {after} now." if before else ""
    with st.container(border=True):
        words, button = st.columns([4, 1], vertical_alignment="center")
        words.markdown(f":material/science: **This model is altered:** {which.intervention}.{change}")
        button.button("Restore it", icon=":material/undo:", on_click=alterations.restore, width="stretch")


def _perplexity(which: Which, text: str) -> str:
    """Of the text; "" where it is not defined."""
    value = facts.perplexity_of(which, text)
    return "" if value is None else number(value)


def show_warnings(trace: explorer.GateTrace) -> None:
    """What holds of the whole reading of a text."""
    if trace.config.objective == "leaky":
        st.warning(
            "This model sees the answer: one of its nets reads from the end, so it has read the next character before it is "
            "asked for it. Its score is not a perplexity, however low."
        )
    if trace.config.direction == "parallel":
        st.warning(
            "This model was published as bidirectional, but both of its nets read forward. Compare one that really reads "
            "from the end: lighthouse-bigru-cloze."
        )
    lost_T = np.any([~np.isfinite(tape.h_TH).all(1) for tape in trace.tapes.values()], axis=0)
    if lost_T.any():
        st.warning(
            f"States at {lost_T.sum():,} of {len(trace):,} steps are not finite numbers, the first at step {lost_T.argmax():,}: "
            "this model has diverged, or was altered beyond what its numbers can hold. Whatever depends on them is not defined."
        )
    show_unknown(trace)


def show_unread(sentence: str, learned: str, place: Any) -> None:
    """Which characters of a sentence do not occur in the text that a model is going to learn."""
    if all(c in learned for c in sentence):
        return
    vocabulary = explorer.Vocabulary.from_text(learned)
    read = vocabulary.as_read(sentence)
    missing = [c for c in dict.fromkeys(read) if c not in vocabulary.symbols]
    if missing:
        share = vocabulary.unknown_share(sentence)
        said = f"{share:.0%} of its characters are not in the corpus and will all be read as the same symbol: {_named(missing)}."
        (place.warning if share > MANY_UNKNOWN else place.caption)(said)


def _named(characters: Sequence[str]) -> str:
    """The first of some characters, to the letter, and how many more there are."""
    more = len(characters) - NAMED_CHARACTERS
    named = ", ".join(f"“{plain(visible(c))}”" for c in characters[:NAMED_CHARACTERS])
    return named + f" and {more:,} others" * (more > 0)


def show_unknown(trace: explorer.GateTrace) -> None:
    """Which characters the model does not know, and what they do to its score."""
    if not trace.unknown_T.any():
        return
    count, total = int(trace.unknown_T.sum()), len(trace)
    which = list(dict.fromkeys(c for c, unknown in zip(trace.text, trace.unknown_T, strict=True) if unknown))
    said = (
        f"{count:,} of {total:,} characters {'is' if count == 1 else 'are'} unknown to the model, which reads each as the "
        f"same symbol: {_named(which)}."
    )
    score, without = trace.perplexity, trace.perplexity_without_unknown
    if score is not None:
        rest = "not defined" if without is None else number(without)
        said += f" The {trace.score_name} is {number(score)} with them and {rest} without them."
    if trace.unknown_share <= MANY_UNKNOWN:
        st.caption(said)
        return
    known = plain("".join(map(visible, trace.symbols[1 : KNOWN_CHARACTERS + 1])))
    others = " and more" if len(trace.symbols) > KNOWN_CHARACTERS + 1 else ""
    st.warning(f"{said} It knows {known}{others}.")
