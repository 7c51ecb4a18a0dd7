"""Send requests through the proxies of the environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

A request over TLS goes through a tunnel that the proxy opens (CONNECT); any other is sent to the
proxy, with its whole address.
"""

from __future__ import annotations

import socket
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from scar.errors import ConfigurationError
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.request import AwsRequest, Origin
from supervisor.http.connection import HttpConnection, connect

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from supervisor.aws.connection_pool import StreamedResponse, Timeouts

_MAX_HEAD = 1 << 16  # bytes of a proxy's response


class ProxyError(OSError):
    """A connection through a proxy could not be made; ``proxy`` is its address without password."""

    def __init__(self, proxy: SplitResult, reason: object) -> None:
        super().__init__(str(reason))
        host = proxy.netloc.rpartition("@")[2]
        self.proxy = f"{proxy.scheme}://{'***:***@' if proxy.username else ''}{host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _AbsoluteRequest(AwsRequest):
    """A request that names its origin, as proxies need it without TLS."""

    @property
    def target(self) -> str:
        path = f"{self.encoded_path}?{self.encoded_query}" if self.query else self.encoded_path
        return f"{self.origin.scheme}://{self.origin.authority}{path}"


class ProxiedPool(ConnectionPool):
    """Connections to origins, each through the proxy that ``find`` returns for it, if any."""

    def __init__(
        self,
        environ: Mapping[str, str],
        timeouts: Timeouts,
        create_context: Callable[[], ssl.SSLContext],
        find: Callable[[Origin], str],
    ) -> None:
        super().__init__(environ, timeouts, create_context, self._connect)
        self._find = find
        self._proxies: dict[Origin, SplitResult | None] = {}

    def send_request(
        self,
        request: AwsRequest,
        headers: Mapping[str, str],
        *,
        fresh: bool = False,
        patience: float | None = None,
        check_peer: Callable[[str], None] | None = None,
    ) -> StreamedResponse:
        proxy = self._proxy_of(request.origin)
        if proxy is not None and not request.origin.is_tls:
            fields = ("method", "origin", "path", "query", "headers", "body", "known_payload_hash")
            request = _AbsoluteRequest(**{name: getattr(request, name) for name in fields})
            headers = {**headers, **_authorization(proxy)}
        return super().send_request(
            request, headers, fresh=fresh, patience=patience, check_peer=check_peer
        )

    def _proxy_of(self, origin: Origin) -> SplitResult | None:
        if origin not in self._proxies:
            url = self._find(origin)
            self._proxies[origin] = _parse_proxy(url) if url else None
        return self._proxies[origin]

    def _connect(
        self, host: str, port: int, *, timeout: float | None, context: ssl.SSLContext | None = None
    ) -> HttpConnection:
        proxy = self._proxy_of(Origin("https" if context else "http", host, port))
        if proxy is None:
            return connect(host, port, timeout=timeout, context=context)
        try:
            opened = socket.create_connection((proxy.hostname, proxy.port or 80), timeout)
        except OSError as error:
            raise ProxyError(proxy, error) from error
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                _open_tunnel(opened, proxy, Origin("https", host, port))
                opened = context.wrap_socket(opened, server_hostname=host)
            return HttpConnection(opened)
        except BaseException:
            opened.close()
            raise


def _parse_proxy(url: str) -> SplitResult:
    proxy = urlsplit(url if "://" in url else f"http://{url}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ConfigurationError(
            f"The proxy {proxy.scheme}://{proxy.hostname or ''} cannot be used for objects: scar"
            " put, get and ls support proxies with an address that begins with http:// only.",
            remedy="Set HTTPS_PROXY and HTTP_PROXY to http://HOST:PORT, or NO_PROXY to the hosts"
            " that are reached without a proxy.",
        )
    return proxy


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"proxy-authorization": f"Basic {b64encode(user.encode()).decode()}"}


def _open_tunnel(opened: socket.socket, proxy: SplitResult, origin: Origin) -> None:
    """Make the proxy connect to the origin; raise ProxyError."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    address = f"{host}:{origin.port}"
    headers = {"host": address, **_authorization(proxy)}
    lines = [f"CONNECT {address} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    try:
        opened.sendall("\r\n".join(lines).encode())
        head = _receive_head(opened)
    except OSError as error:
        raise ProxyError(proxy, error) from error
    version, _, status = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    if not version.startswith("HTTP/1.") or not status.startswith("2"):
        raise ProxyError(proxy, f"Tunnel connection failed: {status}")


def _receive_head(opened: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:  # nothing follows it: with TLS the client speaks first
        data = opened.recv(_MAX_HEAD)
        head += data
        if not data or len(head) > _MAX_HEAD:
            raise OSError("the proxy did not open a tunnel")
    return head
