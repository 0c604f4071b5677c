"""The worker's loop in this process: what it trains, how it ends, and that kill -9 costs at most one state."""

import contextlib
import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explorer import runs
from explorer.checkpoints import load_checkpoint
from explorer.models import CharModel, ModelConfig, ModelDivergedError
from explorer.probes.gates import gate_statistics, trace_gates
from explorer.probes.perplexity import score_text
from explorer.recording import Recording, snapshot_epochs
from explorer.runs import recorder as recorder_module
from explorer.runs import store as store_module
from explorer.runs.claim import Claim
from explorer.runs.facts import RunError
from explorer.runs.recorder import split_text
from explorer.runs.state import restore_state
from explorer.runs.store import Store
from explorer.runs.worker import main, work
from explorer.text import Vocabulary
from explorer.training import Recipe, Training, train
from waiting import hearing, until

ROOT = Path(__file__).parents[2]

TEXT = "".join(random.Random(11).choices("abcdefgh ", weights=range(1, 10), k=420))
RECIPE = Recipe("adam", 0.02, 0.3, batch_size=3, num_steps=8, epochs=6)
CONFIG = ModelConfig(hidden_size=6)
SENTENCE = "a bad cab"


def added(store, config=CONFIG, recipe=RECIPE, **changes):
    run = runs.new_run(
        runs.RunRequest(
            config, recipe, TEXT, corpus="letters", session="ann", seed=4, sentence=SENTENCE, prefixes=("ab",)
        )
    )
    return store.add(replace(run, text=store.files.keep_text(TEXT), **changes))


def trained(store, run):
    work(store, store.begin(run.id))
    return store.run(run.id)


def reference(run):
    """The same training by the library, without a store."""
    model = CharModel(run.config, Vocabulary.from_text(TEXT), seed=run.seed)
    text, _ = split_text(TEXT, run.recipe, run.held_out_share)
    recording, records = Recording(model, run.recipe), []
    for record in train(model, text, run.recipe, run.seed):
        recording.add(record)
        records.append(record)
    return model, recording, records


def assert_same_run(store, run):
    """Metrics, weights and snapshots equal those of a training that was never recorded, stopped or killed."""
    model, recording, records = reference(run)
    metrics = store.metrics(run.id, at_most=10**6)
    assert metrics.step_S.tolist() == [r.step for r in records]
    for name in ("nll_nats", "epoch_nll_nats", "grad_norm_before", "grad_norm_after", "clip_coefficient", "epoch_ends"):
        assert getattr(metrics, f"{name}_S").tolist() == [getattr(r, name) for r in records]
    for name, norm_S in metrics.grad_norms.items():
        assert norm_S.tolist() == [r.grad_norms[name] for r in records]
    checkpoint = load_checkpoint(store.files.checkpoint_path(run.id))
    for (name, p), (_, q) in zip(checkpoint.model.named_parameters(), model.named_parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0, msg=name)
    assert [e.nll_nats for e in checkpoint.history] == pytest.approx([e.nll_nats for e in recording.history], rel=1e-5)
    assert set(checkpoint.epochs) == set(recording.snapshots)
    for epoch in checkpoint.epochs[:-1]:
        assert torch.equal(checkpoint.snapshots[epoch], recording.snapshots[epoch])


# ---- to the end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        ModelConfig("lstm", hidden_size=5, num_layers=2),
        ModelConfig("gru", reset="before", hidden_size=4, direction="bidirectional", objective="cloze"),
        ModelConfig("rnn", hidden_size=4),
    ],
    ids=lambda c: f"{c.cell}-{c.objective}",
)
def test_a_run_is_the_training_of_the_library_watched(store, config):
    run = added(store, config)
    after = trained(store, run)
    assert (after.status, after.message) == ("finished", "")
    assert after.ended >= after.started
    assert after.has_checkpoint
    assert_same_run(store, run)


