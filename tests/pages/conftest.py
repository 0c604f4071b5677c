"""The pages' tests say what they show by the book's own model, whichever one the app opens on."""

import pytest

from explorer.pages.shell import facts, pickers


@pytest.fixture(autouse=True)
def _opens_on_the_book(request, monkeypatch):
    if "first_screen" not in request.keywords:
        monkeypatch.setattr(pickers, "FIRST_MODEL", "time-machine-gru")


@pytest.fixture(autouse=True)
def _no_browser_draws_meanwhile(monkeypatch):
    """A page waits for the browser to draw what it has sent; here nobody draws."""
    monkeypatch.setattr(facts, "SETTLE_S", 0)
