"""Moves jobs from state to state. Each change is one transaction in the job store."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.batch.job_endings import EndedChildren, JobEndings
from scar.local.batch.model import (
    WAITING_STATUSES,
    AttemptOutcome,
    BatchJob,
    JobAttempt,
    JobStatus,
    host_lost_reason,
)
from scar.local.batch.nodes import end_node, end_nodes, new_nodes, start_node
from scar.local.batch.retry import should_retry
from scar.local.batch.scheduling.fair_share import order_jobs
from scar.local.batch.scheduling.placement import (
    QUEUE_GONE,
    GpuCapacity,
    JobBlocked,
    JobOrphaned,
    JobStart,
    find_expired_limit,
    place_jobs,
    queue_heads,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.batch.store import JobStore
    from scar.local.moto.batch_registry import JobQueueRecord

RETENTION_MS = 7 * 86_400_000  # of finished jobs: seven days, "AWS Batch: Jobs"
HOST_LOST = host_lost_reason("i-local")
# Fargate has no hosts that a user sees: what is lost there is a Spot task.
_TASK_LOST = "Your Spot Task was interrupted."


class JobStateMachine:
    """State changes of jobs, without any state in memory.

    ``now`` returns epoch milliseconds; ``gpus`` are the numbers of this machine's GPUs.
    """

    def __init__(self, store: JobStore, now: Callable[[], int], gpus: tuple[int, ...] = ()) -> None:
        self._store = store
        self._now = now
        self._endings = JobEndings(store, now)
        self._gpus = gpus

    def recover(self) -> None:
        """Treat running jobs of an earlier server as lost with their host; delete old jobs."""
        with self._store.transaction():
            for job in self._store.list_placed():
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
            # PENDING jobs wait for others, whose ends advance them.
            for job in self._store.list_by_status(JobStatus.SUBMITTED):
                if job.delayed_failure:
                    self._fail_job(job, job.delayed_failure)
                else:
                    self._endings.start_if_ready(job.id)
            shared = [queue for queue in queues.values() if queue and queue.fair_share]
            use = self._store.share_use(shared, self._now()) if shared else {}
            waiting = [job for job in self._store.list_waiting() if job.queue in queues]
            reasons = {job.id: job.status_reason for job in waiting}
            heads = queue_heads(order_jobs(waiting, queues, use))
            free_gpus = self._free_gpus()
            capacity = GpuCapacity(len(self._gpus), len(free_gpus))
            used = self._store.used_vcpus()
            for decision in place_jobs(waiting, queues, used, free_slots, capacity, use):
                match decision:
                    case JobStart():
                        started.append(self._mark_starting(decision, free_gpus))
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

    def _free_gpus(self) -> list[int]:
        """Return the GPUs that no job uses."""
        if not self._gpus:
            return []
        placed = self._store.list_placed()
        used = {number for job in placed for number in job.gpus}
        return [number for number in self._gpus if number not in used]

    def _mark_starting(self, decision: JobStart, free_gpus: list[int]) -> BatchJob:
        """Give the job its environment, log stream and GPUs, which are removed from the list."""
        job = self._get_job(decision.job)
        gpus = tuple(free_gpus[: job.spec.gpus])
        del free_gpus[: job.spec.gpus]
        prefix = job.spec.log_prefix or job.spec.definition_name
        starting = replace(
            job,
            status=JobStatus.STARTING,
            status_reason="",
            environment=decision.environment.arn,
            log_stream=f"{prefix}/default/{uuid.uuid4().hex}",
            started=None,
            blocked_since=None,
            gpus=gpus,
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
        if job.status.is_final:
            self._endings.after(job)
        return job

    def terminate(self, job_id: str, reason: str) -> tuple[str, ...]:
        """Terminate a job, or all children of an array.

        Return the jobs with containers that the caller must stop.
        """
        with self._store.transaction():
            job = self._store.get(job_id)
            if job is None or job.status.is_final:
                return ()
            if job.spawned is not None and job.is_array:
                return self._terminate_array(job, reason)
            if job.status in WAITING_STATUSES:
                self._fail_job(job, reason)
                return ()
            self._request_end(job, reason)
            return (job.id,)

    def _terminate_array(self, array: BatchJob, reason: str) -> tuple[str, ...]:
        self._request_end(array, reason)
        placed = self._store.children.list_placed(array.id)
        for child in placed:
            self._request_end(child, reason)
        self._store.children.fail_waiting(array.id, reason, self._now())
        self._endings.follow(EndedChildren(array.id))
        return tuple(child.id for child in placed)

    def _request_end(self, job: BatchJob, reason: str) -> None:
        # Stored before the container is stopped: whatever its exit, the attempt then ends as
        # terminated, also after a crash. The first reason counts.
        self._store.update(replace(job, termination_reason=job.termination_reason or reason))

    def cancel(self, job_id: str, reason: str) -> None:
        """Cancel a job, or the children of an array, that have not started; the others continue.

        A job that waits for others is cancelled once these have ended, as on AWS.
        """
        with self._store.transaction():
            job = self._store.get(job_id)
            if job is None or job.status not in WAITING_STATUSES:
                return
            cancelled = replace(job, cancelled=True, status_reason=reason)
            if job.array_index is not None or job.status is not JobStatus.PENDING:
                self._fail_job(cancelled, reason)
            elif job.spawned is None:
                self._store.update(cancelled)
            elif self._store.children.fail_waiting(job.id, reason, self._now(), cancelled=True):
                self._store.update(cancelled)
                self._endings.follow(EndedChildren(job.id))

    def _fail_job(self, job: BatchJob, reason: str) -> None:
        job = replace(job, status=JobStatus.FAILED, status_reason=reason, stopped=self._now())
        self._store.update(job)
        self._endings.after(job)

    def _get_job(self, job_id: str) -> BatchJob:
        job = self._store.get(job_id)
        if job is None:
            raise KeyError(job_id)
        return job
