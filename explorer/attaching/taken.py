"""A recurrent layer in memory as a model of ours, whose gates and gradients can be looked at: no file, no page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from explorer.attaching.layers import Layer, find_layers
from explorer.fields import ConfigError, expected, got
from explorer.models import ModelConfig, NetKey, SequenceModel

SKIPPED = (nn.Dropout, nn.Identity, nn.modules.loss._Loss)  # which do nothing in evaluation


def from_torch(module: nn.Module, head: nn.Linear | None = None, *, layer: str | None = None) -> SequenceModel:
    """A copy of a torch module's recurrent layer and linear head, as a model that all probes of numbers can read.

        model = from_torch(net)                                   # net.rnn and net.head are found
        read = SeriesRead(model, x_TE, y_TV)
        trace_series(read), gradient_flow(model, read)

    What reads text is opened by `import_model`, which takes a module too.

    Args:
        module: nn.RNN, nn.GRU or nn.LSTM, or a module with one of them in it.
        head: what makes outputs of its states; None for the one nn.Linear in the module that has as many inputs.
        layer: name of the recurrent layer, where there are several.

    Returns:
        A model in the precision of the layer, or of the head where that is the finer. Batch-first or not makes no difference to
        it; dropout between layers is left out, as in evaluation.

    Raises:
        ConfigError: no recurrent layer, several and none named, one that is a single step (nn.GRUCell), no head that fits, or,
            where no head is named, anything else in the module that computes: the copy would be another network.

    """
    chosen = _the_layer(find_layers(module), layer)
    config = _config_of(chosen)
    linear = _the_head(module, chosen, config.features) if head is None else _fitting(head, config.features)
    model = SequenceModel(config, chosen.module.input_size, linear.out_features, seed=0)  # type: ignore[arg-type]
    model.to(torch.promote_types(chosen.tensors(config.nets[0])[0].dtype, linear.weight.dtype))
    # Parameters have torch's own names and orders.
    weights = {name: tensor for key in config.nets for name, tensor in _named(config, key, chosen.tensors(key))}
    bias = torch.zeros(linear.out_features) if linear.bias is None else linear.bias.detach()
    model.load_state_dict({**weights, "out.weight": linear.weight.detach(), "out.bias": bias})
    return model.eval()


def _named(config: ModelConfig, key: NetKey, tensors: Sequence[Tensor]) -> Iterator[tuple[str, Tensor]]:
    """As our models name them; of a weight that torch makes anew at every call (weight_norm), as it is now."""
    parts = ("weight_ih", "weight_hh", *(f"bias_{part}" for part in config.biases))
    return zip((f"rnn.{part}{key.suffix}" for part in parts), tensors, strict=True)


def _the_layer(layers: Sequence[Layer], name: str | None) -> Layer:
    fitting = [layer for layer in layers if layer.kernel is not None and name in (None, layer.name)]
    if len(fitting) != 1:
        names = [layer.name for layer in layers if layer.kernel is not None]
        raise ConfigError("layer", expected("one-layer", allowed=names), got("count", count=len(fitting)))
    return fitting[0]


def _config_of(layer: Layer) -> ModelConfig:
    both = len(layer.directions) > 1
    setting = {layer.cell.setting: layer.variant} if layer.cell.setting else {}
    return ModelConfig(
        layer.cell.key, **setting, hidden_size=int(layer.module.hidden_size), num_layers=layer.depth,  # type: ignore[arg-type]
        direction="bidirectional" if both else "forward", objective="leaky" if both else "next",
        bias="two" if layer.module.bias else "none",
    )  # fmt: skip


def _the_head(module: nn.Module, layer: Layer, features: int) -> nn.Linear:
    """The one linear layer, where there is nothing else: what stands before the recurrent one is none of its outputs."""
    own = {id(m) for m in layer.module.modules()}  # what makes its weights anew, where they are parametrised
    named = [(name, m) for name, m in module.named_modules() if m is layer.module or id(m) not in own]
    leaves = [(name, m) for name, m in named if m is layer.module or not ([*m.children()] or isinstance(m, SKIPPED))]
    place = next(at for at, (_, m) in enumerate(leaves) if m is layer.module)
    fitting = [m for _, m in leaves[place:] if isinstance(m, nn.Linear) and m.in_features == features]
    if len(fitting) != 1:
        raise ConfigError("head", expected("head", features=features), got("count", count=len(fitting)))
    others = [f"{name} ({type(m).__name__})" for name, m in leaves if m is not layer.module and m is not fitting[0]]
    if others:
        raise ConfigError("module", expected("layer-and-head"), others)
    return fitting[0]


def _fitting(head: nn.Module, features: int) -> nn.Linear:
    if not isinstance(head, nn.Linear) or head.in_features != features:
        raise ConfigError("head", expected("head", features=features), got("type", kind=type(head).__name__))
    return head
