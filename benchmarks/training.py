"""Training with every measurement on, against a bare torch.nn loop that only clips: time of ours / time of torch's.

The d2l v2 recipe: 28 symbols, 256 units, batches of 32 x 35, SGD. Under 1 is faster than torch.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from _alternate import compare
from torch import nn
from torch.nn import functional as F

from explorer import RECIPES, CharModel, ModelConfig, Vocabulary, train

TEXT = "".join(chr(97 + (i * i * 7 + i // 3) % 27) for i in range(10_000))
VOCABULARY = Vocabulary.from_text(TEXT)
STEPS = 8
MODULES = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


def bare_loop(cell: str, hidden: int):
    """One epoch of the textbook's loop: one-hot, torch.nn, clip_grad_norm_, SGD."""
    net, out = MODULES[cell](len(VOCABULARY), hidden), nn.Linear(hidden, len(VOCABULARY))
    parameters = [*net.parameters(), *out.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    rows_BN = VOCABULARY.encode(TEXT)[:9984].view(32, 312).T

    def epoch():
        state = None
        for i in range(STEPS):
            x_TB, y_TB = rows_BN[i * 35 : i * 35 + 35], rows_BN[i * 35 + 1 : i * 35 + 36]
            h_TBH, state = net(F.one_hot(x_TB, len(VOCABULARY)).float(), state)
            state = tuple(s.detach() for s in state) if cell == "lstm" else state.detach()
            loss = F.cross_entropy(out(h_TBH).flatten(0, 1), y_TB.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


def our_loop(**config):
    steps = train(CharModel(ModelConfig(**config), VOCABULARY, seed=0), TEXT, replace(RECIPES["d2l-v2"], epochs=5000))
    return lambda: list(itertools.islice(steps, STEPS))


print("training, every measurement on; ratio to a bare torch.nn loop (lower is faster)")
for threads in (1, 2):
    torch.set_num_threads(threads)
    for cell, config in (
        ("gru", dict(cell="gru", reset="after")),
        ("gru", dict(cell="gru", reset="before")),
        ("lstm", dict(cell="lstm")),
        ("rnn", dict(cell="rnn")),
    ):
        name = " ".join(config.values())
        compare(
            f"{name}, {threads} thread{'s' * (threads > 1)} / torch.nn.{cell.upper()}",
            our_loop(**config),
            bare_loop(cell, 256),
        )
