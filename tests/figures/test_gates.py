"""What is drawn is what was traced."""

import html
import io
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from explorer import CharModel, ModelConfig, Vocabulary, trace_gates
from explorer.figures import gates as drawing
from explorer.figures.panel import Line, Spans, UnitMap
from explorer.figures.style import number
from explorer.probes.gates import memory_time
from explorer.probes.units import Role

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


@pytest.mark.parametrize("order", [drawing.INDEX, drawing.MEAN, drawing.MEMORY])
def test_heatmaps_are_the_gates_in_whole_hundredths_on_an_absolute_scale(order):
    trace = trace_of("gru")
    figure, tape = drawing.tape(trace, order=order).figure(), trace.tape()
    z, r = heatmaps(figure)
    units = [int(label.split()[1]) for label in z.y]
    assert sorted(units) == list(range(6))
    assert np.asarray(z.z).dtype == np.int8
    np.testing.assert_allclose(np.asarray(z.z) / 100, tape["z"][:, units].T, atol=0.005 + 1e-6)
    np.testing.assert_allclose(np.asarray(r.z) / 100, tape["r"][:, units].T, atol=0.005 + 1e-6)
    np.testing.assert_allclose(np.asarray(z.hovertext) / 100, tape["n"][:, units].T, atol=0.005 + 1e-6)
    np.testing.assert_allclose(np.asarray(z.customdata) / 100, tape.h_TH[:, units].T, atol=0.005 + 1e-6)
    assert z.hovertemplate.startswith("%{y}: z %{z:04,d}  n %{hovertext:04,d}  h %{customdata:04,d}")
    assert (z.zmin, z.zmax) == (r.zmin, r.zmax) == (0, 100)
    key = {"index": -np.arange(6), "mean": tape["z"].mean(0), "memory": memory_time(tape["z"])}[order]
    assert (np.diff(key[units]) <= 1e-7).all()


def test_one_time_axis_runs_through_all_rows_of_both_directions():
    figure = drawing.tape(trace_of("bidirectional"), unit=2).figure()
    assert {trace.xaxis for trace in figure.data} == {"x"}
    assert (
        len({trace.yaxis for trace in figure.data}) == 1 + 2 * 4 + 2
    )  # strip; z, r, unit, mean of each net; surprise; letters
    assert [len(h.y) for h in heatmaps(figure)] == [6, 6, 4, 4]
    domains = sorted(tuple(figure.layout[f"yaxis{i or ''}"].domain) for i in [0, *range(2, 12)])
    assert all(low[1] < high[0] for low, high in pairwise(domains))
    assert domains[0][0] >= 0
    assert domains[-1][1] <= 1


def test_a_single_direction_can_be_drawn_alone():
    assert [len(h.y) for h in heatmaps(drawing.tape(trace_of("bidirectional"), direction="backward").figure())] == [
        4,
        4,
    ]


def test_a_unit_the_second_net_does_not_have_is_left_out_there():
    titles = [a.text for a in drawing.tape(trace_of("bidirectional"), unit=5).figure().layout.annotations]
    assert sum("unit 5" in title for title in titles) == 1


@pytest.mark.parametrize(("name", "gates"), [("gru", 2), ("lstm", 3), ("rnn", 1)])
def test_every_gate_of_the_cell_is_drawn_and_a_plain_cell_shows_its_state(name, gates):
    figure = drawing.tape(trace_of(name)).figure()
    assert len(heatmaps(figure)) == gates
    if name == "rnn":
        assert (heatmaps(figure)[0].zmin, heatmaps(figure)[0].zmax) == (-100, 100)


def test_means_and_bands():
    trace = trace_of("gru")
    lines = [t for t in drawing.tape(trace).figure().data if t.hovertemplate and t.hovertemplate.startswith("mean z")]
    np.testing.assert_allclose(lines[0].y, trace.tape()["z"].mean(1), atol=1e-6)


def test_characters_are_numbered_steps_and_come_out_as_text():
    axis = drawing.tape(trace_of("gru")).figure().layout.xaxis
    assert list(axis.tickvals) == list(range(len(TEXT)))
    assert html.unescape("".join(axis.ticktext)) == TEXT.replace(" ", "␣").replace("\n", "↵")
    assert not re.search(r"[<>$]", "".join(axis.ticktext))


