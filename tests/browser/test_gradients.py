"""The page Gradients as a person meets it."""

import re

from playwright.sync_api import expect

DRAWN = "[class*='st-key-flow'] .js-plotly-plot .heatmaplayer image"


def opened(page, server, query=""):
    """From the first page by its link, as a person comes."""
    page.goto(f"{server}/{query}")
    page.locator(".js-plotly-plot").first.wait_for()
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
    page.locator("[class*='st-key-flow']").nth(1).locator(".heatmaplayer image").first.wait_for()
    ranges = page.evaluate(
        "[...document.querySelectorAll('[class*=st-key-flow] .js-plotly-plot')].map(p => "
        "[p.layout.coloraxis.cmin, p.layout.coloraxis.cmax, p.layout.yaxis3.range, p.layout.yaxis5.range].join())"
    )
    assert len(ranges) == 2
    assert ranges[0] == ranges[1]


def test_model_epoch_and_sentence_come_along_from_the_page_gates(page, server):
    opened(page, server, "?model=lighthouse-gru&epoch=0&sentence=the%20lamp%20is%20lit%20and%20the%20sea%20is%20dark")
    page.get_by_text("GRU · The Lighthouse · 128 units, epoch 0").first.wait_for()
    expect(page.get_by_placeholder("Type a sentence")).to_have_value("the lamp is lit and the sea is dark")


def test_everything_follows_while_one_types(page, server):
    opened(page, server, "?model=lighthouse-gru")
    page.get_by_placeholder("Type a sentence").fill("so it")
    page.get_by_text("Too short to tell.").wait_for()
    page.wait_for_function(
        "document.querySelector('[class*=st-key-flow] .js-plotly-plot').layout.xaxis.range[1] == 4.5"
    )


def test_hovering_the_triangle_names_loss_and_step(page, server):
    opened(page, server)
    page.locator(DRAWN).first.scroll_into_view_if_needed()
    box = page.locator(DRAWN).first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5, steps=4)
    label = page.locator(".hoverlayer .hovertext", has_text="loss read off step").first
    label.wait_for()
    assert re.search(
        r"loss read off step \d+, at the state of ?step \d+ “.”: gradient \d+(\.\d+)?(e-\d+)?$", label.text_content()
    )


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
