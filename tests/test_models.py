"""Models: what a configuration may say, what its network sees, how it starts, and what it writes."""

import dataclasses
import math
import re
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode

from explorer.models import CharModel, ConfigError, ModelConfig, NetKey
from explorer.text import UNKNOWN, Vocabulary

assert_close = partial(torch.testing.assert_close, atol=1e-13, rtol=1e-13)
STEPS, BATCH, HIDDEN = 7, 2, 5
VOCABULARY = Vocabulary((UNKNOWN, *"abcdefg"), (0,) + (1,) * 7)
KINDS = {
    "forward": dict(direction="forward", objective="next"),
    "parallel": dict(direction="parallel", objective="next"),
    "leaky": dict(direction="bidirectional", objective="leaky"),
    "cloze": dict(direction="bidirectional", objective="cloze"),
}
CELLS = [
    dict(cell="rnn", activation="tanh"),
    dict(cell="rnn", activation="relu"),
    dict(cell="rnn", activation="sigmoid"),
    dict(cell="gru", reset="before"),
    dict(cell="gru", reset="after"),
    dict(cell="lstm"),
]
TORCH_CELLS = {
    "rnn": (dict(cell="rnn", activation="tanh"), nn.RNN),
    "gru": (dict(cell="gru", reset="after"), nn.GRU),
    "lstm": (dict(cell="lstm"), nn.LSTM),
}

every_kind = pytest.mark.parametrize("kind", KINDS)
every_cell = pytest.mark.parametrize("fields", CELLS, ids=lambda fields: "-".join(fields.values()))


def make(kind, fields, *, seed=3, double=True, **more):
    options = {"hidden_size": HIDDEN} | KINDS[kind] | fields | more
    model = CharModel(ModelConfig(**options), VOCABULARY, seed=seed)
    return model.double() if double else model


def random_ids(steps=STEPS, batch=BATCH, seed=8):
    return torch.randint(0, len(VOCABULARY), (steps, batch), generator=torch.Generator().manual_seed(seed))


def random_state(model, batch=BATCH, seed=9):
    generator = torch.Generator().manual_seed(seed)
    parts = 2 if model.config.cell == "lstm" else 1

    def part(net):
        units = model.rnn.weights(net).w_hh_GH.shape[1]
        return torch.randn(batch, units, dtype=torch.float64, generator=generator)

    return {net: tuple(part(net) for _ in range(parts)) for net in model.config.nets}


# --- What a configuration may say ---


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", ["forward", "parallel", "leaky"])
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_parameter_names_and_shapes_equal_torch_nn(cell, kind, layers):
    fields, torch_cell = TORCH_CELLS[cell]
    model = make(kind, fields, num_layers=layers)
    both = kind != "forward"
    oracle = torch_cell(len(VOCABULARY), HIDDEN, num_layers=layers, bidirectional=both)
    expected = {f"rnn.{name}": tuple(value.shape) for name, value in oracle.state_dict().items()}
    features = HIDDEN * (2 if both else 1)
    expected |= {"out.weight": (len(VOCABULARY), features), "out.bias": (len(VOCABULARY),)}
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == expected
    assert {name: tuple(p.shape) for name, p in model.named_parameters() if p.requires_grad} == expected
    assert model.config.parameter_shapes(len(VOCABULARY)) == expected


@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_a_cloze_model_is_two_one_way_stacks_of_torch_nn(cell):
    fields, torch_cell = TORCH_CELLS[cell]
    model = make("cloze", fields, num_layers=3, hidden_size_backward=4, embedding_size=6)
    expected = {"embedding.weight": (len(VOCABULARY), 6)}
    for width, ending in ((HIDDEN, ""), (4, "_reverse")):
        for name, value in torch_cell(6, width, num_layers=3).state_dict().items():
            expected[f"rnn.{name}{ending}"] = tuple(value.shape)
    expected |= {"out.weight": (len(VOCABULARY), HIDDEN + 4), "out.bias": (len(VOCABULARY),)}
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == expected
    assert model.config.parameter_shapes(len(VOCABULARY)) == expected


