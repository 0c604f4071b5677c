"""The controls of a new run: corpus, model, recipe; what is wrong with them, in words by the control; and Start."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

import streamlit as st

from explorer import ModelConfig, Recipe, TextError, load_corpus, runs
from explorer.batches import SAMPLINGS
from explorer.cells import CELLS
from explorer.cells.gru import RESETS
from explorer.cells.rnn import ACTIVATIONS
from explorer.corpora import NAMES
from explorer.initialisation import INITS
from explorer.models import BIASES, DIRECTIONS, OBJECTIVES
from explorer.pages.shell import links, notices, people, session, texts
from explorer.pages.shell.plain import plain
from explorer.text import newlines_to_blanks
from explorer.training import OPTIMIZERS, RECIPE_MODELS, RECIPES

OWN_TEXT, OWN_FILE = "a text of my own", "a file of my own"
FIRST_RECIPE = "quick"
NEWLINES = "Newlines become blanks"
RECIPES_HELP = "d2l-v2, d2l-zh-v1: the recipes of the book; quick: a good model in a few seconds."


class Control(NamedTuple):
    """One setting: its label, the choices or the default (whose type says what it is), and in one line what it does."""

    label: str
    allowed: Any
    explanation: str


MODEL = {
    "cell": Control("Cell", (ModelConfig.cell, *(c for c in CELLS if c != ModelConfig.cell)),
                    "A plain cell, a gated one, or one with a cell state of its own."),
    "reset": Control("Reset gate acts", RESETS[::-1],
                     "On a GRU's state after the matrix product (cuDNN, torch) or before it (Cho, d2l)."),
    "activation": Control("Activation", tuple(ACTIVATIONS), "What a plain RNN does with its sum: squash, cut or pass it."),
    "hidden_size": Control("Units", 64, "Width of the state of each net."),
    "num_layers": Control("Layers", 1, "Each reads the states of the one below."),
    "direction": Control("Direction", DIRECTIONS,
                         "Who reads: one net; two nets from both ends; or two nets that both read forward."),
    "objective": Control("Objective", OBJECTIVES,
                         "next character; cloze: each character from both sides; leaky: a mistake, kept to be shown."),
    "init": Control("Initial weights", INITS,
                    "torch's defaults; normal: N(0, 0.01); chrono: memory times spread from the start; orthogonal and "
                    "identity: the recurrent weights."),
    "seed": Control("Seed", 0, "Of the initial weights and the batches: the same seed gives the same run, to the bit."),
}  # fmt: skip
AS_INIT = "by the initial weights"
MORE = {
    "bias": Control("Biases", (AS_INIT, *BIASES),
                    "two a gate, as torch has them; one, as the book's cell from scratch has it (normal does); or none."),
    "keep_bias": Control("Bias of the keeping gate", 0.0,
                         "Added to the forget gate's (LSTM) or the update gate's (GRU) at the start; 1 is usual."),
    "chrono_t_max": Control("Longest memory of chrono", 100, "In characters: what the initial weights chrono aim at."),
    "embedding_size": Control("Embedding", 0, "Width of a learned vector for each symbol; 0 for one-hot."),
    "hidden_size_backward": Control("Units of the second net", 0, "0 for as many as the first net has."),
    "hidden_sizes": Control("Units of each layer", "", "Such as 64, 32 for two layers; empty for the same in each."),
}  # fmt: skip
RECIPE = {
    "optimizer": Control("Optimizer", OPTIMIZERS,
                         "SGD takes the clipped gradient as it is; Adam rescales each weight's own."),
    "learning_rate": Control("Learning rate", 1.0,
                             "With SGD, a step is this long times the norm of the clipped gradient."),
    "clip_norm": Control("Clip threshold θ", 1.0, "The longest gradient that passes unscaled."),
    "batch_size": Control("Batch", 32, "Rows of text read side by side."),
    "num_steps": Control("Steps", 35, "Characters of a row over which the gradient is carried back."),
    "epochs": Control("Epochs", 20, "Passes through the text."),
    "max_tokens": Control("Characters used", 0, "Only the first so many of the text; 0 takes all."),
    "sampling": Control("Sampling", SAMPLINGS,
                        "sequential carries the state from batch to batch; random starts every batch from zero."),
    "clips": Control("Clip the gradient", True, "Off: its norm is measured and nothing is done."),
    "random_offset": Control("Random offset", True, "Begin every epoch at another character."),
}  # fmt: skip
LABELS = {field: control.label for field, control in (MODEL | MORE | RECIPE).items()} | {
    "text": "Corpus", "name": "Name of the run", "sentence": "Your sentence",
}  # fmt: skip
FIRST = {"cell": "gru", "direction": DIRECTIONS[0], "init": INITS[0]}  # of the choices on which others depend
LARGEST = 10**15  # whole numbers beyond what a browser can count become 0 there without a word
Slots = dict[str, Any]
"""Field -> the place under its control for a sentence about it."""


def values_of(name: str) -> dict[str, Any]:
    """What a recipe puts into the controls, by their keys."""
    recipe = RECIPES[name]
    values = {field: getattr(recipe, field) for field in RECIPE if field != "clips"}
    values |= {"clips": recipe.clip_norm is not None, "max_tokens": recipe.max_tokens or 0}
    return {f"new_{field}": value for field, value in (values | RECIPE_MODELS[name]).items()}


def fill_in(name: str) -> None:
    """Put the values of a recipe into the controls."""
    session.fill(values_of(name))


def suggest() -> None:
    """Put what makes sense beside the cell into the controls, and take out what was put there for another."""
    defaults = {field: control.allowed for field, control in (MODEL | MORE).items()}
    for cell in CELLS.values():
        if cell.suggested and all(session.kept(f"new_{field}", None) == v for field, v in cell.suggested.items()):
            session.fill({f"new_{field}": defaults[field] for field in cell.suggested})
    chosen = CELLS[session.kept("new_cell", ModelConfig.cell)]
    session.fill({f"new_{field}": value for field, value in chosen.suggested.items()})


def offer(place: Any, field: str, control: Control, slots: Slots, *, disabled: bool = False) -> Any:
    """One control, and under it a place for what is wrong with it."""
    key, allowed = f"new_{field}", control.allowed
    keep: dict[str, Any] = {"key": key, "help": control.explanation, "disabled": disabled, "persist_state": "session"}
    if isinstance(allowed, tuple):
        keep |= {"on_change": suggest} if field == "cell" else {}
        value = place.selectbox(control.label, allowed, **keep)
    else:
        session.fill_once({key: allowed})
        if isinstance(allowed, bool):
            value = place.checkbox(control.label, **keep)
        elif isinstance(allowed, str):
            value = place.text_input(control.label, max_chars=80, **keep)
        else:
            value = place.number_input(
                control.label,
                **keep,
                **({"step": 1, "max_value": LARGEST} if isinstance(allowed, int) else {"format": "%g"}),
            )
    slots[field] = place.empty()
    return value


def offer_all(controls: Mapping[str, Control], slots: Slots, idle: Container[str]) -> dict[str, Any]:
    """The controls two in a row, so that the tab key goes through them as one reads; what they hold, by field."""
    values: dict[str, Any] = {}
    for i, (field, control) in enumerate(controls.items()):
        if i % 2 == 0:
            row = st.columns(2)
        values[field] = offer(row[i % 2], field, control, slots, disabled=field in idle)
    return values


class Corpus(NamedTuple):
    """What is learned: the choice that was made, a name that says more, the text, and whether its lack is explained."""

    choice: str
    name: str
    text: str
    explained: bool


def choose_corpus(place: Any) -> Corpus:
    """The text that is learned; "" where there is none yet."""
    choice = place.selectbox("Corpus", [*NAMES, OWN_TEXT, OWN_FILE], key="new_corpus", persist_state="session")
    corpus = _chosen(place, choice)
    help = "As the book does with lyrics: every line end is read as a blank."
    if place.checkbox(NEWLINES, key="new_newlines_to_blanks", persist_state="session", help=help):
        return corpus._replace(text=newlines_to_blanks(corpus.text))
    return corpus


def _chosen(place: Any, choice: str) -> Corpus:
    if choice == OWN_TEXT:
        text = place.text_area("Your text", key="new_text", height=160, persist_state="session") or ""
        return Corpus(choice, "own text", text, explained=False)
    if choice == OWN_FILE:
        with place:
            text = texts.uploaded("new_file")
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
    with st.expander("More"):
        held |= offer_all(MORE, slots, idle)
    seed = held.pop("seed")
    for field in idle & MORE.keys():
        held[field] = MORE[field].allowed
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
    how = offer_all(RECIPE, slots, set() if clips else {"clip_norm"})
    clips = how.pop("clips")
    if clips and how["optimizer"] == "sgd":
        longest = how["learning_rate"] * how["clip_norm"]
        st.caption(f"Longest possible step: learning rate × θ = {longest:g}.")
    return how | {"clip_norm": how["clip_norm"] if clips else None, "max_tokens": how["max_tokens"] or None}


def offer_recipes() -> None:
    """A button for each recipe, which fills in the controls; ticked while they hold its values.

    Buttons, because a choice that the script itself takes back races with the person: a browser that has not heard of it
    yet sends the old choice with the next number that is typed, and the recipe would overwrite what was typed before.
    """
    if session.kept("new_epochs", None) is None:
        fill_in(FIRST_RECIPE)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Fill in", width="content", help=RECIPES_HELP)
        for name in RECIPES:
            held = all(session.kept(key, value) == value for key, value in values_of(name).items())
            icon = ":material/check:" if held else None
            st.button(name, key=f"recipe_{name}", icon=icon, on_click=fill_in, args=(name,))


def choose_words(place: Any, corpus: Corpus, slots: Slots) -> tuple[str, str]:
    """The name of the run and the sentence to watch; of each corpus its own, which another may not be able to read."""
    name = place.text_input(
        "Name of the run", key=f"new_name_{corpus.choice}", placeholder="optional", max_chars=80, persist_state="session"
    )  # fmt: skip
    slots["name"] = place.empty()
    example = texts.EXAMPLES.get(corpus.choice, "")
    sentence = place.text_input(
        "Your sentence, watched while the model learns", key=f"new_sentence_{corpus.choice}", max_chars=200,
        persist_state="session", placeholder=example or "any words of the corpus's alphabet",
    )  # fmt: skip
    slots["sentence"] = place.empty()
    return name or "", sentence or example


def offer_start() -> None:
    """The controls of a new run, what is wrong with them in words, and Start."""
    slots: Slots = {}
    left, right = st.columns(2)
    corpus = choose_corpus(left)
    slots["text"] = left.empty()
    name, sentence = choose_words(right, corpus, slots)
    start = st.container()  # above the settings, where one can press it as they stand
    model, recipe = st.columns(2, border=True)
    with model:
        st.markdown("**Model**")
        config, seed = choose_model(slots)
    with recipe:
        st.markdown("**Recipe**")
        offer_recipes()
        how = choose_recipe(slots)
    asked = runs.RunRequest(
        config, how, corpus.text, corpus=corpus.name, session=people.browser(), name=name, seed=seed, sentence=sentence
    )  # fmt: skip
    problems = runs.validate(asked)
    show_problems(problems, slots, explained={"text"} if corpus.explained else ())
    if not problems:
        notices.show_unread(sentence, Recipe(**how).learned(corpus.text), slots["sentence"])
    with start:
        if st.button("Start", type="primary", disabled=bool(problems), icon=":material/play_arrow:"):
            _start(asked)
        if problems:
            st.caption(f"Fix before starting: {', '.join(LABELS.get(field, field) for field in problems)}.")


def show_problems(problems: Mapping[str, runs.Complaint], slots: Slots, explained: Container[str]) -> None:
    """Each complaint under its control, but for those that are explained there already."""
    for field, complaint in problems.items():
        if field not in explained:
            slots.get(field, st).caption(f":red[{plain(complaint.told)}]")


def _start(asked: runs.RunRequest) -> None:
    try:
        started = runs.start(asked)
    except runs.RunError as fault:
        st.error(people.told(fault))
        return
    links.open_run(started.id)
