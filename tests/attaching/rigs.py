"""Strangers' loops whose condition is known, each a function that gives the probe after it."""

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F

from attaching.loops import Net
from explorer import GateProbe, load_corpus

SYMBOLS = 8
BESIDE = []
"""Others that watch the same loops: each is a context manager of (net, optimizer) that gives what is called with every loss."""


def learn(net, batches, optimizer, *, clip=None, every=10, loss_of=F.cross_entropy, told=True):
    """The three-line loop: what the probe recorded."""
    with GateProbe(net, every=every) as probe, contextlib.ExitStack() as stack:
        others = [stack.enter_context(watches(net, optimizer)) for watches in BESIDE]
        for x, y in batches:
            loss = loss_of(net(x), y)
            if told:
                loss.backward()
            else:
                torch.autograd.backward(loss)  # which no probe reads a loss from
            if clip is not None:
                probe.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            for told_of in others:
                told_of(loss.item())
            optimizer.zero_grad()
    return probe


def first_symbols(steps, length, seed=0):
    """Recall the first of so many symbols."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        ids_TB = torch.randint(SYMBOLS, (length, 32), generator=generator)
        yield F.one_hot(ids_TB, SYMBOLS).float(), ids_TB[0]


def recall(kind=nn.RNN, length=60, steps=150, told=True, clip=None, seed=0, optimizer=torch.optim.Adam, lr=3e-3):
    torch.manual_seed(seed)
    net = Net(kind(SYMBOLS, 32), SYMBOLS, last=True)
    return learn(net, first_symbols(steps, length, seed), optimizer(net.parameters(), lr=lr), told=told, clip=clip)


def exploding(steps=60, seed=0):
    """A ReLU whose recurrent weights make the gradient half as large again at each step back."""
    torch.manual_seed(seed)
    net = Net(nn.RNN(SYMBOLS, 32, nonlinearity="relu"), SYMBOLS, last=True)
    with torch.no_grad():
        net.rnn.weight_hh_l0.copy_(1.5 * torch.eye(32))
    return learn(net, first_symbols(steps, 30, seed), torch.optim.SGD(net.parameters(), lr=1e-12))


def waves(steps, length=40, rows=16, seed=0):
    """The next value of a sine, with a phase and a period of its own in each row."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        phase_B, period_B = (
            torch.rand(rows, generator=generator) * 2 * math.pi,
            10 + 20 * torch.rand(rows, generator=generator),
        )
        times_T1 = torch.arange(length + 1).unsqueeze(1)
        wave_TB1 = torch.sin(2 * math.pi * times_T1 / period_B + phase_B).unsqueeze(2)
        yield wave_TB1[:-1], wave_TB1[1:]


def sine(kind=nn.GRU, steps=150, lr=5e-3, clip=None, optimizer=torch.optim.Adam, change=None, seed=0, **shape):
    torch.manual_seed(seed)
    net = Net(kind(1, 24, **shape), 1)
    if change:
        change(net)
    made = optimizer(net.parameters(), lr=lr)
    return learn(net, waves(steps, seed=seed), made, clip=clip, loss_of=F.mse_loss)


def never_detached(seed=0):
    """The state goes on from step to step with its graph; torch refuses at the second step, as it does to everybody."""
    torch.manual_seed(seed)
    net = Net(nn.GRU(1, 8), 1)
    optimizer, state, probe = torch.optim.SGD(net.parameters(), lr=0.1), None, GateProbe(net)
    try:
        with probe:
            for x, y in waves(30):
                loss = F.mse_loss(net(x, state), y)
                state = net.state
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
    except RuntimeError:
        return probe
    raise AssertionError("torch took it")


def echoed(kind=nn.LSTM, steps=200, seed=0):
    """Say each symbol again two steps later: short memory, easily learned."""
    torch.manual_seed(seed)
    net = Net(kind(SYMBOLS, 48), SYMBOLS)
    generator = torch.Generator().manual_seed(seed)

    def batches():
        for _ in range(steps):
            ids_TB = torch.randint(SYMBOLS, (35, 32), generator=generator)
            yield F.one_hot(ids_TB, SYMBOLS).float(), ids_TB

    def loss_of(logits_TBV, ids_TB):
        return F.cross_entropy(logits_TBV[2:].flatten(0, 1), ids_TB[:-2].flatten())

    return learn(net, batches(), torch.optim.Adam(net.parameters(), lr=1e-2), loss_of=loss_of)


def reading(kind=nn.GRU, steps=200, clip=1.0, seed=0, lr=1.0):
    """The textbook's loop: characters of a book, the state carried and detached, SGD with clipping."""
    torch.manual_seed(seed)
    text = load_corpus("lighthouse")
    symbols = sorted(set(text))
    ids_NB = torch.tensor([symbols.index(c) for c in (text * 9)[: 16 * 20 * steps]]).view(16, -1).T
    net = Net(kind(len(symbols), 64), len(symbols))
    optimizer, state = torch.optim.SGD(net.parameters(), lr=lr), None
    with GateProbe(net, every=10) as probe:
        for start in range(0, len(ids_NB) - 21, 20):
            x_TB, y_TB = ids_NB[start : start + 20], ids_NB[start + 1 : start + 21]
            logits_TBV = net(F.one_hot(x_TB, len(symbols)).float(), state)
            state = tuple(p.detach() for p in net.state) if kind is nn.LSTM else net.state.detach()
            F.cross_entropy(logits_TBV.flatten(0, 1), y_TB.flatten()).backward()
            if clip is not None:
                probe.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()
    return probe


def not_a_number(seed=0):
    """A row of the seventh batch holds a NaN at time step 12."""
    torch.manual_seed(seed)
    net = Net(nn.GRU(1, 8), 1)

    def batches():
        for number, (x, y) in enumerate(waves(30), 1):
            if number == 7:
                x[12, 3] = torch.nan
            yield x, y

    return learn(net, batches(), torch.optim.SGD(net.parameters(), lr=0.1), loss_of=F.mse_loss)
