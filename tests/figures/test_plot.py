"""What plotly is told of a panel. That the words and numbers come out is in tests/browser/test_figures.py."""

import json
from base64 import b64decode
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
from plotly.tools import return_figure_from_figure_or_data
from streamlit.elements.lib.streamlit_plotly_theme import GRAY_90

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
    over_steps,
)
from explorer.figures.plot import INK, Sent, figure, inked, made, over_px, typed
from explorer.figures.style import Stroke

STEPS = np.arange(4)
LINE = Line(STEPS, STEPS + 0.5, Stroke("#112233", 3, "dash"), hover="%{y}")


def drawn(*items, row=None, **panel):
    """The traces of a panel of one row, and its layout."""
    shown = figure(Panel(Axis("step", 0, 4), [Row("title", items, **(row or {}))], **panel))
    return shown.data, shown.layout


def test_a_line_has_its_look_its_words_and_its_points():
    (line,), _ = drawn(
        Line(STEPS, STEPS, Stroke("#112233", 3, "dash"), hover="%{text}", text=list("abcd"), values=-STEPS)
    )
    assert (line.line.color, line.line.width, line.line.dash) == ("#112233", 3, "dash")
    assert (line.mode, line.hovertemplate) == ("lines", "%{text}<extra></extra>")
    assert (list(line.text), list(line.customdata)) == (list("abcd"), [0, -1, -2, -3])
    (dotted,), _ = drawn(Line(STEPS, STEPS, dots_px=4))
    assert (dotted.mode, dotted.marker.size) == ("lines+markers", 4)


def test_the_pointer_passes_over_what_has_no_words_and_says_the_name_of_what_has_one():
    (silent, named, level), _ = drawn(Line(STEPS, STEPS), Line(STEPS, STEPS, name="loss"), Level(2, name="θ"))
    assert (silent.hoverinfo, silent.hovertemplate) == ("skip", None)
    assert named.hovertemplate.startswith("loss %{y")
    assert level.hovertemplate.startswith("θ %{y")


def test_a_filled_line_fills_down_to_the_one_before():
    (_, upper), _ = drawn(LINE, Line(STEPS, STEPS, Stroke("#112233", 0), filled=0.25))
    assert (upper.fill, upper.fillcolor) == ("tonexty", "rgba(17,34,51,0.25)")


def test_lines_of_a_stacked_row_lie_on_each_other():
    traces, _ = drawn(LINE, Line(STEPS, STEPS, opacity=0.5), row={"stacked": True})
    assert len({trace.stackgroup for trace in traces}) == 1
    assert traces[1].fillcolor.endswith("0.5)")
    apart, _ = drawn(LINE, Line(STEPS, STEPS, opacity=0.5))
    assert [trace.stackgroup for trace in apart] == [None, None]
    assert apart[1].opacity == 0.5


def test_a_level_runs_from_end_to_end_and_an_alarm_from_bottom_to_top():
    (level,), layout = drawn(Level(2, Stroke(width=1)), Alarm(3, "not finite", "#ff0000"))
    assert (list(level.x), list(level.y)) == ([0, 4], [2, 2])
    (alarm,) = layout.shapes
    assert (alarm.x0, alarm.x1, alarm.y0, alarm.y1, alarm.yref) == (3, 3, 0, 1, "y domain")
    assert (alarm.label.text, alarm.line.color) == ("not finite", "#ff0000")


def test_what_is_chosen_has_a_line_through_all_rows_and_points_can_be_clicked():
    (line,), layout = drawn(Line(STEPS, STEPS, clickable=True), chosen=2, clickable=True)
    assert (layout.shapes[0].x0, layout.shapes[0].yref, layout.clickmode) == (2, "paper", "event+select")
    assert (line.mode, line.marker.opacity) == ("lines+markers", 0)


def test_cells_have_the_scale_of_the_panel_or_their_own_and_gaps_say_why():
    z = np.array([[1.0, np.nan], [3.0, 4.0]])
    (shared, own, gaps), layout = drawn(
        Heatmap(z, "%{z}", names=["a", "b"]),
        Heatmap(z, "%{z}", Scale(-1, 1)),
        Gaps(np.isnan(z), "no number", first=3),
        scale=Scale(0, 100),
    )
    assert shared.coloraxis == "coloraxis"
    assert (layout.coloraxis.cmin, layout.coloraxis.cmax) == (0, 100)
    assert (own.zmin, own.zmax, own.coloraxis) == (-1, 1, None)
    assert list(shared.y) == ["a", "b"]
    assert not shared.hoverongaps
    assert np.isfinite(np.asarray(gaps.z)).tolist() == [[False, True], [False, False]]
    assert (gaps.opacity, gaps.y0, gaps.dy) == (0, 3, 1)


