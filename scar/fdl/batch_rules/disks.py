"""Rules of disks and user data: EBS volumes, instance stores, Fargate's ephemeral storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.model.disks.ebs_volumes import volume_problems
from scar.aws.model.disks.instance_stores import suggest_families, types_without_instance_store
from scar.aws.model.disks.user_data import with_instance_store, wrap_in_multipart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.fdl.model.batch import ComputeResourcesSpec
    from scar.fdl.problems import Location


def check_volume(
    compute: ComputeResourcesSpec, architecture: str, types: Sequence[str], section: Location
) -> Iterator[tuple[Location, str]]:
    """Check the disk of EC2 instances of these types; ``section`` is ``compute_resources``."""
    disk, where = compute.disk, (*section, "disk")
    for key, problem in volume_problems(disk.type, disk.size, disk.iops, disk.throughput):
        yield (*where, key), problem
    if disk.instance_store and (without := types_without_instance_store(types)):
        yield (
            (*where, "instance_store"),
            (
                f"instances of {', '.join(without)} have no NVMe instance store; set"
                f" instance_types to {suggest_families(architecture)}, for instance"
            ),
        )


def check_user_data(
    compute: ComputeResourcesSpec, section: Location
) -> Iterator[tuple[Location, str]]:
    """Check the form of instances' user data, and its size with the parts that scar adds."""
    if compute.user_data is None:
        return
    where = (*section, "user_data")
    try:
        text = compute.user_data.read_text()
    except UnicodeDecodeError:
        yield where, "must be text in UTF-8"
        return
    if not text.startswith(("#!", "MIME-Version:", "Content-Type:")):
        yield where, "must be a script that begins with #!, or a MIME multipart file"
        return
    whole = with_instance_store(text) if compute.disk.instance_store else text
    size, most = len(wrap_in_multipart(whole).encode()), limits.EC2_USER_DATA.maximum
    if not limits.EC2_USER_DATA.allows(size):
        own = size - len(text.encode())
        yield where, f"{size} bytes, {own} of them scar's; EC2's limit is {most}"


def check_ephemeral_storage(
    compute: ComputeResourcesSpec, section: Location
) -> Iterator[tuple[Location, str]]:
    """Check the disk of Fargate tasks."""
    disk, where = compute.disk, (*section, "disk")
    if compute.user_data:
        yield (*section, "user_data"), "Fargate has no instances that could run it"
    if disk.size and not limits.FARGATE_DISK.allows(disk.size):
        least, most = limits.FARGATE_DISK.minimum, limits.FARGATE_DISK.maximum
        yield where, f"must be {least} to {most} GiB on Fargate; omit it for 20"
    for key in ("type", "iops", "throughput", "instance_store"):
        if getattr(disk, key) != type(disk).model_fields[key].default:
            yield (*where, key), "Fargate's ephemeral storage has a size only; use EC2 or SPOT"
