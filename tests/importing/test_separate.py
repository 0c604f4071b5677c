"""Cells from scratch whose gates have matrices of their own; the oracle is the book's own loop, run beside."""

import numpy as np
import pytest
import torch

from explorer import ImportRefusedError, import_model
from readers import SYMBOLS, logits_of

V, H = len(SYMBOLS), 6
TEXT = "a bad dad\nfed a jig"


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru(p, x_TV, candidate="h", keeps=True):
    """d2l, gru-scratch: H_tilda = tanh(X W_xh + (R * H) W_hh + b_h), H = Z * H + (1 - Z) * H_tilda."""
    h, logits = np.zeros(H), []
    c = candidate
    for x in x_TV:
        z = sigmoid(x @ p["W_xz"] + h @ p["W_hz"] + p["b_z"])
        r = sigmoid(x @ p["W_xr"] + h @ p["W_hr"] + p["b_r"])
        n = np.tanh(x @ p[f"W_x{c}"] + (r * h) @ p[f"W_h{c}"] + p[f"b_{c}"])
        h = z * h + (1 - z) * n if keeps else (1 - z) * h + z * n  # the other: Chung et al. 2014, eq. 5
        logits.append(h @ p["W_hq"] + p["b_q"])
    return np.array(logits)


def lstm(p, x_TV, candidate="c"):
    """d2l, lstm-scratch."""
    h, c, logits = np.zeros(H), np.zeros(H), []
    for x in x_TV:
        i, f, o = (sigmoid(x @ p[f"W_x{gate}"] + h @ p[f"W_h{gate}"] + p[f"b_{gate}"]) for gate in "ifo")
        n = np.tanh(x @ p[f"W_x{candidate}"] + h @ p[f"W_h{candidate}"] + p[f"b_{candidate}"])
        c = f * c + i * n
        h = o * np.tanh(c)
        logits.append(h @ p["W_hq"] + p["b_q"])
    return np.array(logits)


def parameters(letters):
    chance = np.random.default_rng(3)
    p = {}
    for letter in letters:
        p |= {f"W_x{letter}": chance.normal(size=(V, H)), f"W_h{letter}": chance.normal(size=(H, H)),
              f"b_{letter}": chance.normal(size=H)}  # fmt: skip
    return p | {"W_hq": chance.normal(size=(H, V)), "b_q": chance.normal(size=V)}


CASES = [("zrh", gru), ("rzn", lambda p, x: gru(p, x, "n")), ("ifoc", lstm), ("gofi", lambda p, x: lstm(p, x, "g"))]


def compared(imported, expected_TV):
    np.testing.assert_allclose(logits_of(imported, TEXT).detach().numpy(), expected_TV, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("letters", "loop"), CASES)
def test_parameters_as_the_book_names_them(letters, loop):
    p = parameters(letters)
    expected_TV = loop(p, np.eye(V)[[SYMBOLS.index(c) for c in TEXT]])
    imported = import_model({f"net.{name}": array for name, array in p.items()}, vocabulary=SYMBOLS, reset="before")
    compared(imported, expected_TV)
    assert imported.model.config.bias == "one"
    first = next(each for each in imported.report.taken if each.became == "rnn.weight_ih_l0")
    assert {name.removeprefix("net.") for name in first.name.split(", ")} == {f"W_x{letter}" for letter in letters}


@pytest.mark.parametrize(("letters", "loop"), CASES)
def test_other_names_and_linear_layers(letters, loop):
    p = parameters(letters)
    expected_TV = loop(p, np.eye(V)[[SYMBOLS.index(c) for c in TEXT]])
    short = {
        n.replace("W_x", "W").replace("W_h", "U").replace("b_", "b") if n[-1] in letters else n: a for n, a in p.items()
    }
    compared(import_model(short, vocabulary=SYMBOLS, reset="before"), expected_TV)
    linear = {"out.weight": p["W_hq"].T, "out.bias": p["b_q"]}
    for letter in letters:
        linear |= {f"W_i{letter}.weight": p[f"W_x{letter}"].T, f"W_i{letter}.bias": p[f"b_{letter}"],
                   f"W_h{letter}.weight": p[f"W_h{letter}"].T}  # fmt: skip
    compared(import_model(linear, vocabulary=SYMBOLS, reset="before"), expected_TV)


def test_a_gate_without_its_like_is_refused():
    p = parameters("zrh")
    del p["W_hr"]
    with pytest.raises(ImportRefusedError):
        import_model(p, vocabulary=SYMBOLS)
    p = {name: torch.tensor(array) for name, array in parameters("ifoc").items()} | {
        "W_ci": torch.ones(H)
    }  # a peephole
    with pytest.raises(ImportRefusedError):
        import_model(p, vocabulary=SYMBOLS)


def test_an_update_gate_that_takes_the_candidate():
    p = parameters("zrh")
    expected_TV = gru(p, np.eye(V)[[SYMBOLS.index(c) for c in TEXT]], keeps=False)
    compared(import_model(p, vocabulary=SYMBOLS, reset="before", z_keeps=False), expected_TV)
    with pytest.raises(ImportRefusedError) as caught:
        import_model(parameters("ifoc"), vocabulary=SYMBOLS, z_keeps=False)
    assert caught.value.argument == "z_keeps"
