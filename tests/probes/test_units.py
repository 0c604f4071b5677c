"""Roles of units: a network whose roles are known is read right, chance is not taken for one."""

import json
import math
from dataclasses import astuple, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import explorer
from explorer import CharModel, ModelConfig, Vocabulary
from explorer.features import COUNTED, feature_of, features_of
from explorer.probes import units as module
from explorer.probes.units import LEAST_SHARE, LEAST_STEPS, Role, response_order, roles_of, unit_roles

ROOT = Path(explorer.__file__).parents[1] / "checkpoints"
LIGHTHOUSE = explorer.load_corpus("lighthouse")[:6_000]
TRAINED = explorer.load_checkpoint(ROOT / "lighthouse-gru.safetensors").model
TRACE = explorer.trace_gates(TRAINED, explorer.load_corpus("lighthouse"))
ROLES = roles_of(TRACE)


def by_hand(text):
    """Features again, in plain loops."""
    quoted, start, since, inside, last = [], [], [], False, None
    for t, c in enumerate(text):
        inside = (not inside if c == '"' else inside) and c != "\n"
        quoted.append(int(inside))
        start.append(int((c.isalnum() or c == "'") and not (t and (text[t - 1].isalnum() or text[t - 1] == "'"))))
        last = t if c == "\n" else last
        since.append(min(120, 120 if last is None else t - last))
    return {"quoted": quoted, "word-start": start, "in-line": since}


def test_features_are_those_of_a_plain_loop():
    text = 'He said "it\'s here," and left.\nShe "did (not\nmind) 3 times." End'
    made = features_of(text)
    for name, expected in by_hand(text).items():
        np.testing.assert_array_equal(made[name], expected, err_msg=name)
    assert [text[t] for t in np.flatnonzero(made["bracketed"])] == list("(not")  # the line's end closes what is open
    assert made["character e"].sum() == text.count("e")
    assert made["after e"].sum() == text[:-1].count("e")
    assert [text[t] for t in np.flatnonzero(made["word-end"])][:3] == [" ", " ", " "]


def test_chinese_text_has_clauses_and_brackets():
    made = features_of("他说：「风大了。」她不听，走了。（夜里）\n" * 3)
    assert made["quoted"][3:8].tolist() == [1, 1, 1, 1, 1]
    assert made["bracketed"].sum() == 9
    assert made["in-clause"].max() > 3
    assert not {"word-start", "in-word", "capital"} & set(made)  # what does not vary tells nothing


@pytest.mark.parametrize("text", ["", "a", "\n\n", "aaaa"])
def test_texts_without_anything_in_them_have_features_without_a_fault(text):
    assert all(np.ptp(feature) > 0 for feature in features_of(text).values())


def hand_set(text):
    """A GRU of four units: one latches from ( to ), one follows blanks, one counts nothing, one is at random."""
    vocabulary = Vocabulary.from_text(text)
    model = CharModel(ModelConfig("gru", hidden_size=4), vocabulary, seed=0).double()
    opening, closing, blank = (vocabulary.symbols.index(c) for c in "() ")
    with torch.no_grad():
        for parameter in model.rnn.parameters():
            parameter.zero_()
        w, b = model.rnn.weight_ih_l0, model.rnn.bias_ih_l0
        z, n = 4, 8  # rows r 0-3, z 4-7, n 8-11
        b[z] = 20.0  # unit 0 keeps, but at brackets
        w[z, opening] = w[z, closing] = -40.0
        w[n, opening], w[n, closing] = 20.0, -20.0
        b[z + 1 : z + 4] = -20.0  # the others keep nothing
        w[n + 1, blank] = 20.0
        w[n + 3] = torch.randn(len(vocabulary), generator=torch.Generator().manual_seed(0)).double()
    return model


def test_a_network_with_roles_set_by_hand_is_read_right():
    sentence = "the (old lamp) was lit again by (nobody they knew of) and went out. "
    text = sentence * 10
    roles = unit_roles(hand_set(text), text)
    best = {(role.unit, role.part): role for role in reversed(roles.roles)}
    assert best[0, "h"].feature == "bracketed"
    assert best[0, "h"].share_held_out > 0.8
    assert (best[0, "h"].sign, best[0, "h"].mean_in > 0.9) == (1, True)
    assert best[1, "h"].feature == "blank"
    assert best[1, "h"].share_held_out == pytest.approx(1, abs=1e-6)
    assert best[1, "h"].mean_in == pytest.approx(math.tanh(20))
    assert best[1, "h"].mean_out == pytest.approx(0, abs=1e-8)
    assert (2, "h") not in best
    assert (1, "z") not in best  # a gate that never moves follows nothing