CHOICE_FIELDS = ["cell", "reset", "activation", "direction", "objective", "init"]
SIZE_FIELDS = ["hidden_size", "num_layers", "hidden_size_backward", "embedding_size", "chrono_t_max"]
WRONG_SIZES = [0, -1, 10_000_000, True, 1.5, 8.0, "8", float("nan"), np.float64(8), np.bool_(True), [8]]


@pytest.mark.parametrize("value", ["", "GRU", "transformer", None, 1, True, ["gru"]], ids=repr)
@pytest.mark.parametrize("field", CHOICE_FIELDS)
def test_a_word_outside_the_choices_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"^{field}: .*expected.*{re.escape(repr(value))}"):
        ModelConfig(**{field: value})


@pytest.mark.parametrize("value", WRONG_SIZES, ids=repr)
@pytest.mark.parametrize("field", SIZE_FIELDS)
def test_a_size_that_is_not_a_sensible_whole_number_is_refused_by_name(field, value):
    direction = {"direction": "parallel"} if field == "hidden_size_backward" else {}
    with pytest.raises(ConfigError, match=rf"^{field}: .*expected.*{re.escape(repr(value))}"):
        ModelConfig(**direction, **{field: value})


NONSENSE = [
    (dict(direction="bidirectional", objective="next"), "objective", "next"),
    (dict(direction="bidirectional"), "objective", "next"),
    (dict(direction="forward", objective="cloze"), "objective", "cloze"),
    (dict(direction="forward", objective="leaky"), "objective", "leaky"),
    (dict(direction="parallel", objective="cloze"), "objective", "cloze"),
    (dict(direction="parallel", objective="leaky"), "objective", "leaky"),
    (dict(hidden_size_backward=3), "hidden_size_backward", "3"),
    (dict(cell="rnn", init="chrono"), "init", "chrono"),
    (dict(init="chrono", chrono_t_max=2), "chrono_t_max", "2"),
    (dict(hidden_size=None), "hidden_size", "None"),
    (dict(num_layers=None), "num_layers", "None"),
    (dict(hidden_size=100_000), "hidden_size", "100000"),
    (dict(hidden_size=4097), "hidden_size", "4097"),
    (dict(num_layers=9), "num_layers", "9"),
    (dict(direction="parallel", hidden_size_backward=4097), "hidden_size_backward", "4097"),
    (dict(embedding_size=4097), "embedding_size", "4097"),
]


@pytest.mark.parametrize(("fields", "named", "came"), NONSENSE, ids=str)
def test_nonsense_is_refused_in_one_line_with_the_name_of_the_field(fields, named, came):
    with pytest.raises(ConfigError) as refusal:
        ModelConfig(**fields)
    assert re.search(rf"\b{named}\b", str(refusal.value))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("fields", "named", "came"), NONSENSE, ids=str)
def test_a_refusal_says_what_was_expected_and_what_came(fields, named, came):
    with pytest.raises(ConfigError, match=rf"expect.*\bgot\b.*\b{came}\b"):
        ModelConfig(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        dict(hidden_size=1),
        dict(hidden_size=4096, num_layers=8),
        dict(direction="parallel", hidden_size_backward=1),
        dict(direction="bidirectional", objective="cloze", hidden_size_backward=4096),
        dict(direction="bidirectional", objective="leaky", embedding_size=1),
        dict(init="chrono", chrono_t_max=3),
        dict(cell="lstm", init="chrono", chrono_t_max=1_000_000),
        dict(cell="rnn", init="normal", activation="sigmoid"),
    ],
    ids=str,
)
def test_sensible_configurations_are_accepted_as_they_are(fields):
    config = ModelConfig(**fields)
    assert {name: getattr(config, name) for name in fields} == fields


