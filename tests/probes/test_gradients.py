"""Flows against torch.autograd.grad row by row through an unrolled loop; paths against autograd's Jacobians."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from explorer import (
    CharModel,
    ConfigError,
    ModelConfig,
    TextError,
    Vocabulary,
    gradient_flow,
    jacobian_paths,
    lyapunov_exponents,
    score_text,
    weight_gradient_steps,
)
from explorer.batches import Cut
from explorer.models import NetKey
from explorer.probes import gradients
from explorer.probes.gradients import NonFinite
from explorer.probes.proof import flow_residual
from explorer.reads import read_of

TEXT = "a bird in the hand is worth two"
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "gru after": ModelConfig(hidden_size=6),
    "gru before": ModelConfig(hidden_size=6, reset="before"),
    "lstm": ModelConfig("lstm", hidden_size=6),
    "rnn tanh": ModelConfig("rnn", hidden_size=6),
    "rnn relu": ModelConfig("rnn", activation="relu", hidden_size=6),
    "rnn sigmoid": ModelConfig("rnn", activation="sigmoid", hidden_size=6),
    "gru after, embedding, three layers": ModelConfig(hidden_size=6, embedding_size=3, num_layers=3),
    "gru before, two layers": ModelConfig(hidden_size=6, reset="before", num_layers=2),
    "lstm, two layers": ModelConfig("lstm", hidden_size=6, num_layers=2),
    "cloze, two layers": ModelConfig(
        hidden_size=6, hidden_size_backward=4, num_layers=2, direction="bidirectional", objective="cloze"
    ),
    "cloze lstm": ModelConfig("lstm", hidden_size=5, direction="bidirectional", objective="cloze"),
    "leaky": ModelConfig(hidden_size=6, hidden_size_backward=3, direction="bidirectional", objective="leaky"),
    "parallel, two layers": ModelConfig(
        "rnn", hidden_size=6, hidden_size_backward=4, num_layers=2, direction="parallel"
    ),
}
NETS = [(name, net) for name, config in CONFIGS.items() for net in config.nets]
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
every_net = pytest.mark.parametrize(
    ("name", "net"), NETS, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v))
)


def model_of(config, gain=2.0):
    model = CharModel(config, VOCABULARY, seed=4).double()
    with torch.no_grad():  # larger weights than a fresh model's: gates that really open and close
        for parameter in model.parameters():
            parameter.mul_(gain)
    return model


def unrolled(model, text, weights_of=None, detach_at=None):
    """The textbook's loop, step by step under autograd: the states of every net (s[net][t] = (h,) or (h, c)) and all losses.

    Returns {asked character: loss}. weights_of(net, t) replaces a net's weights at a step; at
    detach_at every state is cut from those before it.
    """
    config, ids = model.config, model.vocabulary.encode(text)
    weights_of = weights_of or (lambda net, t: model.rnn.weights(net))
    x = model.embedding(ids) if model.embedding is not None else ids
    s = {}
    for net in config.nets:
        below = (net.direction,) if config.stacked_apart else config.directions
        steps = reversed(range(len(ids))) if config.reads_backward(net) else range(len(ids))
        state = tuple(torch.zeros(1, config.width(net)).double() for _ in range(1 + (config.cell == "lstm")))
        s[net] = {}
        for t in steps:
            if t == detach_at:
                state = tuple(part.detach() for part in state)
            read = x[t : t + 1] if net.layer == 0 else torch.cat([s[NetKey(net.layer - 1, d)][t][0] for d in below], 1)
            weights = weights_of(net, t)
            state = config.kind.state_of(config.kind.step(read, state, weights, config.variant))
            if not state[0].requires_grad:
                state = tuple(part.requires_grad_() for part in state)
            s[net][t] = state
    last = partial(NetKey, config.num_layers - 1)
    top = {d: s[NetKey(config.num_layers - 1, d)] for d in config.directions}

    def feature(direction, t):
        return top[direction][t][0] if t in top[direction] else torch.zeros(1, config.width(last(direction))).double()

    losses = {}
    for t in range(len(ids)):
        if config.objective == "cloze":
            features = torch.cat([feature("forward", t - 1), feature("backward", t + 1)], 1)
            losses[t] = F.cross_entropy(model.out(features), ids[t : t + 1])
        elif t + 1 < len(ids):
            features = torch.cat([feature(d, t) for d in config.directions], 1)
            losses[t + 1] = F.cross_entropy(model.out(features), ids[t + 1 : t + 2])
    return s, losses


def norm_of_gradient(loss, *state):
    """Norm at all of these parts of the state together; NaN where none of them is on the way."""
    gradients = torch.autograd.grad(loss, state, retain_graph=True, allow_unused=True)
    found = [float(gradient.norm()) for gradient in gradients if gradient is not None]
    return math.hypot(*found) if found else math.nan


@every_net
def test_the_flow_equals_autograd_row_by_row(name, net):
    model = model_of(CONFIGS[name])
    s, losses = unrolled(model, TEXT)
    flow = gradient_flow(model, TEXT, *net)
    steps = range(len(TEXT))
    parts = len(s[net][0])
    assert list(flow.parts) == ["h", "c"][:parts]
    mean = sum(losses.values()) / len(losses)
    # Each part of the state alone, then the whole state.
    for part, one in [(slice(i, i + 1), flow.alone(name)) for i, name in enumerate(flow.parts)] + [
        (slice(parts), flow)
    ]:
        expected_TT = np.full((len(TEXT), len(TEXT)), np.nan)
        for t in steps:
            if (asked := int(flow.asked_T[t])) >= 0:
                for k in range(t, len(TEXT)) if flow.backward else range(t + 1):
                    expected_TT[t, k] = norm_of_gradient(losses[asked], *s[net][k][part])
        assert np.isfinite(expected_TT).sum() >= len(TEXT) * (len(TEXT) - 1) // 2
        np.testing.assert_allclose(one.norms_TT, expected_TT, rtol=1e-10, atol=0)
        expected_T = [norm_of_gradient(mean, *s[net][k][part]) for k in steps]
        np.testing.assert_allclose(one.step_norms_T, np.nan_to_num(expected_T), rtol=1e-10, atol=1e-16)


FORWARD_NETS = [(name, net) for name, net in NETS if CONFIGS[name].direction != "bidirectional"]


@pytest.mark.parametrize(
    "cut", [Cut(7), Cut(7, 2), Cut(1), Cut(5, 3), Cut(40)], ids=lambda cut: "-".join(map(str, cut))
)
@pytest.mark.parametrize(
    ("name", "net"), FORWARD_NETS, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v))
)
def test_a_flow_that_is_cut_equals_autograd_through_states_that_are_detached(name, net, cut):
    model, steps = model_of(CONFIGS[name]), len(TEXT)
    flow, whole = gradient_flow(model, TEXT, *net, cut=cut), gradient_flow(model, TEXT, *net)
    reached = [max(0, (t // cut.steps - cut.batches + 1) * cut.steps) for t in range(steps)]
    expected_TT = np.full((steps, steps), np.nan)
    sums = [0.0] * steps
    for first in set(reached):
        s, losses = unrolled(model, TEXT, detach_at=first)
        for t in (t for t in range(steps) if reached[t] == first and flow.asked_T[t] >= 0):
            loss, parts = losses[int(flow.asked_T[t])], len(s[net][0])
            for k in range(t + 1):
                found = torch.autograd.grad(loss, s[net][k], retain_graph=True, allow_unused=True)
                if k < first:
                    assert found == (None,) * parts  # the graph has no way there
                    expected_TT[t, k] = 0
                    continue
                g = torch.cat([torch.zeros_like(s[net][k][0]) if g is None else g for g in found], 1)
                expected_TT[t, k], sums[k] = float(g.norm()), sums[k] + g / len(losses)
    np.testing.assert_allclose(flow.norms_TT, expected_TT, rtol=1e-10, atol=0)
    np.testing.assert_allclose(
        flow.step_norms_T, [float(torch.as_tensor(g).norm()) for g in sums], rtol=1e-9, atol=1e-16
    )
    assert flow.lambda_1 == whole.lambda_1
    assert flow.cut == cut
    if cut.steps >= steps:
        np.testing.assert_array_equal(flow.norms_TT, whole.norms_TT)


@pytest.mark.parametrize("cut", [Cut(0), Cut(-3), Cut(5, 0), Cut(2.5), Cut("7")])
def test_a_cut_that_makes_no_sense_is_refused_by_name(cut):
    with pytest.raises(ConfigError, match=r"^cut: expected "):
        gradient_flow(model_of(CONFIGS["gru after"]), TEXT, cut=cut)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_model_that_reads_from_the_end_is_not_cut(direction):
    with pytest.raises(ConfigError, match=r"^cut: "):
        gradient_flow(model_of(CONFIGS["cloze lstm"]), TEXT, 0, direction, cut=Cut(7))


def test_a_row_that_exploded_and_was_cut_does_not_take_the_others_out_of_the_mean():
    model = CharModel(ModelConfig("rnn", activation="linear", hidden_size=2), VOCABULARY, seed=0).double()
    with torch.no_grad():
        for parameter in model.rnn.parameters():
            parameter.zero_()
        model.rnn.weight_hh_l0.copy_(20 * torch.eye(2))  # states stay 0, gradients grow twentyfold a step
    flow = gradient_flow(model, (TEXT * 40)[:1200], cut=Cut(300, 2))
    living = np.isinf(flow.norms_TT[:, 590]).any()
    assert living
    assert np.isinf(flow.step_norms_T[590])


def step_jacobian(model, net, s, t):
    """J_t = ds_t/ds_{t-1} by autograd, from the states of an unrolled pass."""
    config, weights = model.config, model.rnn.weights(net)
    x = VOCABULARY.encode(TEXT)[t : t + 1]
    before = t + 1 if config.reads_backward(net) else t - 1
    zero = tuple(torch.zeros_like(part) for part in s[net][t])
    start = torch.cat([part.detach() for part in s[net].get(before, zero)], 1)[0]

    def step(s_S):
        parts = s_S.unsqueeze(0).chunk(len(zero), 1)
        return torch.cat(config.kind.state_of(config.kind.step(x, parts, weights, config.variant)), 1)[0]

    return torch.autograd.functional.jacobian(step, start)


ONE_LAYER = [(name, net) for name, net in NETS if CONFIGS[name].num_layers == 1]


@pytest.mark.parametrize(("name", "net"), ONE_LAYER, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v)))
def test_paths_and_singular_values_equal_those_of_autograds_jacobian(name, net):
    model = model_of(CONFIGS[name])
    s, losses = unrolled(model, TEXT)
    paths = jacobian_paths(model, TEXT, *net)
    assert list(paths.carried) == {"gru": ["copy", "update", "candidate"], "rnn": ["candidate"]}.get(
        model.config.cell, ["copy", "gates", "candidate"]
    )
    mean = sum(losses.values()) / len(losses)
    product = None
    order = range(len(TEXT)) if model.config.reads_backward(net) else reversed(range(len(TEXT)))
    for t in order:
        jacobian = step_jacobian(model, net, s, t)
        sigma = torch.linalg.svdvals(jacobian)
        assert paths.sigma_max_T[t] == pytest.approx(float(sigma[0]), rel=1e-9)
        assert paths.sigma_min_T[t] == pytest.approx(float(sigma[-1]), rel=1e-6, abs=1e-12)
        product = jacobian if product is None else product @ jacobian
        assert paths.log_product_T[t] == pytest.approx(float(product.norm().log()), abs=1e-8)
        gradient = torch.autograd.grad(mean, s[net][t], retain_graph=True, allow_unused=True)
        if gradient[0] is None:
            continue
        # The state's parts as independent places: at c, also what reaches it through h of the same step is counted out.
        g_S = torch.cat([torch.zeros_like(s[net][t][0]) if g is None else g for g in gradient], 1)[0]
        if len(gradient) == 1:
            assert paths.gain_T[t] == pytest.approx(float((g_S @ jacobian).norm() / g_S.norm()), rel=1e-9)
        if "copy" in paths.norms:
            bound = sum(norm_T[t] for norm_T in paths.norms.values())
            assert paths.norms["copy"][t] <= bound
            assert float(sigma[0]) <= bound * (1 + 1e-9)


def test_the_copy_path_is_the_update_gate_and_the_bound_is_pascanus():
    model = model_of(CONFIGS["gru before"])
    paths = jacobian_paths(model, TEXT)
    z_TH = explorer_gates(model)["z"]
    np.testing.assert_allclose(paths.norms["copy"], z_TH.max(1), atol=1e-6)
    assert paths.bound is None
    for name, gamma in (("rnn tanh", 1), ("rnn sigmoid", 0.25)):
        model = model_of(CONFIGS[name])
        expected = gamma * np.linalg.norm(model.rnn.weight_hh_l0.detach().numpy(), 2)
        paths = jacobian_paths(model, TEXT)
        assert paths.bound == pytest.approx(expected, rel=1e-10)
        assert (paths.sigma_max_T <= expected).all()


def explorer_gates(model):
    from explorer import trace_gates

    return trace_gates(model, TEXT).tape()


@every_net
def test_all_lyapunov_exponents_sum_to_the_log_determinants(name, net):
    if CONFIGS[name].num_layers > 1:
        pytest.skip("the Jacobians of an unrolled pass are made for one layer")
    model = model_of(CONFIGS[name])
    s, _ = unrolled(model, TEXT)
    if name == "rnn relu":
        pytest.skip("a relu's Jacobian is singular")
    width = s[net][0][0].shape[1] * len(s[net][0])
    spectrum = lyapunov_exponents(model, TEXT, width, *net)
    logs = [float(torch.linalg.slogdet(step_jacobian(model, net, s, t)).logabsdet) for t in range(len(TEXT))]
    assert spectrum.exponents_K.sum() == pytest.approx(np.mean(logs), rel=1e-9)
    assert spectrum.running_TK.shape == (len(TEXT), width)


@every_net
def test_the_flow_has_the_largest_exponent(name, net):
    model = model_of(CONFIGS[name])
    expected = lyapunov_exponents(model, TEXT, 1, *net).exponents_K[0]
    assert gradient_flow(model, TEXT, *net).lambda_1 == pytest.approx(expected, abs=1e-10)


def test_a_reading_that_is_there_already_is_used_and_anothers_refused():
    model, other = model_of(CONFIGS["gru after"]), model_of(CONFIGS["gru after"])
    known = read_of(model, TEXT)
    fresh = gradient_flow(model, TEXT)
    np.testing.assert_array_equal(gradient_flow(model, known).norms_TT, fresh.norms_TT)
    assert gradient_flow(model, read_of(model, "abc\r\nab")).labels == "abc\nab"
    for ask in (gradient_flow, jacobian_paths):
        with pytest.raises(ConfigError, match="read: expected a read of the same model"):
            ask(other, known)


def test_the_exponents_of_a_constant_jacobian_are_the_logs_of_its_eigenvalues():
    model = CharModel(ModelConfig("rnn", activation="relu", hidden_size=3), VOCABULARY, seed=0).double()
    with torch.no_grad():  # a > 0 throughout: J is U itself
        for parameter in model.parameters():
            parameter.zero_()
        model.rnn.bias_ih_l0.fill_(1)
        model.rnn.weight_hh_l0.copy_(torch.tensor([[0.9, 0.2, 0.1], [0, 0.5, 0.3], [0, 0, 0.25]]))
    exponents = lyapunov_exponents(model, TEXT * 40, 3).exponents_K
    np.testing.assert_allclose(exponents, np.log([0.9, 0.5, 0.25]), atol=5e-3)


@every_config
def test_the_weight_gradients_equal_autograds(config):
    model = model_of(config)
    ours = weight_gradient_steps(model, TEXT)
    names = dict(model.named_parameters())
    _, losses = unrolled(model, TEXT)
    mean = sum(losses.values()) / len(losses)
    expected = torch.autograd.grad(mean, list(names.values()))
    assert set(ours.total_norms) == set(names)
    for name, gradient in zip(names, expected, strict=True):
        assert ours.total_norms[name] == pytest.approx(float(gradient.norm()), rel=1e-9, abs=1e-14), name
        assert 0 <= ours.surviving_share[name] <= 1 + 1e-9


@every_net
def test_each_steps_part_is_what_a_weight_gets_from_being_used_there(name, net):
    model = model_of(CONFIGS[name])
    copies = [[p.detach().clone().requires_grad_() for p in model.rnn.weights(net)] for _ in TEXT]
    kind = type(model.rnn.weights(net))
    _, losses = unrolled(model, TEXT, lambda n, t: kind(*copies[t]) if n == net else model.rnn.weights(n))
    mean = sum(losses.values()) / len(losses)
    ours = weight_gradient_steps(model, TEXT).norms_T
    flat = torch.autograd.grad(mean, [p for copy in copies for p in copy], allow_unused=True)
    for i, part in enumerate(("weight_ih", "weight_hh", "bias_ih", "bias_hh")):
        expected_T = [0.0 if g is None else float(g.norm()) for g in flat[i::4]]
        np.testing.assert_allclose(ours[f"rnn.{part}{net.suffix}"], expected_T, rtol=1e-9, atol=1e-15)


@every_config
def test_the_model_is_left_as_it_was_found(config):
    model = model_of(config).train()
    model.out.weight.requires_grad_(False)
    model.rnn.weight_ih_l0.requires_grad_(False)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    random = torch.random.get_rng_state()
    top = config.num_layers - 1
    gradient_flow(model, TEXT, top)
    jacobian_paths(model, TEXT, top)
    lyapunov_exponents(model, TEXT, 2, top)
    weight_gradient_steps(model, TEXT)
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert {name: p.requires_grad for name, p in model.named_parameters()} == wanted
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert torch.equal(torch.random.get_rng_state(), random)


@every_config
@pytest.mark.parametrize("text", ["", "a", "☃☃☃", "a\r\nb\ud800"])
def test_odd_texts(config, text):
    model = CharModel(config, VOCABULARY, seed=0)
    flow = gradient_flow(model, text, config.num_layers - 1)
    paths = jacobian_paths(model, text, config.num_layers - 1)
    assert flow.norms_TT.shape == (len(flow), len(flow))
    assert lyapunov_exponents(model, text, 1, config.num_layers - 1).exponents_K.shape == (1,)
    if len(text) < 2:
        assert np.isnan(flow.norms_TT).all()
        assert flow.half_life_steps is flow.horizon_steps is flow.slope_per_step is None
    else:
        assert np.isfinite(np.diagonal(flow.norms_TT)).sum() == len(flow) - 1
        assert len(paths.gain_T) == len(flow)
    if len(text) < (1 if config.objective == "cloze" else 2):
        with pytest.raises(TextError, match=r"at least .* got"):
            weight_gradient_steps(model, text)


def test_the_losses_are_those_the_score_counts():
    for name in ("gru after", "cloze lstm", "leaky"):
        model = model_of(CONFIGS[name])
        _, losses = unrolled(model, TEXT)
        score = score_text(model.float(), TEXT)
        mean = sum(loss.item() for loss in losses.values()) / len(losses)
        assert score.mean_nll_nats == pytest.approx(mean, abs=1e-5)
        assert gradient_flow(model, TEXT).asked_T[:3].tolist() == [1, 2, 3]
    backward = gradient_flow(model_of(CONFIGS["cloze lstm"]), TEXT, 0, "backward")
    assert backward.asked_T[:3].tolist() == [-1, 0, 1]


def test_in_single_precision_a_vanished_gradient_is_a_number_and_right():
    text = TEXT * 12
    model = model_of(CONFIGS["rnn tanh"], gain=0.25)
    exact = gradient_flow(model, text)
    single = gradient_flow(model.float(), text)
    assert single.norms_TT[-2, 0] < 1e-100  # float32 ends at 1e-45
    defined = exact.norms_TT > 0
    np.testing.assert_allclose(single.norms_TT[defined], exact.norms_TT[defined], rtol=1e-2)
    np.testing.assert_allclose(single.step_norms_T, exact.step_norms_T, rtol=1e-3, atol=1e-30)


def test_half_life_and_horizon_are_those_of_the_median():
    # Shares by hand at lag 1: four losses keep all, five keep 0.4, one keeps 100 of it. Their median is 0.4, their mean 10.6.
    flow = gradient_flow(model_of(CONFIGS["gru after"]), TEXT[:12])
    norms_TT = np.where(np.isnan(flow.norms_TT), np.nan, 1.0)
    for t, share in zip(range(1, 11), [1, 1, 1, 1, 0.4, 0.4, 0.4, 0.4, 0.4, 100], strict=True):
        norms_TT[t, t - 1] = share
    by_hand = replace(flow, norms_TT=norms_TT)
    assert by_hand.median_L[1] == pytest.approx(0.7)  # ten losses: between 0.4 and 1
    norms_TT[4, 3] = 0.4
    by_hand = replace(flow, norms_TT=norms_TT)
    assert by_hand.median_L[1] == pytest.approx(0.4)
    assert by_hand.half_life_steps == 1
    assert by_hand.horizon_steps is None


def test_facts_cannot_be_changed():
    flow = gradient_flow(model_of(CONFIGS["gru after"]), TEXT)
    for array in (flow.norms_TT, flow.step_norms_T, flow.directions_TS):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def linear_model(gain, hidden=4):
    """A relu cell whose Jacobian is gain * I at every step: the flow is known by hand."""
    model = CharModel(ModelConfig("rnn", activation="relu", hidden_size=hidden), VOCABULARY, seed=0).double()
    with torch.no_grad():
        model.rnn.weight_hh_l0.copy_(torch.eye(hidden, dtype=torch.float64) * gain)
        model.rnn.weight_ih_l0.abs_()
        model.rnn.bias_ih_l0.fill_(0.1)
        model.rnn.bias_hh_l0.zero_()
    return model


@pytest.mark.parametrize(
    ("gain", "half", "horizon"), [(0.5, 2, 7), (0.9, 7, None), (1.0, None, None), (1.5, None, None)]
)
def test_half_life_horizon_and_slope_by_hand(gain, half, horizon):
    flow = gradient_flow(linear_model(gain), TEXT)
    np.testing.assert_allclose(flow.median_L[:20], gain ** np.arange(20), rtol=1e-10)
    assert flow.half_life_steps == half  # 0.5 ** 1 is not *under* one half
    assert flow.horizon_steps == horizon
    assert flow.slope_per_step == pytest.approx(math.log(gain), abs=1e-12)
    assert flow.rows_L[0] == len(TEXT) - 1


def test_an_exploding_gradient_beyond_float32_is_a_number():
    model = linear_model(1e3).float()
    with torch.no_grad():  # the state itself stays at zero, on the open side of the relu's kink
        model.rnn.weight_ih_l0.zero_()
        model.rnn.bias_ih_l0.fill_(1e-38)
    text = TEXT[:12]
    flow = gradient_flow(model, text)
    assert flow.non_finite is None
    np.testing.assert_allclose(flow.median_L[:10], 1e3 ** np.arange(10), rtol=1e-5)


def test_what_is_not_finite_is_named():
    model = model_of(CONFIGS["gru after"])
    with torch.no_grad():
        model.rnn.weight_hh_l0[2, 1] = torch.nan
    assert str(gradient_flow(model, TEXT).non_finite) == "rnn.weight_hh_l0, entry 13"
    model = linear_model(1e20).float()
    flow = gradient_flow(model, TEXT)
    assert str(flow.non_finite.what) == "state h of layer 0, forward"
    h_TH = model.states(VOCABULARY.encode(TEXT).unsqueeze(1))[0][NetKey(0, "forward")][:, 0]
    first = int((~h_TH.isfinite()).any(1).nonzero()[0])
    assert flow.non_finite.step == first
    assert gradient_flow(model_of(CONFIGS["lstm"]), TEXT).non_finite is None


def test_requests_that_make_no_sense():
    leaky = ModelConfig("lstm", hidden_size=5, num_layers=2, direction="bidirectional", objective="leaky")
    model = model_of(leaky)
    with pytest.raises(ConfigError, match=r"layer: expected the last layer \(1\).*got 0"):
        gradient_flow(model, TEXT)
    with pytest.raises(ConfigError, match=r"net: expected one of .*layer 1, forward.*got layer 7, forward"):
        gradient_flow(model, TEXT, 7)
    with pytest.raises(ConfigError, match="k: expected a whole number from 1 to 10"):
        lyapunov_exponents(model, TEXT, 11, 1)
    with pytest.raises(TextError, match="at most 4,000"):
        gradient_flow(model, "a" * 4_001, 1)
    assert np.isfinite(gradient_flow(model, TEXT, 1).norms_TT[3, :4]).all()


@every_net
def test_the_proof_holds_and_can_fail(name, net):
    model = model_of(CONFIGS[name])
    flow = gradient_flow(model, TEXT, *net)
    assert flow_residual(read_of(model, TEXT), flow) < 1e-10
    assert flow_residual(read_of(model, TEXT), replace(flow, norms_TT=flow.norms_TT * 1.01)) == pytest.approx(
        0.01, rel=1e-6
    )
    # One entry of any of the three rows, off the diagonal too, is enough: the first, middle and last loss read early on.
    order = [t for t in (range(len(TEXT))[::-1] if flow.backward else range(len(TEXT))) if flow.asked_T[t] >= 0]
    for row in (order[0], order[(len(order) - 1) // 2], order[-1]):
        for step in {row, order[0]}:
            spoiled = flow.norms_TT.copy()
            spoiled[row, step] *= 1.01
            assert flow_residual(read_of(model, TEXT), replace(flow, norms_TT=spoiled)) == pytest.approx(0.01, rel=1e-6)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert flow_residual(read_of(model, TEXT), flow) < 1e-10
    assert flow_residual(read_of(model, "a"), gradient_flow(model, "a", *net)) is None


def test_the_proof_of_a_chaotic_net_is_along_its_own_states():
    # In single precision another way of computing the same states is soon elsewhere; the gradients are proved all the same.
    model = CharModel(ModelConfig("rnn", hidden_size=128), VOCABULARY, seed=0)
    with torch.no_grad():
        model.rnn.weight_hh_l0.mul_(6)
    assert lyapunov_exponents(model, TEXT * 2, 1).exponents_K[0] > 0.3
    assert flow_residual(read_of(model, TEXT * 2), gradient_flow(model, TEXT * 2)) < 1e-3


@every_net
def test_a_flow_that_is_there_saves_the_sweep_and_changes_nothing(name, net):
    model = model_of(CONFIGS[name])
    flow = gradient_flow(model, TEXT, *net)
    with_flow = jacobian_paths(model, TEXT, *net, singular_values=False, flow=flow)
    without = jacobian_paths(model, TEXT, *net, singular_values=False)
    np.testing.assert_allclose(with_flow.gain_T, without.gain_T, rtol=1e-9)
    for path, carried_T in without.carried.items():
        np.testing.assert_allclose(with_flow.carried[path], carried_T, rtol=1e-9, err_msg=path)
    with pytest.raises(ConfigError, match="flow: expected one of the same text"):
        jacobian_paths(model, TEXT[1:], *net, flow=flow)


def path_alone(config, path, x, s_prev, weights):
    """One step under autograd in which only one path of the cell sees the state before it; what the gradient leaves by."""
    step = config.kind.step(x, s_prev, weights, config.variant)
    if config.cell == "gru":
        h, z, n = (part if on == path else part.detach() for on, part in
                   (("copy", s_prev[0]), ("update", step.z), ("candidate", step.n)))  # fmt: skip
        return (z * h + (1 - z) * n,)
    if config.cell == "rnn":
        return (step.h,)
    i, f, g, o = step[2:]
    i, f, o = (part if path == "gates" else part.detach() for part in (i, f, o))
    g, c = (g if path == "candidate" else g.detach()), (s_prev[1] if path == "copy" else s_prev[1].detach())
    c_new = f * c + i * g
    return o * torch.tanh(c_new), c_new


@pytest.mark.parametrize(("name", "net"), ONE_LAYER, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v)))
def test_what_each_path_carries_equals_autograd_through_that_path_alone(name, net):
    model = model_of(CONFIGS[name])
    config, weights = model.config, model.rnn.weights(net)
    s, losses = unrolled(model, TEXT)
    mean = sum(losses.values()) / len(losses)
    paths = jacobian_paths(model, TEXT, *net, singular_values=False)
    checked = 0
    for t in range(1, len(TEXT) - 1):
        before = t + 1 if config.reads_backward(net) else t - 1
        gradient = torch.autograd.grad(mean, s[net][t], retain_graph=True, allow_unused=True)
        if before not in s[net] or gradient[0] is None:
            continue
        s_prev = [part.detach().requires_grad_() for part in s[net][before]]
        size = math.hypot(*(float(g.norm()) for g in gradient))
        x = VOCABULARY.encode(TEXT)[t : t + 1]
        for path, carried_T in paths.carried.items():
            out = path_alone(config, path, x, s_prev, weights)
            if config.cell == "lstm":  # the gradient at c has in it what came through h: here h sees only its own gate
                tanh_c = torch.tanh(out[1].detach())
                seen = [part if path == "gates" else part.detach() for part in s_prev]
                o = config.kind.step(x, seen, weights, config.variant).o
                out = (o * tanh_c, out[1])
            wanted = [(part, g) for part, g in zip(out, gradient, strict=True) if part.requires_grad]
            got = torch.autograd.grad([w[0] for w in wanted], s_prev, [w[1] for w in wanted], allow_unused=True)
            expected = math.hypot(*(float(g.norm()) for g in got if g is not None))
            assert carried_T[t] == pytest.approx(expected / size, rel=1e-9, abs=1e-14), path
            checked += 1
    assert checked > 20


EDITS = ("a bird in the hand is worth tw", "a bird in the band is worth two", "a", "", "two birds", TEXT)


@every_net
@pytest.mark.parametrize("before", EDITS)
def test_a_flow_taken_up_after_an_edit_is_the_same_as_a_new_one(name, net, before):
    model = model_of(CONFIGS[name])
    read, earlier = read_of(model, TEXT), read_of(model, before)
    new, known = gradient_flow(model, read, *net), gradient_flow(model, earlier, *net)
    taken_up = gradient_flow(model, read, *net, earlier=(earlier, known))
    for field in ("norms_TT", "step_norms_T", "directions_TS", "lambda_1"):
        np.testing.assert_allclose(getattr(taken_up, field), getattr(new, field), rtol=1e-9, atol=1e-18)
    for part, (norms_TT, _) in taken_up.parts.items():
        np.testing.assert_allclose(norms_TT, new.parts[part][0], rtol=1e-9)


@pytest.fixture
def rows(monkeypatch):
    """How many losses each sweep carried a row of its own for."""
    carried = []

    class Counted(gradients.Sweep):
        def __init__(self, *about, **more):
            super().__init__(*about, **more)
            carried.append(len(self.exponent) - 2)  # without the mean and the random direction

    monkeypatch.setattr(gradients, "Sweep", Counted)
    return carried


@pytest.mark.parametrize(
    ("name", "before", "after", "carried"),
    [
        ("gru after", TEXT[:-1], TEXT, 2),  # of the loss that is new, and of the last step, which has none
        ("gru after", TEXT, TEXT[:-1], 1),
        ("gru after", TEXT, TEXT, 1),
        ("gru after", "b" + TEXT[1:], TEXT, 31),
        ("gru after", TEXT[:9] + "b" + TEXT[10:], TEXT, 31 - 8),
        ("lstm, two layers", TEXT[:9], TEXT, 31 - 8),
        ("parallel, two layers", TEXT[:-1], TEXT, 2),
        ("cloze lstm", TEXT[:-1], TEXT, 31),  # what is read from the end may be different at every step
        ("leaky", TEXT[:-1], TEXT, 31),
    ],
)
def test_only_what_an_edit_may_have_changed_is_computed(rows, name, before, after, carried):
    model = model_of(CONFIGS[name])
    earlier = read_of(model, before)
    last = model.config.nets[-1]
    known = gradient_flow(model, earlier, *last)
    gradient_flow(model, after, *last, earlier=(earlier, known))
    assert rows == [len(before), carried]


def test_a_flow_that_does_not_fit_is_not_taken_up(rows):
    two = CONFIGS["lstm, two layers"]
    model, other = model_of(two), model_of(two)
    earlier = read_of(model, TEXT)
    known, cut = gradient_flow(model, earlier), gradient_flow(model, earlier, cut=Cut(5, 1))
    broken = replace(known, non_finite=NonFinite("out.bias", None, 0))
    rows.clear()
    gradient_flow(other, TEXT, earlier=(earlier, known))
    gradient_flow(model, TEXT, layer=1, earlier=(earlier, known))
    gradient_flow(model, TEXT, cut=Cut(5, 1), earlier=(earlier, known))
    gradient_flow(model, TEXT, earlier=(earlier, cut))
    gradient_flow(model, TEXT, earlier=(earlier, broken))
    gradient_flow(model, TEXT, earlier=(earlier, known.alone("c")))
    with torch.no_grad():
        model.out.bias.add_(0.1)  # it learned on
    gradient_flow(model, TEXT, earlier=(earlier, known))
    assert rows == [31] * 7
