"""What follows from the end of a job: its array ends, and the jobs that depend on it start or fail.

Each step handles one end and returns those that it causes, so that chains of any length need no
recursion. All steps are part of the transaction in which the first job ended: a killed server
leaves no job that waits for one that has ended.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.local.batch.model import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.local.batch.model import BatchJob
    from scar.local.batch.store import JobStore

# AWS's texts, as seen in reports of users.
DEPENDENCY_FAILED = "Dependent Job failed"
CHILD_FAILED = "Array Child Job failed"


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job, or the parent of an array, is SUCCEEDED or FAILED."""

    job: str


@dataclass(frozen=True, slots=True)
class EndedChildren:
    """One child of an array, or without ``index`` several, are SUCCEEDED or FAILED."""

    array: str
    index: int | None = None


Ending = EndedJob | EndedChildren


class JobEndings:
    """Follows the ends of jobs. ``now`` returns epoch milliseconds."""

    def __init__(self, store: JobStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    def after(self, job: BatchJob) -> None:
        """Do what follows from the end of a job or a child."""
        if job.array_index is None:
            self.follow(EndedJob(job.id))
        else:
            self.follow(EndedChildren(job.parent_id, job.array_index))

    def follow(self, first: Ending) -> None:
        """Do what follows from an end."""
        self._follow_all(deque([first]))

    def start_if_ready(self, job_id: str) -> None:
        """Advance a job that has not started: to RUNNABLE, PENDING, or FAILED."""
        self._follow_all(deque(self._advance(job_id)))

    def _follow_all(self, endings: deque[Ending]) -> None:
        while endings:
            match endings.popleft():
                case EndedJob(job_id):
                    for dependent in self._store.dependencies.list_dependents(job_id):
                        endings.extend(self._advance(dependent))
                case EndedChildren(array_id, index):
                    endings.extend(self._after_children(array_id, index))

    def _after_children(self, array_id: str, index: int | None) -> Iterator[Ending]:
        array = self._store.get(array_id)
        if array is None:
            return
        if array.is_sequential:
            yield from self._advance_children(array)
        dependencies = self._store.dependencies
        for dependent_id in dependencies.list_dependents(array_id):
            dependent = self._store.get(dependent_id)
            if dependent and dependent.spawned is not None and array_id in dependent.paired_arrays:
                yield from self._advance_children(dependent, index)
        for dependent_id in (
            dependencies.list_dependents_of_children(array_id)
            if index is None
            else dependencies.list_dependents(f"{array_id}:{index}")
        ):
            yield from self._advance(dependent_id)
        yield from self._end_array(array)

    def _advance(self, job_id: str) -> Iterator[Ending]:
        """Advance a job that waits for others, after a change of one of them."""
        job = self._store.get(job_id)
        if job is None or job.status not in (JobStatus.SUBMITTED, JobStatus.PENDING):
            return
        needed = self._needed_statuses(job)
        if JobStatus.FAILED in needed and not job.cancelled:
            yield from self._fail(job, DEPENDENCY_FAILED)
        elif job.spawned is not None:  # its children wait themselves
            return
        elif not all(status.is_final for status in needed):
            self._store.update(replace(job, status=JobStatus.PENDING))
        elif job.cancelled:
            # AWS cancels a PENDING job "after all dependency jobs are completed".
            yield from self._fail(job, job.status_reason)
        else:
            yield from self._release(job)

    def _needed_statuses(self, job: BatchJob) -> list[JobStatus]:
        """Return the states of the jobs without whose success no part of a job can start."""
        needed = []
        for dependency in (*job.dependencies, *job.paired_arrays):
            found = self._store.get(dependency)
            # A dependency that was deleted, a week after its end, has not succeeded.
            status = JobStatus.FAILED if found is None else found.status
            is_paired = found is not None and found.spawned is not None
            if dependency in job.dependencies or (status is JobStatus.FAILED and not is_paired):
                needed.append(status)
        return needed

    def _release(self, job: BatchJob) -> Iterator[Ending]:
        if not job.is_array:
            self._store.update(replace(job, status=JobStatus.RUNNABLE))
            return
        is_free = not (job.is_sequential or job.paired_arrays)
        array = replace(job, status=JobStatus.PENDING, spawned=self._now())
        self._store.update(array)
        self._store.children.spawn(array, JobStatus.RUNNABLE if is_free else JobStatus.PENDING)
        if not is_free:
            yield from self._advance_children(array)

    def _advance_children(self, array: BatchJob, index: int | None = None) -> Iterator[Ending]:
        failed = self._store.dependencies.fail_children(
            array, DEPENDENCY_FAILED, self._now(), index
        )
        self._store.dependencies.release_children(array, index)
        if failed:
            yield EndedChildren(
                array.id, index if failed == 1 and not array.is_sequential else None
            )

    def _fail(self, job: BatchJob, reason: str) -> Iterator[Ending]:
        now = self._now()
        if job.spawned is not None:
            if self._store.children.fail_waiting(job.id, reason, now):
                yield EndedChildren(job.id)
            return
        self._store.update(replace(job, status=JobStatus.FAILED, status_reason=reason, stopped=now))
        yield EndedJob(job.id)

    def _end_array(self, array: BatchJob) -> Iterator[Ending]:
        """End an array if all its children have ended."""
        counts = self._store.children.counts(array.id)
        failed = counts[JobStatus.FAILED]
        if array.status.is_final or failed + counts[JobStatus.SUCCEEDED] < array.array_size:
            return
        # A cancelled array has the reason of the cancellation already.
        reason = array.termination_reason or array.status_reason or CHILD_FAILED
        self._store.update(
            replace(
                array,
                status=JobStatus.FAILED if failed else JobStatus.SUCCEEDED,
                status_reason=reason if failed else "",
                stopped=self._now(),
            )
        )
        yield EndedJob(array.id)
