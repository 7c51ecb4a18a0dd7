"""Says why no response came from a host: name resolution, refused, time-out, TLS or proxy."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """``problem`` is the end of a sentence; ``is_lasting``: many attempts would only take time."""

    problem: str
    is_lasting: bool = False


def describe_failure(error: BaseException, url: str) -> ConnectionFailure:
    """Return why a request to this URL got no response; never with the URL's query."""
    from urllib3.exceptions import NewConnectionError, ProxyError
    from urllib3.exceptions import TimeoutError as Urllib3Timeout

    host = urlsplit(url).netloc.rpartition("@")[2]
    chain = list(_causes(error))
    root = chain[-1]
    cause = getattr(root, "strerror", None) or str(root) or type(root).__name__

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(item, kinds) for item in chain)

    if has(ProxyError):
        return ConnectionFailure(f"the proxy (HTTPS_PROXY) cannot be used: {cause}", True)
    if has(socket.gaierror):
        return ConnectionFailure(f"the host name {host} cannot be resolved: {cause}", True)
    if has(ssl.SSLCertVerificationError):
        return ConnectionFailure(f"the certificate of {host} is not trusted: {cause}", True)
    if has(ssl.SSLError):
        return ConnectionFailure(f"no TLS connection to {host}: {cause}", True)
    if has(TimeoutError, Urllib3Timeout):
        return ConnectionFailure(f"{host} timed out or is too slow: {cause}", True)
    # Not HTTP, or a head that is too long: what was cut off is another matter.
    is_invalid = any(
        isinstance(item, HTTPException) and not isinstance(item, (OSError, IncompleteRead))
        for item in chain
    )
    is_refused = has(NewConnectionError, ConnectionRefusedError)
    return ConnectionFailure(f"{host}: {cause}", is_refused or is_invalid)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, the innermost last.

    `requests` and urllib3 keep some of them as arguments and as ``reason``.
    """
    seen: set[int] = set()
    current: object = error
    while isinstance(current, BaseException) and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), *current.args]
        current = next(
            (item for item in inner if isinstance(item, BaseException)),
            current.__cause__ or current.__context__,
        )
