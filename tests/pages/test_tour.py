"""The tour of the page Gates: it begins where the app opens, each stop shows what it speaks of, and the end leaves nothing."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import explorer
from explorer.pages.shell import models, texts
from explorer.words import speaking

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
pytestmark = pytest.mark.first_screen


def opened(**query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def said(app):
    return " ".join(markdown.value for markdown in app.markdown)


def clicked(app, key):
    app.button(key=key).click().run()
    assert not app.exception
    return app


def test_it_goes_from_stop_to_stop_and_leaves_the_page_as_it_opened():
    app = clicked(opened(), "tour_begin")
    assert "**1 of 6.**" in said(app)
    assert "unit 95, inside quotation marks" in said(clicked(app, "tour_on"))
    clicked(app, "tour_on")
    assert app.text_input(key="sentence").value == texts.OTHERS["lighthouse"]
    clicked(app, "tour_on")
    assert app.text_input(key="sentence").value == texts.EXAMPLES["lighthouse"]
    clicked(app, "tour_on")
    assert app.query_params["unit_held"].startswith("95 h")
    assert "Altered" in said(app) or "altered" in said(app)
    clicked(app, "tour_on")
    assert "unit_held" not in app.query_params
    assert "tour_on" not in [button.key for button in app.button]
    clicked(app, "tour_leave")
    assert "of 6." not in said(app)
    assert app.query_params == {}


def test_at_its_end_one_is_back_where_one_was_and_a_sentence_of_ones_own_goes_along():
    app = clicked(opened(model="time-machine-rnn", sentence="so it goes", epoch="16"), "tour_begin")
    clicked(app, "tour_on")
    app.text_input(key="sentence").set_value('a "b" c').run()
    clicked(app, "tour_on")  # which shows a sentence of its own
    clicked(app, "tour_on")
    app.text_input(key="sentence").set_value('d "e" f').run()
    clicked(app, "tour_on")
    assert app.text_input(key="sentence").value == 'd "e" f'
    clicked(app, "tour_leave")
    assert app.query_params == {"model": "time-machine-rnn", "epoch": "16", "sentence": "so it goes"}
    assert app.text_input(key="sentence").value == "so it goes"


def test_one_who_has_left_its_model_can_begin_again():
    app = clicked(opened(), "tour_begin")
    app.selectbox(key="model").set_value("time-machine-birnn-leaky").run()
    clicked(app, "tour_begin")
    assert "**1 of 6.**" in said(app)


def test_it_begins_on_the_model_the_app_opens_on_whatever_was_chosen():
    app = clicked(opened(model="lighthouse-gru", epoch="1", sentence='He said "no".', beside="untrained"), "tour_begin")
    assert app.query_params == {}
    assert app.text_input(key="sentence").value == texts.EXAMPLES["lighthouse"]


def test_it_is_offered_on_the_page_it_goes_through_and_nowhere_else():
    app = opened(model="time-machine-birnn-leaky")
    assert "unit 95" in said(clicked(clicked(app, "tour_begin"), "tour_on"))
    app.switch_page("scripts/gradients.py").run()
    assert "tour_begin" not in [button.key for button in app.button]


def test_every_second_sentence_is_of_characters_its_model_knows():
    for name, corpus in (("lighthouse-gru", "lighthouse"), ("river-town-gru", "river-town")):
        vocabulary = explorer.load_checkpoint(models.CHECKPOINTS / f"{name}.safetensors").vocabulary
        assert set(texts.OTHERS[corpus]) <= set(vocabulary.symbols)


def test_it_speaks_chinese_of_the_chinese_model():
    with speaking("zh"):
        app = clicked(opened(lang="zh"), "tour_begin")
        assert "小网络" in said(app)
        clicked(app, "tour_on")
        clicked(app, "tour_on")
        assert app.text_input(key="sentence").value == texts.OTHERS["river-town"]
