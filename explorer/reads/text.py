"""A text as what a model reads: one step a character or a word, and a cross-entropy for each that is predicted."""

from __future__ import annotations

from functools import cached_property
from itertools import takewhile

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.models import CharModel, NetKey
from explorer.reads.base import Read
from explorer.text import TextError
from explorer.tokens import Tokens
from explorer.words import say


def score_name(objective: str) -> str:
    """What exp(mean negative log-likelihood) is called: only a model that has not read the character has a perplexity."""
    return say(f"score.{objective}")


class TextRead(Read):
    """A model that reads a text, from its zero state. A term is -ln p of a character, in nats, numbered by the character.

    Attributes:
        text: as it was read (line ends LF, lone surrogates U+FFFD, accents composed as the vocabulary has them; words, where
            those are read).
        ids_T: the text's numbers.

    """

    model: CharModel

    def __init__(self, model: CharModel, text: Tokens) -> None:
        self.text = model.vocabulary.as_read(text)
        self.ids_T = model.vocabulary.encode(self.text)
        self.score_name = score_name(model.config.objective)
        super().__init__(model, self.text, self.ids_T)

    @property
    def _is_cloze(self) -> bool:
        return self.model.config.objective == "cloze"

    @cached_property
    def answers(self) -> tuple[Tensor, Tensor]:
        """Row t speaks of character t + 1; of character t for cloze."""
        steps_T = torch.arange(len(self))
        return (steps_T, steps_T) if self._is_cloze else (steps_T[:-1], steps_T[1:])

    def asked_T(self, net: NetKey) -> Tensor:
        """Which character the loss read off the state after t speaks of; -1 for none."""
        ahead = not self._is_cloze or net.direction == "forward"
        asked_T = torch.arange(len(self)) + (1 if ahead else -1)
        return asked_T.where(asked_T < len(self), -1)

    def terms(self, outputs_CV: Tensor, asked_C: Tensor) -> Tensor:
        """-ln p of each asked character."""
        return nll_nats(outputs_CV, self.ids_T[asked_C])

    def errors(self, outputs_CV: Tensor, asked_C: Tensor) -> Tensor:
        """Softmax - onehot for each asked character."""
        return error(outputs_CV, self.ids_T[asked_C])

    def shared(self, other: Read) -> int:
        """Up to the last character before the texts differ: the loss there is of the next one. None with a net from the end."""
        config = self.model.config
        if (
            not isinstance(other, TextRead)
            or other.model is not self.model
            or any(map(config.reads_backward, config.nets))
        ):
            return 0
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.text, other.text, strict=False)))
        return max(0, alike - 1)

    def check_losses(self) -> None:
        """Refuse a text of which nothing is predicted.

        Raises:
            TextError: an empty text, or a single character for a model that predicts the next.

        """
        least = 1 if self._is_cloze else 2
        if len(self) < least:
            raise TextError("text.no-loss", least=least, count=len(self), of_token=self.model.vocabulary.token)


def error(logits_TV: Tensor, target_T: Tensor) -> Tensor:
    """dL/dlogits of the negative log-likelihood, (T, V): softmax - onehot, to full precision.

    At the target, p - 1 is written as minus the sum of the other probabilities: of a character predicted with
    certainty to 1e-60, nothing is left of 1 - p.
    """
    target_T1 = target_T.unsqueeze(1)
    # dL/dlogit_j = p_j for the others;  dL/dlogit_target = -(sum of the others' p)
    others_TV = logits_TV.softmax(-1).scatter(1, target_T1, 0)
    return others_TV.scatter(1, target_T1, -others_TV.sum(1, keepdim=True))


def nll_nats(logits_TV: Tensor, target_T: Tensor) -> Tensor:
    """-ln p of each target, (T,), whose gradient keeps its digits however small it is."""
    target_T1 = target_T.unsqueeze(1)
    others_T = logits_TV.scatter(1, target_T1, -torch.inf).logsumexp(1)
    # -ln p = ln(1 + sum over the others of e^(logit - logit of the target))
    return F.softplus(others_T - logits_TV.gather(1, target_T1)[:, 0], threshold=600)
