"""The page Train as a lecturer meets it: start, watch, reload, stop."""

import re

import pytest

from waiting import until

LIVE, SAID = "[class*='st-key-live'] canvas", "[class*='st-key-live'] .said"
WATCHED = "[class*='st-key-watched'] .panel[data-drawn]"


def start(page, server, *, epochs):
    page.goto(f"{server}/train")
    page.get_by_role("button", name="Start").wait_for()
    for label, value in (("Epochs", epochs), ("Units", 16)):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(str(value))
        field.press("Enter")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**run=**")
    page.locator(LIVE).first.wait_for()


def step_shown(page):
    """The step that the page shows; -1 where it shows none."""
    found = re.search(r"step ([\d,]+) of", page.locator(SAID).inner_text())
    return int(found[1].replace(",", "")) if found else -1


def wait_for_step_after(page, step):
    until(lambda: step_shown(page) > step, 60)


@pytest.mark.process
def test_a_run_is_watched_live_found_after_a_reload_and_stopped_in_real_time(page, server):
    start(page, server, epochs=2000)
    wait_for_step_after(page, 0)
    first = step_shown(page)
    canvas = page.locator(LIVE).first.element_handle()
    wait_for_step_after(page, first)  # it goes on by itself
    assert canvas.is_visible()  # and the chart is the same one: nothing was built again
    box, live = canvas.bounding_box(), page.locator("[class*='st-key-live'] .panel")
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 100, steps=4)
    page.mouse.up()
    until(lambda: live.get_attribute("data-zoom"), 5)
    zoom = live.get_attribute("data-zoom")
    wait_for_step_after(page, step_shown(page))
    assert live.get_attribute("data-zoom") == zoom
    address = page.url
    page.reload()
    page.locator(LIVE).first.wait_for()
    assert page.url == address
    wait_for_step_after(page, first)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("stopped").first.wait_for()
    page.wait_for_timeout(1500)  # the curves ask once more for the last steps
    stopped_at = step_shown(page)
    page.wait_for_timeout(1500)
    assert step_shown(page) == stopped_at
    page.get_by_role("button", name="Resume").click()
    wait_for_step_after(page, stopped_at)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()  # the next test's run needs the worker
    page.get_by_text("Your sentence over training").wait_for()
    shown = page.locator(".epochs output")
    slider = page.get_by_role("slider", name="epoch", exact=True)
    slider.press("Home")
    shown.get_by_text("epoch 0", exact=True).wait_for()
    page.locator("[class*='st-key-watched'] .panel[aria-busy='false']").wait_for()
    page.get_by_text("Settings of this run").click()  # the page runs again, and stays at the epoch
    page.get_by_text("Learning rate").first.wait_for()
    assert shown.inner_text() == "epoch 0"


@pytest.mark.process
def test_the_gates_and_gradients_of_a_run_are_a_click_away_while_it_goes(page, server):
    page.goto(f"{server}/?model=time-machine-lstm&hold_f=0.9")
    page.get_by_text("This model is altered").wait_for()
    page.get_by_role("link", name="Train").click()
    page.get_by_role("spinbutton", name="Units").fill("16")
    field = page.get_by_role("spinbutton", name="Epochs")
    field.fill("5000")
    field.press("Enter")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**run=**")
    run_id = page.url.partition("run=")[2]
    for name in ("See its gates", "See its gradients"):
        page.get_by_role("link", name=name).click()
        page.get_by_text("GRU, reset after, 16 units; learned The Lighthouse").wait_for()
        assert f"model=run%3A{run_id}" in page.url
        assert "hold_f" not in page.url
        page.get_by_role("link", name="Train").click()
        page.get_by_role("button", name="Stop").wait_for()  # it goes on, and its page is still there
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()


def test_a_deleted_run_can_be_brought_back(page, server):
    start(page, server, epochs=1)
    page.get_by_text("finished").first.wait_for()
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_text("The run was deleted").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Your runs").wait_for()


@pytest.mark.process
def test_when_the_server_is_killed_the_page_says_so_and_finds_its_run_again(page, servers, expected):
    # Streamlit says so: once it has asked in vain for a while; and when the page asks for a run of its script meanwhile.
    expected += ["No response received", "the internet?", "rerun backMessage when disconnected"]
    address, serve = servers
    with serve() as process:
        start(page, address, epochs=5000)
        wait_for_step_after(page, 0)
        page.locator(WATCHED).first.wait_for()  # what the page is made of has been loaded
        shown = step_shown(page)
        process.kill()
        page.get_by_text("No answer from the server").first.wait_for()  # the curves say so, and the picture
    with serve():
        page.get_by_text("interrupted").first.wait_for()  # by itself
        page.get_by_role("button", name="Resume").click()
        wait_for_step_after(page, shown)
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("stopped").first.wait_for()


def test_a_run_belongs_to_the_browser_that_started_it_and_others_may_look(page, server, chromium):
    start(page, server, epochs=2000)
    page.get_by_role("button", name="Stop").wait_for()
    (cookie,) = [c for c in page.context.cookies() if c["name"].startswith("gate-explorer-")]
    assert cookie["httpOnly"]
    assert page.evaluate("document.cookie").find("gate-explorer") == -1
    context = chromium.new_context()
    other = context.new_page()
    other.goto(page.url)
    other.locator(LIVE).first.wait_for()
    other.get_by_text("Only the browser that started it").wait_for()
    assert other.get_by_role("button", name="Stop").count() == 0
    assert other.get_by_text("Your runs").count() == 0
    context.close()
    state = page.context.storage_state()  # the browser is closed, and opened again
    context = chromium.new_context(storage_state=state)
    again = context.new_page()
    again.set_default_timeout(60_000)
    again.goto(page.url)
    again.get_by_role("button", name="Stop").click()
    again.get_by_role("button", name="Resume").wait_for()
    context.close()
