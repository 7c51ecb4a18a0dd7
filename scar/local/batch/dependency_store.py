"""The dependencies between jobs on disk, and what they mean for the children of array jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.batch.array_children import FAIL_CHILDREN

if TYPE_CHECKING:
    import sqlite3

    from scar.local.batch.model import BatchJob

TABLES = frozenset({"dependency"})
SCHEMA = """
CREATE TABLE IF NOT EXISTS dependency (
    needed TEXT NOT NULL, dependent TEXT NOT NULL, PRIMARY KEY (needed, dependent)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dependency_dependent ON dependency(dependent);
"""
_NUMBER = "(SELECT number FROM job WHERE id = ?)"


class DependencyStore:
    """Dependencies by job ID. A part of the job store, whose transaction callers begin."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, job: BatchJob) -> None:
        """Store what a new job depends on."""
        self._db.executemany(
            "INSERT OR IGNORE INTO dependency VALUES (?, ?)",
            [(d.job_id, job.id) for d in job.depends_on if d.job_id],
        )

    def list_dependents(self, job_id: str) -> list[str]:
        """Return the jobs that depend on a job."""
        return self._select("needed = ?", job_id)

    def list_dependents_of_children(self, parent_id: str) -> list[str]:
        """Return the jobs that depend on single children of an array job."""
        # ";" follows ":" in the order of the index.
        return self._select("needed > ? AND needed < ?", f"{parent_id}:", f"{parent_id};")

    def fail_children(
        self, array: BatchJob, reason: str, now: int, index: int | None = None
    ) -> int:
        """Set the PENDING children to FAILED that depend on a failed child; return how many.

        With ``index``, only that child of the other arrays has changed.
        """
        failed = 0
        if array.paired_arrays:
            only = "" if index is None else " AND idx = ?"
            failed += self._db.execute(
                f"{FAIL_CHILDREN} WHERE parent = {_NUMBER} AND status = 'PENDING'{only} "
                f"AND EXISTS ({_paired_children(array)} AND paired.status = 'FAILED')",
                (
                    *(reason, now, "{}", array.id),
                    *(() if index is None else (index,)),
                    *array.paired_arrays,
                ),
            ).rowcount
        if array.is_sequential:
            failed += self._db.execute(
                f"{FAIL_CHILDREN} WHERE parent = {_NUMBER} AND status = 'PENDING' AND idx > "  # noqa: S608
                f"(SELECT MIN(idx) FROM child WHERE parent = {_NUMBER} AND status = 'FAILED')",
                (reason, now, "{}", array.id, array.id),
            ).rowcount
        return failed

    def release_children(self, array: BatchJob, index: int | None = None) -> None:
        """Set the PENDING children to RUNNABLE whose dependencies have succeeded.

        With ``index``, only that child of the other arrays has changed.
        """
        if array.is_sequential:
            index = self._next_in_sequence(array)
            if index is None:
                return
        condition = "status = 'PENDING'" if index is None else "status = 'PENDING' AND idx = ?"
        paired = set(array.paired_arrays)
        self._db.execute(
            f"UPDATE child SET status = 'RUNNABLE' WHERE parent = {_NUMBER} AND {condition} "  # noqa: S608
            f"AND (SELECT COUNT(*) FROM ({_paired_children(array)} "
            f"AND paired.status = 'SUCCEEDED')) = {len(paired)}",
            (array.id, *(() if index is None else (index,)), *array.paired_arrays),
        )

    def delete_finished(self, before: int) -> None:
        """Delete the dependencies of jobs that ended before a time in epoch milliseconds."""
        self._db.execute(
            "DELETE FROM dependency WHERE dependent IN (SELECT id FROM job "
            "WHERE status IN ('SUCCEEDED', 'FAILED') AND stopped < ?)",
            (before,),
        )

    def _next_in_sequence(self, array: BatchJob) -> int | None:
        """Return the first PENDING child if the child before it has succeeded."""
        first = self._db.execute(
            f"SELECT MIN(idx) FROM child WHERE parent = {_NUMBER} AND status = 'PENDING'",  # noqa: S608
            (array.id,),
        ).fetchone()[0]
        if not first:  # None, or the first child, which waits for no other
            return None if first is None else 0
        succeeded = self._db.execute(
            f"SELECT 1 FROM child WHERE parent = {_NUMBER} AND idx = ? AND status = 'SUCCEEDED'",  # noqa: S608
            (array.id, first - 1),
        ).fetchone()
        return first if succeeded else None

    def _select(self, condition: str, *values: str) -> list[str]:
        rows = self._db.execute(
            f"SELECT DISTINCT dependent FROM dependency WHERE {condition}",  # noqa: S608
            values,
        ).fetchall()
        return [dependent for (dependent,) in rows]


def _paired_children(array: BatchJob) -> str:
    """Return a query of the children of the same index in the arrays that an array depends on."""
    marks = ",".join("?" for _ in array.paired_arrays)
    return (
        "SELECT 1 FROM child AS paired JOIN job ON number = paired.parent "  # noqa: S608
        f"WHERE paired.idx = child.idx AND job.id IN ({marks})"
    )
