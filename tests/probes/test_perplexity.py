"""Scores against torch.nn with cross_entropy, and by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from explorer import (
    CharModel,
    Checkpoint,
    ModelConfig,
    Recipe,
    Recording,
    Vocabulary,
    perplexity_by_epoch,
    score_text,
    train,
)
from explorer.probes import perplexity as module

TEXT = "the cat sat on the mat, the rat sat on the cat. "
VOCABULARY = Vocabulary.from_text(TEXT)


def torch_oracle(model):
    """torch.nn.GRU with the model's weights."""
    net = nn.GRU(len(VOCABULARY), model.config.hidden_size, bidirectional=model.config.direction == "bidirectional")
    net.load_state_dict(model.rnn.state_dict())
    return net


def one_hot(text):
    return nn.functional.one_hot(VOCABULARY.encode(text), len(VOCABULARY)).float().unsqueeze(1)


def test_next_character_scores_equal_cross_entropy():
    model = CharModel(ModelConfig(hidden_size=7), VOCABULARY, seed=1)
    ids_T = VOCABULARY.encode(TEXT)
    logits_TV = model.out(torch_oracle(model)(one_hot(TEXT))[0][:, 0])
    expected = nn.functional.cross_entropy(logits_TV[:-1], ids_T[1:], reduction="none")
    score = score_text(model, TEXT)
    assert np.isnan(score.nll_nats_T[0])
    np.testing.assert_allclose(score.nll_nats_T[1:], expected.detach(), atol=1e-5)
    assert score.mean_nll_nats == pytest.approx(float(expected.detach().mean()), abs=1e-6)
    probabilities = logits_TV[-1].softmax(0)
    assert score.next_ids_K[0] == int(probabilities.argmax())
    assert score.next_probabilities_K[0] == pytest.approx(float(probabilities.detach().max()), abs=1e-6)
    assert (np.diff(score.top_probabilities_TK[1:], axis=1) <= 0).all()
    assert score.top_ids_TK[1].tolist() == logits_TV[0].topk(5).indices.tolist()


def test_cloze_scores_equal_two_nets_that_meet_at_the_character():
    model = CharModel(ModelConfig(hidden_size=6, direction="bidirectional", objective="cloze"), VOCABULARY, seed=2)
    both_TF = torch_oracle(model)(one_hot(TEXT))[0][:, 0]
    zero = torch.zeros(1, 6)
    features_TF = torch.cat([torch.cat([zero, both_TF[:-1, :6]]), torch.cat([both_TF[1:, 6:], zero])], 1)
    expected = nn.functional.cross_entropy(model.out(features_TF), VOCABULARY.encode(TEXT), reduction="none")
    score = score_text(model, TEXT)
    np.testing.assert_allclose(score.nll_nats_T, expected.detach(), atol=1e-5)
    assert score.next_ids_K.size == 0


def test_chunks_do_not_show(monkeypatch):
    model = CharModel(ModelConfig(hidden_size=5), VOCABULARY, seed=3)
    whole = score_text(model, TEXT)
    monkeypatch.setattr(module, "CHUNK", 7)
    parts = score_text(model, TEXT)
    np.testing.assert_array_equal(whole.nll_nats_T, parts.nll_nats_T)
    np.testing.assert_array_equal(whole.top_ids_TK, parts.top_ids_TK)


@pytest.mark.parametrize(("text", "defined"), [("", 0), ("t", 0), ("th", 1)])
def test_what_was_not_predicted_is_not_defined(text, defined):
    score = score_text(CharModel(ModelConfig(hidden_size=4), VOCABULARY, seed=0), text)
    assert len(score.nll_nats_T) == len(text)
    assert np.isfinite(score.nll_nats_T).sum() == defined
    assert (score.mean_nll_nats is None) == (defined == 0)
    assert np.isnan(score.running_nll_nats_T).sum() == len(text) - defined


def test_running_mean_by_hand():
    score = module.TextScore(
        np.array([np.nan, 1.0, 2.0, 6.0], np.float32), np.array([[-1], [0], [0], [0]]), np.zeros((4, 1), np.float32),
        np.zeros(0, int), np.zeros(0, np.float32), np.zeros(4, bool),
    )  # fmt: skip
    np.testing.assert_allclose(score.running_nll_nats_T, [np.nan, 1.0, 1.5, 3.0])
    assert score.mean_nll_nats == 3.0


def test_perplexity_by_epoch_is_the_perplexity_of_the_model_as_it_was():
    model = CharModel(ModelConfig(hidden_size=6), VOCABULARY, seed=0)
    recipe = Recipe(optimizer="adam", learning_rate=0.05, batch_size=2, num_steps=5, epochs=4, clip_norm=None)
    recording, then = Recording(model, recipe), {0: score_text(model, TEXT).mean_nll_nats}
    for record in train(model, TEXT * 2, recipe):
        recording.add(record)
        if record.epoch_ends:
            then[record.epoch] = score_text(model, TEXT).mean_nll_nats
    checkpoint = Checkpoint(model, recipe, 0, "test", tuple(recording.history), recording.snapshots)
    values = perplexity_by_epoch(checkpoint, TEXT)
    assert list(values) == list(checkpoint.epochs)
    assert values[4] == pytest.approx(math.exp(then[4]), rel=1e-6)
    for epoch in checkpoint.epochs[:-1]:  # half precision: three digits of each weight
        assert values[epoch] == pytest.approx(math.exp(then[epoch]), rel=5e-3)
    assert values[4] < values[0]
    assert set(perplexity_by_epoch(checkpoint, "t").values()) == {None}


def test_a_model_of_seventy_thousand_symbols_scores_in_blocks_of_bounded_size():
    vocabulary = Vocabulary.from_text("".join(map(chr, range(0x4E00, 0x4E00 + 50))))
    model = CharModel(ModelConfig(hidden_size=4), vocabulary, seed=0)
    whole = score_text(model, "".join(vocabulary.symbols[1:]) * 40)
    blocks, bound = [], 4 * len(vocabulary) * 64
    model.out.register_forward_hook(lambda _, __, logits: blocks.append(logits.nbytes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("explorer.probes.perplexity.BLOCK_BYTES", bound)
        parts = score_text(model, "".join(vocabulary.symbols[1:]) * 40)
    assert len(blocks) > 20
    assert max(blocks) <= bound
    np.testing.assert_array_equal(parts.top_ids_TK, whole.top_ids_TK)
    np.testing.assert_allclose(parts.nll_nats_T, whole.nll_nats_T, rtol=1e-6)
