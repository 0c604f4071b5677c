"""dL/dh_t of every net against autograd of the same layer unrolled by hand with torch's cells, in float64."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from attaching.loops import KINDS, Net, norms, odd, unrolled
from explorer import GateProbe

T, B, E, H = 9, 5, 3, 4
SHAPES = {
    "one layer": {},
    "batch first": {"batch_first": True},
    "no biases": {"bias": False},
    "three layers": {"num_layers": 3},
    "both directions": {"bidirectional": True},
    "two layers, both directions, batch first": {"num_layers": 2, "bidirectional": True, "batch_first": True},
    "dropout": {"num_layers": 3, "dropout": 0.4},
    "dropout, both directions": {"num_layers": 2, "dropout": 0.4, "bidirectional": True},
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def made(kind, **shape):
    torch.manual_seed(3)
    return KINDS[kind](E, H, **shape).double()


def parts_of(state):
    return list(state) if isinstance(state, tuple) else [state]


def watched(layer, x, state=None):
    """What a probe samples of one step of a layer with the odd loss."""
    with GateProbe(layer, every=1, rows=None) as probe:
        torch.manual_seed(7)
        outputs, last = layer(x, state)
        odd(outputs if isinstance(outputs, torch.Tensor) else outputs.data, *parts_of(last)).backward()
    assert probe.notes == ()
    return probe.samples[0].nets, outputs


def expected(layer, x_TBE, first=None, lengths=None, flat=lambda outputs: outputs):
    torch.manual_seed(7)
    outputs_TBH, last, kept = unrolled(layer, x_TBE, first, lengths)
    odd(flat(outputs_TBH), *last).backward()
    return {place: norms(states, lengths) for place, states in kept.items()}, outputs_TBH


def compare(nets, found):
    assert len(nets) == len(found)
    for sample in nets:
        known = found[sample.net.layer, sample.net.direction == "backward"]
        np.testing.assert_allclose(sample.norm_T, known, rtol=1e-9)
        assert sample.residual < 1e-12
        assert not sample.mismatch


@every_shape
@every_kind
def test_every_net_is_autograds(kind, shape):
    layer, x_TBE = made(kind, **shape), torch.randn(T, B, E, dtype=torch.float64)
    turned = (lambda x: x.transpose(0, 1)) if layer.batch_first else (lambda x: x)
    nets, outputs = watched(layer, turned(x_TBE).contiguous())
    found, known = expected(layer, x_TBE, flat=lambda outputs_TBH: turned(outputs_TBH))
    torch.testing.assert_close(turned(outputs), known, rtol=1e-12, atol=1e-12)
    compare(nets, found)


@every_kind
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    "shape", [{}, {"num_layers": 2, "bidirectional": True, "dropout": 0.3}], ids=["one net", "four nets"]
)
def test_packed_rows_end_where_they_end(kind, shape, ordered):
    layer, x_TBE = made(kind, **shape), torch.randn(T, B, E, dtype=torch.float64)
    lengths = torch.tensor([9, 7, 7, 4, 1])
    order = torch.arange(B) if ordered else torch.tensor([3, 0, 4, 2, 1])  # where each row stands in the caller's batch
    places = order.argsort()
    packed = pack_padded_sequence(x_TBE[:, places], lengths[places], enforce_sorted=ordered)
    first = [torch.randn(len(layer._all_weights), B, H).double() for _ in range(1 + (kind == "lstm"))]
    given = [part[:, places].contiguous() for part in first]
    with GateProbe(layer, every=1) as probe:
        torch.manual_seed(7)
        outputs, last = layer(packed, tuple(given) if kind == "lstm" else given[0])
        odd(outputs.data, *(part[:, order] for part in parts_of(last))).backward()
    rows = packed.sorted_indices if packed.sorted_indices is not None else torch.arange(B)
    rows = places[rows]  # in the order of the kernel
    first, lengths, x_TBE = [part[:, rows] for part in first], lengths[rows], x_TBE[:, rows]
    torch.manual_seed(7)
    made_TBH, ends, kept = unrolled(layer, x_TBE, first, lengths)
    odd(pack_padded_sequence(made_TBH, lengths).data, *(part[:, rows.argsort()] for part in ends)).backward()
    compare(probe.samples[0].nets, {place: norms(states, lengths) for place, states in kept.items()})


@every_kind
def test_a_state_that_is_given_counts(kind):
    layer, x_TBE = made(kind), torch.randn(T, B, E, dtype=torch.float64)
    first = [torch.randn(1, B, H).double() for _ in range(1 + (kind == "lstm"))]
    nets, _ = watched(layer, x_TBE, tuple(first) if kind == "lstm" else first[0])
    compare(nets, expected(layer, x_TBE, first)[0])


def test_a_single_sequence_needs_no_batch():
    layer, x_TE = made("gru", num_layers=2), torch.randn(T, E, dtype=torch.float64)
    nets, _ = watched(layer, x_TE)
    found, _ = expected(layer, x_TE.unsqueeze(1), flat=lambda outputs: outputs)
    compare(nets, found)


def test_a_relu_net():
    torch.manual_seed(3)
    layer, x_TBE = nn.RNN(E, H, nonlinearity="relu").double(), torch.randn(T, B, E).double()
    nets, _ = watched(layer, x_TBE)
    compare(nets, expected(layer, x_TBE)[0])
    assert nets[0].dead is not None


@every_kind
def test_what_arrives_from_above_is_the_gradient_of_the_output(kind):
    layer, x_TBE = made(kind), torch.randn(T, B, E, dtype=torch.float64)
    with GateProbe(layer, every=1) as probe:
        outputs, _ = layer(x_TBE)
        outputs.retain_grad()
        odd(outputs).backward()
    (sample,) = probe.samples[0].nets
    np.testing.assert_allclose(sample.local_T, outputs.grad.flatten(1).norm(dim=1).numpy(), rtol=1e-12)


def by_equation(layer, x_TBE):
    """States (h, c) of every step by the equations in torch's documentation; each keeps its gradient."""
    w, u = layer.weight_ih_l0.detach(), layer.weight_hh_l0.detach()
    b, c0 = layer.bias_ih_l0.detach(), layer.bias_hh_l0.detach()
    h = c = torch.zeros(x_TBE.shape[1], H, dtype=torch.float64, requires_grad=True)
    kept, gates = [], []
    for x in x_TBE:
        from_x, from_h = x @ w.T + b, h @ u.T + c0
        if isinstance(layer, nn.RNN):
            h, gate = torch.tanh(from_x + from_h), {}
        elif isinstance(layer, nn.GRU):
            (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, 1), from_h.chunk(3, 1)
            r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
            h, gate = (1 - z) * torch.tanh(xn + r * hn) + z * h, {"r": r, "z": z}
        else:
            i, f, g, o = (from_x + from_h).chunk(4, 1)
            i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
            c = f * c + i * torch.tanh(g)
            h, gate = o * torch.tanh(c), {"i": i, "f": f, "o": o}
        kept.append((h, c) if isinstance(layer, nn.LSTM) else (h,))
        gates.append(gate)
    return kept, gates


