"""One client's connection: requests in, responses out, until one side has enough."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING

from scar.local.http.bodies import BrokenBody, ChunkedBody, IncomingBody, SizedBody
from scar.local.http.files import FileSegments
from scar.local.http.heads import (
    MalformedHead,
    RequestHead,
    encode_response_head,
    may_have_body,
    read_request_head,
)
from scar.local.http.messages import Request, Response

if TYPE_CHECKING:
    import ssl

    from scar.local.http.messages import HttpApp

log = logging.getLogger(__name__)

_PIECE = 1 << 18
_BUFFER = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Seconds a client may keep a thread waiting, and how many clients there may be.

    ``idle``: between two requests (None: as long as it likes). ``head``: for a whole head.
    ``stall``: between two reads or writes of a body. ``drain``: for a body nobody reads.
    """

    connections: int = 512
    idle: float | None = 75.0
    head: float = 30.0
    stall: float = 60.0
    drain: float = 30.0


class ClientConnection:
    """Serves one socket in the calling thread. ``stop`` may be called from another thread."""

    def __init__(
        self,
        sock: socket.socket,
        app: HttpApp,
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._sock = sock
        self._plane = app
        self._limits = limits
        self._tls = tls
        self._stopping = False
        self.idle = True
        self.since = time.monotonic()

    def stop(self, *, immediately: bool = False) -> None:
        """End after the request in progress, or at once."""
        self._stopping = True
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: it would turn the encryption off under the other thread.
            if immediately:
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
            elif self.idle:
                socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def serve(self) -> None:
        """Answer requests until the client leaves, misbehaves or ``stop`` is called."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.settimeout(self._limits.head)
            if self._tls:
                self._sock = self._tls.wrap_socket(self._sock, server_side=True)
            with BufferedReader(socket.SocketIO(self._sock, "rb"), _BUFFER) as reader:
                while self._serve_next_request(reader):
                    pass
        except OSError as error:  # gone, stuck, not TLS, closed under us
            log.debug("connection ended: %s", error)
        except Exception:  # a plane's response cannot be sent
            log.exception("a response could not be sent")
        finally:
            self._sock.close()

    def _serve_next_request(self, reader: BufferedReader[socket.SocketIO]) -> bool:
        """Serve one request; return whether another may follow."""
        self.idle, self.since = True, time.monotonic()
        self._sock.settimeout(self._limits.idle)
        if self._stopping or not reader.peek(1):
            return False
        self.idle = False
        self._sock.settimeout(self._limits.head)
        try:
            head = read_request_head(_DeadlineReader(reader, self._limits.head).readline)
        except MalformedHead as error:
            self._send_error(error)
            return False
        if head is None:
            return False
        self._sock.settimeout(self._limits.stall)
        return self._serve_request(head, self._request_body(head, reader))

    def _request_body(
        self, head: RequestHead, reader: BufferedReader[socket.SocketIO]
    ) -> IncomingBody:
        go_on = None
        if head.expects_continue:
            go_on = lambda: self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")  # noqa: E731
        if head.length is None:
            return ChunkedBody(reader, go_on)
        return SizedBody(reader, head.length, go_on)

    def _serve_request(self, head: RequestHead, body: IncomingBody) -> bool:
        response = self._call_app(head, body)
        try:
            # A client that still waits for "100 Continue" will not send its body now.
            skipped = body.is_waiting_for_continue and not body.consumed
            drained = skipped or self._drain_body(body)
            close = skipped or not drained or self._stopping or not head.keep_alive
            self._send_response(head.method, response, close=close)
            if not drained:
                self._close_lingering()
            return not close
        finally:
            if not isinstance(response.body, bytes):
                response.body.close()

    def _call_app(self, head: RequestHead, body: IncomingBody) -> Response:
        request = Request(
            method=head.method, path=head.path, query=head.query, headers=head.headers, body=body
        )
        try:
            return self._plane.handle(request)
        except (BrokenBody, TimeoutError):
            raise
        except Exception:  # the server outlives the faults of its planes
            log.exception("%s %s failed", head.method, head.path)
            return Response(
                status=500,
                headers={"content-type": "application/json"},
                body=b'{"__type":"InternalFailure","message":"The local cloud has a fault;'
                b' its log tells more."}',
            )

    def _drain_body(self, body: IncomingBody) -> bool:
        end = time.monotonic() + self._limits.drain
        try:
            while not body.consumed:
                if time.monotonic() > end:
                    return False
                body.read(_PIECE)
        except (BrokenBody, TimeoutError):
            return False
        return True

    def _send_response(self, method: str, response: Response, *, close: bool) -> None:
        headers = dict(response.headers)
        with_body = may_have_body(method, response.status)
        content = response.body
        if isinstance(content, bytes) and with_body:
            headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
            headers["content-length"] = str(len(content))
        head = encode_response_head(response.status, headers, close=close)
        if not with_body:
            self._sock.sendall(head)
        elif isinstance(content, bytes):
            self._sock.sendall(head + content)
        else:
            self._sock.sendall(head)
            if isinstance(content, FileSegments) and not self._tls:
                self._send_files(content)
            else:
                for data in content:
                    self._sock.sendall(data)

    def _send_files(self, files: FileSegments) -> None:
        for segment in files.segments:
            if segment.length:
                sent = self._sock.sendfile(segment.file, segment.offset, segment.length)
                if sent != segment.length:
                    raise OSError(f"{segment.file.name} is shorter than its object.")

    def _send_error(self, error: MalformedHead) -> None:
        text = f"{error}\n".encode()
        headers = {"content-type": "text/plain", "content-length": str(len(text))}
        self._sock.sendall(encode_response_head(error.status, headers, close=True) + text)
        self._close_lingering()

    def _close_lingering(self) -> None:
        """Read a little more before closing: closing at once could destroy the answer."""
        self._sock.settimeout(1.0)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
            end = time.monotonic() + 2.0
            while time.monotonic() < end and self._sock.recv(_PIECE):
                pass


class _DeadlineReader:
    """Reads lines until a moment: single bytes sent slowly do not hold a thread for ever."""

    def __init__(self, reader: BufferedReader[socket.SocketIO], seconds: float) -> None:
        self._reader = reader
        self._end = time.monotonic() + seconds

    def readline(self, limit: int) -> bytes:
        if time.monotonic() > self._end:
            raise TimeoutError("The request's head took too long.")
        return self._reader.readline(limit)
