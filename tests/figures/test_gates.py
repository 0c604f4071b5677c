"""What is drawn is what was traced."""

import html
import io
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from explorer import CharModel, ModelConfig, Vocabulary, trace_gates
from explorer.figures import gates as drawing
from explorer.probes.gates import memory_time

TEXT = "one <b>two</b> $x$ two\none"
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "gru": ModelConfig(hidden_size=6),
    "lstm": ModelConfig("lstm", hidden_size=6),
    "rnn": ModelConfig("rnn", hidden_size=6),
    "bidirectional": ModelConfig(hidden_size=6, hidden_size_backward=4, direction="bidirectional", objective="cloze"),
}


def trace_of(name, text=TEXT):
    return trace_gates(CharModel(CONFIGS[name], VOCABULARY, seed=1), text)


def heatmaps(figure):
    return [t for t in figure.data if t.type == "heatmap" and len(np.asarray(t.z)) > 1]


@pytest.mark.parametrize("order", drawing.ORDERS)
def test_heatmaps_are_the_gates_in_whole_hundredths_on_an_absolute_scale(order):
    trace = trace_of("gru")
    figure, tape = drawing.tape(trace, order=order), trace.tape()
    z, r = heatmaps(figure)
    units = [int(label.split()[1]) for label in z.y]
    assert sorted(units) == list(range(6))
    assert np.asarray(z.z).dtype == np.int8
    np.testing.assert_allclose(np.asarray(z.z) / 100, tape.z_TH[:, units].T, atol=0.005 + 1e-6)
    np.testing.assert_allclose(np.asarray(r.z) / 100, tape.r_TH[:, units].T, atol=0.005 + 1e-6)
    np.testing.assert_allclose(np.asarray(z.hovertext) / 100, tape.n_TH[:, units].T, atol=0.005 + 1e-6)
    np.testing.assert_allclose(np.asarray(z.customdata) / 100, tape.h_TH[:, units].T, atol=0.005 + 1e-6)
    assert z.hovertemplate.startswith("%{y}, in hundredths: z %{z}  n %{hovertext}  h %{customdata}")
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 100)
    key = {"index": -np.arange(6), "mean": tape.z_TH.mean(0), "memory time": memory_time(tape.z_TH)}[order]
    assert (np.diff(key[units]) <= 1e-7).all()


def test_one_time_axis_runs_through_all_rows_of_both_directions():
    figure = drawing.tape(trace_of("bidirectional"), unit=2)
    assert {trace.xaxis for trace in figure.data} == {"x"}
    assert len({trace.yaxis for trace in figure.data}) == 1 + 2 * 4 + 1  # strip; z, r, unit, mean of each net; surprise
    assert [len(h.y) for h in heatmaps(figure)] == [6, 6, 4, 4]
    domains = sorted(tuple(figure.layout[f"yaxis{i or ''}"].domain) for i in [0, *range(2, 11)])
    assert all(low[1] < high[0] for low, high in pairwise(domains))
    assert domains[0][0] >= 0
    assert domains[-1][1] <= 1


def test_a_single_direction_can_be_drawn_alone():
    assert [len(h.y) for h in heatmaps(drawing.tape(trace_of("bidirectional"), direction="backward"))] == [4, 4]


def test_a_unit_the_second_net_does_not_have_is_left_out_there():
    titles = [a.text for a in drawing.tape(trace_of("bidirectional"), unit=5).layout.annotations]
    assert sum("unit 5" in title for title in titles) == 1


@pytest.mark.parametrize(("name", "gates"), [("gru", 2), ("lstm", 3), ("rnn", 1)])
def test_every_gate_of_the_cell_is_drawn_and_a_plain_cell_shows_its_state(name, gates):
    figure = drawing.tape(trace_of(name))
    assert len(heatmaps(figure)) == gates
    if name == "rnn":
        assert (heatmaps(figure)[0].zmin, heatmaps(figure)[0].zmax) == (-100, 100)


