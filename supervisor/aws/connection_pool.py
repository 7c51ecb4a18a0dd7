"""Persistent HTTP connections. Each request is sent once; ``client`` repeats it."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from supervisor.aws import tls
from supervisor.aws.errors import (
    NOT_THE_SERVICE,
    EndpointUnreachable,
    InvalidRequest,
    InvalidResponse,
    ResponseNotReceived,
)
from supervisor.aws.request import CHUNK_SIZE
from supervisor.http.bodies import IncompleteBodyError
from supervisor.http.bounded_socket import MIN_PROGRESS
from supervisor.http.connection import SMALL_BODY, connect
from supervisor.http.heads import HttpFormatError, build_request_head

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from supervisor.aws.request import AwsRequest, Origin
    from supervisor.http.connection import HttpConnection, IncomingResponse

USER_AGENT = "scar-supervisor"
# Bytes of a response that is read as a whole. The largest are events of runs: Lambda takes 6 MB,
# which JSON's escapes can make three times as long.
MAX_DOCUMENT = 1 << 25
# Of an error response, the part that is read; AWS's have some hundred bytes.
MAX_ERROR = 1 << 16
# Seconds for such a response.
DOCUMENT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to connect, and seconds without ``progress`` bytes of the response afterwards."""

    connect: float = 10.0
    read: float = 60.0
    progress: int = MIN_PROGRESS


class Connect(Protocol):
    """Opens a connection to a host, with TLS if there is a context; raise OSError."""

    def __call__(
        self, host: str, port: int, *, timeout: float | None, context: ssl.SSLContext | None
    ) -> HttpConnection:
        """Return the connection."""


class StreamedResponse:
    """A response whose body has not been read yet; header names are lower case.

    ``peer`` is the address of the server.
    """

    def __init__(
        self,
        response: IncomingResponse,
        origin: Origin,
        done: Callable[[bool], None],
        peer: str = "",
    ) -> None:
        self.peer = peer
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._origin = origin
        self._done = done
        self._open = True

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """Return some bytes, at most ``size``, b"" at the end; raise ResponseNotReceived."""
        try:
            data = self._response.read_some(size)
        except (OSError, ValueError) as error:
            self.close()
            raise _response_not_received(self._origin, error) from error
        # A connection whose response has been read may be used by another request at once.
        if self._open and (not data or self._response.is_read):
            self._finish(whole=True)
        return data

    def read_all(self) -> bytes:
        """Return the whole body; raise InvalidResponse if it is longer than MAX_DOCUMENT."""
        self._response.end_within(DOCUMENT_SECONDS)
        data = self.read()
        if not self._open:
            return data
        whole = bytearray(data)
        while data := self.read():
            whole += data
            if len(whole) > MAX_DOCUMENT:
                self.close()
                raise InvalidResponse(
                    f"The response of {self._origin} is longer than {MAX_DOCUMENT:,} bytes."
                )
        return bytes(whole)

    def read_error(self) -> bytes:
        """Return the start of the body of an error response; what arrived, if it breaks."""
        self._response.end_within(DOCUMENT_SECONDS)
        data = b""
        try:
            while len(data) < MAX_ERROR and (more := self.read(MAX_ERROR)):
                data += more
        except ResponseNotReceived:
            return data
        self.close()
        return data[:MAX_ERROR]

    def close(self) -> None:
        """Discard the rest of the response; may be called twice."""
        self._finish(whole=False)

    def _finish(self, *, whole: bool) -> None:
        if self._open:
            self._open = False
            self._done(whole and self._response.is_reusable)


