"""The table of statuses: the store follows it in everything that can happen, and the document shows it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import explorer
from explorer import ModelConfig, Recipe, runs
from explorer.runs import process, status
from explorer.runs import store as store_module
from explorer.runs.claim import Claim, Superseded
from explorer.runs.facts import RunError
from explorer.runs.status import EVENTS, LAST_WORDS, STATUSES, allowed
from explorer.runs.store import DEAD_AFTER_S

DOCUMENT = Path(explorer.__file__).parents[1] / "docs" / "runs.md"
WISH = runs.RunRequest(
    ModelConfig(hidden_size=4), Recipe(batch_size=2, num_steps=10, epochs=1), "the sea was dark. " * 20, corpus="sea",
    session="ann",
)  # fmt: skip


def set_row(store, run, **columns):
    assignments = ", ".join(f"{name} = ?" for name in columns)
    store.database._writer.connection.execute(
        f"UPDATE runs SET {assignments} WHERE id = ?", (*columns.values(), run.id)
    )


def row(store, run):
    return dict(store._rows("SELECT * FROM runs WHERE id = ?", run.id)[0])


@pytest.fixture
def run(store):
    return store.add(replace(runs.new_run(WISH), text=store.files.keep_text(WISH.text)))


ACTS = {
    "claim": lambda store, held: store.begin(held.run_id),
    "stop": lambda store, held: store.stop(held.run_id),
    "die": lambda store, held: store.end_dead(held.run_id, held.token, "gone"),
    "answer": lambda store, held: held.pulse(os.getpid()),
    "resume": lambda store, held: store.requeue(held.run_id, 1, 1),
    **{f"end {word}": lambda store, held, word=word: held.end(word) for word in STATUSES},
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("before", STATUSES)
def test_the_store_does_what_the_table_allows_and_nothing_else(store, run, before, act):
    held = Claim(store.database, run.id, "token")
    set_row(store, run, status=before, worker="token", heartbeat=1.0)
    event, _, word = act.partition(" ")
    leads_to = [to for to in allowed(before, event) if word in ("", to)]
    as_it_was = row(store, run)
    try:
        ACTS[act](store, held)
    except (RunError, Superseded):
        assert not leads_to
    after = row(store, run)
    assert after["status"] == (leads_to[0] if leads_to else before)
    if not leads_to:
        assert after == as_it_was
    assert store.run(run.id).message in ("", "gone")


def test_every_event_is_acted():
    assert {act.partition(" ")[0] for act in ACTS} == set(EVENTS)
    assert {event for known in STATUSES.values() for event in known.after} == set(EVENTS)


def test_every_status_is_led_to_and_but_for_the_ends_led_away_from():
    led_to = {to for known in STATUSES.values() for leads_to in known.after.values() for to in leads_to}
    assert led_to == set(STATUSES)
    assert [name for name, known in STATUSES.items() if not known.after] == ["finished", "diverged"]


def test_what_is_made_of_the_table():
    assert status.ACTIVE == ("waiting", "running", "stopping")
    assert status.TRAINED == ("running", "stopping")
    assert set(status.HELD) == {"running", "stopping", "interrupted"}
    assert set(status.RESUMABLE) == {"stopped", "interrupted", "failed"}
    assert [name for name in STATUSES if allowed(name, "stop")] == ["waiting", "running"]
    assert allowed("on the moon", "stop") == ()


def test_the_document_shows_the_table():
    lines = DOCUMENT.read_text("utf-8").splitlines()
    for name, known in STATUSES.items():
        leads = [f"{event}: {', '.join(to) if to != LAST_WORDS else 'any end'}" for event, to in known.after.items()]
        assert f"| {name} | {status.meaning(name)} | {'; '.join(leads) or '-'} |" in lines
    for event in EVENTS:
        assert f"- {event}: {status.happening(event)}" in lines
    assert f"Any end is {', '.join(LAST_WORDS[:-1])} or {LAST_WORDS[-1]}." in lines
    shown = [line for line in lines if line.startswith("| ") and line.split(" | ")[0][2:] in STATUSES]
    assert len(shown) == len(STATUSES)


# ---- a worker that lives is never called dead -------------------------------------------------------------------


def begun(store, run, **columns):
    """A run that this process trains."""
    held = store.begin(run.id)
    held.pulse(os.getpid())
    if columns:
        set_row(store, run, **columns)
    return held


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("ahead_s", [-7 * 86_400, -3_600, -31, 31, 3_600, 7 * 86_400])
def test_however_the_clock_is_set(store, run, monkeypatch, ahead_s):
    begun(store, run)
    now = store_module.time.time
    monkeypatch.setattr(store_module.time, "time", lambda: now() + ahead_s)
    for _ in range(2):
        store.sweep()
        assert store.run(run.id).status == "running"


@needs_proc
@pytest.mark.parametrize("heartbeat", [None, "x", b"\xff", 0, -1.0, 1e308, float("inf"), -float("inf"), 10**18])
def test_whatever_stands_as_its_last_word(store, run, heartbeat):
    begun(store, run, heartbeat=heartbeat)
    for _ in range(2):
        store.sweep()
        assert store.run(run.id).status == "running"


@pytest.mark.parametrize("heartbeat", [None, "x", b"\xff", 1e308, float("inf")])
def test_far_away_a_last_word_that_makes_no_sense_begins_the_waiting_anew(store, run, heartbeat):
    begun(store, run, heartbeat=heartbeat, host="another-machine")
    store.sweep()
    assert store.run(run.id).status == "running"
    set_row(store, run, heartbeat=row(store, run)["heartbeat"] - DEAD_AFTER_S - 1)
    store.sweep()
    assert store.run(run.id).status == "interrupted"  # it does end


def test_a_server_knows_its_own_workers_where_the_system_does_not_tell(store, run, monkeypatch):
    held = begun(store, run)
    monkeypatch.setattr(process, "alive", lambda pid, seen: None)  # as on Windows
    set_row(store, run, heartbeat=row(store, run)["heartbeat"] - DEAD_AFTER_S - 1)
    store.sweep(living={held.token})
    assert store.run(run.id).status == "running"
    assert "has not answered" in store.run(run.id).message
    store.sweep()
    assert store.run(run.id).status == "interrupted"


def test_the_server_vouches_for_a_worker_as_long_as_its_process_is_there(store, run, monkeypatch):
    registry = runs._registry()
    monkeypatch.setattr(registry, "admit", lambda: None)
    monkeypatch.setattr(process, "alive", lambda pid, seen: None)
    held = begun(store, run)
    set_row(store, run, heartbeat=row(store, run)["heartbeat"] - DEAD_AFTER_S - 1)
    child = registry._going[held.token] = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        registry.look_now()
        assert store.run(run.id).status == "running"
    finally:
        child.kill()
        child.wait()
    registry.look_now()
    assert store.run(run.id).status == "interrupted"
    registry.close()
    runs._registries.clear()


def test_one_that_was_taken_for_dead_takes_its_run_back_whole(store, run):
    held = begun(store, run)
    store.end_dead(run.id, held.token, "taken for dead")
    assert store.run(run.id).ended is not None
    held.note_checkpoint()
    assert held.pulse(os.getpid()) == "running"
    back = store.run(run.id)
    assert (back.status, back.message, back.ended) == ("running", "", None)


def test_one_that_was_taken_for_dead_may_still_say_its_last_word(store, run):
    held = begun(store, run)
    store.end_dead(run.id, held.token, "taken for dead")
    held.end("finished")
    assert (store.run(run.id).status, store.run(run.id).message) == ("finished", "")


def test_one_whose_run_was_deleted_meanwhile_stops(store, run):
    held = begun(store, run)
    store.end_dead(run.id, held.token, "taken for dead")
    store.stop(run.id)
    store.set_deleted(run.id, True)
    assert held.pulse(os.getpid()) == "stopping"


@pytest.mark.parametrize("then", ["waits", "is stopped", "runs again"])
def test_one_whose_run_was_resumed_meanwhile_writes_nothing_more(store, run, then):
    held = begun(store, run)
    store.end_dead(run.id, held.token, "taken for dead")
    store.requeue(run.id, 1, 1)
    if then == "is stopped":
        store.stop(run.id)
    elif then == "runs again":
        store.begin(run.id)
    as_it_was = row(store, run)
    for word in (
        lambda: held.pulse(os.getpid()), held.note_checkpoint, lambda: held.end("finished"),
        lambda: held.write([], [], 1.0), lambda: held.note_process(1),
    ):  # fmt: skip
        with pytest.raises(Superseded):
            word()
    store.end_dead(run.id, held.token, "gone at last")
    assert row(store, run) == as_it_was
