"""Training: recipes, global-norm clipping with both norms measured, one record a step, and a state to go on from."""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.batches import SAMPLINGS, Cut, batch_count, batches, min_tokens
from explorer.cells import State, gate_titles
from explorer.clipping import Clipping, clip_gradients
from explorer.fields import (
    ConfigError,
    check_above_zero,
    check_choice,
    check_flag,
    check_whole,
    expected,
    finite,
    got,
    whole,
)  # fmt: skip
from explorer.interventions import check_gates, hold_gate, rows_of_gate
from explorer.models import CharModel, ModelConfig, NetKey
from explorer.text import TextError, split_clean
from explorer.tokens import CHARACTER, KINDS, Tokens
from explorer.words import Saying, Told

Batch = tuple[Tensor, Tensor]
Carried = dict[NetKey, State] | None
OPTIMIZERS = ("sgd", "adam")
MAX_BACKWARD_BATCHES = 16
MAX_EPOCHS = 5_000
MAX_SEED = 10**18 - 1  # what a checkpoint can hold


class TrainingDivergedError(Told, ArithmeticError):
    """A loss, gradient or weight stopped being a finite number; the model holds the last finite weights.

    Attributes:
        step: the step at which it happened, counted from 1.
        parameter: the first parameter concerned, or "loss".

    Args:
        what: which of its numbers is not finite: "gradient", "weight", or "value" where it is the loss.

    """

    def __init__(self, step: int, parameter: str, what: str) -> None:
        self.step, self.parameter = step, parameter
        super().__init__("training.diverged", step=step, parameter=parameter, what=Saying(f"training.diverged.{what}"))


