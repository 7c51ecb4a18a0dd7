"""The networks of the nodes of a multi-node job, for the ``sandbox`` engine.

``namespaces.network`` makes them. This module keeps their descriptors, and forwards the connections
of the nodes to the local cloud, which listens on this machine's loopback interface only.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import scar
from scar.local.engines.namespaces.network import MAX_NODES, node_address
from scar.local.engines.port import EngineError, SandboxNetwork

_SETUP_SECONDS: Final = 60
_CHUNK: Final = 1 << 16


def open_network(nodes: int, port: int) -> BridgedNetwork:
    """Return a network of ``nodes`` nodes in which 127.0.0.1:``port`` is that of this machine."""
    if nodes > MAX_NODES:
        raise EngineError(
            f"The local cloud connects {MAX_NODES} nodes at most, not {nodes}.",
            remedy="Set a smaller multi_node_parallel.number_nodes.",
        )
    descriptors: list[int] = []
    ours, theirs = socket.socketpair()
    try:
        with ours, theirs:
            problem = _run_program(nodes, port, ours, theirs, descriptors)
    except BaseException:
        _close_all(descriptors)
        raise
    if problem:
        _close_all(descriptors)
        raise EngineError(
            f"This machine cannot connect the nodes of a job: {problem}.",
            remedy="It needs Linux's network namespaces, bridges and veth interfaces.",
        )
    return BridgedNetwork(nodes, port, descriptors)


def _run_program(
    nodes: int, port: int, ours: socket.socket, theirs: socket.socket, received: list[int]
) -> str:
    """Run the program and collect its descriptors; return its error, empty for none."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(scar.__file__).parent.parent)!r});"
        "from scar.local.engines.namespaces.network import main;"
        "sys.exit(main(*map(int, sys.argv[1:])))"
    )
    arguments = map(str, (nodes, port, theirs.fileno()))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, *arguments],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
        text=True,
    )
    with process:
        theirs.close()
        ours.settimeout(_SETUP_SECONDS)
        try:
            while True:
                data, descriptors, _, _ = socket.recv_fds(ours, 1, 4, socket.MSG_CMSG_CLOEXEC)
                received += descriptors
                if not data:
                    break
        except OSError as error:
            process.kill()
            return str(error)
        _, problem = process.communicate(timeout=_SETUP_SECONDS)
    return "" if process.returncode == 0 else problem.strip() or f"status {process.returncode}"


class BridgedNetwork:
    """The networks of one job's nodes, and the forwarding of their connections; a NodeNetwork."""

    def __init__(self, nodes: int, port: int, descriptors: list[int]) -> None:
        # As the program sends them: its user namespace without root, two per node, the bridge's.
        self._descriptors = descriptors
        first = len(descriptors) - 2 * nodes - 1
        owner = descriptors[0] if first else -1
        self._nodes = tuple(
            SandboxNetwork(
                address=node_address(index), namespace=descriptors[first + 2 * index], owner=owner
            )
            for index in range(nodes)
        )
        listeners = [
            socket.socket(fileno=os.dup(descriptors[first + 2 * index + 1]))
            for index in range(nodes)
        ]
        self._relay = _Relay(listeners, port)

    @property
    def nodes(self) -> tuple[SandboxNetwork, ...]:
        return self._nodes

    def close(self) -> None:
        """End all connections and remove the networks; may be called twice."""
        self._relay.close()
        _close_all(self._descriptors)


class _Relay:
    """Forwards each connection to a listener to a port of this machine: two threads for each."""

    def __init__(self, listeners: list[socket.socket], port: int) -> None:
        self._port = port
        self._listeners = listeners
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closing = False
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="node relay", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        with self._lock:
            if self._closing:
                return
            self._closing = True
            sockets = list(self._open)
        self._wake.close()
        self._acceptor.join()
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for listener in (*self._listeners, self._woken):
            listener.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in (*self._listeners, self._woken):
                selector.register(listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        return
                    self._forward(key.fileobj)  # type: ignore[arg-type]

    def _forward(self, listener: socket.socket) -> None:
        """Connect a new connection to this machine's port; if that fails, close it."""
        try:
            near, _ = listener.accept()
        except OSError:
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._port))
        except OSError:
            near.close()
            return
        with self._lock:
            if self._closing:
                near.close()
                far.close()
                return
            self._open |= {near, far}
        pair = _Pair()
        for source, target in ((near, far), (far, near)):
            threading.Thread(
                target=self._copy, args=(source, target, pair), name="node relay", daemon=True
            ).start()

    def _copy(self, source: socket.socket, target: socket.socket, pair: _Pair) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(data)
        # The other direction continues: HTTP clients may close theirs after the request.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        if pair.has_ended():
            with self._lock:
                self._open -= {source, target}
            source.close()
            target.close()


class _Pair:
    """Counts the directions of a connection that have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = 0

    def has_ended(self) -> bool:
        """Count one more; return whether that was the second."""
        with self._lock:
            self._ended += 1
            return self._ended == 2


def _close_all(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())
