"""GateProbe: three lines in somebody else's training loop, and what its recurrent layers do is on record."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from explorer.attaching.calls import Call, call_of, watch
from explorer.attaching.layers import Layer, find_layers
from explorer.attaching.ledger import Ledger, LoopStep
from explorer.attaching.samples import NetSample, ParameterSample, StepSample, net_samples
from explorer.clipping import grad_norm
from explorer.fields import check_whole

MOST_EVERY = 10**9


class GateProbe:
    """Watches the recurrent layers of a model while somebody else's loop trains it.

        with GateProbe(model, every=20) as probe:
            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                probe.clip_grad_norm_(model.parameters(), max_norm=1.0)
                optimizer.step(); optimizer.zero_grad()
        print(probe.diagnose())

    A step ends where an optimizer of torch that holds a parameter of the model makes one. The model computes, learns and
    draws as it would without the probe, bit for bit; hooks are there only inside the `with`.

    Args:
        model: any module with nn.RNN, nn.GRU or nn.LSTM in it, or loops over their cells. Not compiled.
        every: gates and gradients are looked at on the first step and every so many; loss and norms on all.

    Attributes:
        layers: the recurrent layers that were found.
        ledger: loss and norms of every step so far.
        samples: the sampled steps so far.

    Raises:
        ConfigError: no recurrent layer, one with projections, a compiled model, or `every` is no whole number above 0.

    """

    def __init__(self, model: nn.Module, *, every: int = 20) -> None:
        self.layers = find_layers(model)
        self.every = check_whole("every", every, 1, MOST_EVERY)
        self.ledger = Ledger()
        self.samples: list[StepSample] = []
        self._names = {id(p): name for name, p in model.named_parameters()}
        self._parameters = dict(model.named_parameters())
        self._hooks = ExitStack()
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of the step that comes."""
        self._calls: dict[str, list[Call]] = {}
        self._loss: float | None = None
        self._clip: LoopStep | None = None
        self._norms: dict[str, float] = {}
        self._before: dict[str, Tensor] = {}
        self._nets: tuple[NetSample, ...] | None = None

    @property
    def step(self) -> int:
        """The step that goes on, counted from 1."""
        return len(self.ledger) + 1

    @property
    def sampled(self) -> bool:
        """Whether the step that goes on is looked at closely."""
        return (self.step - 1) % self.every == 0

    # ---- the loop -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        for layer in self.layers:
            self._attach(layer)
        self._held(register_optimizer_step_pre_hook(self._before_update))
        self._held(register_optimizer_step_post_hook(self._after_update))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.close()
        if self._clip is not None or self._loss is not None:  # the step that was going on
            self._close()

    def _held(self, handle: Any) -> None:
        self._hooks.callback(handle.remove)

    def loss(self, loss: Tensor) -> Tensor:
        """Record a loss of the step that goes on; several are added. Returns it as it came."""
        self._loss = (self._loss or 0.0) + float(loss.detach())
        return loss

    def clip_grad_norm_(
        self, parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
        error_if_nonfinite: bool = False, foreach: bool | None = None,
    ) -> Tensor:  # fmt: skip
        """torch.nn.utils.clip_grad_norm_, with the same result; the l2 norms before and after are recorded."""
        given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        before = self._measure(given)
        total = nn.utils.clip_grad_norm_(given, max_norm, norm_type, error_if_nonfinite, foreach)
        coefficient = min(1.0, float(max_norm) / (float(total) + 1e-6))  # as torch has it
        after = _together(given) if coefficient < 1 else before
        self._clip = LoopStep(self.step, None, before, after, coefficient, float(max_norm))
        return total

    def _measure(self, parameters: Iterable[Tensor]) -> float:
        if not self.sampled:
            return _together(parameters)
        norms = {
            self._names.get(id(p), f"[{i}]"): grad_norm(p.grad) for i, p in enumerate(parameters) if p.grad is not None
        }
        self._norms = norms
        return math.hypot(*norms.values())

    # ---- hooks --------------------------------------------------------------------------------------------------

    def _attach(self, layer: Layer) -> None:
        def after(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            if self.sampled and torch.is_grad_enabled():
                self._take(layer, args, kwargs, result)

        self._held(layer.module.register_forward_hook(after, with_kwargs=True))

    def _take(self, layer: Layer, args: Any, kwargs: Any, result: Any) -> None:
        known = self._calls.setdefault(layer.name, [])
        if known and layer.kernel is not None:
            return
        call, given = call_of(layer, args, kwargs, result)
        known.append(call)
        watch(call, given)

    def _is_ours(self, optimizer: torch.optim.Optimizer) -> bool:
        return any(id(p) in self._names for group in optimizer.param_groups for p in group["params"])

    def _before_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._is_ours(optimizer):
            if self._clip is None:
                norm = self._measure(self._parameters.values())
                self._clip = LoopStep(self.step, None, norm, norm)
            if self.sampled:
                self._look()  # while the weights are those that made the states
                self._before = {name: p.detach().clone() for name, p in self._parameters.items()}

    def _after_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._is_ours(optimizer):
            self._close()

    # ---- the end of a step --------------------------------------------------------------------------------------

    def _close(self) -> None:
        """The step is over."""
        clip = self._clip or LoopStep(self.step)
        if self.sampled:
            self.samples.append(self._sample())
        self.ledger.add(
            LoopStep(self.step, self._loss, clip.norm_before, clip.norm_after, clip.coefficient, clip.max_norm)
        )
        self._forget()

    def _look(self) -> tuple[NetSample, ...]:
        """Every net of the step that goes on, once."""
        if self._nets is None:
            self._nets = tuple(sample for calls in self._calls.values() for sample in net_samples(calls))
        return self._nets

    def _sample(self) -> StepSample:
        total = math.hypot(*self._norms.values())
        parameters = {
            name: ParameterSample(norm, (norm / total) ** 2 if total else math.nan)
            for name, norm in self._norms.items()
        }
        return StepSample(self.step, self._look(), parameters, None)


def _together(parameters: Iterable[Tensor]) -> float:
    """The l2 norm of all gradients together."""
    return math.hypot(*(grad_norm(p.grad) for p in parameters if p.grad is not None))
