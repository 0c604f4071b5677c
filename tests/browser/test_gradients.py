"""The page Gradients as a person meets it."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import explorer
from explorer.figures import gradients
from explorer.pages.shell import models, texts

DRAWN = "[class*='st-key-flow'] .panel[data-drawn]"
MODEL = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
EXAMPLE = texts.EXAMPLES["lighthouse"]


def opened(page, server, query=""):
    """From the first page by its link, as a person comes."""
    page.goto(f"{server}/{query}")
    page.locator(".panel[data-drawn]").first.wait_for()
    page.get_by_role("link", name="Gradients").click()
    page.locator(DRAWN).first.wait_for()


def metric(page, name):
    return page.locator("[data-testid=stMetric]", has_text=name).locator("[data-testid=stMetricValue]")


def test_the_verdict_and_the_triangle_are_there_with_nothing_clicked_in_both_themes(page, server, theme):
    page.emulate_media(color_scheme=theme)
    opened(page, server)
    page.locator("[class*='st-key-clip_history'] .js-plotly-plot").wait_for()
    body = page.locator("[data-testid=stAppViewContainer]").inner_text()
    for expected in ("It knows its own text by heart", "Half-life", "Horizon", "Proof", "What clipping leaves"):
        assert expected in body
    assert float(metric(page, "Proof, flow").inner_text()) < 1e-3
    assert page.locator("[data-testid=stException]").count() == 0


def test_an_untrained_model_is_one_click_away(page, server):
    opened(page, server)
    page.get_by_role("radio", name="untrained").or_(page.get_by_text("untrained", exact=True)).first.click()
    page.get_by_text("Not trained yet.").wait_for()
    page.locator(DRAWN).nth(1).wait_for()


def test_model_epoch_and_sentence_come_along_from_the_page_gates(page, server):
    opened(page, server, "?model=lighthouse-gru&epoch=0&sentence=the%20lamp%20is%20lit%20and%20the%20sea%20is%20dark")
    page.get_by_text("GRU · The Lighthouse · 128 units, epoch 0").first.wait_for()
    expect(page.get_by_placeholder("Type a sentence")).to_have_value("the lamp is lit and the sea is dark")


def test_everything_follows_while_one_types(page, server):
    opened(page, server, "?model=lighthouse-gru")
    page.get_by_placeholder("Type a sentence").fill("so it")
    page.get_by_text("Too short to tell.").wait_for()
    page.locator(f"{DRAWN}[data-end='4.5']").wait_for()


def test_what_is_said_of_the_triangle_is_what_the_library_says(page, server, picture):
    opened(page, server)
    shown, flow = picture(page, "flow"), explorer.gradient_flow(MODEL, EXAMPLE)
    for loss, step in ((60, 30), (90, 90), (20, 3)):
        said = shown.point("layer 0, forward", step, (loss + 0.5) / len(flow))
        assert f"step {step} “" in said
        told = re.search(rf"the loss read off step {loss}: gradient (\S+)", said)[1]
        assert float(told) == pytest.approx(flow.norms_TT[loss, step], rel=0.005)
    assert "no path: a loss does not depend" in shown.point("layer 0, forward", 90, 0.3)


def test_a_loss_that_is_clicked_is_followed_back(page, server, picture):
    opened(page, server)
    shown = picture(page, "flow")
    page.mouse.click(*shown.place("layer 0, forward", 30, 60.5 / len(EXAMPLE)))
    page.wait_for_url("**row=60")
    shown.row("step 60:").wait_for()
    page.mouse.click(*shown.place("0.048 dark", 21, 0.5))  # a character: the loss that asks for it
    page.wait_for_url("**row=20")
    shown.row("step 20:").wait_for()


def test_the_threshold_follows_the_slider(page, server):
    opened(page, server, "?model=river-town-gru")
    slider = page.get_by_role("slider", name="θ")
    slider.focus()
    slider.press("ArrowLeft")
    page.get_by_text("against θ = 0.5").wait_for()


def test_the_downloads_hold_the_numbers(page, server, tmp_path):
    opened(page, server, "?model=river-town-gru")
    page.get_by_text("Download the data").click()
    with page.expect_download() as table:
        page.get_by_role("link", name=re.compile("^CSV, .* Gradient flow$")).click()
    table.value.save_as(tmp_path / "flow.csv")
    lines = (tmp_path / "flow.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == '"read off step","character asked","step","character","gradient","share of local"'
    assert len(lines) == 1 + 68 * 67 // 2


def test_a_click_on_an_epoch_of_the_training_shows_the_model_as_it_was(page, server):
    page.set_viewport_size({"width": 1440, "height": 3800})
    opened(page, server, "?model=time-machine-gru")
    chart = page.locator("[class*='st-key-clip_history'] .nsewdrag").first
    chart.wait_for()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.locator(".hoverlayer .legend").first.wait_for()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**epoch=251**")
    page.get_by_text("GRU · The Time Machine · 256 units, epoch 251").first.wait_for()


def test_the_line_over_the_triangle_is_said_where_it_goes_through_and_nowhere_else(page, server, picture):
    opened(page, server)
    shown, flow = picture(page, "flow"), explorer.gradient_flow(MODEL, EXAMPLE)
    reached = gradients.reach(flow)
    loss = next(row for row in range(60, len(flow)) if np.isfinite(reached[row]) and reached[row] != reached[row - 3])
    step = int(reached[loss])
    assert f"here the loss read off step {loss} falls" in shown.point(
        "layer 0, forward", step, (loss + 0.5) / len(flow)
    )
    assert "falls" not in shown.point("layer 0, forward", step, (loss - 2.5) / len(flow))
