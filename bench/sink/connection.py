"""One connection of a client: reads requests as they come, and writes responses when they are due.

Bodies of writes are discarded as they arrive; only those of POST requests are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.sink.s3 import Head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bench.sink.s3 import Response, Sink

BLOCK = 1 << 20
ZEROS = memoryview(bytes(BLOCK))
BUFFER = memoryview(bytearray(BLOCK))  # of each process: what is received is discarded or copied
MOST_HEAD = 64 << 10


class BadRequestError(Exception):
    """The client sent what is no request; its connection is closed."""


class Connection:
    """``respond`` is called with each complete request's response, to send it when it is due."""

    __slots__ = (
        "_body", "_head", "_keeps", "_left", "_method", "_pending", "_received", "_respond",
        "_sink", "_target", "_zeros", "socket",
    )  # fmt: skip

    def __init__(
        self, socket: socket.socket, sink: Sink, respond: Callable[[Connection, Response], None]
    ) -> None:
        self.socket = socket
        self._sink, self._respond = sink, respond
        self._received = b""  # the beginning of a head
        self._method = self._target = ""
        self._head: Head | None = None
        self._body: list[bytes] = []
        self._left = self._zeros = 0
        self._keeps = False
        self._pending = memoryview(b"")

    def receive(self) -> bool:
        """Read what has arrived; return False at the end of the connection."""
        try:
            size = self.socket.recv_into(BUFFER)
        except BlockingIOError:
            return True
        self._sink.counters.add("bytes received", size)
        data = BUFFER[:size]
        while data:
            data = self._take_body(data) if self._head else self._take_head(data)
        return size > 0

    def _take_head(self, data: memoryview) -> memoryview:
        received = self._received + bytes(data)
        end = received.find(b"\r\n\r\n")
        if end < 0:
            if len(received) > MOST_HEAD:
                raise BadRequestError
            self._received = received
            return data[:0]
        rest = data[end + 4 - len(self._received) :]
        self._received = b""
        line, _, _ = received.partition(b"\r\n")
        try:
            self._method, self._target, _ = line.decode("latin-1").split(" ", 2)
            self._head = head = Head(received[:end])
            self._left = int(head.get(b"content-length") or 0)
        except ValueError:
            raise BadRequestError from None
        if head.get(b"transfer-encoding"):
            raise BadRequestError  # no client that is measured sends one
        self._keeps = self._method == "POST"
        if head.get(b"expect"):
            self.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return rest if self._left else self._complete(rest)

    def _take_body(self, data: memoryview) -> memoryview:
        part, rest = data[: self._left], data[self._left :]
        if self._keeps:
            self._body.append(bytes(part))
        self._left -= len(part)
        return rest if self._left else self._complete(rest)

    def _complete(self, rest: memoryview) -> memoryview:
        assert self._head  # noqa: S101 for the type checker
        response = self._sink.answer(self._method, self._target, self._head, b"".join(self._body))
        self._head, self._body = None, []
        self._respond(self, response)
        return rest

    def send(self, response: Response) -> bool:
        """Send a response as far as possible; return False if a part of it is left."""
        is_head = self._method == "HEAD"
        self._pending = memoryview(response.head if is_head else response.head + response.body)
        self._zeros = 0 if is_head else response.zeros
        return self.send_more()

    def send_more(self) -> bool:
        """Continue to send; return False if a part is left. Raise OSError if the client is gone."""
        if 0 < self._zeros <= BLOCK >> 4:  # small: in one call
            self._pending = memoryview(bytes(self._pending) + bytes(self._zeros))
            self._zeros = 0
        try:
            while True:
                while self._pending:
                    self._pending = self._pending[self.socket.send(self._pending) :]
                if not self._zeros:
                    return True
                self._pending = ZEROS[: self._zeros]
                self._zeros -= len(self._pending)
        except BlockingIOError:
            return False
