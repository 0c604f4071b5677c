"""A loop of one's own with GateProbe attached, against the same loop without it: time of ours / time of the bare loop.

The d2l configuration: batches of 32 x 35, 256 units, 28 symbols, SGD with clipping. The aim: at most 1.05 at every=20, 1.60 at
every=1.
"""

from __future__ import annotations

import torch
from _alternate import compare
from torch import nn
from torch.nn import functional as F

from explorer import GateProbe

SYMBOLS, HIDDEN, BATCH, STEPS_T, STEPS = 28, 256, 32, 35, 20
MODULES = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


def loop(kind: str, every: int | None):
    """Twenty steps of the textbook's loop; probed anew each time, so that memory does not grow."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"rnn": MODULES[kind](SYMBOLS, HIDDEN), "head": nn.Linear(HIDDEN, SYMBOLS)})
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    ids = torch.randint(SYMBOLS, (STEPS, STEPS_T + 1, BATCH))
    x_STBV = F.one_hot(ids[:, :-1], SYMBOLS).float()

    def steps(clip):
        state = None
        for x_TBV, y_TB in zip(x_STBV, ids[:, 1:], strict=True):
            h_TBH, state = net["rnn"](x_TBV, state)
            state = tuple(part.detach() for part in state) if kind == "lstm" else state.detach()
            F.cross_entropy(net["head"](h_TBH).flatten(0, 1), y_TB.flatten()).backward()
            clip(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    def probed():
        with GateProbe(net, every=every or 1) as probe:
            steps(probe.clip_grad_norm_)

    return probed if every else lambda: steps(nn.utils.clip_grad_norm_)


torch.set_num_threads(1)
print("a loop with the probe attached; ratio to the same loop without it")
for kind in MODULES:
    for every in (20, 1):
        compare(f"{kind}, every={every}", loop(kind, every), loop(kind, None), rounds=7)
