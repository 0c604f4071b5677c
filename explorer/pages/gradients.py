"""Gradients: where each character's loss sends its gradient, what carries it, and what clipping leaves of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

import explorer
from explorer.figures import gradients as drawing
from explorer.figures.style import number, visible
from explorer.models import NetKey
from explorer.pages.shell import charts, controls, export, notices, pickers, texts
from explorer.pages.shell.facts import Facts, View, facts
from explorer.pages.shell.models import Which, checkpoint_of
from explorer.pages.shell.plain import badge, plain
from explorer.probes.comparison import Reach, reach_compared
from explorer.reads.base import one_way_layers

THETAS = tuple(mantissa * 10.0**power for power in range(-3, 3) for mantissa in (1, 2, 5))
SCORE_MARK = {"next": "", "cloze": " (pseudo)", "leaky": " (leaks)"}
ICONS = {
    "healthy": ":material/check_circle:", "unclear": ":material/info:", "too-short": ":material/info:",
    "untrained": ":material/info:", "unlike": ":material/info:", "by-heart": ":material/info:",
    "still-learning": ":material/info:", "exploding": ":material/trending_up:", "vanishing": ":material/trending_down:",
}  # fmt: skip
LOOK_FOR = (
    "Each character's loss sends a gradient back through the steps before it. **Read a row of the triangle from its "
    "diagonal away**: where it turns dark, the loss no longer reaches. A row that is dark from its diagonal on belongs to a "
    "character that was well predicted: it asks for no change."
)
PROVED = (
    "The two proofs are differences, computed just now: of the states from the same equations in float64, and of three rows of "
    "the flow from torch.autograd.grad in float64."
)
WHOLE = "(h, c)"
PARTS_DIFFER = (
    "An LSTM's state is h and c together: what reaches h_k goes on through c_k. The verdict is always of the whole state; at "
    "h alone, a gradient that travels through c is not seen."
)
SIGMA_HELP = (
    "What each path could pass at most: the largest singular value of the path, and the band from σ min to σ max of the whole "
    "step. Three decompositions a step: at 256 units, a few seconds for a sentence."
)

WEIGHTS_HELP = (
    "A weight is used at every step, and its gradient is a sum over the steps. Where they agree, all of it survives the sum; "
    "where they pull in different directions, they cancel."
)


def choose_part(configs: Sequence[explorer.ModelConfig]) -> str:
    """The part of the state at which the gradient is drawn, where a model's state has parts."""
    if all(config.parts == 1 for config in configs):
        return WHOLE
    return controls.choose("Gradient at", (WHOLE, "h", "c"), "part", PARTS_DIFFER)


def reach_of(view: View) -> Reach:
    """What one model's reach is compared by."""
    flow, trace = view.of.flow, view.of.whole.trace
    comparable = trace.config.objective == "next"
    score = trace.perplexity if comparable else None
    return Reach(view.label, flow.half_life_steps, flow.horizon_steps, score)


def views_of(known: Facts, layer: int, direction: str | None, *about: str) -> list[View]:
    """The nets of one model that were asked for, as far as it has them."""
    config = known.model.config
    layers = one_way_layers(config)
    layer = min(max(layer, layers[0]), layers[-1])
    wanted = config.directions if direction not in config.directions else (direction,)
    return [View(known.net(NetKey(layer, d)), len(config.directions) > 1, *about) for d in wanted]


def clipped_in_training(which: Which) -> str:
    """How often clipping was at work while a model was trained, which one text cannot tell."""
    history = checkpoint_of(which).history
    if which.untrained or not history:
        return ""
    share = sum(epoch.clipped_share for epoch in history) / len(history)
    return f" While this model was trained, {share:.0%} of the steps were clipped."


def show_verdict(view: View) -> None:
    """What holds of a model on this text, in words, with the figures that led to it."""
    with st.container(border=True, height="stretch"):
        st.caption(plain(view.label))
        for finding in view.of.diagnosis.findings:
            advice = finding.advice
            if finding.rule == "saturated" and (held := view.which.intervention.held):
                advice = f"You hold {' and '.join(held)} by hand."
            icon = ICONS.get(finding.rule, ":material/warning:")
            said = plain(" ".join(filter(None, (finding.evidence, advice))))
            st.markdown(f"{icon} **{finding.title}.** {badge(finding.sureness)}{said}")


