"""A call of a layer, taken apart: each net along its own time axis, with the states it went through.

A fused kernel gives the states of its top layer alone. Those of the layers under it are had by calling the same kernel
again, layer by layer, with the masks of dropout drawn again from the state the generator had. How far the top layer then is
from what the kernel gave is the proof (`Strands.residual`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from explorer.attaching.calls import Call, data_of
from explorer.attaching.layers import Layer, NetName
from explorer.cells import CellWeights, State, input_projection
from explorer.cells.base import previous


@dataclass(frozen=True)
class Rows:
    """How the rows of a batch lie in time: all of one length, or packed, longest first.

    Attributes:
        lengths_B: steps of each row that is looked at.
        batch_sizes: of a packed sequence, as torch has them; None where all rows are of one length.
        order: which row of the caller's batch each row is; None where the order is the caller's.
        chosen: the rows that are looked at, the first (and longest) among them; None for all.

    """

    lengths_B: Tensor
    batch_sizes: Tensor | None = None
    order: Tensor | None = None
    chosen: Tensor | None = None

    def fewer(self, most: int | None) -> Rows:
        """At most so many of the rows, evenly spaced."""
        batch = len(self.lengths_B)
        if most is None or batch <= most:
            return self
        chosen = torch.arange(most, device=self.lengths_B.device) * batch // most
        return replace(self, lengths_B=self.lengths_B[chosen], chosen=chosen)

    @property
    def steps(self) -> int:
        """T, of the longest row."""
        return int(self.lengths_B.max())

    @property
    def there_TB(self) -> Tensor | None:
        """Where a row has a step; None where all have all."""
        if self.batch_sizes is None:
            return None
        return torch.arange(self.steps, device=self.lengths_B.device).unsqueeze(1) < self.lengths_B

    def padded(self, data: Tensor) -> Tensor:
        """Numbers of every step of the rows that are looked at, as _TB*, zero where a row has ended."""
        if self.batch_sizes is not None:
            data = pad_packed_sequence(PackedSequence(data, self.batch_sizes))[0]
        return self.of_batch(data)

    def of_batch(self, part_LBH: Tensor) -> Tensor:
        """The rows that are looked at."""
        return part_LBH if self.chosen is None else part_LBH.index_select(1, self.chosen)

    def turned(self, x_TBE: Tensor) -> Tensor:
        """Each row from its end to its beginning; twice is once."""
        if self.batch_sizes is None:
            return x_TBE.flip(0)
        times_T1 = torch.arange(len(x_TBE), device=x_TBE.device).unsqueeze(1)
        from_TB = torch.where(times_T1 < self.lengths_B, self.lengths_B - 1 - times_T1, times_T1)
        return x_TBE.gather(0, from_TB.unsqueeze(2).expand_as(x_TBE))

    def sorted(self, part_LBH: Tensor) -> Tensor:
        """Something of the caller's batch in the order of the rows."""
        return part_LBH if self.order is None else part_LBH.index_select(1, self.order)


@dataclass(frozen=True)
class Strand:
    """One net along one call, in the order in which it reads.

    Attributes:
        net: which.
        layer: of the model.
        weights: the net's, in the precision it is looked at.
        x_TBE: what it read.
        h_TBH: the states it went through.
        before: the state before each step, each part _TBH, where all of it is known; else h alone.
        first: the state before the first step, each part _BH.

    """

    net: NetName
    layer: Layer
    weights: CellWeights
    x_TBE: Tensor
    h_TBH: Tensor
    before: State
    first: State

    def recovered(self) -> tuple[Tensor, State, Any]:
        """W x + b of every step, the whole state before it, and every part of it by the displayed equation."""
        cell, projected_TBG = self.layer.cell, input_projection(self.x_TBE, self.weights)
        if len(self.before) == len(cell.state):
            return projected_TBG, self.before, cell.update(projected_TBG, self.before, self.weights, self.layer.variant)
        step, _ = cell.recover(projected_TBG, self.before[0], self.first[1:], self.weights, self.layer.variant)
        others = (previous(part, first) for part, first in zip(cell.state_of(step)[1:], self.first[1:], strict=True))
        return projected_TBG, (*self.before, *others), step


