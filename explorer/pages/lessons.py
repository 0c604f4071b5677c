"""Lessons: questions whose answers are measured on the spot, alone or led by one for a class."""

from __future__ import annotations

import io
from typing import NamedTuple
from urllib.parse import urlsplit

import segno
import streamlit as st

from explorer.lessons import LESSONS, Lesson, Measured, Step
from explorer.pages.shell import language, links, patience, people, session
from explorer.pages.shell.classes import Seen, all_classes, code_of
from explorer.pages.shell.models import load
from explorer.pages.shell.plain import plain
from explorer.words import Saying, say

EVERY_S = 1.0
LESSON, STEP, CLASS, FOLLOWING, ANSWERS, LED = "lesson", "step", "class", "following", "lesson_answers", "class_led"
QR_PX = 200


class Place(NamedTuple):
    """Where one is."""

    lesson: Lesson
    step: Step

    @property
    def keys(self) -> tuple[str, str]:
        """Its name."""
        return self.lesson.key, self.step.key

    @property
    def number(self) -> int:
        """Which step it is, counted from 1."""
        return self.lesson.steps.index(self.step) + 1


def page() -> None:
    """The page."""
    code, seen = the_class()
    follows = seen is not None and not seen.leads and choose_to_follow()
    # A presenter's page moves the class, and where another page of the same browser has moved it, it goes there.
    if seen is not None and (follows or (seen.leads and session.kept(LED, None) != (code, seen.lesson, seen.step))):
        go_to(seen)
    place = choose_place(follows=follows)
    if code and seen is not None and seen.leads:
        all_classes().move(code, people.browser(), place.keys)
        session.fill({LED: (code, *place.keys)})
        seen = all_classes().join(code, people.browser())
    show_step(place)
    ask(place, code, seen if follows or (seen and seen.leads) else None)
    if code and seen is not None:
        st.fragment(watch, run_every=EVERY_S)(code, seen, place, follows=follows)
    if not follows:
        show_ways(place)
    show_class(code, seen, place)


# ---- where one is


def choose_place(*, follows: bool) -> Place:
    """Which lesson, which step, and how far it is."""
    links.ready(LESSON, next(iter(LESSONS)), tuple(LESSONS))
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    key = left.selectbox(
        say("lesson-page.lesson"), tuple(LESSONS), key=LESSON, format_func=lambda one: say(f"lesson.{one}"),
        on_change=take_lesson, disabled=follows,
    )  # fmt: skip
    lesson = LESSONS[key]
    count = len(lesson.steps)
    number = int(links.ready(STEP, "1", tuple(map(str, range(1, count + 1)))))
    right.progress(number / count, text=say("lesson-page.progress", step=number, count=count))
    return Place(lesson, lesson.steps[number - 1])


def take_lesson() -> None:
    """Another lesson begins at its first step."""
    links.drop(STEP)
    links.take(LESSON)


def go_to(seen: Seen) -> None:
    """Go where the class is."""
    lesson = LESSONS[seen.lesson]
    number = [step.key for step in lesson.steps].index(seen.step) + 1
    links.put(LESSON, lesson.key)
    links.put(STEP, str(number))


def show_ways(place: Place) -> None:
    """Back and on; after the last step, to the next lesson."""
    number, keys = place.number, list(LESSONS)
    after = keys.index(place.lesson.key) + 1
    with st.container(horizontal=True):
        st.button(
            say("lesson-page.back"), key="back", icon=":material/arrow_back:", disabled=number == 1,
            on_click=links.take_values, args=({STEP: str(number - 1)},), shortcut="B",
        )  # fmt: skip
        if number < len(place.lesson.steps):
            onward, label = {STEP: str(number + 1)}, say("lesson-page.next")
        else:
            onward, label = {LESSON: keys[after % len(keys)], STEP: "1"}, say("lesson-page.next-lesson")
        st.button(
            label, key="next", icon=":material/arrow_forward:", on_click=links.take_values, args=(onward,),
            shortcut="N",
        )  # fmt: skip


