"""The pickers that the pages share: model, epoch, what is altered by hand, net, and a second model beside the first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

import explorer
from explorer import Intervention, runs
from explorer.cells import RESETS
from explorer.interventions import HOLDABLE
from explorer.pages.shell import links, people, session
from explorer.pages.shell.models import CHECKPOINTS, RUN, UNTRAINED, Which, describe, file_of, load, model_label
from explorer.pages.shell.plain import plain

FIRST_MODEL = "time-machine-gru"


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    explanation: str | None = None,
    name_of: Callable[[str], str] = str,
) -> str:
    """One of several words; the first is the default."""
    links.ready(key, options[0], options)
    return st.selectbox(
        label, options, key=key, help=explanation, format_func=name_of, on_change=links.take, args=(key,)
    )


def slide(label: str, steps: Sequence[Any], default: Any, key: str, explanation: str | None = None, **more: Any) -> Any:
    """One of several values in their order."""
    links.ready(key, default, steps)
    return st.select_slider(label, steps, key=key, help=explanation, on_change=links.take, args=(key,), **more)


def switch(label: str, key: str, explanation: str | None = None) -> bool:
    """Yes or no; no is the default."""
    links.ready(key, False, (False, True))
    return st.toggle(label, key=key, help=explanation, on_change=links.take, args=(key,))


def model_names() -> list[str]:
    """The shipped models, the one to open on first; then the runs of this browser, and the ones a link names."""
    names = sorted(path.stem for path in CHECKPOINTS.glob("*.safetensors"))
    names.sort(key=lambda name: name != FIRST_MODEL)
    mine = [RUN + run.id for run in _models_of(people.owners())]
    named = {str(links.named(key)) for key in ("model", "second")}
    return [*names, *mine, *sorted(name for name in named if _is_readable_run(name) and name not in mine)]


def _models_of(sessions: Sequence[str]) -> list[runs.Run]:
    try:
        return runs.models(*sessions)
    except runs.RunError:
        return []  # no data folder: the page Train says so, the shipped models are there all the same


def _is_readable_run(name: str) -> bool:
    try:
        return name.startswith(RUN) and file_of(name).is_file()
    except runs.UnknownRunError:
        return False
    except runs.RunError:
        return True  # nobody can look; it stays chosen until one can


def choose_model() -> tuple[Which, explorer.Checkpoint]:
    """The pickers of model, training epoch and intervention: which model, and its checkpoint."""
    names = model_names()
    if not names:
        st.error("Expected trained models in the folder checkpoints/; there are none. Run `make checkpoints`.")
        st.stop()
    name = choose("Model", names, "model", name_of=model_label)
    checkpoint = _loaded(name)
    st.caption(plain(describe(checkpoint)))
    epoch = _choose_epoch(
        "Epochs of training", checkpoint.epochs, checkpoint.epochs[-1], "epoch",
        "The model as it was after so many epochs; 0 is before training. Everything on the page follows.",
    )  # fmt: skip
    return Which.of(name, epoch, intervention=_choose_intervention(checkpoint.config)), checkpoint


def _loaded(name: str) -> explorer.Checkpoint:
    try:
        return load(name)
    except (explorer.CheckpointError, runs.RunError) as fault:
        st.error(people.told(fault))
        st.stop()


def _choose_epoch(
    label: str, epochs: Sequence[int], default: int, key: str, explanation: str | None = None
) -> int:  # fmt: skip
    return int(slide(label, list(epochs), default, key, explanation)) if len(epochs) > 1 else epochs[-1]


GATE_NAMES = {
    "z": "update gate z",
    "r": "reset gate r",
    "f": "forget gate f",
    "i": "input gate i",
    "o": "output gate o",
}
FREE = "free"
HELD = (FREE, "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "1")
SHIFTS = (-6.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 6.0)
FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
AS_TRAINED = "as trained"
ALTERING = ("keep_bias", "recurrent", "read_reset", *(f"hold_{gate}" for gate in GATE_NAMES))


def _choose_intervention(config: explorer.ModelConfig) -> Intervention:
    """What is altered by hand in the model, without training it again."""
    gates = HOLDABLE[config.cell]
    with st.expander("Alter the model", expanded=links.at_arrival(*ALTERING)):
        st.caption("The weights change without retraining, and everything on the page follows at once.")
        held = {
            gate: slide(
                f"Hold the {GATE_NAMES[gate]} at", HELD, FREE, f"hold_{gate}", "At every step, whatever is read."
            )
            for gate in gates
        }
        shift = 0.0
        if gates:
            label = f"Shift the bias of the {GATE_NAMES[gates[0]]}"
            shift = slide(label, SHIFTS, 0.0, "keep_bias", "Above 0 the cell keeps more.")
        explanation = "Multiplies all recurrent weights U, but not their biases."
        factor = slide("Recurrent weights times", FACTORS, 1.0, "recurrent", explanation)
        reset = AS_TRAINED
        if config.cell == "gru":
            explanation = "The same weights in the other convention, as when a model is moved to another library."
            reset = choose("Reset gate acts", (AS_TRAINED, *RESETS), "read_reset", explanation)
    values = {gate: float(value) for gate, value in held.items() if value != FREE}
    other = None if reset in (AS_TRAINED, config.reset) else reset
    return Intervention(**values, keep_bias=shift, recurrent=factor, reset=other)


def restore() -> None:
    """Take back everything that was altered."""
    links.drop(*ALTERING)


def go_to_clicked_epoch(chart: str, epochs: Sequence[int]) -> None:
    """Show the model as it was at the snapshot nearest to the epoch that was clicked in a chart."""
    if points := session.kept(chart, {}).get("selection", {}).get("points", []):
        # Snapshots are spaced evenly in the logarithm of the epoch, and so is what is near.
        links.put("epoch", min(epochs, key=lambda epoch: abs(math.log1p(epoch) - math.log1p(points[0]["x"]))))


def choose_net(config: explorer.ModelConfig, layers: range) -> tuple[int, str | None]:
    """Layer, out of those that the page can show, and direction (None: both), where the model has a choice of them."""
    layer = choose("Layer", [str(i) for i in layers], "layer") if len(layers) > 1 else str(layers[0])
    nets = ["both", *config.directions]
    net = choose("Net", nets, "net", name_of=config.name_of) if len(config.directions) > 1 else "both"
    return int(layer), None if net == "both" else net


BESIDE = ("nothing", AS_TRAINED, "untrained", "another")


def choose_second(first: Which) -> Which | None:
    """The pickers of a second model to look at beside the first; None for none."""
    offered = [beside for beside in BESIDE if first.intervention or beside != AS_TRAINED]
    links.ready("beside", offered[0], offered)
    beside = st.segmented_control(
        "Beside it", offered, key="beside", required=True, on_change=links.take, args=("beside",),
        help="A second model on the same text, with the same axes and colours. Untrained: torch's default initialisation.",
    )  # fmt: skip
    if beside == AS_TRAINED:
        return first.as_trained
    if beside == "untrained":
        return Which.of(first.name, 0, choose("Kind", list(UNTRAINED), "kind"))
    if beside == "another":
        names = [first.name, *(name for name in model_names() if name != first.name)]
        name = choose("Second model", names, "second", name_of=model_label)
        epochs = _loaded(name).epochs
        # The same model is wanted at another epoch, another model trained.
        start, key = (epochs[0], "own_epoch") if name == first.name else (epochs[-1], "second_epoch")
        return Which.of(name, _choose_epoch("Its epochs of training", epochs, start, key))
    return None
