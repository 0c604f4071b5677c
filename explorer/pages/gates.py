"""Gates: what the gates of the model do at every step of the text."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from explorer.figures import gates as drawing
from explorer.figures import perplexity as curves
from explorer.figures.hundredths import CONFIG
from explorer.figures.style import decimals, number, visible
from explorer.pages.shell import charts, controls, export, facts, notices, pickers, texts
from explorer.pages.shell.models import Which
from explorer.pages.shell.plain import plain
from explorer.probes.gates import GateTrace, Tape, gate_statistics, memory_time, trace_gates
from explorer.probes.perplexity import NATS_PER_BIT

FRAMED, FRAME_PX = 200, 104
SCORE_LABEL = {"next": "Perplexity", "cloze": "Pseudo-pp.", "leaky": "Leaky score"}
SCORE_HELP = {
    "next": "exp of the mean surprise of this text. The first character is not predicted and not counted.",
    "cloze": "Pseudo-perplexity. Each character is predicted from everything before it and everything "
    "after it, so this is not comparable with the perplexity of a model that reads forward.",
    "leaky": "Not a perplexity: this model has already read the character it is asked for, through the net that "
    "reads from the end.",
}


class Shown(NamedTuple):
    """What is left of a reading when it is drawn: its score's name, whether it has one, and its tables."""

    score_name: str
    scored: bool
    tables: list[export.Table]


def show_metrics(trace: GateTrace, tape: Tape) -> None:
    """The numbers of the whole text, in rows of three, or two where it is narrow."""
    gate, keep_TH = tape.cell.keeps, tape.keep_TH
    letter, statistics = (gate.letter, gate_statistics(keep_TH)) if gate and keep_TH is not None else ("gate", None)
    tau = float(memory_time(keep_TH).max()) if keep_TH is not None and statistics else None
    residual = trace.residual
    cards = {
        "Characters": (f"{len(trace):,}", "Code points of the text; each is one step."),
        f"Mean {letter}": (
            f"{statistics.mean:.2f}" if statistics else "–",
            "Mean over units and steps of the gate that keeps the old state: at 1 it keeps all of it, at 0 nothing.",
        ),
        f"Saturated {letter}" if gate else "Saturated": (
            f"{statistics.saturated_share:.0%}" if statistics else "–",
            "Share of that gate's values under 0.1 or over 0.9: there it acts like a switch, and learns slowly.",
        ),
        "Memory τ": (
            "–" if tau is None else short_steps(tau),
            "Steps for which the unit that holds longest keeps 1/e of its state by that gate alone (copy path only).",
        ),
        SCORE_LABEL[trace.config.objective]: (number(trace.perplexity), SCORE_HELP[trace.config.objective]),
        "Proof (float64)": (
            f"{residual:.0e}" if residual is not None and np.isfinite(residual) else "–",
            "The largest difference, over all units and steps, between the state by the equations in float64 and the "
            f"state by {tape.kernel}, which ran the text and whose gates are drawn. Up to about 1e-06 it is the rounding of "
            "float32.",
        ),
    }
    grid = st.grid(3, min_column_width=150)
    for label, (value, explanation) in cards.items():
        grid.metric(label, value, border=True, help=explanation)


def reading(trace: GateTrace, tape: Tape) -> str:
    """What this model's numbers say of this text."""
    if not len(trace):
        return "There is no text yet: gates and perplexity are not defined."
    parts = []
    if (keep := tape.keep_TH) is not None:
        tau_H = memory_time(keep)
        slow = int(tau_H.argmax())
        parts.append(
            f"Judged by the gate that keeps, half of the units hold their state for {steps(float(np.median(tau_H)))} or less, "
            f"and unit {slow} for {steps(tau_H[slow])}."
        )
    if trace.perplexity is None:
        return " ".join(
            [*parts, "One character has gates but no perplexity: nothing stands before it to predict it from."]
        )
    worst = int(np.nanargmax(trace.nll_nats_T))
    likeliest = " and ".join(f"“{plain(visible(symbol))}” with {p:.0%}" for symbol, p in trace.expected(worst)[:2])
    bits = trace.nll_nats_T[worst] / NATS_PER_BIT
    what = f"“{plain(visible(trace.text[worst]))}” at step {worst}, {decimals(bits, 1)} bits"
    parts.append(f"The greatest surprise is {what}; the model expected {likeliest}.")
    return " ".join(parts)


def steps(tau: float) -> str:
    """A memory time in words."""
    return f"{tau:,.1f} steps" if tau < 1e4 else "more than 10,000 steps"


