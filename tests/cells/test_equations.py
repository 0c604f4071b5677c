"""The cells' steps against ONNX's reference evaluator, against hand calculations, and their properties."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

from explorer.cells import CELLS as KINDS
from explorer.cells import CellWeights, input_projection
from explorer.models import CharModel, ModelConfig, NetKey
from explorer.text import UNKNOWN, Vocabulary

assert_close = partial(torch.testing.assert_close, atol=1e-13, rtol=1e-13)
STEPS, BATCH, INPUTS, HIDDEN = 7, 3, 4, 5
VOCABULARY = Vocabulary((UNKNOWN, *"abcdefg"), (0,) + (1,) * 7)
CELLS = [("rnn", "tanh"), ("gru", "before"), ("gru", "after"), ("lstm", "")]
VARIANT_FIELD = {"rnn": "activation", "gru": "reset"}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
# Position in torch's stack (r|z|n, i|f|g|o) of each gate in ONNX's (z,r,h; i,o,f,c).
ONNX_ORDER = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}

seeds = st.integers(0, 2**32)
scales = st.sampled_from([0.01, 1.0, 30.0, 1e4])  # from nearly linear to gates shut and open


def normal(generator, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def random_weights(cell, generator, inputs=INPUTS, hidden=HIDDEN):
    rows = GATES[cell] * hidden
    shapes = ((rows, inputs), (rows, hidden), (rows,), (rows,))
    return CellWeights(*(0.7 * normal(generator, *shape) for shape in shapes))


def random_state(cell, generator, *leading, hidden=HIDDEN):
    return tuple(normal(generator, *leading, hidden) for _ in range(2 if cell == "lstm" else 1))


def step(cell, variant, x, state, weights):
    return KINDS[cell].step(x, state, weights, variant)


def gru_step(x, h_prev, weights, reset="after"):
    return step("gru", reset, x, (h_prev,), weights)


def rnn_step(x, h_prev, weights, activation="tanh"):
    return step("rnn", activation, x, (h_prev,), weights)


def lstm_step(x, h_prev, c_prev, weights):
    return step("lstm", "", x, (h_prev, c_prev), weights)


def loop(cell, variant, x, state, weights):
    steps = []
    for x_t in x:
        steps.append(step(cell, variant, x_t, state, weights))
        state = steps[-1][: len(state)]
    return steps


def onnx_layer(cell, variant, direction, nets, x_TBE, first):
    """h_DTBH in the order of the text, and for each part of the state its last value (D, B, H)."""

    def stack(parts):  # the gates of each net in ONNX's order
        gates = [part.detach().chunk(GATES[cell]) for part in parts]
        return np.stack([np.concatenate([net[i] for i in ONNX_ORDER[cell]]) for net in gates])

    biases = [stack(w.b_ih_G for w in nets), stack(w.b_hh_G for w in nets)]
    inputs = {
        "X": x_TBE.detach().numpy(),
        "W": stack(w.w_ih_GE for w in nets),
        "R": stack(w.w_hh_GH for w in nets),
        "B": np.concatenate(biases, 1),
    }
    names = ("initial_h", "initial_c")[: len(first[0])]
    states = {name: np.stack(part) for name, part in zip(names, zip(*first, strict=True), strict=True)}
    outputs = ["Y", *("Y_h", "Y_c")[: len(states)]]
    options = {"hidden_size": inputs["R"].shape[-1], "direction": direction}
    if cell == "gru":
        options["linear_before_reset"] = int(variant == "after")
    node = helper.make_node(cell.upper(), [*inputs, "", *states], outputs, **options)
    feeds = inputs | states
    declare = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "one_layer",
        [declare(name, TensorProto.DOUBLE, array.shape) for name, array in feeds.items()],
        [declare(name, TensorProto.DOUBLE, [None] * (4 if name == "Y" else 3)) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
    checker.check_model(model, full_check=True)  # the evaluator ignores what it does not know
    y_TDBH, *last = (torch.from_numpy(np.array(output)) for output in ReferenceEvaluator(model).run(None, feeds))
    assert y_TDBH.dtype == torch.float64
    return y_TDBH.transpose(0, 1), last


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("cell", "variant"), CELLS)
def test_steps_over_time_equal_onnx(cell, variant, direction):
    generator = torch.Generator().manual_seed(11)
    backward = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    nets = [random_weights(cell, generator) for _ in backward]
    x_TBE = normal(generator, STEPS, BATCH, INPUTS)
    first = [random_state(cell, generator, BATCH) for _ in backward]
    expected_DTBH, expected_last = onnx_layer(cell, variant, direction, nets, x_TBE, first)
    assert len(expected_DTBH) == len(backward)
    for d, reads_backward in enumerate(backward):
        steps = loop(cell, variant, x_TBE.flip(0) if reads_backward else x_TBE, first[d], nets[d])
        h_TBH = torch.stack([s.h for s in steps])
        assert_close(h_TBH.flip(0) if reads_backward else h_TBH, expected_DTBH[d])
        for part, expected_DBH in enumerate(expected_last):
            assert_close(steps[-1][part], expected_DBH[d])


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(
    ("direction", "objective"),
    [("forward", "next"), ("parallel", "next"), ("bidirectional", "leaky"), ("bidirectional", "cloze")],
)
@pytest.mark.parametrize(("cell", "variant"), CELLS)
def test_model_states_equal_onnx(cell, variant, direction, objective, layers):
    generator = torch.Generator().manual_seed(12)
    fields = {VARIANT_FIELD[cell]: variant} if variant else {}
    config = ModelConfig(
        cell, hidden_size=HIDDEN, num_layers=layers, direction=direction, objective=objective, **fields
    )
    model = CharModel(config, VOCABULARY, seed=4).double()
    ids_TB = torch.randint(0, len(VOCABULARY), (STEPS, BATCH), generator=generator)
    first = {net: random_state(cell, generator, BATCH) for net in config.nets}
    h, last = model.states(ids_TB, first)

    # Which net reads what, spelt out: cloze keeps the directions apart, the others join them.
    sides = ["forward"] if direction == "forward" else ["forward", "backward"]
    below = dict.fromkeys(sides, torch.nn.functional.one_hot(ids_TB, len(VOCABULARY)).double())
    for layer in range(layers):
        nets = {side: model.rnn.weights(NetKey(layer, side)) for side in sides}
        starts = {side: first[NetKey(layer, side)] for side in sides}
        if objective == "leaky":
            both = onnx_layer(cell, variant, "bidirectional", [*nets.values()], below["forward"], [*starts.values()])
            results = {side: (both[0][d], [part[d] for part in both[1]]) for d, side in enumerate(sides)}
        else:
            results = {}
            for side in sides:
                reading = "reverse" if (side, objective) == ("backward", "cloze") else "forward"
                y_DTBH, ends = onnx_layer(cell, variant, reading, [nets[side]], below[side], [starts[side]])
                results[side] = y_DTBH[0], [part[0] for part in ends]
        for side, (expected_TBH, expected_last) in results.items():
            assert_close(h[NetKey(layer, side)], expected_TBH)
            assert_close(last[NetKey(layer, side)], tuple(expected_last))
        if objective == "cloze":
            below = {side: result[0] for side, result in results.items()}
        else:
            below = dict.fromkeys(sides, torch.cat([result[0] for result in results.values()], -1))


@pytest.mark.parametrize(
    ("activation", "phi"),
    [("tanh", np.tanh), ("relu", lambda a: np.maximum(a, 0)), ("sigmoid", lambda a: 1 / (1 + np.exp(-a)))],
)
def test_every_rnn_activation_equals_numpy(activation, phi):
    # ONNX's evaluator has only tanh and torch.nn only tanh and relu: sigmoid has this oracle alone.
    generator = torch.Generator().manual_seed(13)
    model = CharModel(ModelConfig("rnn", activation=activation, hidden_size=HIDDEN), VOCABULARY, seed=5).double()
    weights = model.rnn.weights(NetKey(0, "forward"))
    ids_TB = torch.randint(0, len(VOCABULARY), (STEPS, BATCH), generator=generator)
    (first,) = random_state("rnn", generator, BATCH)
    w, u, b, c = (part.detach().numpy() for part in weights)
    expected, h = [], first.numpy()
    for ids_B in ids_TB.numpy():
        h = phi(np.eye(len(VOCABULARY))[ids_B] @ w.T + b + h @ u.T + c)
        expected.append(h)
    expected_TBH = torch.from_numpy(np.stack(expected))
    looped_TBH = torch.stack([s.h for s in loop("rnn", activation, ids_TB, (first,), weights)])
    assert_close(looped_TBH, expected_TBH)
    states, _ = model.states(ids_TB, {NetKey(0, "forward"): (first,)})
    assert_close(states[NetKey(0, "forward")], expected_TBH)


def one_unit(w, u, b, c):
    column = [torch.tensor(rows, dtype=torch.float64) for rows in (w, u, b, c)]
    return CellWeights(column[0][:, None], column[1][:, None], column[2], column[3])


def one(value):
    return torch.tensor([[value]], dtype=torch.float64)


def sigma(a):
    return 1 / (1 + math.exp(-a))


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_gates_of_one_gru_unit_by_hand(reset):
    x, h_prev = 0.5, -0.8
    step = gru_step(
        one(x),
        one(h_prev),
        one_unit(w=[0.3, -1.1, 0.7], u=[0.9, 0.4, -1.6], b=[0.05, -0.2, 0.15], c=[-0.35, 0.1, 0.6]),
        reset,
    )
    r = sigma(0.3 * x + 0.05 + 0.9 * h_prev - 0.35)
    z = sigma(-1.1 * x - 0.2 + 0.4 * h_prev + 0.1)
    n = math.tanh(0.7 * x + 0.15 + (-1.6 * r * h_prev + 0.6 if reset == "before" else r * (-1.6 * h_prev + 0.6)))
    expected = {"h": z * h_prev + (1 - z) * n, "r": r, "z": z, "n": n}
    assert {name: value.item() for name, value in step._asdict().items()} == pytest.approx(expected, abs=1e-15)


def test_the_gates_of_one_lstm_unit_by_hand():
    x, h_prev, c_prev = -0.6, 0.7, 1.3
    step = lstm_step(
        one(x),
        one(h_prev),
        one(c_prev),
        one_unit(
            w=[0.3, -1.1, 0.7, 0.2],
            u=[0.9, 0.4, -1.6, -0.5],
            b=[0.05, -0.2, 0.15, 0.4],
            c=[-0.35, 0.1, 0.6, 0.25],
        ),
    )
    i = sigma(0.3 * x + 0.05 + 0.9 * h_prev - 0.35)
    f = sigma(-1.1 * x - 0.2 + 0.4 * h_prev + 0.1)
    g = math.tanh(0.7 * x + 0.15 - 1.6 * h_prev + 0.6)
    o = sigma(0.2 * x + 0.4 - 0.5 * h_prev + 0.25)
    c = f * c_prev + i * g
    expected = {"h": o * math.tanh(c), "c": c, "i": i, "f": f, "g": g, "o": o}
    assert {name: value.item() for name, value in step._asdict().items()} == pytest.approx(expected, abs=1e-15)


def with_gate(weights, gates, **biases):
    """The same weights with the named gates forced: a bias of +-1000 is beyond anything the rest can add."""
    hidden = weights.w_hh_GH.shape[1]
    bias = weights.b_ih_G.clone()
    for name, value in biases.items():
        bias[gates.index(name) * hidden :][:hidden] = value
    return weights._replace(b_ih_G=bias)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_an_open_update_gate_keeps_the_old_state_and_a_shut_one_takes_the_candidate(reset):
    generator = torch.Generator().manual_seed(14)
    weights, x_BE = random_weights("gru", generator), normal(generator, BATCH, INPUTS)
    (h_prev_BH,) = random_state("gru", generator, BATCH)
    kept = gru_step(x_BE, h_prev_BH, with_gate(weights, "rzn", z=1000.0), reset)
    assert torch.equal(kept.h, h_prev_BH)
    replaced = gru_step(x_BE, h_prev_BH, with_gate(weights, "rzn", z=-1000.0), reset)
    assert torch.equal(replaced.h, replaced.n)


def test_a_shut_reset_gate_leaves_the_recurrent_bias_in_the_candidate_only_when_it_acts_before():
    generator = torch.Generator().manual_seed(15)
    weights, x_BE = (
        with_gate(random_weights("gru", generator), "rzn", r=-1000.0),
        normal(generator, BATCH, INPUTS),
    )
    (h_prev_BH,) = random_state("gru", generator, BATCH)
    rows = slice(2 * HIDDEN, None)
    outside_BH = x_BE @ weights.w_ih_GE[rows].T + weights.b_ih_G[rows]
    before, after = (gru_step(x_BE, h_prev_BH, weights, reset).n for reset in ("before", "after"))
    assert_close(before, torch.tanh(outside_BH + weights.b_hh_G[rows]))
    assert_close(after, torch.tanh(outside_BH))


def test_the_same_weights_mean_different_networks_before_and_after_unless_the_reset_gate_is_open():
    generator = torch.Generator().manual_seed(16)
    weights, x_TBE = random_weights("gru", generator), normal(generator, STEPS, BATCH, INPUTS)
    first = random_state("gru", generator, BATCH)

    def distance(weights):
        before, after = (torch.stack([s.h for s in loop("gru", v, x_TBE, first, weights)]) for v in ("before", "after"))
        return float((before - after).abs().max())

    assert distance(weights) > 0.01
    assert distance(with_gate(weights, "rzn", r=1000.0)) < 1e-13


def test_a_saturated_lstm_keeps_its_cell_exactly_and_shows_nothing():
    generator = torch.Generator().manual_seed(17)
    weights, x_BE = random_weights("lstm", generator), normal(generator, BATCH, INPUTS)
    h_prev_BH, c_prev_BH = random_state("lstm", generator, BATCH)
    step = lstm_step(x_BE, h_prev_BH, c_prev_BH, with_gate(weights, "ifgo", f=1000.0, i=-1000.0, o=-1000.0))
    assert torch.equal(step.c, c_prev_BH)
    assert torch.equal(step.h, torch.zeros_like(step.h))


@pytest.mark.parametrize("kind", ["floats", "ids"])
@pytest.mark.parametrize(("cell", "variant"), [*CELLS, ("rnn", "relu"), ("rnn", "sigmoid")])
def test_one_call_with_time_as_leading_axis_recovers_every_gate(cell, variant, kind):
    generator = torch.Generator().manual_seed(18)
    weights, state = random_weights(cell, generator), random_state(cell, generator, 1)
    x = (
        normal(generator, STEPS, 1, INPUTS)
        if kind == "floats"
        else torch.randint(0, INPUTS, (STEPS, 1), generator=generator)
    )
    steps = loop(cell, variant, x, state, weights)
    previous_TH = tuple(torch.cat([part, *(s[i] for s in steps[:-1])]) for i, part in enumerate(state))
    at_once = step(cell, variant, x.squeeze(1), previous_TH, weights)
    for name, values_TH in at_once._asdict().items():
        expected_TH = torch.cat([getattr(s, name) for s in steps])
        assert expected_TH.shape == (STEPS, HIDDEN)
        assert_close(values_TH, expected_TH, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize(("cell", "variant"), CELLS)
def test_a_step_recovers_the_states_of_a_model_from_the_states_before_them(cell, variant):
    generator = torch.Generator().manual_seed(19)
    fields = {VARIANT_FIELD[cell]: variant} if variant else {}
    model = CharModel(ModelConfig(cell, hidden_size=HIDDEN, **fields), VOCABULARY, seed=6).double()
    net = NetKey(0, "forward")
    ids_T = torch.randint(0, len(VOCABULARY), (STEPS,), generator=generator)
    state = random_state(cell, generator, 1)
    h_TH = model.states(ids_T[:, None], {net: state})[0][net].squeeze(1)
    # The cell states of an LSTM are nowhere in a model's output: taken one character at a time.
    previous = [state]
    for character in ids_T[:-1]:
        previous.append(model.states(character.view(1, 1), {net: previous[-1]})[1][net])
    previous_TH = tuple(torch.cat(part) for part in zip(*previous, strict=True))
    got = step(cell, variant, ids_T, previous_TH, model.rnn.weights(net))
    assert_close(got.h, h_TH)


def test_ids_equal_a_dense_one_hot_product():
    generator = torch.Generator().manual_seed(20)
    weights = random_weights("lstm", generator)
    ids_TB = torch.randint(0, INPUTS, (STEPS, BATCH), generator=generator)
    x_TBE = torch.from_numpy(np.eye(INPUTS)[ids_TB.numpy()])
    expected_TBG = torch.from_numpy(x_TBE.numpy() @ weights.w_ih_GE.numpy().T + weights.b_ih_G.numpy())
    assert_close(input_projection(ids_TB, weights), expected_TBG)
    assert_close(input_projection(x_TBE, weights), expected_TBG)


@pytest.mark.parametrize(("cell", "variant"), CELLS)
def test_a_step_on_ids_equals_a_step_on_one_hot(cell, variant):
    generator = torch.Generator().manual_seed(21)
    weights, state = random_weights(cell, generator), random_state(cell, generator, BATCH)
    ids_B = torch.tensor([3, 0, 2])
    got = step(cell, variant, ids_B, state, weights)
    expected = step(cell, variant, torch.eye(INPUTS, dtype=torch.float64)[ids_B], state, weights)
    assert_close(tuple(got), tuple(expected))


def between(value, low, high):
    return bool(((low <= value) & (value <= high)).all())


@settings(deadline=None, max_examples=30)
@given(seed=seeds, scale=scales, reset=st.sampled_from(["before", "after"]), single=st.booleans())
def test_a_gru_state_lies_between_the_old_state_and_the_candidate(seed, scale, reset, single):
    generator = torch.Generator().manual_seed(seed)
    weights = CellWeights(*(scale * part for part in random_weights("gru", generator)))
    x_BE, (h_prev_BH,) = normal(generator, 16, INPUTS), random_state("gru", generator, 16)
    if single:
        weights, x_BE, h_prev_BH = (
            CellWeights(*(part.float() for part in weights)),
            x_BE.float(),
            h_prev_BH.float(),
        )
    got = gru_step(x_BE, h_prev_BH, weights, reset)
    assert between(got.r, 0, 1)
    assert between(got.z, 0, 1)
    assert between(got.n, -1, 1)
    low, high = torch.minimum(got.n, h_prev_BH), torch.maximum(got.n, h_prev_BH)
    rounding = 4 * torch.finfo(got.h.dtype).eps * torch.maximum(low.abs(), high.abs())
    assert between(got.h, low - rounding, high + rounding)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, scale=scales, single=st.booleans())
def test_lstm_gates_and_states_stay_in_their_ranges(seed, scale, single):
    generator = torch.Generator().manual_seed(seed)
    weights = CellWeights(*(scale * part for part in random_weights("lstm", generator)))
    x_BE, state = normal(generator, 16, INPUTS), random_state("lstm", generator, 16)
    if single:
        weights, x_BE, state = (
            CellWeights(*(w.float() for w in weights)),
            x_BE.float(),
            tuple(s.float() for s in state),
        )
    got = lstm_step(x_BE, *state, weights)
    for gate in (got.i, got.f, got.o):
        assert between(gate, 0, 1)
    assert between(got.g, -1, 1)
    assert between(got.h.abs(), 0, got.o)
    assert between(got.c.abs(), 0, (state[1].abs() + 1) * (1 + 4 * torch.finfo(got.c.dtype).eps))


@settings(deadline=None, max_examples=30)
@given(seed=seeds, scale=scales, activation=st.sampled_from(["tanh", "relu", "sigmoid"]))
def test_an_rnn_state_stays_in_the_range_of_its_activation(seed, scale, activation):
    generator = torch.Generator().manual_seed(seed)
    weights = CellWeights(*(scale * part for part in random_weights("rnn", generator)))
    h_BH = rnn_step(normal(generator, 16, INPUTS), *random_state("rnn", generator, 16), weights, activation).h
    assert between(h_BH, *{"tanh": (-1, 1), "relu": (0, 1e9), "sigmoid": (0, 1)}[activation])
