"""A long text is read with a word on the page, and the reading gives way to a newer wish without being begun twice."""

import threading
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import drawn
import explorer
from explorer.pages.shell import patience, session

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
LONG = "Turn, light, turn, on the hill of stone. " * 100


class NewerWishError(Exception):
    """What Streamlit would raise where a run is broken off."""


@pytest.fixture(autouse=True)
def _empty_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def slow(monkeypatch):
    """trace_gates, counted, and held until it is let go."""
    begun, go, trace_gates = [], threading.Event(), explorer.trace_gates

    def held(model, text):
        begun.append(len(text))
        go.wait(120)  # longer than a page is waited for
        return trace_gates(model, text)

    monkeypatch.setattr(explorer, "trace_gates", held)
    return begun, go


def opened():
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"model": "lighthouse-gru", "sentence": LONG})
    return app


def test_a_reading_breaks_off_and_is_waited_for_by_who_comes_again(slow, monkeypatch):
    begun, go = slow
    with monkeypatch.context() as patch:
        patch.setattr(session, "give_way", lambda: (_ for _ in ()).throw(NewerWishError))
        app = opened()
        app.run()  # comes to an end, though nothing has let the reading go
        assert app.exception  # broken off
    go.set()
    app.run()
    assert not app.exception
    assert begun == [len(LONG)]
    assert drawn.characters(app) == len(LONG)


def test_a_short_text_needs_no_thread(slow, monkeypatch):
    begun, go = slow
    go.set()
    monkeypatch.setattr(patience, "turns", lambda: pytest.fail("a thread for a short text"))
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    assert not app.exception
    assert len(begun) == 1
