"""What is drawn is what was measured, on limits that do not move."""

import html
import io
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from explorer import (
    CharModel,
    ModelConfig,
    Vocabulary,
    clip_ledger,
    gradient_flow,
    jacobian_paths,
    weight_gradient_steps,
)
from explorer.batches import Cut
from explorer.figures import gradients as drawing
from explorer.figures.panel import Gaps, Line
from explorer.figures.style import share
from explorer.recording import EpochRecord

TEXT = "one <b>two</b> $x$ two\none"
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "gru": ModelConfig(hidden_size=6),
    "lstm": ModelConfig("lstm", hidden_size=6),
    "rnn": ModelConfig("rnn", hidden_size=6),
    "bidirectional": ModelConfig(hidden_size=6, direction="bidirectional", objective="cloze"),
}


def model_of(name):
    return CharModel(CONFIGS[name], VOCABULARY, seed=1)


def facts_of(name, text=TEXT, direction="forward"):
    model = model_of(name)
    return gradient_flow(model, text, 0, direction), jacobian_paths(model, text, 0, direction)


def heatmaps(figure):
    return [t for t in figure.data if t.type == "heatmap"]


def triangle(figure):
    return next(
        t for t in heatmaps(figure) if t.hovertemplate and "the loss read off step %{y}: gradient" in t.hovertemplate
    )


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_triangle_is_the_flow_in_decades_on_fixed_colours(direction):
    flow, paths = facts_of("bidirectional", direction=direction)
    figure = drawing.flow(flow, paths).figure()
    z = np.asarray(triangle(figure).z)
    np.testing.assert_allclose(z, flow.norms_TT, rtol=1e-6)
    assert np.isnan(z[0, -1] if direction == "forward" else z[-1, 0])
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (10.0**drawing.LOW, 10.0**drawing.HIGH)
    assert (figure.layout.coloraxis2.cmin, figure.layout.coloraxis2.cmax) == (drawing.LOW, drawing.HIGH)


def mixed(scale, place):
    """The colour plotly.js gives to a place in [0, 1]: between two stops, mixed."""
    (low, one), (high, other) = next(pair for pair in pairwise(scale) if pair[0][0] <= place <= pair[1][0])
    part = (place - low) / (high - low)
    colours = [[int(c) for c in re.findall(r"\d+", colour)] for colour in (one, other)]
    return [a + part * (b - a) for a, b in zip(*colours, strict=True)]


@pytest.mark.parametrize("norm", [1e-6, 3.3e-6, 1e-4, 0.02, 0.5, 1.0, 7.7, 100.0])
def test_the_colour_of_a_norm_is_that_of_its_decade_on_the_bar(norm):
    layout = drawing.flow(*facts_of("gru")).figure().layout
    low, high = layout.coloraxis.cmin, layout.coloraxis.cmax
    shown = mixed(layout.coloraxis.colorscale, (norm - low) / (high - low))
    bar = [(place, "rgb" + str(tuple(bytes.fromhex(c[1:])))) for place, c in layout.coloraxis2.colorscale]
    place = (math.log10(norm) - drawing.LOW) / (drawing.HIGH - drawing.LOW)
    np.testing.assert_allclose(shown, mixed(bar, place), atol=5)  # of 255


@pytest.mark.parametrize("name", CONFIGS)
def test_the_state_is_called_what_it_is(name):
    flow, _ = facts_of(name)
    state = flow.state
    assert state == ("(h, c)" if name == "lstm" else "h")
    titles = [a.text for a in drawing.flow(flow).figure().layout.annotations[:2]]
    assert titles[0].startswith(f"<b>‖∂L/∂{state}<sub>k</sub>‖</b>")
    assert titles[1].startswith(f"<b>‖∂L<sub>t</sub>/∂{state}<sub>k</sub>‖</b>")


