"""The configuration of direct requests from a session of the SDK, whatever its settings are."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.aws.client.direct.configuration import BucketEndpoint, DirectConfiguration
from scar.aws.client.direct.connections import connection_pool
from scar.aws.client.direct.trusted_certificates import context_factory
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.request import Origin
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

_REQUIRED_ONLY = "when_required"


def read_session_configuration(
    session: boto3.Session, endpoint_url: str | None, config: Config
) -> DirectConfiguration:
    """Return what the session's client of S3 with this configuration would use."""
    core: Any = session._session  # noqa: SLF001 - boto3 has no other way
    endpoints = SessionEndpoints(session, endpoint_url, config)
    merged: Any = endpoints.client("").meta.config
    create_context = context_factory(core.get_config_variable("ca_bundle") or "", os.environ)
    return DirectConfiguration(
        region=session.region_name,
        credentials=SessionCredentials(session),
        connections=connection_pool(create_context, os.environ, merged.proxies),
        find_endpoint=endpoints,
        sends_checksums=merged.request_checksum_calculation != _REQUIRED_ONLY,
        requests_checksums=merged.response_checksum_validation != _REQUIRED_ONLY,
        signs_payload=bool((merged.s3 or {}).get("payload_signing_enabled")),
    )


class SessionCredentials:
    """The keys of the SDK's chain, refreshed by it while a long transfer runs."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    def get_credentials(self) -> Credentials:
        """Return keys that are valid now; raise the SDK's NoCredentialsError."""
        found = self._session.get_credentials()
        if found is None:
            from botocore.exceptions import NoCredentialsError

            raise NoCredentialsError
        keys = found.get_frozen_credentials()
        return Credentials(
            access_key=keys.access_key or "",
            secret_key=keys.secret_key or "",
            token=keys.token or "",
        )

    def replace_rejected(self, rejected: Credentials) -> bool:
        """Return whether the SDK has other keys than these meanwhile."""
        return self.get_credentials() != rejected


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """Asks the SDK where it would send requests for a bucket: it knows all its settings.

    These are dual stack, FIPS, transfer acceleration, addressing style, custom endpoints, and the
    Regions of all partitions.
    """

    session: boto3.Session
    endpoint_url: str | None
    config: Config
    _clients: dict[str, S3Client] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, bucket: str, region: str) -> BucketEndpoint:
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        found: list[BucketEndpoint] = []

        def capture(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 - as botocore has it
            found.append(_read_endpoint(request.url, request.headers["Authorization"]))
            headers = HTTPHeaders()
            headers["x-amz-request-id"] = "not-sent"
            return AWSResponse(request.url, 200, headers, _NoBody())

        with self._lock:
            client = self.client(region)
            events: Any = client.meta.events
            events.register_first("before-send.s3.HeadBucket", capture)
            try:
                client.head_bucket(Bucket=bucket)
            finally:
                events.unregister("before-send.s3.HeadBucket", capture)
        return found[0]

    def client(self, region: str) -> S3Client:
        """Return the SDK's client in a Region, by default the session's."""
        if region not in self._clients:
            self._clients[region] = self.session.client(
                "s3",
                region_name=region or None,
                endpoint_url=self.endpoint_url,
                config=self.config,
            )
        return self._clients[region]


class _NoBody:
    def stream(self) -> tuple[bytes, ...]:
        """Return nothing: as urllib3's response to HEAD does."""
        return ()


def _read_endpoint(url: str, authorization: str | bytes) -> BucketEndpoint:
    """Return where a request that the SDK has signed would go."""
    text = authorization.decode() if isinstance(authorization, bytes) else authorization
    # AWS4-HMAC-SHA256 Credential=<key>/<day>/<region>/s3/aws4_request, SignedHeaders=…
    region = text.partition(",")[0].split("/")[-3]
    origin = parse_endpoint(url, "the endpoint of S3")
    path = origin.path
    return BucketEndpoint(_without_path(origin), path, region)


def _without_path(origin: Origin) -> Origin:
    return Origin(origin.scheme, origin.host, origin.port)
