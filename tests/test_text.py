"""Characters, numbers and a stranger's bytes, against hand-written rules and d2l's published tables."""

import math
import unicodedata
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from explorer.corpora import load_corpus, preprocess_time_machine
from explorer.text import UNKNOWN, TextError, Vocabulary, clean_text, decode_text

TIME_MACHINE = Path(__file__).parents[2] / "shared/data/timemachine.txt"
PROPERTY = settings(deadline=None, max_examples=50)

# Half of the draws are characters that have a rule of their own; plain chance almost never meets them.
SPECIAL = st.sampled_from(
    ["\r", "\n", "\r\n", "\ud800", "\udbff", "\udc00", "\udfff", "\ufeff", "\ufffe", "\0", "a", "😀"]
)
ANY_TEXT = st.lists(SPECIAL | st.characters(exclude_categories=())).map("".join)
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r 水ab")).filter(
    lambda text: not text.isspace() and text
)


def cleaned_by_hand(text):
    out, i = [], 0
    while i < len(text):
        here, following = text[i], text[i + 1 : i + 2]
        if here == "\r":
            out.append("\n")
            i += following == "\n"
        elif "\ud800" <= here <= "\udbff" and "\udc00" <= following <= "\udfff":
            out.append(chr(0x10000 + (ord(here) - 0xD800) * 0x400 + ord(following) - 0xDC00))
            i += 1
        else:
            out.append("\ufffd" if "\ud800" <= here <= "\udfff" else here)
        i += 1
    return "".join(out)


def refusal(data):
    with pytest.raises(TextError) as caught:
        decode_text(data)
    message = str(caught.value)
    assert message.startswith("Expected")
    assert "\n" not in message
    return message


# Cleaning


@given(ANY_TEXT)
@PROPERTY
def test_cleaning_follows_the_rules_and_is_settled_after_once(text):
    assert clean_text(text) == cleaned_by_hand(text)
    assert clean_text(clean_text(text)) == clean_text(text)
    assert clean_text(text, nfc=True) == unicodedata.normalize("NFC", cleaned_by_hand(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\r\r\nb", "a\n\nb"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("tail\ud83d", "tail\ufffd"),
        ("\ufeffa", "\ufeffa"),
        ("a\u2028b\x0cc", "a\u2028b\x0cc"),
        ("", ""),
    ],
)
def test_line_ends_become_lf_and_only_lone_surrogates_are_replaced(text, expected):
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    ("text", "composed"), [("e\u0301", "é"), ("\u1112\u1161\u11ab", "한"), ("\u212b", "\u00c5"), ("ﬁ①", "ﬁ①")]
)
def test_accents_are_composed_only_on_request(text, composed):
    assert clean_text(text) == text
    assert clean_text(text, nfc=True) == composed


# The vocabulary


@given(ANY_TEXT.filter(bool))
@PROPERTY
def test_symbols_stand_by_falling_count_and_ties_by_first_appearance(text):
    seen = cleaned_by_hand(text)
    order = sorted(set(seen), key=lambda c: (-seen.count(c), seen.index(c)))
    vocabulary = Vocabulary.from_text(text)
    assert vocabulary.symbols == (UNKNOWN, *order)
    assert vocabulary.counts == (0, *(seen.count(c) for c in order))
    assert len(vocabulary) == len(order) + 1


def test_ties_are_not_sorted_by_letter():
    vocabulary = Vocabulary.from_text("zyxxa")
    assert (vocabulary.symbols, vocabulary.counts) == (("<unk>", "x", "z", "y", "a"), (0, 2, 1, 1, 1))


def test_the_unknown_mark_written_in_a_text_is_five_ordinary_characters():
    vocabulary = Vocabulary.from_text("<unk>")
    assert vocabulary.symbols == ("<unk>", "<", "u", "n", "k", ">")
    assert vocabulary.encode("<unk>").tolist() == [1, 2, 3, 4, 5]


def test_time_machine_has_the_28_symbols_and_170_580_characters_that_d2l_prints():
    if not TIME_MACHINE.is_file():
        pytest.skip("the text of The Time Machine is not beside this repository")
    text = preprocess_time_machine(TIME_MACHINE.read_text("utf-8"))
    vocabulary = Vocabulary.from_text(text)
    assert (len(text), len(vocabulary)) == (170_580, 28)
    # Published in d2l 0.17: the ten most frequent characters, and the numbers of the book's first line.
    assert vocabulary.symbols[:11] == ("<unk>", *" etainoshr")
    assert vocabulary.counts[:11] == (0, 29927, 17838, 13515, 11704, 10138, 9917, 9758, 8486, 8257, 7674)
    first_line = [3, 9, 2, 1, 3, 5, 13, 2, 1, 13, 4, 15, 9, 5, 6, 2, 1, 21, 19, 1, 9, 1, 18, 1, 17, 2, 12, 12, 8]
    assert vocabulary.encode("the time machine by h g wells").tolist() == first_line
    assert vocabulary.encode(text)[:29].tolist() == first_line
    assert sum(vocabulary.counts) == 170_580


