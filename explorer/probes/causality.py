"""Does a model see what it is asked for? How much each output depends on what is read after it, by autograd in float64.

A model that predicts the next character may use nothing after the character it stands at. One that does is graded with the
answer before its eyes, and its score is no perplexity, however low (docs/models.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from explorer.models import CharModel
from explorer.reads.kernel import BLOCK_BYTES
from explorer.reads.text import TextRead
from explorer.text import TextError
from explorer.tokens import Tokens

MOST_STEPS = 64  # one backward sweep a step: enough to see a leak, which begins one step ahead


@dataclass(frozen=True)
class Causality:
    """How much each output of a model depends on each character that it reads.

    Attributes:
        energy_TT: [t, k]: the squared Frobenius norm of d logits_t / d x_k, x_k the one-hot character; float64, >= 0.
        text: what was read of the text: its first `MOST_STEPS` characters.

    """

    energy_TT: NDArray[np.float64]
    text: Tokens

    @property
    def past(self) -> float:
        """Energy of all d logits_t / d x_k with k <= t."""
        return float(np.tril(self.energy_TT).sum())

    @property
    def ahead(self) -> float:
        """Energy of all d logits_t / d x_k with k > t: 0 exactly for a causal model."""
        return float(np.triu(self.energy_TT, 1).sum())

    @property
    def is_causal(self) -> bool:
        """Whether no output depends on anything after it."""
        return self.ahead == 0


def causality(model: CharModel, text: Tokens) -> Causality:
    """What the outputs of a model depend on, before and after them, on the first 64 characters of a text.

    Of a model that is asked for the next character. Cloze is asked for character t from both sides: there, what is ahead is
    meant to count, and the answer is the diagonal.

    Args:
        model: left as it was found.
        text: any; one character suffices, but has nothing after it.

    Raises:
        TextError: an empty text.

    """
    read = TextRead(model, model.vocabulary.as_read(text)[:MOST_STEPS])
    if len(read) == 0:
        raise TextError("text.no-loss", least=1, count=0, of_token=model.vocabulary.token)
    with torch.enable_grad():
        energy_TT = _energy(read)
    return Causality(energy_TT.numpy(), read.text)


def _energy(read: TextRead) -> Tensor:
    """Energies (T, T). The text stands in the batch once for each symbol, so that one sweep serves a row's V outputs.

    A batch holds as many symbols as fit: all of 666 would take 227 MB.
    """
    count = len(read.model.vocabulary)
    at_once = max(1, BLOCK_BYTES // (8 * len(read) * count))
    blocks = [_energy_of(read, symbols) for symbols in torch.arange(count).split(at_once)]
    return torch.stack(blocks).sum(0)


def _energy_of(read: TextRead, symbols_S: Tensor) -> Tensor:
    """What the outputs of some symbols add to the energies."""
    count, places_S = len(read.model.vocabulary), torch.arange(len(symbols_S))
    x_TSE = F.one_hot(read.ids_T, count).double().unsqueeze(1).repeat(1, len(symbols_S), 1).requires_grad_()
    embedding = read.precise.embedding
    logits_TSV = read.precise(x_TSE if embedding is None else x_TSE @ embedding.weight)[0]
    rows = []
    for logits_SV in logits_TSV:
        (slope_TSE,) = torch.autograd.grad(logits_SV[places_S, symbols_S].sum(), x_TSE, retain_graph=True)
        rows.append(slope_TSE.square().sum((1, 2)))
    return torch.stack(rows)
