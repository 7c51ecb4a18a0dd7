"""How direct requests are sent: where to, with which keys, over which connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from supervisor.aws.connection_pool import ConnectionPool
    from supervisor.aws.credentials import CredentialProvider
    from supervisor.aws.request import Origin


@dataclass(frozen=True, slots=True)
class BucketEndpoint:
    """Where the requests for a bucket go: the path prefix of its keys, and the signed Region."""

    origin: Origin
    path: str
    region: str


class EndpointFinder(Protocol):
    """Finds the endpoint of a bucket, in another Region than the usual one if that is not empty."""

    def __call__(self, bucket: str, region: str) -> BucketEndpoint:
        """Return the endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectConfiguration:
    """The user's settings of the SDK, as far as direct requests depend on them.

    ``sts``: the endpoint of GetCallerIdentity, if it is known without the SDK. ``sends_checksums``:
    uploads have a CRC-32 that S3 verifies; ``requests_checksums``: downloads are verified with the
    object's. ``signs_payload``: the content is signed over TLS too.
    """

    region: str
    credentials: CredentialProvider
    connections: ConnectionPool
    find_endpoint: EndpointFinder
    sts: Origin | None = None
    sends_checksums: bool = True
    requests_checksums: bool = True
    signs_payload: bool = False
