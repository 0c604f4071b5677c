"""The symbols of somebody else's model, characters or words: a list, a map, a file of either, or its text and a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer import foreign, strict
from explorer.importing.containers import read_file
from explorer.importing.opened import ImportRefusedError
from explorer.importing.tensors_only import Machine
from explorer.importing.walking import walk
from explorer.text import UNKNOWN, TextError, Vocabulary, decode_text
from explorer.tokens import CHARACTER, WORD, is_word
from explorer.words import Saying

RULES = ("sorted", "frequency", "folded")
MAX_FILE_BYTES = 5_000_000
MOST_STOOD_IN = 64  # symbols that are no single characters: with more of them, the model reads words
MOST_ODD_WORDS = 0.1  # share of the symbols of a model of words that are none: with more, it reads pieces of words
_LINE_ENDS = "<eos>", "</s>", "<eol>"  # of a model of words, which a text holds as line ends
_UNKNOWNS = "<unk>", "[unk]", "unk", "<oov>", "[oov]", "<unknown>", "UNK"
_STAND_IN = 0xE000  # the first of Unicode's characters for private use
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\s": " ", "": "\n"}

Given = Vocabulary | Sequence[str] | Mapping[Any, Any] | str | Path


@dataclass(frozen=True)
class Symbols:
    """The symbols of a model, in our order.

    Attributes:
        vocabulary: ours, the unknown symbol first.
        rows: for each of its symbols the number that it has in the file; -1 for one that the file's model does not have.
        notes: what was added or stands for something else.

    """

    vocabulary: Vocabulary
    rows: tuple[int, ...]
    notes: tuple[Saying, ...] = ()


def read_symbols(given: Given, count: int, rule: str | None = None) -> Symbols:
    """The symbols of a model.

    Args:
        given: symbols in the order of their numbers (a string is its characters, never a path); a dict from symbol to
            number, or from number to symbol; a Vocabulary; the path of a JSON file or pickle of such lists and dicts, or of
            a text file of the symbols, all in a row or one a line. With a rule, the text that the model was trained on, or
            the path of it.
        count: how many symbols the model has.
        rule: how the text's characters were numbered: "sorted", by falling "frequency", or sorted after lower-casing
            ("folded"). None: what is given are the symbols themselves.

    Raises:
        ImportRefusedError: another number of symbols, one of them twice, or pieces of words.

    """
    counts: Mapping[str, int] = {}
    token = given.token if isinstance(given, Vocabulary) else None
    is_map = isinstance(given, Mapping)
    if isinstance(given, Vocabulary):
        symbols, counts = dict(enumerate(given.symbols)), dict(zip(given.symbols, given.counts, strict=True))
    elif rule is not None:
        symbols, counts = _by_rule(_text(given), rule)
    else:
        found = _from_file(given, count) if isinstance(given, Path) else given
        symbols, is_map = _numbered(found), isinstance(found, Mapping)
    # Only a map can leave numbers out: of a list, all after a missing one would be another symbol's.
    if any(not 0 <= number < count for number in symbols) or (len(symbols) != count and not is_map):
        raise ImportRefusedError(
            "import.number-of-symbols", expected=count, count=len(symbols),
            last=max(symbols, default=-1),
        )  # fmt: skip
    return _ours([symbols.get(number) for number in range(count)], counts, token)


def the_one(vocabularies: Mapping[str, Any], count: int) -> dict[int, str]:
    """Number -> symbol of the vocabulary with so many symbols, if all that have so many say the same.

    Args:
        vocabularies: where it stood -> a list, or a dict between symbols and numbers.
        count: how many symbols the model has.

    Raises:
        ImportRefusedError: none has so many, or they differ.

    """
    fitting: dict[str, dict[int, str]] = {}
    for where, given in vocabularies.items():
        if len(given) == count and set(numbered := _numbered(given)) == set(range(count)):
            fitting[where] = numbered
    distinct = [numbered for at, numbered in enumerate(fitting.values()) if numbered not in list(fitting.values())[:at]]
    if len(distinct) != 1:
        raise ImportRefusedError("import.no-vocabulary", candidates=tuple(fitting), count=count)
    return distinct[0]


# ---- from what was given to number -> symbol


def _text(given: Given) -> str:
    if isinstance(given, Path):
        try:
            return decode_text(read_file(given, MAX_FILE_BYTES)).text
        except TextError as fault:
            raise ImportRefusedError("import.vocabulary-file", reason=str(fault)) from fault
    if not isinstance(given, str):
        raise ImportRefusedError("import.rule-without-text", candidates=RULES)
    return given


def _by_rule(text: str, rule: str) -> tuple[dict[int, str], Mapping[str, int]]:
    if rule not in RULES:
        raise ImportRefusedError("import.rule", candidates=RULES, got=rule)
    counted = Counter(text.lower() if rule == "folded" else text)
    ordered = [symbol for symbol, _ in counted.most_common()] if rule == "frequency" else sorted(counted)
    return dict(enumerate(ordered)), counted


def _from_file(path: Path, count: int) -> Any:
    data = read_file(path, MAX_FILE_BYTES)
    if foreign.recognised(data) == "file.pickle":
        return the_one(walk(Machine(data).run()).vocabularies, count)
    try:
        text = data.decode("utf-8-sig")
        if path.suffix.lower() == ".json":
            value = strict.read_json(text, path.name)
            inside = walk(value).vocabularies
            return value if set(inside) <= {""} else the_one(inside, count)
    except UnicodeDecodeError as fault:
        raise ImportRefusedError("import.vocabulary-not-utf-8", path=path.name) from fault
    except strict.StrictError as fault:
        raise ImportRefusedError(fault.code, **fault.figures) from fault
    if len(set(text)) == len(text):
        return text
    return [_ESCAPES.get(line, line) for line in text.removesuffix("\n").split("\n")]


def _numbered(given: Any) -> dict[int, str]:
    """Number -> symbol."""
    if isinstance(given, Mapping):
        pairs = [(number, symbol) for symbol, number in given.items()]
        if pairs and all(isinstance(number, str) for number, _ in pairs):
            pairs = [(symbol, number) for number, symbol in pairs]
    elif isinstance(given, str | Sequence) and not isinstance(given, bytes):
        pairs = list(enumerate(given))
    else:
        raise ImportRefusedError("import.vocabulary", got=type(given).__name__)
    numbered: dict[int, Any] = {_whole(number): symbol for number, symbol in pairs}
    if len(numbered) != len(pairs) or not all(isinstance(symbol, str) for symbol in numbered.values()):
        raise ImportRefusedError("import.vocabulary", got=type(given).__name__)
    return numbered


def _whole(number: Any) -> int:
    """A number, also as JSON has the keys of a map from number to symbol."""
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 10:
        return int(number)
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise ImportRefusedError("import.vocabulary", got=type(number).__name__)
    return int(number.__index__())


# ---- from the file's symbols to ours


def _ours(symbols: list[str | None], counts: Mapping[str, int], token: str | None) -> Symbols:
    """Ours: the unknown symbol first, then the file's in their order; what is no character, or no word, gets a stand-in."""
    repeated = [symbol for symbol, times in Counter(filter(None, symbols)).items() if times > 1]
    if repeated:
        raise ImportRefusedError("import.symbol-twice", got=repeated[0])
    unknown = next((number for number, symbol in enumerate(symbols) if symbol in _UNKNOWNS), -1)
    rows = [unknown, *(number for number in range(len(symbols)) if number != unknown)]
    odd = [number for number in rows[1:] if not _is_character(symbols[number])]
    longer = [number for number in odd if symbols[number]]
    token = token or (WORD if len(odd) > MOST_STOOD_IN or 2 * len(longer) > len(symbols) else CHARACTER)
    notes: list[Saying] = []
    if token == WORD:
        symbols, notes = _with_line_ends(symbols)
        odd = [number for number in rows[1:] if not _is_word(symbols[number])]
        if len(odd) > MOST_ODD_WORDS * len(symbols):
            raise ImportRefusedError(
                "import.words", count=len(odd), candidates=[repr(symbols[n])[:20] for n in odd if symbols[n]]
            )
    stand_ins = _stand_ins(odd, symbols)
    named = [UNKNOWN, *(stand_ins.get(number) or str(symbols[number]) for number in rows[1:])]
    known = [0 if at == 0 else counts.get(name, 0) for at, name in enumerate(named)]
    notes += _notes(unknown, stand_ins, symbols)
    return Symbols(_vocabulary(named, known, token), tuple(rows), tuple(notes))