_COUNTS = {
    "batch_size": 4096,
    "num_steps": 4096,
    "epochs": MAX_EPOCHS,
    "max_tokens": 10**9,
    "backward_batches": MAX_BACKWARD_BATCHES,
}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Checked when made.

    Attributes:
        optimizer: "sgd" or "adam".
        learning_rate: step size, above 0; with SGD and clipping, learning_rate * clip_norm is the longest possible step.
        clip_norm: threshold theta of the norm of all gradients together, above 0; None does not clip.
        batch_size: rows B of a batch, at most 4,096.
        num_steps: tokens T of a row, over which the gradient is carried back; at most 4,096.
        epochs: passes through the text, at most 5,000.
        sampling: "sequential" (state carried, cut from the graph, between batches) or "random" (state zero each batch).
        random_offset: whether each epoch begins at a new token of the first T.
        max_tokens: only the first so many tokens of the text are used; None uses all.
        backward_batches: over how many batches the gradient is carried back, the batch of its losses being the last of them. 1
            cuts the state from the graph before every batch, as the book's `detach` does; more read the batches before again,
            and need sequential sampling.
        held_gate: the letter of a gate that all units hold at one value from the first step on, and that is not trained: a GRU
            with "r" held at 1 has an update gate alone. None holds none.
        held_at: that value, in [0, 1].
        token: what is read and predicted at a step, "character" or "word": a token.

    Raises:
        ConfigError: a field has a value it cannot have. It names the field, what was expected and what came.

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
    backward_batches: int = 1
    held_gate: str | None = None
    held_at: float = 1.0
    token: str = CHARACTER

    def __post_init__(self) -> None:
        for field, allowed in (("optimizer", OPTIMIZERS), ("sampling", SAMPLINGS), ("token", KINDS)):
            check_choice(field, getattr(self, field), allowed)
        for field, most in _COUNTS.items():
            if field != "max_tokens" or self.max_tokens is not None:
                self._set(field, check_whole(field, getattr(self, field), 1, most))
        if self.backward_batches > 1 and self.sampling != "sequential":
            raise ConfigError("backward_batches", expected("batches-that-follow"), self.backward_batches)
        for field in ("learning_rate", "clip_norm"):
            if field != "clip_norm" or self.clip_norm is not None:
                self._set(field, check_above_zero(field, getattr(self, field)))
        self._set("random_offset", check_flag("random_offset", self.random_offset))
        if self.held_gate is not None:
            check_choice("held_gate", self.held_gate, tuple(gate_titles()))
        if (value := finite(self.held_at)) is None or not 0 <= value <= 1:
            raise ConfigError("held_at", expected("value-of-gate"), self.held_at)
        self._set("held_at", value)

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)  # frozen, but for a number of another type than its own

    def learned(self, text: Tokens) -> Tokens:
        """What of a text is learned: its first max_tokens characters or words, as clean_text has them.

        Its symbols are counted on this part alone, as the book does that cuts first (its first Chinese edition, section
        6.3): symbols that come only later are unknown.

        Args:
            text: the whole text.

        """
        return split_clean(text, self.token)[: self.max_tokens]

    @property
    def shortest_text(self) -> int:
        """Tokens of the shortest text that fills one batch, whatever the offset."""
        return min_tokens(self.batch_size, self.num_steps, random_offset=self.random_offset)

    @property
    def cut(self) -> Cut:
        """Where it cuts the graph."""
        return Cut(self.num_steps, self.backward_batches)

    @property
    def backward_steps(self) -> int:
        """The longest way a gradient is carried back, in tokens."""
        return self.num_steps * self.backward_batches

    def check_gate(self, config: ModelConfig) -> None:
        """Refuse to hold a gate that a model does not have, or has no bias for.

        Args:
            config: the model's.

        Raises:
            ConfigError: held_gate is not one of its gates, or it has no biases: a held gate is one.

        """
        if self.held_gate is not None:
            check_gates(config.kind, (self.held_gate,), "held_gate")
            if config.bias == "none":
                raise ConfigError("held_gate", expected("gate-with-bias"), self.held_gate)

    def hold(self, model: CharModel) -> None:
        """Hold the gate that is to be held, in place; nothing where none is.

        Args:
            model: its weights of that gate are changed; check_gate says whether it has the gate.

        """
        if self.held_gate is not None:
            hold_gate(model, self.held_gate, self.held_at)

    def check_precision(self, dtype: torch.dtype = torch.float32) -> None:
        """Refuse a learning rate with which weights of this precision cannot be multiplied.

        Args:
            dtype: of the weights, a floating type.

        Raises:
            ConfigError: it is too large.

        """
        # Adam divides its first step by 1 - beta_1 = 0.1.
        most = torch.finfo(dtype).max / (10 if self.optimizer == "adam" else 1)
        if self.learning_rate > most:
            raise ConfigError(
                "learning_rate", expected("a-step-that-fits", most=most, optimizer=self.optimizer), self.learning_rate
            )

    def optimizer_for(self, model: nn.Module) -> torch.optim.Optimizer:
        """A fresh optimizer over the model's parameters.

        Args:
            model: whose parameters it updates.

        Raises:
            ConfigError: a learning rate that the precision of the weights cannot hold.

        """
        for parameter in model.parameters():
            self.check_precision(parameter.dtype)
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[self.optimizer]
        return kind(model.parameters(), lr=float(self.learning_rate))  # type: ignore[no-any-return]


RECIPES = {
    # Dive into Deep Learning 0.17, sections 8.5 to 9.4
    "d2l-v2": Recipe(learning_rate=1.0, clip_norm=1.0, epochs=500, max_tokens=10_000),
    # Dive into Deep Learning, first Chinese edition, sections 6.4 to 6.8
    "d2l-zh-v1": Recipe(learning_rate=100.0, clip_norm=0.01, epochs=160, random_offset=False, max_tokens=10_000),
    "quick": Recipe(optimizer="adam", learning_rate=0.005, clip_norm=1.0, num_steps=50, batch_size=16, epochs=40),
}
"""Name -> recipe: two as Dive into Deep Learning trains, and one that is done in a short time."""
RECIPE_MODELS: dict[str, dict[str, Any]] = {
    "d2l-v2": {"hidden_size": 256, "init": "torch"},
    "d2l-zh-v1": {"hidden_size": 256, "init": "normal"},
    "quick": {},
}
"""What a recipe says of the model, as fields of ModelConfig: the book's units and its initial weights."""


