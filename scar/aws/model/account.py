"""The account and Region to deploy to; with them, ARNs are known before their resources exist."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.aws.endpoints import PARTITION_DNS_SUFFIXES


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account in one Region; ``partition`` is ``aws``, ``aws-cn``, ``aws-us-gov``…"""

    id: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """Return the ARN of an IAM resource such as ``role/x``; IAM has no Regions."""
        return f"arn:{self.partition}:iam::{self.id}:{resource}"

    def s3_arn(self, path: str) -> str:
        """Return the ARN of a bucket or object: these have neither a Region nor an account."""
        return f"arn:{self.partition}:s3:::{path}"

    @property
    def domain(self) -> str:
        """The domain of the endpoints of the partition's services."""
        return _DNS_SUFFIXES.get(self.partition, _DNS_SUFFIXES["aws"])

    @property
    def registry(self) -> str:
        """The host of the account's ECR registry."""
        return f"{self.id}.dkr.ecr.{self.region}.{self.domain}"

    def service_principal(self, service: str) -> str:
        """Return a service's principal in policies, which is not in the partition's domain.

        Only EC2 in China has another one: https://github.com/kubernetes/kops/issues/27.
        """
        in_china = service == "ec2" and self.partition == "aws-cn"
        return f"{service}.amazonaws.com{'.cn' if in_china else ''}"


_ECR_HOST = re.compile(r"(?P<id>\d{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\..+")

# A Region's prefix determines its partition; botocore's partitions.json has the same patterns.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
    "": "aws",
}
_DNS_SUFFIXES = {
    partition: next(s for prefix, s in PARTITION_DNS_SUFFIXES if region_prefix.startswith(prefix))
    for region_prefix, partition in _PARTITIONS.items()
}


def partition_of(region: str) -> str:
    """Return the partition of a Region, from the Region's name alone."""
    return next(name for prefix, name in _PARTITIONS.items() if region.startswith(prefix))


def account_of_registry(host: str) -> Account | None:
    """Return the account and Region of an ECR registry's host; None for all other hosts."""
    match = _ECR_HOST.fullmatch(host)
    return match and Account(match["id"], match["region"], partition_of(match["region"]))
