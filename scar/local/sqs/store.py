"""The messages of all standard queues, in SQLite."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scar.local.state.databases import DatabaseFormat, open_database
from scar.local.state.files import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scar.local.moto.queue_records import QueueRecord

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    trace TEXT NOT NULL DEFAULT '',
    sent REAL NOT NULL,
    visible REAL NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    first_received REAL NOT NULL DEFAULT 0,
    receipt TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS message_by_queue ON message(queue, visible);
CREATE INDEX IF NOT EXISTS message_by_receipt ON message(receipt);
CREATE TABLE IF NOT EXISTS event_source (
    uuid TEXT PRIMARY KEY,
    document TEXT NOT NULL
)
"""
FORMAT: Final = DatabaseFormat(file=MESSAGES, schema=_SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A received message; ``sent`` and ``first_received`` in epoch seconds.

    ``receipt`` is the handle of this delivery; ``trace`` the trace id of what sent the message.
    """

    id: str
    body: str
    receipt: str
    sent: float
    received: int
    first_received: float
    trace: str = ""


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Messages that can be received, that are in flight, and that are delayed."""

    visible: int = 0
    in_flight: int = 0
    delayed: int = 0


class MessageStore:
    """Messages survive a killed process. ``clock`` returns epoch seconds.

    A message that was received when the process ended can be received again at the next start, as
    if its visibility timeout had passed: nothing processes it any more. ``on_send`` is called after
    each new message.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.lock = threading.RLock()
        self.database = open_database(path, FORMAT)
        self.on_send: Callable[[], None] = lambda: None
        self.database.execute(
            "UPDATE message SET visible = ?1, receipt = '' WHERE receipt != '' AND visible > ?1",
            (clock(),),
        )

    def send(self, queue: QueueRecord, body: str, *, delay: float = 0.0, trace: str = "") -> str:
        """Store a message durably; return its id."""
        number, now = str(uuid.uuid4()), self._clock()
        with self.lock:
            self.database.execute(
                "INSERT INTO message (id, queue, body, trace, sent, visible)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (number, queue.arn, body, trace, now, now + max(delay, queue.delay)),
            )
        self.on_send()
        return number

    def receive(
        self, queue: QueueRecord, most: int, *, visibility: int | None = None, most_bytes: int = 0
    ) -> list[StoredMessage]:
        """Return up to ``most`` messages, hidden from other receivers for ``visibility`` seconds.

        With ``most_bytes`` no more than fit into an event of so many bytes, but at least one.
        """
        now = self._clock()
        hidden_until = now + (queue.visibility if visibility is None else visibility)
        found: list[StoredMessage] = []
        size = 0
        with self.lock:
            self._discard_old(queue, now)
            rows = self.database.execute(
                "SELECT number, id, body, trace, sent, received, first_received FROM message"
                " WHERE queue = ? AND visible <= ? ORDER BY number LIMIT ?",
                (queue.arn, now, most),
            ).fetchall()
            self.database.execute("BEGIN")
            for number, message, body, trace, sent, received, first in rows:
                size += _size_in_event(body)
                if most_bytes and found and size > most_bytes:
                    break
                receipt = secrets.token_urlsafe(32)
                self.database.execute(
                    "UPDATE message SET visible = ?, received = ?, first_received = ?, receipt = ?"
                    " WHERE number = ?",
                    (hidden_until, received + 1, first or now, receipt, number),
                )
                found.append(
                    StoredMessage(
                        id=message,
                        body=body,
                        receipt=receipt,
                        sent=sent,
                        received=received + 1,
                        first_received=first or now,
                        trace=trace,
                    )
                )
            self.database.execute("COMMIT")
        return found

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete received messages."""
        with self.lock:
            self.database.execute("BEGIN")
            self.database.executemany(
                "DELETE FROM message WHERE receipt = ?", [(receipt,) for receipt in receipts]
            )
            self.database.execute("COMMIT")

    def change_visibility(self, receipts: Sequence[str], seconds: float) -> None:
        """Hide received messages for so many seconds from now."""
        until = self._clock() + seconds
        with self.lock:
            self.database.executemany(
                "UPDATE message SET visible = ? WHERE receipt = ?",
                [(until, receipt) for receipt in receipts],
            )

    def counts(self, queue: QueueRecord) -> MessageCounts:
        now = self._clock()
        with self.lock:
            self._discard_old(queue, now)
            row = self.database.execute(
                "SELECT count(*), coalesce(sum(visible <= ?1), 0),"
                " coalesce(sum(visible > ?1 AND received > 0), 0) FROM message WHERE queue = ?2",
                (now, queue.arn),
            ).fetchone()
        every, visible, in_flight = map(int, row)
        return MessageCounts(visible, in_flight, every - visible - in_flight)

    def visible_since(self, queue: QueueRecord) -> float | None:
        """Return since when the first message can be received; None if there is none."""
        with self.lock:
            (oldest,) = self.database.execute(
                "SELECT min(visible) FROM message WHERE queue = ? AND visible <= ?",
                (queue.arn, self._clock()),
            ).fetchone()
        return None if oldest is None else float(oldest)

    def delete_queue(self, arn: str) -> None:
        """Delete all messages of a queue."""
        with self.lock:
            self.database.execute("DELETE FROM message WHERE queue = ?", (arn,))

    def close(self) -> None:
        with self.lock:
            self.database.close()

    def _discard_old(self, queue: QueueRecord, now: float) -> None:
        """Delete what is older than the retention; move what was delivered too often."""
        self.database.execute(
            "DELETE FROM message WHERE queue = ? AND sent < ?", (queue.arn, now - queue.retention)
        )
        if queue.max_receives and queue.dead_letters:
            self.database.execute(
                "UPDATE message SET queue = ?, received = 0, receipt = ''"
                " WHERE queue = ? AND visible <= ? AND received >= ?",
                (queue.dead_letters, queue.arn, now, queue.max_receives),
            )


def _size_in_event(body: str) -> int:
    """Return about how many bytes of Lambda's event a message takes: escaped, with attributes."""
    return len(body.encode()) + body.count('"') + 800
