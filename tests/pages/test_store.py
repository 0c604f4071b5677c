"""The pages while the store of the runs is written to by another, and when it is gone."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer import Recipe, runs
from explorer.pages import live
from explorer.pages.shell import links, process
from explorer.pages.shell.plain import plain
from explorer.runs.worker import work

APP = Path(explorer.__file__).parent / "pages" / "frame.py"
TEXT = "the lamp is lit and the sea is dark. " * 8


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that has ended, in a data folder of its own."""
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(process, "settle", lambda: None)
    st.cache_data.clear()
    st.cache_resource.clear()
    config, recipe = explorer.ModelConfig(hidden_size=4), Recipe("adam", epochs=2, batch_size=2, num_steps=8)
    made = runs.new_run(
        runs.RunRequest(config, recipe, TEXT, corpus="lamp", session=runs.COMMAND_LINE, sentence="the lamp")
    )
    store = runs._registry().store
    made = store.add(runs.Run(**{**vars(made), "text": store.files.keep_text(TEXT)}))
    work(store, store.begin(made.id))
    return made


def opened(page, run):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"run": run.id} if page == links.TRAIN else {"model": f"run:{run.id}"})
    if page != links.GATES:
        app.switch_page(f"scripts/{page}.py")
    app.run()
    assert not app.exception
    return app


def store_file():
    return runs.data_folder() / "runs.sqlite"


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS, links.TRAIN])
def test_a_page_shows_a_run_while_another_process_writes(run, page):
    with contextlib.closing(sqlite3.connect(store_file(), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        app = opened(page, run)
        assert not app.error
        words = [element.value for kind in (app.markdown, app.caption, app.subheader) for element in kind]
        words += [option for box in app.selectbox for option in box.options]
        assert any(run.name in word or plain(run.name) in word for word in words)
        assert live.answer((run.id,), "")[0] == 200


@pytest.mark.parametrize("page", [links.GATES, links.GRADIENTS, links.TRAIN])
def test_a_page_whose_store_was_taken_away_says_so_and_keeps_what_was_chosen(run, page):
    opened(page, run)
    store_file().rename(store_file().with_name("elsewhere"))
    app = opened(page, run)
    assert len(app.error) == 1
    assert "deleted or moved" in app.error[0].value
    assert str(store_file().parent) not in app.error[0].value
    assert run.id in str(app.query_params)
    assert live.answer((run.id,), "")[0] == 503
    store_file().with_name("elsewhere").rename(store_file())
    assert not opened(page, run).error


def test_a_damaged_file_of_a_model_is_a_sentence(run):
    path = runs.checkpoint_path(run.id)
    path.write_bytes(path.read_bytes()[:100])
    for page in (links.GATES, links.GRADIENTS):
        app = opened(page, run)
        assert app.error
