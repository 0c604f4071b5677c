"""The models one can look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import explorer
from explorer import Intervention, runs
from explorer.cells import CELLS
from explorer.checkpoints import Outline, read_outline
from explorer.corpora import BUILT_IN, load_corpus
from explorer.home import CHECKPOINTS as CHECKPOINTS
from explorer.pages.shell import labels, opened, shelf
from explorer.pages.shell.opened import OPENED
from explorer.tokens import Tokens
from explorer.words import LANGUAGE, LANGUAGES, own, say

RUN = "run:"  # begins the name of a model that a run made
OWN_KIND = "own-kind"
UNTRAINED: dict[str, dict[str, str]] = {OWN_KIND: {}} | {
    cell.variants[variant]: {"cell": cell.key} | ({cell.setting: variant} if cell.setting else {})
    for cell in CELLS.values()
    for variant in cell.looked_at
}


_Versions = tuple[tuple[Path, int], ...]
"""Files, each with what changes when it does."""


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
        return self._called(model_label(self.name))

    @property
    def file_label(self) -> str:
        """What the names of files call it: a shipped model by the name that its file and its link have."""
        return self._called(model_label(self.name) if self.name.startswith((RUN, OPENED)) else self.name)

    def _called(self, name: str) -> str:
        if self.untrained:
            return say("which.untrained", kind=kind_name(self.untrained))
        if self.name.startswith(OPENED) and not self.intervention:
            return name  # nobody knows how long it was trained
        return say("which.altered" if self.intervention else "which.trained", name=name, epoch=self.epoch)


def kind_name(kind: str) -> str:
    """What a kind of untrained model is called, out of UNTRAINED."""
    return say("which.own-kind") if kind == OWN_KIND else own(kind)


def file_of(name: str) -> Path:
    """The checkpoint of a shipped model, of a run ("run:" and its id), or of an opened model ("own:" and its digest)."""
    if name.startswith(OPENED):
        return opened.file_of(name)
    run = name.removeprefix(RUN)
    return runs.checkpoint_path(run) if run != name else CHECKPOINTS / f"{name}.safetensors"


def version(name: str) -> int:
    """Changes when the model's file does."""
    return _changed(file_of(name))


def version_of(run: runs.Run) -> int:
    """The same of a run that one has."""
    return _changed(runs.checkpoint_at(run))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def shipped() -> tuple[list[str], list[str]]:
    """The names of the models in the folder checkpoints/, and of those in it that show a mistake."""
    found = outlines()
    mistakes = [name for name, outline in found.items() if outline and labels.is_mistake(outline.config)]
    return [name for name in found if name not in mistakes], mistakes


def outlines() -> Mapping[str, Outline | None]:
    """What the files in the folder checkpoints/ say of their models, by name; None of one that cannot be read."""
    return _outlines(_versions())


def _versions() -> _Versions:
    """The files in the folder checkpoints/ as they are now."""
    return tuple((path, _changed(path)) for path in sorted(CHECKPOINTS.glob("*.safetensors")))


@lru_cache(maxsize=2)
def _outlines(files: _Versions) -> Mapping[str, Outline | None]:
    return {path.stem: _outline(path, version) for path, version in files}


@lru_cache(maxsize=256)
def _outline(path: Path, version: int) -> Outline | None:
    try:
        return read_outline(path)
    except explorer.CheckpointError:  # whoever opens it reads why
        return None


def model_label(name: str) -> str:
    """What a model is called: a shipped one by what it is; a run's by its name and the start of its id, since two may have one
    name, and while it goes with its status.
    """
    return model_labels([name])[name]


def model_labels(names: Sequence[str]) -> dict[str, str]:
    """What some models are called, by name."""
    asked = any(not name.startswith((OPENED, RUN)) for name in names)
    ours = _labels_of_shipped(_versions(), LANGUAGE.get()) if asked else {}
    return {name: ours.get(name) or _own_label(name) for name in names}


@lru_cache(maxsize=2 * len(LANGUAGES))
def _labels_of_shipped(files: _Versions, language: str) -> Mapping[str, str]:
    return labels.labels(_outlines(files))


