"""The texts that ship with the project, and fetching the one that does not: no test touches the network."""

import errno
import hashlib
import http.client
import io
import re
import socket
import ssl
import tempfile
import unicodedata
import urllib.error
import urllib.request
import zlib
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import corpora
from explorer.corpora import cache_folder, fetch_time_machine, load_corpus, preprocess_time_machine
from explorer.text import TextError

TIME_MACHINE = Path(__file__).parents[2] / "shared/data/timemachine.txt"
PUBLISHED_SHA1 = "090b5e7e70c295757f55df93cb0a180b9691891a"  # d2l's DATA_HUB["time_machine"]
BOOK = b"The Time Machine\n\nTwo lines, by H. G. W. [1898]\n"
BUILT_IN = ["lighthouse", "river-town"]


@pytest.fixture
def raw_time_machine():
    if not TIME_MACHINE.is_file():
        pytest.skip("the text of The Time Machine is not beside this repository")
    return TIME_MACHINE.read_bytes()


# The built-in texts


def long_passages(text, length):
    return Counter(text[i : i + length] for i in range(len(text) - length + 1))


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_text_is_long_clean_and_composed(name):
    text = load_corpus(name)
    assert len(text) >= 12_000
    assert unicodedata.is_normalized("NFC", text)
    assert {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"}} == {"\n"}
    assert "\ufffd" not in text


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_file_is_unmarked_utf8_with_lf_and_is_what_load_corpus_gives(name):
    data = resources.files(corpora).joinpath(name.replace("-", "_") + ".txt").read_bytes()
    assert b"\r" not in data
    assert not data.startswith(b"\xef\xbb\xbf")
    assert data.decode("utf-8") == load_corpus(name)


@pytest.mark.parametrize(("name", "length"), [("lighthouse", 60), ("river-town", 40)])
def test_built_in_text_repeats_no_long_passage(name, length):
    text = load_corpus(name)
    assert long_passages(text, length).most_common(1)[0][1] == 1
    paragraphs = Counter(p for p in re.split(r"\n\s*\n", text) if len(p) >= 20)
    assert len(paragraphs) > 50
    assert max(paragraphs.values()) == 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_text_compresses_like_prose_and_not_like_a_repeated_page(name):
    data = load_corpus(name).encode()
    # Stretches of The Time Machine of this length give 0.42 to 0.45; any of these texts written twice gives 0.2.
    assert 0.33 < len(zlib.compress(data, 9)) / len(data) < 0.6
    half = data[: len(data) // 2]
    assert len(zlib.compress(half[:15_000] * 2, 9)) / len(half[:15_000] * 2) < 0.33


def test_built_in_texts_are_in_the_language_they_claim():
    english, chinese = (load_corpus(name) for name in BUILT_IN)
    assert english.isascii()
    assert sum(c.isalpha() or c == " " for c in english) / len(english) > 0.9
    assert sum("\u4e00" <= c <= "\u9fff" for c in chinese) / len(chinese) > 0.7


@pytest.mark.parametrize("name", ["", "Lighthouse", "lighthouse.txt", "../text", "river_town", "time machine"])
def test_an_unknown_name_is_refused_with_the_names_that_exist(name):
    with pytest.raises(TextError) as caught:
        load_corpus(name)
    assert all(known in str(caught.value) for known in ("lighthouse", "river-town", "time-machine", repr(name)))


@pytest.mark.parametrize("name", BUILT_IN)
def test_newlines_become_blanks_where_that_is_chosen(name):
    text, stream = load_corpus(name), load_corpus(name, newlines_to_blanks=True)
    assert stream == "".join(" " if c == "\n" else c for c in text)
    assert "\n" in text


# Preprocessing


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Hello,  World! 42\n\n  'Tis -- it.\n", "hello worldtis it"),
        ("a\r\nb\r\n", "ab"),
        ("one\ntwo", "onetwo"),
        ("1898\n", ""),
        ("caf\u00e9 na\u00efve", "caf na ve"),
        ("snake_case\tTAB", "snake case tab"),
        ("", ""),
    ],
)
def test_preprocessing_by_hand(raw, expected):
    assert preprocess_time_machine(raw) == expected


@given(st.text(st.sampled_from("aBz \n\t.,-_1é水'")))
@settings(deadline=None, max_examples=50)
def test_preprocessing_keeps_the_words_of_each_line(raw):
    lines = ["".join(c if c.isascii() and c.isalpha() else " " for c in line) for line in raw.split("\n")]
    assert preprocess_time_machine(raw) == "".join(" ".join(line.split()).lower() for line in lines)


