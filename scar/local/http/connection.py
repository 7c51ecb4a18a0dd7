"""One client's connection: serves its requests until either side closes the connection."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING

from scar.local.http.bodies import BrokenBodyError, ChunkedBody, IncomingBody, SizedBody
from scar.local.http.deadlines import DeadlineSource
from scar.local.http.files import FileSegments
from scar.local.http.heads import (
    MalformedHeadError,
    RequestHead,
    encode_response_head,
    may_have_body,
    read_request_head,
)
from scar.local.http.messages import Request, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from scar.local.http.messages import HttpApp

log = logging.getLogger(__name__)

_PIECE = 1 << 18
_BUFFER = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The number of connections, and how long (seconds) a client may block its thread.

    ``idle``: between two requests (None: no limit). ``head``: for a complete request head, and
    between two requests of a client that was not authenticated. ``stall``: between two reads or
    writes of a body. ``unverified``: for all of a body before its client is authenticated.
    ``drain``: to discard an unread body. ``slow``: after it, a client that is not authenticated
    is disconnected rather than an idle one that is.
    """

    connections: int = 512
    idle: float | None = 75.0
    head: float = 30.0
    stall: float = 60.0
    unverified: float = 60.0
    drain: float = 30.0
    slow: float = 1.0


class ClientConnection:
    """Serves one socket in the calling thread; ``stop`` may be called from another thread.

    ``idle`` is true between two requests, ``since`` is the monotonic time of the last change of
    ``idle``. ``trusted``: a request of this connection was authenticated. ``stopping``: it closes.
    """

    def __init__(
        self,
        sock: socket.socket,
        app: HttpApp,
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._sock = sock
        self._app = app
        self._limits = limits
        self._tls = tls
        self.stopping = False
        self.trusted = False
        self.idle = True
        self.since = time.monotonic()

    def stop(self, *, immediately: bool = False) -> None:
        """Close the connection after the request in progress, or immediately."""
        self.stopping = True
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: it would end the encryption while the other thread writes.
            if immediately:
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
            elif self.idle:
                socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def serve(self) -> None:
        """Serve requests until the client closes, breaks the protocol, or ``stop`` is called."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.settimeout(self._limits.head)
            if self._tls:
                self._sock = self._tls.wrap_socket(self._sock, server_side=True)
            else:
                # The kernel limits each write, without a system call for it.
                limit = struct.pack("ll", *divmod(int(self._limits.stall * 1e6), 1_000_000))
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            source = DeadlineSource(self._sock)
            with BufferedReader(source, _BUFFER) as reader:
                while self._serve_next_request(source, reader):
                    pass
        except OSError as error:  # closed by the client or ``stop``, timed out, not TLS
            log.debug("connection closed: %s", error)
        except Exception:  # an application's response is invalid
            log.exception("a response could not be sent")
        finally:
            self._sock.close()

    def _serve_next_request(
        self, source: DeadlineSource, reader: BufferedReader[DeadlineSource]
    ) -> bool:
        """Serve one request; return whether another may follow."""
        self.idle, self.since = True, time.monotonic()
        source.limit(each=self._limits.idle if self.trusted else self._limits.head)
        # ``idle`` is set before ``stopping`` is read, and ``stop`` does the reverse: one of
        # both sees the other's change, so that no connection waits here after ``stop``.
        if self.stopping or not reader.peek(1):
            return False
        self.idle, self.since = False, time.monotonic()
        source.limit(each=self._limits.head, total=self._limits.head)
        try:
            head = read_request_head(reader.readline)
        except MalformedHeadError as error:
            self._send_error(error)
            return False
        if head is None:
            return False
        source.limit(
            each=self._limits.stall, total=None if self.trusted else self._limits.unverified
        )
        return self._serve_request(head, self._request_body(head, reader), source)

    def _trust(self, source: DeadlineSource) -> None:
        self.trusted = True
        source.limit(each=self._limits.stall)

    def _request_body(
        self, head: RequestHead, reader: BufferedReader[DeadlineSource]
    ) -> IncomingBody:
        on_first_read = self._send_continue if head.expects_continue else None
        if head.length is None:
            return ChunkedBody(reader, on_first_read)
        return SizedBody(reader, head.length, on_first_read)

    def _send_continue(self) -> None:
        self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve_request(self, head: RequestHead, body: IncomingBody, source: DeadlineSource) -> bool:
        response = self._call_app(head, body, lambda: self._trust(source))
        try:
            # A client that still waits for "100 Continue" does not send its body after a final
            # response. Any other unread body must be read first: it would be parsed as the head
            # of the next request.
            skipped = body.is_waiting_for_continue and not body.consumed
            source.limit(each=self._limits.stall, total=self._limits.drain)
            drained = skipped or _drain_body(body)
            close = skipped or not drained or self.stopping or not head.keep_alive
            self._send_response(head.method, response, close=close)
            if not drained:
                self._close_lingering()
            return not close
        finally:
            if not isinstance(response.body, bytes):
                response.body.close()

    def _call_app(
        self, head: RequestHead, body: IncomingBody, on_authenticated: Callable[[], None]
    ) -> Response:
        request = Request(
            method=head.method,
            path=head.path,
            query=head.query,
            headers=head.headers,
            body=body,
            on_authenticated=on_authenticated,
        )
        try:
            return self._app.handle(request)
        except (BrokenBodyError, TimeoutError):
            raise
        except Exception:  # one failed request must not end the connection or the server
            log.exception("%s %s failed", head.method, head.path)
            return Response(
                status=500,
                headers={"content-type": "application/json"},
                body=b'{"__type":"InternalFailure","message":"Internal error in the local cloud;'
                b' see its log."}',
            )

    def _send_response(self, method: str, response: Response, *, close: bool) -> None:
        if self._tls:
            self._sock.settimeout(self._limits.stall)  # reading may have left a shorter one
        headers = response.headers
        with_body = may_have_body(method, response.status)
        content = response.body
        if isinstance(content, bytes) and with_body:
            headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
            headers["content-length"] = str(len(content))
        head = encode_response_head(response.status, headers, close=close, cookies=response.cookies)
        if not with_body:
            self._sock.sendall(head)
        elif isinstance(content, bytes):
            self._sock.sendall(head + content)
        else:
            self._sock.sendall(head)
            # sendfile(2) writes to the socket itself and would bypass the encryption.
            if isinstance(content, FileSegments) and not self._tls:
                self._send_files(content)
            else:
                for data in content:
                    self._sock.sendall(data)

    def _send_files(self, files: FileSegments) -> None:
        for segment in files.segments:
            if segment.length:
                self._sock.settimeout(self._limits.stall)  # else it would try again for ever
                sent = self._sock.sendfile(segment.file, segment.offset, segment.length)
                # Too few bytes: the client must see a broken connection, not the next response.
                if sent != segment.length:
                    raise OSError(f"{segment.file.name} is shorter than its object.")
        self._sock.settimeout(None)

    def _send_error(self, error: MalformedHeadError) -> None:
        text = f"{error}\n".encode()
        self._sock.settimeout(self._limits.stall)
        headers = {"content-type": "text/plain", "content-length": str(len(text))}
        self._sock.sendall(encode_response_head(error.status, headers, close=True) + text)
        self._close_lingering()

    def _close_lingering(self) -> None:
        """Shut down writing and read for up to 2 s, so that the client gets the response.

        If a socket is closed with unread data, the kernel sends a reset (RST), and the client
        discards a response that it has not read yet.
        """
        self._sock.settimeout(1.0)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
            end = time.monotonic() + 2.0
            while time.monotonic() < end and self._sock.recv(_PIECE):
                pass


def _drain_body(body: IncomingBody) -> bool:
    """Read the rest of a body; return whether its end was reached in time."""
    try:
        while not body.consumed:
            body.read(_PIECE)
    except (BrokenBodyError, TimeoutError):
        return False
    return True
