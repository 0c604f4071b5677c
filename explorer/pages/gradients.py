"""Gradients: where each character's loss sends its gradient, what carries it, and what clipping leaves of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

import explorer
from explorer.characters import visible
from explorer.figures import eigenvalues as eigen_drawing
from explorer.figures import gradients as drawing
from explorer.figures.panel import Panel
from explorer.figures.style import number
from explorer.models import NetKey
from explorer.pages.shell import charts, controls, export, links, notices, patience, pickers, pictures, shelf, texts
from explorer.pages.shell.facts import Facts, View, facts
from explorer.pages.shell.models import Which, checkpoint_of
from explorer.pages.shell.plain import badge, plain
from explorer.pages.shell.shelf import Shelf
from explorer.probes.comparison import Reach, reach_compared
from explorer.probes.gradients import MAX_STEPS
from explorer.probes.reading import advice, paths_read
from explorer.reads.base import one_way_layers
from explorer.tokens import first_steps, joined, token_of
from explorer.words import say

THETAS = tuple(mantissa * 10.0**power for power in range(-3, 3) for mantissa in (1, 2, 5))
ICONS = {
    "healthy": ":material/check_circle:", "unclear": ":material/info:", "too-short": ":material/info:",
    "untrained": ":material/info:", "unlike": ":material/info:", "by-heart": ":material/info:",
    "still-learning": ":material/info:", "exploding": ":material/trending_up:", "vanishing": ":material/trending_down:",
}  # fmt: skip
WHOLE = "(h, c)"


def choose_part(configs: Sequence[explorer.ModelConfig]) -> str:
    """The part of the state at which the gradient is drawn, where a model's state has parts."""
    if all(config.parts == 1 for config in configs):
        return WHOLE
    return controls.choose("part", (WHOLE, "h", "c"))


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
    """How often clipping was at work while a model was trained, which one text cannot tell; "" where it was not."""
    history = checkpoint_of(which).history
    if which.untrained or not history:
        return ""
    share = sum(epoch.clipped_share for epoch in history) / len(history)
    return say("gradient-page.clipped-in-training", share=share)


def show_verdict(view: View) -> None:
    """What holds of a model on this text, in words, with the figures that led to it."""
    with st.container(border=True, height="stretch"):
        st.caption(plain(view.label))
        for finding in view.of.diagnosis.findings:
            icon = ICONS.get(finding.rule, ":material/warning:")
            said = plain(" ".join(filter(None, (finding.evidence, advice(finding, view.which.intervention)))))
            st.markdown(f"{icon} {say('titled', title=finding.title)} {badge(finding.sureness)}{said}")


CARDS = ("perplexity", "half-life", "horizon", "slope", "lambda", "norm", "proof-gates", "proof-flow")


def figures_of(view: View) -> dict[str, str]:
    """Card -> the number of one net, as it is shown; a dash where the text is too short for it to be defined."""
    flow, trace, ledger = view.flow, view.of.whole.trace, view.of.whole.own_ledger
    if len(flow) < 2 or flow.non_finite is not None:
        return dict.fromkeys(CARDS, "–")
    residual = view.of.residual

    def steps(lag: int | None) -> str:
        return say("card.over", steps=len(flow) - 2) if lag is None else str(lag)

    def said(value: float | None, shape: str) -> str:
        return "–" if value is None or not np.isfinite(value) else format(value, shape)

    values = (
        say(f"card.perplexity.{trace.config.objective}", score=number(trace.perplexity)),
        steps(flow.half_life_steps),
        steps(flow.horizon_steps),
        "–" if flow.slope_per_step is None else f"{flow.slope_per_step:+.3f}",
        said(flow.lambda_1, "+.3f"),
        said(ledger.norm_before if ledger else None, ".3g"),
        said(trace.residual, ".0e"),
        said(residual, ".0e"),
    )
    return dict(zip(CARDS, values, strict=True))