def test_the_book_is_d2l_s_file_and_gives_the_counts_d2l_prints(raw_time_machine):
    assert hashlib.sha1(raw_time_machine).hexdigest() == PUBLISHED_SHA1 == corpora.TIME_MACHINE_SHA1
    text = preprocess_time_machine(raw_time_machine.decode("utf-8"))
    assert len(text) == 170_580
    assert set(text) == set(" abcdefghijklmnopqrstuvwxyz")
    lines = [preprocess_time_machine(line) for line in raw_time_machine.decode("utf-8").split("\n")[:-1]]
    assert len(lines) == 3221
    assert lines[0] == "the time machine by h g wells"
    assert lines[10] == "twinkled and his usually pale face was flushed and animated the"
    words = Counter(word for line in lines for word in line.split())
    assert words.most_common(10) == [
        ("the", 2261), ("i", 1267), ("and", 1245), ("of", 1155), ("a", 816),
        ("to", 695), ("was", 552), ("in", 541), ("that", 443), ("my", 440),
    ]  # fmt: skip


# Fetching


class Network:
    """Stands in for urlopen: serves bytes, or raises on opening or on reading; counts how often it was asked."""

    def __init__(self, served):
        self.served, self.calls = served, []

    def __call__(self, url, **options):
        self.calls.append((url, options))
        if isinstance(self.served, Exception):
            raise self.served
        return self.served if isinstance(self.served, io.IOBase) else io.BytesIO(self.served)


class BreaksOff(io.RawIOBase):
    def __init__(self, fault):
        self.fault = fault

    def read(self, _size=-1):
        raise self.fault


class CountsWhatIsRead(io.BytesIO):
    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.fixture
def network(monkeypatch):
    """Sets what the network serves; a tiny book takes the place of the real one, so its hash does too."""
    monkeypatch.setattr(corpora, "TIME_MACHINE_SHA1", hashlib.sha1(BOOK).hexdigest())

    def serve(served):
        fake = Network(served)
        monkeypatch.setattr(urllib.request, "urlopen", fake)
        return fake

    serve(AssertionError("no test may open the network unasked"))
    return serve


def sentence_of(fault):
    message = str(fault)
    assert "\n" not in message
    assert len(message) < 300
    return message


def test_a_fetched_book_is_kept_and_then_read_without_the_network(network, tmp_path):
    cache = tmp_path / "new" / "folder"
    online = network(BOOK)
    assert fetch_time_machine(cache) == BOOK.decode()
    assert {path.read_bytes() for path in cache.iterdir()} == {BOOK}

    offline = network(urllib.error.URLError("unreachable"))
    assert fetch_time_machine(cache) == BOOK.decode()
    assert (len(online.calls), len(offline.calls)) == (1, 0)


def test_it_is_asked_for_at_its_published_address_and_not_forever(network, tmp_path):
    online = network(BOOK)
    fetch_time_machine(tmp_path)
    [(url, options)] = online.calls
    assert url == "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"
    assert 0 < options["timeout"] <= 60


def test_the_real_book_passes_the_real_hash(monkeypatch, tmp_path, raw_time_machine):
    monkeypatch.setattr(urllib.request, "urlopen", Network(raw_time_machine))
    assert fetch_time_machine(tmp_path) == raw_time_machine.decode("utf-8")
    monkeypatch.setattr(urllib.request, "urlopen", Network(raw_time_machine[:-1]))
    with pytest.raises(TextError, match=PUBLISHED_SHA1):
        fetch_time_machine(tmp_path / "other")


