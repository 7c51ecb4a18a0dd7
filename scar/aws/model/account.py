"""Where things are deployed. With it, every ARN is known before anything exists. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account in one Region; ``partition`` is ``aws``, ``aws-cn``, ``aws-us-gov``…"""

    id: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    def iam_arn(self, resource: str) -> str:
        return f"arn:{self.partition}:iam::{self.id}:{resource}"

    def s3_arn(self, path: str) -> str:
        return f"arn:{self.partition}:s3:::{path}"

    @property
    def domain(self) -> str:
        """The DNS name under which the partition's services live."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @property
    def registry(self) -> str:
        """The host of the account's container registry."""
        return f"{self.id}.dkr.ecr.{self.region}.{self.domain}"


_ECR_HOST = re.compile(r"(?P<id>\d{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\..+")

# Regions are called after their partition: botocore's endpoints.json has the same patterns.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def partition_of(region: str) -> str:
    """Return the partition that a Region is in, without asking anybody."""
    found = (name for start, name in _PARTITIONS.items() if region.startswith(start))
    return next(found, "aws")


def account_of_registry(host: str) -> Account | None:
    """Return whose container registry in ECR a host is; None for all other hosts."""
    named = _ECR_HOST.fullmatch(host)
    return named and Account(named["id"], named["region"], partition_of(named["region"]))
