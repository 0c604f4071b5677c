"""How many verdicts on strangers' loops are right: loops whose condition is known, and healthy ones, over several seeds."""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from attaching import rigs

SGD = torch.optim.SGD
CASES: dict[str, dict[str, Callable]] = {
    "vanishing": {
        "recall after 60 steps, rnn": rigs.recall,
        "recall after 60 steps, gru": lambda seed: rigs.recall(nn.GRU, seed=seed),
        "recall after 60 steps, lstm": lambda seed: rigs.recall(nn.LSTM, seed=seed),
        "recall after 40 steps, rnn, sgd": lambda seed: rigs.recall(length=40, optimizer=SGD, lr=0.1, seed=seed),
        "recall after 60 steps, rnn, loss unseen": lambda seed: rigs.recall(told=False, seed=seed),
    },
    "exploding": {"relu, 1.5 times the identity": rigs.exploding},
    "bad-data": {"a NaN in the data": rigs.not_a_number},
    "never-detached": {"gru": rigs.never_detached},
    "rate-too-large": {
        "adam, 3": lambda seed: rigs.sine(lr=3.0, seed=seed),
        "sgd, 1000": lambda seed: rigs.sine(nn.RNN, lr=1e3, optimizer=SGD, seed=seed),
    },
    "rate-too-small": {
        "adam, 1e-7": lambda seed: rigs.sine(lr=1e-7, seed=seed),
        "sgd, 1e-6, characters": lambda seed: rigs.reading(lr=1e-6, seed=seed),
    },
    "clip-bound": {
        "sgd, clipped at 1e-5": lambda seed: rigs.sine(optimizer=SGD, lr=0.3, clip=1e-5, seed=seed),
        "characters, clipped at 1e-5": lambda seed: rigs.reading(clip=1e-5, seed=seed),
    },
    "clip-idle": {
        "sine, clipped at 50": lambda seed: rigs.sine(clip=50.0, seed=seed),
        "characters, clipped at 100": lambda seed: rigs.reading(clip=100.0, seed=seed),
    },
    "healthy": {
        **{f"sine, {kind.__name__}": lambda seed, kind=kind: rigs.sine(kind, seed=seed) for kind in (nn.RNN, nn.GRU, nn.LSTM)},
        **{f"echo, {kind.__name__}": lambda seed, kind=kind: rigs.echoed(kind, seed=seed) for kind in (nn.RNN, nn.GRU, nn.LSTM)},
        **{
            f"characters, {kind.__name__}": lambda seed, kind=kind: rigs.reading(kind, clip=None, seed=seed)
            for kind in (nn.RNN, nn.GRU, nn.LSTM)
        },
        "characters, clipped at 0.3": lambda seed: rigs.reading(clip=0.3, seed=seed),
        "sine, sgd": lambda seed: rigs.sine(optimizer=SGD, lr=0.2, steps=300, seed=seed),
        "sine, two layers both ways": lambda seed: rigs.sine(num_layers=2, bidirectional=True, seed=seed),
        "recall after 4 steps": lambda seed: rigs.recall(length=4, seed=seed),
    },
}  # fmt: skip

torch.set_num_threads(1)
named = total = alarms = healthy = 0
for condition, rig_of in CASES.items():
    for name, rig in rig_of.items():
        said = collections.Counter(rig(seed=seed).diagnose().rules for seed in range(3))
        right = sum(count for rules, count in said.items() if condition in rules)
        total, named = total + sum(said.values()), named + right
        if condition == "healthy":
            healthy += sum(said.values())
            alarms += sum(count for rules, count in said.items() if rules not in (("healthy",), ("unclear",)))
        told = "; ".join(f"{', '.join(rules)} {count}" for rules, count in said.most_common())
        print(f"{condition:16s} {name:42s} {told}", flush=True)
print(f"{named} of {total} conditions named; {alarms} false alarms on {healthy} healthy loops")
