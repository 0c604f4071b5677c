"""Mistakes that people make in their loops, each beside the same loop without it, of which nothing of the kind is said."""

import copy
import io
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attaching import rigs
from attaching.loops import Net
from attaching.rigs import waves
from explorer import ConfigError, GateProbe

STEPS = 120


def loop(
    at_step=None,
    *,
    steps=STEPS,
    net=None,
    optimizer=None,
    schedule=None,
    lr=5e-3,
    clip=None,
    scaled=None,
    enter=True,
    times=1.0,
):
    """The loop of three lines on sines; a mistake replaces some of it. What the probe recorded, and its losses."""
    torch.manual_seed(0)
    net = net or Net(nn.GRU(1, 16), 1)
    optimizer = optimizer(net) if optimizer else torch.optim.Adam(net.parameters(), lr=lr)
    scheduler = schedule(optimizer) if schedule else None
    probe, losses = GateProbe(net), []
    hook = probe.__enter__() if enter else probe
    for x, y in waves(steps, length=12):
        loss = times * F.mse_loss(net(x), y)
        losses.append(float(loss.detach()))
        (scaled.scale(loss) if scaled else loss).backward()
        (at_step or plain)(net, optimizer, hook, clip)
        if scaled:
            scaled.update()
        if scheduler:
            scheduler.step()
    if enter:
        probe.__exit__(None, None, None)
    return probe, losses