@every_kind
def test_the_last_loss_of_a_row_followed_back_alone(kind):
    layer, x_TBE = made(kind), torch.randn(T, B, E, dtype=torch.float64)
    (sample,), _ = watched(layer, x_TBE)
    kept, _ = by_equation(layer, x_TBE)
    h = kept[-1][0]
    outputs = torch.stack([step[0] for step in kept]).detach().requires_grad_()
    last = [outputs[-1:], *(part.detach()[None].requires_grad_() for part in kept[-1][1:])]
    odd(outputs, *last).backward()
    at_end = [outputs.grad[-1], *(part.grad[0] for part in last[1:])]
    flat = [part for step in kept for part in step]
    grads = torch.autograd.grad([h, *kept[-1][1:]], flat, at_end)
    width = len(kept[0])
    norm_TB = torch.stack([torch.cat(grads[i : i + width], 1).norm(dim=1) for i in range(0, len(flat), width)])
    share_L = (norm_TB / norm_TB[-1]).flip(0)[:, :4].quantile(0.5, 1)
    np.testing.assert_allclose(sample.share_L, share_L.numpy(), rtol=1e-9)
    below = (share_L < 0.5).nonzero()
    assert sample.half_life_steps == (int(below[0]) if len(below) else None)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_gates_are_those_of_the_equations(kind):
    layer, x_TBE = made(kind), 3 * torch.randn(T, 40, E, dtype=torch.float64)
    (sample,), _ = watched(layer, x_TBE)
    _, gates = by_equation(layer, x_TBE)
    assert set(sample.gates) == set(gates[0])
    for letter, gate in sample.gates.items():
        known_TN = torch.stack([step[letter].flatten() for step in gates]).detach().numpy()
        np.testing.assert_allclose(gate.mean_T, known_TN.mean(1), rtol=1e-12)
        np.testing.assert_allclose(gate.low_T, (known_TN < 0.1).mean(1), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(gate.high_T, (known_TN >= 0.9).mean(1), rtol=1e-12, atol=1e-15)
        deciles_TQ = np.quantile(known_TN, np.arange(1, 10) / 10, axis=1, method="inverted_cdf").T
        np.testing.assert_allclose(gate.deciles_TQ, deciles_TQ, atol=0.001)


def test_gates_of_packed_rows_leave_out_what_is_not_there():
    layer, x_TBE = made("gru"), torch.randn(T, B, E, dtype=torch.float64)
    lengths = torch.tensor([9, 7, 7, 4, 1])
    (sample,), _ = watched(layer, pack_padded_sequence(x_TBE, lengths))
    _, gates = by_equation(layer, x_TBE)
    for t in range(T):
        known = gates[t]["z"][t < lengths].detach().numpy()
        assert sample.gates["z"].mean_T[t] == pytest.approx(known.mean(), rel=1e-12)
        assert sample.gates["z"].low_T[t] == pytest.approx((known < 0.1).mean())


@every_kind
def test_a_loop_over_a_cell(kind):
    torch.manual_seed(0)
    layer, x_TBE = made(kind), torch.randn(T, B, E, dtype=torch.float64)
    module = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}[kind](E, H).double()
    module.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.state_dict().items()})
    with GateProbe(module, every=1) as probe:
        state, states = None, []
        for x in x_TBE:
            state = module(x, state)
            h = state[0] if kind == "lstm" else state
            h.retain_grad()
            states.append(h)
        odd(torch.stack(states)).backward()
    (sample,) = probe.samples[0].nets
    np.testing.assert_allclose(sample.norm_T, norms(states), rtol=1e-12)
    assert len(sample.share_L) == T
    assert sample.local_T is None
    (whole,), _ = watched(layer, x_TBE)
    assert set(sample.gates) == set(whole.gates)
    for letter, gate in sample.gates.items():
        np.testing.assert_allclose(gate.mean_T, whole.gates[letter].mean_T, rtol=1e-12)
    assert sample.residual < 1e-12


