"""To which addresses a store may redirect: never into this machine or to its metadata services.

What listens there trusts every process that can connect: the runtime API of Lambda, the services
with the role's credentials. A redirect could write the user's data there, or read secrets as an
input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.aws.errors import InvalidResponse

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_LOOPBACK, _LINK_LOCAL = "loopback", "link-local"
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
# docs: "Use the Instance Metadata Service"; "EKS Pod Identities"; DNS has fd00:ec2::253.
_AWS_SERVICES = "fd00:ec2::/32"
_NAT64 = "64:ff9b::/96"


def special_kind(host: str) -> str:
    """Return what is special about a host or address: ``loopback``, ``link-local`` or nothing.

    A name is not resolved: the address of the connection is checked too.
    """
    name = host.lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return _LOOPBACK
    address = _parse_address(name.partition("%")[0])
    if address is None:
        return ""
    if address.is_loopback or address.is_unspecified:
        return _LOOPBACK
    return _LINK_LOCAL if address.is_link_local or _is_of_aws(address) else ""


def check_target(host: str, *, own: str, server: str) -> None:
    """Raise InvalidResponse if a redirect to ``host`` leads to a special address.

    ``own`` is the address of the store itself: one on this machine may redirect to this machine.
    """
    kind = special_kind(host)
    if kind and kind != special_kind(own):
        raise InvalidResponse(
            f"{server} redirects to {host}, a {kind} address: nothing was sent there.",
            remedy=f"Correct the address of {server} in storage_providers of the FDL, or let its"
            " administrator redirect to an address that the function can reach over the network.",
        )


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    import ipaddress

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in ipaddress.IPv6Network(_NAT64):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_of_aws(address: IPv4Address | IPv6Address) -> bool:
    import ipaddress

    return address.version == 6 and address in ipaddress.IPv6Network(_AWS_SERVICES)
