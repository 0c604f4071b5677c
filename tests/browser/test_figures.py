"""Figures by themselves in a real browser: what plotly.js makes of them, read back from what it drew."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly
import plotly.graph_objects as go
import pytest
import torch

from explorer import (
    CharModel,
    ModelConfig,
    Vocabulary,
    clip_ledger,
    gradient_flow,
    jacobian_paths,
    trace_gates,
    weight_gradient_steps,
)
from explorer.characters import visible
from explorer.figures import gates, gradients, perplexity, training
from explorer.figures.hundredths import CONFIG
from explorer.figures.style import LINES, escaped
from explorer.recording import EpochRecord

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
NASTY = "\"'&<>$%{}\\/`*_~[]()#é سא温😀"
WORDS = [
    'a "quote"',
    "it's",
    "&amp;",
    "&lt;",
    "&#36;",
    "<b>bold</b>",
    "<br>",
    "$x$",
    "$$",
    "%{x}",
    "%{y:.2f}",
    "\\n",
    "100 % a",
    "سلام",
]
MODEL = CharModel(ModelConfig(hidden_size=5), Vocabulary.from_text(NASTY), seed=1)
TRACE = trace_gates(MODEL, NASTY)


@pytest.fixture(scope="module")
def board(context):
    """A page with nothing but plotly.js, which takes longer to read than any figure takes to draw."""
    page = context.new_page()
    page.set_content("<!doctype html><body></body>")
    page.add_script_tag(path=str(PLOTLY))
    yield page
    page.close()


@pytest.fixture
def page(board, watch):
    """The board, wiped."""
    watch(board)
    board.mouse.move(0, 0)
    board.evaluate("""() => {
      document.querySelectorAll('.js-plotly-plot').forEach(Plotly.purge)
      document.body.replaceChildren()
      document.body.style = ''
      scrollTo(0, 0)
    }""")
    return board


DRAW = """([made, config, width]) => {
  document.querySelectorAll('.js-plotly-plot').forEach(Plotly.purge)
  document.body.innerHTML = `<div id='figure' style='width: ${width}px'></div>`
  document.body.style.margin = 0
  return Plotly.newPlot('figure', made.data, made.layout, config).then(() => null)
}"""


@pytest.fixture
def draw(page):
    """Draw a figure in a page with nothing else, so many pixels wide."""

    def drawn(figure, width=800):
        made = figure if isinstance(figure, go.Figure) else figure.figure()
        page.evaluate(DRAW, [json.loads(made.to_json()), CONFIG, width])

    return drawn


def texts(page, selector):
    """What the elements of a drawing say, without the marks that keep the direction of writing."""
    return [text.replace("\u200e", "") for text in page.locator(selector).all_text_contents()]


LABELS = ".hoverlayer .hovertext, .hoverlayer .axistext"


def point_at(page, x, y):
    """Put the pointer on a place, from outside of the figure: what is then said is said of this place."""
    page.mouse.move(0, page.viewport_size["height"] - 1)
    page.wait_for_function("labels => !document.querySelector(labels)", arg=LABELS)
    page.mouse.move(x, y)
    page.locator(LABELS).first.wait_for(state="attached")


def hovered(page, row, x, y=0.5):
    """What all labels say when the pointer is at a place in a row of a stack, in shares of its size."""
    box = page.locator(f".draglayer .xy{row if row > 1 else ''} .nsewdrag").bounding_box()
    point_at(page, box["x"] + x * box["width"], box["y"] + y * box["height"])
    return texts(page, LABELS)


def plain(text):
    """A text as it is shown, each character visible."""
    return [visible(c) for c in text]


def test_every_character_comes_out_to_the_letter_under_a_figure(page, draw):
    draw(gates.tape(trace_gates(MODEL, NASTY)))
    assert texts(page, ".bartext") == plain(NASTY)


def test_every_character_comes_out_to_the_letter_when_hovered_over(page, draw):
    draw(gates.tape(trace_gates(MODEL, NASTY)))
    for step, character in enumerate(plain(NASTY)):
        assert character in hovered(page, 2, (step + 0.5) / len(NASTY)), step


def test_words_come_out_to_the_letter_wherever_plotly_takes_some(page, draw):
    ticks = {"tickvals": list(range(len(WORDS))), "ticktext": list(map(escaped, WORDS)), "tickangle": 90}
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "marker": {"size": 9},
            "x": [step],
            "y": [step],
            "text": [escaped(word)],
            "customdata": [[escaped(word)]],
            "hovertemplate": f"{escaped(word)}|%{{text}}|%{{customdata[0]}}|%{{x}}<extra>{escaped(word)}</extra>",
        }
        for step, word in enumerate(WORDS)
    ]
    notes = [{"text": escaped(word), "x": 0, "y": step, "showarrow": False} for step, word in enumerate(WORDS)]
    layout = {"height": 600, "xaxis": ticks, "annotations": notes, "showlegend": False, "hovermode": "closest"}
    draw(go.Figure({"data": traces, "layout": layout}))
    assert texts(page, ".xtick text") == WORDS
    assert texts(page, ".annotation text") == WORDS
    points = page.locator(".scatterlayer .point")
    for step, word in enumerate(WORDS):
        box = points.nth(step).bounding_box()
        point_at(page, box["x"] + 4, box["y"] + 4)
        shown = page.locator(".hoverlayer .hovertext .nums").text_content().replace("\u200e", "")
        assert shown == "|".join([word] * 4)
        assert page.locator(".hoverlayer .hovertext .name").text_content().replace("\u200e", "") == word


def test_the_name_of_a_model_comes_out_to_the_letter(page, draw):
    flow = gradient_flow(MODEL, NASTY)
    for start in range(0, len(WORDS), len(LINES)):
        words = WORDS[start : start + len(LINES)]
        draw(gradients.by_lag(dict.fromkeys(words, flow)))
        (shown,) = texts(page, ".annotation text")
        assert [word for word in words if f" {word}   slope" not in shown] == []


def test_hovering_says_numbers_in_their_own_unit(page, draw):
    trace = trace_gates(MODEL, NASTY)
    tape = trace.tape()
    draw(gates.tape(trace, order="index"))
    for step in (0, 7, len(NASTY) - 1):
        labels = hovered(page, 2, (step + 0.5) / len(NASTY), (2 + 0.5) / 5)
        values = [tape["z"][step, 2], tape["n"][step, 2], tape.h_TH[step, 2], tape["r"][step, 2]]
        shown = "; ".join(labels)
        for letter, value in zip("znhr", values, strict=True):
            (said,) = re.findall(rf"(?:: |  ){letter} (-?\d+\.\d\d)(?!\d)", shown)
            assert float(said) == pytest.approx(value, abs=0.0051)


VALUES = [0.0, 0.07, -0.86, 1.0, -1.0, 0.994, -0.03, 1.27, 1.28, -5.12, 123.45, -327.68, 4000.01]


def test_a_state_of_any_size_is_said_as_it_is(page, draw):
    trace = trace_gates(CharModel(ModelConfig("rnn", hidden_size=5), MODEL.vocabulary, seed=1), "abc")
    for value in VALUES:
        net, tape = next(iter(trace.tapes.items()))
        grown = replace(trace, tapes={net: replace(tape, h_TH=np.full_like(tape.h_TH, value))})
        draw(gates.tape(grown))
        (shown,) = [label for label in hovered(page, 2, 0.5) if label.startswith("unit")]
        assert float(shown.split(": h ")[1]) == pytest.approx(value, abs=0.0051)


def test_what_is_not_defined_is_said_in_words(page, draw):
    trace = trace_gates(MODEL, NASTY)
    draw(gates.tape(trace))
    assert "not predicted: nothing stands before it" in hovered(page, 1, 0.5 / len(NASTY))
    assert not any("nan" in label.lower() for label in hovered(page, 1, 0.5 / len(NASTY)))
    assert any(label.startswith("surprise ") for label in hovered(page, 1, 1.5 / len(NASTY)))


def test_the_gates_of_a_diverged_model_are_said_not_to_be_numbers(page, draw):
    broken = CharModel(ModelConfig(hidden_size=5), MODEL.vocabulary, seed=1)
    with torch.no_grad():
        broken.rnn.weight_hh_l0.fill_(float("nan"))
    draw(gates.tape(trace_gates(broken, "$x$")))
    labels = hovered(page, 2, 0.9)
    assert any("z is not a finite number here" in label for label in labels)
    assert not any("nan" in label.lower() for label in labels)


def test_the_triangle_says_norms_and_why_there_is_none(page, draw):
    flow, steps = gradient_flow(MODEL, NASTY), len(NASTY)
    draw(gradients.flow(flow, jacobian_paths(MODEL, NASTY)))

    def at(loss, step):
        return " ".join(hovered(page, 2, (step + 0.5) / steps, (loss + 0.5) / steps))

    for loss, step in ((9, 9), (9, 7), (20, 18)):
        said = re.search(r": gradient (\S+)", at(loss, step)).group(1)
        assert float(said) == pytest.approx(flow.norms_TT[loss, step], rel=0.006)
    assert "no path" in at(2, 9)
    assert "no loss is read off" in at(steps - 1, 3)


def test_a_gradient_of_zero_is_said_to_be_none(page, draw):
    model = CharModel(ModelConfig("rnn", hidden_size=5), MODEL.vocabulary, seed=1)
    with torch.no_grad():
        model.rnn.weight_hh_l0.zero_()
    flow, steps = gradient_flow(model, NASTY), len(NASTY)
    draw(gradients.flow(flow))
    assert "no gradient arrives, it is exactly 0" in " ".join(hovered(page, 2, 2.5 / steps, 9.5 / steps))
    assert "exactly 0" not in " ".join(hovered(page, 2, 9.5 / steps, 9.5 / steps))


def test_a_median_of_zero_is_said_to_be_none(page, draw):
    model = CharModel(ModelConfig("rnn", hidden_size=5), MODEL.vocabulary, seed=1)
    with torch.no_grad():
        model.rnn.weight_hh_l0.zero_()
    figure = gradients.by_lag({"a": gradient_flow(model, NASTY)}).figure()
    draw(figure)
    assert figure.data[0].text[0] == "100 %"
    assert set(figure.data[0].text[1:]) == {"nothing is left, exactly 0"}


WIDTHS_JS = """characters => {
  const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
  pen.canvas.width = 160; pen.canvas.height = 48
  pen.font = '20px ui-monospace, monospace'
  return characters.map(c => {
    pen.clearRect(0, 0, 160, 48); pen.fillText(c, 20, 30)
    const ink = pen.getImageData(0, 0, 160, 48).data.some((value, i) => i % 4 === 3 && value > 0)
    return [pen.measureText(c).width, ink]
  })
}"""
HIDDEN = (
    "\ufe0f\ufe0e\u0301\u20dd\u3164\uffa0\u2800\u115f\u1160\u00ad\u200b\u200c\u200d\u200e\u200f"
    "\u2060\u2028\u2029\u202e\u2066\u034f\u17b4\u180b\u180e\ufeff"
    "\u3000\u00a0\u2003\u1680\U000e0041\U000e0100\ue000\uffff\x00\x07\x7f\u0378"
)


def test_every_hidden_character_has_width_and_ink(page):
    for character, (width, ink) in zip(HIDDEN, page.evaluate(WIDTHS_JS, plain(HIDDEN)), strict=True):
        assert width > 0, f"U+{ord(character):04X}"
        assert ink, f"U+{ord(character):04X}"


def test_there_are_such_that_need_it(page):
    measured = page.evaluate(WIDTHS_JS, list("\ufe0f\u200d\u2800\u3000a"))
    assert [ink for _, ink in measured] == [False, False, False, False, True]


def scrolled_by_a_finger(page):
    """How far the page goes when a finger is put on the middle of the figure and moved up."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.evaluate("document.body.style.paddingBottom = '3000px'; scrollTo(0, 0)")
    box = page.locator(".nsewdrag").first.bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    for step in range(1, 11):
        point = {"x": at["x"], "y": at["y"] - 15 * step}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    session.detach()  # and with it the touch screen
    return page.evaluate("scrollY")


