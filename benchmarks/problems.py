"""Accuracy against length, each problem by each cell from three seeds: the table of docs/problems.md.

`PYTHONPATH=. .venv/bin/python benchmarks/problems.py [seconds]`: each training ends where it is solved, or after so many seconds.
"""

from __future__ import annotations

import sys
from statistics import median

import torch

from explorer.problems import PROBLEMS, Learned, Learning, Problem, accuracy, problem_model

CELLS, SEEDS, LENGTH, BEYOND, COUNT = ("rnn", "gru", "lstm", "mingru"), (0, 1, 2), 60, (15, 30, 60, 120, 240), 500
SECONDS = 10.0


def trained(problem: Problem, cell: str, seed: int, most_s: float) -> tuple[Learned, list[float]]:
    """The last record of a training, and the accuracies at all lengths afterwards."""
    model = problem_model(problem, cell, length=LENGTH, seed=seed)
    for record in Learning(model, problem, LENGTH, seed, most_steps=10**6):
        if record.elapsed_s >= most_s:
            break
    unseen = torch.Generator().manual_seed(1_000_000 + seed)
    return record, [accuracy(model, problem, length, COUNT, unseen) for length in BEYOND]


def main(most_s: float) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    heads = ["problem", "cell", "chance", "solved", "seconds", *(f"at {length}" for length in BEYOND)]
    print(*["", *heads, ""], sep=" | ")
    print("|---" * len(heads) + "|")
    for problem in PROBLEMS.values():
        for cell in CELLS:
            records, accuracies = zip(*(trained(problem, cell, seed, most_s) for seed in SEEDS), strict=True)
            solved, seconds = sum(one.solved for one in records), median(one.elapsed_s for one in records)
            shares = [" ".join(f"{share:.2f}" for share in shares) for shares in zip(*accuracies, strict=True)]
            line = [problem.key, cell, f"{problem.chance:.2f}", f"{solved} of {len(SEEDS)}", f"{seconds:.1f}", *shares]
            print(*["", *line, ""], sep=" | ", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
