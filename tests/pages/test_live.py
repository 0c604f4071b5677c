"""What the curves of the page Train are told about their runs."""

import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from drawn import unpacked
from explorer import ModelConfig, Recipe, load_corpus, runs
from explorer.pages import live
from explorer.pages.shell import models
from explorer.runs import Run
from trained import trained
from waiting import ended

SMALL = ModelConfig(hidden_size=4), Recipe(epochs=3, batch_size=4, num_steps=10, max_tokens=2000)
pytestmark = pytest.mark.process


@pytest.fixture(scope="module", autouse=True)
def _data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATE_EXPLORER_DATA", str(tmp_path_factory.mktemp("live")))
        yield


@pytest.fixture(autouse=True)
def _nothing_packed():
    live._packed.cache_clear()


def small_run(**about):
    run = trained(*SMALL, load_corpus("lighthouse"), corpus="lighthouse", session="me", **about)
    assert run.status == "finished", run.message
    return run


@pytest.fixture(scope="module")
def silent(_data):
    """A finished run that was asked to write and to read nothing."""
    return small_run()


@pytest.fixture(scope="module")
def writing(_data):
    """A finished run with all there is."""
    return small_run(sentence="Turn, light", prefixes=["The lamp"])


def told(*ids, shown=""):
    status, body = live.answer(ids, shown)
    assert status == 200
    return unpacked(gzip.decompress(body))


def lines(head):
    """The curves by their names."""
    return {item["name"]: item for row in head["rows"] for item in row["items"] if item["kind"] == "line"}


def test_a_run_is_told_with_its_curves_and_what_the_model_writes(writing):
    run, head = writing, told(writing.id)
    about = head["about"]
    assert about["said"] == f"step {run.step:,} of about {run.steps_total:,} · epoch 3 of 3"
    assert not about["active"]
    assert about["samples"].startswith("The lamp")
    assert about["state"] == live.state([run]) != ""
    assert {"training", "held out", "your sentence", "before", "after", "mean z"} <= lines(head).keys()
    assert head["x"]["high"] == run.step
    kept = runs.metrics(run.id)
    np.testing.assert_array_equal(lines(head)["before"]["x"], kept.step_S)
    np.testing.assert_allclose(lines(head)["before"]["y"], kept.grad_norm_before_S, rtol=1e-6)


def test_the_state_changes_with_the_status_and_with_the_snapshots_and_with_nothing_else(writing):
    run = writing
    before = live.state([run])
    runs.rename(run.id, "another name")
    assert live.state([runs.run(run.id)]) == before
    path = runs.checkpoint_path(run.id)
    path.write_bytes(path.read_bytes())
    assert live.state([run]) != before
    assert live.state([run]).split("@")[0] == "finished"


def test_a_run_that_goes_is_told_to_go_and_who_shows_a_newer_state_is_not_told_an_older_one():
    config, recipe = SMALL
    run = runs.start(
        runs.RunRequest(
            config, replace(recipe, epochs=5000), load_corpus("lighthouse"), corpus="lighthouse", session="me"
        )
    )
    assert told(run.id)["about"]["active"]
    assert told(run.id)["about"]["state"].split("@")[0] in ("waiting", "running")
    runs.stop(run.id)
    shown = live.state([runs.run(run.id)])
    assert shown.split("@")[0] in ("stopping", "stopped")
    assert told(run.id, shown=shown)["about"]["state"].split("@")[0] in ("stopping", "stopped")
    ended(run.id)


def test_several_runs_are_told_together_and_all_who_ask_at_once_are_told_the_same_in_real_time(
    monkeypatch, silent, writing
):
    first, second = silent, writing
    head = told(first.id, second.id)
    assert {"1: training", "2: training", "2: your sentence"} <= lines(head).keys()
    assert head["about"]["said"] == head["about"]["samples"] == ""
    assert len(head["about"]["state"].split()) == 2
    live._packed.cache_clear()
    progress = live.progress
    monkeypatch.setattr(live, "progress", lambda run: time.sleep(0.05) or progress(run))  # so that they do overlap
    with ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda _: live.answer((first.id,), ""), range(40)))
    assert live._packed.cache_info().misses <= 2  # one a half second, also of those who ask together
    assert {status for status, _ in answers} == {200}


@pytest.mark.parametrize("run_id", ["nonsense", "", "../../etc/passwd", "<b>"])
def test_a_run_that_is_not_there_is_answered_in_words(run_id):
    status, body = live.answer((run_id,), "")
    assert status == 404
    assert body.decode().startswith("There is no run with this id")


def test_how_far_a_run_is_in_words(silent):
    run = silent

    def said(**changes):
        return live.said(Run(**{**vars(run), **changes}))

    assert "place 2 in line, about 7 s to wait" in said(status="waiting", place=2, wait_s=7.4)
    going = said(status="running", tokens_per_s=1234.5, step=10, trained_s=5.0, steps_total=30)
    assert going == "step 10 of about 30 · epoch 3 of 3 · 1,234 characters/s · about 10 s left"


def test_a_picture_of_an_epoch_that_the_file_has_no_more_is_of_the_last_one(writing):
    """The worker writes its file anew while the page still shows the one before."""
    last = models.Which.of(f"run:{writing.id}", 3)
    older = last._replace(epoch=2000, version=last.version - 1)
    (drawn,) = (row.items[0].values for row in live.watched(older, 2000, writing.sentence).rows[:1])
    (expected,) = (row.items[0].values for row in live.watched(last, 3, writing.sentence).rows[:1])
    np.testing.assert_array_equal(drawn, expected)
    assert not np.array_equal(drawn, live.watched(last, 3, writing.sentence, 0).rows[0].items[0].values)
