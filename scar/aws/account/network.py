"""Where compute environments and functions stand: given subnets, or the default VPC's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scar.aws.account import routes
from scar.aws.client.errors import translate_errors
from scar.aws.model.network import VpcNetwork
from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, SubnetTypeDef

__all__ = ["VpcNetwork", "find_network"]


def find_network(
    ec2: EC2Client, subnets: Sequence[str], security_groups: Sequence[str]
) -> VpcNetwork:
    """Complete what the user gave, and see how each subnet reaches AWS.

    Raises ConfigurationError if subnets or groups are not there, or not of one VPC.
    """
    with translate_errors("find the network"):
        vpc = _vpc_of_subnets(ec2, subnets) if subnets else _default_vpc(ec2)
        with ThreadPoolExecutor(3) as pool:
            standing = pool.submit(_list_subnets, ec2, vpc, subnets)
            grouped = pool.submit(_list_security_groups, ec2, vpc, security_groups)
            routed = pool.submit(
                lambda: ec2.describe_route_tables(Filters=[_vpc_filter(vpc)])["RouteTables"]
            )
            found, groups, tables = standing.result(), grouped.result(), routed.result()
        ways = routes.find_subnet_routes(found, tables)
        # Functions stand in given subnets only, and an internet gateway is no way out for them.
        if not all(way.has_nat if subnets else way.has_internet_access for way in ways):
            pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[_vpc_filter(vpc)])
            ways = routes.add_endpoints(ways, [e for page in pages for e in page["VpcEndpoints"]])
    _require_all_found(vpc, "subnet", subnets, (s["SubnetId"] for s in found))
    _require_all_found(vpc, "security group", security_groups, groups)
    return VpcNetwork(
        vpc=vpc,
        subnets=tuple(sorted(way.subnet for way in ways)),
        security_groups=tuple(sorted(groups)),
        needs_public_ip=any(way.has_internet_gateway for way in ways),
        subnet_routes=ways,
    )


def _vpc_filter(vpc: str) -> FilterTypeDef:
    return {"Name": "vpc-id", "Values": [vpc]}


def _list_subnets(ec2: EC2Client, vpc: str, given: Sequence[str]) -> list[SubnetTypeDef]:
    which: FilterTypeDef = (
        {"Name": "subnet-id", "Values": list(given)}
        if given
        else {"Name": "default-for-az", "Values": ["true"]}
    )
    pages = ec2.get_paginator("describe_subnets").paginate(Filters=[_vpc_filter(vpc), which])
    return [subnet for page in pages for subnet in page["Subnets"]]


def _list_security_groups(ec2: EC2Client, vpc: str, given: Sequence[str]) -> list[str]:
    which: FilterTypeDef = (
        {"Name": "group-id", "Values": list(given)}
        if given
        else {"Name": "group-name", "Values": ["default"]}
    )
    found = ec2.describe_security_groups(Filters=[_vpc_filter(vpc), which])["SecurityGroups"]
    return [group["GroupId"] for group in found]


def _require_all_found(vpc: str, what: str, given: Iterable[str], found: Iterable[str]) -> None:
    there = set(found)
    missing = sorted(set(given) - there)
    if missing or not there:
        raise ConfigurationError(
            f"VPC {vpc} has no {what} {', '.join(missing) or 'of its own by default'}.",
            remedy="Give subnets and security groups of one VPC in the FDL.",
        )


def _vpc_of_subnets(ec2: EC2Client, subnets: Sequence[str]) -> str:
    found = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": [subnets[0]]}])
    if not found["Subnets"]:
        raise ConfigurationError(
            f"There is no subnet {subnets[0]} in this Region.",
            remedy="Correct the subnets in the FDL.",
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
