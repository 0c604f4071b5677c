"""Which encoding some bytes are in: every reading has a price, and only one that is far cheaper than all others is believed.

A reading is a decoded text. Its price is its surprise in nats under a coarse model of each language that the encoding can
carry: how often its letters or signs stand in everyday text, how upper and lower case follow each other, which scripts
meet inside a word. The same bytes are priced under every encoding, so that the difference of two prices is the log of
the odds between them. What has no sign of its own (a byte-order mark, valid UTF-8) is decided by these odds, or not at all.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from dataclasses import dataclass, replace
from itertools import islice

from explorer.likelihood import BINARY, price
from explorer.words import say

REPLACING = ", replacing what cannot be read"
_MULTIBYTE = {
    "UTF-8": "utf-8",
    "GB18030 (Chinese)": "gb18030",
    "Big5 (traditional Chinese)": "big5",
    "Big5-HKSCS (Hong Kong)": "big5hkscs",
    "Shift-JIS (Japanese)": "shift_jis",
    "EUC-JP (Japanese)": "euc_jp",
    "EUC-KR or CP949 (Korean)": "euc_kr",
}
_UTF_16_32 = {
    "UTF-16 little-endian": "utf-16-le",
    "UTF-16 big-endian": "utf-16-be",
    "UTF-32 little-endian": "utf-32-le",
    "UTF-32 big-endian": "utf-32-be",
}
_SINGLE_BYTE = {
    "Windows-1252 or Latin-1 (Western European)": "cp1252",
    "Windows-1250 (Central European)": "cp1250",
    "Windows-1251 (Cyrillic)": "cp1251",
    "Windows-1253 (Greek)": "cp1253",
    "Windows-1254 (Turkish)": "cp1254",
    "Windows-1255 (Hebrew)": "cp1255",
    "Windows-1256 (Arabic)": "cp1256",
    "Windows-1257 (Baltic)": "cp1257",
    "Windows-874 (Thai)": "cp874",
    "KOI8-R (Russian)": "koi8_r",
    "KOI8-U (Ukrainian)": "koi8_u",
    "ISO-8859-2 (Central European)": "iso8859_2",
    "ISO-8859-5 (Cyrillic)": "iso8859_5",
    "ISO-8859-7 (Greek)": "iso8859_7",
    "ISO-8859-15 (Western European with euro sign)": "iso8859_15",
    "ISO-8859-16 (Romanian)": "iso8859_16",
    "CP866 (Cyrillic, DOS)": "cp866",
    "CP850 (Western European, DOS)": "cp850",
    "CP437 (Western European, DOS)": "cp437",
    "CP852 (Central European, DOS)": "cp852",
    "Mac Roman": "mac_roman",
    "Mac Cyrillic": "mac_cyrillic",
}
ENCODINGS: dict[str, str] = (
    _MULTIBYTE | _UTF_16_32 | _SINGLE_BYTE | {"ISO-2022-JP (Japanese)": "iso2022_jp_ext"}
    | {name + REPLACING: codec for name, codec in _MULTIBYTE.items()}
)  # fmt: skip
"""What a person can choose from: the name that is shown -> Python's codec."""

