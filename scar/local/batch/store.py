"""Jobs on disk, in SQLite (WAL mode).

No method takes another lock than its own, so callers may hold any lock.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scar.local.batch.model import (
    PLACED_STATUSES,
    WAITING_STATUSES,
    JobStatus,
    job_from_json,
    job_to_json,
)
from scar.local.batch.placement import RunnableJob
from scar.local.state.databases import DatabaseFormat, open_database
from scar.local.state.files import JOBS
from scar.local.state.folders import create_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scar.local.batch.model import BatchJob

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL,
    status TEXT NOT NULL, status_reason TEXT NOT NULL, vcpus REAL NOT NULL,
    environment TEXT NOT NULL, stopped INTEGER, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_queue ON job(queue, status, number);
CREATE INDEX IF NOT EXISTS job_status ON job(status, number);
"""
_FORMAT = DatabaseFormat(file=JOBS, schema=_SCHEMA)
_MAX_WAITING_PER_QUEUE = 200  # waiting jobs of one queue that one scheduler run reads


class JobStore:
    """All jobs by ID. ``transaction`` makes several reads and writes atomic."""

    def __init__(self, path: Path) -> None:
        create_folder(path.parent)
        # Reentrant: the methods that write may run inside a caller's transaction.
        self._lock = threading.RLock()
        self._depth = 0
        self._db = open_database(path, _FORMAT)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a block atomically; blocks may be nested, the outermost one commits."""
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

    def add(self, job: BatchJob) -> None:
        with self.transaction():
            self._db.execute(
                "INSERT INTO job(id, queue, status, status_reason, vcpus, environment, stopped, "
                "document) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (job.id, job.queue, *_job_columns(job)),
            )

    def update(self, job: BatchJob) -> None:
        """Replace an existing job."""
        with self.transaction():
            self._db.execute(
                "UPDATE job SET status = ?, status_reason = ?, vcpus = ?, environment = ?, "
                "stopped = ?, document = ? WHERE id = ?",
                (*_job_columns(job), job.id),
            )

    def get(self, job_id: str) -> BatchJob | None:
        with self._lock:
            row = self._db.execute("SELECT document FROM job WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else job_from_json(row[0])

    def list_by_status(self, *statuses: JobStatus, queue: str = "") -> list[BatchJob]:
        """Return the jobs in any of these states, in the order of submission."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT document FROM job WHERE status IN ({_sql_placeholders(statuses)}) "  # noqa: S608
                "AND (? = '' OR queue = ?) ORDER BY number",
                (*statuses, queue, queue),
            ).fetchall()
        return [job_from_json(document) for (document,) in rows]

    def list_waiting(self) -> list[RunnableJob]:
        """Return RUNNABLE jobs, the oldest 200 of each queue."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, id, queue, vcpus, json_extract(document, '$.spec.memory_mb'), "
                "COALESCE(json_extract(document, '$.spec.nodes'), 0), "
                "status_reason FROM (SELECT *, ROW_NUMBER() OVER "
                "(PARTITION BY queue ORDER BY number) AS position FROM job WHERE status = ?) "
                "WHERE position <= ?",
                (JobStatus.RUNNABLE, _MAX_WAITING_PER_QUEUE),
            ).fetchall()
        return [
            RunnableJob(
                sequence=number,
                id=job,
                queue=queue,
                vcpus=vcpus,
                memory=memory,
                nodes=max(1, nodes),
                status_reason=reason,
            )
            for number, job, queue, vcpus, memory, nodes, reason in rows
        ]

    def list_waiting_queues(self) -> frozenset[str]:
        """Return the ARNs of queues with jobs that have not started."""
        placeholders = _sql_placeholders(WAITING_STATUSES)
        with self._lock:
            rows = self._db.execute(
                f"SELECT DISTINCT queue FROM job WHERE status IN ({placeholders})",  # noqa: S608
                WAITING_STATUSES,
            ).fetchall()
        return frozenset(queue for (queue,) in rows)

    def used_vcpus(self) -> dict[str, float]:
        """Return the vCPUs in use by compute environment ARN."""
        with self._lock:
            return dict(
                self._db.execute(
                    f"SELECT environment, SUM(vcpus) FROM job "  # noqa: S608 - placeholders only
                    f"WHERE status IN ({_sql_placeholders(PLACED_STATUSES)}) GROUP BY environment",
                    PLACED_STATUSES,
                ).fetchall()
            )

    def count_by_status(self) -> dict[str, int]:
        """Return the number of jobs by state."""
        with self._lock:
            return dict(
                self._db.execute("SELECT status, COUNT(*) FROM job GROUP BY status").fetchall()
            )

    def list_page(
        self, queue: str, status: JobStatus | None, before: int | None, limit: int
    ) -> list[tuple[int, BatchJob]]:
        """Return (number, job) pairs of a queue, newest first, with numbers below ``before``."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, document FROM job WHERE queue = ? AND (? IS NULL OR status = ?) "
                "AND (? IS NULL OR number < ?) ORDER BY number DESC LIMIT ?",
                (queue, status, status, before, before, limit),
            ).fetchall()
        return [(number, job_from_json(document)) for number, document in rows]

    def delete_finished(self, before: int) -> None:
        """Delete jobs that ended before a time in epoch milliseconds."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM job WHERE status IN (?, ?) AND stopped < ?",
                (JobStatus.SUCCEEDED, JobStatus.FAILED, before),
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _job_columns(job: BatchJob) -> tuple[str, str, float, str, int | None, str]:
    # A job keeps the environment of its last attempt in its document; here it would count as use.
    environment = job.environment if job.status in PLACED_STATUSES else ""
    return (
        job.status,
        job.status_reason,
        job.spec.total_vcpus,
        environment,
        job.stopped,
        job_to_json(job),
    )


def _sql_placeholders(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)
