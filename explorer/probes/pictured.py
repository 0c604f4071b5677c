"""Results that a notebook shows as a picture, and a prompt in a line, instead of their arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any


class Pictured(ABC):
    """A result with a picture in `explorer.figures.pictures`, and a few facts that tell it from others."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What a prompt says of it: name -> a short value."""

    def __repr__(self) -> str:
        facts = (
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in self._facts().items()
        )
        return f"{type(self).__name__}({', '.join(facts)})"

    def _repr_html_(self) -> str:
        # plotly is imported only where something is drawn: figures stand above probes.
        return str(import_module("explorer.figures.pictures").html_of(self))
