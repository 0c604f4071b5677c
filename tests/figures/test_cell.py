"""The drawing of a cell, its equations and bars."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import explorer
from explorer.cells import CELLS
from explorer.characters import visible
from explorer.figures import cell as drawing
from explorer.figures.style import SEQUENTIAL
from explorer.pages.shell import models
from explorer.probes.cell import CellChange, open_cell
from explorer.words import speaking

TEXT = 'He looked at "the light" & <again>'
NAMES = ["lighthouse-gru", "time-machine-gru-before", "time-machine-lstm", "time-machine-rnn", "lighthouse-mingru"]


@pytest.fixture(scope="module", params=NAMES)
def opened(request):
    model = explorer.load_checkpoint(models.CHECKPOINTS / f"{request.param}.safetensors").model
    return open_cell(model, TEXT, 13), open_cell(model, TEXT, 13, change=CellChange(5, before={"h": 0.25}))


def words_of(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]


def test_every_part_stands_in_the_drawing_with_its_number(opened):
    was, changed = opened
    words = words_of(drawing.drawing(was, 5))
    for letter in was.cell.letters:
        assert f"{was.values[letter][5]:.2f}" in words
    assert not any(word.startswith("was") for word in words)
    now = words_of(drawing.drawing(changed, 5, was))
    assert "0.25" in now
    assert f"was {was.values['h_prev'][5]:.2f}" in now


def test_the_numbers_in_the_equations_come_to_what_stands_behind_them(opened):
    was, _ = opened
    for line, (letter, _) in zip(drawing.lines(was, 5), was.cell.equations(was.variant), strict=True):
        middle, right = line.numbers.split(" = ")
        python = re.sub(r"\\(sigma|tanh|mathrm\{relu\})", r"\1", middle).replace(r"\cdot", "*")
        known = {"sigma": lambda a: 1 / (1 + np.exp(-a)), "tanh": np.tanh,
                 "g": lambda a: a + 0.5 if a >= 0 else 1 / (1 + np.exp(-a))}  # fmt: skip
        assert eval(python, known) == pytest.approx(float(right), abs=0.004)
        assert was.values[letter][5] == pytest.approx(float(right), abs=0.0006)


def test_ours_and_the_books_letters():
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru-before.safetensors").model
    r, _, n, h = drawing.lines(open_cell(model, "time", 2), 0)
    assert r.symbols == r"r_t = \sigma(W_r x_t + b_r + U_r h_{t-1} + c_r)"
    assert n.symbols == r"n_t = \tanh(W_n x_t + b_n + U_n (r_t \odot h_{t-1}) + c_n)"
    assert n.book == r"\tilde{H}_t = \tanh(X_t W_{xh} + b_h + (R_t \odot H_{t-1}) W_{hh})"
    assert h.book == r"H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde{H}_t"
    held = drawing.lines(open_cell(model, "time", 2, change=CellChange(hold={"z": 1})), 0)[1]
    assert held.numbers == r"1.000\;(\text{held})"


@pytest.mark.parametrize("character", ["<", "&", '"', "'", "\n", "\u202e", "好"])
def test_a_persons_character_stands_in_it_to_the_letter(character):
    model = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
    opened = open_cell(model, f"a{character}b", 1)
    assert visible(opened.label) in words_of(drawing.drawing(opened, 0))  # it parses, so nothing of it is markup


def test_colours_are_absolute():
    assert drawing.shade(0.0, gate=True)[0] == SEQUENTIAL[0][1].lower()
    assert drawing.shade(1.0, gate=True)[0] == SEQUENTIAL[-1][1].lower()
    assert drawing.shade(7.0, gate=False) == drawing.shade(1.0, gate=False)
    assert drawing.shade(-0.4, gate=False) != drawing.shade(0.4, gate=False)


def test_the_table_has_every_unit_and_what_it_was(opened):
    was, changed = opened
    table = drawing.frame(changed, was)
    assert len(table) == len(was.values["h"])
    np.testing.assert_array_equal(table["h_unchanged"], was.values["h"])
    assert table["h_prev"][5] == 0.25
    assert list(drawing.frame(was)) == ["unit", *was.values]


def test_it_speaks_chinese():
    model = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
    was, held = open_cell(model, "abc", 1), open_cell(model, "abc", 1, change=CellChange(hold={"z": 1}))
    with speaking("zh"):
        assert any(word.startswith("原为") for word in words_of(drawing.drawing(held, 0, was)))
        assert "固定" in drawing.lines(held, 0)[1].numbers


def test_the_models_above_are_of_every_cell():
    assert {
        explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors").model.config.cell for name in NAMES
    } == set(CELLS)
