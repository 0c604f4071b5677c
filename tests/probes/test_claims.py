"""Claims about gates: models set by hand are found, and untrained ones are accused of nothing."""

from dataclasses import replace

import pytest
import torch

from explorer.cells import CELLS
from explorer.models import CharModel, ConfigError, ModelConfig, NetKey
from explorer.probes.claims import MOST_CLAIMED, claims
from explorer.problems import PROBLEMS, problem_model

UNTRAINED = [(key, cell, seed) for key in PROBLEMS for cell in CELLS for seed in (0, 1)]


def held(found):
    return {(claim.code, claim.gate.letter if claim.gate else "") for claim in found.claims if claim.holds}


@pytest.mark.parametrize(("key", "cell", "seed"), UNTRAINED)
def test_of_an_untrained_model_nothing_holds(key, cell, seed):
    found = claims(problem_model(PROBLEMS[key], cell, 16, length=20, seed=seed), PROBLEMS[key], 20)
    assert not found.solved
    assert held(found) == set()
    assert all(str(claim.told()) for claim in found.claims)


@torch.no_grad()
def keeper(spoilt=False):
    """A minGRU that keeps the last digit: z = 0 at digits and 1 at letters.

    One unit a digit, whose candidate is large at its own digit and at one of the letters: only the gate keeps those out.
    """
    problem = PROBLEMS["first"]
    model = CharModel(ModelConfig("mingru", hidden_size=4), problem.vocabulary, seed=0)
    weights = model.rnn.weights(NetKey(0, "forward"))
    symbols = problem.vocabulary.symbols
    z_HE, n_HE = weights.w_ih_GE.chunk(2)
    weights.b_ih_G.zero_()
    z_HE.fill_(20.0)
    n_HE.fill_(-20.0)
    for unit, digit in enumerate("0123"):
        for other in "0123":
            z_HE[:, symbols.index(other)] = -20.0
        n_HE[unit, symbols.index(digit)] = n_HE[unit, symbols.index("abcd"[unit])] = 5.0
    model.out.weight.zero_()
    model.out.bias.fill_(-50.0)
    for unit, digit in enumerate("0123"):
        model.out.weight[symbols.index(digit), unit] = 0.0 if spoilt else 1.0
        model.out.bias[symbols.index(digit)] = 0.0
    return model


def only_letters(problem):
    """The first problem with no digits among its noise, which the hand-set model can do."""

    def body(length, chances):
        return str(int(next(chances) * 4)) + "".join("abcdef"[int(next(chances) * 6)] for _ in range(length - 1))

    return replace(problem, body=body)


def test_a_model_set_by_hand_to_keep_is_found():
    found = claims(keeper(), only_letters(PROBLEMS["first"]), 30)
    assert found.accuracy == 1
    assert held(found) == {("keeps", "z"), ("reaches", ""), ("needed", "z")}
    kept = next(claim for claim in found.claims if claim.code == "keeps")
    assert kept.figures["noise"] == pytest.approx(1, abs=1e-6)
    assert kept.figures["kept"] == pytest.approx(0, abs=1e-6)


def test_the_same_gates_without_an_answer_solve_nothing():
    found = claims(keeper(spoilt=True), only_letters(PROBLEMS["first"]), 30)
    assert held(found) == {("keeps", "z")}
    assert {claim.why_not for claim in found.claims if claim.code != "keeps"} == {"unsolved"}


@torch.no_grad()
def test_a_reset_gate_that_shuts_at_breaks_is_found_and_one_that_does_not_is_not():
    problem = PROBLEMS["breaks"]
    model = problem_model(problem, "gru", 8)
    weights, cell = model.rnn.weights(NetKey(0, "forward")), CELLS["gru"]
    assert ("resets", "r") not in held(claims(model, problem, 20))
    cell.rows(weights.w_ih_GE, "r")[:, problem.vocabulary.symbols.index("|")] = -8.0
    assert held(claims(model, problem, 20)) == {("resets", "r")}


def test_the_model_is_left_as_it_was():
    model = problem_model(PROBLEMS["skip"], "gru", 6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    claims(model, PROBLEMS["skip"], 20)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("length", [2, MOST_CLAIMED + 1, "60", None])
def test_a_length_without_sense_is_refused(length):
    with pytest.raises(ConfigError):
        claims(problem_model(PROBLEMS["first"], "gru", 4), PROBLEMS["first"], length)