def test_norms_too_small_or_large_for_four_bytes_are_sent_in_eight():
    flow, _ = facts_of("gru")
    for factor, dtype in ((1, np.float32), (1e-60, np.float64), (1e60, np.float64)):
        z = np.asarray(triangle(drawing.flow(replace(flow, norms_TT=flow.norms_TT * factor)).figure()).z)
        assert z.dtype == dtype
        np.testing.assert_allclose(z, flow.norms_TT * factor, rtol=1e-6)


def said_over(figure, words):
    """Where an unseen trace of the triangle says these words: the mask of its cells."""
    found = [t for t in heatmaps(figure) if t.hovertemplate and words in t.hovertemplate]
    return np.isfinite(np.asarray(found[0].z)) if found else None


def test_where_there_is_no_gradient_the_triangle_says_why():
    flow, _ = facts_of("gru")
    figure = drawing.flow(flow).figure()
    assert said_over(figure, "exactly 0") is None
    assert said_over(figure, "finite") is None
    norms_TT = flow.norms_TT.copy()
    norms_TT[7, 3], norms_TT[8, 2], norms_TT[9, 1] = 0, np.nan, np.inf
    figure = drawing.flow(replace(flow, norms_TT=norms_TT)).figure()
    assert np.argwhere(said_over(figure, "exactly 0")).tolist() == [[7, 3]]
    assert np.argwhere(said_over(figure, "not a finite number")).tolist() == [[8, 2], [9, 1]]
    (silent,) = [t for t in heatmaps(figure) if t.hovertemplate and "no loss is read" in t.hovertemplate]
    assert silent.y0 == len(flow) - 1


