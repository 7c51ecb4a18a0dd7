"""The outbox: events stored with their object's transaction and delivered afterwards."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scar.local.s3.storage.database import Database, Transaction

log = logging.getLogger(__name__)

BATCH = 64  # events delivered between two transactions
DELETION_PAUSE = 0.2  # seconds without events after which fewer are deleted
FIRST_PAUSE = 0.2  # seconds to the first retry; doubled for each further one
LONGEST_PAUSE = 30.0
MIN_ATTEMPTS = 1000
MAX_AGE = 24 * 3600.0
"""Seconds after which an event is discarded and logged, if it also had MIN_ATTEMPTS."""


_Row: TypeAlias = tuple[int, str, bytes, float, int, str]


class DeliverEvent(Protocol):
    """Delivers an event: returns once the receiver has stored it durably, raises to be retried.

    ``trace`` is the header X-Amzn-Trace-Id of the request that caused the event, or empty. After a
    crash, an event may be delivered a second time.
    """

    def __call__(self, destination_arn: str, payload: bytes, trace: str, /) -> None: ...


class Outbox:
    """The rows of undelivered events, and the thread that delivers them.

    Events of one destination are delivered in order: after a failure, later ones wait for its
    retry. Other destinations are not delayed.
    """

    def __init__(
        self, database: Database, deliver: DeliverEvent, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock
        self._delivered: set[int] = set()  # still in the file
        self._has_retries = True  # unknown
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="s3-outbox", daemon=True)

    def start(self) -> None:
        self._wake.set()
        self._thread.start()

    def close(self) -> None:
        """Stop after the delivery in progress; undelivered events stay stored."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def add(self, transaction: Transaction, arn: str, payload: bytes, trace: str = "") -> None:
        """Store an event in a transaction; it is delivered once that is committed."""
        transaction.db.execute(
            "INSERT INTO outbox(arn, payload, created, trace) VALUES(?, ?, ?, ?)",
            (arn, payload, self._clock(), trace),
        )
        transaction.after_commit.append(self._wake.set)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Cleared before the rows are read: an event added afterwards sets it again.
            self._wake.clear()
            try:
                pause = self._deliver_due_events()
                if self._delivered:
                    until_retry = DELETION_PAUSE if pause is None else pause
                    if not self._wake.wait(min(DELETION_PAUSE, until_retry)):
                        self._record_deliveries()
                    continue
            except Exception:  # the disk may be full; the events are still stored
                log.exception("the event queue cannot be read or written")
                pause = LONGEST_PAUSE
            self._wake.wait(pause)
        if self._delivered:
            with contextlib.suppress(sqlite3.Error):  # they will be delivered again
                self._record_deliveries()

    def _deliver_due_events(self) -> float | None:
        """Deliver due events; return the seconds until the next retry, None without one."""
        while not self._stopping.is_set():
            rows = self._read_due_events()
            self._deliver_batch([row for row in rows if row[0] not in self._delivered])
            if len(rows) < BATCH:  # what is added now wakes the thread again
                break
        return self._seconds_until_retry() if self._has_retries else None

    def _read_due_events(self) -> list[_Row]:
        # Without retries all events up to the last delivered one were delivered: not read again.
        after = 0 if self._has_retries else max(self._delivered, default=0)
        limit = BATCH + (0 if after else len(self._delivered))
        # Not the events of a destination that waits for a retry: they would overtake it.
        with self._database.read() as db:
            now = self._clock()
            # A due time beyond the longest pause was written before the clock was set back.
            return db.execute(
                "SELECT id, arn, payload, created, attempts, trace FROM outbox AS o"
                " WHERE id > ?4 AND (due <= ?1 OR due > ?2) AND NOT EXISTS (SELECT 1 FROM outbox"
                " WHERE arn = o.arn AND due > 0 AND due > ?1 AND due <= ?2)"
                " ORDER BY id LIMIT ?3",
                (now, now + LONGEST_PAUSE, limit, after),
            ).fetchall()

    def _seconds_until_retry(self) -> float | None:
        with self._database.read() as db:
            next_due = db.execute("SELECT min(due) FROM outbox WHERE due > 0").fetchone()[0]
        self._has_retries = next_due is not None
        if next_due is None:
            return None
        return min(max(0.01, float(next_due) - self._clock()), LONGEST_PAUSE)

    def _deliver_batch(self, rows: list[_Row]) -> None:
        failed: dict[str, tuple[int, float, int]] = {}  # by destination
        for number, arn, payload, created, attempts, trace in rows:
            if arn in failed or self._stopping.is_set():
                continue
            try:
                self._deliver(arn, payload, trace)
            except Exception as error:
                # By attempts too: the clock alone may have been set forward.
                if self._clock() - created > MAX_AGE and attempts >= MIN_ATTEMPTS:
                    log.exception("event %d for %s is discarded: not deliverable", number, arn)
                    self._delivered.add(number)
                    continue
                log.warning("event %d for %s will be retried: %s", number, arn, error)
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 16))
                failed[arn] = (attempts + 1, self._clock() + pause, number)
            else:
                self._delivered.add(number)
        if failed or len(self._delivered) >= BATCH:
            self._has_retries = self._has_retries or bool(failed)
            self._record_deliveries(list(failed.values()))

    def _record_deliveries(self, failed: Sequence[tuple[int, float, int]] = ()) -> None:
        """Delete delivered events, in one transaction: a commit for each costs as much as a write.

        After a crash, at most BATCH events are delivered again.
        """
        with self._database.write() as transaction:
            delivered = [(number,) for number in self._delivered]
            transaction.db.executemany("DELETE FROM outbox WHERE id = ?", delivered)
            transaction.db.executemany(
                "UPDATE outbox SET attempts = ?, due = ? WHERE id = ?", failed
            )
        self._delivered.clear()
