"""Surprise and perplexity: along a text, and over the epochs of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.figures.style import BLUE, GREEN, GREY, MARGIN, ORANGE, translucent
from explorer.probes.gates import GateTrace
from explorer.probes.perplexity import NATS_PER_BIT

ROW_PX = 190


def surprise_row(trace: GateTrace, count: int) -> tuple[str, int, list[dict[str, Any]], dict[str, Any]]:
    """Per-step surprise, the running mean and the two baselines, as a row of the gate tape: title, height, traces, y axis.

    Bits on the axis; 2 to the power of the running mean is the perplexity up to there, and is what the hover says.
    """
    x = np.arange(count)
    running_T = trace.score.running_nll_nats_T[:count]
    with np.errstate(over="ignore"):
        running_perplexity_T = np.exp(running_T)
    uniform = math.log2(len(trace.symbols))
    unigram = float(trace.unigram_nll_nats_T.mean()) / NATS_PER_BIT if len(trace) else 0.0
    ends = [-0.5, max(count, 1) - 0.5]
    line = {"type": "scatter", "mode": "lines", "xaxis": "x"}
    traces = [
        {"type": "bar", "x": x, "xaxis": "x", "y": (trace.nll_nats_T[:count] / NATS_PER_BIT).astype(np.float32), "marker": {"color": translucent(BLUE, 0.65)},
         "name": "surprise", "hovertemplate": "surprise %{y:.2f} bits<extra></extra>"},
        line | {"x": x, "y": (running_T / NATS_PER_BIT).astype(np.float32), "line": {"color": ORANGE, "width": 2.5},
                "customdata": running_perplexity_T.astype(np.float32), "name": f"running {trace.score_name}",
                "hovertemplate": f"running {trace.score_name} %{{customdata:.2f}}<extra></extra>"},
        line | {"x": ends, "y": [uniform, uniform], "line": {"color": GREY, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip"},
        line | {"x": ends, "y": [unigram, unigram], "line": {"color": GREEN, "width": 1.5, "dash": "dot"}, "hoverinfo": "skip"},
    ]  # fmt: skip
    title = (
        f"surprise in bits (bars), <span style='color:{ORANGE}'>running mean</span>; guessing blindly among all {len(trace.symbols)} symbols costs "
        f"<span style='color:{GREY}'>{uniform:.1f} (dashed)</span>, by frequency <span style='color:{GREEN}'>{unigram:.1f} (dotted)</span>"
    )
    return title, ROW_PX, traces, {"rangemode": "tozero", "zeroline": False, "nticks": 6, "title": {"text": "bits"}}


def curve_frame(trace: GateTrace) -> pd.DataFrame:
    """Per step: character, surprise, running mean (bits) and running perplexity, and the two baselines."""
    with np.errstate(over="ignore"):
        running = np.exp(trace.score.running_nll_nats_T)
    return pd.DataFrame({
        "step": np.arange(len(trace)), "character": list(trace.text), "surprise (bits)": trace.nll_nats_T / NATS_PER_BIT,
        f"running {trace.score_name}": running, "unigram surprise (bits)": trace.unigram_nll_nats_T / NATS_PER_BIT,
        "uniform surprise (bits)": math.log2(len(trace.symbols)),
    })  # fmt: skip


def by_epoch(values: Mapping[int, float | None], chosen: int, score_name: str = "perplexity") -> go.Figure:
    """The perplexity of one text under the model as it was at each epoch, the chosen epoch marked."""
    table = by_epoch_frame(values, score_name)
    epochs = [str(epoch) for epoch in table["epoch"]]
    curve = {"type": "scatter", "mode": "lines+markers", "x": epochs, "y": table[score_name], "line": {"color": BLUE, "width": 2},
             "marker": {"size": 7}, "hovertemplate": f"epoch %{{x}}: {score_name} %{{y:.3g}}<extra></extra>"}  # fmt: skip
    data = [curve]
    if values.get(chosen) is not None:
        data.append(curve | {"mode": "markers", "x": [str(chosen)], "y": [values[chosen]], "marker": {"size": 14, "color": ORANGE, "symbol": "diamond"}})
    layout = {"height": 220, "margin": MARGIN | {"t": 12}, "showlegend": False,
              "xaxis": {"type": "category", "title": {"text": "epoch"}, "categoryorder": "array", "categoryarray": epochs},
              "yaxis": {"type": "log", "title": {"text": score_name}, "nticks": 5}}  # fmt: skip
    return go.Figure({"data": data, "layout": layout})


def by_epoch_frame(values: Mapping[int, float | None], score_name: str = "perplexity") -> pd.DataFrame:
    """Epoch and perplexity, one line each."""
    return pd.DataFrame({"epoch": list(values), score_name: [math.nan if v is None else v for v in values.values()]})
