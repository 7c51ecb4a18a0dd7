"""The SQLite database: concurrent readers, one writer, actions after a commit."""

from __future__ import annotations

import collections
import contextlib
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.s3.storage.schema import FORMAT
from scar.local.state.databases import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CACHE = "PRAGMA cache_size=-8000"
_IDLE_READERS = 16


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction; ``after_commit`` runs once it is committed, not if it is rolled back.

    Body files are removed there: a rolled-back transaction must not lose them.
    """

    db: sqlite3.Connection
    after_commit: list[Callable[[], None]] = field(default_factory=list)


class Database:
    """One SQLite file in WAL mode: readers do not block the writer, nor the writer readers.

    Commits survive a crash of the process (``synchronous`` NORMAL); with ``durable`` (FULL) also
    a loss of power. ``is_used``: the file was created once, so a new one is not accepted.
    Raise StateFileError if the file cannot be used.
    """

    def __init__(self, path: Path, *, durable: bool = False, is_used: bool = False) -> None:
        self._synchronous = "FULL" if durable else "NORMAL"
        self._readers: collections.deque[sqlite3.Connection] = collections.deque()
        self._lock = threading.Lock()
        self.path = path
        self._writer = open_database(path, FORMAT, synchronous=self._synchronous, is_used=is_used)
        self._writer.execute(_CACHE)

    def _connect(self) -> sqlite3.Connection:
        # No isolation level: transactions are begun explicitly. Each connection is used by one
        # thread at a time, though not always by the one that opened it.
        db = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        db.execute(_CACHE)
        return db

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield a pooled connection for reading; each statement reads one committed state."""
        # The last one first: its pages are in its cache.
        try:
            db = self._readers.pop()
        except IndexError:
            db = self._connect()
        try:
            yield db
        finally:
            if len(self._readers) < _IDLE_READERS:
                self._readers.append(db)
            else:  # each connection costs file descriptors, also while it is idle
                db.close()

    @contextlib.contextmanager
    def write(self) -> Iterator[Transaction]:
        """Yield the only write transaction; commit it after the block, roll back if that raises."""
        with self._lock:
            transaction = Transaction(self._writer)
            # IMMEDIATE takes the write lock now; a deferred one may fail later (SQLITE_BUSY).
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield transaction
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # on a full disk, SQLite itself rolls back
                    self._writer.execute("ROLLBACK")
                raise
        # Outside the lock: removing files may take long.
        for action in transaction.after_commit:
            action()

    def close(self) -> None:
        """Close the idle connections, and the writer once its transaction has ended."""
        with contextlib.suppress(IndexError):
            while True:
                self._readers.pop().close()
        with self._lock:
            self._writer.close()
