"""Rules of jobs on Fargate: sizes, disks and what Fargate does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.fdl.batch_rules.storage import check_fargate_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model.batch import BatchSpec, ComputeResourcesSpec
    from scar.fdl.problems import Location


def _check_fargate_disk(
    compute: ComputeResourcesSpec, section: Location
) -> Iterator[tuple[Location, str]]:
    if compute.user_data:
        yield (*section, "user_data"), "Fargate has no instances that could run it"
    if compute.disk and not limits.FARGATE_DISK.allows(compute.disk):
        least, most = limits.FARGATE_DISK.minimum, limits.FARGATE_DISK.maximum
        yield (*section, "disk"), f"must be {least} to {most} GiB on Fargate; omit it for 20"


def check_fargate(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    yield from _check_fargate_disk(batch.compute_resources, (*section, "compute_resources"))
    if batch.enable_gpu:
        yield (*section, "enable_gpu"), "Fargate has no GPUs; use EC2 or SPOT"
    if batch.compute_resources.instance_types:
        yield (*section, "compute_resources", "instance_types"), "Fargate has no instance types"
    yield from check_fargate_storage(batch, section)
    sizes = limits.FARGATE_MEMORY.get(f"{batch.vcpus:g}")
    if sizes is None:
        choices = ", ".join(limits.FARGATE_MEMORY)
        yield (*section, "vcpus"), f"must be one of {choices} on Fargate, not {batch.vcpus:g}"
    elif batch.memory not in sizes:
        nearest = min((size for size in sizes if size >= batch.memory), default=max(sizes))
        yield (
            (*section, "memory"),
            (
                f"Fargate does not support {batch.memory} MiB with {batch.vcpus:g} vCPUs; "
                f"the nearest size is {nearest}"
            ),
        )
