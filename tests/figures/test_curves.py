"""What is sent to the canvas: a header in JSON and float32 columns behind it. curves.js reads it in tests/browser."""

import json

import numpy as np

from explorer.figures.curves import height_px, pack
from explorer.figures.panel import Alarm, Axis, Level, Line, Panel, Row
from explorer.figures.style import GREY, Stroke

STEPS = np.arange(1, 6)
UPPER = [
    Line(STEPS, np.array([1.5, np.nan, np.inf, 1e300, -1e300]), Stroke("#112233", dash="dash"), "a"),
    Level(1.0, name="θ"),
    Alarm(4, "not finite", "#ff0000"),
]
LOWER = [Line(STEPS, np.linspace(0, 1, 5), name="b"), Line(STEPS[:2], np.zeros(2), name="c")]
FIGURE = Panel(
    Axis("step", 0, 8),
    [Row("perplexity", UPPER, Axis(log=True)), Row("Gates ⌘", LOWER, Axis(low=0, high=1))],
    alt="two rows",
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
    head, columns = unpacked(pack(FIGURE))
    assert [curve["name"] for curve in head["curves"]] == ["a", "b", "c"]
    for sent, curve in zip(head["curves"], [UPPER[0], *LOWER], strict=True):
        np.testing.assert_array_equal(columns[sent["x"]], curve.x)
        finite = np.clip(curve.y, -np.finfo(np.float32).max, np.finfo(np.float32).max)
        np.testing.assert_allclose(columns[sent["y"]], finite, rtol=1e-6)


def test_a_column_that_two_curves_share_is_sent_once():
    head, columns = unpacked(pack(FIGURE))
    assert head["curves"][0]["x"] == head["curves"][1]["x"] != head["curves"][2]["x"]
    assert len(columns) == 5


def test_the_rest_is_in_the_header_and_floats_begin_at_a_multiple_of_four():
    for title in ("a", "ab", "abc", "abcd", "温"):
        data = pack(Panel(Axis(low=0, high=8), [Row(title, LOWER)]))
        assert int.from_bytes(data[:4], "little") % 4 == 0
        assert unpacked(data)[0]["rows"][0]["title"] == title
    head, _ = unpacked(pack(FIGURE))
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
    assert height_px(4) > height_px(2) > 2 * 150
