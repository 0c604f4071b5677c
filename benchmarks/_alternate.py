"""Time two things in turn, A B A B ..., and print the ratio of each pair: what drifts in the machine drifts for both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(title: str, ours: Callable[[], object], other: Callable[[], object], rounds: int = 9) -> float:
    """Median of ours / other over the rounds, after one uncounted round; printed with its spread."""
    ours(), other()
    pairs = [(seconds(ours), seconds(other)) for _ in range(rounds)]
    ratios = sorted(a / b for a, b in pairs)
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{title:58s} {statistics.median(ratios):5.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f};"
        f" {1e3 * mine:.1f} ms against {1e3 * theirs:.1f} ms)",
        flush=True,
    )
    return statistics.median(ratios)
