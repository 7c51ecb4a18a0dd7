"""The network that functions and jobs run in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetRoute:
    """The default route of one subnet, and its VPC endpoints.

    ``has_internet_gateway``: the route is to an internet gateway, which serves public addresses
    only. ``assigns_public_ip``: instances in the subnet get a public address. ``has_nat``: the
    route is to anything else, such as a NAT gateway, and needs no public address. ``endpoints`` are
    the services (``s3``, ``ecr.api``) that have an endpoint in the VPC. ``zone`` is the id of its
    Availability Zone (``euw1-az1``), empty if it is not known.
    """

    subnet: str
    route_table: str = ""
    has_internet_gateway: bool = False
    assigns_public_ip: bool = False
    has_nat: bool = False
    endpoints: frozenset[str] = frozenset()
    zone: str = ""

    @property
    def has_internet_access(self) -> bool:
        """Whether EC2 instances in the subnet can reach the internet."""
        return self.has_nat or (self.has_internet_gateway and self.assigns_public_ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcNetwork:
    """Subnets and security groups of one VPC, and the routes of the subnets.

    ``needs_public_ip``: Fargate tasks in the subnets need a public address to reach the internet.
    """

    vpc: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    needs_public_ip: bool = False
    subnet_routes: tuple[SubnetRoute, ...] = ()

    def __str__(self) -> str:
        groups = ", ".join(self.security_groups)
        return f"{self.vpc}, subnets {', '.join(self.subnets)}, security groups {groups}"
