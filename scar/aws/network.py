"""Where compute environments stand: the subnets given, or those of the default VPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.faults import translated
from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_ec2 import EC2Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Subnets and security groups of one VPC; ``public``: instances get a public address."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public: bool = False


def find(ec2: EC2Client, subnets: Sequence[str], security_groups: Sequence[str]) -> Network:
    """Complete what the user gave; raise ConfigurationError if that cannot be."""
    with translated("find the network for Batch"):
        vpc = _vpc_of(ec2, subnets) if subnets else _default_vpc(ec2)
        found = ec2.describe_subnets(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc]},
                {"Name": "subnet-id", "Values": list(subnets)}
                if subnets
                else {"Name": "default-for-az", "Values": ["true"]},
            ]
        )["Subnets"]
        groups = security_groups or _default_group(ec2, vpc)
    missing = sorted(set(subnets) - {s["SubnetId"] for s in found})
    if missing or not found:
        raise ConfigurationError(
            f"VPC {vpc} has no subnet {', '.join(missing) or 'for Batch'}.",
            remedy="Give subnets of one VPC as batch.compute_resources.subnets in the FDL.",
        )
    return Network(
        subnets=tuple(sorted(s["SubnetId"] for s in found)),
        security_groups=tuple(sorted(groups)),
        public=all(s.get("MapPublicIpOnLaunch", False) for s in found),
    )


def _vpc_of(ec2: EC2Client, subnets: Sequence[str]) -> str:
    found = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": [subnets[0]]}])
    if not found["Subnets"]:
        raise ConfigurationError(
            f"There is no subnet {subnets[0]} in this Region.",
            remedy="Correct batch.compute_resources.subnets in the FDL.",
        )
    return found["Subnets"][0]["VpcId"]


def _default_vpc(ec2: EC2Client) -> str:
    found = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not found:
        raise ConfigurationError(
            "This Region has no default VPC for Batch.",
            remedy="Give batch.compute_resources.subnets and security_group_ids in the FDL.",
        )
    return found[0]["VpcId"]


def _default_group(ec2: EC2Client, vpc: str) -> list[str]:
    found = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    return [group["GroupId"] for group in found]
