"""Tables to download: a page offers them with their size, and a plain address sends them in blocks.

An offer belongs to a session: it is kept there and nowhere else, and ends with it. Its address cannot be guessed and answers
only the browser it was made for. Large facts are not kept for it (`Fact`). The blocks of all downloads are made in one
thread, so that however many there are, one core stays free for the pages and one block is in the making.
"""

from __future__ import annotations

import asyncio
import io
import re
import secrets
import time
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import pandas as pd
import streamlit as st
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from explorer import runs
from explorer.figures.tables import sliced
from explorer.pages.shell import people, session
from explorer.pages.shell.plain import cell
from explorer.words import Voice, preferred, say, speaking

T = TypeVar("T")
Made = pd.DataFrame | Iterator[pd.DataFrame]

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
NAMES = {"csv": "CSV", "parquet": "Parquet"}
# Excel takes a CSV without this mark for the system's own encoding, and spoils every character that is not ASCII. pandas,
# R's readr and Polars skip it. Programs are better off with Parquet anyway.
BYTE_ORDER_MARK = "\ufeff".encode()
SHEET_ROWS = 1_048_576  # the lines that Excel and LibreOffice open
SCRIPT, CSS = (Path(__file__).parent / f"downloads.{kind}" for kind in ("js", "css"))
HTML = '<div class="tables"></div>'
SAMPLE_ROWS = 2_048  # by which a size is judged
MOST_OFFERS = 16  # of one session: the tables of two pages
LIFE_S = 4 * 3600  # of an offer, since its page was last shown
MOST_OF_BROWSER, MOST = 2, 8  # downloads at once
STALLED_S = 120  # a browser that takes nothing for so long has given up


class Fact(Generic[T]):
    """Something large that is kept elsewhere: taken from there while it is there, else computed again."""

    def __init__(self, fact: T, again: Callable[[], T]) -> None:
        self._kept, self._again = weakref.ref(fact), again

    def __call__(self) -> T:
        """The fact; whoever gets it keeps it alive."""
        fact = self._kept()
        return self._again() if fact is None else fact


@dataclass(frozen=True)
class Table:
    """A table one can download.

    Nothing in it may be a function of a page's script: that holds all the page's globals, and so every fact it has shown.

    Attributes:
        name: what it is called.
        about: what it is of, for the file's name.
        make: makes the table, or its blocks.
        fact: what `make` is given; None for nothing.
        rows: how many it has; None: `make` is cheap, and they are counted.
        sample: makes a few of its lines; None: the first ones are taken.

    """

    name: str
    about: str
    make: Callable[..., Made]
    fact: Fact[Any] | None = None
    rows: int | None = None
    sample: Callable[[], pd.DataFrame] | None = None

    def blocks(self) -> Iterator[pd.DataFrame]:
        """Its lines in blocks; nothing is computed before the first is asked for."""
        made = self.make(self.fact()) if self.fact else self.make()
        yield from sliced(made) if isinstance(made, pd.DataFrame) else made

    def file_name(self, kind: str) -> str:
        """What it is and of which model. Not of which text: a file travels farther than its owner's words should."""
        words = re.sub(r"\W+", "-", f"{self.name} {self.about}".lower()).strip("-")
        return f"{words[:100]}.{kind}"

    def measured(self) -> tuple[int, dict[str, float]]:
        """How many lines it has, and about how many bytes they are in each format."""
        first = self.sample() if self.sample else next(self.blocks())
        rows = sum(map(len, self.blocks())) if self.rows is None else self.rows
        return rows, {kind: _bytes(kind, first.head(SAMPLE_ROWS), rows) for kind in MEDIA_TYPES}


def _bytes(kind: str, sample: pd.DataFrame, rows: int) -> float:
    """About how long a file of so many such lines is."""
    frame, whole = (sum(map(len, encoded(kind, iter([lines])))) for lines in (sample.head(0), sample))
    return frame + (whole - frame) * rows / max(len(sample), 1)


