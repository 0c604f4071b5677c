"""One step opened: torch's own cells, traces and hand calculations are the oracles."""

import math

import numpy as np
import pytest
import torch

import explorer
from explorer import CharModel, ConfigError, ModelConfig, Vocabulary
from explorer.cells import CELLS
from explorer.pages.shell import models
from explorer.probes.cell import CellChange, open_cell

TEXT = 'He looked at "the light" again'
VOCABULARY = Vocabulary.from_text(TEXT)
SHIPPED = ["lighthouse-gru", "time-machine-gru-before", "time-machine-lstm", "time-machine-rnn", "lighthouse-mingru",
           "lighthouse-bigru-cloze", "lighthouse-birnn-parallel"]  # fmt: skip


def shipped(name):
    return explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors").model


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_is_that_of_the_trace_and_of_the_kernel(name):
    model = shipped(name)
    trace = explorer.trace_gates(model, TEXT)
    for net, tape in trace.tapes.items():
        for step in (0, 5, len(TEXT) - 1):
            opened = open_cell(model, TEXT, step, layer=net.layer, direction=net.direction)
            for letter in opened.cell.letters:
                np.testing.assert_allclose(opened.values[letter], tape[letter][step], rtol=0, atol=2e-5)
            assert opened.residual < 1e-14 * max(1, np.abs(opened.values["h"]).max())  # a minGRU's state may be 60
            assert opened.label == TEXT[step]
    kernel = model.config.kind.kernel(model.config.variant)
    assert opened.against == (kernel[0] if kernel else "explorer.cells")


def test_a_gru_held_at_z_0_and_r_1_is_torchs_plain_cell():
    model, change = shipped("lighthouse-gru"), CellChange(hold={"z": 0, "r": 1})
    before = open_cell(model, TEXT, 8).values["h"]
    opened = open_cell(model, TEXT, 9, change=change)
    weights = [weight.detach().double() for weight in model.rnn.weights(next(iter(model.config.nets)))]
    torchs = torch.nn.RNNCell(len(model.vocabulary), 128).double()
    with torch.no_grad():
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for name, weight in zip(names, weights, strict=True):
            getattr(torchs, name).copy_(weight[256:])
        one_hot = torch.nn.functional.one_hot(model.vocabulary.encode(TEXT[9]), len(model.vocabulary)).double()
        expected = torchs(one_hot, torch.as_tensor(before)[None])[0].numpy()
    np.testing.assert_allclose(opened.values["h"], expected, rtol=0, atol=1e-14)
    assert opened.from_plain == 0.0
    assert opened.from_copy > 1  # the control: it is no copy
    assert open_cell(model, TEXT, 9).from_plain > 0.5  # nor was it a plain cell before


@pytest.mark.parametrize(("name", "gate"), [("lighthouse-gru", "z"), ("lighthouse-mingru", "z")])
def test_a_gate_that_keeps_held_at_1_copies(name, gate):
    held = open_cell(shipped(name), TEXT, 9, change=CellChange(hold={gate: 1}))
    assert held.from_copy == 0.0
    assert open_cell(shipped(name), TEXT, 9).from_copy > 0.1


def test_an_lstm_copies_its_cell_state_only_where_nothing_is_written():
    model = shipped("time-machine-lstm")
    assert open_cell(model, TEXT, 9, change=CellChange(hold={"f": 1})).from_copy > 0.1
    assert open_cell(model, TEXT, 9, change=CellChange(hold={"f": 1, "i": 0})).from_copy == 0.0


