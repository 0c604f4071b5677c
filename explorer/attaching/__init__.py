"""Attaching to a training loop of one's own: `GateProbe`. docs/own-loops.md tells it with examples."""

from explorer.attaching.probe import GateProbe

__all__ = ["GateProbe"]
