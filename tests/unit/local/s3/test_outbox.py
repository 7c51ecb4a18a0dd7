"""Delivery of events: order, retries, restarts."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

from scar.local.s3.storage import outbox as outbox_module
from scar.local.s3.storage.database import Database
from scar.local.s3.storage.outbox import Outbox
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.s3.storage.database import Transaction


class Receiver:
    """Accepts events, but fails ``failures`` times for the destination ``bad``."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.taken: list[tuple[str, bytes]] = []
        self.traces: list[str] = []
        self.came = threading.Event()

    def __call__(self, destination_arn: str, payload: bytes, trace: str, /) -> None:
        self.traces.append(trace)
        if destination_arn == "bad" and self.failures:
            self.failures -= 1
            raise OSError("not now")
        self.taken.append((destination_arn, payload))
        self.came.set()

    def wait(self, count: int) -> None:
        end = time.monotonic() + 300
        while len(self.taken) < count and time.monotonic() < end:
            self.came.wait(0.05)
            self.came.clear()
        assert len(self.taken) == count


def add(outbox: Outbox, database: Database, arn: str, *payloads: bytes) -> None:
    with database.write() as transaction:
        for payload in payloads:
            outbox.add(transaction, arn, payload)


def count_pending(database: Database) -> int:
    with database.read() as db:
        return int(db.execute("SELECT count(*) FROM outbox").fetchone()[0])


def test_events_are_delivered_in_order_and_deleted(tmp_path: Path) -> None:
    database, receiver = Database(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    payloads = [str(number).encode() for number in range(200)]
    add(outbox, database, "good", *payloads)
    receiver.wait(200)
    outbox.close()
    assert [payload for _, payload in receiver.taken] == payloads
    assert count_pending(database) == 0
    database.close()


class CountingDatabase(Database):
    """Counts the write transactions, and the rows that are read."""

    writes = 0
    rows = 0

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with super().read() as db:
            db.row_factory = self._count_row
            yield db

    def _count_row(self, _cursor: sqlite3.Cursor, row: tuple[object, ...]) -> tuple[object, ...]:
        self.rows += 1
        return row

    @contextlib.contextmanager
    def write(self) -> Iterator[Transaction]:
        self.writes += 1
        with super().write() as transaction:
            yield transaction


def test_events_that_come_one_by_one_are_deleted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "DELETION_PAUSE", 300.0)
    database, receiver = CountingDatabase(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    for number in range(2 * outbox_module.BATCH + 1):
        add(outbox, database, "good", b"%d" % number)
        receiver.wait(number + 1)
    assert [payload for _, payload in receiver.taken] == [b"%d" % n for n in range(129)]
    outbox.close()
    assert count_pending(database) == 0
    assert database.writes == 129 + 3
    database.close()


def test_an_event_is_read_once_also_while_it_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "DELETION_PAUSE", 300.0)
    database, receiver = CountingDatabase(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    for number in range(20):
        add(outbox, database, "good", b"%d" % number)
        receiver.wait(number + 1)
    outbox.close()
    assert database.rows == 20 + 1  # the time of the next retry is read once, and there is none
    database.close()


def test_events_after_a_retry_are_delivered_while_earlier_ones_are_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "DELETION_PAUSE", 300.0)
    database, receiver = Database(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    add(outbox, database, "good", b"1")
    receiver.wait(1)
    receiver.failures = 1
    add(outbox, database, "bad", b"2", b"3")
    add(outbox, database, "good", b"4")
    receiver.wait(4)
    add(outbox, database, "good", b"5")
    receiver.wait(5)
    outbox.close()
    assert sorted(payload for _, payload in receiver.taken) == [b"1", b"2", b"3", b"4", b"5"]
    assert [p for arn, p in receiver.taken if arn == "bad"] == [b"2", b"3"]
    assert count_pending(database) == 0
    database.close()


def test_a_retry_does_not_wait_for_the_deletion_of_what_was_delivered_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "DELETION_PAUSE", 1000.0)
    database, receiver = Database(tmp_path / "db"), Receiver(failures=1)
    outbox = Outbox(database, receiver)
    add(outbox, database, "bad", b"1")
    outbox.start()
    until(lambda: not receiver.failures)
    add(outbox, database, "good", b"2")  # alone in its batch
    receiver.wait(2)
    outbox.close()
    assert count_pending(database) == 0
    database.close()


def test_a_pause_deletes_what_was_delivered(tmp_path: Path) -> None:
    database, receiver = Database(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    add(outbox, database, "good", b"1")
    until(lambda: receiver.taken and not count_pending(database))
    outbox.close()
    database.close()


def test_failed_deliveries_are_retried_in_order_and_delay_no_other_destination(
    tmp_path: Path,
) -> None:
    database, receiver = Database(tmp_path / "db"), Receiver(failures=2)
    outbox = Outbox(database, receiver)
    add(outbox, database, "bad", b"1", b"2")
    add(outbox, database, "good", b"3")
    outbox.start()
    receiver.wait(3)
    outbox.close()
    assert receiver.taken == [("good", b"3"), ("bad", b"1"), ("bad", b"2")]
    assert count_pending(database) == 0
    database.close()


def test_undelivered_events_are_delivered_after_the_next_start(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    first = Outbox(database, Receiver(failures=1000))
    first.start()
    add(first, database, "bad", b"1")
    first.close()
    database.close()
    database, receiver = Database(tmp_path / "db"), Receiver()
    second = Outbox(database, receiver)
    assert count_pending(database) == 1
    second.start()
    receiver.wait(1)
    second.close()
    database.close()


def test_a_rolled_back_write_leaves_no_event(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    outbox = Outbox(database, Receiver())

    def fail() -> None:
        with database.write() as transaction:
            outbox.add(transaction, "good", b"1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert count_pending(database) == 0
    database.close()


def test_the_trace_of_a_request_survives_a_restart_beside_its_event(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    outbox = Outbox(database, Receiver())
    with database.write() as transaction:
        outbox.add(transaction, "good", b"1", "Root=1;Lineage=a:1")
        outbox.add(transaction, "good", b"2")
    database.close()
    database, receiver = Database(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    receiver.wait(2)
    outbox.close()
    database.close()
    assert receiver.traces == ["Root=1;Lineage=a:1", ""]


def test_events_of_an_earlier_release_are_delivered(tmp_path: Path) -> None:
    Database(tmp_path / "db").close()
    with sqlite3.connect(tmp_path / "db") as old:
        old.execute("ALTER TABLE outbox DROP COLUMN trace")
        old.execute("INSERT INTO outbox(arn, payload, created) VALUES('good', x'31', 1)")
    old.close()
    database, receiver = Database(tmp_path / "db"), Receiver()
    outbox = Outbox(database, receiver)
    outbox.start()
    receiver.wait(1)
    outbox.close()
    database.close()
    assert (receiver.taken, receiver.traces) == ([("good", b"1")], [""])
