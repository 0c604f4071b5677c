"""The file of the store: readers that wait for nobody, and a file that is not the one that was opened."""

import contextlib
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from explorer import ModelConfig, load_checkpoint, runs
from explorer.runs import database
from explorer.runs.claim import Claim
from explorer.runs.database import Database, StoreGoneError
from explorer.runs.facts import RunError, UnknownRunError
from explorer.runs.store import Store
from explorer.runs.worker import work
from explorer.training import Recipe
from waiting import until

SCHEMA = "CREATE TABLE words (word TEXT);"
RECIPE = Recipe("adam", batch_size=2, num_steps=8, learning_rate=0.01)
TEXT = "the lamp is lit and the sea is dark. " * 8


@pytest.fixture
def path(tmp_path):
    return tmp_path / "words.sqlite"


@contextlib.contextmanager
def locked(path, how="IMMEDIATE"):
    """Another process is writing, and does not let go."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


def put(words, word):
    with words.transaction() as db:
        db.execute("INSERT INTO words VALUES (?)", (word,))


def listed(words):
    return [row["word"] for row in words.rows("SELECT word FROM words")]


def added(store, recipe):
    config = ModelConfig(cell="rnn", hidden_size=4)
    run = runs.new_run(runs.RunRequest(config, recipe, TEXT, corpus="lamp", session="ann", held_out_share=0))
    made = runs.Run(**{**vars(run), "text": store.files.keep_text(TEXT)})
    return store.add(made)


# ---- reading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_reader_does_not_wait_for_another_process_that_writes(path, how):
    words = Database(path, SCHEMA, 1)
    put(words, "lamp")
    with locked(path, how):
        assert listed(words) == ["lamp"]
        assert listed(Database(path, SCHEMA, 1)) == ["lamp"]  # nor does one that comes now


def test_a_reader_does_not_wait_for_a_thread_that_waits_to_write(path):
    words = Database(path, SCHEMA, 1)
    put(words, "lamp")
    with locked(path):
        writer = threading.Thread(target=put, args=(words, "sea"))
        writer.start()
        for _ in range(20):
            assert listed(words) == ["lamp"]
        assert writer.is_alive()  # it does wait
    writer.join()
    assert listed(words) == ["lamp", "sea"]


def test_what_reads_cannot_write(path):
    words = Database(path, SCHEMA, 1)
    with pytest.raises(RunError, match="readonly"):
        words.rows("INSERT INTO words VALUES ('lamp')")
    assert listed(words) == []


def test_a_writer_that_waits_in_vain_is_told(path, monkeypatch):
    monkeypatch.setattr(database, "WRITER_WAITS_S", 0)
    words = Database(path, SCHEMA, 1)
    with locked(path), pytest.raises(RunError, match=r"in use by another process that does not let go\. Try again"):
        put(words, "lamp")
    put(words, "lamp")


def test_showing_writes_nothing_and_does_not_wait(folder, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "0")
    store = Store(folder)
    run = added(store, replace(RECIPE, epochs=2))
    work(store, store.begin(run.id))
    files = [folder / f"runs.sqlite{end}" for end in ("", "-wal")]
    before = [file.read_bytes() for file in files]
    with locked(folder / "runs.sqlite"):
        runs.prepare()
        runs._registry().look_now()
        assert runs.run(run.id).status == "finished"
        assert [listed.id for listed in runs.runs()] == [listed.id for listed in runs.models()] == [run.id]
        assert runs.metrics(run.id).last_step == runs.run(run.id).step > 0
        assert [event.epoch for event in runs.epochs_since(run.id)] == [0, 1, 2]
        assert runs.checkpoint(run.id).last_epoch == 2
        assert runs.listed().unreadable == {}
    assert [file.read_bytes() for file in files] == before


# ---- deleted, put back, replaced ------------------------------------------------------------------------------


def test_a_file_that_was_deleted_is_missed_and_one_that_is_put_back_goes_on(path, tmp_path):
    words = Database(path, SCHEMA, 1)
    put(words, "lamp")
    path.rename(tmp_path / "elsewhere")
    for act in (lambda: listed(words), lambda: put(words, "sea")):
        with pytest.raises(StoreGoneError, match=r"deleted or moved while this was running\. Put it back"):
            act()
    (tmp_path / "elsewhere").rename(path)
    put(words, "sea")
    assert listed(words) == ["lamp", "sea"]


@pytest.mark.parametrize("new", ["copied", "made", "empty"])
def test_a_file_in_its_place_is_followed_by_a_server_and_refused_by_a_worker(path, tmp_path, new):
    server, worker = Database(path, SCHEMA, 1), Database(path, SCHEMA, 1, follows=False)
    put(server, "lamp")
    other = tmp_path / "other.sqlite"
    if new == "copied":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("VACUUM INTO ?", (str(other),))
    elif new == "made":
        Database(other, SCHEMA, 1).close()
    else:
        other.touch()
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink()
    other.replace(path)
    for act in (lambda: listed(worker), lambda: put(worker, "sea")):
        with pytest.raises(StoreGoneError, match="replaced by another"):
            act()
    assert listed(server) == (["lamp"] if new == "copied" else [])
    put(server, "sea")
    assert listed(server)[-1] == "sea"


def test_a_folder_that_was_deleted_is_missed(folder):
    store = Store(folder)
    run = added(store, replace(RECIPE, epochs=2))
    shutil.rmtree(folder)
    for act in (lambda: store.run(run.id), store.runs, lambda: store.stop(run.id), store.sweep):
        with pytest.raises(StoreGoneError):
            act()
    assert not folder.exists()  # nothing is begun in the place of what somebody took away


@pytest.mark.parametrize("gone", ["file", "folder"])
def test_a_run_whose_store_is_gone_keeps_what_it_has_and_says_so(folder, monkeypatch, gone):
    store = Store(folder, follows=False)
    run, write = added(store, replace(RECIPE, epochs=5_000)), Claim.write
    written = []

    def lose(*about):
        write(*about)
        written.append(about)
        if len(written) == 3:
            shutil.rmtree(folder) if gone == "folder" else (folder / "runs.sqlite").unlink()

    monkeypatch.setattr(Claim, "write", lose)
    with pytest.raises(RunError, match=r"deleted or moved .* ended in epoch \d+; its weights are kept in its folder"):
        work(store, store.begin(run.id))
    kept = load_checkpoint(store.files.checkpoint_path(run.id))
    assert len(kept.history) >= 1
    assert store.files.state_path(run.id).is_file()


def test_who_looks_at_a_run_whose_store_was_replaced_reads_what_became_of_it(folder, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "0")
    run = runs.start(
        runs.RunRequest(
            ModelConfig(cell="rnn", hidden_size=4),
            replace(RECIPE, epochs=5_000),
            TEXT,
            corpus="lamp",
            session="ann",
        )
    )
    registry = runs._registry()
    until(lambda: runs.run(run.id).step)
    for end in ("", "-wal", "-shm"):
        Path(f"{folder / 'runs.sqlite'}{end}").unlink()
    with pytest.raises(StoreGoneError):
        runs.run(run.id)
    until(lambda: run.id in registry._told)
    Store(folder).close()  # somebody has begun a new one
    with pytest.raises(UnknownRunError, match=r"deleted or moved .* its weights are kept in its folder"):
        runs.run(run.id)
    assert runs.runs() == []
    assert load_checkpoint(folder / "runs" / run.id / "model.safetensors").last_epoch > 0


@pytest.mark.parametrize("run_id", ["\ud800", "a\0b", "x" * 100_000, "", "../.."])
def test_an_id_that_no_run_has_is_told_whatever_it_is(folder, run_id):
    for ask in (runs.run, runs.metrics, runs.text, runs.checkpoint_path, runs.resume):
        with pytest.raises(UnknownRunError):
            ask(run_id)
    assert runs.runs(run_id) == runs.epochs_since(run_id) == runs.epochs_since(run_id, 0, 0) == []
    for act in (runs.stop, runs.restore, lambda run_id: runs.rename(run_id, "name")):
        with pytest.raises(RunError):
            act(run_id)
