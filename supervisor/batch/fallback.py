"""Which errors in Lambda lead to a Batch job, and how much memory the job needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import DeadlineExceeded, DiskFull, OutOfMemory
from supervisor.model import ComputeService, ExecutionMode

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.invocation import Trigger
    from supervisor.job_model import BatchTarget, JobOptions
    from supervisor.model import FunctionConfig

# With less free space than this, in bytes, a script most likely failed because the disk is full.
DISK_FULL_BYTES = 1 << 20
FALLBACK_ERRORS = (DeadlineExceeded, OutOfMemory, DiskFull)


def must_submit_to_batch(mode: ExecutionMode, service: ComputeService, trigger: Trigger) -> bool:
    """Return whether the run is submitted at once: in Lambda, in execution mode ``batch``.

    In mode ``lambda-batch`` too, if the caller requests something of a job.
    """
    return service is ComputeService.LAMBDA and (
        mode is ExecutionMode.BATCH
        or (mode is ExecutionMode.LAMBDA_BATCH and trigger.job is not None)
    )


def may_submit_to_batch(mode: ExecutionMode, service: ComputeService) -> bool:
    """Return whether the run may continue in Batch after one of ``FALLBACK_ERRORS``."""
    return service is ComputeService.LAMBDA and mode is ExecutionMode.LAMBDA_BATCH


def choose_job_size(error: SupervisorError | None, config: FunctionConfig) -> JobOptions | None:
    """Return the resources that the job needs, None if its job definition is sufficient.

    After OutOfMemory the job gets at least twice Lambda's memory, or the most that Batch offers
    here. Raise OutOfMemory if that is not more than Lambda had.
    """
    if not isinstance(error, OutOfMemory) or config.batch is None:
        return None
    return _smallest_sufficient_size(config.batch, config.memory, error)


def _smallest_sufficient_size(
    target: BatchTarget, lambda_memory: int, error: OutOfMemory
) -> JobOptions | None:
    from supervisor.job_model import JobOptions  # not at start: few runs need it

    if target.memory >= 2 * lambda_memory:
        return None
    larger_sizes = [
        JobOptions(vcpus=vcpus, memory=memory)
        for vcpus, memory in target.larger
        if memory > target.memory
    ]
    for size in larger_sizes:
        if size.memory >= 2 * lambda_memory:
            return size
    maximum = larger_sizes[-1].memory if larger_sizes else target.memory
    if maximum <= lambda_memory:
        too_small = OutOfMemory(error.status, error.output, memory=lambda_memory)
        too_small.remedy = (
            f"Batch cannot help: its jobs get at most {maximum} MiB here. Reduce the script's"
            " memory use, or choose larger batch.compute_resources.instance_types."
        )
        raise too_small
    return larger_sizes[-1] if larger_sizes else None
