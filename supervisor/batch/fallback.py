"""What Batch can help with when Lambda cannot, and what a job must be given. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import DeadlineExceeded, DiskFull, OutOfMemory
from supervisor.model import ComputeService, ExecutionMode

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.model import BatchTarget, FunctionConfig

# Less than this, in bytes, and whatever the script wrote last did not fit.
DISK_FULL_BYTES = 1 << 20
FALLBACK_ERRORS = (DeadlineExceeded, OutOfMemory, DiskFull)


@dataclass(frozen=True, slots=True)
class JobSize:
    """What a job gets instead of what its definition says; ``memory`` in MiB."""

    vcpus: str
    memory: int


def must_submit_to_batch(mode: ExecutionMode, service: ComputeService) -> bool:
    """Only Lambda hands work away, and only for functions meant for Batch."""
    return service is ComputeService.LAMBDA and mode is ExecutionMode.BATCH


def may_submit_to_batch(mode: ExecutionMode, service: ComputeService) -> bool:
    """Lambda may hand work away when its own time, memory or disk runs out."""
    return service is ComputeService.LAMBDA and mode is ExecutionMode.LAMBDA_BATCH


def choose_job_size(error: SupervisorError | None, config: FunctionConfig) -> JobSize | None:
    """Say what the job must be given, None if its definition will do.

    After want of memory that is at least twice what Lambda gave, or the most there is. Raise
    OutOfMemory if Batch has not more than Lambda had.
    """
    if not isinstance(error, OutOfMemory) or config.batch is None:
        return None
    return _smallest_sufficient_size(config.batch, config.memory, error)


def _smallest_sufficient_size(
    target: BatchTarget, given: int, error: OutOfMemory
) -> JobSize | None:
    if target.memory >= 2 * given:
        return None
    steps = [JobSize(vcpus, memory) for vcpus, memory in target.larger if memory > target.memory]
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
