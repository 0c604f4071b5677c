"""Numbers and characters as one reads them."""

import pytest

from explorer.figures.style import number


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"), (1.0, "1.00"), (7.366, "7.37"), (99.99, "99.99"), (141.2, "141"), (9_999, "9,999"), (66_512, "67k"),
        (726_100, "726k"), (3.1e6, "3M"), (8.2e9, "8G"), (9.4e37, "9e37"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_a_perplexity_fits_on_its_card(value, said):
    assert number(value) == said
    assert len(said) <= 5
