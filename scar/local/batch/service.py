"""The Batch service of the local cloud: places waiting jobs, runs them, remembers all."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.local.batch import submission
from scar.local.batch.attempt import GRACE, Host, RunningAttempt
from scar.local.batch.model import PLACED, WAITING, Job, Outcome
from scar.local.batch.placement import QUEUE_GONE
from scar.local.batch.state_machine import Board
from scar.local.batch.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scar.local.batch.model import Directory, Images, JobCredentials
    from scar.local.engines.port import Engine
    from scar.local.lambda_.model import LogSink
    from scar.local.moto.batch_registry import Queue

LOG = logging.getLogger(__name__)
ACTIVE = (*WAITING, *PLACED)
_LOOK = 2.0  # seconds between two looks at waiting jobs: queues may have been changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set. ``places``: jobs that this machine runs at once, all queues together.

    ``grace`` in seconds between TERM and KILL of a job that is ended.
    """

    endpoint_url: str
    places: int = field(default_factory=lambda: max(2, os.cpu_count() or 1))
    grace: float = GRACE


class BatchService:
    """Jobs from SubmitJob to their end. ``clock`` returns epoch seconds."""

    def __init__(  # noqa: PLR0913 - the service's ports
        self,
        folder: Path,
        *,
        directory: Directory,
        images: Images,
        engine: Engine,
        logs: LogSink,
        credentials: JobCredentials,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = JobStore(folder / "jobs.sqlite")
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._host = Host(
            images=images,
            engine=engine,
            logs=logs,
            credentials=credentials,
            endpoint_url=settings.endpoint_url,
            monotonic=monotonic,
            grace=settings.grace,
        )
        self._board = Board(self.store, self._now)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._attempts: dict[str, tuple[RunningAttempt, threading.Thread]] = {}
        self._scheduler = threading.Thread(target=self._schedule, name="batch", daemon=True)

    def start(self) -> None:
        """Take up the jobs of an earlier server and begin to place jobs."""
        self._board.recover()
        self._scheduler.start()

    def close(self) -> None:
        """Stop; containers are killed, and at the next start count as lost with their host."""
        self._closing.set()
        self._wake.set()
        if self._scheduler.ident is not None:
            self._scheduler.join()
        for attempt, thread in self._running():
            attempt.kill()
            thread.join()
        self.store.close()

    def submit(self, request: Mapping[str, Any], region: str) -> Job:
        """Take a job, durably; raise SubmitRefused as AWS would refuse it."""
        submission.check(request)
        queue, definition = submission.place(
            request,
            self._directory.queue(str(request.get("jobQueue", "")), region),
            self._directory.definition(str(request.get("jobDefinition", "")), region),
        )
        job = Job(
            id=str(uuid.uuid4()),
            name=str(request["jobName"]),
            region=region,
            queue=queue.arn,
            spec=submission.merge(definition, request),
            created=self._now(),
            doomed=submission.doomed(request),
        )
        self._board.submit(job)
        self._wake.set()
        return job

    def terminate(self, job_id: str, reason: str) -> None:
        """End a job wherever it is; one that is over stays as it is."""
        if self._board.terminate(job_id, reason):
            with self._lock:
                found = self._attempts.get(job_id)
            if found is not None:
                found[0].end()

    def cancel(self, job_id: str, reason: str) -> None:
        """End a job unless it has started."""
        self._board.cancel(job_id, reason)

    def queue_deleted(self, queue_arn: str) -> None:
        """End the jobs of a queue that is gone."""
        for job in self.store.with_status(*ACTIVE, queue=queue_arn):
            self.terminate(job.id, QUEUE_GONE)

    def wake(self) -> None:
        """Look at the waiting jobs now: a queue or environment has changed."""
        self._wake.set()

    def status(self) -> dict[str, int]:
        """Count the jobs by state."""
        return self.store.counts()

    def _schedule(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                self._step()
            except Exception:
                # The scheduler must outlive any fault of one job, queue or disk.
                LOG.exception("the waiting jobs could not be placed")
            self._wake.wait(_LOOK)

    def _step(self) -> None:
        # Queues are read before the transaction: their directory has a lock of its own.
        queues = self._queues()
        places = self._settings.places - len(self._running())
        for job in self._board.step(queues, places):
            attempt = RunningAttempt(job, self._host)
            thread = threading.Thread(
                target=self._run, args=(attempt,), name=f"batch-{job.id}", daemon=True
            )
            with self._lock:
                self._attempts[job.id] = (attempt, thread)
            thread.start()

    def _queues(self) -> dict[str, Queue | None]:
        return {arn: self._directory.queue(arn) for arn in self.store.waiting_queues()}

    def _run(self, attempt: RunningAttempt) -> None:
        job_id = attempt.job.id
        try:
            outcome = attempt.run(lambda: self._board.running(job_id))
        except Exception as error:
            LOG.exception("job %s could not be run", job_id)
            outcome = Outcome(status_reason="Task failed to start", reason=repr(error))
        try:
            if not self._closing.is_set():
                self._board.finished(job_id, outcome)
        finally:
            with self._lock:
                del self._attempts[job_id]
            self._wake.set()

    def _running(self) -> list[tuple[RunningAttempt, threading.Thread]]:
        with self._lock:
            return list(self._attempts.values())

    def _now(self) -> int:
        return int(self._clock() * 1000)
