"""A state_dict becomes a model that gives what the module it came from gives: the oracle is torch's own module."""

import pytest
import torch

from explorer import import_model
from readers import KINDS, SYMBOLS, Reader, agrees


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"num_layers": 3}, {"bidirectional": True, "num_layers": 2}, {"embedding": None},
                                     {"bias": False}, {"embedding": 7}])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_logits_equal_those_of_the_module(kind, options, dtype):
    torch.manual_seed(1)
    module = Reader(kind, **options).to(dtype)
    agrees(import_model(module.state_dict(), vocabulary=SYMBOLS), module)
