"""Parts of single units that are held: against a loop that overwrites them after each step, for every cell there is."""

import numpy as np
import pytest
import torch

from explorer import CharModel, ConfigError, Intervention, ModelConfig, Vocabulary, altered, trace_gates
from explorer.cells import CELLS
from explorer.interventions import HeldUnit

TEXT = "a bird in the hand is worth two in the bush"
VOCABULARY = Vocabulary.from_text(TEXT)
UNIT = 3
# Values of each part of a state that a cell can hold, by cell and variant.
INSIDE = {"h": (0.0, 0.3, -0.6), "c": (0.0, 0.9, -0.5), "n": (0.0, -0.7), "g": (0.0, -0.7)}
POSITIVE = {"relu": (0.0, 2.5), "sigmoid": (0.1, 0.8), "linear": (-3.0, 0.0, 5.0), "": (0.2, 0.7, 3.0)}


def held_parts():
    for key, cell in CELLS.items():
        for variant in cell.variants:
            for gate in cell.gates:
                yield from ((key, variant, gate.letter, value) for value in (0.0, 0.3, 1.0))
            for part in (*cell.state, *(letter for letter in "ng" if letter in cell.stacked)):
                values = INSIDE[part] if key in ("gru", "lstm") or variant == "tanh" else POSITIVE[variant]
                yield from ((key, variant, part, value) for value in values)


def model_of(key, variant, **about):
    cell = CELLS[key]
    setting = {cell.setting: variant} if cell.setting else {}
    return CharModel(ModelConfig(key, hidden_size=6, **cell.suggested | setting | about), VOCABULARY, seed=4).double()


def forced(model, held):
    """The states h_TH of a model of one layer, by a loop in which a part of the state is overwritten after each step."""
    cell, net = model.config.kind, model.config.nets[0]
    weights = model.rnn.weights(net)
    state, states = model.rnn.zero_state(1)[net], []
    for token in model.vocabulary.encode(TEXT):
        step = cell.step(token.reshape(1), state, weights, model.config.variant)
        parts = {letter: getattr(step, letter).clone() for letter in cell.state}
        parts[held.part][0, held.unit] = held.value
        if held.part == "c":  # which h is made of in the same step
            parts["h"] = step.o * torch.tanh(parts["c"])
        state = tuple(parts[letter] for letter in cell.state)
        states.append(parts["h"][0])
    return torch.stack(states).detach()


def states_of(model):
    states, _ = model.states(model.vocabulary.encode(TEXT).unsqueeze(1))
    return states[model.config.nets[0]][:, 0].detach()


@pytest.mark.parametrize(("key", "variant", "part", "value"), list(held_parts()))
def test_it_has_its_value_at_every_step_and_the_others_go_on_from_there(key, variant, part, value):
    model = model_of(key, variant, num_layers=1, embedding_size=None)
    held = HeldUnit(UNIT, part, value)
    changed = altered(model, Intervention(units=[held]))
    trace = trace_gates(changed, TEXT)
    np.testing.assert_allclose(trace.tape()[part][:, UNIT], value, rtol=1e-6, atol=1e-7)  # a trace has four bytes
    assert trace.residual < 1e-12
    if part in CELLS[key].state:  # a gate is compared with its whole row below
        torch.testing.assert_close(states_of(changed), forced(model, held), rtol=0, atol=1e-12)


@pytest.mark.parametrize("key", [key for key, cell in CELLS.items() if cell.gates])
def test_a_gate_of_all_units_is_that_gate_of_each(key):
    model = model_of(key, next(iter(CELLS[key].variants)))
    for gate in CELLS[key].gates:
        each = [
            HeldUnit(unit, gate.letter, 0.3, layer) for layer in range(model.config.num_layers) for unit in range(6)
        ]
        one, other = (altered(model, i) for i in (Intervention({gate.letter: 0.3}), Intervention(units=each)))
        for name, weight in one.state_dict().items():
            torch.testing.assert_close(weight, other.state_dict()[name], rtol=0, atol=0)


def test_only_that_unit_of_that_net_is_held():
    config = ModelConfig(
        hidden_size=6, hidden_size_backward=4, num_layers=1, direction="bidirectional", objective="cloze"
    )
    model = CharModel(config, VOCABULARY, seed=1).double()
    changed = altered(model, Intervention(units=[HeldUnit(2, "h", 0.5, 0, "backward")]))
    before, after = trace_gates(model, TEXT), trace_gates(changed, TEXT)
    assert (before.tape(0, "forward").h_TH == after.tape(0, "forward").h_TH).all()
    assert after.tape(0, "backward").h_TH[:, 2] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "stranger",
    [
        HeldUnit(6, "h", 0.1), HeldUnit(-1, "h", 0.1), HeldUnit(0, "q", 0.1), HeldUnit(0, "h", 1.0), HeldUnit(0, "z", 1.5),
        HeldUnit(0, "h", 0.1, 1), HeldUnit(0, "h", 0.1, 0, "backward"), HeldUnit(0, "n", 1.5),
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_refused_in_a_sentence(stranger):
    with pytest.raises(ConfigError, match="units: expected"):
        altered(model_of("gru", "after"), Intervention(units=[stranger]))
    with pytest.raises(ConfigError, match="units"):
        Intervention(units=[HeldUnit(0, "h", float("nan"))])


def test_it_is_said_in_words_and_can_be_a_key():
    one = Intervention({"z": 1}, units=[(95, "h", 0.25)])
    assert str(one) == "z held at 1, h of unit 95 held at 0.25"
    assert {one: 1}[Intervention({"z": 1}, units=(HeldUnit(95, "h", 0.25),))] == 1
    assert one != Intervention({"z": 1})
    assert Intervention(units=[(1, "h", 0.0)])


def test_a_cell_says_of_every_part_whether_it_can_be_held():
    for cell in CELLS.values():
        for variant in cell.variants:
            for letter in cell.letters:
                assert cell.held(letter, 0.4, variant) is None or set(cell.held(letter, 0.4, variant)) <= set(
                    cell.stacked
                )
