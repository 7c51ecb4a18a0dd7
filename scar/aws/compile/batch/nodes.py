"""The nodes of a function's jobs, for the supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.instance_types import default_instance_types, find_instance_types
from supervisor.job_model import NodeGroup

if TYPE_CHECKING:
    from scar.fdl.model import BatchSpec


def node_group(batch: BatchSpec, architecture: str) -> NodeGroup | None:
    """Return the nodes of each job; None for jobs of one container."""
    if not batch.nodes:
        return None
    spec = batch.multi_node_parallel
    return NodeGroup(
        count=spec.number_nodes,
        main=spec.main_node_index,
        timeout=spec.timeout,
        max_vcpus=max(environment.max_v_cpus for environment in batch.environments),
        instances=node_instances(batch, architecture),
    )


def node_instances(batch: BatchSpec, architecture: str) -> tuple[tuple[int, int, int], ...]:
    """Return vCPUs, MiB and GPUs of the instances that the environments can start.

    Of instances with equal vCPUs and GPUs the one with the most memory. The memory is what a job
    surely has, but never less than that of the job definition if it may fit. Empty if a type is not
    known.
    """
    default = default_instance_types(architecture, gpus=batch.gpu_count)
    named = (name for e in batch.environments for name in e.instance_types or default)
    memories: dict[tuple[int, int], int] = {}
    for found in find_instance_types(dict.fromkeys(named)) or ():
        memory = found.surely_usable_memory
        if found.fits(batch.vcpus, batch.memory, batch.gpu_count):
            memory = max(memory, batch.memory)
        shape = (found.vcpus, found.gpus)
        memories[shape] = max(memory, memories.get(shape, 0))
    return tuple(sorted((vcpus, memory, gpus) for (vcpus, gpus), memory in memories.items()))
