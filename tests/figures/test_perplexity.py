"""The surprise along a text and the perplexity over epochs, as drawn."""

import math

import numpy as np
import pytest

from explorer import CharModel, ModelConfig, Vocabulary, trace_gates
from explorer.figures import gates, perplexity

TEXT = "aab abb aab"
VOCABULARY = Vocabulary.from_text(TEXT)  # b 4, a 5, blank 2
TRACE = trace_gates(CharModel(ModelConfig(hidden_size=4), VOCABULARY, seed=0), TEXT)


def test_bars_and_running_mean_are_the_score():
    data = gates.tape(TRACE).figure().data
    (bars,) = [t for t in data if t.type == "bar" and t.hovertemplate]
    assert bars.hovertemplate.startswith("step %{customdata}: surprise %{y:.3~g} bits")
    np.testing.assert_allclose(bars.y[1:], TRACE.nll_nats_T[1:] / math.log(2), rtol=1e-6)
    (running,) = [t for t in data if t.hovertemplate and "running" in t.hovertemplate]
    assert running.customdata[-1] == pytest.approx(TRACE.perplexity, rel=1e-6)
    assert 2 ** running.y[-1] == pytest.approx(TRACE.perplexity, rel=1e-5)


def test_baselines_by_hand():
    uniform, unigram = perplexity.baselines(TRACE)
    assert uniform == pytest.approx(2.0)  # four symbols with the unknown one
    # counts a 5, b 4, blank 2, unknown 0, each plus one, out of 15
    by_hand = -(5 * math.log2(6 / 15) + 4 * math.log2(5 / 15) + 2 * math.log2(3 / 15)) / 11
    assert unigram == pytest.approx(by_hand, rel=1e-6)


def test_curve_frame():
    frame = perplexity.curve_frame(TRACE)
    assert list(frame) == [
        "step", "character", "surprise (bits)", "running perplexity", "surprise by frequency (bits)",
        "surprise of a blind guess (bits)",
    ]  # fmt: skip
    assert "".join(frame["character"]) == TEXT
    assert frame["running perplexity"].iloc[-1] == pytest.approx(TRACE.perplexity, rel=1e-6)


def test_epochs_are_drawn_in_order_with_the_chosen_one_marked():
    values = {0: 30.0, 1: 20.0, 16: 5.0, 500: None}
    curve, mark = perplexity.by_epoch(values, 16).figure().data
    assert list(curve.x) == ["0", "1", "16", "500"]
    assert list(curve.y) == [30.0, 20.0, 5.0, None]
    assert (list(mark.x), list(mark.y)) == (["16"], [5.0])
    assert curve.hovertemplate.startswith("epoch %{x}: perplexity %{y:.3g}")
    frame = perplexity.by_epoch_frame(values)
    assert frame["epoch"].tolist() == [0, 1, 16, 500]
    assert math.isnan(frame["perplexity"].iloc[-1])
