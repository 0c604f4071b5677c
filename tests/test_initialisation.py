"""Initial weights and biases: each scheme against what its source says, and biases against torch's own cells."""

import math

import pytest
import torch
from torch import nn

import explorer
from explorer import CharModel, ModelConfig, Recipe, Vocabulary
from explorer.cells import CELLS as KINDS
from explorer.models import ConfigError
from explorer.training import train

TEXT = "the cat sat on the mat and the rat ran at the cat. " * 8
VOCABULARY = Vocabulary.from_text(TEXT)
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
GATES = {key: len(cell.stacked) for key, cell in KINDS.items()}
HIDDEN = 12


def model_of(cell, **fields):
    return CharModel(ModelConfig(cell, hidden_size=HIDDEN, **fields), VOCABULARY, seed=5)


def recurrent(model):
    return model.get_parameter("rnn.weight_hh_l0").detach().double()


def biases_in(names):
    return {name.partition("bias_")[2][:2] for name in names if "bias_" in name}


@pytest.mark.parametrize("cell", CELLS)
def test_orthogonal_makes_each_gates_recurrent_matrix_orthogonal(cell):
    identity = torch.eye(HIDDEN, dtype=torch.float64)
    for u_HH in recurrent(model_of(cell, init="orthogonal")).chunk(GATES[cell]):
        torch.testing.assert_close(u_HH @ u_HH.T, identity, atol=1e-6, rtol=0)
    for u_HH in recurrent(model_of(cell)).chunk(GATES[cell]):  # and torch's own is not
        assert (u_HH @ u_HH.T - identity).abs().max() > 0.1


def test_identity_hands_the_state_on_as_it_is():
    model = model_of("rnn", activation="linear", init="identity")
    assert torch.equal(recurrent(model), torch.eye(HIDDEN, dtype=torch.float64))
    assert not model.get_parameter("rnn.bias_ih_l0").any()
    flow = explorer.gradient_flow(model, "the cat sat on the mat")
    shares = flow.shares_TT[-2, :-1]  # U is the identity and nothing squashes: all of it arrives everywhere
    assert shares.tolist() == pytest.approx([1.0] * len(shares), abs=1e-12)


def test_a_linear_cell_is_the_sum_itself():
    model = model_of("rnn", activation="linear").double()
    w, u = (model.get_parameter(f"rnn.weight_{part}_l0").detach() for part in ("ih", "hh"))
    bias = sum(model.get_parameter(f"rnn.bias_{part}_l0").detach() for part in ("ih", "hh"))
    h, states = torch.zeros(HIDDEN, dtype=torch.float64), []
    for i in VOCABULARY.encode("the rat"):
        h = w[:, i] + u @ h + bias
        states.append(h)
    logits_TBV, _ = model(VOCABULARY.encode("the rat").unsqueeze(1))
    torch.testing.assert_close(logits_TBV[:, 0], model.out(torch.stack(states)), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("cell", "gate"), [("lstm", "f"), ("gru", "z")])
@pytest.mark.parametrize("init", ["torch", "chrono", "orthogonal", "normal"])
def test_the_bias_of_the_keeping_gate_comes_on_top_of_the_rest(cell, gate, init):
    plain, more = (
        model_of(cell, init=init, keep_bias=shift).get_parameter("rnn.bias_ih_l0").detach() for shift in (0, 1.5)
    )
    for name, was, is_now in zip(KINDS[cell].stacked, plain.chunk(GATES[cell]), more.chunk(GATES[cell]), strict=True):
        torch.testing.assert_close(is_now - was, torch.full((HIDDEN,), 1.5 * (name == gate)), atol=1e-6, rtol=0)


def test_chrono_spreads_the_memory_times_up_to_its_longest():
    for cell, gate in (("lstm", "f"), ("gru", "z")):
        model = CharModel(ModelConfig(cell, hidden_size=1000, init="chrono", chrono_t_max=50), VOCABULARY, seed=1)
        bias = sum(model.get_parameter(f"rnn.bias_{part}_l0").detach() for part in ("ih", "hh"))
        memory = bias.chunk(GATES[cell])[KINDS[cell].stacked.index(gate)].exp()  # U(1, T - 1): Tallec & Ollivier 2018
        assert memory.min() >= 1 - 1e-4
        assert memory.max() <= 49 + 1e-3
        assert memory.mean() == pytest.approx(25, abs=4 * (48 / math.sqrt(12)) / math.sqrt(1000))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("bias", "names"), [("two", {"ih", "hh"}), ("one", {"ih"}), ("none", set())])
