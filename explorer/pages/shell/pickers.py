"""The pickers that the pages share: model, epoch, what is altered by hand, net, and a second model beside the first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import streamlit as st

import explorer
from explorer import runs
from explorer.pages.shell import links, opened, people, session
from explorer.pages.shell.alterations import AS_TRAINED, choose_alterations
from explorer.pages.shell.controls import called, choose, slide
from explorer.pages.shell.models import (
    RUN,
    UNTRAINED,
    Which,
    describe,
    file_of,
    kind_name,
    load,
    model_labels,
    shipped,
)
from explorer.pages.shell.opened import OPENED
from explorer.pages.shell.plain import plain
from explorer.words import LANGUAGE, TOKEN, say

FIRST_MODEL, FIRST_MODELS = "lighthouse-gru", {"zh": "river-town-gru"}  # of other languages


def model_names() -> list[str]:
    """The shipped models, the one to open on first; the runs of this browser, and the ones a link names; last the mistakes."""
    good, mistakes = shipped()
    first = FIRST_MODELS.get(LANGUAGE.get(), FIRST_MODEL)
    good.sort(key=lambda name: name != first)
    mine = [RUN + run.id for run in _models_of(people.owners())]
    own = opened.mine()
    named = {str(links.named(key)) for key in ("model", "second")}
    theirs = sorted(name for name in named if _is_readable(name) and name not in (*mine, *own))
    return [*good, *own, *mine, *theirs, *mistakes]


def _labels(names: Sequence[str]) -> dict[str, str]:
    """What each model is called. Runs that have one name, and ids that begin alike, are told apart by their whole ids."""
    said = model_labels(names)
    count = Counter(said.values())
    return {name: own if count[own] == 1 else say("label.named", label=own, name=name) for name, own in said.items()}


def _models_of(sessions: Sequence[str]) -> list[runs.Run]:
    try:
        return runs.models(*sessions)
    except runs.RunError:
        return []  # no data folder: the page Train says so, the shipped models are there all the same


def _is_readable(name: str) -> bool:
    """Whether a name that an address holds is a run's, or an opened model's, that is there."""
    try:
        return name.startswith((RUN, OPENED)) and file_of(name).is_file()
    except runs.UnknownRunError:
        return False
    except runs.RunError:
        return True  # nobody can look; it stays chosen until one can


def choose_model(*, alters: bool = True) -> tuple[Which, explorer.Checkpoint]:
    """The pickers of model, training epoch and, where the page alters models, intervention: which model, and its checkpoint."""
    names = model_names()
    if not names:
        st.error(say("page.no-models"))
        st.stop()
    name = choose("model", names, _labels(names).__getitem__)
    checkpoint = _loaded(name)
    TOKEN.set(checkpoint.vocabulary.token)
    st.caption(plain(describe(name, checkpoint)))
    epoch = _choose_epoch("epoch", checkpoint.epochs, checkpoint.epochs[-1])
    altered = choose_alterations(checkpoint.config) if alters else explorer.Intervention()
    return Which.of(name, epoch, intervention=altered), checkpoint


def _loaded(name: str) -> explorer.Checkpoint:
    try:
        return load(name)
    except (explorer.CheckpointError, runs.RunError) as fault:
        st.error(people.told(fault))
        st.stop()


def _choose_epoch(key: str, epochs: Sequence[int], default: int) -> int:
    return int(slide(key, list(epochs), default)) if len(epochs) > 1 else epochs[-1]


def go_to_clicked_epoch(chart: str, epochs: Sequence[int]) -> None:
    """Show the model as it was at the snapshot nearest to the epoch that was clicked in a chart."""
    if points := session.kept(chart, {}).get("selection", {}).get("points", []):
        # Snapshots are spaced evenly in the logarithm of the epoch, and so is what is near.
        links.put("epoch", min(epochs, key=lambda epoch: abs(math.log1p(epoch) - math.log1p(points[0]["x"]))))


def choose_net(config: explorer.ModelConfig, layers: range, *, both: bool = True) -> tuple[int, str | None]:
    """Layer, out of those that the page can show, and direction, where the model has a choice of them.

    Args:
        config: the model's.
        layers: that the page can show.
        both: whether it can show both directions, which is None.

    """
    layer = choose("layer", [str(i) for i in layers]) if len(layers) > 1 else str(layers[0])
    nets = [*(["both"] if both else []), *config.directions]
    net = choose("net", nets, config.name_of) if len(config.directions) > 1 else nets[0]
    return int(layer), None if net == "both" else net


BESIDE = ("nothing", AS_TRAINED, "untrained", "another")


def choose_second(first: Which) -> Which | None:
    """The pickers of a second model to look at beside the first; None for none."""
    offered = [beside for beside in BESIDE if first.intervention or beside != AS_TRAINED]
    links.ready("beside", offered[0], offered)
    label, explanation = called("beside")
    beside = st.segmented_control(
        label, offered, key="beside", required=True, help=explanation, format_func=lambda option: say(f"option.{option}"),
        on_change=links.take, args=("beside",),
    )  # fmt: skip
    if beside == AS_TRAINED:
        return first.as_trained
    if beside == "untrained":
        return Which.of(first.name, 0, choose("kind", list(UNTRAINED), kind_name))
    if beside == "another":
        names = [first.name, *(name for name in model_names() if name != first.name)]
        name = choose("second", names, _labels(names).__getitem__)
        epochs = _loaded(name).epochs
        # The same model is wanted at another epoch, another model trained.
        start, key = (epochs[0], "own_epoch") if name == first.name else (epochs[-1], "second_epoch")
        return Which.of(name, _choose_epoch(key, epochs, start))
    return None
