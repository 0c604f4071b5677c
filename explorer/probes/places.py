"""The places of one word, and how alike the states are that a network has there: what stands around it tells its meanings apart.

A net that reads forward is asked after the word's last character, one that reads from the end after its first, so that each has
read the word and all that stands on its side of it. A bidirectional network has both (Dive into Deep Learning, section 9.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.fields import ConfigError, expected
from explorer.models import ModelConfig, NetKey
from explorer.probes.brush import Place, place_at
from explorer.probes.gates import GateTrace
from explorer.tokens import Tokens, joined

Floats64 = NDArray[np.float64]


@dataclass(frozen=True)
class SameWord:
    """Other places of a word, those where the states are most alike first.

    Attributes:
        word: the characters themselves.
        places: where else they stand, of P.
        config: the model's, which says what its nets are called.
        alike: net -> cosine of its state there and at the first place, each less the mean state of the text, in [-1, 1], (P,).

    """

    word: str
    places: tuple[Place, ...]
    config: ModelConfig
    alike: Mapping[NetKey, Floats64]

    def __len__(self) -> int:
        return len(self.places)

    def frame(self) -> pd.DataFrame:
        """One line a place: its first step, what stands around it, and the cosine of each net."""
        table: dict[str, object] = {
            "step": [place.first for place in self.places],
            "text": [f"{place.before}{place.text}{place.after}" for place in self.places],
        }
        return pd.DataFrame(table | {f"cosine_{net.direction}": values for net, values in self.alike.items()})


def same_word(
    trace: GateTrace, first: int, last: int, other: GateTrace | None = None, layer: int = 0, most: int | None = None
) -> SameWord:
    """Where else the characters of some steps stand, and how alike the states of each direction are there.

    Args:
        trace: a model's reading of the text in which they stand.
        first: of the steps, counted from 0.
        last: of the steps, included.
        other: the same model's reading of another text to look in; None looks in the same text.
        layer: whose states are compared.
        most: how many places are kept, as many of the most alike as of the least; None keeps all.

    Raises:
        ConfigError: the steps are not steps of the text, or the model has no such layer.

    """
    if not 0 <= first <= last < len(trace.text):
        raise ConfigError("steps", expected("steps", count=len(trace.text)), (first, last))
    word, where = trace.text[first : last + 1], trace if other is None else other
    # A word that stands alone is looked for alone: "the" is not in "other".
    before, after = _letters_beside(trace.text, first, last + 1)
    starts = []
    for at in _starts(where.text, word):
        there = _letters_beside(where.text, at, at + len(word))
        if not (other is None and at == first) and there[0] <= before and there[1] <= after:
            starts.append(at)
    alike = {net: _alike(trace, (first, last), where, starts, net) for net in _nets(trace.config, layer)}
    mean_P = np.mean(list(alike.values()), axis=0)
    order = np.argsort(-mean_P, kind="stable")
    if most is not None and len(order) > most:
        order = np.concatenate([order[: (most + 1) // 2], order[len(order) - most // 2 :]])
    places = tuple(place_at(where.text, starts[i], starts[i] + len(word)) for i in order)
    return SameWord(joined(word), places, trace.config, {net: values_P[order] for net, values_P in alike.items()})


def _letters_beside(text: Tokens, start: int, end: int) -> tuple[bool, bool]:
    """Whether a stretch has a letter right before it, and right after it; of words none goes on."""
    if not isinstance(text, str):
        return False, False
    return text[:start][-1:].isalpha(), text[end : end + 1].isalpha()


def _starts(text: Tokens, word: Tokens) -> Iterator[int]:
    if not isinstance(text, str) or not isinstance(word, str):
        yield from (at for at in range(len(text) - len(word) + 1) if text[at : at + len(word)] == word)
        return
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _nets(config: ModelConfig, layer: int) -> list[NetKey]:
    return [config.net(layer, direction) for direction in config.directions]


def _alike(trace: GateTrace, steps: tuple[int, int], other: GateTrace, starts: list[int], net: NetKey) -> Floats64:
    """The cosines of one net, (P,); 0 where a state is the mean itself."""
    first, last = steps
    at_end = not trace.config.reads_backward(net)
    h_TH = other.tape(*net).h_TH.astype(np.float64)
    mean_H = h_TH.mean(0) if len(h_TH) else 0.0
    own_H = trace.tape(*net).h_TH[last if at_end else first].astype(np.float64) - mean_H
    there_PH = h_TH[[start + (last - first if at_end else 0) for start in starts]] - mean_H
    sizes_P = np.linalg.norm(there_PH, axis=1) * np.linalg.norm(own_H)
    cosines_P: Floats64 = np.divide(there_PH @ own_H, sizes_P, out=np.zeros(len(starts)), where=sizes_P > 0)
    return cosines_P