def test_a_gap_is_hovered_over_where_every_cell_has_words():
    (strip,), _ = drawn(Heatmap(np.array([[np.nan]]), "%{text}", Scale(0, 1), text=[["not predicted"]]))
    assert strip.hoverongaps is None  # plotly's own is True


@pytest.mark.parametrize(("left", "x"), [(True, 0.02), (False, 0.98)])
@pytest.mark.parametrize("lettered", [False, True])
def test_a_colour_bar_stands_in_a_corner_of_its_row(left, x, lettered):
    rows = [Row("first", [ColourBar(-6, 2, {-6: "a", 2: "b"}, left)], height_px=400), Row("second", [LINE])]
    layout = figure(Panel(over_steps("abcd", 4, "step"), rows, lettered=lettered)).layout
    bar, (low, high) = layout.coloraxis2.colorbar, layout.yaxis.domain
    assert (bar.x, list(bar.ticktext)) == (x, ["a", "b"])
    assert low < bar.y < high
    paper_px = layout.height - layout.margin.t - layout.margin.b
    edge = low if left else high
    assert abs(bar.y - edge) * paper_px == pytest.approx(6)
    assert bar.len == pytest.approx((high - low) / 2)


def test_bars_stand_or_lie():
    (standing, lying), _ = drawn(
        Bars([0, 1], [2, 3], "red", "%{y}", said=[0, 1], width=0.5),
        Bars(["a", "b"], [2, 3], "red", "%{y}", said=[0, 1], lying=True),
    )
    assert (list(standing.x), list(standing.y), standing.width) == ([0, 1], [2, 3], 0.5)
    assert (lying.orientation, list(lying.x), list(lying.y)) == ("h", [2, 3], ["a", "b"])


def test_marks_and_areas():
    (marks, area), _ = drawn(Marks([1], [2], "diamond", 14, "#c97a12"), Area([0, 1, 1, 0], [0, 0, 1, 0], "no path"))
    assert (marks.mode, marks.marker.symbol, marks.marker.size, marks.hoverinfo) == ("markers", "diamond", 14, "skip")
    assert (area.fill, area.hoveron, area.text) == ("toself", "fills", "no path")


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (Axis(low=0.01, high=100, log=True), {"type": "log", "range": (-2, 2)}),
        (Axis(low=5, high=-1), {"range": (5, -1)}),
        (Axis(low=0, high=1, percent=True), {"tickformat": ".0%"}),
        (Axis(ticks={1: "one", 10: "ten"}), {"tickvals": (1, 10), "ticktext": ("one", "ten")}),
        (Axis(ticks=5), {"nticks": 5, "tickvals": None}),
        (Axis(words=["a", "b"]), {"tickvals": (0, 1), "ticktext": ("a", "b"), "showticklabels": False}),
        (Axis(names=["0", "16"]), {"type": "category", "categoryarray": ("0", "16")}),
        (Axis(reverse=True, bare=True), {"autorange": "reversed", "showticklabels": False, "ticks": ""}),
        (Axis(from_zero=True, zero=True), {"rangemode": "tozero", "zeroline": True}),
        (Axis(hidden=True), {"visible": False}),
        (Axis("bits", cursor=True), {"showspikes": True, "title.text": "bits"}),
    ],
)
def test_an_axis_is_what_it_is_asked_to_be(axis, expected):
    layout = figure(Panel(axis, [Row("", [LINE], axis)])).layout
    for shown in (layout.xaxis, layout.yaxis):
        assert {name: shown[name] for name in expected} == expected


ROWS = [
    Row("one<br>two", [LINE], height_px=100),
    Row("", [LINE], height_px=40),
    Row("bare", [LINE], Axis(bare=True), 60),
]