# ---- a step


def show_step(place: Place) -> None:
    """What is claimed, where it can be seen, what to look at, and what to change."""
    lesson, step = place
    st.markdown(f"#### {lesson.said(step, 'claim')}")
    with st.container(border=True):
        links.offer(step.page, say("lesson-page.see", page=say(f"page.{step.page}")), **step.values)
        st.markdown(f":material/visibility: {lesson.said(step, 'look')}")
        st.markdown(f":material/tune: {lesson.said(step, 'change')}")


def only_here(address: str) -> bool:
    """Whether no other machine can open an address."""
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")


def own_sentence() -> str:
    """The person's own; "" where what stands there came with a lesson that they looked at."""
    sentence = str(links.named("sentence") or "")
    shown = {step.values.get("sentence") for lesson in LESSONS.values() for step in lesson.steps}
    return "" if sentence in shown else sentence


def ask(place: Place, code: str | None, seen: Seen | None) -> None:
    """The question, and the answer once it may be seen."""
    lesson, step = place
    answers: dict[tuple[str, str], str] = session.kept(ANSWERS, {})
    given = answers.get(place.keys)
    led = seen is not None and not seen.leads
    open_ = given is not None if seen is None else seen.revealed
    st.markdown(f"**{lesson.said(step, 'question')}**")
    chosen = st.radio(
        lesson.said(step, "question"), step.choices, label_visibility="collapsed",
        index=step.choices.index(given) if given else None,
        format_func=lambda one: lesson.choice(step, one), key=f"answer_{lesson.key}_{step.key}", disabled=open_,
    )  # fmt: skip
    if not open_:
        leads = seen is not None and seen.leads
        label = "lesson-page.answer" if led else "lesson-page.show-all" if leads else "lesson-page.show"
        st.button(
            say(label), key="show", type="primary", disabled=chosen is None and not leads, on_click=give,
            args=(place, chosen, code, led),
        )  # fmt: skip
        if led and given:
            st.caption(say("class.counted"))
        return
    with patience.aside(say("lesson-page.measuring"), done=place.keys in _known):
        measured = measure(place)
    show_answer(place, given, measured)


def give(place: Place, chosen: str | None, code: str | None, led: bool) -> None:
    """Keep an answer; in a class it is counted, and the presenter's shows everyone what is right."""
    if chosen is not None:
        session.fill({ANSWERS: {**session.kept(ANSWERS, {}), place.keys: chosen}})
    if code and led and chosen is not None:
        all_classes().answer(code, people.browser(), place.keys, chosen)
    elif code:
        all_classes().reveal(code, people.browser())


def measure(place: Place) -> Measured:
    """What is right, by a measurement; kept where it does not depend on the person's own sentence."""
    if place.step.own:
        return place.step.measure(lambda name: load(name).model, own_sentence())
    measured = _measured(*place.keys)
    _known.add(place.keys)
    return measured


_known: set[tuple[str, str]] = set()
"""What `_measured` keeps."""


@st.cache_data(show_spinner=False)  # as many as there are steps
def _measured(lesson: str, step: str) -> Measured:
    (found,) = (one for one in LESSONS[lesson].steps if one.key == step)
    return found.measure(lambda name: load(name).model, "")


def show_answer(place: Place, given: str | None, measured: Measured) -> None:
    """What was measured, whether the person was right, and by which rule."""
    lesson, step = place
    right = lesson.choice(step, measured.right)
    if given == measured.right:
        st.success(say("lesson-page.right", right=right), icon=":material/check_circle:")
    else:
        st.info(say("lesson-page.wrong" if given else "lesson-page.is", right=right), icon=":material/info:")
    figures = measured.figures.items()
    shown = {name: plain(str(value)) if isinstance(value, Saying) else value for name, value in figures}
    st.markdown(lesson.answer(step, shown))
    st.caption(say("lesson-page.rule", rule=lesson.said(step, "rule")))