HELP = {
    "Perplexity": "exp of the mean surprise of this text. Of a cloze model it is a pseudo-perplexity, of a leaky one a score.",
    "Half-life": "The first number of steps back at which half of the losses have less than half of their local gradient left. "
    "It says how fast the gradient fades at first.",
    "Horizon": "The same for 1 %: how far a loss reaches at all.",
    "Slope": "A straight line through the logarithm of the median, over all lags of this text: nats a step, on average. What "
    "fades fast at first and slowly later has a short half-life and a slope near 0.",
    "λ₁": "The largest finite-time Lyapunov exponent, nats a step: of the one direction that lasts longest.",
    "‖g‖": "Norm of the gradient of this text's mean loss over all parameters together, before any clipping.",
    "Proof, gates": "The largest difference between the states by the equations in float64, whose gates carry the gradient here, "
    "and the states by the kernel that ran the text. Up to about 1e-06 it is the rounding of float32.",
    "Proof, flow": "The largest relative difference between three rows of this flow and torch.autograd.grad in float64 through "
    "a plain loop over the first 32 steps, computed just now. Around 1e-12 is the rounding of float64.",
}


def figures_of(view: View) -> dict[str, str]:
    """The numbers of one net, in words; a dash where the text is too short for them to be defined."""
    flow, trace, ledger = view.flow, view.of.whole.trace, view.of.whole.own_ledger
    if len(flow) < 2 or flow.non_finite is not None:
        return dict.fromkeys(HELP, "–")
    residual = view.of.residual

    def steps(lag: int | None) -> str:
        return f"over {len(flow) - 2}" if lag is None else str(lag)

    def said(value: float | None, shape: str) -> str:
        return "–" if value is None or not np.isfinite(value) else format(value, shape)

    return {
        "Perplexity": number(trace.perplexity) + SCORE_MARK[trace.config.objective],
        "Half-life": steps(flow.half_life_steps),
        "Horizon": steps(flow.horizon_steps),
        "Slope": "–" if flow.slope_per_step is None else f"{flow.slope_per_step:+.3f}",
        "λ₁": said(flow.lambda_1, "+.3f"),
        "‖g‖": said(ledger.norm_before if ledger else None, ".3g"),
        "Proof, gates": said(trace.residual, ".0e"),
        "Proof, flow": said(residual, ".0e"),
    }


def show_figures(views: Sequence[View]) -> None:
    """The numbers of one net as cards, of several as a table."""
    if len(views) == 1:
        pairs = st.grid(2, min_column_width=340)  # of pairs: four cards or two beside each other, never three
        for i, (name, value) in enumerate(figures_of(views[0]).items()):
            if i % 2 == 0:
                pair = pairs.grid(2, min_column_width=150)
            pair.metric(name, value, border=True, help=HELP[name])
    else:
        st.table(pd.DataFrame({plain(view.label): figures_of(view) for view in views}), border="horizontal")
    st.caption(PROVED)


def in_columns(views: Sequence[View]) -> Iterator[View]:
    """Each view inside a column of its own, two beside each other at most."""
    for start in range(0, len(views), 2):
        pair = views[start : start + 2]
        for column, view in zip(st.columns(len(pair)), pair, strict=True):
            with column:
                yield view


