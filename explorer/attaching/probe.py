"""GateProbe: three lines in somebody else's training loop, and what its recurrent layers do is on record."""

from __future__ import annotations

import html
import itertools
import math
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from explorer.attaching.calls import Call, began_before, call_of, given_and_taken, mark, watch
from explorer.attaching.faults import Fault, first_fault
from explorer.attaching.hooks import Hook
from explorer.attaching.kept import Kept
from explorer.attaching.layers import Layer, find_layers
from explorer.attaching.ledger import Ledger, LoopStep
from explorer.attaching.losses import each_backward
from explorer.attaching.norms import Clipped, clip, measured, parameter_samples, summed
from explorer.attaching.samples import NetSample, StepSample, net_samples
from explorer.attaching.verdict import Loop, LoopDiagnosis, diagnosis_of
from explorer.attaching.writers import check_writer, scalars_of, tell
from explorer.fields import ConfigError, check_choice, check_whole, expected, got, shown
from explorer.probes.gradients import MAX_STEPS
from explorer.runs.validation import name_problem
from explorer.words import Saying, say

if TYPE_CHECKING:
    import pandas as pd

MOST_EVERY = 10**9
MOST_CALLS = 4  # of a layer in one sampled step that are kept until it is known which of them a gradient came back to
JUDGING_SHARE = 0.05  # of the time between two writes that the verdict may cost
MOST_TOLD = 300  # characters of what a loop raised
_Loss = TypeVar("_Loss")
_numbers = itertools.count()
MOST_SAMPLES = 2_000  # kept in memory; then every second one is let go, and half as many are taken


