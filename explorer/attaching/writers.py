"""What a step says to another tool: anything with add_scalar(name, value, step), or log(dict, step=)."""

from __future__ import annotations

import math
from typing import Any

from explorer.attaching.layers import NetName
from explorer.attaching.ledger import LoopStep
from explorer.attaching.samples import NetSample, StepSample
from explorer.fields import ConfigError, expected, got


def check_writer(writer: Any) -> None:
    """Refuse what nothing can be told.

    Raises:
        ConfigError: it has neither add_scalar nor log.

    """
    if not callable(getattr(writer, "add_scalar", None)) and not callable(getattr(writer, "log", None)):
        raise ConfigError("writer", expected("writer"), got("type", kind=type(writer).__name__))


def tell(writer: Any, step: int, scalars: dict[str, float]) -> None:
    """Hand the numbers of one step over."""
    if callable(getattr(writer, "add_scalar", None)):
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)
    elif scalars:
        writer.log(scalars, step=step)


def scalars_of(made: LoopStep, sample: StepSample | None) -> dict[str, float]:
    """The numbers of a step by name: "loss", "norm_before", "rnn/l0/forward/z/mean", ..."""
    names = ("loss", "norm_before", "norm_after", "coefficient")
    every = {name: value for name in names if (value := getattr(made, name)) is not None}
    if sample is None:
        return every
    ratio = {} if sample.update_ratio is None else {"update_ratio": sample.update_ratio}
    return every | ratio | {name: value for net in sample.nets for name, value in _of_net(net).items()}


def _of_net(net: NetSample) -> dict[str, float]:
    found: dict[str, float] = {}
    for letter, gate in net.gates.items():
        found |= {f"{letter}/mean": float(gate.mean_T.mean()), f"{letter}/saturated": float(gate.saturated_T.mean())}
    if net.norm_T is not None:
        found |= {"gradient/first": float(net.norm_T[0]), "gradient/last": float(net.norm_T[-1])}
    if net.horizon_steps is not None:
        found["horizon_steps"] = net.horizon_steps
    return {f"{path(net.net)}/{name}": value for name, value in found.items() if math.isfinite(value)}


def path(net: NetName) -> str:
    """A net as a path: "rnn/l0/forward"."""
    return "/".join(filter(None, (net.module, f"l{net.layer}", net.direction)))
