"""Moves jobs from state to state. Each change is one transaction in the job store."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.batch.model import (
    PLACED_STATUSES,
    WAITING_STATUSES,
    AttemptOutcome,
    BatchJob,
    JobAttempt,
    JobStatus,
    host_lost_reason,
)
from scar.local.batch.nodes import end_node, end_nodes, new_nodes, start_node
from scar.local.batch.placement import (
    QUEUE_GONE,
    JobBlocked,
    JobOrphaned,
    JobStart,
    find_expired_limit,
    place_jobs,
    queue_heads,
)
from scar.local.batch.retry import should_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.batch.store import JobStore
    from scar.local.moto.batch_registry import JobQueueRecord

RETENTION_MS = 7 * 86_400_000  # of finished jobs: seven days, "AWS Batch: Jobs"
HOST_LOST = host_lost_reason("i-local")
# Fargate has no hosts that a user sees: what is lost there is a Spot task.
_TASK_LOST = "Your Spot Task was interrupted."


class JobStateMachine:
    """State changes of jobs, without any state in memory; ``now`` returns epoch milliseconds."""

    def __init__(self, store: JobStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    def recover(self) -> None:
        """Treat running jobs of an earlier server as lost with their host; delete old jobs."""
        with self._store.transaction():
            for job in self._store.list_by_status(*PLACED_STATUSES):
                self._end_attempt(job, AttemptOutcome(status_reason=HOST_LOST))
            self._store.delete_finished(self._now() - RETENTION_MS)

    def submit(self, job: BatchJob) -> None:
        self._store.add(job)

    def start_waiting_jobs(
        self, queues: Mapping[str, JobQueueRecord | None], free_slots: int
    ) -> list[BatchJob]:
        """Advance waiting jobs; return those that are STARTING now, for the caller to run."""
        started = []
        # One transaction for reading the vCPUs in use and for using them: capacity is never
        # exceeded, and a crash leaves no job half started.
        with self._store.transaction():
            for job in self._store.list_by_status(JobStatus.SUBMITTED, JobStatus.PENDING):
                if job.delayed_failure:
                    self._fail_job(job, job.delayed_failure)
                else:
                    self._store.update(replace(job, status=JobStatus.RUNNABLE))
            waiting = [job for job in self._store.list_waiting() if job.queue in queues]
            reasons, heads = {job.id: job.status_reason for job in waiting}, queue_heads(waiting)
            for decision in place_jobs(waiting, queues, self._store.used_vcpus(), free_slots):
                match decision:
                    case JobStart():
                        started.append(self._mark_starting(decision))
                    # Written only if it changed: the scheduler sees the same jobs every 2 s.
                    case JobBlocked(job_id, reason) if reasons[job_id] != reason:
                        self._block_job(self._get_job(job_id), reason)
                    case JobBlocked(job_id, reason) if job_id in heads:
                        self._cancel_if_expired(self._get_job(job_id), reason, queues)
                    case JobOrphaned(job_id):
                        self._fail_job(self._get_job(job_id), QUEUE_GONE)
                    case _:
                        pass
        return started

    def _block_job(self, job: BatchJob, reason: str) -> None:
        self._store.update(replace(job, status_reason=reason, blocked_since=self._now()))

    def _cancel_if_expired(
        self, job: BatchJob, reason: str, queues: Mapping[str, JobQueueRecord | None]
    ) -> None:
        """Cancel a job that blocks its queue for longer than the queue's jobStateTimeLimitActions.

        Its statusReason is then the reason of that entry.
        """
        queue, since = queues[job.queue], job.blocked_since
        if queue is None:
            return
        if since is None:  # stored by an earlier release
            self._block_job(job, reason)
        elif limit := find_expired_limit(queue, reason, (self._now() - since) / 1000):
            self._fail_job(replace(job, cancelled=True), limit)

    def _mark_starting(self, decision: JobStart) -> BatchJob:
        job = self._get_job(decision.job)
        prefix = job.spec.log_prefix or job.spec.definition_name
        starting = replace(
            job,
            status=JobStatus.STARTING,
            status_reason="",
            environment=decision.environment.arn,
            log_stream=f"{prefix}/default/{uuid.uuid4().hex}",
            started=None,
            blocked_since=None,
        )
        starting = replace(starting, nodes=new_nodes(starting, prefix))
        self._store.update(starting)
        return starting

    def mark_running(self, job_id: str) -> str:
        """Set the job to RUNNING; return the reason if it must be terminated at once, or ""."""
        with self._store.transaction():
            job = self._get_job(job_id)
            now = self._now()
            running = replace(job, status=JobStatus.RUNNING, started=now)
            self._store.update(start_node(running, job.spec.main_node, now))
            return job.termination_reason

    def mark_node_running(self, job_id: str, index: int) -> None:
        """Set a node of a multi-node job, other than the main one, to RUNNING."""
        with self._store.transaction():
            self._store.update(start_node(self._get_job(job_id), index, self._now()))

    def finish_node(self, job_id: str, index: int, outcome: AttemptOutcome) -> None:
        """Store the end of such a node, which has no effect on the job."""
        with self._store.transaction():
            self._store.update(end_node(self._get_job(job_id), index, outcome, self._now()))

    def finish_attempt(self, job_id: str, outcome: AttemptOutcome) -> BatchJob:
        """Store the end of an attempt and return the job in its next state."""
        with self._store.transaction():
            return self._end_attempt(self._get_job(job_id), outcome)

    def _end_attempt(self, job: BatchJob, outcome: AttemptOutcome) -> BatchJob:
        if job.spec.is_fargate and outcome.status_reason.startswith("Host EC2"):
            outcome = replace(outcome, status_reason=_TASK_LOST)
        if (
            job.termination_reason
        ):  # terminated: whatever the exit code, the job fails and is not retried
            outcome = replace(outcome, status_reason=job.termination_reason, is_final=True)
        now = self._now()
        job = end_nodes(job, outcome, now)
        attempt = JobAttempt(
            started=job.started,
            stopped=now,
            status_reason=outcome.status_reason,
            log_stream=job.log_stream,
            exit_code=outcome.exit_code,
            reason=outcome.reason,
        )
        job = replace(job, attempts=(*job.attempts, attempt), status_reason=outcome.status_reason)
        if outcome.is_success:
            job = replace(job, status=JobStatus.SUCCEEDED, stopped=now)
        elif should_retry(job.spec, len(job.attempts), outcome):
            job = replace(job, status=JobStatus.RUNNABLE, started=None)
        else:
            job = replace(job, status=JobStatus.FAILED, stopped=now)
        self._store.update(job)
        return job

    def terminate(self, job_id: str, reason: str) -> bool:
        """Terminate a job; return True if it has a container that the caller must stop."""
        with self._store.transaction():
            job = self._store.get(job_id)
            if job is None or job.status.is_final:
                return False
            if job.status in WAITING_STATUSES:
                self._fail_job(job, reason)
                return False
            # Stored before the container is stopped: whatever its exit, the attempt then ends as
            # terminated, also after a crash. The first reason counts.
            self._store.update(replace(job, termination_reason=job.termination_reason or reason))
            return True

    def cancel(self, job_id: str, reason: str) -> None:
        """Cancel a job that has not started; a started job continues."""
        with self._store.transaction():
            job = self._store.get(job_id)
            if job is not None and job.status in WAITING_STATUSES:
                self._fail_job(replace(job, cancelled=True), reason)

    def _fail_job(self, job: BatchJob, reason: str) -> None:
        self._store.update(
            replace(job, status=JobStatus.FAILED, status_reason=reason, stopped=self._now())
        )

    def _get_job(self, job_id: str) -> BatchJob:
        job = self._store.get(job_id)
        if job is None:
            raise KeyError(job_id)
        return job
