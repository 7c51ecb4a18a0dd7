"""One connection to a server: connect, send a request, read its response, and again."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

from supervisor.http.bodies import open_body, receive_head
from supervisor.http.bounded_socket import BoundedSocket
from supervisor.http.heads import MAX_HEAD, HttpFormatError, parse_response_head

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from supervisor.http.bodies import BodyReader
    from supervisor.http.heads import ResponseHead

# A head and a body up to this size are sent together, in one system call.
SMALL_BODY = 1 << 16


class HttpConnection:
    """An open connection; ``peer`` is the address of the server. Not thread-safe."""

    __slots__ = ("_bounded", "_poll", "_socket", "peer")

    def __init__(self, connected: socket.socket, peer: str = "") -> None:
        self._socket = connected
        self.peer = peer
        self._bounded = BoundedSocket(connected)
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)

    def send(self, head: bytes, body: bytes | Iterable[bytes], idle: float | None) -> bool:
        """Send a request; return whether the server read it all.

        A server that rejects a request early stops reading, and responds. ``idle`` is the time
        without progress in seconds, here and for the response.
        """
        self._bounded.start_exchange(idle)
        try:
            if isinstance(body, bytes):
                if len(body) <= SMALL_BODY:
                    self._socket.sendall(head + body if body else head)
                    return True
                body = (body,)
            self._socket.sendall(head)
            for chunk in body:
                self._socket.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def read_response(self, method: str) -> IncomingResponse:
        """Return the response of a request with its body unread; the head has its own period."""
        self._bounded.start_period()
        data, budget = b"", MAX_HEAD
        while True:
            text, data = receive_head(self._bounded, data, budget)
            head = parse_response_head(text)
            if not 100 <= head.status < 200:
                break
            if head.status == 101:
                raise HttpFormatError("another protocol, which was not requested")
            # 100 Continue and others are followed by the response itself.
            budget -= len(text)
        body = open_body(method, head, self._bounded, data)
        self._bounded.start_period()
        return IncomingResponse(head, body, self._bounded)

    def is_closed_by_peer(self) -> bool:
        """Return whether an idle connection is readable: then the server has closed it."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        self._socket.close()


class IncomingResponse:
    """A response whose body has not been read yet; header names are lower case."""

    __slots__ = ("_body", "_bounded", "_head", "headers", "status")

    def __init__(self, head: ResponseHead, body: BodyReader, bounded: BoundedSocket) -> None:
        self.status = head.status
        self.headers = head.headers
        self._head = head
        self._body = body
        self._bounded = bounded

    @property
    def is_read(self) -> bool:
        """Whether the end of the body is known and was read."""
        return self._body.is_read

    @property
    def is_reusable(self) -> bool:
        """Whether the connection can be used for another request now."""
        return self._head.is_persistent and self._body.is_clean

    def end_within(self, seconds: float) -> None:
        """Limit the time of the rest of the body, whatever its speed."""
        self._bounded.end_within(seconds)

    def read_some(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are some, b"" at the end."""
        return self._body.read_some(size)

    def read_all(self) -> bytes:
        """Return the whole body, of any size."""
        first, parts = self.read_some(SMALL_BODY), []
        while not self.is_read and (more := self.read_some(SMALL_BODY)):
            parts.append(more)
        return b"".join((first, *parts)) if parts else first


def connect(
    host: str, port: int, *, timeout: float | None, context: ssl.SSLContext | None = None
) -> HttpConnection:
    """Connect to the first address of the host that accepts, with TLS if there is a context."""
    plain = socket.create_connection((host, port), timeout)
    try:
        # A request of several packets must not wait for the acknowledgement of the first.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            # Closes the socket if it fails.
            plain = context.wrap_socket(plain, server_hostname=host)
        return HttpConnection(plain, str(plain.getpeername()[0]))
    except BaseException:
        plain.close()
        raise
