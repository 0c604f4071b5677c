"""Attaching to a training loop of one's own: `GateProbe`. docs/own-loops.md tells it with examples."""

from explorer.attaching.probe import GateProbe
from explorer.attaching.taken import from_torch
from explorer.attaching.verdict import LoopDiagnosis

__all__ = ["GateProbe", "LoopDiagnosis", "from_torch"]
