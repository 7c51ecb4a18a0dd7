"""Rules of jobs of several nodes: where AWS Batch runs them, and whether they fit.

https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import instance_types
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import AwsFunction, BatchSpec
    from scar.fdl.problems import Location


def check_nodes(function: AwsFunction, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each broken rule of ``multi_node_parallel``."""
    batch = function.batch
    if not batch.nodes:
        return
    section: Location = (*location, "batch", "multi_node_parallel")
    if function.lambda_.execution_mode is ExecutionMode.LAMBDA:
        yield (
            (*section, "enabled"),
            "Lambda has no multi-node jobs: set execution_mode to batch or lambda-batch",
        )
        return
    if batch.multi_node_parallel.main_node_index >= batch.nodes:
        yield (
            (*section, "main_node_index"),
            f"must be less than number_nodes ({batch.nodes}): nodes are numbered from 0",
        )
    match batch.compute_resources.type:
        case "EC2":
            yield from _check_capacity(batch, function.lambda_.architecture, section)
        case "SPOT":
            yield (
                (*section, "enabled"),
                (
                    "AWS Batch does not run multi-node jobs on Spot Instances: they stay RUNNABLE."
                    " Set compute_resources.type to EC2"
                ),
            )
        case _:
            yield (
                (*section, "enabled"),
                "Fargate has no multi-node jobs: set compute_resources.type to EC2",
            )


def _check_capacity(
    batch: BatchSpec, architecture: str, section: Location
) -> Iterator[tuple[Location, str]]:
    """Check that all nodes fit into the environment: a job starts with all of them or never."""
    compute = batch.compute_resources
    names = compute.instance_types or instance_types.default_instance_types(
        architecture, gpu=batch.enable_gpu
    )
    gpus = 1 if batch.enable_gpu else 0
    types = instance_types.find_instance_types(names) or ()
    fitting = instance_types.fitting_types(types, batch.vcpus, batch.memory, gpus)
    # Nodes share no instance, so each of them uses all vCPUs of its own.
    each = min((t.vcpus for t in fitting), default=int(batch.vcpus))
    if batch.nodes * each > compute.max_v_cpus:
        yield (
            (*section, "number_nodes"),
            (
                f"{batch.nodes} nodes use {batch.nodes * each} vCPUs, an instance of {each} or more"
                f" each, but max_v_cpus is {compute.max_v_cpus}: the job never starts. Set"
                f" max_v_cpus to {batch.nodes * each} or more"
            ),
        )
