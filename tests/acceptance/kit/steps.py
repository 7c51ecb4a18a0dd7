"""The steps: their numbers, titles, time limits, and the most that they use on AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the list.

    ``seconds`` is the time limit of each of its tests on AWS, ``usage`` an upper bound of what
    they use there, by the names of ``kit.costs``.
    """

    title: str
    seconds: int
    usage: Mapping[str, float] = field(default_factory=dict)


LOCAL_SECONDS = 420
"""The time limit of each test in the local cloud: a slow machine is no failure."""

_MINUTE, _HOUR = 60, 3600

STEPS: dict[int, Step] = {
    0: Step(title="a user with exactly the printed policy", seconds=15 * _MINUTE),
    1: Step(
        title="the first deployment, and no drift after it",
        seconds=60 * _MINUTE,
        usage={"s3_put": 200, "ecr_gb_month": 0.001},
    ),
    2: Step(
        title="files with difficult names, folders and sizes",
        seconds=30 * _MINUTE,
        # 0.25 GB of memory for a minute each; 200 MB down again to the user.
        usage={"lambda_gb_second": 600, "s3_put": 500, "s3_gb_month": 0.02, "transfer_gb": 0.6},
    ),
    3: Step(
        title="chains and loops",
        seconds=45 * _MINUTE,
        usage={"lambda_gb_second": 2_000, "s3_put": 2_000, "lambda_request": 500},
    ),
    4: Step(
        title="a VPC, and roles whose names were used before",
        seconds=2 * _HOUR,
        usage={"lambda_gb_second": 200, "s3_put": 500},
    ),
    5: Step(
        title="Batch on EC2, Spot, Fargate and arm64",
        seconds=60 * _MINUTE,
        # Five compute environments, an hour each at worst.
        usage={
            "instance_hour": 4,
            "ebs_gp3_gb_month": 2,
            "fargate_vcpu_hour": 3,
            "fargate_gb_hour": 6,
            "fargate_storage_gb_hour": 300,
            "public_ipv4_hour": 10,
        },
    ),
    6: Step(
        title="thousands of files in mode batch",
        seconds=4 * _HOUR,
        # 2,000 jobs of two minutes with 0.25 vCPU and 0.5 GB; 50 MB of log.
        usage={
            "fargate_vcpu_hour": 20,
            "fargate_gb_hour": 40,
            "public_ipv4_hour": 70,
            "s3_put": 40_000,
            "s3_get": 100_000,
            "lambda_gb_second": 4_000,
            "logs_gb": 0.3,
        },
    ),
    7: Step(
        title="processes and hosts that end without warning",
        seconds=90 * _MINUTE,
        usage={
            "lambda_gb_second": 6_000,
            "instance_hour": 3,
            "ebs_gp3_gb_month": 1,
            "public_ipv4_hour": 3,
        },
    ),
    8: Step(
        title="buckets with KMS, versions, Object Lock, other owners, dead rules",
        seconds=45 * _MINUTE,
        usage={"kms_key_month": 1, "s3_put": 1_000, "lambda_gb_second": 500},
    ),
    9: Step(
        title="nothing is left after rm",
        seconds=60 * _MINUTE,
        usage={"fargate_vcpu_hour": 0.5, "s3_put": 200},
    ),
    10: Step(title="the exported stack", seconds=60 * _MINUTE, usage={"s3_put": 200}),
    11: Step(
        title="HTTP APIs and function URLs",
        seconds=30 * _MINUTE,
        # Some 100 requests of a few seconds, one of a minute; 100 MB of results to the user.
        usage={
            "http_api_request": 500,
            "lambda_request": 1_000,
            "lambda_gb_second": 500,
            "s3_put": 1_000,
            "s3_get": 1_000,
            "transfer_gb": 0.2,
        },
    ),
}
