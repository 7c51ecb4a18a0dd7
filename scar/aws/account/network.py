"""Find the VPC network of functions and jobs: the FDL's subnets, or the default VPC's."""

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
    ec2: EC2Client,
    subnets: Sequence[str],
    security_groups: Sequence[str],
    *,
    private: bool = False,
) -> VpcNetwork:
    """Return the VPC, subnets, security groups, and each subnet's route to AWS.

    Without ``subnets`` they are the default VPC's default subnets; without ``security_groups`` the
    VPC's default one. ``private``: what runs there has no public address, as in subnets of the
    FDL, and needs VPC endpoints or a NAT gateway. Raise ConfigurationError if one is missing or
    belongs to another VPC.
    """
    with translate_errors("find the network"):
        vpc = _vpc_of_subnets(ec2, subnets) if subnets else _default_vpc(ec2)
        with ThreadPoolExecutor(3) as pool:
            subnet_list = pool.submit(_list_subnets, ec2, vpc, subnets)
            group_list = pool.submit(_list_security_groups, ec2, vpc, security_groups)
            table_list = pool.submit(
                lambda: ec2.describe_route_tables(Filters=[_vpc_filter(vpc)])["RouteTables"]
            )
            found, groups, tables = subnet_list.result(), group_list.result(), table_list.result()
        subnet_routes = routes.find_subnet_routes(found, tables)
        # VPC endpoints matter only where a route to the internet is missing. Functions run in
        # subnets of the FDL only, never have a public address, and therefore need a NAT gateway.
        private = private or bool(subnets)
        if not all(r.has_nat if private else r.has_internet_access for r in subnet_routes):
            pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[_vpc_filter(vpc)])
            subnet_routes = routes.add_endpoints(
                subnet_routes, [e for page in pages for e in page["VpcEndpoints"]]
            )
    _require_all_found(vpc, "subnet", subnets, (s["SubnetId"] for s in found))
    _require_all_found(vpc, "security group", security_groups, groups)
    return VpcNetwork(
        vpc=vpc,
        subnets=tuple(sorted(route.subnet for route in subnet_routes)),
        security_groups=tuple(sorted(groups)),
        needs_public_ip=any(route.has_internet_gateway for route in subnet_routes),
        subnet_routes=subnet_routes,
    )


def _vpc_filter(vpc: str) -> FilterTypeDef:
    return {"Name": "vpc-id", "Values": [vpc]}


def _list_subnets(ec2: EC2Client, vpc: str, subnet_ids: Sequence[str]) -> list[SubnetTypeDef]:
    which: FilterTypeDef = (
        {"Name": "subnet-id", "Values": list(subnet_ids)}
        if subnet_ids
        else {"Name": "default-for-az", "Values": ["true"]}
    )
    pages = ec2.get_paginator("describe_subnets").paginate(Filters=[_vpc_filter(vpc), which])
    return [subnet for page in pages for subnet in page["Subnets"]]


def _list_security_groups(ec2: EC2Client, vpc: str, group_ids: Sequence[str]) -> list[str]:
    which: FilterTypeDef = (
        {"Name": "group-id", "Values": list(group_ids)}
        if group_ids
        else {"Name": "group-name", "Values": ["default"]}
    )
    found = ec2.describe_security_groups(Filters=[_vpc_filter(vpc), which])["SecurityGroups"]
    return [group["GroupId"] for group in found]


def _require_all_found(vpc: str, what: str, requested: Iterable[str], found: Iterable[str]) -> None:
    existing = set(found)
    missing = sorted(set(requested) - existing)
    if missing or not existing:
        absent = f"{what} {', '.join(missing)}" if missing else f"default {what}"
        raise ConfigurationError(
            f"VPC {vpc} has no {absent}.",
            remedy="Name subnets and security groups of one VPC in the FDL.",
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
            remedy="Set batch.compute_resources.subnets and security_group_ids in the FDL.",
        )
    return found[0]["VpcId"]
