"""Training: recipes, global-norm clipping with both norms measured, and one record a step."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.batches import SAMPLINGS, batches, min_tokens
from explorer.models import CharModel, ConfigError
from explorer.text import TextError

Batch = tuple[Tensor, Tensor]
OPTIMIZERS = ("sgd", "adam")
MAX_EPOCHS = 5_000


class TrainingDivergedError(ArithmeticError):
    """A loss, gradient or weight stopped being a finite number; the model holds the last finite weights.

    Attributes:
        step: the step at which it happened, counted from 1.
        parameter: the first parameter concerned, or "loss".

    """

    def __init__(self, step: int, parameter: str, what: str) -> None:
        self.step, self.parameter = step, parameter
        super().__init__(
            f"Diverged at step {step}: the {what} of {parameter} is not a finite number. The weights of the step before "
            f"are kept. Lower the learning rate or the clip threshold."
        )


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Checked when made: a ConfigError names the field, what was expected and what came.

    Attributes:
        optimizer: "sgd" or "adam".
        learning_rate: step size; with SGD and clipping, learning_rate * clip_norm is the longest possible step.
        clip_norm: threshold theta of the norm of all gradients together; None does not clip.
        batch_size: rows B of a batch.
        num_steps: characters T of a row, over which the gradient is carried back.
        epochs: passes through the text.
        sampling: "sequential" (state carried, cut from the graph, between batches) or "random" (state zero each batch).
        random_offset: whether each epoch begins at a new character of the first T.
        max_tokens: only the first so many characters of the text are used; None uses all.

    """

    optimizer: str = "sgd"
    learning_rate: float = 1.0
    clip_norm: float | None = 1.0
    batch_size: int = 32
    num_steps: int = 35
    epochs: int = 500
    sampling: str = "sequential"
    random_offset: bool = True
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        for field, allowed in (("optimizer", OPTIMIZERS), ("sampling", SAMPLINGS)):
            if getattr(self, field) not in allowed:
                raise ConfigError(f"{field}: expected one of {', '.join(allowed)}; got {getattr(self, field)!r}.")
        for field, most in (("batch_size", 4096), ("num_steps", 4096), ("epochs", MAX_EPOCHS), ("max_tokens", 10**9)):
            value = getattr(self, field)
            if not (field == "max_tokens" and value is None) and (type(value) is not int or not 1 <= value <= most):
                raise ConfigError(f"{field}: expected a whole number from 1 to {most:,}; got {value!r}.")
        for field in ("learning_rate", "clip_norm"):
            value = getattr(self, field)
            if field == "clip_norm" and value is None:
                continue
            if type(value) not in (int, float) or not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{field}: expected a finite number above 0; got {value!r}.")
        if type(self.random_offset) is not bool:
            raise ConfigError(f"random_offset: expected True or False; got {self.random_offset!r}.")

    def optimizer_for(self, model: nn.Module) -> torch.optim.Optimizer:
        """A fresh optimizer over the model's parameters."""
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[self.optimizer]
        return kind(model.parameters(), lr=self.learning_rate)  # type: ignore[no-any-return]


RECIPES = {
    # Dive into Deep Learning 0.17, sections 8.5 to 9.4
    "d2l-v2": Recipe(learning_rate=1.0, clip_norm=1.0, epochs=500, max_tokens=10_000),
    # Dive into Deep Learning, first Chinese edition, section 6.4
    "d2l-zh-v1": Recipe(learning_rate=100.0, clip_norm=0.01, epochs=160, random_offset=False, max_tokens=10_000),
    "quick": Recipe(optimizer="adam", learning_rate=0.005, clip_norm=1.0, num_steps=50, batch_size=16, epochs=40),
}


@dataclass(frozen=True)
class StepRecord:
    """What one step of training did.

    Attributes:
        step: counted from 1.
        epoch: counted from 1.
        nll_nats: mean negative log-likelihood of the batch's characters, before the update.
        epoch_nll_nats: mean over all characters of this epoch so far. At the epoch's last step its exponential is
            the perplexity d2l prints: measured *during* the epoch, while the weights change.
        epoch_ends: whether this was the epoch's last step.
        grad_norm_before: l2 norm of all gradients together, before clipping.
        grad_norm_after: the same, measured again after clipping.
        clip_coefficient: what the gradients were multiplied with, in (0, 1].
        grad_norms: parameter name -> l2 norm before clipping.
        tokens_per_s: characters of the batch per second of this step.

    """

    step: int
    epoch: int
    nll_nats: float
    epoch_nll_nats: float
    epoch_ends: bool
    grad_norm_before: float
    grad_norm_after: float
    clip_coefficient: float
    grad_norms: dict[str, float]
    tokens_per_s: float

    @property
    def epoch_perplexity(self) -> float:
        """exp(epoch_nll_nats); inf where that overflows. For a leaky model it is a score, not a perplexity."""
        return perplexity(self.epoch_nll_nats)


def perplexity(nll_nats: float) -> float:
    """Exp of a mean negative log-likelihood in nats; inf above 709.78, where exp overflows."""
    try:
        return math.exp(nll_nats)
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class Clipping:
    """What clipping measured: norms before (per parameter and together), the coefficient, and the norm after."""

    norms_before: dict[str, float]
    norm_before: float
    coefficient: float
    norm_after: float