def test_a_text_that_says_nothing_gives_no_roles_but_of_its_characters():
    """Letters drawn at random: what is before a letter is known to no feature but those of the letters."""
    text = "".join(np.random.default_rng(0).choice(list("abcdef "), 3_000))
    model = CharModel(ModelConfig("gru", hidden_size=24), Vocabulary.from_text(text), seed=3)
    known = ("character", "after", "blank", "vowel", "word", "in-", "since", "surprise")
    assert all(role.feature.startswith(known) for role in unit_roles(model, text).roles)


def test_noise_in_place_of_states_has_no_roles():
    noise = np.random.default_rng(1)
    tape = TRACE.tape()
    drawn = {letter: noise.normal(size=part.shape).astype(np.float32) for letter, part in tape.parts.items()}
    roles = roles_of(replace(TRACE, tapes={tape.net: replace(tape, parts=drawn)}))
    assert roles.roles == ()
    assert 0 < roles.level < 0.05


def test_slow_noise_is_kept_out_by_the_level(monkeypatch):
    """States that drift like a slow random walk look like roles on a short text; the level counts how often they do."""
    trace = explorer.trace_gates(TRAINED, LIGHTHOUSE[:600])
    tape, kept, without = trace.tape(), [], []
    for seed in range(20):
        noise, drifting = np.random.default_rng(seed), {}
        for letter in tape.parts:
            steps = noise.normal(size=(len(trace), 16))
            for t in range(1, len(steps)):
                steps[t] += 0.97 * steps[t - 1]
            drifting[letter] = steps.astype(np.float32)
        drifts = replace(trace, tapes={tape.net: replace(tape, parts=drifting, h_TH=drifting["h"])})
        kept.append(len(roles_of(drifts).roles))
        with monkeypatch.context() as patch:
            patch.setattr(module, "_turned", lambda matrix_TF, _: np.zeros_like(matrix_TF))
            without.append(len(roles_of(drifts).roles))
    assert sum(without) > 50
    assert sum(count > 0 for count in kept) <= 3  # one text in twenty-one is expected, by the turns there are


def test_an_untrained_network_has_only_what_its_input_gives_it():
    untrained = CharModel(TRAINED.config, TRAINED.vocabulary, seed=0)
    roles = unit_roles(untrained, LIGHTHOUSE).roles
    found = {role.feature for role in roles}
    assert found
    # What stood long ago is in no unit; an echo of the character before is.
    assert not found & {"quoted", "bracketed", "in-line", "in-clause", "line-start"}
    assert max(role.share_held_out for role in roles if role.feature == "word-start") < 0.3


def test_the_trained_network_remembers_its_quotes_and_where_words_begin():
    found = {(role.unit, role.part, role.feature): role for role in ROLES.roles}
    assert found[95, "h", "quoted"].share_held_out > 0.4
    assert found[95, "h", "quoted"].sign == -1
    assert found[2, "z", "word-start"].mean_in < 0.1 < 0.8 < found[2, "z", "word-start"].mean_out
    assert found[110, "r", "word-start"].sign == 1
    assert all(role.share_held_out > max(ROLES.level, LEAST_SHARE) for role in ROLES.roles)


@pytest.mark.parametrize("index", [0, 3, 7, 40])
def test_shares_are_those_of_a_least_squares_line(index):
    role, tape, half = ROLES.roles[index], TRACE.tape(), len(TRACE) // 2
    feature_T = (features_of(TRACE.text) | {"surprise": np.nan_to_num(TRACE.nll_nats_T)})[role.feature].astype(
        np.float64
    )
    values_T = tape[role.part][:, role.unit].astype(np.float64)
    slope, start = np.polyfit(feature_T[:half], values_T[:half], 1)
    left = ((values_T[half:] - start - slope * feature_T[half:]) ** 2).sum()
    expected = 1 - left / ((values_T[half:] - values_T[half:].mean()) ** 2).sum()
    assert role.share_held_out == pytest.approx(expected, rel=1e-9)
    holds = (
        feature_T[half:] >= np.median(feature_T[half:])
        if role.feature in (*COUNTED, "surprise")
        else feature_T[half:] > 0
    )
    assert role.mean_in == pytest.approx(values_T[half:][holds].mean(), rel=1e-9)
    assert role.mean_out == pytest.approx(values_T[half:][~holds].mean(), rel=1e-9)


def test_the_table_and_the_handful():
    frame = ROLES.frame()
    assert list(frame.columns) == ["unit", "part", "feature", "share_held_out", "sign", "mean_in", "mean_out"]
    assert len(frame) == len(ROLES.roles)
    told = ROLES.told(5)
    assert len({role.unit for role in told}) == len({role.feature for role in told}) == 5
    assert not any(" " in role.feature for role in told)  # what can be named comes before single characters


