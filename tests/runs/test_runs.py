"""Runs as a page uses them, in processes of their own: the line, the spare, Stop, and servers and workers that die."""

import os
import random
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import explorer
from explorer import cli, runs
from explorer.models import CharModel, ModelConfig
from explorer.runs.facts import RunError
from explorer.runs.foreground import recorded
from explorer.runs.recorder import split_text
from explorer.runs.request import new_id
from explorer.runs.store import Store
from explorer.runs.worker import work
from explorer.text import Vocabulary
from explorer.training import Recipe, TrainingDivergedError, train
from waiting import hearing, until

TEXT = "".join(random.Random(12).choices("abcdefgh ", weights=range(1, 10), k=420))
CONFIG = ModelConfig(hidden_size=6)
SHORT = Recipe("adam", 0.02, 0.3, batch_size=3, num_steps=8, epochs=4)
ENDLESS = replace(SHORT, epochs=5_000)
ROOT = Path(explorer.__file__).parents[1]
pytestmark = pytest.mark.process


@pytest.fixture
def server(folder, monkeypatch):
    """This process as a server with one place; whatever it started is ended afterwards."""
    monkeypatch.setenv("GATE_EXPLORER_WORKERS", "1")
    monkeypatch.setenv("GATE_EXPLORER_STATE_SECONDS", "1")
    yield folder
    for run in runs.runs():
        runs.stop(run.id)
    until(lambda: not any(run.active for run in runs.runs()))
    runs._registry().close()
    runs._registries.clear()


def start(recipe=SHORT, session="ann", **changes):
    return runs.start(
        runs.RunRequest(CONFIG, recipe, TEXT, corpus="letters", session=session, seed=4, sentence="a cab", **changes)
    )


def status(run):
    return runs.run(run.id).status


def has_steps(run, at_least=1):
    return runs.run(run.id).step >= at_least


def assert_trained_as_by_the_library(run):
    model = CharModel(CONFIG, Vocabulary.from_text(TEXT), seed=run.seed)
    records = list(train(model, split_text(TEXT, run.recipe, run.held_out_share)[0], run.recipe, run.seed))
    assert runs.metrics(run.id, 10**6).nll_nats_S.tolist() == [r.nll_nats for r in records]
    for p, q in zip(runs.checkpoint(run.id).model.parameters(), model.parameters(), strict=True):
        assert torch.equal(p, q)


# ---- the line -------------------------------------------------------------------------------------------------


def test_the_first_runs_the_second_waits_its_turn_and_both_end_as_the_library_would(server, monkeypatch):
    first, second = start(), start()
    assert first.status == "running"
    assert (first.place, first.wait_s) == (None, None)
    assert (second.status, second.place) == ("waiting", 1)
    assert second.wait_s >= 0
    third = start(session="bob")
    assert third.place == 2
    assert third.wait_s >= second.wait_s
    with pytest.raises(RunError, match="at most 2 runs"):
        start()
    assert [run.id for run in runs.runs("ann")] == [second.id, first.id]
    until(lambda: status(third) == "finished")
    for run in (first, second, third):
        assert status(run) == "finished"
        assert_trained_as_by_the_library(run)
    assert [run.id for run in runs.models("ann")] == [second.id, first.id]
    ends = [runs.run(run.id).ended for run in (first, second, third)]
    starts = [runs.run(run.id).started for run in (first, second, third)]
    assert starts[1] >= ends[0]
    assert starts[2] >= ends[1]


