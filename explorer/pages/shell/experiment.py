"""The experiment to a unit's role: the unit is held at its mean, and one sees what becomes worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer.characters import visible
from explorer.interventions import HeldUnit, can_hold
from explorer.models import NetKey
from explorer.pages.shell import alterations, facts, links, models
from explorer.pages.shell import roles as roles_of_models
from explorer.pages.shell.models import Which, checkpoint_of, model_of
from explorer.pages.shell.plain import plain
from explorer.probes.ablation import Ablation, concerned
from explorer.probes.gates import Tape, trace_gates
from explorer.probes.perplexity import NATS_PER_BIT
from explorer.probes.units import Role
from explorer.tokens import Tokens, token_of
from explorer.words import say

TRIED = 2_000  # characters on which a unit is tried: a moment's reading
WORST = 6  # characters that are told of
THIS, LEARNED = "gate-page.worse.text", "gate-page.worse.corpus"  # what is read


def possible(which: Which, tape: Tape, roles: Sequence[Role], unit: int | None = None) -> list[HeldUnit]:
    """Of each unit that is drawn alone the part that has a role, or its state, at its mean; as far as weights can hold it."""
    parts = {role.unit: role.part for role in roles}
    if unit is not None:
        parts.setdefault(unit, "h")
    means = _means(which.as_trained, tape) if parts and len(tape.h_TH) else {}
    held = [
        HeldUnit(unit, part, float(means[part][unit]), *tape.net)
        for unit, part in parts.items()
        if part in means and unit < len(means[part])
    ]
    return [one for one in held if can_hold(checkpoint_of(which).config, one)]


def offer(which: Which, tape: Tape, roles: Sequence[Role], unit: int | None) -> None:
    """A click for each of them, which holds it."""
    if found := possible(which, tape, roles, unit):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(say("gate-page.hold"), width="content")
            for one in found:
                chosen = {"unit_held": alterations.spelled(one)}
                label, key = say("gate-page.hold.unit", unit=one.unit), f"try_{one.unit}"
                st.button(label, key=key, type="tertiary", on_click=links.take_values, args=(chosen,))


Means = Mapping[str, NDArray[np.float64]]
"""The mean of every unit, by the letter of its part."""


def _means(which: Which, tape: Tape) -> Means:
    """Over what its model learned, where that is here, else over the text in front of the person.

    A sentence's own mean can mislead: where half of it stands in quotation marks, a unit that remembers them is held at "in".
    """
    return tape.mean_H if tried_text(which) is None else _means_in_learned(which, tape.net)


@st.cache_resource(show_spinner=False, max_entries=64)
def _means_in_learned(which: Which, net: NetKey) -> Means:
    return trace_gates(model_of(which), tried_text(which) or "").tape(*net).mean_H


def show_worse(which: Which, roles: Sequence[Role], text: str) -> None:
    """What becomes worse without the unit that is held, and what that says of its role.

    Args:
        which: the model, with the unit held.
        roles: of units of its net.
        text: in front of the person; where the text that the model learned is here, that is read instead.

    """
    held, learned = which.intervention.units[0], tried_text(which)
    read: Tokens
    read, what = (text, THIS) if learned is None else (learned, LEARNED)
    whole = which._replace(intervention=replace(which.intervention, units=()))
    done = Ablation.of(held, *(facts.read(one, read) for one in (whole, which)))
    worst = done.frame()
    worst = worst[worst["total_rise_bits"] > 0].head(WORST)
    figures = {"count": len(done.text), "what": say(what), "held": plain(str(held))}
    with st.container(border=True):
        rise = done.mean_rise_nats / NATS_PER_BIT
        if rise > 0:
            st.markdown(say("gate-page.worse", rise=rise, **figures))
        else:
            st.markdown(say("gate-page.not-worse", fall=-rise, **figures))
        before, after = (facts.perplexity_of(one, text) for one in (whole, which))
        if learned is not None and before is not None and after is not None and (after < before) == (rise > 0):
            st.caption(say("gate-page.worse.one-text"))
        for role in roles:
            if (role.unit, role.part) == (held.unit, held.part):
                _show_role(which, role, held.net, done)
        if len(worst):
            _show_symbols(worst, token_of(done.text))


def _show_role(which: Which, role: Role, net: NetKey, done: Ablation) -> None:
    there_T = concerned(role, done.text)
    if there_T.any():
        rises = (done.mean_rise_over(where_T) / NATS_PER_BIT for where_T in (there_T, ~there_T))
        figures = dict(zip(("there", "elsewhere"), rises, strict=True)) | {"count": int(there_T.sum())}
        st.markdown(say("gate-page.worse.role", place=plain(role.place), **figures))
    if trial := roles_of_models.trial_of(which, net, role):
        if trial.enough:
            code = "confirmed" if trial.confirmed else "not-confirmed"
            st.markdown(say(f"gate-page.trial.{code}", rank=trial.rank, compared=trial.compared))
        else:
            st.markdown(say("gate-page.trial.few", steps=trial.steps))


def _show_symbols(worst: pd.DataFrame, token: str) -> None:
    columns = {
        "symbol": worst[token].map(lambda symbol: plain(f"“{visible(symbol)}”")),
        "count": worst["count"],
        "before": worst["before_bits"].map("{:.2f}".format),
        "after": worst["after_bits"].map("{:.2f}".format),
    }
    st.table(
        pd.DataFrame({say(f"gate-page.worse.{name}"): column for name, column in columns.items()}), hide_index=True
    )


def tried_text(which: Which) -> Tokens | None:
    """A stretch out of the middle of the text that a model learned; None where that text does not come with the project."""
    text = models.learned_text(which)
    return None if text is None else text[len(text) // 2 :][:TRIED]