def test_what_is_measured_along_the_way_is_what_the_probes_say(store):
    run = added(store)
    trained(store, run)
    events = {event.epoch: event for event in store.epochs(run.id)}
    assert list(events) == list(range(RECIPE.epochs + 1))
    assert [e for e, event in events.items() if event.snapshot] == list(snapshot_epochs(RECIPE.epochs))
    text, held_out = split_text(TEXT, RECIPE, run.held_out_share)
    assert run.held_out == len(held_out) == 42
    assert run.trained_on == len(text) == 378
    model = CharModel(CONFIG, Vocabulary.from_text(TEXT), seed=run.seed)
    steps = train(model, text, RECIPE, run.seed)

    def check(event):
        trace = trace_gates(model, SENTENCE)
        assert event.held_out_nll_nats == score_text(model, held_out).mean_nll_nats
        assert event.sentence_nll_nats == trace.score.mean_nll_nats
        assert [g.gate for g in event.gates] == ["z", "r"]
        expected = gate_statistics(trace.tape()["z"])
        assert (event.gates[0].mean, event.gates[0].low_share) == (expected.mean, expected.low_share)
        assert event.samples == (model.generate("ab", 50, temperature=0),)

    check(events[0])
    for record in steps:
        if record.epoch_ends and events[record.epoch].snapshot:
            check(events[record.epoch])
            assert events[record.epoch].summary.nll_nats == record.epoch_nll_nats


def test_without_time_for_measuring_the_snapshots_are_measured_all_the_same(store, monkeypatch):
    monkeypatch.setattr(recorder_module, "MEASURING_SHARE", 0.0)
    run = added(store, recipe=replace(RECIPE, epochs=30))
    trained(store, run)
    events = store.epochs(run.id)
    for name in ("held_out_nll_nats", "sentence_nll_nats", "gates", "samples"):
        assert [e.epoch for e in events if getattr(e, name) is not None] == list(snapshot_epochs(30))


def test_with_time_for_it_every_epoch_is_measured(store, monkeypatch):
    monkeypatch.setattr(recorder_module, "MEASURING_SHARE", 1e9)
    run = added(store, recipe=replace(RECIPE, epochs=30))
    trained(store, run)
    assert all(None not in (e.held_out_nll_nats, e.sentence_nll_nats, e.gates) for e in store.epochs(run.id))


def test_a_model_whose_last_step_ruined_it_is_kept_and_measured_as_far_as_it_can_be(store):
    ruin = Recipe(learning_rate=1e18, clip_norm=1, batch_size=4, num_steps=10, epochs=1, max_tokens=60)
    run = added(store, ModelConfig("rnn", activation="linear", hidden_size=4), ruin)
    after = trained(store, run)
    assert (after.status, after.step) == ("finished", 1)
    before, last = store.epochs(run.id)
    assert None not in (before.samples, before.sentence_nll_nats)
    assert before.gates == ()
    assert (last.samples, last.sentence_nll_nats, last.held_out_nll_nats) == (None, None, None)
    with pytest.raises(ModelDivergedError):
        load_checkpoint(store.files.checkpoint_path(run.id)).model.generate("ab", 5)


def test_a_text_of_which_nothing_is_left_over_and_no_sentence(store):
    run = added(store, held_out_share=0.0, held_out=0, sentence="")
    assert trained(store, run).status == "finished"
    last = store.epochs(run.id)[-1]
    assert (last.held_out_nll_nats, last.sentence_nll_nats, last.gates) == (None, None, None)


# ---- ends early -----------------------------------------------------------------------------------------------


def test_a_diverging_run_says_where_and_keeps_curves_and_the_last_finite_weights(store):
    recipe = Recipe(learning_rate=1e6, clip_norm=None, batch_size=2, num_steps=30, epochs=200)
    run = added(store, ModelConfig("rnn", activation="relu", hidden_size=8), recipe)
    after = trained(store, run)
    assert after.status == "diverged"
    assert f"Diverged at step {after.fault_step}:" in after.message
    assert after.fault_parameter in {*run.parameters, "loss"}
    assert after.fault_parameter in after.message
    assert store.metrics(run.id).last_step == after.fault_step - 1 > 0
    model = CharModel(run.config, Vocabulary.from_text(TEXT), seed=run.seed)
    steps = train(model, split_text(TEXT, recipe, 0.1)[0], recipe, run.seed)
    for _ in range(after.fault_step - 1):
        next(steps)
    for p, q in zip(
        load_checkpoint(store.files.checkpoint_path(run.id)).model.parameters(), model.parameters(), strict=True
    ):
        assert torch.equal(p, q)
        assert p.isfinite().all()
    assert not after.resumable


def at_step(monkeypatch, step, act):
    """While a run is trained: once this step is made, act."""
    made = Training.__next__

    def spy(self):
        record = made(self)
        if record.step == step:
            act()
        return record

    monkeypatch.setattr(Training, "__next__", spy)


def stop_at(monkeypatch, store, run, step, *, action=None):
    """While the run is trained: once this step is made, do it (stop the run) and wait for it to be heard."""
    heard = hearing(monkeypatch)
    at_step(monkeypatch, step, lambda: ((action or store.stop)(run.id), heard()))


