"""The texts to learn from: two written for this project, and The Time Machine, fetched from its public address."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from functools import cache
from importlib import resources
from pathlib import Path

from explorer.files import write_atomically
from explorer.text import TextError, clean_text
from explorer.text import newlines_to_blanks as without_newlines
from explorer.words import Saying

TIME_MACHINE_URL = "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"
TIME_MACHINE_SHA1 = "090b5e7e70c295757f55df93cb0a180b9691891a"
FETCH_TIMEOUT_S = 10
FETCH_MAX_BYTES = 1_000_000

BUILT_IN = {"lighthouse": "lighthouse.txt", "river-town": "river_town.txt"}
NAMES = (*BUILT_IN, "time-machine")


def load_corpus(name: str, newlines_to_blanks: bool = False) -> str:
    """The text of a corpus by name: "lighthouse" (English), "river-town" (Chinese) or "time-machine" (fetched).

    Args:
        name: one of NAMES.
        newlines_to_blanks: whether each line end becomes a blank; The Time Machine has none in any case.

    Raises:
        TextError: no such corpus, or The Time Machine could not be fetched (the built-in ones always work).

    """
    if name in BUILT_IN:
        text = _built_in(name)
        return without_newlines(text) if newlines_to_blanks else text
    if name == "time-machine":
        return preprocess_time_machine(fetch_time_machine())
    raise TextError("corpora.unknown", names=NAMES, got=name)


@cache
def _built_in(name: str) -> str:
    return clean_text(resources.files(__name__).joinpath(BUILT_IN[name]).read_text("utf-8"))


def preprocess_time_machine(raw: str) -> str:
    """d2l's preprocessing: per line, runs of non-letters become one blank, stripped, lower case, joined with nothing.

    Source: Dive into Deep Learning 0.17, section 8.2. The book as it is fetched gives 170,580 characters.
    """
    return "".join(re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in raw.splitlines())


def cache_folder() -> Path:
    """Where fetched texts are kept: $XDG_CACHE_HOME, %LOCALAPPDATA% or ~/.cache, in a folder of ours."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "gate-explorer"


def fetch_time_machine(cache: Path | None = None) -> str:
    """H. G. Wells, The Time Machine (1898, public domain), the file d2l uses; kept in the cache once it is there.

    Raises:
        TextError: it is not in the cache and could not be fetched, or what came is not that file.

    """
    kept = (cache or cache_folder()) / "timemachine.txt"
    with contextlib.suppress(OSError):
        if _is_the_book(data := kept.read_bytes()):
            return data.decode("utf-8")
    try:
        with urllib.request.urlopen(TIME_MACHINE_URL, timeout=FETCH_TIMEOUT_S) as response:
            data = bytes(response.read(FETCH_MAX_BYTES))
    except (OSError, http.client.HTTPException) as fault:
        raise TextError(
            "corpora.not-fetched", url=TIME_MACHINE_URL, cause=_cause(fault), built_in=tuple(BUILT_IN)
        ) from fault
    if not _is_the_book(data):
        raise TextError("corpora.another-file", sha1=TIME_MACHINE_SHA1, url=TIME_MACHINE_URL)
    with contextlib.suppress(OSError):  # a read-only home only means that the book is fetched again next time
        write_atomically(kept, data)
    return data.decode("utf-8")


def _cause(fault: Exception) -> Saying:
    """Why a fetch failed, without the system's numbers."""
    cause = getattr(fault, "reason", fault)
    if isinstance(fault, urllib.error.HTTPError):
        return Saying("corpora.server-answers", {"status": fault.code})
    if isinstance(cause, socket.gaierror):
        return Saying("corpora.no-address")
    if isinstance(cause, TimeoutError):
        return Saying("corpora.no-answer", {"seconds": FETCH_TIMEOUT_S})
    if isinstance(cause, ConnectionRefusedError):
        return Saying("corpora.connection-refused")
    if isinstance(cause, ssl.SSLError):
        return Saying("corpora.not-secure")
    if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return Saying("corpora.no-way")
    return Saying("corpora.connection-broke-off")


def _is_the_book(data: bytes) -> bool:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest() == TIME_MACHINE_SHA1
