"""What the pages share: the model and the text in front of the person, kept in the session and in the link."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import math
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
import torch

import explorer
from explorer import Intervention, runs
from explorer.cells import RESETS
from explorer.figures.style import visible
from explorer.interventions import HOLDABLE
from explorer.pages._models import (
    CHECKPOINTS,
    RUN,
    UNTRAINED,
    Which,
    describe,
    file_of,
    load,
    model_label,
)
from explorer.text import MAX_FILE_BYTES, clean_text, decode_text

FIRST_MODEL = "time-machine-gru"
MAX_ANALYSED = 20_000
TURN_S = 5e-4
# A sentence for each corpus that begins as the corpus does and then leaves it, so that the surprise shows where.
EXAMPLES = {
    "time-machine": "the time traveller for so it will be convenient to teach a small machine to keep a secret",
    "lighthouse": "Turn, light, turn, on the hill of stone, and bring the little network home.",
    "river-town": "小满站在渡口，看着河水慢慢地流，心里想着明天的船。",
}
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")
SOURCES = ("Sentence", "Longer text", "File")


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once a process: one torch thread (two beside a busy server are slower), a warm worker, imports out of gc's sight.

    With torch imported, a collection of everything takes 98 ms; of what is not frozen, next to none. Every call of torch
    lets other threads run and then asks for its turn again, which Python grants after 5 ms: beside two busy threads, a
    loop of 71 steps took 5 s, and takes 0.3 s with turns of half a millisecond.
    """
    torch.set_num_threads(1)
    sys.setswitchinterval(TURN_S)
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


def model_names() -> list[str]:
    """The shipped models, the one to open on first; then the runs of this browser, and the one a link names."""
    names = sorted(path.stem for path in CHECKPOINTS.glob("*.safetensors"))
    names.sort(key=lambda name: name != FIRST_MODEL)
    named = st.query_params.get("model", "")
    mine = [RUN + run.id for run in _models_of(owners())]
    return [*names, *mine, *([named] if _is_readable_run(named) and named not in mine else [])]


def owners() -> tuple[str, ...]:
    """Whose runs this person sees: the browser's own and, on a server that serves this machine only, the command line's.

    A proxy on the same machine may bring strangers to a local address: it names their host, or says that it forwards.
    """
    headers = st.context.headers
    host = str(headers.get("Host") or "localhost")
    asked = host if host.startswith("[") else host.partition(":")[0]
    local = st.get_option("server.address") in LOCAL and asked in LOCAL and not headers.get("X-Forwarded-For")
    return (browser(), runs.COMMAND_LINE) if local else (browser(),)


def _models_of(sessions: Sequence[str]) -> list[runs.Run]:
    try:
        return runs.models(*sessions)
    except runs.RunError:
        return []  # no data folder: the page Train says so, the shipped models are there all the same


def _is_readable_run(name: str) -> bool:
    try:
        return name.startswith(RUN) and file_of(name).is_file()
    except runs.RunError:
        return False


def choose_model() -> tuple[Which, explorer.Checkpoint]:
    """The pickers of model, training epoch and intervention: which model, and its checkpoint."""
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
    # Here, since the link and the text of every page come after the model.
    example = EXAMPLES.get(checkpoint.corpus, EXAMPLES["lighthouse"])
    fill_once({"sentence": st.query_params.get("sentence") or example})
    epochs = list(checkpoint.epochs)
    forget_unless("epoch", epochs)
    epoch = st.select_slider(
        "Epochs of training", epochs, epochs[-1], key="epoch", bind="query-params",
        help="The weights as they were after so many epochs; 0 is before training. Everything on the page follows.",
    ) if len(epochs) > 1 else epochs[-1]  # fmt: skip
    return Which.of(name, epoch, intervention=_choose_intervention(checkpoint.config)), checkpoint


