"""What is known of a model on a text: each fact is computed when it is first asked for, and kept for the person's session."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

import explorer
from explorer.batches import Cut
from explorer.figures.gates import saturation
from explorer.models import NetKey
from explorer.pages.shell import patience, session, shelf
from explorer.pages.shell.models import Which, beyond_the_file, checkpoint_of, learned_text, model_of
from explorer.pages.shell.opened import OPENED
from explorer.probes.diagnosis import diagnosis_of
from explorer.probes.learned import learned_stretches
from explorer.probes.progress import TrainingRecord
from explorer.probes.proof import flow_residual
from explorer.probes.weights import WeightGradients
from explorer.probes.writing import Writing, write_on
from explorer.reads import Read, read_of
from explorer.tokens import Tokens
from explorer.training import perplexity
from explorer.words import LANGUAGE, say

V = TypeVar("V")
SETTLE_S = 0.2  # about what a browser takes to draw the gates


if TYPE_CHECKING:
    once = cached_property
else:

    class once(cached_property):
        """A fact, computed when it is first asked for: once, also where the page and a picture ask at the same time."""

        def __get__(self, known: Any, owner: Any = None) -> Any:
            """The fact."""
            with contextlib.nullcontext() if known is None else known.lock:
                return super().__get__(known, owner)


class Facts:
    """What is known of one model on one text.

    `earlier` is what was known on the text before it was edited: what the edit cannot have changed is taken from there. It is
    not held: a text of which every character was typed would hold all that was ever known on the way.
    """

    def __init__(self, which: Which, text: Tokens, earlier: Facts | None = None) -> None:
        self.which, self.text = which, text
        self.earlier = (lambda: None) if earlier is None else weakref.ref(earlier)
        self.lock = threading.RLock()
        self._writings: dict[tuple[int | None, int, float, int], Writing] = {}
        self._ledgers: dict[float | None, explorer.ClipLedger | None] = {}
        self.of_nets: dict[tuple[NetKey, str], Any] = {}
        self.begun: Future[explorer.GateTrace] | None = None  # the reading of a long text

    @once
    def model(self) -> explorer.CharModel:
        """The model itself; the same one for every fact, also when the cache of all sessions has let go of it."""
        return model_of(self.which)

    @once
    def trace(self) -> explorer.GateTrace:
        """What it did with the text."""
        return explorer.trace_gates(self.model, self.read)

    @once
    def read(self) -> Read:
        """The model, having read the text, folded to what it knows: what all probes of it share."""
        return read_of(self.model, self.model.vocabulary.folded(self.text))

    @once
    def learned_T(self) -> NDArray[np.bool_] | None:
        """Where the text repeats what the model learned; None where that is not known."""
        learned = learned_text(self.which)
        return None if learned is None else learned_stretches(self.trace.text, learned)

    @once
    def weight_gradients(self) -> WeightGradients | None:
        """What each step adds to the gradient of each weight; None where the text has no loss."""
        try:
            return explorer.weight_gradient_steps(self.model, self.read)
        except explorer.TextError:
            return None

    def ledger(self, max_norm: float | None) -> explorer.ClipLedger | None:
        """What clipping does to the gradient of the text; None where the text has no loss."""
        with self.lock:
            if max_norm not in self._ledgers:
                try:
                    self._ledgers[max_norm] = explorer.clip_ledger(self.model, self.read, max_norm)
                except explorer.TextError:
                    self._ledgers[max_norm] = None
            return self._ledgers[max_norm]

    @property
    def own_ledger(self) -> explorer.ClipLedger | None:
        """The same at the threshold the model was trained with."""
        return self.ledger(checkpoint_of(self.which).recipe.clip_norm)

    @once
    def record(self) -> TrainingRecord | None:
        """How the model was trained; None where that is not known, or says nothing: it was altered by hand."""
        which = self.which
        if which.intervention or which.name.startswith(OPENED):
            return None
        checkpoint = checkpoint_of(which)
        history = () if which.untrained else checkpoint.history[: which.epoch]
        return TrainingRecord.of(replace(checkpoint, model=self.model, history=history), *beyond_the_file(which))

    def writing(self, at: int | None, length: int, temperature: float, seed: int) -> Writing:
        """What it would write at a place of the text, or at its end, see `write_on`: written in its turn, beside the pages."""
        asked = (at, length, temperature, seed)
        if asked not in self._writings:
            write = partial(write_on, self.model, self.trace, at, length=length, temperature=temperature, seed=seed)
            self._writings[asked] = patience.wait_for(patience.writers().begin(write))
        return self._writings[asked]

    def net(self, net: NetKey) -> NetFacts:
        """What is known of one of its nets."""
        return NetFacts(self, net)


class NetFacts:
    """What is known of one net of a model on a text. It is the model's facts that keep it: nothing here points in a circle."""

    def __init__(self, whole: Facts, net: NetKey) -> None:
        self.whole, self.net = whole, net

    @property
    def flow(self) -> explorer.GradientFlow:
        """How much of each loss reaches each step."""
        whole = self.whole
        return self._kept(
            "flow", lambda: explorer.gradient_flow(whole.model, whole.read, *self.net, earlier=self._earlier_flow())
        )

    def _earlier_flow(self) -> tuple[Read, explorer.GradientFlow] | None:
        """The flow on the text before it was edited, where it is still known."""
        earlier = self.whole.earlier()
        known = earlier.of_nets.get((self.net, "flow")) if earlier else None
        return (earlier.read, known) if earlier and known else None

    @property
    def cut(self) -> Cut | None:
        """Where training cut the graph; None where that is not known, it was not trained, or a net began anew in every batch."""
        which, config = self.whole.which, self.whole.model.config
        if which.name.startswith(OPENED) or which.untrained or not which.epoch:
            return None
        recipe = checkpoint_of(which).recipe
        anew = recipe.sampling != "sequential" or any(map(config.reads_backward, config.nets))
        return None if anew else recipe.cut

    @property
    def cut_flow(self) -> explorer.GradientFlow:
        """How much of each loss reaches each step in training, which cuts the graph; the whole flow where no cut is known."""
        whole, cut = self.whole, self.cut
        if cut is None:
            return self.flow
        return self._kept("cut_flow", lambda: explorer.gradient_flow(whole.model, whole.read, *self.net, cut=cut))

    @property
    def paths(self) -> explorer.JacobianPaths:
        """What carries the gradient through each step."""
        return self._kept("paths", lambda: self._paths(singular_values=False))

    @property
    def singular_values(self) -> explorer.JacobianPaths:
        """The same with what takes decompositions."""
        return self._kept("singular_values", lambda: self._paths(singular_values=True))

    def _paths(self, *, singular_values: bool) -> explorer.JacobianPaths:
        whole = self.whole
        return explorer.jacobian_paths(
            whole.model, whole.read, *self.net, singular_values=singular_values, flow=self.flow
        )

    @property
    def knows_singular_values(self) -> bool:
        """Whether they are computed."""
        return (self.net, "singular_values") in self.whole.of_nets

    @property
    def eigenvalues(self) -> explorer.Eigenvalues:
        """Those of its recurrent weights."""
        return self._kept("eigenvalues", lambda: explorer.eigenvalues(self.whole.model, *self.net))

    @property
    def residual(self) -> float | None:
        """The flow's difference from autograd."""
        return self._kept("residual", lambda: flow_residual(self.whole.read, self.flow))

    @property
    def diagnosis(self) -> explorer.Diagnosis:
        """The verdict."""
        whole = self.whole
        return self._kept(
            "diagnosis", lambda: diagnosis_of(self.flow, whole.trace, whole.model.vocabulary, whole.record)
        )

    @property
    def saturation(self) -> str:
        """The drawing of how often its gates are nearly closed or open."""
        tape = self.whole.trace.tapes[self.net]
        return self._kept("saturation", lambda: saturation(tape, say("gate-page.alt.saturation")))

    def _kept(self, name: str, compute: Callable[[], V]) -> V:
        kept = self.whole.of_nets
        with self.whole.lock:
            if (self.net, name) not in kept:
                kept[self.net, name] = compute()
        value: V = kept[self.net, name]
        return value


