"""What a loop can do to the probe, and what the probe tells: refusals, failures, records, tables, writers."""

import contextlib

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from attaching import rigs
from attaching.loops import Net, odd
from explorer import ConfigError, GateProbe
from explorer.attaching import probe as probing
from explorer.attaching import samples as sampling

T, B, E, H = 6, 5, 3, 4


def step(net, optimizer, probe=None, scale=1.0):
    loss = scale * net(torch.randn(T, B, E)).square().mean()
    loss.backward()
    if probe is not None:
        probe.clip_grad_norm_(net.parameters(), 0.01)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def fresh(**shape):
    torch.manual_seed(0)
    net = Net(nn.GRU(E, H, **shape))
    return net, torch.optim.SGD(net.parameters(), lr=0.1)


# ---- what cannot be attached to


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: nn.Linear(3, 3), "a model with nn.RNN, nn.GRU or nn.LSTM"),
        (lambda: "a model", "a torch.nn.Module"),
        (lambda: nn.Sequential(nn.LSTM(3, 4, proj_size=2)), "proj_size=2 in 0"),
        (lambda: torch.compile(Net(nn.GRU(3, 4)), backend="eager"), "before torch.compile"),
    ],
)
def test_what_cannot_be_attached_to_is_refused_in_words(model, said):
    with pytest.raises(ConfigError) as raised:
        GateProbe(model())
    assert said in str(raised.value)


def test_a_module_that_compiles_itself_is_refused_too():
    net, _ = fresh()
    net.rnn.compile(backend="eager")
    with pytest.raises(ConfigError, match="compiled module, rnn"):
        GateProbe(net)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": "often"}, {"rows": 0}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        GateProbe(fresh()[0], **wrong)


def test_layers_are_found_at_any_depth_by_name():
    inside = nn.ModuleDict({"encoder": nn.Sequential(nn.LSTM(3, 4)), "decoder": nn.LSTMCell(3, 4)})
    names = [layer.name for layer in GateProbe(nn.ModuleDict({"module": inside})).layers]
    assert names == ["module.encoder.0", "module.decoder"]


def test_a_compiled_function_around_the_model_learns_as_without_the_probe_and_is_told():
    losses = []
    for probed in (False, True):
        torch._dynamo.reset()
        net, optimizer = fresh()
        forward = torch.compile(lambda x, net=net: net(x), backend="eager")
        probe = GateProbe(net, every=1)
        with probe if probed else contextlib.nullcontext():
            for _ in range(3):
                loss = forward(torch.randn(T, B, E)).square().mean()
                loss.backward()
                if probed:
                    probe.clip_grad_norm_(net.parameters(), 0.01)
                else:
                    nn.utils.clip_grad_norm_(net.parameters(), 0.01)
                optimizer.step()
                optimizer.zero_grad()
                losses.append(float(loss.detach()))
    assert losses[:3] == losses[3:]
    assert len(probe.ledger) == 3
    assert [note.code for note in probe.notes] == ["attach.unseen"]


# ---- the record


def test_every_step_is_on_record_and_the_sampled_ones_closely():
    net, optimizer = fresh()
    with GateProbe(net, every=4) as probe:
        losses = [step(net, optimizer, probe) for _ in range(10)]
    np.testing.assert_allclose(probe.ledger["loss"], losses)
    assert [sample.step for sample in probe.samples] == [1, 5, 9]
    assert (probe.ledger["norm_after"] <= 0.0101).all()
    assert probe.norm_quantiles()[0.5] == pytest.approx(np.median(probe.ledger["norm_before"]))
    assert probe.suggested_threshold == pytest.approx(np.quantile(probe.ledger["norm_before"], 0.9))


def test_a_loss_that_is_told_counts_in_place_of_what_is_backpropagated():
    net, optimizer = fresh()
    with GateProbe(net) as probe:
        loss = net(torch.randn(T, B, E)).square().mean()
        assert probe.loss(loss) is loss
        (1024 * loss).backward()  # as a scaler does
        optimizer.step()
    assert probe.ledger["loss"][0] == pytest.approx(float(loss.detach()))


def test_a_loss_of_another_model_is_not_counted():
    net, optimizer = fresh()
    other = nn.Linear(3, 3)
    with GateProbe(net) as probe:
        other(torch.ones(3)).sum().backward()
        loss = step(net, optimizer)
    assert probe.ledger["loss"].tolist() == [pytest.approx(loss)]


def test_a_step_that_the_optimizer_skips_is_a_step():
    net, optimizer = fresh()
    with GateProbe(net) as probe:
        for scale in (1.0, 2.0):
            (scale * net(torch.randn(T, B, E)).square().mean()).backward()
            probe.clip_grad_norm_(net.parameters(), 0.01)
            optimizer.zero_grad()  # a scaler that met an infinity makes no step
        step(net, optimizer, probe)
    assert len(probe.ledger) == 3


def test_two_optimizers_make_one_step_of_one_backward_pass():
    net, _ = fresh()
    both = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (net.rnn, net.head)]
    with GateProbe(net) as probe:
        net(torch.randn(T, B, E)).square().mean().backward()
        for optimizer in both:
            optimizer.step()
    assert len(probe.ledger) == 1


