"""What the pages share: the model and the text in front of the person, kept in the session and in the link."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st
import torch

import explorer
from explorer import runs
from explorer.probes.diagnosis import diagnosis_of
from explorer.probes.proof import flow_residual
from explorer.text import MAX_FILE_BYTES, clean_text, decode_text

ICON = str(Path(__file__).with_name("icon.svg"))
CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
FIRST_MODEL = "time-machine-gru"
MAX_ANALYSED = 20_000
SETTLE_S = 0.2  # about what a browser takes to draw the gates
# A sentence for each corpus that begins as the corpus does and then leaves it, so that the surprise shows where.
EXAMPLES = {
    "time-machine": "the time traveller for so it will be convenient to teach a small machine to keep a secret",
    "lighthouse": "Turn, light, turn, on the hill of stone, and bring the little network home.",
    "river-town": "小满站在渡口，看着河水慢慢地流，心里想着明天的船。",
}
RUN = "run:"  # begins the name of a model that a run made
SOURCES = ("Sentence", "Longer text", "File")


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once a process: one torch thread (two beside a busy server are slower), a warm worker, imports out of gc's sight.

    Streamlit collects garbage after every run of a page; with torch imported that took 98 ms, frozen it takes none.
    """
    torch.set_num_threads(1)
    with contextlib.suppress(runs.RunError):  # a data folder that cannot be written: the page Train says so
        runs.prepare()
    gc.collect()
    gc.freeze()


def browser() -> str:
    """A name for the person's browser, the same after a reload: whose run it is.

    Taken from Streamlit's own cookie against forged requests, which masks one and the same token anew at each load
    (Tornado's version 2 format). Without the cookie, the tab.
    """
    parts = str(st.context.cookies.get("_streamlit_xsrf", "")).split("|")
    try:
        mask, masked = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
        token = bytes(byte ^ mask[i % len(mask)] for i, byte in enumerate(masked))
        return hashlib.sha256(token).hexdigest()[:16]
    except (IndexError, ValueError, ZeroDivisionError):
        return str(st.session_state.setdefault("tab", secrets.token_hex(8)))


def _file(name: str) -> Path:
    """The checkpoint of a shipped model, or of a run ("run:" and its id)."""
    run = name.removeprefix(RUN)
    return runs.checkpoint_path(run) if run != name else CHECKPOINTS / f"{name}.safetensors"


def _version(name: str) -> int:
    """Changes when the file does: a run's checkpoint is written again while it goes."""
    path = _file(name)
    return path.stat().st_mtime_ns if path.is_file() else 0


def load(name: str) -> explorer.Checkpoint:
    """The checkpoint of a shipped model or of a run."""
    return _load(name, _version(name))


@st.cache_resource(show_spinner=False, max_entries=24)
def _load(name: str, version: int) -> explorer.Checkpoint:
    return explorer.load_checkpoint(_file(name))


def model_at(name: str, epoch: int) -> explorer.CharModel:
    """A model as it was after an epoch."""
    return _model_at(name, _version(name), epoch)


@st.cache_resource(show_spinner=False, max_entries=40)
def _model_at(name: str, version: int, epoch: int) -> explorer.CharModel:
    return _load(name, version).model_at(epoch)


def trace(name: str, epoch: int, text: str) -> explorer.GateTrace:
    """What a model did with a text."""
    return _trace(name, _version(name), epoch, text)


# The text is the person's: what comes of it is kept for this session only.
@st.cache_resource(show_spinner=False, max_entries=16, scope="session")
def _trace(name: str, version: int, epoch: int, text: str) -> explorer.GateTrace:
    return explorer.trace_gates(_model_at(name, version, epoch), text)


def by_epoch(name: str, text: str) -> dict[int, float | None]:
    """The perplexity of a text at each epoch of a model's training."""
    return _by_epoch(name, _version(name), text)


@st.cache_resource(show_spinner=False, max_entries=6, scope="session")
def _by_epoch(name: str, version: int, text: str) -> dict[int, float | None]:
    # First let the server send what is already drawn: the loop below holds the interpreter. Who types on is not kept busy.
    time.sleep(SETTLE_S)
    return explorer.perplexity_by_epoch(_load(name, version), text)


