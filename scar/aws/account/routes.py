"""Find out from route tables whether a subnet reaches the AWS services that scar needs.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.model.network import SubnetRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_ec2.type_defs import (
        RouteTableTypeDef,
        RouteTypeDef,
        SubnetTypeDef,
        VpcEndpointTypeDef,
    )

    from scar.aws.model.network import VpcNetwork

PULL_SERVICES = frozenset({"ecr.api", "ecr.dkr", "s3", "logs"})
"""Endpoints to pull an image, to log and to reach data, in a subnet without internet access."""
ECS_AGENT_SERVICES = frozenset({"ecs", "ecs-agent", "ecs-telemetry"})
"""Further endpoints for the ECS agent on an instance."""

# A Region, and the service after it, in the name of an endpoint service.
_ENDPOINT_SERVICE = re.compile(r"\.[a-z]+(?:-[a-z]+)+-\d+\.(.+)")


def find_subnet_routes(
    subnets: Iterable[SubnetTypeDef], tables: Sequence[RouteTableTypeDef]
) -> tuple[SubnetRoute, ...]:
    """Evaluate each subnet's own route table, or the main one of its VPC."""
    return tuple(
        _build_subnet_route(subnet, _find_route_table(subnet["SubnetId"], tables))
        for subnet in subnets
    )


def add_endpoints(
    subnet_routes: Iterable[SubnetRoute], endpoints: Sequence[VpcEndpointTypeDef]
) -> tuple[SubnetRoute, ...]:
    """Add services with VPC endpoints: interfaces for every subnet, gateways by route table."""
    return tuple(
        replace(route, endpoints=frozenset(_reachable_services(route, endpoints)))
        for route in subnet_routes
    )


def check_task_subnets(network: VpcNetwork) -> Iterator[str]:
    """Report subnets where Fargate tasks cannot pull images or write logs.

    An internet gateway is enough: scar gives tasks a public address.
    """
    for route in network.subnet_routes:
        if not (route.has_nat or route.has_internet_gateway):
            yield from _report_missing_endpoints(route, PULL_SERVICES)


def check_instance_subnets(network: VpcNetwork) -> Iterator[str]:
    """Report subnets where instances cannot join the cluster, pull images or write logs.

    They need a public address from the subnet to use an internet gateway.
    """
    for route in network.subnet_routes:
        if not route.has_internet_access:
            yield from _report_missing_endpoints(route, PULL_SERVICES | ECS_AGENT_SERVICES)


def check_function_subnets(network: VpcNetwork, needed: frozenset[str]) -> Iterator[str]:
    """Report subnets where a function cannot reach services: it never has a public address."""
    for route in network.subnet_routes:
        if not route.has_nat:
            yield from _report_missing_endpoints(replace(route, assigns_public_ip=False), needed)


def check_node_subnets(network: VpcNetwork) -> Iterator[str]:
    """Report subnets where the nodes of multi-node jobs cannot reach their data and records.

    Each has a network interface of its own (ECS network mode ``awsvpc``), without a public address;
    the instance pulls the image and writes the log.
    https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
    """
    yield from check_function_subnets(network, frozenset({"s3"}))


def _report_missing_endpoints(route: SubnetRoute, needed: frozenset[str]) -> Iterator[str]:
    missing = sorted(needed - route.endpoints)
    if not missing:
        return
    why = (
        "has a route to an internet gateway, but what runs there gets no public IP address"
        if route.has_internet_gateway
        else "has no route to the internet"
    )
    yield (
        f"Subnet {route.subnet} {why} (route table {route.route_table or 'not found'}): add a NAT"
        f" gateway, use other subnets, or add VPC endpoints for {', '.join(missing)}."
    )


def _find_route_table(subnet: str, tables: Sequence[RouteTableTypeDef]) -> RouteTableTypeDef | None:
    main = None
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main"):
                main = table
    return main


def _build_subnet_route(subnet: SubnetTypeDef, table: RouteTableTypeDef | None) -> SubnetRoute:
    default_routes = [r for r in (table or {}).get("Routes", []) if _is_default_route(r)]
    gateways = [str(route.get("GatewayId", "")) for route in default_routes]
    has_internet_gateway = any(g.startswith("igw-") for g in gateways)
    return SubnetRoute(
        subnet=subnet["SubnetId"],
        route_table=(table or {}).get("RouteTableId", ""),
        has_internet_gateway=has_internet_gateway,
        assigns_public_ip=subnet.get("MapPublicIpOnLaunch", False),
        # Any other target of the default route (NAT gateway, transit gateway, virtual private
        # gateway, an instance) is taken for a working route to the internet.
        has_nat=bool(default_routes) and not has_internet_gateway,
        zone=subnet.get("AvailabilityZoneId", ""),
    )


def _is_default_route(route: RouteTypeDef) -> bool:
    """Return whether this is a usable default route: a deleted target makes it a blackhole."""
    return route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") != "blackhole"


def _reachable_services(
    route: SubnetRoute, endpoints: Sequence[VpcEndpointTypeDef]
) -> Iterator[str]:
    for endpoint in endpoints:
        if str(endpoint.get("State", "available")).lower() != "available":
            continue
        is_gateway = endpoint.get("VpcEndpointType") == "Gateway"
        is_reached = not is_gateway or route.route_table in endpoint.get("RouteTableIds", [])
        # com.amazonaws.<region>.<service>; before the Region, partitions differ
        name = _ENDPOINT_SERVICE.search(endpoint.get("ServiceName", ""))
        if is_reached and name:
            yield name[1]
