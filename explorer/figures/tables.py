"""Tables in blocks of lines, for those that are too long to be held whole."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

BLOCK_ROWS = 65_536  # a few megabytes, as numbers and as text


def sliced(table: pd.DataFrame, rows: int = BLOCK_ROWS) -> Iterator[pd.DataFrame]:
    """A table that is there, so many lines at a time; one empty block for an empty table."""
    for start in range(0, max(len(table), 1), rows):
        yield table.iloc[start : start + rows]
