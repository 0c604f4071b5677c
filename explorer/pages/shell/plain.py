"""A person's words inside Streamlit's markdown and in the cells of a table."""

from __future__ import annotations

import re
import string

import pandas as pd

# An empty span. Streamlit looks for addresses, mail, arrows, :emoji: and :icons: after it has resolved backslashes, so
# only an element in between keeps their characters apart.
APART = ":small[]"
JOINTS = re.compile(r"(?<=[:@])(?=\S)|(?<=[<>~=-])(?=[<>~=-])|(?<=www)(?=\.)", re.IGNORECASE)
ESCAPES = {c: f"\\{c}" for c in string.punctuation} | {"\n": "\\\n", "\t": "&emsp;"}
# Blanks that a browser would drop: at either end of a line, and after another blank.
LOST_BLANKS = re.compile(r"^ | $|(?<= ) ", re.MULTILINE)


def plain(text: str) -> str:
    """Markdown that shows a text to the letter, wherever Streamlit takes markdown.

    Blanks that HTML would drop are shown as no-break spaces, a tab as a wide blank.
    """
    text = LOST_BLANKS.sub("\u00a0", re.sub(r"\r\n?", "\n", text))
    shown = APART.join("".join(ESCAPES.get(c, c) for c in part) for part in JOINTS.split(text))
    # Streamlit strips what it is given; an element at the end is not stripped.
    return shown if text == text.strip() else f"{APART}{shown}{APART}"


# Where a spreadsheet begins a cell, semicolon and tab being the commas of some, and what it then takes for a formula.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@＝＋－＠])")


def cell(words: str) -> str:
    """Words for a cell of a table that a spreadsheet may open: an apostrophe stands before what it would compute.

    Numbers stay numbers, and a single character, such as a text's own "=", is no formula.
    """
    return words if len(words) < 2 or _is_number(words) else FORMULA.sub(r"\1'", words)


def _is_number(words: str) -> bool:
    try:
        float(words)
    except ValueError:
        return False
    return True


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table with all of its words, names of columns included, as `cell` writes them."""
    guarded = table.rename(columns=cell)
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            guarded.isetitem(place, table.iloc[:, place].map(_of_any).array)
    return guarded


def _of_any(value: object) -> object:
    return cell(value) if isinstance(value, str) else value


def badge(word: str) -> str:
    """A word of our own in a small frame, for the middle of a line; "" for none."""
    return f":gray-badge[{word}] " if word else ""