# Supersets that other makers use under the same name, tried where the standard one does not fit.
_WIDER = {"big5": ("cp950",), "shift_jis": ("cp932",), "euc_kr": ("cp949",)}
_INCLUDED = {"iso8859-1": "cp1252", "ascii": "utf-8", "utf-8-sig": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}
_INCLUDED |= {"cp950": "big5", "cp932": "shift_jis", "cp949": "euc_kr"}
_MARKS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32 little-endian"),
    (codecs.BOM_UTF32_BE, "UTF-32 big-endian"),
    (codecs.BOM_UTF16_LE, "UTF-16 little-endian"),
    (codecs.BOM_UTF16_BE, "UTF-16 big-endian"),
    (b"\x84\x31\x95\x33", "GB18030 (Chinese)"),
)
# In nats: how much cheaper than all others a reading must be, what bytes that do not fit cost, what validity gives back.
MARGIN, PRICE_OF_ERROR, VALID_UTF_8 = 9.0, 15.0, 6.0
TOLERATED_ODD = 0.04  # share of odd signs in a text that is believed
SAMPLE_SIGNS = 2_000
SHORTEST_CUT = 32  # bytes: nobody cuts a shorter file, so bytes that are left over mean another encoding
# Readings that are rarer than the others, all else being equal; in nats.
_RARE = {
    "utf-16-be": 1, "koi8_u": 1, "cp1250": 1.5, "cp1257": 2, "iso8859_2": 2, "iso8859_7": 2, "iso8859_15": 2, "cp866": 2,
    "iso8859_5": 3, "cp850": 5, "cp852": 5, "mac_roman": 5, "iso8859_16": 5, "cp437": 6, "mac_cyrillic": 6, "big5hkscs": 6,
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A text as it was read.

    Attributes:
        text: what stands in the bytes.
        encoding: its name, out of ENCODINGS.
        notes: what a person should know of the reading, in plain sentences; mostly none.

    """

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doubt:
    """Why bytes were not read.

    Attributes:
        reason: a plain sentence.
        candidates: names out of ENCODINGS that may be meant, the likeliest first; none where no text can be in the bytes.

    """

    reason: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Priced:
    """The beginning of some bytes under one encoding."""

    name: str
    text: str
    nats: float
    odd_share: float
    errors: int


_ASCII = bytes(range(128))
_HIGH = re.compile(b"[\x80-\xff]")
_CONTROL = re.compile(BINARY.pattern.encode("ascii"))
# The trail byte of a character of two bytes may be ASCII: it stands right behind the first and so stays with it.
_SPARSE = re.compile(b"[\0-\x7f]{0,80}[\x80-\xff]+[\0-\x7f]{0,80}")
_ISO_2022 = re.compile(rb"\x1b\$[@B]|\x1b\$\([DOPQ]|\x1b\([IJ]")


def encoding_named(name: str) -> str | None:
    """The name in ENCODINGS that a person means by one of theirs: "latin-1", "GB18030", "cp1251"; None if none."""
    wanted = name.strip().casefold()
    for known in ENCODINGS:
        if wanted in (known.casefold(), known.partition(" (")[0].casefold()):
            return known
    try:
        codec = codecs.lookup(wanted).name
    except LookupError:
        return None
    codec = _INCLUDED.get(codec, codec)
    return next((known for known, own in ENCODINGS.items() if codecs.lookup(own).name == codec), None)


def read_as(data: bytes, encoding: str) -> Reading:
    """The text of some bytes in one of ENCODINGS; a mark is dropped, and so is a character that was cut in its midst.

    Raises:
        UnicodeDecodeError: they are not in this encoding; `start` says where.

    """
    codec = ENCODINGS[encoding]
    errors = "replace" if encoding.endswith(REPLACING) else "strict"
    # A file that was cut by its size, at its beginning, may start within a character of UTF-8.
    skipped = len(re.match(rb"[\x80-\xbf]{0,3}", data)[0]) if codec == "utf-8" else 0  # type: ignore[index]
    try:
        text, left = _decode(data[skipped:], codec, errors)
    except UnicodeDecodeError as fault:
        fault.start += skipped
        raise
    text = text.removeprefix("\ufeff")
    notes = []
    for count, end in ((skipped, "beginning"), (left, "end")):
        if count:
            notes.append(say(f"encodings.cut.{end}", count=count))
    if errors == "replace" and (lost := text.count("\ufffd")):
        notes.append(say("encodings.replaced", places=lost))
    return Reading(text, encoding, tuple(notes))


def _decode(data: bytes, codec: str, errors: str) -> tuple[str, int]:
    """Text, and how many bytes at the end begin a character that does not end."""
    codecs_to_try = (codec, *_WIDER.get(codec, ()))
    for tried in codecs_to_try:
        decoder = codecs.getincrementaldecoder(tried)("strict")
        try:
            text = decoder.decode(data)
        except UnicodeDecodeError:
            continue
        return text, len(decoder.getstate()[0])
    decoder = codecs.getincrementaldecoder(codec)(errors)
    return decoder.decode(data), len(decoder.getstate()[0])


def recognise(data: bytes) -> Reading | Doubt:
    """The text of some bytes where their encoding is beyond doubt; otherwise why not, and which may be meant."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _marked(data, name)
    if _ISO_2022.search(data) and not _HIGH.search(data):
        return _read_or_doubt(data, "ISO-2022-JP (Japanese)")
    if b"\0" in data and (wide := _wide_ascii(data)):
        return wide
    in_utf_8 = _in_utf_8(data)
    if in_utf_8 is not None and _is_beyond_doubt(in_utf_8, data):
        return in_utf_8
    return _by_price(data, in_utf_8)


def _marked(data: bytes, name: str) -> Reading | Doubt:
    try:
        return read_as(data, name)
    except UnicodeDecodeError as fault:
        candidates = (name + REPLACING,) if name + REPLACING in ENCODINGS else ()
        return Doubt(say("encodings.marked", encoding=name, flaw=flaw(data, fault)), candidates)


def _read_or_doubt(data: bytes, name: str) -> Reading | Doubt:
    try:
        return read_as(data, name)
    except UnicodeDecodeError as fault:
        return Doubt(say("encodings.alike", encoding=name, flaw=flaw(data, fault)))


def flaw(data: bytes, fault: UnicodeDecodeError) -> str:
    """Where a decoder stopped: byte and line, both counted from 1, as part of a sentence."""
    line = data.count(b"\n", 0, fault.start) + 1
    return say("encodings.flaw", place=fault.start + 1, byte=data[fault.start], line=line)


def _wide_ascii(data: bytes) -> Reading | None:
    """ASCII in two or four bytes a character, which needs no mark: every other byte is zero."""
    for name in _UTF_16_32:
        try:
            reading = read_as(data, name)
        except UnicodeDecodeError:
            continue
        whole = not reading.notes or len(data) >= SHORTEST_CUT
        if whole and reading.text and reading.text.isascii() and not BINARY.search(reading.text.rstrip("\x1a")):
            return reading
    return None


def _in_utf_8(data: bytes) -> Reading | None:
    try:
        reading = read_as(data, "UTF-8")
    except UnicodeDecodeError:
        return None
    return None if BINARY.search(reading.text.rstrip("\x1a")) else reading


def _is_beyond_doubt(reading: Reading, data: bytes) -> bool:
    """Whether valid UTF-8 is no accident: a few Chinese characters in GB18030, or kana in UTF-16, can also be valid UTF-8."""
    if reading.text.isascii():
        short = len(data) <= 200 and not len(data) % 2 and not data.isspace()
        return not reading.notes and not (short and _cheapest_first(data, False)[0].name != "UTF-8")
    return sum(c > "\x7f" for c in islice(reading.text, 65_536)) >= 4


def _by_price(data: bytes, in_utf_8: Reading | None) -> Reading | Doubt:
    readings = _cheapest_first(_sample(data), in_utf_8 is not None and not in_utf_8.text.isascii())
    binary = _CONTROL.search(data.rstrip(b"\x1a")) is not None
    if not readings or (binary and readings[0].odd_share > 0.25):
        return Doubt(say("encodings.binary"))
    best = readings[0]
    far = len(readings) == 1 or readings[1].nats - best.nats >= MARGIN
    if in_utf_8 is not None and best.name == "UTF-8":
        far = not in_utf_8.notes or (far and not in_utf_8.text.isascii())
    if far and not best.errors and best.odd_share <= TOLERATED_ODD:
        try:
            return read_as(data, best.name)
        except UnicodeDecodeError:
            pass
    return _doubt(data, best, _candidates(data, readings))


def _sample(data: bytes) -> bytes:
    """What is priced: the bytes up to so many beyond ASCII; where these are few, the beginning, and what stands around them."""
    high = len(data.translate(None, _ASCII))
    if len(data) <= 4096 or _CONTROL.search(data) or 50 * high >= len(data):
        ends = (match.end() for match in islice(_HIGH.finditer(data), SAMPLE_SIGNS))
        end = max(4096, deque(ends, 1).pop() if high else 0)
        return data[: -(-min(end, 65_536) // 4) * 4]
    words, _, _ = data[:4096].rpartition(b" ")
    return words + b"\n" + b"".join(match[0] for match in islice(_SPARSE.finditer(data), SAMPLE_SIGNS // 4))


def _cheapest_first(sample: bytes, is_utf_8: bool) -> list[_Priced]:
    """The readings of a sample that differ, by falling likelihood."""
    names = [name for name in ENCODINGS if not name.endswith(REPLACING) and not name.startswith("ISO-2022")]
    priced = [p for p in (_price(sample, name) for name in names) if p is not None]
    if is_utf_8:
        priced = [replace(p, nats=p.nats - VALID_UTF_8) if p.name == "UTF-8" else p for p in priced]
    found: dict[str, _Priced] = {}
    for reading in sorted(priced, key=lambda p: p.nats):
        found.setdefault(reading.text, reading)
    return list(found.values())


def _price(sample: bytes, name: str) -> _Priced | None:
    """What a reading costs; None where it is impossible."""
    codec = ENCODINGS[name]
    try:
        text, left = _decode(sample, codec, "replace" if name in _MULTIBYTE else "strict")
    except UnicodeDecodeError:
        return None
    if left and name in _UTF_16_32 and len(sample) < SHORTEST_CUT:
        return None
    readable = text.rstrip("\x1a").replace("\ufffd", "")
    cost = price(readable)
    if cost is None or not readable:
        return None
    errors = text.count("\ufffd")
    nats = cost.nats + PRICE_OF_ERROR * (errors + bool(left)) + _RARE.get(codec, 0)
    return _Priced(name, text, nats, cost.odd_share, errors)


def _candidates(data: bytes, readings: list[_Priced]) -> tuple[str, ...]:
    """The names to choose from, the likeliest first; what would lose bytes says so."""
    names: list[str] = []
    for reading in readings:
        if reading.nats > readings[0].nats + 5 * MARGIN or len(names) == 8:
            break
        try:
            if read_as(data, reading.name).text.strip():
                names.append(reading.name)
        except UnicodeDecodeError:
            if reading.name + REPLACING in ENCODINGS:
                names.append(reading.name + REPLACING)
    return tuple(names)


def _doubt(data: bytes, best: _Priced, candidates: tuple[str, ...]) -> Doubt:
    if candidates and candidates[0] == best.name + REPLACING and 10 * best.errors < len(best.text):
        try:
            read_as(data, best.name)
        except UnicodeDecodeError as fault:
            return Doubt(say("encodings.alike", encoding=best.name, flaw=flaw(data, fault)), candidates)
    if not candidates:
        return Doubt(say("encodings.none"))
    return Doubt(say("encodings.several"), candidates)