CLOZE = CharModel(ModelConfig(hidden_size=5, direction="bidirectional", objective="cloze"), MODEL.vocabulary, seed=1)
HISTORY = [EpochRecord(epoch, 8 * epoch, 2.0, 3.0 / epoch, 4.0 / epoch, 1.0, 0.5, 1e5) for epoch in range(1, 6)]
LONG = ("time-machine-gru-before, epoch 500, second forward", "很长的模型名字" * 6 + ", epoch 500", "x" * 90)
FIGURES = {
    "tape": lambda: gates.tape(TRACE, unit=1),
    "state": lambda: gates.tape(trace_gates(CharModel(ModelConfig("rnn", hidden_size=5), MODEL.vocabulary), NASTY)),
    "cell": lambda: gates.tape(trace_gates(CharModel(ModelConfig("lstm", hidden_size=5), MODEL.vocabulary), NASTY), unit=1),
    "two sides": lambda: gates.tape(trace_gates(CLOZE, NASTY)),
    "flow": lambda: gradients.flow(gradient_flow(MODEL, NASTY), jacobian_paths(MODEL, NASTY), 9),
    "backward": lambda: gradients.flow(gradient_flow(CLOZE, NASTY, 0, "backward"), None, 9),
    "sigma": lambda: gradients.singular_values(gradient_flow(MODEL, NASTY), jacobian_paths(MODEL, NASTY)),
    "weights": lambda: gradients.weights(weight_gradient_steps(MODEL, NASTY), gradient_flow(MODEL, NASTY)),
    "by lag": lambda: gradients.by_lag(dict.fromkeys(LONG, gradient_flow(MODEL, NASTY))),
    "clip": lambda: gradients.clip(clip_ledger(MODEL, NASTY, 0.05)),
    "history": lambda: gradients.clip_history(HISTORY, 1.0, 3),
    "by epoch": lambda: perplexity.by_epoch({0: 30.0, 16: 5.0, 500: None}, 16),
    "training": lambda: training.after_epoch(TRACE, TRACE),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_a_finger_on_a_figure_scrolls_the_page(page, draw, name):
    draw(FIGURES[name](), width=358)
    assert scrolled_by_a_finger(page) > 50


def test_a_finger_on_a_figure_that_can_be_dragged_does_not(page, draw):
    draw(gates.tape(TRACE).figure().update_layout(dragmode="zoom"), width=358)
    assert scrolled_by_a_finger(page) == 0


WORDS_OF_A_FIGURE = """() => {
  const inside = document.querySelector('#figure').getBoundingClientRect()
  const shown = [...document.querySelectorAll('#figure text')].map(t => [t.textContent, t.getBoundingClientRect()])
    .filter(([text, box]) => text.trim() && box.width)
  const cut = shown.filter(([, box]) => box.left < inside.left - 1 || box.right > inside.right + 1)
  const shared = (a, b, from, to) => Math.min(a[to], b[to]) - Math.max(a[from], b[from])
  const over = (a, b) => shared(a, b, 'left', 'right') > 2 && shared(a, b, 'top', 'bottom') > 5
  const pairs = shown.flatMap(([a, x], i) => shown.slice(i + 1).filter(([, y]) => over(x, y)).map(([b]) => `${a} | ${b}`))
  return [cut.map(([text]) => text), pairs]
}"""


@pytest.mark.parametrize("width", [358, 820, 1300])
@pytest.mark.parametrize("name", FIGURES)
def test_words_are_not_cut_and_do_not_lie_on_each_other(page, draw, name, width):
    draw(FIGURES[name](), width=width)
    assert page.evaluate(WORDS_OF_A_FIGURE) == [[], []]


@pytest.mark.parametrize("name", FIGURES)
def test_only_swatches_have_the_colours_of_lines(page, draw, name):
    draw(FIGURES[name]())
    coloured = page.evaluate(
        "[...document.querySelectorAll('#figure tspan')].filter(t => t.style.fill).map(t => t.textContent)"
    )
    assert all(re.fullmatch("[━∙▲○■▒ ]+", text) for text in coloured), coloured
    if name not in ("by epoch", "training", "state"):
        assert coloured


@pytest.mark.parametrize(("width", "length", "shown"), [(358, 35, True), (358, 110, False), (1300, 110, True)])
def test_characters_are_written_where_they_fit(page, draw, width, length, shown):
    draw(gates.tape(trace_gates(MODEL, (NASTY * 9)[:length])), width=width)
    drawn = page.evaluate(
        "[...document.querySelectorAll('.bartext')].filter(t => t.getBoundingClientRect().width > 0).length"
    )
    assert (drawn >= length - 12) if shown else drawn == 0  # wide characters and codes are left out before others