def show_figures(views: Sequence[View]) -> None:
    """The numbers of one net as cards, of several as a table."""
    if len(views) == 1:
        pairs = st.grid(2, min_column_width=340)  # of pairs: four cards or two beside each other, never three
        for i, (card, value) in enumerate(figures_of(views[0]).items()):
            if i % 2 == 0:
                pair = pairs.grid(2, min_column_width=150)
            pair.metric(say(f"card.{card}"), value, border=True, help=say(f"card.{card}.help"))
    else:
        table = pd.DataFrame({plain(view.label): figures_of(view) for view in views})
        st.table(table.rename(index=lambda card: say(f"card.{card}")), border="horizontal")
    st.caption(say("gradient-page.proved"))


def in_columns(views: Sequence[View]) -> Iterator[View]:
    """Each view inside a column of its own, two beside each other at most."""
    for start in range(0, len(views), 2):
        pair = views[start : start + 2]
        for column, view in zip(st.columns(len(pair)), pair, strict=True):
            with column:
                yield view


def rows_of(flow: explorer.GradientFlow, several: bool) -> tuple[list[int], int | None]:
    """The steps off which losses are read, and the one whose loss is followed at first; None for none."""
    rows = [int(row) for row in range(len(flow)) if flow.asked_T[row] >= 0]
    # A net that reads from the end goes on from there.
    return rows, (rows[len(rows) // 2] if several else rows[-1]) if rows else None


def choose_row(views: Sequence[View]) -> None:
    """The loss to follow back."""
    flow = views[0].flow
    rows, default = rows_of(flow, views[0].several)
    if len(rows) > 1:
        controls.slide(
            "row", rows, default,
            lambda row: say("gradient-page.row", character=visible(flow.labels[int(flow.asked_T[row])]), step=row),
        )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a text: one net of a model, and how.

    Attributes:
        which: the model.
        net: of it.
        several: whether it has others.
        part: of the state, at which the gradient is drawn.
        row: the loss to follow back; None for the one that is followed at first.
        cut: whether the graph is cut as in training.
        columns: how many pictures stand beside each other.

    """

    which: Which
    net: NetKey
    several: bool
    part: str
    row: int | None
    cut: bool
    columns: int

    def view(self, of: Shelf, text: str) -> View:
        """The net on a text."""
        begins = first_steps(text, MAX_STEPS, checkpoint_of(self.which).vocabulary.token)
        return View(facts(self.which, begins, of).net(self.net), self.several, "", "", self.part)

    def flow(self, of: Shelf, text: str) -> Panel:
        """The triangle, and what goes with it."""
        view = self.view(of, text)
        rows, first = rows_of(view.flow, self.several)
        row = self.row if self.row in rows else first
        paths, alt = view.of.paths, say("gradient-page.alt.flow")
        return drawing.flow(view.cut_flow if self.cut else view.flow, paths, row, columns=self.columns, alt=alt)

    def singular_values(self, of: Shelf, text: str) -> Panel:
        """What each path could pass at most."""
        view = self.view(of, text)
        alt = say("gradient-page.alt.sigma")
        return drawing.singular_values(view.flow, view.of.singular_values, columns=self.columns, alt=alt)

    def weights(self, of: Shelf, text: str) -> Panel:
        """Into which weights the gradient goes, step by step, and how far the steps agree."""
        view = self.view(of, text)
        gradients = view.of.whole.weight_gradients
        if gradients is None:
            raise explorer.TextError(say("gradient-page.clip.no-loss"))
        alt = say("gradient-page.alt.weights")
        return drawing.weights(gradients, view.of.flow, columns=self.columns, alt=alt)


def chosen_row(views: Sequence[View]) -> int | None:
    """The loss that was chosen to be followed back; None for none, which changes with the text."""
    rows, default = rows_of(views[0].flow, views[0].several)
    row = links.ready("row", default, rows) if len(rows) > 1 else default
    return None if row is None or row == default else int(row)


def drawn_of(view: View, columns: int, row: int | None = None, *, cut: bool = False) -> Drawn:
    """What is drawn of a net that is in front of the person."""
    return Drawn(view.which, view.of.net, view.several, view.part, row, cut, columns)


def offer_cut(views: Sequence[View]) -> None:
    """Whether the graph is cut where training cut it; with it, where that was."""
    if any(view.of.cut and view.of.cut.cuts(len(view.flow)) for view in views) and controls.switch("cut"):
        for view in views:
            model, cut = plain(view.label), view.of.cut
            told = say("gradient-page.cut-in-training", model=model, **cut._asdict()) if cut else ""
            st.caption(told or say("gradient-page.no-cut", model=model))


def show_singular_values(view: View, columns: int) -> None:
    """What each path could pass at most, and for a plain cell the bound that goes with it."""
    with patience.aside(say("control.sigma"), done=view.of.knows_singular_values):
        paths = view.of.singular_values
    drawn, text = drawn_of(view, columns), joined(view.of.whole.text)
    pictures.show(partial(drawn.singular_values, shelf.own()), text, drawn, key=f"sigma-{view.key}")
    if paths.bound is not None:
        st.caption(say("gradient-page.bound", bound=paths.bound))


def show_weights(view: View, columns: int) -> None:
    """Into which weights the gradient goes, step by step, and how far the steps agree."""
    if view.of.whole.weight_gradients is not None:
        drawn, text = drawn_of(view, columns), joined(view.of.whole.text)
        pictures.show(partial(drawn.weights, shelf.own()), text, drawn, key=f"weights-{view.key}")


def one_of_each_model(views: Sequence[View]) -> list[View]:
    """The gradient of a weight is the model's: its nets share it."""
    return list({view.which: view for view in reversed(views)}.values())[::-1]


def show_clipping(known: Facts, theta: float, side: str) -> None:
    """The ledger of this text: bars, coefficient, and what the other ways of clipping would do to the direction."""
    st.caption(say("gradient-page.clip.of", model=plain(known.which.label)))
    ledger = known.ledger(theta)
    if ledger is None:
        st.caption(say("gradient-page.clip.no-loss"))
        return
    charts.show(
        drawing.clip(ledger), key=f"clip-{side}", config={"displayModeBar": False},
        alt=say("gradient-page.alt.clip"),
    )  # fmt: skip
    if ledger.non_finite is not None:
        st.error(plain(say("gradient-page.clip.not-finite", what=ledger.non_finite)))
        return
    value, parameter = ledger.outcomes["value"], ledger.outcomes["parameter"]
    said = say(
        "gradient-page.clip.clipped" if ledger.coefficient < 1 else "gradient-page.clip.kept",
        norm=ledger.norm_before, theta=theta, coefficient=ledger.coefficient,
    )  # fmt: skip
    others = say(
        "gradient-page.clip.others", changed_share=value.changed_share, value_degrees=value.angle_degrees,
        parameter_degrees=parameter.angle_degrees,
    )  # fmt: skip
    st.caption(f"{said} {others}")


def show_training(checkpoint: explorer.Checkpoint, which: Which) -> None:
    """What clipping did while the model was trained."""
    st.caption(say("gradient-page.training"))
    charts.show(
        drawing.clip_history(checkpoint.history, checkpoint.recipe.clip_norm, which.epoch), key="clip_history",
        config={"displayModeBar": False}, alt=say("gradient-page.alt.training"),
        on_select=partial(pickers.go_to_clicked_epoch, "clip_history", checkpoint.epochs), selection_mode="points",
    )  # fmt: skip
    st.caption(f"{say('gradient-page.training.click')} {clipped_in_training(which)}")


def tables(views: Sequence[View], theta: float, *, with_weights: bool) -> Iterator[export.Table]:
    """What the page shows, as tables."""
    about, known = views[0].file_label, views[0].of.whole
    flow = views[0].cut_flow if links.named("cut") else views[0].flow
    if len(flow) > 1:
        yield export.Table(say("table.flow"), about, partial(drawing.blocks, flow), rows=drawing.row_count(flow))
        yield export.Table(say("table.flow-steps"), about, partial(drawing.step_frame, flow, views[0].of.paths))
        flows = {view.label: view.flow for view in views}
        yield export.Table(
            say("table.lags"), " ".join(view.file_label for view in views), partial(drawing.lag_frame, flows)
        )
    for view in one_of_each_model(views) if with_weights else ():
        if (gradients := view.of.whole.weight_gradients) is not None:
            make = partial(drawing.weights_frame, gradients, view.of.flow)
            yield export.Table(say("table.weights") + f", {view.label}" * (len(views) > 1), view.file_label, make)
    for view in with_eigenvalues(views):
        make = partial(eigen_drawing.frame, view.of.eigenvalues)
        yield export.Table(say("table.eigenvalues") + f", {view.label}" * (len(views) > 1), view.file_label, make)
    if (ledger := known.ledger(theta)) is not None:
        yield export.Table(say("table.clip"), known.which.file_label, partial(drawing.clip_frame, ledger))
    if history := checkpoint_of(known.which).history:
        yield export.Table(say("table.training"), known.which.name, partial(drawing.clip_history_frame, history))


def choose_models() -> tuple[Which, Which | None, list[View], str, str]:
    """The first model, the one beside it, their nets on the text, the part of the state that is looked at, and the whole text."""
    with st.sidebar:
        first, checkpoint = pickers.choose_model()
        layer, direction = pickers.choose_net(checkpoint.config, one_way_layers(checkpoint.config))
        second = pickers.choose_second(first)
        part = choose_part([checkpoint.config, *([checkpoint_of(second).config] if second else [])])
        texts.offer_link()
    whole = texts.choose_text(checkpoint)
    st.caption(say("gradient-page.look-for"))
    read = dict.fromkeys(checkpoint_of(one).vocabulary.token for one in (first, second) if one is not None)
    text = whole
    for token in read:
        text = first_steps(text, drawing.MAX_STEPS, token)
    with st.container():  # what comes and goes shall not move the columns below: a picture in them would be made anew
        first = notices.mark_altered(first, text)
        if len(whole) > len(text):
            st.caption(say("gradient-page.cut", count=drawing.MAX_STEPS, most=MAX_STEPS, of_token=next(reversed(read))))
    views = views_of(facts(first, text), layer, direction, "first", "", part)
    if second is not None:
        beside = f" {say('gradient-page.beside')}" if second.label == first.label else ""
        views += views_of(facts(second, text), layer, direction, "second", beside, part)
    return first, second, views, part, whole


def show_flows(views: Sequence[View], text: str) -> None:
    """The triangles, with a reading of each under it; a loss that is clicked is followed back.

    They are of the whole text, of which they draw the first steps, since that is what is asked for while it is typed.
    """
    columns, row, cut = min(len(views), 2), chosen_row(views), bool(links.ready("cut", False, (False, True)))
    for view in in_columns(views):
        drawn = drawn_of(view, columns, row, cut=cut)
        done = pictures.show(partial(drawn.flow, shelf.own()), text, drawn, key=f"flow-{view.key}", typed="sentence")
        if done.chosen:
            follow_back(view.flow, done.chosen)
        st.caption(plain(str(paths_read(view.of.paths))))
    choose_row(views)
    offer_cut(views)


def follow_back(flow: explorer.GradientFlow, at: Mapping[str, Any]) -> None:
    """Follow the loss of a click: that of the triangle's row, or elsewhere that of the character."""
    asked = np.flatnonzero(flow.asked_T == at["step"])
    row = at["line"] if at["row"] == drawing.LOSSES else asked[0] if len(asked) else None
    if row is not None and int(row) in rows_of(flow, False)[0] and int(row) != links.named("row"):
        links.put("row", int(row))
        st.rerun()


def show_reach(views: Sequence[View]) -> bool:
    """How far the gradient reaches, and what takes longer and is asked for; whether the weights are shown."""
    st.markdown(say("gradient-page.reach"))
    charts.show(
        drawing.by_lag({view.label: view.flow for view in views}), key="by_lag",
        config={"displayModeBar": False}, alt=say("gradient-page.alt.lags"),
    )  # fmt: skip
    if controls.switch("sigma"):
        for view in in_columns(views):
            show_singular_values(view, min(len(views), 2))
    with_weights = controls.switch("weights")
    if with_weights:
        for view in in_columns(one_of_each_model(views)):
            show_weights(view, min(len(views), 2))
    if any(view.of.whole.model.config.kind.recurrent for view in views) and controls.switch("eigen"):
        reach = eigen_drawing.reach_of(*(view.of.eigenvalues for view in with_eigenvalues(views)))
        for view in in_columns(views):
            show_eigenvalues(view, reach)
    return with_weights


def with_eigenvalues(views: Sequence[View]) -> list[View]:
    """Those whose eigenvalues are shown."""
    return [view for view in views if links.named("eigen") and view.of.whole.model.config.kind.recurrent]


def show_eigenvalues(view: View, reach: float) -> None:
    """The eigenvalues of the recurrent weights beside the unit circle, and what becomes of the powers."""
    if not view.of.whole.model.config.kind.recurrent:
        st.caption(say("gradient-page.no-eigenvalues", model=plain(view.label)))
        return
    found = view.of.eigenvalues
    if not np.isfinite(found.radius(found.part)):
        st.caption(say("gradient-page.eigenvalues.not-finite", model=plain(view.label)))
        return
    charts.draw(eigen_drawing.circle(found, reach), key=f"eigen-{view.key}")
    figures = {"model": plain(view.label), "part": found.part, "radius": found.radius(found.part)}
    grows = "grows" if found.radius(found.part) > 1 else "vanishes"
    st.markdown(say(f"gradient-page.eigenvalues.{grows}", **figures))
    alt = say("gradient-page.alt.powers")
    charts.show(eigen_drawing.powers(found), key=f"powers-{view.key}", alt=alt, config={"displayModeBar": False})


def show_ledgers(first: Which, second: Which | None, known: Sequence[Facts]) -> float:
    """What clipping leaves of the text's gradient, and left in training; the threshold that is chosen."""
    st.markdown(say("gradient-page.clip"))
    checkpoint = checkpoint_of(first)
    default = min(THETAS, key=lambda theta: abs(theta - (checkpoint.recipe.clip_norm or 1.0)))
    theta = controls.slide("theta", THETAS, default, "{:g}".format)
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
    first, second, views, part, text = choose_models()
    known = list(dict.fromkeys(view.of.whole for view in views))
    with st.container():  # as above
        for shown in known:
            notices.show_warnings(shown.trace)
        notices.offer_reader(known[0].which, known[0].trace, text)
    verdicts = st.container()  # filled when the triangle is on its way
    several_steps = len(known[0].trace) > 1
    if several_steps:
        show_flows(views, text)
    for shown in known:
        notices.show_folded(shown.which, text)
    with verdicts:
        for view in in_columns(views):
            show_verdict(view)
        if second is not None:
            first_read, second_read = known[0].trace, known[-1].trace
            notices.show_tokens_differ(first_read, second_read)
            if len(views) == 2 and token_of(first_read.text) == token_of(second_read.text):
                st.caption(plain(reach_compared(*map(reach_of, views))))
    show_figures(views)
    if part != WHOLE:
        st.caption(f"{say('gradient-page.part', part=part)} {say('control.part.help')}")
    with_weights = show_reach(views) if several_steps else False
    theta = show_ledgers(first, second, known)
    export.offer(tables(views, theta, with_weights=with_weights), key="gradients")
