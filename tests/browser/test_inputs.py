"""Pastes and files as a person brings them."""

from playwright.sync_api import expect

DRAWN = ".panel[data-drawn]"


def test_a_paste_of_twenty_thousand_characters_goes_where_long_texts_go(page, server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server)
    page.goto(f"{server}/?model=lighthouse-gru")
    page.locator(DRAWN).first.wait_for()
    field = page.get_by_placeholder("Type a sentence")
    field.click()
    field.press("Control+a")
    page.evaluate("navigator.clipboard.writeText('The light turned, and the sea was dark. '.repeat(500))")
    field.press("Control+v")
    page.get_by_text("This is here because a sentence has at most 2,000 characters, and this has 20,000.").wait_for()
    expect(page.get_by_placeholder("Paste a text")).to_have_value("The light turned, and the sea was dark. " * 500)
    page.get_by_text("All 20,000 characters are analysed").wait_for()
    field.wait_for(state="detached")


def test_a_file_stays_through_a_visit_to_another_page(page, server, tmp_path):
    file = tmp_path / "my $x$ *story*.txt"
    file.write_text("Turn, light, turn, on the hill of stone. " * 9, "utf-8")
    page.goto(f"{server}/?model=lighthouse-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("File", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("my $x$ *story*.txt · 369 characters, read as UTF-8").wait_for()
    page.get_by_role("link", name="Train").click()
    page.get_by_role("button", name="Start").wait_for()
    page.get_by_role("link", name="Gradients").click()
    page.get_by_text("my $x$ *story*.txt · 369 characters, read as UTF-8").wait_for()
    page.get_by_role("button", name="Remove the file").click()
    page.locator("input[type=file]").wait_for(state="attached")


def test_alter_the_model_stays_open_when_its_slider_returns(page, server):
    page.goto(server)
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Alter the model").click()
    slider = page.get_by_role("slider", name="Hold the update gate z at")
    slider.focus()
    slider.press("End")
    page.get_by_text("This model is altered").wait_for()
    slider.press("Home")
    page.get_by_text("This model is altered").wait_for(state="detached")
    assert slider.is_visible()
