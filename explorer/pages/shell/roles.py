"""What single units of the shipped models follow: found once, when they were made (`checkpoints/make.py`)."""

from __future__ import annotations

import json
from functools import cache

from explorer.models import NetKey
from explorer.pages.shell.models import CHECKPOINTS
from explorer.probes.units import Role

NAMED = 5  # units that are drawn alone


@cache
def _shipped() -> dict[str, dict[str, list[Role]]]:
    file = CHECKPOINTS / "roles.json"
    found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name: {net: [Role(*role) for role in roles] for net, roles in nets.items()} for name, nets in found.items()}


def roles_of(name: str, net: NetKey) -> list[Role]:
    """The roles to name in a net of a model, as it was trained; none where none are known."""
    return _shipped().get(name, {}).get(f"{net.layer} {net.direction}", [])[:NAMED]
