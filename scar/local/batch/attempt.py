"""One attempt of a job: a sandbox from start to end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.local.batch.environment import environment
from scar.local.batch.model import Outcome
from scar.local.engines.port import EngineError, Profile, SandboxSpec
from scar.local.lambda_.log_stream import StreamLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.batch.model import Images, Job, JobCredentials
    from scar.local.engines.port import Engine, Exit, LocalImage, Sandbox
    from scar.local.lambda_.model import LogSink

GRACE = 30.0  # seconds between TERM and KILL; TerminateJob on ECS
LOOK = 1.0  # seconds between two looks at the clock, and at the log
EXITED = "Essential container in task exited"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What an attempt needs of the machine; ``monotonic`` in seconds."""

    images: Images
    engine: Engine
    logs: LogSink
    credentials: JobCredentials
    endpoint_url: str
    monotonic: Callable[[], float]
    grace: float = GRACE


class RunningAttempt:
    """``run`` blocks until the attempt is over; ``end`` may come from any thread."""

    def __init__(self, job: Job, host: Host) -> None:
        self.job = job
        self._host = host
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._ending = False
        self._stopper: threading.Thread | None = None

    def run(self, running: Callable[[], str]) -> Outcome:
        """Carry it out; ``running`` is called once the container is there.

        It returns the reason if the job is to be ended at once.
        """
        log = StreamLog(self._host.logs, self.job.spec.log_group, self.job.log_stream)
        try:
            image = self._host.images.resolve(self.job.spec.image)
        except (ScarError, OSError) as error:
            return _not_started(f"CannotPullContainerError: {error}")
        try:
            sandbox = self._host.engine.start(self._spec(image), log.write)
        except (EngineError, OSError) as error:
            return _not_started(f"ResourceInitializationError: {error}")
        try:
            with self._lock:
                self._sandbox = sandbox
            if running() or self._ending:
                self.end()
            return self._watch(sandbox, log)
        finally:
            sandbox.close()
            if self._stopper is not None:
                self._stopper.join()
            log.close()

    def end(self) -> None:
        """TERM now, KILL after the grace; returns at once."""
        with self._lock:
            self._ending = True
            if self._sandbox is None or self._stopper is not None:
                return
            self._stopper = threading.Thread(
                target=self._sandbox.stop, args=(self._host.grace,), daemon=True
            )
            self._stopper.start()

    def kill(self) -> None:
        """End it without grace."""
        with self._lock:
            self._ending = True
            sandbox = self._sandbox
        if sandbox is not None:
            sandbox.close()

    def _watch(self, sandbox: Sandbox, log: StreamLog) -> Outcome:
        """Wait for the end or the time-out; what is logged meanwhile becomes readable."""
        limit = self.job.spec.timeout
        end = None if limit is None else self._host.monotonic() + limit
        timed_out = False
        while True:
            left = LOOK if end is None else max(0.0, min(LOOK, end - self._host.monotonic()))
            ended = sandbox.wait(left)
            if ended is not None:
                return _outcome(ended, timed_out=timed_out)
            log.flush()
            if end is not None and self._host.monotonic() >= end:
                end, timed_out = None, True
                self.end()

    def _spec(self, image: LocalImage) -> SandboxSpec:
        spec = self.job.spec
        return SandboxSpec(
            name=f"{self.job.name}-{len(self.job.attempts) + 1}",
            image=image,
            profile=Profile.BATCH,
            environment=environment(
                self.job,
                image.environment,
                self._host.endpoint_url,
                self._host.credentials(spec.role),
            ),
            memory_mb=spec.memory_mb,
            vcpus=spec.vcpus,
        )


def _not_started(reason: str) -> Outcome:
    return Outcome(status_reason="Task failed to start", reason=reason)


def _outcome(ended: Exit, *, timed_out: bool) -> Outcome:
    status = ended.status
    # A container may survive that one of its processes was killed: its own status counts.
    reason = OUT_OF_MEMORY if ended.out_of_memory and status != 0 else ""
    if timed_out:
        return Outcome(status_reason=TIMED_OUT, exit_code=status, reason=reason, final=True)
    return Outcome(status_reason=EXITED, exit_code=status, reason=reason)