@dataclass(frozen=True)
class Strands:
    """All nets along one call.

    Attributes:
        rows: how the batch lies in time.
        nets: layer by layer, forward before backward.
        masks: what the output of each layer was multiplied with on its way up, or None; the top layer has none.
        residual: max |states of the top layer when called layer by layer - states the kernel gave|; 0 for one layer.
        chained: whether each step began in the state the step before it ended in.

    """

    rows: Rows
    nets: tuple[Strand, ...]
    masks: tuple[Tensor | None, ...]
    residual: float
    chained: bool = True


def strands_of(calls: Sequence[Call], most_rows: int | None = None) -> Strands:
    """The nets of one call of a layer, or of the calls of a cell, one for each step.

    Args:
        calls: of one layer.
        most_rows: of the batch that are looked at; None for all.

    """
    return _of_cell(calls, most_rows) if calls[0].layer.kernel is None else _of_kernel(calls[0], most_rows)


def looked_at(dtype: torch.dtype) -> torch.dtype:
    """The precision in which a net of this precision is looked at: its own, but no less than float32."""
    return torch.promote_types(dtype, torch.float32)


# ---- a loop over a cell ------------------------------------------------------------------------------------------------


def _of_cell(calls: Sequence[Call], most_rows: int | None) -> Strands:
    layer, dtype = calls[0].layer, looked_at(calls[0].last[0].dtype)
    x_TBE, h_TBH = (torch.stack([batched(x).to(dtype) for x in column]) for column in zip(
        *((data_of(call.x), call.last[0]) for call in calls), strict=True))  # fmt: skip
    given = [_state_given(call, dtype) for call in calls]
    before = tuple(torch.stack(parts) for parts in zip(*given, strict=True))
    after = [tuple(batched(part).to(dtype) for part in call.last) for call in calls]
    chained = all(
        torch.equal(part, known)
        for step, last in zip(given[1:], after, strict=False)
        for part, known in zip(step, last, strict=True)
    )
    net = layer.nets[0]
    rows = Rows(torch.full((h_TBH.shape[1],), len(h_TBH), device=h_TBH.device)).fewer(most_rows)
    before = tuple(map(rows.of_batch, before))
    first = tuple(part_TBH[0] for part_TBH in before)
    weights = layer.weights(net.key, dtype)
    strand = Strand(net, layer, weights, rows.of_batch(x_TBE), rows.of_batch(h_TBH), before, first)
    return Strands(rows, (strand,), (None,), 0.0, chained)


def batched(x: Tensor) -> Tensor:
    """What a cell read or gave, as _BE: it may do without a batch."""
    return x if x.dim() == 2 else x.unsqueeze(0)


def _state_given(call: Call, dtype: torch.dtype) -> State:
    if call.first is None:
        return tuple(torch.zeros_like(batched(part), dtype=dtype) for part in call.last)
    return tuple(batched(part).to(dtype) for part in call.first)


_NO_MASK: list[Tensor | None] = [None]


# ---- a fused kernel ----------------------------------------------------------------------------------------------------


def _of_kernel(call: Call, most_rows: int | None) -> Strands:
    layer, (rows, x, output) = call.layer, laid_out(call)
    first = first_state(call, rows)
    outputs, masks = _layer_by_layer(call, rows, x, first) if layer.depth > 1 else ([output], _NO_MASK)
    residual = float((outputs[-1].float() - output.float()).abs().max())
    outputs[-1] = output
    rows = rows.fewer(most_rows)
    first = tuple(map(rows.of_batch, first))
    read = [x, *(_masked(out, mask) for out, mask in zip(outputs, masks, strict=True))]
    width, nets = len(layer.directions), []
    for place, net in enumerate(layer.nets):
        h = outputs[net.layer].chunk(width, -1)[place % width]
        nets.append(_strand(layer, net, rows, read[net.layer], h, tuple(part[place] for part in first)))
    return Strands(rows, tuple(nets), tuple(masks), residual)


