"""The larger sizes that a job can be submitted with after it ran out of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits

if TYPE_CHECKING:
    from scar.fdl.model import BatchSpec

JobSize = tuple[str, int]
"""vCPUs, as Batch writes them, and memory in MiB."""

# Ends the doubling for very small definitions; 16 doublings of 4 MiB are 256 GiB.
_MAX_SIZES = 16


def larger_sizes(batch: BatchSpec) -> tuple[JobSize, ...]:
    """Return the sizes with more memory than the job definition's, smallest first.

    Each has about twice the memory of the one before: on EC2 up to the largest general instance
    type, on Fargate rounded up to a combination of vCPUs and memory that Fargate supports.
    """
    sizes: list[JobSize] = []
    memory = 2 * batch.memory
    # One doubling beyond the maximum, so that the maximum itself is the last size.
    while memory <= 2 * limits.BATCH_INSTANCE_MEMORY.maximum and len(sizes) < _MAX_SIZES:
        size = (
            _fargate_size(batch, memory)
            if batch.compute_resources.is_fargate
            else _ec2_size(batch, memory)
        )
        # Fargate's memory is rounded up, so several doublings can have the same size.
        if size[1] > (sizes[-1][1] if sizes else batch.memory):
            sizes.append(size)
        memory *= 2
    return tuple(sizes)


def _ec2_size(batch: BatchSpec, memory: int) -> JobSize:
    return f"{batch.vcpus:g}", min(memory, limits.BATCH_INSTANCE_MEMORY.maximum)


def _fargate_size(batch: BatchSpec, minimum: int) -> JobSize:
    """Return the size with the fewest vCPUs that has the memory in MiB, or else the largest.

    It never has fewer vCPUs than the job definition.
    """
    supported = sorted(
        (float(vcpus), memory, vcpus)
        for vcpus, sizes in limits.FARGATE_MEMORY.items()
        for memory in sizes
        if float(vcpus) >= batch.vcpus
    )
    for _, memory, vcpus in supported:
        if memory >= minimum:
            return vcpus, memory
    _, memory, vcpus = max(supported, key=lambda size: (size[1], -size[0]))
    return vcpus, memory
