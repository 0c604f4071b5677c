"""GateProbe(run=...): the loop is in the store while it goes and after, and a store that refuses costs only that."""

import contextlib
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attaching.loops import Net
from attaching.rigs import waves
from explorer import ConfigError, GateProbe, runs
from explorer.attaching import kept
from explorer.attaching import probe as probing
from explorer.runs.status import FAILED, FINISHED, RUNNING


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(kept, "WRITE_EVERY_S", 0.0)
    return tmp_path / "data"


def learn(steps=25, *, run="waves", at_step=lambda _: None, change=None, **shape):
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 8, **shape), 1)
    if change:
        change(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    with GateProbe(net, run=run, every=10) as probe:
        for x, y in waves(steps, length=12):
            loss = F.mse_loss(net(x), y)
            loss.backward()
            probe.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
            at_step(probe)
    return probe, net


def only():
    (loop,) = runs.loops(runs.COMMAND_LINE)
    return loop


def test_the_store_has_what_the_probe_has():
    probe, _ = learn(num_layers=2)
    loop, record = only(), runs.loop_record(only().id)
    assert (loop.name, loop.status, loop.step, loop.sampled) == ("waves", FINISHED, 25, 3)
    assert [layer.title for layer in loop.layers] == ["GRU, reset after, 8 units, 2 layers (rnn)"]
    for column in ("loss", "norm_before", "norm_after", "coefficient", "max_norm"):
        assert getattr(record, f"{column}_S").tolist() == probe.ledger[column].tolist()
    assert [sample.step for sample in record.samples] == [1, 11, 21]
    for kept_net, net in zip(record.samples[-1].nets, probe.samples[-1].nets, strict=True):
        assert kept_net.net == tuple(net.net)
        assert kept_net.gates["z"] == (net.gates["z"].mean_T.mean(), net.gates["z"].saturated_T.mean())
        assert (kept_net.half_life_steps, kept_net.horizon_steps) == (net.half_life_steps, net.horizon_steps)
    for kept_net, net in zip(record.latest, probe.samples[-1].nets, strict=True):
        assert kept_net.norm_T == pytest.approx(net.norm_T, rel=1e-4)
        assert kept_net.gates["r"].low_T == pytest.approx(net.gates["r"].deciles_TQ[:, 0], rel=1e-4, abs=1e-9)
    assert str(runs.loop(loop.id).findings[0]) == str(probe.diagnose().findings[0])


def test_it_is_there_while_the_loop_goes():
    seen = []
    learn(3, at_step=lambda _: seen.append((only().status, only().step)))
    assert seen == [(RUNNING, 1), (RUNNING, 2), (RUNNING, 3)]


def test_a_loop_that_raises_says_what_it_raised_and_loses_nothing():
    def fail(probe):
        if probe.step == 4:
            raise ValueError("my own <b>fault</b>")

    with pytest.raises(ValueError, match="my own"):
        learn(9, at_step=fail)
    assert (only().status, only().step) == (FAILED, 3)
    assert only().message == "ValueError: my own <b>fault</b>"


def test_nothing_of_the_training_changes():
    _, without = learn(run=None)
    assert runs.loops(runs.COMMAND_LINE) == []
    _, with_it = learn()
    assert all(torch.equal(a, b) for a, b in zip(without.parameters(), with_it.parameters(), strict=True))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
def test_a_loop_that_has_ended_holds_no_file(folder):
    def held():
        found = []
        for one in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(one.readlink()))
        return [path for path in found if path.startswith(str(folder))]

    held_before, during = len(held()), []
    probe, _ = learn(3, at_step=lambda _: during.append(len(held())))  # the probe itself stays
    assert min(during) > held_before
    assert len(held()) == held_before, probe


def test_a_store_that_refuses_costs_the_recording_only(monkeypatch):
    def refuse(*_):
        raise runs.RunError("disk.full")

    probe, _ = learn(run="first")
    monkeypatch.setattr(kept.Kept, "write", refuse)
    probe, _ = learn(run="second")
    assert len(probe.ledger) == 25
    (note,) = probe.notes
    assert "store refused" in str(note)


def test_a_folder_that_is_a_file_costs_the_recording_only(folder):
    folder.write_text("in the way")
    probe, _ = learn()
    assert len(probe.ledger) == 25
    assert "store refused" in str(probe.notes[0])


def test_a_loop_goes_on_in_the_same_place():
    torch.manual_seed(0)
    net = Net(nn.LSTM(1, 8), 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    probe = GateProbe(net, run="twice", every=5)
    for _ in range(2):
        with probe:
            for x, y in waves(4, length=12):
                F.mse_loss(net(x), y).backward()
                optimizer.step()
                optimizer.zero_grad()
    assert (only().status, only().step, only().sampled) == (FINISHED, 8, 2)


def test_a_loop_that_never_steps_is_told_as_too_short():
    learn(0)
    assert (only().status, only().step) == (FINISHED, 0)
    assert only().findings[0].rule == "too-short"
    assert len(runs.loop_record(only().id).step_S) == 0


def test_values_that_are_not_finite_are_kept_as_such():
    def blow(net):
        with torch.no_grad():
            net.rnn.weight_hh_l0.fill_(float("nan"))

    learn(6, change=blow)
    record = runs.loop_record(only().id)
    assert only().findings[0].rule == "exploding"
    assert len(record.step_S) == 6


@pytest.mark.parametrize("name", ["", "  ", "a/b", 5, "x" * 200, "nul\0"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ConfigError) as refused:
        GateProbe(nn.GRU(1, 2), run=name)
    assert refused.value.field == "run"


def test_one_slow_write_does_not_end_the_live_verdict(monkeypatch):
    """What a verdict costs is weighed, and not what the disk does."""
    given, slow = [], [True]
    write = kept.Kept.write

    def noted(self, diagnosis=None):
        given.append(diagnosis is not None)
        if slow:
            slow.clear()
            clock[0] += 10
        write(self, diagnosis)

    clock = [0.0]
    monkeypatch.setattr(kept.Kept, "write", noted)
    monkeypatch.setattr(probing.time, "monotonic", lambda: clock[0])
    learn(6, at_step=lambda _: clock.__setitem__(0, clock[0] + 1))
    assert given[:6] == [True] * 6
