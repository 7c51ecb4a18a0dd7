"""The children of array jobs on disk: rows with what differs from their parent, and their counts.

10,000 children are inserted by one statement. No step of the scheduler depends on how many children
wait or have ended: a trigger keeps their counts by state, and an index finds the first that wait.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from scar.local.batch.model import JobAttempt, JobStatus, job_from_json
from scar.local.batch.scheduling.placement import RunnableJob

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Mapping

    from scar.local.batch.model import BatchJob

TABLES = frozenset({"child", "child_count"})
# Literally as in the partial index: SQLite does not use it for parameters.
_PLACED = "child.status IN ('STARTING', 'RUNNING')"
SCHEMA = """
CREATE TABLE IF NOT EXISTS child (
    parent INTEGER NOT NULL, idx INTEGER NOT NULL, status TEXT NOT NULL,
    status_reason TEXT NOT NULL DEFAULT '', environment TEXT NOT NULL DEFAULT '',
    stopped INTEGER, document TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (parent, idx)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS child_status ON child(parent, status, idx);
CREATE INDEX IF NOT EXISTS child_placed ON child(status)
    WHERE status IN ('STARTING', 'RUNNING');
CREATE TABLE IF NOT EXISTS child_count (
    parent INTEGER NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (parent, status)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS child_counted AFTER UPDATE OF status ON child
WHEN OLD.status <> NEW.status BEGIN
    UPDATE child_count SET count = count - 1 WHERE parent = OLD.parent AND status = OLD.status;
    UPDATE child_count SET count = count + 1 WHERE parent = NEW.parent AND status = NEW.status;
END;
"""
SEQUENCE_STEP = 10_000
"""The children of a job are between it and the next job in the order of submission: the largest
array has so many."""

FAIL_CHILDREN = (
    "UPDATE child SET status = 'FAILED', status_reason = ?, stopped = ?, "
    "document = json_patch(document, ?)"
)
"""An UPDATE without its WHERE; the parameters: reason, time, and JSON of further fields."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")
_SHARE = "COALESCE(json_extract(job.document, '$.share'), '')"
_NUMBER = "(SELECT number FROM job WHERE id = ?)"
_COLUMNS = ", ".join(
    f"child.{name}"
    for name in ("idx", "status", "status_reason", "environment", "stopped", "document")
)
# The fields in which a child differs from its parent, besides the columns, before its first start.
_OWN_FIELDS: Mapping[str, Any] = {
    "started": None,
    "attempts": (),
    "log_stream": "",
    "termination_reason": "",
    "cancelled": False,
    "blocked_since": None,
    "gpus": (),
}


class ArrayChildren:
    """Children by parent and index. A part of the job store: callers that write begin its
    transaction."""

    def __init__(self, db: sqlite3.Connection, lock: threading.RLock) -> None:
        self._db = db
        self._lock = lock

    def spawn(self, parent: BatchJob, status: JobStatus) -> None:
        """Create all children, in one state."""
        self._db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "  # noqa: S608
            f"INSERT INTO child(parent, idx, status) SELECT {_NUMBER}, i, ? FROM n",
            (parent.array_size, parent.id, status),
        )
        self._db.executemany(
            f"INSERT INTO child_count VALUES ({_NUMBER}, ?, ?)",  # noqa: S608
            [(parent.id, s, parent.array_size if s is status else 0) for s in JobStatus],
        )

    def get(self, child_id: str) -> BatchJob | None:
        """Return the child with the ID ``<parent>:<index>``."""
        parent_id, _, index = child_id.partition(":")
        if not _INDEX.fullmatch(index):
            return None
        with self._lock:
            row = self._db.execute(
                f"SELECT job.document, {_COLUMNS} FROM child JOIN job ON number = parent "  # noqa: S608
                "WHERE job.id = ? AND idx = ?",
                (parent_id, int(index)),
            ).fetchone()
        return None if row is None else _child(job_from_json(row[0]), row[1:])

    def update(self, child: BatchJob) -> None:
        """Replace an existing child."""
        self._db.execute(
            "UPDATE child SET status = ?, status_reason = ?, environment = ?, stopped = ?, "  # noqa: S608
            f"document = ? WHERE parent = {_NUMBER} AND idx = ?",
            (
                child.status,
                child.status_reason,
                child.environment,
                child.stopped,
                _own_fields(child),
                child.parent_id,
                child.array_index,
            ),
        )

    def counts(self, parent_id: str) -> dict[str, int]:
        """Return the number of children by state; all are 0 before the children are created."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT status, count FROM child_count WHERE parent = {_NUMBER}",  # noqa: S608
                (parent_id,),
            ).fetchall()
        return {**dict.fromkeys(JobStatus, 0), **dict(rows)}

    def total_counts(self) -> dict[str, int]:
        """Return the number of children by state, of all arrays."""
        with self._lock:
            return dict(
                self._db.execute(
                    "SELECT status, SUM(count) FROM child_count GROUP BY status HAVING SUM(count)"
                ).fetchall()
            )

    def list_page(
        self, parent: BatchJob, status: JobStatus, after: int, limit: int
    ) -> list[BatchJob]:
        """Return children in one state with indexes above ``after``, by index."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM child WHERE parent = {_NUMBER} "  # noqa: S608
                "AND status = ? AND idx > ? ORDER BY idx LIMIT ?",
                (parent.id, status, after, limit),
            ).fetchall()
        return [_child(parent, row) for row in rows]

    def list_placed(self, parent_id: str = "") -> list[BatchJob]:
        """Return the children that are STARTING or RUNNING, of one array or of all."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT job.document, {_COLUMNS} FROM child JOIN job ON number = parent "  # noqa: S608
                f"WHERE {_PLACED} AND (? = '' OR job.id = ?) ORDER BY number, idx",
                (parent_id, parent_id),
            ).fetchall()
        return [_child(job_from_json(row[0]), row[1:]) for row in rows]

    def list_waiting(self, limit: int) -> list[RunnableJob]:
        """Return RUNNABLE children, the oldest ``limit`` of each queue."""
        found: list[RunnableJob] = []
        left: dict[str, int] = {}
        with self._lock:
            arrays = self._db.execute(
                "SELECT number, id, queue, vcpus FROM job JOIN child_count AS c ON parent = number "
                "WHERE job.status = 'PENDING' AND c.status = 'RUNNABLE' AND count ORDER BY number"
            ).fetchall()
            for number, parent_id, queue, vcpus in arrays:
                if not left.setdefault(queue, limit):
                    continue
                memory, gpus, share, priority = self._db.execute(
                    "SELECT json_extract(document, '$.spec.memory_mb'), "
                    "json_extract(document, '$.spec.gpus'), json_extract(document, '$.share'), "
                    "json_extract(document, '$.priority') FROM job WHERE number = ?",
                    (number,),
                ).fetchone()
                rows = self._db.execute(
                    "SELECT idx, status_reason FROM child WHERE parent = ? AND status = 'RUNNABLE' "
                    "ORDER BY idx LIMIT ?",
                    (number, left[queue]),
                ).fetchall()
                left[queue] -= len(rows)
                found += (
                    RunnableJob(
                        sequence=number * SEQUENCE_STEP + index,
                        id=f"{parent_id}:{index}",
                        queue=queue,
                        vcpus=vcpus,
                        memory=memory,
                        gpus=gpus or 0,
                        share=share or "",
                        priority=priority or 0,
                        status_reason=reason,
                    )
                    for index, reason in rows
                )
        return found

    def used_vcpus(self) -> dict[str, float]:
        """Return the vCPUs in use by compute environment ARN."""
        with self._lock:
            return dict(
                self._db.execute(
                    "SELECT child.environment, SUM(vcpus) FROM child JOIN job ON number = parent "  # noqa: S608
                    f"WHERE {_PLACED} GROUP BY child.environment"
                ).fetchall()
            )

    def used_vcpus_by_share(self, queue: str) -> dict[str, float]:
        """Return the vCPUs that the children in a queue have, by share identifier."""
        with self._lock:
            return dict(
                self._db.execute(
                    f"SELECT {_SHARE}, SUM(vcpus) FROM child JOIN job ON number = parent "  # noqa: S608
                    f"WHERE {_PLACED} AND queue = ? GROUP BY 1",
                    (queue,),
                ).fetchall()
            )

    def finished_use(self, queue: str, since: int) -> dict[str, float]:
        """Return vCPUs times milliseconds since then, of finished children by share."""
        started = "COALESCE(json_extract(child.document, '$.started'), child.stopped)"
        with self._lock:
            return dict(
                self._db.execute(
                    f"SELECT {_SHARE}, SUM(vcpus * (child.stopped - MAX({started}, ?))) "  # noqa: S608
                    "FROM child JOIN job ON number = parent "
                    "WHERE queue = ? AND child.status IN ('SUCCEEDED', 'FAILED') "
                    "AND child.stopped > ? GROUP BY 1",
                    (since, queue, since),
                ).fetchall()
            )

    def fail_waiting(
        self, parent_id: str, reason: str, now: int, *, cancelled: bool = False
    ) -> int:
        """Set all children that have not started to FAILED; return how many.

        ``now`` is in epoch milliseconds.
        """
        return self._db.execute(
            f"{FAIL_CHILDREN} WHERE parent = {_NUMBER} AND status IN ('PENDING', 'RUNNABLE')",
            (reason, now, '{"cancelled": true}' if cancelled else "{}", parent_id),
        ).rowcount

    def delete_finished(self, before: int) -> None:
        """Delete the children of the array jobs that ended before a time in epoch milliseconds."""
        for table in TABLES:
            self._db.execute(
                f"DELETE FROM {table} WHERE parent IN (SELECT number FROM job "  # noqa: S608
                "WHERE status IN ('SUCCEEDED', 'FAILED') AND stopped < ?)",
                (before,),
            )


def _child(parent: BatchJob, row: tuple[Any, ...]) -> BatchJob:
    index, status, reason, environment, stopped, document = row
    own: dict[str, Any] = json.loads(document)
    if "attempts" in own:
        own["attempts"] = tuple(JobAttempt(**attempt) for attempt in own["attempts"])
    own["gpus"] = tuple(own.get("gpus", ()))
    return replace(
        parent,
        id=f"{parent.id}:{index}",
        array_index=index,
        # AWS: "when the child job was spawned by its parent".
        created=parent.spawned or parent.created,
        status=JobStatus(status),
        status_reason=reason,
        environment=environment,
        stopped=stopped,
        spawned=None,
        depends_on=(),
        **{**_OWN_FIELDS, **own},
    )


def _own_fields(child: BatchJob) -> str:
    own = {name: getattr(child, name) for name in _OWN_FIELDS}
    own["attempts"] = [asdict(attempt) for attempt in child.attempts]
    return json.dumps({name: value for name, value in own.items() if value})
