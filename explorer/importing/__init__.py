"""Models that somebody else's program wrote: from a file or a state_dict to a CharModel, and an account of what was taken.

    imported = import_model("lstm.pth", vocabulary=sorted(set(text)))
    imported.model.generate("The ", 100)
    print(imported.report)

Nothing of a file is run. docs/own-models.md says which files can be opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from explorer.cells import CELLS
from explorer.checkpoints import Checkpoint
from explorer.importing.assembly import Wishes, build, configured
from explorer.importing.containers import open_source
from explorer.importing.ends import Ends, find_ends
from explorer.importing.layers import Stack, find_stack, reordered, z_turned
from explorer.importing.opened import ImportRefusedError, LeftOut, Opened, Taken
from explorer.importing.report import Report, left_over, noted, taken
from explorer.importing.separate import fused
from explorer.importing.symbols import RULES, Given, Symbols, read_symbols, the_one
from explorer.models import CharModel, ModelConfig
from explorer.probes.perplexity import score_text
from explorer.training import Recipe
from explorer.words import Saying

__all__ = ["RULES", "ImportRefusedError", "Imported", "LeftOut", "Report", "Taken", "import_model"]


TRIED = {"reset": ("after", "before"), "activation": ("tanh", "relu")}  # what a file of weights alone does not say
_TORCH_GRUS = "torch.nn.modules.rnn.GRU", "torch.nn.modules.rnn.GRUCell"


@dataclass(frozen=True)
class Imported:
    """A model that was opened.

    Attributes:
        model: a CharModel with the file's weights, in float64 where the file's are, else in float32.
        report: what each of its tensors was taken for, and what was left out.

    """

    model: CharModel
    report: Report

    def checkpoint(self, name: str) -> Checkpoint:
        """The model as a checkpoint of ours, without a history; its recipe is the default one, for want of the real one.

        Args:
            name: of what it learned, or of the file; shown where a corpus is.

        """
        return Checkpoint(self.model, Recipe(token=self.model.vocabulary.token), 0, name)


def import_model(
    source: str | Path | bytes | Mapping[str, Any] | nn.Module,
    *,
    vocabulary: Given | None = None,
    rule: str | None = None,
    cell: str | None = None,
    reset: str | None = None,
    activation: str | None = None,
    objective: str | None = None,
    gate_order: str | None = None,
    z_keeps: bool = True,
    layers: str | Sequence[str] | None = None,
    embedding: str | None = None,
    head: str | None = None,
    leave_out: str | Sequence[str] = (),
    sample: str | None = None,
    weights_only: bool = False,
) -> Imported:
    """Open a recurrent network that reads and predicts characters.

    Args:
        source: the path of a file (PyTorch's .pt and .pth, .safetensors, .npz, Keras' .h5 and .keras, .onnx), the bytes of
            one, a state_dict or a module.
        vocabulary: its symbols in the order of their numbers (a string is its characters, never a path), a dict between symbols
            and numbers, a Vocabulary, or the Path of a JSON or text file or pickle of them; with a rule, the text it was
            trained on, or the Path of it. None for one that stands in the file itself.
        rule: how the characters of that text were numbered, one of RULES.
        cell: "rnn", "gru" or "lstm"; None to tell by the shapes.
        reset: where a GRU's reset gate acts, "before" or "after"; None for what the file says, what a sample says, or
            "after", as torch has it.
        activation: of an rnn; None for what the file says, or "tanh".
        objective: "next"; of a bidirectional model "leaky" (the default) or "cloze"; see ModelConfig.
        gate_order: letters of the gates as they are stacked in the file, such as "zrn"; None for torch's order.
        z_keeps: whether 1 in a GRU's update gate keeps the old state, as here, in torch and in Keras; False where it takes the
            candidate, as in Chung et al. 2014: its weights are then negated.
        layers: prefixes of the recurrent layers from the input up, where names and shapes leave it open.
        embedding: name of the embedding's tensor, where names and shapes leave it open.
        head: name of the output's weights, where names and shapes leave it open.
        leave_out: what names of tensors begin with that are not wanted, such as another head.
        sample: a text of the kind that it was trained on; its perplexity is in the report, for a GRU under both resets.
        weights_only: refuse a file that holds more than weights (whole modules, Keras' and ONNX' files), or that is larger
            than a checkpoint of ours.

    Raises:
        ImportRefusedError: the file cannot be read, is no such network, or more than one reading of it is possible; then
            `candidates` and `argument` of the error say what decides.

    """
    opened = fused(open_source(source, weights_only))
    unwanted = _several(leave_out)
    arrays = {name: array for name, array in opened.arrays.items() if not name.startswith(unwanted)}
    stack, others = find_stack(arrays, cell, None if layers is None else _several(layers))
    ends = find_ends({n: a for n, a in arrays.items() if n not in stack.names | others}, stack, embedding, head)
    left = left_over(opened, arrays, stack, ends, others)
    symbols = read_symbols(
        the_one(opened.vocabularies, ends.symbols) if vocabulary is None else vocabulary, ends.symbols, rule
    )
    stack = stack if gate_order is None else stack.changed(lambda rows: reordered(rows, stack.cell, gate_order))
    stack = stack if z_keeps else stack.changed(lambda rows: z_turned(rows, stack.cell))
    wishes, said = _wishes(opened, stack, reset, activation, objective)
    config = configured(stack, ends, wishes)
    tried = _tried(config, stack, ends, symbols, sample)
    if tried and not said:
        config = _as(config, min(tried, key=lambda variant: tried[variant]))
    model = build(config, stack, ends, symbols)
    report = Report(
        Saying(opened.kind),
        taken(opened, stack, ends, config),
        left,
        noted(opened, config, stack, ends, symbols, said, tried),
        tried,
    )
    return Imported(model, report)


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _wishes(
    opened: Opened, stack: Stack, reset: str | None, activation: str | None, objective: str | None
) -> tuple[Wishes, bool]:
    """What the model is beside its weights, and whether that is certain: a GRU's reset convention, a plain cell's activation."""
    first = next(iter(stack.nets.values())).w_hh[0]
    mode, kind = str(opened.told(first, "mode") or ""), opened.told(first, "class")
    told = opened.told(first, "reset") or ("after" if kind in _TORCH_GRUS else None)
    relu = "relu" if "relu" in mode.lower() or opened.told(first, "nonlinearity") == "relu" else None
    active = activation or opened.told(first, "activation") or relu or ("tanh" if "tanh" in mode.lower() else None)
    asked = objective or ("leaky" if stack.both_ways else "next")
    certain = {"reset": bool(reset or told), "activation": bool(active)}.get(CELLS[stack.cell].setting, True)
    return Wishes(reset or told or "after", active or "tanh", asked), certain


def _as(config: ModelConfig, variant: str) -> ModelConfig:
    changed: dict[str, Any] = {config.kind.setting: variant}
    return replace(config, **changed)


def _tried(config: ModelConfig, stack: Stack, ends: Ends, symbols: Symbols, sample: str | None) -> dict[str, float]:
    """Mean loss of a sample in nats, by variant of the cell: of a GRU under both conventions, of a plain cell under two."""
    if sample is None:
        return {}
    losses = {}
    for each in [_as(config, variant) for variant in TRIED.get(config.kind.setting, ())] or [config]:
        known_T = symbols.vocabulary.encode(sample).numpy() > 0
        mean = score_text(build(each, stack, ends, symbols), sample).mean_over(known_T)
        losses[each.variant] = math.inf if mean is None else mean
    if math.inf in losses.values() and len(set(losses.values())) == 1:
        raise ImportRefusedError("import.sample")
    return losses