def test_a_spare_takes_the_run_and_stop_is_heard(server, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_SPARE", "1")
    runs.prepare()
    spare = runs._registry()._spare.pid
    runs.prepare()
    assert runs._registry()._spare.pid == spare
    run = start(ENDLESS)
    until(lambda: has_steps(run, 3))
    assert runs._registry().store._rows("SELECT pid FROM runs")[0][0] == spare
    assert runs.stop(run.id).status == "stopping"
    until(lambda: status(run) == "stopped")
    after = runs.run(run.id)
    assert after.resumable
    assert after.has_checkpoint
    assert runs.checkpoint(run.id).recipe == ENDLESS
    until(lambda: runs._registry()._spare is not None)
    assert runs._registry()._spare.pid != spare


# ---- dying ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_worker_is_noticed_and_its_run_goes_on_bit_for_bit(server):
    run = start(replace(SHORT, epochs=120))
    until(lambda: has_steps(run, 5))
    os.kill(runs._registry().store._rows("SELECT pid FROM runs")[0][0], signal.SIGKILL)
    until(lambda: status(run) == "interrupted")
    shown = runs.metrics(run.id)
    after = runs.run(run.id)
    assert "without a word" in after.message
    assert after.step == shown.last_step >= 5
    assert [r.id for r in runs.models("ann")] == [run.id]
    runs.resume(run.id)
    until(lambda: status(run) == "finished")
    assert_trained_as_by_the_library(run)


SERVER = """
import sys, time
from explorer import ModelConfig, runs
from explorer.training import Recipe
run = runs.start(runs.RunRequest(ModelConfig(hidden_size=6), Recipe("adam", 0.02, 0.3, batch_size=3, num_steps=8, epochs=120),
                 sys.argv[1], corpus="letters", session="ann", seed=4))
print(run.id, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_server_leaves_a_run_that_another_server_resumes(server):
    other = subprocess.Popen([sys.executable, "-c", SERVER, TEXT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    run_id = other.stdout.readline().strip()
    store = Store(server)
    until(lambda: store.run(run_id).step >= 5)
    other.kill()
    other.wait()
    other.stdout.close()
    # The worker itself tells, for nobody else is there.
    until(lambda: store.run(run_id).status == "interrupted")
    assert "server was closed" in store.run(run_id).message
    store.close()
    run = runs.resume(run_id)
    until(lambda: status(run) == "finished")
    assert_trained_as_by_the_library(runs.run(run_id))


# ---- names, deletion, refusals --------------------------------------------------------------------------------


@pytest.fixture
def line(folder, monkeypatch):
    """A server that never has a free place: nothing is trained."""
    monkeypatch.setattr("explorer.runs.registry.Registry.admit", lambda self: None)
    yield folder
    runs._registry().close()
    runs._registries.clear()


def test_rename_delete_and_undo(line):
    run = start(name="first")
    assert runs.rename(run.id, " my GRU ").name == "my GRU"
    for bad in ("a/b", "", "  ", "..", "x" * 81):
        with pytest.raises(RunError, match=r"^name: "):
            runs.rename(run.id, bad)
    assert runs.run(run.id).name == "my GRU"
    runs.delete(run.id)
    assert runs.run(run.id).status == "stopped"
    assert runs.runs() == []
    assert runs.restore(run.id).deleted is None
    assert [r.name for r in runs.runs()] == ["my GRU"]


def test_a_name_is_made_where_none_is_given(line):
    assert start().name == "GRU, reset after, 6 units, adam, letters"
    odd = runs.start(runs.RunRequest(CONFIG, SHORT, TEXT, corpus="../<b>etc\0", session="bob"))
    assert odd.name == "GRU, reset after, 6 units, adam, ..<b>etc"


def test_a_session_does_not_see_the_runs_of_another(line):
    ann, bob = start(session="ann"), start(session="bob")
    assert [r.id for r in runs.runs("ann")] == [ann.id]
    assert [r.id for r in runs.runs("bob")] == [bob.id]
    assert runs.runs("") == []
    assert len(runs.runs()) == 2


def test_the_text_and_the_baselines(line):
    run = start()
    assert runs.text(run.id) == TEXT
    vocabulary = Vocabulary.from_text(TEXT)
    assert run.symbols == len(vocabulary) == 10
    nll_V = vocabulary.unigram_nll_nats()
    expected = float(nll_V[vocabulary.encode(TEXT)].mean())
    assert run.unigram_nll_nats == pytest.approx(expected)
    assert len(run.prefixes) == 1
    assert TEXT.startswith(run.prefixes[0])


def test_a_data_folder_that_cannot_be_written_is_told_at_start(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(RunError, match="GATE_EXPLORER_DATA"):
        start()


def test_what_a_worker_could_not_write_is_told_all_the_same(line, monkeypatch):
    run, registry = start(), runs._registry()
    held = registry.store.begin(run.id)
    process = subprocess.Popen(
        [sys.executable, "-c", "print('The disk is full.')"], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )

    def full(*_):
        raise RunError("disk.full")

    with monkeypatch.context() as patch:
        patch.setattr(registry.store, "end_dead", full)
        registry._await_end(process, held)
    assert runs.run(run.id).message == "The disk is full."
    assert runs.runs()[0].message == "The disk is full."


# ---- the command line -----------------------------------------------------------------------------------------

MODEL_OPTIONS = ["--hidden-size", "6", "--batch-size", "3", "--num-steps", "8", "--seed", "4"]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text(TEXT, "utf-8")
    return path


def command(corpus, output, *options):
    arguments = ["train", "--corpus", corpus, "--output", output, *MODEL_OPTIONS, *options]
    return CliRunner().invoke(cli.cli, list(map(str, arguments)))


def test_the_command_line_leaves_a_run_like_the_others(line, corpus, tmp_path):
    result = command(corpus, tmp_path / "a.safetensors", "--epochs", "3")
    assert result.exit_code == 0, result.output
    (run,) = runs.runs()
    assert (run.status, run.owner, run.corpus, run.trained_on) == ("finished", "command line", "letters", len(TEXT))
    assert runs.text(run.id) == TEXT
    written = explorer.load_checkpoint(tmp_path / "a.safetensors")
    for p, q in zip(runs.checkpoint(run.id).model.parameters(), written.model.parameters(), strict=True):
        assert torch.equal(p, q)
    assert [event.epoch for event in runs.epochs_since(run.id)] == [0, 1, 2, 3]
    assert runs.metrics(run.id).last_step == written.history[-1].step


def foreground(recipe=ENDLESS, config=CONFIG, told=None):
    """A run recorded in this process, its model and its steps."""
    model = CharModel(config, Vocabulary.from_text(TEXT), seed=4)
    run = runs.new_run(
        runs.RunRequest(config, recipe, TEXT, corpus="letters", session="command line", seed=4, held_out_share=0)
    )
    told = [] if told is None else told
    return run, model, recorded(run, TEXT, model, train(model, TEXT, recipe, 4), told.append)


def test_a_run_on_the_command_line_is_shown_while_it_goes_and_can_be_stopped_in_the_app(line, monkeypatch):
    heard = hearing(monkeypatch)
    run, _, steps = foreground()
    with closing(steps):
        for record in steps:
            if record.step == 1:
                assert runs.run(run.id).status == "running"
                assert runs.metrics(run.id).last_step == 1
            if record.step == 10:
                assert runs.stop(run.id).status == "stopping"
                heard()
            assert record.step <= 10
    after = runs.run(run.id)
    assert (after.status, after.step) == ("stopped", 10)
    assert after.resumable


def test_ctrl_c_on_the_command_line_leaves_a_stopped_run_that_can_be_resumed(line):
    run, _, steps = foreground(replace(SHORT, epochs=20))
    with closing(steps):
        for record in steps:
            if record.step == 12:
                break
    after = runs.run(run.id)
    assert (after.status, after.step) == ("stopped", 12)
    store = Store(line)
    store.requeue(run.id, 1, 1)
    work(store, store.begin(run.id))
    store.close()
    assert status(run) == "finished"
    assert_trained_as_by_the_library(runs.run(run.id))


def test_a_divergence_on_the_command_line_is_recorded_as_one(line):
    recipe = Recipe(learning_rate=1e6, clip_norm=None, batch_size=2, num_steps=30, epochs=200)
    run, _, steps = foreground(recipe, ModelConfig("rnn", activation="relu", hidden_size=8))
    with pytest.raises(TrainingDivergedError) as caught:
        list(steps)
    after = runs.run(run.id)
    assert (after.status, after.fault_step, after.fault_parameter) == (
        "diverged",
        caught.value.step,
        caught.value.parameter,
    )


def test_a_disk_that_refuses_costs_the_recording_and_not_the_training(folder, monkeypatch):
    told = []
    _, _, steps = foreground(SHORT, told=told)
    plain = CharModel(CONFIG, Vocabulary.from_text(TEXT), seed=4)
    expected = [r.nll_nats for r in train(plain, TEXT, SHORT, 4)]
    got = []
    for record in steps:
        got.append(record.nll_nats)
        if record.step == 5:
            monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert got == expected
    assert len(told) == 1
    assert "is full" in told[0]
    assert f"The data folder is {folder}. Training goes on" in told[0]


def test_without_a_data_folder_the_command_line_trains_and_says_so(corpus, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "file" / "data"))
    result = command(corpus, tmp_path / "a.safetensors", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert f"The data folder is {tmp_path / 'file' / 'data'}. Training goes on" in result.stderr
    assert (tmp_path / "a.safetensors").is_file()


def test_no_id_looks_like_an_option():
    ids = {new_id() for _ in range(2_000)}
    assert len(ids) == 2_000
    assert not any(made.startswith("-") for made in ids)
