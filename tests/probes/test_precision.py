"""Gradients, scores and proofs where float32 has no digits left: against float64, hand values, and autograd."""

import itertools
import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from explorer import (
    CharModel,
    ConfigError,
    ModelConfig,
    Vocabulary,
    clip_ledger,
    gradient_flow,
    jacobian_paths,
    lyapunov_exponents,
    score_text,
    trace_gates,
    weight_gradient_steps,
)
from explorer.models import ModelDivergedError
from explorer.probes.proof import flow_residual
from explorer.reads import read_of
from explorer.reads.text import error, nll_nats

VOCABULARY = Vocabulary.from_text("abc abd.")
CELLS = {
    "rnn": dict(cell="rnn"),
    "gru after": dict(cell="gru"),
    "gru before": dict(cell="gru", reset="before"),
    "lstm": dict(cell="lstm"),
    "parallel": dict(cell="rnn", direction="parallel"),
    "cloze": dict(cell="gru", direction="bidirectional", objective="cloze"),
    "leaky": dict(cell="lstm", direction="bidirectional", objective="leaky"),
    "two layers": dict(cell="gru", num_layers=2),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def certain(name):
    """A model in float32 that is certain of "a", to e^-60: what it says of an "a" has no digits left in 1 - p."""
    model = CharModel(ModelConfig(hidden_size=8, **CELLS[name]), VOCABULARY, seed=3)
    with torch.no_grad():
        model.out.bias[VOCABULARY.encode("a")] = 60
    return model


MOSTLY_A = "aaaaaabaaaaaca.aaaad" * 5


def test_the_error_at_a_certain_character_by_hand():
    # Two others at e^-140 each: in float64, 1 - p is 0, and the error is 2 e^-140.
    logits_TV = torch.tensor([[140.0, 0.0, 0.0]], dtype=torch.float64)
    others = math.exp(-140) / (1 + 2 * math.exp(-140))
    np.testing.assert_allclose(error(logits_TV, torch.tensor([0])), [[-2 * others, others, others]], rtol=1e-14)
    np.testing.assert_allclose(nll_nats(logits_TV, torch.tensor([0])), [math.log1p(2 * math.exp(-140))], rtol=1e-14)
    wrong = nll_nats(logits_TV, torch.tensor([1]))
    np.testing.assert_allclose(wrong, [140 + math.log1p(2 * math.exp(-140))], rtol=1e-15)


@pytest.mark.parametrize("gain", [0.1, 1, 30, 300])
def test_error_and_loss_agree_with_torch_where_torch_has_digits(gain):
    logits_TV = gain * torch.randn(50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target_T = torch.arange(50) % 7
    leaf = logits_TV.clone().requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(leaf, target_T, reduction="sum"), leaf)
    torch.testing.assert_close(error(logits_TV, target_T), expected, rtol=1e-10, atol=1e-15)
    (ours,) = torch.autograd.grad(nll_nats(leaf, target_T).sum(), leaf)
    torch.testing.assert_close(ours, error(logits_TV, target_T), rtol=1e-12, atol=0)
    expected_T = F.cross_entropy(logits_TV, target_T, reduction="none")
    torch.testing.assert_close(nll_nats(logits_TV, target_T), expected_T, rtol=1e-12, atol=1e-15)


@every_cell
def test_the_flow_of_a_certain_model_is_that_of_float64(name):
    model, text = certain(name), MOSTLY_A
    top = model.config.num_layers - 1
    single, double = gradient_flow(model, text, top), gradient_flow(certain(name).double(), text, top)
    assert (single.local_T[single.asked_T >= 0] > 0).all()
    assert 0 < np.nanmedian(single.local_T) < 1e-24  # where 1 - p is exactly zero, in float64 too
    there = double.norms_TT > 1e-300
    np.testing.assert_allclose(single.norms_TT[there], double.norms_TT[there], rtol=1e-4)
    for fact in ("half_life_steps", "horizon_steps", "slope_per_step", "lambda_1"):
        assert getattr(single, fact) == pytest.approx(getattr(double, fact), rel=1e-4, nan_ok=True), fact


@every_cell
def test_the_proof_shows_a_local_gradient_that_lost_its_digits(name, monkeypatch):
    """The fault that a proof in float32 could not show: softmax - onehot, formed in float32."""
    model, text = certain(name), MOSTLY_A
    top = model.config.num_layers - 1
    assert flow_residual(read_of(model, text), gradient_flow(model, text, top)) < 1e-9

    def cancelled(logits_TV, target_T):
        return (logits_TV.float().softmax(-1) - F.one_hot(target_T, len(VOCABULARY))).double()

    monkeypatch.setattr("explorer.reads.text.error", cancelled)
    assert flow_residual(read_of(model, text), gradient_flow(model, text, top)) > 1e-3


def test_the_flow_of_a_certain_model_is_that_of_a_hundred_digits():
    """A plain cell written out in decimals: in float64, softmax - onehot is already wrong at these characters."""
    getcontext().prec = 100
    model, text = certain("rnn"), MOSTLY_A[:14]
    weights = {name: [[Decimal(v) for v in row] for row in torch.atleast_2d(p.detach()).double().tolist()]
               for name, p in model.named_parameters()}  # fmt: skip
    w, u, out = (weights[name] for name in ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "out.weight"))
    bias = [b + c for b, c in zip(weights["rnn.bias_ih_l0"][0], weights["rnn.bias_hh_l0"][0], strict=True)]
    ids, units, symbols = VOCABULARY.encode(text).tolist(), range(len(u)), range(len(out))

    def dot(a, b):
        return sum((x * y for x, y in zip(a, b, strict=True)), Decimal(0))

    def tanh(a):
        return 1 - 2 / ((2 * a).exp() + 1)

    h = [[Decimal(0)] * len(u)]
    for i in ids:
        h.append([tanh(w[j][i] + bias[j] + dot(u[j], h[-1])) for j in units])
    flow = gradient_flow(model, text)
    for t in range(len(ids) - 1):
        powers = [(dot(out[v], h[t + 1]) + weights["out.bias"][0][v]).exp() for v in symbols]
        errors = [power / sum(powers) - (v == ids[t + 1]) for v, power in enumerate(powers)]
        gradient = [dot(errors, [out[v][j] for v in symbols]) for j in units]
        for k in range(t, -1, -1):
            assert flow.norms_TT[t, k] == pytest.approx(float(dot(gradient, gradient).sqrt()), rel=1e-12)
            through = [g * (1 - x * x) for g, x in zip(gradient, h[k + 1], strict=True)]
            gradient = [dot(through, [u[i][j] for i in units]) for j in units]


