"""Two reaches compared: what is said of them, and where nothing is."""

import pytest

from explorer.probes.comparison import Reach, reach_compared


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            (5, 12, 2.0),
            (5, 35, 8.0),
            "farther in B: it falls under 1 % after 35 steps, in A it falls under 1 % after 12 steps.",
        ),
        (
            (5, None, 2.0),
            (5, 1, 8.0),
            "farther in A: it stays over 1 % at every step of this text, in B it falls under 1 % after",
        ),
        ((5, 1, None), (9, 0, 8.0), "in A: it falls under 1 % after 1 step, in B it falls under 1 % after 0 steps."),
        (
            (5, None, 2.0),
            (26, None, 2.0),
            "farther in B: it falls under half after 26 steps, in A it falls under half after 5",
        ),
        ((9, 9, 250.0), (9, 3, 1.25), "not the better reader for that (perplexity 250 against 1.25): a gate"),
        ((9, 9, 2.0), (9, 3, 2.0), "not the better reader for that (perplexity 2.00 against 2.00): a gate"),
        (
            (9, 9, 1.25),
            (9, 3, 250.0),
            "It also reads this text better (perplexity 1.25 against 250); a long reach alone",
        ),
        ((9, 9, 1.25), (9, 3, float("inf")), "That alone makes it no better reader: a gate"),
        ((9, 9, None), (9, 3, 4.0), "That alone makes it no better reader: a gate"),
    ],
)
def test_the_farther_reach_is_named_with_its_figures(first, second, said):
    a, b = (Reach(name, *about) for name, about in zip("AB", (first, second), strict=True))
    assert said in reach_compared(a, b)
    assert reach_compared(a, b) == reach_compared(b, a)


@pytest.mark.parametrize("lags", [(None, None), (0, 0), (7, 20), (7, None)])
def test_of_two_equal_reaches_nothing_is_said(lags):
    assert reach_compared(Reach("A", *lags, 2.0), Reach("B", *lags, 3.0)) == ""
