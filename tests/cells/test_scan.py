"""The scans against torch.nn (values and every gradient, float64) and against gradcheck."""

import pytest
import torch
from torch import nn

from explorer.cells import CELLS, CellWeights
from explorer.models import CharModel, ModelConfig, NetKey
from explorer.text import UNKNOWN, Vocabulary

ATOL = 1e-12
VOCABULARY = Vocabulary((UNKNOWN, *"abcdefg"), (0,) + (1,) * 7)
TORCH_CELLS = [
    (dict(cell="rnn", activation="tanh"), lambda e, h, **k: nn.RNN(e, h, **k)),
    (dict(cell="rnn", activation="relu"), lambda e, h, **k: nn.RNN(e, h, nonlinearity="relu", **k)),
    (dict(cell="gru", reset="after"), nn.GRU),
    (dict(cell="lstm"), nn.LSTM),
]
EVERY_CELL = [(key, variant) for key, cell in CELLS.items() for variant in cell.variants]


@pytest.mark.parametrize(("fields", "torch_cell"), TORCH_CELLS, ids=lambda v: str(v) if isinstance(v, dict) else "")
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_states_and_gradients_equal_torch_nn(fields, torch_cell, layers, bidirectional):
    torch.manual_seed(1)
    steps, batch, hidden = 9, 3, 5
    direction = dict(direction="bidirectional", objective="leaky") if bidirectional else {}
    model = CharModel(
        ModelConfig(hidden_size=hidden, num_layers=layers, **direction, **fields), VOCABULARY, seed=3
    ).double()
    oracle = torch_cell(len(VOCABULARY), hidden, num_layers=layers, bidirectional=bidirectional).double()
    oracle.load_state_dict(model.rnn.state_dict())
    ids_TB = torch.randint(0, len(VOCABULARY), (steps, batch))
    parts = 2 if fields["cell"] == "lstm" else 1
    first = [
        torch.randn(len(model.config.nets), batch, hidden, dtype=torch.float64, requires_grad=True)
        for _ in range(parts)
    ]
    state = {net: tuple(part[i] for part in first) for i, net in enumerate(model.config.nets)}

    h, last = model.states(ids_TB, state)
    ours_TBF = torch.cat([h[NetKey(layers - 1, d)] for d in model.config.directions], -1)
    one_hot = nn.functional.one_hot(ids_TB, len(VOCABULARY)).double()
    expected_TBF, expected_last = oracle(one_hot, tuple(first) if parts == 2 else first[0])
    torch.testing.assert_close(ours_TBF, expected_TBF, atol=ATOL, rtol=0)
    expected_last = expected_last if parts == 2 else (expected_last,)
    for part in range(parts):
        ours_last = torch.stack([last[net][part] for net in model.config.nets])
        torch.testing.assert_close(ours_last, expected_last[part], atol=ATOL, rtol=0)

    # The loss also pulls at the last states, so that every path of the derivative is walked.
    weight = torch.randn_like(ours_TBF)
    ours = (ours_TBF * weight).sum() + sum((s**2).sum() for net in last.values() for s in net)
    theirs = (expected_TBF * weight).sum() + sum((s**2).sum() for s in expected_last)
    names = [name for name, _ in model.rnn.named_parameters()]
    got = torch.autograd.grad(ours, [*model.rnn.parameters(), *first])
    expected = torch.autograd.grad(theirs, [*(oracle.get_parameter(name) for name in names), *first])
    for name, g, e in zip([*names, "h0", "c0"], got, expected, strict=False):
        torch.testing.assert_close(g, e, atol=ATOL, rtol=ATOL, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize(("key", "variant"), EVERY_CELL)
def test_gradcheck(key, variant):
    generator = torch.Generator().manual_seed(5)

    def make(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    cell, hidden = CELLS[key], 3
    rows = len(cell.stacked) * hidden
    state = tuple(make(2, hidden) for _ in cell.state)
    own = rows if cell.recurrent else 0

    def run(x, w, b, *state):
        h, last = cell.scan(x, state, CellWeights(x, w, b, b), variant)
        return h, *last

    inputs = (make(4, 2, rows), make(own, hidden), make(own), *state)
    assert torch.autograd.gradcheck(run, inputs)
