"""The network that functions and jobs run in. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetRoute:
    """The way out of one subnet.

    ``internet``: through an internet gateway, which only takes what has a public address;
    ``gives_address``: instances in the subnet get one. ``nat``: any other way for all.
    ``endpoints`` are the services (``s3``, ``ecr.api``) that are reached inside the VPC.
    """

    subnet: str
    route_table: str = ""
    has_internet_gateway: bool = False
    assigns_public_ip: bool = False
    has_nat: bool = False
    endpoints: frozenset[str] = frozenset()

    @property
    def has_internet_access(self) -> bool:
        return self.has_nat or (self.has_internet_gateway and self.assigns_public_ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcNetwork:
    """Subnets and security groups of one VPC, and the ways out of the subnets.

    ``public``: what stands there needs a public address to get out.
    """

    vpc: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    needs_public_ip: bool = False
    subnet_routes: tuple[SubnetRoute, ...] = ()

    def __str__(self) -> str:
        groups = ", ".join(self.security_groups)
        return f"{self.vpc}, subnets {', '.join(self.subnets)}, security groups {groups}"
