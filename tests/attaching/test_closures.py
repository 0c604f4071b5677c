"""Steps that are made inside of the optimizer's own: a closure, as Lightning gives it to any and LBFGS wants it."""

import contextlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import explorer
from attaching.loops import Net
from attaching.rigs import waves
from explorer import GateProbe, runs
from explorer.attaching.ledger import Ledger


def learn(kind=torch.optim.Adam, *, closure, probe=True, steps=12):
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 8), 1)
    optimizer = kind(net.parameters(), lr=5e-3)
    watching = GateProbe(net, every=5) if probe else None
    with watching or contextlib.nullcontext():
        for x, y in waves(steps, length=12):

            def step(x=x, y=y):
                optimizer.zero_grad()
                loss = F.mse_loss(net(x), y)
                loss.backward()
                clip = watching.clip_grad_norm_ if watching else nn.utils.clip_grad_norm_
                clip(net.parameters(), 0.5)
                return loss

            if closure:
                optimizer.step(step)
            else:
                step()
                optimizer.step()
    return watching, net


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_closure_is_recorded_as_the_same_loop_without():
    (plain, _), (inside, net) = learn(closure=False), learn(closure=True)
    for column in Ledger.COLUMNS:
        np.testing.assert_array_equal(plain.ledger[column], inside.ledger[column])
    for a, b in zip(plain.samples, inside.samples, strict=True):
        assert a.update_ratio == b.update_ratio > 0
        assert b.nets[0].residual < b.nets[0].tolerance
        np.testing.assert_array_equal(a.nets[0].norm_T, b.nets[0].norm_T)
    assert same(net, learn(closure=True, probe=False)[1])


def test_of_the_many_points_lbfgs_tries_the_first_is_recorded():
    probe, net = learn(torch.optim.LBFGS, closure=True, steps=6)
    assert len(probe.ledger) == 6
    assert same(net, learn(torch.optim.LBFGS, closure=True, probe=False, steps=6)[1])
    assert probe.notes == ()
    x, y = next(waves(1, length=12))
    torch.manual_seed(0)
    with torch.no_grad():
        assert probe.ledger["loss"][0] == pytest.approx(float(F.mse_loss(Net(nn.GRU(1, 8), 1)(x), y)))


@pytest.fixture
def watched(monkeypatch, tmp_path):
    """The callback of the example, beside a Lightning that is only a class."""
    monkeypatch.setenv("GATE_EXPLORER_DATA", str(tmp_path / "data"))
    stub = ModuleType("lightning.pytorch")
    stub.Callback = object
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", stub)
    path = Path(explorer.__file__).parents[1] / "examples" / "lightning_callback.py"
    spec = importlib.util.spec_from_file_location("lightning_callback", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.Watched


@pytest.mark.parametrize("raises", [False, True])
def test_the_callback_watches_from_the_start_of_a_fit_to_its_end(watched, raises):
    net = Net(nn.GRU(1, 8), 1)
    optimizer, trainer = torch.optim.Adam(net.parameters()), SimpleNamespace()
    callback = watched("fit", every=2)
    callback.on_train_start(trainer, net)

    def step(x, y):
        loss = F.mse_loss(net(x), y)
        loss.backward()
        return loss

    for x, y in waves(4, length=12):
        optimizer.step(lambda x=x, y=y: step(x, y))
        optimizer.zero_grad()
    if raises:
        callback.on_exception(trainer, net, ValueError("stop"))
    else:
        callback.on_train_end(trainer, net)
    assert len(callback.probe.ledger) == 4
    (loop,) = runs.loops()
    assert (loop.step, loop.status) == (4, "failed" if raises else "finished")


@pytest.mark.parametrize("skipped", [(0,), (2, 3)])
def test_a_closure_that_learns_nothing_is_no_step_and_those_after_it_are(skipped):
    """Lightning's, where training_step returns None: forward, and no backward."""
    torch.manual_seed(0)
    net = Net(nn.GRU(1, 8), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    losses = []
    with GateProbe(net, every=1) as probe:
        for number, (x, y) in enumerate(waves(6, length=12)):

            def step(x=x, y=y, number=number):
                optimizer.zero_grad()
                loss = F.mse_loss(net(x), y)
                if number not in skipped:
                    loss.backward()
                    losses.append(float(loss.detach()))
                return loss

            optimizer.step(step)
    assert probe.ledger["loss"].tolist() == losses
    assert len(losses) == 6 - len(skipped)
    assert [sample.step for sample in probe.samples] == [*range(1, len(losses) + 1)]
    assert all(sample.nets[0].norm_T is not None for sample in probe.samples)
