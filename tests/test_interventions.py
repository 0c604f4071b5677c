"""Altered models against a numpy loop in which the gates are overwritten by hand, and the original left as it was."""

import numpy as np
import pytest
import torch

from explorer import (
    CharModel,
    ConfigError,
    Intervention,
    ModelConfig,
    Vocabulary,
    altered,
    diagnose,
    gradient_flow,
    jacobian_paths,
    trace_gates,
)
from explorer.models import NetKey

TEXT = "a bird in the hand is worth two in the bush"
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "gru after": ModelConfig(hidden_size=6),
    "gru before": ModelConfig(hidden_size=6, reset="before"),
    "lstm": ModelConfig("lstm", hidden_size=6),
}
NET = NetKey(0, "forward")


def model_of(config):
    model = CharModel(config, VOCABULARY, seed=4).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def sigma(a):
    return 1 / (1 + np.exp(-a))


def by_hand(model, held=None, keep_bias=0.0, recurrent=1.0):
    """States h_TH of the textbook's loop, with gates overwritten where they are held."""
    held = held or {}
    w, u, b, c = (p.detach().numpy() for p in model.rnn.weights(NET))
    u = u * recurrent
    hidden = u.shape[1]
    h, memory, states = np.zeros(hidden), np.zeros(hidden), []
    for i in model.vocabulary.encode(TEXT).tolist():
        x, s = np.split(w[:, i] + b, len(u) // hidden), np.split(u @ h + c, len(u) // hidden)
        if model.config.cell == "gru":
            r = held.get("r", sigma(x[0] + s[0]))
            z = held.get("z", sigma(x[1] + s[1] + keep_bias))
            inner = u[2 * hidden :] @ (r * h) + c[2 * hidden :] if model.config.reset == "before" else r * s[2]
            h = z * h + (1 - z) * np.tanh(x[2] + inner)
        else:
            gate_i = held.get("i", sigma(x[0] + s[0]))
            gate_f = held.get("f", sigma(x[1] + s[1] + keep_bias))
            gate_o = held.get("o", sigma(x[3] + s[3]))
            memory = gate_f * memory + gate_i * np.tanh(x[2] + s[2])
            h = gate_o * np.tanh(memory)
        states.append(h)
    return np.stack(states)


def states_of(model):
    h, _ = model.states(model.vocabulary.encode(TEXT).unsqueeze(1))
    return h[NET][:, 0].detach().numpy()


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, {gate: value}) for name in ("gru after", "gru before") for gate in "zr" for value in (0, 0.3, 0.95, 1)]
    + [("lstm", {gate: value}) for gate in "fio" for value in (0, 0.3, 0.95, 1)]
    + [(name, {"keep_bias": shift}) for name in CONFIGS for shift in (-2.0, 1.5)]
    + [(name, {"recurrent": factor}) for name in CONFIGS for factor in (0.0, 0.5, 3.0)]
    + [("gru before", {"z": 0.2, "r": 1, "recurrent": 1.5, "keep_bias": 4.0}), ("lstm", {"f": 0.9, "recurrent": 1.5})],
)
def test_states_are_those_of_the_loop_with_the_gates_overwritten(name, change):
    model = model_of(CONFIGS[name])
    rest = {key: value for key, value in change.items() if key in ("keep_bias", "recurrent")}
    intervention = Intervention({gate: value for gate, value in change.items() if gate not in rest}, **rest)
    expected_TH = by_hand(model, intervention.held, **rest)
    assert np.abs(expected_TH - by_hand(model)).max() > 1e-3  # it does change something
    np.testing.assert_allclose(states_of(altered(model, intervention)), expected_TH, atol=1e-13)


@pytest.mark.parametrize("name", ["gru after", "gru before"])
def test_the_same_weights_in_the_other_convention(name):
    model = model_of(CONFIGS[name])
    other = "before" if name == "gru after" else "after"
    twin = CharModel(ModelConfig(hidden_size=6, reset=other), VOCABULARY, seed=0).double()
    twin.load_state_dict(model.state_dict())
    changed = altered(model, Intervention(variant=other))
    np.testing.assert_allclose(states_of(changed), by_hand(twin), atol=1e-13)
    assert np.abs(states_of(changed) - states_of(model)).max() > 1e-3
    assert changed.config.reset == trace_gates(changed, TEXT).config.reset == other
    assert model.config.reset != other


@pytest.mark.parametrize("value", [0, 0.37, 1])
def test_a_held_gate_has_its_value_at_every_step_in_float32_too(value):
    model = altered(model_of(CONFIGS["gru after"]).float(), Intervention({"z": value}))
    trace = trace_gates(model, TEXT)
    z_TH = trace.tape()["z"]
    np.testing.assert_allclose(z_TH, value, atol=0 if value in (0, 1) else 1e-7)
    assert trace.residual < 1e-5  # torch's kernel agrees: it is an ordinary model


