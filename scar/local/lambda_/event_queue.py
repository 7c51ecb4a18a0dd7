"""The queue of asynchronous invocations: unfinished events in SQLite, by due time."""

from __future__ import annotations

import heapq
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL,
    function_arn TEXT NOT NULL,
    payload BLOB NOT NULL,
    enqueued REAL NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    answer BLOB,
    trace TEXT NOT NULL DEFAULT ''
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedEvent:
    """One event; the last of its ``attempts`` failed with ``last_response``.

    ``trace`` is the trace id of the request that caused it, or empty.
    """

    id: int
    request_id: str
    function_arn: str
    payload: bytes
    enqueued: float
    due: float
    attempts: int
    last_response: bytes | None = None
    trace: str = ""


class EventQueue:
    """Survives a killed process; times are epoch seconds.

    An event stays in the file until ``delete``: an event that a killed process had taken is
    available again, with the same request id, when the file is next opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # With WAL, NORMAL survives a killed process; the loss of power may cost the last commits.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_SCHEMA)
        # A file of an earlier release has no such column.
        if "trace" not in {row[1] for row in self._db.execute("PRAGMA table_info(event)")}:
            self._db.execute("ALTER TABLE event ADD COLUMN trace TEXT NOT NULL DEFAULT ''")
        # Heaps of (due, id) in memory; events that are being run are in the file alone.
        self._waiting_by_function: dict[str, list[tuple[float, int]]] = {}
        for arn, due, number in self._db.execute("SELECT function_arn, due, id FROM event"):
            self._push_event(arn, due, number)

    def __len__(self) -> int:
        """Count waiting events, also those that wait for a retry, but not running ones."""
        with self._lock:
            return sum(map(len, self._waiting_by_function.values()))

    def put(
        self, function_arn: str, request_id: str, payload: bytes, now: float, trace: str = ""
    ) -> None:
        """Add an event durably."""
        with self._lock:
            cursor = self._db.execute(
                "INSERT INTO event (request_id, function_arn, payload, enqueued, due, trace)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (request_id, function_arn, payload, now, now, trace),
            )
            self._push_event(function_arn, now, int(cursor.lastrowid or 0))

    def ready_functions(self, now: float) -> list[str]:
        """List the ARNs of functions with a due event, the longest due first."""
        with self._lock:
            first_entries = [(heap[0], arn) for arn, heap in self._waiting_by_function.items()]
        return [arn for (due, _), arn in sorted(first_entries) if due <= now]

    def next_due_time(self) -> float | None:
        """Return when the next event is due, possibly in the past; None without events."""
        with self._lock:
            return min((heap[0][0] for heap in self._waiting_by_function.values()), default=None)

    def take(self, function_arn: str, now: float) -> QueuedEvent | None:
        """Take the function's first due event, or return None. The file keeps it."""
        with self._lock:
            heap = self._waiting_by_function.get(function_arn)
            if not heap or heap[0][0] > now:
                return None
            due, number = heapq.heappop(heap)
            if not heap:
                del self._waiting_by_function[function_arn]
            row = self._db.execute(
                "SELECT request_id, payload, enqueued, attempts, answer, trace FROM event"
                " WHERE id = ?",
                (number,),
            ).fetchone()
        return QueuedEvent(
            id=number,
            request_id=row[0],
            function_arn=function_arn,
            payload=row[1],
            enqueued=row[2],
            due=due,
            attempts=row[3],
            last_response=row[4],
            trace=row[5],
        )

    def restore(self, event: QueuedEvent) -> None:
        """Put a taken event back in its old position."""
        with self._lock:
            self._push_event(event.function_arn, event.due, event.id)

    def requeue(self, event: QueuedEvent, due: float, *, failed_with: bytes | None = None) -> None:
        """Make an event wait until ``due``; ``failed_with`` records one more failed attempt."""
        with self._lock:
            if failed_with is None:
                self._db.execute("UPDATE event SET due = ? WHERE id = ?", (due, event.id))
            else:
                self._db.execute(
                    "UPDATE event SET due = ?, attempts = ?, answer = ? WHERE id = ?",
                    (due, event.attempts + 1, failed_with, event.id),
                )
            self._push_event(event.function_arn, due, event.id)

    def delete(self, event: QueuedEvent) -> None:
        """Delete an event that is finished."""
        with self._lock:
            self._db.execute("DELETE FROM event WHERE id = ?", (event.id,))

    def close(self) -> None:
        """Close the file; its events stay."""
        with self._lock:
            self._db.close()

    def _push_event(self, arn: str, due: float, number: int) -> None:
        heapq.heappush(self._waiting_by_function.setdefault(arn, []), (due, number))
