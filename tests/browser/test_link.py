"""The address through page changes, reloads, the back button and a second browser."""

from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import expect

DRAWN = ".panel[data-drawn]"
BOOK = "model=time-machine-gru"


def query(page):
    return dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True))


def opened(page, address):
    page.goto(address)
    page.locator(DRAWN).first.wait_for()


def went(page, name):
    page.get_by_role("link", name=name).click()
    page.wait_for_url(f"**/{'' if name == 'Gates' else name.lower()}?**")
    (page.get_by_role("button", name="Start") if name == "Train" else page.locator(DRAWN)).first.wait_for()


def epoch(page, shown):
    page.get_by_role("slider", name="Epochs of training").and_(page.locator(f"[aria-valuetext='{shown}']")).wait_for()


def settled(page):
    """Wait for the end of the run: a page of which Streamlit still draws is put in the history again when one leaves it."""
    page.locator("[data-test-script-state=notRunning]").wait_for()


def sentence(page, shown):
    expect(page.get_by_placeholder("Type a sentence")).to_have_value(shown)


def test_what_a_link_names_stays_through_pages_and_reloads(page, server):
    wanted = {"model": "time-machine-gru", "epoch": "16", "hold_z": "0.9"}
    opened(page, f"{server}/?model=time-machine-gru&epoch=16&hold_z=0.9")
    for name in ("Gradients", "Train"):
        went(page, name)
        assert query(page) == wanted
    page.reload()
    page.get_by_role("button", name="Start").wait_for()
    assert query(page) == wanted
    for name in ("Gradients", "Gates"):  # and it is what the controls show, on every page
        went(page, name)
        assert query(page) == wanted
        epoch(page, 16)
        page.get_by_text("This model is altered").wait_for()


def test_back_and_forward_show_what_the_address_says(page, server):
    opened(page, f"{server}/?model=time-machine-gru&epoch=16")
    went(page, "Gradients")
    slider = page.get_by_role("slider", name="Epochs of training")
    slider.focus()
    slider.press("End")
    for go, address, shown in (
        (None, f"/gradients?{BOOK}", 500),
        (page.go_back, f"/gradients?{BOOK}&epoch=16", 16),
        (page.go_back, f"/?{BOOK}&epoch=16", 16),  # one step a page: no address stands between them
        (page.go_forward, f"/gradients?{BOOK}&epoch=16", 16),
        (page.go_forward, f"/gradients?{BOOK}", 500),
    ):
        if go:
            settled(page)
            go()
        page.wait_for_url(f"**{address}")
        epoch(page, shown)
        page.locator(DRAWN).first.wait_for()


def test_the_words_that_were_asked_into_the_link_stay_in_it_also_when_they_are_none(page, server, chromium):
    opened(page, f"{server}/?model=river-town-gru")
    page.get_by_text("Put the sentence in the link").click()
    page.wait_for_url("**sentence=**")
    page.get_by_placeholder("Type a sentence").fill("小满的船")
    page.wait_for_url("**sentence=%E5%B0%8F%E6%BB%A1%E7%9A%84%E8%88%B9")
    went(page, "Gradients")
    sentence(page, "小满的船")
    assert query(page)["sentence"] == "小满的船"
    page.get_by_placeholder("Type a sentence").fill("")
    page.wait_for_url("**sentence=")
    page.get_by_role("link", name="Gates").click()
    page.get_by_text("There is no text yet").wait_for()
    page.reload()
    page.get_by_text("There is no text yet").wait_for()
    sentence(page, "")
    context = chromium.new_context()
    other = context.new_page()
    other.goto(page.url)
    other.get_by_text("There is no text yet").wait_for()
    assert query(other) == query(page) == {"model": "river-town-gru", "sentence": ""}
    context.close()


def test_a_link_that_cannot_be_followed_says_so_to_the_letter(page, server):
    opened(page, f"{server}/?model=%3Cb%3E%3Ared%5Bx%5D%20%24y%24&epoch=17")
    page.get_by_text(
        "The link names the model “<b>:red[x] $y$”, which is not here; lighthouse-gru is shown instead."
    ).wait_for()
    page.get_by_text("The link names the epoch “17”, which is not here; 60 is shown instead.").wait_for()
    page.wait_for_function("location.search === ''")
