"""Surprise and perplexity: along a text, and over the epochs of training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.figures.panel import Axis, Bars, Level, Line, Marks, Panel, Row
from explorer.figures.style import BLUE, GREEN, GREY, ORANGE, Stroke, keyed, translucent
from explorer.probes.gates import GateTrace
from explorer.probes.perplexity import NATS_PER_BIT
from explorer.tokens import token_of
from explorer.words import say

ROW_PX = 190
TICKS = [mantissa * 10**power for power in range(7) for mantissa in (1, 2, 5)]  # of a logarithmic axis


def surprise_row(trace: GateTrace, count: int, ghost: GateTrace | None = None) -> Row:
    """Surprise, running mean and baselines as a row of the gate tape.

    Bits on the axis; 2 to the power of the running mean is the perplexity up to there, and is what the hover says.
    """
    x = np.arange(count)
    uniform, unigram = baselines(trace)
    bits_T = trace.nll_nats_T[:count] / NATS_PER_BIT
    hover = f"{say('score-figure.running', score=trace.score_name)} %{{customdata:.4~g}}"
    bar = say("score-figure.bar", step="%{customdata}", bits="%{y:.3~g}")
    mean, dashed, dotted = Stroke(ORANGE, 2.5), Stroke(GREY, 1.5, "dash"), Stroke(GREEN, 1.5, "dot")
    before = [] if ghost is None else [_running(ghost, count, Stroke(ORANGE, 1), say("figure.ghost.running"))]
    items = [
        *before,
        Bars(x, bits_T, translucent(BLUE, 0.65), bar, said=x, width=0.8),
        _running(trace, count, mean, hover),
        Level(uniform, dashed),
        Level(unigram, dotted),
    ]
    guesses = f"{keyed(say('curve.blind-guess'), dashed)}, {keyed(say('curve.by-frequency'), dotted)}"
    title = f"{say('score-figure.surprise')}, {keyed(say('score-figure.mean'), mean)},<br>{guesses}"
    return Row(title, items, Axis(say("score-figure.bits"), ticks=6, from_zero=True), ROW_PX)


def _running(trace: GateTrace, count: int, stroke: Stroke, hover: str) -> Line:
    running_T = trace.score.running_nll_nats_T[:count]
    bits_T = (running_T / NATS_PER_BIT).astype(np.float32)
    return Line(np.arange(count), bits_T, stroke, hover=hover, values=_exp(running_T).astype(np.float32))


def baselines(trace: GateTrace) -> tuple[float, float]:
    """Bits a character costs on average: by a guess among all symbols alike, and by their frequency in the corpus."""
    unigram = float(trace.unigram_nll_nats_T.mean()) / NATS_PER_BIT if len(trace) else 0.0
    return math.log2(len(trace.symbols)), unigram


def _exp(nll_nats: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.exp(nll_nats)


def curve_frame(trace: GateTrace) -> pd.DataFrame:
    """Per step: character, surprise (bits), running perplexity, and what the two baselines pay for the character."""
    return pd.DataFrame(
        {
            say("score-figure.step"): np.arange(len(trace)),
            say("score-figure.token", of_token=token_of(trace.text)): list(trace.text),
            say("score-figure.surprise"): trace.nll_nats_T / NATS_PER_BIT,
            say("score-figure.running", score=trace.score_name): _exp(trace.score.running_nll_nats_T),
            say("score-figure.surprise-by-frequency"): trace.unigram_nll_nats_T / NATS_PER_BIT,
            say("score-figure.surprise-of-a-guess"): baselines(trace)[0],
        }
    )


def by_epoch(values: Mapping[int, float | None], chosen: int, score_name: str = "perplexity") -> Panel:
    """The perplexity of one text under the model as it was at each epoch, the chosen epoch marked."""
    hover = say("score-figure.at-epoch", epoch="%{x}", score=f"{score_name} %{{y:.3g}}")
    epochs = [str(epoch) for epoch in values]
    items = [
        Line(epochs, list(values.values()), Stroke(BLUE), hover=hover, dots_px=6),
        Marks([str(chosen)], [values.get(chosen)], "diamond", 14, hover=hover),
    ]
    axis = Axis(score_name, log=True, ticks={tick: f"{tick:,}" for tick in TICKS})
    return Panel(Axis(say("score-figure.epoch"), names=epochs), [Row("", items, axis, 164)], hover="closest", top_px=12)


def by_epoch_frame(values: Mapping[int, float | None], score_name: str = "perplexity") -> pd.DataFrame:
    """Epoch and perplexity, one line each."""
    return pd.DataFrame(
        {say("score-figure.epoch"): list(values), score_name: [math.nan if v is None else v for v in values.values()]}
    )