def test_a_model_has_the_biases_its_configuration_says(cell, bias, names):
    model = model_of(cell, bias=bias)
    assert biases_in(name for name, _ in model.named_parameters()) == names
    assert biases_in(row.name for row in explorer.clip_ledger(model, TEXT[:40], 1.0).parameters) == names


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bias", ["two", "one", "none"])
def test_states_equal_those_of_torchs_cell_with_these_biases(cell, bias):
    model = model_of(cell, bias=bias).double()
    theirs = CELLS[cell](len(VOCABULARY), HIDDEN, bias=bias != "none").double()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            ours = dict(model.named_parameters()).get(f"rnn.{name}")
            parameter.copy_(torch.zeros_like(parameter) if ours is None else ours)
        one_hot = nn.functional.one_hot(VOCABULARY.encode("the mat"), len(VOCABULARY)).double()
        expected, _ = theirs(one_hot.unsqueeze(1))
    logits_TBV, _ = model(VOCABULARY.encode("the mat").unsqueeze(1))
    torch.testing.assert_close(logits_TBV, model.out(expected), atol=1e-12, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_training_with_one_bias_is_training_two_of_which_one_is_frozen_at_zero(cell):
    one = model_of(cell, bias="one").double()
    two = model_of(cell, bias="two").double()
    with torch.no_grad():
        for name, parameter in two.named_parameters():
            if name.startswith("rnn.bias_hh"):
                parameter.zero_()
                parameter.requires_grad_(False)
            else:
                parameter.copy_(one.get_parameter(name))
    ids = VOCABULARY.encode(TEXT[:61])
    recipe = Recipe("sgd", 0.5, None, batch_size=2, num_steps=30, epochs=1, random_offset=False)
    for _ in train(one, TEXT[:61], recipe, 0):
        pass
    logits, _ = two(ids[:60].view(2, 30).T)
    targets = ids[1:61].view(2, 30).T
    nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    for name, parameter in two.named_parameters():
        if parameter.grad is not None:
            expected = parameter.detach() - 0.5 * parameter.grad
            torch.testing.assert_close(one.get_parameter(name).detach(), expected, atol=1e-12, rtol=0)


def test_normal_means_one_bias_unless_told_otherwise():
    assert [ModelConfig(init=init).bias for init in ("torch", "normal", "chrono", "orthogonal")] == [
        "two", "one", "two", "two"
    ]  # fmt: skip
    assert ModelConfig(init="normal", bias="two").bias == "two"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (dict(cell="gru", init="identity"), "init: expected one of torch, normal, chrono, orthogonal for this cell"),
        (dict(cell="rnn", keep_bias=1), "keep_bias: expected 0"),
        (dict(cell="lstm", bias="none", keep_bias=1), "bias: expected 'one' or 'two'"),
        (dict(cell="gru", bias="none", init="chrono"), "bias: expected 'one' or 'two'"),
        (dict(bias="three"), "bias: expected one of two, one, none"),
        (dict(hidden_sizes=()), "hidden_sizes: expected one size for each layer"),
        (dict(hidden_sizes=(4, 0)), "hidden_sizes: expected a whole number from 1"),
        (dict(hidden_sizes=(4, 3), num_layers=3), "hidden_sizes: expected 3 sizes"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_field(fields, said):
    with pytest.raises(ConfigError, match=said):
        ModelConfig(**fields)


@pytest.mark.parametrize("cell", CELLS)
def test_each_layer_has_its_own_width(cell):
    model = CharModel(ModelConfig(cell, hidden_sizes=(7, 3, 5)), VOCABULARY, seed=0)
    config = model.config
    assert (config.hidden_size, config.num_layers, config.units) == (7, 3, "7, 3, 5")
    sizes = [model.get_parameter(f"rnn.weight_hh_l{layer}").shape for layer in range(3)]
    assert sizes == [(GATES[cell] * width, width) for width in (7, 3, 5)]
    trace = explorer.trace_gates(model, "the cat")
    assert [trace.tape(layer, "forward").h_TH.shape[1] for layer in range(3)] == [7, 3, 5]


def test_units_are_written_as_one_says_them():
    assert ModelConfig(hidden_size=64).units == "64"
    assert ModelConfig(hidden_size=64, hidden_size_backward=16, direction="parallel").units == "64 + 16"