@dataclass(frozen=True)
class Offer:
    """A table at an address, for one browser."""

    token: str
    browser: str
    table: Table
    until: float
    voice: Voice = field(default_factory=Voice.now)


_offers: weakref.WeakValueDictionary[str, Offer] = weakref.WeakValueDictionary()
_under_way: Counter[str] = Counter()  # by browser; only the server's event loop touches it
_maker = ThreadPoolExecutor(1, "export")


def offer(tables: Iterable[Table], key: str) -> None:
    """A place that opens: each table with its lines and its size, and a button for each format.

    Args:
        tables: made only while the place is open.
        key: tells the places of a page apart.

    """
    place = st.expander(say("page.download"), key=f"export_{key}", icon=":material/download:", on_change="rerun")
    if place.open:
        component = st.components.v2.component(
            "downloads", html=HTML, css=CSS.read_text("utf-8"), js=SCRIPT.read_text("utf-8")
        )
        with place:
            shown = [_shown(table, _offered(table, f"{key} {table.name}")) for table in tables]
            component(key=f"downloads_{key}", data={"tables": shown})


def _shown(table: Table, token: str) -> dict[str, Any]:
    rows, sizes = table.measured()
    said = say("table.long" if rows > SHEET_ROWS else "table.rows", rows=rows)
    files = [
        {"label": f"{NAMES[kind]}, {in_words(size)}", "address": f"export/{token}/{kind}"}
        for kind, size in sizes.items()
    ]
    return {"name": table.name, "said": said, "files": files}


