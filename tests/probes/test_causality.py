"""The meter of causality, held to finite differences; a causal model and one that reads the answer as controls."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from explorer.checkpoints import load_checkpoint
from explorer.models import CharModel, ModelConfig
from explorer.probes import causality as probe
from explorer.probes.causality import MOST_STEPS, causality
from explorer.text import TextError, Vocabulary

TEXT = "a bad cab"
VOCABULARY = Vocabulary.from_text(TEXT)


def model_of(**about):
    return CharModel(ModelConfig(**{"hidden_size": 4} | about), VOCABULARY, seed=1)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_nothing_of_what_follows_reaches_a_causal_model(cell):
    found = causality(model_of(cell=cell), TEXT)
    assert found.is_causal
    assert found.ahead == 0 < found.past


def test_the_shipped_leak_is_seen_and_its_honest_neighbour_is_not():
    leaky = load_checkpoint("checkpoints/time-machine-birnn-leaky.safetensors").model
    honest = load_checkpoint("checkpoints/time-machine-rnn.safetensors").model
    assert causality(leaky, "time traveller").ahead > 0
    assert causality(honest, "time traveller").ahead == 0


def test_the_energy_is_that_of_finite_differences():
    model = model_of(cell="gru", direction="bidirectional", objective="leaky")
    precise = copy.deepcopy(model).double()
    x_TBE = F.one_hot(VOCABULARY.encode(TEXT), len(VOCABULARY)).double().unsqueeze(1)
    energy_TT, step = np.zeros((len(TEXT), len(TEXT))), 1e-5
    with torch.no_grad():
        for k in range(len(TEXT)):
            for i in range(len(VOCABULARY)):
                moved = torch.zeros_like(x_TBE)
                moved[k, 0, i] = step
                slope_TV = (precise(x_TBE + moved)[0] - precise(x_TBE - moved)[0])[:, 0] / (2 * step)
                energy_TT[:, k] += slope_TV.square().sum(1).numpy()
    np.testing.assert_allclose(causality(model, TEXT).energy_TT, energy_TT, rtol=1e-6, atol=1e-12)


def test_the_model_is_left_as_it_was_found_and_a_long_text_is_cut():
    model = model_of(cell="gru")
    before = copy.deepcopy(model.state_dict())
    assert len(causality(model, TEXT * 20).text) == MOST_STEPS
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_model_with_an_embedding_is_measured_at_its_characters():
    assert causality(model_of(cell="gru", embedding_size=3), TEXT).is_causal


def test_an_empty_text_is_refused():
    with pytest.raises(TextError):
        causality(model_of(), "")


def test_symbols_a_few_at_a_time_give_the_same_energies(monkeypatch):
    model, text = model_of(cell="gru"), TEXT
    whole = causality(model, text).energy_TT
    monkeypatch.setattr(probe, "BLOCK_BYTES", 8 * len(text) * len(model.vocabulary) * 2)
    np.testing.assert_allclose(causality(model, text).energy_TT, whole, rtol=1e-12)
