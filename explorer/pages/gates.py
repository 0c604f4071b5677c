"""Gates: what the gates of the model do at every step of the text."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer.figures import gates as drawing
from explorer.figures import perplexity as curves
from explorer.figures.hundredths import CONFIG
from explorer.figures.style import decimals, number, visible
from explorer.pages import _facts, _session
from explorer.probes.gates import GateTrace, Tape, gate_statistics, memory_time
from explorer.probes.perplexity import NATS_PER_BIT

LOOK_FOR = {
    "gru": "Where the **update gate** is light, a unit carries its past on untouched; where it turns dark, it takes in the "
    "new character. Where the **reset gate** is dark, the unit forgets its past while it makes up its mind.",
    "lstm": "Where the **forget gate** is light, a unit carries its cell state on untouched; the **input gate** says how much "
    "of the new character is written, the **output gate** how much is shown.",
    "rnn": "A plain cell has **no gates**: every unit is written over at every step. Look how little of its state lasts.",
}
SCORE_LABEL = {"perplexity": "Perplexity", "pseudo-perplexity": "Pseudo-pp.", "leaky score": "Leaky score"}
SCORE_HELP = {
    "perplexity": "exp of the mean surprise of this text. The first character is not predicted and not counted.",
    "pseudo-perplexity": "Pseudo-perplexity. Each character is predicted from everything before it and everything "
    "after it, so this is not comparable with the perplexity of a model that reads forward.",
    "leaky score": "Not a perplexity: this model has already read the character it is asked for, through the net that "
    "reads from the end.",
}


def show_metrics(trace: GateTrace, tape: Tape) -> None:
    """Characters, gate, perplexity and proof in one row."""
    keep = next(iter(tape.gates.items()), None)
    letter, statistics = (keep[0].split()[-1], gate_statistics(keep[1])) if keep else ("gate", None)
    residual = trace.residual
    cards = st.grid(6, min_column_width=140)
    cards.metric("Characters", f"{len(trace):,}", border=True, help="Code points of the text; each is one step.")
    cards.metric(
        f"Mean {letter}",
        f"{statistics.mean:.2f}" if statistics else "–",
        border=True,
        help="Mean over units and steps of the gate that keeps the old state: at 1 it keeps all of it, at 0 nothing.",
    )
    cards.metric(
        f"Saturated {letter}" if keep else "Saturated",
        f"{statistics.saturated_share:.0%}" if statistics else "–",
        border=True,
        help="Share of that gate's values under 0.1 or over 0.9: there it acts like a switch, and learns slowly.",
    )
    cards.metric(
        "Memory τ",
        f"{min(float(memory_time(keep[1]).max()), 99_999):,.1f}" if keep and statistics else "–",
        border=True,
        help="In steps: how long the unit that holds longest keeps 1/e of its state by that gate alone (copy path only).",
    )
    cards.metric(
        SCORE_LABEL[trace.score_name], number(trace.perplexity), border=True, help=SCORE_HELP[trace.score_name]
    )
    cards.metric(
        "Proof residual",
        f"{residual:.0e}" if residual is not None and np.isfinite(residual) else "–",
        border=True,
        help="The largest difference, over all units and steps, between the state by the equations (the gates drawn "
        f"here) and the state by {tape.kernel}, which ran the text. Around 1e-06 is the rounding of float32.",
    )


def reading(trace: GateTrace, tape: Tape) -> str:
    """What this model's numbers say of this text."""
    if not len(trace):
        return "There is no text yet: gates and perplexity are not defined."
    parts = []
    if (keep := tape.keep_TH) is not None:
        tau_H = memory_time(keep)
        slow = int(tau_H.argmax())
        parts.append(
            f"By its keeping gate alone, half of the units hold their state for {steps(float(np.median(tau_H)))} or less, "
            f"unit {slow} for {steps(tau_H[slow])}."
        )
    if trace.perplexity is None:
        return " ".join(
            [*parts, "One character has gates but no perplexity: nothing stands before it to predict it from."]
        )
    worst = int(np.nanargmax(trace.nll_nats_T))
    likeliest = " and ".join(f"“{visible(symbol)}” with {p:.0%}" for symbol, p in trace.expected(worst)[:2])
    bits = trace.nll_nats_T[worst] / NATS_PER_BIT
    what = f"“{visible(trace.text[worst])}” at step {worst}, {decimals(bits, 1)} bits"
    parts.append(f"The greatest surprise is {what}: the model expected {likeliest}.")
    return " ".join(parts)


def steps(tau: float) -> str:
    """A memory time in words."""
    return f"{tau:,.1f} steps" if tau < 1e4 else "> 10,000 steps"


_session.carry_over(*_session.SHARED)
with st.sidebar:
    which, checkpoint = _session.choose_model()
    layer, direction = _session.choose_net(checkpoint.config, range(checkpoint.config.num_layers))
    order = _session.choose(
        "Order units by", drawing.ORDERS, "order", "Of the gate that keeps the old state; longest memory at the top."
    )
    below = st.container()

st.title("Gates")
_session.mark_altered(which)
st.markdown(LOOK_FOR[checkpoint.config.cell])
text = _session.choose_text()
trace = _facts.facts(which, text).trace
tape = trace.tape(layer, direction or "forward")

with below:
    quantity = _session.choose("Colour characters by", list(drawing.quantities(trace, tape)), "colour")
    unit = _session.choose(
        "Follow one unit",
        ["none", *map(str, drawing.unit_order(tape, order))],
        "unit",
        "Its own gates and states, under the heatmaps.",
    )
    _session.offer_link()

_session.show_warnings(trace)
if len(trace) > drawing.MAX_STEPS:
    st.caption(
        f"All {len(trace):,} characters are analysed; the first {drawing.MAX_STEPS:,} are drawn. The downloads hold all."
    )
show_metrics(trace, tape)
if len(trace):
    with st.container(border=True):
        st.html(drawing.strip_html(trace, quantity, layer=layer, direction=direction or "forward"))
    figure = drawing.tape(
        trace,
        layer=layer,
        direction=direction,
        order=order,
        quantity=quantity,
        unit=None if unit == "none" else int(unit),
    )
    st.plotly_chart(figure, key="tape", config=CONFIG, alt="Gates of every unit at every step of the text")
st.caption(reading(trace, tape))
by_epoch = _facts.by_epoch(which, text)
if trace.perplexity is not None and len(by_epoch) > 1:
    st.markdown(
        "**How the model learned to read this text.** Move the slider of epochs: all is drawn for the model as it was."
        + " This curve is of the model as it was trained." * bool(which.intervention)
    )
    figure = curves.by_epoch(by_epoch, which.epoch, trace.score_name)
    st.plotly_chart(
        figure,
        key="by_epoch",
        config={"displayModeBar": False},
        alt="Perplexity of this text at each epoch of training",
    )
if len(trace):
    with st.container(horizontal=True):
        _session.offer_csv("Gates of every unit", lambda: drawing.frame(trace, layer=layer, direction=direction))
        _session.offer_csv("Steps", lambda: drawing.step_frame(trace, layer=layer, direction=direction))
        _session.offer_csv("Surprise and perplexity", lambda: curves.curve_frame(trace))
        _session.offer_csv("Perplexity by epoch", lambda: curves.by_epoch_frame(by_epoch, trace.score_name))
