"""The store: what goes in comes out, in order and once; who may start when; what a refusing disk leaves behind."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorer import runs
from explorer.models import ModelConfig
from explorer.recording import EpochRecord
from explorer.runs import process
from explorer.runs import store as store_module
from explorer.runs.claim import Claim, Superseded
from explorer.runs.facts import EpochEvent, GateSummary, RunError
from explorer.runs.rows import VERSION
from explorer.runs.store import DEAD_AFTER_S, KEPT_DELETED_S, Store
from explorer.training import Recipe, StepRecord

TEXT = "the light turned and the sea was dark. " * 20
RECIPE = Recipe("adam", 0.01, 1.0, batch_size=2, num_steps=10, epochs=3)
CONFIG = ModelConfig(hidden_size=4)


def make_run(session="ann", **changes):
    return replace(runs.new_run(runs.RunRequest(CONFIG, RECIPE, TEXT, corpus="sea", session=session)), **changes)


def added(store, session="ann", **changes):
    return store.add(make_run(session, **changes))


def record(step, epoch=1, before=1.0, **changes):
    names = CONFIG.parameter_shapes(len(set(TEXT)) + 1)
    norms = {name: before / (i + 2) + step for i, name in enumerate(names)}
    return replace(
        StepRecord(step, epoch, 2.5, 2.25, False, before, min(before, 1.0), min(1.0, 1 / before), norms, 1234.5),
        **changes,
    )


def worker_of(store, run):
    return store._rows("SELECT worker FROM runs WHERE id = ?", run.id)[0][0]


def statuses(store):
    return {run.id: run.status for run in store.runs()}


# ---- what goes in comes out -----------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_went_in(store):
    run = make_run(
        config=ModelConfig("lstm", hidden_size=3, num_layers=2), recipe=replace(RECIPE, clip_norm=None), seed=10**18 - 1,
        sentence="灯塔 <b>$x$</b>", prefixes=("a", "灯"), name="Ann's réseau",
    )  # fmt: skip
    store.add(run)
    assert store.run(run.id) == run
    assert store.runs() == [run]


def test_ids_are_long_and_fit_an_address():
    ids = {make_run().id for _ in range(100)}
    assert len(ids) == 100
    for run_id in ids:
        assert len(run_id) >= 20
        assert set(run_id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@pytest.mark.parametrize("odd", ["", "x", "../../etc", "'; DROP TABLE runs; --", "a" * 10_000])
def test_an_id_that_is_not_there_is_said_so(store, odd):
    for ask in (store.run, store.metrics):
        with pytest.raises(RunError, match="no run with this id"):
            ask(odd)
    assert store.epochs(odd) == []


def test_steps_come_back_bit_for_bit(store):
    run = added(store)
    held = store.begin(run.id)
    generator = random.Random(1)
    sent = [
        record(
            step, epoch=1 + step // 7, nll_nats=generator.random(), epoch_nll_nats=generator.random(), epoch_ends=step % 7 == 0,
            before=generator.lognormvariate(0, 30), tokens_per_s=generator.random(),
        )
        for step in range(1, 30)
    ]  # fmt: skip
    held.write(sent[:10], [], 0.5)
    held.write(sent[10:], [], 0.25)
    got = store.metrics(run.id)
    assert got.step_S.tolist() == list(range(1, 30))
    assert got.last_step == 29
    for name in (
        "epoch", "nll_nats", "epoch_nll_nats", "epoch_ends", "grad_norm_before", "grad_norm_after", "clip_coefficient",
        "tokens_per_s",
    ):  # fmt: skip
        assert getattr(got, f"{name}_S").tolist() == [getattr(r, name) for r in sent]
    assert list(got.grad_norms) == list(run.parameters)
    for name, norm_S in got.grad_norms.items():
        assert norm_S.tolist() == [r.grad_norms[name] for r in sent]
    after = store.run(run.id)
    assert (after.step, after.epoch, after.trained_s) == (29, 5, 0.75)
    assert store.metrics(run.id, after=27).step_S.tolist() == [28, 29]
    assert len(store.metrics(run.id, after=29)) == 0


def test_shares_of_the_squared_norm_add_up_to_one_even_where_squares_overflow(store):
    run = added(store)
    held = store.begin(run.id)
    norms = dict.fromkeys(run.parameters, 0.0)
    first, second, *_ = run.parameters
    large = record(1, grad_norms=norms | {first: 3e200, second: 4e200})
    held.write([large, record(2, grad_norms=norms)], [], 0.0)
    shares = store.metrics(run.id).squared_share()
    assert shares[first].tolist() == pytest.approx([0.36, 0.0])
    assert shares[second].tolist() == pytest.approx([0.64, 0.0])


def test_epochs_come_back_and_a_second_time_measured_less_takes_nothing_away(store):
    run = added(store)
    held = store.begin(run.id)
    gates = (GateSummary(0, "forward", "z", 0.5, 0.25, 0.125, 0.2),)
    zero = EpochEvent(0, 0, None, 3.5, 3.25, gates, ("the the",), True)
    summary = EpochRecord(1, 8, 2.0, 1.5, 3.0, 1.0, 0.25, 1000.0)
    one = EpochEvent(1, 8, summary, 3.0, 2.5, gates, None, False)
    held.write([], [zero, one], 0.0)
    assert store.epochs(run.id) == [zero, one]
    assert store.epochs(run.id, after=0) == [one]
    held.write([], [EpochEvent(1, 8, summary)], 0.0)
    assert store.epochs(run.id) == [zero, one]


def test_of_many_epochs_about_so_many_the_snapshots_and_the_last_are_given(store):
    run = added(store)
    held = store.begin(run.id)
    events = [EpochEvent(epoch, 8 * epoch, snapshot=epoch in (0, 7, 77, 777)) for epoch in range(1003)]
    held.write([], events, 0.0)
    assert store.epochs(run.id) == events
    some = [event.epoch for event in store.epochs(run.id, at_most=100)]
    assert some == sorted({*range(0, 1003, 11), 7, 77, 777, 1002})
    assert [event.epoch for event in store.epochs(run.id, after=1000, at_most=100)] == [1001, 1002]
    assert [event.epoch for event in store.epochs(run.id, after=1002, at_most=100)] == []


def test_steps_that_come_a_second_time_are_there_once(store):
    run = added(store)
    held = store.begin(run.id)
    held.write([record(s) for s in (1, 2, 3, 4)], [], 1.0)
    held.write([record(s) for s in (3, 4, 5)], [], 1.0)
    assert store.metrics(run.id).step_S.tolist() == [1, 2, 3, 4, 5]
    assert store.run(run.id).step == 5
    held.write([record(2)], [], 1.0)
    assert store.run(run.id).step == 5


@pytest.mark.parametrize("at_most", [10, 100, 400, 999])
def test_a_thinned_run_keeps_its_ends_and_every_spike(store, at_most):
    run = added(store)
    held = store.begin(run.id)
    spikes = {7: 1e9, 1313: 1e6, 2468: 50.0}
    steps = 3_000
    held.write([record(s, before=spikes.get(s, 1.0)) for s in range(1, steps + 1)], [], 1.0)
    thin = store.metrics(run.id, at_most=at_most)
    assert len(thin) <= at_most
    assert thin.step_S[0] == 1
    assert thin.step_S[-1] == steps
    assert set(spikes) <= set(thin.step_S.tolist())
    assert (np.diff(thin.step_S) <= 6 * steps / at_most + 1).all()
    tail = store.metrics(run.id, after=1_000, at_most=at_most)
    assert len(tail) <= at_most
    assert tail.step_S[0] == 1_001
    assert tail.step_S[-1] == steps


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 23])
def test_every_step_comes_in_blocks_that_follow_each_other(folder, store, monkeypatch, count):
    monkeypatch.setattr(runs, "BLOCK_STEPS", 5)
    run = added(store)
    held = store.begin(run.id)
    held.write([record(s, before=1.0 + s) for s in range(1, count + 1)], [], 1.0)
    blocks = runs.steps(run.id)
    got = [next(blocks)]
    held.write([record(count + 1)], [], 1.0)  # a step that is made meanwhile is not among those that were asked for
    got += blocks
    assert [len(block) for block in got] == ([5] * (count // 5) + [count % 5] * (count % 5 > 0) or [0])
    assert [step for block in got for step in block.step_S.tolist()] == list(range(1, count + 1))
    assert [norm for block in got for norm in block.grad_norm_before_S.tolist()] == [2.0 + s for s in range(count)]


def test_a_block_reads_no_other_steps(store):
    run = added(store)
    store.begin(run.id).write([record(s) for s in range(1, 31)], [], 1.0)
    assert store.steps(run.id, 10, 13).step_S.tolist() == [11, 12, 13]
    with pytest.raises(RunError, match="no run with this id"):
        store.steps("nobody", 0, 1)


def test_not_a_number_and_infinity_come_back(store):
    run = added(store)
    held = store.begin(run.id)
    held.write([record(1, nll_nats=np.nan, grad_norm_before=np.inf)], [], 0.0)
    got = store.metrics(run.id)
    assert np.isnan(got.nll_nats_S[0])
    assert np.isinf(got.grad_norm_before_S[0])


def test_a_text_is_kept_once_and_comes_back(store):
    text = "小满站在渡口\n\n" + TEXT
    digest = store.files.keep_text(text)
    assert store.files.keep_text(text) == digest
    assert store.files.text(digest) == text
    assert len(list((store.files.path / "texts").iterdir())) == 1


def test_only_the_owner_of_the_account_may_look_into_the_folder(store):
    if os.name == "nt":
        pytest.skip("POSIX permissions")
    for kept in (
        store.files.path,
        store.files.path / "texts",
        store.files.path / "runs",
        store.files.path / "runs.sqlite",
    ):
        assert kept.stat().st_mode & 0o077 == 0


# ---- who may start when ---------------------------------------------------------------------------------------


def test_first_in_first_out(store):
    line = [added(store, session=str(i)) for i in range(3)]
    started = []
    while claim := store.claim(2, 1):
        started.append(claim.run_id)
    assert started == [line[0].id, line[1].id]
    Claim(store.database, line[0].id, worker_of(store, line[0])).end("finished")
    assert store.claim(2, 1).run_id == line[2].id
    assert store.claim(2, 1) is None


def test_one_session_does_not_take_every_place(store):
    first, second, other = added(store, "ann"), added(store, "ann"), added(store, "bob")
    assert store.claim(3, 1).run_id == first.id
    assert store.claim(3, 1).run_id == other.id
    assert store.claim(3, 1) is None
    assert statuses(store)[second.id] == "waiting"


def test_a_session_has_one_running_and_one_waiting(store):
    for _ in range(2):
        store.add(make_run("ann"), waiting_per_session=1, running_per_session=1)
    with pytest.raises(RunError, match="at most 2 runs"):
        store.add(make_run("ann"), waiting_per_session=1, running_per_session=1)
    store.add(make_run("bob"), waiting_per_session=1, running_per_session=1)
    assert len(store.runs(["ann"])) == 2
    assert len(store.runs(["bob"])) == 1


def test_two_processes_never_claim_the_same_run(folder, store):
    for i in range(20):
        added(store, session=str(i))
    others = [Store(folder) for _ in range(4)]
    claimed = []

    def claim_all(other):
        while claim := other.claim(100, 1):
            claimed.append(claim.run_id)

    threads = [threading.Thread(target=claim_all, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 20
    for other in others:
        other.close()


# ---- stop, resume, fences -------------------------------------------------------------------------------------


def test_stop_is_seen_at_once(store):
    waiting, running = added(store), added(store, queued=1.0)
    store.begin(running.id)
    store.stop(waiting.id)
    store.stop(running.id)
    assert statuses(store) == {waiting.id: "stopped", running.id: "stopping"}
    store.stop(running.id)
    assert statuses(store)[running.id] == "stopping"
    assert store.run(waiting.id).ended is not None
    assert store.run(running.id).ended is None


@pytest.mark.parametrize("status", ["stopped", "interrupted", "failed"])
def test_what_ended_early_can_be_put_in_line_again(store, status):
    run = added(store)
    store.begin(run.id).end(status, "why")
    store.requeue(run.id, 1, 1)
    assert store.run(run.id).status == "waiting"
    assert store.run(run.id).message == ""
    assert store.claim(1, 1).run_id == run.id


@pytest.mark.parametrize("status", ["waiting", "running", "stopping", "finished", "diverged"])
def test_what_did_not_cannot(store, status):
    run = added(store)
    if status != "waiting":
        held = store.begin(run.id)
        if status == "stopping":
            store.stop(run.id)
        elif status != "running":
            held.end(status)
    with pytest.raises(RunError, match=f"this one is {status}"):
        store.requeue(run.id, 1, 1)


def test_a_worker_whose_run_was_given_to_another_writes_nothing_more(store):
    run = added(store)
    old = store.begin(run.id)
    old.write([record(1)], [], 1.0)
    store.end_dead(run.id, old.token, "gone")
    store.requeue(run.id, 1, 1)
    new = store.begin(run.id)
    for write in (
        lambda: old.write([record(2)], [EpochEvent(1, 2)], 1.0),
        lambda: old.end("finished"),
        lambda: old.pulse(1),
        lambda: old.note_checkpoint(),
    ):
        with pytest.raises(Superseded):
            write()
    assert store.metrics(run.id).step_S.tolist() == [1]
    assert store.epochs(run.id) == []
    assert store.run(run.id).status == "running"
    store.end_dead(run.id, old.token, "the late news of the first one's death")
    assert store.run(run.id).status == "running"
    new.write([record(2)], [], 1.0)


def test_a_run_given_up_too_early_is_taken_back(store):
    run = added(store)
    held = store.begin(run.id)
    store.end_dead(run.id, held.token, "taken for dead")
    assert store.run(run.id).status == "interrupted"
    assert held.pulse(os.getpid()) == "running"
    assert store.run(run.id).message == ""


def silent(store, run, pid, host=None, seconds=DEAD_AFTER_S + 1):
    """A run whose process was heard of last so many seconds ago."""
    held = store.begin(run.id)
    held.pulse(pid)
    store.database._writer.connection.execute(
        "UPDATE runs SET heartbeat = ?, host = coalesce(?, host) WHERE id = ?", (time.time() - seconds, host, run.id)
    )
    return held


@pytest.fixture
def sleeper(monkeypatch):
    """Another process, which sleeps; it is as old as the test, so silence counts from two seconds on."""
    monkeypatch.setattr(store_module, "DEAD_AFTER_S", 2)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield child
    child.kill()
    child.wait()


def test_the_dead_are_found_by_their_process_and_far_away_by_their_silence(store):
    gone, far, far_talking, here = (added(store, session=str(i)) for i in range(4))
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    silent(store, gone, child.pid, seconds=0)
    silent(store, far, os.getpid(), host="another-machine")
    silent(store, far_talking, child.pid, host="another-machine", seconds=DEAD_AFTER_S - 5)
    silent(store, here, os.getpid(), seconds=0)
    store.sweep()
    expected = {gone.id: "interrupted", far.id: "interrupted", far_talking.id: "running", here.id: "running"}
    if os.name == "nt":
        expected[gone.id] = "running"
    assert statuses(store) == expected
    assert "ended without a word. Resume" in store.run(gone.id).message
    assert "Nothing was heard" in store.run(far.id).message
    assert store.run(far_talking.id).message == store.run(here.id).message == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process is there")
def test_a_stopped_process_is_not_ended_but_does_not_answer_until_it_does(store, sleeper):
    run = added(store)
    os.kill(sleeper.pid, signal.SIGSTOP)
    held = silent(store, run, sleeper.pid, seconds=0)
    store.sweep()
    assert (store.run(run.id).status, store.run(run.id).message) == ("running", "")
    store.database._writer.connection.execute("UPDATE runs SET heartbeat = heartbeat - 3")
    for _ in range(2):
        store.sweep()
        told = store.run(run.id)
        assert told.status == "running"
        assert told.message.startswith(f"Its process ({sleeper.pid}) is there but has not answered for over 2 seconds")
        assert "ended without a word" not in told.message
        assert told.ended is None
    store.stop(run.id)
    store.sweep()
    assert store.run(run.id).status == "stopping"
    os.kill(sleeper.pid, signal.SIGCONT)
    assert held.pulse(sleeper.pid) == "stopping"
    assert store.run(run.id).message == ""
    sleeper.kill()
    sleeper.wait()
    store.sweep()
    assert store.run(run.id).status == "interrupted"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process is there")
def test_a_silent_process_is_told_once_and_not_written_again(store, sleeper):
    run = added(store)
    silent(store, run, sleeper.pid, seconds=3)
    store.sweep()
    before = store._rows("SELECT total_changes()")[0][0]
    store.sweep()
    assert store._rows("SELECT total_changes()")[0][0] == before


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to know when a process was started")
def test_a_number_that_another_process_has_by_now_does_not_keep_a_run_alive(store, sleeper):
    recycled, own = added(store), added(store, "bob")
    machine, began = process.identity(sleeper.pid).rsplit(" ", 1)
    silent(store, recycled, sleeper.pid, host=f"{machine} {int(began) - 1}", seconds=0)
    silent(store, own, sleeper.pid, seconds=3)
    store.sweep()
    assert store.run(recycled.id).status == "interrupted"
    assert "ended without a word" in store.run(recycled.id).message
    assert store.run(own.id).status == "running"


def test_a_run_without_a_process_is_given_its_time_and_then_given_up(store):
    run = added(store)
    store.begin(run.id)
    store.sweep()
    assert store.run(run.id).status == "running"
    store.database._writer.connection.execute("UPDATE runs SET heartbeat = heartbeat - ?", (DEAD_AFTER_S + 1,))
    store.sweep()
    assert store.run(run.id).status == "interrupted"


def test_a_process_that_is_started_for_a_run_is_not_older_than_the_run_s_last_word(store, sleeper):
    run = added(store)
    held = store.begin(run.id)
    store.database._writer.connection.execute(
        "UPDATE runs SET heartbeat = heartbeat - 3600"
    )  # it was claimed an hour before it was started
    held.note_process(sleeper.pid)
    store.sweep()
    assert (store.run(run.id).status, store.run(run.id).message) == ("running", "")


# ---- deletion -------------------------------------------------------------------------------------------------


def test_a_deleted_run_can_be_restored_for_a_day_and_then_is_gone_with_its_files(store):
    text, other_text = store.files.keep_text(TEXT), store.files.keep_text("another " + TEXT)
    run, other = added(store, text=text), added(store, "bob", text=other_text)
    store.begin(run.id).write([record(1)], [EpochEvent(0, 0)], 1.0)
    store.files.run_folder(run.id).mkdir(parents=True)
    store.files.checkpoint_path(run.id).write_bytes(b"x")
    store.set_deleted(run.id, True)
    assert store.runs() == [other]
    store.sweep()
    store.set_deleted(run.id, False)
    assert len(store.runs()) == 2
    store.set_deleted(run.id, True)
    earlier = "UPDATE runs SET deleted = deleted - :s, created = created - :s WHERE id = :id"
    store.database._writer.connection.execute(earlier, {"s": KEPT_DELETED_S + 1, "id": run.id})
    store.sweep()
    with pytest.raises(RunError):
        store.run(run.id)
    assert not store.files.run_folder(run.id).exists()
    assert [path.stem for path in (store.files.path / "texts").iterdir()] == [other_text]
    assert store._rows("SELECT count(*) FROM steps")[0][0] == 0
    assert store._rows("SELECT count(*) FROM epochs")[0][0] == 0


def test_a_deleted_run_in_line_does_not_start(store):
    run = added(store)
    store.set_deleted(run.id, True)
    assert store.claim(4, 4) is None


# ---- disks that refuse ----------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_nothing_is_half_written(folder, store):
    run = added(store)
    held = store.begin(run.id)
    held.write([record(s) for s in range(1, 11)], [], 1.0)
    pages = store.database._writer.connection.execute("PRAGMA page_count").fetchone()[0]
    store.database._writer.connection.execute(
        f"PRAGMA max_page_count = {pages + 2}"
    )  # SQLite's own word for a disk of this size
    with pytest.raises(RunError, match=r"^The disk .* is full; nothing was half written\. Make room and try again\.$"):
        held.write([record(s) for s in range(11, 2_000)], [], 1.0)
    assert store.metrics(run.id).step_S.tolist() == list(range(1, 11))
    assert store.run(run.id).step == 10
    store.database._writer.connection.execute("PRAGMA max_page_count = 1000000")
    held.write([record(11)], [], 1.0)
    other = Store(folder)
    assert other.run(run.id).step == 11
    assert other._rows("PRAGMA integrity_check")[0][0] == "ok"
    other.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"could not be read or written \(.+\)\. Set GATE_EXPLORER_DATA"):
        Store(tmp_path / "file" / "data")


def test_a_disk_that_is_read_only_is_told(store):
    run = added(store)
    store.database._writer.connection.execute(
        "PRAGMA query_only = 1"
    )  # what a write on a read-only file system says, SQLITE_READONLY
    with pytest.raises(RunError, match=r"could not be read or written \(.*readonly"):
        store.stop(run.id)
    assert store.run(run.id).status == "waiting"


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_told_and_left_alone(folder, content):
    folder.mkdir()
    (folder / "runs.sqlite").write_bytes(content)
    with pytest.raises(RunError, match=r"runs\.sqlite .* is damaged"):
        Store(folder)
    assert (folder / "runs.sqlite").read_bytes() == content


def test_runs_of_another_version_are_left_alone(folder):
    Store(folder).close()
    db = sqlite3.connect(folder / "runs.sqlite")
    db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(RunError, match=rf"format {VERSION}; .* have format 7"):
        Store(folder)


def test_a_folder_that_was_copied_opens_elsewhere(folder, store, tmp_path):
    run = added(store)
    store.begin(run.id).write([record(1)], [], 1.0)
    shutil.copytree(folder, tmp_path / "copy")
    copy = Store(tmp_path / "copy")
    assert copy.metrics(run.id).step_S.tolist() == [1]
    copy.close()
