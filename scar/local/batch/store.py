"""Jobs on disk: SQLite in WAL mode. Calls nothing outside, so any other lock may be held."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scar.local.batch.model import PLACED, WAITING, JobStatus, dump, load
from scar.local.batch.placement import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scar.local.batch.model import Job

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL,
    status TEXT NOT NULL, status_reason TEXT NOT NULL, vcpus REAL NOT NULL,
    environment TEXT NOT NULL, stopped INTEGER, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_queue ON job(queue, status, number);
CREATE INDEX IF NOT EXISTS job_status ON job(status, number);
"""
_PER_QUEUE = 200  # waiting jobs of one queue that are looked at at once


class JobStore:
    """All jobs by id. ``transaction`` makes several reads and writes one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    with self._db:
                        self._db.execute("BEGIN IMMEDIATE")
                        yield
                else:
                    yield
            finally:
                self._depth -= 1

    def add(self, job: Job) -> None:
        with self.transaction():
            self._db.execute(
                "INSERT INTO job(id, queue, status, status_reason, vcpus, environment, stopped, "
                "document) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (job.id, job.queue, *_columns(job)),
            )

    def put(self, job: Job) -> None:
        """Replace a job that is there."""
        with self.transaction():
            self._db.execute(
                "UPDATE job SET status = ?, status_reason = ?, vcpus = ?, environment = ?, "
                "stopped = ?, document = ? WHERE id = ?",
                (*_columns(job), job.id),
            )

    def get(self, job_id: str) -> Job | None:
        with self._lock:
            row = self._db.execute("SELECT document FROM job WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else load(row[0])

    def with_status(self, *statuses: JobStatus, queue: str = "") -> list[Job]:
        """Jobs in any of these states, in the order of submission."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT document FROM job WHERE status IN ({_marks(statuses)}) "  # noqa: S608
                "AND (? = '' OR queue = ?) ORDER BY number",
                (*statuses, queue, queue),
            ).fetchall()
        return [load(document) for (document,) in rows]

    def waiting(self) -> list[Waiting]:
        """RUNNABLE jobs, the first few hundred of each queue."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, id, queue, vcpus, status_reason FROM (SELECT *, ROW_NUMBER() OVER "
                "(PARTITION BY queue ORDER BY number) AS place FROM job WHERE status = ?) "
                "WHERE place <= ?",
                (JobStatus.RUNNABLE, _PER_QUEUE),
            ).fetchall()
        return [
            Waiting(number=number, id=job, queue=queue, vcpus=vcpus, status_reason=reason)
            for number, job, queue, vcpus, reason in rows
        ]

    def waiting_queues(self) -> frozenset[str]:
        """ARNs of the queues that have jobs which are not placed."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT DISTINCT queue FROM job WHERE status IN ({_marks(WAITING)})",  # noqa: S608
                WAITING,
            ).fetchall()
        return frozenset(queue for (queue,) in rows)

    def used(self) -> dict[str, float]:
        """Count the vCPUs in use, by environment ARN."""
        with self._lock:
            return dict(
                self._db.execute(
                    f"SELECT environment, SUM(vcpus) FROM job "  # noqa: S608 - constant marks
                    f"WHERE status IN ({_marks(PLACED)}) GROUP BY environment",
                    PLACED,
                ).fetchall()
            )

    def counts(self) -> dict[str, int]:
        """Count the jobs by state."""
        with self._lock:
            return dict(
                self._db.execute("SELECT status, COUNT(*) FROM job GROUP BY status").fetchall()
            )

    def page(
        self, queue: str, status: JobStatus | None, before: int | None, limit: int
    ) -> list[tuple[int, Job]]:
        """List jobs of a queue, newest first, with their numbers."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, document FROM job WHERE queue = ? AND (? IS NULL OR status = ?) "
                "AND (? IS NULL OR number < ?) ORDER BY number DESC LIMIT ?",
                (queue, status, status, before, before, limit),
            ).fetchall()
        return [(number, load(document)) for number, document in rows]

    def forget(self, before: int) -> None:
        """Remove jobs that ended before a time in epoch ms."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM job WHERE status IN (?, ?) AND stopped < ?",
                (JobStatus.SUCCEEDED, JobStatus.FAILED, before),
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _columns(job: Job) -> tuple[str, str, float, str, int | None, str]:
    environment = job.environment if job.status in PLACED else ""
    return (job.status, job.status_reason, job.spec.vcpus, environment, job.stopped, dump(job))


def _marks(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)
