"""Numbers in time: what is drawn is what is asked, a table is cut in time, and a network learns it."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from explorer import ConfigError, ModelConfig
from explorer.cells import CELLS
from explorer.series import (
    BUILT_IN,
    Score,
    Table,
    Waves,
    class_columns,
    counts_rows,
    learn,
    numeric_columns,
    scored,
    series_model,
)
from explorer.training import TrainingDivergedError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def frame(rows=200, noise=0.0):
    steps = np.arange(rows)
    wave = 10 + 5 * np.sin(steps / 8) + noise * np.random.default_rng(0).normal(size=rows)
    return pd.DataFrame({"day": [f"d{step}" for step in steps], "t": wave, "u": steps % 7, "flat": 3.0})


def test_a_sine_is_asked_for_its_next_value():
    drawn = BUILT_IN["sine"].draw(4, 30, generator())
    assert drawn.asked_T.all()
    assert torch.equal(drawn.x_TBE[1:], drawn.y_TBV[:-1])
    x_TB = drawn.x_TBE[..., 0].double()
    # sin(a - w) + sin(a + w) = 2 cos(w) sin(a): one cosine for each row, of a period from 10 to 40
    cosine_TB = (x_TB[:-2] + x_TB[2:]) / (2 * x_TB[1:-1])
    for row in range(4):
        known = cosine_TB[x_TB[1:-1, row].abs() > 0.2, row]
        assert known.std() < 1e-3
        assert 10 <= 2 * math.pi / math.acos(known.mean()) <= 40.1


@pytest.mark.parametrize("steps", [2, 3, 20, 41])
def test_adding_marks_one_number_in_each_half_and_asks_for_their_sum(steps):
    drawn = BUILT_IN["adding"].draw(50, steps, generator())
    numbers_TB, marks_TB = drawn.x_TBE.unbind(2)
    assert ((numbers_TB >= 0) & (numbers_TB < 1)).all()
    for row in range(50):
        first, second = np.flatnonzero(marks_TB[:, row])
        assert first < steps // 2 <= second
        assert float(drawn.y_TBV[-1, row, 0]) == pytest.approx(
            float(numbers_TB[first, row] + numbers_TB[second, row]), rel=1e-6
        )
    assert drawn.asked_T.nonzero().tolist() == [[steps - 1]]


def test_who_always_says_one_pays_a_sixth_for_adding():
    drawn = BUILT_IN["adding"].draw(20_000, 10, generator())
    assert float(((drawn.y_TBV[-1] - 1) ** 2).mean()) == pytest.approx(1 / 6, rel=0.03)


def test_a_table_tells_its_target_ahead_and_holds_the_last_rows_out():
    given = frame()
    task = Table.of(given, "t", ["t", "u"], horizon=3, labels="day")
    drawn = task.draw(500, 20, generator())
    assert (task.columns, task.targets) == (("t", "u"), ("t",))
    x_TE = task.columns_in_unit(drawn.x_TBE[:, 7].double().numpy())
    start = int(drawn.labels[0][1:])
    first_TE = task.columns_in_unit(drawn.x_TBE[:, 0].double().numpy())
    assert first_TE == pytest.approx(given[["t", "u"]].to_numpy()[start : start + 20], abs=1e-5)
    y_TV = task.in_unit(drawn.y_TBV[:, 0].double().numpy())
    assert y_TV[:, 0] == pytest.approx(given["t"].to_numpy()[start + 3 : start + 23], abs=1e-5)
    assert x_TE.shape == (20, 2)
    example = task.example(1_000)
    steps = [int(label[1:]) for label in example.labels]
    assert steps == [*range(task.learned, 197)]
    # nothing that is learned from, read or told, is in the example
    most = max(int(task.draw(1, 20, generator(seed)).labels[0][1:]) for seed in range(300))
    assert most + 20 + 3 <= task.learned


def test_a_flat_column_is_read_as_zero_and_nothing_else_is_lost():
    drawn = Table.of(frame(), "t", ["flat", "t"]).draw(3, 10, generator())
    assert torch.equal(drawn.x_TBE[..., 0], torch.zeros(10, 3))


def test_the_columns_of_numbers_are_found():
    given = frame()
    given["hole"] = [math.nan, *range(199)]
    given["yes"] = True
    assert numeric_columns(given) == ["t", "u", "flat"]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("columns", {"target": "no"}), ("columns", {"target": "day"}), ("columns", {"columns": ["day"]}),
        ("columns", {"columns": []}), ("columns", {"columns": ["t"] * 65}), ("horizon", {"horizon": 0}),
        ("horizon", {"horizon": 60}), ("horizon", {"horizon": 1.5}), ("held_out_share", {"held_out_share": 0}),
        ("held_out_share", {"held_out_share": 0.95}), ("held_out_share", {"held_out_share": "x"}),
        ("rows", {"frame": frame(10)}), ("columns", {"frame": frame().assign(t=math.inf)}),
    ],
)  # fmt: skip
def test_a_table_that_makes_no_sense_is_refused(field, change):
    with pytest.raises(ConfigError) as refused:
        Table.of(**{"frame": frame(), "target": "t"} | change)
    assert refused.value.field == field


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_a_sine(cell):
    task = BUILT_IN["sine"]
    model = series_model(task, ModelConfig(cell, hidden_size=12, num_layers=2 if cell == "mingru" else 1), seed=1)
    records = list(learn(model, task, steps=60, length=25, rows=16, learning_rate=0.01))
    assert [record.step for record in records] == [*range(1, 61)]
    assert np.mean([record.loss for record in records[-5:]]) < 0.35 * records[0].loss
    assert all(record.grad_norm_after <= min(1.0, record.grad_norm_before) + 1e-6 for record in records)


def test_the_same_seed_learns_the_same():
    def trained():
        model = series_model(BUILT_IN["adding"], ModelConfig("gru", hidden_size=6), seed=2)
        return [record.loss for record in learn(model, BUILT_IN["adding"], steps=5, length=8, rows=4, seed=3)]

    assert trained() == trained()


def test_the_first_loss_is_that_of_torch_itself():
    task = BUILT_IN["adding"]
    model = series_model(task, ModelConfig("lstm", hidden_size=6), seed=2)
    lstm, head = torch.nn.LSTM(2, 6), torch.nn.Linear(6, 1)
    lstm.load_state_dict(
        {name.removeprefix("rnn."): p for name, p in model.state_dict().items() if name.startswith("rnn.")}
    )
    head.load_state_dict(
        {name.removeprefix("out."): p for name, p in model.state_dict().items() if name.startswith("out.")}
    )
    drawn = task.draw(7, 9, generator(5))
    expected = ((head(lstm(drawn.x_TBE)[0][-1]) - drawn.y_TBV[-1]) ** 2).mean()
    first = next(learn(model, task, steps=1, length=9, rows=7, seed=5))
    assert first.loss == pytest.approx(float(expected.detach()), rel=1e-5)


def test_what_diverges_says_so():
    model = series_model(BUILT_IN["sine"], ModelConfig("rnn", activation="relu", hidden_size=8), seed=0)
    with torch.no_grad():
        model.rnn.weight_hh_l0.copy_(1e6 * torch.eye(8))
    with pytest.raises(TrainingDivergedError):
        list(learn(model, BUILT_IN["sine"], steps=50, length=60))


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("steps", {"steps": 0}), ("length", {"length": 1}), ("rows", {"rows": 0}), ("learning_rate", {"learning_rate": 0}),
        ("learning_rate", {"learning_rate": math.nan}), ("seed", {"seed": "x"}), ("steps", {"length": 160}),
    ],
)  # fmt: skip
def test_a_training_that_makes_no_sense_is_refused_at_once(field, options):
    task = Table.of(frame(), "t")
    model = series_model(task, ModelConfig("gru", hidden_size=4), seed=0)
    with pytest.raises(ConfigError) as refused:
        learn(model, task, **options)
    assert refused.value.field == field


def test_numbers_have_no_embedding():
    with pytest.raises(ConfigError) as refused:
        series_model(BUILT_IN["sine"], ModelConfig("gru", embedding_size=4))
    assert refused.value.field == "embedding_size"


def test_a_column_of_labels_that_is_not_there_is_refused_by_name():
    frame = pd.DataFrame({"a": np.sin(np.arange(80.0))})
    with pytest.raises(ConfigError, match=r"^labels: expected one of a, and one alone of that name; got 'nope'"):
        Table.of(frame, "a", labels="nope")


# ---- classes


WAVES = BUILT_IN["waves"]


def test_a_wave_is_of_the_kind_that_is_asked_and_no_kind_is_louder(monkeypatch):
    monkeypatch.setattr(Waves, "NOISE", 0.0)
    drawn = WAVES.draw(300, 200, generator())
    assert drawn.asked_T.nonzero().tolist() == [[199]]
    assert torch.equal(drawn.y_TBV[0], drawn.y_TBV[-1])
    x_TB, kinds_B = drawn.x_TBE[..., 0].double(), drawn.y_TBV[-1]
    assert sorted(set(kinds_B.tolist())) == [0, 1, 2]
    squares = [float(x_TB[:, kinds_B == kind].square().mean()) for kind in range(3)]
    assert squares == pytest.approx([1, 1, 1], abs=0.05)
    for x_T, kind in zip(x_TB.unbind(1), kinds_B.tolist(), strict=True):
        steps_T = x_T.diff()
        if kind == 0:  # sin(a - w) + sin(a + w) = 2 cos(w) sin(a)
            clear = x_T[1:-1].abs() > 0.5
            assert ((x_T[:-2] + x_T[2:]) / x_T[1:-1])[clear].std() < 1e-3
        elif kind == 1:
            assert torch.equal(x_T.abs(), torch.ones(200, dtype=torch.float64))
        else:  # it rises by the same all the time, but where it falls from the top
            assert steps_T[steps_T > 0].std() < 1e-3
            assert (steps_T < 0).sum() in range(3, 22)


def test_the_first_loss_of_classes_is_that_of_torch_itself():
    model = series_model(WAVES, ModelConfig("gru", hidden_size=6), seed=2)
    gru, head = torch.nn.GRU(1, 6), torch.nn.Linear(6, 3)
    gru.load_state_dict({n.removeprefix("rnn."): p for n, p in model.state_dict().items() if n.startswith("rnn.")})
    head.load_state_dict({n.removeprefix("out."): p for n, p in model.state_dict().items() if n.startswith("out.")})
    drawn = WAVES.draw(7, 9, generator(5))
    expected = torch.nn.CrossEntropyLoss()(head(gru(drawn.x_TBE)[0][-1]), drawn.y_TBV[-1])
    first = next(learn(model, WAVES, steps=1, length=9, rows=7, seed=5))
    assert first.loss == pytest.approx(float(expected.detach()), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_gru_learns_which_wave_it_is_and_one_that_has_not_learned_is_not_praised(seed):
    model = series_model(WAVES, ModelConfig("gru", hidden_size=24), seed=seed)
    assert scored(model, WAVES, 40).judged != "better"
    for _ in learn(model, WAVES, steps=250, length=40, learning_rate=0.01):
        pass
    score = scored(model, WAVES, 40)
    drawn = WAVES.held_out(40)
    told = model(drawn.x_TBE)[0][-1].argmax(1)
    assert score.error == pytest.approx(float((told != drawn.y_TBV[-1]).float().mean()))
    assert score.answers == len(told) == 200
    assert score.error < 0.4
    assert score.judged == "better"


@pytest.mark.parametrize(
    ("error", "guess", "answers", "judged"),
    [
        (0.55, 0.63, 200, "alike"),  # by a tenth better, and no more than chance
        (0.52, 0.63, 200, "better"), (0.60, 0.63, 10_000, "alike"), (0.70, 0.63, 200, "alike"), (0.75, 0.63, 200, "worse"),
        (0.56, 0.5, 100, "alike"), (0.0, 0.5, 20, "better"), (0.89, 1.0, None, "better"), (0.91, 1.0, None, "alike"),
        (1.0, 1.0, None, "alike"), (1.01, 1.0, None, "worse"), (0.0, 0.0, None, "alike"),
        # Where all of it is of one class, or there are few answers, nobody could be better.
        (0.0, 0.0, 50, "few"), (0.001, 0.0, 1000, "few"), (0.0, 0.025, 40, "few"), (0.0, 0.5, 4, "few"), (0.0, 0.5, 8, "few"),
        (0.5, 0.0, 50, "worse"),
    ],
)  # fmt: skip
def test_it_is_judged_beside_who_knows_nothing(error, guess, answers, judged):
    assert Score(error, {"usual": guess}, answers).judged == judged


def test_chance_alone_is_seldom_called_better():
    """200 answers of a coin with three sides, 2,000 times."""
    told = np.random.default_rng(0).integers(3, size=(2_000, 200))
    praised = sum(Score(float((one != 0).mean()), {"usual": 2 / 3}, 200).judged == "better" for one in told)
    assert praised <= 8  # three standard errors leave 2.7 of 2,000


def moods(rows=120):
    """What is told of a row follows from what is read in it."""
    steps = np.arange(rows)
    table = pd.DataFrame({"day": [f"d{i}" for i in steps], "t": np.sin(steps / 4), "u": steps % 5})
    return table.assign(mood=np.where(table["t"] > 0.3, "warm", np.where(table["t"] < -0.3, "cold", "mild")))


def test_a_column_of_words_is_told_as_one_of_them():
    table = moods()
    task = Table.of(table, "mood", labels="day", horizon=0)
    assert task.classes == task.outputs == ("cold", "mild", "warm")
    assert task.columns == ("t", "u")
    example = task.example(10)
    assert [task.classes[i] for i in example.y_TBV[:, 0]] == list(table["mood"][-10:])
    ahead = Table.of(table, "mood", labels="day", horizon=3)
    assert [ahead.classes[i] for i in ahead.example(10).y_TBV[:, 0]] == list(table["mood"][-10:])
    assert ahead.example(10).labels == tuple(table["day"][-13:-3])
    assert task.guesses(example)["usual"] == pytest.approx(1 - table["mood"][-10:].value_counts().max() / 10)
    model = series_model(task, ModelConfig("gru", hidden_size=8), seed=0)
    for _ in learn(model, task, steps=80, length=10, learning_rate=0.02):
        pass
    assert scored(model, task, 10).judged == "better"


def test_the_columns_of_classes_are_found():
    table = moods().assign(
        yes=lambda one: one["u"] > 2, one="same", many=lambda one: one["day"], when=pd.Timestamp("2026-01-01"), gap="a"
    )
    table.loc[3, "gap"] = None
    assert class_columns(table) == ["mood", "yes"]
    assert numeric_columns(table) == ["t", "u"]


def test_a_class_that_becomes_frequent_later_is_no_merit_of_the_network():
    """Noise is read, and what was every second row before is most of what is judged: one class always told has 15 % wrong."""
    chance = np.random.default_rng(0)
    table = pd.DataFrame(
        {"x": chance.normal(size=200), "y": [*chance.permutation(["a", "b"] * 80), *(["b"] * 17 + ["a"] * 3) * 2]}
    )
    task = Table.of(table, "y", horizon=0)
    model = series_model(task, ModelConfig("gru", hidden_size=8), seed=0)
    for _ in learn(model, task, steps=60, length=20):
        pass
    score = scored(model, task, 20)
    assert score.guesses["usual"] == pytest.approx(6 / 40)
    assert score.judged != "better"


def test_a_table_may_have_unused_categories_two_columns_of_one_name_and_names_that_are_no_words():
    steps = np.arange(40.0)
    sky = pd.DataFrame({"x": steps, "t": pd.Categorical(["sun", "rain", "fog", "sun"] * 10)})
    assert Table.of(sky[sky["t"] != "fog"], "t").classes == ("rain", "sun")
    twice = pd.DataFrame(np.stack([steps] * 4, 1), columns=["a", "y", "twice", "twice"])
    assert Table.of(twice, "y", ["a"]).columns == ("a",)
    assert numeric_columns(twice) == ["a", "y"]
    assert class_columns(twice) == []
    assert Table.of(pd.DataFrame({0: ["u", "v"] * 20, 1: steps}), 0, [1]).classes == ("u", "v")


@pytest.mark.parametrize(("target", "change"), [("mood", {"horizon": -1}), ("day", {}), ("t", {"horizon": 0})])
def test_what_cannot_be_told_is_refused_by_name(target, change):
    with pytest.raises(ConfigError) as refused:
        Table.of(moods(), target, **change)
    assert refused.value.field == ("horizon" if change else "columns")


@pytest.mark.parametrize("constant", [0.1, 1e9 + 0.1, -3.3, 0.0])
def test_a_column_that_does_not_change_where_it_is_learned_is_read_as_it_is(constant):
    """The mean of eighty times 0.1 is not 0.1: what is left of the deviation is rounding, and no unit to measure in."""
    table = pd.DataFrame({"x": np.full(100, constant), "y": np.arange(100.0)})
    table.loc[80:, "x"] += 0.1
    task = Table.of(table, "y", ["x", "y"])
    assert task.example(100).x_TBE[..., 0].abs().max() <= 0.2
    np.testing.assert_allclose(task.columns_in_unit(np.zeros((1, 2)))[0, 0], constant, atol=1e-6)


def test_a_table_without_a_head_has_numbers_for_names():
    table = pd.DataFrame(np.random.default_rng(0).random((100, 3)))
    assert Table.of(table, 0).columns == ("0", "1", "2")
    assert Table.of(table, "2", [0, "1"], labels=2).all_labels[0] == str(table[2][0])
    with pytest.raises(ConfigError, match=r"^labels: expected one of d, d, y, and one alone"):
        Table.of(pd.DataFrame(np.ones((50, 3)), columns=["d", "d", "y"]), "y", ["y"], labels="d")


@pytest.mark.parametrize("field", ["clip_norm", "learning_rate"])
@pytest.mark.parametrize("value", [-1.0, 0.0, float("nan"), "much"])
def test_a_step_uphill_is_refused(field, value):
    task = BUILT_IN["sine"]
    model = series_model(task, ModelConfig(hidden_size=4))
    with pytest.raises(ConfigError, match=f"{field}.*above 0"):
        learn(model, task, **{field: value})


@pytest.mark.parametrize(("values", "counts"), [
    (np.arange(50.0), True), (np.arange(50.0) * 0.1 + 3, True), (np.arange(50.0)[::-1], True), (np.full(50, 2.0), False),
    (np.arange(50.0) ** 2, False), (np.sin(np.arange(50.0)), False), (np.array([1.0]), False),
])  # fmt: skip
def test_what_counts_the_rows_is_known(values, counts):
    assert counts_rows(pd.DataFrame({"x": values}), "x") == counts


def test_how_much_of_a_target_lies_beyond_what_was_learned():
    rising = pd.DataFrame({"x": np.arange(100.0)})
    assert Table.of(rising, "x").beyond_share == 1.0
    assert Table.of(frame(), "t").beyond_share < 0.1  # a wave comes back
    assert Table.of(pd.DataFrame({"x": np.arange(100.0), "w": ["a", "b"] * 50}), "w", ["x"]).beyond_share == 0.0
