"""One verdict: a rule's name, how sure it is, and its figures. explorer.words makes sentences of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import explorer.words.en as en

CERTAIN, LIKELY = "certain", "likely"
RULES = (
    "exploding", "untrained", "rate-too-large", "rate-too-small", "clip-bound", "overfitting", "unlike", "leaks", "disconnected",
    "saturated", "dead-units", "truncated", "vanishing", "still-learning", "by-heart", "healthy", "unclear", "too-short",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One verdict.

    Attributes:
        rule: its name, one of RULES.
        confidence: "certain" where the figures allow nothing else, "likely" where a threshold was passed.
        figures: name -> number or word that led to it, units in the names; the sentences are made from them.

    """

    rule: str
    confidence: str = LIKELY
    figures: Mapping[str, float | str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def evidence(self) -> str:
        """What was found, with its figures, as a sentence."""
        return en.evidence(self.rule, self.figures)

    @property
    def advice(self) -> str:
        """One change to try; empty where nothing is to be changed."""
        return en.advice(self.rule, self.figures)

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{en.title(self.rule)}.", self.evidence, self.advice)))
