"""Persistent HTTP connections. Each request is sent once; ``client`` repeats it."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from supervisor.aws import tls
from supervisor.aws.errors import EndpointUnreachable, InvalidResponse, ResponseNotReceived
from supervisor.aws.request import CHUNK_SIZE, FileSlice

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from http.client import HTTPConnection
    from pathlib import Path

    from supervisor.aws.bounded_reader import BoundedResponse
    from supervisor.aws.request import AwsRequest, Origin

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
    """Seconds to connect, and seconds without data afterwards."""

    connect: float = 10.0
    read: float = 60.0


class StreamedResponse:
    """A response whose body has not been read yet; header names are lower case.

    ``peer`` is the address of the server.
    """

    def __init__(
        self,
        response: BoundedResponse,
        origin: Origin,
        done: Callable[[bool], None],
        peer: str = "",
    ) -> None:
        self.peer = peer
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self._response = response
        self._origin = origin
        self._done = done
        self._open = True
        response.begin_body()
        if self.status < 200 or not _are_valid_lengths(response.headers.get_all("content-length")):
            self.close()
            raise InvalidResponse(
                f"The response of {origin} is not valid HTTP: status {self.status}, Content-Length"
                f" {self.headers.get('content-length', '')[:40]!r}."
            )

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """Return some bytes, at most ``size``, b"" at the end; raise ResponseNotReceived."""
        from http.client import HTTPException

        try:
            data = self._response.read_some(size)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise _response_not_received(self._origin, error) from error
        if not data:
            # http.client returns b"" for a closed connection too: `length` is what is missing then.
            missing = self._response.length
            self._finish(whole=not missing)
            if missing:
                raise ResponseNotReceived(
                    f"{self._origin} closed the connection, {missing} bytes of its response are"
                    " missing."
                )
        return data

    def read_all(self) -> bytes:
        """Return the whole body; raise InvalidResponse if it is longer than MAX_DOCUMENT."""
        self._response.end_within(DOCUMENT_SECONDS)
        parts, size = [], 0
        while data := self.read():
            parts.append(data)
            size += len(data)
            if size > MAX_DOCUMENT:
                self.close()
                raise InvalidResponse(
                    f"The response of {self._origin} is longer than {MAX_DOCUMENT:,} bytes."
                )
        return b"".join(parts)

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
            self._response.close()
            self._done(whole and not self._response.will_close)


class ConnectionPool:
    """Idle connections by origin; thread-safe."""

    def __init__(
        self,
        environ: Mapping[str, str],
        timeouts: Timeouts | None = None,
        create_context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Create a pool; ``create_context`` replaces the trusted certificates of ``tls``."""
        self._environ = environ
        self._create_context = create_context
        self._timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[HTTPConnection]] = {}
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
        sent), ResponseNotReceived, RequestBodyUnreadable.
        """
        from http.client import HTTPException

        origin = request.origin
        connection = None if fresh else self._take_idle(origin)
        patience = self._timeouts.read if patience is None else min(self._timeouts.read, patience)
        connection = connection or self._open_connection(origin, patience)
        connection.sock.settimeout(patience)
        try:
            peer = str(connection.sock.getpeername()[0])
            if check_peer is not None:
                check_peer(peer)
            stopped_reading = _write_request(connection, request, headers)
            response = cast("BoundedResponse", connection.getresponse())
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            raise _response_not_received(origin, error) from error
        except BaseException:
            connection.close()
            raise

        def release(reusable: bool) -> None:
            if reusable and not stopped_reading:
                self._return_idle(origin, connection)
            else:
                connection.close()

        return StreamedResponse(response, origin, release, peer)

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            _close_connections(self._idle)

    def _take_idle(self, origin: Origin) -> HTTPConnection | None:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                if not idle:
                    return None
                connection = idle.pop()
            if not _is_closed_by_peer(connection):
                return connection
            connection.close()

    def _return_idle(self, origin: Origin, connection: HTTPConnection) -> None:
        with self._lock:
            self._idle.setdefault(origin, []).append(connection)

    def _open_connection(self, origin: Origin, patience: float) -> HTTPConnection:
        import http.client

        from supervisor.aws.bounded_reader import BoundedResponse

        timeout = min(self._timeouts.connect, patience)
        if origin.is_tls:
            connection: HTTPConnection = http.client.HTTPSConnection(
                origin.host,
                origin.port,
                timeout=timeout,
                context=self._tls_context(origin.host),
                blocksize=CHUNK_SIZE,
            )
        else:
            connection = http.client.HTTPConnection(
                origin.host, origin.port, timeout=timeout, blocksize=CHUNK_SIZE
            )
        connection.response_class = BoundedResponse
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise _endpoint_unreachable(origin, error) from error
        # Otherwise http.client would reconnect silently and send a request twice.
        connection.auto_open = 0
        return connection

    def _tls_context(self, host: str) -> ssl.SSLContext:
        custom = self._create_context
        file = None if custom else tls.find_ca_bundle(host, self._environ)
        with self._lock:
            if file not in self._contexts:
                self._contexts[file] = custom() if custom else tls.create_ssl_context(file)
            return self._contexts[file]


def _are_valid_lengths(values: list[str] | None) -> bool:
    """Return whether the values of Content-Length are one number; true for none."""
    found = {value.strip() for value in values or ()}
    return len(found) <= 1 and all(v.isascii() and v.isdecimal() and len(v) < 20 for v in found)


def _close_connections(idle: dict[Origin, list[HTTPConnection]]) -> None:
    while idle:
        for connection in idle.popitem()[1]:
            connection.close()


def _write_request(
    connection: HTTPConnection, request: AwsRequest, headers: Mapping[str, str]
) -> bool:
    """Send a request; return whether the server stopped reading, as it does to reject it early."""
    body = request.body.chunks() if isinstance(request.body, FileSlice) else request.body
    all_headers = {"accept-encoding": "identity", "user-agent": USER_AGENT, **headers}
    if request.body_size or request.method in ("PUT", "POST"):
        all_headers["content-length"] = str(request.body_size)
    try:
        connection.request(request.method, request.target, body=body or None, headers=all_headers)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def _is_closed_by_peer(connection: HTTPConnection) -> bool:
    """Return whether an idle connection is readable: then the server has closed it."""
    import select

    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _response_not_received(origin: Origin, error: Exception) -> ResponseNotReceived:
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
