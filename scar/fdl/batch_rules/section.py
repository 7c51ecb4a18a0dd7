"""The rules of the section ``batch``: sizes, environments, user data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import AwsFunction
    from scar.fdl.problems import Location
from scar.fdl.batch_rules.fargate import check_fargate
from scar.fdl.batch_rules.instances import check_instances, format_vcpus
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
    if compute.min_v_cpus > compute.max_v_cpus:
        yield (*section, "compute_resources", "min_v_cpus"), "is larger than max_v_cpus"
    if batch.vcpus > compute.max_v_cpus:
        needed = format_vcpus(batch.vcpus)
        yield (
            (*section, "vcpus"),
            f"a job of {needed} never fits into max_v_cpus {compute.max_v_cpus}",
        )
    if compute.type.startswith("FARGATE"):
        yield from check_fargate(batch, section)
    else:
        yield from check_instances(batch, function.lambda_.architecture, section)
    if compute.user_data and (problem := _user_data_problem(compute.user_data.read_bytes())):
        yield (*section, "compute_resources", "user_data"), problem


def _user_data_problem(text: bytes) -> str:
    """Return the problem of an instance's user data; empty if it is valid."""
    if not limits.EC2_USER_DATA.allows(len(text)):
        return f"{len(text)} bytes; EC2's limit is {limits.EC2_USER_DATA.maximum}"
    if not text.startswith((b"#!", b"MIME-Version:", b"Content-Type:")):
        return "must be a script that begins with #!, or a MIME multipart file"
    return ""