@dataclass(frozen=True)
class StepRecord:
    """What one step of training did.

    Attributes:
        step: counted from 1.
        epoch: counted from 1.
        nll_nats: mean negative log-likelihood of the batch's tokens, before the update.
        epoch_nll_nats: mean over all tokens of this epoch so far. At the epoch's last step its exponential is
            the perplexity d2l prints: measured *during* the epoch, while the weights change.
        epoch_ends: whether this was the epoch's last step.
        grad_norm_before: l2 norm of all gradients together, before clipping.
        grad_norm_after: the same, measured again after clipping.
        clip_coefficient: what the gradients were multiplied with, in (0, 1].
        grad_norms: parameter name -> l2 norm before clipping.
        tokens_per_s: tokens of the batch per second of this step.

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
class TrainingState:
    """A training put aside between two steps: everything the steps after it depend on.

    An epoch's batches depend on (seed, epoch) alone and a step draws nothing, so that no generator needs to be kept.

    Attributes:
        step: the last one done; 0 before the first.
        epoch: the epoch it belongs to; 0 before the first.
        batch: how many batches of that epoch are done.
        nll_sum_nats: summed over the epoch's tokens so far.
        tokens: how many that is.
        tensors: "weights.<parameter>", "optimizer.<index of the parameter>.<what>", and, in the midst of an epoch of
            sequential sampling, the carried state: "carried.<layer>.<direction>.<part>". Where the gradient goes back over
            several batches, also the state that the last batch began in, "before1....", the one before it, "before2....".

    """

    step: int
    epoch: int
    batch: int
    nll_sum_nats: float
    tokens: int
    tensors: dict[str, Tensor]


class Training(Iterator[StepRecord]):
    """Training as an iterator of records that can be put aside between two steps and taken up again, bit for bit.

        training = Training(model, text, recipe, seed)
        for record in training:
            kept = training.state()
        ...
        training = Training(another_model, text, recipe, seed)  # another process, another day
        training.restore(kept)  # another_model now is the model of then, and what follows are the records of then

    The arguments and errors are those of `train`.
    """

    def __init__(self, model: CharModel, text_or_ids: Tokens | Tensor, recipe: Recipe, seed: int = 0) -> None:
        recipe.check_gate(model.config)
        self.model, self.recipe, self.seed = model, recipe, check_seed(seed)
        self._ids_N = _encode_enough(model, text_or_ids, recipe)
        recipe.hold(model)
        self._optimizer = recipe.optimizer_for(model)
        self._step = self._epoch = self._batch = self._tokens = 0
        self._nll_sum_nats = 0.0
        self._carried: Carried = None
        self._read: list[tuple[Tensor, Carried]] = []  # the last batches, and the state that each began in
        self._batches: Iterator[Batch] = iter(())
        self._ahead: Batch | None = None
        self._closed = False

    def __next__(self) -> StepRecord:
        if self._ahead is None and self._epoch < self.recipe.epochs:
            self._begin_epoch(self._epoch + 1)
        if self._ahead is None or self._closed:
            raise StopIteration
        self._closed = True  # a step that fails is the last one
        started = time.perf_counter()
        (x_TB, y_TB), self._ahead = self._ahead, next(self._batches, None)
        nll_nats, clipping = self._learn(x_TB, y_TB)
        self._batch, self._tokens = self._batch + 1, self._tokens + x_TB.numel()
        self._nll_sum_nats += nll_nats * x_TB.numel()
        self._closed = False
        return StepRecord(
            step=self._step,
            epoch=self._epoch,
            nll_nats=nll_nats,
            epoch_nll_nats=self._nll_sum_nats / self._tokens,
            epoch_ends=self._ahead is None,
            grad_norm_before=clipping.norm_before,
            grad_norm_after=clipping.norm_after,
            clip_coefficient=clipping.coefficient,
            grad_norms=clipping.norms_before,
            tokens_per_s=x_TB.numel() / (time.perf_counter() - started),
        )

    def _begin_epoch(self, epoch: int) -> None:
        self._epoch, self._batch, self._tokens = epoch, 0, 0
        self._nll_sum_nats, self._carried, self._read = 0.0, None, []
        self._batches = batches(
            self._ids_N,
            self.recipe.batch_size,
            self.recipe.num_steps,
            self.recipe.sampling,
            random_offset=self.recipe.random_offset,
            generator=self._chance(epoch),
        )
        self._ahead = next(self._batches, None)

    def _chance(self, epoch: int) -> torch.Generator:
        """What an epoch draws its batches from."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**64)

    def last_steps(self, epochs: int) -> list[int]:
        """The last step of each of the first so many epochs, as the seed has them; no batch is made for it."""
        recipe, characters = self.recipe, len(self._ids_N)
        counts = (
            batch_count(
                characters,
                recipe.batch_size,
                recipe.num_steps,
                recipe.sampling,
                random_offset=recipe.random_offset,
                generator=self._chance(epoch),
            )
            for epoch in range(1, epochs + 1)
        )
        return list(accumulate(counts))

    @property
    def tokens(self) -> int:
        """How many tokens are trained on."""
        return len(self._ids_N)

    @cached_property
    def text_sha256(self) -> str:
        """SHA-256 of the ids that are trained on, as int64: two texts that train alike have one."""
        return hashlib.sha256(self._ids_N.contiguous().numpy().data).hexdigest()

    def _learn(self, x_TB: Tensor, y_TB: Tensor) -> tuple[float, Clipping]:
        """One step on one batch: its loss before the update, and what clipping measured."""
        model, self._step = self.model, self._step + 1
        self._read = [*self._read, (x_TB, self._carried)][-self.recipe.backward_batches :]
        # With batches before it the graph begins where the first of them began; all are read by the weights of now.
        logits_SBV, last = model(torch.cat([read for read, _ in self._read]), self._read[0][1])
        logits_TBV = logits_SBV[-len(x_TB) :]
        loss = F.cross_entropy(logits_TBV.flatten(0, 1), model.target(x_TB, y_TB).flatten())
        self._optimizer.zero_grad()
        loss.backward()
        if self.recipe.held_gate is not None:
            for rows in rows_of_gate(model, self.recipe.held_gate, gradients=True):
                rows.zero_()
        clipping = clip_gradients(model.named_parameters(), self.recipe.clip_norm)
        nll_nats = float(loss.detach())
        _check_gradients(self._step, nll_nats, clipping)
        _update(self._step, model, self._optimizer)
        self._carried = model.carried(last) if self.recipe.sampling == "sequential" else None
        return nll_nats, clipping

    def close(self) -> None:
        """No step after this one, as with a generator."""
        self._closed = True

    def state(self) -> TrainingState:
        """Everything needed to go on from here, copied.

        Raises:
            ConfigError: a step has failed or was interrupted, or the training was closed: restore an earlier state.

        """
        if self._closed:
            raise ConfigError("state", expected("between-steps"), got("closed"))
        tensors: dict[str, Tensor] = {f"weights.{name}": p for name, p in self.model.named_parameters()}
        for index, values in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": v for key, v in values.items() if isinstance(v, Tensor)}
        for name, carried in self._carried_by_name().items():
            for net, parts in (carried or {}).items():
                tensors |= {f"{name}.{net.layer}.{net.direction}.{i}": part for i, part in enumerate(parts)}
        copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        return TrainingState(self._step, self._epoch, self._batch, self._nll_sum_nats, self._tokens, copies)

    def _carried_by_name(self) -> dict[str, Carried]:
        """The state that comes next, and those in which the batches began that the next gradient goes back over."""
        earlier = self._read[::-1][: self.recipe.backward_batches - 1]
        return {"carried": self._carried} | {f"before{age}": began for age, (_, began) in enumerate(earlier, 1)}

    def restore(self, state: TrainingState, *, checked: bool = False) -> None:
        """Go on from a state: the model, the optimizer, the place in the text and the carried state are as they were.

        Args:
            state: as `state` gave it.
            checked: whether `check` has passed it already.

        Raises:
            ConfigError: the state belongs to another model, recipe or text, or to none; nothing is changed.

        """
        if not checked:
            self.check(state)
        groups: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
        for name, tensor in state.tensors.items():
            kind, _, rest = name.partition(".")
            groups[kind][rest] = tensor.clone()
        self.model.load_state_dict(groups["weights"])
        self._restore_optimizer(groups["optimizer"])
        self._batches, self._ahead = iter(()), None
        if state.epoch:
            self._begin_epoch(state.epoch)
        for place in range(state.batch):
            if self._ahead is not None and state.batch - place < self.recipe.backward_batches:
                self._read.append((self._ahead[0], _carried_state(groups[f"before{state.batch - place}"])))
            self._ahead = next(self._batches, None)
        self._step, self._epoch, self._batch = state.step, state.epoch, state.batch
        self._nll_sum_nats, self._tokens = state.nll_sum_nats, state.tokens
        self._carried = _carried_state(groups["carried"])
        self._closed = False

    def check(self, state: TrainingState) -> None:
        """Refuse a state that this training cannot have been in.

        Raises:
            ConfigError: a counter is not one of this recipe, text and seed, a tensor is of another model or optimizer, or a
                number is not finite where every step makes it so.

        """
        self._check_counters(state)
        layout = self._layout(state.step, state.batch)
        if odd := sorted(layout.keys() ^ state.tensors.keys()):
            raise ConfigError("state", expected("these-tensors", count=len(layout)), got("differs", odd=odd))
        for name, (dtype, shape) in layout.items():
            tensor = state.tensors[name]
            if tensor.dtype != dtype or tuple(tensor.shape) != shape:
                raise ConfigError(
                    "state", expected("this-tensor", name=name, dtype=dtype, shape=shape),
                    got("tensor", dtype=tensor.dtype, shape=tuple(tensor.shape)),
                )  # fmt: skip
            self._check_values(name, tensor, state.step)

    def _check_counters(self, state: TrainingState) -> None:
        """The seed, the recipe and the text settle every counter but the place, and how far that can be."""
        epochs, recipe = self.recipe.epochs, self.recipe
        _check_count("epoch", state.epoch, 0, epochs)
        ends = [0, *self.last_steps(state.epoch)]
        # A state lies between two steps, so that an epoch that was begun has a batch done.
        _check_count("batch", state.batch, min(state.epoch, 1), ends[-1] - ends[max(0, state.epoch - 1)])
        done = ends[max(0, state.epoch - 1)] + state.batch
        _check_count("step", state.step, done, done)
        tokens = state.batch * recipe.batch_size * recipe.num_steps
        _check_count("tokens", state.tokens, tokens, tokens)
        nll = state.nll_sum_nats
        if type(nll) is not float or not 0 <= nll < math.inf or (nll > 0 and not tokens):
            raise ConfigError("state", expected("sum-of-losses"), nll)

    def _layout(self, step: int, batch: int) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
        """The tensors of a state after so many steps, and batches of the epoch: name -> number format and shape."""
        weights = {name: (p.dtype, tuple(p.shape)) for name, p in self.model.named_parameters()}
        layout = {f"weights.{name}": what for name, what in weights.items()}
        if step and self.recipe.optimizer == "adam":
            for index, what in enumerate(weights.values()):
                layout[f"optimizer.{index}.step"] = torch.float32, ()
                layout |= {f"optimizer.{index}.{moment}": what for moment in ("exp_avg", "exp_avg_sq")}
        if step and self.recipe.sampling == "sequential":
            config, dtype = self.model.config, next(self.model.parameters()).dtype
            # The first batch of an epoch began in no state but zero.
            earlier = [f"before{age}" for age in range(1, min(self.recipe.backward_batches, batch))]
            for name, net in itertools.product(["carried", *earlier], config.nets):
                shape = self.recipe.batch_size, config.width(net)
                layout |= {f"{name}.{net.layer}.{net.direction}.{i}": (dtype, shape) for i in range(config.parts)}
        return layout

    def _check_values(self, name: str, tensor: Tensor, step: int) -> None:
        """Refuse values that no training of so many steps leaves in a tensor."""
        kind, _, rest = name.partition(".")
        what = rest.rpartition(".")[2] if kind == "optimizer" else ""
        if what == "step":
            # Adam counts in float32, which stands still at 2^24.
            if float(tensor) != min(step, 2**24):
                raise ConfigError("state", expected("tensor-to-be", name=name, value=step), float(tensor))
        elif what == "exp_avg_sq":
            # The square of a large gradient overflows to infinity, with which Adam trains on: that weight stands still.
            if not bool((tensor >= 0).all()):
                raise ConfigError("state", expected("tensor-at-least-zero", name=name), got("less-or-nan"))
        elif not (kind not in ("weights", "optimizer") and self._unbounded) and not bool(tensor.isfinite().all()):
            raise ConfigError("state", expected("finite-tensor", name=name), got("not-finite"))

    @property
    def _unbounded(self) -> bool:
        """Whether a net's state can outgrow its precision while loss and weights are finite: the next step then says so."""
        return self.model.config.kind.unbounded(self.model.config.variant)

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        self._optimizer = self.recipe.optimizer_for(self.model)
        whole = self._optimizer.state_dict()
        for name, tensor in tensors.items():
            index, _, key = name.partition(".")
            whole["state"].setdefault(int(index), {})[key] = tensor
        self._optimizer.load_state_dict(whole)


