"""The network that functions and jobs run in. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way out of one subnet.

    ``internet``: through an internet gateway, which only takes what has a public address;
    ``gives_address``: instances in the subnet get one. ``nat``: any other way for all.
    ``endpoints`` are the services (``s3``, ``ecr.api``) that are reached inside the VPC.
    """

    subnet: str
    table: str = ""
    internet: bool = False
    gives_address: bool = False
    nat: bool = False
    endpoints: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.nat or (self.internet and self.gives_address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Subnets and security groups of one VPC, and the ways out of the subnets.

    ``public``: what stands there needs a public address to get out.
    """

    vpc: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public: bool = False
    ways: tuple[Way, ...] = ()

    def __str__(self) -> str:
        groups = ", ".join(self.security_groups)
        return f"{self.vpc}, subnets {', '.join(self.subnets)}, security groups {groups}"
