"""What is on the first screen, and how the page Gates stands at the widths that people have."""

import pytest
from playwright.sync_api import expect

DRAWN = ".panel[data-drawn]"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

# Of the page, and of what scrolls in its place.
WIDEST = "Math.max(...[...document.querySelectorAll('html, [data-testid=stMain]')].map(part => part.scrollWidth))"


def edges(page, selector):
    """Of all at one moment: what is drawn meanwhile moves what stands below it."""
    return page.locator(selector).evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")


def settled(page):
    """Wait until nothing on the page moves any more."""
    page.wait_for_function("""() => {
        const now = [...document.querySelectorAll('[data-testid=stMain] *')].map((one) => one.getBoundingClientRect())
            .map(({ x, y, width, height }) => [x, y, width, height].map(Math.round)).join();
        const same = window.settledAt?.now === now;
        if (!same) window.settledAt = { now, since: performance.now() };
        return same && performance.now() - window.settledAt.since > 250;
    }""")


def opened(page, address):
    page.goto(address)
    page.locator("[data-testid=stMetric]").nth(3).wait_for()
    page.locator(DRAWN).first.wait_for()


def test_the_text_and_the_picture_are_on_the_first_screen(page, server):
    opened(page, server)
    for width, height in ((1280, 720), (1440, 900), (1920, 1080), (1024, 768)):
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        assert page.get_by_placeholder("Type a sentence").bounding_box()["y"] < 200
        for unit in ("unit 95, inside quotation marks", "unit 110, at the first letter of a word"):
            row = page.locator(f"[class*='st-key-tape'] {DRAWN} .row", has_text=unit).bounding_box()
            assert row["y"] + row["height"] < height


def test_the_picture_of_a_long_text_is_on_the_first_screen_too(page, server):
    page.set_viewport_size({"width": 1280, "height": 720})
    opened(page, f"{server}/?model=lighthouse-gru&sentence={'Turn+the+light.+' * 200}")
    assert edges(page, f"[class*='st-key-tape'] {DRAWN} canvas")[0]["y"] + 26 < 720


def test_the_verdict_and_the_triangle_are_on_the_first_screen_of_gradients(page, server):
    opened(page, f"{server}/gradients")
    for width, height in ((1280, 720), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        assert page.get_by_text("It knows its own text by heart.").bounding_box()["y"] < 400
        triangle = edges(page, f"[class*='st-key-flow'] {DRAWN} canvas")[1]
        assert triangle["y"] + 120 < height


def test_the_drawing_of_a_cell_is_on_the_first_screen_and_keys_and_clicks_go_to_other_steps(page, server, picture):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/cell?model=lighthouse-gru&at=7")
    drawn = page.locator("[class*='st-key-cell_drawing'] svg")
    drawn.wait_for()
    box = drawn.bounding_box()
    assert box["y"] + box["height"] < 640
    assert page.get_by_text("Step 7:").bounding_box()["y"] < 200
    before = drawn.text_content()
    page.get_by_text("Step 7:").click()  # out of the field of the sentence
    page.keyboard.press("ArrowRight")
    page.get_by_text("Step 8:").wait_for()
    expect(drawn).not_to_have_text(before)
    page.keyboard.press("ArrowLeft")
    page.get_by_text("Step 7:").wait_for()
    tape = picture(page, "cell_tape")
    page.mouse.click(*tape.place("unit 95", 20, 0.5))
    page.get_by_text("Step 20:").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})  # numbers stay legible: the drawing is scrolled
    settled(page)
    assert page.evaluate(WIDEST) == 390
    assert drawn.bounding_box()["width"] >= 560


def test_start_is_a_few_steps_of_the_tab_key_away_and_the_form_goes_row_by_row(page, server):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/train")
    start = page.get_by_role("button", name="Start")
    start.wait_for()
    assert start.bounding_box()["y"] < 720
    seen = []
    for _ in range(42):
        page.keyboard.press("Tab")
        words = page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText")
        seen.append(words.split("\n")[-1].strip())
    assert seen.index("Start") < 15
    form = [
        label
        for label in seen[seen.index("Start") :]  # the ways to the other pages stand before it
        if label in ("Start", "quick", "Corpus", "Name of the run", "Cell", "Reset gate acts", "Units", "Layers")
    ]
    assert form == ["Start", "quick", "Corpus", "Name of the run", "Cell", "Reset gate acts", "Units", "Layers"]


def test_start_and_the_recipe_are_on_the_first_screen_of_train(page, server):
    page.goto(f"{server}/train")
    summary = page.get_by_text("GRU, reset after, 64 units · lighthouse · Adam, learning rate 0.005")
    shown = [summary, *(page.get_by_role("button", name=name) for name in ("Start", "d2l-v2", "d2l-zh-v1", "quick"))]
    for element in shown:
        element.wait_for()
    for width, height in ((1280, 720), (1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        for element in shown:
            box = element.bounding_box()
            assert 0 < box["y"] < box["y"] + box["height"] < height
        if width > 390:  # and what the recipe has filled in
            for label in ("Learning rate", "Clip threshold θ", "Batch", "Epochs"):
                box = page.get_by_role("spinbutton", name=label, exact=True).bounding_box()
                assert box["y"] + box["height"] < height


@pytest.mark.parametrize("page_name", ["", "gradients"])
def test_no_card_stands_in_a_row_of_its_own_and_no_number_is_cut(page, server, page_name):
    page.goto(f"{server}/{page_name}?model=lighthouse-gru&hold_z=1")
    page.locator("[data-testid=stMetric]").nth(7 if page_name else 3).wait_for()
    page.locator("[data-test-script-state=notRunning]").wait_for()
    for width in (1440, 1280, 1024, 800, 390):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        rows = [round(box["y"]) for box in edges(page, "[data-testid=stMetric]")]
        assert len({rows.count(y) for y in rows}) == 1, (width, rows)
        cut = page.evaluate(
            "[...document.querySelectorAll('[data-testid=stMetricValue], [data-testid=stMetricValue] *')]"
            ".filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => e.innerText)"
        )
        assert cut == [], width


def test_on_a_phone_the_way_to_another_page_leaves_no_sidebar_over_it(chromium, server):
    context = chromium.new_context(**PHONE)
    page = context.new_page()
    page.set_default_timeout(60_000)
    opened(page, server)
    for name in ("Gradients", "Train", "Gates"):
        page.get_by_role("link", name=name).tap()
        page.wait_for_url(f"**/{'' if name == 'Gates' else name.lower()}")
        page.wait_for_function(  # it slides away
            "!(document.querySelector('[data-testid=stSidebar]')?.getBoundingClientRect().right > 0)"
        )
        assert page.evaluate(WIDEST) <= 390
    context.close()
