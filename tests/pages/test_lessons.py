"""The page Lessons: every step, right and wrong answers, any link, and a class that follows the one who leads it."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer.lessons import LESSONS
from explorer.pages import lessons
from explorer.pages.shell import classes
from explorer.pages.shell.classes import CODE_LENGTH, Classes, all_classes, code_of
from explorer.pages.shell.plain import plain
from explorer.words import say, speaking

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
PLACES = [(lesson.key, number) for lesson in LESSONS.values() for number in range(1, len(lesson.steps) + 1)]
AT = ("gate", "quotes")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    st.cache_data.clear()
    st.cache_resource.clear()


def page(tab="one", **query):
    """The page in a browser of its own, which is a tab where there are no cookies."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update(query)
    app.session_state["tab"] = tab
    app.switch_page("scripts/lessons.py").run()
    assert not app.exception
    return app


def ran(app):
    assert not app.run().exception
    return app


def said(app):
    kinds = (app.markdown, app.caption, app.success, app.info, app.warning, app.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def pressed(app, key):
    assert not app.button(key=key).click().run().exception
    return app


def keys(app):
    return {button.key for button in app.button}


def place(app):
    return app.session_state["lesson"], app.session_state["step"]


def led():
    """A class: its presenter's page, and its code."""
    app = pressed(page("presenter"), "class_begin")
    return app, app.query_params["class"]


@pytest.mark.parametrize(("lesson", "number"), PLACES)
def test_every_step_is_shown_and_its_answer_is_hidden_until_one_chooses(lesson, number):
    step = LESSONS[lesson].steps[number - 1]
    app = page(lesson=lesson, step=str(number))
    assert LESSONS[lesson].said(step, "claim") in said(app)
    assert "The rule: " not in said(app)
    assert app.button(key="show").disabled
    assert f"Step {number} of {len(LESSONS[lesson].steps)}" in [bar.proto.text for bar in app.get("progress")]


@pytest.mark.parametrize("choice", ["lower", "higher"])
def test_a_choice_is_answered_by_the_measurement(choice):
    app = ran(page())
    app.radio[0].set_value(choice).run()
    pressed(app, "show")
    assert [len(app.success), len(app.info)] == ([1, 0] if choice == "lower" else [0, 1])
    assert "The mean state of unit 95 is -0.89" in said(app)
    assert app.radio[0].disabled
    assert "show" not in keys(app)


def test_what_one_has_measured_is_read_by_the_next_in_their_own_language():
    at = {"lesson": "two", "step": "2"}
    for language in ("en", "zh"):
        with speaking(language):  # AppTest names the options in the test's own thread
            app = page(f"tab {language}", lang=language, **at)
            app.radio[0].set_value("refuses").run()
            pressed(app, "show")
            assert plain(say("lesson.two.writes.refused")) in said(app)


def test_next_and_back_go_through_a_lesson_and_on_to_the_next_and_the_link_follows():
    app = page()
    assert app.button(key="back").disabled
    for number in range(2, 5):
        assert pressed(app, "next").query_params["step"] == str(number)
    pressed(app, "next")
    assert place(app) == ("motives", "1")
    assert app.query_params == {"lesson": "motives"}
    app.selectbox(key="lesson").set_value("clip").run()
    assert place(app) == ("clip", "1")


@pytest.mark.parametrize(
    "named", ["", "nothing", "<b>", "gate\x00", "💡" * 50, ":red[x] $y$", "-1", "99", "1e3", "nan"]
)
def test_any_link_shows_a_lesson(named):
    app = page(lesson=named, step=named)
    assert LESSONS["gate"].said(LESSONS["gate"].steps[0], "claim") in said(app)


@pytest.mark.parametrize(
    "code",
    ["<b>", ":red[x] $y$ **z**", "ABCDE", "abcde", "A" * 5_000, "💡", "ABC\x00E", "[a](javascript:b)", "ABCDI"],
)
def test_a_code_of_no_class_is_told_and_one_goes_on_alone(code):
    app = page(**{"class": code})
    assert "the code" in said(app)
    assert "<b>" not in said(app).replace("\\<b\\>", "")
    assert len(app.radio) == 1
    pressed(app, "class_alone")
    assert "class" not in app.query_params
    assert not app.warning


def test_a_class_follows_its_presenter_and_shows_what_was_answered():
    presenter, code = led()
    pupils = [page(f"pupil {i}", **{"class": code}) for i in range(3)]
    for pupil, choice in zip(pupils, ("lower", "lower", "same"), strict=True):
        assert "next" not in keys(pupil)
        pupil.radio[0].set_value(choice).run()
        pressed(pupil, "show")
        assert "Your answer is counted" in said(pupil)
        assert "The rule: " not in said(pupil)
    assert "3 of 3 browsers answered." in said(ran(presenter))
    assert not bars(presenter)
    pressed(presenter, "show")
    for app in (presenter, *map(ran, pupils)):
        assert bars(app) == ["higher than outside: 0", "about the same: 1", "lower than outside: 2"]
        assert "The rule: " in said(app)
    pressed(presenter, "next")
    for pupil in pupils:
        assert place(ran(pupil)) == ("gate", "2")
        assert not bars(pupil)


def bars(app):
    texts = [bar.proto.text for bar in app.get("progress")]
    return [text for text in texts if not re.match("Step ", text)]


def test_one_who_leaves_the_class_goes_alone_and_finds_it_again():
    presenter, code = led()
    pupil = page("pupil", **{"class": code})
    pupil.toggle(key="following").set_value(False).run()
    pressed(pressed(pupil, "next"), "next")
    assert place(pupil) == ("gate", "3")
    assert all_classes().join(code, "presenter")[:2] == AT
    pressed(presenter, "next")
    pupil.toggle(key="following").set_value(True).run()
    assert place(pupil) == ("gate", "2")
    pressed(pupil, "class_leave")
    assert "class" not in pupil.query_params


def test_the_presenter_invites_finds_the_class_after_a_reload_and_ends_it():
    presenter, code = led()
    assert f"**{code}**" in said(presenter)
    assert f"?class={code}" in presenter.code[0].value
    pressed(presenter, "next")
    again = page("presenter", **{"class": code})
    assert place(again) == ("gate", "2")
    pupil = page("pupil", **{"class": code})
    assert "class_end" not in keys(pupil)
    pressed(again, "class_end")
    assert "There is no class with the code" in said(ran(pupil))


def test_an_answer_that_the_presenter_knows_already_is_still_shown_to_all_on_request_only():
    presenter = page("presenter")
    presenter.radio[0].set_value("lower").run()
    pressed(pressed(presenter, "show"), "class_begin")
    pupil = page("pupil", **{"class": presenter.query_params["class"]})
    assert "The rule: " not in said(presenter)
    pressed(presenter, "show")
    assert "The rule: " in said(ran(pupil))


def test_two_pages_of_a_presenter_go_together():
    first, code = led()
    second = page("presenter", **{"class": code})
    pressed(first, "next")
    for app in (second, first, second, first):
        assert place(ran(app)) == ("gate", "2")
    pressed(second, "next")
    assert place(ran(first)) == place(ran(second)) == ("gate", "3")
    assert all_classes().join(code, "presenter").step == "shut"


def test_a_code_can_be_typed():
    _, code = led()
    pupil = page("pupil")
    pupil.text_input(key="class_typed").set_value(f" {code.lower()} ").run()
    assert pupil.toggle(key="following").value


# ---- the store


def test_only_the_presenter_moves_reveals_and_ends():
    store = Classes()
    code = store.begin("a", AT)
    assert not store.move(code, "b", ("clip", "turns"))
    assert not store.reveal(code, "b")
    store.end(code, "b")
    assert store.join(code, "b") == (*AT, False, {}, 1, False)
    assert store.move(code, "a", ("clip", "turns"))
    assert store.reveal(code, "a")
    assert store.join(code, "a") == ("clip", "turns", True, {}, 1, True)


def test_a_browser_has_one_answer_a_question_and_none_after_it_is_shown():
    store = Classes()
    code = store.begin("a", AT)
    assert not store.answer(code, "stranger", AT, "lower")
    store.join(code, "b")
    assert store.answer(code, "b", AT, "lower")
    assert store.answer(code, "b", AT, "same")
    assert not store.answer(code, "b", ("clip", "turns"), "both")
    store.reveal(code, "a")
    assert not store.answer(code, "b", AT, "lower")
    assert store.join(code, "b").counts == {"same": 1}


def test_the_store_is_bounded_in_age_number_and_size(monkeypatch):
    monkeypatch.setattr(classes, "MOST_CLASSES", 2)
    monkeypatch.setattr(classes, "MOST_BROWSERS", 2)
    now = [0.0]
    store = Classes(lambda: now[0])
    first, again = store.begin("a", AT), store.begin("a", AT)
    assert store.join(first, "b") is None  # one a browser
    assert store.begin("b", AT)
    assert store.begin("c", AT) is None
    for name in "xyz":
        seen = store.join(again, name)
    assert seen.browsers == 2
    assert not store.answer(again, "z", AT, "lower")
    now[0] = classes.MOST_S + 1
    assert store.join(again, "a") is None
    assert store.begin("c", AT)


def test_no_browser_is_kept_by_its_name():
    store = Classes()
    code = store.begin("presenter's cookie", AT)
    store.join(code, "pupil's cookie")
    store.answer(code, "pupil's cookie", AT, "lower")
    assert "cookie" not in repr(vars(store))


def test_codes_are_read_as_they_may_be_typed():
    assert code_of(" ab cde\n") == "ABCDE"
    assert all(code_of(odd) is None for odd in ("", "ABCD", "ABCDEF", "ABCD1", "ÄBCDE", "A" * 10**6))
    assert len(Classes().begin("a", AT)) == CODE_LENGTH


def test_a_full_server_says_so(monkeypatch):
    monkeypatch.setattr(classes, "MOST_CLASSES", 0)
    assert "too many classes" in said(pressed(page(), "class_begin"))


@pytest.mark.parametrize(
    ("address", "only"),
    [
        ("http://127.0.0.1:8501/lessons?class=A", True), ("http://localhost/lessons", True), ("http://[::1]:8501/", True),
        ("http://192.168.0.7:8501/lessons", False), ("https://gates.lan/lessons", False), ("?class=A", False),
    ],
)  # fmt: skip
def test_an_address_of_this_machine_alone_is_known(address, only):
    assert lessons.only_here(address) == only


def test_what_a_lesson_shows_is_not_the_persons_own_sentence(monkeypatch):
    shown = {step.values["sentence"] for one in LESSONS.values() for step in one.steps if "sentence" in step.values}
    assert len(shown) > 2
    for sentence in ("Mine.", "", *shown):
        monkeypatch.setattr(lessons.links, "named", lambda _, sentence=sentence: sentence)
        assert lessons.own_sentence() == ("" if sentence in shown else sentence)
