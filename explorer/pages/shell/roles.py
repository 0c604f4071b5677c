"""What single units follow: of the shipped models found and tried when they were made, of a run when it is looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import runs
from explorer.models import NetKey
from explorer.pages.shell import models, patience
from explorer.pages.shell.models import RUN, Which, checkpoint_of, learned_text
from explorer.probes.ablation import Trial
from explorer.probes.gates import trace_gates
from explorer.probes.units import Role
from explorer.probes.units import roles_of as roles_of_trace
from explorer.tokens import Tokens

NAMED = 5  # units that are drawn alone
AT_LINES = ("line-start", "line-end")
READ = 4_000  # characters of what a run learned, in which the roles of its units are looked for: about a second


@dataclass(frozen=True)
class Known:
    """What is known of the units of one net.

    Attributes:
        named: the roles to tell first, each with how its experiment went; None where its part cannot be held, or was not tried.
        units: the strongest role of each unit that has any, alike roles together.

    """

    named: dict[Role, Trial | None] = field(default_factory=dict)
    units: tuple[Role, ...] = ()


NOTHING = Known()


@cache
def _shipped(folder: Path) -> dict[str, dict[str, Known]]:
    """By the name of the model and the net; made by `checkpoints/make.py`."""
    file = folder / "roles.json"
    found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name: {net: _read(kept) for net, kept in nets.items()} for name, nets in found.items()}


def _read(kept: dict[str, Any]) -> Known:
    named = {Role(*role): Trial(*trial) if trial else None for role, trial in kept["named"]}
    return Known(named, tuple(Role(*role) for role in kept["units"]))


@st.cache_resource(show_spinner=False, max_entries=64)
def _of_runs(which: Which) -> dict[NetKey, Known]:
    """Filled by `find`; `which` is of the last epoch, as it was trained."""
    return {}


def _last(which: Which) -> Which:
    return which.as_trained._replace(epoch=checkpoint_of(which).last_epoch)


def _of(which: Which, net: NetKey) -> Known:
    if which.untrained:
        return NOTHING
    if which.name.startswith(RUN):
        return _of_runs(_last(which)).get(net, NOTHING)
    return _shipped(models.CHECKPOINTS).get(which.name, {}).get(f"{net.layer} {net.direction}", NOTHING)


def roles_of(which: Which, net: NetKey) -> list[Role]:
    """The roles to name in a net of a model, as it was trained; none where none are known, or where it was not trained.

    What happens at the ends of lines alone comes last: a sentence has none, and such a unit would do nothing that one could see.
    """
    return sorted(_of(which, net).named, key=lambda role: role.feature in AT_LINES)[:NAMED]


def all_of(which: Which, net: NetKey) -> list[Role]:
    """The strongest role of every unit of a net that has any, alike roles together."""
    return list(_of(which, net).units)


def trial_of(which: Which, net: NetKey, role: Role) -> Trial | None:
    """How the experiment to a role went; None where its part cannot be held, or where nobody tried."""
    return _of(which, net).named.get(role)


def find(which: Which) -> bool:
    """Look for the roles of a run that has ended, where nobody has yet: a second. Whether any were found now."""
    if which.untrained or not which.name.startswith(RUN):
        return False
    last = _last(which)
    known = _of_runs(last)
    if known or runs.run(which.name.removeprefix(RUN)).active:
        return False
    checkpoint = checkpoint_of(last)
    with patience.FLOOR.left():
        trace = trace_gates(checkpoint.model, checkpoint.vocabulary.folded(_text_of(last))[:READ])
        for net in checkpoint.config.nets:
            found = roles_of_trace(trace, *net)
            known[net] = Known(dict.fromkeys(found.told(NAMED + len(AT_LINES))), tuple(found.by_unit()))
    return any(one.units for one in known.values())


def _text_of(which: Which) -> Tokens:
    """What a run learned. Its words are shown to nobody: a role names a feature, or a single character."""
    try:
        return learned_text(which) or checkpoint_of(which).recipe.learned(runs.text(which.name.removeprefix(RUN)))
    except runs.RunError:
        return ""
