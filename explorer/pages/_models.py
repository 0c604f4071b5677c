"""The models one can look at, and what is known of each on a text: every fact is computed once and kept.

What comes of a person's text is kept for their session only.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import streamlit as st

import explorer
from explorer import Intervention, runs
from explorer.probes.diagnosis import NO_CLIPPING, diagnosis_of
from explorer.probes.proof import flow_residual
from explorer.probes.weights import WeightGradients
from explorer.training import perplexity

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
RUN = "run:"  # begins the name of a model that a run made
SETTLE_S = 0.2  # about what a browser takes to draw the gates
UNTRAINED: dict[str, dict[str, str]] = {
    "model of its kind": {},
    "RNN": {"cell": "rnn", "activation": "tanh"},
    "GRU, reset after": {"cell": "gru", "reset": "after"},
    "GRU, reset before": {"cell": "gru", "reset": "before"},
    "LSTM": {"cell": "lstm"},
}


class Which(NamedTuple):
    """A model one can look at: a trained one after an epoch, or an untrained one with its vocabulary and size; altered or not."""

    name: str
    epoch: int
    version: int  # of its file; a run's is written again while it goes
    untrained: str = ""
    intervention: Intervention = Intervention()

    @classmethod
    def of(cls, name: str, epoch: int, untrained: str = "", intervention: Intervention | None = None) -> Which:
        """A model as its file is now."""
        return cls(name, epoch, version(name), untrained, intervention or Intervention())

    @property
    def as_trained(self) -> Which:
        """The same model without the intervention."""
        return self._replace(intervention=Intervention())

    @property
    def label(self) -> str:
        """What the page calls it."""
        if self.untrained:
            return f"untrained {self.untrained}"
        return f"{model_label(self.name)}, epoch {self.epoch}" + ", altered" * bool(self.intervention)


def file_of(name: str) -> Path:
    """The checkpoint of a shipped model, or of a run ("run:" and its id)."""
    run = name.removeprefix(RUN)
    return runs.checkpoint_path(run) if run != name else CHECKPOINTS / f"{name}.safetensors"


def version(name: str) -> int:
    """Changes when the model's file does."""
    path = file_of(name)
    return path.stat().st_mtime_ns if path.is_file() else 0


def model_label(name: str) -> str:
    """A model's name as one reads it; of a run with the first signs of its id, since two may have one name."""
    if not name.startswith(RUN):
        return name
    run = runs.run(name.removeprefix(RUN))
    return f"{run.name} · {run.id[:4]}"


def load(name: str) -> explorer.Checkpoint:
    """The checkpoint of a shipped model or of a run."""
    return _load(name, version(name))


def checkpoint_of(which: Which) -> explorer.Checkpoint:
    """The checkpoint a model is from, as it was when the model was chosen."""
    return _load(which.name, which.version)


@st.cache_resource(show_spinner=False, max_entries=24)
def _load(name: str, version: int) -> explorer.Checkpoint:
    return explorer.load_checkpoint(file_of(name))


@st.cache_resource(show_spinner=False, max_entries=40)
def model_of(which: Which) -> explorer.CharModel:
    """The model itself; an untrained one has torch's default initialisation, seed 0."""
    checkpoint = checkpoint_of(which)
    if not which.untrained:
        return explorer.altered(checkpoint.model_at(which.epoch), which.intervention)
    config = explorer.ModelConfig(**asdict(checkpoint.config) | UNTRAINED[which.untrained] | {"init": "torch"})
    return explorer.CharModel(config, checkpoint.vocabulary, seed=0)


def describe(checkpoint: explorer.Checkpoint) -> str:
    """A model in one line."""
    config = checkpoint.config
    cell = {"rnn": f"RNN ({config.activation})", "gru": f"GRU, reset {config.reset}", "lstm": "LSTM"}[config.cell]
    shape = f"{config.hidden_size} units" + (f", {config.num_layers} layers" if config.num_layers > 1 else "")
    reads = {"forward": "", "bidirectional": ", reads from both ends", "parallel": ", two nets that both read forward"}
    return (
        f"{cell}, {shape}{reads[config.direction]}; learned {checkpoint.corpus}, {len(checkpoint.vocabulary)} symbols"
    )


@st.cache_resource(show_spinner=False, max_entries=16, scope="session")
def trace(which: Which, text: str) -> explorer.GateTrace:
    """What a model did with a text."""
    return explorer.trace_gates(model_of(which), text)


@st.cache_resource(show_spinner=False, max_entries=64, scope="session")
def perplexity_of(which: Which, text: str) -> float | None:
    """The perplexity of a text; None where it is not defined."""
    mean = explorer.score_text(model_of(which), text).mean_nll_nats
    return None if mean is None else perplexity(mean)


@st.cache_resource(show_spinner=False, max_entries=16, scope="session")
def let_it_settle(which: Which, text: str) -> float:
    """Once for each text: wait until the server has sent what is already drawn, and a person who types on has done so."""
    time.sleep(SETTLE_S)
    return SETTLE_S


def traces_of_run(run_id: str, text: str) -> dict[int, explorer.GateTrace]:
    """What a run's model did with a text at each of its snapshots; empty where there is no text or no checkpoint."""
    try:
        checkpoint = load(RUN + run_id)
        return {e: explorer.trace_gates(checkpoint.model_at(e), text) for e in checkpoint.epochs} if text else {}
    except explorer.CheckpointError:
        return {}


class Net(NamedTuple):
    """One net of a model one can look at."""

    which: Which
    layer: int
    direction: str


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def flow(net: Net, text: str) -> explorer.GradientFlow:
    """How much of each loss reaches each step."""
    return explorer.gradient_flow(model_of(net.which), text, net.layer, net.direction)


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def paths(net: Net, text: str) -> explorer.JacobianPaths:
    """What carries the gradient through each step."""
    known, where = flow(net, text), (net.layer, net.direction)
    return explorer.jacobian_paths(model_of(net.which), text, *where, singular_values=False, flow=known)


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def lambda_1(net: Net, text: str) -> float:
    """The largest Lyapunov exponent, nats per step."""
    spectrum = explorer.lyapunov_exponents(model_of(net.which), text, 1, net.layer, net.direction)
    return float(spectrum.exponents_K[0])


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def residual(net: Net, text: str) -> float | None:
    """The flow's difference from autograd."""
    return flow_residual(model_of(net.which), flow(net, text))


@st.cache_resource(show_spinner="Singular values of every step", max_entries=4, scope="session")
def singular_values(net: Net, text: str) -> explorer.JacobianPaths:
    """The paths of one net with what takes decompositions."""
    return explorer.jacobian_paths(model_of(net.which), text, net.layer, net.direction, flow=flow(net, text))


@st.cache_resource(show_spinner=False, max_entries=4, scope="session")
def weight_gradients(which: Which, text: str) -> WeightGradients | None:
    """What each step adds to the gradient of each weight; None where the text has no loss."""
    try:
        return explorer.weight_gradient_steps(model_of(which), text)
    except explorer.TextError:
        return None


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def clip_ledger(which: Which, text: str, max_norm: float) -> explorer.ClipLedger | None:
    """What clipping does to the gradient of a text; None where the text has no loss."""
    try:
        return explorer.clip_ledger(model_of(which), text, max_norm)
    except explorer.TextError:
        return None


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def diagnosis(net: Net, text: str, max_norm: float | None) -> explorer.Diagnosis:
    """The verdict on one net, from facts that are kept."""
    return diagnosis_of(flow(net, text), trace(net.which, text), clip_ledger(net.which, text, max_norm or NO_CLIPPING))
