"""What a model would write: the characters it holds likeliest at a place of a text, and a text it goes on with from there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from explorer.fields import ConfigError, expected
from explorer.models import CharModel
from explorer.probes.gates import GateTrace, states_after
from explorer.tokens import Tokens, joined, token_of

Likely = tuple[tuple[str, float], ...]
BEST = 5


@dataclass(frozen=True)
class Writing:
    """What a model would write at a place of a text.

    Attributes:
        text: as the model read it, a tuple where it reads words.
        at: the place: the step before which it writes, or the one that it fills; the length of the text is its end.
        best: the likeliest characters there with their probabilities in [0, 1], the likeliest first. Of a model that reads
            forward at this temperature, of a cloze model as it is.
        stands: what stands there; "" at the end.
        written: what it went on with; "" for a cloze model, which fills a gap and cannot go on.
        temperature: that the logits were divided by.
        elapsed_s: seconds it took to write.

    """

    text: Tokens
    at: int
    best: Likely
    stands: str
    written: str
    temperature: float
    elapsed_s: float = field(default=0.0, compare=False)

    @property
    def before(self) -> str:
        """The text before the place."""
        return joined(self.text[: self.at])

    @property
    def after(self) -> str:
        """The text after what stands there."""
        return joined(self.text)[len(joined(self.text[: self.at + 1])) :]

    def frame(self) -> pd.DataFrame:
        """The likeliest characters, or words, and their probabilities, one a line."""
        return pd.DataFrame(self.best, columns=[token_of(self.text), "probability"])


def write_on(
    model: CharModel, text: Tokens | GateTrace, at: int | None = None, *, length: int = 200, temperature: float = 1.0,
    seed: int = 0, best: int = BEST,
) -> Writing:  # fmt: skip
    """What a model would write at a place of a text: from there on, or, where it reads from both ends, in that place.

    Each character is drawn from softmax(logits / temperature) and read by the model before the next one (Graves 2013, arXiv
    1308.0850). The unknown symbol is never drawn.

    Args:
        model: left exactly as it was found.
        text: with at least one character before the place, or for a cloze model, at it; or this model's trace of it, from
            whose states it goes on without reading anything again.
        at: the place, a step of the text as the model reads it; None: its end, or for a cloze model its last character.
        length: characters to write.
        temperature: 1 draws as the model believes, less more safely; 0 always takes the likeliest.
        seed: the same seed draws the same text.
        best: how many characters are told with their probabilities.

    Raises:
        ConfigError: nothing stands before the place, no such place, a negative length or temperature, or a model that has read
            the character it is asked for.
        ModelDivergedError: a prediction that is not finite.

    """
    read = text.text if isinstance(text, GateTrace) else model.vocabulary.as_read(text)
    if model.config.objective == "cloze":
        place = len(read) - 1 if at is None else at
        return Writing(read, place, tuple(model.fill(read, place, best)), read[place], "", 1.0)
    place = len(read) if at is None else at
    if not 1 <= place <= len(read):
        raise ConfigError("at", expected("whole", least=1, most=len(read)), place)
    before = read[:place]
    began_s = time.perf_counter()
    after = states_after(text, place - 1) if isinstance(text, GateTrace) else None
    written, first_V = model.drawn(before, length, temperature, seed, after)
    took_s = time.perf_counter() - began_s
    probabilities_V = first_V.numpy()
    symbols = model.vocabulary.symbols
    order = np.argsort(-probabilities_V, kind="stable")[:best]
    likely = [(symbols[i], float(probabilities_V[i])) for i in order if probabilities_V[i] > 0]
    return Writing(read, place, tuple(likely), "".join(read[place : place + 1]), written, temperature, took_s)