def facts(which: Which, text: Tokens, of: shelf.Shelf | None = None) -> Facts:
    """What is known of a model on a text: nothing yet, where it is new.

    Args:
        which: the model.
        text: it reads.
        of: the session's shelf, for those who are asked outside of a run of the page.

    """
    kept = of or shelf.own()

    def new() -> Facts:
        return Facts(which, text, kept.newest(lambda key: isinstance(key, tuple) and key[:1] == (which,)))

    return kept.get((which, text, LANGUAGE.get()), new)  # some facts are words


def read(which: Which, text: Tokens) -> explorer.GateTrace:
    """What a model did with a text. A long one is read in its turn, and whoever comes again waits for the same reading."""
    known = facts(which, text)
    if not patience.is_long(text) or "trace" in vars(known):
        return known.trace
    turns = patience.turns()
    ahead = 0 if known.begun else turns.ahead
    known.begun = known.begun or turns.begin(lambda: known.trace)
    try:
        with st.spinner(say("page.reading", count=len(text), ahead=ahead)):
            return patience.wait_for(known.begun)
    finally:
        if known.begun.cancel() or known.begun.done():  # one that waits in vain leaves the line
            known.begun = None
        shelf.own().settle()


@st.cache_resource(show_spinner=False, max_entries=6, scope="session")
def _perplexities(which: Which, text: str) -> dict[int, float | None]:
    """The perplexity of a text at those epochs of a model's training where it was asked for; `which` is of epoch 0."""
    return {}


