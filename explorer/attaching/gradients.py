"""dL/dh_t of the loss that was really backpropagated, at every step of every net of a call.

What arrives at a step from above, the *local* gradient, is what autograd brought to the layer's own output there. The rest
of dL/dh_t comes from the later steps and stays inside the fused kernel. It is computed by one sweep back through time over the
recovered steps, with the derivative of the cell by hand (`Cell.around`): dL/dh_t = local_t + J_{t+1}' dL/ds_{t+1}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from explorer.attaching.calls import Call
from explorer.attaching.strands import Rows, Strand, Strands, batched, state_rows, time_first
from explorer.cells import State
from explorer.cells.base import LinearNet

FLOW_ROWS = 4  # rows of a batch whose last loss is followed back by itself


@dataclass(frozen=True)
class Arrived:
    """The gradient at every step of one net, in the order in which it reads.

    Attributes:
        local_TBS: what arrived from above; None where only the sum is known.
        ds_TBS: dL/dh_t, and for an LSTM beside it what reaches c_t by the later steps.
        lone: (norm_TR of the whole state, step_R it set out from): the last local gradient of some rows, followed back alone.

    """

    local_TBS: Tensor | None
    ds_TBS: Tensor
    lone: tuple[Tensor, Tensor] | None


def swept(linear: LinearNet, local_TBS: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient at every state: as it arrived, and completed by what reaches c through h at the same step."""
    steps, batch, _ = local_TBS.shape
    arrived_TBS, completed_TBS = local_TBS.clone(), torch.empty_like(local_TBS)
    for t in reversed(range(steps)):
        rows = slice(t * batch, (t + 1) * batch)
        completed_TBS[t] = arrived_TBS[t]
        linear.complete(completed_TBS[t], rows)
        if t:
            arrived_TBS[t - 1] += linear.carried(completed_TBS[t], rows)
    return arrived_TBS, completed_TBS


