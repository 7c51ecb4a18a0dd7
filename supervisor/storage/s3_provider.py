"""Stores with S3's API other than the account's own: MinIO, Ceph, another account's S3…

Nothing beyond the oldest part of the API is assumed of a store with an endpoint of its own: a
signed SHA-256 and Content-MD5 protect what is sent, not the newer checksums, and the owner of a
bucket is not checked. Unless ``conditional_writes: true`` says that the store checks write
conditions (``probe``), a HEAD precedes each conditional write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.retry import Backoff
from supervisor.aws.sigv4 import Credentials
from supervisor.storage.s3 import S3Store
from supervisor.storage.s3_api import S3Dialect, S3ObjectApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.credentials import CredentialProvider
    from supervisor.storage.provider_options import ProviderOptions

DEFAULT_REGION = "us-east-1"
CONDITIONAL_WRITES = "conditional_writes"


def connect(
    options: ProviderOptions, environ: Mapping[str, str], backoff: Backoff | None = None
) -> S3Store:
    """Create a store from the provider's options; raise ConfigError. Nothing is sent yet."""
    # Without an endpoint: Amazon S3 with other credentials, or an emulator of it.
    has_endpoint = bool(options.text("endpoint")) or options.config.kind != "s3"
    dialect = S3Dialect(path_style=options.flag("path_style"))
    where: Mapping[str, str] = environ
    connections = None
    if has_endpoint:
        origin = options.origin("endpoint")
        options.warn_if_readable(origin)
        connections = options.connections(environ, origin)
        where = {"AWS_ENDPOINT_URL_S3": str(origin)}
        dialect = find_dialect(options)
    client = AwsClient(
        service="s3",
        region=_read_region(options, environ, has_endpoint=has_endpoint),
        credentials=_find_credentials(options, environ, has_endpoint=has_endpoint),
        connections=connections or ConnectionPool(environ),
        backoff=backoff or Backoff(),
        # Only AWS knows the trace.
        read_trace_id=lambda: "",
        server=options.name,
    )
    return S3Store(api=S3ObjectApi(client, where, dialect=dialect))


def find_dialect(options: ProviderOptions) -> S3Dialect:
    """Return what is assumed of a store with an endpoint of its own."""
    conditions = options.flag(CONDITIONAL_WRITES)
    return S3Dialect(
        path_style=options.flag("path_style") is not False,
        crc32=False,
        conditions=conditions is not False,
        head_first=conditions is not True,
    )


def _read_region(
    options: ProviderOptions, environ: Mapping[str, str], *, has_endpoint: bool
) -> str:
    region = options.text("region")
    if not region and not has_endpoint:
        return endpoints.read_region(environ)
    return endpoints.read_region({"AWS_REGION": region or DEFAULT_REGION})


def _find_credentials(
    options: ProviderOptions, environ: Mapping[str, str], *, has_endpoint: bool
) -> CredentialProvider:
    if has_endpoint or options.config.secrets:
        return SecretCredentials(options)
    from supervisor.storage.s3 import find_own_credentials

    return find_own_credentials(environ)


@dataclass(frozen=True, slots=True)
class SecretCredentials:
    """Keys from the provider's secrets, which are read for each request and kept by the reader."""

    options: ProviderOptions

    def get_credentials(self) -> Credentials:
        has_token = bool(self.options.read().get("session_token"))
        return Credentials(
            access_key=self.options.secret("access_key"),
            secret_key=self.options.secret("secret_key"),
            token=self.options.secret("session_token") if has_token else "",
        )

    def replace_rejected(self, rejected: Credentials) -> bool:
        return self.get_credentials() != rejected