class GateProbe:
    """Watches the recurrent layers of a model while somebody else's loop trains it.

        with GateProbe(model, run="my experiment", every=20) as probe:
            for x, y in loader:
                loss = criterion(model(x), y)
                loss.backward()
                probe.clip_grad_norm_(model.parameters(), max_norm=1.0)
                optimizer.step(); optimizer.zero_grad()
        print(probe.diagnose())

    A step ends where an optimizer of torch that holds a parameter of the model makes one; a loop with an optimizer of another
    kind calls `end_step()`. The model computes, learns and draws as it would without the probe, bit for bit; hooks are there
    only inside the `with`, and what was recorded stays after it, also where the loop raised.

    Args:
        model: any module with nn.RNN, nn.GRU or nn.LSTM in it, or loops over their cells. Not compiled.
        run: a name, under which the loop is live on the page Train beside the app's own runs, also after it; None for none.
        every: gates and gradients are looked at on the first step and every so many; loss and norms on all.
        rows: of a batch that are looked at closely, evenly spaced; None for all. Norms over parameters are of the whole batch.

    Attributes:
        layers: the recurrent layers that were found.
        ledger: loss and norms of every step so far.
        samples: the sampled steps so far, at most 2,000: then every second one is let go, and half as many are taken.
        fault: the first value that was not a finite number; None where all were.
        attached_step: the first step that began in a state that still hung on the step before; None where none did.

    Raises:
        ConfigError: no recurrent layer, one with projections, a compiled model, `run` is no name, or `every` or `rows` is no
            whole number above 0.

    """

    def __init__(self, model: nn.Module, *, run: str | None = None, every: int = 20, rows: int | None = 8) -> None:
        self.layers = find_layers(model)
        self.run = None if run is None else _checked_name(run)
        self.every = check_whole("every", every, 1, MOST_EVERY)
        self.rows = None if rows is None else check_whole("rows", rows, 1, MOST_EVERY)
        self.ledger = Ledger()
        self.samples: list[StepSample] = []
        self.fault: Fault | None = None
        self.attached_step: int | None = None
        self._parameters: dict[str, Tensor] = dict(model.named_parameters())
        self._names = {id(p): name for name, p in self._parameters.items()}
        self._optimizer: torch.optim.Optimizer | None = None
        self._writers: list[Any] = []
        self._notes: dict[str, Saying] = {}
        self._hooks = ExitStack()
        self._entered, self._number = False, next(_numbers)
        self._called, self._reached = set[str](), set[str]()  # layers, in any step so far
        self._passes, self._other_updates = 0, 0  # backward passes that reached one; updates of other parameters alone
        self._rates = array("d")
        self._kept: Kept | None = None
        self._judging_s, self._judged_at = 0.0, -math.inf
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of the step that comes."""
        self._calls: dict[str, list[Call]] = {}
        self._came_back: set[str] = set()
        self._loss: float | None = None
        self._unheard: float | None = None  # of backward passes that reached no recurrent layer
        self._rate: float | None = None
        self._told = False
        self._clip: Clipped | None = None
        self._weights: dict[str, Tensor] = {}
        self._nets: tuple[NetSample, ...] | None = None
        self._again = False

    @property
    def step(self) -> int:
        """The step that goes on, counted from 1."""
        return len(self.ledger) + 1

    @property
    def sampled(self) -> bool:
        """Whether the step that goes on is looked at closely."""
        return (self.step - 1) % self.every == 0

    # ---- what a loop calls ----------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with ExitStack() as hooks:
            for layer in self.layers:
                after = Hook(self._after_call(layer))
                hooks.callback(layer.module.register_forward_pre_hook(Hook(self._drawing)).remove)
                hooks.callback(layer.module.register_forward_hook(after, with_kwargs=True).remove)
            hooks.callback(register_optimizer_step_pre_hook(self._before_update).remove)
            hooks.callback(register_optimizer_step_post_hook(self._after_update).remove)
            hooks.enter_context(each_backward(self._backpropagated))
            self._hooks = hooks.pop_all()
        self._entered = True
        with self._recording():
            self._keep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.close()
        # Batches whose gradients were added up for a step that did not come are none, unless an error kept it from coming.
        if self._begun and (error is not None or self._clip is not None or self._optimizer is None):
            self.end_step()
        with self._recording():
            self._end(error)

    def loss(self, loss: _Loss) -> _Loss:
        """Record a loss of the step that goes on, in place of those that are backpropagated; several are added.

        Args:
            loss: a scalar, in any unit: a tensor or a number.

        Returns:
            The loss, as it came.

        Raises:
            ConfigError: it is no one number.

        """
        number = loss.detach().item() if isinstance(loss, Tensor) and loss.numel() == 1 else loss
        if not isinstance(number, int | float):
            raise ConfigError("loss", expected("one-number"), got("type", kind=type(loss).__name__))
        if not self._again:
            self._loss = float(number) + (self._loss or 0.0 if self._told else 0.0)
            self._told = True
        return loss

    def clip_grad_norm_(
        self,
        parameters: Tensor | Iterable[Tensor],
        max_norm: float,
        norm_type: float = 2.0,
        error_if_nonfinite: bool = False,
        foreach: bool | None = None,
    ) -> Tensor:
        """torch.nn.utils.clip_grad_norm_, with its result, bit for bit; the l2 norms before and after are recorded.

        Args:
            parameters: one or more, as for torch.
            max_norm: the threshold.
            norm_type: of the norm that is clipped; what is recorded is the l2 norm in any case.
            error_if_nonfinite: whether torch shall refuse a norm that is not finite.
            foreach: torch's choice of implementation.

        Returns:
            The norm before clipping.

        Raises:
            RuntimeError: torch's, for a norm that is not finite.

        """
        if self._again:
            return nn.utils.clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
        if self._called and not self._begun and self._unheard is None:
            self._notes["misplaced"] = Saying("attach.misplaced-clip", {"step": self.step})
            return nn.utils.clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
        given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        named = [(self._names.get(id(p), f"[{i}]"), p) for i, p in enumerate(given)]
        if error_if_nonfinite:
            self._refuse_non_finite(named, norm_type, foreach)
        total, did = clip(named, max_norm, norm_type, foreach, closely=self.sampled)
        self._clipped(did)
        return total

    def _clipped(self, did: Clipped) -> None:
        self._clip = did if self._clip is None else self._clip.beside(did)
        self._note_fault()  # while the gradients are those of this backward pass
        self._came_back.clear()

    def _refuse_non_finite(self, named: list[tuple[str, Tensor]], norm_type: float, foreach: bool | None) -> None:
        """What torch does before it clips; what was not finite is recorded first."""
        try:
            nn.utils.get_total_norm([p.grad for _, p in named if p.grad is not None], norm_type, True, foreach)
        except RuntimeError:
            self._clipped(measured(named))
            raise

    def end_step(self) -> None:
        """The step is over. Only a loop without an optimizer of torch has to call it."""
        self._settle()
        clip = self._clip or measured(())
        known = self._clip is not None
        made = LoopStep(
            self.step,
            self._loss,
            clip.norm_before if known else None,
            clip.norm_after if known else None,
            clip.coefficient,
            clip.max_norm,
        )
        sample = self._sample(clip) if self.sampled else None
        if sample is not None:
            self.samples.append(sample)
        self.ledger.add(made)
        self._rates.append(math.nan if self._rate is None else self._rate)
        self._tell(made, sample)
        with self._recording():
            self._write(made, sample)
        self._forget()
        self._thin()

    def to(self, writer: Any) -> Self:
        """Tell another tool the numbers of every step from now on.

        Args:
            writer: anything with add_scalar(name, value, step), or log(dict, step=). One that raises is not asked again.

        Raises:
            ConfigError: it has neither.

        """
        check_writer(writer)
        self._writers.append(writer)
        return self

    # ---- what there is to read --------------------------------------------------------------------------------------

    def diagnose(self) -> LoopDiagnosis:
        """What is wrong with this training, if anything; see explorer.attaching.verdict for the rules."""
        loop = Loop(
            self.ledger,
            tuple(self.samples),
            self.layers,
            np.array(self._rates),
            isinstance(self._optimizer, torch.optim.SGD),
            self.fault,
            self.attached_step,
            tuple(layer.name for layer in self.layers if layer.name in self._called - self._reached),
            self._passes if self._optimizer is None and self._other_updates and self._learns else 0,
            self._entered,
        )
        return diagnosis_of(loop, self.notes)

    @property
    def notes(self) -> tuple[Saying, ...]:
        """What to know before one believes the numbers: steps that were not recovered, calls that were left out, failures."""
        return tuple(self._notes.values())

    def norm_quantiles(self) -> dict[float, float]:
        """Share of the steps so far -> norm before clipping that so many were under."""
        return self.ledger.norm_quantiles()

    @property
    def suggested_threshold(self) -> float | None:
        """A threshold that would have clipped one step in ten so far; None where no norm was measured."""
        return self.ledger.suggested_threshold

    def frame(self, kind: str = "steps") -> pd.DataFrame:
        """A table of what was recorded so far.

        Args:
            kind: "steps" (loss, norms, coefficient of every step); of sampled steps "gates" (mean, shares and deciles by time
                step), "gradients" (||dL/dh_t|| by time step), "flow" (share of a loss's gradient that is left by lag) or
                "parameters" (norm, share, update / weight).

        Raises:
            ConfigError: another kind.

        """
        tables = import_module("explorer.attaching.tables")
        found: pd.DataFrame = tables.table(check_choice("kind", kind, tables.KINDS), self.ledger, self.samples)
        return found

    def __repr__(self) -> str:
        layers = ", ".join(layer.name or type(layer.module).__name__ for layer in self.layers)
        return f"GateProbe({layers}; steps={len(self.ledger)}, sampled={len(self.samples)}, every={self.every})"

    def _repr_html_(self) -> str:
        quantiles = self.norm_quantiles()
        lines = [say("attach.so-far", steps=len(self.ledger), sampled=len(self.samples))]
        if quantiles:
            lines.append(say("attach.norms", median=quantiles[0.5], ninth=quantiles[0.9], most=quantiles[0.99]))
        items = "".join(f"<li>{html.escape(line)}</li>" for line in (*lines, *str(self.diagnose()).split("\n")))
        return f"<ul>{items}</ul>"

    # ---- hooks --------------------------------------------------------------------------------------------------------

    @property
    def _begun(self) -> bool:
        """Whether anything came back in the step that goes on."""
        return self._clip is not None or bool(self._came_back) or self._loss is not None

    def _drawing(self, module: Any, args: Any) -> None:
        """Keep the state of the generator from which a layer is about to draw the masks of its dropout."""
        if torch.compiler.is_compiling():
            return
        if self.sampled and module.training and getattr(module, "dropout", 0.0) and module.num_layers > 1:
            self._generator = torch.get_rng_state()

    def _after_call(self, layer: Layer) -> Any:
        def after(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            if torch.compiler.is_compiling():
                return
            self._called.add(layer.name)
            if torch.is_grad_enabled() and not self._again:
                with self._harmless():
                    self._take(layer, args, kwargs, result)

        return after

    def _take(self, layer: Layer, args: Any, kwargs: Any, result: Any) -> None:
        if self._clip is not None:  # the optimizer has made no step of it, as where a scaler skips one
            self.end_step()
        call, given = call_of(layer, args, kwargs, result)
        if not all(tensor.requires_grad for tensor in given.values()):
            return
        first = given_and_taken(args, kwargs)[1] or ()
        if self.attached_step is None and any(began_before(part, self._number, self.step) for part in first):
            self.attached_step = self.step
        for tensor in given.values():
            mark(tensor, self._number, self.step)
            tensor.register_hook(lambda _: self._comes_back(layer.name))
        known = self._calls.setdefault(layer.name, [])
        if layer.kernel is None:
            full = layer.name in self._came_back or len(known) >= MAX_STEPS
        else:
            full = len(known) >= (MOST_CALLS if self.sampled else 1)
            if full and self.sampled and not any(one.gradients for one in known):
                del known[1]  # nobody has learned from these yet, as where a step begins with a look at other data
                full = False
        if full:
            return
        known.append(call)
        if self.sampled:
            call.keep()
            call.generator = self.__dict__.pop("_generator", None)
            watch(call, given)

    def _comes_back(self, name: str) -> None:
        self._came_back.add(name)
        self._reached.add(name)

    def _backpropagated(self, loss: float) -> None:
        if self._came_back:
            self._passes += 1
        if self._told or self._again:
            return
        if self._came_back:
            self._loss = (self._loss or 0.0) + loss
        else:
            self._unheard = (self._unheard or 0.0) + loss

    def _is_ours(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether it updates the model, and anything came back since the last update."""
        return self._begun and self._holds(optimizer)

    def _holds(self, optimizer: torch.optim.Optimizer) -> bool:
        return any(id(p) in self._names for p in _parameters_of(optimizer))

    def _has_gradients(self, optimizer: torch.optim.Optimizer) -> bool:
        return any(id(p) in self._names and p.grad is not None for p in _parameters_of(optimizer))

    def _before_update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        """Look at the step, or, where it is made inside of the optimizer's, have it looked at there.

        Lightning, and whoever uses LBFGS, gives the optimizer a closure with the forward and the backward pass.
        """
        closures = [argument for argument in (*args, *kwargs.values()) if callable(argument)]
        if not closures or not self._holds(optimizer):
            self._look(optimizer)
            return None

        def looked_at(*given: Any) -> Any:
            result = closures[0](*given)
            self._look(optimizer)
            self._again = True  # LBFGS tries many points in a step; the first is the one it sets out from
            return result

        def swapped(argument: Any) -> Any:
            return looked_at if argument is closures[0] else argument

        return tuple(map(swapped, args)), {name: swapped(argument) for name, argument in kwargs.items()}

    def _look(self, optimizer: torch.optim.Optimizer) -> None:
        """At everything that needs the weights as they are before the update."""
        if not self._holds(optimizer):
            self._other_updates += 1
            return
        if self._loss is None and self._unheard is not None and self._has_gradients(optimizer):
            self._loss = self._unheard  # a loss of this model all the same, which reached no recurrent layer
        if self._is_ours(optimizer):
            self._optimizer, self._rate = optimizer, float(optimizer.param_groups[0]["lr"])
            self._settle()
            if self.sampled and not self._weights:
                self._weights = {name: p.detach().clone() for name, p in self._parameters.items()}

    def _after_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._is_ours(optimizer):
            self.end_step()
        elif self._holds(optimizer):
            self._again = False  # nothing came back, as from a closure that skips its step: what comes is looked at

    # ---- the end of a step ----------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Everything that needs the weights and gradients as they were when the states were made, once."""
        if self._clip is not None and self._came_back:
            self._notes["early-clip"] = Saying("attach.early-clip", {"step": self.step})
            self._clip = None
        if self._clip is None and (self._came_back or self._loss is not None):
            norm = summed(self._parameters.values())
            self._clip = measured(self._parameters.items()) if self.sampled else Clipped({}, norm, norm)
            self._note_fault()
            self._came_back.clear()
        if self.sampled and self._nets is None:
            self._nets = ()
            if not self._called:
                self._notes["unseen"] = Saying("attach.unseen", {"step": self.step})
            with self._harmless():
                chosen = [self._looked_at(layer) for layer in self.layers if self._calls.get(layer.name)]
                self._nets = tuple(sample for calls in chosen for sample in net_samples(calls, self.rows))
            for net in self._nets:
                if net.norm_T is not None and net.share_L is None and not self._is_fused(net.net.module):
                    self._notes[f"unchained {net.net}"] = Saying("attach.unchained", {"module": net.net.module})
                if net.mismatch and not math.isnan(net.residual):  # NaN is a fault of the loop's own
                    self._notes[f"mismatch {net.net}"] = Saying(
                        "attach.mismatch", {"net": net.net, "residual": net.residual}
                    )

    @property
    def _learns(self) -> bool:
        """Whether anything in the model is meant to change; a judge of another model's outputs may be frozen."""
        return any(parameter.requires_grad for parameter in self._parameters.values())

    def _is_fused(self, name: str) -> bool:
        return any(layer.name == name and layer.kernel is not None for layer in self.layers)

    def _looked_at(self, layer: Layer) -> list[Call]:
        """The calls of a cell; of a layer the first call to which a gradient came back."""
        calls = self._calls[layer.name]
        if layer.kernel is None:
            return calls
        learned_from = [call for call in calls if call.gradients]
        if len(learned_from) > 1:
            self._notes[f"calls {layer.name}"] = Saying("attach.first-call", {"module": layer.name})
        return (learned_from or calls)[:1]

    def _note_fault(self) -> None:
        if math.isfinite(self._loss or 0.0) and (self._clip is None or math.isfinite(self._clip.norm_before)):
            if self.fault is not None:  # no update was made of it, or the weights would not be finite now
                self._notes["passed"] = Saying("attach.passed", {"step": self.fault.step, "value": self.fault.value})
                self.fault = None
        elif self.fault is None:
            with self._harmless():
                found = first_fault(self._parameters, self._calls.values(), self._loss)
                self.fault = None if found is None else Fault(self.step, found)

    def _sample(self, clip: Clipped) -> StepSample:
        # Of several optimizers the first ends the step: what the others are going to do is not known here.
        moving = set(map(id, _parameters_of(self._optimizer))) if self._optimizer is not None else set()
        moved = {
            name: (before, self._parameters[name])
            for name, before in self._weights.items()
            if id(self._parameters[name]) in moving
        }
        parameters, ratio = parameter_samples(clip.norms, moved)
        return StepSample(self.step, self._nets or (), parameters, ratio)

    def _thin(self) -> None:
        if len(self.samples) > MOST_SAMPLES:
            self.samples, self.every = self.samples[::2], 2 * self.every

    def _tell(self, made: LoopStep, sample: StepSample | None) -> None:
        for writer in [*self._writers]:
            with self._harmless(writer):
                tell(writer, made.step, scalars_of(made, sample))

    # ---- what the page Train shows ------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Begin the loop in the store, or go on with it."""
        if self.run is None:
            return
        if self._kept is None:
            self._kept = Kept(self.run, self.layers)
        else:
            self._kept.goes_on()

    def _write(self, made: LoopStep, sample: StepSample | None) -> None:
        """Hand a step over; once a second it reaches the store, with a verdict where that costs little beside the steps."""
        if self._kept is None:
            return
        self._kept.add(made, sample)
        if not self._kept.due and made.step > 1:
            return
        started = time.monotonic()
        affordable = self._judging_s < JUDGING_SHARE * (started - self._judged_at)
        verdict = self.diagnose() if affordable else None
        if affordable:
            self._judged_at = time.monotonic()
            self._judging_s = self._judged_at - started
        self._kept.write(verdict)

    def _end(self, error: BaseException | None) -> None:
        if self._kept is not None:
            self._kept.write(self.diagnose())
            failed = isinstance(error, Exception)
            self._kept.end(_told(error) if failed else "", failed=failed)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """A store that refuses costs the recording, not the training; it is noted."""
        try:
            yield
        except Exception as error:
            self._kept, self.run = None, None
            self._notes["store"] = Saying("attach.store-failed", {"step": self.step, "error": shown(error)})

    @contextmanager
    def _harmless(self, writer: Any = None) -> Iterator[None]:
        """What goes wrong in the probe, or in a writer, does not stop the training; it is noted, and the writer let go."""
        try:
            yield
        except Exception as error:
            if writer is None:
                self._notes["failed"] = Saying("attach.failed", {"step": self.step, "error": shown(error)})
            else:
                self._writers.remove(writer)
                self._notes["writer"] = Saying("attach.writer-failed", {"step": self.step, "error": shown(error)})


def _parameters_of(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def _checked_name(run: object) -> str:
    """The name of a loop, if it is one.

    Raises:
        ConfigError: it is not.

    """
    if not isinstance(run, str) or not run.strip():
        raise ConfigError("run", expected("one-character"), run)
    if (complaint := name_problem(run)) is not None:
        raise ConfigError("run", complaint.expected, complaint.got)
    return run.strip()


def _told(error: BaseException | None) -> str:
    """What somebody else's loop raised, never long."""
    try:
        return f"{type(error).__name__}: {error}"[:MOST_TOLD]
    except Exception:  # its str is somebody else's code
        return type(error).__name__
