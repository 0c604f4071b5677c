"""Problems: the tasks gates were made for, learned in front of the class."""

from __future__ import annotations

import streamlit as st
import torch

import explorer
from explorer.cells import CELLS
from explorer.figures import problems as drawing
from explorer.figures.hundredths import CONFIG
from explorer.models import ModelConfig
from explorer.pages.shell import charts, controls, labels, language, links, people, pupils
from explorer.pages.shell.plain import plain
from explorer.pages.shell.pupils import Attempt, Pupil, Wish
from explorer.problems import PROBLEMS
from explorer.words import knows, say

LENGTHS = (20, 30, 40, 60, 80, 100)
LENGTH = 60
FIRST_CELLS = ["gru", "rnn"]
EVERY_S = 0.4
EXAMPLE = 7  # seeds the text that is shown


def page() -> None:
    """The page."""
    st.markdown(say("problem-page.what", units=pupils.UNITS))
    wish = choose()
    text = show_example(wish)
    attempt = pupils.of(wish)
    pressed = st.button(
        say("problem-page.again" if attempt else "problem-page.train"), type="primary", icon=":material/model_training:",
        disabled=not wish.cells,
    )  # fmt: skip
    if pressed:
        pupils.begin(wish)
        attempt = pupils.of(wish)
    if attempt is None:
        st.caption(how_it_learns(wish))
        return
    st.fragment(watch, run_every=None if attempt.ended else EVERY_S)(attempt)
    if attempt.ended:
        show_lengths(attempt)
        show_claims(attempt, text)


def choose() -> Wish:
    """Which problem, how long its texts are, and which cells learn it."""
    problem_key = controls.segments("problem", tuple(PROBLEMS))
    left, right = st.columns(2)
    with left:
        length = controls.slide("problem_length", LENGTHS, LENGTH)
    with right:
        cells = controls.several("problem_cells", list(CELLS), FIRST_CELLS, pupils.MOST_CELLS, named)
    return Wish(problem_key, length, tuple(cells))


def named(cell: str) -> str:
    """What a cell is called."""
    return labels.cell_name(ModelConfig(cell))


def show_example(wish: Wish) -> str:
    """A text with its parts coloured, and why its answer is right; returns the text."""
    problem = PROBLEMS[wish.problem]
    text = problem.draw(1, wish.length, torch.Generator().manual_seed(EXAMPLE)).texts[0]
    with st.container(border=True):
        st.markdown(say(f"problem.{problem.key}.what"))
        st.html(drawing.coloured_text(problem, text))
        st.html(drawing.legend(problem, text))
        why = say(f"problem.{problem.key}.why", answer=text[-problem.asked :])
        st.markdown(f"{why} {say('problem-page.chance', chance=problem.chance)}")
    return text


def how_it_learns(wish: Wish) -> str:
    """What training does that one should know of."""
    if not wish.cells:
        return say("problem-page.no-cells")
    problem, said = PROBLEMS[wish.problem], [say("problem-page.before", most_s=pupils.MOST_S)]
    if problem.grows:
        said.append(say("problem-page.grows"))
    if knows(code := f"problem-page.init.{problem.init}"):
        said.append(say(code, length=wish.length))
    return " ".join(said)


def watch(attempt: Attempt) -> None:
    """A slice of learning, and the curves as they are after it."""
    language.speak()  # a part that runs by itself
    before = attempt.ended
    try:
        attempt.goes_on()
    except (explorer.CheckpointError, explorer.runs.RunError) as fault:
        st.error(people.told(fault))
    chance = PROBLEMS[attempt.wish.problem].chance
    for place, what in zip(st.columns(2), (drawing.ACCURACY, drawing.LOSS), strict=True):
        curves = {named(cell): records for cell, records in attempt.curves.items()}
        place.vega_lite_chart(drawing.live(curves, what, chance, pupils.MOST_S), key=f"live_{what}")
    for cell, pupil in attempt.pupils.items():
        st.markdown(standing(cell, pupil))
    if attempt.ended and not before:
        st.rerun()


def standing(cell: str, pupil: Pupil) -> str:
    """How far one cell is, in a line."""
    if not pupil.records:
        return f":material/hourglass_empty: **{named(cell)}**"
    last = pupil.records[-1]
    figures = {"cell": named(cell), "step": last.step, "length": last.length, "elapsed_s": last.elapsed_s}
    if last.solved:
        return f":material/check_circle: {say('problem-page.solved', **figures)}"
    if pupil.ended:
        return f":material/cancel: {say('problem-page.unsolved', **figures)}"
    return f":material/hourglass_top: {say('problem-page.learning', **figures)}"


def show_lengths(attempt: Attempt) -> None:
    """Accuracy against length, beyond what was trained too."""
    st.markdown(say("problem-page.lengths", length=attempt.wish.length))
    accuracies = {named(cell): pupil.accuracies for cell, pupil in attempt.pupils.items()}
    panel = drawing.against_length(accuracies, PROBLEMS[attempt.wish.problem].chance, attempt.wish.length)
    charts.show(panel, key="problem_lengths", alt=panel.alt, config=CONFIG)


def show_claims(attempt: Attempt, text: str) -> None:
    """Every claim with its figures and whether it holds, cell by cell, and the way to the model's gates."""
    st.markdown(say("problem-page.claims"))
    for place, (cell, pupil) in zip(st.columns(len(attempt.pupils)), attempt.pupils.items(), strict=True):
        with place.container(border=True):
            st.markdown(f"**{named(cell)}**")
            for claim in pupil.claims.claims if pupil.claims else ():
                icon = ":material/check:" if claim.holds else ":material/close:"
                st.markdown(f"{icon} {plain(str(claim.told()))}")
            if pupil.name:
                links.offer(links.GATES, say("problem-page.see-gates"), model=pupil.name, sentence=text)
