"""The page Gradients, run without a browser."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer import runs
from explorer.models import NetKey
from explorer.pages.shell import facts, models, pickers, shelf, texts
from explorer.pages.shell.plain import plain
from trained import trained

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
SENTENCE = texts.EXAMPLES["time-machine"]


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def run(**query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    app.switch_page("scripts/gradients.py").run()  # as a person does: what was chosen before comes along
    assert not app.exception
    return app


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def said(app):
    return " ".join(markdown.value for markdown in app.markdown)


def charts(app):
    """How many pictures and how many charts a page has."""
    return len(drawn.asked(app)), len(app.get("plotly_chart"))


def test_the_graph_can_be_cut_as_training_cut_it_and_the_numbers_stay():
    sentence = "the time machine and the man in it went by and by into the dark and came back"  # longer than a batch
    app, cut = run(sentence=sentence), run(sentence=sentence, cut="true")
    assert metrics(app) == metrics(cut)  # they are of the whole way back
    assert "was trained on batches of 35 steps, and the graph was cut before every batch" in said_small(cut)
    assert "the graph was cut" not in said_small(app)
    norms_TT, whole_TT = (norms_of(page, len(sentence)) for page in (cut, app))
    assert np.isnan(norms_TT[40, :35]).all()
    np.testing.assert_array_equal(norms_TT[:70, 35:], whole_TT[:70, 35:])
    assert np.isfinite(whole_TT[40, :35]).all()


@pytest.mark.parametrize(("characters", "offered"), [(1, 0), (35, 0), (36, 0), (37, 1), (70, 1)])
def test_a_text_that_training_would_not_have_cut_is_not_offered_a_cut(characters, offered):
    app = run(sentence=("the time traveller for so it will be convenient to speak of him was expounding")[:characters])
    assert len([toggle for toggle in app.toggle if toggle.key == "cut"]) == offered


def test_a_net_that_reads_from_the_end_is_not_offered_a_cut():
    app = run(model="lighthouse-bigru-cloze", net="backward")
    assert not [toggle for toggle in app.toggle if toggle.key == "cut"]


@pytest.mark.parametrize("query", [{"beside": "untrained"}, {"epoch": "0"}])
def test_of_a_model_that_was_not_trained_no_cut_is_claimed(query):
    app = run(model="time-machine-rnn", cut="true", **query)
    beside = "beside" in query
    assert said_small(app).count("the graph was cut") == beside  # of the trained one alone
    assert ("Its triangle is whole" in said_small(app)) == beside


def norms_of(app, steps):
    """The numbers of the first triangle."""
    (row,) = [row for row in drawn.panels(app)[0]["rows"] if row["key"] == "losses"]
    return row["items"][0]["values"].reshape(steps, steps)


def said_small(app):
    return " ".join(caption.value for caption in app.caption)


def test_it_opens_on_the_verdict_and_the_numbers_of_one_library_call():
    app = run()
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    flow = explorer.gradient_flow(model, SENTENCE)
    shown = metrics(app)
    assert shown["Half-life"] == str(flow.half_life_steps)
    assert shown["Horizon"] == (f">{len(flow) - 2}" if flow.horizon_steps is None else str(flow.horizon_steps))
    assert shown["Slope"] == f"{flow.slope_per_step:+.3f}"
    assert float(shown["λ₁"]) == pytest.approx(explorer.lyapunov_exponents(model, SENTENCE, 1).exponents_K[0], abs=6e-4)
    assert 0 < float(shown["Proof, flow"]) < 1e-3
    checkpoint = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors")
    for finding in explorer.diagnose(checkpoint, SENTENCE).findings:
        assert plain(finding.evidence) in said(app)
    assert charts(app) == (1, 3)  # flow; by lag, ledger of the text, ledger of the training
    (panel,) = drawn.panels(app)
    (triangle,) = [item for row in panel["rows"] if row["key"] == "losses" for item in row["items"] if "lines" in item][
        :1
    ]
    np.testing.assert_allclose(triangle["values"].reshape(len(flow), -1), flow.norms_TT, rtol=1e-6)


def test_two_models_beside_each_other_have_the_same_colours_and_axes():
    pictures = drawn.panels(run(beside="untrained"))
    assert len(pictures) == 2
    limits = [[(row["y"]["low"], row["y"]["high"]) for row in panel["rows"][1:]] for panel in pictures]
    assert limits[0] == limits[1]
    assert pictures[0]["scale"] == pictures[1]["scale"]
    triangles = [panel["rows"][1]["items"][0] for panel in pictures]
    assert [triangle["scale"] for triangle in triangles] == [None, None]  # that of the panel
    assert not np.array_equal(*(triangle["values"] for triangle in triangles), equal_nan=True)


def test_an_untrained_model_is_one_click_away_and_said_to_be_one():
    app = run()
    app.segmented_control(key="beside").set_value("untrained").run()
    assert not app.exception
    assert "Not trained yet." in said(app)
    assert charts(app) == (2, 4)  # two flows; by lag, two ledgers of the text, ledger of the training
    app.selectbox(key="kind").set_value("RNN (tanh)").run()
    assert not app.exception
    assert "A plain cell has one path" in " ".join(caption.value for caption in app.caption)
    table = app.table[0].value
    assert list(table.columns) == [
        plain("GRU · The Time Machine · 256 units, epoch 500"),
        plain("untrained RNN (tanh)"),
    ]
    trained = table.loc["Half-life", plain("GRU · The Time Machine · 256 units, epoch 500")]
    assert int(table.loc["Half-life", plain("untrained RNN (tanh)")]) < int(trained)


def test_two_models_or_two_epochs_beside_each_other():
    app = run(beside="another")
    assert not app.exception
    assert app.table[0].value.columns[1] == plain("GRU · The Time Machine · 256 units, epoch 0")
    app.selectbox(key="second").set_value("time-machine-gru-before").run()
    assert app.table[0].value.columns[1] == plain("GRU, reset before · The Time Machine · 256 units, epoch 500")
    assert not app.exception


def triangles(app):
    """The titles of the triangles."""
    return [title for panel in drawn.panels(app) for title in drawn.titles(panel) if "∂L<sub>t</sub>" in title]


def test_both_nets_of_a_bidirectional_model_have_their_triangle():
    app = run(model="lighthouse-bigru-cloze")
    forward, backward = triangles(app)
    assert "layer 0, forward" in forward
    assert "layer 0, backward" in backward
    app.selectbox(key="net").set_value("backward").run()
    (backward,) = triangles(app)
    assert "layer 0, backward" in backward


@pytest.mark.parametrize("name", pickers.model_names())
def test_every_shipped_model_opens_trained_and_untrained(name):
    app = run(model=name, epoch="0")
    assert app.selectbox(key="model").value == name
    assert "Not trained yet." in said(app)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "ab",
        "日本語のテキスト",
        "😀😀👩‍👩‍👧",
        "<b>bold</b><script>alert(1)</script>",
        "$x$ \\frac{1}{2}",
        "`code` **md** :red[x]",
    ],
)
def test_odd_sentences_are_answered_sensibly(text):
    app = run(beside="untrained")
    app.text_input(key="sentence").set_value(text).run()
    assert not app.exception
    text = models.load("time-machine-gru").vocabulary.folded(text)
    if len(text) < 8:
        assert "Too short to tell" in said(app)
    assert ("There is no loss yet" in " ".join(c.value for c in app.caption)) == (len(text) < 2)


def test_of_a_long_text_the_first_three_hundred_characters_are_looked_at_and_the_page_says_so():
    app = run(model="lighthouse-gru")
    app.segmented_control(key="source").set_value("longer").run()
    app.text_area(key="long_text").set_value("the light turned and the sea was dark. " * 30).run()
    assert not app.exception
    assert "first 300 characters" in " ".join(caption.value for caption in app.caption)


def test_the_threshold_and_the_row_can_be_chosen():
    app = run()
    before = drawn.titles(drawn.panels(app)[0])
    app.select_slider(key="theta").set_value(0.05).run()
    assert "θ = 0.05" in " ".join(caption.value for caption in app.caption)
    app.select_slider(key="row").set_value(10).run()
    titles = drawn.titles(drawn.panels(app)[0])
    followed = f"<b>the loss of “{SENTENCE[11]}”</b>, step 10:<br>"
    assert [title.startswith(followed) for title in titles].count(True) == 1
    assert not any(title.startswith(followed) for title in before)
    assert not app.exception


def test_singular_values_are_there_on_request():
    app = run(model="river-town-bigru-cloze")
    count, _ = charts(app)
    app.toggle(key="sigma").set_value(True).run(timeout=120)
    assert not app.exception
    nets = 2
    assert len(drawn.panels(app)) == count + nets
    titles = [title for panel in drawn.panels(app) for title in drawn.titles(panel)]
    assert sum(title.startswith("<b>σ max</b> of") for title in titles) == nets


def test_a_link_from_a_stranger_opens():
    run(beside="<b>", kind="cat", second="no-such-model", second_epoch="17", theta="-1", row="x", layer="9")


@pytest.mark.parametrize("sentence", ["ab", SENTENCE])
@pytest.mark.parametrize("row", ["x", "-1", "9" * 5000, "²"])
def test_a_row_that_there_is_not_is_the_one_that_is_followed_at_first(row, sentence):
    app, plain_link = run(row=row, sentence=sentence), run(sentence=sentence)
    assert list(map(drawn.titles, drawn.panels(app))) == list(map(drawn.titles, drawn.panels(plain_link)))


def test_an_altered_model_is_marked_compared_and_restored_with_one_click():
    app = run(hold_z="0.9", recurrent="1.5")
    assert "This model is altered:** z held at 0.9, recurrent weights × 1.5" in said(app)
    trained = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    changed = explorer.altered(trained, explorer.Intervention({"z": 0.9}, recurrent=1.5))
    flow = explorer.gradient_flow(changed, SENTENCE)
    assert metrics(app)["Slope"] == f"{flow.slope_per_step:+.3f}"
    assert metrics(app)["Perplexity"] == f"{math.exp(explorer.score_text(changed, SENTENCE).mean_nll_nats):.0f}"
    app.segmented_control(key="beside").set_value("as-trained").run()
    assert not app.exception
    table = app.table[0].value
    assert list(table.columns) == [
        plain(f"GRU · The Time Machine · 256 units, epoch 500{a}") for a in (", altered", "")
    ]
    assert table.loc["Perplexity"].iloc[1] == f"{math.exp(explorer.score_text(trained, SENTENCE).mean_nll_nats):.2f}"
    next(button for button in app.button if button.label == "Restore it").click().run()
    assert not app.exception
    assert "This model is altered" not in said(app)
    assert metrics(app)["Slope"] == f"{explorer.gradient_flow(trained, SENTENCE).slope_per_step:+.3f}"


def test_the_alteration_comes_along_from_page_to_page_and_goes_where_the_cell_has_no_such_gate():
    app = run(keep_bias="2.0")
    app.switch_page("scripts/gates.py").run()
    assert "bias of the gate that keeps +2" in said(app)
    app.selectbox(key="model").set_value("time-machine-rnn").run()
    assert not app.exception
    assert "This model is altered" not in said(app)
    assert all(slider.key != "hold_z" for slider in app.select_slider)


def test_the_same_weights_can_be_read_in_the_other_reset_convention():
    app = run(read_as="before")
    assert "weights read as GRU, reset before" in said(app)
    trained = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    changed = explorer.altered(trained, explorer.Intervention(variant="before"))
    shown = float(metrics(app)["Perplexity"].replace(",", ""))
    assert shown == pytest.approx(math.exp(explorer.score_text(changed, SENTENCE).mean_nll_nats), rel=0.01)
    assert shown > 2 * math.exp(explorer.score_text(trained, SENTENCE).mean_nll_nats)
    app.selectbox(key="read_as").set_value("after").run()  # as it was trained
    assert "This model is altered" not in said(app)


@pytest.mark.parametrize(("model", "pictures"), [("time-machine-rnn", 2), ("lighthouse-bigru-cloze", 3)])
def test_the_weights_are_shown_on_request_once_a_model(model, pictures):
    app = run(model=model)
    app.toggle(key="weights").set_value(True).run()
    assert not app.exception
    assert len(drawn.panels(app)) == pictures
    assert sum("what each step adds" in title for panel in drawn.panels(app) for title in drawn.titles(panel)) == 1
    app.text_input(key="sentence").set_value("").run()
    assert not app.exception


def test_the_same_model_twice_has_two_names():
    app = run(beside="another", own_epoch="500")
    assert list(app.table[0].value.columns) == [
        plain(f"GRU · The Time Machine · 256 units, epoch 500{a}") for a in ("", " (beside)")
    ]


def test_a_link_to_this_page_brings_its_sentence():
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params["sentence"] = "مرحبا 你好 👩‍👩‍👧"
    app.switch_page("scripts/gradients.py").run()  # the first page that is opened at all
    assert not app.exception
    assert app.text_input(key="sentence").value == "مرحبا 你好 👩‍👩‍👧"
    assert app.toggle(key="in_link").value


def test_a_model_that_sees_the_answer_is_called_so_on_this_page_too():
    app = run(model="time-machine-birnn-leaky")
    assert any("sees the answer" in warning.value for warning in app.warning)
    assert app.table[0].value.loc["Perplexity"].str.endswith("(leaks)").all()
    app.text_input(key="sentence").set_value("小满站在渡口").run()
    assert any("unknown to the model" in warning.value for warning in app.warning)


def test_a_model_whose_layers_read_both_directions_opens_on_the_layer_a_gradient_can_be_followed_in(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    config = explorer.ModelConfig(hidden_size=4, num_layers=2, direction="bidirectional", objective="leaky")
    recipe = explorer.Recipe(epochs=1, batch_size=4, num_steps=10, max_tokens=2000)
    made = trained(config, recipe, explorer.load_corpus("lighthouse"), corpus="lighthouse", session=runs.COMMAND_LINE)
    app = run(model=f"run:{made.id}")
    assert not app.error
    assert "layer 1, forward" in triangles(app)[0]
    assert "layer" not in [box.key for box in app.selectbox]


def test_the_second_of_two_nets_that_read_forward_is_called_so():
    app = run(model="lighthouse-birnn-parallel")
    assert "layer 0, second forward" in triangles(app)[1]
    assert app.table[0].value.columns[1].endswith("second forward")


def test_a_gate_that_is_held_is_not_told_to_learn_better():
    app = run(hold_z="0.95")
    (verdict,) = [line.value for line in app.markdown if "saturated" in line.value]
    assert verdict.endswith(plain("You hold z by hand."))


def test_a_diverged_model_is_said_to_be_one_and_its_numbers_not_defined(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    config = explorer.ModelConfig("rnn", activation="relu", hidden_size=8)
    recipe = explorer.Recipe(learning_rate=1e6, clip_norm=None, epochs=5)
    made = trained(config, recipe, explorer.load_corpus("lighthouse"), corpus="lighthouse", session=runs.COMMAND_LINE)
    app = run(model=f"run:{made.id}")
    assert any(plain("are not finite numbers, the first at step") in warning.value for warning in app.warning)
    assert "The learning rate is too large" in said(app)
    shown = metrics(app)
    assert [shown[name] for name in ("Slope", "λ₁", "‖g‖", "Proof, gates", "Proof, flow")] == ["–"] * 5
    app.switch_page("scripts/gates.py").run()
    assert not app.exception
    assert not [caption for caption in app.caption if "recomputed" in caption.value]
    assert any("are not finite numbers" in warning.value for warning in app.warning)


def test_the_facts_of_a_text_go_on_when_the_cache_of_all_sessions_has_let_go_of_the_model():
    known = facts.Facts(models.Which.of("time-machine-gru", 500), SENTENCE)
    net = known.net(NetKey(0, "forward"))
    assert len(net.flow) == len(SENTENCE)
    shelf.models.clear()
    assert net.residual < 1e-4
    assert net.paths.gain_T.shape == (len(SENTENCE),)


def test_an_lstm_is_drawn_at_its_whole_state_or_at_a_part_and_judged_by_the_whole():
    app = run(model="time-machine-lstm")
    flow = explorer.gradient_flow(
        explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-lstm.safetensors").model, SENTENCE
    )
    verdict = [line.value for line in app.markdown if line.value.startswith(":material")]
    assert app.selectbox(key="part").value == "(h, c)"
    for part in ("(h, c)", "h", "c"):
        app.selectbox(key="part").set_value(part).run()
        shown = flow if part == "(h, c)" else flow.alone(part)
        assert metrics(app)["Slope"] == f"{shown.slope_per_step:+.3f}"
        assert triangles(app)[0].startswith(f"<b>‖∂L<sub>t</sub>/∂{part}<sub>k</sub>‖</b>")
        assert [line.value for line in app.markdown if line.value.startswith(":material")] == verdict
        assert any("alone. An LSTM's state" in line.value for line in app.caption) == (part != "(h, c)")
    assert len({flow.slope_per_step, flow.alone("h").slope_per_step, flow.alone("c").slope_per_step}) == 3


def test_a_model_of_one_part_offers_no_choice_of_it():
    assert [box for box in run(model="time-machine-gru").selectbox if box.key == "part"] == []


def test_where_one_model_reaches_farther_the_page_says_what_that_means():
    app = run(model="time-machine-gru", beside="another", second="time-machine-rnn")
    (line,) = [line.value for line in app.caption if line.value.startswith("The gradient reaches farther in")]
    half_life = {
        name: explorer.gradient_flow(
            explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors").model, SENTENCE
        ).half_life_steps
        for name in ("time-machine-gru", "time-machine-rnn")
    }
    assert half_life["time-machine-rnn"] > half_life["time-machine-gru"]
    rnn, gru = half_life["time-machine-rnn"], half_life["time-machine-gru"]
    other = models.Which.of("time-machine-gru", 500).label
    assert plain(f"falls under half after {rnn} steps, in {other} it falls under half after {gru}") in line
    assert plain("It is not the better reader for that (perplexity 11.00 against 7.11)") in line
    same = run(model="time-machine-gru", beside="another", second="time-machine-gru", own_epoch="500")
    assert not any("reaches farther" in line.value for line in same.caption)


@pytest.mark.parametrize("name", sorted(path.stem for path in models.CHECKPOINTS.glob("*.safetensors")))
def test_the_example_of_every_shipped_model_is_long_enough_for_a_verdict(name):
    checkpoint = explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors")
    example = texts.example_for(checkpoint)
    assert checkpoint.vocabulary.unknown_share(example) == 0
    rules = {finding.rule for finding in explorer.diagnose(checkpoint, example).findings}
    assert rules.isdisjoint({"too-short", "unclear", "clip-bound"})
    assert "leaky" not in name or rules == {"leaks"}


def test_the_eigenvalues_are_those_of_the_library_for_both_models():
    app = run(model="time-machine-gru", eigen="true", beside="untrained")
    assert "outside" in said(app)
    assert "all lie within the circle" in said(app)
    model = explorer.load_checkpoint(models.CHECKPOINTS / "time-machine-gru.safetensors").model
    assert f"modulus of {explorer.eigenvalues(model).radius('n'):.3f}" in said(app)
    radii = [re.search(r'r="([\d.]+)" fill="none"', svg)[1] for svg in drawn.svgs(app)]
    assert len(radii) == 2  # on one scale, or they could not be compared
    assert len(set(radii)) == 1
    none = run(model="lighthouse-mingru", eigen="true")
    assert "eigenvalue" not in said(none)
    both = run(model="time-machine-gru", eigen="true", beside="another", second="lighthouse-mingru")
    assert "has no recurrent weights" in " ".join(caption.value for caption in both.caption)
