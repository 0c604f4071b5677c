"""Characters, numbers and a stranger's bytes, against hand-written rules and d2l's published tables."""

import math
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.corpora import preprocess_time_machine
from explorer.text import (
    ENCODINGS,
    UNKNOWN,
    EncodingError,
    TextError,
    Vocabulary,
    clean_text,
    decode_text,
    newlines_to_blanks,
)

TIME_MACHINE = Path(__file__).parents[2] / "shared/data/timemachine.txt"
PROPERTY = settings(deadline=None, max_examples=50)

# Half of the draws are characters that have a rule of their own; plain chance almost never meets them.
SPECIAL = st.sampled_from(
    ["\r", "\n", "\r\n", "\ud800", "\udbff", "\udc00", "\udfff", "\ufeff", "\ufffe", "\0", "a", "😀"]
)
ANY_TEXT = st.lists(SPECIAL | st.characters(exclude_categories=())).map("".join)


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


def refusal(data, encoding=None):
    with pytest.raises(TextError) as caught:
        decode_text(data, encoding)
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


@pytest.mark.parametrize("text", ["e\u0301", "\u1112\u1161\u11ab", "\u212b", "ﬁ①"])
def test_cleaning_composes_nothing(text):
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("a\nb", "a b"),
        ("a\r\nb", "a b"),
        ("a\rb", "a b"),
        ("a\n\r\nb\n", "a  b "),
        ("a b", "a b"),
        ("", ""),
        ("a\tb", "a\tb"),
    ],
)
def test_each_line_end_becomes_one_blank(text, stream):
    assert newlines_to_blanks(text) == stream


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


# A stranger's file; which encodings are recognised is in test_encodings.py, which formats in test_foreign.py

ENGLISH = "The river is 12 miles long.\nIt is cold."
CHINESE = "河水从山里来，不回头。\n“你听！”他说：“今天的水。”"


def read(data, encoding=None):
    decoded = decode_text(data, encoding)
    return decoded.text, decoded.encoding, decoded.notes


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "gb18030"])
def test_a_file_comes_with_lf_line_ends(codec):
    assert decode_text(CHINESE.replace("\n", "\r\n").encode(codec)).text == CHINESE


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1a", b"\xef\xbb\xbf \r\n\x1a"])
@pytest.mark.parametrize("encoding", [None, "UTF-8", "UTF-16 little-endian"])
def test_an_empty_file_is_refused(data, encoding):
    assert "at least one visible character" in refusal(data, encoding)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("text", [" \r\n\t ", "\u3000\n\u3000", "\v\f"])
def test_a_file_of_blanks_is_refused(codec, text):
    assert "at least one visible character" in refusal(text.encode(codec))


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)),
        bytes(64),
        b"a text, then \0",
        b"\xff\xfe" + b"\0" * 8,
        b"colours \x1b[31m of a terminal",
        b"a bell \a",
        random.Random(3).randbytes(5_000),
    ],
)
@pytest.mark.parametrize("encoding", [None, "latin-1"])
def test_binary_files_are_refused(data, encoding):
    assert "control characters" in refusal(data, encoding) or "does not fit" in refusal(data, encoding)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "gb18030"])
def test_the_dos_end_of_file_is_dropped_with_a_note(codec):
    text, _, notes = read((CHINESE + "\x1a").encode(codec))
    assert text == CHINESE
    assert "^Z" in " ".join(notes)
    assert read(CHINESE.encode(codec))[2] == ()
    assert "control characters" in refusal("河水从山里来\x1a不回头".encode(codec))


