"""Jobs on disk, in SQLite (WAL mode).

No method takes another lock than its own, so callers may hold any lock.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scar.local.batch import array_children, dependency_store
from scar.local.batch.array_children import SEQUENCE_STEP, ArrayChildren
from scar.local.batch.dependency_store import DependencyStore
from scar.local.batch.model import (
    PLACED_STATUSES,
    WAITING_STATUSES,
    JobStatus,
    job_from_json,
    job_to_json,
)
from scar.local.batch.scheduling.fair_share import DEFAULT_DECAY_SECONDS
from scar.local.batch.scheduling.placement import RunnableJob
from scar.local.state.databases import DatabaseFormat, open_database
from scar.local.state.files import JOBS
from scar.local.state.folders import create_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scar.local.batch.model import BatchJob
    from scar.local.moto.batch_registry import JobQueueRecord

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, queue TEXT NOT NULL,
    status TEXT NOT NULL, status_reason TEXT NOT NULL, vcpus REAL NOT NULL,
    environment TEXT NOT NULL, stopped INTEGER, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_queue ON job(queue, status, number);
CREATE INDEX IF NOT EXISTS job_status ON job(status, number);
{array_children.SCHEMA}{dependency_store.SCHEMA}
"""
_FORMAT = DatabaseFormat(
    file=JOBS,
    schema=_SCHEMA,
    # Releases before array jobs would run the parent of an array as a job.
    version=2,
    added_tables=array_children.TABLES | dependency_store.TABLES,
)
_MAX_WAITING_PER_QUEUE = 200  # waiting jobs of one queue that one scheduler run reads
# Documents of earlier releases have no share. A job that never started has used nothing.
_SHARE = "COALESCE(json_extract(document, '$.share'), '')"
_PRIORITY = "COALESCE(json_extract(document, '$.priority'), 0)"
_STARTED = "COALESCE(json_extract(document, '$.started'), stopped)"


