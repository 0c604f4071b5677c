"""What is sent to the canvas: a head in JSON and columns of numbers behind it. ink.js reads it in tests/browser."""

import inspect
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn import titles, unpacked
from explorer.figures import canvas, panel
from explorer.figures.canvas import KINDS, height_px, pack
from explorer.figures.panel import (
    Alarm,
    Area,
    Axis,
    Bars,
    ColourBar,
    Gaps,
    Heatmap,
    Item,
    Level,
    Line,
    Marks,
    Panel,
    Row,
    Scale,
    Spans,
    UnitMap,
    over_steps,
)
from explorer.figures.style import GREY, Stroke

STEPS = np.arange(1, 6)
LARGEST = float(np.finfo(np.float32).max)


def sent(*items, **settings):
    """The items of a row as the browser has them."""
    (row,) = unpacked(pack(Panel(Axis("step", 0, 8), [Row("a", items)], **settings)))["rows"]
    return row["items"]


def test_every_kind_of_item_can_be_sent():
    kinds = {
        kind for _, kind in inspect.getmembers(panel, inspect.isclass) if issubclass(kind, Item) and kind is not Item
    }
    assert kinds == set(KINDS)
    assert all(canvas._item.dispatch(kind) is not canvas._item.dispatch(object) for kind in kinds)
    drawn = canvas.script("panel")
    unseen = {"gaps", "area"}
    assert {kind for kind in KINDS.values() if f"\n  {kind}(view" in drawn or f"\n  {kind}:" in drawn} == set(
        KINDS.values()
    ) - unseen


def test_a_line_has_its_points_its_look_and_its_words():
    line = Line(
        STEPS, STEPS / 2, Stroke("#112233", 3, "dash"), "a", "%{y}", list("vwxyz"), -STEPS, 0.5, 4, opacity=0.25
    )
    (shown,) = sent(line)
    np.testing.assert_array_equal(shown["x"], STEPS)
    np.testing.assert_allclose(shown["y"], STEPS / 2)
    np.testing.assert_array_equal(shown["values"], -STEPS)
    look = {"kind": "line", "colour": "#112233", "width": 3, "dash": [6, 4], "name": "a", "hover": "%{y}"}
    look |= {"text": list("vwxyz"), "filled": 0.5, "dots": 4, "opacity": 0.25}
    assert {name: shown[name] for name in look} == look


@given(st.lists(st.floats(width=64), min_size=1))
def test_numbers_are_the_nearest_that_four_bytes_hold_and_what_is_not_zero_stays_so(values):
    (shown,) = sent(Line(np.arange(len(values)) * 2.5, np.array(values)))
    for value, told in zip(values, shown["y"].tolist(), strict=True):
        if np.isnan(value):
            assert np.isnan(told)
        elif value > 0 and np.float32(min(value, LARGEST)) == 0:
            assert told == np.finfo(np.float32).tiny
        else:
            assert told == np.float32(np.clip(value, -LARGEST, LARGEST))


def test_a_column_that_two_lines_share_is_sent_once_and_steps_are_not_sent_at_all():
    x, y = np.array([0.5, 2, 7]), np.array([1.0, 2, 3])
    shared = Panel(Axis(low=0, high=8), [Row("", [Line(x, y), Line(x, y * 2), Line(np.arange(3), y)])])
    assert unpacked(pack(shared))["columns"] == [["f4", 3]] * 3


def test_equal_columns_of_arrays_that_are_gone_are_not_taken_for_each_other():
    lines = [Line(np.array([0.0, 1, 3]) + i, np.array([1.0, 2, 3]) * i) for i in range(50)]
    for number, shown in enumerate(sent(*lines)):
        np.testing.assert_allclose(shown["y"], np.array([1.0, 2, 3]) * number)


def test_heatmaps_are_sent_as_they_are():
    values = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]], np.float32)
    text = [["a", "b", "c"], ["d", "e", "f"]]
    cells, exact = sent(
        Heatmap(values, "%{z}", Scale(0, 1, log=True), text=text), Heatmap(values * 1e-60 * 1.0, "%{z}")
    )
    np.testing.assert_array_equal(cells["values"].reshape(2, 3), values)
    assert (cells["lines"], cells["text"], cells["scale"]["log"]) == (2, list("abcdef"), True)
    assert exact["scale"] is None
    (tiny,) = sent(Heatmap(values.astype(np.float64) * 1e-60, "%{z}"))
    np.testing.assert_array_equal(tiny["values"].reshape(2, 3), values.astype(np.float64) * 1e-60)


