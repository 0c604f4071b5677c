"""What the hand-written scans share. A scan runs a cell over time with a hand-written derivative: fast, and exact to autograd.

Every scan has the same two halves. Forward: the loop over time writes gates and states into one buffer
each. Backward: the local factors of the cell (what one unit of gradient at h_t does to each gate) are computed
for all steps at once, then one sweep from the last step to the first carries the gradient dh through them.
What is left in the sweep is one or two matrix products and two elementwise operations a step; the gradients of the
weights are one large product after it. docs/derivations.md has the algebra, tests/cells/test_scan.py the oracles.

Every input gate comes in already projected (base.input_projection), so that one-hot inputs are looked up
and autograd handles the input weights.
"""

from __future__ import annotations

import torch
from torch import Tensor


def states_after(first_BH: Tensor, steps: int) -> Tensor:
    """A buffer for steps + 1 states with the first one filled in; [:-1] are the states before each step."""
    states = first_BH.new_empty(steps + 1, *first_BH.shape)
    states[0] = first_BH
    return states


def gradients_after(dout_TBH: Tensor) -> Tensor:
    """A buffer for the gradients at steps + 1 states, row t at the state before step t; zero, and what comes from outside."""
    return torch.cat([torch.zeros_like(dout_TBH[:1]), dout_TBH])


def weight_gradients(dgates_TBG: Tensor, inputs_TBH: Tensor) -> tuple[Tensor, Tensor]:
    """DU = sum over t, b of dgates x input, and the bias gradient: one large product instead of T small ones."""
    dgates_NG = dgates_TBG.flatten(0, 1)
    return dgates_NG.T @ inputs_TBH.flatten(0, 1), dgates_NG.sum(0)
