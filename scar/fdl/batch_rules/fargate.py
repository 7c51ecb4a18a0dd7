"""Rules of jobs on Fargate: sizes, disks and what Fargate does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.fdl.batch_rules.disks import check_ephemeral_storage
from scar.fdl.batch_rules.instances import format_vcpus
from scar.fdl.batch_rules.storage import check_fargate_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model.batch import BatchSpec
    from scar.fdl.problems import Location


def check_fargate(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    yield from check_ephemeral_storage(batch.compute_resources, (*section, "compute_resources"))
    if batch.gpu_count:
        yield (*section, batch.gpu_key), "Fargate has no GPUs; use EC2 or SPOT"
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
                f"Fargate does not support {batch.memory} MiB with {format_vcpus(batch.vcpus)}; "
                f"the nearest size is {nearest}"
            ),
        )