def test_only_the_first_steps_are_drawn_of_a_long_text():
    figure = drawing.tape(trace_of("gru", TEXT * 100), steps=300).figure()
    assert np.asarray(heatmaps(figure)[0].z).shape == (6, 300)
    assert figure.layout.xaxis.tickvals is None


@pytest.mark.parametrize("text", ["", "o", "☃"])
@pytest.mark.parametrize("name", CONFIGS)
def test_odd_texts_can_be_drawn(name, text):
    drawing.tape(trace_of(name, text), unit=0).figure().to_json()


def test_the_strip_has_a_value_for_each_character_and_says_it():
    trace = trace_of("gru")
    strip = strip_of(drawing.tape(trace, quantity="mean-z").figure())
    np.testing.assert_allclose(np.asarray(strip.z)[0], trace.tape()["z"].mean(1), rtol=1e-6)
    said = [float(re.fullmatch(r"mean z ([\d.]+)", words)[1]) for words in strip.text[0]]
    np.testing.assert_allclose(said, trace.tape()["z"].mean(1), atol=0.005 + 1e-6)


def strip_of(figure):
    return next(trace for trace in figure.data if trace.type == "heatmap")


def said_of(trace, quantity="surprise"):
    return list(strip_of(drawing.tape(trace, quantity=quantity).figure()).text[0])


def marked(figure):
    return [t for t in figure.data if t.type == "scatter" and t.mode == "markers"]


def with_surprise(trace, bits):
    """The trace as if the model had been so surprised; the score is the probe's and is tested there."""
    return replace(trace, score=replace(trace.score, nll_nats_T=np.array(bits, np.float32) * np.float32(np.log(2))))


def test_what_is_not_defined_is_said_in_words():
    first = "not predicted: nothing stands before it"
    trace = trace_of("gru")
    assert said_of(trace)[0] == first
    assert first not in said_of(trace)[1:]
    predicted = trace_of("bidirectional")  # a cloze model is asked for every character
    assert first not in said_of(predicted)
    broken = with_surprise(trace, [np.nan, 1.0, np.nan, *[2.0] * (len(TEXT) - 3)])
    assert said_of(broken)[:3] == [first, "surprise 1.00 bits", "surprise is not a finite number here"]


@pytest.mark.parametrize("bits", [[0.0, 0.01], [3.1, 3.2], [2.0, 40.0]])
def test_surprise_has_one_scale_from_certainty_to_a_blind_guess(bits):
    trace = trace_of("gru")
    trace = with_surprise(trace, np.resize(bits, len(TEXT)))
    blind = np.log2(len(VOCABULARY.symbols))
    strip = strip_of(drawing.tape(trace).figure())
    assert (strip.zmin, strip.zmax) == (0, pytest.approx(blind))
    more = bool(max(bits) > blind)
    said = said_of(trace)
    assert ("more than a blind guess" in said[1]) == more
    assert "more than a blind guess" not in said[0]
    assert [list(mark.x) for mark in marked(drawing.tape(trace).figure())] == [list(range(1, len(TEXT), 2))] * more


def test_gates_are_coloured_from_0_to_1():
    strip = strip_of(drawing.tape(trace_of("gru"), quantity="mean-r").figure())
    assert (strip.zmin, strip.zmax) == (0, 1)


def test_characters_the_model_does_not_know_are_marked():
    trace = trace_of("gru", "one ☃ two")
    figure = drawing.tape(trace, quantity="mean-z").figure()
    (mark,) = marked(figure)
    assert list(mark.x) == [4]
    said = "unknown to the model, read as &#60;unk&#62;"
    assert [step for step, words in enumerate(strip_of(figure).text[0]) if said in words] == [4]
    assert not marked(drawing.tape(trace_of("gru"), quantity="mean-z").figure())


def test_the_range_of_a_strip_that_has_its_own_is_written_above_it():
    trace = trace_of("gru")
    title = drawing.tape(trace, quantity="change").figure().layout.annotations[0].text
    change = trace.tape().change_T
    assert title == f"state change (rms per unit): {number(change.min())} dark, {number(change.max())} light"
    by_hand = np.sqrt(((trace.tape().h_TH[3] - trace.tape().h_TH[2]) ** 2).mean())
    assert change[3] == pytest.approx(by_hand, rel=1e-5)