@pytest.mark.parametrize("step", [1, 5, 15, 16, 40])
def test_a_stopped_run_goes_on_bit_for_bit(store, monkeypatch, step):
    run = added(store)
    with monkeypatch.context() as patch:
        stop_at(patch, store, run, step)
        after = trained(store, run)
    assert (after.status, after.step, after.message) == ("stopped", step, "")
    assert after.has_checkpoint
    store.requeue(run.id, 1, 1)
    assert trained(store, run).status == "finished"
    assert_same_run(store, run)


def test_stop_does_not_wait_for_the_end_of_a_long_step(store, monkeypatch):
    run = added(store)
    step, broken_off = CharModel.forward, []

    def slow(self, x_TB, state=None):
        if x_TB.shape[1] == RECIPE.batch_size and store.metrics(run.id).last_step == 7:
            store.stop(run.id)
            try:
                while True:  # without an end: only being broken off ends it
                    step(self, x_TB, state)
            except BaseException as fault:
                broken_off.append(type(fault).__name__)
                raise
        return step(self, x_TB, state)

    with monkeypatch.context() as patch:
        patch.setattr(CharModel, "forward", slow)
        after = trained(store, run)
    assert broken_off == ["Interrupted"]
    assert (after.status, after.step) == ("stopped", 7)
    store.requeue(run.id, 1, 1)
    assert trained(store, run).status == "finished"
    assert_same_run(store, run)


def test_a_run_that_has_had_its_time_is_stopped_with_a_word(store, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_MAX_SECONDS", "1")
    run = added(store, recipe=replace(RECIPE, epochs=5_000))
    after = trained(store, run)
    assert after.status == "stopped"
    assert after.message == "Stopped after 1 seconds, the limit of this server."
    assert 0 < after.step < after.steps_total
    store.requeue(run.id, 1, 1)
    again = trained(store, run)
    assert again.status == "stopped"


def test_a_closed_server_interrupts_the_run_which_goes_on_bit_for_bit(store, monkeypatch):
    run = added(store)
    read, write = os.pipe()
    with monkeypatch.context() as patch:
        stop_at(patch, store, run, 9, action=lambda _: os.close(write))
        work(store, store.begin(run.id), until_closed=read)
    os.close(read)
    after = store.run(run.id)
    assert (after.status, after.step) == ("interrupted", 9)
    assert "server was closed" in after.message
    store.requeue(run.id, 1, 1)
    assert trained(store, run).status == "finished"
    assert_same_run(store, run)


def test_an_error_in_the_program_is_told_in_one_line_and_kept_whole_in_a_file(store, monkeypatch):
    def fault(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nsecond line")

    monkeypatch.setattr(CharModel, "carried", fault)
    run = added(store)
    after = trained(store, run)
    assert after.status == "failed"
    assert after.message == "Training failed: DefaultCPUAllocator: can't allocate memory"
    assert "second line" in (store.files.run_folder(run.id) / "traceback.txt").read_text("utf-8")
    assert after.resumable


def test_a_worker_that_lost_its_run_ends_without_a_trace(store, monkeypatch):
    run = added(store, recipe=replace(RECIPE, epochs=5_000))

    def lose(_):
        store.end_dead(run.id, store._rows("SELECT worker FROM runs")[0][0], "given up")
        store.requeue(run.id, 1, 1)
        store.begin(run.id)

    stop_at(monkeypatch, store, run, 10, action=lose)
    after = trained(store, run)
    assert after.status == "running"
    assert store.metrics(run.id).last_step <= 10


@pytest.mark.parametrize("broken", ["steps", "state"])
def test_a_disk_that_fills_up_ends_the_run_with_everything_before_it(store, monkeypatch, broken):
    run = added(store)
    with monkeypatch.context() as patch:

        def fill():
            if broken == "steps":
                pages = store.database._writer.connection.execute("PRAGMA page_count").fetchone()[0]
                store.database._writer.connection.execute(f"PRAGMA max_page_count = {pages}")
            else:
                patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))

        at_step(patch, 20, fill)
        with pytest.raises(RunError, match=r"is full; nothing was half written"):
            trained(store, run)
    store.database._writer.connection.execute("PRAGMA max_page_count = 1000000")
    store.end_dead(run.id, store._rows("SELECT worker FROM runs")[0][0], "The disk is full.")
    store.requeue(run.id, 1, 1)
    assert trained(store, run).status == "finished"
    assert_same_run(store, run)


# ---- paused ---------------------------------------------------------------------------------------------------


