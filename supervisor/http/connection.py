"""One connection to a server: connect, send a request, read its response, and again."""

from __future__ import annotations

import _socket
import select
from typing import TYPE_CHECKING

from supervisor.http.bodies import open_body, receive_head
from supervisor.http.bounded_socket import MIN_PROGRESS, BoundedSocket
from supervisor.http.heads import MAX_HEAD, HttpFormatError, parse_response_head

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from supervisor.http.bodies import BodyReader
    from supervisor.http.heads import ResponseHead

# A head and a body up to this size are sent together, in one system call.
SMALL_BODY = 1 << 16


class HttpConnection:
    """An open connection; ``peer`` is the address of the server. Not thread-safe."""

    __slots__ = ("_bounded", "_decrypted", "_poll", "_socket", "peer")

    def __init__(self, connected: _socket.socket, peer: str = "") -> None:
        self._socket = connected
        self.peer = peer
        self._bounded = BoundedSocket(connected)
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        # Only sockets with TLS have it: bytes that were received, but not read.
        self._decrypted: Callable[[], int] = getattr(connected, "pending", lambda: 0)

    def send(
        self,
        head: bytes,
        body: bytes | Iterable[bytes],
        idle: float | None,
        progress: int = MIN_PROGRESS,
    ) -> bool:
        """Send a request; return whether the server read it all.

        A server that rejects a request early stops reading, and responds. ``idle`` is the time
        without progress in seconds, here and for the response, of which ``progress`` bytes count
        as some.
        """
        self._bounded.start_exchange(idle, progress)
        try:
            if isinstance(body, bytes):
                if len(body) <= SMALL_BODY:
                    self._bounded.send(head + body if body else head)
                    return True
                body = (body,)
            self._bounded.send(head)
            for chunk in body:
                self._bounded.send(chunk)
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
        """Return whether an idle connection is readable.

        Then the server has closed it, or has sent what no request asked for.
        """
        return self._decrypted() > 0 or bool(self._poll.poll(0))

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
    connected = _connect_socket(host, port, timeout)
    try:
        # A request of several packets must not wait for the acknowledgement of the first.
        connected.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if context is not None:
            connected = _start_tls(connected, host, context)
        return HttpConnection(connected, str(connected.getpeername()[0]))
    except BaseException:
        connected.close()
        raise


def _connect_socket(host: str, port: int, timeout: float | None) -> _socket.socket:
    # The C module: the module socket, with its enumerations, takes 2 ms of a start. Bytes: the
    # codec of international names, which texts of ASCII do not need, takes 1 ms.
    name = host.encode("ascii") if host.isascii() else host
    failed: OSError | None = None
    for family, kind, protocol, _, address in _socket.getaddrinfo(
        name, port, 0, _socket.SOCK_STREAM
    ):
        connecting = None
        try:
            connecting = _socket.socket(family, kind, protocol)
            connecting.settimeout(timeout)
            connecting.connect(address)
        except OSError as error:
            failed = failed or error
            if connecting is not None:
                connecting.close()
        except BaseException:
            if connecting is not None:
                connecting.close()
            raise
        else:
            return connecting
    raise failed or OSError(f"{host} has no address")


def _start_tls(plain: _socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    import socket

    timeout = plain.gettimeout()
    wrapped = socket.socket(fileno=plain.detach())
    try:
        wrapped.settimeout(timeout)
        return context.wrap_socket(wrapped, server_hostname=host)
    except BaseException:
        wrapped.close()
        raise