def test_frames_hold_every_number_and_survive_csv():
    trace = trace_of("bidirectional")
    frame = drawing.frame(trace)
    assert list(frame.columns) == ["direction", "step", "character", "unit", "z", "r", "n", "h"]
    assert len(frame) == len(TEXT) * (6 + 4)
    cell = frame.query("direction == 'backward' and step == 7 and unit == 3").iloc[0]
    assert cell["r"] == trace.tape(0, "backward")["r"][7, 3]
    assert cell["character"] == TEXT[7]
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)), keep_default_na=False)
    np.testing.assert_allclose(again["h"], frame["h"], atol=1e-6)
    assert "".join(again["character"][::6][: len(TEXT)]) == TEXT


@pytest.mark.parametrize("rows", [1, 7, 50, 10**6])
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "bidirectional"])
def test_blocks_are_the_frame_a_few_lines_at_a_time(name, rows):
    for text in (TEXT, "a", ""):
        trace = trace_of(name, text)
        whole, blocks = drawing.frame(trace), list(drawing.blocks(trace, rows=rows))
        pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole, check_exact=True)
        assert [*map(str, blocks[0].dtypes)] == [*map(str, whole.dtypes)]
        assert drawing.row_count(trace) == len(whole) == sum(tape.h_TH.size for tape in trace.tapes.values())
        assert max(map(len, blocks)) <= max(rows, max(tape.h_TH.shape[1] for tape in trace.tapes.values()))
        for net, tape in trace.tapes.items():  # against the arrays themselves
            alone = pd.concat(drawing.blocks(trace, layer=net.layer, direction=net.direction, rows=rows))
            steps, hidden = tape.h_TH.shape
            np.testing.assert_array_equal(alone["h"].to_numpy().reshape(steps, hidden), tape.h_TH)
            assert "".join(alone["character"]) == "".join(c * hidden for c in text)
            assert alone["unit"].tolist() == [*range(hidden)] * steps
            assert alone["step"].tolist() == [step for step in range(steps) for _ in range(hidden)]
            assert set(alone["direction"]) == ({net.direction} if steps else set())


def test_the_frame_of_steps():
    trace = trace_of("gru")
    frame = drawing.step_frame(trace)
    np.testing.assert_allclose(frame["surprise (bits)"][1:], trace.nll_nats_T[1:] / np.log(2), rtol=1e-6)
    np.testing.assert_allclose(frame["z 90 %"], np.quantile(trace.tape()["z"], 0.9, axis=1), rtol=1e-6)
    assert {"forward mean z", "backward mean z"} <= set(drawing.step_frame(trace_of("bidirectional")).columns)


def test_the_cell_state_of_an_lstm_is_not_cut_at_what_a_byte_holds():
    trace = trace_of("lstm")
    net, tape = next(iter(trace.tapes.items()))
    c_TH = np.linspace(-9, 9, tape["c"].size, dtype=np.float32).reshape(tape["c"].shape)
    grown = replace(trace, tapes={net: replace(tape, parts={**tape.parts, "c": c_TH})})
    figure = drawing.tape(grown, order="index").figure()
    said = [t for t in heatmaps(figure) if "c %{" in t.hovertemplate]
    slot = re.search(r"c %{(\w+):", said[0].hovertemplate)[1]
    np.testing.assert_allclose(np.asarray(said[0][slot]) / 100, c_TH.T, atol=0.005 + 1e-6)


def test_what_is_not_finite_is_a_gap_that_says_so():
    trace = trace_of("gru")
    net, tape = next(iter(trace.tapes.items()))
    z_TH = tape["z"].copy()
    z_TH[4, 2], z_TH[5, 1] = np.nan, np.inf
    broken = replace(trace, tapes={net: replace(tape, parts={**tape.parts, "z": z_TH})})
    z, gaps, r = heatmaps(drawing.tape(broken, order="index").figure())
    holes = np.argwhere(np.isnan(np.asarray(z.z))).tolist()
    assert holes == [[1, 5], [2, 4]]
    assert np.argwhere(np.isfinite(np.asarray(gaps.z))).tolist() == holes
    assert "not a finite number" in gaps.hovertemplate
    assert np.asarray(r.z).dtype == np.int8
    assert len(heatmaps(drawing.tape(trace).figure())) == 2  # nothing of the kind over a sound one


