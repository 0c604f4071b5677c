"""Figures of learning a problem: what was recorded is what is drawn, and a text's parts are told apart."""

import re

import pytest
import torch

from explorer.figures import problems as drawing
from explorer.problems import PROBLEMS, Learned


def records(count, right):
    return [Learned(step, 20, 1.0 / step, right, 2.0, 1.0, step / 10, False) for step in range(1, count + 1)]


CURVES = {"gru": records(40, 1.0), "rnn": records(500, 0.25)}


def test_every_step_is_in_the_table():
    table = drawing.frame(CURVES)
    assert len(table) == 540
    assert table[table.cell == "gru"].accuracy.tolist() == [1.0] * 40
    assert drawing.frame({}).empty


@pytest.mark.parametrize("what", [drawing.ACCURACY, drawing.LOSS])
def test_a_live_chart_has_few_points_of_every_cell(what):
    spec = drawing.live(CURVES, what, 0.25, 10)
    values = spec["data"]["values"]
    assert {one["cell"] for one in values} == {"gru", "rnn"}
    assert len(values) <= 4 * drawing.DRAWN
    rules = [layer for layer in spec["layer"] if "datum" in layer["encoding"]["y"]]
    assert [rule["encoding"]["y"]["datum"] for rule in rules] == ([0.25] if what == drawing.ACCURACY else [])


def test_before_the_first_step_a_live_chart_is_empty():
    assert drawing.live({}, drawing.LOSS, 0.5, 10)["data"]["values"] == []


def test_accuracy_against_length_says_what_was_measured():
    shares = {"gru": {10: 1.0, 20: 0.5}, "rnn": {10: 0.25, 20: 0.25}}
    panel = drawing.against_length(shares, 0.25, 20)
    gru, rnn, guess = panel.rows[0].items
    assert (gru.x, gru.y, rnn.y) == ([10.0, 20.0], [1.0, 0.5], [0.25, 0.25])
    assert guess.value == 0.25
    assert panel.figure().data
    assert drawing.length_frame(shares).accuracy.tolist() == [1.0, 0.5, 0.25, 0.25]


def test_the_parts_of_a_text():
    assert drawing.parts_of(PROBLEMS["first"], "2a1?2") == ["kept", "noise", "noise", "rest", "answer"]
    assert drawing.parts_of(PROBLEMS["breaks"], "1|2?2") == ["rest", "break", "kept", "rest", "answer"]


@pytest.mark.parametrize("key", PROBLEMS)
def test_a_coloured_text_is_the_text_to_the_letter(key):
    problem = PROBLEMS[key]
    text = problem.draw(1, 40, torch.Generator().manual_seed(2)).texts[0]
    shown = re.sub("<[^>]*>", "", drawing.coloured_text(problem, text))
    assert shown.replace("&lt;", "<").replace("&gt;", ">") == text
    assert "<" in drawing.legend(problem, text)