def _check_count(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ConfigError("state", expected("counter", name=name, least=least, most=most), value)


def _carried_state(tensors: dict[str, Tensor]) -> Carried:
    """The parts of each net's state put together again; None where nothing is carried."""
    parts: dict[NetKey, State] = {}
    for name in sorted(tensors):
        layer, direction, _ = name.split(".")
        net = NetKey(int(layer), direction)
        parts[net] = (*parts.get(net, ()), tensors[name])
    return parts or None


def train(model: CharModel, text_or_ids: Tokens | Tensor, recipe: Recipe, seed: int = 0) -> Training:
    """Train the model in place, one record a step; stop whenever you like, the model is as trained as you let it be.

    The same seed on the same machine gives the same bits: epoch k draws its batches from a generator seeded by
    (seed, k) alone. The model may be in float32 or float64.

    Args:
        model: changed in place.
        text_or_ids: a text, as the model's vocabulary takes it apart, or its ids_N (int64).
        recipe: how.
        seed: of the batches (the initial weights are the model's own), at most 18 digits.

    Returns:
        an iterator of StepRecord, whose `state()` is enough to go on another day.

    Raises:
        TextError: the text is shorter than one batch, or ids are not the vocabulary's (at once, before the first step).
        ConfigError: a seed or a learning rate too large to be used, or a held gate that the model does not have or has no
            bias for (at once).
        TrainingDivergedError: a loss, gradient or weight is not finite (while iterating).

    """
    return Training(model, text_or_ids, recipe, seed)


def check_seed(seed: int) -> int:
    """The seed, if it is one.

    Raises:
        ConfigError: not a whole number, or one of more than 18 digits.

    """
    number = whole(seed)
    if number is None or abs(number) > MAX_SEED:
        raise ConfigError("seed", expected("seed"), seed)
    return number


def _encode_enough(model: CharModel, text_or_ids: Tokens | Tensor, recipe: Recipe) -> Tensor:
    """The ids_N that are trained on, if they fill a batch."""
    if not isinstance(text_or_ids, Tensor):
        ids_N = model.vocabulary.encode(text_or_ids)[: recipe.max_tokens]
    else:
        ids_N = _check_ids(text_or_ids[: recipe.max_tokens], len(model.vocabulary))
    if len(ids_N) < recipe.shortest_text:
        raise TextError(
            "training.too-short",
            least=recipe.shortest_text, batch_size=recipe.batch_size, num_steps=recipe.num_steps, characters=len(ids_N),
            of_token=model.vocabulary.token,
        )  # fmt: skip
    return ids_N


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
            raise TrainingDivergedError(step, name, "weight")


def _check_ids(ids_N: Tensor, symbols: int) -> Tensor:
    """Ids that a model can read: torch's own word on others names neither."""
    if ids_N.dim() != 1 or ids_N.is_floating_point() or ids_N.is_complex():
        raise TextError("training.ids.kind", dtype=ids_N.dtype, shape=tuple(ids_N.shape))
    if len(ids_N) and not 0 <= int(ids_N.min()) <= int(ids_N.max()) < symbols:
        raise TextError("training.ids.range", most=symbols - 1, first=int(ids_N.min()), last=int(ids_N.max()))
    return ids_N.long()