def test_a_unit_with_a_role_has_a_row_of_its_own_that_holds_all_of_it():
    trace = trace_of("lstm")
    roles = [Role(2, "c", "quoted", 0.5, 0.7, -0.2), Role(1, "f", "character <", 0.4, 0.1, 0.9)]
    net, tape = next(iter(trace.tapes.items()))
    large = replace(
        tape, parts={**tape.parts, "c": np.linspace(-9, 9, tape["c"].size, dtype=np.float32).reshape(tape["c"].shape)}
    )
    figure = drawing.tape(replace(trace, tapes={net: large}), roles=roles).figure()
    titles = [note.text for note in figure.layout.annotations]
    assert titles[1].startswith("<b>unit 2, inside quotation marks</b><br>")
    assert "cell state c 0.70, elsewhere -0.20, " in titles[1]
    assert titles[2].startswith("<b>unit 1, at “&#60;”</b><br>")
    assert titles[2].endswith("forget gate f 0.10, elsewhere 0.90")
    lines = [trace for trace in figure.data if trace.yaxis in ("y2", "y3")]
    assert [line.hovertemplate.split()[0] for line in lines] == ["c", "f", "f"]
    np.testing.assert_allclose(lines[0].y, large["c"][:, 2], rtol=1e-6)
    np.testing.assert_allclose(lines[2].y, tape["f"][:, 1], rtol=1e-6)
    assert figure.layout.yaxis2.range is None  # c has no ends
    assert tuple(figure.layout.yaxis3.range) == (0, 1)


def test_a_row_is_shaded_where_what_its_unit_follows_holds_and_not_where_it_is_a_distance():
    trace = trace_of("gru", 'one "two one" two')
    roles = [
        Role(0, "h", "quoted", 0.5, 1, 0),
        Role(1, "h", "in-word", 0.5, 1, 0),
        Role(2, "h", "bracketed", 0.5, 1, 0),
    ]
    shaded = [(shape.x0, shape.x1, shape.yref) for shape in drawing.tape(trace, roles=roles).figure().layout.shapes]
    assert shaded == [(3.5, 11.5, "y2 domain")]  # from the mark that opens to before the one that closes


def test_the_ghost_is_the_reading_before_and_units_stay_where_another_reading_puts_them():
    before, after = trace_of("gru"), trace_gates(CharModel(CONFIGS["gru"], VOCABULARY, seed=2), TEXT)
    panel = drawing.tape(after, ghost=before, ordered_as=before, roles=[Role(2, "h", "quoted", 0.5, 1, 0)], unit=4)
    ghosts = [
        (row.title, line) for row in panel.rows for line in row.of(Line) if (line.hover or "").startswith("as trained")
    ]
    assert len(ghosts) == 2 + 4 + 2 + 1  # role: h and z; unit: z, r, n, h; means: z and r; running perplexity
    np.testing.assert_array_equal(ghosts[0][1].y, before.tape().h_TH[:, 2])
    np.testing.assert_array_equal(ghosts[2][1].y, before.tape()["z"][:, 4])
    maps = [item for row in panel.rows for item in row.of(UnitMap)]
    order = drawing.unit_order(before.tape(), "memory")
    assert order.tolist() != drawing.unit_order(after.tape(), "memory").tolist()
    for drawn in maps:
        np.testing.assert_array_equal(drawn.units, order)
        np.testing.assert_array_equal(drawn.values_HT, after.tape()[drawn.letter][:, order].T)
    alone = drawing.tape(after, unit=4)
    assert not [line for row in alone.rows for line in row.of(Line) if (line.hover or "").startswith("as trained")]


def test_what_was_expected_is_what_the_trace_says():
    trace = trace_of("gru")
    told = drawing.tape(trace).told
    assert told[0] == ""  # nothing stands before it
    for step in range(1, len(TEXT)):
        said = [float(share) / 100 for share in re.findall(r"” (\d+)%", told[step])]
        likely = [p for _, p in trace.expected(step) if p >= drawing.LEAST_GUESS]
        np.testing.assert_allclose(said, likely, atol=0.0051)


