"""An engine whose sandboxes die by chance, as Lambda's do and as the hosts of jobs do."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.local.conditions import fates
from scar.local.engines.port import ImagePullError, SandboxProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.conditions.draws import Draws
    from scar.local.conditions.fates import JobFate
    from scar.local.engines.port import (
        Engine,
        EngineGuarantees,
        LocalImage,
        NodeNetwork,
        Sandbox,
        SandboxExit,
        SandboxSpec,
    )

SPOT_SECONDS = 1.0
"""From SIGTERM to the loss of the host: two minutes on AWS."""


class UnreliableEngine:
    """Runs sandboxes on another engine and ends some of them; ``close`` closes that engine."""

    def __init__(self, engine: Engine, draws: Draws) -> None:
        self._engine = engine
        self._draws = draws
        self.name = engine.name

    @property
    def guarantees(self) -> EngineGuarantees:
        return self._engine.guarantees

    def prepare(self, image: LocalImage) -> None:
        self._engine.prepare(image)

    def open_network(self, nodes: int, port: int) -> NodeNetwork:
        return self._engine.open_network(nodes, port)

    def close(self) -> None:
        self._engine.close()

    def start(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> Sandbox:
        """Start a sandbox with a fate; raise EngineError for a job that does not start."""
        if spec.profile is SandboxProfile.BATCH:
            return self._start_job(spec, output)
        function = spec.environment.get("AWS_LAMBDA_FUNCTION_NAME", spec.name)
        fate = fates.sandbox_fate(self._draws, function)
        sandbox = self._engine.start(spec, output)
        if fate is None:
            return sandbox
        return DoomedSandbox(
            sandbox, fate.seconds, grace=0.0, end=SandboxEnd(out_of_memory=fate.out_of_memory)
        )

    def _start_job(self, spec: SandboxSpec, output: Callable[[bytes], None]) -> Sandbox:
        fate = fates.job_fate(self._draws, _job_name(spec), _attempt(spec.environment))
        if fate is not None and fate.end is fates.JobEnd.PULL:
            raise ImagePullError(
                "pull image manifest has been retried 5 time(s): request canceled",
                remedy="The image exists: --chaos made this attempt fail.",
            )
        sandbox = self._engine.start(spec, output)
        return sandbox if fate is None else _doomed_job(sandbox, fate, spec.name)


@dataclass(frozen=True, slots=True)
class SandboxEnd:
    """What the end of a doomed sandbox looks like: out of memory, or its host's id is lost."""

    out_of_memory: bool = False
    lost_host: str = ""


class DoomedSandbox:
    """A sandbox that is stopped some seconds after its start, unless it has ended before."""

    def __init__(self, sandbox: Sandbox, seconds: float, *, grace: float, end: SandboxEnd) -> None:
        self._sandbox = sandbox
        self._grace = grace
        self._end = end
        self._is_doomed = False
        self._timer = threading.Timer(seconds, self._stop)
        self._timer.daemon = True
        self._timer.start()

    @property
    def name(self) -> str:
        return self._sandbox.name

    def wait(self, timeout: float | None = None) -> SandboxExit | None:
        """Return its exit; that of a lost host names the host."""
        sandbox_exit = self._sandbox.wait(timeout)
        if sandbox_exit is None or not self._is_doomed:
            return sandbox_exit
        return replace(
            sandbox_exit, out_of_memory=self._end.out_of_memory, lost_host=self._end.lost_host
        )

    def stop(self, grace: float) -> None:
        self._sandbox.stop(grace)

    def drain(self, timeout: float) -> None:
        self._sandbox.drain(timeout)

    def set_idle(self, *, is_idle: bool) -> None:
        self._sandbox.set_idle(is_idle=is_idle)

    def peak_memory_mb(self) -> int:
        return self._sandbox.peak_memory_mb()

    def close(self) -> None:
        self._timer.cancel()
        self._sandbox.close()

    def _stop(self) -> None:
        if self._sandbox.wait(0) is None:
            self._is_doomed = True
            self._sandbox.stop(self._grace)


def _doomed_job(sandbox: Sandbox, fate: JobFate, name: str) -> Sandbox:
    import hashlib

    host = hashlib.sha256(name.encode()).hexdigest()[:17]
    grace = SPOT_SECONDS if fate.end is fates.JobEnd.SPOT else 0.0
    return DoomedSandbox(
        sandbox, fate.seconds, grace=grace, end=SandboxEnd(lost_host=f"i-0{host[1:]}")
    )


def _job_name(spec: SandboxSpec) -> str:
    """Return what is the same for the same job in every run: the function's name."""
    return spec.environment.get("SCAR_FUNCTION") or spec.name.rpartition("-")[0].rpartition("-")[0]


def _attempt(environment: Mapping[str, str]) -> int:
    number = environment.get("AWS_BATCH_JOB_ATTEMPT", "1")
    return int(number) if number.isdigit() else 1
