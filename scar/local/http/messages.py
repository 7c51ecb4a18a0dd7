"""Requests and responses as the planes see them; bodies are streams, never held whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class RequestBody(Protocol):
    """A request's body: bytes until ``b""``. The server drains what a plane leaves unread."""

    def read(self, size: int, /) -> bytes: ...


class ResponseStream(Protocol):
    """A response's body that is produced while it is sent; closed by the server in any case."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``path`` and ``query`` are as sent (still percent-encoded); header names are lower case.

    ``access_key`` is the authenticated caller's key id, empty for routes open to all.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: RequestBody
    remote: str = "127.0.0.1"
    access_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A ``Stream`` body needs its ``content-length`` among the headers."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | ResponseStream = b""


class HttpApp(Protocol):
    """A part of the local cloud that answers requests; raises nothing on purpose."""

    def handle(self, request: Request) -> Response: ...