@pytest.mark.parametrize("sign", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f"])
def test_page_breaks_and_separators_become_line_ends_with_a_note(sign):
    text, _, notes = read(f"one{sign}two{sign}three".encode())
    assert text == "one\ntwo\nthree"
    assert notes == ("2 page breaks or separators became line ends.",)
    assert read(b"one\ntwo\tthree")[2] == ()


@pytest.mark.parametrize(
    ("text", "codec", "left"),
    [
        (CHINESE, "utf-8", "2 bytes were"),
        (CHINESE, "utf-16", "1 byte was"),
        (CHINESE, "utf-16-le", "1 byte was"),
        (CHINESE, "gb18030", "1 byte was"),
        ("這是一個很小的城市，河水不回頭。", "big5", "1 byte was"),
        ("川の水は山から来て、戻らない。", "shift_jis", "1 byte was"),
        ("川の水は山から来て、戻らない。", "euc_jp", "1 byte was"),
        ("강물은 산에서 오고 다시 돌아가지 않는다", "euc_kr", "1 byte was"),
    ],
)
def test_a_file_that_is_cut_in_the_middle_of_a_character_is_read_without_it(text, codec, left):
    decoded = decode_text(text.encode(codec)[:-1])
    assert decoded.text == text[:-1]
    assert decoded.notes == (f"It is cut in the middle of a character; {left} dropped at its end.",)
    assert decode_text(text.encode(codec)[:-1], decoded.encoding) == decoded
    assert decode_text(text.encode(codec)).notes == ()


@pytest.mark.parametrize("start", [1, 2])
def test_a_file_whose_beginning_was_cut_off_is_read_without_the_rest_of_the_character(start):
    text, name, notes = read(CHINESE.encode()[start:])
    assert (text, name) == (CHINESE[1:], "UTF-8")
    assert "dropped at its beginning" in notes[0]


def test_five_megabytes_of_chinese_cut_by_head_are_read():
    data = (CHINESE * 100_000).encode()[:5_000_000]
    assert data[-3:] not in CHINESE.encode() or data[-1:] >= b"\x80"  # within a character
    text, name, notes = read(data)
    assert name == "UTF-8"
    assert (CHINESE * 100_000).startswith(text)
    assert 5_000_000 - len(text.encode()) <= 2
    assert len(notes) == (len(text.encode()) < 5_000_000)


@given(st.binary(max_size=60), st.sampled_from([None, *ENCODINGS]))
@settings(deadline=None, max_examples=200)
def test_any_bytes_give_a_clean_text_or_a_sentence(data, encoding):
    try:
        decoded = decode_text(data, encoding)
    except TextError:
        assert refusal(data, encoding)
        return
    assert decoded.encoding in ENCODINGS
    assert decoded.text.strip()
    assert not set(decoded.text) & {"\r", "\0", "\v", "\f"}
    assert decode_text(data, decoded.encoding) == decoded
    decoded.text.encode("utf-8")


@given(st.binary(max_size=60).filter(lambda data: not set(data) & {*range(9), *range(14, 32), 127}))
@PROPERTY
def test_every_candidate_of_a_doubt_reads_the_file(data):
    candidates = ()
    try:
        decode_text(data)
    except EncodingError as fault:
        candidates = fault.candidates
    except TextError:
        return
    assert all(decode_text(data, name).text for name in candidates)
    assert len(set(candidates)) == len(candidates)


def test_five_megabytes_are_read_and_one_byte_more_is_refused():
    assert read(b"a" * 5_000_000) == ("a" * 5_000_000, "UTF-8", ())
    assert "at most 5 MB" in refusal(b"a" * 5_000_001)
    assert "7.3 MB" in refusal(b"a" * 7_300_000)


# An encoding that a person chose


@pytest.mark.parametrize(("asked", "codec"), [(name, codec) for name, codec in ENCODINGS.items()])
def test_every_encoding_on_offer_reads_what_it_wrote(asked, codec):
    text = "plain 123"
    assert read(text.encode(codec), asked) == (text, asked, ())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("latin-1", "Windows-1252 or Latin-1 (Western European)"),
        ("ISO-8859-1", "Windows-1252 or Latin-1 (Western European)"),
        ("cp1251", "Windows-1251 (Cyrillic)"),
        ("windows-1251", "Windows-1251 (Cyrillic)"),
        ("gb2312", "GB18030 (Chinese)"),
        ("GBK", "GB18030 (Chinese)"),
        ("gb18030", "GB18030 (Chinese)"),
        ("cp932", "Shift-JIS (Japanese)"),
        ("sjis", "Shift-JIS (Japanese)"),
        ("euc-kr", "EUC-KR or CP949 (Korean)"),
        ("utf8", "UTF-8"),
        ("ascii", "UTF-8"),
        ("UTF-8, replacing what cannot be read", "UTF-8, replacing what cannot be read"),
    ],
)
def test_a_chosen_encoding_may_be_called_by_its_other_names(asked, name):
    assert decode_text(b"plain", asked).encoding == name


@pytest.mark.parametrize("asked", ["", "klingon", "rot13", "hex", "base64", "zlib", "idna"])
def test_an_encoding_that_is_not_known_is_refused_with_the_ones_that_are(asked):
    assert "GB18030 (Chinese)" in refusal(b"plain", asked)


def test_a_chosen_encoding_that_does_not_fit_says_at_which_byte():
    assert "byte 8 (0x92, in line 2) does not fit" in refusal(b"don't\nd\x92abc", "utf-8")
    assert "byte 3 (0x81, in line 1)" in refusal(b"ab\x81", "cp1252")
    assert "byte 4 (0xFF, in line 1)" in refusal(b"\x80\x80a\xff", "utf-8")


def test_what_cannot_be_read_may_be_replaced():
    text, _, notes = read(b"don\x92t and can\x92t", "UTF-8, replacing what cannot be read")
    assert text == "don\ufffdt and can\ufffdt"
    assert notes == ("2 places could not be read and became \ufffd.",)