@pytest.mark.parametrize("lettered", [False, True])
@pytest.mark.parametrize("top_px", [None, 50])
def test_every_row_has_its_pixels_and_titles_stand_over_their_rows(lettered, top_px):
    panel = Panel(over_steps("abcd", 4, "step"), ROWS, lettered=lettered, top_px=top_px)
    layout = figure(panel).layout
    paper_px = layout.height - layout.margin.t - layout.margin.b
    domains = [layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3")]
    assert [round((high - low) * paper_px) for low, high in domains] == [100, 40, 60]
    assert all(low[0] > high[1] for low, high in pairwise(domains))
    assert layout.yaxis.domain[1] == (1 if top_px else pytest.approx(1 - over_px(ROWS[0]) / paper_px))
    assert layout.margin.t == (top_px or 28)
    assert [(note.text, note.y) for note in layout.annotations] == [
        ("one<br>two", domains[0][1]),
        ("bare", domains[2][1]),
    ]
    assert layout.xaxis.anchor == ("y4" if lettered else "y3")
    gap_px = (domains[0][0] - domains[1][1]) * paper_px
    assert gap_px == pytest.approx(10)
    assert over_px(ROWS[0]) - over_px(ROWS[2]) == 17 + 6  # a line more, and room for its topmost tick label


def test_what_plotly_cannot_draw_is_named():
    class Bubble(Item):
        pass

    with pytest.raises(TypeError, match="Bubble"):
        drawn(Bubble())


EVERY_KIND = Panel(
    over_steps("ab", 2, "step"),
    [
        Row("a", [ColourBar(-6, 2, {-6: "x"}, left=True), Heatmap(np.eye(2, dtype=np.int8), "%{z}"), LINE], Axis("bits")),
        Row("b", [Bars([0, 1], [2, 3], "red", "%{y}", said=[0, 1]), Level(1), Alarm(1, "not finite", "#ff0000")]),
        Row("c", [Marks([1], [2], "diamond", 14), Area([0, 1], [0, 1], "no path"), Gaps(np.eye(2, dtype=bool), "none")]),
    ],
    lettered=True,
    scale=Scale(0, 100),
    chosen=1,
)  # fmt: skip


def numbers(part):
    """A sent figure with its arrays as lists of numbers, however they were packed."""
    if isinstance(part, dict) and "bdata" in part:
        packed = np.frombuffer(b64decode(part["bdata"]), np.dtype(part["dtype"]))
        shape = [int(n) for n in part["shape"].split(",")] if "shape" in part else [-1]
        return np.nan_to_num(packed.reshape(shape).astype(float), nan=-99).tolist()
    if isinstance(part, dict):
        return {name: numbers(value) for name, value in part.items()}
    return [numbers(value) for value in part] if isinstance(part, list | tuple) else part


def json_of(shown):
    return numbers(json.loads(plotly.io.to_json(shown, validate=False)))


@pytest.mark.parametrize("template", [None, "plotly"])
def test_a_page_is_sent_what_plotly_would_send(template, monkeypatch):
    monkeypatch.setattr(plotly.io.templates, "default", template)
    checked = go.Figure(made(EVERY_KIND) | {"layout": inked(made(EVERY_KIND)["layout"], INK)})
    assert json_of(Sent(EVERY_KIND, INK).to_dict()) == json_of(checked)
    assert ("template" in Sent(EVERY_KIND, INK).to_dict()["layout"]) == bool(
        template
    )  # Streamlit draws both themes by it


def test_streamlit_takes_it_as_a_figure_and_sends_its_dictionary():
    sent = Sent(EVERY_KIND, INK)
    assert return_figure_from_figure_or_data(sent, validate_figure=True) == sent.to_dict()


def test_what_was_sent_is_a_copy():
    sent = Sent(EVERY_KIND, INK).to_dict()
    sent["layout"]["height"] = sent["data"][0]["z"] = sent["layout"]["xaxis"]["ticktext"][0] = "changed"
    assert "changed" not in str(Sent(EVERY_KIND, INK).to_dict())


def test_every_word_on_a_page_has_the_ink_and_none_elsewhere(monkeypatch):
    monkeypatch.setattr(plotly.io.templates, "default", None)
    inks, plain = go.Figure(Sent(EVERY_KIND, INK).to_dict()).layout, figure(EVERY_KIND).layout
    for axis in (inks.xaxis, inks.yaxis):
        assert axis.tickfont.color == axis.title.font.color == INK
    assert inks.font.color == inks.hoverlabel.font.color == inks.coloraxis2.colorbar.tickfont.color == INK
    assert (plain.font.color, plain.xaxis.tickfont.color, plain.xaxis.title.font.color) == (None, None, None)
    assert inks.xaxis.title.text == plain.xaxis.title.text == "step"
    assert INK == GRAY_90  # which Streamlit's page replaces


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "float32", "float64"])
def test_arrays_of_every_kind_are_packed(dtype):
    array = np.array([[0, 1], [2, 100]], dtype)
    assert numbers(typed(array)) == array.tolist()
    assert typed(array)["dtype"] != "i8"  # which plotly.js cannot read


def test_what_is_not_numbers_stays_a_list():
    assert typed(np.array(["a", "b"])) == ["a", "b"]
    assert typed(np.empty(0)) == []
