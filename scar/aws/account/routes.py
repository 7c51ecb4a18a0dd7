"""How what stands in a subnet reaches AWS's services: its route table decides. Pure.

https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.model.network import Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_ec2.type_defs import (
        RouteTableTypeDef,
        RouteTypeDef,
        SubnetTypeDef,
        VpcEndpointTypeDef,
    )

    from scar.aws.model.network import Network

PULLING = frozenset({"ecr.api", "ecr.dkr", "s3", "logs"})
"""What a container needs to be pulled, to log, and to reach its data, where no other way is."""
AGENT = frozenset({"ecs", "ecs-agent", "ecs-telemetry"})
"""What the ECS agent on an instance needs beside."""


def ways(subnets: Iterable[SubnetTypeDef], tables: Sequence[RouteTableTypeDef]) -> tuple[Way, ...]:
    """Follow each subnet's own route table, or the main one of its VPC."""
    return tuple(_way(subnet, _table(subnet["SubnetId"], tables)) for subnet in subnets)


def with_endpoints(ways: Iterable[Way], endpoints: Sequence[VpcEndpointTypeDef]) -> tuple[Way, ...]:
    """Add what is reached inside the VPC: interfaces from everywhere, gateways by route."""
    return tuple(replace(w, endpoints=frozenset(_reached(w, endpoints))) for w in ways)


def closed_to_tasks(network: Network) -> Iterator[str]:
    """Say which subnets Fargate cannot pull and log from."""
    for way in network.ways:
        if not (way.nat or way.internet):
            yield from _missing(way, PULLING)


def closed_to_instances(network: Network) -> Iterator[str]:
    """Say which subnets instances cannot join the cluster, pull and log from."""
    for way in network.ways:
        if not way.is_open:
            yield from _missing(way, PULLING | AGENT)


def closed_to_functions(network: Network, needed: frozenset[str]) -> Iterator[str]:
    """Say which subnets a function cannot reach services from: it has no public address."""
    for way in network.ways:
        if not way.nat:
            yield from _missing(replace(way, gives_address=False), needed)


def _missing(way: Way, needed: frozenset[str]) -> Iterator[str]:
    missing = sorted(needed - way.endpoints)
    if not missing:
        return
    why = (
        "leads to an internet gateway, but what runs there gets no public address"
        if way.internet
        else "has no way out"
    )
    yield (
        f"Subnet {way.subnet} {why} (route table {way.table or 'not found'}): add a NAT gateway,"
        f" give other subnets, or add VPC endpoints for {', '.join(missing)}."
    )


def _table(subnet: str, tables: Sequence[RouteTableTypeDef]) -> RouteTableTypeDef | None:
    main = None
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main"):
                main = table
    return main


def _way(subnet: SubnetTypeDef, table: RouteTableTypeDef | None) -> Way:
    routes = [r for r in (table or {}).get("Routes", []) if _is_default(r)]
    gateways = [str(route.get("GatewayId", "")) for route in routes]
    internet = any(g.startswith("igw-") for g in gateways)
    return Way(
        subnet=subnet["SubnetId"],
        table=(table or {}).get("RouteTableId", ""),
        internet=internet,
        gives_address=subnet.get("MapPublicIpOnLaunch", False),
        # NAT, transit or virtual private gateway, an instance that routes: whoever set the
        # default route up to it meant it as the way out.
        nat=bool(routes) and not internet,
    )


def _is_default(route: RouteTypeDef) -> bool:
    """Say whether this is where everything else goes; a blackhole leads nowhere."""
    return route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") != "blackhole"


def _reached(way: Way, endpoints: Sequence[VpcEndpointTypeDef]) -> Iterator[str]:
    for endpoint in endpoints:
        if str(endpoint.get("State", "available")).lower() != "available":
            continue
        gateway = endpoint.get("VpcEndpointType") == "Gateway"
        if not gateway or way.table in endpoint.get("RouteTableIds", []):
            # com.amazonaws.<region>.<service>, and cn.com.amazonaws.… in China
            name = endpoint.get("ServiceName", "").partition("amazonaws.")[2]
            yield name.partition(".")[2]