def last_alone(local_TBS: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Of every row the last local gradient alone, the step it is at, and whether it had no other anyway."""
    any_TB = (local_TBS != 0).any(2)
    step_B = len(local_TBS) - 1 - any_TB.flip(0).int().argmax(0)
    alone_TBS = torch.zeros_like(local_TBS)
    rows_B = torch.arange(local_TBS.shape[1], device=local_TBS.device)
    alone_TBS[step_B, rows_B] = local_TBS[step_B, rows_B]
    return alone_TBS, step_B, bool((any_TB.sum(0) <= 1).all())


def arrived(strand: Strand, recovered: tuple[Tensor, State, Any], local_TBS: Tensor) -> Arrived:
    """One sweep for the gradient of the loss, and beside it the last local gradient of a few rows alone."""
    alone_TRS, step_R, same = last_alone(local_TBS[:, :FLOW_ROWS])
    few = alone_TRS.shape[1]
    widened = _linear(strand, recovered, 0 if same else few)
    arrived_TBS, completed_TBS = swept(widened, local_TBS if same else torch.cat([local_TBS, alone_TRS], 1))
    batch = local_TBS.shape[1]
    lone_TRS = completed_TBS[:, :few] if same else completed_TBS[:, batch:]
    return Arrived(local_TBS, arrived_TBS[:, :batch], (torch.linalg.vector_norm(lone_TRS, dim=2), step_R))


def _linear(strand: Strand, recovered: tuple[Tensor, State, Any], again: int) -> LinearNet:
    """The cell around every step of every row, the first `again` rows twice."""
    projected_TBG, before, step = recovered

    def flat(part_TBH: Tensor) -> Tensor:
        part_TBH = torch.cat([part_TBH, part_TBH[:, :again]], 1) if again else part_TBH
        return part_TBH.flatten(0, 1)

    steps = type(step)(*map(flat, step))
    return strand.layer.cell.around(
        flat(projected_TBG), tuple(map(flat, before)), steps, strand.weights, strand.layer.variant
    )


# ---- from layer to layer -----------------------------------------------------------------------------------------------


def gradients_of(
    calls: Sequence[Call], strands: Strands, recovered: Sequence[tuple[Tensor, State, Any]]
) -> Mapping[int, Arrived]:
    """The gradient of every net of a call, by its place in strands.nets; empty where none came back."""
    if not any(call.gradients for call in calls):
        return {}
    if calls[0].layer.kernel is None:
        return {0: _of_cell(calls, strands, recovered[0])}
    return _of_kernel(calls[0], strands, recovered)


def _of_cell(calls: Sequence[Call], strands: Strands, recovered: tuple[Tensor, State, Any]) -> Arrived:
    """A loop over a cell shows autograd every state: what arrives there is all of dL/dh_t already."""
    strand = strands.nets[0]
    came = [call.gradients.get(1, torch.zeros_like(call.last[0])) for call in calls]
    dh_TBH = strands.rows.of_batch(torch.stack(list(map(batched, came)))).to(strand.h_TBH)
    if not strands.chained:
        return Arrived(None, dh_TBH, None)
    others = [torch.zeros_like(dh_TBH)] * (len(strand.before) - 1)
    alone_TRS, step_R, _ = last_alone(torch.cat([dh_TBH, *others], 2)[:, :FLOW_ROWS])
    few = alone_TRS.shape[1]
    first_rows = tuple(part[:, :few] for part in recovered[1])
    projected, step = recovered[0][:, :few], type(recovered[2])(*(part[:, :few] for part in recovered[2]))
    _, completed = swept(_linear(strand, (projected, first_rows, step), 0), alone_TRS)
    return Arrived(None, dh_TBH, (torch.linalg.vector_norm(completed, dim=2), step_R))


def _of_kernel(call: Call, strands: Strands, recovered: Sequence[tuple[Tensor, State, Any]]) -> Mapping[int, Arrived]:
    """From the top layer down; what a layer read is what the one under it gave."""
    rows, width = strands.rows, len(call.layer.directions)
    found: dict[int, Arrived] = {}
    above = _at_output(call, rows, strands.nets[-1].h_TBH)
    for layer in reversed(range(call.layer.depth)):
        below: list[Tensor] = []
        for place in range(layer * width, (layer + 1) * width):
            strand = strands.nets[place]
            local_TBH = above.chunk(width, 2)[place % width]
            if strand.net.direction == "backward":
                local_TBH = rows.turned(local_TBH)
            found[place] = arrived(strand, recovered[place], _with_last(call, rows, place, local_TBH))
            if layer:
                dx_TBE = at_inputs(strand, recovered[place], found[place].ds_TBS)
                below.append(rows.turned(dx_TBE) if strand.net.direction == "backward" else dx_TBE)
        if layer:
            mask = strands.masks[layer - 1]
            above = reduce(torch.add, below) * (1 if mask is None else rows.padded(mask).to(below[0]))
    return found


def _at_output(call: Call, rows: Rows, like_TBH: Tensor) -> Tensor:
    """What came back to the output of the top layer, _TBH of all its directions."""
    width = like_TBH.shape[2] * len(call.layer.directions)
    if 0 not in call.gradients:
        return like_TBH.new_zeros(*like_TBH.shape[:2], width)
    came = call.gradients[0]
    return rows.padded(came if rows.batch_sizes is not None else time_first(call, came)).to(like_TBH)


def _with_last(call: Call, rows: Rows, place: int, local_TBH: Tensor) -> Tensor:
    """The local gradient of the whole state: what came back to the state after the last step is added there."""
    parts = len(call.last)
    local_TBS = torch.cat([local_TBH, *[torch.zeros_like(local_TBH)] * (parts - 1)], 2)
    row_B = torch.arange(local_TBS.shape[1], device=local_TBS.device)
    for part in range(parts):
        if part + 1 in call.gradients:
            came_BH = rows.of_batch(state_rows(rows, call.gradients[part + 1]))[place].to(local_TBS)
            hidden = slice(part * came_BH.shape[1], (part + 1) * came_BH.shape[1])
            local_TBS[rows.lengths_B - 1, row_B, hidden] += came_BH
    return local_TBS


def at_inputs(strand: Strand, recovered: tuple[Tensor, State, Any], ds_TBS: Tensor) -> Tensor:
    """The gradient at what each step read, by autograd of the equation, all steps at once."""
    cell, (projected_TBG, before, _) = strand.layer.cell, recovered
    with torch.enable_grad():
        leaf_TBG = projected_TBG.detach().requires_grad_()
        step = cell.update(leaf_TBG, before, strand.weights, strand.layer.variant)
        (dgates_TBG,) = torch.autograd.grad(torch.cat(cell.state_of(step), 2), leaf_TBG, ds_TBS)
    return dgates_TBG @ strand.weights.w_ih_GE