def test_means_and_bands():
    trace = trace_of("gru")
    lines = [t for t in drawing.tape(trace).data if t.hovertemplate and t.hovertemplate.startswith("mean z")]
    np.testing.assert_allclose(lines[0].y, trace.tape().z_TH.mean(1), atol=1e-6)


def test_characters_are_numbered_steps_and_come_out_as_text():
    axis = drawing.tape(trace_of("gru")).layout.xaxis
    assert list(axis.tickvals) == list(range(len(TEXT)))
    assert html.unescape("".join(axis.ticktext)) == TEXT.replace(" ", "␣").replace("\n", "↵")
    assert not re.search(r"[<>$]", "".join(axis.ticktext))


def test_only_the_first_steps_are_drawn_of_a_long_text():
    figure = drawing.tape(trace_of("gru", TEXT * 100), steps=300)
    assert np.asarray(heatmaps(figure)[0].z).shape == (6, 300)
    assert figure.layout.xaxis.tickvals is None


@pytest.mark.parametrize("text", ["", "o", "☃"])
@pytest.mark.parametrize("name", CONFIGS)
def test_odd_texts_can_be_drawn(name, text):
    drawing.tape(trace_of(name, text), unit=0).to_json()
    drawing.strip_html(trace_of(name, text), "surprise")


def test_the_strip_is_text_with_its_values_in_its_titles():
    trace = trace_of("gru")
    strip = drawing.strip_html(trace, "mean z")
    shown = re.findall(r'<span title="step (\d+): mean z ([\d.]+) ?" style="background:rgb[^"]+">(.*?)</span>', strip)
    assert [int(step) for step, _, _ in shown] == list(range(len(TEXT)))
    assert html.unescape("".join(c for _, _, c in shown)) == TEXT.replace(" ", "␣").replace("\n", "↵")
    np.testing.assert_allclose([float(v) for _, v, _ in shown], trace.tape().z_TH.mean(1), atol=0.005 + 1e-6)
    assert "<b>" not in strip
    assert "not defined" in drawing.strip_html(trace, "surprise").split("</span>")[0]


def test_the_strips_range_is_written_above_it():
    trace = trace_of("gru")
    title = drawing.tape(trace, quantity="state change").layout.annotations[0].text
    change = trace.tape().change_T
    assert title.startswith(f"state change: {change.min():.2f} dark, {change.max():.2f} light")
    by_hand = np.sqrt(((trace.tape().h_TH[3] - trace.tape().h_TH[2]) ** 2).mean())
    assert change[3] == pytest.approx(by_hand, rel=1e-5)


def test_frames_hold_every_number_and_survive_csv():
    trace = trace_of("bidirectional")
    frame = drawing.frame(trace)
    assert list(frame.columns) == ["direction", "step", "character", "unit", "z", "r", "n", "h"]
    assert len(frame) == len(TEXT) * (6 + 4)
    cell = frame.query("direction == 'backward' and step == 7 and unit == 3").iloc[0]
    assert cell["r"] == trace.tape(0, "backward").r_TH[7, 3]
    assert cell["character"] == TEXT[7]
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)), keep_default_na=False)
    np.testing.assert_allclose(again["h"], frame["h"], atol=1e-6)
    assert "".join(again["character"][::6][: len(TEXT)]) == TEXT


def test_the_frame_of_steps():
    trace = trace_of("gru")
    frame = drawing.step_frame(trace)
    np.testing.assert_allclose(frame["surprise (bits)"][1:], trace.nll_nats_T[1:] / np.log(2), rtol=1e-6)
    np.testing.assert_allclose(frame["z 90 %"], np.quantile(trace.tape().z_TH, 0.9, axis=1), rtol=1e-6)
    assert {"forward mean z", "backward mean z"} <= set(drawing.step_frame(trace_of("bidirectional")).columns)


def test_hundredths_are_bytes_and_what_is_not_a_number_stays_none():
    whole = drawing.percent(np.array([0.123, -1.0, np.inf]))
    assert (whole.dtype, whole.tolist()) == (np.int8, [12, -100, 127])
    np.testing.assert_array_equal(drawing.percent(np.array([np.nan, 0.5])), [np.nan, 50])
