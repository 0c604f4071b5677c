"""The two ends of a network that reads symbols: the embedding below its recurrent layers, and the output above them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from explorer.importing.layers import Stack
from explorer.importing.opened import Array, ImportRefusedError

MAX_MATRICES = 50  # beside the layers; every pair of them is looked at
_EMBEDS = re.compile(r"emb|encod|lookup|wte|vec|lut", re.I)
_PUTS_OUT = re.compile(r"fc|linear|head|out|dense|decod|classif|proj|h2o|lin|logit|hq|why|w_hy", re.I)


@dataclass(frozen=True)
class Ends:
    """Names and numbers of the two ends.

    Attributes:
        embedding: of the embedding, (V, E); None for one-hot.
        head: of the output's weights, (V, features).
        bias: of its bias, (V,); None where it has none.

    """

    embedding: tuple[str, Array] | None
    head: tuple[str, Array]
    bias: tuple[str, Array] | None

    @property
    def symbols(self) -> int:
        """How many symbols V the network puts out."""
        return len(self.head[1])

    @property
    def names(self) -> set[str]:
        """The names of all their tensors."""
        return {part[0] for part in (self.embedding, self.head, self.bias) if part}


def find_ends(arrays: Mapping[str, Array], stack: Stack, embedding: str | None = None, head: str | None = None) -> Ends:
    """The ends of a stack of layers.

    Args:
        arrays: those that belong to no layer.
        stack: the layers.
        embedding: the name of the embedding or what it begins with; None to tell by shapes and names.
        head: the same of the output's weights.

    Raises:
        ImportRefusedError: no tensors fit, or several do and nothing tells them apart.

    """
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    if len(matrices) > MAX_MATRICES:
        raise ImportRefusedError("import.left-over", candidates=matrices)
    heads = _wished(_heads(arrays, stack.features), head, "head")
    embeddings = _wished(
        {name: array for name, array in arrays.items() if array.ndim == 2 and array.shape[1] == stack.inputs},
        embedding, "embedding",
    )  # fmt: skip
    if not heads:
        raise ImportRefusedError("import.no-head", candidates=_shown(arrays), features=stack.features)
    fitting = _fitting(embeddings, heads, stack.inputs, embedding is not None)
    if not fitting:
        raise _unfitting(heads, stack, arrays)
    ranked = sorted(fitting, key=lambda pair: _rank(pair, arrays, heads), reverse=True)
    if len(ranked) > 1 and _rank(ranked[0], arrays, heads) == _rank(ranked[1], arrays, heads):
        raise _undecided(ranked[0], ranked[1])
    chosen, output = ranked[0]
    weights = heads[output]
    bias = _bias_of(output, len(weights), arrays)
    return Ends(None if chosen is None else (chosen, embeddings[chosen]), (output, weights), bias)


Pair = tuple[str | None, str]


def _heads(arrays: Mapping[str, Array], features: int) -> dict[str, Array]:
    """Matrices that can be an output; one that multiplies from the right is turned, unless torch names it."""
    found = {}
    for name, array in arrays.items():
        if array.ndim == 2 and array.shape[1] == features:
            found[name] = array
        elif array.ndim == 2 and array.shape[0] == features and not name.endswith("weight"):
            found[name] = array.T
    return found


def _wished(found: dict[str, Array], name: str | None, argument: str) -> dict[str, Array]:
    if name is None:
        return found
    wished = {key: array for key, array in found.items() if key == name or key.startswith(f"{name}.")}
    if not wished:
        raise ImportRefusedError("import.no-such-tensor", argument=argument, candidates=list(found), got=name)
    return wished


def _fitting(embeddings: Mapping[str, Array], heads: Mapping[str, Array], inputs: int, must_embed: bool) -> list[Pair]:
    """Pairs with one number of symbols; a single matrix for both ends only where there is no other way."""
    pairs: list[Pair] = [
        (below, above)
        for below, above in product(embeddings, heads)
        if below != above and len(embeddings[below]) == len(heads[above])
    ]
    if not must_embed and inputs > 1:  # a single number is no symbol
        pairs += [(None, above) for above in heads if len(heads[above]) == inputs]
    return pairs or [(name, name) for name in heads if name in embeddings]


def _rank(pair: Pair, arrays: Mapping[str, Array], heads: Mapping[str, Array]) -> tuple[int, ...]:
    """What speaks for a pair: nothing is left over, the output has a bias and the embedding none, both have fitting names."""
    below, above = pair
    matrices = {name for name, array in arrays.items() if array.ndim == 2}
    symbols = len(heads[above])
    return (
        -len(matrices - {below, above}),
        int(_bias_of(above, symbols, arrays, exact=True) is not None)
        - int(below is not None and _bias_of(below, symbols, arrays, exact=True) is not None),
        int(bool(_PUTS_OUT.search(above))) + int(bool(below and _EMBEDS.search(below)))
        - int(bool(_EMBEDS.search(above) and not _PUTS_OUT.search(above)))
        - int(bool(below and _PUTS_OUT.search(below) and not _EMBEDS.search(below))),
    )  # fmt: skip


def _bias_of(weights: str, symbols: int, arrays: Mapping[str, Array], exact: bool = False) -> tuple[str, Array] | None:
    """The bias beside some weights: of the same name but for "weight", or the only one of that length."""
    fitting = {name: array.reshape(-1) for name, array in arrays.items() if array.ndim < 3 and array.size == symbols
               and (array.ndim == 1 or 1 in array.shape)}  # fmt: skip
    folder, _, last = weights.rpartition(".")
    for new in (last.replace("weight", "bias"), last.replace("kernel", "bias"), re.sub("^[Ww]", "b", last)):
        name = f"{folder}.{new}" if folder else new
        if name != weights and name in fitting:
            return name, fitting[name]
    if exact or len(fitting) != 1:
        return None
    return next(iter(fitting.items()))


def _unfitting(heads: Mapping[str, Array], stack: Stack, arrays: Mapping[str, Array]) -> ImportRefusedError:
    output = min(heads, key=lambda name: (not _PUTS_OUT.search(name), name))
    return ImportRefusedError(
        "import.not-symbols", candidates=_shown(arrays), inputs=stack.inputs,
        outputs=len(heads[output]), head=output,
    )  # fmt: skip


def _undecided(first: Pair, second: Pair) -> ImportRefusedError:
    argument, place = ("head", 1) if first[1] != second[1] else ("embedding", 0)
    names: Sequence[str] = [str(pair[place] or "") for pair in (first, second)]
    return ImportRefusedError("import.several-ends", argument=argument, candidates=names)


def _shown(arrays: Mapping[str, Array]) -> list[str]:
    return [f"{name} {list(array.shape)}" for name, array in arrays.items() if array.ndim]
