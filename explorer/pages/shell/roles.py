"""What single units of the shipped models follow: found and tried once, when they were made (`checkpoints/make.py`)."""

from __future__ import annotations

import json
from functools import cache

from explorer.models import NetKey
from explorer.pages.shell.models import CHECKPOINTS, Which
from explorer.probes.ablation import Trial
from explorer.probes.units import Role

NAMED = 5  # units that are drawn alone


@cache
def _shipped() -> dict[str, dict[str, dict[Role, Trial | None]]]:
    file = CHECKPOINTS / "roles.json"
    found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name: {net: dict(map(_read, kept)) for net, kept in nets.items()} for name, nets in found.items()}


def _read(kept: dict[str, list[float] | None]) -> tuple[Role, Trial | None]:
    return Role(*kept["role"]), Trial(*kept["trial"]) if kept["trial"] else None  # type: ignore[misc,arg-type]


def _of(which: Which, net: NetKey) -> dict[Role, Trial | None]:
    known = {} if which.untrained else _shipped().get(which.name, {})
    return known.get(f"{net.layer} {net.direction}", {})


def roles_of(which: Which, net: NetKey) -> list[Role]:
    """The roles to name in a net of a model, as it was trained; none where none are known, or where it was not trained."""
    return list(_of(which, net))[:NAMED]


def trial_of(which: Which, net: NetKey, role: Role) -> Trial | None:
    """How the experiment to a role went; None where its part cannot be held."""
    return _of(which, net).get(role)
