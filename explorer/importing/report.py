"""The account of an import: what every tensor was taken for and why, what was left out, and what to know of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from explorer.importing.ends import Ends
from explorer.importing.layers import Stack
from explorer.importing.opened import Array, ImportRefusedError, LeftOut, Opened, Taken
from explorer.importing.symbols import Symbols
from explorer.models import ModelConfig, NetKey
from explorer.words import Saying, say


@dataclass(frozen=True)
class Report:
    """What became of a file.

    Attributes:
        kind: what the file is, such as "a PyTorch file (.pth, .pt)".
        taken: the tensors that are in the model, from the input up.
        left_out: what is not in the model.
        notes: what to know: what was added, assumed, or could not be seen in the file.
        nll_nats: mean loss of the sample in nats a character, by variant of the cell ("after", "before" of a GRU; "tanh",
            "relu" of an RNN); empty without a sample.

    """

    kind: Saying
    taken: tuple[Taken, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[Saying, ...] = ()
    nll_nats: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The same as sentences, one for each tensor and note."""
        return (
            say("import.report.kind", kind=self.kind),
            *(say("import.report.taken", name=t.name, shape=t.shape, became=t.became, why=t.why) for t in self.taken),
            *(say("import.report.left-out", name=each.name, why=each.why) for each in self.left_out),
            *map(str, self.notes),
        )


def left_over(
    opened: Opened, arrays: Mapping[str, Array], stack: Stack, ends: Ends, others: set[str]
) -> tuple[LeftOut, ...]:
    """What is not taken, if it is all known to change nothing.

    Args:
        opened: the file.
        arrays: what of it is wanted.
        stack: the layers that were recognised.
        ends: the embedding and the output.
        others: tensors of layers that were not asked for.

    Raises:
        ImportRefusedError: a tensor that may stand between the layers, and that our models do not have.

    """
    left = list(opened.left_out)
    odd = []
    for name, array in opened.arrays.items():
        if name in stack.names | ends.names:
            continue
        shown, shape = opened.origin(name)
        if name not in arrays:
            left.append(LeftOut(shown, shape, Saying("import.left.asked")))
        elif name in others:
            left.append(LeftOut(shown, shape, Saying("import.left.layer")))
        elif array.dtype.kind in "iub" or array.size <= 1:
            left.append(LeftOut(shown, shape, Saying("import.left.no-weights")))
        else:
            odd.append(shown)
    if odd:
        raise ImportRefusedError("import.left-over", candidates=odd)
    return tuple(left)


def taken(opened: Opened, stack: Stack, ends: Ends, config: ModelConfig) -> tuple[Taken, ...]:
    """What each tensor of the model was recognised by."""
    found = []

    def add(name: str, became: str, why: Saying) -> None:
        found.append(Taken(*opened.origin(name), became, why))

    if ends.embedding:
        name, array = ends.embedding
        add(name, "embedding.weight", Saying("import.why.embedding", {"symbols": len(array), "width": array.shape[1]}))
    for key, net in stack.nets.items():
        blocks, hidden = len(net.w_hh[1]) // net.hidden, net.hidden
        add(
            net.w_ih[0],
            f"rnn.weight_ih{key.suffix}",
            Saying(
                "import.why.input", {"width": net.inputs, "blocks": blocks, "hidden": hidden, "title": config.title}
            ),
        )
        add(net.w_hh[0], f"rnn.weight_hh{key.suffix}", Saying("import.why.state", {"blocks": blocks, "hidden": hidden}))
        for part, bias in (("ih", net.b_ih), ("hh", net.b_hh)):
            if bias:
                add(bias[0], f"rnn.bias_{part}{key.suffix}", Saying("import.why.bias"))
    add(ends.head[0], "out.weight", Saying("import.why.head", {"symbols": ends.symbols, "features": stack.features}))
    if ends.bias:
        add(ends.bias[0], "out.bias", Saying("import.why.head-bias"))
    return tuple(found)


def noted(
    opened: Opened,
    config: ModelConfig,
    stack: Stack,
    ends: Ends,
    symbols: Symbols,
    said: bool,
    tried: Mapping[str, float],
) -> tuple[Saying, ...]:
    """What to know beside the tensors."""
    notes = list(symbols.notes)
    if ends.bias is None:
        notes.append(Saying("import.note.no-head-bias"))
    if ends.embedding is None:
        notes.append(Saying("import.note.one-hot", {"symbols": ends.symbols}))
    elif ends.embedding[0] == ends.head[0]:
        notes.append(Saying("import.note.tied"))
    if any(net.b_ih is None and net.b_hh is None for net in stack.nets.values()):
        notes.append(Saying("import.note.no-bias"))
    if stack.nets.get(NetKey(0, "backward")):
        notes.append(Saying("import.note.both-ways", {"objective": config.objective}))
    if any(facts.get("last_only") for facts in opened.modules.values()):
        notes.append(Saying("import.note.last-only"))
    if not any(symbols.vocabulary.counts):
        notes.append(Saying("import.note.no-counts"))
    return (*notes, *_of_sample(config, said, tried))


def _of_sample(config: ModelConfig, said: bool, tried: Mapping[str, float]) -> list[Saying]:
    setting = config.kind.setting
    if len(tried) > 1:
        return [Saying(f"import.note.{setting}s", {**tried, "chosen": config.variant})]
    if tried:
        return [Saying("import.note.sample", {"nats": next(iter(tried.values()))})]
    return [] if said else [Saying(f"import.note.{setting}-assumed")]