GATE_NAMES = {
    "z": "update gate z",
    "r": "reset gate r",
    "f": "forget gate f",
    "i": "input gate i",
    "o": "output gate o",
}
FREE = "free"
HELD = (FREE, "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "1")
SHIFTS = (-6.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 6.0)
FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
AS_TRAINED = "as trained"
UNALTERED = {"keep_bias": 0.0, "recurrent": 1.0, "read_reset": AS_TRAINED} | {
    f"hold_{gate}": FREE for gate in GATE_NAMES
}


def _choose_intervention(config: explorer.ModelConfig) -> Intervention:
    """What is altered by hand in the model, without training it again."""
    cell = config.cell
    changed = any(st.session_state.get(key, value) != value for key, value in UNALTERED.items())
    with st.expander("Alter the model", expanded=changed or any(key in st.query_params for key in UNALTERED)):
        st.caption("No retraining: everything on the page follows at once.")
        held = {
            gate: _stepped(f"Hold the {GATE_NAMES[gate]} at", HELD, f"hold_{gate}", "At every step, whatever is read.")
            for gate in HOLDABLE[cell]
        }
        shift = 0.0
        if HOLDABLE[cell]:
            keeps = GATE_NAMES[HOLDABLE[cell][0]]
            shift = _stepped(f"Shift the bias of the {keeps}", SHIFTS, "keep_bias", "Above 0 the cell keeps more.")
        factor = _stepped("Recurrent weights times", FACTORS, "recurrent", "All U, not their biases.")
        reset = AS_TRAINED
        if cell == "gru":
            explanation = "The same weights in the other convention, as when a model is carried to another library."
            reset = choose("Reset gate acts", (AS_TRAINED, *RESETS), "read_reset", explanation)
    values = {gate: float(value) for gate, value in held.items() if value != FREE}
    other = None if reset in (AS_TRAINED, config.reset) else reset
    return Intervention(**values, keep_bias=shift, recurrent=factor, reset=other)


def _stepped(label: str, steps: Sequence[Any], key: str, explanation: str) -> Any:
    forget_unless(key, steps)
    return st.select_slider(label, steps, UNALTERED[key], key=key, bind="query-params", help=explanation)


def mark_altered(which: Which) -> None:
    """A mark over everything that is drawn of an altered model, and the click that restores it."""
    if not which.intervention:
        return
    with st.container(border=True):
        words, button = st.columns([4, 1], vertical_alignment="center")
        words.markdown(
            f":material/science: **This model is altered:** {which.intervention}. What is drawn is no longer what was trained."
        )
        button.button("Restore it", icon=":material/undo:", on_click=_restore, width="stretch")


def _restore() -> None:
    fill({key: value for key, value in UNALTERED.items() if key in st.session_state})


def go_to_clicked_epoch(chart: str, epochs: Sequence[int]) -> None:
    """Show the model as it was at the snapshot nearest to the epoch that was clicked in a chart."""
    if points := kept(chart, {}).get("selection", {}).get("points", []):
        # Snapshots are spaced evenly in the logarithm of the epoch, and so is what is near.
        fill({"epoch": min(epochs, key=lambda epoch: abs(math.log1p(epoch) - math.log1p(points[0]["x"])))})


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    explanation: str | None = None,
    name_of: Callable[[str], str] = str,
) -> str:
    """One of several words, kept in the link; the first is the default."""
    forget_unless(key, options)
    return st.selectbox(label, options, key=key, bind="query-params", help=explanation, format_func=name_of)


def choose_net(config: explorer.ModelConfig, layers: range) -> tuple[int, str | None]:
    """Layer, out of those that the page can show, and direction (None: both), where the model has a choice of them."""
    layer = choose("Layer", [str(i) for i in layers], "layer") if len(layers) > 1 else str(layers[0])
    nets = ["both", *config.directions]
    net = choose("Net", nets, "net", name_of=config.name_of) if len(config.directions) > 1 else "both"
    return int(layer), None if net == "both" else net


def show_warnings(trace: explorer.GateTrace) -> None:
    """What a person should know before they believe the numbers."""
    if trace.config.objective == "leaky":
        st.warning(
            "This model sees the answer: one of its nets reads from the end, so it has read the next character before it is "
            "asked for it. Its score is not a perplexity, however low."
        )
    if trace.config.direction == "parallel":
        st.warning(
            "This model was published as bidirectional, but both of its nets read forward. Compare one that really reads "
            "from the end: lighthouse-bigru-cloze."
        )
    lost_T = np.any([~np.isfinite(tape.h_TH).all(1) for tape in trace.tapes.values()], axis=0)
    if lost_T.any():
        st.warning(
            f"States at {lost_T.sum():,} of {len(trace):,} steps are not finite numbers, the first at step {lost_T.argmax():,}: "
            "this model has diverged, or was altered beyond what its numbers can hold. What hangs on them is not defined."
        )
    if trace.unknown_share > 0.05:
        known = "".join(map(visible, trace.symbols[1:61])).replace("`", "'")
        st.warning(
            f"{trace.unknown_share:.0%} of these characters are unknown to the model, which reads each of them as the same "
            f"symbol. It knows `{known}`{' and more' if len(trace.symbols) > 61 else ''}."
        )


