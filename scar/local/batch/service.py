"""The Batch service of the local cloud: starts waiting jobs, runs them, stores all jobs."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.local.batch import submission
from scar.local.batch.attempt import (
    GRACE,
    NOT_STARTED,
    AttemptDependencies,
    RunningAttempt,
)
from scar.local.batch.dependencies import check_dependencies, parse_dependencies
from scar.local.batch.gang import GangAttempt
from scar.local.batch.model import PLACED_STATUSES, WAITING_STATUSES, AttemptOutcome, BatchJob
from scar.local.batch.scheduling.placement import QUEUE_GONE
from scar.local.batch.scheduling.queue_snapshot import build_snapshot
from scar.local.batch.state_machine import JobStateMachine
from scar.local.batch.store import JobStore
from scar.local.file_systems import FileSystemFolders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scar.local.batch.model import BatchRegistry, JobCredentialsProvider
    from scar.local.engines.port import Engine, GpuDevice, LocalImageResolver
    from scar.local.lambda_.model import LogSink
    from scar.local.moto.batch_registry import JobQueueRecord

LOG = logging.getLogger(__name__)
UNFINISHED_STATUSES = (*WAITING_STATUSES, *PLACED_STATUSES)
_STORE_PAUSE = 5.0  # seconds between two attempts to store a result on a full disk
_POLL_INTERVAL = 2.0  # seconds between two scheduler runs: a change of a queue may have been missed


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchServiceSettings:
    """Settings of the service.

    ``slots``: jobs that this machine runs at once, all queues together. ``grace``: seconds
    between SIGTERM and SIGKILL of a job that is terminated.
    """

    endpoint_url: str
    slots: int = field(default_factory=lambda: max(2, os.cpu_count() or 1))
    grace: float = GRACE


class BatchService:
    """Runs jobs from SubmitJob to their end. ``clock`` returns epoch seconds."""

    def __init__(  # noqa: PLR0913 - the service's ports
        self,
        folder: Path,
        *,
        registry: BatchRegistry,
        images: LocalImageResolver,
        engine: Engine,
        logs: LogSink,
        credentials: JobCredentialsProvider,
        settings: BatchServiceSettings,
        non_blocking_logs: LogSink | None = None,
        file_systems: FileSystemFolders = FileSystemFolders(),  # noqa: B008 immutable
        gpus: tuple[GpuDevice, ...] = (),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = JobStore(folder / "jobs.sqlite")
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._attempt_dependencies = AttemptDependencies(
            images=images,
            engine=engine,
            logs=logs,
            credentials=credentials,
            endpoint_url=settings.endpoint_url,
            monotonic=monotonic,
            grace=settings.grace,
            non_blocking_logs=non_blocking_logs,
            file_systems=file_systems,
            gpus=gpus,
        )
        numbers = tuple(gpu.index for gpu in gpus)
        self._state_machine = JobStateMachine(self.store, self._now_ms, numbers)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._attempts: dict[str, tuple[RunningAttempt | GangAttempt, threading.Thread]] = {}
        self._scheduler = threading.Thread(target=self._run_scheduler, name="batch", daemon=True)

    def start(self) -> None:
        """Recover the jobs of an earlier server and start the scheduler."""
        self._state_machine.recover()
        self._scheduler.start()

    def close(self) -> None:
        """Stop and kill all containers; the next start treats their hosts as lost."""
        self._closing.set()
        self._wake.set()
        if self._scheduler.ident is not None:
            self._scheduler.join()
        for attempt, thread in self._running_attempts():
            attempt.kill()
            thread.join()
        self.store.close()

    def submit(self, request: Mapping[str, Any], region: str) -> BatchJob:
        """Store a new job durably and return it; raise BatchApiError as AWS would."""
        # AWS validates the request before it looks up the job queue and the job definition.
        submission.check_request(request)
        queue, definition = submission.check_queue_and_definition(
            request,
            self._registry.find_queue(str(request.get("jobQueue", "")), region),
            self._registry.find_definition(str(request.get("jobDefinition", "")), region),
        )
        spec = submission.build_job_spec(definition, request)
        submission.check_engine(spec, self._attempt_dependencies.engine)
        job = BatchJob(
            id=str(uuid.uuid4()),
            name=str(request["jobName"]),
            region=region,
            queue=queue.arn,
            spec=spec,
            created=self._now_ms(),
            delayed_failure=submission.delayed_failure(request),
            array_size=submission.array_size(request),
            depends_on=parse_dependencies(request),
            share=str(request.get("shareIdentifier") or ""),
            priority=int(request.get("schedulingPriorityOverride") or 0),
        )
        with self.store.transaction():
            check_dependencies(job, self.store.get)
            self._state_machine.submit(job)
        self._wake.set()
        return job

    def terminate(self, job_id: str, reason: str) -> None:
        """Terminate a job in any state; a finished job does not change."""
        for running_id in self._state_machine.terminate(job_id, reason):
            with self._lock:
                running = self._attempts.get(running_id)
            if running is not None:
                running[0].stop()

    def cancel(self, job_id: str, reason: str) -> None:
        """Cancel a job that has not started; a started job does not change."""
        self._state_machine.cancel(job_id, reason)

    def terminate_queue_jobs(self, queue_arn: str) -> None:
        """Terminate the unfinished jobs of a deleted queue."""
        for job in self.store.list_by_status(*UNFINISHED_STATUSES, queue=queue_arn):
            self.terminate(job.id, QUEUE_GONE)

    def queue_snapshot(self, queue: JobQueueRecord) -> dict[str, object]:
        """Return the response of GetJobQueueSnapshot."""
        return build_snapshot(self.store, queue, self._now_ms())

    def wake(self) -> None:
        """Run the scheduler now: a queue or compute environment has changed."""
        self._wake.set()

    def status(self) -> dict[str, int]:
        """Return the number of jobs by state."""
        return self.store.count_by_status()

    def _run_scheduler(self) -> None:
        while not self._closing.is_set():
            # Cleared before the jobs are read: a wake-up during the read causes another run.
            self._wake.clear()
            try:
                self._start_waiting_jobs()
            except Exception:
                # The scheduler must survive any error of one job, queue or disk.
                LOG.exception("cannot start the waiting jobs")
            self._wake.wait(_POLL_INTERVAL)

    def _start_waiting_jobs(self) -> None:
        # Queues are read before the transaction begins: the registry takes moto's lock, whose
        # holder may be waiting for the job store (change_guard).
        queues = self._queues_with_waiting_jobs()
        free_slots = self._settings.slots - len(self._running_attempts())
        for job in self._state_machine.start_waiting_jobs(queues, free_slots):
            attempt = (
                GangAttempt(job, self._attempt_dependencies, self._state_machine)
                if job.spec.nodes
                else RunningAttempt(job, self._attempt_dependencies)
            )
            thread = threading.Thread(
                target=self._run_attempt, args=(attempt,), name=f"batch-{job.id}", daemon=True
            )
            with self._lock:
                self._attempts[job.id] = (attempt, thread)
            thread.start()

    def _queues_with_waiting_jobs(self) -> dict[str, JobQueueRecord | None]:
        return {arn: self._registry.find_queue(arn) for arn in self.store.list_waiting_queues()}

    def _run_attempt(self, attempt: RunningAttempt | GangAttempt) -> None:
        job_id = attempt.job.id
        try:
            outcome = attempt.run(lambda: self._state_machine.mark_running(job_id))
        except Exception as error:
            LOG.exception("cannot run job %s", job_id)
            outcome = AttemptOutcome(status_reason=NOT_STARTED, reason=repr(error))
        try:
            # While closing, the killed container's exit is not the job's result: the job stays
            # RUNNING in the store, and recover() treats it as lost at the next start.
            self._store_outcome(job_id, outcome)
        finally:
            with self._lock:
                del self._attempts[job_id]
            self._wake.set()

    def _store_outcome(self, job_id: str, outcome: AttemptOutcome) -> None:
        """Store the outcome once the disk has space for it, unless the service is closed before."""
        while not self._closing.is_set():
            try:
                self._state_machine.finish_attempt(job_id, outcome)
            except (OSError, sqlite3.Error):
                LOG.exception("cannot store the result of job %s; the next attempt follows", job_id)
                self._closing.wait(_STORE_PAUSE)
            else:
                return

    def _running_attempts(self) -> list[tuple[RunningAttempt | GangAttempt, threading.Thread]]:
        with self._lock:
            return list(self._attempts.values())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
