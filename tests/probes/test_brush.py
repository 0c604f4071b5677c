"""Units that are on through a stretch, on tapes whose units do what we say, and on a trained network."""

import numpy as np
import pytest

from explorer import ConfigError, load_checkpoint, load_corpus, trace_gates
from explorer.pages.shell import models
from explorer.probes.brush import elsewhere, units_on

STEPS = 40


def tape(*units):
    return np.stack(units, 1).astype(np.float32)


def on_from(first, last, high=0.9, low=-0.2, steps=STEPS):
    values = np.full(steps, low)
    values[first : last + 1] = high
    return values


def test_the_units_that_are_on_exactly_there_are_found_on_either_side_and_the_clearest_stands_first():
    values_TH = tape(
        on_from(10, 14, 0.4, -0.2), on_from(10, 14, -0.9, 0.8), on_from(9, 14), on_from(10, 15), on_from(10, 13),
        np.zeros(STEPS), on_from(10, 14, 0.02, 0.0),
    )  # fmt: skip
    found = units_on(values_TH, 10, 14)
    assert found.units.tolist() == [1, 0]
    assert found.signs.tolist() == [-1, 1]
    np.testing.assert_allclose(found.mean_in, [-0.9, 0.4], rtol=1e-6)
    np.testing.assert_allclose(found.mean_out, [0.8, -0.2], rtol=1e-6)
    assert found.frame()["unit"].tolist() == [1, 0]
    assert len(units_on(values_TH, 11, 14)) == 0
    assert len(units_on(values_TH, 0, STEPS - 1)) == 0  # nothing stands around it


def test_at_the_ends_of_a_text_one_side_is_enough():
    values_TH = tape(on_from(0, 3), on_from(36, 39))
    assert units_on(values_TH, 0, 3).units.tolist() == [0]
    assert units_on(values_TH, 36, 39).units.tolist() == [1]


def test_with_slack_a_hand_may_miss_and_a_unit_be_late_but_not_more():
    values_TH = tape(on_from(12, 24), on_from(9, 27), on_from(8, 24), on_from(12, 29), on_from(13, 24))
    found = {first: set(units_on(values_TH, first, 25, slack=2).units.tolist()) for first in (10, 11)}
    assert found == {
        10: {0, 1, 2},
        11: {0, 1, 4},
    }  # on from 12 to 23 and off at 7 and 28; a step later each but the last
    assert len(units_on(values_TH, 10, 25)) == 0
    assert units_on(tape(on_from(4, 4)), 4, 4, slack=9).units.tolist() == [0]  # of one step there is none


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (5, 4), (0, STEPS), (STEPS, STEPS)])
def test_steps_that_are_none_are_refused(first, last):
    with pytest.raises(ConfigError, match="steps: expected"):
        units_on(tape(on_from(0, 3)), first, last)


def test_elsewhere_is_where_all_of_them_are_on_together():
    chosen = tape(on_from(10, 14), on_from(10, 14, -0.9, 0.8))
    found = units_on(chosen, 10, 14)
    other = tape(
        np.maximum(on_from(5, 9), on_from(20, 31)), np.minimum(on_from(5, 9, -0.9, 0.8), on_from(22, 29, -0.9, 0.8))
    )
    text = "".join(chr(97 + step % 26) for step in range(STEPS))
    places = elsewhere(other, text, found)
    assert [(place.first, place.last) for place in places] == [(5, 9), (22, 29)]  # the nearer in length first
    for place in places:
        assert place.text == text[place.first : place.last + 1]
        assert text.index(place.before + place.text + place.after) == max(0, place.first - 24)
    assert elsewhere(other, text, found, most=1) == places[:1]
    assert elsewhere(tape(on_from(1, 2), on_from(5, 6, -0.9, 0.8)), text, found) == []
    assert elsewhere(other, text, units_on(chosen, 0, 3)) == []


def test_brushing_a_quotation_finds_the_unit_that_remembers_it_and_other_quotations():
    model = load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
    sentence = 'He looked back at the harbour. "Turn the light, and bring the little network home." Then he was sorry.'
    h_TH = trace_gates(model, sentence).tape()["h"]
    on = np.flatnonzero(h_TH[:, 95] < (h_TH[:, 95].min() + h_TH[:, 95].max()) / 2)
    found = units_on(h_TH, int(on.min()), int(on.max()))
    assert 95 in found.units.tolist()[:2]
    text = load_corpus("lighthouse")[:4000]
    alone = units_on(h_TH[:, [95]], int(on.min()), int(on.max()))
    places = elsewhere(trace_gates(model, text).tape()["h"][:, [95]], text, alone, most=8)
    quoted = [place for place in places if '"' in place.before[-3:] + place.text[:2]]
    assert len(places) == 8
    assert len(quoted) >= 6
