"""Verdicts on loops whose condition is known, and healthy ones near the thresholds that must stay silent."""

import pytest
import torch
from torch import nn

from attaching import rigs
from attaching.loops import Net
from explorer import GateProbe
from explorer.words import say


def test_recall_of_a_first_symbol_is_called_vanishing():
    probe = rigs.recall()
    (finding,) = probe.diagnose().findings
    assert finding.rule == "vanishing"
    assert finding.case == "loop-plain"
    assert finding.figures["horizon_steps"] < 15
    assert "nn.GRU" in finding.advice


def test_it_is_also_where_no_loss_can_be_read():
    probe = rigs.recall(told=False)
    assert probe.diagnose().rules == ("vanishing",)
    assert not probe.ledger.finite("loss").size


def test_a_gated_net_is_told_of_its_gates():
    (finding,) = rigs.recall(nn.GRU).diagnose().findings
    assert (finding.rule, finding.case) == ("vanishing", "loop-gated")


def test_a_gradient_that_grows_back_through_time():
    probe = rigs.exploding()
    finding = probe.diagnose().findings[0]
    assert finding.rule == "exploding"
    assert finding.figures["lag"] > 20
    assert finding.figures["share"] == pytest.approx(1.5 ** finding.figures["lag"], rel=0.5)


def test_a_state_that_is_never_detached():
    probe = rigs.never_detached()
    diagnosis = probe.diagnose()
    assert diagnosis.rules == ("never-detached",)
    assert diagnosis.findings[0].figures == {"step": 2}
    assert "state.detach()" in str(diagnosis)
    assert len(probe.ledger) == 2  # the step that failed is on record as far as it came


def test_a_threshold_that_is_never_reached():
    diagnosis = rigs.sine(clip=50.0).diagnose()
    assert diagnosis.rules == ("healthy", "clip-idle")
    figures = diagnosis.findings[1].figures
    assert figures["largest"] < 50
    assert figures["suggested"] < figures["largest"]


def test_the_first_value_that_is_not_finite():
    probe = rigs.not_a_number()
    assert probe.fault.step == 7
    assert (probe.fault.value.step, probe.fault.value.unit) == (12, 0)
    (finding,) = probe.diagnose().findings
    assert finding.rule == "bad-data"
    assert "at step 7: what rnn read, step 12" in finding.evidence


@pytest.mark.parametrize(
    ("rig", "rule"),
    [
        (lambda: rigs.sine(lr=1e-7), "rate-too-small"),
        (lambda: rigs.sine(optimizer=torch.optim.SGD, lr=0.3, clip=1e-5), "clip-bound"),
        (lambda: rigs.sine(optimizer=torch.optim.SGD, lr=1e3, kind=nn.RNN), "rate-too-large"),
        (lambda: rigs.sine(lr=3.0), "rate-too-large"),
    ],
)
def test_rates(rig, rule):
    assert rig().diagnose().rules[0] == rule


def test_saturated_gates_are_named_where_nothing_is_learned():
    def shut(net):
        with torch.no_grad():
            net.rnn.bias_ih_l0[:48] = 12.0  # r and z of a GRU are open, so nothing new comes in

    probe = rigs.sine(change=shut)
    assert "saturated" in probe.diagnose().rules


HEALTHY = {
    "gru on a sine": rigs.sine,
    "lstm on a sine": lambda: rigs.sine(nn.LSTM),
    "rnn on a sine": lambda: rigs.sine(nn.RNN),
    "a clip that binds now and then": lambda: rigs.sine(clip=0.2),
    "two layers, both directions": lambda: rigs.sine(num_layers=2, bidirectional=True),
    "sgd": lambda: rigs.sine(optimizer=torch.optim.SGD, lr=0.2, steps=300),
    "lstm that echoes": rigs.echoed,
    "rnn that echoes": lambda: rigs.echoed(nn.RNN),
    "recall over a short way": lambda: rigs.recall(length=4),
}


@pytest.mark.parametrize("rig", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_loop_is_left_alone(rig):
    assert rig().diagnose().rules == ("healthy",)


def test_a_young_loop_is_not_judged():
    assert rigs.recall(steps=12).diagnose().rules == ("too-short",)
    assert rigs.recall(steps=40).diagnose().rules == ("unclear",)
    assert say("verdict.unclear.found.loop", first_loss=None, last_loss=None).startswith("No loss was seen")


@pytest.mark.parametrize("recorded", [{"run": None}, {"run": "not a number"}])
def test_a_loop_without_one_finite_norm_is_told_of_its_first_value(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path))
    net = Net(nn.GRU(1, 4), 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with GateProbe(net, **recorded) as probe:
        for _ in range(110):
            optimizer.zero_grad()
            net(torch.full((5, 2, 1), torch.nan)).mean().backward()
            probe.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
    assert probe.diagnose().rules == ("bad-data",)
    assert not any(note.code == "attach.store-failed" for note in probe.notes)


def test_a_loop_that_clips_everything_away_is_told_so():
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 4), 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with GateProbe(net) as probe:
        for _ in range(110):
            optimizer.zero_grad()
            net(torch.ones(5, 2, 1)).square().mean().backward()
            probe.clip_grad_norm_(net.parameters(), 0.0)
            optimizer.step()
    (finding,) = probe.diagnose().findings
    assert (finding.rule, finding.case) == ("no-update", "clip")
