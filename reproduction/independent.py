"""The book's training loop a second time, from scratch: torch's tensors and autograd, and nothing of explorer.

It is what explorer's training is compared with, so it shares no line with it: gates are separate matrices that stand to
the right of their input, as in the first Chinese edition of Dive into Deep Learning (sections 6.3 to 6.8); one bias a gate;
the cells, the batches, the clipping and the step of SGD are written out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

Weights = dict[str, Tensor]
"""W_x<gate> (V, H), W_h<gate> (H, H), b_<gate> (H) of every gate; each name ends in the number of its net, 0 or 1."""
GATES = {"tanh": ("h",), "sigmoid": ("h",), "gru before": ("z", "r", "n"), "gru after": ("z", "r", "n")}


def ids_of(text: str) -> tuple[Tensor, int]:
    """The numbers of a text's characters, the most frequent first, from 1; and how many numbers there are with 0."""
    number = {c: i for i, (c, _) in enumerate(Counter(text).most_common(), 1)}
    return torch.tensor([number[c] for c in text]), len(number) + 1


def normal_weights(kind: str, nets: int, symbols: int, hidden: int, seed: int) -> Weights:
    """Fresh weights: N(0, 0.01), zero biases."""
    chance = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for net in range(nets):
        for gate in GATES[kind]:
            weights[f"W_x{gate}{net}"] = 0.01 * torch.randn(symbols, hidden, generator=chance)
            weights[f"W_h{gate}{net}"] = 0.01 * torch.randn(hidden, hidden, generator=chance)
            weights[f"b_{gate}{net}"] = torch.zeros(hidden)
    weights["W_q"] = 0.01 * torch.randn(nets * hidden, symbols, generator=chance)
    weights["b_q"] = torch.zeros(symbols)
    return weights


def plain_step(squash: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor], Tensor, Weights, int], Tensor]:
    """A step of the plain cell with this activation."""

    def step(x: dict[str, Tensor], state: Tensor, w: Weights, net: int) -> Tensor:
        return squash(x["h"] + state @ w[f"W_hh{net}"] + w[f"b_h{net}"])

    return step


def gru_before(x: dict[str, Tensor], state: Tensor, w: Weights, net: int) -> Tensor:
    """A step of the GRU as the book's text has it: the reset gate acts on the state before the matrix product."""
    z = torch.sigmoid(x["z"] + state @ w[f"W_hz{net}"] + w[f"b_z{net}"])
    r = torch.sigmoid(x["r"] + state @ w[f"W_hr{net}"] + w[f"b_r{net}"])
    candidate = torch.tanh(x["n"] + (r * state) @ w[f"W_hn{net}"] + w[f"b_n{net}"])
    return z * state + (1 - z) * candidate


def gru_after(x: dict[str, Tensor], state: Tensor, w: Weights, net: int) -> Tensor:
    """A step of the GRU as the PyTorch port's code has it: the reset gate acts on the product, the bias stands outside."""
    z = torch.sigmoid(x["z"] + state @ w[f"W_hz{net}"] + w[f"b_z{net}"])
    r = torch.sigmoid(x["r"] + state @ w[f"W_hr{net}"] + w[f"b_r{net}"])
    candidate = torch.tanh(x["n"] + r * (state @ w[f"W_hn{net}"]) + w[f"b_n{net}"])
    return z * state + (1 - z) * candidate


STEPS = {
    "tanh": plain_step(torch.tanh),
    "sigmoid": plain_step(torch.sigmoid),
    "gru before": gru_before,
    "gru after": gru_after,
}


def consecutive_batches(ids: Tensor, batch_size: int, num_steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The book's consecutive sampling: rows of equal length side by side, read num_steps at a time."""
    length = len(ids) // batch_size
    rows = ids[: batch_size * length].reshape(batch_size, length)
    for piece in range((length - 1) // num_steps):
        first = piece * num_steps
        yield rows[:, first : first + num_steps], rows[:, first + 1 : first + num_steps + 1]


def read(kind: str, rows: Tensor, states: list[Tensor], w: Weights) -> tuple[Tensor, list[Tensor]]:
    """The logits at every step, (rows, steps, symbols), and each net's last state; every net reads forward."""
    every = []
    for net, state in enumerate(states):
        # A one-hot vector times a matrix is a row of the matrix.
        seen = {gate: w[f"W_x{gate}{net}"][rows] for gate in GATES[kind]}
        outputs = []
        for t in range(rows.shape[1]):
            state = STEPS[kind]({gate: x[:, t] for gate, x in seen.items()}, state, w, net)
            outputs.append(state)
        every.append(torch.stack(outputs, 1))
    return torch.cat(every, -1) @ w["W_q"] + w["b_q"], [outputs[:, -1].detach() for outputs in every]


def clip(gradients: list[Tensor], theta: float) -> None:
    """Scale all gradients together to a norm of at most theta."""
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
    if norm > theta:
        for g in gradients:
            g *= theta / norm


def train(
    kind: str, ids: Tensor, weights: Weights, *, learning_rate: float, theta: float, batch_size: int, num_steps: int
) -> Iterator[float]:
    """Train for ever, the weights as they are given; after each epoch comes its perplexity, measured during the epoch.

    Args:
        kind: "tanh", "sigmoid" (plain cells), "gru before" or "gru after".
        ids: the whole text as numbers.
        weights: copied, then trained; how many nets there are follows from them. Their precision is that of the training.
        learning_rate: of SGD.
        theta: the norm to which all gradients together are clipped.
        batch_size: rows.
        num_steps: characters of a row in a batch.

    """
    w = {name: tensor.detach().clone().requires_grad_() for name, tensor in weights.items()}
    hidden, nets = w["b_" + GATES[kind][0] + "0"].shape[0], len([n for n in w if n.startswith("b_" + GATES[kind][0])])
    while True:
        states = [torch.zeros(batch_size, hidden, dtype=w["b_q"].dtype) for _ in range(nets)]
        loss_sum, characters = 0.0, 0
        for rows, wanted in consecutive_batches(ids, batch_size, num_steps):
            logits, states = read(kind, rows, states, w)
            right = logits.gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
            loss = (logits.logsumexp(-1) - right).mean()
            gradients = list(torch.autograd.grad(loss, list(w.values())))
            clip(gradients, theta)
            with torch.no_grad():
                for parameter, gradient in zip(w.values(), gradients, strict=True):
                    parameter -= learning_rate * gradient
            loss_sum += float(loss.detach()) * wanted.numel()
            characters += wanted.numel()
        yield math.exp(loss_sum / characters)
