"""Unicode composition: the same letter as one code point (é) or as a base and its marks (e + U+0301), as a vocabulary has it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Literal

Form = Literal["NFC", "NFD"]


class Composition:
    """How a vocabulary has its composed characters, and a text brought into that form.

    A text is taken in clusters: a character and the marks (or Hangul letters) that may be composed with it. A cluster

    - whose characters are all known stays as it is;
    - else becomes its composed or its decomposed form, whichever is all known;
    - else takes the form of the vocabulary: decomposed if that has marks and no composed characters, composed if not.
      Known characters that this would take apart (U+212B, the angstrom sign, which composes to Å) stay.

    Applied twice, it does the same as once.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        has_marks = any(c in _marks() for c in self._known)
        decomposed = has_marks and not any(_is_composed(c) for c in self._known)
        self._forms: tuple[Form, Form] = ("NFD", "NFC") if decomposed else ("NFC", "NFD")

    def applied(self, text: str) -> str:
        """The text in the form of the vocabulary."""
        if self._known.issuperset(text):
            return text
        return self._doubtful.sub(lambda found: self._settled(found[0]), text)

    @cached_property
    def _doubtful(self) -> re.Pattern[str]:
        """Clusters of several characters, and unknown characters: all that may have to change."""
        marks, known = ("".join(map(re.escape, sorted(signs))) for signs in (_marks(), self._known))
        return re.compile(f"(?s:.)[{marks}]+|[^{known}]")

    def _settled(self, cluster: str) -> str:
        if self._known.issuperset(cluster):
            return cluster
        for form in self._forms:
            settled = unicodedata.normalize(form, cluster)
            if self._known.issuperset(settled):
                return settled
        return "".join(self._preferred(part) for part in self._parts(cluster))

    def _preferred(self, part: str) -> str:
        return part if part in self._known else unicodedata.normalize(self._forms[0], part)

    def _parts(self, cluster: str) -> list[str]:
        """The cluster, cut around the known characters that a normal form would take apart."""
        parts = [""]
        for c in cluster:
            if c in self._known and _is_composed(c):
                parts += [c, ""]
            else:
                parts[-1] += c
        return parts


@cache
def _is_composed(c: str) -> bool:
    return unicodedata.normalize("NFD", c) != c


@cache
def _marks() -> frozenset[str]:
    """Every character that can be composed with one before it, or reordered: marks, and the vowels and finals of Hangul."""
    seconds = (unicodedata.decomposition(chr(point)).split(" ") for point in range(0xC0, 0x20000))
    composed = {chr(int(parts[1], 16)) for parts in seconds if len(parts) == 2 and "<" not in parts[0]}
    marks = {chr(point) for point in range(0x300, 0x20000) if unicodedata.combining(chr(point))}
    return frozenset(composed | marks | set(map(chr, [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)])))
