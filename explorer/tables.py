"""A stranger's table: a CSV file read by what divides its rows, and what of it holds no numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from explorer.fields import ConfigError, expected, got

DELIMITERS = ("\t", ";", "|", ",")  # a comma last: in every row there may be as many before decimals
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+\s*")


def read_table(data: bytes, *, as_text: bool = False) -> pd.DataFrame:
    """The table of a CSV file: its first row names the columns, unless it holds numbers like the others.

    The delimiter is that by which the rows have equally many fields; where none is, there is one column. Where it is no comma,
    a comma may stand before the decimals.

    Args:
        data: the file, in UTF-8 or UTF-16.
        as_text: whether every field stays what is written there, but for a decimal comma: a gap is "" then, and "nan" is none.

    Raises:
        ConfigError: an empty file, or a row that has another number of fields than the first.

    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if wide else "utf-8-sig", "replace")
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = [line for _, line in numbered]
    if not lines:
        raise ConfigError("table", expected("csv"), got("empty-one"))
    delimiter = next((mark for mark in DELIMITERS if _divides(mark, lines)), _most_frequent(lines))
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter)
    for row in reader:
        rows.append(row)
        if len(row) != len(rows[0]):
            line = numbered[reader.line_num - 1][0]
            raise ConfigError("table", expected("csv"), got("fields", line=line, count=len(row), first=len(rows[0])))
    comma = delimiter != "," and any(_DECIMAL_COMMA.fullmatch(field) for row in rows[1:] for field in row)
    named = not all(map(_is_number, rows[0]))
    names = rows[0] if named else [str(column + 1) for column in range(len(rows[0]))]
    if as_text:
        written = [
            [field.replace(",", ".") if comma and _DECIMAL_COMMA.fullmatch(field) else field for field in row]
            for row in rows
        ]
        return pd.DataFrame(written[named:], columns=names, dtype=str)
    frame = pd.read_csv(
        io.StringIO("\n".join(lines)), sep=delimiter, decimal="," if comma else ".", header=0 if named else None,
        index_col=False, skip_blank_lines=False,
    )  # fmt: skip
    return frame if named else frame.set_axis(names, axis=1)


def _divides(mark: str, lines: Sequence[str]) -> bool:
    """Whether it divides every row into equally many fields, of which there are several."""
    counts = {len(row) for row in csv.reader(lines, delimiter=mark)}
    return len(counts) == 1 and counts != {1}


def _most_frequent(lines: Sequence[str]) -> str:
    """That which stands in most rows, of which some are too long or too short; a comma, where none stands in half of them."""
    stands = {mark: sum(mark in line for line in lines) for mark in DELIMITERS}
    most = max(DELIMITERS, key=stands.__getitem__)
    return most if 2 * stands[most] > len(lines) else ","


def _is_number(field: str) -> bool:
    try:
        float(field.replace(",", "."))
    except ValueError:
        return False
    return True


def columns_with_gaps(frame: pd.DataFrame) -> dict[str, int]:
    """The columns of a table that would hold numbers if it were not for some rows, and how many these are.

    Args:
        frame: any table.

    """
    numbers = {str(name): pd.to_numeric(frame[name], errors="coerce") for name in frame.columns}
    wanting = {name: int((~np.isfinite(column)).sum()) for name, column in numbers.items()}
    return {name: count for name, count in wanting.items() if 0 < count < len(frame) / 2}
