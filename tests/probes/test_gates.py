"""Tapes against a loop in numpy, proofs that can fail, and models left as they were found."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from explorer import CharModel, ConfigError, ModelConfig, Vocabulary, score_text, trace_gates
from explorer.cells import CELLS
from explorer.models import NetKey
from explorer.probes import gates as module
from explorer.probes.gates import gate_statistics, largest_residual, memory_time

TEXT = "a bird in the hand is worth two in the bush"
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "gru after": ModelConfig(hidden_size=6),
    "gru before": ModelConfig(hidden_size=6, reset="before"),
    "lstm": ModelConfig("lstm", hidden_size=6),
    "rnn tanh": ModelConfig("rnn", hidden_size=6),
    "rnn relu": ModelConfig("rnn", activation="relu", hidden_size=6),
    "rnn sigmoid": ModelConfig("rnn", activation="sigmoid", hidden_size=6),
    "embedding, two layers": ModelConfig(hidden_size=6, embedding_size=3, num_layers=2),
    "cloze, two layers": ModelConfig(
        hidden_size=6, hidden_size_backward=4, num_layers=2, direction="bidirectional", objective="cloze"
    ),
    "leaky lstm, two layers": ModelConfig(
        "lstm", hidden_size=5, num_layers=2, direction="bidirectional", objective="leaky"
    ),
    "parallel": ModelConfig("rnn", hidden_size=6, direction="parallel"),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def model_of(config):
    model = CharModel(config, VOCABULARY, seed=4)
    with torch.no_grad():  # larger weights than a fresh model's: gates that really open and close
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def sigma(a):
    return 1 / (1 + np.exp(-a))


def numpy_gates(model, ids):
    """The textbook's loop, one character at a time, in numpy and float64; one layer, one-hot."""
    w, u, b, c = (p.detach().double().numpy() for p in model.rnn.weights(NetKey(0, "forward")))
    hidden, cell = u.shape[1], model.config.cell
    h, memory, steps = np.zeros(hidden), np.zeros(hidden), []
    for i in ids:
        x, s = np.split(w[:, i] + b, len(u) // hidden), np.split(u @ h + c, len(u) // hidden)
        if cell == "gru":
            r, z = sigma(x[0] + s[0]), sigma(x[1] + s[1])
            inner = u[2 * hidden :] @ (r * h) + c[2 * hidden :] if model.config.reset == "before" else r * s[2]
            n = np.tanh(x[2] + inner)
            h = (1 - z) * n + z * h
            steps.append(dict(h=h, r=r, z=z, n=n))
        else:
            i_, f, o = (sigma(x[k] + s[k]) for k in (0, 1, 3))
            g = np.tanh(x[2] + s[2])
            memory = f * memory + i_ * g
            h = o * np.tanh(memory)
            steps.append(dict(h=h, c=memory, i=i_, f=f, g=g, o=o))
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


@pytest.mark.parametrize("name", ["gru after", "gru before", "lstm"])
def test_every_gate_equals_the_textbook_loop(name):
    model = model_of(CONFIGS[name])
    tape = trace_gates(model, TEXT).tape()
    for letter, expected_TH in numpy_gates(model, VOCABULARY.encode(TEXT).tolist()).items():
        got_TH = tape[letter]
        assert got_TH.dtype == np.float32
        np.testing.assert_allclose(got_TH, expected_TH, atol=2e-6, err_msg=letter)


@every_config
def test_states_are_those_the_model_computes(config):
    model = model_of(config)
    h, _ = model.states(VOCABULARY.encode(TEXT).unsqueeze(1))
    trace = trace_gates(model, TEXT)
    assert set(trace.tapes) == set(config.nets)
    for net, tape in trace.tapes.items():
        np.testing.assert_allclose(tape.h_TH, h[net][:, 0].detach(), atol=2e-6)
        assert tape.residual < 2e-6
        backward = config.reads_backward(net)
        shifted = np.roll(tape.h_TH, -1 if backward else 1, axis=0)
        shifted[-1 if backward else 0] = 0
        np.testing.assert_array_equal(tape.h_prev_TH, shifted)
    np.testing.assert_allclose(trace.nll_nats_T, score_text(model, TEXT).nll_nats_T, atol=1e-5)
    assert trace.residual == max(tape.residual for tape in trace.tapes.values())


@every_config
def test_the_kernel_is_torchs_own_wherever_torch_has_the_cell(config):
    kernel = trace_gates(model_of(config), TEXT).tape().kernel
    ours = config.variant in ("before", "sigmoid")
    assert kernel == ("explorer.cells" if ours else f"torch.nn.{config.cell.upper()}")


def test_a_wrong_equation_does_not_pass_the_proof(monkeypatch):
    model = model_of(CONFIGS["gru after"])
    right = type(CELLS["gru"]).update
    monkeypatch.setattr(
        type(CELLS["gru"]), "update", lambda self, x, h, weights, reset: right(self, x, h, weights, "before")
    )
    assert trace_gates(model, TEXT).residual > 1e-3


@every_config
def test_blocks_of_steps_do_not_show(config, monkeypatch):
    model = model_of(config)
    whole = trace_gates(model, TEXT)
    monkeypatch.setattr(module, "CHUNK", 8)
    parts = trace_gates(model, TEXT)
    for net, tape in whole.tapes.items():
        np.testing.assert_allclose(parts.tapes[net].h_TH, tape.h_TH, atol=1e-6)
        for name, gate_TH in tape.gates.items():
            np.testing.assert_allclose(parts.tapes[net].gates[name], gate_TH, atol=1e-6)


def test_a_reversed_text_mirrors_the_tapes_of_a_bidirectional_model():
    config = ModelConfig(hidden_size=5, direction="bidirectional", objective="leaky")
    model, swapped = model_of(config), model_of(config)
    weights = model.state_dict()
    other = {
        k: k.removesuffix("_reverse") if k.endswith("_reverse") else f"{k}_reverse"
        for k in weights
        if k.startswith("rnn.")
    }
    swapped.load_state_dict({k: weights[other.get(k, k)] for k in weights})
    ahead, mirrored = trace_gates(model, TEXT), trace_gates(swapped, TEXT[::-1])
    np.testing.assert_array_equal(ahead.tape(0, "backward")["z"], mirrored.tape(0, "forward")["z"][::-1])
    np.testing.assert_array_equal(ahead.tape(0, "forward")["r"], mirrored.tape(0, "backward")["r"][::-1])


@every_config
def test_the_model_is_left_as_it_was_found(config):
    model = model_of(config).train()
    model.out.weight.requires_grad_(False)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    threads, random = torch.get_num_threads(), torch.random.get_rng_state()
    trace_gates(model, TEXT)
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert {name: p.requires_grad for name, p in model.named_parameters()} == {n: n != "out.weight" for n in before}
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), random)


