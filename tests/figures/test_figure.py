"""What our figures send is what plotly's own would."""

import copy
import json
import pickle
import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
from streamlit.elements.lib.streamlit_plotly_theme import GRAY_90, configure_streamlit_plotly_theme

from explorer.figures.figure import INK, Figure, typed

HEAT = {
    "type": "heatmap",
    "z": np.arange(6, dtype=np.int8).reshape(2, 3),
    "text": [["a", "b", "c"]] * 2,
    "colorscale": [[0, "#000"], [1, "#fff"]],
}
LINE = {"type": "scatter", "x": np.arange(3), "y": np.array([1.5, np.nan, -2]), "line": {"color": "#3d8fd1"}}
MADE = {
    "data": [HEAT, LINE, {"type": "bar", "x": [0, 1], "y": np.array([0.5, 2.0], np.float32)}],
    "layout": {"height": 300, "xaxis": {"tickvals": [0, 1], "ticktext": ["a", "␣"]}, "annotations": [{"text": "<b>z</b>"}]},
    "frames": [{"name": "1", "data": [HEAT | {"z": HEAT["z"][::-1].T}]}],
}  # fmt: skip


def numbers(part):
    """A sent figure with its arrays as lists of numbers, however they were packed."""
    if isinstance(part, dict) and "bdata" in part:
        packed = np.frombuffer(b64decode(part["bdata"]), np.dtype(part["dtype"]))
        shape = [int(n) for n in part["shape"].split(",")] if "shape" in part else [-1]
        return np.nan_to_num(packed.reshape(shape).astype(float), nan=-99).tolist()
    if isinstance(part, dict):
        return {name: numbers(value) for name, value in part.items()}
    return [numbers(value) for value in part] if isinstance(part, list | tuple) else part


@pytest.mark.parametrize("checked", [True, False])
def test_plotly_sends_the_same(checked, monkeypatch):
    monkeypatch.setattr(plotly.io.templates, "default", "plotly")  # another test may have brought Streamlit's
    monkeypatch.setattr(Figure, "checked", checked)
    figures = [Figure(MADE), go.Figure(MADE)]

    def sent():
        return [numbers(json.loads(plotly.io.to_json(figure, validate=False))) for figure in figures]

    ours, theirs = sent()
    assert ours == theirs
    for figure in figures:
        figure.update_layout(hovermode="x", coloraxis={"showscale": False}, xaxis_title_text="step")
    assert figures[0].layout.xaxis.title.text == "step"
    assert (changed := sent())[0] == changed[1] != theirs
    assert ours["frames"]
    assert ours["layout"]["template"]  # by which Streamlit draws both themes


def test_what_is_set_later_is_sent_and_what_was_sent_is_a_copy():
    figure = Figure(MADE).update_layout(height=77)
    sent = figure.to_dict()
    sent["layout"]["height"] = sent["data"][0]["text"][0][0] = "changed"
    assert figure.to_dict()["layout"]["height"] == 77
    assert figure.to_dict()["data"][0]["text"][0][0] == "a"


def test_it_is_a_plotly_figure_to_whoever_asks(monkeypatch):
    monkeypatch.setattr(Figure, "checked", False)
    assert isinstance(Figure(MADE), go.Figure)
    assert [trace.type for trace in Figure(MADE).data] == ["heatmap", "scatter", "bar"]
    assert len(Figure(MADE).frames) == 1
    assert copy.deepcopy(Figure(MADE)).layout.height == pickle.loads(pickle.dumps(Figure(MADE))).layout.height == 300
    with pytest.raises(AttributeError, match="nonsense"):
        _ = Figure(MADE).nonsense
    assert "heatmap" in Figure(MADE).to_html(include_plotlyjs=False)


INKED = ("xaxis", "yaxis", "yaxis2")


@pytest.mark.parametrize("unfolded", [False, True])
def test_every_word_has_the_ink_under_streamlits_template_and_only_there(unfolded, monkeypatch):
    monkeypatch.setattr(plotly.io.templates, "default", plotly.io.templates.default)  # to be what it was afterwards
    configure_streamlit_plotly_theme()
    monkeypatch.setattr(plotly.io.templates, "default", "plotly")
    layout = {axis: {"title": {"text": "step"}, "tickfont": {"size": 9}} for axis in INKED}
    layout |= {"coloraxis": {"colorbar": {"thickness": 9}}, "coloraxis2": {"showscale": False}}
    figure = Figure({"data": [LINE], "layout": layout})
    if unfolded:
        figure.update_layout(height=300)
    plain = figure.to_dict()["layout"]
    monkeypatch.setattr(plotly.io.templates, "default", "streamlit")
    inked = figure.to_dict()["layout"]
    assert inked["font"]["color"] == inked["hoverlabel"]["font"]["color"] == INK
    for axis in INKED:
        assert inked[axis]["tickfont"] == {"size": 9, "color": INK}
        assert inked[axis]["title"] == {"text": "step", "font": {"color": INK}}
        assert plain[axis]["tickfont"] == {"size": 9}
    assert inked["coloraxis"]["colorbar"] == {"thickness": 9, "tickfont": {"color": INK}}
    assert inked["coloraxis2"] == {"showscale": False}
    assert "font" not in plain
    assert INK == GRAY_90  # which Streamlit's page replaces


def test_outside_of_the_app_a_figure_brings_the_locale_in_which_it_is_read(monkeypatch):
    assert '"grouping": [2, 99]' in Figure(MADE).to_html(include_plotlyjs=False, config={"responsive": False})
    shown = []
    monkeypatch.setattr(go.Figure, "show", lambda self, *args, **kwargs: shown.append(kwargs["config"]))
    Figure(MADE).show()
    Figure(MADE)._ipython_display_()
    assert [config["locale"] for config in shown] == ["hundredths", "hundredths"]


def test_plotly_checks_the_properties_in_every_test():
    with pytest.raises(ValueError, match="colour"):
        Figure({"data": [{"type": "scatter", "line": {"colour": "red"}}], "layout": {}})


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "float32", "float64"])
def test_arrays_of_every_kind_are_packed(dtype):
    array = np.array([[0, 1], [2, 100]], dtype)
    assert numbers(typed(array)) == array.tolist()
    assert typed(array)["dtype"] != "i8"  # which plotly.js cannot read


def test_what_is_not_numbers_stays_a_list():
    assert typed(np.array(["a", "b"])) == ["a", "b"]
    assert typed(np.empty(0)) == []


def test_threads_that_share_a_figure_see_all_of_it(monkeypatch):
    monkeypatch.setattr(Figure, "checked", False)
    turn_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def look(shared):
        return shared.layout.height, len(shared.data), len(shared.to_dict()["data"])

    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            assert set(threads.map(look, [Figure(MADE)] * 8)) == {(300, 3, 3)}
    sys.setswitchinterval(turn_s)
