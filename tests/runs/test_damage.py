"""A store that something has damaged: a bad row is one line in the list, and nobody else's runs are touched."""

import json
import math
import random
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import explorer
from explorer import ModelConfig, Recipe, runs
from explorer.pages.shell import people
from explorer.runs.facts import Run, RunError, UnknownRunError
from explorer.runs.rows import EVENT_COLUMNS, STEP_COLUMNS, STORED
from waiting import ended

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
pytestmark = pytest.mark.xdist_group("damage")  # they share the two runs


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
        first = ended(first.id)
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
        for run_id, sentence in runs.listed(runs.COMMAND_LINE).unreadable.items():
            assert run_id not in listed
            assert f"its {column} is damaged" in sentence
        read_everything(first.id)
        assert all(isinstance(run, Run) for run in runs.runs())
        with sqlite3.connect(folder / "runs.sqlite") as db:  # by its number, whatever its name is now
            db.execute(f"UPDATE runs SET {column} = ? WHERE id != 'second-run'", kept)
    assert runs.run(first.id).name == "first"


@pytest.mark.parametrize("column", [name for name in STORED if name != "id"])
def test_what_is_no_text_in_one_row_hides_no_other(two, folder, column):
    first, second = two
    with sqlite3.connect(folder / "runs.sqlite") as db:
        db.execute(f"UPDATE runs SET {column} = CAST(x'61ff62' AS TEXT) WHERE id = ?", (first.id,))
    assert [run.id for run in runs.runs()] == [second.id]
    if column != "deleted":  # then it is in no list
        assert f"its {column} is damaged" in runs.listed().unreadable[first.id]
    if column != "owner":  # which is kept back
        assert json.loads(runs.raw(first.id))[column] == {"hex": "61ff62"}
    with pytest.raises(RunError, match=f"its {column} is damaged"):
        runs.run(first.id)


@pytest.mark.parametrize("value", [v for v in NASTY if not isinstance(v, int)] + ["灯\n\"'", "\0", -0.0, 2**62])
def test_what_is_left_of_a_damaged_run_can_be_saved_as_it_stands(two, folder, value):
    first, _ = two
    with sqlite3.connect(folder / "runs.sqlite") as db:
        db.execute("UPDATE runs SET config = ? WHERE id = ?", (value, first.id))
        stands = db.execute("SELECT config, name, recipe, seed FROM runs WHERE id = ?", (first.id,)).fetchone()
    left = json.loads(runs.raw(first.id))
    config = stands[0]
    expected = {"hex": config.hex()} if isinstance(config, bytes) else "inf" if config == math.inf else config
    assert (left["config"], left["name"], left["recipe"], left["seed"]) == (expected, *stands[1:])
    assert set(left) == {*STORED, "number", "heartbeat"} - {"owner"}  # nothing that names a browser or a machine
    with pytest.raises(UnknownRunError):
        runs.raw("nobody")


@pytest.mark.parametrize("odd", ["", "..", "../runs", "second-run/..", b"\xff\x00", b"", "a b", "\u202e"])
def test_a_run_whose_id_is_damaged_is_saved_and_deleted_and_no_other_is_touched(two, folder, odd):
    _, second = two
    with sqlite3.connect(folder / "runs.sqlite") as db:
        db.execute("UPDATE runs SET id = ?, config = 'x' WHERE id != 'second-run'", (odd,))
    mine = folder / "runs" / second.id
    mine.mkdir(exist_ok=True)
    (mine / "model.safetensors").write_bytes(b"weights")
    ((named, _),) = runs.listed().unreadable.items()
    assert json.loads(runs.raw(named))["config"] == "x"
    runs.delete(named)
    assert runs.listed().unreadable == {}
    runs._registry().store.purge(-1)
    assert (mine / "model.safetensors").read_bytes() == b"weights"
    assert runs.text(second.id)
    with sqlite3.connect(folder / "runs.sqlite") as db:
        assert db.execute("SELECT id FROM runs").fetchall() == [("second-run",)]


def test_the_deletion_of_a_damaged_run_can_be_undone(two, folder):
    first, _ = two
    damage(folder, "config")
    runs.delete(first.id)
    assert runs.listed().unreadable == {}
    with pytest.raises(RunError, match="its config is damaged"):
        runs.restore(first.id)
    assert list(runs.listed().unreadable) == [first.id]


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
    assert runs.listed().unreadable == {}
    assert {run.id for run in runs.runs()} == {first.id, second.id}
    assert read_everything(first.id) == []


@pytest.mark.parametrize("column", STANDING)
def test_the_page_lists_it_in_a_line_and_can_delete_it(two, folder, column, monkeypatch):
    st.cache_resource.clear()
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})  # the command line's are listed
    damage(folder, column)
    app = AppTest.from_file(str(PAGE), default_timeout=60)
    app.switch_page("scripts/train.py").run()
    assert not app.exception
    assert [line.value for line in app.markdown if f"its {column} is damaged" in line.value]
    assert any("second" in line.value for line in app.markdown)
    (save,) = (element for element in app.get("download_button") if element.proto.label == "Save")
    assert save.proto.deferred_file_id  # made when it is asked for
    next(button for button in app.button if button.label == "Delete" and "second" not in button.key).click().run()
    assert not app.exception
    assert runs.listed().unreadable == {}
    assert [run.name for run in runs.runs()] == ["second"]


@pytest.mark.parametrize("column", STANDING)
def test_a_link_to_it_is_answered_in_a_sentence_on_every_page(two, folder, column):
    st.cache_resource.clear()
    first, _ = two
    damage(folder, column)
    for page, query in (("train.py", {"run": first.id}), ("gates.py", {"model": f"run:{first.id}"})):
        app = AppTest.from_file(str(PAGE), default_timeout=60)
        app.query_params.update(query)
        app.switch_page(f"scripts/{page}").run()
        assert not app.exception
        said = " ".join(element.value for element in (*app.error, *app.warning))
        assert "damaged" in said or "which is not here" in said
