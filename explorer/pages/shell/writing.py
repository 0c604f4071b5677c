"""What the model would write: from the end of the text, from a character that was clicked, or in its place."""

from __future__ import annotations

import streamlit as st

from explorer.figures.style import number
from explorer.figures.writing import likeliest
from explorer.models import ConfigError, ModelDivergedError
from explorer.pages.shell import charts, controls, facts, session
from explorer.pages.shell.models import Which, checkpoint_of
from explorer.pages.shell.plain import plain
from explorer.probes.writing import Writing
from explorer.tokens import CHARACTER, WORD, part, split, step_at, token_of
from explorer.training import perplexity
from explorer.words import say, speaking

PLACE, DRAW = "place", "draw"
LENGTH = {CHARACTER: 150, WORD: 40}
SHOWN_BEFORE = {CHARACTER: 60, WORD: 14}  # of the text, that stand before what is written
SHOWN_AFTER = 60  # characters
TEMPERATURES = tuple(round(0.1 * step, 1) for step in range(16))
SAFER = 0.5  # small networks write words at this temperature, and at 1, as they believe, many that are none


def take(text: str, token: str, step: int) -> None:
    """Keep the character or word that was clicked, as long as the text stays; a second click on it lets it go."""
    session.fill({PLACE: (text, token, None if _place(text, token) == step else step)})


def _place(text: str, token: str) -> int | None:
    *kept, step = session.kept(PLACE, ("", "", None))
    return step if kept == [text, token] else None


def show(which: Which, text: str, second: Which | None = None) -> None:
    """The likeliest characters, and a text that goes on from there; under it that of a second model, from the same place."""
    config = checkpoint_of(which).config
    st.markdown(say(f"writing.{config.objective}"))
    if config.objective == "leaky":
        return
    forward = config.objective == "next"
    written, likely = st.columns([3, 2], gap="large")
    with likely:
        temperature = float(controls.slide("temperature", TEMPERATURES, SAFER)) if forward else 1.0
    seed = session.kept(DRAW, 0)
    known = facts.facts(which, text)
    read = known.trace.text
    place = _place(text, token_of(read))
    # Nothing stands before the first character, and another model may read the same text folded to a shorter one.
    at = place if place in range(int(forward), len(read)) else None
    try:
        done = known.writing(at, LENGTH[token_of(read)], temperature, seed)
    except ModelDivergedError as fault:
        st.caption(plain(str(fault)))
        return
    with written:
        if second is not None and forward:
            _show_beside(which, done, second, text, seed)
        else:
            st.markdown(_continued(done) if forward else _filled(done))
        if forward and (learned := _learned(which)):
            st.caption(learned)
        if forward:
            again = {DRAW: seed + 1}
            st.button(say("writing.again"), icon=":material/refresh:", on_click=session.fill, args=(again,))
    with likely:
        _show_likeliest(done)


def _show_beside(which: Which, done: Writing, second: Which, text: str, seed: int) -> None:
    """What two models write from one place, and how fast."""
    for one, wrote in ((which, done), (second, _of_second(second, done, text, seed))):
        if wrote is None:
            st.caption(say("writing.cannot", model=plain(one.label)))
            continue
        token = token_of(wrote.text)
        speed = len(split(wrote.written, token)) / wrote.elapsed_s if wrote.elapsed_s else 0.0
        with speaking(token=token):
            st.caption(say("writing.of", model=plain(one.label), speed=speed))
        st.markdown(_continued(wrote))


def _of_second(second: Which, done: Writing, text: str, seed: int) -> Writing | None:
    """The same of a second model; None where it does not write on: it reads both ways, or has no such place."""
    if checkpoint_of(second).config.objective != "next":
        return None
    known = facts.facts(second, text)
    if token_of(known.trace.text) == token_of(done.text):
        at = min(done.at, len(known.trace.text))
    else:  # the same place in the text, which is another step
        at = step_at(known.trace.text, len(done.before))
    try:
        return known.writing(at, LENGTH[token_of(known.trace.text)], done.temperature, seed)
    except (ModelDivergedError, ConfigError):
        return None


def _learned(which: Which) -> str:
    """How well the model came to know the text that it learned: what its own text is to be held against."""
    history = checkpoint_of(which).history
    if which.untrained or which.intervention or not 0 < which.epoch <= len(history):
        return ""
    return say("writing.learned", score=number(perplexity(history[which.epoch - 1].nll_nats)))


def _continued(done: Writing) -> str:
    shown = _end_of(done)
    return f":gray[{_lines(shown)}]{_lines(done.written)}"


def _end_of(done: Writing) -> str:
    """The end of what stands before, in whole words where the model reads words."""
    start = max(0, done.at - SHOWN_BEFORE[token_of(done.text)])
    last = part(done.text, start, done.at)
    return f"…{last.lstrip()}" if start else last


def _filled(done: Writing) -> str:
    cut, after = _end_of(done), done.after
    rest = f"{after[:SHOWN_AFTER]}…" if len(after) > SHOWN_AFTER else after
    return f":gray[{_lines(cut)}]**▁**:gray[{_lines(rest)}]"


def _lines(text: str) -> str:
    """In one paragraph: markdown's own line ends would close what is coloured."""
    return plain(text.replace("\n", "↵"))


def _show_likeliest(done: Writing) -> None:
    code = "end" if not done.stands else "cloze" if not done.written else "place"
    st.caption(say(f"writing.likeliest.{code}", step=done.at, stands=plain(done.stands)))
    charts.draw(likeliest(done, say("writing.alt")), key="likeliest")
