"""The SQLite file of a store: a connection that writes, one that cannot, and the file that both belong to.

Showing is reading: it never waits for a writer, in this process or in another. A file that was deleted or replaced is
noticed at the next use, since a connection would go on with the old one, which nobody else sees any more.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from explorer.runs.facts import DataFolderError, RunError, disk_fault

WRITER_WAITS_S, READER_WAITS_S = 10, 2


class StoreGoneError(DataFolderError):
    """The file of the store is not the one that was opened."""


@contextmanager
def disk_told() -> Iterator[None]:
    """What the disk says, as a sentence.

    Raises:
        DataFolderError: it refused.
        RunError: something is no text.

    """
    try:
        yield
    except (OSError, sqlite3.Error) as fault:
        raise disk_fault(fault) from fault
    except UnicodeEncodeError as fault:
        raise RunError("run.half-character") from fault


class Database:
    """Transactions and queries on one file; may be used from many threads.

    What is committed is on the disk (WAL, synchronous=FULL): a process may be killed at any moment.

    Args:
        path: of the file; it is made where there is none.
        schema: statements that make the tables, each ended by a semicolon.
        version: of the tables; a file of another one is refused.
        follows: whether a file that was put in the place of this one is used from then on. Otherwise it is refused.

    Raises:
        RunError: (from every method) the disk refused; nothing is half written.
        StoreGoneError: the file was deleted, or replaced and is not followed.

    """

    def __init__(self, path: Path, schema: str, version: int, *, follows: bool = True) -> None:
        self._writer = _Connection(path, schema, version, follows, reads_only=False)
        self._reader = _Connection(path, schema, version, follows, reads_only=True)

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """The answer to a query, of what is committed."""
        # A link can hold half of a character, which no text in the file has.
        asked = [value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in values]
        with self._reader.use() as reader:
            return reader.execute(query, asked).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it on the disk, or none."""
        with self._writer.use() as writer:
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()
        self._reader.close()


class _Connection:
    """A connection to a file, opened again when another file is in its place."""

    def __init__(self, path: Path, schema: str, version: int, follows: bool, *, reads_only: bool) -> None:
        self._path, self._schema, self._version = path, schema, version
        self._follows, self._reads_only = follows, reads_only
        self._lock = threading.RLock()
        with disk_told():
            self._open()

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time."""
        with self._lock, disk_told():
            self._look()
            yield self.connection

    def close(self) -> None:
        with self._lock:
            self.connection.close()

    def _look(self) -> None:
        try:
            found = _identity(self._path)
        except FileNotFoundError:
            raise StoreGoneError("store.gone") from None
        if found == self._file:
            return
        if not self._follows:
            raise StoreGoneError("store.replaced")
        self.connection.close()
        self._open()

    def _open(self) -> None:
        # Made for its owner's eyes before SQLite opens it: the files beside it are given the same rights.
        self._path.touch(mode=0o600)
        self._file = _identity(self._path)
        self.connection = sqlite3.connect(
            self._path,
            timeout=READER_WAITS_S if self._reads_only else WRITER_WAITS_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self.connection.row_factory = sqlite3.Row
        self.connection.text_factory = _decoded
        self._prepare()
        if self._reads_only:
            self.connection.execute("PRAGMA query_only = 1")

    def _prepare(self) -> None:
        """The tables, where there are none; a file that has them is only read."""
        if not self._known():
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("BEGIN IMMEDIATE")
            if not self._known():  # nobody else has made them meanwhile
                for statement in filter(str.strip, self._schema.split(";")):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {self._version}")
            self.connection.execute("COMMIT")
            self._path.chmod(0o600)
        self.connection.execute("PRAGMA synchronous = FULL")

    def _known(self) -> bool:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, self._version):
            raise DataFolderError("store.format", format=self._version, got=version)
        return bool(version == self._version)


def _decoded(data: bytes) -> str:
    """A text of the file, with a half character for each byte that is no UTF-8: one damaged row must not hide the others."""
    return data.decode("utf-8", "surrogateescape")


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode: they stay as long as anyone has the file open, also when it is deleted."""
    found = path.stat()
    return found.st_dev, found.st_ino
