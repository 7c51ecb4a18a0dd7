"""The rules of the section ``batch``: sizes, environments, user data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import AwsFunction
    from scar.fdl.problems import Location
from scar.aws.model.containers.container_properties import container_problems
from scar.fdl.batch_rules.disks import check_user_data
from scar.fdl.batch_rules.environments import check_environments, locate_environments
from scar.fdl.batch_rules.fargate import check_fargate
from scar.fdl.batch_rules.instances import check_instances, format_vcpus
from scar.fdl.batch_rules.scheduling import check_scheduling
from scar.fdl.batch_rules.storage import check_storage
from supervisor.model import ExecutionMode


def check_batch(function: AwsFunction, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each broken rule of a function that uses Batch."""
    batch = function.batch
    compute = batch.compute_resources
    section: Location = (*location, "batch")
    if not batch.enabled and function.lambda_.execution_mode is ExecutionMode.BATCH:
        yield (
            (*section, "enabled"),
            (
                "is false, but with execution_mode: batch all runs are jobs: choose execution_mode:"
                " lambda, or `enabled: false` for the function"
            ),
        )
    if batch.state != "ENABLED":
        yield (*section, "state"), "must be ENABLED: a disabled compute environment runs no jobs"
    yield from check_environments(batch, section)
    yield from check_scheduling(batch, section)
    located = locate_environments(batch, section)
    most_vcpus = max(environment.max_v_cpus for _, environment in located)
    if batch.vcpus > most_vcpus:
        needed = format_vcpus(batch.vcpus)
        yield (
            (*section, "vcpus"),
            f"a job of {needed} never fits into max_v_cpus {most_vcpus}",
        )
    if compute.is_fargate:
        yield from check_fargate(batch, section)
    else:
        yield from check_instances(batch, function.lambda_.architecture, section, located)
    yield from check_storage(batch, section)
    yield from check_user_data(compute, (*section, "compute_resources"))
    for path, problem in container_problems(batch.container_properties):
        yield (*section, "container_properties", *path), problem
