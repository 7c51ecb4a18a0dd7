"""Makes the networks of the nodes of a job: ``main(COUNT, PORT, SOCKET)``, a program of its own.

Each node has a network namespace with one interface, and a bridge connects them all. The program
sends descriptors of the namespaces through SOCKET and ends: the namespaces exist as long as the
server or a sandbox has them open. In each namespace it listens on 127.0.0.1:PORT and sends that
socket, too, so that the server can answer there as it does on this machine.
"""

from __future__ import annotations

import os
import socket
import sys

from scar.local.engines.namespaces import netlink, privileges
from scar.local.engines.namespaces.system_calls import (
    CLONE_NEWNET,
    join_namespace,
    unshare,
)

BRIDGE, INTERFACE = "nodes", "eth0"
PREFIX = 16
MAX_NODES = 1000
BACKLOG = 128


def node_address(index: int) -> str:
    """Return the address of a node; it is the same in each job, whose networks are separate."""
    number = index + 10
    return f"10.99.{number // 256}.{number % 256}"


def main(count: int, port: int, descriptor: int) -> int:
    """Make the networks and send their descriptors; return the exit status."""
    with socket.socket(fileno=descriptor) as server:
        try:
            _make_networks(count, port, server)
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


def _make_networks(count: int, port: int, server: socket.socket) -> None:
    owner = []
    if os.getuid() != 0:
        privileges.map_one_user(0, 0)
        owner = [os.open("/proc/self/ns/user", os.O_RDONLY)]
    socket.send_fds(server, [b"o"], owner)
    hub = _enter_new_network()
    netlink.add_bridge(BRIDGE)
    netlink.set_up(BRIDGE)
    for index in range(count):
        node = _enter_new_network()
        join_namespace(hub, CLONE_NEWNET, "net")
        netlink.add_pair(f"node{index}", BRIDGE, INTERFACE, node)
        netlink.set_up(f"node{index}")
        join_namespace(node, CLONE_NEWNET, "net")
        netlink.add_address(INTERFACE, node_address(index), PREFIX)
        netlink.set_up(INTERFACE)
        netlink.add_default_route(INTERFACE)
        with socket.create_server(("127.0.0.1", port), backlog=BACKLOG) as listener:
            socket.send_fds(server, [b"n"], [node, listener.fileno()])
        os.close(node)
        join_namespace(hub, CLONE_NEWNET, "net")
    # The bridge is in the hub's namespace, which ends with its last descriptor.
    socket.send_fds(server, [b"h"], [hub])


def _enter_new_network() -> int:
    """Enter a new network namespace; return a descriptor of it."""
    unshare(CLONE_NEWNET, "net")
    netlink.set_up("lo")
    _allow_low_ports()
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def _allow_low_ports() -> None:
    """Allow ports below 1,024, as containers can open them: a sandbox is not the owner here."""
    try:
        privileges.write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
    except OSError:
        return  # in containers /proc/sys may be read-only
