"""Numbers and characters as one reads them."""

import pytest

from explorer.figures.style import decimals, number


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


@pytest.mark.parametrize(
    ("value", "digits", "said"), [(0.0, 2, "0.00"), (3.456, 1, "3.5"), (-99_999.4, 0, "-99999"), (8.65e36, 2, "8.7e36")]
)
def test_what_has_grown_past_reading_is_a_power_of_ten(value, digits, said):
    assert decimals(value, digits) == said
