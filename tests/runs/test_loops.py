"""Loops in the store: what was written is read, what is damaged is told, and a process that is gone is noticed."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from explorer import runs
from explorer.probes.finding import Finding
from explorer.probes.gradients import NonFinite
from explorer.runs.loop_rows import findings_json, latest_json, sample_json, to_latest, to_sample
from explorer.runs.loops import PREFIX, GateInTime, InTime, Loop, LoopLayer, NetSummary, Sample
from explorer.runs.status import FINISHED, INTERRUPTED, RUNNING
from explorer.words import Saying

NET = ("rnn", 0, "forward")
LAYER = LoopLayer("rnn", "gru", "after", 32, 1, ("forward",))
FINDINGS = (
    Finding("exploding", "certain", {"non_finite": NonFinite(Saying("value.states-of", {"module": "rnn"}), 3, 5),
                                     "at_step": 7}, "loop-value"),
    Finding("exploding", "likely", {"share": 12.5, "lag": 30, "net": NET}, "loop-time"),
)  # fmt: skip


def put(store, called="mine", **changes):
    loop = Loop(PREFIX + called, called, RUNNING, runs.COMMAND_LINE, (LAYER,), 1_000.0)
    store.loops.add(loop, os.getpid())
    if changes:
        store.loops.note(loop.id, **changes)
    return loop.id


def sample(step):
    net = NetSummary(NET, {"z": (0.25, 0.5), "r": (0.5, 0.0)}, 3, None)
    return Sample(step, 0.001, (net,), {"rnn.weight_hh_l0": 0.75, "out.weight": 0.25})


def numbers(steps):
    return [(step, 1 / step, float(step == 13) + 0.5, 0.4, 0.8, 0.4) for step in steps]


def test_what_was_written_is_read(store):
    mine = put(store)
    gate = GateInTime(np.array([0.1, 0.2]), np.array([0.0, 0.1]), np.array([0.3, 0.9]))
    latest = InTime(NET, {"z": gate}, np.array([1.0, np.inf]), None, np.array([1.0, 0.5]))
    store.loops.write(mine, numbers(range(1, 41)), [sample(1), sample(21)], (21, [latest]))
    record = store.loops.record(PREFIX + "mine")
    assert record.loop.step == 40
    assert record.loop.sampled == 2
    assert record.step_S.tolist() == [*range(1, 41)]
    assert record.loss_S.tolist() == [1 / step for step in range(1, 41)]
    assert record.max_norm == 0.4
    assert record.samples == (sample(1), sample(21))
    (net,) = record.latest
    assert record.sampled_step == 21
    assert net.gates["z"].high_T.tolist() == [0.3, 0.9]
    assert net.local_T is None
    np.testing.assert_array_equal(net.norm_T, [1.0, np.nan])  # no JSON has an infinity


def test_what_is_thinned_keeps_the_largest_gradient_the_first_and_the_last_step(store):
    mine = put(store)
    store.loops.write(mine, numbers(range(1, 1_001)), [], None)
    record = store.loops.record(PREFIX + "mine", 100)
    assert len(record.step_S) <= 104
    assert {1, 13, 1_000} <= set(record.step_S.tolist())


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.case)
def test_a_verdict_comes_back_as_the_same_words(store, finding):
    put(store, findings=findings_json([finding]))
    (again,) = store.loops.loop(PREFIX + "mine").findings
    assert str(again) == str(finding)
    assert "step 3" in str(again) or "30 steps" in str(again)


def test_what_is_not_known_is_nan(store):
    mine = put(store)
    store.loops.write(mine, [(1, None, float("nan"), float("inf"), 1.0, None)], [], None)
    record = store.loops.record(PREFIX + "mine")
    assert np.isnan([*record.loss_S, *record.norm_before_S, *record.norm_after_S, *record.max_norm_S]).all()
    assert record.max_norm is None


def test_a_loop_whose_process_is_gone_is_interrupted_and_nothing_is_written(store):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    gone = int(done.stdout)
    put(store, pid=gone)
    assert store.loops.loop(PREFIX + "mine").status == INTERRUPTED
    put(store, "living")
    assert store.loops.loop(PREFIX + "living").status == RUNNING
    written = store.database.rows("SELECT status FROM loops")
    assert [row["status"] for row in written] == [RUNNING, RUNNING]


DAMAGES = {
    "layers": ["", "[]", "{}", '[{"module": 1}]', '[{"module":"","cell":"no","variant":"","units":1,"depth":1,"directions":[]}]'],
    "status": ["waiting", 7, ""],
    "created": ["soon", float("inf")],
    "step": [-1, "many"],
    "findings": [
        "[", '[{"rule": "no-such"}]',
        '[{"rule": "exploding", "confidence": "likely", "figures": {}, "case": "loop-time"}]',
    ],
    "name": [b"\xff"],
    "message": [b"\xff\xfe"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"), [(column, value) for column, values in DAMAGES.items() for value in values]
)
def test_a_damaged_loop_is_one_line_and_can_be_saved_and_deleted(store, folder, column, value):
    put(store, "whole")
    put(store, "hurt", **{column: value})
    told = runs.listed(runs.COMMAND_LINE).unreadable
    assert list(told) == [PREFIX + "hurt"]
    assert column in told[PREFIX + "hurt"]
    assert [loop.name for loop in runs.loops(runs.COMMAND_LINE)] == ["whole"]
    assert column.encode() in runs.raw(PREFIX + "hurt")
    runs.delete(PREFIX + "hurt")
    assert runs.listed(runs.COMMAND_LINE).unreadable == {}


@pytest.mark.parametrize("written", ["", "[]", '{"step": 1}', '{"step": 1, "nets": [{"net": [1, 2]}]}'])
def test_a_damaged_sample_is_a_sentence(store, written):
    mine = put(store)
    store.loops.write(mine, numbers([1]), [sample(1)], None)
    with closing(sqlite3.connect(store.files.path / "runs.sqlite")) as db, db:
        db.execute("UPDATE loop_samples SET sample = ?", (written,))
    with pytest.raises(runs.RunError, match="steps"):
        store.loops.record(PREFIX + "mine")


def test_names_deletion_and_return(store, folder):
    put(store, status=FINISHED)
    loop_id = PREFIX + "mine"
    assert runs.rename(loop_id, " better ").name == "better"
    with pytest.raises(runs.RunError, match="name"):
        runs.rename(loop_id, "a/b")
    runs.delete(loop_id)
    assert runs.loops(runs.COMMAND_LINE) == []
    assert runs.restore(loop_id).deleted is None
    runs.delete(loop_id)
    store.loops.purge(-1)
    with pytest.raises(runs.UnknownRunError):
        runs.loop(loop_id)
    assert store.database.rows("SELECT * FROM loop_steps") == []


def test_codecs_keep_what_they_are_given():
    assert to_sample(1, sample_json(sample(1))) == sample(1)
    assert to_latest(None) == (0, ())
    assert to_latest(latest_json(5, [])) == (5, ())


def test_what_a_loop_writes_that_was_deleted_for_good_goes_to_no_other(store):
    """The number of a row that is gone is the next one's."""
    gone = put(store, "gone")
    store.loops.write(gone, numbers([1, 2]), [sample(1)], None)
    runs.delete(gone)
    store.loops.purge(-1)
    other = put(store, "other")
    store.loops.write(other, numbers([1]), [], None)
    for late in (
        lambda: store.loops.write(gone, numbers([3]), [sample(3)], None),
        lambda: store.loops.note(gone, message="x"),
    ):
        with pytest.raises(runs.UnknownRunError):
            late()
    record = store.loops.record(other)
    assert record.step_S.tolist() == [1]
    assert (record.samples, record.loop.message) == ((), "")
