"""What a step costs: torch's own layers count the weights, and a hand the multiplications."""

import torch

from explorer.cells import CELLS
from explorer.models import ModelConfig
from explorer.probes.cost import costs, frame

TORCHS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def test_weights_are_those_of_torchs_layers_and_products_are_counted_by_hand():
    found = {cost.cell.key: cost for cost in costs(ModelConfig("gru", hidden_size=5), 7)}
    assert list(found) == list(CELLS)
    for key, layer in TORCHS.items():
        assert found[key].weights == sum(parameter.numel() for parameter in layer(7, 5).parameters())
    assert found["rnn"].multiplications == 5 * 7 + 5 * 5
    assert found["gru"].multiplications == 3 * (5 * 7 + 5 * 5) + 3 * 5  # r u, z h', (1 - z) n
    assert found["lstm"].multiplications == 4 * (5 * 7 + 5 * 5) + 3 * 5  # f c', i g, o tanh(c)
    assert found["mingru"].multiplications == 2 * 5 * 7 + 2 * 5
    assert all(cost.us_per_step > 0 for cost in found.values())


def test_the_table_has_a_line_for_each_cell():
    table = frame(costs(ModelConfig("gru", hidden_size=3), 2))
    assert list(table) == ["cell", "weights", "multiplications", "us_per_step"]
    assert len(table) == len(CELLS)
