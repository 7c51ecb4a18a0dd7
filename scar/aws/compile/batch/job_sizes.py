"""The larger sizes that a job can be submitted with after it ran out of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.model.instance_types import (
    default_instance_types,
    find_instance_types,
    fitting_types,
)

if TYPE_CHECKING:
    from scar.fdl.model import BatchSpec, ComputeResourcesSpec

JobSize = tuple[str, int]
"""vCPUs, as Batch writes them, and memory in MiB."""

# Ends the doubling for very small definitions; 16 doublings of 4 MiB are 256 GiB.
_MAX_SIZES = 16


def larger_sizes(batch: BatchSpec, architecture: str = "x86_64") -> tuple[JobSize, ...]:
    """Return the sizes with more memory than the job definition's, smallest first.

    Each has about twice the memory of the one before: on EC2 up to the largest instance that a
    compute environment of the queue can start, on Fargate rounded up to a combination of vCPUs and
    memory that Fargate supports. None is a size that could never start.
    """
    sizes: list[JobSize] = []
    fargate = batch.compute_resources.is_fargate
    most = (
        limits.BATCH_INSTANCE_MEMORY.maximum if fargate else _instance_memory(batch, architecture)
    )
    memory = 2 * batch.memory
    # One doubling beyond the maximum, so that the maximum itself is the last size.
    while memory <= 2 * most and len(sizes) < _MAX_SIZES:
        size = _fargate_size(batch, memory) if fargate else (f"{batch.vcpus:g}", min(memory, most))
        # Fargate's memory is rounded up, so several doublings can have the same size.
        if size[1] > (sizes[-1][1] if sizes else batch.memory):
            sizes.append(size)
        memory *= 2
    return tuple(sizes)


def _instance_memory(batch: BatchSpec, architecture: str) -> int:
    """Return the most memory in MiB that any of the environments surely has for one job."""
    return max(_environment_memory(batch, each, architecture) for each in batch.environments)


def _environment_memory(batch: BatchSpec, compute: ComputeResourcesSpec, architecture: str) -> int:
    """Return the most memory in MiB that the environment's instances surely have for one job.

    ``max_v_cpus`` limits the size of an instance. AWS documents that Batch may exceed it by one
    instance, but a job that never starts is worse than one that runs out of memory.
    """
    gpus = batch.gpu_count
    names = compute.instance_types or default_instance_types(architecture, gpus=gpus)
    types = find_instance_types(names)
    if types is None:
        return limits.BATCH_INSTANCE_MEMORY.maximum
    fitting = fitting_types(types, batch.vcpus, batch.memory, gpus)
    # Each node has an instance for itself.
    each = compute.max_v_cpus // max(batch.nodes, 1)
    # An environment too small even for the job as defined: no instance is too large then.
    most_vcpus = max(each, min((t.vcpus for t in fitting), default=0))
    usable = (t.surely_usable_memory for t in fitting if t.vcpus <= most_vcpus)
    return max(usable, default=0)


def _fargate_size(batch: BatchSpec, minimum: int) -> JobSize:
    """Return the size with the fewest vCPUs that has the memory in MiB, or else the largest.

    It never has fewer vCPUs than the job definition.
    """
    most_vcpus = max(batch.vcpus, *(each.max_v_cpus for each in batch.environments))
    supported = sorted(
        (float(vcpus), memory, vcpus)
        for vcpus, sizes in limits.FARGATE_MEMORY.items()
        for memory in sizes
        if float(vcpus) >= batch.vcpus
        # A job with more vCPUs than the maximum of every environment never starts.
        and float(vcpus) <= most_vcpus
    )
    for _, memory, vcpus in supported:
        if memory >= minimum:
            return vcpus, memory
    _, memory, vcpus = max(supported, key=lambda size: (size[1], -size[0]))
    return vcpus, memory