@pytest.mark.parametrize(
    ("symbols", "counts", "expected"),
    [
        ((), (), "got 0 symbols"),
        (("<unk>",), (0,), "at least one character"),
        (("a", "b"), (1, 1), "'<unk>' followed by"),
        (("<unk>", "ab"), (0, 1), r"\['ab'\]"),
        (("<unk>", ""), (0, 1), r"\[''\]"),
        (("<unk>", "a", "a"), (0, 1, 1), "repeated"),
        (("<unk>", "a"), (0,), "one count"),
        (("<unk>", "a"), (0, 1, 1), "one count"),
        (("<unk>", "a"), (0, -1), "count from 0"),
    ],
)
def test_a_broken_vocabulary_is_refused(symbols, counts, expected):
    with pytest.raises(TextError, match=expected):
        Vocabulary(symbols, counts)


def test_no_vocabulary_from_nothing():
    with pytest.raises(TextError, match="empty"):
        Vocabulary.from_text("")


# Encoding and decoding

ABC = Vocabulary(("<unk>", "a", "b", "\n"), (0, 3, 2, 1))


@given(ANY_TEXT)
@PROPERTY
def test_encode_never_fails_and_unknown_characters_become_zero(text):
    ids_T = ABC.encode(text)
    assert ids_T.dtype == torch.int64
    assert ids_T.tolist() == [{"a": 1, "b": 2, "\n": 3}.get(c, 0) for c in cleaned_by_hand(text)]
    assert ABC.decode(ids_T) == "".join(c if c in "ab\n" else "\ufffd" for c in cleaned_by_hand(text))


@given(ANY_TEXT.filter(bool))
@PROPERTY
def test_a_text_comes_back_from_the_numbers_of_its_own_vocabulary(text):
    vocabulary = Vocabulary.from_text(text)
    ids_T = vocabulary.encode(text)
    assert (ids_T > 0).all()
    assert vocabulary.decode(ids_T) == vocabulary.decode(ids_T.tolist()) == cleaned_by_hand(text)


def test_a_line_end_is_one_number_however_it_is_written():
    assert ABC.encode("a\r\nb\ra\nb").tolist() == [1, 3, 2, 3, 1, 3, 2]


def test_an_empty_text_has_no_numbers():
    assert (ABC.encode("").shape, ABC.encode("").dtype) == ((0,), torch.int64)
    assert ABC.decode([]) == ABC.decode(torch.tensor([], dtype=torch.int64)) == ""


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("abba", 0.0),
        ("xyz", 1.0),
        ("abxa", 0.25),
        ("\r\n", 0.0),
        ("\ud800a", 0.5),
        ("a水", 0.5),
        ("<unk>", 1.0),
    ],
)
def test_unknown_share(text, share):
    assert ABC.unknown_share(text) == share


def test_unigram_surprise_is_add_one_smoothed():
    expected = [math.log(10 / 1), math.log(10 / 4), math.log(10 / 3), math.log(10 / 2)]
    got_V = ABC.unigram_nll_nats()
    assert got_V.dtype == torch.float64
    assert got_V.tolist() == pytest.approx(expected, rel=1e-14)


# A stranger's file

ENGLISH = "The river is 12 miles long.\nIt is cold."
CHINESE = "河水从山里来，不回头。\n“你听！”他说：“今天的水。”"
RUSSIAN = "Все счастливые семьи похожи друг на друга."
BOM = "\ufeff"


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, RUSSIAN, "x", "😀 水"])
@pytest.mark.parametrize(
    ("before", "codec", "name"),
    [
        ("", "utf-8", "UTF-8"),
        (BOM, "utf-8", "UTF-8"),
        (BOM, "utf-16-le", "UTF-16"),
        (BOM, "utf-16-be", "UTF-16"),
    ],
)
def test_utf8_and_marked_utf16_files_are_read_and_named(text, before, codec, name):
    assert decode_text((before + text).encode(codec)) == (text, name)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [ENGLISH, "x", "Grüße aus Köln", ENGLISH * 500])
def test_utf16_without_a_mark_is_recognised_in_western_text(text, codec):
    assert decode_text(text.encode(codec)) == (text, "UTF-16")


