"""The probe against cells of torch that are unrolled by hand, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from attaching.loops import Net, cell_like, norms, unrolled
from explorer.attaching import GateProbe

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_time_step_are_autograds(kind):
    torch.manual_seed(0)
    net = Net(KINDS[kind](3, 5).double())
    x_TBE, y_TBO = torch.randn(9, 4, 3).double(), torch.randn(9, 4, 2).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    states, _ = unrolled(cell_like(net.rnn), x_TBE)
    (net.head(torch.stack(states)) - y_TBO).square().mean().backward()
    expected = norms(states)
    optimizer.zero_grad()
    with GateProbe(net) as probe:
        loss = (net(x_TBE) - y_TBO).square().mean()
        loss.backward()
        optimizer.step()
    (sample,) = probe.samples[0].nets
    np.testing.assert_allclose(sample.norm_T, expected, rtol=1e-10)
    assert sample.residual < 1e-12