def perplexity_of(which: Which, text: str) -> float | None:
    """The perplexity of a text under a model; None where it is not defined. That of a longer text is computed in its turn."""
    known = _perplexities(which._replace(epoch=0), text)
    if which.epoch not in known:
        session.give_way()
        score = partial(_perplexity, model_of(which), text)
        # Ten who paste a chapter at once would leave an eleventh a tenth of the processor.
        known[which.epoch] = score() if len(text) < patience.OFTEN else patience.wait_for(patience.turns().begin(score))
    return known[which.epoch]


def _perplexity(model: explorer.CharModel, text: str) -> float | None:
    mean = explorer.score_text(model, model.vocabulary.folded(text)).mean_nll_nats
    return None if mean is None else perplexity(mean)


def knows_by_epoch(which: Which, text: str) -> bool:
    """Whether `by_epoch` has nothing left to compute."""
    return _perplexities(which.as_trained._replace(epoch=0), text).keys() >= {*checkpoint_of(which).epochs}


def by_epoch(which: Which, text: str) -> dict[int, float | None]:
    """The perplexity of a text at each epoch of a model's training, as it was trained; None where it is not defined."""
    return {epoch: perplexity_of(which.as_trained._replace(epoch=epoch), text) for epoch in checkpoint_of(which).epochs}


def settle(which: Which, text: str) -> None:
    """Wait, where the text is new, until what is already drawn is sent, and a person who types on has done so."""
    if session.kept("settled", None) != (which, text):
        patience.pause(SETTLE_S)
    session.give_way()
    session.fill({"settled": (which, text)})


@dataclass(frozen=True)
class View:
    """One net in front of the person.

    Attributes:
        of: what is known of it.
        several: whether its model has other nets.
        side: "first" or "second": two models may have one name.
        suffix: of its name, that tells it from such another.
        part: of the state whose gradient is drawn, where the state has such a part; else the whole.

    """

    of: NetFacts
    several: bool
    side: str
    suffix: str
    part: str = ""

    @property
    def flow(self) -> explorer.GradientFlow:
        """The gradient at the whole state, or at the part of it that was asked for."""
        return self._of_part(self.of.flow)

    @property
    def cut_flow(self) -> explorer.GradientFlow:
        """The same as training has it, which cuts the graph."""
        return self._of_part(self.of.cut_flow)

    def _of_part(self, flow: explorer.GradientFlow) -> explorer.GradientFlow:
        return flow.alone(self.part) if self.part in flow.parts else flow

    @property
    def key(self) -> str:
        """What tells its charts from those of other views."""
        return f"{self.side}-{self.of.net.direction}"

    @property
    def which(self) -> Which:
        """The model it belongs to."""
        return self.of.whole.which

    @property
    def label(self) -> str:
        """What it is called in a key."""
        return self._called(self.which.label)

    @property
    def file_label(self) -> str:
        """What the names of files call it."""
        return self._called(self.which.file_label)

    def _called(self, model: str) -> str:
        name = self.of.whole.model.config.name_of(self.of.net.direction)
        return model + f", {name}" * self.several + self.suffix
