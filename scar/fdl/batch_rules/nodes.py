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
    yield from _check_other_options(batch, location)
    if batch.multi_node_parallel.main_node_index >= batch.nodes:
        yield (
            (*section, "main_node_index"),
            f"must be less than number_nodes ({batch.nodes}): nodes are numbered from 0",
        )
    types = {environment.type for environment in batch.environments}
    if "SPOT" in types:
        yield (
            (*section, "enabled"),
            (
                "AWS Batch does not run multi-node jobs on Spot Instances: they stay RUNNABLE. Use"
                " compute environments of the type EC2"
            ),
        )
    elif types != {"EC2"}:
        yield (
            (*section, "enabled"),
            "Fargate has no multi-node jobs: set compute_resources.type to EC2",
        )
    elif problem := find_capacity_problem(batch, function.lambda_.architecture):
        yield (*section, "number_nodes"), problem


def _check_other_options(batch: BatchSpec, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield what jobs of one container have, and those of several nodes do not."""
    if batch.cluster:
        yield (
            (*location, "batch", "cluster"),
            (
                "cannot be true together with multi_node_parallel: a member of a cluster is a job"
                " of one container. Omit one of them; a cluster has as many workers as you start"
            ),
        )
    if batch.enable_execute_command:
        yield (
            (*location, "batch", "enable_execute_command"),
            "is not supported for multi-node jobs: `scar shell` cannot select a node",
        )


def find_capacity_problem(batch: BatchSpec, architecture: str) -> str:
    """Return why the nodes do not fit into the environment together; empty if they do.

    A job starts with all of its nodes or never.
    """
    default = instance_types.default_instance_types(architecture, gpus=batch.gpu_count)
    named = (name for e in batch.environments for name in e.instance_types or default)
    types = instance_types.find_instance_types(dict.fromkeys(named)) or ()
    fitting = instance_types.fitting_types(types, batch.vcpus, batch.memory, batch.gpu_count)
    # Nodes share no instance, so each of them uses all vCPUs of its own.
    each = min((t.vcpus for t in fitting), default=int(batch.vcpus))
    most = max(environment.max_v_cpus for environment in batch.environments)
    if batch.nodes * each <= most:
        return ""
    return (
        f"{batch.nodes} nodes use {batch.nodes * each} vCPUs, an instance of {each} or more each,"
        f" but max_v_cpus is {most}: the job never starts. Set max_v_cpus to"
        f" {batch.nodes * each} or more"
    )