def _own_label(name: str) -> str:
    """What a model is called that is none of the shipped ones."""
    if name.startswith(OPENED):
        outline = _outline(file_of(name), version(name))
        return labels.label(outline.config, outline.corpus) if outline else name
    if not name.startswith(RUN):
        return name
    run_id = name.removeprefix(RUN)
    try:
        run = runs.run(run_id)
    except runs.RunError:  # whoever opens it reads why
        return say("which.unread-run", id=run_id[:4])
    name = say("which.run", name=run.name, id=run.id[:4])
    return say("which.active-run", name=name, status=run.status) if run.active else name


def load(name: str) -> explorer.Checkpoint:
    """The checkpoint of a shipped model or of a run."""
    return _load(name, version(name))


def checkpoint_of(which: Which) -> explorer.Checkpoint:
    """The checkpoint a model is from, as it was when the model was chosen."""
    return _load(which.name, which.version)


def _load(name: str, version: int) -> explorer.Checkpoint:
    return shelf.models().get((name, version), lambda: explorer.load_checkpoint(file_of(name)))


def model_of(which: Which) -> explorer.CharModel:
    """The model itself; an untrained one has torch's default initialisation, seed 0."""
    return shelf.models().get(which, lambda: _made(which))


def _made(which: Which) -> explorer.CharModel:
    checkpoint = checkpoint_of(which)
    if not which.untrained:
        return explorer.altered(checkpoint.model_at(which.epoch), which.intervention)
    config = explorer.ModelConfig(
        **asdict(checkpoint.config) | UNTRAINED[which.untrained] | {"init": "torch", "keep_bias": 0}
    )
    return explorer.CharModel(config, checkpoint.vocabulary, seed=0)


def learned_text(which: Which) -> Tokens | None:
    """The text that a model learned, as it reads it; None where that does not come with the project.

    A run's own text is its owner's, and whoever has its link may see the run and not the text.
    """
    checkpoint = checkpoint_of(which)
    if which.untrained or which.name.startswith(OPENED) or checkpoint.corpus not in BUILT_IN:
        return None

    def learned() -> Tokens:
        return checkpoint.vocabulary.as_read(checkpoint.recipe.learned(load_corpus(checkpoint.corpus)))

    return shelf.models().get(("learned", which.name, which.version), learned)


def lacking(text: str, vocabulary: explorer.Vocabulary) -> float:
    """Share of a text that a vocabulary does not hold, in [0, 1]: what is unknown to it, and what is left out for it."""
    read, whole = vocabulary.folded(text), vocabulary.as_read(text)
    unknown = vocabulary.unknown_share(read) * len(read)
    return (unknown + max(0, len(whole) - len(read))) / len(whole) if len(whole) else 0.0


def best_reader(text: str, like: explorer.ModelConfig, token: str) -> tuple[str, float, str] | None:
    """The shipped model that shows no mistake and lacks least of a text, the share that it lacks, and what it reads at a step.

    Of several the one that reads characters or words as this one does, and whose objective and cell are alike.
    """
    good, _ = shipped()
    found = outlines()
    judged = [
        (lacking(text, outline.vocabulary), outline.recipe.token != token,
         outline.config.objective != like.objective, outline.config.kind is not like.kind, name)
        for name in good
        if (outline := found[name])
    ]  # fmt: skip
    share, *_, name = min(judged, default=(1.0, False, False, False, ""))
    outline = found.get(name)
    return (name, share, outline.recipe.token) if outline else None


def describe(name: str, checkpoint: explorer.Checkpoint) -> str:
    """A model in one line."""
    config = checkpoint.config
    return say(
        "which.opened" if name.startswith(OPENED) else "which.described", title=config.title, units=config.units,
        layers=config.num_layers, direction=config.direction, corpus=labels.corpus_title(checkpoint.corpus),
        symbols=len(checkpoint.vocabulary),
    )  # fmt: skip


def beyond_the_file(which: Which) -> tuple[list[tuple[int, float]], int | None]:
    """What a run knows of a training beside its checkpoint: held-out loss by epoch, and the step at which it broke off."""
    if not which.name.startswith(RUN) or which.untrained:
        return [], None
    run = runs.run(which.name.removeprefix(RUN))
    measured = [(e.epoch, e.held_out_nll_nats) for e in runs.epochs_since(run.id) if e.epoch <= which.epoch]
    held_out = [(epoch, nll_nats) for epoch, nll_nats in measured if nll_nats is not None]
    return held_out, run.fault_step if which.epoch == load(which.name).last_epoch else None
