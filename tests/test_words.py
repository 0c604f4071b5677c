"""The sentences of verdicts and comparisons: what they say, and where they say nothing."""

import pytest

from explorer.words.en import Reach, reach_compared


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            (5, 12, 2.0),
            (5, 35, 8.0),
            "farther in B than in A: it falls under 1 % after 35 steps, there after 12 steps.",
        ),
        (
            (5, None, 2.0),
            (5, 35, 8.0),
            "farther in A than in B: it falls under 1 % not within 98 steps, there after 35 steps.",
        ),
        ((5, 1, None), (9, 0, 8.0), "farther in A than in B: it falls under 1 % after 1 step, there after 0 steps."),
        (
            (5, None, 2.0),
            (26, None, 2.0),
            "farther in B than in A: it falls under half after 26 steps, there after 5 steps.",
        ),
        ((9, 9, 1.25), (9, 3, 250.0), "the better reader (perplexity 1.25 against 250). A gate"),
        ((9, 9, 1.25), (9, 3, float("inf")), "the better reader. A gate"),
        ((9, 9, None), (9, 3, 4.0), "the better reader. A gate"),
    ],
)
def test_the_farther_reach_is_named_with_its_figures(first, second, said):
    a, b = (Reach(name, *lags, 100, score) for name, (*lags, score) in zip("AB", (first, second), strict=True))
    assert said in reach_compared(a, b)
    assert reach_compared(a, b) == reach_compared(b, a)


@pytest.mark.parametrize("lags", [(None, None), (0, 0), (7, 20), (7, None)])
def test_of_two_equal_reaches_nothing_is_said(lags):
    assert reach_compared(Reach("A", *lags, 100, 2.0), Reach("B", *lags, 100, 3.0)) == ""