def grad_norm(gradient: Tensor) -> float:
    """l2 norm measured in float64, scaled by the largest entry where its square would overflow; NaN and inf come through."""
    norm = float(torch.linalg.vector_norm(gradient, dtype=torch.float64))
    if math.isinf(norm) and math.isfinite(largest := float(gradient.abs().max())):
        norm = largest * float(torch.linalg.vector_norm(gradient / largest, dtype=torch.float64))
    return norm


def clip_gradients(named_parameters: Iterable[tuple[str, nn.Parameter]], max_norm: float | None) -> Clipping:
    """Scale all gradients together to a norm of at most max_norm (Pascanu et al. 2013, arXiv 1211.5063); None only measures.

    Parameters without a gradient are left out. Non-finite gradients are left as they are: their norm says so.
    """
    gradients = {name: p.grad for name, p in named_parameters if p.grad is not None}
    norms = {name: grad_norm(gradient) for name, gradient in gradients.items()}
    before = math.hypot(*norms.values())
    if max_norm is None or not before > max_norm or not math.isfinite(before):
        return Clipping(norms, before, 1.0, before)
    # g <- min(theta / ||g||, 1) g
    coefficient = max_norm / before
    for gradient in gradients.values():
        gradient.copy_(gradient.double() * coefficient)  # in float64: float32 has no coefficient of 1e-40
    return Clipping(norms, before, coefficient, math.hypot(*map(grad_norm, gradients.values())))


def train(model: CharModel, text_or_ids: str | Tensor, recipe: Recipe, seed: int = 0) -> Iterator[StepRecord]:
    """Train the model in place, one record a step; stop whenever you like, the model is as trained as you let it be.

    The same seed on the same machine gives the same bits: epoch k draws its batches from a generator seeded by
    (seed, k) alone. The model may be in float32 or float64.

    Args:
        model: changed in place.
        text_or_ids: a text, or its ids_N (int64).
        recipe: how.
        seed: of the batches (the initial weights are the model's own).

    Raises:
        TextError: the text is shorter than one batch (at once, before the first step).
        TrainingDivergedError: a loss, gradient or weight is not finite (while iterating).

    """
    ids_N = (model.vocabulary.encode(text_or_ids) if isinstance(text_or_ids, str) else text_or_ids)[: recipe.max_tokens]
    needed = min_tokens(recipe.batch_size, recipe.num_steps, random_offset=recipe.random_offset)
    if len(ids_N) < needed:
        raise TextError(
            f"Expected a text of at least {needed:,} characters for this recipe (batch_size {recipe.batch_size}, num_steps "
            f"{recipe.num_steps}); got {len(ids_N):,}. Take a longer text, or lower batch_size or num_steps."
        )
    return _steps(model, ids_N, recipe, seed)


def _steps(model: CharModel, ids_N: Tensor, recipe: Recipe, seed: int) -> Iterator[StepRecord]:
    optimizer = recipe.optimizer_for(model)
    step = 0
    for epoch in range(1, recipe.epochs + 1):
        state, nll_sum, tokens = None, 0.0, 0
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        drawn = batches(
            ids_N,
            recipe.batch_size,
            recipe.num_steps,
            recipe.sampling,
            random_offset=recipe.random_offset,
            generator=generator,
        )
        for (x_TB, y_TB), epoch_ends in _mark_last(drawn):
            started, step = time.perf_counter(), step + 1
            logits_TBV, last = model(x_TB, state)
            loss = F.cross_entropy(logits_TBV.flatten(0, 1), model.target(x_TB, y_TB).flatten())
            optimizer.zero_grad()
            loss.backward()
            clipping = clip_gradients(model.named_parameters(), recipe.clip_norm)
            nll_nats = float(loss.detach())
            _check_gradients(step, nll_nats, clipping)
            _update(step, model, optimizer)
            state = model.carried(last) if recipe.sampling == "sequential" else None
            nll_sum, tokens = nll_sum + nll_nats * x_TB.numel(), tokens + x_TB.numel()
            yield StepRecord(
                step=step,
                epoch=epoch,
                nll_nats=nll_nats,
                epoch_nll_nats=nll_sum / tokens,
                epoch_ends=epoch_ends,
                grad_norm_before=clipping.norm_before,
                grad_norm_after=clipping.norm_after,
                clip_coefficient=clipping.coefficient,
                grad_norms=clipping.norms_before,
                tokens_per_s=x_TB.numel() / (time.perf_counter() - started),
            )


def _mark_last(items: Iterator[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Each item and whether it is the last."""
    ahead = next(items, None)
    while ahead is not None:
        item, ahead = ahead, next(items, None)
        yield item, ahead is None


def _check_gradients(step: int, nll_nats: float, clipping: Clipping) -> None:
    for name, norm in clipping.norms_before.items():
        if not math.isfinite(norm):
            raise TrainingDivergedError(step, name, "gradient")
    if not math.isfinite(nll_nats):
        raise TrainingDivergedError(step, "loss", "value")


def _update(step: int, model: CharModel, optimizer: torch.optim.Optimizer) -> None:
    """One optimizer step; where it leaves a weight that is not finite, the weights before it come back."""
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.step()
    for name, parameter in model.named_parameters():
        if not math.isfinite(float(torch.linalg.vector_norm(parameter.detach(), torch.inf))):
            with torch.no_grad():
                for p, kept in zip(model.parameters(), before, strict=True):
                    p.copy_(kept)
            raise TrainingDivergedError(step, name, "new weight")
