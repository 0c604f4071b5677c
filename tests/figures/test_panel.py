"""A panel shows itself and saves itself, with plotly's own means; what it says of itself is short."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from explorer.figures.hundredths import CONFIG
from explorer.figures.panel import Axis, Heatmap, Line, Panel, Row, Scale, over_steps

PANEL = Panel(
    over_steps("ab c", 4, "step"),
    [Row("<b>z</b>", [Heatmap(np.arange(8, dtype=np.int8).reshape(2, 4), "%{z:04,d}", Scale(0, 100))])],
    lettered=True,
)


def test_it_becomes_a_plain_figure_of_plotly():
    figure = PANEL.figure()
    assert type(figure) is go.Figure
    assert figure.update_layout(height=77).layout.height == 77
    assert PANEL.figure().layout.height != 77  # each is one's own


def test_shown_in_a_notebook_it_has_the_locale_in_which_hundredths_are_read(monkeypatch):
    shown = []
    monkeypatch.setattr(go.Figure, "show", lambda self, *args, **kwargs: shown.append(kwargs["config"]))
    PANEL.show()
    PANEL.show(config={"responsive": False})
    PANEL._ipython_display_()
    assert shown == [CONFIG, CONFIG | {"responsive": False}, CONFIG]


def test_saved_as_a_page_it_has_that_locale_too(tmp_path):
    PANEL.write_html(tmp_path / "panel.html", include_plotlyjs=False)
    for html in ((tmp_path / "panel.html").read_text("utf-8"), PANEL.to_html(include_plotlyjs=False)):
        assert '"grouping": [2, 99]' in html
        assert '"heatmap"' in html


def test_saved_as_json_it_is_what_it_was():
    assert json.loads(PANEL.figure().to_json())["layout"]["xaxis"]["ticktext"] == ["a", "b", "␣", "c"]


def test_what_it_says_of_itself_has_no_arrays():
    assert "array" not in repr(Panel(Axis(), [Row("a", [Line(np.arange(9), np.arange(9), name="b")])]))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_axis_of_steps_has_half_a_step_on_either_side(count):
    axis = over_steps("ab c", count, "step")
    assert (axis.low, axis.high) == (-0.5, max(count, 1) - 0.5)
    assert list(axis.words) == ["a", "b", "␣", "c"][:count]