@every_config
@pytest.mark.parametrize("text", ["", "a", "☃☃☃", "a\r\nb\ud800"])
def test_odd_texts_have_tapes_too(config, text):
    trace = trace_gates(model_of(config), text)
    assert len(trace) == len(trace.text) == len(trace.tape().h_TH)
    assert not {"\r", "\ud800"} & set(trace.text)
    assert (trace.residual is None) == (text == "")
    assert (trace.perplexity is None) == (len(trace) < (1 if config.objective == "cloze" else 2))
    assert trace.unknown_share == {"": 0, "a": 0, "☃☃☃": 1}.get(text, 0.5)
    assert gate_statistics(trace.tape().h_TH[:0]) is None


def test_an_unknown_net_is_named_in_the_error():
    with pytest.raises(ConfigError, match="net: expected one of layer 0, forward; got layer 1, forward"):
        trace_gates(model_of(CONFIGS["gru after"]), TEXT).tape(layer=1)


def test_a_score_is_called_what_it_is():
    keys = ("lstm", "parallel", "cloze, two layers", "leaky lstm, two layers")
    names = [trace_gates(model_of(CONFIGS[key]), TEXT).score_name for key in keys]
    assert names == ["perplexity", "perplexity", "pseudo-perplexity", "leaky score"]


def test_expectations_are_named_and_asked_at_the_right_place():
    trace = trace_gates(model_of(CONFIGS["gru after"]), TEXT)
    assert trace.expected(0) == []  # nothing stands before the first character
    met = [(t, p) for t in range(1, len(TEXT)) for symbol, p in trace.expected(t) if symbol == TEXT[t]]
    assert met  # the character that came was among the five likeliest somewhere
    assert all(trace.nll_nats_T[t] == pytest.approx(-math.log(p), abs=1e-5) for t, p in met)
    assert len(trace.expected(len(TEXT))) == 5


def test_statistics_by_hand():
    statistics = gate_statistics(np.array([[0.05, 0.95], [0.5, 0.5]], np.float32))
    assert statistics.mean == pytest.approx(0.5)
    assert (statistics.low_share, statistics.high_share, statistics.saturated_share) == (0.25, 0.25, 0.5)
    assert statistics.sensitivity == pytest.approx((0.05 * 0.95 * 2 + 0.25 * 2) / 4)


def test_memory_time_by_hand():
    keep_TH = np.array([[0.5, 1.0, 0.0, 0.9], [0.5, 1.0, 0.5, 0.4]], np.float32)
    expected = [1 / math.log(2), math.inf, 0.0, -2 / math.log(0.9 * 0.4)]
    np.testing.assert_allclose(memory_time(keep_TH), expected, rtol=1e-6)


def test_twenty_thousand_characters_work():
    model = CharModel(ModelConfig(hidden_size=16), VOCABULARY, seed=0)
    trace = trace_gates(model, (TEXT * 500)[:20_000])
    assert trace.tape()["z"].shape == (20_000, 16)
    assert np.isfinite(trace.nll_nats_T[1:]).all()


def test_what_a_tape_says_of_its_units_is_that_of_its_parts():
    gru, rnn = (trace_gates(model_of(CONFIGS[name]), TEXT).tape() for name in ("gru after", "rnn tanh"))
    assert gru.tau_H.tolist() == pytest.approx((-len(TEXT) / np.log(gru["z"]).sum(0, dtype=float)).tolist(), rel=1e-5)
    assert gru.mean_H["h"].tolist() == pytest.approx(np.add.reduce(gru.h_TH, 0, float) / len(TEXT), rel=1e-12)
    assert set(gru.mean_H) == set(gru.parts)
    assert rnn.tau_H is None
    assert trace_gates(model_of(CONFIGS["gru after"]), "").tape().tau_H is None


def test_a_residual_that_is_no_number_is_not_hidden_by_a_good_one():
    good = trace_gates(model_of(CONFIGS["gru after"]), "hand").tape()
    bad = replace(good, residual=float("nan"))
    for tapes in ([good, bad], [bad, good]):
        assert math.isnan(largest_residual(tapes))
    assert largest_residual([good]) == good.residual
    assert largest_residual([replace(good, residual=None)]) is None
