"""The addresses at which a page's pictures are asked for: who may, what for, and that the answer is what the page would draw."""

import gc
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from drawn import asked, panels, titles, unpacked
from explorer.figures.panel import Line, Panel, Row, over_steps
from explorer.pages.shell import pictures
from explorer.pages.shell.texts import MAX_SENTENCE
from explorer.words import say
from waiting import until

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
TEXT = "the time traveller"
ODD = [
    "so it will be", "", "a", "e\u0301 n\u0303", "\ufeffso", "a\u200bb", "小满站在渡口 😀 سلام", "<b>$x$</b> &lt; %{x}",
    "l\u2028m",
    "the time traveller for so it will be convenient to speak of him " * 8,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(page="gates.py", **query):
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params.update({"model": "time-machine-gru", "sentence": TEXT} | query)
    if page != "gates.py":
        app.switch_page(f"scripts/{page}")
    app.run()
    assert not app.exception
    return app


def token_of(app, place=0):
    return asked(app)[place]["address"].removeprefix("picture/")


def answered(token, browser="", **question):
    return pictures.answer(token, browser, json.dumps(question).encode() if question else b"")


def drawn(token, **question):
    status, data = answered(token, **question)
    assert status == 200, data.decode()
    return unpacked(data)


def same(one, other):
    """Whether two pictures show the same, whenever and however fast they were made."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one if name != "about")
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


# ---- what is drawn


@pytest.mark.parametrize("page", ["gates.py", "gradients.py"])
@pytest.mark.parametrize("typed", ODD)
def test_what_is_typed_is_drawn_as_the_page_draws_it_and_has_its_stamp(page, typed):
    app = opened(page)
    before = drawn(token_of(app), text=typed)
    app.text_input(key="sentence").set_value(typed).run()
    assert not app.exception
    if len(typed) < 2:  # there is nothing to draw of it, or no flow
        assert before["rows"]
        assert len(panels(app)) == (page == "gates.py" and len(typed))
        return
    (after,), (told,) = panels(app), asked(app)
    assert same(before, after)
    assert before["about"]["stamp"] == after["about"]["stamp"] == told["stamp"]
    assert told["text"] == typed


def test_two_pictures_that_differ_are_told_apart():
    app = opened()
    first, second = drawn(token_of(app)), drawn(token_of(app), text=TEXT[:-1])
    assert first["about"]["stamp"] != second["about"]["stamp"]
    assert not same(first, second)
    app.selectbox(key="unit").set_value("3").run()
    third = drawn(token_of(app))
    assert third["about"]["stamp"] != first["about"]["stamp"]
    assert not same(first, third)


@pytest.mark.parametrize("ends", ["so\r\nit", "so\rit", "so\nit"])
def test_line_ends_are_what_the_page_makes_of_them(ends):
    token = token_of(opened())
    assert same(drawn(token, text=ends), drawn(token, text="so\nit"))
    assert drawn(token, text=ends)["about"]["stamp"] == drawn(token, text="so\nit")["about"]["stamp"]


def test_half_a_character_is_marked_as_unreadable():
    token = token_of(opened())
    assert same(drawn(token, text="a\ud83db"), drawn(token, text="a\ufffdb"))


def test_without_a_text_it_is_what_the_page_shows():
    app = opened(sentence="so it goes")
    assert same(drawn(token_of(app)), drawn(token_of(app), text="so it goes"))


def test_another_epoch_is_drawn_as_the_page_draws_it_with_the_units_where_they_were():
    app = opened(all_units="true")
    early = drawn(token_of(app), epoch=16)
    assert early["about"]["epoch"] == 16
    ((z,), (now,)) = [
        [item for row in panel["rows"] if row["key"] == "z" for item in row["items"]]
        for panel in (early, drawn(token_of(app)))
    ]
    assert z["numbers"] == now["numbers"]
    model = explorer.load_checkpoint(APP.parents[2] / "checkpoints" / "time-machine-gru.safetensors").model_at(16)
    expected_TH = explorer.trace_gates(model, TEXT).tape()["z"][:, z["numbers"]]
    np.testing.assert_allclose(z["values"].reshape(z["lines"], -1) * z["unit"], expected_TH.T, atol=0.005 + 1e-6)


def test_an_epoch_that_the_model_does_not_have_is_refused_with_those_it_has():
    status, said = answered(token_of(opened()), epoch=17)
    assert status == 400
    assert "0, " in said.decode()
    assert ", 500" in said.decode()
    assert answered(token_of(opened("gradients.py")), epoch=0)[0] == 400  # which is not played there


# ---- who may ask


def test_an_address_stays_while_the_session_lasts():
    app = opened()
    token = token_of(app)
    app.text_input(key="sentence").set_value("so it goes").run()
    app.selectbox(key="model").set_value("time-machine-lstm").run()
    assert token_of(app) == token
    app.switch_page("scripts/gradients.py").run()
    assert token_of(app) != token
    app.switch_page("scripts/gates.py").run()
    assert token_of(app) == token


def test_another_session_and_another_picture_have_another_address():
    one, other = opened(beside="untrained"), opened(beside="untrained")
    tokens = [token_of(app, place) for app in (one, other) for place in (0, 1)]
    assert len(set(tokens)) == 4
    assert all(len(token) >= 32 for token in tokens)


def test_an_address_answers_only_the_browser_it_was_made_for(monkeypatch):
    monkeypatch.setattr(type(st.context), "headers", {pictures.people.BROWSER_HEADER: "0123456789abcdef"})
    token = token_of(opened())
    assert answered(token, "0123456789abcdef")[0] == 200
    for stranger in ("", "0123456789abcdee", "0123456789ABCDEF"):
        assert answered(token, stranger) == (404, say("page.picture.gone").encode())


@pytest.mark.parametrize("token", ["", "nonsense", "../tape", "a" * 5000, "é"])
def test_an_address_that_there_is_not_is_told_so(token):
    assert answered(token) == (404, say("page.picture.gone").encode())


def test_a_picture_is_kept_by_its_session_alone_and_goes_with_it_at_once():
    app = opened()
    token = token_of(app)
    assert answered(token)[0] == 200
    gc.collect()
    gc.disable()
    try:
        del app.session_state["pictures"]
        until(lambda: token not in pictures._pictures, 10)  # the thread that made it lets go of it
    finally:
        gc.enable()
    assert answered(token)[0] == 404


def plain(text):
    return Panel(over_steps(text, len(text), "step"), [Row(text, [Line(np.arange(2), np.arange(2) * 0.5)])])


# ---- what may be asked


WRONG = [
    b"{", b"[]", b"3", b'"text"', b"null", b"true", b'{"text": 3}', b'{"text": ["a"]}', b'{"text": {"a": 1}}', b'{"text": true}',
    b'{"epoch": "8"}', b'{"epoch": 8.0}', b'{"epoch": true}', b'{"epoch": [8]}', b'{"epoch": NaN}', b"\xff\xfe", b"\x00",
    b"[" * 15_000, b'{"a":' * 3000, b'{"epoch": ' + b"9" * 5000 + b"}", b"{}{}", b'{"text": "a}',
    json.dumps({"text": "a" * (MAX_SENTENCE + 1)}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=lambda body: body[:20].decode("latin-1"))
def test_a_question_that_is_none_is_refused_in_words(body):
    status, said = pictures.answer(token_of(opened()), "", body)
    assert status == 400
    assert said.decode() == say("page.picture.question", most=MAX_SENTENCE)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"text": null}', b'{"epoch": null, "other": 1}', b' {"text": "a b"} '])
def test_a_question_with_less_or_more_than_it_needs_is_answered(body):
    assert pictures.answer(token_of(opened()), "", body)[0] == 200


def test_a_question_has_room_for_the_longest_sentence_there_can_be():
    longest = {"text": "\U0001f600" * MAX_SENTENCE}
    for ascii_only in (False, True):
        body = json.dumps(longest, ensure_ascii=ascii_only).encode()
        assert pictures.Question.of(body).text == longest["text"]
    assert len(json.dumps(longest, ensure_ascii=False).encode()) <= pictures.MOST_BYTES  # as browsers write it


# ---- one after the other


@pytest.fixture
def picture():
    """A picture of its own, at the address "own"."""

    def make(draw, **about):
        one = pictures.Picture("own", "", draw, "", "ab", **about)
        pictures._pictures["own"] = one
        return one

    yield make
    pictures._pictures.pop("own", None)


def test_a_newer_question_breaks_off_those_that_wait(picture):
    begun, go = threading.Event(), threading.Event()

    def held(text):
        begun.set()
        assert go.wait(60)
        return plain(text)

    kept = picture(held)
    with ThreadPoolExecutor(3) as people:
        answers = [people.submit(answered, "own", text="first")]
        assert begun.wait(60)
        for count, text in enumerate(("second", "third"), 2):
            answers.append(people.submit(answered, "own", text=text))
            until(lambda count=count: kept.asked == count)
        go.set()
        statuses = [answer.result(60)[0] for answer in answers]
    assert statuses == [200, 204, 200]  # what has begun is brought to its end
    assert answers[1].result()[1] == b""
    assert titles(unpacked(answers[2].result()[1])) == ["third"]


def test_questions_for_one_picture_break_off_none_for_another(picture):
    begun, go = threading.Event(), threading.Event()

    def held(text):
        begun.set()
        assert go.wait(60)
        return plain(text)

    kept = [picture(held)]
    other = pictures.Picture("other", "", plain, "", "ab")
    pictures._pictures["other"] = other
    with ThreadPoolExecutor(2) as people:
        first = people.submit(answered, "own")
        assert begun.wait(60)
        second = people.submit(answered, "other")
        until(lambda: other.asked == 1)
        go.set()
        assert (first.result(60)[0], second.result(60)[0]) == (200, 200)
    assert kept[0].asked == 1


@pytest.mark.parametrize(
    "fault",
    [
        explorer.CheckpointError("checkpoint.no-file", path=Path(explorer.__file__).parents[1] / "checkpoints" / "x"),
        explorer.TextError("text.no-loss", least=2, count=1),
    ],
)
def test_what_cannot_be_drawn_is_told_in_words_that_name_no_folder(picture, fault):
    kept = [picture(lambda text: (_ for _ in ()).throw(fault))]
    status, said = answered(kept[0].token)
    assert status == 422
    assert said
    assert str(Path(explorer.__file__).parents[1]) not in said.decode()


def test_nothing_of_a_text_is_logged(picture, caplog, capfd):
    secret = "xyzzy-plugh"
    kept = [picture(plain)]
    with caplog.at_level(logging.DEBUG):
        for status, body in ((200, {"text": secret}), (400, {"text": secret * 1000}), (400, {"text": [secret]})):
            assert pictures.answer(kept[0].token, "", json.dumps(body).encode())[0] == status
        kept.append(picture(lambda text: (_ for _ in ()).throw(explorer.TextError("text.no-loss", least=2, count=1))))
        assert answered("own", text=secret)[0] == 422
    out, err = capfd.readouterr()
    assert secret not in caplog.text + out + err


def many():
    from explorer.figures.panel import Panel, Row, over_steps
    from explorer.pages.shell import pictures

    def draw(text):
        return Panel(over_steps(text, len(text), "step"), [Row(text)])

    for place in range(pictures.MOST_PICTURES + 1):
        pictures.show(draw, "ab", place, key=f"place {place}")


def test_a_session_keeps_so_many_pictures_and_lets_go_of_the_oldest():
    app = AppTest.from_function(many, default_timeout=60).run()
    assert not app.exception
    statuses = [answered(token_of(app, place))[0] for place in range(pictures.MOST_PICTURES + 1)]
    assert statuses == [404, *[200] * pictures.MOST_PICTURES]


def test_no_numbers_travel_with_the_page():
    (told,) = asked(opened())
    assert len(json.dumps(told)) < 2000
