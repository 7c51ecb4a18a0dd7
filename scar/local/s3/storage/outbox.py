"""The outbox: events stored with their object's transaction and delivered afterwards."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scar.local.s3.storage.database import Database, Transaction

log = logging.getLogger(__name__)

BATCH = 64  # events delivered between two transactions
FIRST_PAUSE = 0.2  # seconds to the first retry; doubled for each further one
LONGEST_PAUSE = 30.0
MIN_ATTEMPTS = 1000
MAX_AGE = 24 * 3600.0
"""Seconds after which an event is discarded and logged, if it also had MIN_ATTEMPTS."""


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
            except Exception:  # the disk may be full; the events are still stored
                log.exception("the event queue cannot be read or written")
                pause = LONGEST_PAUSE
            self._wake.wait(pause)

    def _deliver_due_events(self) -> float | None:
        """Deliver due events; return the seconds until the next retry, None without one."""
        while not self._stopping.is_set():
            # Not the events of a destination that waits for a retry: they would overtake it.
            with self._database.read() as db:
                now = self._clock()
                # A due time beyond the longest pause was written before the clock was set back.
                rows = db.execute(
                    "SELECT id, arn, payload, created, attempts, trace FROM outbox AS o"
                    " WHERE (due <= ?1 OR due > ?2) AND NOT EXISTS (SELECT 1 FROM outbox"
                    " WHERE arn = o.arn AND due > 0 AND due > ?1 AND due <= ?2)"
                    " ORDER BY id LIMIT ?3",
                    (now, now + LONGEST_PAUSE, BATCH),
                ).fetchall()
            if not rows:
                break
            self._deliver_batch(rows)
        with self._database.read() as db:
            next_due = db.execute("SELECT min(due) FROM outbox WHERE due > 0").fetchone()[0]
        if next_due is None:
            return None
        return min(max(0.01, float(next_due) - self._clock()), LONGEST_PAUSE)

    def _deliver_batch(self, rows: list[tuple[int, str, bytes, float, int, str]]) -> None:
        done: list[tuple[int]] = []
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
                    done.append((number,))
                    continue
                log.warning("event %d for %s will be retried: %s", number, arn, error)
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 16))
                failed[arn] = (attempts + 1, self._clock() + pause, number)
            else:
                done.append((number,))
        # One transaction per batch: after a crash, at most BATCH events are delivered again.
        with self._database.write() as transaction:
            _record_deliveries(transaction.db, done, list(failed.values()))


def _record_deliveries(
    db: sqlite3.Connection, done: list[tuple[int]], failed: list[tuple[int, float, int]]
) -> None:
    db.executemany("DELETE FROM outbox WHERE id = ?", done)
    db.executemany("UPDATE outbox SET attempts = ?, due = ? WHERE id = ?", failed)
