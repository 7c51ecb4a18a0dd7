"""The EBS volume types that an instance can start from, and their limits.

Sources, 2026-11: the model of EC2's LaunchTemplateEbsBlockDeviceRequest for sizes, IOPS and
throughput; docs, "Amazon EBS volume types", for the ratios. st1 and sc1 cannot be root volumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from scar.aws.model.limits import EC2_ROOT_VOLUME, Limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RootVolumeType = Literal["gp3", "gp2", "io1", "io2"]
_MODEL = "model: LaunchTemplateEbsBlockDeviceRequest"
# Without a provisioned number, gp3 has these, at no cost.
GP3_IOPS = 3_000
# MiB/s of throughput per provisioned IOPS.
_THROUGHPUT_PER_IOPS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeType:
    """The limits of a volume type; None for what cannot be provisioned."""

    size: Limit
    iops: Limit | None = None
    iops_per_gib: int = 0
    throughput: Limit | None = None
    needs_iops: bool = False


def _gib(minimum: int, maximum: int) -> Limit:
    return Limit(minimum=minimum, maximum=maximum, unit="GiB", source=_MODEL)


def _iops(minimum: int, maximum: int) -> Limit:
    return Limit(minimum=minimum, maximum=maximum, unit="IOPS", source=_MODEL)


VOLUME_TYPES: Mapping[str, VolumeType] = {
    "gp3": VolumeType(
        size=_gib(1, 65_536),
        iops=_iops(GP3_IOPS, 80_000),
        iops_per_gib=500,
        throughput=Limit(minimum=125, maximum=2_000, unit="MiB/s", source=_MODEL),
    ),
    "gp2": VolumeType(size=_gib(1, 16_384)),
    "io1": VolumeType(
        size=_gib(4, 16_384), iops=_iops(100, 64_000), iops_per_gib=50, needs_iops=True
    ),
    "io2": VolumeType(
        size=_gib(4, 65_536), iops=_iops(100, 256_000), iops_per_gib=1_000, needs_iops=True
    ),
}
assert VOLUME_TYPES.keys() == {*get_args(RootVolumeType)}  # noqa: S101


def volume_problems(
    kind: RootVolumeType, size: int, iops: int, throughput: int
) -> Iterator[tuple[str, str]]:
    """Yield the key and the message of each value that EBS refuses; 0 is a value not given."""
    limits = VOLUME_TYPES[kind]
    least = EC2_ROOT_VOLUME.minimum
    if 0 < size < least:
        yield (
            "size",
            (
                f"the root volume has {least} GiB or more, as the image that instances start from,"
                f" not {size:,}; omit it for {least}"
            ),
        )
    elif size and not limits.size.allows(size):
        yield "size", f"a {kind} volume has {_format_range(limits.size)}, not {size:,}"
    if limits.needs_iops and not iops:
        yield "type", f"{kind} needs iops; gp3 does not"
    yield from _iops_problems(kind, size, iops)
    yield from _throughput_problems(kind, iops, throughput)


def _iops_problems(kind: RootVolumeType, size: int, iops: int) -> Iterator[tuple[str, str]]:
    limits = VOLUME_TYPES[kind]
    if not iops:
        return
    if limits.iops is None:
        yield "iops", f"cannot be chosen for {kind}; use gp3, io1 or io2"
    elif not limits.iops.allows(iops):
        yield "iops", f"a {kind} volume has {_format_range(limits.iops)}, not {iops:,}"
    # The 3,000 IOPS of gp3 are there at any size.
    elif size and iops > max(size * limits.iops_per_gib, GP3_IOPS if kind == "gp3" else 0):
        yield (
            "iops",
            (
                f"{kind} has at most {limits.iops_per_gib:,} IOPS per GiB: {iops:,} need a size of"
                f" {-(-iops // limits.iops_per_gib):,} GiB"
            ),
        )


def _throughput_problems(
    kind: RootVolumeType, iops: int, throughput: int
) -> Iterator[tuple[str, str]]:
    limit = VOLUME_TYPES[kind].throughput
    if not throughput:
        return
    if limit is None:
        yield "throughput", f"cannot be chosen for {kind}; use gp3"
    elif not limit.allows(throughput):
        yield "throughput", f"a {kind} volume has {_format_range(limit)}, not {throughput:,}"
    elif throughput > (iops or GP3_IOPS) * _THROUGHPUT_PER_IOPS:
        needed = int(throughput / _THROUGHPUT_PER_IOPS)
        yield "throughput", f"{throughput:,} MiB/s need iops: {needed}, four for each MiB/s"


def _format_range(limit: Limit) -> str:
    return f"{limit.minimum:,} to {limit.maximum:,} {limit.unit}"