def test_the_file_of_the_shipped_models_says_what_is_found_in_them_now():
    """Retraining a model, or another rule, makes its roles again."""
    kept = json.loads((ROOT / "roles.json").read_text("utf-8"))
    assert set(kept) == {path.stem for path in ROOT.glob("*.safetensors")}
    own = kept["lighthouse-gru"]["0 forward"]
    named = [role for role, _ in own["named"]]
    for ours, theirs in zip([*named, *own["units"]], [*ROLES.told(len(named)), *ROLES.by_unit()], strict=True):
        assert ours[:3] == list(astuple(theirs)[:3])
        assert ours[3:] == pytest.approx(astuple(theirs)[3:], abs=2e-4)


def test_of_each_unit_the_strongest_role_is_told_and_those_that_are_alike_stand_together():
    by_unit = ROLES.by_unit()
    assert sorted(role.unit for role in by_unit) == sorted({role.unit for role in ROLES.roles})
    for role in by_unit:
        assert role.share_held_out == max(one.share_held_out for one in ROLES.roles if one.unit == role.unit)
    features = [role.feature for role in by_unit]
    assert len({*features}) == 1 + sum(a != b for a, b in pairwise(features))


def test_a_part_without_a_word_of_its_own_is_called_by_its_letter():
    role = Role(3, "q", "blank", 0.5, 0.9, 0.1)
    assert role.means(TRAINED.config.kind) == "q 0.90, elsewhere 0.10"
    assert (role.sign, Role(3, "q", "blank", 0.5, 0.1, 0.9).sign) == (1, -1)


def test_short_texts_and_diverged_models_have_no_roles(monkeypatch):
    assert unit_roles(TRAINED, "a" * (LEAST_STEPS - 1)).roles == ()
    assert unit_roles(TRAINED, "").roles == ()
    monkeypatch.setattr(module, "TURNS", 2)
    broken = CharModel(TRAINED.config, TRAINED.vocabulary, seed=0)
    with torch.no_grad():
        broken.rnn.weight_ih_l0.fill_(math.nan)
    assert unit_roles(broken, LIGHTHOUSE).roles == ()


def test_units_that_respond_alike_stand_together_and_those_that_do_nothing_last():
    rng = np.random.default_rng(3)
    steps = np.arange(200)
    kinds = [np.sin(steps / 9), np.sign(np.sin(steps / 31)), (steps % 7 == 0).astype(float)]
    kind_H = rng.permutation([0] * 8 + [1] * 8 + [2] * 8 + [3] * 4)
    values_TH = np.stack([
        np.full(200, 0.3) if kind == 3 else kinds[kind] * rng.uniform(0.3, 1) + rng.normal(0, 0.05, 200) for kind in kind_H
    ], 1)  # fmt: skip
    ordered = kind_H[response_order(values_TH)]
    assert sorted(response_order(values_TH)) == list(range(28))
    assert (ordered[-4:] == 3).all()
    turns = int((np.diff(ordered) != 0).sum())
    assert turns == 3  # three groups and those that do nothing: as few as there can be
    shuffled = rng.permutation(28)
    again = shuffled[response_order(values_TH[:, shuffled])]
    assert (kind_H[again] == ordered).mean() > 0.9 or (kind_H[again][:24][::-1] == ordered[:24]).mean() > 0.9


@pytest.mark.parametrize("shape", [(0, 5), (1, 5), (9, 1), (9, 2), (9, 0)])
def test_few_units_or_steps_have_an_order_too(shape):
    assert sorted(response_order(np.ones(shape))) == list(range(shape[1]))
    broken = np.random.default_rng(0).normal(size=(20, 6))
    broken[3, 2] = np.nan
    assert response_order(broken)[-1] == 2


def test_a_character_has_its_feature_however_rare_it_is_in_a_text():
    rare = "abcdefghijklmnopqrstuvwxy" * 3 + "z" + "abc"
    assert "character z" not in features_of(rare)  # only the usual ones are looked for
    here_T = feature_of("character z", rare)
    assert here_T.nonzero()[0].tolist() == [rare.index("z")]
    assert feature_of("after z", rare).nonzero()[0].tolist() == [rare.index("z") + 1]
    for name, feature_T in features_of(rare).items():
        np.testing.assert_array_equal(feature_of(name, rare), feature_T)
    for none in ("character Z", "quoted", "no such feature", "after"):
        assert feature_of(none, rare) is None
    assert feature_of("quoted", "") is None
