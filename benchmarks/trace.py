"""Every gate of a text, against the plain fused forward pass of torch.nn on the same text: time of ours / torch's."""

from __future__ import annotations

import torch
from _alternate import compare
from torch import nn

from explorer import CharModel, ModelConfig, Vocabulary, load_corpus, trace_gates

TEXT = load_corpus("lighthouse")
VOCABULARY = Vocabulary.from_text(TEXT)

torch.set_num_threads(1)
print("every gate, state and score of a text at 256 units; ratio to torch.nn's forward pass alone")
for cell, module in (("gru", nn.GRU), ("lstm", nn.LSTM), ("rnn", nn.RNN)):
    for steps in (200, 2_000, 16_000):
        model = CharModel(ModelConfig(cell), VOCABULARY, seed=0)
        plain = module(len(VOCABULARY), 256)
        plain.load_state_dict(model.rnn.state_dict())
        text = TEXT[:steps]
        one_hot = nn.functional.one_hot(VOCABULARY.encode(text), len(VOCABULARY)).float().unsqueeze(1)

        def forward(plain=plain, one_hot=one_hot):
            with torch.no_grad():
                plain(one_hot)

        compare(
            f"{cell}, {steps:,} characters", lambda model=model, text=text: trace_gates(model, text), forward, rounds=7
        )
