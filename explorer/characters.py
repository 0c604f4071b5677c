"""Characters as something one can see and point at."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_MARKS = {" ": "␣", "\n": "↵", "\t": "⇥", "\u00a0": "⍽", "\u3000": "␣", "\u200b": "∅"}
# Letters and marks that are blank by design; Unicode gives them the categories of those that are not.
_BLANK = (
    "FILLER",
    "JOINER",
    "VARIATION SELECTOR",
    "VOWEL INHERENT",
    "PATTERN BLANK",
    "NULL NOTEHEAD",
    "OBJECT REPLACEMENT",
)


@lru_cache(maxsize=4096)
def visible(character: str) -> str:
    """A character as something one can see and point at.

    Blanks and line ends get a mark, a combining accent a dotted circle to sit on; what has no shape of its own (control
    and format characters, variation selectors, fillers) is shown by its code.
    """
    if character in _MARKS:
        return _MARKS[character]
    if len(character) != 1:  # the unknown symbol has a name
        return "".join(map(visible, character))
    name = unicodedata.name(character, "")
    if not character.isprintable() or any(word in name for word in _BLANK):
        return f"U+{ord(character):04X}"
    return f"◌{character}" if unicodedata.category(character).startswith("M") else character