def short_steps(tau: float) -> str:
    """The same on a card: five characters at most."""
    return f"{tau:,.1f}" if tau < 1e3 else f"{tau:,.0f}" if tau < 1e4 else ">10k"


def show_gates(
    trace: GateTrace, quantity: str, order: str, unit: int | None, layer: int, direction: str | None
) -> None:
    """The characters, and under them what every gate does at each."""
    # A long text scrolls inside its frame, so that the gates stay in sight.
    with st.container(border=True, height=FRAME_PX if len(trace) > FRAMED else "content"):
        st.html(drawing.strip_html(trace, quantity, layer=layer, direction=direction or "forward"))
    figure = drawing.tape(trace, layer=layer, direction=direction, order=order, quantity=quantity, unit=unit)
    charts.show(figure, key="tape", config=CONFIG, alt="Gates of every unit at every step of the text")
    if len(trace) > drawing.MAX_STEPS:
        st.caption(
            f"All {len(trace):,} characters are analysed; the first {drawing.MAX_STEPS:,} are drawn. The downloads hold them "
            "all."
        )


def show_learning(by_epoch: dict[int, float | None], which: Which, score_name: str, read: int | None) -> None:
    """How the model came to read the text as it does, or the first characters of it."""
    part = f"the first {read:,} characters of " if read else ""
    st.markdown(
        f"**How the model learned to read {part}this text.** Move the slider *Epochs of training* to see the model as it was."
        + " This curve shows the model as trained, without your changes." * bool(which.intervention)
    )
    charts.show(
        curves.by_epoch(by_epoch, which.epoch, score_name), key="by_epoch", config={"displayModeBar": False},
        alt="Perplexity of this text at each epoch of training",
    )  # fmt: skip


def tables(trace: GateTrace, which: Which, layer: int, direction: str | None) -> list[export.Table]:
    """What the page shows of a reading, as tables; none of them holds the reading."""
    read = export.Fact(trace, partial(trace_gates, facts.facts(which, trace.text).model, trace.text))
    units_of = partial(drawing.blocks, layer=layer, direction=direction)
    steps_of = partial(drawing.step_frame, layer=layer, direction=direction)
    rows = drawing.row_count(trace, layer=layer, direction=direction)
    return [
        export.Table("Gates of every unit", which.label, units_of, read, rows),
        export.Table("Steps", which.label, steps_of, read, len(trace)),
        export.Table("Surprise and perplexity", which.label, curves.curve_frame, read, len(trace)),
    ]


def show_reading(which: Which, text: str, layer: int, direction: str | None, order: str, below: Any) -> Shown:
    """What the model did with the text. What is returned is small: the page waits afterwards, with ten others perhaps."""
    trace = facts.read(which, text)
    tape = trace.tape(layer, direction or "forward")
    with below:
        quantity = controls.choose("Colour characters by", list(drawing.quantities(trace, tape)), "colour")
        units = ["none", *map(str, drawing.unit_order(tape, order))]
        unit = controls.choose("Follow one unit", units, "unit", "Its own gates and states, under the heatmaps.")
        texts.offer_link()
    notices.show_warnings(trace)
    st.caption(trace.config.kind.look_for)
    if len(trace):
        show_gates(trace, quantity, order, None if unit == "none" else int(unit), layer, direction)
    st.caption(reading(trace, tape))
    show_metrics(trace, tape)
    kept = tables(trace, which, layer, direction) if len(trace) else []
    return Shown(trace.score_name, trace.perplexity is not None, kept)


def page() -> None:
    """The page. In a function: what a script keeps in its globals outlives it, and a trace may have a hundred megabytes."""
    with st.sidebar:
        which, checkpoint = pickers.choose_model()
        layer, direction = pickers.choose_net(checkpoint.config, range(checkpoint.config.num_layers))
        order = controls.choose(
            "Order units by",
            drawing.ORDERS,
            "order",
            "By the gate that keeps the old state; longest memory at the top.",
        )
        below = st.container()
    text = texts.choose_text(checkpoint)
    notices.mark_altered(which, text)
    shown = show_reading(which, text, layer, direction, order, below)
    with st.spinner("The same text is read by the model at each epoch of its training."):
        by_epoch = facts.by_epoch(which, text[: drawing.MAX_STEPS])
    if shown.scored and len(by_epoch) > 1:
        show_learning(by_epoch, which, shown.score_name, drawing.MAX_STEPS if len(text) > drawing.MAX_STEPS else None)
    if shown.tables:
        make = partial(curves.by_epoch_frame, by_epoch, shown.score_name)
        export.offer([*shown.tables, export.Table("Perplexity by epoch", which.name, make)], key="gates")


page()