def test_beyond_a_cut_the_triangle_is_blank_and_says_that_training_cuts_there():
    model = model_of("gru")
    flow = gradient_flow(model, TEXT, cut=Cut(5, 2))
    z = np.asarray(triangle(drawing.flow(flow).figure()).z)
    whole = np.asarray(triangle(drawing.flow(gradient_flow(model, TEXT)).figure()).z)
    for row in range(len(TEXT) - 1):
        first = max(0, (row // 5 - 1) * 5)
        assert np.isnan(z[row, :first]).all()
        np.testing.assert_allclose(z[row, first : row + 1], whole[row, first : row + 1], rtol=1e-6)
    cut_TT = next(mask for mask, why in gaps_of(drawing.flow(flow)) if "cuts the graph" in why)
    assert cut_TT.sum() == sum(max(0, (row // 5 - 1) * 5) for row in range(len(TEXT) - 1))
    assert not [why for _, why in gaps_of(drawing.flow(gradient_flow(model, TEXT))) if "cuts the graph" in why]


def test_beside_a_cut_what_a_step_back_leaves_is_said_to_be_that_of_the_whole_gradient():
    model = model_of("gru")
    paths = jacobian_paths(model, TEXT, singular_values=False)
    for cut, expected in (
        (None, "what a step back leaves<"),
        (Cut(5), "what a step back leaves, where nothing is cut<"),
    ):
        panel = drawing.flow(gradient_flow(model, TEXT, cut=cut), paths)
        assert expected in panel.rows[-1].title


def test_a_cut_is_not_drawn_as_a_gradient_that_vanishes():
    model = model_of("gru")
    whole, flow = gradient_flow(model, TEXT), gradient_flow(model, TEXT, cut=Cut(5))
    uncut_T, cut_T = drawing.reach(whole), drawing.reach(flow)
    for row in range(len(TEXT) - 1):
        within = uncut_T[row] >= row // 5 * 5
        np.testing.assert_equal(cut_T[row], uncut_T[row] if within else np.nan)
    (line,) = [
        item
        for row in drawing.flow(flow, row=12).rows
        if "the loss of" in row.title
        for item in row.items
        if isinstance(item, Line)
    ]
    assert list(line.x) == [10, 11, 12]
    np.testing.assert_allclose(line.y, whole.norms_TT[12, 10:13], rtol=1e-12)


def gaps_of(panel):
    return [(np.asarray(item.where), item.hover) for row in panel.rows for item in row.items if isinstance(item, Gaps)]


def test_every_model_is_drawn_on_the_same_limits():
    small, large = model_of("gru"), model_of("gru")
    with torch.no_grad():
        large.out.weight.mul_(50)
    figures = [drawing.flow(gradient_flow(m, TEXT), jacobian_paths(m, TEXT), 5).figure() for m in (small, large)]
    axes = [[figure.layout[f"yaxis{i}"].range for i in (2, 3, 4, 5)] for figure in figures]
    assert axes[0] == axes[1]
    assert figures[0].layout.coloraxis.cmin == figures[1].layout.coloraxis.cmin
    # The strip has its own range, and writes it out.
    assert figures[0].layout.annotations[0].text != figures[1].layout.annotations[0].text


def test_the_reach_is_the_nearest_step_under_one_percent():
    for direction in ("forward", "backward"):
        flow, _ = facts_of("bidirectional", direction=direction)
        for row, reached in enumerate(drawing.reach(flow)):
            shares = flow.shares_TT[row]
            under = [k for k in range(len(flow)) if shares[k] < 0.01]
            nearest = (min(under) if direction == "backward" else max(under)) if under else math.nan
            assert reached == pytest.approx(nearest, nan_ok=True)


def test_one_loss_is_its_row_and_names_its_characters():
    flow, _ = facts_of("gru")
    figure = drawing.flow(flow, row=9).figure()
    (line,) = [t for t in figure.data if t.text is not None and "of the local one" in t.text[0]]
    np.testing.assert_allclose(line.y, flow.norms_TT[9, :10], rtol=1e-6)
    assert list(line.x) == list(range(10))
    assert line.hovertemplate.startswith("step %{x:d} “%{x}”: %{text}")
    said = [re.match(r"gradient (\S+), (\S+) %", words) for words in line.text]
    np.testing.assert_allclose([float(found[1]) for found in said], flow.norms_TT[9, :10], rtol=0.06)
    np.testing.assert_allclose([float(found[2]) / 100 for found in said], flow.shares_TT[9, :10], atol=0.0051)
    title = next(a.text for a in figure.layout.annotations if "the loss of" in a.text)
    assert html.unescape(title).startswith(f"<b>the loss of “{TEXT[10]}”</b>, step 9:")


def test_what_carries_the_gradient_is_drawn_by_path():
    for name, words in (
        ("gru", ["copy", "update", "candidate"]),
        ("lstm", ["copy", "gates", "candidate"]),
        ("rnn", ["candidate"]),
    ):
        flow, paths = facts_of(name)
        figure = drawing.flow(flow, paths).figure()
        drawn = {
            t.hovertemplate.split(": ")[1].split()[0]: t
            for t in figure.data
            if t.hovertemplate and t.customdata is not None
        }
        assert list(drawn) == ["together", *words]
        for path in words:
            np.testing.assert_allclose(drawn[path].y[:-1], paths.carried[path][:-1], rtol=1e-6)
            np.testing.assert_array_equal(drawn[path].customdata, paths.carried[path])


def test_one_time_axis_runs_through_all_rows():
    figure = drawing.flow(*facts_of("lstm"), row=3).figure()
    assert {trace.xaxis for trace in figure.data} == {"x"}
    domains = sorted(tuple(figure.layout[f"yaxis{i or ''}"].domain) for i in (0, 2, 3, 4, 5, 6))
    assert all(low[1] < high[0] for low, high in pairwise(domains))
    letters = "".join(figure.layout.xaxis.ticktext)
    assert html.unescape(letters) == TEXT.replace(" ", "␣").replace("\n", "↵")
    assert not re.search(r"[<>$]", letters)


def test_only_the_first_steps_of_a_long_text_are_drawn():
    flow, paths = facts_of("rnn", TEXT * 6)
    figure = drawing.flow(flow, paths, row=140, steps=30).figure()
    assert np.asarray(triangle(figure).z).shape == (30, 30)
    assert not any("the loss of" in a.text for a in figure.layout.annotations)


@pytest.mark.parametrize("text", ["", "o", "on", "☃☃"])
@pytest.mark.parametrize("name", CONFIGS)
def test_odd_texts_can_be_drawn(name, text):
    flow, paths = facts_of(name, text)
    drawing.flow(flow, paths, 0).figure().to_json()
    drawing.singular_values(flow, paths).figure().to_json()
    drawing.by_lag({name: flow}).figure().to_json()


def test_a_gradient_of_zero_is_drawn_at_the_floor_and_not_left_out():
    model = model_of("rnn")
    with torch.no_grad():
        model.rnn.weight_hh_l0.zero_()
    z = np.asarray(triangle(drawing.flow(gradient_flow(model, TEXT)).figure()).z)
    assert z[5, 3] == 0
    assert z[5, 5] > 1e-10


def test_the_median_by_lag_with_its_slope_beside_lambda():
    flow, _ = facts_of("gru")
    figure = drawing.by_lag({"a <b>": flow}).figure()
    np.testing.assert_allclose(figure.data[0].y, flow.median_L[: len(figure.data[0].y)], rtol=1e-6)
    slope, intercept = flow.fit
    np.testing.assert_allclose(np.log(figure.data[1].y), intercept + slope * np.asarray(figure.data[1].x), rtol=1e-6)
    assert f"{slope:+.3f}, λ₁ {flow.lambda_1:+.3f}" in figure.layout.annotations[0].text
    assert "a &#60;b&#62;" in figure.layout.annotations[0].text


def test_the_singular_values():
    flow, paths = facts_of("gru")
    figure = drawing.singular_values(flow, paths).figure()
    np.testing.assert_allclose(figure.data[1].y, paths.sigma_max_T)
    drawn = {t.hovertemplate.split()[0]: t.y for t in figure.data if t.hovertemplate and "at most" in t.hovertemplate}
    for path, norm_T in paths.norms.items():
        np.testing.assert_allclose(drawn[path], norm_T)


def test_the_ledger_has_a_bar_for_every_parameter_before_and_after():
    ledger = clip_ledger(model_of("gru"), TEXT, 0.05)
    figure = drawing.clip(ledger).figure()
    before, after, theta = figure.data
    assert before.y[0] == "all together"
    assert len(before.y) == 1 + len(ledger.parameters)
    np.testing.assert_allclose(before.x[1:], [p.norm_before for p in ledger.parameters])
    np.testing.assert_allclose(after.x[0], 0.05)
    assert set(theta.x) == {0.05}
    assert figure.layout.xaxis.range == (drawing.LOW, drawing.HIGH)


def test_the_training_ledger():
    history = [EpochRecord(e, 8 * e, 2.0, 3.0 / e, 4.0 / e, 1.0 / e, 1 / e, 1e5) for e in range(1, 6)]
    largest, before, after, theta, share = drawing.clip_history(history, 1.0, 3).figure().data
    np.testing.assert_allclose(largest.y, [4.0 / e for e in range(1, 6)])
    np.testing.assert_allclose(before.y, [3.0 / e for e in range(1, 6)])
    np.testing.assert_allclose(after.y, [1.0 / e for e in range(1, 6)])
    np.testing.assert_allclose(share.y, [1 / e for e in range(1, 6)])
    assert set(theta.y) == {1.0}
    assert drawing.clip_history(history, None, 3).figure().layout.shapes[0].x0 == 3
    assert list(drawing.clip_history_frame(history)["clipped_share"]) == [1 / e for e in range(1, 6)]


def test_frames_hold_every_number_and_survive_csv():
    flow, paths = facts_of("lstm")
    frame = drawing.frame(flow)
    cell = frame[(frame["read off step"] == 7) & (frame["step"] == 4)].iloc[0]
    assert cell["gradient"] == flow.norms_TT[7, 4]
    assert cell["gradient at c alone"] == flow.parts["c"][0][7, 4]
    assert (cell["character"], cell["character asked"]) == (TEXT[4], TEXT[8])
    assert len(frame) == len(TEXT) * (len(TEXT) - 1) / 2
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)), keep_default_na=False)
    np.testing.assert_allclose(again["gradient"], frame["gradient"], rtol=1e-9)
    steps = drawing.step_frame(flow, paths)
    assert {"gradient", "copy carries", "gates at most", "sigma min", "ln product"} <= set(steps.columns)
    np.testing.assert_array_equal(drawing.lag_frame({"a": flow})["median share"], flow.median_L)
    ledger = clip_ledger(model_of("lstm"), TEXT, 0.05)
    clipped = drawing.clip_frame(ledger)
    assert clipped["share of squared norm"].sum() == pytest.approx(1)
    assert list(clipped["parameter"]) == [p.name for p in ledger.parameters]


@pytest.mark.parametrize("rows", [1, 40, 10**6])
@pytest.mark.parametrize("name", ["gru", "lstm", "bidirectional"])
def test_blocks_are_the_frame_a_few_lines_at_a_time(name, rows):
    for text in (TEXT, "ab", "a"):
        flow = gradient_flow(model_of(name), text)
        whole, blocks = drawing.frame(flow), list(drawing.blocks(flow, rows))
        pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole, check_exact=True)
        assert {tuple(map(str, block.dtypes)) for block in blocks} == {tuple(map(str, whole.dtypes))}
        assert drawing.row_count(flow) == len(whole) == np.isfinite(flow.norms_TT).sum()
        assert max(map(len, blocks)) <= max(rows, len(text))
        lines = zip(whole["read off step"], whole["step"], whole["gradient"], strict=True)
        assert all(flow.norms_TT[t, k] == gradient for t, k, gradient in lines)


@pytest.mark.parametrize(
    ("length", "columns", "lettered"), [(110, 1, True), (111, 1, False), (55, 2, True), (56, 2, False)]
)
def test_characters_stand_under_a_figure_where_they_fit(length, columns, lettered):
    flow = gradient_flow(model_of("gru"), ("ab " * 40)[:length])
    figure = drawing.flow(flow, columns=columns).figure()
    assert any(t.type == "bar" for t in figure.data) == lettered
    assert (figure.layout.xaxis.ticktext is not None) == (length <= 110)  # hovering reads them
    assert ("%{x}”" in figure.data[0].hovertemplate) == (length <= 110)


def test_labels_of_several_characters_are_not_written_over_each_other():
    flow = gradient_flow(model_of("gru"), TEXT)
    assert drawing.flow(flow).lettered
    dated = drawing.flow(replace(flow, labels=[f"day {i}" for i in range(len(flow))]))
    assert not dated.lettered
    assert not [item for row in dated.rows for item in row.items if getattr(item, "lettered", False)]
    assert [item for row in drawing.flow(flow).rows for item in row.items if getattr(item, "lettered", False)]


@pytest.mark.parametrize("name", ["gru", "lstm", "bidirectional"])
def test_what_each_step_adds_to_the_weights_and_what_survives_is_that_of_the_probe(name):
    model = model_of(name)
    flow, gradients = gradient_flow(model, TEXT), weight_gradient_steps(model, TEXT)
    figure = drawing.weights(gradients, flow).figure()
    matrices = [parameter for parameter in gradients.norms_T if "bias" not in parameter]
    drawn = [t for t in figure.data if t.type == "scatter"]
    for trace, parameter in zip(drawn, matrices, strict=True):
        np.testing.assert_allclose(np.nan_to_num(np.asarray(trace.y)), gradients.norms_T[parameter])
        said = f"{parameter.removeprefix('rnn.')} {share(gradients.surviving_share[parameter])}"
        assert re.search(rf" {said}(,|$)", figure.layout.annotations[0].text)
    frame = drawing.weights_frame(gradients, flow)
    assert len(frame) == len(TEXT)
    assert set(gradients.norms_T) < set(frame.columns)