class ConnectionPool:
    """Idle connections by origin; thread-safe."""

    def __init__(
        self,
        environ: Mapping[str, str],
        timeouts: Timeouts | None = None,
        create_context: Callable[[], ssl.SSLContext] | None = None,
        connect: Connect = connect,
    ) -> None:
        """Create a pool; ``create_context`` replaces the trusted certificates of ``tls``.

        ``connect`` opens a connection, for instance through a proxy.
        """
        self._connect_to = connect
        self._environ = environ
        self._create_context = create_context
        self._timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[HttpConnection]] = {}
        self._contexts: dict[Path | None, ssl.SSLContext] = {}
        # Unclosed sockets would raise ResourceWarning when the pool is garbage-collected.
        weakref.finalize(self, _close_connections, self._idle)

    def send_request(
        self,
        request: AwsRequest,
        headers: Mapping[str, str],
        *,
        fresh: bool = False,
        patience: float | None = None,
        check_peer: Callable[[str], None] | None = None,
    ) -> StreamedResponse:
        """Send the request once; return the response with its body unread.

        ``patience`` shortens the time-outs, in seconds. ``check_peer`` gets the address of the
        server before the request is sent, and raises an error if nothing must be sent there.

        ``fresh`` opens a new connection: the server may close an idle one at this moment, and then
        it is unknown whether it has read the request. Raise EndpointUnreachable (nothing was
        sent), InvalidRequest, ResponseNotReceived, RequestBodyUnreadable.
        """
        origin = request.origin
        head = _build_head(request, headers)
        patience = self._timeouts.read if patience is None else min(self._timeouts.read, patience)
        connection = None if fresh else self._take_idle(origin)
        connection = connection or self._open_connection(origin, patience)
        try:
            if check_peer is not None:
                check_peer(connection.peer)
            was_read = _write_request(connection, request, head, patience, self._timeouts.progress)
            response = connection.read_response(request.method)
        except (OSError, ValueError) as error:
            connection.close()
            raise _response_not_received(origin, error) from error
        except BaseException:
            connection.close()
            raise

        def release(reusable: bool) -> None:
            if reusable and was_read:
                self._return_idle(origin, connection)
            else:
                connection.close()

        return StreamedResponse(response, origin, release, connection.peer)

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            _close_connections(self._idle)

    def _take_idle(self, origin: Origin) -> HttpConnection | None:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                if not idle:
                    return None
                connection = idle.pop()
            if not connection.is_closed_by_peer():
                return connection
            connection.close()

    def _return_idle(self, origin: Origin, connection: HttpConnection) -> None:
        with self._lock:
            self._idle.setdefault(origin, []).append(connection)

    def _open_connection(self, origin: Origin, patience: float) -> HttpConnection:
        timeout = min(self._timeouts.connect, patience)
        context = self._tls_context(origin.host) if origin.is_tls else None
        try:
            return self._connect_to(origin.host, origin.port, timeout=timeout, context=context)
        except OSError as error:
            raise _endpoint_unreachable(origin, error) from error

    def _tls_context(self, host: str) -> ssl.SSLContext:
        custom = self._create_context
        file = None if custom else tls.find_ca_bundle(host, self._environ)
        with self._lock:
            if file not in self._contexts:
                self._contexts[file] = custom() if custom else tls.create_ssl_context(file)
            return self._contexts[file]


def _close_connections(idle: dict[Origin, list[HttpConnection]]) -> None:
    while idle:
        for connection in idle.popitem()[1]:
            connection.close()


def _build_head(request: AwsRequest, headers: Mapping[str, str]) -> bytes:
    size = request.body_size
    all_headers = {"accept-encoding": "identity", "user-agent": USER_AGENT, **headers}
    if size or request.method in ("PUT", "POST"):
        all_headers["content-length"] = str(size)
    try:
        return build_request_head(request.method, request.target, all_headers)
    except HttpFormatError as error:
        problem = str(error)
    except UnicodeEncodeError:  # its text has a part of the value, which may be secret
        problem = "a header of the request has a character that is not in Latin-1"
    raise InvalidRequest(
        f"Nothing was sent to {request.origin}: {problem}.",
        remedy="Check the credentials: their values must have no line ends.",
    )


def _write_request(
    connection: HttpConnection, request: AwsRequest, head: bytes, patience: float, progress: int
) -> bool:
    """Send a request; return False if the server stopped reading, to reject it early."""
    body = request.body
    if isinstance(body, bytes):
        return connection.send(head, body, patience, progress)
    parts = body.chunks()
    is_small = request.body_size <= SMALL_BODY
    return connection.send(head, b"".join(parts) if is_small else parts, patience, progress)


def _response_not_received(origin: Origin, error: Exception) -> ResponseNotReceived:
    if isinstance(error, HttpFormatError):
        return ResponseNotReceived(
            f"The response of {origin} is not valid HTTP: {error}.", remedy=NOT_THE_SERVICE
        )
    if isinstance(error, IncompleteBodyError):
        return ResponseNotReceived(f"{origin} closed the connection: {error}.")
    what = "timed out" if isinstance(error, TimeoutError) else f"failed: {error!r}"
    return ResponseNotReceived(f"The request to {origin} {what}.")


def _endpoint_unreachable(origin: Origin, error: OSError) -> EndpointUnreachable:
    if type(error).__name__ == "SSLCertVerificationError":
        return EndpointUnreachable(
            f"The TLS certificate of {origin} is not trusted: {error}.",
            remedy="Set AWS_CA_BUNDLE to a file with the certificates of its authority; for a"
            " storage provider, its option ca_bundle.",
        )
    return EndpointUnreachable(
        f"Cannot connect to {origin}: {error}.",
        remedy="Check the route to it: subnet, NAT gateway or VPC endpoint, security group.",
        transient=True,
    )
