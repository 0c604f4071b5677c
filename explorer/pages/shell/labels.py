"""What the page calls a trained model: what it is, what it learned, how large it is; no two alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from explorer.checkpoints import Outline
from explorer.models import ModelConfig
from explorer.tokens import CHARACTER
from explorer.words import knows, say

MOST = 24  # characters of a corpus's name: a label stands in legends


def is_mistake(config: ModelConfig) -> bool:
    """Whether a model of this configuration is here to show a mistake: it reads the answer, or reads forward twice."""
    return config.objective == "leaky" or config.direction == "parallel"


def corpus_title(corpus: str) -> str:
    """What a corpus is called; one that a person brought as they call it."""
    return say(f"corpus.{corpus}") if knows(f"corpus.{corpus}") else corpus


def cell_name(config: ModelConfig) -> str:
    """What the cell is called, with its variant where that is not the usual one, and with the way it reads."""
    kind = config.kind
    usual = kind.setting and config.variant == next(iter(kind.variants))
    kind_of = "leaky" if config.objective == "leaky" else config.direction
    return say(f"label.{kind_of}", cell=config.cell.upper() if usual else config.title)


def label(config: ModelConfig, corpus: str, token: str = CHARACTER) -> str:
    """The cell, what it learned and its units, in a line of about forty characters; of a mistake, which one it is."""
    title = corpus_title(corpus)
    cut = title if len(title) <= MOST else f"{title[: MOST - 1]}…"
    if is_mistake(config):
        return say("label.mistake", cell=cell_name(config), corpus=cut)
    return say("label", cell=cell_name(config), corpus=cut, units=config.units, layers=config.num_layers, token=token)


def labels(outlines: Mapping[str, Outline | None]) -> dict[str, str]:
    """The labels of several models by their names. Models that would be called alike are told apart by their names.

    Args:
        outlines: of the models; None of one whose file cannot be read, which is called by its name.

    """
    candidates = {name: _candidates(name, outline) for name, outline in outlines.items()}
    claims = Counter(label for own in candidates.values() for label in set(own))
    return {name: next((label for label in own if claims[label] == 1), name) for name, own in candidates.items()}


def _candidates(name: str, outline: Outline | None) -> list[str]:
    """What a model may be called, the best first. One that two models claim goes to neither, and names differ."""
    if outline is None:
        return [name]
    said = label(outline.config, outline.corpus, outline.recipe.token)
    return [said, say("label.named", label=said, name=name), name]
