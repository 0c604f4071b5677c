"""One word in several places: cosines by hand, contexts that are the same, and what tells two meanings apart."""

import numpy as np
import pytest

from explorer import CharModel, ConfigError, ModelConfig, Vocabulary, same_word, trace_gates

TEXT = "the bank of the river. the bank of the town. a bank."
VOCABULARY = Vocabulary.from_text(TEXT)
CONFIGS = {
    "forward": ModelConfig(hidden_size=7),
    "bidirectional": ModelConfig(
        "lstm", hidden_size=6, hidden_size_backward=4, direction="bidirectional", objective="cloze"
    ),
    "parallel": ModelConfig("rnn", hidden_size=5, direction="parallel"),
    "two layers": ModelConfig(hidden_size=5, num_layers=2),
}


def reading(name, text=TEXT):
    return trace_gates(CharModel(CONFIGS[name], VOCABULARY, seed=2), text)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_cosines_are_those_written_out(name, layer):
    trace = reading(name)
    if layer >= trace.config.num_layers:
        pytest.skip("it has one layer")
    first = TEXT.index("bank")
    found = same_word(trace, first, first + 3, layer=layer)
    assert [place.first for place in found.places] != []
    assert {place.first for place in found.places} == {TEXT.index("bank", 10), TEXT.rindex("bank")}
    assert {place.text for place in found.places} == {found.word} == {"bank"}
    for net, values_P in found.alike.items():
        h_TH = trace.tape(*net).h_TH.astype(float)
        at = 0 if trace.config.reads_backward(net) else 3  # before the word, read from the end; else after it
        for place, value in zip(found.places, values_P, strict=True):
            a, b = h_TH[first + at] - h_TH.mean(0), h_TH[place.first + at] - h_TH.mean(0)
            assert value == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), abs=1e-12)
    means = np.mean(list(found.alike.values()), axis=0)
    assert (np.diff(means) <= 0).all()  # the most alike first


def test_what_has_read_the_same_is_the_same():
    """A net that reads forward has the same state after the same beginning, one that reads from the end before the same end."""
    trace, other = reading("bidirectional", "the bank of the town."), reading("bidirectional", "the bank of a town.")
    found = same_word(trace, 4, 7, other)
    assert found.alike[trace.config.net(0, "forward")] == pytest.approx([1.0], abs=0.02)  # less another mean
    ends = same_word(reading("bidirectional", "a bank."), 2, 5)
    assert len(ends) == 0
    same = same_word(trace, 4, 7, trace)
    for values_P in same.alike.values():
        assert values_P == pytest.approx([1.0], abs=1e-12)


def test_of_many_places_as_many_alike_as_unlike_are_kept():
    trace = reading("forward", "a bank " * 9)
    whole, some = same_word(trace, 2, 5), same_word(trace, 2, 5, most=3)
    assert (len(whole), len(some)) == (8, 3)
    (all_P,), (kept_P,) = whole.alike.values(), some.alike.values()
    np.testing.assert_array_equal(kept_P, all_P[[0, 1, 7]])


def test_a_word_may_overlap_itself_and_does_not_count_itself():
    text = "...."
    trace = trace_gates(CharModel(ModelConfig(hidden_size=3), Vocabulary.from_text(text), seed=0), text)
    assert sorted(place.first for place in same_word(trace, 0, 1).places) == [1, 2]


def test_a_word_that_stands_alone_is_not_found_within_others():
    text = "the other then the bathe. the"
    trace = trace_gates(CharModel(ModelConfig(hidden_size=3), Vocabulary.from_text(text), seed=0), text)
    assert sorted(place.first for place in same_word(trace, 0, 2).places) == [15, 26]
    assert sorted(place.first for place in same_word(trace, 5, 6).places) == [
        0,
        10,
        15,
        21,
        26,
    ]  # "th" of "other": any "th"


def test_the_frame_has_a_line_a_place():
    frame = same_word(reading("bidirectional"), 4, 7).frame()
    assert [*frame.columns] == ["step", "text", "cosine_forward", "cosine_backward"]  # in any language
    assert frame.text.str.contains("bank").all()


@pytest.mark.parametrize("steps", [(-1, 2), (3, 2), (0, len(TEXT))])
def test_steps_that_are_not_of_the_text_are_refused(steps):
    with pytest.raises(ConfigError, match=r"^steps: "):
        same_word(reading("forward"), *steps)