def model_names() -> list[str]:
    """The shipped models, the one to open on first; then the runs of this browser, and the one a link names."""
    names = sorted(path.stem for path in CHECKPOINTS.glob("*.safetensors"))
    names.sort(key=lambda name: name != FIRST_MODEL)
    named = st.query_params.get("model", "")
    mine = [RUN + run.id for run in _models_of(browser())]
    return [*names, *mine, *([named] if _is_readable_run(named) and named not in mine else [])]


def _models_of(owner: str) -> list[runs.Run]:
    try:
        return runs.models(owner)
    except runs.RunError:
        return []  # no data folder: the page Train says so, the shipped models are there all the same


def _is_readable_run(name: str) -> bool:
    try:
        return name.startswith(RUN) and _file(name).is_file()
    except runs.RunError:
        return False


def model_label(name: str) -> str:
    """A model's name as one reads it."""
    return runs.run(name.removeprefix(RUN)).name if name.startswith(RUN) else name


def choose_model() -> tuple[str, explorer.Checkpoint, int]:
    """The pickers of model and training epoch: name, checkpoint and epoch."""
    names = model_names()
    if not names:
        st.error("Expected trained models in the folder checkpoints/; there are none. Run `make checkpoints`.")
        st.stop()
    forget_unless("model", names)
    # In the link by hand: a bound picker would put the label there, and two runs may have one name.
    if "model" not in st.session_state and st.query_params.get("model") in names:
        st.session_state["model"] = st.query_params["model"]
    name = st.selectbox(
        "Model", names, key="model", format_func=model_label, persist_state="session", on_change=_follow_corpus
    )
    _keep_in_link("model", name if name != FIRST_MODEL else None)
    try:
        checkpoint = load(name)
    except (explorer.CheckpointError, runs.RunError) as fault:
        st.error(str(fault))
        st.stop()
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
    _keep_in_link("sentence", st.session_state["sentence"] if wanted else None)


def _keep_in_link(key: str, value: str | None) -> None:
    """Put a value into the address of the page, or take it out."""
    if value is not None:
        st.query_params[key] = value
    elif key in st.query_params:
        del st.query_params[key]


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
        text = uploaded("file")
    text = clean_text(text or "")
    if len(text) > MAX_ANALYSED:
        st.caption(f"This text has {len(text):,} characters; the first {MAX_ANALYSED:,} are analysed.")
    return text[:MAX_ANALYSED]


