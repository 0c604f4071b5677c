"""The recurrent layers inside somebody else's model: which there are, what cell each is, and its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from explorer.cells import CELLS, Cell, CellWeights
from explorer.fields import ConfigError, expected, got
from explorer.models import NetKey

DIRECTIONS = ("forward", "backward")


class NetName(NamedTuple):
    """One net inside a model: the name of its module ("" for the model itself), the layer in it, and the direction."""

    module: str
    layer: int
    direction: str

    @property
    def key(self) -> NetKey:
        """The same within its module."""
        return NetKey(self.layer, self.direction)


@dataclass(frozen=True)
class Layer:
    """A recurrent module of torch inside a model.

    Attributes:
        name: of the module in the model; "" for the model itself.
        module: nn.RNN, nn.GRU, nn.LSTM, or one of their cells, such as nn.GRUCell.
        cell: what it is here.
        variant: of the cell.
        kernel: what the module calls; None for a module that makes one step a call.

    """

    name: str
    module: nn.Module
    cell: Cell
    variant: str
    kernel: Callable[..., tuple[Tensor, ...]] | None

    @property
    def depth(self) -> int:
        """Layers stacked inside the module."""
        return int(getattr(self.module, "num_layers", 1))

    @property
    def dropout(self) -> float:
        """Share of each layer's output that the next one does not get while training."""
        return float(getattr(self.module, "dropout", 0.0))

    @property
    def directions(self) -> tuple[str, ...]:
        """Those in which it reads."""
        return DIRECTIONS[: 1 + bool(getattr(self.module, "bidirectional", False))]

    @property
    def nets(self) -> tuple[NetName, ...]:
        """Every net of the module, in torch's order: layer by layer, forward before backward."""
        return tuple(NetName(self.name, layer, way) for layer in range(self.depth) for way in self.directions)

    def tensors(self, key: NetKey) -> tuple[Tensor, ...]:
        """The parameters of one net in torch's order: two, or four with biases."""
        suffix = "" if self.kernel is None else key.suffix
        names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if self.module.bias else ()))
        return tuple(getattr(self.module, name + suffix).detach() for name in names)

    def weights(self, key: NetKey, dtype: torch.dtype) -> CellWeights:
        """The weights of one net; a bias that is not there is zero."""
        w_ih_GE, w_hh_GH, *biases = (tensor.to(dtype) for tensor in self.tensors(key))
        zero_G = w_hh_GH.new_zeros(len(w_hh_GH))
        return CellWeights(w_ih_GE, w_hh_GH, *(biases or (zero_G, zero_G)))


def find_layers(model: nn.Module) -> tuple[Layer, ...]:
    """Every nn.RNN, nn.GRU and nn.LSTM inside a model, and their cells, at any depth.

    Raises:
        ConfigError: there is none, one has projections (proj_size), or the model is compiled.

    """
    if not isinstance(model, nn.Module):
        raise ConfigError("model", expected("torch-module"), got("type", kind=type(model).__name__))
    modules = dict(model.named_modules())
    for name, module in modules.items():
        # Compiled code may keep no hook, and a layer inside it is not called.
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            raise ConfigError("model", expected("uncompiled"), got("compiled", module=name or type(module).__name__))
    found = tuple(layer for name, module in modules.items() if (layer := _layer(name, module)))
    if not found:
        raise ConfigError("model", expected("recurrent-layer"), got("type", kind=type(model).__name__))
    return found


def _layer(name: str, module: nn.Module) -> Layer | None:
    for cell in CELLS.values():
        for variant in cell.variants:
            if (kernel := cell.kernel(variant)) and getattr(module, "nonlinearity", variant) == variant:
                kind = kernel[0].split(".")[-1]
                if isinstance(module, getattr(nn, kind)):
                    _check_projection(name, module)
                    return Layer(name, module, cell, variant, kernel[1])
                if isinstance(module, getattr(nn, f"{kind}Cell")):
                    return Layer(name, module, cell, variant, None)
    return None


def _check_projection(name: str, module: Any) -> None:
    if module.proj_size:
        raise ConfigError("model", expected("no-projection"), got("projection", module=name, size=module.proj_size))
