"""Requests to a store over plain HTTP methods, with bounded repeats and redirects.

Credentials are sent to the origin that the FDL names only: a redirect to another host (dCache's
doors redirect to pools) is followed without them; one from https to http, or to this machine, is
refused (``redirect_targets``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from supervisor.aws.client import AwsResponse
from supervisor.aws.errors import AwsError, InvalidResponse, parse_error_response
from supervisor.aws.request import AwsRequest, Origin
from supervisor.aws.retry import Backoff
from supervisor.storage.redirect_targets import check_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.connection_pool import ConnectionPool, StreamedResponse
    from supervisor.aws.errors import AwsErrorResponse

    ErrorParser = Callable[[int, Mapping[str, str], bytes, str], AwsErrorResponse]

T = TypeVar("T")
MAX_REDIRECTS = 5
# A redirect of these is followed whatever its status. PUT keeps its method with 307 and 308 only;
# other methods are not redirected by any store that is known to work.
_READS = frozenset({"GET", "HEAD", "PROPFIND"})
_KEEPS_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, *_KEEPS_METHOD})


class FolderFound(InvalidResponse):
    """The address of a file is that of a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectedRequest(AwsRequest):
    """A request whose target is sent as the server wrote it."""

    location: str

    @property
    def target(self) -> str:
        return self.location


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHttpClient:
    """Sends requests to one store; thread-safe. ``server`` names it in messages.

    ``authenticate`` returns the headers for ``origin``, ``parse_error`` reads an error response.
    All methods raise AwsError; AwsErrorResponse for every status of 300 and above.
    """

    server: str
    origin: Origin
    connections: ConnectionPool
    authenticate: Callable[[], Mapping[str, str]]
    backoff: Backoff = field(default_factory=Backoff)
    parse_error: ErrorParser = parse_error_response

    def send(
        self, request: AwsRequest, *, repeat: bool = True, patience: float | None = None
    ) -> AwsResponse:
        """Return the whole response; a request without ``repeat`` is sent once."""

        def send_and_read() -> AwsResponse:
            reply = self._follow(request, patience)
            return AwsResponse(reply.status, reply.headers, reply.read_all())

        return self._repeat(send_and_read) if repeat else send_and_read()

    def open(self, request: AwsRequest) -> StreamedResponse:
        """Send a request without side effects; the caller reads and closes the response."""
        return self._repeat(lambda: self._follow(request, None))

    def _repeat(self, send: Callable[[], T]) -> T:
        for attempt in self.backoff.iter_attempts():
            try:
                return send()
            except AwsError as error:
                if not error.transient or attempt == self.backoff.max_attempts:
                    if attempt > 1:
                        error.add_note(f"This was attempt {attempt}.")
                    raise
        raise AssertionError

    def _follow(self, request: AwsRequest, patience: float | None) -> StreamedResponse:
        own = ""  # the address of the store
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._send_once(request, patience, own)
            own = own or reply.peer
            if reply.status < 300:
                return reply
            target = reply.headers.get("location", "")
            if not target or not _is_followed(request.method, reply.status):
                raise self.parse_error(reply.status, reply.headers, reply.read_error(), self.server)
            reply.close()
            request = self._redirect(request, target)
            check_target(request.origin.host, own=own, server=self.server)
        raise InvalidResponse(
            f"{self.server} redirected {request.method} more than {MAX_REDIRECTS} times.",
            remedy=f"Correct the address of {self.server} in storage_providers of the FDL.",
        )

    def _send_once(
        self, request: AwsRequest, patience: float | None, store_address: str
    ) -> StreamedResponse:
        own = (self.origin.scheme, self.origin.host, self.origin.port)
        is_own = (request.origin.scheme, request.origin.host, request.origin.port) == own
        headers = {
            **request.headers,
            "host": request.origin.authority,
            **(self.authenticate() if is_own else {}),
        }

        def check_peer(address: str) -> None:
            if store_address:  # a redirected request: names may resolve to any address
                check_target(address, own=store_address, server=self.server)

        return self.connections.send_request(
            request, headers, patience=patience, check_peer=check_peer
        )

    def _redirect(self, request: AwsRequest, target: str) -> AwsRequest:
        base = f"{request.origin.scheme}://{request.origin.authority}{request.target}"
        try:
            parts = urlsplit(urljoin(base, target))
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            parts, port = urlsplit(""), 0
        host = parts.hostname or ""
        is_downgrade = request.origin.is_tls and parts.scheme != "https"
        if parts.scheme not in ("http", "https") or not host or is_downgrade:
            # The address itself may have a token in it.
            raise InvalidResponse(
                f"{self.server} redirects {request.method} to {parts.scheme or 'no'}://{host}"
                f"{', which is not encrypted' if is_downgrade else ''}.",
                remedy=f"Correct the address of {self.server} in storage_providers of the FDL, or"
                " let its administrator redirect to https.",
            )
        if parts.path == f"{request.encoded_path}/":
            raise FolderFound(
                f"{request.path} of {self.server} is a folder.", remedy="Name a file."
            )
        location = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # What is encoded stays; errors of the HTTP library about other characters show the target.
        location = quote(location, safe="/%?&=:;@+$,!~*'()")
        fields = {name: getattr(request, name) for name in ("method", "headers", "body")}
        return RedirectedRequest(
            **fields,
            origin=Origin(parts.scheme, host, port),
            path=parts.path,
            known_payload_hash=request.known_payload_hash,
            location=location,
        )


def with_headers(request: AwsRequest, headers: Mapping[str, str]) -> AwsRequest:
    """Return the request with more headers."""
    return replace(request, headers={**request.headers, **headers})


def _is_followed(method: str, status: int) -> bool:
    if method in _READS:
        return status in _REDIRECTS
    return method == "PUT" and status in _KEEPS_METHOD
