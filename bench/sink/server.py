"""The processes of the sink and their loop.

``python -m bench.sink.server --latency 20 --folder bucket/prefix:1000:10000`` prints its port and
serves until its standard input ends. The kernel spreads connections over the processes.
"""

from __future__ import annotations

import argparse
import gc
import os
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from bench.sink.connection import BadRequestError, Connection
from bench.sink.counters import Counters
from bench.sink.listing import Folder, Listing
from bench.sink.logs import LogGroup
from bench.sink.s3 import Response, Sink

BACKLOG = 1024
# A multiple of what one read brings: a burst of a large upload needs fewer wake-ups.
RECEIVE_BUFFER = 4 << 20


@dataclass(slots=True)
class Loop:
    """Serves the connections of one process; responses are sent ``latency`` seconds late.

    ``parent`` is a pipe that ends when the process ends that has forked this one.
    """

    listener: socket.socket
    sink: Sink
    latency: float
    parent: int
    _poll: select.epoll = field(default_factory=select.epoll)
    _connections: dict[int, Connection] = field(default_factory=dict)
    _due: deque[tuple[float, Connection, Response]] = field(default_factory=deque)

    def run(self) -> None:
        """Serve until the parent has ended."""
        listener = self.listener.fileno()
        self._poll.register(listener, select.EPOLLIN)
        self._poll.register(self.parent, select.EPOLLHUP)
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1
            for descriptor, events in self._poll.poll(wait):
                if descriptor == listener:
                    self._accept()
                elif descriptor == self.parent:
                    return
                elif connection := self._connections.get(descriptor):
                    self._serve(connection, events)
            self._send_due()

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            client, _ = self.listener.accept()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[client.fileno()] = Connection(client, self.sink, self._respond)
            self._poll.register(client.fileno(), select.EPOLLIN)
            self.sink.counters.add("connections")

    def _serve(self, connection: Connection, events: int) -> None:
        try:
            if events & select.EPOLLOUT and connection.send_more():
                self._poll.modify(connection.socket.fileno(), select.EPOLLIN)
            if events & (select.EPOLLIN | select.EPOLLHUP) and not connection.receive():
                self._close(connection)
        except (OSError, BadRequestError):
            self._close(connection)

    def _respond(self, connection: Connection, response: Response) -> None:
        if self.latency:
            self._due.append((time.monotonic() + self.latency, connection, response))
        else:
            self._send(connection, response)

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, connection, response = self._due.popleft()
            if connection.socket.fileno() >= 0:
                try:
                    self._send(connection, response)
                except OSError:
                    self._close(connection)

    def _send(self, connection: Connection, response: Response) -> None:
        if not connection.send(response):
            self._poll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _close(self, connection: Connection) -> None:
        if connection.socket.fileno() >= 0:
            del self._connections[connection.socket.fileno()]
            connection.socket.close()  # epoll forgets it


def listen(port: int) -> socket.socket:
    """Return a listener that shares its port with the other processes'."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def parse_folder(text: str) -> Folder:
    """Return the folder of ``bucket/prefix:count:size``."""
    path, count, size = text.rsplit(":", 2)
    bucket, _, prefix = path.partition("/")
    return Folder(bucket, prefix, int(count), int(size))


def main() -> None:
    """Fork the processes, print the port, and end when standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds of each response")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=parse_folder, action="append", default=[])
    parser.add_argument("--log-group", default="")
    parser.add_argument("--log-bytes", type=int, default=0)
    options = parser.parse_args()
    listing = Listing(tuple(options.folder))
    listing.prepare()
    counters = Counters(options.processes)
    sink = Sink(listing, counters, LogGroup.of_size(options.log_group, options.log_bytes))
    gc.collect()
    gc.freeze()
    port = 0
    # All listen before the first client can connect: none may be refused.
    listeners = []
    for _ in range(options.processes):
        listeners.append(listen(port))
        port = listeners[0].getsockname()[1]
    reader, writer = os.pipe()  # which ends with this process, also if it is killed
    children = []
    for number in range(len(listeners)):
        if child := os.fork():
            children.append(child)
        else:
            os.close(writer)
            _serve(listeners, number, sink, options.latency / 1e3, reader)
    for listener in listeners:
        listener.close()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os.close(writer)
    for child in children:
        os.waitpid(child, 0)


def _serve(
    listeners: list[socket.socket], number: int, sink: Sink, latency: float, parent: int
) -> NoReturn:
    """Serve one listener in a new process, which closes the others."""
    for other in listeners[:number] + listeners[number + 1 :]:
        other.close()
    sys.stdin.close()
    sink.counters.choose_row(number)
    try:
        Loop(listeners[number], sink, latency, parent).run()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
