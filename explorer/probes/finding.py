"""One verdict: a rule's name, how sure it is, and its figures. explorer.words makes sentences of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from explorer.tokens import CHARACTER
from explorer.words import knows, say

CERTAIN, LIKELY = "certain", "likely"
RULES = (
    "never-detached", "exploding", "untrained", "rate-too-large", "rate-too-small", "clip-bound", "overfitting", "unlike",
    "leaks", "disconnected", "bad-data", "no-gradient", "no-update",
    "saturated", "dead-units", "truncated", "vanishing", "still-learning", "by-heart", "clip-idle", "healthy", "unclear",
    "too-short",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One verdict.

    Attributes:
        rule: its name, one of RULES.
        confidence: "certain" where the figures allow nothing else, "likely" where a threshold was passed.
        figures: name -> number, word or NonFinite that led to it, units in the names; the sentences are made from them.
        case: what tells it from others of its rule, where their sentences differ: a part of the sentences' codes.
        token: what the model reads at a step, "character" or "word".

    """

    rule: str
    confidence: str = LIKELY
    figures: Mapping[str, object] = field(default_factory=dict)
    case: str = ""
    token: str = CHARACTER

    @property
    def title(self) -> str:
        """What the verdict is called."""
        return say(f"verdict.{self.rule}")

    @property
    def sureness(self) -> str:
        """How sure it is, in a word; empty where it is certain."""
        return say(f"sureness.{self.confidence}")

    @property
    def evidence(self) -> str:
        """What was found, with its figures, as a sentence."""
        return self._said("found")

    @property
    def advice(self) -> str:
        """One change to try; empty where nothing is to be changed."""
        return self._said("advice")

    def _said(self, part: str) -> str:
        """The sentence of this case, or of the rule in every case; "" where there is none."""
        codes = f"verdict.{self.rule}.{part}.{self.case}", f"verdict.{self.rule}.{part}"
        return next((say(code, **self.figures, of_token=self.token) for code in codes if knows(code)), "")

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.title}.", self.evidence, self.advice)))