def _with_line_ends(symbols: list[str | None]) -> tuple[list[str | None], list[Saying]]:
    """The symbols of a model of words, a line end for what stands for one, and what is said of it."""
    said = Saying("import.note.words")
    ends = [number for number, symbol in enumerate(symbols) if symbol in _LINE_ENDS]
    if "\n" in symbols or len(ends) != 1:
        return symbols, [said]
    named = [("\n" if number == ends[0] else symbol) for number, symbol in enumerate(symbols)]
    return named, [said, Saying("import.note.line-end", {"symbol": symbols[ends[0]]})]


def _is_word(symbol: str | None) -> bool:
    return symbol is not None and is_word(symbol)


def _is_character(symbol: str | None) -> bool:
    return symbol is not None and len(symbol) == 1 and not "\ud800" <= symbol <= "\udfff"


def _stand_ins(odd: list[int], symbols: list[str | None]) -> dict[int, str]:
    taken = set(symbols)
    free = (chr(code) for code in range(_STAND_IN, 0xF8FF) if chr(code) not in taken)
    return dict(zip(odd, free, strict=False))


def _vocabulary(symbols: list[str], counts: list[int], token: str) -> Vocabulary:
    try:
        return Vocabulary(tuple(symbols), tuple(counts), token)
    except TextError as fault:
        raise ImportRefusedError(fault.code, **fault.figures) from fault


def _notes(unknown: int, stand_ins: Mapping[int, str], symbols: list[str | None]) -> list[Saying]:
    notes: list[Saying] = []
    if unknown < 0:
        notes.append(Saying("import.note.unknown-added"))
    for number, character in stand_ins.items():
        code = "import.note.stand-in" if symbols[number] else "import.note.unnamed"
        notes.append(
            Saying(code, {"number": number, "symbol": symbols[number] or "", "code": f"U+{ord(character):04X}"})
        )
    return notes