def test_with_z_held_the_copy_path_carries_z_and_the_update_path_nothing():
    # J = diag(z) + diag((h' - n) z (1-z)) U_z + candidate: U_z is zero
    paths = jacobian_paths(altered(model_of(CONFIGS["gru after"]), Intervention({"z": 0.7})), TEXT)
    np.testing.assert_allclose(paths.carried["copy"][:-1], 0.7, rtol=1e-12)
    np.testing.assert_allclose(paths.carried["update"][:-1], 0, atol=1e-15)


def test_with_z_held_at_one_nothing_decays_and_nothing_is_written():
    flow = gradient_flow(altered(model_of(CONFIGS["gru after"]), Intervention({"z": 1})), TEXT)
    rows = flow.norms_TT[:-1]
    local_T = flow.local_T[:-1]
    np.testing.assert_allclose(
        np.where(np.isnan(rows), local_T[:, None], rows), np.broadcast_to(local_T[:, None], rows.shape)
    )
    assert flow.half_life_steps is None


def test_scaled_recurrent_weights_make_a_plain_cell_explode_and_vanish():
    # The slope of relu is 1 where a unit lives; an orthogonal U keeps every norm, twice it doubles them.
    model = CharModel(ModelConfig("rnn", activation="relu", hidden_size=8), VOCABULARY, seed=0).double()
    with torch.no_grad():
        model.rnn.weight_hh_l0.copy_(torch.eye(8))
        model.rnn.weight_ih_l0.abs_()
        model.rnn.bias_ih_l0.abs_()
        model.rnn.bias_hh_l0.abs_()
    assert "exploding" in diagnose(altered(model, Intervention(recurrent=2.0)), TEXT).rules
    assert "vanishing" in diagnose(altered(model, Intervention(recurrent=0.5)), TEXT).rules
    assert gradient_flow(altered(model, Intervention(recurrent=2.0)), TEXT).slope_per_step == pytest.approx(np.log(2))


def test_every_net_of_a_model_is_altered():
    config = ModelConfig(
        hidden_size=6, hidden_size_backward=4, num_layers=2, direction="bidirectional", objective="cloze"
    )
    trace = trace_gates(altered(model_of(config), Intervention({"z": 0.25})), TEXT)
    for net in config.nets:
        np.testing.assert_allclose(trace.tape(*net)["z"], 0.25, atol=1e-7)


def test_the_model_is_left_as_it_was():
    model = model_of(CONFIGS["gru after"])
    model(torch.zeros(3, 1, dtype=torch.int64))[0].sum().backward()
    before = {name: (p.clone(), p.grad.clone()) for name, p in model.named_parameters()}
    changed = altered(model, Intervention({"z": 0.5}, keep_bias=1, recurrent=2))
    for name, p in model.named_parameters():
        torch.testing.assert_close((p, p.grad), before[name], rtol=0, atol=0)
    assert all(p.grad is None for p in changed.parameters())
    same = altered(model, Intervention())
    for p, q in zip(model.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)
        assert p.data_ptr() != q.data_ptr()


def test_it_says_what_it_changes():
    assert not Intervention()
    assert str(Intervention()) == "nothing changed"
    change = Intervention({"z": 0.9, "r": 1}, keep_bias=-2, recurrent=1.5, variant="before")
    assert change
    assert str(change) == (
        "r held at 1, z held at 0.9, bias of the gate that keeps -2, recurrent weights × 1.5, "
        "weights read as GRU, reset before"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(hold={"z": 1.5}), "z: expected a value from 0 to 1"),
        (dict(hold={"r": float("nan")}), "r: expected a value from 0 to 1"),
        (dict(keep_bias=float("inf")), "keep_bias: expected a finite number"),
        (dict(recurrent=-1), "recurrent: expected a finite factor of at least 0"),
        (dict(recurrent=float("nan")), "recurrent: expected a finite factor"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Intervention(**change)


def test_a_gate_that_the_cell_does_not_have_is_refused():
    gru, rnn = (CharModel(ModelConfig(cell, hidden_size=4), VOCABULARY) for cell in ("gru", "rnn"))
    with pytest.raises(ConfigError, match=r"a gate of this gru \(z, r\) to hold; got f"):
        altered(gru, Intervention({"f": 0.5}))
    with pytest.raises(ConfigError, match=r"a gate of this rnn \(it has none\) to hold; got z"):
        altered(rnn, Intervention({"z": 0.5}))
    with pytest.raises(ConfigError, match="variant: expected one of after, before for this gru; got 'beside'"):
        altered(gru, Intervention(variant="beside"))
    with pytest.raises(ConfigError, match="variant: expected one of tanh, relu, sigmoid, linear for this rnn"):
        altered(rnn, Intervention(variant="before"))
    with pytest.raises(ConfigError, match="a cell with a gate that keeps"):
        altered(rnn, Intervention(keep_bias=1))
