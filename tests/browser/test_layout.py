"""What is on the first screen, and how the page Gates stands at the widths that people have."""

import pytest

DRAWN = ".panel[data-drawn]"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def edges(page, selector):
    """Of all at one moment: what is drawn meanwhile moves what stands below it."""
    return page.locator(selector).evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")


def opened(page, address):
    page.goto(address)
    page.locator("[data-testid=stMetric]").nth(3).wait_for()
    page.locator(DRAWN).first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (1920, 1080), (1024, 768)])
def test_the_text_and_the_picture_are_on_the_first_screen(page, server, size, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, server)
    assert page.get_by_placeholder("Type a sentence").bounding_box()["y"] < 200
    for unit in ("unit 95, inside quotation marks", "unit 110, at the first letter of a word"):
        row = page.locator(f"[class*='st-key-tape'] {DRAWN} .row", has_text=unit).bounding_box()
        assert row["y"] + row["height"] < size[1]


def test_the_picture_of_a_long_text_is_on_the_first_screen_too(page, server):
    page.set_viewport_size({"width": 1280, "height": 720})
    opened(page, f"{server}/?model=lighthouse-gru&sentence={'Turn+the+light.+' * 200}")
    assert edges(page, f"[class*='st-key-tape'] {DRAWN} canvas")[0]["y"] + 26 < 720


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
def test_the_verdict_and_the_triangle_are_on_the_first_screen_of_gradients(page, server, size, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, f"{server}/gradients")
    assert page.get_by_text("It knows its own text by heart.").bounding_box()["y"] < 400
    triangle = edges(page, f"[class*='st-key-flow'] {DRAWN} canvas")[1]
    assert triangle["y"] + 120 < size[1]


def test_start_is_a_few_steps_of_the_tab_key_away_and_the_form_goes_row_by_row(page, server):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/train")
    start = page.get_by_role("button", name="Start")
    start.wait_for()
    assert start.bounding_box()["y"] < 720
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        words = page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText")
        seen.append(words.split("\n")[-1].strip())
    assert seen.index("Start") < 15
    form = [
        label
        for label in seen
        if label in ("Start", "quick", "Corpus", "Name of the run", "Cell", "Reset gate acts", "Units", "Layers")
    ]
    assert form == ["Start", "quick", "Corpus", "Name of the run", "Cell", "Reset gate acts", "Units", "Layers"]


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (390, 844)])
def test_start_and_the_recipe_are_on_the_first_screen_of_train(page, server, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{server}/train")
    summary = page.get_by_text("GRU, reset after, 64 units · lighthouse · Adam, learning rate 0.005")
    shown = [summary, *(page.get_by_role("button", name=name) for name in ("Start", "d2l-v2", "d2l-zh-v1", "quick"))]
    for element in shown:
        element.wait_for()
        box = element.bounding_box()
        assert 0 < box["y"] < box["y"] + box["height"] < size[1]
    if size[0] > 390:  # and what the recipe has filled in
        for label in ("Learning rate", "Clip threshold θ", "Batch", "Epochs"):
            box = page.get_by_role("spinbutton", name=label, exact=True).bounding_box()
            assert box["y"] + box["height"] < size[1]


@pytest.mark.parametrize("page_name", ["", "gradients"])
@pytest.mark.parametrize("width", [1440, 1280, 1024, 800, 390])
def test_no_card_stands_in_a_row_of_its_own_and_no_number_is_cut(page, server, width, page_name):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server}/{page_name}?model=lighthouse-gru&hold_z=1")
    page.locator("[data-testid=stMetric]").nth(7 if page_name else 3).wait_for()
    rows = [round(box["y"]) for box in edges(page, "[data-testid=stMetric]")]
    assert len({rows.count(y) for y in rows}) == 1, rows
    cut = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stMetricValue], [data-testid=stMetricValue] *')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => e.innerText)"
    )
    assert cut == []


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
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
