"""The queue of asynchronous invocations: unfinished events in SQLite, by due time."""

from __future__ import annotations

import heapq
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from scar.local.state.databases import DatabaseFormat, open_database
from scar.local.state.files import EVENT_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable
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


_FORMAT: Final = DatabaseFormat(
    file=EVENT_QUEUE,
    schema=_SCHEMA,
    added_columns=(("event", "trace", "TEXT NOT NULL DEFAULT ''"),),
)
_LONGEST_RETRY_WAIT: Final = 300.0
"""Seconds, more than any wait for a retry. A later due time was written by a wrong clock."""
_DELETED_AT_ONCE: Final = 32
_KEPT_BYTES: Final = 8 << 20
"""Payloads of waiting events in memory; those of others are read from the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedEvent:
    """One event; the last of its ``attempts`` failed with ``last_response``.

    ``queued_at`` and ``due`` are times of the queue's timer. ``trace`` is the trace id of the
    request that caused the event, or empty.
    """

    id: int
    request_id: str
    function_arn: str
    payload: bytes
    queued_at: float
    due: float
    attempts: int
    last_response: bytes | None = None
    trace: str = ""


class _Position(NamedTuple):
    """The place of a waiting event in its function's heap; times are those of the timer."""

    due: float
    number: int
    queued_at: float


class _Content(NamedTuple):
    """The columns of an event that do not decide when it is due."""

    request_id: str
    payload: bytes
    attempts: int = 0
    last_response: bytes | None = None
    trace: str = ""


