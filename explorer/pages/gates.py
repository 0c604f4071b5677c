"""Gates: what the gates of the model do at every step of the text."""

from __future__ import annotations

import streamlit as st

import explorer
from explorer.figures import gates as drawing
from explorer.figures import perplexity as curves
from explorer.pages import _session
from explorer.probes.gates import GateTrace, Tape, gate_statistics, memory_time


def show_metrics(trace: GateTrace, tape: Tape) -> None:
    """Characters, gate, perplexity and proof in one row."""
    keep = next(iter(tape.gates), None)
    statistics = gate_statistics(tape.gates[keep]) if keep else None
    cards = st.grid(5)
    cards.metric("Characters", f"{len(trace):,}", border=True, help="Code points of the text; each is one step.")
    letter = keep.split()[-1] if keep else "gate"
    cards.metric(f"Mean {letter}", f"{statistics.mean:.2f}" if statistics else "–", border=True,
                 help="Mean over units and steps of the gate that keeps the old state: 1 keeps everything, 0 nothing.")  # fmt: skip
    cards.metric(f"Saturated {letter}", f"{statistics.saturated_share:.0%}" if statistics else "–", border=True,
                 help="Share of values under 0.1 or over 0.9: gates that act like switches and learn slowly.")  # fmt: skip
    cards.metric(trace.score_name.capitalize(), _number(trace.perplexity), border=True, help=SCORE_HELP[trace.score_name])
    residual = trace.residual
    cards.metric("Proof", f"{residual:.0e}" if residual is not None else "–", border=True,
                 help=f"Largest difference between the states by the equations shown here and those of {tape.kernel}, over all "
                 "steps and units. Around 1e-07 is the rounding of float32.")  # fmt: skip


SCORE_HELP = {
    "perplexity": "exp of the mean surprise of this text. The first character is not predicted and not counted.",
    "pseudo-perplexity": "Each character is predicted from everything before it and everything after it, so this is not "
    "comparable with the perplexity of a model that reads forward.",
    "leaky score": "Not a perplexity: this model has already read the character it is asked for, through the net that "
    "reads from the end.",
}


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if value < 1e6 else f"{value:.1e}"


def reading(trace: GateTrace, tape: Tape) -> str:
    """What this model's numbers say, in a sentence or two."""
    if not len(trace):
        return "There is no text yet: gates and perplexity are not defined."
    parts = []
    if (keep := tape.keep_TH) is not None:
        tau = memory_time(keep)
        slow = int(tau.argmax())
        parts.append(f"Half of the units keep their state for {_steps(sorted(tau)[len(tau) // 2])} or less; unit {slow} for {_steps(tau[slow])} (copy path only).")
    if trace.perplexity is not None:
        worst = int(max(range(len(trace)), key=lambda t: -1.0 if trace.nll_nats_T[t] != trace.nll_nats_T[t] else trace.nll_nats_T[t]))
        bits = trace.nll_nats_T[worst] / curves.NATS_PER_BIT
        likeliest = ", ".join(f"“{drawing.visible(s)}” {p:.0%}" for s, p in trace.expected(worst)[:2])
        parts.append(f"The greatest surprise is “{drawing.visible(trace.text[worst])}” at step {worst}: {bits:.1f} bits, where the model expected {likeliest}.")
    else:
        parts.append("A single character has gates but no perplexity: nothing stands before it to predict it from.")
    return " ".join(parts)


def _steps(tau: float) -> str:
    return f"{tau:,.1f} steps" if tau < 1e4 else "more than 10,000 steps"


def show_warnings(trace: GateTrace, checkpoint: explorer.Checkpoint) -> None:
    """What the person should know before they believe the numbers."""
    if trace.config.objective == "leaky":
        st.warning("This model sees the answer: its second net reads from the end and has read the next character before it is asked for it. Its low score is not a perplexity.")
    if trace.config.direction == "parallel":
        st.info("This model is published as bidirectional, but both of its nets read forward. Compare a model that really reads from the end.")
    if trace.unknown_share > 0.05:
        known = "".join(drawing.visible(s) for s in checkpoint.vocabulary.symbols[1:61])
        more = " …" if len(checkpoint.vocabulary) > 61 else ""
        st.warning(f"{trace.unknown_share:.0%} of the characters are unknown to this model, so it reads them all as one symbol. It knows `{known}`{more}")
    if len(trace) > drawing.MAX_STEPS:
        st.caption(f"{len(trace):,} characters are analysed; the first {drawing.MAX_STEPS:,} are drawn. The downloads hold all.")


with st.sidebar:
    name, checkpoint, epoch = _session.choose_model()
    layer = 0
    if checkpoint.config.num_layers > 1:
        layer = st.segmented_control("Layer", range(checkpoint.config.num_layers), default=0, required=True, key="layer", bind="query-params")
    direction = None
    if len(checkpoint.config.directions) > 1:
        picked = st.segmented_control("Net", ["both", *checkpoint.config.directions], default="both", required=True, key="net", bind="query-params")
        direction = None if picked == "both" else picked
    order = st.selectbox("Order units by", drawing.ORDERS, key="order", bind="query-params", help="Of the gate that keeps the old state; longest memory first.")

st.markdown("Watch the **update gate**: where it is light, a unit carries its past on untouched; where it turns dark, the unit lets the new character in. Type, and everything follows.")
text = _session.choose_text(checkpoint)
trace = _session.trace(name, epoch, text)
tape = trace.tape(layer, direction or "forward")

with st.sidebar:
    quantity = st.selectbox("Colour characters by", list(drawing.quantities(trace, tape)), key="quantity", bind="query-params")
    units = [None, *map(int, drawing.unit_order(tape, order))]
    unit = st.selectbox("Follow one unit", units, format_func=lambda u: "none" if u is None else f"unit {u}", key="unit")
    st.toggle("Put the sentence in the link", key="in_link", help="The link always holds the model and the settings; your words only when you say so.")

show_warnings(trace, checkpoint)
show_metrics(trace, tape)
if len(trace):
    with st.container(border=True):
        st.html(drawing.strip_html(trace, quantity, layer=layer, direction=direction or "forward"))
    figure = drawing.tape(trace, layer=layer, direction=direction, order=order, quantity=quantity, unit=unit)
    st.plotly_chart(figure, key="tape", config={"displaylogo": False})
st.caption(reading(trace, tape))
if trace.perplexity is not None and len(checkpoint.epochs) > 1:
    st.markdown("**How this text was learned.** Move the slider of epochs and watch the gates take shape.")
    values = _session.by_epoch(name, text)
    st.plotly_chart(curves.by_epoch(values, epoch, trace.score_name), key="by_epoch", config={"displayModeBar": False})
    with st.container(horizontal=True):
        st.download_button("Gates, every unit (CSV)", lambda: drawing.frame(trace, layer=layer, direction=direction).to_csv(index=False), "gates.csv", "text/csv", on_click="ignore")
        st.download_button("Steps (CSV)", lambda: drawing.step_frame(trace, layer=layer, direction=direction).to_csv(index=False), "steps.csv", "text/csv", on_click="ignore")
        st.download_button("Surprise and perplexity (CSV)", lambda: curves.curve_frame(trace).to_csv(index=False), "perplexity.csv", "text/csv", on_click="ignore")
        st.download_button("Perplexity by epoch (CSV)", lambda: curves.by_epoch_frame(values, trace.score_name).to_csv(index=False), "by_epoch.csv", "text/csv", on_click="ignore")