def in_words(size: float) -> str:
    """A number of bytes, to two digits."""
    unit, name = next(
        (unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= unit or unit == 1e3
    )
    return f"{max(1.0, float(f'{size / unit:.2g}')):g} {name}"


def _offered(table: Table, key: str) -> str:
    """The token of a table; it stays the same while the session lasts, so that no button is ever out of date."""
    kept: dict[str, Offer] = dict(session.kept("exports", {}))
    before = kept.pop(key, None)
    token = before.token if before else secrets.token_urlsafe(24)
    # Without a cookie the token is all there is, and only a browser without one may use it.
    browser = str(st.context.headers.get(people.BROWSER_HEADER) or "")
    kept[key] = _offers[token] = Offer(token, browser, table, time.monotonic() + LIFE_S)
    session.fill({"exports": dict([*kept.items()][-MOST_OFFERS:])})
    return token


def answer(token: str, kind: str, browser: str, languages: str = "") -> Response:
    """A download, or why there is none, in the first of the languages which a browser names that we speak."""
    offered = _offers.get(token)
    if offered is None or kind not in MEDIA_TYPES or offered.browser != browser or offered.until < time.monotonic():
        with speaking(preferred(languages)):
            return _refusal(404, say("page.download.gone"))
    return Download(offered, kind)


def _refusal(status: int, sentence: str) -> Response:
    """A sentence, as the answer itself and, for those who only ask, in a header."""
    return PlainTextResponse(sentence, status, {"Cache-Control": "no-store", "X-Reason": quote(sentence)})


def in_voice(voice: Voice, blocks: Iterator[bytes]) -> Generator[bytes]:
    """Blocks that are made in a thread of their own, which knows no session, each as the page that offered them speaks."""
    while True:
        with speaking(*voice):
            block = next(blocks, None)
        if block is None:
            return
        yield block


class Download(StreamingResponse):
    """A table on its way: a block is made when the browser has taken the one before."""

    def __init__(self, offered: Offer, kind: str) -> None:
        self.offered, self.kind = offered, kind
        name = f"attachment; filename*=utf-8''{quote(offered.table.file_name(kind))}"
        headers = {"Content-Disposition": name, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        super().__init__((), 200, headers, MEDIA_TYPES[kind])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, if there is a place; however it ends, the place is free again and nothing more is made."""
        browser = self.offered.browser or self.offered.token
        with speaking(*self.offered.voice):
            refused = _refused(browser)
        if refused:
            await _refusal(429, refused)(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            await Response(headers=dict(self.headers))(scope, receive, send)
            return
        with _place(browser):
            spoken = in_voice(self.offered.voice, encoded(self.kind, self.offered.table.blocks()))
            async with aclosing(_pieces(spoken)) as pieces:
                await self._send(pieces, scope, receive, send)

    async def _send(self, pieces: AsyncIterator[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            await asyncio.wait_for(send(message), STALLED_S)

        try:
            first = await anext(pieces)  # before anything is said: it may turn out that there is nothing
        except runs.RunError as fault:
            with speaking(*self.offered.voice):
                refusal = _refusal(404, str(fault))
            await refusal(scope, receive, send)
            return
        self.body_iterator = _after(first, pieces)
        try:
            await super().__call__(scope, receive, send_on)
        except (ClientDisconnect, TimeoutError):
            return


def _refused(browser: str) -> str:
    """Why there is no place for one more download; "" where there is one."""
    if _under_way[browser] >= MOST_OF_BROWSER:
        return say("page.download.busy", most=MOST_OF_BROWSER)
    return say("page.download.full") if _under_way.total() >= MOST else ""


@contextmanager
def _place(browser: str) -> Iterator[None]:
    """A place for a download, which is free again however it ends."""
    _under_way[browser] += 1
    try:
        yield
    finally:
        _under_way[browser] -= 1
        if not _under_way[browser]:
            del _under_way[browser]


async def _pieces(made: Generator[bytes]) -> AsyncGenerator[bytes]:
    """What a generator makes, made in the thread of all downloads."""
    loop = asyncio.get_running_loop()
    try:
        while (piece := await loop.run_in_executor(_maker, next, made, None)) is not None:
            yield piece
    finally:
        _maker.submit(made.close)  # after the block that is in the making


async def _after(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece


class _Sink(io.RawIOBase):
    """A file that is written from its beginning to its end, and whose pieces are taken away meanwhile."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._length += len(self._parts[-1])
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def encoded(kind: str, blocks: Iterator[pd.DataFrame]) -> Generator[bytes]:
    """A file of these blocks, a piece for each and one that ends it.

    By Arrow: it writes eight times as fast as pandas, to the shortest digits that are read back as the same number, and lets
    other threads run meanwhile.
    """
    import pyarrow as pa

    sink, prepare = _Sink(), {"csv": _for_spreadsheets, "parquet": _of_one_kind}[kind]
    first = prepare(next(blocks))
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with _writer(kind, sink, schema) as writer:
        for block in chain([first], map(prepare, blocks)):
            writer.write_table(pa.Table.from_pandas(block, schema, preserve_index=False, nthreads=1))
            yield sink.take()
    yield sink.take()


def _of_one_kind(block: pd.DataFrame) -> pd.DataFrame:
    """The same with words where a column has things of several kinds, as a table of settings does."""
    mixed = {str(name): block[name].map(str).astype("str") for name in block if block[name].dtype == object}
    return block.assign(**mixed)


def _for_spreadsheets(block: pd.DataFrame) -> pd.DataFrame:
    """The same with a person's words as `cell` writes them, which a spreadsheet does not compute."""
    block = _of_one_kind(block)
    for name in map(str, block.select_dtypes("str")):
        guarded = {word: cell(word) for word in block[name].dropna().unique()}
        if any(word != said for word, said in guarded.items()):
            block = block.assign(**{name: block[name].map(guarded)})
    return block.rename(columns=cell)


def _writer(kind: str, sink: _Sink, schema: Any) -> Any:
    """What writes Arrow tables of a schema into a file."""
    if kind == "csv":
        from pyarrow.csv import CSVWriter

        sink.write(BYTE_ORDER_MARK)
        return CSVWriter(sink, schema)
    from pyarrow import types
    from pyarrow.parquet import ParquetWriter

    # A dictionary of numbers that are all different makes a file longer.
    repeated = [field.name for field in schema if not types.is_floating(field.type)]
    return ParquetWriter(sink, schema, use_dictionary=repeated)
