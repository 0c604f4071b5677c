"""The training is the same with and without the probe, bit for bit, over the cases of a stranger's loop."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from attaching.loops import KINDS, Net
from explorer import GateProbe

T, B, E, H = 7, 6, 3, 5
STEPS = 4


def parts_of(state):
    return state if isinstance(state, tuple) else (state,)


def detached(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def plain(net, optimizer, x, clip):
    outputs = net(x)
    outputs.square().mean().backward()
    clip(net.parameters(), 0.05)
    optimizer.step()
    optimizer.zero_grad()
    return outputs


def packed(net, optimizer, x, clip):
    lengths = torch.tensor([7, 2, 5, 7, 1, 3])
    h, _ = net.rnn(pack_padded_sequence(x, lengths, net.rnn.batch_first, enforce_sorted=False))
    outputs = net.head(pad_packed_sequence(h, net.rnn.batch_first)[0])
    outputs.square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    return outputs


def carried(net, optimizer, x, clip):
    outputs = net(x, getattr(net, "kept", None))
    net.kept = detached(net.state)
    return _learned(net, optimizer, outputs, clip)


def _learned(net, optimizer, outputs, clip):
    outputs.square().mean().backward()
    clip(net.parameters(), 0.05)
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return outputs


def accumulated(net, optimizer, x, clip):
    for part in x.split(3, 0 if net.rnn.batch_first else 1):
        outputs = net(part)
        (outputs.square().mean() / 2).backward()
    clip(net.parameters(), 0.05)
    optimizer.step()
    optimizer.zero_grad()
    return outputs


def two_losses(net, optimizer, x, clip):
    outputs = net(x)
    outputs.square().mean().backward(retain_graph=True)
    outputs.sin().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    return outputs


def half_precision(net, optimizer, x, clip):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = net(x)
    outputs.float().square().mean().backward()
    clip(net.parameters(), 0.05)
    optimizer.step()
    optimizer.zero_grad()
    return outputs


def changed_afterwards(net, optimizer, x, clip):
    h, _ = net.rnn(x)
    outputs = net.head(h.mul_(0.5))  # in place
    return _learned(net, optimizer, outputs, clip)


def with_evaluation(net, optimizer, x, clip):
    outputs = plain(net, optimizer, x, clip)
    net.eval()
    with torch.no_grad():
        net(x)
    net.train()
    return outputs


LOOPS = {loop.__name__: loop for loop in (
    plain, packed, carried, accumulated, two_losses, half_precision, changed_afterwards, with_evaluation)}  # fmt: skip
SHAPES = {
    "one layer": {},
    "batch first, both directions": {"batch_first": True, "bidirectional": True},
    "three layers, dropout": {"num_layers": 3, "dropout": 0.4},
}


def everything(kind, shape, loop, probed, every=1, wrapped=False):
    """Outputs, gradients, parameters and the generator after some steps."""
    torch.manual_seed(5)
    net = Net(KINDS[kind](E, H, **shape))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    seen = []
    for p in net.parameters():
        p.register_hook(lambda grad: seen.append(grad.clone()))

    def steps(clip):
        for _ in range(STEPS):
            x = torch.randn(B, T, E) if shape.get("batch_first") else torch.randn(T, B, E)
            seen.append(LOOPS[loop](net, optimizer, x, clip).detach().clone())

    if probed:
        model = nn.ModuleDict({"inside": nn.Sequential(net)}) if wrapped else net
        with GateProbe(model, every=every) as probe:
            steps(probe.clip_grad_norm_)
        assert [sample.step for sample in probe.samples] == list(range(1, STEPS + 1, every))
        assert all(sample.nets for sample in probe.samples)
        assert {note.code for note in probe.notes} <= {"attach.first-call"}
        assert all(net.norm_T is not None for sample in probe.samples for net in sample.nets)
    else:
        steps(nn.utils.clip_grad_norm_)
    return [*seen, *(p.detach().clone() for p in net.parameters()), torch.get_rng_state()]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_bit_for_bit(kind, shape, loop):
    if (kind, loop) == ("lstm", "changed_afterwards"):
        pytest.skip("torch refuses to have its LSTM's output changed in place")
    if (kind, loop) == ("lstm", "half_precision") and not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        pytest.skip("torch has no LSTM in bfloat16 on this processor")
    without = everything(kind, SHAPES[shape], loop, probed=False)
    with_probe = everything(kind, SHAPES[shape], loop, probed=True)
    assert len(without) == len(with_probe) > STEPS
    assert all(torch.equal(a, b) for a, b in zip(without, with_probe, strict=True))


def test_bit_for_bit_in_a_wrapper_and_when_seldom_sampled():
    without = everything("gru", {}, "carried", probed=False)
    for every, wrapped in ((1, True), (3, False)):
        with_probe = everything("gru", {}, "carried", probed=True, every=every, wrapped=wrapped)
        assert all(torch.equal(a, b) for a, b in zip(without, with_probe, strict=True))


def over_a_cell(kind, probed):
    torch.manual_seed(5)
    net = nn.ModuleDict(
        {"cell": {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}[kind](E, H), "head": nn.Linear(H, 2)}
    )
    optimizer, seen = torch.optim.SGD(net.parameters(), lr=0.1), []

    def steps():
        for _ in range(STEPS):
            state = None
            for x in torch.randn(T, B, E):
                state = net["cell"](x, state)
            loss = net["head"](parts_of(state)[0]).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            seen.append(loss.detach())

    if probed:
        with GateProbe(net, every=1) as probe:
            steps()
        assert all(len(sample.nets[0].norm_T) == T for sample in probe.samples)
    else:
        steps()
    return [*seen, *net.parameters(), torch.get_rng_state()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_over_a_cell_is_the_same_bit_for_bit(kind):
    assert all(torch.equal(a, b) for a, b in zip(over_a_cell(kind, False), over_a_cell(kind, True), strict=True))


# ---- hooks


def hooks_of(net):
    modules = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()]
    return modules, len(_global_optimizer_pre_hooks), len(_global_optimizer_post_hooks), torch.Tensor.backward


def test_hooks_are_gone_after_the_block_and_when_the_loop_raises():
    net = Net(nn.GRU(E, H))
    before = hooks_of(net)
    probe = GateProbe(net)
    assert hooks_of(net) == before
    with probe:
        assert hooks_of(net) != before
    assert hooks_of(net) == before
    with pytest.raises(ZeroDivisionError), GateProbe(net):
        raise ZeroDivisionError
    assert hooks_of(net) == before


def test_a_step_without_the_probe_costs_nothing_and_is_not_counted():
    net = Net(nn.GRU(E, H))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with GateProbe(net) as probe:
        plain(net, optimizer, torch.randn(T, B, E), probe.clip_grad_norm_)
    plain(net, optimizer, torch.randn(T, B, E), nn.utils.clip_grad_norm_)
    assert len(probe.ledger) == 1


# ---- clipping


def with_gradients(scale=1.0):
    torch.manual_seed(1)
    net = Net(nn.GRU(E, H))
    (scale * net(torch.randn(T, B, E)).square().mean()).backward()
    return net


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
@pytest.mark.parametrize("foreach", [None, True, False])
def test_clipping_is_torchs(norm_type, max_norm, foreach):
    ours, theirs = with_gradients(), with_gradients()
    before = torch.cat([p.grad.flatten() for p in theirs.parameters()]).double().norm().item()
    probe = GateProbe(ours)
    got = probe.clip_grad_norm_(ours.parameters(), max_norm, norm_type, foreach=foreach)
    expected = nn.utils.clip_grad_norm_(theirs.parameters(), max_norm, norm_type, foreach=foreach)
    assert torch.equal(got, expected)
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))
    probe.end_step()
    after = torch.cat([p.grad.flatten() for p in theirs.parameters()]).double().norm().item()
    assert probe.ledger["norm_before"][0] == pytest.approx(before, rel=1e-6)
    assert probe.ledger["norm_after"][0] == pytest.approx(after, rel=1e-6)
    if norm_type == 2:
        assert probe.ledger["coefficient"][0] == pytest.approx(min(1, max_norm / before), rel=1e-3)


def test_one_tensor_may_be_clipped_and_several_calls_count_together():
    ours, theirs = with_gradients(), with_gradients()
    probe = GateProbe(ours)
    for net, clip in ((ours, probe.clip_grad_norm_), (theirs, nn.utils.clip_grad_norm_)):
        clip(net.head.weight, 1e-3)
        clip((p for p in net.rnn.parameters()), 1e-2)
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))
    probe.end_step()
    parts = [theirs.head.weight.grad, *(p.grad for p in theirs.rnn.parameters())]
    after = torch.cat([part.flatten() for part in parts]).double().norm().item()
    assert probe.ledger["norm_after"][0] == pytest.approx(after, rel=1e-6)
    assert set(probe.samples[0].parameters) == {
        "head.weight",
        *(f"rnn.{name}" for name, _ in ours.rnn.named_parameters()),
    }


def test_a_norm_that_is_not_finite_is_refused_as_torch_refuses_it_and_recorded():
    net = with_gradients(float("inf"))
    probe = GateProbe(net)
    with pytest.raises(RuntimeError, match="non-finite"):
        probe.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)
    assert probe.fault is not None
    assert probe.fault.step == 1


def test_a_norm_beyond_float32_is_a_number():
    net = with_gradients()
    for p in net.parameters():
        p.grad.fill_(1e30)
    probe = GateProbe(net)
    probe.clip_grad_norm_(net.parameters(), 1.0)
    probe.end_step()
    assert probe.ledger["norm_before"][0] == pytest.approx(1e30 * sum(p.numel() for p in net.parameters()) ** 0.5)


def test_shares_and_updates_are_those_of_the_parameters():
    net = with_gradients()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    before = {name: (p.detach().clone(), p.grad.clone()) for name, p in net.named_parameters()}
    optimizer.zero_grad()
    torch.manual_seed(1)
    Net(nn.GRU(E, H))
    with GateProbe(net) as probe:
        plain(net, optimizer, torch.randn(T, B, E), lambda *_: None)
    total = sum(float(grad.square().sum()) for _, grad in before.values())
    for name, (weight, grad) in before.items():
        sample = probe.samples[0].parameters[name]
        assert sample.norm_before == pytest.approx(float(grad.norm()), rel=1e-5)
        assert sample.share == pytest.approx(float(grad.square().sum()) / total, rel=1e-5)
        assert sample.update_ratio == pytest.approx(0.5 * float(grad.norm() / weight.norm()), rel=1e-4)
    assert sum(sample.share for sample in probe.samples[0].parameters.values()) == pytest.approx(1)
