"""The vCPU quotas of an account: which of them the instances of a compute environment count for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model.instance_types import default_instance_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.model.resources import ComputeType


@dataclass(frozen=True, slots=True, order=True)
class VcpuQuota:
    """A quota of Service Quotas: service, code, name."""

    service: str
    code: str
    name: str


_STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"
# The class of each family, by the letters before its generation: on-demand code, spot code (empty:
# there are none, these instances are not offered as Spot Instances), and the class's name in the
# names of its quotas. Sources, read 2026-11: docs "On-Demand Instance quotas" (names; the codes are
# in its links to Service Quotas) and "Spot Instance quotas" (names); the codes of the latter as
# listed by `aws service-quotas list-service-quotas` in public repositories.
_CLASSES: Mapping[str, tuple[str, str, str]] = {
    "dl": ("L-6E869C2A", "L-85EED4F7", "DL"),
    "f": ("L-74FC7D96", "L-88CF9481", "F"),
    "g": ("L-DB2E81BA", "L-3819A6DF", "G and VT"),
    "gr": ("L-DB2E81BA", "L-3819A6DF", "G and VT"),
    "hpc": ("L-F7808C92", "", "HPC"),
    "inf": ("L-1945791B", "L-B5D1601B", "Inf"),
    "p": ("L-417A185B", "L-7212CCBC", "P"),
    "trn": ("L-2C3B7624", "L-6B0D517C", "Trn"),
    "u": ("L-43DA4232", "", "High Memory"),
    "vt": ("L-DB2E81BA", "L-3819A6DF", "G and VT"),
    "x": ("L-7295265B", "L-E3A00192", "X"),
    **dict.fromkeys((*"acdhimrtz", "im", "is"), ("L-1216C47A", "L-34B43A08", _STANDARD)),
}
_GROUPS = ("optimal", "default_")  # Batch's groups of families, all of the standard class
# Source: docs "AWS Fargate quotas", 2026-11.
_FARGATE: Mapping[str, VcpuQuota] = {
    "FARGATE": VcpuQuota("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count"),
    "FARGATE_SPOT": VcpuQuota("fargate", "L-36FBB829", "Fargate Spot vCPU resource count"),
}


def quotas_of(
    kind: ComputeType, instance_types: Iterable[str], architecture: str, gpus: int
) -> frozenset[VcpuQuota]:
    """Return the quotas of a compute environment: one per class of its instance types.

    None for families of classes that the table does not know.
    """
    if kind in _FARGATE:
        return frozenset({_FARGATE[kind]})
    names = tuple(instance_types) or default_instance_types(architecture, gpus=gpus)
    found = (_find_quota(name, is_spot=kind == "SPOT") for name in names)
    return frozenset(quota for quota in found if quota is not None)


def _find_quota(name: str, *, is_spot: bool) -> VcpuQuota | None:
    match = re.match("[a-z]+", name)
    letters = match[0] if match else ""
    codes = _CLASSES.get("m" if name.startswith(_GROUPS) else letters)
    if codes is None:
        return None
    on_demand, spot, label = codes
    if is_spot:
        return VcpuQuota("ec2", spot, f"All {label} Spot Instance Requests") if spot else None
    return VcpuQuota("ec2", on_demand, f"Running On-Demand {label} instances")
