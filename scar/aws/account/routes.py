"""How what stands in a subnet reaches AWS's services: its route table decides. Pure.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
"""

from __future__ import annotations

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
"""What a container needs to be pulled, to log, and to reach its data, where no other way is."""
ECS_AGENT_SERVICES = frozenset({"ecs", "ecs-agent", "ecs-telemetry"})
"""What the ECS agent on an instance needs beside."""


def find_subnet_routes(
    subnets: Iterable[SubnetTypeDef], tables: Sequence[RouteTableTypeDef]
) -> tuple[SubnetRoute, ...]:
    """Follow each subnet's own route table, or the main one of its VPC."""
    return tuple(
        _build_subnet_route(subnet, _find_route_table(subnet["SubnetId"], tables))
        for subnet in subnets
    )


def add_endpoints(
    ways: Iterable[SubnetRoute], endpoints: Sequence[VpcEndpointTypeDef]
) -> tuple[SubnetRoute, ...]:
    """Add what is reached inside the VPC: interfaces from everywhere, gateways by route."""
    return tuple(replace(w, endpoints=frozenset(_reachable_services(w, endpoints))) for w in ways)


def check_task_subnets(network: VpcNetwork) -> Iterator[str]:
    """Say which subnets Fargate cannot pull and log from."""
    for way in network.subnet_routes:
        if not (way.has_nat or way.has_internet_gateway):
            yield from _report_missing_endpoints(way, PULL_SERVICES)


def check_instance_subnets(network: VpcNetwork) -> Iterator[str]:
    """Say which subnets instances cannot join the cluster, pull and log from."""
    for way in network.subnet_routes:
        if not way.has_internet_access:
            yield from _report_missing_endpoints(way, PULL_SERVICES | ECS_AGENT_SERVICES)


def check_function_subnets(network: VpcNetwork, needed: frozenset[str]) -> Iterator[str]:
    """Say which subnets a function cannot reach services from: it has no public address."""
    for way in network.subnet_routes:
        if not way.has_nat:
            yield from _report_missing_endpoints(replace(way, assigns_public_ip=False), needed)


def _report_missing_endpoints(way: SubnetRoute, needed: frozenset[str]) -> Iterator[str]:
    missing = sorted(needed - way.endpoints)
    if not missing:
        return
    why = (
        "leads to an internet gateway, but what runs there gets no public address"
        if way.has_internet_gateway
        else "has no way out"
    )
    yield (
        f"Subnet {way.subnet} {why} (route table {way.route_table or 'not found'}): add a NAT"
        " gateway,"
        f" give other subnets, or add VPC endpoints for {', '.join(missing)}."
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
    routes = [r for r in (table or {}).get("Routes", []) if _is_default_route(r)]
    gateways = [str(route.get("GatewayId", "")) for route in routes]
    internet = any(g.startswith("igw-") for g in gateways)
    return SubnetRoute(
        subnet=subnet["SubnetId"],
        route_table=(table or {}).get("RouteTableId", ""),
        has_internet_gateway=internet,
        assigns_public_ip=subnet.get("MapPublicIpOnLaunch", False),
        # NAT, transit or virtual private gateway, an instance that routes: whoever set the
        # default route up to it meant it as the way out.
        has_nat=bool(routes) and not internet,
    )


def _is_default_route(route: RouteTypeDef) -> bool:
    """Say whether this is where everything else goes; a blackhole leads nowhere."""
    return route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") != "blackhole"


def _reachable_services(way: SubnetRoute, endpoints: Sequence[VpcEndpointTypeDef]) -> Iterator[str]:
    for endpoint in endpoints:
        if str(endpoint.get("State", "available")).lower() != "available":
            continue
        gateway = endpoint.get("VpcEndpointType") == "Gateway"
        if not gateway or way.route_table in endpoint.get("RouteTableIds", []):
            # com.amazonaws.<region>.<service>, and cn.com.amazonaws.… in China
            name = endpoint.get("ServiceName", "").partition("amazonaws.")[2]
            yield name.partition(".")[2]
