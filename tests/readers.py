"""Character models as people write them in torch, and whether an imported one agrees with them."""

import torch
from torch import nn

SYMBOLS = "abcdefghij \n"
KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Reader(nn.Module):
    """A character model as people write it."""

    def __init__(self, kind, names=("embedding", "rnn", "fc"), embedding=5, hidden=7, bias=True, **options):
        super().__init__()
        self.names, self.one_hot = names, embedding is None
        if embedding:
            setattr(self, names[0], nn.Embedding(len(SYMBOLS), embedding))
        setattr(self, names[1], KINDS[kind](embedding or len(SYMBOLS), hidden, bias=bias, **options))
        ways = 2 if options.get("bidirectional") else 1
        setattr(self, names[2], nn.Linear(ways * hidden, len(SYMBOLS), bias=bias))

    def forward(self, ids_TB):
        below, rnn, head = (getattr(self, name, None) for name in self.names)
        x = nn.functional.one_hot(ids_TB, len(SYMBOLS)).to(head.weight.dtype) if self.one_hot else below(ids_TB)
        return head(rnn(x)[0])


def logits_of(imported, text):
    """Of the file's own symbols: ours, less the unknown one."""
    model = imported.model
    return model(model.vocabulary.encode(text).unsqueeze(1))[0][:, 0, 1:]


def agrees(imported, module, text="a bad dad\nfed a jig"):
    ids_T = torch.tensor([SYMBOLS.index(c) for c in text])
    expected = module(ids_T.unsqueeze(1))[:, 0]
    limit = 1e-12 if expected.dtype == torch.float64 else 2e-6
    torch.testing.assert_close(logits_of(imported, text), expected, rtol=0, atol=limit)
