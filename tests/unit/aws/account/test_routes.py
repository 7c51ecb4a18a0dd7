"""A subnet's route table and the VPC's endpoints decide which AWS services it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.account import routes
from scar.aws.model.network import SubnetRoute, VpcNetwork

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import RouteTableTypeDef, SubnetTypeDef, VpcEndpointTypeDef

LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}


def subnet(name: str, *, assigns_public_ip: bool = False) -> SubnetTypeDef:
    return {"SubnetId": name, "MapPublicIpOnLaunch": assigns_public_ip}


def table(name: str, subnet: str | None, **default: str) -> RouteTableTypeDef:
    """Return a route table; the main one if ``subnet`` is None."""
    route = {"DestinationCidrBlock": "0.0.0.0/0", **default}
    return {
        "RouteTableId": name,
        "Associations": [{"SubnetId": subnet} if subnet else {"Main": True}],
        "Routes": [LOCAL, *([route] if default else [])],  # type: ignore[list-item]
    }


def endpoint(service: str, *tables: str) -> VpcEndpointTypeDef:
    return {
        "ServiceName": f"com.amazonaws.eu-west-1.{service}",
        "VpcEndpointType": "Gateway" if tables else "Interface",
        "RouteTableIds": list(tables),
        "State": "Available",
    }


def network(*subnet_routes: SubnetRoute) -> VpcNetwork:
    return VpcNetwork(
        subnets=tuple(route.subnet for route in subnet_routes), subnet_routes=subnet_routes
    )


def test_the_subnet_s_route_table_is_preferred_to_the_main_one() -> None:
    tables = [table("main", None, GatewayId="igw-1"), table("own", "b", NatGatewayId="nat-1")]
    one, other = routes.find_subnet_routes([subnet("a"), subnet("b")], tables)
    assert (one.has_internet_gateway, one.has_nat, one.route_table) == (True, False, "main")
    assert (other.has_internet_gateway, other.has_nat, other.route_table) == (False, True, "own")


def test_a_route_to_a_deleted_gateway_is_ignored() -> None:
    (route,) = routes.find_subnet_routes(
        [subnet("a")], [table("t", "a", NatGatewayId="n", State="blackhole")]
    )
    assert not route.has_nat


def test_without_a_route_the_subnet_and_the_missing_endpoints_are_named() -> None:
    (route,) = routes.find_subnet_routes([subnet("subnet-7")], [table("rtb-1", None)])
    (problem,) = routes.check_task_subnets(network(route))
    assert "Subnet subnet-7 has no route to the internet (route table rtb-1)" in problem
    assert "ecr.api, ecr.dkr, logs, s3" in problem
    (problem,) = routes.check_instance_subnets(network(route))
    assert "ecs, ecs-agent, ecs-telemetry" in problem


def test_an_internet_gateway_serves_tasks_and_instances_with_a_public_address() -> None:
    gateway = table("t", None, GatewayId="igw-1")
    closed, open_ = routes.find_subnet_routes(
        [subnet("a"), subnet("b", assigns_public_ip=True)], [gateway]
    )
    assert list(routes.check_task_subnets(network(closed, open_))) == []
    (problem,) = routes.check_instance_subnets(network(closed, open_))
    assert "Subnet a has a route to an internet gateway" in problem


def test_functions_never_have_a_public_address() -> None:
    (route,) = routes.find_subnet_routes(
        [subnet("a", assigns_public_ip=True)], [table("t", None, GatewayId="igw-1")]
    )
    (problem,) = routes.check_function_subnets(network(route), frozenset({"s3", "batch"}))
    assert "VPC endpoints for batch, s3" in problem


def test_vpc_endpoints_replace_a_route_to_the_internet() -> None:
    services = ("ecr.api", "ecr.dkr", "logs", "ecs", "ecs-agent", "ecs-telemetry")
    interfaces = [endpoint(service) for service in services]
    subnet_routes = routes.find_subnet_routes([subnet("a")], [table("t", None)])
    reachable = routes.add_endpoints(subnet_routes, [*interfaces, endpoint("s3", "t")])
    assert list(routes.check_instance_subnets(network(*reachable))) == []
    elsewhere = routes.add_endpoints(subnet_routes, [*interfaces, endpoint("s3", "other")])
    (problem,) = routes.check_instance_subnets(network(*elsewhere))
    assert problem.endswith("VPC endpoints for s3.")


@pytest.mark.parametrize(
    "name",
    [
        "com.amazonaws.us-gov-west-1.ecr.api",
        "cn.com.amazonaws.cn-north-1.ecr.api",
        "eu.amazonaws.eusc-de-east-1.ecr.api",
        "gov.ic.c2s.us-iso-east-1.ecr.api",
    ],
)
def test_names_of_endpoint_services_begin_with_the_partition(name: str) -> None:
    other = endpoint("s3")
    other["ServiceName"] = name
    (route,) = routes.add_endpoints([SubnetRoute(subnet="a")], [other])
    assert route.endpoints == {"ecr.api"}
