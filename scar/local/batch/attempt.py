"""One attempt of a job: one sandbox, from its start to its exit."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.local.batch.environment import job_environment
from scar.local.batch.job_storage import sandbox_storage
from scar.local.batch.model import AttemptOutcome, host_lost_reason
from scar.local.engines.port import EngineError, ImagePullError, SandboxProfile, SandboxSpec
from scar.local.file_systems import FileSystemFolders
from scar.local.lambda_.log_stream import LogStreamWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.batch.model import BatchJob, JobCredentialsProvider, JobSpec
    from scar.local.engines.port import (
        Engine,
        GpuDevice,
        LocalImage,
        LocalImageResolver,
        Sandbox,
        SandboxExit,
    )
    from scar.local.lambda_.model import LogSink

GRACE = 30.0  # seconds between SIGTERM and SIGKILL; TerminateJob on ECS
POLL_INTERVAL = 1.0  # seconds between two checks of the time limit and flushes of the log
# AWS's texts, which evaluateOnExit rules and scar's own reports match.
NOT_STARTED = "Task failed to start"
CONTAINER_EXITED = "Essential container in task exited"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDependencies:
    """Collaborators of an attempt; ``monotonic`` and ``grace`` in seconds.

    ``non_blocking_logs`` gets the output of jobs whose log driver may drop lines, if it is set.
    """

    images: LocalImageResolver
    engine: Engine
    logs: LogSink
    credentials: JobCredentialsProvider
    endpoint_url: str
    monotonic: Callable[[], float]
    grace: float = GRACE
    non_blocking_logs: LogSink | None = None
    file_systems: FileSystemFolders = field(default_factory=FileSystemFolders)
    gpus: tuple[GpuDevice, ...] = ()

    def gpus_of(self, job: BatchJob) -> tuple[GpuDevice, ...]:
        """Return the GPUs of this machine that the job's attempt uses."""
        return tuple(gpu for gpu in self.gpus if gpu.index in job.gpus)

    def logs_for(self, job: BatchJob) -> LogSink:
        """Return the log sink of a job: the other one unless its log driver blocks."""
        if self.non_blocking_logs is None or is_log_driver_blocking(job.spec.log_options):
            return self.logs
        return self.non_blocking_logs


class RunningAttempt:
    """``run`` blocks until the attempt has sandbox_exit; ``stop`` and ``kill`` suit any thread."""

    def __init__(self, job: BatchJob, dependencies: AttemptDependencies) -> None:
        self.job = job
        self._dependencies = dependencies
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._stop_requested = False
        self._stopper: threading.Thread | None = None

    def run(self, on_running: Callable[[], str]) -> AttemptOutcome:
        """Run the attempt; call ``on_running`` once the container has started.

        ``on_running`` returns a reason if the job must be terminated at once, else an empty
        string.
        """
        sink = self._dependencies.logs_for(self.job)
        log = LogStreamWriter(sink, self.job.spec.log_group, self.job.log_stream)
        try:
            image = self._dependencies.images.resolve(self.job.spec.image)
        except (ScarError, OSError) as error:
            return start_failure(self.job.spec, f"CannotPullContainerError: {error}")
        try:
            sandbox = self._dependencies.engine.start(self._sandbox_spec(image), log.write)
        except ImagePullError as error:
            return start_failure(self.job.spec, f"CannotPullContainerError: {error.problem}")
        except (EngineError, OSError) as error:
            return start_failure(self.job.spec, f"ResourceInitializationError: {error}")
        try:
            with self._lock:
                self._sandbox = sandbox
            # stop() may have come before there was a sandbox to stop; a termination may have
            # been stored while the image was loaded. Both are checked now that it runs.
            if on_running() or self._stop_requested:
                self.stop()
            return self._wait_for_exit(sandbox, log)
        finally:
            # In this order: the stopper returns once the sandbox is closed, and after that nothing
            # writes to the log.
            sandbox.close()
            if self._stopper is not None:
                self._stopper.join()
            log.close()

    def stop(self) -> None:
        """Send SIGTERM now and SIGKILL after the grace period; return at once."""
        with self._lock:
            self._stop_requested = True
            if self._sandbox is None or self._stopper is not None:
                return
            self._stopper = threading.Thread(
                target=self._sandbox.stop, args=(self._dependencies.grace,), daemon=True
            )
            self._stopper.start()

    def kill(self) -> None:
        """Kill the sandbox at once, without SIGTERM."""
        with self._lock:
            self._stop_requested = True
            sandbox = self._sandbox
        if sandbox is not None:
            sandbox.close()

    def _wait_for_exit(self, sandbox: Sandbox, log: LogStreamWriter) -> AttemptOutcome:
        """Wait for the exit and enforce the timeout; flush the log once a second."""
        limit = self.job.spec.timeout
        end = None if limit is None else self._dependencies.monotonic() + limit
        timed_out = False
        while True:
            left = (
                POLL_INTERVAL
                if end is None
                else max(0.0, min(POLL_INTERVAL, end - self._dependencies.monotonic()))
            )
            sandbox_exit = sandbox.wait(left)
            if sandbox_exit is not None:
                return _exit_outcome(sandbox_exit, timed_out=timed_out)
            log.flush()
            if end is not None and self._dependencies.monotonic() >= end:
                end, timed_out = None, True
                self.stop()

    def _sandbox_spec(self, image: LocalImage) -> SandboxSpec:
        spec, gpus = self.job.spec, self._dependencies.gpus_of(self.job)
        return SandboxSpec(
            name=f"{self.job.name}-{len(self.job.attempts) + 1}",
            image=image,
            profile=SandboxProfile.BATCH,
            environment=job_environment(
                self.job,
                image.environment,
                self._dependencies.endpoint_url,
                self._dependencies.credentials(spec.role),
                gpus,
            ),
            memory_mb=spec.memory_mb,
            vcpus=spec.vcpus,
            storage=sandbox_storage(spec.storage, self._dependencies.file_systems),
            gpus=gpus,
        )


def is_log_driver_blocking(log_options: str) -> bool:
    """Return whether a logConfiguration (JSON or empty) has ``mode: blocking``, not the default."""
    configuration = json.loads(log_options) if log_options else {}
    return (configuration.get("options") or {}).get("mode") == "blocking"


def start_failure(spec: JobSpec, reason: str) -> AttemptOutcome:
    """Return the outcome of a container that did not start: on Fargate the cause is the status."""
    if spec.is_fargate:
        return AttemptOutcome(status_reason=reason)
    return AttemptOutcome(status_reason=NOT_STARTED, reason=reason)


def _exit_outcome(sandbox_exit: SandboxExit, *, timed_out: bool) -> AttemptOutcome:
    if sandbox_exit.lost_host:  # no host, no exit status
        return AttemptOutcome(status_reason=host_lost_reason(sandbox_exit.lost_host))
    status = sandbox_exit.status
    # The kernel may kill one process of a container that then succeeds: the status decides.
    reason = OUT_OF_MEMORY if sandbox_exit.out_of_memory and status != 0 else ""
    if timed_out:
        return AttemptOutcome(
            status_reason=TIMED_OUT, exit_code=status, reason=reason, is_final=True
        )
    return AttemptOutcome(status_reason=CONTAINER_EXITED, exit_code=status, reason=reason)
