"""Network interfaces, addresses and routes, by messages to the kernel (rtnetlink(7)).

Without the program ``ip``, which many machines do not have. The numbers are from linux/netlink.h,
rtnetlink.h, if_link.h, if_addr.h and veth.h.
"""

from __future__ import annotations

import os
import socket
import struct

NETLINK_ROUTE = 0
NEW_LINK, NEW_ADDRESS, NEW_ROUTE = 16, 20, 24
REQUEST, ACK, EXCLUSIVE, CREATE = 0x1, 0x4, 0x200, 0x400
ERROR = 2  # the type of an answer; also of an acknowledgement, with the error 0
NAME, MASTER, LINK_INFO, NAMESPACE = 3, 10, 18, 28  # IFLA_IFNAME, …, IFLA_NET_NS_FD
KIND, DATA, PEER = 1, 2, 1  # IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER
ADDRESS, LOCAL = 1, 2  # IFA_ADDRESS, IFA_LOCAL
OUT_INTERFACE = 4  # RTA_OIF
UP = 1  # IFF_UP
TABLE_MAIN, PROTOCOL_BOOT, SCOPE_LINK, UNICAST = 254, 3, 253, 1

_HEADER = struct.Struct("=LHHLL")
_LINK = struct.Struct("=BxHiII")


def add_bridge(name: str) -> None:
    """Create a bridge, in the network namespace of this process."""
    _send(NEW_LINK, CREATE | EXCLUSIVE, _LINK.pack(0, 0, 0, 0, 0) + _name(name) + _kind("bridge"))


def add_pair(name: str, bridge: str, peer: str, namespace: int) -> None:
    """Create two connected interfaces: ``name`` at the bridge, ``peer`` in another namespace."""
    other = _LINK.pack(0, 0, 0, 0, 0) + _name(peer) + _attribute(NAMESPACE, _number(namespace))
    body = (
        _LINK.pack(0, 0, 0, 0, 0)
        + _name(name)
        + _attribute(MASTER, _number(socket.if_nametoindex(bridge)))
        + _kind("veth", _attribute(PEER, other))
    )
    _send(NEW_LINK, CREATE | EXCLUSIVE, body)


def set_up(name: str) -> None:
    """Activate an interface."""
    _send(NEW_LINK, 0, _LINK.pack(0, 0, socket.if_nametoindex(name), UP, UP))


def add_address(name: str, address: str, prefix: int) -> None:
    """Give an interface an address; its network has ``prefix`` bits."""
    raw = socket.inet_aton(address)
    head = struct.pack("=BBBBI", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(name))
    _send(
        NEW_ADDRESS,
        CREATE | EXCLUSIVE,
        head + _attribute(LOCAL, raw) + _attribute(ADDRESS, raw),
    )


def add_default_route(name: str) -> None:
    """Send packets for all other networks to an interface."""
    head = struct.pack(
        "=BBBBBBBBI", socket.AF_INET, 0, 0, 0, TABLE_MAIN, PROTOCOL_BOOT, SCOPE_LINK, UNICAST, 0
    )
    index = _number(socket.if_nametoindex(name))
    _send(NEW_ROUTE, CREATE | EXCLUSIVE, head + _attribute(OUT_INTERFACE, index))


def _name(name: str) -> bytes:
    return _attribute(NAME, name.encode() + b"\0")


def _kind(kind: str, data: bytes = b"") -> bytes:
    nested = _attribute(KIND, kind.encode()) + (_attribute(DATA, data) if data else b"")
    return _attribute(LINK_INFO, nested)


def _number(value: int) -> bytes:
    return struct.pack("=I", value)


def _attribute(kind: int, data: bytes) -> bytes:
    padding = b"\0" * (-len(data) % 4)
    return struct.pack("=HH", len(data) + 4, kind) + data + padding


def _send(kind: int, flags: int, body: bytes) -> None:
    """Send one request and wait for its acknowledgement; raise OSError with the kernel's error."""
    header = _HEADER.pack(_HEADER.size + len(body), kind, REQUEST | ACK | flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as kernel:
        kernel.send(header + body)
        answer = kernel.recv(65_536)
    _, answered, _, _, _ = _HEADER.unpack_from(answer)
    (number,) = struct.unpack_from("=i", answer, _HEADER.size)
    if answered == ERROR and number:
        raise OSError(-number, f"netlink request {kind}: {os.strerror(-number)}")
