"""The experiment to a unit's role: the unit is held at its mean, and one sees what becomes worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer.characters import visible
from explorer.corpora import BUILT_IN, load_corpus
from explorer.interventions import HeldUnit, can_hold
from explorer.models import NetKey
from explorer.pages.shell import alterations, facts, links, texts
from explorer.pages.shell.models import Which, checkpoint_of, model_of
from explorer.pages.shell.plain import plain
from explorer.probes.ablation import Ablation, concerned
from explorer.probes.gates import Tape, trace_gates
from explorer.probes.perplexity import NATS_PER_BIT
from explorer.probes.units import Role
from explorer.words import say

TRIED = 2_000  # characters on which a unit is tried: a moment's reading
WORST = 6  # characters that are told of


def offer(which: Which, tape: Tape, roles: Sequence[Role], unit: int | None) -> None:
    """A click for each unit that is drawn alone, which holds the part that has a role, or its state."""
    parts = {role.unit: role.part for role in roles}
    if unit is not None:
        parts.setdefault(unit, "h")
    means = _means(which.as_trained, tape.net) if parts else {}
    held = [
        HeldUnit(unit, part, float(means[part][unit]), *tape.net)
        for unit, part in parts.items()
        if unit < len(means[part])
    ]
    possible = [one for one in held if can_hold(checkpoint_of(which).config, one)]
    if possible:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(say("gate-page.hold"), width="content")
            for one in possible:
                chosen = {"unit_held": alterations.spelled(one)}
                label, key = say("gate-page.hold.unit", unit=one.unit), f"try_{one.unit}"
                st.button(label, key=key, type="tertiary", on_click=links.take_values, args=(chosen,))


@st.cache_resource(show_spinner=False, max_entries=64)
def _means(which: Which, net: NetKey) -> dict[str, NDArray[np.float64]]:
    """The mean of every part of every unit of a net over what its model learned.

    A sentence's own mean would not do: where half of it stands in quotation marks, a unit that remembers them is held at "in".
    """
    learned, _ = learned_text(which)
    tape = trace_gates(model_of(which), learned).tape(*net)
    return {letter: tape[letter].mean(0, dtype=np.float64) for letter in tape.parts}


def show_worse(which: Which, roles: Sequence[Role]) -> None:
    """What becomes worse without the unit that is held."""
    held, (text, what) = which.intervention.units[0], learned_text(which)
    whole = which._replace(intervention=replace(which.intervention, units=()))
    done = Ablation.of(held, *(facts.read(one, text) for one in (whole, which)))
    rise = done.mean_rise_nats / NATS_PER_BIT
    with st.container(border=True):
        said = plain(str(held))
        st.markdown(say("gate-page.worse", count=len(text), what=say(what), held=said, rise=rise))
        for role in roles:
            there_T = concerned(role, text)
            if (role.unit, role.part) == (held.unit, held.part) and there_T.any():
                rises = (done.mean_rise_over(where_T) / NATS_PER_BIT for where_T in (there_T, ~there_T))
                figures = dict(zip(("there", "elsewhere"), rises, strict=True)) | {"count": int(there_T.sum())}
                st.markdown(say("gate-page.worse.role", place=plain(role.place), **figures))
        _show_characters(done.frame().head(WORST))


def _show_characters(worst: pd.DataFrame) -> None:
    columns = {
        "character": worst["character"].map(lambda character: plain(f"“{visible(character)}”")),
        "count": worst["count"],
        "before": worst["before_bits"].map("{:.2f}".format),
        "after": worst["after_bits"].map("{:.2f}".format),
    }
    st.table(
        pd.DataFrame({say(f"gate-page.worse.{name}"): column for name, column in columns.items()}), hide_index=True
    )


def learned_text(which: Which) -> tuple[str, str]:
    """A stretch out of the middle of the text that a model learned, or an example where that is not here; and what it is."""
    corpus = checkpoint_of(which).corpus
    if corpus not in BUILT_IN:
        return texts.EXAMPLES.get(corpus, texts.EXAMPLES["lighthouse"]), "gate-page.worse.text"
    learned = load_corpus(corpus)
    return learned[len(learned) // 2 :][:TRIED], "gate-page.worse.corpus"
