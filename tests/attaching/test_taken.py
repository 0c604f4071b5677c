"""A torch module in memory as a model of ours: the same outputs, and the gradients of autograd."""

import pytest
import torch
from torch import nn

import explorer
from explorer import ConfigError, SeriesRead, from_torch


class Net(nn.Module):
    def __init__(self, rnn, outputs=2, bias=True):
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size * (1 + rnn.bidirectional), outputs, bias=bias)

    def forward(self, x_TE):
        x = x_TE.unsqueeze(0 if self.rnn.batch_first else 1)
        out = self.head(self.rnn(x)[0])
        return out[0] if self.rnn.batch_first else out[:, 0]


KINDS = {
    "rnn": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, {}),
    "two layers": (nn.GRU, {"num_layers": 2, "dropout": 0.5}),
    "batch first": (nn.GRU, {"batch_first": True}),
    "without biases": (nn.LSTM, {"bias": False}),
    "lstm": (nn.LSTM, {}),
    "both directions": (nn.LSTM, {"bidirectional": True, "num_layers": 2}),
}


@pytest.mark.parametrize(("kind", "options"), KINDS.values(), ids=KINDS)
def test_outputs_and_gradients_are_those_of_the_module(kind, options):
    torch.manual_seed(1)
    net = Net(kind(3, 5, **options), bias="bias" not in options).double().eval()
    x_TE, y_TV = torch.randn(11, 3).double(), torch.randn(11, 2).double()
    model = from_torch(net)
    read = SeriesRead(model, x_TE, y_TV)
    trace = explorer.trace_series(read)
    expected = net(x_TE)
    assert trace.outputs_TV == pytest.approx(expected.detach().numpy(), rel=1e-9)
    assert trace.residual < 1e-12
    loss = (expected - y_TV).square().mean()
    truth = dict(
        zip(
            [name for name, _ in net.rnn.named_parameters()],
            torch.autograd.grad(loss, list(net.rnn.parameters())),
            strict=True,
        )
    )
    ledger = explorer.clip_ledger(model, read, None)
    norms = {parameter.name: parameter.norm_before for parameter in ledger.parameters}
    for name, gradient in truth.items():
        assert norms[f"rnn.{name}"] == pytest.approx(float(gradient.norm()), rel=1e-8)


def test_it_is_a_copy():
    net = Net(nn.GRU(3, 5))
    model = from_torch(net)
    with torch.no_grad():
        net.rnn.weight_hh_l0.zero_()
    assert float(model.rnn.weight_hh_l0.detach().abs().sum()) > 0


def test_a_layer_and_a_head_apart():
    rnn, head = nn.GRU(3, 5), nn.Linear(5, 1)
    assert torch.equal(from_torch(rnn, head).out.weight, head.weight)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.GRU(3, 5), nn.GRU(5, 5)
        self.one, self.other = nn.Linear(5, 1), nn.Linear(5, 2)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("model", lambda: from_torch(nn.Linear(2, 3))), ("layer", lambda: from_torch(Two())),
        ("head", lambda: from_torch(Two(), layer="first")), ("layer", lambda: from_torch(Two(), layer="third")),
        ("head", lambda: from_torch(nn.GRU(3, 5))), ("head", lambda: from_torch(nn.GRU(3, 5), nn.Linear(4, 1))),
        ("head", lambda: from_torch(nn.GRU(3, 5), nn.ReLU())), ("layer", lambda: from_torch(nn.GRUCell(3, 5))),
        ("model", lambda: from_torch(nn.LSTM(3, 5, proj_size=2))),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_in_words(field, make):
    with pytest.raises(ConfigError) as refused:
        make()
    assert refused.value.field == field


def test_the_one_named_is_taken():
    two = Two()
    assert from_torch(two, two.one, layer="second").inputs == 5


def test_weights_that_are_made_anew_at_every_call_are_taken_as_they_are():
    """weight_norm, as in weight-dropped LSTMs (Merity et al. 2018)."""
    torch.manual_seed(1)
    net = Net(nn.LSTM(3, 5))
    for name in ("weight_hh_l0", "weight_ih_l0"):
        torch.nn.utils.parametrizations.weight_norm(net.rnn, name)
    with torch.no_grad():
        net.rnn.parametrizations.weight_hh_l0.original0.mul_(2)
    x_TE = torch.randn(11, 3)
    trace = explorer.trace_series(SeriesRead(from_torch(net), x_TE, torch.randn(11, 2)))
    assert trace.outputs_TV == pytest.approx(net(x_TE).detach().numpy(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("layer", "head"), [(torch.float64, torch.float32), (torch.float32, torch.float64)])
def test_the_finer_precision_of_layer_and_head_is_kept(layer, head):
    model = from_torch(nn.GRU(2, 4).to(layer), nn.Linear(4, 1).to(head))
    assert {p.dtype for p in model.parameters()} == {torch.float64}


class Beside(nn.Module):
    """A layer and a head, and something else."""

    def __init__(self, before=None, between=None, width=3):
        super().__init__()
        self.before, self.rnn = before, nn.GRU(width, 16)
        self.between, self.head = between, nn.Linear(16, 1)


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (lambda: Beside(between=nn.LayerNorm(16)), "between (LayerNorm)"),
        (lambda: Beside(between=nn.ReLU()), "between (ReLU)"),
        (lambda: Beside(before=nn.Linear(5, 3)), "before (Linear)"),
        (lambda: Beside(before=nn.Conv1d(1, 3, 3)), "before (Conv1d)"),
    ],
)
def test_a_module_of_which_only_a_part_would_be_copied_is_refused(module, named):
    with pytest.raises(ConfigError, match=r"^module: ") as refused:
        from_torch(module())
    assert named in str(refused.value)


def test_what_stands_before_the_layer_is_not_taken_for_its_head():
    module = nn.Sequential(nn.Linear(16, 3), nn.GRU(3, 16))
    with pytest.raises(ConfigError, match=r"^head: "):
        from_torch(module)
    several = nn.Sequential(nn.GRU(3, 8), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    with pytest.raises(ConfigError, match=r"^module: "):
        from_torch(several)


def test_what_does_nothing_in_evaluation_may_stand_anywhere():
    assert from_torch(Beside(before=nn.Dropout(0.1), between=nn.Identity())).out.out_features == 1