def test_what_is_changed_is_what_a_hand_calculation_gives():
    model, unit = shipped("lighthouse-gru"), 95
    was = open_cell(model, TEXT, 13).of_unit(unit)
    shifted = open_cell(model, TEXT, 13, change=CellChange(unit, bias={"z": 2})).of_unit(unit)
    argument = math.log(was["z"] / (1 - was["z"])) + 2
    assert shifted["z"] == pytest.approx(1 / (1 + math.exp(-argument)), abs=1e-12)
    assert shifted["h"] == pytest.approx(shifted["z"] * was["h_prev"] + (1 - shifted["z"]) * was["n"], abs=1e-12)
    moved = open_cell(model, TEXT, 13, change=CellChange(unit, before={"h": 0.5}))
    u = model.rnn.weights(next(iter(model.config.nets))).w_hh_GH[128 + unit, unit].double().item()
    assert moved.of_unit(unit)["u_z"] - was["u_z"] == pytest.approx(u * (0.5 - was["h_prev"]), abs=1e-12)
    alone = open_cell(model, TEXT, 13, change=CellChange(unit, own_weight={"z": u + 1})).of_unit(unit)
    assert alone["u_z"] - was["u_z"] == pytest.approx(was["h_prev"], abs=1e-12)
    # Nothing of it reaches another unit's numbers that do not see it.
    others = [i for i in range(128) if i != unit]
    whole = open_cell(model, TEXT, 13, change=CellChange(unit, bias={"z": 2}))
    np.testing.assert_array_equal(whole.values["h"][others], open_cell(model, TEXT, 13).values["h"][others])


def test_both_reset_conventions_from_the_same_weights():
    model = shipped("lighthouse-gru")
    other = open_cell(model, TEXT, 13, change=CellChange(variant="before"))
    was = open_cell(model, TEXT, 13)
    np.testing.assert_array_equal(other.values["z"], was.values["z"])
    assert np.abs(other.values["n"] - was.values["n"]).max() > 0.05
    assert other.residual == 0.0
    assert other.against == "explorer.cells"


@pytest.mark.parametrize("key", CELLS)
def test_the_model_is_left_as_it_was_and_no_neighbour_is_needed(key):
    model = CharModel(ModelConfig(key, hidden_size=4), VOCABULARY, seed=1)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    cell = model.config.kind
    own = {cell.stacked[0]: 1.0} if cell.recurrent else {}
    hold = {gate.letter: 0.5 for gate in cell.gates}
    change = CellChange(3, before={"h": 0.1}, bias={cell.stacked[0]: 1}, own_weight=own, hold=hold)
    opened = open_cell(model, "H", 0, change=change)
    assert opened.values["h_prev"][3] == 0.1
    assert opened.residual < 1e-15
    for gate in cell.gates:
        np.testing.assert_allclose(opened.values[gate.letter], 0.5, rtol=0, atol=1e-12)
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (dict(step=len(TEXT)), "step"),
        (dict(step=-1), "step"),
        (dict(layer=1), "net"),
        (dict(direction="backward"), "net"),
        (dict(change=CellChange(unit=128)), "unit"),
        (dict(change=CellChange(before={"c": 1})), "before"),
        (dict(change=CellChange(before={"h": math.nan})), "before"),
        (dict(change=CellChange(bias={"q": 1})), "bias"),
        (dict(change=CellChange(own_weight={"z": math.inf})), "own_weight"),
        (dict(change=CellChange(hold={"n": 0.5})), "hold"),
        (dict(change=CellChange(hold={"z": 1.5})), "hold"),
        (dict(change=CellChange(variant="sideways")), "variant"),
    ],
    ids=str,
)
def test_what_a_cell_does_not_have_is_refused(asked, field):
    with pytest.raises(ConfigError) as refused:
        open_cell(shipped("lighthouse-gru"), TEXT, **({"step": 3} | asked))
    assert refused.value.field == field


def test_a_unit_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="from 0 to below 128"):
        open_cell(shipped("lighthouse-gru"), TEXT, 3).of_unit(128)


def test_it_shows_itself_in_a_notebook():
    opened = open_cell(shipped("lighthouse-gru"), TEXT, 13)
    assert repr(opened) == """OpenedCell(cell='GRU, reset after', step=13, label='"')"""
    assert opened._repr_html_().startswith("<svg")