def uploaded(key: str) -> str:
    """The text of a file that the person brings; "" where there is none, and a sentence where it cannot be read."""
    file = st.file_uploader(
        "A .txt file in UTF-8, UTF-16 or GB18030, at most 5 MB",
        type=["txt"],
        max_upload_size=MAX_FILE_BYTES // 10**6,
        key=key,
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


def traces_of_run(run_id: str, text: str) -> dict[int, explorer.GateTrace]:
    """What a run's model did with a text at each of its snapshots; empty where there is no text or no checkpoint."""
    try:
        return {epoch: trace(RUN + run_id, epoch, text) for epoch in load(RUN + run_id).epochs} if text else {}
    except explorer.CheckpointError:
        return {}


class Which(NamedTuple):
    """A model one can look at: a trained one after an epoch, or an untrained one with its vocabulary and size."""

    name: str
    epoch: int
    untrained: str
    version: int  # of its file; a run's is written again while it goes

    @classmethod
    def of(cls, name: str, epoch: int, untrained: str = "") -> Which:
        """A model as its file is now."""
        return cls(name, epoch, untrained, _version(name))

    @property
    def label(self) -> str:
        """What the page calls it."""
        if self.untrained:
            return f"untrained {self.untrained}"
        return f"{model_label(self.name)}, epoch {self.epoch}"


UNTRAINED: dict[str, dict[str, str]] = {
    "model of its kind": {},
    "RNN": {"cell": "rnn", "activation": "tanh"},
    "GRU, reset after": {"cell": "gru", "reset": "after"},
    "GRU, reset before": {"cell": "gru", "reset": "before"},
    "LSTM": {"cell": "lstm"},
}
BESIDE = ("nothing", "untrained", "another")


@st.cache_resource(show_spinner=False, max_entries=12)
def model_of(which: Which) -> explorer.CharModel:
    """The model itself; an untrained one has torch's default initialisation, seed 0."""
    if not which.untrained:
        return model_at(which.name, which.epoch)
    checkpoint = load(which.name)
    config = explorer.ModelConfig(**asdict(checkpoint.config) | UNTRAINED[which.untrained] | {"init": "torch"})
    return explorer.CharModel(config, checkpoint.vocabulary, seed=0)


def choose_second(first: Which) -> Which | None:
    """The pickers of a second model to look at beside the first; None for none."""
    forget_unless("beside", BESIDE)
    beside = st.segmented_control(
        "Beside it", BESIDE, default=BESIDE[0], key="beside", required=True, bind="query-params",
        help="A second model on the same text, same axes, same colours. Untrained: torch's default initialisation.",
    )  # fmt: skip
    if beside == "untrained":
        return Which.of(first.name, 0, choose("Kind", list(UNTRAINED), "kind"))
    if beside == "another":
        names = [first.name, *(name for name in model_names() if name != first.name)]
        forget_unless("second", names)
        name = st.selectbox("Second model", names, key="second", format_func=model_label, bind="query-params")
        epochs = list(load(name).epochs)
        # The same model is wanted at another epoch, another model trained.
        start, key = (epochs[0], "own_epoch") if name == first.name else (epochs[-1], "second_epoch")
        forget_unless(key, epochs)
        label = "Its epochs of training"
        epoch = st.select_slider(label, epochs, start, key=key, bind="query-params") if epochs[1:] else start
        return Which.of(name, epoch)
    return None


@dataclass(frozen=True)
class GradientFacts:
    """What the page Gradients shows of one net on one text."""

    flow: explorer.GradientFlow
    paths: explorer.JacobianPaths
    lambda_1: float
    residual: float | None


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def gradient_facts(which: Which, text: str, layer: int, direction: str) -> GradientFacts:
    """Flow, paths, largest Lyapunov exponent and proof of one net; kept for this session only, the text is the person's."""
    model = model_of(which)
    flow = explorer.gradient_flow(model, text, layer, direction)
    paths = explorer.jacobian_paths(model, text, layer, direction, singular_values=False, flow=flow)
    spectrum = explorer.lyapunov_exponents(model, text, 1, layer, direction)
    return GradientFacts(flow, paths, float(spectrum.exponents_K[0]), flow_residual(model, flow))


@st.cache_resource(show_spinner="Singular values of every step", max_entries=4, scope="session")
def singular_values(which: Which, text: str, layer: int, direction: str) -> explorer.JacobianPaths:
    """The paths of one net with what takes decompositions."""
    return explorer.jacobian_paths(model_of(which), text, layer, direction)


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def clip_ledger(which: Which, text: str, max_norm: float) -> explorer.ClipLedger | None:
    """What clipping does to the gradient of a text; None where the text has no loss."""
    try:
        return explorer.clip_ledger(model_of(which), text, max_norm)
    except explorer.TextError:
        return None


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def diagnosis(which: Which, text: str, max_norm: float, layer: int, direction: str) -> explorer.Diagnosis:
    """The verdict on one net, from facts that are kept."""
    facts = gradient_facts(which, text, layer, direction)
    return diagnosis_of(facts.flow, explorer.trace_gates(model_of(which), text), clip_ledger(which, text, max_norm))


SHARED = ("model", "epoch", "layer", "net", "source", "sentence", "long_text")


def carry_over(*keys: str) -> None:
    """Set again what was chosen on another page, before the widgets of this one are made.

    Streamlit 1.67 keeps the value in the session when the page changes, but a widget whose value came from the link or
    was set by a page starts empty on the next one.
    """
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
