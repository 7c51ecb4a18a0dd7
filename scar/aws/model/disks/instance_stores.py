"""Instance stores: the NVMe disks of some instance families, which EBS volumes are slower than.

The families are those of ``instance_sizes`` whose every size has NVMe instance stores. Source:
EC2's DescribeInstanceTypes as recorded by moto 5.2, and the EC2 user guide for g4ad (2026-11); a
test compares them. Older families (c3, d2, i2, m3, r3, x1) have disks that need other settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.instance_types import FAMILY_GROUPS, instance_families

if TYPE_CHECKING:
    from collections.abc import Iterable

_NVME_FAMILIES = frozenset(
    word
    for line in (
        "c5ad c5d c6gd c6id c7gd c8gd c8id c9gd d3 d3en g4ad g4dn g5 g6 g6e g6f g7 g7e gr6 gr6f",
        "i3 i3en i4g i4i i7i i7ie i8g i8ge im4gn is4gen m5ad m5d m5dn m6gd m6id m6idn m7gd m8gd",
        "m8id m8idb m8idn m9gd p3dn p4d p4de p5 p5e p5en p6-b200 p6-b300 r5ad r5d r5dn r6gd r6id",
        "r6idn r7gd r8gd r8id r8idb r8idn r9gd x2gd x2idn x2iedn x8aedz z1d",
    )
    for word in line.split()
)
_SUGGESTED = {"x86_64": "c6id, m6id, r6id or i4i", "arm64": "c7gd, m7gd, r7gd or i4g"}


def types_without_instance_store(names: Iterable[str]) -> tuple[str, ...]:
    """Return the instance types, families and groups that are known to have none."""
    return tuple(name for name in names if not _may_have_instance_store(name))


def suggest_families(architecture: str) -> str:
    """Return families with instance stores, as text."""
    return _SUGGESTED[architecture]


def _may_have_instance_store(name: str) -> bool:
    family = name.partition(".")[0]
    is_known = family in instance_families() or name in FAMILY_GROUPS
    return family in _NVME_FAMILIES or not is_known
