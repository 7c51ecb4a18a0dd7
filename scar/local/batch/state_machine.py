"""The states of all jobs. Nothing is kept in memory: each change is one transaction."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.batch.model import PLACED, WAITING, Attempt, Job, JobStatus, Outcome
from scar.local.batch.placement import QUEUE_GONE, Orphan, Start, Stuck, place
from scar.local.batch.retry import tries_again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.batch.store import JobStore
    from scar.local.moto.batch_registry import Queue

KEPT_MS = 7 * 86_400_000  # finished jobs; "AWS Batch: Jobs", seven days
HOST_LOST = "Host EC2 (instance i-local) terminated."


class Board:
    """Moves jobs from state to state; ``now`` returns epoch milliseconds."""

    def __init__(self, store: JobStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    def recover(self) -> None:
        """After a start: what was placed is lost with its host; forget what is long over."""
        with self._store.transaction():
            for job in self._store.with_status(*PLACED):
                self._end_attempt(job, Outcome(status_reason=HOST_LOST))
            self._store.forget(self._now() - KEPT_MS)

    def submit(self, job: Job) -> None:
        self._store.add(job)

    def step(self, queues: Mapping[str, Queue | None], places: int) -> list[Job]:
        """Let waiting jobs go on; return those that are STARTING now, to be run by the caller."""
        started = []
        with self._store.transaction():
            for job in self._store.with_status(JobStatus.SUBMITTED, JobStatus.PENDING):
                if job.doomed:
                    self._fail(job, job.doomed)
                else:
                    self._store.put(replace(job, status=JobStatus.RUNNABLE))
            waiting = [job for job in self._store.waiting() if job.queue in queues]
            reasons = {job.id: job.status_reason for job in waiting}
            for decision in place(waiting, queues, self._store.used(), places):
                match decision:
                    case Start():
                        started.append(self._start(decision))
                    case Stuck(job_id, reason) if reasons[job_id] != reason:
                        self._store.put(replace(self._get(job_id), status_reason=reason))
                    case Orphan(job_id):
                        self._fail(self._get(job_id), QUEUE_GONE)
                    case _:
                        pass
        return started

    def _start(self, decision: Start) -> Job:
        job = self._get(decision.job)
        prefix = job.spec.log_prefix or job.spec.definition_name
        placed = replace(
            job,
            status=JobStatus.STARTING,
            status_reason="",
            environment=decision.environment.arn,
            log_stream=f"{prefix}/default/{uuid.uuid4().hex}",
            started=None,
        )
        self._store.put(placed)
        return placed

    def running(self, job_id: str) -> str:
        """Note that the container runs; return the reason if it is to be ended already."""
        with self._store.transaction():
            job = self._get(job_id)
            self._store.put(replace(job, status=JobStatus.RUNNING, started=self._now()))
            return job.ending

    def finished(self, job_id: str, outcome: Outcome) -> Job:
        """Note the end of an attempt, and decide what becomes of the job."""
        with self._store.transaction():
            return self._end_attempt(self._get(job_id), outcome)

    def _end_attempt(self, job: Job, outcome: Outcome) -> Job:
        if job.ending:
            outcome = replace(outcome, status_reason=job.ending, final=True)
        now = self._now()
        attempt = Attempt(
            started=job.started,
            stopped=now,
            status_reason=outcome.status_reason,
            log_stream=job.log_stream,
            exit_code=outcome.exit_code,
            reason=outcome.reason,
        )
        job = replace(job, attempts=(*job.attempts, attempt), status_reason=outcome.status_reason)
        if outcome.succeeded:
            job = replace(job, status=JobStatus.SUCCEEDED, stopped=now)
        elif tries_again(job.spec, len(job.attempts), outcome):
            job = replace(job, status=JobStatus.RUNNABLE, started=None)
        else:
            job = replace(job, status=JobStatus.FAILED, stopped=now)
        self._store.put(job)
        return job

    def terminate(self, job_id: str, reason: str) -> bool:
        """End a job; True if it has a container that the caller must stop."""
        with self._store.transaction():
            job = self._store.get(job_id)
            if job is None or job.status.final:
                return False
            if job.status in WAITING:
                self._fail(job, reason)
                return False
            self._store.put(replace(job, ending=job.ending or reason))
            return True

    def cancel(self, job_id: str, reason: str) -> None:
        """End a job that has not started; one that has goes on."""
        with self._store.transaction():
            job = self._store.get(job_id)
            if job is not None and job.status in WAITING:
                self._fail(replace(job, cancelled=True), reason)

    def _fail(self, job: Job, reason: str) -> None:
        self._store.put(
            replace(job, status=JobStatus.FAILED, status_reason=reason, stopped=self._now())
        )

    def _get(self, job_id: str) -> Job:
        job = self._store.get(job_id)
        if job is None:
            raise KeyError(job_id)
        return job