def test_the_scatter_of_saturation_counts_steps():
    tape = trace_of("lstm").tape()
    svg = ElementTree.fromstring(drawing.saturation(tape, "what & how"))
    assert svg.get("aria-label") == "what & how"
    said = [one.text for one in svg.iter("title")]
    left, foot, room = drawing.EDGE_PX, drawing.SCATTER_PX - drawing.EDGE_PX, drawing.SCATTER_PX - 2 * drawing.EDGE_PX
    assert said == [
        f"unit {unit}: {letter} under 0.1 at {(gate_T < 0.1).mean():.0%} of the steps, over 0.9 at {(gate_T > 0.9).mean():.0%}"
        for letter, gate_TH in tape.gates.items()
        for unit, gate_T in enumerate(gate_TH.T)
    ]
    circles = [one for one in svg.iter("circle") if len(one)]  # the first gate's; the one in the key has no title
    gate_TH = next(iter(tape.gates.values()))
    np.testing.assert_allclose([float(c.get("cx")) for c in circles], left + room * (gate_TH < 0.1).mean(0), atol=0.06)
    np.testing.assert_allclose([float(c.get("cy")) for c in circles], foot - room * (gate_TH > 0.9).mean(0), atol=0.06)


def test_by_role_those_with_one_stand_first_and_every_unit_once():
    tape = trace_of("gru").tape()
    roles = [Role(4, "h", "quoted", 0.5, 1, 0), Role(1, "z", "blank", 0.5, 1, 0), Role(77, "h", "digit", 0.5, 1, 0)]
    by_memory, by_role = (drawing.unit_order(tape, order, roles).tolist() for order in (drawing.MEMORY, drawing.ROLE))
    assert by_role[:2] == [4, 1]
    assert by_role[2:] == [unit for unit in by_memory if unit not in (4, 1)]
    for order in drawing.ORDERS:
        for name in CONFIGS:
            assert sorted(drawing.unit_order(trace_of(name).tape(), order)) == list(range(6))


def test_the_characters_can_be_coloured_by_what_one_unit_does():
    trace = trace_of("gru")
    tape = trace.tape()
    for letter, ends in (("h", (-1, 1)), ("z", (0, 1)), ("r", (0, 1)), ("n", (-1, 1))):
        strip = strip_of(drawing.tape(trace, quantity=f"unit-{letter}", unit=2).figure())
        np.testing.assert_allclose(strip.z[0], tape[letter][:, 2], rtol=1e-6)
        assert (strip.zmin, strip.zmax) == ends
        assert strip.text[0][1].startswith(f"{letter} of unit 2 ")
    for lacking in (None, 999):
        assert strip_of(drawing.tape(trace, quantity="unit-h", unit=lacking).figure()).text[0][1].startswith("surprise")


def test_a_state_without_ends_has_its_own_range():
    trace = trace_of("lstm")
    tape = trace.tape()
    large = replace(tape, parts=tape.parts | {"c": tape["c"] * 100})
    quantity = drawing.quantities(trace, large, 1)["unit-c"]
    assert (quantity.low, quantity.high) == (large["c"][:, 1].min(), large["c"][:, 1].max())


def test_only_the_named_units_are_drawn_until_all_are_asked_for():
    trace = trace_of("gru")
    roles = [Role(1, "h", "blank", 0.5, 0.1, 0.9)]
    few, all_of_them = (drawing.tape(trace, roles=roles, all_units=one) for one in (False, True))
    assert [row.key for row in few.rows] == ["text", "", ""]
    assert few.rows[1].title.startswith("<b>unit 1")
    assert {row.key for row in all_of_them.rows} >= {"z", "r"}


def test_a_unit_over_a_text_is_shaded_at_the_step_that_is_opened():
    config = ModelConfig("gru", hidden_size=9, direction="bidirectional", objective="cloze")
    trace = trace_gates(CharModel(config, Vocabulary.from_text("abc def"), seed=1), "abc def")
    strip, row = drawing.unit_tape(trace, 7, 4, direction="backward").rows
    assert not strip.brushed
    (spans,) = [item for item in row.items if isinstance(item, Spans)]
    assert spans.ends == [(4, 4)]
    lines = [item for item in row.items if isinstance(item, Line)]
    for line, part_TH in zip(lines, trace.tape(0, "backward").parts.values(), strict=True):
        np.testing.assert_array_equal(line.y, part_TH[:, 7])
