"""Numbers sent as whole hundredths; that a browser reads them as what they are is in tests/browser/test_figures.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.figures.hundredths import gapped, hundredths


@pytest.mark.parametrize(
    ("values", "dtype", "whole"),
    [
        ([0.123, -1.0, 1.27], np.int8, [12, -100, 127]),
        ([0.5, 1.28], np.int16, [50, 128]),
        ([-5.12, 327.67], np.int16, [-512, 32767]),
        ([327.68], np.int32, [32768]),
        ([], np.int8, []),
    ],
)
def test_the_smallest_whole_numbers_that_hold_them(values, dtype, whole):
    sent, said = hundredths(np.array(values, np.float32))
    assert (sent.dtype, sent.tolist(), said) == (dtype, whole, None)


def test_what_is_not_finite_or_past_four_bytes_is_left_out():
    sent, said = hundredths(np.array([np.nan, 0.5, np.inf, -np.inf, 3e8, -2.0], np.float32))
    assert said.tolist() == [False, True, False, False, False, True]
    assert sent[said].tolist() == [50, -200]
    assert sent.dtype == np.int16


@given(st.lists(st.floats(-2e7, 2e7, width=32), min_size=1))
def test_every_value_is_there_to_two_decimals_or_to_what_four_bytes_of_it_hold(values):
    sent, said = hundredths(np.array(values, np.float32))
    assert said is None
    np.testing.assert_allclose(sent / 100, values, atol=0.0051, rtol=1e-6)


def test_what_is_not_kept_is_a_gap():
    mask = np.array([[True, False]])
    assert np.isnan(gapped(np.array([[1, 2]], np.int8), mask)).tolist() == [[False, True]]