# ---- a class


def the_class() -> tuple[str | None, Seen | None]:
    """The class that the link names, and what it shows; what is wrong with the code is told."""
    typed = str(links.ready(CLASS, "")).strip()
    if not typed:
        return None, None
    code = code_of(typed)
    seen = all_classes().join(code, people.browser()) if code else None
    if seen is not None:
        return code, seen
    cut = plain(typed if len(typed) <= links.SHOWN_CHARACTERS else f"{typed[: links.SHOWN_CHARACTERS]}…")
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.warning(say("class.unknown" if code else "class.no-code", code=cut), icon=":material/group_off:")
    right.button(say("class.alone"), key="class_alone", on_click=links.drop, args=(CLASS,))
    return None, None


def choose_to_follow() -> bool:
    """Whether one goes where the presenter goes."""
    session.fill({FOLLOWING: session.kept(FOLLOWING, session.kept("follows", True))})
    followed = st.toggle(say("class.follow"), key=FOLLOWING)
    session.fill({"follows": followed})
    return followed


def watch(code: str, drawn: Seen, place: Place, *, follows: bool) -> None:
    """How many answered, and the bars; the page is drawn anew where the class has gone on."""
    language.speak()  # a part that runs by itself
    seen = all_classes().join(code, people.browser())
    moved = seen is None or (seen.lesson, seen.step, seen.revealed) != (drawn.lesson, drawn.step, drawn.revealed)
    if seen is None or (moved and (follows or seen.leads)):
        st.rerun()
    if not (follows or seen.leads):
        return
    st.caption(say("class.answered", answered=seen.answered, browsers=seen.browsers))
    if seen.revealed:
        for choice in place.step.choices:
            count = seen.counts.get(choice, 0)
            share = count / seen.answered if seen.answered else 0.0
            st.progress(share, text=say("class.bar", choice=place.lesson.choice(place.step, choice), count=count))


def show_class(code: str | None, seen: Seen | None, place: Place) -> None:
    """For one who leads: the link and how to end. For others: how to lead or to join."""
    if code and seen is not None and not seen.leads:
        st.button(say("class.leave"), key="class_leave", on_click=links.drop, args=(CLASS,), type="tertiary")
        return
    with st.expander(say("class.lead"), icon=":material/groups:", expanded=code is not None):
        if code:
            show_invitation(code)
            return
        st.markdown(say("class.what"))
        left, right = st.columns(2, vertical_alignment="bottom")
        left.button(say("class.begin"), key="class_begin", on_click=begin_class, args=(place,))
        right.text_input(say("class.code"), key="class_typed", max_chars=20, on_change=join_class)
        if session.kept("class_full", False):
            session.forget("class_full")
            st.warning(say("class.full"))


def begin_class(place: Place) -> None:
    """Begin a class here."""
    code = all_classes().begin(people.browser(), place.keys)
    session.fill({LED: (code, *place.keys), "class_full": code is None})
    if code:
        links.take_values({CLASS: code})


def join_class() -> None:
    """Follow the class whose code was typed."""
    links.take_values({CLASS: str(session.kept("class_typed", ""))})


def end_class(code: str) -> None:
    """End it for all."""
    all_classes().end(code, people.browser())
    links.drop(CLASS)


def show_invitation(code: str) -> None:
    """The code, the link, and the same link as a picture for telephones."""
    address = f"{(st.context.url or '').split('?')[0]}?{CLASS}={code}"
    picture, words = st.columns([1, 3], vertical_alignment="center")
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="png", scale=6, border=4)
    picture.image(drawn.getvalue(), width=QR_PX)
    with words:
        st.markdown(say("class.invitation", code=code))
        st.code(address, language=None, wrap_lines=True)
        if only_here(address):
            st.caption(say("class.only-here"))
        st.button(say("class.end"), key="class_end", on_click=end_class, args=(code,))
