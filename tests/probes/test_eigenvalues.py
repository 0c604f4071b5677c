"""Eigenvalues of the recurrent weights: numpy's own, matrices whose eigenvalues are known, and powers written out."""

import math
import re

import numpy as np
import pytest
import torch

import explorer
from explorer import CharModel, ConfigError, ModelConfig, Vocabulary
from explorer.cells import CELLS
from explorer.figures import eigenvalues as drawing
from explorer.models import NetKey
from explorer.probes.eigenvalues import POWERS, eigenvalues

VOCABULARY = Vocabulary.from_text("the cat sat on the mat")
NET = NetKey(0, "forward")
RECURRENT = [key for key, cell in CELLS.items() if cell.recurrent]


def rnn_with(u):
    model = CharModel(ModelConfig("rnn", hidden_size=len(u)), VOCABULARY, seed=1)
    with torch.no_grad():
        model.rnn.weights(NET).w_hh_GH.copy_(torch.tensor(u))
    return model


def test_a_rotation_lies_on_the_circle_and_its_powers_neither_grow_nor_vanish():
    turn = 0.3
    u = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    found = eigenvalues(rnn_with(u))
    np.testing.assert_allclose(sorted(found.values["h"].imag), [-np.sin(turn), np.sin(turn)], atol=1e-7)
    assert found.radius("h") == pytest.approx(1, abs=1e-7)
    np.testing.assert_allclose(found.power_norms, 1, atol=1e-5)


def test_a_norm_may_grow_before_it_vanishes():
    found = eigenvalues(rnn_with([[0.5, 4.0], [0.0, 0.5]]))
    assert found.radius("h") == 0.5
    assert found.power_norms[0] > 4
    assert found.power_norms[-1] < 1e-12


@pytest.mark.parametrize("key", RECURRENT)
def test_every_part_has_numpys_eigenvalues_the_largest_first(key):
    model = CharModel(ModelConfig(key, hidden_size=6), VOCABULARY, seed=2)
    found, cell = eigenvalues(model), CELLS[key]
    stacked = model.rnn.weights(NET).w_hh_GH.detach().double().numpy()
    for number, letter in enumerate(cell.stacked):
        expected = np.linalg.eigvals(stacked[6 * number : 6 * number + 6])
        np.testing.assert_allclose(np.sort_complex(found.values[letter]), np.sort_complex(expected), atol=1e-12)
        assert (np.diff(np.abs(found.values[letter])) <= 1e-12).all()
    assert found.part not in [gate.letter for gate in cell.gates]
    u = stacked[6 * cell.stacked.index(found.part) :][:6]
    norms = [np.linalg.norm(np.linalg.matrix_power(u, k), 2) for k in POWERS]
    np.testing.assert_allclose(found.power_norms, norms, rtol=1e-9)


def test_powers_beyond_float64_are_infinite_without_a_warning():
    assert eigenvalues(rnn_with([[1e30, 0.0], [0.0, 1.0]])).power_norms[-1] == np.inf


def test_what_has_no_eigenvalues_is_refused():
    with pytest.raises(ConfigError, match="recurrent weights"):
        eigenvalues(CharModel(ModelConfig("mingru", hidden_size=4), VOCABULARY))
    with pytest.raises(ConfigError, match="net"):
        eigenvalues(CharModel(ModelConfig("gru", hidden_size=4), VOCABULARY), layer=1)


def test_the_drawing_has_a_mark_for_each_and_the_table_a_line():
    found = eigenvalues(CharModel(ModelConfig("gru", hidden_size=6), VOCABULARY, seed=2))
    svg = drawing.circle(found)
    assert svg.count("<title>") == 18
    told = re.findall(r"<circle cx=.([\d.]+). cy=.([\d.]+).[^>]*><title>n: ([-\d.]+) ([-+\d.]+)i", svg)
    radius = float(re.search(r'r="([\d.]+)" fill="none"', svg)[1])
    assert len(told) == 6
    for x, y, real, imaginary in (
        map(float, one) for one in told
    ):  # the unit circle has this radius, zero is in the middle
        assert (x - 180) / radius == pytest.approx(real, abs=0.002)
        assert (180 - y) / radius == pytest.approx(imaginary, abs=0.002)
    assert found._repr_html_() == svg
    table = drawing.frame(found)
    assert len(table) == 18
    np.testing.assert_allclose(table["modulus"], np.hypot(table["real"], table["imaginary"]))
    panel = drawing.powers(found)
    np.testing.assert_allclose(panel.rows[0].items[2].y, found.radius("n") ** np.array(POWERS, float))
    assert repr(explorer.eigenvalues(CharModel(ModelConfig("rnn", hidden_size=3), VOCABULARY))).startswith(
        "Eigenvalues("
    )


def test_weights_that_are_not_finite_have_no_eigenvalues():
    model = CharModel(ModelConfig("rnn", hidden_size=3), Vocabulary.from_text("abc"), seed=0)
    with torch.no_grad():
        model.rnn.weight_hh_l0[0, 0] = torch.inf
    found = eigenvalues(model)
    assert all(np.isnan(values).all() for values in found.values.values())
    assert math.isnan(found.radius(found.part))
