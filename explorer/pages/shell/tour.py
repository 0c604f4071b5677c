"""A tour of the page Gates, for who is here for the first time: a few stops, each with one thing to see or to do."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from explorer.interventions import HeldUnit
from explorer.pages.shell import alterations, links, session, texts
from explorer.pages.shell.plain import plain
from explorer.probes.units import Role
from explorer.words import say

AT, BEFORE = "tour_at", "tour_before"


class Stop(NamedTuple):
    """One stop: its name in the words, and whether it shows another sentence or holds the unit."""

    key: str
    another: bool = False
    holds: bool = False


STOPS = (
    Stop("text"),
    Stop("unit"),
    Stop("another", another=True),
    Stop("click"),
    Stop("hold", holds=True),
    Stop("end"),
)


class Here(NamedTuple):
    """What a tour speaks of: a unit with a role, the part of it that a stop holds, and what its model learned."""

    role: Role
    held: HeldUnit | None
    corpus: str


def offer() -> None:
    """The way in; for one who is on the tour already, back to its beginning."""
    st.button(say("tour.begin"), key="tour_begin", icon=":material/tour:", type="tertiary", on_click=_begin)


def show(here: Here) -> None:
    """The stop where one is, and the ways on."""
    at = _at()
    if at is None:
        return
    with st.container(border=True):
        where = say("tour.where", number=at + 1, count=len(STOPS))
        st.markdown(f"**{where}** {say(f'tour.{STOPS[at].key}', unit=here.role.unit, place=plain(here.role.place))}")
        with st.container(horizontal=True):
            if at:
                st.button(say("tour.back"), key="tour_back", on_click=_go, args=(at - 1, here))
            if at + 1 < len(STOPS):
                st.button(say("tour.on"), key="tour_on", type="primary", on_click=_go, args=(at + 1, here))
            st.button(say("tour.leave"), key="tour_leave", on_click=_leave)


def _at() -> int | None:
    at: int | None = session.kept(AT, None)
    return at


def _begin() -> None:
    """To the first stop, on the model and the sentence that the app opens on. What was chosen before is kept for the end."""
    if _at() is None:
        session.fill({BEFORE: links.everything()})
    links.drop(*links.CHOICES.keys() - {"lang"}, links.REQUEST, "source")
    session.fill({AT: 0})


def _go(at: int, here: Here) -> None:
    """To a stop: the page shows what is spoken of there, and nothing that another stop has changed."""
    links.drop(*alterations.ALTERING)
    if links.named("sentence") in texts.OTHERS.values():  # a sentence of the person's own stays
        links.drop("sentence")
    session.fill({AT: at})
    if STOPS[at].another and here.corpus in texts.OTHERS:
        links.take_values({"sentence": texts.OTHERS[here.corpus], "source": texts.SENTENCE})
    if STOPS[at].holds and here.held is not None:
        links.take_values({"unit_held": alterations.spelled(here.held)})


def _leave() -> None:
    """Back to what was chosen before the tour."""
    session.forget(AT)
    links.go_back_to(session.kept(BEFORE, {}))