class JobStore:
    """All jobs by ID. ``transaction`` makes several reads and writes atomic.

    An array job is stored as one job and its ``children``: only ``get`` and ``update`` take both.
    """

    def __init__(self, path: Path) -> None:
        create_folder(path.parent)
        # Reentrant: the methods that write may run inside a caller's transaction.
        self._lock = threading.RLock()
        self._depth = 0
        self._db = open_database(path, _FORMAT)
        self.children = ArrayChildren(self._db, self._lock)
        self.dependencies = DependencyStore(self._db)

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
            self.dependencies.add(job)

    def update(self, job: BatchJob) -> None:
        """Replace an existing job."""
        with self.transaction():
            if job.array_index is not None:
                self.children.update(job)
                return
            self._db.execute(
                "UPDATE job SET status = ?, status_reason = ?, vcpus = ?, environment = ?, "
                "stopped = ?, document = ? WHERE id = ?",
                (*_job_columns(job), job.id),
            )

    def get(self, job_id: str) -> BatchJob | None:
        if ":" in job_id:
            return self.children.get(job_id)
        with self._lock:
            row = self._db.execute("SELECT document FROM job WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else job_from_json(row[0])

    def child_counts(self, job: BatchJob) -> dict[str, int] | None:
        """Return the number of an array's children by state, None for other jobs."""
        return self.children.counts(job.id) if job.is_array else None

    def list_by_status(self, *statuses: JobStatus, queue: str = "") -> list[BatchJob]:
        """Return the jobs in any of these states, in the order of submission."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT document FROM job WHERE status IN ({_sql_placeholders(statuses)}) "  # noqa: S608
                "AND (? = '' OR queue = ?) ORDER BY number",
                (*statuses, queue, queue),
            ).fetchall()
        return [job_from_json(document) for (document,) in rows]

    def list_placed(self) -> list[BatchJob]:
        """Return the jobs and children that are STARTING or RUNNING."""
        return [*self.list_by_status(*PLACED_STATUSES), *self.children.list_placed()]

    def list_waiting(self) -> list[RunnableJob]:
        """Return RUNNABLE jobs and children, the first 200 of each queue and share."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, id, queue, vcpus, json_extract(document, '$.spec.memory_mb'), "  # noqa: S608
                "json_extract(document, '$.spec.gpus'), "
                "COALESCE(json_extract(document, '$.spec.nodes'), 0), "
                "status_reason, share, priority "
                "FROM (SELECT *, ROW_NUMBER() OVER "
                "(PARTITION BY queue, share ORDER BY priority DESC, number) AS position "
                f"FROM (SELECT *, {_SHARE} AS share, {_PRIORITY} AS priority FROM job "
                "WHERE status = ?)) WHERE position <= ?",
                (JobStatus.RUNNABLE, _MAX_WAITING_PER_QUEUE),
            ).fetchall()
        return [
            RunnableJob(
                sequence=number * SEQUENCE_STEP,
                id=job,
                queue=queue,
                vcpus=vcpus,
                memory=memory,
                gpus=gpus or 0,  # None in jobs of an earlier release
                nodes=max(1, nodes),
                status_reason=reason,
                share=share,
                priority=priority,
            )
            for number, job, queue, vcpus, memory, gpus, nodes, reason, share, priority in rows
        ] + self.children.list_waiting(_MAX_WAITING_PER_QUEUE)

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
            used = self.children.used_vcpus()
            for environment, vcpus in self._db.execute(
                f"SELECT environment, SUM(vcpus) FROM job "  # noqa: S608 - placeholders only
                f"WHERE status IN ({_sql_placeholders(PLACED_STATUSES)}) GROUP BY environment",
                PLACED_STATUSES,
            ):
                used[environment] = used.get(environment, 0.0) + vcpus
        return used

    def used_vcpus_by_share(self, queue: str) -> dict[str, float]:
        """Return the vCPUs that the jobs of a queue have, by share identifier."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_SHARE}, SUM(vcpus) FROM job WHERE queue = ? "  # noqa: S608
                f"AND status IN ({_sql_placeholders(PLACED_STATUSES)}) GROUP BY 1",
                (queue, *PLACED_STATUSES),
            ).fetchall()
            return _add(dict(rows), self.children.used_vcpus_by_share(queue))

    def share_use(self, queues: Iterable[JobQueueRecord], now: int) -> dict[tuple[str, str], float]:
        """Return the vCPUs that shares use, by queue ARN and share; ``now`` in milliseconds.

        Those of finished jobs count for their time within the policy's window, averaged over it.
        """
        use: dict[tuple[str, str], float] = {}
        for queue in queues:
            decay = (
                queue.fair_share.decay_seconds if queue.fair_share else 0
            ) or DEFAULT_DECAY_SECONDS
            since = now - 1000 * decay
            with self._lock:
                finished = self._db.execute(
                    f"SELECT {_SHARE}, SUM(vcpus * (stopped - MAX({_STARTED}, ?))) FROM job "  # noqa: S608
                    "WHERE queue = ? AND status IN (?, ?) AND stopped > ? GROUP BY 1",
                    (since, queue.arn, JobStatus.SUCCEEDED, JobStatus.FAILED, since),
                ).fetchall()
                ended = _add(dict(finished), self.children.finished_use(queue.arn, since))
            averages = {share: used / (1000 * decay) for share, used in ended.items() if used}
            for part in (averages, self.used_vcpus_by_share(queue.arn)):
                for share, vcpus in part.items():
                    use[queue.arn, share] = use.get((queue.arn, share), 0.0) + vcpus
        return use

    def count_by_status(self) -> dict[str, int]:
        """Return the number of jobs by state; arrays count as their children."""
        with self._lock:
            counts = self.children.total_counts()
            for status, count in self._db.execute(
                "SELECT status, COUNT(*) FROM job "
                "WHERE number NOT IN (SELECT parent FROM child_count) GROUP BY status"
            ):
                counts[status] = counts.get(status, 0) + count
        return counts

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
            self.children.delete_finished(before)
            self.dependencies.delete_finished(before)
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


def _add(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
