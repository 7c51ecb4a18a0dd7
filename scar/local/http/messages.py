"""Requests and responses as services get and return them, and the interface of a service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class RequestBody(Protocol):
    """The body of a request; the server discards what the application does not read."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end."""


class ResponseStream(Protocol):
    """A response body that is produced while it is sent; the server always closes it."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; ``path`` and ``query`` as sent, header names in lower case.

    ``path`` and ``query`` are still percent-encoded. ``access_key`` is the id of the key that
    signed the request, empty on routes without authentication. ``on_authenticated`` must be called
    once the client has proved that it may use the service: until then the time it has is limited,
    and its connection is the first to be closed for another one.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: RequestBody
    remote: str = "127.0.0.1"
    access_key: str = ""
    on_authenticated: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response; with a stream as its body, the headers must have ``content-length``.

    Each of ``cookies`` is sent as a header ``set-cookie`` of its own.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | ResponseStream = b""
    cookies: tuple[str, ...] = ()


class HttpApp(Protocol):
    """A service, or another part of the local cloud, that handles HTTP requests."""

    def handle(self, request: Request) -> Response:
        """Return the response, errors included; an exception becomes status 500."""