class EventQueue:
    """Survives a killed process.

    An event stays in the file until ``delete``: an event that a killed process had taken is
    available again, with the same request id, when the file is next opened. So are finished ones,
    up to 32, that it had not yet deleted from the file: each event runs at least once.

    ``timer`` returns seconds that only move forwards; ``clock`` epoch seconds, which the file
    contains. The clock is read when an event is written and when the file is opened, nowhere
    else: a clock that is set back or forward delays no event and makes none too old.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._db = open_database(path, _FORMAT)
        # Heaps in memory; events that are being run are in the file alone.
        self._waiting_by_function: dict[str, list[_Position]] = {}
        self._finished: list[tuple[int]] = []
        self._kept: dict[int, _Content] = {}
        self._kept_bytes = 0
        rows = self._db.execute("SELECT function_arn, id, enqueued, due, attempts FROM event")
        for arn, number, enqueued, due, attempts in rows:
            self._push(arn, self._restored_position(number, enqueued, due, attempts))

    def __len__(self) -> int:
        """Count waiting events, also those that wait for a retry, but not running ones."""
        with self._lock:
            return sum(map(len, self._waiting_by_function.values()))

    def put(
        self,
        function_arn: str,
        request_id: str,
        payload: bytes,
        trace: str = "",
        *,
        delay: float = 0.0,
    ) -> None:
        """Add an event durably, due after ``delay`` seconds."""
        with self._lock:
            now = self._clock()
            cursor = self._db.execute(
                "INSERT INTO event (request_id, function_arn, payload, enqueued, due, trace)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (request_id, function_arn, payload, now, now + delay, trace),
            )
            queued_at, number = self._timer(), int(cursor.lastrowid or 0)
            self._keep(number, _Content(request_id, payload, trace=trace))
            self._push(function_arn, _Position(queued_at + delay, number, queued_at))

    def ready_functions(self) -> list[str]:
        """List the ARNs of functions with a due event, the longest due first."""
        with self._lock:
            first_entries = [(heap[0], arn) for arn, heap in self._waiting_by_function.items()]
        now = self._timer()
        return [arn for position, arn in sorted(first_entries) if position.due <= now]

    def first_ready_function(self) -> str | None:
        """Return the ARN of the function whose event has been due longest, or None."""
        with self._lock:
            first = min(
                ((heap[0], arn) for arn, heap in self._waiting_by_function.items()), default=None
            )
        return first[1] if first is not None and first[0].due <= self._timer() else None

    def seconds_until_due(self) -> float | None:
        """Return the seconds until the next event is due, at least 0; None without events."""
        with self._lock:
            due = min((heap[0].due for heap in self._waiting_by_function.values()), default=None)
        return None if due is None else max(due - self._timer(), 0.0)

    def age(self, event: QueuedEvent) -> float:
        """Return the seconds since the event was put into the queue."""
        return self._timer() - event.queued_at

    def take(self, function_arn: str) -> QueuedEvent | None:
        """Take the function's first due event, or return None. The file keeps it."""
        with self._lock:
            heap = self._waiting_by_function.get(function_arn)
            if not heap or heap[0].due > self._timer():
                return None
            position = heap[0]
            content = self._take_content(position.number)
            heapq.heappop(heap)
            if not heap:
                del self._waiting_by_function[function_arn]
        return QueuedEvent(
            id=position.number,
            request_id=content.request_id,
            function_arn=function_arn,
            payload=content.payload,
            queued_at=position.queued_at,
            due=position.due,
            attempts=content.attempts,
            last_response=content.last_response,
            trace=content.trace,
        )

    def restore(self, event: QueuedEvent) -> None:
        """Put a taken event back in its old position."""
        content = _Content(
            event.request_id, event.payload, event.attempts, event.last_response, event.trace
        )
        with self._lock:
            self._keep(event.id, content)
            self._push(event.function_arn, _Position(event.due, event.id, event.queued_at))

    def requeue(self, event: QueuedEvent, wait: float, *, failed_with: bytes | None = None) -> None:
        """Make an event wait for seconds; ``failed_with`` records one more failed attempt."""
        with self._lock:
            due = self._clock() + wait
            try:
                if failed_with is None:
                    self._db.execute("UPDATE event SET due = ? WHERE id = ?", (due, event.id))
                else:
                    self._db.execute(
                        "UPDATE event SET due = ?, attempts = ?, answer = ? WHERE id = ?",
                        (due, event.attempts + 1, failed_with, event.id),
                    )
            finally:  # also if the disk is full: the event must not wait for the next start
                position = _Position(self._timer() + wait, event.id, event.queued_at)
                self._push(event.function_arn, position)

    def delete(self, event: QueuedEvent) -> None:
        """Delete an event that is finished: from the file with others, or by ``flush``."""
        with self._lock:
            self._finished.append((event.id,))
            if len(self._finished) >= _DELETED_AT_ONCE:
                self._delete_finished()

    def flush(self) -> None:
        """Delete finished events from the file now."""
        with self._lock:
            self._delete_finished()

    def close(self) -> None:
        """Close the file; its unfinished events stay."""
        with self._lock:
            try:
                self._delete_finished()
            finally:
                self._db.close()

    def _restored_position(
        self, number: int, enqueued: float, due: float, attempts: int
    ) -> _Position:
        """Return the position of an event in the file, whatever happened to the clock since."""
        now, timer = self._clock(), self._timer()
        # An event that was not attempted waits for nothing, unless it was put with a delay.
        longest = _LONGEST_RETRY_WAIT if attempts else due - enqueued
        wait = due - now if due - now <= longest else 0.0
        return _Position(timer + wait, number, timer - max(now - enqueued, 0.0))

    def _keep(self, number: int, content: _Content) -> None:
        if self._kept_bytes + len(content.payload) <= _KEPT_BYTES:
            self._kept[number] = content
            self._kept_bytes += len(content.payload)

    def _take_content(self, number: int) -> _Content:
        if content := self._kept.pop(number, None):
            self._kept_bytes -= len(content.payload)
            return content
        row = self._db.execute(
            "SELECT request_id, payload, attempts, answer, trace FROM event WHERE id = ?",
            (number,),
        ).fetchone()
        return _Content(*row)

    def _delete_finished(self) -> None:
        if self._finished:
            with self._db:
                self._db.execute("BEGIN")
                self._db.executemany("DELETE FROM event WHERE id = ?", self._finished)
            self._finished.clear()

    def _push(self, arn: str, position: _Position) -> None:
        heapq.heappush(self._waiting_by_function.setdefault(arn, []), position)
