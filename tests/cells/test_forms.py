"""One form: its value, its symbols, its numbers."""

import math

import pytest
import torch

from explorer.cells.equations import latex, value

SYMBOLS = {"z": "z_t", "n": "n_t", "h_prev": "h_{t-1}", "x_z": "W x + b", "u_z": "U h + c"}


@pytest.mark.parametrize(
    ("form", "symbols", "numbers"),
    [
        ("sigmoid(x_z + u_z)", r"\sigma(W x + b + U h + c)", r"\sigma(0.5 - 2)"),
        ("z * h_prev + (1 - z) * n", r"z_t \odot h_{t-1} + (1 - z_t) \odot n_t", r"3 \cdot (-4) + (1 - 3) \cdot 7"),
        ("tanh(x_z + n * u_z)", r"\tanh(W x + b + n_t \odot (U h + c))", r"\tanh(0.5 + 7 \cdot (-2))"),
        ("1 - h_prev", "1 - h_{t-1}", "1 - (-4)"),
        ("h_prev * n", r"h_{t-1} \odot n_t", r"(-4) \cdot 7"),
    ],
)
def test_a_form_is_written_with_the_brackets_it_needs(form, symbols, numbers):
    assert latex(form, SYMBOLS) == symbols
    filled = {"z": "3", "n": "7", "h_prev": "-4", "x_z": "0.5", "u_z": "-2"}
    assert latex(form, filled, r"\cdot") == numbers


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("sigmoid(a)", 1 / (1 + math.exp(0.3))),
        ("tanh(a * 2)", math.tanh(-0.6)),
        ("relu(a)", 0.0),
        ("g(a) - g(0.3)", 1 / (1 + math.exp(0.3)) - 0.8),
        ("1 - (1 - a) * a", 1 + 1.3 * 0.3),
    ],
)
def test_a_form_has_the_value_that_a_person_computes(form, expected):
    assert float(value(form, {"a": torch.tensor(-0.3, dtype=torch.float64)})) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("form", ["a / 2", "a if a else 1", "[a]"])
def test_what_is_no_form_is_refused(form):
    known = {"a": torch.tensor(1.0)}
    with pytest.raises((ValueError, KeyError)):
        value(form, known)
