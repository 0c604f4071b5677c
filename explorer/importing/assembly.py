"""From recognised parts to a CharModel: the configuration that describes them, and every number in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.fields import ConfigError
from explorer.importing.ends import Ends
from explorer.importing.layers import Net, Stack
from explorer.importing.opened import Array, ImportRefusedError
from explorer.importing.symbols import Symbols
from explorer.models import NEVER, CharModel, ModelConfig, NetKey


@dataclass(frozen=True)
class Wishes:
    """What a person or the file says of the model beside its weights; the fields are those of ModelConfig."""

    reset: str = "after"
    activation: str = "tanh"
    objective: str = "next"


def configured(stack: Stack, ends: Ends, wishes: Wishes) -> ModelConfig:
    """The configuration of what was recognised.

    Raises:
        ImportRefusedError: none of ours describes it.

    """
    forward = [stack.nets[NetKey(layer, "forward")].hidden for layer in range(stack.layers)]
    backward = {net.hidden for key, net in stack.nets.items() if key.direction == "backward"}
    both = stack.both_ways
    if len(backward) > 1 and backward != set(forward):
        raise ImportRefusedError("import.widths", forward=forward, backward=sorted(backward))
    apart = both and [stack.nets[NetKey(layer, "backward")].hidden for layer in range(stack.layers)] != forward
    try:
        return ModelConfig(
            cell=stack.cell, reset=wishes.reset, activation=wishes.activation, hidden_size=forward[0],
            num_layers=stack.layers, hidden_sizes=tuple(forward) if len(set(forward)) > 1 else None,
            direction="bidirectional" if both else "forward", objective=wishes.objective,
            hidden_size_backward=next(iter(backward)) if apart else None,
            embedding_size=ends.embedding[1].shape[1] if ends.embedding else None, bias=_biases(stack),
        )  # fmt: skip
    except ConfigError as fault:
        raise ImportRefusedError("import.configuration", reason=fault) from fault


def _biases(stack: Stack) -> str:
    nets = stack.nets.values()
    if any(net.b_hh for net in nets):
        return "two"
    return "one" if any(net.b_ih for net in nets) else "none"


def build(config: ModelConfig, stack: Stack, ends: Ends, symbols: Symbols) -> CharModel:
    """The model, ready to read.

    Raises:
        ImportRefusedError: more parameters than a model may have, or weights that are not finite.

    """
    tensors = parameters(config, stack, ends, symbols)
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ImportRefusedError("import.not-finite", tensor=name)
    try:
        model = CharModel(config, symbols.vocabulary, seed=0)
    except ConfigError as fault:
        raise ImportRefusedError("import.configuration", reason=fault) from fault
    if tensors["out.weight"].dtype == torch.float64:
        model.double()
    model.load_state_dict(tensors)
    return model.eval()


def parameters(config: ModelConfig, stack: Stack, ends: Ends, symbols: Symbols) -> dict[str, Tensor]:
    """Every parameter of the model by its name, in the widest of the file's number formats."""
    rows = np.array(symbols.rows)
    arrays = {name: array for key, net in stack.nets.items() for name, array in _of_net(config, key, net).items()}
    if ends.embedding:
        arrays["embedding.weight"] = _rows(ends.embedding[1], rows, 0.0)
    else:
        for direction in config.directions:
            name = f"rnn.weight_ih{NetKey(0, direction).suffix}"
            arrays[name] = _rows(arrays[name].T, rows, 0.0).T
    arrays["out.weight"] = _rows(ends.head[1], rows, 0.0)
    bias = ends.bias[1] if ends.bias else np.zeros(ends.symbols, ends.head[1].dtype)
    arrays["out.bias"] = _rows(bias, rows, NEVER)
    kind = np.result_type(np.float32, *(array.dtype for array in arrays.values()))
    return {name: torch.from_numpy(np.array(array, kind, order="C")) for name, array in arrays.items()}


def _of_net(config: ModelConfig, key: NetKey, net: Net) -> dict[str, Array]:
    arrays = {f"rnn.weight_ih{key.suffix}": net.w_ih[1], f"rnn.weight_hh{key.suffix}": net.w_hh[1]}
    for part, bias in (("ih", net.b_ih), ("hh", net.b_hh)):
        if part in config.biases:
            zeros = np.zeros(len(net.w_hh[1]), net.w_hh[1].dtype)
            arrays[f"rnn.bias_{part}{key.suffix}"] = bias[1] if bias else zeros
    return arrays


def _rows(array: Array, rows: Array, missing: float) -> Array:
    """Some rows in another order; what the file does not have (-1) has one value."""
    taken: Any = array[np.maximum(rows, 0)].astype(np.result_type(array.dtype, np.float32))
    taken[rows < 0] = missing
    return np.asarray(taken)
