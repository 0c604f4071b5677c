"""The controls of a new run: corpus, model, recipe; what is wrong with them, in words by the control; and Start."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Mapping
from typing import Any, NamedTuple

import streamlit as st

from explorer import ModelConfig, Recipe, TextError, load_corpus, runs
from explorer.batches import SAMPLINGS
from explorer.cells import CELLS, gate_titles
from explorer.cells.gru import RESETS
from explorer.cells.rnn import ACTIVATIONS
from explorer.corpora import NAMES
from explorer.initialisation import INITS
from explorer.models import BIASES, DIRECTIONS, OBJECTIVES
from explorer.pages.shell import links, notices, people, session, texts
from explorer.pages.shell.plain import plain
from explorer.runs.request import setting
from explorer.text import newlines_to_blanks
from explorer.tokens import CHARACTER, KINDS
from explorer.training import OPTIMIZERS, RECIPE_MODELS, RECIPES
from explorer.words import LANGUAGE, TOKEN, knows, say

OWN_TEXT, OWN_FILE = "own-text", "own-file"
FIRST_RECIPE = "quick"
AS_INIT, NO_GATE = "as-init", "no-gate"
# Each setting of a run: its choices, or its default, whose type says what it is. What it is called is in the words.
FIRST_CORPORA = {"zh": "river-town"}  # where it is not the first of all
MODEL = {
    "cell": (ModelConfig.cell, *(c for c in CELLS if c != ModelConfig.cell)),
    "reset": RESETS[::-1],
    "activation": tuple(ACTIVATIONS),
    "hidden_size": 64,
    "num_layers": 1,
    "direction": DIRECTIONS,
    "objective": OBJECTIVES,
    "init": INITS,
    "seed": 0,
}
MORE = {
    "bias": (AS_INIT, *BIASES),
    "keep_bias": 0.0,
    "chrono_t_max": 100,
    "embedding_size": 0,
    "hidden_size_backward": 0,
    "hidden_sizes": "",
}
RECIPE = {
    "token": KINDS,
    "optimizer": OPTIMIZERS,
    "learning_rate": 1.0,
    "clip_norm": 1.0,
    "batch_size": 32,
    "num_steps": 35,
    "epochs": 20,
    "max_tokens": 0,
    "sampling": SAMPLINGS,
    "clips": True,
    "random_offset": True,
    "backward_batches": 1,
    "held_gate": (NO_GATE, *gate_titles()),
    "held_at": 1.0,
}
NEWLINES = "newlines_to_blanks"
FIRST = {"cell": "gru", "direction": DIRECTIONS[0], "init": INITS[0]}  # of the choices on which others depend
LARGEST = 10**15  # whole numbers beyond what a browser can count become 0 there without a word
Slots = dict[str, Any]
"""Field -> the place under its control for a sentence about it."""


def values_of(name: str) -> dict[str, Any]:
    """What a recipe puts into the controls, by their keys."""
    recipe = RECIPES[name]
    values = {field: getattr(recipe, field) for field in RECIPE if field != "clips"}
    values |= {"clips": recipe.clip_norm is not None, "max_tokens": recipe.max_tokens or 0}
    values["held_gate"] = recipe.held_gate or NO_GATE
    return {f"new_{field}": value for field, value in (values | RECIPE_MODELS[name]).items()}


def fill_in(name: str) -> None:
    """Put the values of a recipe into the controls."""
    session.fill(values_of(name))


def suggest() -> None:
    """Put what makes sense beside the cell into the controls, and take out what was put there for another."""
    defaults = MODEL | MORE
    for cell in CELLS.values():
        if cell.suggested and all(session.kept(f"new_{field}", None) == v for field, v in cell.suggested.items()):
            session.fill({f"new_{field}": defaults[field] for field in cell.suggested})
    chosen = CELLS[session.kept("new_cell", ModelConfig.cell)]
    session.fill({f"new_{field}": value for field, value in chosen.suggested.items()})


def offer(place: Any, field: str, allowed: Any, slots: Slots, *, disabled: bool = False) -> Any:
    """One control, and under it a place for what is wrong with it.

    Args:
        place: where it stands, alone.
        field: the setting.
        allowed: its choices or its default, as in MODEL.
        slots: gets the place under it.
        disabled: whether it means nothing beside what else is chosen.

    """
    key, label = f"new_{field}", setting(field)
    keep: dict[str, Any] = {"key": key, "help": explained(field), "disabled": disabled, "persist_state": "session"}
    if isinstance(allowed, tuple):
        keep |= {"on_change": suggest} if field == "cell" else {}
        value = place.selectbox(label, allowed, format_func=called, **keep)
    else:
        session.fill_once({key: allowed})
        if isinstance(allowed, bool):
            value = place.checkbox(label, **keep)
        elif isinstance(allowed, str):
            value = place.text_input(label, max_chars=80, **keep)
        else:
            keep |= {"step": 1, "max_value": LARGEST} if isinstance(allowed, int) else {"format": "%g"}
            value = place.number_input(label, **keep)
    slots[field] = place
    return value


def called(choice: str) -> str:
    """A choice as a person reads it; most have the name they have in the library."""
    code = f"setting-value.{choice}"
    return say(code) if knows(code) else choice


def explained(field: str) -> str:
    """In a line, what a setting does."""
    return say(f"setting.{field.replace('_', '-')}.help")


def offer_all(controls: Mapping[str, Any], slots: Slots, idle: Container[str]) -> dict[str, Any]:
    """The controls two in a row, so that the tab key goes through them as one reads; what they hold, by field."""
    values: dict[str, Any] = {}
    for i, (field, allowed) in enumerate(controls.items()):
        if i % 2 == 0:
            row = st.columns(2)
        values[field] = offer(row[i % 2], field, allowed, slots, disabled=field in idle)
    return values


class Corpus(NamedTuple):
    """What is learned: the choice that was made, a name that says more, the text, and whether its lack is explained."""

    choice: str
    name: str
    text: str
    explained: bool


def choose_corpus(place: Any) -> Corpus:
    """The text that is learned; "" where there is none yet."""
    names = sorted(NAMES, key=lambda name: name != FIRST_CORPORA.get(LANGUAGE.get(), NAMES[0]))
    choice = place.selectbox(
        setting("corpus"), [*names, OWN_TEXT, OWN_FILE], format_func=called, key="new_corpus", persist_state="session"
    )
    corpus = _chosen(place, choice)
    label, help = setting(NEWLINES), explained(NEWLINES)
    if place.checkbox(label, key=f"new_{NEWLINES}", persist_state="session", help=help):
        return corpus._replace(text=newlines_to_blanks(corpus.text))
    return corpus


def _chosen(place: Any, choice: str) -> Corpus:
    if choice == OWN_TEXT:
        text = place.text_area(say("control.long-text"), key="new_text", height=160, persist_state="session") or ""
        return Corpus(choice, say("run-form.own-text"), text, explained=False)
    if choice == OWN_FILE:
        with place:
            text = texts.uploaded("new_file", several=True)
        return Corpus(choice, texts.name_of("new_file"), text, explained=not text)
    try:
        return Corpus(choice, choice, load_corpus(choice), explained=False)
    except TextError as fault:
        place.error(people.told(fault))
        return Corpus(choice, choice, "", explained=True)


def choose_model(slots: Slots) -> tuple[dict[str, Any], int]:
    """The fields of ModelConfig as the controls have them, and the seed."""
    layered = bool(session.kept("new_hidden_sizes", "").strip())
    cell, direction, init = (session.kept(f"new_{field}", first) for field, first in FIRST.items())
    idle = _idle(cell, direction, init, layered=layered)
    held = offer_all(MODEL, slots, idle)
    with st.expander(say("run-form.more")):
        held |= offer_all(MORE, slots, idle)
    seed = held.pop("seed")
    for field in idle & MORE.keys():
        held[field] = MORE[field]
    for field in ("bias", "embedding_size", "hidden_size_backward", "hidden_sizes"):
        held[field] = None if held[field] in (AS_INIT, 0, "") else held[field]
    if layered:
        held |= {"num_layers": 1, "hidden_sizes": sizes(held["hidden_sizes"])}
    return held, seed


def sizes(written: str) -> tuple[int, ...] | str:
    """The widths of the layers as they are written: whole numbers between commas or blanks; else what was written."""
    parts = re.split(r"[,;\s]+", written.strip())
    return tuple(map(int, parts)) if all(map(str.isdecimal, parts)) else written


def _idle(cell: str, direction: str, init: str, *, layered: bool) -> set[str]:
    """The controls that mean nothing beside what else is chosen."""
    means = {
        **{other.setting: other.key == cell for other in CELLS.values() if other.setting},
        "hidden_size": not layered,
        "num_layers": not layered,
        "keep_bias": bool(CELLS[cell].keeps),
        "chrono_t_max": init == "chrono",
        "hidden_size_backward": direction != "forward",
    }
    return {field for field, something in means.items() if not something}


def choose_recipe(slots: Slots) -> dict[str, Any]:
    """The fields of Recipe as the controls have them."""
    clips = session.kept("new_clips", True)
    idle = (set() if clips else {"clip_norm"}) | _idle_gates()
    if session.kept("new_sampling", Recipe.sampling) != "sequential":
        idle.add("backward_batches")
    how = offer_all(RECIPE, slots, idle)
    how["backward_batches"] = 1 if "backward_batches" in idle else how["backward_batches"]
    how["held_gate"] = None if how["held_gate"] == NO_GATE or "held_gate" in idle else how["held_gate"]
    clips = how.pop("clips")
    if clips and how["optimizer"] == "sgd":
        st.caption(say("run-form.longest-step", length=how["learning_rate"] * how["clip_norm"]))
    return how | {"clip_norm": how["clip_norm"] if clips else None, "max_tokens": how["max_tokens"] or None}


def _idle_gates() -> set[str]:
    """The controls of a held gate, where the cell has no gates, and its value where none is held."""
    if not CELLS[session.kept("new_cell", FIRST["cell"])].gates:
        return {"held_gate", "held_at"}
    return {"held_at"} if session.kept("new_held_gate", NO_GATE) == NO_GATE else set()


def offer_recipes() -> None:
    """A button for each recipe, which fills in the controls; ticked while they hold its values.

    Buttons, because a choice that the script itself takes back races with the person: a browser that has not heard of it
    yet sends the old choice with the next number that is typed, and the recipe would overwrite what was typed before.
    """
    if session.kept("new_epochs", None) is None:
        fill_in(FIRST_RECIPE)
    st.caption(say("run-form.recipes"), width="content", help=say("run-form.recipes.help"))
    for name in RECIPES:
        held = all(session.kept(key, value) == value for key, value in values_of(name).items())
        icon = ":material/check:" if held else None
        st.button(name, key=f"recipe_{name}", icon=icon, on_click=fill_in, args=(name,))


def choose_sentence(place: Any, corpus: Corpus, slots: Slots) -> str:
    """The sentence to watch; of each corpus its own, which another may not be able to read."""
    example = texts.example(corpus.choice, session.kept("new_token", CHARACTER))
    sentence = place.text_input(
        say("run-form.sentence"), key=f"new_sentence_{corpus.choice}", max_chars=200, persist_state="session",
        placeholder=example or say("run-form.any-sentence"),
    )  # fmt: skip
    slots["sentence"] = place
    return sentence or example


def choose_name(place: Any, corpus: Corpus, slots: Slots) -> str:
    """The name of the run; "" for one made of its settings."""
    name = place.text_input(
        setting("name"), key=f"new_name_{corpus.choice}", placeholder=say("run-form.optional"), max_chars=80,
        persist_state="session",
    )  # fmt: skip
    slots["name"] = place
    return name or ""


def offer_start() -> None:
    """Start and the recipes, then the settings of a new run with what is wrong with them in words."""
    TOKEN.set(session.kept("new_token", CHARACTER))  # of which some names and explanations speak
    slots: Slots = {}
    with st.container(horizontal=True, vertical_alignment="center"):
        button = st.empty()  # above the settings, where one can press it as they stand
        offer_recipes()
    summary = st.empty()
    left, middle, right = st.columns([3, 3, 2])
    corpus = choose_corpus(left)
    slots["text"] = left
    sentence, name = choose_sentence(middle, corpus, slots), choose_name(right, corpus, slots)
    model, recipe = st.columns(2, border=True)
    with model:
        st.markdown(f"**{say('run-form.model')}**")
        config, seed = choose_model(slots)
    with recipe:
        st.markdown(f"**{say('run-form.training')}**")
        how = choose_recipe(slots)
    asked = runs.RunRequest(
        config, how, corpus.text, corpus=corpus.name, session=people.browser(), name=name, seed=seed, sentence=sentence
    )  # fmt: skip
    problems = runs.validate(asked)
    show_problems(problems, slots, explained={"text"} if corpus.explained else ())
    if not problems:
        notices.show_unread(sentence, Recipe(**how).learned(corpus.text), slots["sentence"])
    summary.caption(said(config, how, corpus, problems))
    if button.button(say("run-form.start"), disabled=bool(problems), icon=":material/play_arrow:"):
        _start(asked)


def said(config: Mapping[str, Any], how: Mapping[str, Any], corpus: Corpus, problems: Collection[str]) -> str:
    """What Start would train, in a line; or what keeps it from starting."""
    if problems:
        return say("run-form.fix-first", fields=[setting(field) for field in problems])
    return plain(runs.summary(ModelConfig(**config), Recipe(**how), corpus.name))


def show_problems(problems: Mapping[str, runs.Complaint], slots: Slots, explained: Container[str]) -> None:
    """Each complaint under its control, but for those that are explained there already."""
    for field, complaint in problems.items():
        if field not in explained:
            slots.get(field, st).markdown(f":small[:red[{plain(complaint.told)}]]")


def _start(asked: runs.RunRequest) -> None:
    try:
        started = runs.start(asked)
    except runs.RunError as fault:
        st.error(people.told(fault))
        return
    links.open_run(started.id)