def plain(net, optimizer, probe, clip):
    if clip is not None:
        probe.clip_grad_norm_(net.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()


def only(probe):
    (finding,) = probe.diagnose().findings
    return finding


def test_without_a_mistake_nothing_is_said():
    for clip in (None, 0.05):
        probe, losses = loop(clip=clip)
        diagnosis = probe.diagnose()
        assert (diagnosis.rules, diagnosis.notes) == (("healthy",), ())
        assert probe.ledger["loss"].tolist() == pytest.approx(losses)


# ---- a model is copied and saved while it is watched


def test_a_watched_model_is_copied_averaged_and_saved_as_any_other():
    net = Net(nn.GRU(1, 4), 1)
    x = torch.randn(3, 2, 1)
    with GateProbe(net, every=1) as probe:
        others = [copy.deepcopy(net), torch.optim.swa_utils.AveragedModel(net).module]
        file = io.BytesIO()
        torch.save(net, file)
        others.append(torch.load(io.BytesIO(file.getvalue()), weights_only=False))
        for other in others:
            assert torch.equal(other(x), net(x))
        calls = len(probe._calls["rnn"])
        for other in others:
            other(x)
        assert len(probe._calls["rnn"]) == calls  # the copies are not watched
        net(x).sum().backward()
        probe.end_step()
    assert probe.samples[0].nets


def test_a_saved_model_needs_nothing_of_ours(tmp_path):
    net = nn.Sequential(nn.GRU(1, 4))
    with GateProbe(net):
        torch.save(net, tmp_path / "x.pt")
    code = f"import torch, sys; torch.load({str(tmp_path / 'x.pt')!r}, weights_only=False)(torch.ones(2, 1, 1)); " \
        "assert 'explorer' not in sys.modules"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---- values that are not finite, of which no update was made


class Scaler(torch.amp.GradScaler):
    """The processor's, with a scale too large at first, as every run in half precision begins."""

    def __init__(self, **given):
        super().__init__("cpu", **given)


def scaled_step(net, optimizer, probe, clip, scaler):
    scaler.unscale_(optimizer)
    if clip is not None:
        probe.clip_grad_norm_(net.parameters(), clip)
    scaler.step(optimizer)
    optimizer.zero_grad()


def test_a_scaler_that_skips_its_first_steps_has_no_fault():
    scaler = Scaler(init_scale=2.0**126, growth_interval=1000)  # too large for float32 at first
    probe, losses = loop(lambda *given: scaled_step(*given, scaler), scaled=scaler, clip=1.0, times=1e4)
    assert scaler.get_scale() < 2.0**126
    assert probe.fault is None
    assert probe.diagnose().rules[0] == "healthy"
    (note,) = [note for note in probe.diagnose().notes if note.code == "attach.passed"]
    assert "At step 1 a value was not a finite number" in str(note)
    assert probe.ledger["loss"].tolist() == pytest.approx(losses)


def test_a_scale_that_grows_is_no_loss_that_rises():
    scaler = Scaler(init_scale=256.0, growth_interval=20)
    probe, losses = loop(lambda *given: scaled_step(*given, scaler), scaled=scaler)
    assert scaler.get_scale() >= 2.0**12
    assert probe.ledger["loss"].tolist() == pytest.approx(losses)
    assert probe.diagnose().rules == ("healthy",)


def test_one_bad_batch_that_is_left_out_is_told_and_is_no_fault():
    def careful(net, optimizer, probe, clip):
        probe.clip_grad_norm_(net.parameters(), 1.0)
        if all(p.grad.isfinite().all() for p in net.parameters()):
            optimizer.step()
        optimizer.zero_grad()

    def batches():
        for number, (x, y) in enumerate(waves(STEPS, length=12)):
            if number == 30:
                x[3, 2] = torch.nan
            yield x, y

    torch.manual_seed(0)
    net = Net(nn.GRU(1, 16), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    with GateProbe(net) as probe:
        for x, y in batches():
            F.mse_loss(net(x), y).backward()
            careful(net, optimizer, probe, None)
    assert probe.diagnose().rules[0] == "healthy"
    (note,) = probe.notes
    assert str(note).startswith("At step 31 a value was not a finite number (what rnn read, step 3")
    assert len(probe.ledger) == STEPS
    assert np.isnan(probe.ledger["loss"]).nonzero()[0].tolist() == [30]


# ---- no gradient, no update


class Detached(Net):
    def forward(self, x):
        with torch.set_grad_enabled(not getattr(self, "blind", False)):
            out = self.rnn(x)[0]
        return self.head(out.detach())


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_layer_without_a_gradient_is_named(blind, clip):
    net = Detached(nn.GRU(1, 16), 1)
    net.blind = blind
    probe, losses = loop(net=net, clip=clip)
    assert probe.ledger["loss"].tolist() == pytest.approx(losses)
    finding = only(probe)
    assert (finding.rule, finding.case) == ("no-gradient", "")
    assert "In 120 steps no gradient came back to rnn." in str(finding)
    assert not probe.notes


def test_a_frozen_layer_is_a_note_and_no_fault():
    net = Net(nn.GRU(1, 16), 1)
    net.rnn.requires_grad_(False)
    probe, losses = loop(net=net, steps=400, lr=0.05)
    assert probe.ledger["loss"].tolist() == pytest.approx(losses)
    diagnosis = probe.diagnose()
    assert diagnosis.rules == ("healthy",)
    assert [note.code for note in diagnosis.notes] == ["attach.frozen"]


def test_a_probe_that_was_not_entered_says_so():
    assert "inside of `with GateProbe(model)" in str(only(loop(enter=False)[0]))


def wiped(net, optimizer, probe, clip):
    optimizer.zero_grad()
    optimizer.step()


def test_gradients_that_were_wiped_before_the_step():
    finding = only(loop(wiped)[0])
    assert (finding.rule, finding.case) == ("no-gradient", "zero")
    assert "zero_grad() called between backward() and step()" in str(finding)


def test_a_loss_of_zero_has_no_gradient_and_no_fault():
    net = Net(nn.GRU(1, 16), 1)
    with torch.no_grad():
        for p in net.head.parameters():
            p.zero_()
    optimizer = torch.optim.Adam(net.parameters())
    with GateProbe(net) as probe:
        for x, _ in waves(STEPS, length=5):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    assert probe.diagnose().rules == ("unclear",)


def test_an_optimizer_of_another_copy_of_the_model():
    finding = only(loop(optimizer=lambda net: torch.optim.Adam(copy.deepcopy(net).parameters()))[0])
    assert (finding.rule, finding.case) == ("no-update", "")
    assert "120 backward passes brought a gradient to this model" in str(finding)


def test_batches_added_up_are_not_taken_for_it():
    def added_up(net, optimizer, probe, clip):
        if next(count) % 40 == 0:
            plain(net, optimizer, probe, clip)

    count = itertools.count(1)
    beside = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)

    def both(*given):
        added_up(*given)
        beside.step()  # of something else, at every batch

    probe, _ = loop(both)
    assert len(probe.ledger) == 3
    assert only(probe).rule == "too-short"


def test_a_rate_of_zero_is_told_and_none_is_advised():
    finding = only(loop(lr=0.0)[0])
    assert (finding.rule, finding.case) == ("no-update", "rate")


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_a_threshold_of_zero_is_told_for_any_optimizer(kind):
    finding = only(loop(clip=0.0, optimizer=lambda net: kind(net.parameters(), lr=1e-2))[0])
    assert (finding.rule, finding.case) == ("no-update", "clip")


# ---- the loss stands, and there is nothing to be had


def noise(steps, length, asked_at_end=False):
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        x = torch.randn(length, 16, 1, generator=generator)
        yield x, 0.3 * x + torch.randn(x.shape, generator=generator)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_a_task_without_a_past_is_not_said_to_vanish(kind):
    torch.manual_seed(0)
    net = Net(kind(1, 16), 1)
    probe = rigs.learn(net, noise(400, 40), torch.optim.Adam(net.parameters(), lr=5e-3), loss_of=F.mse_loss)
    assert probe.diagnose().rules in (("unclear",), ("healthy",))
    if probe.diagnose().rules == ("unclear",):
        assert "if not, look elsewhere" in str(probe.diagnose())


def test_a_stalled_loss_is_told_beside_a_threshold_that_is_idle():
    probe = rigs.recall(length=20, steps=200, clip=5.0)
    assert probe.diagnose().rules[-1] == "clip-idle"
    assert len(probe.diagnose().rules) == 2


# ---- schedules


def test_the_rate_that_did_harm_is_named_and_not_the_one_a_schedule_left():
    net = Net(nn.RNN(1, 16), 1)
    probe, _ = loop(
        net=net, optimizer=lambda n: torch.optim.SGD(n.parameters(), lr=30.0),
        schedule=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS),
    )  # fmt: skip
    finding = probe.diagnose().findings[0]
    assert finding.rule == "rate-too-large"
    assert finding.figures["learning_rate"] == 30.0
    assert "learning rate of 3" in finding.advice


