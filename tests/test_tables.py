"""Strangers' tables: divided as they are written, and what is wrong with them in a sentence."""

import numpy as np
import pandas as pd
import pytest

from explorer import ConfigError
from explorer.tables import columns_with_gaps, read_table

ROWS = [(20.5, -1.0), (21.34, 2.0), (0.5, 3.25)]


def written(delimiter=",", decimal=".", head=("temp", "wind")):
    lines = [delimiter.join(head)] if head else []
    return "\n".join([*lines, *(delimiter.join(str(x).replace(".", decimal) for x in row) for row in ROWS)]).encode()


@pytest.mark.parametrize(
    ("delimiter", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")]
)
def test_a_table_is_read_whatever_divides_it(delimiter, decimal):
    frame = read_table(written(delimiter, decimal))
    assert list(frame.columns) == ["temp", "wind"]
    assert frame.to_numpy().tolist() == [list(row) for row in ROWS]


@pytest.mark.parametrize("name", ["const", "only", "a b", "temp;", "Wind (m/s)"])
def test_one_column_is_one_column(name):
    frame = read_table(f"{name}\n1\n2\n3\n".encode())
    assert list(frame.columns) == [name]
    assert frame[name].tolist() == [1, 2, 3]


def test_without_a_head_columns_have_numbers():
    assert read_table(b"1.5\n2\n3\n").to_dict("list") == {"1": [1.5, 2.0, 3.0]}
    assert list(read_table(written(head=())).columns) == ["1", "2"]
    assert read_table(b"\xef\xbb\xbfa,b\r\n1,2\r\n").to_dict("list") == {"a": [1], "b": [2]}


def test_a_comma_before_decimals_divides_nothing_where_something_else_does():
    assert read_table(b"1,5;2,5\n3,5;4,5\n").to_dict("list") == {"1": [1.5, 3.5], "2": [2.5, 4.5]}
    assert read_table(b"a,b\n1,2\n").to_dict("list") == {"a": [1], "b": [2]}


def test_words_and_quoted_fields():
    frame = read_table(b'day,what,n\n2024-01-01,"a, b",1\n2024-01-02,c,2\n')
    assert frame["what"].tolist() == ["a, b", "c"]
    assert frame["n"].tolist() == [1, 2]


@pytest.mark.parametrize(("data", "told"), [
    (b"", "an empty one"), (b" \n\n", "an empty one"), (b"a,b\n1,2\n3\n", "line 3 with 1 of 2 fields"),
    (b"a,b\n1,2\n3,4,5\n", "line 3 with 3 of 2 fields"),
    (b"a,b\n\n1,2\n\n3\n", "line 5 with 1 of 2 fields"),
])  # fmt: skip
def test_what_is_no_table_is_told_in_our_words(data, told):
    with pytest.raises(ConfigError, match=f"^table: expected a table as CSV; got {told}"):
        read_table(data)


@pytest.mark.parametrize("seed", range(20))
def test_what_pandas_writes_is_what_is_read(seed):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({f"c{i}": chance.normal(size=9) for i in range(chance.integers(1, 5))})
    sep = str(chance.choice([",", ";", "\t"]))
    assert read_table(frame.to_csv(index=False, sep=sep).encode()).equals(frame)


def test_gaps_are_counted_and_words_are_none():
    frame = pd.DataFrame(
        {
            "whole": [1.0] * 10,
            "gaps": [1.0] * 6 + [np.nan] * 4,
            "words": list("abcdefghij"),
            "odd": [*"1234567", "x", "8", "9"],
        }
    )
    assert columns_with_gaps(frame) == {"gaps": 4, "odd": 1}
