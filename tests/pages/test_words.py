"""The pages of a model that reads words speak of words, and train one."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer import ModelConfig, Recipe, load_corpus, runs
from explorer.figures import gates as drawing
from explorer.figures import gradients as flow_drawing
from explorer.figures.canvas import pack
from explorer.pages.shell import brush, links, models, people, writing
from explorer.pages.shell.texts import example_for
from explorer.probes.reading import gates_read
from explorer.words import speaking
from tests.trained import trained

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
WORDS = "lighthouse-gru-words"
CHARACTERS = {"en": "[Cc]haracter", "zh": "字符"}
PAGES = (links.GATES, links.CELL, links.GRADIENTS)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(page, **query):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update(query)
    app.switch_page(f"scripts/{page}.py").run()
    assert not app.exception
    return app


def said(app):
    """All that a page says: what its elements hold, their labels and their explanations."""
    for element in app.main.children.values(), app.sidebar.children.values():
        for block in element:
            yield from texts_of(block)


def shown(elements):
    return [element.value.replace("\\", "") for element in elements]


def texts_of(block):
    for name in ("value", "label", "help", "options", "body"):
        held = getattr(block, name, None)
        yield from held if isinstance(held, list) else [held] if isinstance(held, str) else []
    for child in getattr(block, "children", {}).values():
        yield from texts_of(child)


@pytest.mark.parametrize("language", CHARACTERS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_speaks_of_what_its_model_reads(page, language):
    told = [text for text in said(opened(page, model=WORDS, lang=language)) if isinstance(text, str)]
    assert len(told) > 20
    assert [text for text in told if re.search(CHARACTERS[language], text)] == []
    of_characters = said(opened(page, model="lighthouse-gru", lang=language))
    assert any(re.search(CHARACTERS[language], str(text)) for text in of_characters) or page == links.GRADIENTS


@pytest.mark.parametrize("language", CHARACTERS)
def test_a_picture_speaks_of_what_its_model_reads(language):
    checkpoint = models.load(WORDS)
    text = example_for(checkpoint)
    with speaking(language, "word"):
        trace, flow = explorer.trace_gates(checkpoint.model, text), explorer.gradient_flow(checkpoint.model, text)
        paths = explorer.jacobian_paths(checkpoint.model, text)
        packed = [pack(drawing.tape(trace)), pack(flow_drawing.flow(flow, paths))]
        tables = [drawing.step_frame(trace), flow_drawing.step_frame(flow, paths)]
    for data in packed:
        head = data[8 : 8 + int.from_bytes(data[:4], "little")].decode()
        assert '"blanks": [false, true, true' in head or '"blanks":[false,true,true' in head
        assert not re.search(CHARACTERS[language], head)
    assert all(list(table.columns)[1] in ("word", "词") for table in tables)


def captions(app):
    return [caption.value for caption in app.caption]


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS])
@pytest.mark.parametrize(("model", "second"), [(WORDS, "lighthouse-gru"), ("lighthouse-gru", WORDS)])
def test_two_that_read_different_things_are_not_compared(page, model, second):
    app = opened(page, model=model, beside="another", second=second)
    assert any("cannot be compared" in said for said in captions(app))
    assert not any("reads this text better" in said for said in captions(app))
    text, both = app.text_input(key="sentence").value, [models.load(name) for name in (model, second)]
    bits = [explorer.trace_gates(one.model, one.vocabulary.folded(text)).bits_per_character for one in both]
    if None in bits:
        assert model == "lighthouse-gru"  # whose example has a word that the other does not know
        assert not any("bits a character" in said for said in captions(app))
    else:
        assert any(f"{bits[0]:.2f} bits a character for the first, {bits[1]:.2f} for" in said for said in captions(app))
    app = opened(page, model="lighthouse-gru", beside="another", second="lighthouse-mingru")
    assert not any("cannot be compared" in said for said in captions(app))


def test_the_second_writes_from_the_same_place_in_the_text():
    text = "He looked back at the harbour."
    app = opened(links.GATES, model="lighthouse-gru", beside="another", second=WORDS, sentence=text)
    app.session_state[writing.PLACE] = (text, "character", 9)
    app.run()
    before = [re.match(r":gray\[(.*?)\]", shown) for shown in shown(app.markdown)]
    assert [found[1] for found in before if found] == ["He looked", "He looked"]


def test_what_was_dragged_across_words_is_not_shown_of_characters():
    text = "He looked back at the harbour."
    app = opened(links.GATES, model=WORDS, sentence=text)
    app.session_state[brush.KEY] = (text, "word", 1, 3)
    app.run()
    assert any("looked back at" in told for told in shown(app.markdown))
    app.selectbox(key="model").set_value("lighthouse-gru").run()
    assert not any("Steps 1 to 3" in told for told in shown(app.markdown))


def test_a_long_text_is_cut_by_words():
    text = "He looked back at the harbour. " * 60  # 420 words
    app = opened(links.GRADIENTS, model=WORDS, sentence=text)
    assert any("the first 300 words" in said for said in captions(app))
    assert app.select_slider(key="row").options[-1].startswith("“")
    assert "step 298" in app.select_slider(key="row").options[-1]


def test_the_example_is_long_enough_for_a_verdict():
    app = opened(links.GRADIENTS, model=WORDS)
    assert not any("Too short" in element.value for element in app.markdown)


def test_a_click_goes_on_from_a_word():
    app = opened(links.GATES, model=WORDS, sentence="He looked back at the harbour.")
    written = next(text for text in shown(app.markdown) if ":gray[" in text)
    assert re.match(r":gray\[He looked back at the harbour\.\][\u00a0:↵]", written)


def test_the_form_trains_on_words():
    app = opened(links.TRAIN)
    app.selectbox(key="new_token").set_value("word").run()
    assert not any("not in the corpus" in text for text in shown(app.caption))  # the example knows what it learned
    app.text_input(key="new_sentence_lighthouse").set_value("He looked at the network.").run()
    labels = [one.label for one in (*app.number_input, *app.selectbox)]
    assert "Words used" in labels
    assert "Characters used" not in labels
    assert any("lighthouse, by words" in text for text in shown(app.caption))
    assert any("of its words are not in the corpus" in text for text in shown([*app.caption, *app.warning]))


def test_a_run_of_words_is_shown():
    recipe = Recipe("adam", 0.01, 1.0, batch_size=16, num_steps=20, epochs=2, token="word")
    run = trained(ModelConfig("gru", hidden_size=8, embedding_size=8), recipe, load_corpus("lighthouse"), corpus="lighthouse",
                  session=runs.COMMAND_LINE, sentence="He looked at the lamp.")  # fmt: skip
    app = opened(links.TRAIN, run=run.id)
    assert any("lighthouse, by words" in text for text in shown(app.caption))
    app = opened(links.GATES, model=models.RUN + run.id)
    assert any(one.label == "Colour words by" for one in app.selectbox)


def test_a_model_of_characters_is_offered_as_one():
    app = opened(links.GATES, model=WORDS, sentence="The zebra was tired.")
    (label,) = [text for text in (one.label.replace("\\", "") for one in app.button) if "of this text" in text]
    assert label.endswith("reads characters and knows more of this text")


def test_runs_of_words_and_of_characters_are_not_compared(monkeypatch):
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})
    small, text = ModelConfig("gru", hidden_size=4, embedding_size=4), load_corpus("lighthouse")[:4_000]
    for name, token in (("one", "word"), ("two", "character"), ("three", "word")):
        recipe = Recipe("adam", 0.01, 1.0, batch_size=16, num_steps=20, epochs=1, token=token)
        trained(small, recipe, text, corpus="lighthouse", session=runs.COMMAND_LINE, name=name)
    app = opened(links.TRAIN)
    (picker,) = app.multiselect
    for pair, told in ((("one", "two"), True), (("one", "three"), False)):
        app.multiselect[0].set_value([option for option in picker.options if option.startswith(pair)]).run()
        assert not app.exception
        assert any("cannot be compared" in said for said in captions(app)) == told


def test_what_is_not_expected_is_not_said_to_be():
    checkpoint = models.load(WORDS)
    trace = explorer.trace_gates(checkpoint.model, example_for(checkpoint))
    worst = int(trace.nll_nats_T[1:].argmax()) + 1
    assert trace.expected(worst)[1][1] < 0.005  # else this says nothing
    assert not re.search(r"\b0%", str(gates_read(trace, trace.tape())))
    assert f"with {trace.expected(worst)[0][1]:.0%}" in str(gates_read(trace, trace.tape()))
