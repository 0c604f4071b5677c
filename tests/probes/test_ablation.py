"""What becomes worse without a unit, in a trained network and in one that has learned nothing."""

import numpy as np
import pytest
import torch

import explorer
from explorer import CharModel, ConfigError, ModelConfig, Vocabulary, load_checkpoint, load_corpus, trace_gates
from explorer.features import features_of
from explorer.interventions import Intervention, altered
from explorer.models import NetKey
from explorer.pages.shell import models, roles
from explorer.probes.ablation import LEAST_STEPS, Trial, ablate, concerned, try_role
from explorer.probes.units import Role

TEXT = 'a "b c" d, "e f g" h. "i j" k '
NET = NetKey(0, "forward")
WHICH = models.Which.of("lighthouse-gru", 60)


@pytest.fixture(scope="module")
def lighthouse():
    return load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model


@pytest.fixture(scope="module")
def held_out():
    text = load_corpus("lighthouse")
    return text[len(text) // 2 :][:6000]


def test_it_is_the_reading_of_the_model_with_the_part_held_at_its_mean(lighthouse, held_out):
    text = held_out[:300]
    done, trace = ablate(lighthouse, text, 95), trace_gates(lighthouse, text)
    assert done.held.value == pytest.approx(float(trace.tape()["h"][:, 95].mean()), abs=1e-6)
    after = trace_gates(altered(lighthouse, Intervention(units=[done.held])), text)
    np.testing.assert_array_equal(done.after_nats_T, after.nll_nats_T)
    np.testing.assert_array_equal(done.before_nats_T, trace.nll_nats_T)
    by_hand = np.nanmean(after.nll_nats_T.astype(float)) - np.nanmean(trace.nll_nats_T.astype(float))
    assert done.mean_rise_nats == pytest.approx(by_hand)
    table = done.frame()
    assert table["count"].sum() == len(text) - 1
    assert (table["rise_bits"] * table["count"]).sum() * np.log(2) == pytest.approx(by_hand * (len(text) - 1))
    assert table["total_rise_bits"].is_monotonic_decreasing


def test_without_its_unit_the_model_forgets_to_close_its_quotes(lighthouse, held_out):
    table = ablate(lighthouse, held_out[:3000], 95).frame().set_index("character")
    assert table.loc['"', "count"] > 15
    assert table.loc['"', "after_bits"] > 2 * table.loc['"', "before_bits"]
    others = table.drop(index='"')
    everywhere = (others["rise_bits"] * others["count"]).sum() / others["count"].sum()
    assert table.loc['"', "rise_bits"] > 5 * everywhere


def test_a_role_is_confirmed_by_holding_the_unit_and_another_unit_that_is_given_the_role_is_not(lighthouse, held_out):
    (quotes,) = [role for role in roles.roles_of(WHICH, NET) if role.feature == "quoted"]
    trial = try_role(lighthouse, held_out, quotes)
    assert trial.confirmed
    assert trial.there_nats > 3 * trial.elsewhere_nats
    impostors = [unit for unit in range(0, 128, 16) if unit != quotes.unit]
    claims = [
        try_role(lighthouse, held_out[:1500], Role(unit, "h", "quoted", 0.5, 1, 0), others=8) for unit in impostors
    ]
    assert sum(claim.confirmed for claim in claims) <= 1  # of 8: the best of nine units is one of them by chance


def test_of_an_untrained_model_no_role_is_confirmed_more_often_than_by_chance(held_out):
    model = CharModel(ModelConfig(hidden_size=12), Vocabulary.from_text(held_out), seed=0)
    claims = [try_role(model, held_out[:600], Role(unit, "h", "quoted", 0.5, 1, 0), others=11) for unit in range(12)]
    assert sum(claim.confirmed for claim in claims) <= 1  # one of them is the largest, and may be above zero


def test_a_text_that_does_not_have_the_feature_confirms_nothing(lighthouse):
    trial = try_role(lighthouse, "the light turned and the sea was dark", Role(95, "h", "quoted", 0.5, 1, 0), others=3)
    assert trial.steps == 0
    assert np.isnan(trial.there_nats)
    assert not trial.confirmed


def test_of_too_few_characters_nothing_is_confirmed(lighthouse):
    """Also where nothing is compared: a mean over four characters says little."""
    trial = try_role(lighthouse, 'he said "so', Role(95, "h", "quoted", 0.5, 1, 0), others=0)
    assert 0 < trial.steps < LEAST_STEPS
    assert not trial.confirmed
    assert not Trial(there_nats=1.0, elsewhere_nats=0.0, steps=LEAST_STEPS - 1, rank=0, compared=20).confirmed
    assert Trial(there_nats=1.0, elsewhere_nats=0.0, steps=LEAST_STEPS, rank=0, compared=20).confirmed


def test_concerned_is_where_a_feature_begins_or_ends():
    where = concerned(Role(0, "h", "quoted", 0.5, 1, 0), TEXT)
    inside = features_of(TEXT)["quoted"] > 0
    edges = [t for t in range(1, len(TEXT)) if inside[t] != inside[t - 1]]
    assert set(np.flatnonzero(where)) == {t + more for t in edges for more in (0, 1) if t + more < len(TEXT)}
    assert all(TEXT[t] == '"' for t in edges)
    distance = concerned(Role(0, "h", "in-clause", 0.5, 1, 0), TEXT)
    assert {TEXT[t] for t in np.flatnonzero(distance)} <= {",", ".", " "}
    assert not concerned(Role(0, "h", "digit", 0.5, 1, 0), TEXT).any()
    assert not concerned(Role(0, "h", "quoted", 0.5, 1, 0), "").any()


def test_the_model_is_left_as_it_was_and_strangers_are_refused(lighthouse):
    before = {name: weight.clone() for name, weight in lighthouse.state_dict().items()}
    ablate(lighthouse, TEXT, 3, "z")
    for name, weight in lighthouse.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)
    with pytest.raises(explorer.ConfigError, match="units"):
        ablate(lighthouse, TEXT, 128)
    assert np.isnan(ablate(lighthouse, "", 3).mean_rise_nats)


def test_the_file_of_the_shipped_models_says_what_the_experiment_says_now(lighthouse, held_out):
    for role in roles.roles_of(WHICH, NET)[:2]:
        kept, now = roles.trial_of(WHICH, NET, role), try_role(lighthouse, held_out[:4000], role)
        assert (kept.steps, kept.rank, kept.compared) == (now.steps, now.rank, now.compared)
        assert (kept.there_nats, kept.elsewhere_nats) == pytest.approx((now.there_nats, now.elsewhere_nats), rel=1e-3)
    assert roles.roles_of(WHICH._replace(untrained="own-kind"), NET) == []


def test_a_part_that_the_cell_does_not_have_is_refused_by_name(lighthouse, held_out):
    with pytest.raises(ConfigError, match=r"^part: expected "):
        ablate(lighthouse, held_out[:40], 0, "q")