@every_cell
def test_what_float64_holds_is_finite(name):
    """Gradients of 1e200 and of 1e-200 on the way: step norms, directions, carried paths and weight gradients are numbers."""
    for gain, out in ((30.0, 1e30), (1e-3, 1e-30)):
        model = CharModel(ModelConfig(hidden_size=8, **CELLS[name]), VOCABULARY, seed=3)
        with torch.no_grad():
            for net in model.config.nets:
                model.rnn.weights(net).w_hh_GH.mul_(gain)
            model.out.weight.mul_(out)
        text, top = "abc abd." * 8, model.config.num_layers - 1
        flow = gradient_flow(model, text, top)
        assert flow.non_finite is None
        assert np.isfinite(flow.step_norms_T).all()
        paths = jacobian_paths(model, text, top, flow=flow, singular_values=False)
        reached = flow.step_norms_T > 0
        assert np.isfinite(flow.directions_TS[reached]).all()
        for carried_T in paths.carried.values():
            assert np.isfinite(carried_T[reached]).all()
        weights = weight_gradient_steps(model, text)
        ledger = clip_ledger(model, text, 1.0)
        assert ledger.non_finite is None
        for parameter in ledger.parameters:
            assert weights.total_norms[parameter.name] == pytest.approx(parameter.norm_before, rel=1e-8)
            assert np.isfinite(weights.norms_T[parameter.name]).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-300, 1e200])
def test_weight_gradients_scale_with_the_loss_beyond_the_squares_of_float64(scale):
    # With zero output weights no gradient reaches the cell; the output layer's own is linear in the states.
    def norms(gain):
        model = CharModel(ModelConfig(cell="rnn", activation="linear", hidden_size=4), VOCABULARY, seed=3).double()
        with torch.no_grad():
            model.out.weight.mul_(gain)
            model.out.bias.zero_()
        return weight_gradient_steps(model, "abc abd.")

    tiny, small = norms(scale), norms(1e-6)
    if scale < 1:
        for name in ("rnn.weight_hh_l0", "rnn.bias_ih_l0"):
            np.testing.assert_allclose(tiny.norms_T[name] / scale, small.norms_T[name] / 1e-6, rtol=1e-5)
            assert tiny.total_norms[name] / scale == pytest.approx(small.total_norms[name] / 1e-6, rel=1e-5)
    assert np.isfinite(list(tiny.norms_T.values())).all()


def test_an_lstm_with_a_longer_memory_reaches_farther():
    """Tallec & Ollivier's initialisation: the larger T_max, the longer the memory, and so the reach of the whole state."""
    text = "the lamp is lit and the boats come home along the wall, " * 4
    vocabulary = Vocabulary.from_text(text)
    for seed in range(3):
        median = [
            gradient_flow(
                CharModel(
                    ModelConfig("lstm", hidden_size=64, init="chrono", chrono_t_max=t_max), vocabulary, seed=seed
                ),
                text,
            ).median_L[60]
            for t_max in (5, 30, 100, 1000)
        ]
        assert all(b > 1.5 * a for a, b in itertools.pairwise(median)), median


