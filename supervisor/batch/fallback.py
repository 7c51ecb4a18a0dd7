"""What Batch can help with when Lambda cannot, and what a job must be given. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import DeadlineExceeded, DiskFull, OutOfMemory
from supervisor.model import ExecutionMode, Site

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.model import BatchTarget, FunctionConfig

# A shell's 128 + SIGKILL, whether the script itself was killed or a program that it waited for.
KILLED = 137
# Less than this, in bytes, and whatever the script wrote last did not fit.
FULL = 1 << 20
HELPED = (DeadlineExceeded, OutOfMemory, DiskFull)


@dataclass(frozen=True, slots=True)
class Size:
    """What a job gets instead of what its definition says; ``memory`` in MiB."""

    vcpus: str
    memory: int


def must_delegate(mode: ExecutionMode, site: Site) -> bool:
    """Only Lambda hands work away, and only for functions meant for Batch."""
    return site is Site.LAMBDA and mode is ExecutionMode.BATCH


def may_delegate(mode: ExecutionMode, site: Site) -> bool:
    """Lambda may hand work away when its own time, memory or disk runs out."""
    return site is Site.LAMBDA and mode is ExecutionMode.LAMBDA_BATCH


def size_after(error: SupervisorError | None, config: FunctionConfig) -> Size | None:
    """Say what the job must be given, None if its definition will do.

    After want of memory that is at least twice what Lambda gave, or the most there is. Raise
    OutOfMemory if Batch has not more than Lambda had.
    """
    if not isinstance(error, OutOfMemory) or config.batch is None:
        return None
    return _enough(config.batch, config.memory, error)


def _enough(target: BatchTarget, given: int, error: OutOfMemory) -> Size | None:
    if target.memory >= 2 * given:
        return None
    steps = [Size(vcpus, memory) for vcpus, memory in target.larger if memory > target.memory]
    for step in steps:
        if step.memory >= 2 * given:
            return step
    most = steps[-1].memory if steps else target.memory
    if most <= given:
        refused = OutOfMemory(error.status, error.output, memory=given)
        refused.remedy = (
            f"Batch cannot help: its jobs get at most {most} MiB here. Let the script use less"
            " memory, or give batch.compute_resources larger machines."
        )
        raise refused
    return steps[-1] if steps else None
