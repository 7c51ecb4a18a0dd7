"""Each instance family counts for the quota of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.model.instance_types import instance_families
from scar.aws.model.vcpu_quotas import quotas_of

if TYPE_CHECKING:
    from scar.aws.model.resources import ComputeType

STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("EC2", "p4d.24xlarge", "L-417A185B Running On-Demand P instances"),
        ("SPOT", "p5", "L-7212CCBC All P Spot Instance Requests"),
        ("EC2", "g5", "L-DB2E81BA Running On-Demand G and VT instances"),
        ("SPOT", "gr6", "L-3819A6DF All G and VT Spot Instance Requests"),
        ("EC2", "inf2", "L-1945791B Running On-Demand Inf instances"),
        ("SPOT", "trn1", "L-6B0D517C All Trn Spot Instance Requests"),
        ("EC2", "x2idn", "L-7295265B Running On-Demand X instances"),
        ("EC2", "f1", "L-74FC7D96 Running On-Demand F instances"),
        ("SPOT", "dl1", "L-85EED4F7 All DL Spot Instance Requests"),
        ("EC2", "hpc7a", "L-F7808C92 Running On-Demand HPC instances"),
        ("EC2", "u-6tb1.metal", "L-43DA4232 Running On-Demand High Memory instances"),
        *(
            (
                "EC2",
                n,
                f"L-1216C47A Running On-Demand {STANDARD} instances",
            )
            for n in ("m6i.large", "is4gen", "im4gn", "optimal", "default_arm64", "t3")
        ),
        ("FARGATE", "", "L-3032A538 Fargate On-Demand vCPU resource count"),
        ("SPOT", "hpc7a", ""),  # not offered
        ("EC2", "mac2", ""),
        ("EC2", "qq9", ""),
    ],
)
def test_the_class_of_a_family_has_its_quota(kind: ComputeType, name: str, expected: str) -> None:
    found = quotas_of(kind, [name] if name else [], "x86_64", 0)
    assert " ".join(f"{quota.code} {quota.name}" for quota in found) == expected


def test_every_known_family_has_a_quota() -> None:
    without = {f for f in instance_families() if not quotas_of("EC2", [f], "x86_64", 0)}
    assert without == {f for f in without if f.startswith("mac")}


def test_without_instance_types_the_defaults_count() -> None:
    names = {gpus: quotas_of("EC2", (), "x86_64", gpus) for gpus in (0, 1)}
    assert {next(iter(found)).code for found in names.values()} == {"L-1216C47A", "L-DB2E81BA"}