def test_an_optimizer_of_another_kind_ends_its_steps_itself():
    net, _ = fresh()
    with GateProbe(net, every=1) as probe:
        for _ in range(3):
            net(torch.randn(T, B, E)).square().mean().backward()
            probe.end_step()
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
            net.zero_grad()
    assert len(probe.ledger) == len(probe.samples) == 3
    assert probe.samples[0].update_ratio is None
    assert not any(net.mismatch for sample in probe.samples for net in sample.nets)


def test_an_exception_in_the_loop_loses_nothing():
    net, optimizer = fresh()
    probe = GateProbe(net, every=1)

    def fails():
        with probe:
            step(net, optimizer, probe)
            net(torch.randn(T, B, E)).square().mean().backward()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert len(probe.ledger) == 2
    assert len(probe.samples[1].nets) == 1


def test_a_probe_that_fails_leaves_the_training_alone_and_says_so(monkeypatch):
    def fails(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(probing, "net_samples", fails)
    net, optimizer = fresh()
    with GateProbe(net, every=1) as probe:
        losses = [step(net, optimizer) for _ in range(3)]
    assert len(losses) == len(probe.ledger) == 3
    assert [sample.nets for sample in probe.samples] == [(), (), ()]
    assert "no room" in str(probe.diagnose())


def test_steps_that_were_not_recovered_are_told_and_not_hidden():
    class Doubled(nn.GRU):
        """A layer that calls itself a GRU and is another."""

        def forward(self, x, state=None):
            h, state = super().forward(x, state)
            return 2 * h, state

    net = Net(Doubled(E, H))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with GateProbe(net) as probe:
        step(net, optimizer)
    (sample,) = probe.samples[0].nets
    assert sample.mismatch
    assert sample.residual > 0.01
    assert "could not be recovered" in str(probe.diagnose())


def test_samples_that_become_too_many_are_thinned(monkeypatch):
    monkeypatch.setattr(probing, "MOST_SAMPLES", 4)
    net, optimizer = fresh()
    with GateProbe(net, every=1) as probe:
        for _ in range(12):
            step(net, optimizer)
    assert [sample.step for sample in probe.samples] == [1, 5, 9]
    assert probe.every == 4


def test_fewer_rows_are_rows_of_the_batch():
    net, x_TBE = nn.LSTM(E, H, num_layers=2, bidirectional=True), torch.randn(T, 12, E)
    with GateProbe(net, every=1, rows=4) as probe:
        odd(net(x_TBE)[0]).backward()
    found = probe.samples[0].nets
    few = x_TBE[:, [0, 3, 6, 9]]
    weights = torch.linspace(-1, 2, T * 12 * 2 * H).view(T, 12, 2 * H)[:, [0, 3, 6, 9]]
    with GateProbe(net, every=1) as probe:
        (net(few)[0].sin() * weights).sum().backward()
    for sample, known in zip(found, probe.samples[0].nets, strict=True):
        np.testing.assert_allclose(sample.norm_T, known.norm_T, rtol=1e-4)
        np.testing.assert_allclose(sample.gates["f"].mean_T, known.gates["f"].mean_T, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_in_half_precision_is_recovered_to_its_own(dtype):
    net = Net(nn.GRU(E, H).to(dtype)).to(dtype)
    with GateProbe(net, every=1) as probe:
        net(torch.randn(T, B, E).to(dtype)).float().square().mean().backward()
    (sample,) = probe.samples[0].nets
    assert 0 < sample.residual < sample.tolerance
    assert np.isfinite(sample.norm_T).all()


# ---- the first value that is not finite


def test_a_gradient_that_is_not_finite_is_named_by_its_parameter():
    net, optimizer = fresh()
    net.head.weight.register_hook(lambda grad: grad.index_fill(1, torch.tensor([2]), torch.inf))
    with GateProbe(net) as probe:
        step(net, optimizer)
    assert probe.fault.step == 1
    assert str(probe.fault.value) == "gradient of head.weight, entry 2"


def test_a_state_that_is_not_finite_is_named_by_step_and_unit():
    torch.manual_seed(0)
    net = Net(nn.RNN(E, H, nonlinearity="relu"))
    with torch.no_grad():
        net.rnn.weight_hh_l0.copy_(torch.diag(torch.tensor([0.0, 0.0, 1e30, 0.0])))
        net.rnn.bias_ih_l0.fill_(10.0)
    with GateProbe(net) as probe:
        step(net, torch.optim.SGD(net.parameters(), lr=0.1))
    assert str(probe.fault.value) == "state h of rnn, step 2, entry 2"


# ---- what is told


def test_tables_hold_what_was_recorded():
    probe = rigs.sine(steps=25)
    frames = {kind: probe.frame(kind) for kind in ("steps", "gates", "gradients", "flow", "parameters")}
    assert all(isinstance(frame, pd.DataFrame) for frame in frames.values())
    assert len(frames["steps"]) == 25
    assert len(frames["gates"]) == 3 * 2 * 40  # three samples, two gates, forty time steps
    assert len(frames["gradients"]) == len(frames["flow"]) == 3 * 40
    assert len(frames["parameters"]) == 3 * 6
    first = frames["gates"].iloc[0]
    assert (first["net"], first["gate"], first["time_step"]) == ("rnn/l0/forward", "z", 0)
    assert first["mean"] == probe.samples[0].nets[0].gates["z"].mean_T[0]
    assert first["decile_0.1"] <= first["decile_0.5"] <= first["decile_0.9"]
    with pytest.raises(ConfigError):
        probe.frame("weather")


def test_tables_of_nothing_are_empty():
    probe = GateProbe(fresh()[0])
    assert all(len(probe.frame(kind)) == 0 for kind in ("steps", "gates", "gradients", "flow", "parameters"))


def test_it_shows_itself_in_short():
    probe = rigs.sine(steps=25)
    assert repr(probe) == "GateProbe(rnn; steps=25, sampled=3, every=10)"
    assert "<li>25 steps so far, 3 looked at closely.</li>" in probe._repr_html_()
    assert "<li>" in probe.diagnose()._repr_html_()
    assert repr(probe.diagnose()) == f"LoopDiagnosis(rules={probe.diagnose().rules!r})"


class Board:
    """As TensorBoard's writer."""

    def __init__(self):
        self.told = []

    def add_scalar(self, name, value, step):
        self.told.append((name, value, step))


class Log:
    """As the tools that take a dict."""

    def __init__(self):
        self.told = []

    def log(self, numbers, step):
        self.told.append((numbers, step))


class Broken:
    """A disk that is full."""

    calls = 0

    def add_scalar(self, *_):
        self.calls += 1
        raise OSError("No space left on device")


def test_writers_are_told_of_every_step():
    net, optimizer = fresh()
    board, log = Board(), Log()
    with GateProbe(net, every=2).to(board).to(log) as probe:
        losses = [step(net, optimizer, probe) for _ in range(4)]
    assert [value for name, value, _ in board.told if name == "loss"] == pytest.approx(losses)
    assert [number for _, number in log.told] == [1, 2, 3, 4]
    assert "rnn/l0/forward/z/mean" in log.told[0][0]
    assert set(log.told[1][0]) == {"loss", "norm_before", "norm_after", "coefficient"}
    with pytest.raises(ConfigError, match="add_scalar"):
        probe.to(object())


def test_a_writer_that_fails_is_let_go_and_the_training_goes_on():
    net, optimizer = fresh()
    broken, board = Broken(), Board()
    with GateProbe(net).to(broken).to(board) as probe:
        for _ in range(3):
            step(net, optimizer)
    assert broken.calls == 1
    assert board.told[-1][2] == 3
    assert "No space left" in str(probe.diagnose())


def test_medians_leave_out_what_is_not_there():
    values = np.array([[3.0, np.nan, 1.0, 2.0], [np.nan, 4.0, 2.0, np.nan], [5.0, 6.0, 7.0, 8.0]])
    np.testing.assert_array_equal(sampling._medians(values), np.nanmedian(values, axis=1))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_probes_may_end_in_any_order_and_leave_torch_as_it_was(order):
    original = torch.Tensor.backward
    nets = [fresh() for _ in range(2)]
    probes = [GateProbe(net) for net, _ in nets]
    for probe in probes:
        probe.__enter__()
    losses = [step(*nets[0]), step(*nets[1])]
    probes[order[0]].__exit__(None, None, None)
    losses.append(step(*nets[order[1]]))
    probes[order[1]].__exit__(None, None, None)
    assert torch.Tensor.backward is original
    assert probes[order[1]].ledger["loss"].tolist() == pytest.approx([losses[order[1]], losses[2]])
    assert probes[order[0]].ledger["loss"].tolist() == pytest.approx([losses[order[0]]])


def test_what_others_have_put_around_backward_meanwhile_stays(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "backward", torch.Tensor.backward)  # put back after the test
    heard = []
    for _ in range(2):
        net, optimizer = fresh()
        with GateProbe(net) as probe:
            before = torch.Tensor.backward
            if not heard:
                torch.Tensor.backward = lambda *given, before=before, **named: (
                    heard.append(1) or before(*given, **named)
                )
            loss = step(net, optimizer)
        assert probe.ledger["loss"].tolist() == [pytest.approx(loss)]
    assert len(heard) == 2


def test_looks_at_other_data_before_a_step_do_not_hide_the_call_that_is_learned_from():
    net, optimizer = fresh()
    with GateProbe(net, every=1) as probe:
        for _ in range(probing.MOST_CALLS + 2):
            net(torch.randn(T, B, E))  # a validation that forgot no_grad
        loss = step(net, optimizer)
        for _ in range(2):
            step(net, optimizer)
    first = probe.samples[0]
    assert first.nets[0].norm_T is not None
    assert (first.nets[0].norm_T > 0).all()
    assert probe.ledger["loss"][0] == pytest.approx(loss)
