"""A store that something has damaged: a bad row is one line in the list, and nobody else's runs are touched."""

import random
import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer import ModelConfig, Recipe, runs
from explorer.pages.shell import people
from explorer.runs.facts import Run, RunError
from explorer.runs.rows import EVENT_COLUMNS, STEP_COLUMNS, STORED

PAGE = Path(explorer.__file__).parent / "pages" / "frame.py"
NASTY = [
    "",
    "x",
    "{}",
    "[]",
    "null",
    "[1]",
    '{"a": 1}',
    "[" * 3000,
    -1,
    10**19 % 2**63,
    1e308,
    float("inf"),
    b"\xff\x00",
    0.5,
]
STANDING = ["status", "config", "recipe", "prefixes", "parameters"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store with two runs of one person, the first finished with all there is."""
    data = tmp_path_factory.mktemp("whole") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATE_EXPLORER_DATA", str(data))
        first = runs.start(runs.RunRequest(
            ModelConfig(hidden_size=4), Recipe("adam", 0.01, 1.0, batch_size=2, num_steps=10, epochs=2),
            "the light turned and the sea was dark. " * 9, corpus="sea", session=runs.COMMAND_LINE, name="first",
            sentence="the sea",
        ))  # fmt: skip
        while (first := runs.run(first.id)).active:
            time.sleep(0.05)
        second = replace(first, id="second-run", name="second")
        runs._registry().store.add(second)
        runs._registry().store.close()
    return data, first, second


@pytest.fixture
def two(whole, folder):
    """The two runs of a copy of it."""
    shutil.copytree(whole[0], folder)
    return whole[1:]


def damage(folder, column):
    with sqlite3.connect(folder / "runs.sqlite") as db:
        db.execute(f"UPDATE runs SET {column} = 'x' WHERE id != 'second-run'")


def read_everything(run_id):
    """What of it is refused, in words; anything but a RunError fails the test."""
    refused = []
    for read in (runs.run, runs.metrics, runs.epochs_since, runs.text):
        try:
            read(run_id)
        except RunError as fault:
            refused.append(str(fault))
    return refused


@pytest.mark.parametrize("column", [*STORED, "worker", "host", "pid", "heartbeat"])
def test_a_damaged_column_of_a_run_is_told_and_the_others_are_there(two, folder, column):
    first, second = two
    for value in [*NASTY, None]:
        with sqlite3.connect(folder / "runs.sqlite") as db:
            kept = db.execute(f"SELECT {column} FROM runs WHERE name = 'first'").fetchone()
            try:
                db.execute(f"UPDATE runs SET {column} = ? WHERE name = 'first'", (value,))
            except (sqlite3.IntegrityError, OverflowError):
                continue
        runs._registry().look_now()
        listed = {run.id for run in runs.runs(runs.COMMAND_LINE)}
        assert second.id in listed
        assert {run.id for run in runs.models(runs.COMMAND_LINE)} <= listed
        for run_id, sentence in runs.unreadable(runs.COMMAND_LINE).items():
            assert run_id not in listed
            assert f"its {column} is damaged" in sentence
        read_everything(first.id)
        assert all(isinstance(run, Run) for run in runs.runs())
        with sqlite3.connect(folder / "runs.sqlite") as db:  # by its number, whatever its name is now
            db.execute(f"UPDATE runs SET {column} = ? WHERE id != 'second-run'", kept)
    assert runs.run(first.id).name == "first"


@pytest.mark.parametrize("table", ["steps", "epochs"])
@pytest.mark.parametrize("seed", range(4))
def test_damaged_steps_and_epochs_are_told_or_read(two, folder, table, seed):
    first, second = two
    pick = random.Random(seed)
    for column in STEP_COLUMNS[1:] if table == "steps" else EVENT_COLUMNS[1:]:
        value = pick.choice(NASTY)
        with sqlite3.connect(folder / "runs.sqlite") as db:
            db.execute(f"UPDATE {table} SET {column} = ? WHERE run = 1", (value,))
        for sentence in read_everything(first.id):
            assert "cannot be read" in sentence
        assert second.id in {run.id for run in runs.runs()}


def test_an_undamaged_store_has_nothing_that_cannot_be_read(two):
    first, second = two
    assert runs.unreadable() == {}
    assert {run.id for run in runs.runs()} == {first.id, second.id}
    assert read_everything(first.id) == []


@pytest.mark.parametrize("column", STANDING)
def test_the_page_lists_it_in_a_line_and_can_delete_it(two, folder, column, monkeypatch):
    st.cache_resource.clear()
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})  # the command line's are listed
    damage(folder, column)
    app = AppTest.from_file(str(PAGE), default_timeout=60)
    app.switch_page("train.py").run()
    assert not app.exception
    assert [line.value for line in app.markdown if f"its {column} is damaged" in line.value]
    assert any("second" in line.value for line in app.markdown)
    next(button for button in app.button if button.label == "Delete" and "second" not in button.key).click().run()
    assert not app.exception
    assert runs.unreadable() == {}
    assert [run.name for run in runs.runs()] == ["second"]


@pytest.mark.parametrize("column", STANDING)
def test_a_link_to_it_is_answered_in_a_sentence_on_every_page(two, folder, column):
    st.cache_resource.clear()
    first, _ = two
    damage(folder, column)
    for page, query in (("train.py", {"run": first.id}), ("gates.py", {"model": f"run:{first.id}"})):
        app = AppTest.from_file(str(PAGE), default_timeout=60)
        app.query_params.update(query)
        app.switch_page(page).run()
        assert not app.exception
        said = " ".join(element.value for element in (*app.error, *app.warning))
        assert "damaged" in said or "which is not here" in said