@pytest.mark.parametrize("text", [CHINESE, "鏡花水月", "繁體與简体，㐀𠀀", "河 means river"])
def test_gb18030_is_read_and_named(text):
    assert decode_text(text.encode("gb18030")) == (text, "GB18030")


def test_gb18030_byte_order_mark_is_dropped():
    assert decode_text((BOM + CHINESE).encode("gb18030")) == (CHINESE, "GB18030")


def test_utf8_wins_where_gb18030_would_fit_too():
    data = "水水".encode()
    assert data.decode("gb18030") not in ("", "水水")
    assert decode_text(data) == ("水水", "UTF-8")


@pytest.mark.parametrize(
    ("before", "codec", "name"),
    [("", "utf-8", "UTF-8"), (BOM, "utf-8", "UTF-8"), (BOM, "utf-16-le", "UTF-16"), (BOM, "utf-16-be", "UTF-16")],
)
@given(text=PRINTED)
@PROPERTY
def test_any_printed_text_in_unicode_comes_back(text, before, codec, name):
    assume(before or not text.startswith(BOM))
    assert decode_text((before + text).encode(codec)) == (cleaned_by_hand(text), name)


@given(PRINTED)
@PROPERTY
def test_any_printed_text_in_gb18030_comes_back_unless_its_bytes_are_utf8(text):
    assume(not text.startswith(BOM))
    data = ("河" + text).encode("gb18030")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        assert decode_text(data) == (cleaned_by_hand("河" + text), "GB18030")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n")), st.sampled_from(["-le", "-be"]))
@PROPERTY
def test_any_ascii_text_in_utf16_without_a_mark_comes_back(text, order):
    assume(text.strip())
    assert decode_text(text.encode("utf-16" + order)) == (text, "UTF-16")


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "gb18030"])
def test_a_file_comes_with_lf_line_ends(codec):
    assert decode_text("河 1\r\n水 2\r山 3\n".encode(codec))[0] == "河 1\n水 2\n山 3\n"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_chinese_page_in_utf16_without_a_mark_is_read_right_or_refused(codec):
    page = load_corpus("river-town")[:2000]
    try:
        got = decode_text(page.encode(codec))
    except TextError:
        return
    assert got == (page, "UTF-16")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_piece_of_chinese_in_utf16_without_a_mark_never_becomes_another_text(codec):
    book, length, wrong = load_corpus("river-town"), 16, []
    for start in range(0, len(book) - length, 5):
        piece = book[start : start + length]
        try:
            got = decode_text(piece.encode(codec))
        except TextError:
            continue
        if got != (piece, "UTF-16"):
            wrong.append((piece, *got))
    assert wrong[:1] == [], f"{len(wrong)} of {len(book) // 5} pieces"


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_an_empty_file_is_refused(data):
    assert "at least one visible character" in refusal(data)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
def test_a_file_of_blanks_is_refused(codec):
    assert "at least one visible character" in refusal(" \r\n\t ".encode(codec))


def test_a_file_of_chinese_blanks_is_refused():
    assert "at least one visible character" in refusal("\u3000\n\u3000".encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10",
        b"PK\x03\x04\x14\0\0\0\x08\0",
        b"\x7fELF\x02\x01\x01" + bytes(9),
        bytes(range(256)),
        bytes(64),
        b"a text, then \0",
        "text".encode("utf-32"),
        "text".encode("utf-32-be"),
        b"\xff\xfe" + b"\0" * 8,
        "odd".encode("utf-16") + b"x",
        b"\xff\xfe\x00\xd8a\0",
        b"caf\xe9",
        b"\x80\x81",
    ],
)
def test_binary_and_broken_files_are_refused(data):
    assert "character" in refusal(data) or "none of them" in refusal(data)


def test_a_truncated_utf8_file_is_not_read_as_something_else():
    data = "河水从山里来".encode()[:-1]
    assert "UTF-8" in refusal(data)


@given(st.binary(max_size=60))
@PROPERTY
def test_any_bytes_give_a_clean_text_or_a_refusal(data):
    try:
        text, name = decode_text(data)
    except TextError:
        return
    assert name in {"UTF-8", "UTF-16", "GB18030"}
    assert text.strip()
    assert not set(text) & {"\r", "\0"}
    text.encode("utf-8")


def test_five_megabytes_are_read_and_one_byte_more_is_refused():
    assert decode_text(b"a" * 5_000_000) == ("a" * 5_000_000, "UTF-8")
    assert "at most 5 MB" in refusal(b"a" * 5_000_001)
    assert "7.3 MB" in refusal(b"a" * 7_300_000)
