"""What the pages share: the model and the text in front of the person, kept in the session and in the link."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st
import torch

import explorer
from explorer.text import MAX_FILE_BYTES, clean_text, decode_text

ICON = str(Path(__file__).with_name("icon.svg"))
CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
FIRST_MODEL = "time-machine-gru"
MAX_ANALYSED = 20_000
# A sentence for each corpus that begins as the corpus does and then leaves it, so that the surprise shows where.
EXAMPLES = {
    "time-machine": "the time traveller for so it will be convenient to teach a small machine to keep a secret",
    "lighthouse": "Turn, light, turn, on the hill of stone, and bring the little network home.",
    "river-town": "小满站在渡口，看着河水慢慢地流，心里想着明天的船。",
}
SOURCES = ("Sentence", "Longer text", "File")


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once a process: one torch thread (two beside a busy server are slower), and imports out of the collector's sight.

    Streamlit collects garbage after every run of a page; with torch imported that took 98 ms, frozen it takes none.
    """
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def load(name: str) -> explorer.Checkpoint:
    """A shipped checkpoint."""
    return explorer.load_checkpoint(CHECKPOINTS / f"{name}.safetensors")


@st.cache_resource(show_spinner=False, max_entries=40)
def model_at(name: str, epoch: int) -> explorer.CharModel:
    """A shipped model as it was after an epoch."""
    return load(name).model_at(epoch)


@st.cache_resource(show_spinner=False, max_entries=6, scope="session")
def trace(name: str, epoch: int, text: str) -> explorer.GateTrace:
    """What a model did with a text; kept for this session only, the text is the person's."""
    return explorer.trace_gates(model_at(name, epoch), text)


@st.cache_resource(show_spinner=False, max_entries=6, scope="session")
def by_epoch(name: str, text: str) -> dict[int, float | None]:
    """The perplexity of a text at each epoch of a model's training."""
    return explorer.perplexity_by_epoch(load(name), text)


@dataclass(frozen=True)
class Choice:
    """The model and the text in front of the person."""

    name: str
    checkpoint: explorer.Checkpoint
    epoch: int
    text: str


def model_names() -> list[str]:
    """The shipped models, the one to open on first."""
    names = sorted(path.stem for path in CHECKPOINTS.glob("*.safetensors"))
    return sorted(names, key=lambda name: name != FIRST_MODEL)


def choose_model() -> tuple[str, explorer.Checkpoint, int]:
    """The pickers of model and training epoch: name, checkpoint and epoch."""
    names = model_names()
    if not names:
        st.error("Expected trained models in the folder checkpoints/; there are none. Run `make checkpoints`.")
        st.stop()
    forget_unless("model", names)
    name = st.selectbox("Model", names, key="model", bind="query-params", on_change=_follow_corpus)
    checkpoint = load(name)
    st.caption(describe(checkpoint))
    epochs = list(checkpoint.epochs)
    forget_unless("epoch", epochs)
    epoch = st.select_slider(
        "Epochs of training", epochs, epochs[-1], key="epoch", bind="query-params",
        help="The weights as they were after so many epochs; 0 is before training. Everything on the page follows.",
    ) if len(epochs) > 1 else epochs[-1]  # fmt: skip
    return name, checkpoint, epoch


def describe(checkpoint: explorer.Checkpoint) -> str:
    """A model in one line."""
    config = checkpoint.config
    cell = {"rnn": f"RNN ({config.activation})", "gru": f"GRU, reset {config.reset}", "lstm": "LSTM"}[config.cell]
    shape = f"{config.hidden_size} units" + (f", {config.num_layers} layers" if config.num_layers > 1 else "")
    reads = {"forward": "", "bidirectional": ", reads from both ends", "parallel": ", two nets that both read forward"}
    return (
        f"{cell}, {shape}{reads[config.direction]}; learned {checkpoint.corpus}, {len(checkpoint.vocabulary)} symbols"
    )


def choose(label: str, options: Sequence[str], key: str, explanation: str | None = None) -> str:
    """One of several words, kept in the link; the first is the default."""
    forget_unless(key, options)
    return st.selectbox(label, options, key=key, bind="query-params", help=explanation)


def choose_net(checkpoint: explorer.Checkpoint) -> tuple[int, str | None]:
    """Layer, and direction (None: both), where the model has a choice of them."""
    config = checkpoint.config
    layer = choose("Layer", [str(i) for i in range(config.num_layers)], "layer") if config.num_layers > 1 else "0"
    net = choose("Net", ["both", *config.directions], "net") if len(config.directions) > 1 else "both"
    return int(layer), None if net == "both" else net


def offer_link() -> None:
    """The choice to put the sentence into the link; the model and the settings are always in it."""
    wanted = st.toggle(
        "Put the sentence in the link",
        value="sentence" in st.query_params,
        key="in_link",
        help="The address of this page always holds the model and the settings, your words only when you say so.",
    )
    # By hand: a widget is bound to the link for good, and this one only on request.
    if wanted:
        st.query_params["sentence"] = st.session_state["sentence"]
    elif "sentence" in st.query_params:
        del st.query_params["sentence"]


def offer_csv(label: str, make: Callable[[], pd.DataFrame]) -> None:
    """A button that makes a table and downloads it, when it is pressed."""
    file_name = f"{label.lower().replace(' ', '-')}.csv"
    st.download_button(f"{label} (CSV)", lambda: make().to_csv(index=False), file_name, "text/csv", on_click="ignore")


def choose_text(checkpoint: explorer.Checkpoint) -> str:
    """The text to read: a sentence that is followed while it is typed, a longer text, or a file; at most 20,000 characters."""
    st.session_state.setdefault(
        "sentence", st.query_params.get("sentence") or EXAMPLES.get(checkpoint.corpus, EXAMPLES["lighthouse"])
    )
    source = st.segmented_control(
        "Text",
        SOURCES,
        default=SOURCES[0],
        key="source",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if source == "Sentence":
        text = st.text_input(
            "Your sentence",
            key="sentence",
            live=True,
            max_chars=2_000,
            label_visibility="collapsed",
            placeholder="Type a sentence, and everything follows.",
            persist_state="session",
        )
    elif source == "Longer text":
        text = st.text_area(
            "Your text",
            key="long_text",
            height=160,
            persist_state="session",
            label_visibility="collapsed",
            placeholder="Paste a text of any length.",
        )
    elif source == "File":
        text = _uploaded()
    text = clean_text(text or "")
    if len(text) > MAX_ANALYSED:
        st.caption(f"This text has {len(text):,} characters; the first {MAX_ANALYSED:,} are analysed.")
    return text[:MAX_ANALYSED]


def _uploaded() -> str:
    file = st.file_uploader(
        "A .txt file in UTF-8, UTF-16 or GB18030, at most 5 MB", type=["txt"], max_upload_size=MAX_FILE_BYTES // 10**6
    )
    if file is None:
        return ""
    try:
        text, encoding = decode_text(file.getvalue())
    except explorer.TextError as fault:
        st.error(str(fault))
        return ""
    st.caption(f"{len(text):,} characters, read as {encoding}.")
    return text


def _follow_corpus() -> None:
    """When another model is chosen and the sentence is still an example, show the example of its corpus."""
    if st.session_state.get("sentence") in EXAMPLES.values():
        corpus = load(st.session_state["model"]).corpus
        st.session_state["sentence"] = EXAMPLES.get(corpus, st.session_state["sentence"])


def forget_unless(key: str, options: Sequence[object]) -> None:
    """A value that another model offered, or that a link made up, gives way to the default."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