def choose_row(views: Sequence[View]) -> int | None:
    """The loss to follow back."""
    flow = views[0].flow
    rows = [int(row) for row in range(len(flow)) if flow.asked_T[row] >= 0]
    if len(rows) < 2:
        return rows[0] if rows else None

    def words(row: int) -> str:
        return f"“{visible(flow.labels[int(flow.asked_T[row])])}”, read off step {row}"

    default = rows[len(rows) // 2] if views[0].several else rows[-1]  # a net that reads from the end goes on from there
    return int(controls.slide("Follow the loss of", rows, default, "row", format_func=words))


def reading(view: View) -> str:
    """What the numbers say of what carries the gradient."""
    carried = {path: gain_T[np.isfinite(gain_T)] for path, gain_T in view.of.paths.carried.items()}
    means = {path: float(gains.mean()) for path, gains in carried.items() if gains.size}
    if not means:
        return "No gradient arrives, so no path carries any."
    if len(means) < 2:
        return "A plain cell has one path: every step multiplies the gradient by U."
    most = max(means, key=lambda path: means[path])
    others = " and ".join(f"the {path} path {mean:.2f}" for path, mean in means.items() if path != most)
    return f"The {most} path carries most: {means[most]:.2f} of the gradient a step on average, {others}."


def show_singular_values(view: View, columns: int) -> None:
    """What each path could pass at most, and for a plain cell the bound that goes with it."""
    with st.spinner("Singular values of every step"):
        paths = view.of.singular_values
    figure = drawing.singular_values(view.flow, paths, columns=columns)
    alt = "Largest singular value of each path, and the band of singular values of the whole step"
    charts.show(figure, key=f"sigma-{view.key}", config={"displayModeBar": False}, alt=alt)
    if paths.bound is not None:
        st.caption(f"Pascanu's bound σ max(U)·γ is {paths.bound:.3f}: under 1 it must vanish, above 1 it may explode.")


def show_weights(view: View, columns: int) -> None:
    """Into which weights the gradient goes, step by step, and how far the steps agree."""
    if (gradients := view.of.whole.weight_gradients) is None:
        return
    charts.show(
        drawing.weights(gradients, view.of.flow, columns=columns), key=f"weights-{view.key}",
        config={"displayModeBar": False}, alt="Norm of what each step adds to the gradient of each weight matrix",
    )  # fmt: skip


def one_of_each_model(views: Sequence[View]) -> list[View]:
    """The gradient of a weight is the model's: its nets share it."""
    return list({view.which: view for view in reversed(views)}.values())[::-1]


def show_clipping(known: Facts, theta: float, side: str) -> None:
    """The ledger of this text: bars, coefficient, and what the other ways of clipping would do to the direction."""
    st.caption(f"This text, {plain(known.which.label)}")
    ledger = known.ledger(theta)
    if ledger is None:
        st.caption("There is no loss yet, so there is nothing to clip.")
        return
    charts.show(
        drawing.clip(ledger), key=f"clip-{side}", config={"displayModeBar": False},
        alt="Norm of every parameter's gradient before and after clipping",
    )  # fmt: skip
    if ledger.non_finite is not None:
        st.error(f"Not a finite number: {ledger.non_finite}. Nothing was clipped.")
        return
    clipped = f"multiplied with {ledger.coefficient:.3g}, direction kept" if ledger.coefficient < 1 else "not clipped"
    value, parameter = ledger.outcomes["value"], ledger.outcomes["parameter"]
    st.caption(
        f"Norm {ledger.norm_before:.3g} against θ = {theta:g}: {clipped}. By value, {value.changed_share:.1%} of the entries "
        f"would change and the direction would turn by {value.angle_degrees:.1f}°; per parameter, by "
        f"{parameter.angle_degrees:.1f}°."
    )


def show_training(checkpoint: explorer.Checkpoint, which: Which) -> None:
    """What clipping did while the model was trained."""
    st.caption("Its training, epoch by epoch")
    charts.show(
        drawing.clip_history(checkpoint.history, checkpoint.recipe.clip_norm, which.epoch), key="clip_history",
        config={"displayModeBar": False}, alt="Gradient norms before and after clipping, by epoch of training",
        on_select=partial(pickers.go_to_clicked_epoch, "clip_history", checkpoint.epochs), selection_mode="points",
    )  # fmt: skip
    st.caption(
        "Click an epoch: everything on the page is then drawn for the model as it was at the nearest snapshot."
        f"{clipped_in_training(which)}"
    )


def tables(views: Sequence[View], theta: float, *, with_weights: bool) -> Iterator[export.Table]:
    """What the page shows, as tables."""
    flow, about, known = views[0].flow, views[0].label, views[0].of.whole
    if len(flow) > 1:
        yield export.Table("Gradient flow", about, partial(drawing.blocks, flow), rows=drawing.row_count(flow))
        yield export.Table("Gradient by step", about, partial(drawing.step_frame, flow, views[0].of.paths))
        flows = {view.label: view.flow for view in views}
        yield export.Table("Gradient by lag", " ".join(flows), partial(drawing.lag_frame, flows))
    for view in one_of_each_model(views) if with_weights else ():
        if (gradients := view.of.whole.weight_gradients) is not None:
            make = partial(drawing.weights_frame, gradients, view.of.flow)
            yield export.Table("Weights by step" + f", {view.label}" * (len(views) > 1), view.label, make)
    if (ledger := known.ledger(theta)) is not None:
        yield export.Table("Clip ledger", known.which.label, partial(drawing.clip_frame, ledger))
    if history := checkpoint_of(known.which).history:
        yield export.Table("Training ledger", known.which.name, partial(drawing.clip_history_frame, history))


def choose_models() -> tuple[Which, Which | None, list[View], str]:
    """The first model, the one beside it, their nets on the person's text, and the part of the state that is looked at."""
    with st.sidebar:
        first, checkpoint = pickers.choose_model()
        layer, direction = pickers.choose_net(checkpoint.config, one_way_layers(checkpoint.config))
        second = pickers.choose_second(first)
        part = choose_part([checkpoint.config, *([checkpoint_of(second).config] if second else [])])
        texts.offer_link()
    whole = texts.choose_text(checkpoint)
    st.caption(LOOK_FOR)
    text = whole[: drawing.MAX_STEPS]
    notices.mark_altered(first, text)
    if len(whole) > len(text):
        st.caption(
            f"The gradients on this page are those of the first {len(text)} characters; the library takes 4,000."
        )
    views = views_of(facts(first, text), layer, direction, "first", "", part)
    if second is not None:
        beside = " (beside)" * (second.label == first.label)
        views += views_of(facts(second, text), layer, direction, "second", beside, part)
    return first, second, views, part


def show_flows(views: Sequence[View]) -> None:
    """The triangles, with a reading of each under it."""
    row = choose_row(views)
    for view in in_columns(views):
        figure = drawing.flow(view.flow, view.of.paths, row, columns=min(len(views), 2))
        charts.show(
            figure, key=f"flow-{view.key}", config={"displaylogo": False},
            alt="Gradient of every loss at every earlier step, of the whole text, of one loss, and what carries it",
        )  # fmt: skip
        st.caption(reading(view))


def show_reach(views: Sequence[View]) -> bool:
    """How far the gradient reaches, and what takes longer and is asked for; whether the weights are shown."""
    st.markdown("**How far it reaches.** The median over all losses, by how many steps back; thin: the fitted slope.")
    charts.show(
        drawing.by_lag({view.label: view.flow for view in views}), key="by_lag",
        config={"displayModeBar": False}, alt="Median share of the local gradient by lag",
    )  # fmt: skip
    if controls.switch("Singular values of every step", "sigma", SIGMA_HELP):
        for view in in_columns(views):
            show_singular_values(view, min(len(views), 2))
    with_weights = controls.switch("Into which weights, step by step", "weights", WEIGHTS_HELP)
    if with_weights:
        for view in in_columns(one_of_each_model(views)):
            show_weights(view, min(len(views), 2))
    return with_weights


def show_ledgers(first: Which, second: Which | None, known: Sequence[Facts]) -> float:
    """What clipping leaves of the text's gradient, and left in training; the threshold that is chosen."""
    st.markdown(
        "**What clipping leaves.** The gradient of this text's mean loss, parameter by parameter, and what θ makes of it."
    )
    checkpoint = checkpoint_of(first)
    default = min(THETAS, key=lambda theta: abs(theta - (checkpoint.recipe.clip_norm or 1.0)))
    theta = controls.slide("θ", THETAS, default, "theta", format_func=lambda theta: f"{theta:g}")
    left, right = st.columns(2)
    for column, shown, side in zip((left, right), known, ("first", "second"), strict=False):
        with column:
            show_clipping(shown, theta, side)
    if checkpoint.history:
        with right if second is None else st.container():
            show_training(checkpoint, first)
    return float(theta)


def page() -> None:
    """The page. In a function: what a script keeps in its globals outlives it."""
    first, second, views, part = choose_models()
    known = list(dict.fromkeys(view.of.whole for view in views))
    for shown in known:
        notices.show_warnings(shown.trace)
    verdicts = st.container()  # filled when the triangle is on its way
    several_steps = len(known[0].text) > 1
    if several_steps:
        show_flows(views)
    with verdicts:
        for view in in_columns(views):
            show_verdict(view)
        if second is not None and len(views) == 2:
            st.caption(plain(reach_compared(*map(reach_of, views))))
    show_figures(views)
    if part != WHOLE:
        st.caption(f"Drawn, and counted in half-life, horizon and slope: the gradient at {part} alone. {PARTS_DIFFER}")
    with_weights = show_reach(views) if several_steps else False
    theta = show_ledgers(first, second, known)
    export.offer(tables(views, theta, with_weights=with_weights), key="gradients")


page()
