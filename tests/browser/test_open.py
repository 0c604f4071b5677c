"""The page Open as a person meets it."""

import pytest
import torch

from readers import SYMBOLS, Reader


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(4)
    path = tmp_path / "mine.pth"
    torch.save(Reader("gru").state_dict(), path)
    return path


def test_a_file_is_dropped_its_symbols_are_typed_and_its_gates_are_there(page, server, weights):
    page.goto(server)
    page.get_by_role("link", name="Open").click()
    page.locator("input[type=file]").set_input_files(weights)
    page.get_by_text("This network knows 12 symbols.").wait_for()
    page.get_by_role("combobox", name="The characters or words that it reads").click()
    page.get_by_role("option", name="typed here").click()
    field = page.get_by_role("textbox", name="The symbols in the order of their numbers")
    field.fill(SYMBOLS)
    field.press("Control+Enter")
    page.get_by_text("GRU, reset after, 7 units, 13 symbols").wait_for()
    page.get_by_role("link", name="See its gates").click()
    page.get_by_text("from the file mine.pth").wait_for()
    page.get_by_placeholder("Type a sentence").fill("a bad dad fed a jig")
    page.locator("[class*='st-key-tape'] .panel[data-end='18.5']").wait_for()
    page.reload()  # it is kept, and its address shows it
    page.get_by_text("from the file mine.pth").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
