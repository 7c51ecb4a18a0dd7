"""The journal of successful changes, in SQLite (WAL mode), in their order.

The caller makes sure that one change is executed and appended at a time.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from scar.local.moto.calls import MotoRequest
from scar.local.state.databases import DatabaseFormat, open_database
from scar.local.state.files import CHANGE_JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.moto.journal_keys import JournalKey

_SCHEMA = """
CREATE TABLE IF NOT EXISTS change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, slot TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0, seed TEXT NOT NULL,
    service TEXT NOT NULL, region TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, content_type TEXT NOT NULL, target TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS change_owner ON change(owner, slot);
"""
_FORMAT = DatabaseFormat(file=CHANGE_JOURNAL, schema=_SCHEMA)
_COLUMNS = "service, region, method, path, query, content_type, target, body"


class ChangeJournal:
    """The changes that a restarted moto must repeat; redundant rows are deleted."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        # Every commit reaches the disk: an acknowledged change survives the loss of power.
        self._db = open_database(path, _FORMAT, synchronous="FULL")

    def append(self, seed: str, request: MotoRequest, key: JournalKey) -> None:
        """Append a successful change durably, and delete the rows that it makes redundant."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if key.slot:
                # Not rows of a deleted resource of the same name: they are replayed in order
                # with its creation and deletion, or not at all (_delete_ended).
                self._db.execute(
                    "DELETE FROM change WHERE owner = ? AND slot = ? AND NOT ended",
                    (key.owner, key.slot),
                )
            if not key.is_undo:
                self._insert_change(seed, request, key)
            if key.is_deletion:
                self._db.execute("UPDATE change SET ended = 1 WHERE owner = ?", (key.owner,))
                self._delete_ended()

    def _insert_change(self, seed: str, request: MotoRequest, key: JournalKey) -> None:
        self._db.execute(
            f"INSERT INTO change(owner, slot, seed, {_COLUMNS}) "  # noqa: S608 - constant names
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key.owner,
                key.slot,
                seed,
                request.service,
                request.region,
                request.method,
                request.path,
                request.query,
                request.content_type,
                request.target,
                request.body,
            ),
        )

    def _delete_ended(self) -> None:
        """Delete the rows of deleted resources, unless another resource's rows mention them.

        A job queue that was created with one compute environment and then moved to another one
        cannot be replayed without the first: then its creation and deletion both stay.
        """
        unmentioned = [
            owner
            for (owner,) in self._db.execute("SELECT DISTINCT owner FROM change WHERE ended")
            if not self._is_mentioned(owner)
        ]
        self._db.executemany(
            "DELETE FROM change WHERE owner = ? AND ended", [(owner,) for owner in unmentioned]
        )

    def _is_mentioned(self, owner: str) -> bool:
        # Names appear alone or inside ARNs and URLs. A false match only leaves a few rows.
        name = re.escape(owner.rpartition("/")[2])
        whole_name = re.compile(rf"(?<![\w.-]){name}(?![\w.-])")
        rows = self._db.execute(
            "SELECT content_type, path, body FROM change WHERE owner != ?", (owner,)
        )
        return any(whole_name.search(_searchable_text(*row)) for row in rows)

    def read_changes(self) -> Iterator[tuple[str, MotoRequest]]:
        """Yield (seed, request) in the order of the changes."""
        rows = self._db.execute(
            f"SELECT seed, {_COLUMNS} FROM change ORDER BY seq"  # noqa: S608 - constant names
        ).fetchall()
        for seed, service, region, method, path, query, content_type, target, body in rows:
            yield (
                seed,
                MotoRequest(
                    service=service,
                    region=region,
                    method=method,
                    path=path,
                    query=query,
                    content_type=content_type,
                    target=target,
                    body=body,
                ),
            )

    def close(self) -> None:
        self._db.close()


def _searchable_text(content_type: str, path: str, body: bytes) -> str:
    """Return a request's path and body, percent-decoded where they are encoded."""
    text = body.decode(errors="replace")
    if content_type.startswith("application/x-www-form-urlencoded"):
        text = unquote_plus(text)
    return f"{unquote_plus(path)} {text}"