def pause(pid, folder):
    """Stop a worker at a moment when it does not keep others from writing to the store."""

    def stopped():
        os.kill(pid, signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(folder / "runs.sqlite", timeout=0.05, isolation_level=None)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                return False
            db.execute("ROLLBACK")
            return True

    until(stopped)


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_paused_worker_is_said_not_to_answer_and_goes_on_bit_for_bit(folder, monkeypatch):
    monkeypatch.setattr(store_module, "DEAD_AFTER_S", 2)
    store = Store(folder)
    run = added(store, recipe=replace(RECIPE, epochs=100))
    held = store.begin(run.id)
    worker = subprocess.Popen([sys.executable, "-m", "explorer.runs.worker"], stdin=subprocess.PIPE, text=True)
    try:
        held.note_process(worker.pid)
        worker.stdin.write(f"{run.id} {held.token}\n")
        worker.stdin.flush()
        until(lambda: store.run(run.id).step >= 5)
        pause(worker.pid, folder)
        store.database._writer.connection.execute("UPDATE runs SET heartbeat = heartbeat - 3")
        store.sweep()
        paused = store.run(run.id)
        assert paused.status == "running"
        assert f"Its process ({worker.pid}) is there but has not answered" in paused.message
        os.kill(worker.pid, signal.SIGCONT)
        until(lambda: store.run(run.id).message == "")
        until(lambda: store.run(run.id).step > paused.step)
        until(lambda: store.run(run.id).status == "finished")
    finally:
        worker.kill()
        worker.wait()
        worker.stdin.close()
    assert_same_run(store, run)
    store.close()


# ---- kill -9 --------------------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_at_twenty_random_moments_in_real_time(folder, monkeypatch):
    """Each time: the store opens and is whole, the state loads, at most one interval (here: a step) is lost."""
    monkeypatch.setenv("GATE_EXPLORER_STATE_SECONDS", "0")
    store = Store(folder)
    run = added(store, recipe=replace(RECIPE, epochs=30))
    generator, kills = random.Random(6), 0
    for _ in range(20):
        held = store.begin(run.id)
        store.close()  # no SQLite connection may live through a fork
        child = os.fork()
        if not child:
            reopened = Store(folder)
            work(reopened, Claim(reopened.database, run.id, held.token))
            os._exit(0)
        time.sleep(generator.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        kills += os.waitpid(child, 0)[1] == signal.SIGKILL
        assert_whole(folder)
        store = Store(folder)
        assert_at_most_one_step_is_lost(store, run)
        if store.run(run.id).status == "finished":
            break
        store.end_dead(run.id, held.token, "killed")
        assert store.run(run.id).status == "interrupted"
        store.requeue(run.id, 1, 1)
    if store.run(run.id).status != "finished":
        assert trained(store, run).status == "finished"
    assert kills >= 5
    assert_same_run(store, run)
    store.close()


def assert_whole(folder):
    db = sqlite3.connect(folder / "runs.sqlite")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def assert_at_most_one_step_is_lost(store, run):
    steps = store.metrics(run.id, at_most=10**6).step_S.tolist()
    assert steps == list(range(1, len(steps) + 1))
    assert store.run(run.id).step == len(steps)
    path = store.files.state_path(run.id)
    if not path.is_file():
        assert steps == []
        return
    model = CharModel(CONFIG, Vocabulary.from_text(TEXT))
    training = Training(model, split_text(TEXT, run.recipe, 0.1)[0], run.recipe, run.seed)
    restore_state(path, run.id, training, Recording(model, run.recipe))
    assert len(steps) - training.state().step <= 1


def test_the_signal_handlers_are_left_as_they_were(store):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    trained(store, added(store))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_worker_takes_for_zeros_what_no_weight_would_feel(monkeypatch):
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))  # it is told of no run
    tiny = torch.tensor([2e-38])  # which has all of its digits
    assert float(tiny * 1e-4) > 0
    try:
        assert main() == 0
        assert float(tiny * 1e-4) == 0
        assert float(tiny) > 0
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this system shares out its processors otherwise")
@pytest.mark.process
def test_a_worker_gets_out_of_the_way_among_sessions_too(monkeypatch):
    """It has a session of its own, and a nice value counts within one alone (sched(7))."""
    monkeypatch.setenv("GATE_EXPLORER_NICE", "7")
    command = [sys.executable, "-m", "explorer.runs.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd=ROOT) as process:
        until(lambda: Path(f"/proc/{process.pid}/autogroup").read_text("utf-8").strip().endswith("nice 7"))
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 7 + os.getpriority(os.PRIO_PROCESS, 0)
        process.stdin.close()
