"""Ledgers against torch's own clipping functions, and by hand."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from explorer import CharModel, ConfigError, ModelConfig, TextError, Vocabulary, clip_ledger, trace_gates

TEXT = "a bird in the hand is worth two in the bush"
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "gru after": ModelConfig(hidden_size=6),
    "gru before": ModelConfig(hidden_size=6, reset="before", embedding_size=3),
    "lstm": ModelConfig("lstm", hidden_size=6, num_layers=2),
    "rnn": ModelConfig("rnn", hidden_size=6),
    "cloze": ModelConfig(hidden_size=5, direction="bidirectional", objective="cloze"),
    "leaky": ModelConfig("rnn", hidden_size=5, direction="bidirectional", objective="leaky"),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def model_of(config):
    return CharModel(config, VOCABULARY, seed=4).double()


def with_torch_gradients(config):
    """Another model with the same weights, whose .grad torch has written."""
    model, ids_T = model_of(config), VOCABULARY.encode(TEXT)
    logits_TV = model(ids_T.unsqueeze(1))[0][:, 0]
    cloze = config.objective == "cloze"
    loss = F.cross_entropy(logits_TV, ids_T) if cloze else F.cross_entropy(logits_TV[:-1], ids_T[1:])
    loss.backward()
    return model, loss.item()


def flat(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@every_config
@pytest.mark.parametrize("max_norm", [0.01, 100.0])
def test_clipping_by_norm_equals_torchs(config, max_norm):
    ledger = clip_ledger(model_of(config), TEXT, max_norm)
    model, loss = with_torch_gradients(config)
    norms = {name: float(p.grad.norm()) for name, p in model.named_parameters()}
    before = float(clip_grad_norm_(model.parameters(), max_norm))
    assert ledger.nll_nats == pytest.approx(loss, rel=1e-12)
    assert ledger.norm_before == pytest.approx(before, rel=1e-10)
    assert ledger.coefficient == pytest.approx(min(1, max_norm / before), rel=1e-10)
    # torch divides by the norm plus 1e-6
    assert ledger.norm_after == pytest.approx(float(flat(model).norm()), rel=2e-6 / before + 1e-12)
    assert ledger.outcomes["norm"].angle_degrees == 0
    assert {p.name: p.norm_before for p in ledger.parameters} == pytest.approx(norms, rel=1e-10)
    assert sum(p.share for p in ledger.parameters) == pytest.approx(1)
    after = {name: float(p.grad.norm()) for name, p in model.named_parameters()}
    assert {p.name: p.norms_after["norm"] for p in ledger.parameters} == pytest.approx(after, rel=1e-3, abs=1e-12)


@every_config
def test_clipping_by_value_and_by_parameter_equal_torchs_and_turn_the_gradient(config):
    theta = 0.002
    ledger = clip_ledger(model_of(config), TEXT, theta)
    for way in ("value", "parameter"):
        model, _ = with_torch_gradients(config)
        old = flat(model).clone()
        if way == "value":
            clip_grad_value_(model.parameters(), theta)
        else:
            for parameter in model.parameters():
                clip_grad_norm_(parameter, theta)
        new, outcome = flat(model), ledger.outcomes[way]
        cosine = float(F.cosine_similarity(old, new, dim=0))
        assert outcome.norm_after == pytest.approx(float(new.norm()), rel=1e-3)
        assert outcome.angle_degrees == pytest.approx(math.degrees(math.acos(cosine)), rel=1e-2)
        assert outcome.angle_degrees > 0.1
        assert outcome.coefficient is None
    assert ledger.outcomes["value"].changed_share == pytest.approx(float((old.abs() > theta).double().mean()))


def test_the_largest_entries_are_named():
    model, _ = with_torch_gradients(CONFIGS["gru after"])
    for entry in clip_ledger(model_of(CONFIGS["gru after"]), TEXT, 1.0).parameters:
        gradient = model.get_parameter(entry.name).grad
        assert len(entry.largest) == 5
        place, value = entry.largest[0]
        assert abs(value) == pytest.approx(float(gradient.abs().max()), rel=1e-10)
        assert float(gradient[place]) == pytest.approx(value, rel=1e-10)


def test_a_gradient_whose_squares_overflow_float32_is_clipped_and_not_zeroed():
    model = CharModel(CONFIGS["rnn"], VOCABULARY, seed=0)
    with torch.no_grad():
        model.out.weight.mul_(1e25)
    ledger = clip_ledger(model, TEXT, 1.0)
    assert ledger.norm_before > 1e20
    assert ledger.norm_after == pytest.approx(1, rel=1e-9)
    assert ledger.non_finite is None


def test_what_is_not_finite_is_named_and_nothing_is_clipped():
    model = CharModel(CONFIGS["rnn"], VOCABULARY, seed=0)
    with torch.no_grad():
        model.out.bias[3] = torch.nan
    ledger = clip_ledger(model, TEXT, 1.0)
    assert str(ledger.non_finite) == "out.bias, entry 3"
    assert ledger.coefficient == 1
    assert not math.isfinite(ledger.norm_before)
    for outcome in ledger.outcomes.values():
        assert (outcome.angle_degrees, outcome.changed_share) == (0, 0)
    with torch.no_grad():  # finite weights of a loss that is not: 1e308 + 1e308
        model.double().out.bias[3] = 1e308
        model.out.weight[3] = 1e308
    assert str(clip_ledger(model, TEXT, 1.0).non_finite).startswith("loss")


@pytest.mark.parametrize("max_norm", [None, np.float64(0.5), np.int64(2), np.float32(1.5)], ids=repr)
def test_a_threshold_is_any_number_and_none_clips_nothing(max_norm):
    model = CharModel(CONFIGS["rnn"], VOCABULARY, seed=0)
    ledger = clip_ledger(model, TEXT, max_norm)
    assert ledger.max_norm == max_norm
    if max_norm is None:
        assert ledger.coefficient == 1
        for outcome in ledger.outcomes.values():
            assert outcome.norm_after == pytest.approx(ledger.norm_before, rel=1e-14)
        assert {o.changed_share for o in ledger.outcomes.values()} == {0}
    else:
        assert ledger.norm_after <= max_norm * (1 + 1e-12)
    with pytest.raises(ConfigError, match="max_norm: expected a finite number above 0, or None; got"):
        clip_ledger(model, TEXT, True)


@every_config
def test_the_model_is_left_as_it_was_found(config):
    model = model_of(config).train()
    model.out.weight.requires_grad_(False)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    clip_ledger(model, TEXT, 0.1)
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {"out.weight"}
    assert all(module.training for module in model.modules())


def test_a_model_without_gradient_has_no_shares_and_no_angle():
    model = model_of(ModelConfig(hidden_size=3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.out.bias[:] = torch.tensor([0.0] + [c / len(TEXT) for c in VOCABULARY.counts[1:]]).log().clamp(min=-1e3)
    ledger = clip_ledger(model, TEXT + TEXT[:1], 1.0)
    assert ledger.norm_before == pytest.approx(0, abs=1e-6)
    assert np.isfinite(ledger.outcomes["value"].angle_degrees)


@pytest.mark.parametrize("theta", [0, -1.0, math.inf, math.nan])
def test_thresholds_that_make_no_sense(theta):
    with pytest.raises(ConfigError, match="max_norm: expected a finite number above 0"):
        clip_ledger(model_of(CONFIGS["rnn"]), TEXT, theta)


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_without_a_loss(text):
    with pytest.raises(TextError, match="at least 2 characters"):
        clip_ledger(model_of(CONFIGS["rnn"]), text, 1.0)


def test_many_threads_may_ask_of_one_model():
    # An app keeps one model for all its sessions: nothing may be swapped inside it, not even for a moment.
    model = CharModel(ModelConfig(hidden_size=32), VOCABULARY, seed=0)
    before = dict(model.named_parameters())
    expected = clip_ledger(model, TEXT, 1.0)
    with ThreadPoolExecutor(4) as pool:
        ledgers = list(pool.map(lambda _: (trace_gates(model, TEXT), clip_ledger(model, TEXT, 1.0))[1], range(80)))
    assert {ledger.norm_before for ledger in ledgers} == {expected.norm_before}
    assert all(p is before[name] and isinstance(p, torch.nn.Parameter) for name, p in model.named_parameters())