def offer_link() -> None:
    """The choice to put the sentence into the link; the model and the settings are always in it."""
    wanted = st.toggle(
        "Put the sentence in the link",
        value="sentence" in st.query_params,
        key="in_link",
        help="The address always holds the model and what you set on this page's left side, your words only when you say so.",
    )
    # By hand: a widget is bound to the link for good, and this one only on request.
    _keep_in_link("sentence", kept("sentence", "") if wanted else None)


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


def choose_text() -> str:
    """The text to read: a sentence that is followed while it is typed, a longer text, or a file; at most 20,000 characters."""
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
        "A .txt file, at most 5 MB",
        type=["txt"],
        max_upload_size=MAX_FILE_BYTES // 10**6,
        key=key,
    )
    if file is None:
        return ""
    try:
        decoded = decode_text(file.getvalue())
    except explorer.TextError as fault:
        st.error(str(fault))
        return ""
    st.caption(" ".join((f"{len(decoded.text):,} characters, read as {decoded.encoding}.", *decoded.notes)))
    return decoded.text


def _follow_corpus() -> None:
    """When another model is chosen and the sentence is still an example, show the example of its corpus."""
    if st.session_state.get("sentence") in EXAMPLES.values():
        corpus = load(st.session_state["model"]).corpus
        st.session_state["sentence"] = EXAMPLES.get(corpus, st.session_state["sentence"])


def plain(text: str) -> str:
    """A person's words inside markdown, to the letter."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>$:~" else c for c in text)


def give_way() -> None:
    """Let Streamlit break this run off if the person wants something newer by now: it looks where its session is asked."""
    kept("sentence", "")


def kept(key: str, default: Any) -> Any:
    """What the session keeps under a key."""
    return st.session_state.get(key, default)


def fill(values: Mapping[str, Any]) -> None:
    """Put values into the session, and so into the controls of these keys."""
    for key, value in values.items():
        st.session_state[key] = value


def fill_once(values: Mapping[str, Any]) -> None:
    """The same, where there is no value yet."""
    for key, value in values.items():
        st.session_state.setdefault(key, value)


def forget(key: str) -> None:
    """Take a value out of the session."""
    st.session_state.pop(key, None)


def open_run(run_id: str | None) -> None:
    """Show a run, whose id is then in the address of the page; None goes back to the controls of a new one."""
    _keep_in_link("run", run_id)
    st.rerun()


def close_run() -> None:
    """Take the run out of the address of the page."""
    _keep_in_link("run", None)


def opened_run() -> str | None:
    """The run in the address of the page."""
    return st.query_params.get("run")


def forget_unless(key: str, options: Sequence[object]) -> None:
    """A value that another model offered, or that a link made up, gives way to the default."""
    if key in st.session_state and st.session_state[key] not in options:
        forget(key)


BESIDE = ("nothing", AS_TRAINED, "untrained", "another")


def choose_second(first: Which) -> Which | None:
    """The pickers of a second model to look at beside the first; None for none."""
    offered = [beside for beside in BESIDE if first.intervention or beside != AS_TRAINED]
    forget_unless("beside", offered)
    beside = st.segmented_control(
        "Beside it", offered, default=offered[0], key="beside", required=True, bind="query-params",
        help="A second model on the same text, same axes, same colours. Untrained: torch's default initialisation.",
    )  # fmt: skip
    if beside == AS_TRAINED:
        return first.as_trained
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


SHARED = ("model", "epoch", "layer", "net", "source", "sentence", "long_text", *UNALTERED)


def carry_over(*keys: str) -> None:
    """Set again what was chosen on another page, before the widgets of this one are made.

    Streamlit 1.67 keeps the value in the session when the page changes, but a widget whose value came from the link or
    was set by a page starts empty on the next one.
    """
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
