"""The flow of every character's loss to every earlier step: one sweep, against torch.autograd.grad once for every loss.

Ratios are autograd's time / ours, so higher is faster. The times and the memory of long texts stand under them.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys

import torch
from _alternate import seconds
from torch.nn import functional as F

from explorer import CharModel, ModelConfig, Vocabulary, gradient_flow, load_corpus
from explorer.models import NetKey

TEXT = load_corpus("lighthouse")
VOCABULARY = Vocabulary.from_text(TEXT)
STEPS, HIDDEN, ROUNDS = 200, 256, 3


def autograd_rows(model: CharModel, text: str):
    """The same matrix by T backward passes through a graph of single steps, as one would write it."""
    ids, config, weights = VOCABULARY.encode(text), model.config, model.rnn.weights(NetKey(0, "forward"))
    state = tuple(torch.zeros(1, config.hidden_size) for _ in range(config.parts))
    states = []
    for t in range(len(ids)):
        state = config.kind.state_of(config.kind.step(ids[t : t + 1], state, weights, config.variant))
        states.append(state)
    norms = torch.full((len(ids), len(ids)), torch.nan)
    for t in range(len(ids) - 1):
        loss = F.cross_entropy(model.out(states[t][0]), ids[t + 1 : t + 2])
        reached = [part for state in states[: t + 1] for part in state]
        gradients = torch.autograd.grad(loss, reached, retain_graph=True)
        norms[t, : t + 1] = torch.cat(gradients).view(t + 1, -1).norm(dim=1)
    return norms


threads = min(2, os.cpu_count() or 1)
torch.set_num_threads(threads)
print(
    f"gradient flow, {STEPS} characters at {HIDDEN} units, {threads} threads: autograd's time / ours (higher is faster)"
)
for fields in (dict(), dict(reset="before"), dict(cell="lstm"), dict(cell="rnn")):
    model = CharModel(ModelConfig(hidden_size=HIDDEN, **fields), VOCABULARY, seed=0)
    text = TEXT[:STEPS]
    theirs, ours = autograd_rows(model, text), torch.from_numpy(gradient_flow(model, text).norms_TT.copy())
    worst = float(((ours - theirs).abs() / theirs).nanmedian())
    pairs = [
        (seconds(lambda m=model, t=text: autograd_rows(m, t)), seconds(lambda m=model, t=text: gradient_flow(m, t)))
        for _ in range(ROUNDS)
    ]
    mine, other = statistics.median(b for _, b in pairs), statistics.median(a for a, _ in pairs)
    print(f"  {' '.join(fields.values()) or 'gru':10s} {other / mine:6.1f}  ({1e3 * other:.0f} ms against {1e3 * mine:.0f} ms;"
          f" median difference {worst:.0e})", flush=True)  # fmt: skip
for steps, hidden in ((500, 256), (2_000, 128)):
    model = CharModel(ModelConfig(hidden_size=hidden), VOCABULARY, seed=0)
    best = min(seconds(lambda m=model, n=steps: gradient_flow(m, TEXT[:n])) for _ in range(ROUNDS))
    # Kilobytes on Linux, bytes on macOS.
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(
        f"  gru, {steps:,} characters at {hidden} units: {best:.2f} s; peak of this process so far {peak_mb:.0f} MB",
        flush=True,
    )
