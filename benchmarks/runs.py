"""Runs: what recording costs a training, what a tick costs the server, how soon the first point and Stop come, and kill -9.

Ratios where there is something to compare with; the rest are milliseconds of this machine. 200 kills take some minutes:
`python benchmarks/runs.py 20` makes fewer.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ |= {"GATE_EXPLORER_DATA": tempfile.mkdtemp(), "GATE_EXPLORER_WORKERS": "1"}

import torch
from _alternate import compare

from explorer import RECIPES, CharModel, ModelConfig, Recipe, Vocabulary, load_corpus, runs, train
from explorer.recording import Recording
from explorer.runs.claim import Claim
from explorer.runs.recorder import Recorder, split_text
from explorer.runs.state import restore_state
from explorer.runs.store import Store
from explorer.runs.worker import work
from explorer.training import Training

TEXT = load_corpus("lighthouse")
VOCABULARY = Vocabulary.from_text(TEXT)
STEPS = 40


def recording_cost() -> None:
    """A training that is recorded, measured and kept, against the same one that is only trained."""
    recipe = replace(RECIPES["d2l-v2"], epochs=5000)
    config = ModelConfig()
    store = Store(runs.data_folder())
    run = runs.new_run(
        runs.RunRequest(config, recipe, TEXT, corpus="lighthouse", session="benchmark", sentence="Turn, light, turn.")
    )
    store.add(replace(run, text=store.files.keep_text(TEXT)))
    text, held_out = split_text(TEXT, recipe, run.held_out_share)
    model = CharModel(config, VOCABULARY, seed=0)
    steps = train(model, text, recipe)
    recorder = Recorder(store, store.begin(run.id), run, model, steps, held_out, state_seconds=10)
    recorder.begin()
    plain = train(CharModel(config, VOCABULARY, seed=0), text, recipe)

    def recorded():
        for _ in range(STEPS):
            recorder.add(next(steps))

    def bare():
        for _ in range(STEPS):
            next(plain)

    compare("recorded / not recorded, GRU of 256 units", recorded, bare, rounds=15)
    store.close()


def tick_cost() -> None:
    """What a page asks a second, with a run of 100,000 steps in the store."""
    store = Store(runs.data_folder())
    run = runs.new_run(runs.RunRequest(ModelConfig(), RECIPES["quick"], TEXT, corpus="lighthouse", session="ticks"))
    store.add(run)
    held = store.begin(run.id)
    record = next(train(CharModel(ModelConfig(), VOCABULARY, seed=0), TEXT, RECIPES["quick"]))
    for first in range(1, 100_001, 1_000):
        held.write([replace(record, step=s) for s in range(first, first + 1_000)], [], 1.0)
    held.end("finished")
    for name, ask in (
        ("run, its place in line", lambda: runs.run(run.id)),
        ("metrics_since, 50 new steps", lambda: runs.metrics_since(run.id, 99_950)),
        ("metrics, 1,000 of 100,000 steps", lambda: runs.metrics(run.id)),
    ):
        times = []
        for _ in range(50):
            started = time.perf_counter()
            ask()
            times.append((time.perf_counter() - started) * 1e3)
        print(f"{name}: {statistics.median(times):.2f} ms, p95 {sorted(times)[47]:.2f}")
    store.close()


def latencies() -> None:
    """Start to first point with a warm spare, and Stop to stopped."""
    first, stopped = [], []
    for _ in range(5):
        runs.prepare()
        time.sleep(12)  # until the spare has imported everything
        started = time.perf_counter()
        run = runs.start(
            runs.RunRequest(
                ModelConfig(), RECIPES["d2l-v2"], TEXT, corpus="lighthouse", session="benchmark", sentence="Turn."
            )
        )
        while not len(runs.metrics_since(run.id)):
            time.sleep(0.01)
        first.append(time.perf_counter() - started)
        time.sleep(1)
        started = time.perf_counter()
        runs.stop(run.id)
        while runs.run(run.id).active:
            time.sleep(0.01)
        stopped.append(time.perf_counter() - started)
    print(f"Start to first point, warm spare: {statistics.median(first):.2f} s, at most {max(first):.2f}")
    print(f"Stop to stopped: {statistics.median(stopped):.2f} s, at most {max(stopped):.2f}")


def kills(times: int) -> None:
    """SIGKILL at random moments: the store is whole, the state loads, what is lost, and the end equals the undisturbed run."""
    os.environ["GATE_EXPLORER_STATE_SECONDS"] = "0"
    recipe = Recipe("adam", 0.01, 1.0, batch_size=8, num_steps=20, epochs=5000)
    config, generator, lost, killed = ModelConfig(hidden_size=16), random.Random(0), [], 0
    folder = Path(tempfile.mkdtemp())
    store = Store(folder)
    run = runs.new_run(
        runs.RunRequest(config, recipe, TEXT, corpus="lighthouse", session="benchmark", sentence="Turn, light, turn.")
    )
    run = store.add(replace(run, text=store.files.keep_text(TEXT)))
    while killed < times:
        held = store.begin(run.id)
        store.close()
        child = os.fork()
        if not child:
            reopened = Store(folder)
            work(reopened, Claim(reopened.database, run.id, held.token))
            os._exit(0)
        time.sleep(generator.uniform(0.0, 1.0))
        os.kill(child, signal.SIGKILL)
        killed += os.waitpid(child, 0)[1] == signal.SIGKILL
        database = sqlite3.connect(folder / "runs.sqlite")
        whole = database.execute("PRAGMA integrity_check").fetchone()[0]
        database.close()
        if whole != "ok":
            raise SystemExit(f"after {killed} kills: {whole}")
        store = Store(folder)
        store.end_dead(run.id, held.token, "killed")
        store.requeue(run.id, 1, 1)
        if store.files.state_path(run.id).is_file():
            training = Training(CharModel(config, VOCABULARY), split_text(TEXT, recipe, 0.1)[0], recipe)
            restore_state(store.files.state_path(run.id), run.id, training, Recording(training.model, recipe))
            lost.append(store.run(run.id).step - training.state().step)
    reached = store.metrics(run.id, at_most=10**7)
    undisturbed = CharModel(config, VOCABULARY, seed=0)
    records = train(undisturbed, split_text(TEXT, recipe, 0.1)[0], recipe)
    same = reached.nll_nats_S.tolist() == [next(records).nll_nats for _ in range(len(reached))]
    print(
        f"{killed} kills: the store was whole and the state loaded each time; at most {max(lost)} step lost; "
        f"{len(reached):,} steps equal bit for bit to a run that was never killed: {same}"
    )
    store.close()


def main() -> None:
    torch.set_num_threads(1)
    recording_cost()
    tick_cost()
    latencies()
    for run in runs.runs():
        runs.stop(run.id)
    if hasattr(os, "fork"):
        kills(int(sys.argv[1]) if len(sys.argv) > 1 else 200)


if __name__ == "__main__":
    main()