def test_a_configuration_is_checked_again_when_a_field_is_replaced_and_cannot_be_changed_in_place():
    config = ModelConfig()
    with pytest.raises(ConfigError, match=r"^objective"):
        dataclasses.replace(config, direction="bidirectional")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.hidden_size = 3


class Recorder(TorchFunctionMode):
    """Notes every call into torch, the making of empty tensors among them."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls.append(func)
        return func(*args, **(kwargs or {}))


def test_too_many_parameters_are_refused_before_any_tensor_is_made():
    config = ModelConfig("lstm", hidden_size=4096, num_layers=8, **KINDS["leaky"])
    inputs = [8] + 7 * [2 * 4096]
    total = sum(2 * 4 * 4096 * (width + 4096 + 2) for width in inputs) + 8 * (2 * 4096 + 1)  # 12 GB
    recorder = Recorder()
    with recorder, pytest.raises(ConfigError, match=f"6,000,000.*{total:,}"):
        CharModel(config, VOCABULARY)
    assert recorder.calls == []
    with recorder:
        make("forward", {})
    assert torch.empty in recorder.calls


def test_the_limit_is_six_million_parameters():
    def parameters(hidden):  # a plain net on 8 symbols: W 8H, U H^2, two biases, and 8(H + 1) for the output
        return hidden * (8 + hidden + 2) + 8 * (hidden + 1)

    assert parameters(2440) <= 6_000_000 < parameters(2441)
    model = CharModel(ModelConfig("rnn", hidden_size=2440), VOCABULARY, seed=0)
    assert sum(p.numel() for p in model.parameters()) == parameters(2440)
    with pytest.raises(ConfigError, match=f"{parameters(2441):,}"):
        CharModel(ModelConfig("rnn", hidden_size=2441), VOCABULARY, seed=0)


# --- What the network computes ---


def torch_logits(model, torch_cell, ids_TB):
    """The whole model out of one-way, one-layer torch.nn cells, its wiring written down once more."""
    config, parameters = model.config, model.state_dict()
    if config.embedding_size:
        x = parameters["embedding.weight"][ids_TB]
    else:
        x = torch.eye(len(VOCABULARY), dtype=torch.float64)[ids_TB]
    sides = ["", "_reverse"] if config.direction != "forward" else [""]
    below = dict.fromkeys(sides, x)
    for layer in range(config.num_layers):
        states = {}
        for side in sides:
            net = {
                part: parameters[f"rnn.{part}_l{layer}{side}"]
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            cell = torch_cell(below[side].shape[-1], net["weight_hh"].shape[1]).double()
            cell.load_state_dict({f"{part}_l0": value for part, value in net.items()})
            flipped = side == "_reverse" and config.direction == "bidirectional"
            read = below[side].flip(0) if flipped else below[side]
            with torch.no_grad():
                h = cell(read)[0]
            states[side] = h.flip(0) if flipped else h
        joined = torch.cat([*states.values()], -1)
        below = states if config.objective == "cloze" else dict.fromkeys(sides, joined)
    if config.objective == "cloze":
        features = torch.zeros_like(joined)
        width = states[""].shape[-1]
        for t in range(len(ids_TB)):
            if t > 0:
                features[t, :, :width] = states[""][t - 1]
            if t < len(ids_TB) - 1:
                features[t, :, width:] = states["_reverse"][t + 1]
        joined = features
    return joined @ parameters["out.weight"].T + parameters["out.bias"]


@pytest.mark.parametrize("more", [{}, dict(num_layers=3, embedding_size=3)], ids=["one-hot", "3-layers-embedding"])
@every_kind
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_logits_equal_a_network_wired_from_torch_nn(cell, kind, more):
    fields, torch_cell = TORCH_CELLS[cell]
    second = {} if kind == "forward" else dict(hidden_size_backward=3)
    model = make(kind, fields, **second, **more)
    ids_TB = random_ids()
    logits_TBV, last = model(ids_TB)
    assert_close(logits_TBV, torch_logits(model, torch_cell, ids_TB))
    widths = {net: HIDDEN if net.direction == "forward" else 3 for net in model.config.nets}
    assert {net: tuple(parts[0].shape) for net, parts in last.items()} == {
        net: (BATCH, width) for net, width in widths.items()
    }


@every_kind
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_a_text_of_one_character_has_logits(cell, kind):
    fields, torch_cell = TORCH_CELLS[cell]
    model = make(kind, fields)
    ids_TB = random_ids(steps=1)
    logits_TBV, _ = model(ids_TB)
    assert_close(logits_TBV, torch_logits(model, torch_cell, ids_TB))
    if kind == "cloze":  # nothing stands around it: only the output bias is left
        assert torch.equal(logits_TBV, model.out.bias.expand(1, BATCH, -1))


def reach(kind):
    """[t, s]: do the logits at t depend on character s?"""
    t, s = torch.meshgrid(torch.arange(STEPS), torch.arange(STEPS), indexing="ij")
    return {
        "forward": s <= t,
        "parallel": s <= t,
        "cloze": s != t,
        "leaky": torch.ones_like(s, dtype=torch.bool),
    }[kind]


def with_every_unit_alive(model):
    """For relu, positive parameters: a dead unit would hide what the wiring lets through."""
    if model.config.activation == "relu":
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.abs_()
    return model


@pytest.mark.parametrize("layers", [1, 2, 3])
@every_kind
@every_cell
def test_logits_change_bit_for_bit_with_exactly_the_characters_the_objective_allows(fields, kind, layers):
    model = with_every_unit_alive(make(kind, fields, num_layers=layers))
    ids_TB = random_ids()
    with torch.no_grad():
        logits_TBV, _ = model(ids_TB)
        columns = []
        for s in range(STEPS):
            other_TB = ids_TB.clone()
            other_TB[s] = (ids_TB[s] + 1) % len(VOCABULARY)
            columns.append((model(other_TB)[0] != logits_TBV).any(-1).any(-1))
    assert torch.equal(torch.stack(columns, 1), reach(kind))


@pytest.mark.parametrize("layers", [1, 3])
@every_kind
@every_cell
def test_gradients_reach_exactly_the_inputs_the_objective_allows(fields, kind, layers):
    model = with_every_unit_alive(make(kind, fields, num_layers=layers, embedding_size=4))
    seen = []
    model.embedding.register_forward_hook(lambda module, args, output: seen.append(output))
    logits_TBV, _ = model(random_ids())
    (x_TBE,) = seen
    pull_V = torch.randn(len(VOCABULARY), dtype=torch.float64, generator=torch.Generator().manual_seed(10))
    rows = [torch.autograd.grad((logits_BV @ pull_V).sum(), x_TBE, retain_graph=True)[0] for logits_BV in logits_TBV]
    reached = torch.stack([(row != 0).any(-1).any(-1) for row in rows])
    assert torch.equal(reached, reach(kind))


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from(["forward", "parallel"]),
    fields=st.sampled_from(CELLS),
    layers=st.integers(1, 3),
    pieces=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    seed=st.integers(0, 2**32),
)
def test_a_text_in_pieces_gives_what_the_whole_text_gives(kind, fields, layers, pieces, seed):
    second = {} if kind == "forward" else dict(hidden_size_backward=3)
    model = make(kind, fields, num_layers=layers, seed=seed, **second)
    ids_TB, first = random_ids(sum(pieces), seed=seed), random_state(model, seed=seed)
    whole_TBV, whole_last = model(ids_TB, first)
    logits, state = [], first
    for piece_TB in ids_TB.split(pieces):
        logits_TBV, state = model(piece_TB, state)
        logits.append(logits_TBV)
        state = model.carried(state)
    assert_close(torch.cat(logits), whole_TBV)
    for net, parts in whole_last.items():
        assert_close(state[net], parts)


@every_kind
def test_what_is_carried_is_cut_from_the_graph_and_zero_where_a_net_reads_backward(kind):
    model = make(kind, dict(cell="lstm"), num_layers=2)
    _, last = model(random_ids(), random_state(model))
    carried = model.carried(last)
    assert set(carried) == set(last)
    for net, parts in carried.items():
        assert len(parts) == 2
        for part, before in zip(parts, last[net], strict=True):
            assert before.requires_grad
            assert not part.requires_grad
            zero = kind in ("leaky", "cloze") and net.direction == "backward"
            assert torch.equal(part, torch.zeros_like(before) if zero else before)


@every_kind
def test_only_a_cloze_model_is_asked_for_the_character_it_stands_at(kind):
    x_TB, y_TB = random_ids(seed=1), random_ids(seed=2)
    assert make(kind, {}).target(x_TB, y_TB) is (x_TB if kind == "cloze" else y_TB)


def swapped(parameters, joined):
    """The parameters with the two directions exchanged, and with them the halves of whatever reads both."""
    result = {}
    for name, value in parameters.items():
        reads_both = name == "out.weight" or (joined and "weight_ih" in name and "_l0" not in name)
        if name.startswith("rnn."):
            name = name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse"
        result[name] = value.roll(HIDDEN, 1) if reads_both else value
    return result


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", ["leaky", "cloze"])
@every_cell
def test_a_reversed_text_read_with_swapped_directions_gives_mirrored_states(fields, kind, layers):
    model, mirror = (make(kind, fields, num_layers=layers, seed=seed) for seed in (3, 4))
    mirror.load_state_dict(swapped(model.state_dict(), joined=kind == "leaky"))
    other = {"forward": "backward", "backward": "forward"}
    ids_TB, first = random_ids(), random_state(model)
    mirror_first = {NetKey(net.layer, other[net.direction]): parts for net, parts in first.items()}
    h, last = model.states(ids_TB, first)
    mirror_h, mirror_last = mirror.states(ids_TB.flip(0), mirror_first)
    for net in model.config.nets:
        opposite = NetKey(net.layer, other[net.direction])
        assert_close(mirror_h[opposite], h[net].flip(0))
        assert_close(mirror_last[opposite], last[net])
    assert_close(mirror(ids_TB.flip(0), mirror_first)[0], model(ids_TB, first)[0].flip(0))


@every_kind
@every_cell
def test_every_model_works_in_double_precision_and_agrees_with_single(fields, kind):
    single, double = (make(kind, fields, num_layers=2, embedding_size=3, double=d) for d in (False, True))
    ids_TB = random_ids()
    logits_TBV, last = double(ids_TB)
    assert {logits_TBV.dtype, *(part.dtype for parts in last.values() for part in parts)} == {torch.float64}
    expected_TBV, _ = single(ids_TB)
    assert expected_TBV.dtype == torch.float32
    torch.testing.assert_close(logits_TBV.float(), expected_TBV, atol=1e-5, rtol=0)
    logits_TBV.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float64 for p in double.parameters())
    if double.config.objective == "next":
        assert len(double.generate("ab", 3)) == 5
    elif double.config.objective == "cloze":
        assert len(double.fill("abc", 1, k=3)) == 3


# --- How it starts ---


@every_kind
@pytest.mark.parametrize("init", ["torch", "normal", "chrono"])
def test_a_seed_decides_the_weights_whatever_the_global_generator_did(init, kind):
    def weights(seed, global_seed):
        torch.manual_seed(global_seed)
        return make(kind, dict(init=init, embedding_size=3), seed=seed).state_dict()

    one, same, other = weights(5, 1), weights(5, 2), weights(6, 1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    drawn = [name for name in one if not (init == "normal" and "bias" in name)]
    assert not any(torch.equal(one[name], other[name]) for name in drawn)


def test_without_a_seed_the_global_generator_decides():
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(make("forward", {}, seed=None).state_dict()["rnn.weight_hh_l0"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def assert_uniform(values, low, high, what):
    """Inside the bounds up to rounding, near both of them, a quarter in each quarter (5 standard errors)."""
    shares, n = (values.detach().double() - low) / (high - low), values.numel()
    assert -1e-5 <= shares.min() <= 15 / n, what
    assert -1e-5 <= 1 - shares.max() <= 15 / n, what
    quarters = torch.histc(shares, bins=4, min=-1e-5, max=1 + 1e-5) / n
    assert (quarters - 0.25).abs().max() < 5 * math.sqrt(0.25 * 0.75 / n), what


@pytest.mark.parametrize("kind", ["forward", "cloze", "leaky"])
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_torch_init_is_uniform_within_one_over_the_root_of_the_state_that_is_read(cell, kind):
    second = 0 if kind == "forward" else 100
    widths = {"hidden_size": 144} | ({"hidden_size_backward": second} if second else {})
    model = make(kind, TORCH_CELLS[cell][0], num_layers=2, double=False, **widths)
    for name, value in model.named_parameters():
        if name == "out.bias":
            assert value.abs().max() <= 1 / math.sqrt(144 + second)  # 8 values: too few to ask more
            continue
        units = 144 + second if name.startswith("out.") else second if name.endswith("_reverse") else 144
        assert_uniform(value, -1 / math.sqrt(units), 1 / math.sqrt(units), name)


def test_torch_init_has_the_bounds_of_torch_nn():
    model = make("forward", {}, hidden_size=144, num_layers=2, double=False)
    torch.manual_seed(0)
    for name, value in nn.GRU(len(VOCABULARY), 144, 2).named_parameters():
        ours = model.rnn.get_parameter(name).detach()
        assert ours.std() == pytest.approx(value.std().item(), rel=0.1), name
        assert ours.abs().max() == pytest.approx(value.abs().max().item(), rel=0.02), name


def assert_normal(values, std, what):
    values, n = values.detach().double(), values.numel()
    assert abs(values.mean()) < 5 * std / math.sqrt(n), what
    assert abs(values.std() / std - 1) < 5 / math.sqrt(2 * n), what
    inside = (values.abs() < std).double().mean()
    assert abs(inside - 0.6827) < 5 * math.sqrt(0.6827 * 0.3173 / n), what  # a uniform of this std has 0.577


@every_kind
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_normal_init_draws_weights_from_n_0_001_and_sets_every_bias_to_zero(cell, kind):
    model = make(kind, dict(cell=cell, init="normal"), num_layers=2, hidden_size=64, embedding_size=160, double=False)
    for name, value in model.named_parameters():
        if "bias" in name:
            assert not value.any(), name
        else:
            assert_normal(value, 0.01, name)


def test_torch_init_draws_an_embedding_from_n_0_1_like_torch_nn():
    assert_normal(make("forward", {}, embedding_size=500, double=False).embedding.weight, 1.0, "embedding")


# The gates of each cell in torch's order, and the one that keeps: h = z h_prev + ..., c = f c_prev + ...
KEEPS = {"gru": ("rzn", "z"), "lstm": ("ifgo", "f")}


@pytest.mark.parametrize("t_max", [3, 100, 100_000])
@every_kind
@pytest.mark.parametrize("cell", KEEPS)
def test_chrono_init_sets_one_bias_of_the_keeping_gate_to_the_log_of_a_uniform_memory(cell, kind, t_max):
    hidden, (gates, keep) = 144, KEEPS[cell]
    fields = dict(cell=cell, init="chrono", chrono_t_max=t_max)
    model = make(kind, fields, num_layers=2, hidden_size=hidden, double=False)
    parameters = dict(model.named_parameters())
    endings = [f"_l{layer}{side}" for layer in (0, 1) for side in (["", "_reverse"] if kind != "forward" else [""])]
    for ending in endings:
        rows = [
            dict(zip(gates, parameters[f"rnn.{part}{ending}"].detach().chunk(len(gates)), strict=True))
            for part in ("bias_ih", "bias_hh")
        ]
        assert sorted(bool(row[keep].any()) for row in rows) == [False, True]  # the two would add up
        zero, set_ = sorted(rows, key=lambda row: bool(row[keep].any()))
        assert_uniform(set_[keep].exp(), 1, t_max - 1, ending)
        if cell == "lstm":
            assert torch.equal(set_["i"], -set_["f"])
            assert not zero["i"].any()
        for gate in set(gates) - {"z", "f", "i"}:
            for row in rows:
                assert_uniform(row[gate], -1 / math.sqrt(hidden), 1 / math.sqrt(hidden), f"{ending} {gate}")
        for part in ("weight_ih", "weight_hh"):
            name = f"rnn.{part}{ending}"
            assert_uniform(parameters[name], -1 / math.sqrt(hidden), 1 / math.sqrt(hidden), name)


# --- What it writes ---


def test_temperature_zero_is_greedy():
    model = make("forward", dict(cell="gru", reset="after"), num_layers=2, hidden_size=12)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # away from a fixed point, so that the text is not one character over and over
        model.out.bias[0] = 3.0  # the unknown symbol is often the likeliest, and must still not be taken
    oracle = nn.GRU(len(VOCABULARY), 12, num_layers=2).double()
    oracle.load_state_dict(model.rnn.state_dict())
    text, unknown_was_first = "abag", 0
    with torch.no_grad():
        for _ in range(40):  # the whole text anew for every character: no state is carried
            ids_T = torch.tensor([VOCABULARY.symbols.index(c) for c in text])
            h_TBH, _ = oracle(torch.eye(len(VOCABULARY), dtype=torch.float64)[ids_T, None])
            logits = (model.out.weight @ h_TBH[-1, 0] + model.out.bias).tolist()
            unknown_was_first += logits.index(max(logits)) == 0
            text += VOCABULARY.symbols[logits.index(max(logits[1:]), 1)]
    assert unknown_was_first > 0
    assert len(set(text[4:])) >= 3
    assert model.generate("abag", 40, temperature=0) == text
    assert model.generate("abag", 40, temperature=0, seed=99) == text


@pytest.mark.parametrize("kind", ["forward", "parallel"])
@every_cell
def test_the_same_seed_draws_the_same_text_and_another_seed_another(fields, kind):
    model = make(kind, fields, double=False)
    torch.manual_seed(1)
    first = model.generate("abc", 20, seed=4)
    torch.manual_seed(2)
    assert model.generate("abc", 20, seed=4) == first
    assert model.generate("abc", 20, seed=5) != first
    assert model.generate("abc", 10, seed=4) == first[:13]


@settings(deadline=None, max_examples=30)
@given(
    prefix=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
    length=st.integers(0, 12),
    temperature=st.sampled_from([0, 0.3, 1.0, 5.0]),
    seed=st.integers(0, 2**32),
)
def test_a_generated_text_is_the_prefix_and_so_many_known_characters(prefix, length, temperature, seed):
    text = make("forward", {}, double=False).generate(prefix, length, temperature, seed)
    assert text.startswith(prefix)
    assert len(text) == len(prefix) + length
    assert set(text[len(prefix) :]) <= set("abcdefg")


@pytest.mark.parametrize("temperature", [0.5, 1, 2.0])
def test_characters_are_drawn_with_the_softmax_of_the_logits_over_the_temperature(temperature):
    model = make("forward", dict(cell="rnn"), hidden_size=1, double=False)
    logits = [9.0, 1.0, 0.5, 0.0, -0.5, -1.0, 2.0, -6.0]  # the unknown symbol would nearly always win
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.copy_(torch.tensor(logits))
    draws = 1000
    text = model.generate("a", draws, temperature, seed=1)[1:]
    odds = [math.exp(value / temperature) for value in logits[1:]]
    for symbol, odd in zip("abcdefg", odds, strict=True):
        p = odd / sum(odds)
        assert abs(text.count(symbol) / draws - p) <= 4.5 * math.sqrt(p * (1 - p) / draws) + 1 / draws, symbol


@pytest.mark.parametrize("temperature", [1e-6, 1e-40, 1e-300, 5e-324])
@pytest.mark.parametrize("double", [False, True], ids=["single", "double"])
def test_a_tiny_temperature_is_greedy_too(double, temperature):
    model = make("forward", {}, double=double)
    assert model.generate("ab", 5, temperature=temperature) == model.generate("ab", 5, temperature=0)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(prefix="", length=5),
        dict(prefix="a", length=-1),
        dict(prefix="a", length=5, temperature=-0.1),
        dict(prefix="a", length=5, temperature=math.nan),
        dict(prefix="a", length=5, temperature=math.inf),
    ],
    ids=str,
)
def test_generate_refuses_nonsense(arguments):
    with pytest.raises(ConfigError, match=r"^generate: expected"):
        make("forward", {}).generate(**arguments)


@pytest.mark.parametrize("kind", ["leaky", "cloze"])
def test_generate_refuses_a_model_that_needs_the_text_after_the_character(kind):
    with pytest.raises(ConfigError, match=rf"^generate: expected.*next.*{kind}"):
        make(kind, {}).generate("abc", 5)


# --- What it fills in ---


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_fill_gives_the_largest_softmax_probabilities_in_falling_order(cell, layers):
    fields, torch_cell = TORCH_CELLS[cell]
    model = make("cloze", fields, num_layers=layers, hidden_size_backward=3)
    text = "gabbed"
    logits_TBV = torch_logits(model, torch_cell, torch.tensor([[VOCABULARY.symbols.index(c)] for c in text]))
    for position in range(len(text)):
        odds = [math.exp(value) for value in logits_TBV[position, 0].tolist()]
        expected = sorted(
            ((s, o / sum(odds)) for s, o in zip(VOCABULARY.symbols, odds, strict=True)),
            key=lambda pair: -pair[1],
        )
        for k in (1, 3, len(VOCABULARY), 50):
            got = model.fill(text, position, k)
            assert [symbol for symbol, _ in got] == [symbol for symbol, _ in expected[:k]]
            assert [p for _, p in got] == pytest.approx([p for _, p in expected[:k]], abs=1e-13)
            assert sum(p for _, p in got) <= 1 + 1e-12
        assert len(model.fill(text, position)) == 5


@pytest.mark.parametrize("layers", [1, 3])
@every_cell
def test_fill_does_not_look_at_the_character_it_is_asked_for_but_at_both_neighbours(fields, layers):
    model = with_every_unit_alive(make("cloze", fields, num_layers=layers, double=False))
    asked = model.fill("abcde", 2, k=8)
    for character in "aegX#":
        assert model.fill(f"ab{character}de", 2, k=8) == asked
    assert model.fill("agcde", 2, k=8) != asked
    assert model.fill("abcge", 2, k=8) != asked


@pytest.mark.parametrize(("text", "position"), [("", 0), ("abc", 3), ("abc", -1), ("a", 1)])
def test_fill_refuses_a_position_outside_the_text(text, position):
    with pytest.raises(ConfigError, match=r"^fill: expected a position"):
        make("cloze", {}).fill(text, position)


def test_fill_counts_positions_in_the_cleaned_text():
    # A line end of two characters is one: this text has 5 characters, and every chart shows 5.
    model = make("cloze", {})
    assert model.fill("ab\r\ncd", 4) == model.fill("ab\ncd", 4)
    with pytest.raises(ConfigError, match=r"^fill: expected a position from 0 to 4"):
        model.fill("ab\r\ncd", 5)


@pytest.mark.parametrize("kind", ["forward", "parallel", "leaky"])
def test_fill_refuses_a_model_that_is_not_cloze(kind):
    with pytest.raises(ConfigError, match=r"^fill: expected.*cloze"):
        make(kind, {}).fill("abc", 1)
