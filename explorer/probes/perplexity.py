"""How surprised a model is by a text, character by character."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.checkpoints import Checkpoint
from explorer.models import CharModel, NetKey
from explorer.reads.kernel import BLOCK_BYTES, CHUNK, kernel_states, through_nets
from explorer.tokens import Tokens
from explorer.training import perplexity

Floats = NDArray[np.float32]
TOP_K = 5
NATS_PER_BIT = math.log(2)


@dataclass(frozen=True)
class TextScore:
    """What a model says of each character of a text.

    Attributes:
        nll_nats_T: -ln p of each character; NaN where the model makes no prediction (the first one, unless cloze), where it
            cannot name what stands there, and from undefined_from on where what it predicts is not a number.
        top_ids_TK: the K symbols it held likeliest at each position, likeliest first; row 0 is -1 where it had none.
        top_probabilities_TK: their probabilities; NaN where there are none.
        next_ids_K: what it expects after the text; empty for cloze.
        next_probabilities_K: their probabilities.
        unnamed_T: True where an unknown symbol stands that the model has no output for (CharModel.names_unknown).

    """

    nll_nats_T: Floats
    top_ids_TK: NDArray[np.int64]
    top_probabilities_TK: Floats
    next_ids_K: NDArray[np.int64]
    next_probabilities_K: Floats
    unnamed_T: NDArray[np.bool_]

    @property
    def predicted_T(self) -> NDArray[np.bool_]:
        """True where the model is asked for what stands there, whatever its prediction is worth."""
        return (self.top_ids_TK[:, 0] >= 0) & ~self.unnamed_T

    @property
    def undefined_from(self) -> int | None:
        """The first step whose prediction is not a number: the model has diverged. None where all are numbers."""
        bad = np.flatnonzero(np.isnan(self.nll_nats_T) & self.predicted_T)
        return int(bad[0]) if bad.size else None

    @property
    def mean_nll_nats(self) -> float | None:
        """Mean over all characters that are predicted.

        None where it is not defined: for an empty text, a single character, and where any prediction is not a number.
        """
        return self.mean_over(np.ones(len(self.nll_nats_T), dtype=np.bool_))

    def mean_over(self, counted_T: NDArray[np.bool_]) -> float | None:
        """The same mean over some of the characters."""
        said = self.nll_nats_T[self.predicted_T & counted_T]
        return float(said.mean(dtype=np.float64)) if said.size and not np.isnan(said).any() else None

    @property
    def running_nll_nats_T(self) -> NDArray[np.float64]:
        """Mean up to and with each character; NaN before the first prediction, and from the first one that is no number on."""
        counted_T = self.predicted_T.cumsum()
        with np.errstate(invalid="ignore"):
            sums_T = np.cumsum(np.where(self.predicted_T, self.nll_nats_T, 0), dtype=np.float64)
            return sums_T / np.where(counted_T, counted_T, np.nan)


@torch.no_grad()
def score_states(model: CharModel, h: dict[NetKey, Tensor], ids_T: Tensor) -> TextScore:
    """The score of a text from the states h_T1H of every net, one character at a time of what the model predicted."""
    steps, k = len(ids_T), min(TOP_K, len(model.vocabulary))
    lead = 0 if model.config.objective == "cloze" else 1  # a row of logits speaks of the character `lead` later
    features_TF = model.features(h)[:, 0] if steps else torch.zeros(0, model.config.features)
    nll_T = torch.full((steps + lead,), torch.nan, dtype=torch.float32)
    top_ids, top_p = torch.full((steps + lead, k), -1), torch.full((steps + lead, k), torch.nan)
    block = max(1, min(CHUNK, BLOCK_BYTES // (4 * len(model.vocabulary))))
    for start in range(0, steps, block):
        rows = slice(start + lead, min(start + block, steps) + lead)
        logp_CV = model.out(features_TF[start : start + block]).float().log_softmax(-1)
        target_C = ids_T[rows]
        nll_T[rows.start : rows.start + len(target_C)] = (
            0 - logp_CV[: len(target_C)].gather(1, target_C.unsqueeze(1))[:, 0]
        )  # 0 -: ln 1 is 0, not -0
        top = logp_CV.topk(k)
        top_ids[rows], top_p[rows] = top.indices, top.values.exp()
    after = slice(steps, steps + lead) if steps else slice(0, 0)
    # A model without an unknown symbol holds it for impossible; that it stands there is no mistake of the model's.
    unnamed_T = (ids_T == 0) & (not model.names_unknown)
    nll_T[:steps][unnamed_T] = torch.nan
    return TextScore(
        nll_T[:steps].numpy(), top_ids[:steps].numpy(), top_p[:steps].numpy(),
        top_ids[after].flatten().numpy(), top_p[after].flatten().numpy(), unnamed_T.numpy(),
    )  # fmt: skip


@torch.no_grad()
def score_text(model: CharModel, text: Tokens) -> TextScore:
    """The score of a text, in nats a character; an empty one gives empty arrays.

    Args:
        model: left exactly as it was found.
        text: any text; what the vocabulary lacks is read as the unknown symbol.

    """
    ids_T = model.vocabulary.encode(text)
    h = through_nets(model, model.embed(ids_T), lambda net, read: kernel_states(model, net, read)[0])
    return score_states(model, {net: h_TH.unsqueeze(1) for net, h_TH in h.items()}, ids_T)


def perplexity_by_epoch(checkpoint: Checkpoint, text: Tokens) -> dict[int, float | None]:
    """The perplexity of a text under the model as it was at each of the checkpoint's epochs.

    Args:
        checkpoint: with the weights of these epochs; left as it was found.
        text: any text.

    Returns:
        Epoch -> exp of the mean negative log-likelihood, inf where that overflows. None where it is not defined: for a text
        of which nothing is predicted, and where a prediction is not a number.

    """
    means = {epoch: score_text(checkpoint.model_at(epoch), text).mean_nll_nats for epoch in checkpoint.epochs}
    return {epoch: None if mean is None else perplexity(mean) for epoch, mean in means.items()}
