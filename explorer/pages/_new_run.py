"""The controls of a new run: corpus, model, recipe; what is wrong with them in words; and Start."""

from __future__ import annotations

from typing import Any

import streamlit as st

from explorer import ModelConfig, Recipe, TextError, load_corpus, runs
from explorer.batches import SAMPLINGS
from explorer.cells import ACTIVATIONS, GATE_ORDER, RESETS
from explorer.corpora import NAMES
from explorer.models import DIRECTIONS, INITS, OBJECTIVES
from explorer.pages import _session
from explorer.training import OPTIMIZERS, RECIPES

OWN_TEXT, OWN_FILE = "a text of my own", "a file of my own"
MODEL_FIELDS: dict[str, tuple[Any, str]] = {
    "cell": (
        ("gru", *(c for c in GATE_ORDER if c != "gru")),
        "A plain cell, a gated one, or one with a cell state of its own.",
    ),
    "reset": (
        RESETS[::-1],
        "Where a GRU's reset gate acts: after the matrix product (cuDNN, torch) or before it (Cho, d2l).",
    ),
    "activation": (tuple(ACTIVATIONS), "The squashing function of a plain RNN."),
    "hidden_size": (64, "Units of each net."),
    "num_layers": (1, "Layers, each reading the states of the one below."),
    "direction": (DIRECTIONS, "Who reads: one net; two nets from both ends; or two nets that both read forward."),
    "objective": (
        OBJECTIVES,
        "next character; cloze: each character from both sides; leaky: a mistake, kept to be shown.",
    ),
    "init": (INITS, "torch's defaults; normal: N(0, 0.01); chrono: memory times spread from the start."),
}
RECIPE_FIELDS: dict[str, tuple[Any, str]] = {
    "optimizer": (OPTIMIZERS, "SGD takes the clipped gradient as it is; Adam rescales each weight's own."),
    "learning_rate": (1.0, "With SGD, a step is this long times the norm of the clipped gradient."),
    "clip_norm": (1.0, "Theta: the longest gradient that passes unscaled."),
    "batch_size": (32, "Rows of text read side by side."),
    "num_steps": (35, "Characters of a row over which the gradient is carried back."),
    "epochs": (20, "Passes through the text."),
    "sampling": (SAMPLINGS, "sequential carries the state from batch to batch; random starts every batch from zero."),
    "random_offset": (True, "Begin every epoch at another character."),
}


def take_recipe() -> None:
    """Fill the controls with the values of the chosen recipe."""
    recipe = RECIPES[st.session_state["recipe"]]
    for field in RECIPE_FIELDS:
        st.session_state[f"new_{field}"] = getattr(recipe, field)
    st.session_state["new_clips"] = recipe.clip_norm is not None
    st.session_state["new_max_tokens"] = recipe.max_tokens or 0


def control(place: Any, field: str, allowed: Any, explanation: str, *, disabled: bool = False) -> Any:
    """One setting and what it does. `allowed` is a tuple of choices, or a default whose type says what it is."""
    key, label = f"new_{field}", field.replace("_", " ").capitalize()
    keep: dict[str, Any] = {"key": key, "help": explanation, "disabled": disabled, "persist_state": "session"}
    if isinstance(allowed, tuple):
        return place.selectbox(label, allowed, **keep)
    st.session_state.setdefault(key, allowed)
    if isinstance(allowed, bool):
        return place.checkbox(label, **keep)
    if isinstance(allowed, int):
        return place.number_input(label, step=1, **keep)
    return place.number_input(label, format="%g", **keep)


def choose_corpus() -> tuple[str, str]:
    """Name and text of what is learned; "" where there is none yet."""
    name = st.selectbox("Corpus", [*NAMES, OWN_TEXT, OWN_FILE], key="new_corpus", persist_state="session")
    if name == OWN_TEXT:
        return "own text", st.text_area("Your text", key="new_text", height=160, persist_state="session") or ""
    if name == OWN_FILE:
        return "own file", _session.uploaded("new_file")
    try:
        return name, load_corpus(name)
    except TextError as fault:
        st.error(str(fault))
        return name, ""


def choose_settings() -> tuple[dict[str, Any], dict[str, Any], int]:
    """The fields of ModelConfig and Recipe as the controls have them, and the seed."""
    if "new_epochs" not in st.session_state:
        st.session_state["recipe"] = "quick"
        take_recipe()
    model, recipe = st.columns(2, border=True)
    model.markdown("**Model**")
    cells = model.columns(2)
    config = {
        field: control(cells[i % 2], field, *about, disabled=_idle(field))
        for i, (field, about) in enumerate(MODEL_FIELDS.items())
    }
    recipe.markdown("**Recipe**")
    recipe.segmented_control(
        "Fill in", list(RECIPES), key="recipe", on_change=take_recipe, required=True, persist_state="session"
    )
    cells = recipe.columns(2)
    clips = recipe.checkbox("Clip the gradient", key="new_clips", persist_state="session")
    how = {
        field: control(cells[i % 2], field, *about, disabled=field == "clip_norm" and not clips)
        for i, (field, about) in enumerate(RECIPE_FIELDS.items())
    }
    how["clip_norm"] = how["clip_norm"] if clips else None
    how["max_tokens"] = st.session_state["new_max_tokens"] or None
    if clips and how["optimizer"] == "sgd":
        recipe.caption(f"Longest possible step: learning rate × theta = {how['learning_rate'] * how['clip_norm']:g}.")
    explanation = "The same seed gives the same run, to the bit."
    seed = recipe.number_input("Seed", step=1, min_value=0, key="new_seed", help=explanation, persist_state="session")
    return config, how, seed


def _idle(field: str) -> bool:
    """Whether a setting says nothing for the chosen cell."""
    cell = st.session_state.get("new_cell", "gru")
    return (field == "reset" and cell != "gru") or (field == "activation" and cell != "rnn")


def offer_start() -> None:
    """The controls of a new run, what is wrong with them in words, and Start."""
    corpus, text = choose_corpus()
    name = st.text_input(
        "Name of the run", key="new_name", placeholder="optional", max_chars=80, persist_state="session"
    )
    sentence = st.text_input(
        "Your sentence, watched while the model learns",
        key="new_sentence",
        max_chars=200,
        persist_state="session",
        placeholder=_session.EXAMPLES.get(corpus, "any words of the corpus's alphabet"),
    )
    sentence = sentence or _session.EXAMPLES.get(corpus, "")
    config, recipe, seed = choose_settings()
    problems = runs.validate(config, recipe, text, name=name or "", sentence=sentence)
    for problem in problems.values():
        st.caption(f":red[{problem}]")
    if st.button("Start", type="primary", disabled=bool(problems), icon=":material/play_arrow:"):
        try:
            started = runs.start(
                ModelConfig(**config),
                Recipe(**recipe),
                text,
                corpus=corpus,
                session=_session.browser(),
                name=name or "",
                seed=seed,
                sentence=sentence,
            )
        except runs.RunError as fault:
            st.error(str(fault))
            return
        st.query_params["run"] = started.id
        st.rerun()
