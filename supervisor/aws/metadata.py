"""The two HTTP services with a role's credentials: container endpoint (ECS, EKS) and IMDSv2.

Sources: AWS SDKs and Tools Reference Guide, "Container credential provider" and "IMDS
credential provider".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.connection_pool import ConnectionPool, Timeouts
from supervisor.aws.errors import AwsError, NoCredentials, parse_error_response
from supervisor.aws.request import AwsRequest, Origin
from supervisor.aws.retry import Backoff
from supervisor.aws.sigv4 import Credentials
from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

RELATIVE_URI_VARIABLE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL_URI_VARIABLE = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN_VARIABLE = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105
TOKEN_FILE_VARIABLE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105
ECS_ORIGIN = Origin("http", "169.254.170.2", 80)
# Link-local addresses of ECS and EKS: the only hosts to which the token is sent over plain HTTP.
CONTAINER_HOSTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"})
IMDS_URL = "http://169.254.169.254"
IMDS_IPV6_URL = "http://[fd00:ec2::254]"
ROLES_PATH = "/latest/meta-data/iam/security-credentials/"


@dataclass(frozen=True, slots=True)
class MetadataClient:
    """Client of a metadata service: short timeouts, three attempts, no signature."""

    origin: Origin
    connections: ConnectionPool = field(
        default_factory=lambda: ConnectionPool({}, Timeouts(connect=2.0, read=5.0))
    )
    backoff: Backoff = field(default_factory=lambda: Backoff(max_attempts=3, base=0.2))

    def request_text(
        self,
        path: str,
        headers: Mapping[str, str],
        *,
        query: tuple[tuple[str, str], ...] = (),
        method: str = "GET",
    ) -> str:
        """Return the text of the response; raise NoCredentials that names the service."""
        request = AwsRequest(method=method, origin=self.origin, path=path, query=query)
        for attempt in self.backoff.iter_attempts():
            try:
                return self._send_once(request, {"host": self.origin.authority, **headers})
            except AwsError as error:
                if attempt == self.backoff.max_attempts or not error.transient:
                    raise NoCredentials(
                        f"Cannot get credentials from {self.origin}{path}: {error}",
                        remedy="Assign a role to the job, function or instance; an instance needs "
                        "HttpPutResponseHopLimit 2 for containers.",
                    ) from error
        raise AssertionError

    def _send_once(self, request: AwsRequest, headers: Mapping[str, str]) -> str:
        # The next refresh is hours later: an idle connection would be closed by then.
        reply = self.connections.send_request(request, headers, fresh=True)
        if reply.status != 200:
            raise parse_error_response(reply.status, reply.headers, reply.read_error())
        return reply.read_all().decode(errors="replace")


@dataclass(frozen=True, slots=True)
class ContainerCredentialProvider:
    """The container credential provider: an endpoint in the container's environment."""

    client: MetadataClient
    path: str
    query: tuple[tuple[str, str], ...]
    token: str = field(default="", repr=False)
    token_file: str = ""

    def fetch(self) -> Credentials:
        token = self.token
        if self.token_file:
            # Read each time: EKS replaces the file while the container runs.
            token = _read_token(Path(self.token_file))
        if not token.isprintable():
            raise NoCredentials(
                "The container's authorization token contains control characters.",
                remedy=f"Check {TOKEN_VARIABLE} or the file that {TOKEN_FILE_VARIABLE} names.",
            )
        headers = {"accept": "application/json", **({"authorization": token} if token else {})}
        return _parse_credentials(self.client.request_text(self.path, headers, query=self.query))


@dataclass(frozen=True, slots=True)
class ImdsCredentialProvider:
    """The IMDS credential provider, version 2: first a token, then role and keys."""

    client: MetadataClient

    def fetch(self) -> Credentials:
        # One token per fetch: keys are valid for hours.
        ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "300"}
        token = self.client.request_text("/latest/api/token", ttl, method="PUT")
        headers = {"x-aws-ec2-metadata-token": token}
        roles = self.client.request_text(ROLES_PATH, headers).split()
        if not roles:
            raise NoCredentials(
                "The instance has no role.", remedy="Add a role to its instance profile."
            )
        return _parse_credentials(self.client.request_text(ROLES_PATH + roles[0], headers))


def container_provider(environ: Mapping[str, str]) -> ContainerCredentialProvider | None:
    """Return the container endpoint of the environment, or None; raise ConfigError."""
    relative, full = environ.get(RELATIVE_URI_VARIABLE, ""), environ.get(FULL_URI_VARIABLE, "")
    if relative:
        origin, (path, query) = ECS_ORIGIN, _split_path_and_query(relative)
    elif full:
        endpoint = endpoints.parse_endpoint(full.partition("?")[0], FULL_URI_VARIABLE)
        _check_host(endpoint)
        origin = Origin(endpoint.scheme, endpoint.host, endpoint.port)
        path, query = _split_path_and_query(
            endpoint.path + ("?" + q if (q := full.partition("?")[2]) else "")
        )
    else:
        return None
    return ContainerCredentialProvider(
        MetadataClient(origin),
        path,
        query,
        environ.get(TOKEN_VARIABLE, ""),
        environ.get(TOKEN_FILE_VARIABLE, ""),
    )


def imds_provider(environ: Mapping[str, str]) -> ImdsCredentialProvider:
    """Return the instance metadata service, at its address or that of the environment."""
    ipv6 = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
    variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    url = environ.get(variable) or (IMDS_IPV6_URL if ipv6 else IMDS_URL)
    return ImdsCredentialProvider(MetadataClient(endpoints.parse_endpoint(url, variable)))


def _split_path_and_query(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    from urllib.parse import parse_qsl, unquote

    path, _, query = text.partition("?")
    return unquote(path) or "/", tuple(parse_qsl(query, keep_blank_values=True))


def _check_host(origin: Origin) -> None:
    loopback = origin.host == "::1" or (
        origin.host.startswith("127.") and origin.host.replace(".", "").isdecimal()
    )
    if not (origin.is_tls or loopback or origin.host in CONTAINER_HOSTS):
        raise ConfigError(
            f"{FULL_URI_VARIABLE} is a plain HTTP URL of {origin.host}, which is not a container"
            " endpoint.",
            remedy="Use https, a loopback address, 169.254.170.2 or 169.254.170.23.",
        )


def _read_token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoCredentials(
            f"Cannot read {file}: {error}.",
            remedy=f"Set {TOKEN_FILE_VARIABLE} to a readable file.",
        ) from error


def _parse_credentials(text: str) -> Credentials:
    from datetime import datetime

    try:
        data = json.loads(text)
        return Credentials(
            access_key=str(data["AccessKeyId"]),
            secret_key=str(data["SecretAccessKey"]),
            token=str(data.get("Token") or ""),
            expires=datetime.fromisoformat(data["Expiration"]).timestamp(),
        )
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        # The text may contain secrets, so neither it nor the chained exception is shown.
        raise NoCredentials(
            f"The response of the credentials endpoint is incomplete ({type(error).__name__}).",
            remedy="Check that the role can be assumed by this service.",
        ) from None
