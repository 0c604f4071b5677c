"""What is sent to the canvas: a header in JSON and float32 columns behind it. curves.js reads it in tests/browser."""

import json

import numpy as np

from explorer.figures.curves import Alarm, Curve, Curves, Level, Row
from explorer.figures.style import GREY

STEPS = np.arange(1, 6)
FIGURE = Curves(
    8,
    [Row("perplexity", log=True), Row("Gates ⌘", low=0, high=1)],
    [
        Curve(0, "a", STEPS, np.array([1.5, np.nan, np.inf, 1e300, -1e300]), "#112233", (6, 4)),
        Curve(1, "b", STEPS, np.linspace(0, 1, 5)),
        Curve(1, "c", STEPS[:2], np.zeros(2)),
    ],
    [Level(0, "θ", 1.0)],
    [Alarm(0, "not finite", 4, "#ff0000")],
    "two rows",
)


def unpacked(data):
    length = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + length])
    columns, at = [], 4 + length
    for count in head["lengths"]:
        columns.append(np.frombuffer(data, "<f4", count, at))
        at += 4 * count
    assert at == len(data)
    return head, columns


def test_the_columns_are_where_the_header_says():
    head, columns = unpacked(FIGURE.pack())
    assert [curve["name"] for curve in head["curves"]] == ["a", "b", "c"]
    for sent, curve in zip(head["curves"], FIGURE.curves, strict=True):
        np.testing.assert_array_equal(columns[sent["x"]], curve.x)
        finite = np.clip(curve.y, -np.finfo(np.float32).max, np.finfo(np.float32).max)
        np.testing.assert_allclose(columns[sent["y"]], finite, rtol=1e-6)


def test_a_column_that_two_curves_share_is_sent_once():
    head, columns = unpacked(FIGURE.pack())
    assert head["curves"][0]["x"] == head["curves"][1]["x"] != head["curves"][2]["x"]
    assert len(columns) == 5


def test_the_rest_is_in_the_header_and_floats_begin_at_a_multiple_of_four():
    for title in ("a", "ab", "abc", "abcd", "温"):
        data = Curves(8, [Row(title)], FIGURE.curves[1:]).pack()
        assert int.from_bytes(data[:4], "little") % 4 == 0
        assert unpacked(data)[0]["rows"][0]["title"] == title
    head, _ = unpacked(FIGURE.pack())
    assert (head["end"], head["alt"]) == (8, "two rows")
    assert head["rows"][1] == {
        "title": "Gates ⌘",
        "log": False,
        "low": 0,
        "high": 1,
        "percent": False,
        "stacked": False,
    }
    assert head["levels"] == [{"row": 0, "name": "θ", "value": 1.0, "colour": GREY}]
    assert head["alarms"][0]["step"] == 4
    assert head["curves"][0]["dash"] == [6, 4]


def test_more_rows_are_higher():
    assert Curves(1, FIGURE.rows * 2, []).height_px > FIGURE.height_px > 2 * 150
