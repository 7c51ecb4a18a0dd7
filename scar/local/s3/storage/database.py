"""One SQLite file: many readers, one writer, and what happens after a commit."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError
from scar.local.s3.storage.schema import SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write in progress; ``after_commit`` runs once it is durable, never if it failed."""

    db: sqlite3.Connection
    after_commit: list[Callable[[], None]] = field(default_factory=list)


class Database:
    """Raises ConfigurationError if the file was written by a later format.

    ``synchronous`` NORMAL survives the death of the process; with ``durable`` FULL also the
    loss of power.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._path = path
        self._durable = durable
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode=WAL")
        found = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        if found > SCHEMA_VERSION:
            raise ConfigurationError(
                f"{path} was written by a later release of scar (format {found}).",
                remedy="Use that release, or `scar local reset` to begin anew.",
            )
        self._writer.executescript(f"{SCHEMA} PRAGMA user_version={SCHEMA_VERSION};")

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=30, check_same_thread=False)
        db.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
        db.execute("PRAGMA cache_size=-8000")
        return db

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading; each statement sees one committed state."""
        try:
            db = self._readers.get_nowait()
        except queue.Empty:
            db = self._connect()
        try:
            yield db
        finally:
            self._readers.put(db)

    @contextlib.contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction, alone; committed at the end of the block, rolled back if it raises."""
        with self._lock:
            transaction = Transaction(self._writer)
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield transaction
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
        for action in transaction.after_commit:
            action()

    def close(self) -> None:
        """Close idle connections and the writer, once its transaction has ended."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._readers.get_nowait().close()
        with self._lock:
            self._writer.close()
