"""Models built to be each of the verdicts, and silence where there is not enough text to tell."""

import numpy as np
import pytest
import torch

from explorer import CharModel, ModelConfig, Vocabulary, diagnose
from explorer.models import NetKey

TEXT = "a bird in the hand is worth two in the bush"
VOCABULARY = Vocabulary.from_text(TEXT)
NET = NetKey(0, "forward")


def built(config, change=None):
    model = CharModel(config, VOCABULARY, seed=0)
    with torch.no_grad():
        if change is not None:
            change(model, model.rnn.weights(NET))
    return model


def orthogonal(scale):
    def change(model, weights):
        generator = torch.Generator().manual_seed(0)
        hidden = model.config.hidden_size
        q = torch.linalg.qr(torch.randn(hidden, hidden, generator=generator))[0]
        weights.w_hh_GH.copy_(scale * q)
        # States so small that tanh is a straight line: J is scale * Q.
        for part in (weights.w_ih_GE, weights.b_ih_G, weights.b_hh_G):
            part.mul_(1e-20 if scale > 1 else 1e-3)

    return change


def gate_bias(gate, value):
    def change(model, weights):
        hidden = model.config.hidden_size
        weights.b_ih_G[gate * hidden : (gate + 1) * hidden] = value

    return change


RNN, GRU, LSTM = ModelConfig("rnn", hidden_size=16), ModelConfig(hidden_size=16), ModelConfig("lstm", hidden_size=16)


def test_an_orthogonal_cell_is_healthy_and_keeps_all_of_it():
    diagnosis = diagnose(built(RNN, orthogonal(1.0)), TEXT)
    assert diagnosis.verdicts == ("healthy",)
    assert "under half of its local gradient nowhere in this text" in str(diagnosis)
    assert "each step leaves 100% of it" in str(diagnosis)


def test_a_cell_scaled_down_vanishes_where_its_scale_says():
    diagnosis = diagnose(built(RNN, orthogonal(0.5)), TEXT)
    assert diagnosis.verdicts == ("vanishing",)
    assert "under 1 % after 7 steps; each step leaves 50% of it" in str(diagnosis)  # 0.5 ** 7 = 0.0078
    assert "gated cell" in diagnosis.findings[0].suggestion


def test_a_cell_scaled_up_explodes_where_its_scale_says():
    diagnosis = diagnose(built(RNN, orthogonal(2.0)), TEXT)
    assert diagnosis.verdicts[0] == "exploding"
    assert "16 times its local gradient 4 steps back" in diagnosis.findings[0].evidence  # 2 ** 4 = 16


@pytest.mark.parametrize(
    ("scale", "verdict"), [(0.75, "vanishing"), (0.9, "healthy"), (1.0, "healthy"), (1.3, "exploding")]
)
def test_the_verdict_turns_with_the_scale(scale, verdict):
    assert verdict in diagnose(built(RNN, orthogonal(scale)), TEXT).verdicts


@pytest.mark.parametrize(
    ("config", "gate", "value", "name"),
    [
        (GRU, 1, 9.0, "update gate z"), (GRU, 0, -9.0, "reset gate r"), (LSTM, 1, 9.0, "forget gate f"),
        (LSTM, 3, -9.0, "output gate o"), (ModelConfig(hidden_size=16, reset="before"), 1, 9.0, "update gate z"),
    ],
)  # fmt: skip
def test_a_gate_saturated_by_its_bias_is_named(config, gate, value, name):
    diagnosis = diagnose(built(config, gate_bias(gate, value)), TEXT)
    assert "saturated" in diagnosis.verdicts
    finding = diagnosis.findings[diagnosis.verdicts.index("saturated")]
    assert f"100% of the values of the {name}" in finding.evidence


@pytest.mark.parametrize(
    ("activation", "bias", "where"), [("tanh", 9, "±0.8"), ("sigmoid", 9, "0.1"), ("relu", -9, "zero")]
)
def test_a_plain_cell_saturated_by_its_bias(activation, bias, where):
    config = ModelConfig("rnn", activation=activation, hidden_size=16)
    diagnosis = diagnose(built(config, gate_bias(0, bias)), TEXT)
    assert "vanishing" in diagnosis.verdicts
    assert where in diagnosis.findings[diagnosis.verdicts.index("saturated")].evidence


@pytest.mark.parametrize("config", [RNN, GRU, LSTM])
def test_a_zero_model_says_that_nothing_reaches_the_state(config):
    diagnosis = diagnose(built(config, lambda model, _: [p.zero_() for p in model.parameters()]), TEXT)
    assert diagnosis.verdicts == ("vanishing",)
    assert "No loss gives its state any gradient" in str(diagnosis)


def test_default_initialisations_vanish_and_chrono_keeps():
    assert all(diagnose(CharModel(c, VOCABULARY, seed=0), TEXT).verdicts == ("vanishing",) for c in (RNN, GRU, LSTM))
    chrono = ModelConfig(hidden_size=16, init="chrono", chrono_t_max=1000)
    assert "vanishing" not in diagnose(CharModel(chrono, VOCABULARY, seed=0), TEXT).verdicts


def test_a_threshold_far_under_the_gradient_binds():
    model = built(RNN, orthogonal(1.0))
    assert diagnose(model, TEXT, 100.0).verdicts == ("healthy",)
    diagnosis = diagnose(model, TEXT, 0.001)
    assert diagnosis.verdicts == ("clip-bound",)
    assert "clipped at 0.001" in str(diagnosis)


def test_a_model_that_was_never_clipped_is_not_bound_by_clipping():
    model = CharModel(ModelConfig(hidden_size=8), VOCABULARY, seed=0).double()
    with torch.no_grad():
        model.out.weight.mul_(1000)
    assert "clip-bound" in diagnose(model, TEXT, 1.0).verdicts
    assert "clip-bound" not in diagnose(model, TEXT, None).verdicts


def test_what_is_not_finite_is_named():
    model = built(GRU)
    with torch.no_grad():
        model.rnn.weight_hh_l0[2, 1] = torch.inf
    diagnosis = diagnose(model, TEXT)
    assert diagnosis.verdicts[0] == "exploding"
    assert "rnn.weight_hh_l0, entry 33" in str(diagnosis)


@pytest.mark.parametrize("text", ["", "a", "ab", "a bird"])
@pytest.mark.parametrize("config", [RNN, GRU, LSTM])
def test_silence_where_there_is_not_enough_text(config, text):
    for change in (None, orthogonal(2.0), orthogonal(0.5)) if config is RNN else (None, gate_bias(1, 9.0)):
        diagnosis = diagnose(built(config, change), text, 0.001)
        assert diagnosis.verdicts == ()
        assert "too short to tell" in str(diagnosis)


def test_health_needs_losses_that_look_far_enough_back():
    model = built(RNN, orthogonal(1.0))
    assert diagnose(model, TEXT[:28]).verdicts == ()
    assert diagnose(model, TEXT[:29]).verdicts == ("healthy",)


def test_the_net_that_reads_from_the_end_is_judged_by_itself():
    config = ModelConfig("rnn", hidden_size=16, direction="bidirectional", objective="cloze")
    model = built(config, orthogonal(1.0))
    assert diagnose(model, TEXT).verdicts == ("healthy",)
    assert diagnose(model, TEXT, direction="backward").verdicts == ("vanishing",)


def test_the_model_is_left_as_it_was_found():
    model = built(GRU).train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    diagnose(model, TEXT)
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert model.training
    assert np.isfinite(float(before["out.bias"][0]))