def test_a_rate_on_its_way_up_is_not_called_too_small():
    def warming(optimizer):
        return torch.optim.lr_scheduler.LinearLR(optimizer, 1e-6, 1.0, 100 * STEPS)

    probe, _ = loop(lr=1e-3, schedule=warming)
    assert "rate-too-small" not in probe.diagnose().rules
    assert "rate-too-small" in loop(lr=1e-7)[0].diagnose().rules


# ---- clipping in the wrong place


def test_clipping_after_the_step_is_told_and_counts_for_nothing():
    def late(net, optimizer, probe, clip):
        optimizer.step()
        probe.clip_grad_norm_(net.parameters(), 1e-3)
        optimizer.zero_grad()

    probe, losses = loop(late)
    assert len(probe.ledger) == STEPS
    np.testing.assert_array_equal(probe.ledger["norm_after"], probe.ledger["norm_before"])
    assert [note.code for note in probe.notes] == ["attach.misplaced-clip"]
    assert probe.ledger["loss"].tolist() == pytest.approx(losses)


def test_clipping_before_the_gradient_came_is_told_and_the_norm_is_that_of_the_update():
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 16), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    norms = []
    with GateProbe(net) as probe:
        for x, y in waves(30, length=12):
            loss = F.mse_loss(net(x), y)
            optimizer.zero_grad()
            probe.clip_grad_norm_(net.parameters(), 1e-3)
            loss.backward()
            norms.append(math.hypot(*(float(p.grad.norm()) for p in net.parameters())))
            optimizer.step()
    np.testing.assert_allclose(probe.ledger["norm_before"], norms, rtol=1e-5)
    np.testing.assert_allclose(probe.ledger["norm_after"], norms, rtol=1e-5)
    assert [note.code for note in probe.notes] == ["attach.misplaced-clip"]


def test_more_gradient_after_clipping_is_told_and_counts():
    net = Net(nn.GRU(1, 16), 1)
    optimizer, norms = torch.optim.Adam(net.parameters(), lr=5e-3), []
    with GateProbe(net) as probe:
        for x, y in waves(10, length=12):
            outputs = net(x)
            F.mse_loss(outputs, y).backward(retain_graph=True)
            probe.clip_grad_norm_(net.parameters(), 1e-3)
            outputs.square().mean().backward()
            norms.append(math.hypot(*(float(p.grad.norm()) for p in net.parameters())))
            optimizer.step()
            optimizer.zero_grad()
    np.testing.assert_allclose(probe.ledger["norm_after"], norms, rtol=1e-5)
    assert [note.code for note in probe.notes] == ["attach.early-clip"]


def test_batches_left_over_at_the_end_are_no_step():
    net = Net(nn.GRU(1, 16), 1)
    optimizer = torch.optim.Adam(net.parameters())
    with GateProbe(net) as probe:
        for number, (x, y) in enumerate(waves(23, length=5), 1):
            F.mse_loss(net(x), y).backward()
            if number % 4 == 0:
                optimizer.step()
                optimizer.zero_grad()
    assert len(probe.ledger) == 5