def _strand(layer: Layer, net: NetName, rows: Rows, x: Tensor, h: Tensor, first: State) -> Strand:
    dtype = looked_at(h.dtype)
    x_TBE, h_TBH = rows.padded(x).to(dtype), rows.padded(h).to(dtype)
    if net.direction == "backward":
        x_TBE, h_TBH = rows.turned(x_TBE), rows.turned(h_TBH)
    first = tuple(part.to(dtype) for part in first)
    before = (previous(h_TBH, first[0]),)
    return Strand(net, layer, layer.weights(net.key, dtype), x_TBE, h_TBH, before, first)


def laid_out(call: Call) -> tuple[Rows, Tensor, Tensor]:
    """How the batch lies, what was read and what was given: time first, or packed."""
    x, output = call.x, call.output
    if isinstance(x, PackedSequence):
        lengths_B = (x.batch_sizes.unsqueeze(1) > torch.arange(int(x.batch_sizes[0]))).sum(0)
        return Rows(lengths_B.to(x.data.device), x.batch_sizes, x.sorted_indices), x.data, data_of(output)
    x_TBE, h_TBH = (time_first(call, data_of(numbers)) for numbers in (x, output))
    lengths_B = torch.full((x_TBE.shape[1],), len(x_TBE), device=x_TBE.device)
    return Rows(lengths_B), x_TBE, h_TBH


def time_first(call: Call, numbers: Tensor) -> Tensor:
    """What was read or given, as _TBE."""
    if numbers.dim() == 2:
        return numbers.unsqueeze(1)
    return numbers.transpose(0, 1) if call.layer.module.batch_first else numbers


def state_rows(rows: Rows, part: Tensor) -> Tensor:
    """A part of a state as the caller has it, one for each net, _BH in the order of the rows."""
    return rows.sorted(part if part.dim() == 3 else part.unsqueeze(1))


def first_state(call: Call, rows: Rows) -> State:
    """The state the nets began in, each part (nets, B, H)."""
    if call.first is None:
        return tuple(torch.zeros_like(state_rows(rows, part)) for part in call.last)
    return tuple(state_rows(rows, part) for part in call.first)


def _layer_by_layer(call: Call, rows: Rows, x: Tensor, first: State) -> tuple[list[Tensor], list[Tensor | None]]:
    """The output of each layer, and what it was multiplied with on its way up."""
    outputs: list[Tensor] = []
    masks: list[Tensor | None] = []
    with call.precision.again(), _generator_as_it_was(call):
        for layer in range(call.layer.depth):
            outputs.append(_one_layer(call.layer, layer, rows, x, first))
            dropout = call.layer.dropout if call.training and layer + 1 < call.layer.depth else 0.0
            masks.append(F.dropout(torch.ones_like(outputs[-1]), dropout) if dropout else None)
            x = _masked(outputs[-1], masks[-1])
    return outputs, masks


def _masked(h: Tensor, mask: Tensor | None) -> Tensor:
    return h if mask is None else h * mask


@contextmanager
def _generator_as_it_was(call: Call) -> Any:
    """Torch's generator in the state it had before the call, and left as it is now; that of another device too."""
    if call.generator is None:
        yield
        return
    device = call.last[0].device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.set_rng_state(call.generator)
        yield


def _one_layer(layer: Layer, number: int, rows: Rows, x: Tensor, first: State) -> Tensor:
    """The kernel on one layer of the module."""
    width = len(layer.directions)
    nets = [net for net in layer.nets if net.layer == number]
    parameters = [tensor for net in nets for tensor in layer.tensors(net.key)]
    parts = [part[number * width : (number + 1) * width].contiguous() for part in first]
    state = parts if len(parts) > 1 else parts[0]
    biased, kernel = bool(layer.module.bias), layer.kernel
    if kernel is None:
        raise TypeError(layer.name)
    if rows.batch_sizes is None:
        return kernel(x, state, parameters, biased, 1, 0.0, False, width == 2, False)[0]
    return kernel(x, rows.batch_sizes, state, parameters, biased, 1, 0.0, False, width == 2)[0]
