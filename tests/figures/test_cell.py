"""The drawing of a cell, its equations and bars."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import explorer
from explorer import CharModel, ModelConfig
from explorer.cells import CELLS
from explorer.cells.equations import value
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


def test_a_wire_is_as_thick_as_what_it_carries(opened):
    was, _ = opened
    svg = ElementTree.fromstring(drawing.drawing(was, 5))
    drawn = [float(path.get("stroke-width")) for path in svg.find("g").iter("path")]
    numbers, expected = was.of_unit(5), []
    values = {name: torch.tensor(number) for name, number in numbers.items()}
    nodes = {node.key: node for node in was.cell.drawn(was.variant)}
    for node in nodes.values():
        for wire in node.wires:
            source = nodes[wire if isinstance(wire, str) else wire[0]]
            size = 0.3 if source.key == "x" else min(abs(float(value(source.form, values))), 1)
            expected.append(1.2 + 3.6 * size)
    np.testing.assert_allclose(drawn, expected, atol=0.006)


def test_bars_are_as_long_as_their_numbers_and_a_mark_stands_where_they_ended(opened):
    was, changed = opened
    svg = ElementTree.fromstring(drawing.bars(changed, 5, was))
    names = [*(f"{part}_prev" for part in was.cell.state), *(one.letter for one in was.cell.equations(was.variant))]
    numbers, before = changed.of_unit(5), was.of_unit(5)
    most = max(1, *(abs(each[name]) for each in (numbers, before) for name in names))
    bars = svg.findall("rect")
    zero = max(float(bar.get("x")) for bar, name in zip(bars, names, strict=True) if numbers[name] > 0)
    for bar, name in zip(bars, names, strict=True):
        assert float(bar.get("width")) == pytest.approx(max(0.5, abs(numbers[name]) / most * 75), abs=0.01)
        assert float(bar.get("x")) == pytest.approx(zero + min(numbers[name], 0) / most * 75, abs=0.01)
    moved = [name for name in names if f"{numbers[name]:.3f}" != f"{before[name]:.3f}"]
    marks = [path.get("d") for path in svg.findall("path") if path.get("stroke-dasharray")]
    assert len(marks) == len(moved) > 0
    for mark, name in zip(marks, moved, strict=True):
        assert float(mark[1:].split(" ")[0]) == pytest.approx(zero + before[name] / most * 75, abs=0.01)


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
    assert r.symbols == r"r_t = \sigma(W_r x_t + b_r + U_r h_{t-1})"  # one bias, as the book has it
    assert n.symbols == r"n_t = \tanh(W_n x_t + b_n + U_n (r_t \odot h_{t-1}))"
    assert n.book == r"\tilde{H}_t = \tanh(X_t W_{xh} + b_h + (R_t \odot H_{t-1}) W_{hh})"
    assert h.book == r"H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde{H}_t"
    torchs = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
    after = drawing.lines(open_cell(torchs, "time", 2), 0)[2]
    assert after.symbols == r"n_t = \tanh(W_n x_t + b_n + r_t \odot (U_n h_{t-1} + c_n))"
    assert after.book == r"\tilde{H}_t = \tanh(X_t W_{xh} + b_h + R_t \odot (H_{t-1} W_{hh} + c_h))"
    one = CharModel(ModelConfig(hidden_size=3, bias="one"), torchs.vocabulary, seed=0)
    assert drawing.lines(open_cell(one, "time", 2), 0)[2].book == (
        r"\tilde{H}_t = \tanh(X_t W_{xh} + b_h + R_t \odot (H_{t-1} W_{hh}))"
    )
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
