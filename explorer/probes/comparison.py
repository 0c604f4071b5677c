"""How far back the gradients of two models reach on one text, compared: what it means, and what it does not."""

from __future__ import annotations

import math
from typing import NamedTuple

from explorer.words import Saying, say


class Reach(NamedTuple):
    """How far back the gradient of one model reaches on a text, and how well the model reads the text.

    Attributes:
        name: of the model.
        half_life_steps: the first lag at which the median loss has less than half of its local gradient left; None where
            it has more at every lag of the text.
        horizon_steps: the same for 1 %.
        perplexity: of the text; None where it is not defined, or not to be compared.

    """

    name: str
    half_life_steps: int | None
    horizon_steps: int | None
    perplexity: float | None


def reach_compared(first: Reach, second: Reach) -> str:
    """What it means that the gradient reaches farther in one of two models, and what it does not; "" if it does not.

    Judged by the horizons, and by the half-lives where the horizons are equal.
    """
    for share, key in (("horizon", "horizon_steps"), ("half-life", "half_life_steps")):
        near, far = sorted((first, second), key=lambda reach: _lag(reach, key))
        if _lag(far, key) != _lag(near, key):
            figures = {
                "far": far.name, "near": near.name, "near_steps": _lag(near, key),
                "share": Saying(f"reach.share.{share}"), "reads": _reads(far, near),
            }  # fmt: skip
            if _lag(far, key) == math.inf:
                return say("reach.farther-than-the-text", **figures)
            return say("reach.farther", far_steps=_lag(far, key), **figures)
    return ""


def _lag(reach: Reach, key: str) -> float:
    lag = getattr(reach, key)
    return math.inf if lag is None else float(lag)


def _reads(far: Reach, near: Reach) -> Saying:
    """What the farther reach has to do with how well the two models read."""
    if far.perplexity is None or near.perplexity is None or not far.perplexity < math.inf > near.perplexity:
        return Saying("reach.alone")
    better = far.perplexity < near.perplexity
    return Saying(
        "reach.reads-better" if better else "reach.reads-no-better",
        {"far_nats": math.log(far.perplexity), "near_nats": math.log(near.perplexity)},
    )