def test_load_corpus_fetches_into_the_cache_folder_and_preprocesses(network, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network(BOOK)
    assert load_corpus("time-machine") == "the time machinetwo lines by h g w"
    assert [path.read_bytes() for path in (tmp_path / "gate-explorer").iterdir()] == [BOOK]


def test_the_cache_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "xdg" / "gate-explorer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / "local" / "gate-explorer"
    monkeypatch.setenv("LOCALAPPDATA", "")
    assert cache_folder() == tmp_path / ".cache" / "gate-explorer"


@pytest.mark.parametrize("served", [b"", BOOK + b" ", BOOK[:-1], b"<html>Log in to this hotel</html>", b"\xff\xfe\0"])
def test_another_file_is_refused_and_not_kept(served, network, tmp_path):
    network(served)
    with pytest.raises(TextError, match="another file") as caught:
        fetch_time_machine(tmp_path)
    sentence_of(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_read_only_in_part(network, tmp_path):
    answer = CountsWhatIsRead(bytes(5_000_000))
    network(answer)
    with pytest.raises(TextError, match="another file"):
        fetch_time_machine(tmp_path)
    assert 0 < answer.taken <= 1_000_000


OFFLINE = "so this machine is probably offline"
FAULTS = {
    "no name server": (
        urllib.error.URLError(socket.gaierror(-3, "Temporary failure in name resolution")),
        f"its address cannot be found, {OFFLINE}",
    ),
    "no way": (
        urllib.error.URLError(OSError(errno.ENETUNREACH, "Network unreachable")),
        f"there is no route to it, {OFFLINE}",
    ),
    "not there": (
        urllib.error.HTTPError("http://x", 404, "Not Found", http.client.HTTPMessage(), None),
        "the server answers 404",
    ),
    "too slow": (TimeoutError("timed out"), "there was no answer within 10 seconds"),
    "refused": (
        urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")),
        "the connection was refused",
    ),
    "not secure": (urllib.error.URLError(ssl.SSLError(1, "bad certificate")), "no secure connection could be made"),
    "cut off": (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "the connection broke off"),
    "closed early": (
        http.client.RemoteDisconnected("Remote end closed connection without response"),
        "the connection broke off",
    ),
    "not HTTP": (http.client.BadStatusLine("SSH-2.0-OpenSSH_9.6"), "the connection broke off"),
    "half of it": (http.client.IncompleteRead(b"The Time", 178_971), "the connection broke off"),
}


@pytest.mark.parametrize("moment", ["opening", "reading"])
@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
def test_without_the_network_one_plain_sentence_says_so(fault, reason, moment, network, tmp_path):
    network(fault if moment == "opening" else BreaksOff(fault))
    with pytest.raises(TextError) as caught:
        fetch_time_machine(tmp_path)
    message = sentence_of(caught.value)
    assert message.startswith("The Time Machine could not be fetched from http://")
    assert f"timemachine.txt: {reason}." in message
    assert message.endswith("take one of the built-in corpora, lighthouse or river-town, which need no network.")
    assert "Errno" not in message
    assert list(tmp_path.iterdir()) == []


def test_the_built_in_texts_need_no_network(network):
    offline = network(urllib.error.URLError("unreachable"))
    assert all(load_corpus(name) for name in BUILT_IN)
    assert offline.calls == []


@pytest.mark.parametrize("damage", [b"", BOOK[:-1], BOOK.upper(), b"\xff"])
def test_a_damaged_copy_is_fetched_again_and_replaced(damage, network, tmp_path):
    network(BOOK)
    fetch_time_machine(tmp_path)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(damage)

    online = network(BOOK)
    assert fetch_time_machine(tmp_path) == BOOK.decode()
    assert len(online.calls) == 1
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [BOOK]


def test_a_damaged_copy_is_never_used_offline(network, tmp_path):
    network(BOOK)
    fetch_time_machine(tmp_path)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(b"something else")
    network(urllib.error.URLError("unreachable"))
    with pytest.raises(TextError, match="could not be fetched"):
        fetch_time_machine(tmp_path)


def refuses(number):
    def fail(*_args, **_kwargs):
        raise OSError(number, "refused")

    return fail


def test_a_cache_below_a_file_still_gives_the_book(network, tmp_path):
    network(BOOK)
    (tmp_path / "file").write_bytes(b"")
    assert fetch_time_machine(tmp_path / "file" / "cache") == BOOK.decode()


# A test that runs as root cannot take a permission away, so the system's refusal is played.
@pytest.mark.parametrize(
    ("owner", "call", "number"),
    [
        (Path, "mkdir", errno.EACCES),
        (tempfile, "mkstemp", errno.EROFS),
        (tempfile, "mkstemp", errno.ENOSPC),
        (Path, "replace", errno.EACCES),
    ],
)
def test_a_cache_that_cannot_be_written_still_gives_the_book_and_leaves_nothing_behind(
    owner, call, number, network, monkeypatch, tmp_path
):
    network(BOOK)
    monkeypatch.setattr(owner, call, refuses(number))
    assert fetch_time_machine(tmp_path / "cache") == BOOK.decode()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("call", ["read_bytes", "is_file"])
def test_a_cache_that_cannot_be_read_still_gives_the_book(call, network, monkeypatch, tmp_path):
    network(BOOK)
    fetch_time_machine(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(Path, call, refuses(errno.EACCES))
        assert fetch_time_machine(tmp_path) == BOOK.decode()
