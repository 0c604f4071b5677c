"""The problems gates were made for: texts against a count on one's fingers, the loss against torch, learning by its seed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.cells import CELLS
from explorer.models import CharModel, ConfigError, ModelConfig
from explorer.problems import PROBLEMS, Learning, accuracy, learn, problem_model, problem_of
from explorer.problems.learning import answer_loss
from explorer.text import Vocabulary
from explorer.training import TrainingDivergedError


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- texts


def first(body):
    return body[0]


def skip(body):
    kept, depth = "", 0
    for c in body:
        depth += (c == "<") - (c == ">")
        kept += c if depth == 0 and c != ">" else ""
    return kept


def breaks(body):
    total = 0
    for c in body:
        total = 0 if c == "|" else (total + int(c)) % 4
    return str(total)


def parity(body):
    odd = False
    for c in body:
        odd ^= c == "1"
    return str(int(odd))


ORACLES = {"first": first, "skip": skip, "breaks": breaks, "parity": parity}


@pytest.mark.parametrize("key", PROBLEMS)
@settings(max_examples=25, deadline=None)
@given(extra=st.integers(0, 90), seed=st.integers(0, 2**32))
def test_the_answers_are_what_a_plain_count_gives(key, extra, seed):
    problem = PROBLEMS[key]
    drawn = problem.draw(5, problem.shortest + extra, chance(seed))
    for text in drawn.texts:
        body, answer = text.split("?")
        assert len(text) == problem.shortest + extra
        assert answer == ORACLES[key](body) == problem.solve(f"{body}?")
        assert set(text) <= set(problem.symbols)
        assert set(answer) <= set(problem.answers)


@pytest.mark.parametrize("key", PROBLEMS)
def test_the_numbers_and_the_mask_are_those_of_the_texts(key):
    problem = PROBLEMS[key]
    drawn = problem.draw(7, 30, chance())
    assert torch.equal(drawn.ids_TB, torch.stack([problem.vocabulary.encode(text) for text in drawn.texts], 1))
    assert drawn.answered_T.tolist() == [False] * (30 - problem.asked) + [True] * problem.asked
    answers = ["".join(problem.vocabulary.symbols[i] for i in column) for column in drawn.answers_AB.T.tolist()]
    assert answers == [text[-problem.asked :] for text in drawn.texts]


@pytest.mark.parametrize("key", PROBLEMS)
def test_every_answer_is_equally_likely(key):
    problem = PROBLEMS[key]
    answers = "".join(text[-problem.asked :] for text in problem.draw(4_000, 14, chance()).texts)
    for symbol in problem.answers:  # five standard deviations
        spread = math.sqrt(problem.chance * (1 - problem.chance) / len(answers))
        assert abs(answers.count(symbol) / len(answers) - problem.chance) < 5 * spread


def test_the_same_generator_gives_the_same_texts():
    problem = PROBLEMS["skip"]
    assert problem.draw(3, 40, chance(5)).texts == problem.draw(3, 40, chance(5)).texts
    assert problem.draw(3, 40, chance(5)).texts != problem.draw(3, 40, chance(6)).texts


def test_what_is_to_be_kept_and_ignored():
    flags = "".join
    problem = PROBLEMS["skip"]
    text = "2<31>10?210"
    assert flags("k" if kept else "." for kept in problem.kept(text)) == "k....kk...."
    assert flags("n" if noise else "." for noise in problem.noise(text)) == "..nn......."
    assert PROBLEMS["breaks"].breaks("12|3?3") == [False, False, True, False, False, False]
    assert PROBLEMS["breaks"].kept("12|3?3") == [False, False, False, True, False, False]
    assert PROBLEMS["first"].kept("2a1?2") == [True, False, False, False, False]
    assert PROBLEMS["first"].noise("2a1?2") == [False, True, True, False, False]


@pytest.mark.parametrize(("count", "length"), [(0, 30), (1, 2), (1, 10**6), (True, 30), (1, 3.5), (1, "30"), (1, None)])
def test_a_count_or_length_without_sense_is_refused(count, length):
    with pytest.raises(ConfigError) as refused:
        PROBLEMS["first"].draw(count, length, chance())
    assert refused.value.field in ("count", "length")


@pytest.mark.parametrize("key", ["", "nothing", None, 3, ["first"]])
def test_an_unknown_problem_is_refused(key):
    with pytest.raises(ConfigError, match="problem"):
        problem_of(key)


# ---- learning


def test_only_the_answers_have_a_loss():
    problem = PROBLEMS["skip"]
    model = problem_model(problem, hidden=5, seed=3).double()
    drawn = problem.draw(4, 20, chance())
    loss, right = answer_loss(model, drawn)
    log_p_TBV = torch.log_softmax(model(drawn.ids_TB)[0], -1)
    by_hand, hits = [], []
    for row, text in enumerate(drawn.texts):
        for at in range(len(text) - problem.asked, len(text)):
            by_hand.append(-log_p_TBV[at - 1, row, drawn.ids_TB[at, row]])
            hits.append(int(log_p_TBV[at - 1, row].argmax()) == int(drawn.ids_TB[at, row]))
    torch.testing.assert_close(loss, torch.stack(by_hand).mean())
    assert right == pytest.approx(sum(hits) / len(hits))


def weights_after(seed, cell="gru"):
    problem = PROBLEMS["first"]
    model = problem_model(problem, cell, 8, length=12, seed=1)
    records = list(learn(model, problem, 12, seed, most_steps=6))
    return [(one.nll_nats, one.accuracy, one.grad_norm_before, one.grad_norm_after) for one in records], model


@pytest.mark.parametrize("cell", CELLS)
def test_the_seed_settles_every_record_and_weight(cell):
    (one, first_model), (two, second_model), (other, _) = (weights_after(seed, cell) for seed in (4, 4, 5))
    assert one == two != other
    for a, b in zip(first_model.parameters(), second_model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_gradient_is_clipped_and_measured_on_both_sides():
    problem = PROBLEMS["first"]
    model = problem_model(problem, hidden=8)
    for record in learn(model, problem, 12, most_steps=5, clip_norm=1e-3):
        assert record.grad_norm_before > 1e-3
        assert record.grad_norm_after == pytest.approx(1e-3, rel=1e-5)


def test_texts_grow_and_learning_ends_where_it_is_solved():
    problem = PROBLEMS["first"]
    model = problem_model(problem, hidden=16, length=12)
    records = list(learn(model, problem, 12, grows=True, most_steps=1_500))
    lengths = [record.length for record in records]
    assert lengths[0] == problem.shortest + 1
    assert lengths == sorted(lengths)
    assert [record.solved for record in records] == [False] * (len(records) - 1) + [True]
    assert accuracy(model, problem, 12, 300, chance(9)) > 0.95


def test_where_texts_do_not_grow_the_first_is_as_long_as_the_last():
    problem = PROBLEMS["parity"]
    model = problem_model(problem, hidden=4)
    assert [record.length for record in learn(model, problem, 9, grows=False, most_steps=2)] == [9, 9]


def test_a_loss_that_is_not_finite_ends_it():
    problem = PROBLEMS["first"]
    model = problem_model(problem, hidden=4)
    with torch.no_grad():
        model.out.weight.fill_(math.inf)
    with pytest.raises(TrainingDivergedError):
        next(learn(model, problem, 9))


@pytest.mark.parametrize(
    ("field", "settings_"),
    [("length", {"length": 2}), ("length", {"length": 10**6}), ("most_steps", {"most_steps": 0}), ("seed", {"seed": "a"}),
     ("learning_rate", {"learning_rate": 0}), ("clip_norm", {"clip_norm": -1.0})],
)  # fmt: skip
def test_a_setting_without_sense_is_refused(field, settings_):
    problem = PROBLEMS["first"]
    with pytest.raises(ConfigError) as refused:
        Learning(problem_model(problem, hidden=4), problem, **({"length": 9} | settings_))
    assert refused.value.field == field


def test_a_model_of_other_symbols_or_another_objective_is_refused():
    problem = PROBLEMS["first"]
    with pytest.raises(ConfigError, match="symbols"):
        accuracy(CharModel(ModelConfig(hidden_size=4), Vocabulary.from_text("abc")), problem, 9, 3, chance())
    both = ModelConfig(hidden_size=4, direction="bidirectional", objective="cloze")
    with pytest.raises(ConfigError, match="objective"):
        accuracy(CharModel(both, problem.vocabulary), problem, 9, 3, chance())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("key", PROBLEMS)
def test_every_cell_has_a_model_for_every_problem(key, cell):
    model = problem_model(PROBLEMS[key], cell, 4)
    assert 0 <= accuracy(model, PROBLEMS[key], 12, 5, chance()) <= 1
