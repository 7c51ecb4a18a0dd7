"""Sends single HTTP requests to hosts that may be slow, endless or hostile.

Redirects are not followed and errors not retried: the caller decides about both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from scar.image.registry.deadlines import SocketGuard, TransferLimits, response_socket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from requests.models import PreparedRequest

CONNECT_SECONDS = 10.0
BLOCK_SIZE = 64 << 10  # bytes of a blob that are read or sent within ``TransferLimits.block``
MAX_DOCUMENT_SIZE = 4 << 20  # bytes: the size that the OCI specification asks registries to accept
MAX_HEAD_SIZE = 256 << 10  # bytes of status lines and headers; a token has up to 64 KiB
MAX_ERROR_SIZE = 64 << 10  # bytes of an error response; the rest is not read

# What sending a request or reading a response may raise: UnicodeError and ValueError because of
# invalid hosts and headers.
HTTP_ERRORS = (requests.RequestException, HTTPError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response with its body, of which errors keep the beginning only."""

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes = b""


class BodyTooLargeError(Exception):
    """The body of a successful response is larger than a document may be."""


class EncodedBodyError(Exception):
    """The body is compressed, which was not asked for."""


class HttpClient:
    """Connections to some hosts; safe to share between threads."""

    def __init__(self, limits: TransferLimits, *, use_proxy: bool) -> None:
        self.limits = limits
        self._session = _PlainSession()
        self._session.trust_env = use_proxy
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _GuardedAdapter(limits))

    def close(self) -> None:
        self._session.close()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes | Iterable[bytes] | Mapping[str, str] | None = None,
        success: tuple[int, ...] = (200,),
    ) -> HttpResponse:
        """Return the whole response; raise ``HTTP_ERRORS``.

        Raise BodyTooLargeError or EncodedBodyError if the body of a response with a status of
        ``success`` cannot be used.
        """
        start = time.monotonic()
        is_upload = data is not None
        response = self.open(method, url, headers=headers, data=data)
        # An upload takes as long as it takes; its response has the time of a document.
        left = self.limits.document - (0.0 if is_upload else time.monotonic() - start)
        try:
            succeeded = response.status_code in success
            limit = MAX_DOCUMENT_SIZE if succeeded else MAX_ERROR_SIZE
            body = _read_body(response, limit, max(0.0, left))
            if succeeded and len(body) > limit:
                raise BodyTooLargeError
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                if succeeded and body:
                    raise EncodedBodyError
                body = b""
            return HttpResponse(
                response.status_code, response.headers, response.url or url, body[:limit]
            )
        finally:
            response.close()

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes | Iterable[bytes] | Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return a response whose body was not read; the caller closes it."""
        is_upload = method in {"PUT", "POST", "PATCH"}
        seconds = self.limits.response if is_upload else self.limits.document
        return self._session.request(
            method,
            url,
            # No content encoding: digests, offsets and limits count the bytes as they are sent.
            headers={"Accept-Encoding": "identity", **headers},
            data=data,
            auth=_keep_headers,
            timeout=(CONNECT_SECONDS, seconds),
            allow_redirects=False,
            stream=True,
        )

    def read_block(self, response: requests.Response, count: int) -> bytes:
        """Return at most ``count`` and ``BLOCK_SIZE`` bytes of a body; empty at its end.

        Raise TimeoutError if they take longer than ``TransferLimits.block``.
        """
        with SocketGuard(response_socket(response.raw), self.limits.block) as guard:
            try:
                data: bytes = response.raw.read(min(count, BLOCK_SIZE), decode_content=False)
            except (HTTPError, OSError):
                if not guard.expired:
                    raise
                data = b""
        if guard.expired:
            raise TimeoutError(
                f"less than {BLOCK_SIZE >> 10} KiB arrived in {self.limits.block:g} seconds"
            )
        return data


def _read_body(response: requests.Response, limit: int, seconds: float) -> bytes:
    """Return the body, or a little more than ``limit`` bytes of it."""
    body = bytearray()
    with SocketGuard(response_socket(response.raw), seconds) as guard:
        try:
            while len(body) <= limit and (
                data := response.raw.read(min(BLOCK_SIZE, limit + 1), decode_content=False)
            ):
                body += data
        except (HTTPError, OSError):
            if not guard.expired:
                raise
    if guard.expired:
        raise TimeoutError("the response is not complete in time")
    return bytes(body)


class _PlainSession(requests.Session):
    """A session that does not read the bodies of redirects, as `requests` does without a limit."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target, whatever the response is."""
        del resp


class _HeadReader:
    """The file under a response while its head is read; ends heads that are too long.

    Interim responses (100 Continue) may come without end. A socket that was shut down still returns
    what arrives, so a deadline alone would not end them.
    """

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - as in http.client
        self._file = file
        self._left = MAX_HEAD_SIZE

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise HTTPException(f"the head of the response has more than {MAX_HEAD_SIZE:,} bytes")
        return line

    def close(self) -> None:
        self._file.close()


class _BoundedHeadResponse(HTTPResponse):
    """A response whose head is bounded, interim responses included."""

    def begin(self) -> None:
        file: Any = self.fp
        self.fp = cast("Any", _HeadReader(file))
        try:
            super().begin()
        finally:
            if self.fp is not None:  # else there is no body
                self.fp = file


class _GuardedConnection:
    """What both kinds of connections have in common: bounded times to send and to respond."""

    sock: Any
    limits: TransferLimits
    response_class = _BoundedHeadResponse
    answering_socket: Any = None

    def send(self, data: Any) -> None:  # noqa: ANN401 - as in http.client
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        pieces = _slice_bytes(data) if isinstance(data, bytes) else (data,)
        for piece in pieces:
            # Else it is the time-out of the connection's set-up, or that of an earlier response.
            self.sock.settimeout(self.limits.block)
            with SocketGuard(self.sock, self.limits.block) as guard:
                try:
                    super().send(piece)  # type: ignore[misc]
                except OSError as error:
                    if guard.expired:
                        raise TimeoutError("the host reads too slowly") from error
                    raise

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's, of version 1 or 2
        self.answering_socket = self.sock  # http.client drops it where the host will close
        seconds = self.sock.gettimeout() or self.limits.response
        with SocketGuard(self.sock, seconds) as guard:
            try:
                response = super().getresponse()  # type: ignore[misc]
            except Exception as error:
                if guard.expired:
                    raise TimeoutError("timed out") from error
                raise
        if guard.expired:  # http.client takes a head that is cut off for a whole one
            response.close()
            raise TimeoutError("timed out")
        return response


def _slice_bytes(data: bytes) -> Iterable[bytes]:
    if len(data) <= BLOCK_SIZE:
        return (data,)
    view = memoryview(data)
    return (bytes(view[begin : begin + BLOCK_SIZE]) for begin in range(0, len(data), BLOCK_SIZE))


class _GuardedAdapter(HTTPAdapter):
    """Uses guarded connections, also through a proxy."""

    def __init__(self, limits: TransferLimits) -> None:
        self._pools = _pool_classes(limits)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in requests
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as in requests
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pool_classes(limits: TransferLimits) -> dict[str, type[HTTPConnectionPool]]:
    plain = type("Plain", (_GuardedConnection, HTTPConnection), {"limits": limits})
    tls = type("Tls", (_GuardedConnection, HTTPSConnection), {"limits": limits})
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }


def _keep_headers(request: PreparedRequest) -> PreparedRequest:
    """Return the request unchanged: with any ``auth``, `requests` does not use ~/.netrc."""
    return request