def test_a_cell_that_reads_a_changed_state_has_no_flow():
    module, x_TBE = nn.GRUCell(E, H).double(), torch.randn(T, B, E, dtype=torch.float64)
    with GateProbe(module, every=1) as probe:
        h, states = torch.zeros(B, H).double(), []
        for x in x_TBE:
            h = module(x, 0.5 * h)
            h.retain_grad()
            states.append(h)
        odd(torch.stack(states)).backward()
    (sample,) = probe.samples[0].nets
    np.testing.assert_allclose(sample.norm_T, norms(states), rtol=1e-12)
    assert sample.share_L is None
    assert sample.residual < 1e-12


@every_kind
def test_several_losses_count_together(kind):
    layer, x_TBE = made(kind), torch.randn(T, B, E, dtype=torch.float64)
    with GateProbe(layer, every=1) as probe:
        outputs, _ = layer(x_TBE)
        odd(outputs).backward(retain_graph=True)
        outputs.square().mean().backward()
    with GateProbe(layer, every=1) as other:
        outputs, _ = layer(x_TBE)
        (odd(outputs) + outputs.square().mean()).backward()
    (sample,), (known,) = probe.samples[0].nets, other.samples[0].nets
    np.testing.assert_allclose(sample.norm_T, known.norm_T, rtol=1e-12)
    assert probe.ledger["loss"] == pytest.approx(other.ledger["loss"])


def test_of_several_calls_in_a_step_the_first_is_looked_at_and_the_note_says_so():
    net = Net(made("gru"))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = [torch.randn(T, B, E, dtype=torch.float64) for _ in range(2)]
    with GateProbe(net, every=1) as probe:
        for part in x:  # gradients accumulate
            net(part).square().mean().backward()
        optimizer.step()
    assert len(probe.ledger) == 1
    assert [note.code for note in probe.notes] == ["attach.first-call"]


def test_a_call_that_no_gradient_came_back_to_is_passed_over():
    layer, x = made("gru"), [torch.randn(T, B, E, dtype=torch.float64) for _ in range(2)]
    with GateProbe(layer, every=1) as probe:
        layer(x[0])  # an evaluation that forgot no_grad
        odd(layer(x[1])[0]).backward()
    assert probe.notes == ()
    with GateProbe(layer, every=1) as known:
        odd(layer(x[1])[0]).backward()
    np.testing.assert_array_equal(probe.samples[0].nets[0].norm_T, known.samples[0].nets[0].norm_T)