def test_an_lstms_parts_are_there_alone():
    model = CharModel(ModelConfig("lstm", hidden_size=8), VOCABULARY, seed=0)
    flow = gradient_flow(model, "abc abd." * 5)
    assert (flow.state, flow.alone("h").state, flow.alone("c").state) == ("(h, c)", "h", "c")
    h_TT, c_TT = (flow.parts[part][0] for part in ("h", "c"))
    np.testing.assert_allclose(flow.norms_TT, np.sqrt(h_TT**2 + c_TT**2), rtol=1e-14)
    assert flow.alone("c").slope_per_step != flow.alone("h").slope_per_step
    with pytest.raises(ConfigError, match="part: expected h or c; got 'z'"):
        flow.alone("z")
    gru = gradient_flow(CharModel(ModelConfig(hidden_size=8), VOCABULARY, seed=0), "abc abd.")
    np.testing.assert_array_equal(gru.alone("h").norms_TT, gru.norms_TT)


def diverges_at(step, name="gru after"):
    """A model whose states become NaN at the first "." of a text, and stay so."""
    model = CharModel(ModelConfig(hidden_size=8, embedding_size=4, **CELLS[name]), VOCABULARY, seed=0)
    with torch.no_grad():
        model.embedding.weight[VOCABULARY.encode(".")[0]] = torch.nan
    return model, "a" * step + "." + "b" * 20


@pytest.mark.parametrize("name", ["rnn", "gru after", "gru before", "lstm", "two layers", "parallel"])
def test_a_score_with_nan_in_it_is_not_defined_and_says_from_where(name):
    model, text = diverges_at(12, name)
    score = score_text(model, text)
    assert (score.mean_nll_nats, score.undefined_from) == (None, 13)  # what step 12 predicts is the 13th
    assert np.isfinite(score.running_nll_nats_T[1:13]).all()
    assert np.isnan(score.running_nll_nats_T[13:]).all()
    assert trace_gates(model, text).perplexity is None
    # The control: what is merely not predicted is not "not defined".
    before = score_text(model, text[:12])
    assert before.undefined_from is None
    assert before.mean_nll_nats == pytest.approx(float(np.nanmean(score.nll_nats_T[:12])), rel=1e-6)
    assert score_text(model, "a").undefined_from is None
    assert score_text(model, "a").mean_nll_nats is None


@pytest.mark.parametrize("name", CELLS)
def test_no_probe_throws_at_a_diverged_model(name):
    model, text = diverges_at(5, name)
    top = model.config.num_layers - 1
    assert gradient_flow(model, text, top).non_finite is not None
    paths = jacobian_paths(model, text, top)
    assert np.isnan(paths.sigma_max_T).any()
    assert lyapunov_exponents(model, text, 2, top).running_TK.shape == (len(text), 2)
    assert not math.isfinite(weight_gradient_steps(model, text).total_norms["out.weight"])
    assert clip_ledger(model, text, 1.0).non_finite is not None
    assert flow_residual(read_of(model, text), gradient_flow(model, text, top)) is None
    if model.config.objective == "next":
        for temperature in (0, 1):
            with pytest.raises(ModelDivergedError, match=r"After reading 6 characters this model's prediction is not"):
                model.generate("aaaaa.", 5, temperature)
        assert len(model.generate("aaaaa", 1)) == 6
    elif model.config.objective == "cloze":
        with pytest.raises(ModelDivergedError, match="has diverged"):
            model.fill("aaaaa.aa", 6)


def without(trace):
    return trace.score.mean_over(~trace.unknown_T)


def test_unknown_characters_are_counted_apart():
    model = CharModel(ModelConfig(hidden_size=8), VOCABULARY, seed=0)
    trace = trace_gates(model, "abc€abd€.")
    known = trace.nll_nats_T[[1, 2, 4, 5, 6, 8]]
    assert without(trace) == pytest.approx(known.mean(dtype=np.float64))
    assert without(trace) != pytest.approx(trace.score.mean_nll_nats, rel=1e-3)
    clean = trace_gates(model, "abcabd.")
    assert without(clean) == clean.score.mean_nll_nats
    assert without(trace_gates(model, "€€€")) is None


def test_the_residual_of_the_gates_is_against_float64():
    for fields in CELLS.values():
        model = CharModel(ModelConfig(hidden_size=32, **fields), VOCABULARY, seed=0)
        assert 1e-9 < trace_gates(model, "abc abd." * 4).residual < 1e-6  # float32's own rounding, seen from float64
        assert trace_gates(model.double(), "abc abd." * 4).residual < 1e-13


def test_a_decomposed_accent_is_read_as_the_corpus_has_it():
    model = CharModel(ModelConfig(hidden_size=8), Vocabulary.from_text("café été"), seed=0)
    composed, decomposed = "été café", "e\u0301te\u0301 cafe\u0301"
    assert trace_gates(model, decomposed).text == gradient_flow(model, decomposed).labels == composed
    assert trace_gates(model, decomposed).perplexity == trace_gates(model, composed).perplexity
    paths = jacobian_paths(model, decomposed, flow=gradient_flow(model, composed), singular_values=False)
    assert len(paths.gain_T) == len(composed)
    assert model.generate("e\u0301", 3, 0)[2:] == model.generate("é", 3, 0)[1:]
