"""Cutting a text into batches: random sampling and sequential sampling, as d2l defines them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.text import TextError

SAMPLINGS = ("sequential", "random")


class Cut(NamedTuple):
    """Where training cuts the graph: truncated backpropagation through time (Werbos 1990), as sequential batches do it.

    Attributes:
        steps: tokens T of a batch's row; batches begin at 0, T, 2 T, ...
        batches: over how many of them the gradient of a loss goes back, its own the last.

    """

    steps: int
    batches: int = 1

    def reached(self, step: int) -> int:
        """The first step that the gradient of a loss reaches.

        Args:
            step: the one off which the loss is read, counted from 0.

        """
        return max(0, step // self.steps - self.batches + 1) * self.steps

    def cuts(self, steps: int) -> bool:
        """Whether any loss of a text goes back less far for it; none is read off the last step.

        Args:
            steps: of the text.

        """
        return steps > 1 and self.reached(steps - 2) > 0


def min_tokens(batch_size: int, num_steps: int, *, random_offset: bool) -> int:
    """Tokens that fill one batch whatever the offset: B rows of T, one more to predict, T that may be skipped."""
    return batch_size * num_steps + 1 + (num_steps if random_offset else 0)


def batches(
    ids_N: Tensor, batch_size: int, num_steps: int, sampling: str, *, random_offset: bool, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of (x_TB, y_TB): y is x one token later. No padding, nothing crosses the end of the text.

    "sequential": the text is laid in B long rows and read T tokens at a time, so batch i + 1 continues
    batch i row by row. "random": the text is cut into pieces of T tokens and the pieces are shuffled.
    With `random_offset` each epoch skips a new number of first tokens: 0..T (sequential), 0..T-1 (random).
    Source: Dive into Deep Learning, section 8.3; without the offset, its first Chinese edition, section 6.3.

    Args:
        ids_N: int64, the whole text.
        batch_size: rows B.
        num_steps: tokens T in each row.
        sampling: "sequential" or "random".
        random_offset: whether to draw the offset.
        generator: the source of chance; the same state gives the same epoch.

    Raises:
        TextError: the text is shorter than one batch, or the sampling is unknown.

    """
    needed = min_tokens(batch_size, num_steps, random_offset=random_offset)
    if len(ids_N) < needed:
        raise TextError(
            "batches.too-short", least=needed, batch_size=batch_size, num_steps=num_steps, characters=len(ids_N)
        )
    offset = _offset(num_steps, sampling, random_offset, generator)
    if sampling == "sequential":
        return _sequential(ids_N[offset:], batch_size, num_steps)
    return _random(ids_N[offset:], batch_size, num_steps, generator)


def batch_count(
    characters: int,
    batch_size: int,
    num_steps: int,
    sampling: str,
    *,
    random_offset: bool,
    generator: torch.Generator,
) -> int:
    """How many batches `batches` makes of a text of so many tokens, given a generator in the same state."""
    left = characters - 1 - _offset(num_steps, sampling, random_offset, generator)
    if sampling == "sequential":
        return left // batch_size // num_steps
    return left // num_steps // batch_size


def _offset(num_steps: int, sampling: str, random_offset: bool, generator: torch.Generator) -> int:
    """Tokens this epoch skips."""
    if sampling not in SAMPLINGS:
        raise TextError("batches.sampling", allowed=SAMPLINGS, got=sampling)
    if not random_offset:
        return 0
    end = num_steps + 1 if sampling == "sequential" else num_steps
    return int(torch.randint(0, end, (), generator=generator))


def _sequential(ids_N: Tensor, batch_size: int, num_steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    row_length = (len(ids_N) - 1) // batch_size
    rows_x = ids_N[: batch_size * row_length].view(batch_size, row_length).T
    rows_y = ids_N[1 : batch_size * row_length + 1].view(batch_size, row_length).T
    for start in range(0, row_length - num_steps + 1, num_steps):
        yield rows_x[start : start + num_steps].contiguous(), rows_y[start : start + num_steps].contiguous()


def _random(
    ids_N: Tensor, batch_size: int, num_steps: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    pieces = (len(ids_N) - 1) // num_steps
    starts_P = torch.randperm(pieces, generator=generator) * num_steps
    steps_T1 = torch.arange(num_steps).unsqueeze(1)
    for starts_B in starts_P.split(batch_size):
        if len(starts_B) == batch_size:
            index_TB = starts_B + steps_T1
            yield ids_N[index_TB], ids_N[index_TB + 1]