# ---- several optimizers


def test_what_the_second_optimizer_will_do_is_not_said_to_be_nothing():
    net = Net(nn.GRU(1, 16), 1)
    first, second = (torch.optim.Adam(part.parameters(), lr=5e-3) for part in (net.head, net.rnn))

    def both(*_):
        for optimizer in (first, second):
            optimizer.step()
        net.zero_grad()

    probe, _ = loop(both, net=net, optimizer=lambda _: first)
    ratios = probe.frame("parameters").groupby("parameter").update_ratio.median()
    assert (ratios[[name for name in ratios.index if name.startswith("head")]] > 0).all()
    assert ratios[[name for name in ratios.index if name.startswith("rnn")]].isna().all()


# ---- states


@pytest.mark.parametrize(
    "change", [lambda h: h, lambda h: h * 1.0, lambda h: F.dropout(h, 0.1), lambda h: h[:, :].clone()]
)
def test_a_state_that_still_hangs_on_the_last_step_is_found_through_what_was_done_to_it(change):
    net = Net(nn.GRU(1, 8), 1)
    optimizer, state, probe = torch.optim.SGD(net.parameters(), lr=0.1), None, GateProbe(net)
    with pytest.raises(RuntimeError), probe:  # noqa: PT012 (torch's own, somewhere in the loop)
        for x, y in waves(30):
            loss = F.mse_loss(net(x, state), y)
            state = change(net.state)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    assert only(probe).rule == "never-detached"


@pytest.mark.parametrize("kind", ["learned", "encoder", "detached"])
def test_states_that_may_have_a_graph_are_not_taken_for_it(kind):
    torch.manual_seed(0)
    decoder, encoder, first = Net(nn.GRU(1, 8), 1), nn.GRU(1, 8), nn.Parameter(torch.zeros(1, 1, 8))
    model = nn.ModuleList([decoder, encoder])
    optimizer, state = torch.optim.Adam([*model.parameters(), first], lr=5e-3), None
    with GateProbe(model) as probe, GateProbe(decoder) as other:
        for x, y in waves(40, length=10):
            if kind == "learned":
                state = first.expand(-1, x.shape[1], -1) * 1.0
            elif kind == "encoder":
                state = encoder(x)[1]
            F.mse_loss(decoder(x, state), y).backward()
            if kind == "detached":
                state = decoder.state.detach()
            optimizer.step()
            optimizer.zero_grad()
    assert probe.attached_step is None
    assert other.attached_step is None


@pytest.mark.parametrize("masked", [False, True])
def test_states_of_a_cell_that_were_changed_between_steps_are_told(masked):
    torch.manual_seed(0)
    cell, head = nn.GRUCell(1, 8), nn.Linear(8, 1)
    model = nn.ModuleList([cell, head])
    optimizer = torch.optim.Adam(model.parameters())
    lengths = torch.randint(5, 13, (16, 1))
    with GateProbe(model, every=10) as probe:
        for x, y in waves(30, length=12):
            h = torch.zeros(16, 8)
            for t in range(12):
                new = cell(x[t], h)
                h = torch.where(t < lengths, new, h) if masked else new
            F.mse_loss(head(h), y[-1]).backward()
            optimizer.step()
            optimizer.zero_grad()
    assert ("attach.unchained" in {note.code for note in probe.notes}) == masked
    assert (len(probe.frame("flow")) == 0) == masked


# ---- the loss that is told


def test_a_loss_may_be_told_as_a_number_and_is_refused_if_it_is_none():
    probe = GateProbe(Net(nn.GRU(1, 4), 1))
    assert probe.loss(0.5) == 0.5
    for wrong in (torch.ones(2), "much", None):
        with pytest.raises(ConfigError, match=r"^loss: expected a tensor with one number, or a number; got"):
            probe.loss(wrong)


def test_a_frozen_model_through_which_another_learns_is_not_said_to_want_updates():
    """A judge: gradients pass through it, and every update is of the model that is judged."""
    torch.manual_seed(0)
    judge, learner = Net(nn.GRU(1, 8), 1), nn.Linear(1, 1)
    judge.requires_grad_(False)
    optimizer = torch.optim.Adam(learner.parameters())
    with GateProbe(judge) as probe:
        for x, y in waves(STEPS, length=8):
            optimizer.zero_grad()
            F.mse_loss(judge(learner(x)), y).backward()
            optimizer.step()
    assert "no-update" not in probe.diagnose().rules