@pytest.mark.parametrize(("largest", "bytes_each"), [(1.0, 1), (1.27, 1), (1.28, 2), (327.0, 2), (1e6, 4)])
def test_units_are_sent_in_hundredths_in_as_few_bytes_as_hold_them(largest, bytes_each):
    values_HT = np.linspace(-largest, largest, 12).reshape(3, 4)
    (shown,) = sent(UnitMap("z", values_HT, np.array([2, 0, 1]), Scale(-1, 1), {"n": values_HT / 2}, "net"))
    assert shown["values"].dtype.itemsize == bytes_each
    for told, values in ((shown["values"], values_HT), (shown["said"]["n"], values_HT / 2)):
        np.testing.assert_allclose(told.reshape(3, 4) * shown["unit"], values, atol=0.005 + 1e-6)
    assert (shown["letter"], shown["net"], shown["numbers"], shown["lines"]) == ("z", "net", [2, 0, 1], 3)


def test_units_that_are_not_finite_are_gaps():
    (shown,) = sent(UnitMap("z", np.array([[0.5, np.nan, np.inf]]), np.array([0]), Scale(0, 1)))
    np.testing.assert_array_equal(shown["values"], np.array([50, np.nan, np.nan], np.float32))


def test_the_other_items():
    bars, gaps, area, marks, level, alarm, bar, spans = sent(
        Bars(STEPS, STEPS / 2, "#112233", "%{y}", STEPS, 0.8), Gaps(np.eye(2, dtype=bool), "why", first=3),
        Area([0, 1, 1], [0, 0, 1], "nothing"), Marks([2], [0.5], "triangle-up", 7), Level(1.0, name="θ"),
        Alarm(4, "not finite", "#ff0000"), ColourBar(-6, 2, {-6.0: "a"}, left=True),
        Spans(np.array([True, True, False, True])),
    )  # fmt: skip
    np.testing.assert_allclose(bars["values"], STEPS / 2)
    np.testing.assert_array_equal(gaps["where"].reshape(2, 2), np.eye(2))
    assert (gaps["first"], area["x"], marks["symbol"]) == (3, [0, 1, 1], "triangle-up")
    assert (level["value"], level["name"], level["colour"]) == (1.0, "θ", GREY)
    assert (alarm["step"], bar["ticks"], bar["left"]) == (4, [[-6.0, "a"]], True)
    assert spans["ends"] == [[0, 1], [3, 3]]


@pytest.mark.parametrize("where", ["", "0", "1", "10", "01", "0110", "1011", "11"])
def test_spans_end_where_what_holds_ends(where):
    holds = [c == "1" for c in where]
    inside = {step for first, last in Spans(np.array(holds, bool)).ends for step in range(first, last + 1)}
    assert inside == {step for step, one in enumerate(holds) if one}


def test_the_rest_is_in_the_head_and_columns_begin_at_a_multiple_of_eight():
    for title in ("", "a", "ab", "abc", "温", "温温 <b>z</b>"):
        shown = Panel(
            over_steps("ab", 2, "step"), [Row(title, [Line(STEPS, STEPS * 0.5)], Axis(log=True), key="k", pinned=True)],
            alt="one row", chosen=1, told=["x", "y"], roles={3: "quotes"}, named=True,
        )  # fmt: skip
        head = unpacked(pack(shown, {"stamp": "s"}))  # which asserts it
        assert titles(head) == [title]
        assert (head["alt"], head["chosen"], head["told"], head["roles"]) == ("one row", 1, ["x", "y"], {"3": "quotes"})
        assert (head["x"]["low"], head["x"]["high"], head["x"]["words"]) == (-0.5, 1.5, ["a", "b"])
        row = head["rows"][0]
        assert (row["key"], row["pinned"], row["brushed"], row["y"]["log"]) == ("k", True, False, True)
        assert head["about"] == {"stamp": "s"}
        json.dumps(head["hints"])


def test_more_rows_are_higher():
    assert height_px(4) > height_px(2) > 2 * 150


def test_scripts_are_joined_in_their_order():
    both = canvas.script("ink", "panel")
    assert both.index("function unpack") < both.index("function build")
    assert canvas.style().startswith(":host")


def test_the_hint_says_what_dragging_does_there():
    def hint(brushed):
        return unpacked(pack(Panel(Axis(low=0, high=1), [Row("", [], brushed=brushed)])))["hints"]["closer"]

    assert "units" in hint(True)
    assert "units" not in hint(False)
