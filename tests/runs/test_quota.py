"""What strangers may take of a server: runs, seconds and disk, for a browser and for all."""

import pytest

from explorer import ModelConfig, Recipe, runs
from explorer.runs.facts import RunError
from explorer.runs.settings import OF_STRANGERS, settings

CONFIG, RECIPE = ModelConfig(cell="rnn", hidden_size=4), Recipe("adam", batch_size=2, num_steps=8, epochs=2)
TEXT = "the lamp is lit and the sea is dark. " * 8


@pytest.fixture
def line(folder, monkeypatch):
    """A server that trains nothing, where each session may wait with many runs."""
    monkeypatch.setattr("explorer.runs.registry.Registry.admit", lambda self: None)
    monkeypatch.setenv("GATE_EXPLORER_WAITING_PER_SESSION", "100")
    yield folder
    runs._registry().close()
    runs._registries.clear()


def start(session="ann"):
    return runs.start(runs.RunRequest(CONFIG, RECIPE, TEXT, corpus="lamp", session=session))


def weigh(run, size):
    """Let the files of a run have so many bytes."""
    path = runs._registry().store.files.run_folder(run.id)
    path.mkdir(parents=True, exist_ok=True)
    (path / "state.safetensors").write_bytes(bytes(size))


def test_a_server_for_strangers_has_limits_and_ones_own_has_none(folder, monkeypatch):
    own = settings()
    assert {name: getattr(own, name) for name in OF_STRANGERS} == dict.fromkeys(OF_STRANGERS)
    monkeypatch.setenv("GATE_EXPLORER_PUBLIC", "0")
    assert settings() == own
    monkeypatch.setenv("GATE_EXPLORER_PUBLIC", "1")
    assert {name: getattr(settings(), name) for name in OF_STRANGERS} == OF_STRANGERS
    monkeypatch.setenv("GATE_EXPLORER_DISK_MB", "7")
    assert settings().disk_mb == 7


def test_a_browser_keeps_so_many_runs_and_another_is_not_touched_by_it(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_RUNS_PER_SESSION", "2")
    first, _ = start(), start()
    with pytest.raises(RunError, match=r"at most 2 runs of one browser; delete one first"):
        start()
    assert start("bob").owner == "bob"
    runs.delete(first.id)
    start()


def test_the_runs_of_a_browser_take_so_much_of_the_disk(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_SESSION_MB", "3")
    first, second = start(), start()
    weigh(first, 2_000_000)
    third = start()
    weigh(second, 2_000_000)
    with pytest.raises(RunError, match=r"Your runs take 4 MB on this server, and one browser may take 3\. Delete one"):
        start()
    start("bob")
    runs.delete(second.id)
    start()
    assert third.id in {run.id for run in runs.runs("ann")}


def interrupted(run):
    """The run, after its worker was lost."""
    store = runs._registry().store
    store.end_dead(run.id, store.begin(run.id).token, "gone")
    return run


def test_a_run_is_resumed_only_where_there_is_room_for_it(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_SESSION_MB", "3")
    first, second = interrupted(start()), start()
    weigh(first, 2_000_000)
    weigh(second, 2_000_000)
    with pytest.raises(RunError, match=r"Your runs take 4 MB on this server, and one browser may take 3\. Delete one"):
        runs.resume(first.id)
    assert runs.run(first.id).status == "interrupted"
    weigh(second, 900_000)
    assert runs.resume(first.id).status == "waiting"


def test_a_run_is_resumed_only_where_all_runs_have_room(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DISK_MB", "5")
    first = interrupted(start())
    weigh(first, 4_000_000)
    weigh(start("bob"), 2_000_000)
    with pytest.raises(RunError, match="take all the room they may"):
        runs.resume(first.id)
    assert runs.run(first.id).status == "interrupted"


def test_the_number_of_runs_does_not_keep_anyone_from_resuming_one(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_RUNS_PER_SESSION", "1")
    assert runs.resume(interrupted(start()).id).status == "waiting"


def test_what_cannot_be_resumed_says_that_first(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_SESSION_MB", "1")
    run = start()
    weigh(run, 2_000_000)
    with pytest.raises(RunError, match="this one is waiting"):
        runs.resume(run.id)


def test_undoing_a_deletion_is_no_way_around_the_limits(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_RUNS_PER_SESSION", "1")
    monkeypatch.setenv("GATE_EXPLORER_SESSION_MB", "3")
    first = start()
    weigh(first, 2_000_000)
    runs.delete(first.id)
    second = start()
    weigh(second, 2_000_000)
    with pytest.raises(RunError, match="at most 1 runs of one browser"):
        runs.restore(first.id)
    monkeypatch.setenv("GATE_EXPLORER_RUNS_PER_SESSION", "2")
    with pytest.raises(RunError, match="Your runs take 4 MB"):
        runs.restore(first.id)
    assert [run.id for run in runs.runs("ann")] == [second.id]
    assert runs.restore(second.id).deleted is None  # it was never deleted, and nothing is asked
    runs.delete(second.id)
    assert runs.restore(first.id).deleted is None


def test_all_runs_take_so_much_of_it_and_what_was_deleted_makes_room_first(line, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DISK_MB", "5")
    first, second = start(), start("bob")
    weigh(first, 4_000_000)
    weigh(second, 2_000_000)
    with pytest.raises(RunError, match=r"take all the room they may\. Try again when some were deleted"):
        start("eve")
    runs.delete(first.id)
    start("eve")
    with pytest.raises(RunError):
        runs.restore(first.id)
    assert runs.run(second.id).owner == "bob"


def test_without_limits_nothing_is_measured(line, monkeypatch):
    monkeypatch.setattr("explorer.runs.folder._bytes_in", lambda folder: pytest.fail("measured"))
    start()


def test_a_deleted_run_that_is_still_stopping_is_not_purged_under_its_worker(line):
    run = start()
    store = runs._registry().store
    store.begin(run.id)
    runs.delete(run.id)
    store.purge(0)
    assert store.run(run.id).status == "stopping"
    store.end_dead(run.id, store._rows("SELECT worker FROM runs")[0][0], "gone")
    store.purge(0)
    with pytest.raises(RunError):
        store.run(run.id)
