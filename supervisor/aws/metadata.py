"""The two HTTP services that hand out a role's credentials: ECS containers and EC2 (IMDSv2).

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
# Link-local addresses of ECS and EKS; over plain HTTP no other host may see the token.
CONTAINER_HOSTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"})
IMDS_URL = "http://169.254.169.254"
IMDS_IPV6_URL = "http://[fd00:ec2::254]"
ROLES_PATH = "/latest/meta-data/iam/security-credentials/"


@dataclass(frozen=True, slots=True)
class MetadataClient:
    """Asks a metadata service: short time-outs, a few attempts, no proxies, no signature."""

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
        """Return the answer's text; raise NoCredentials naming the service."""
        request = AwsRequest(method=method, origin=self.origin, path=path, query=query)
        for attempt in self.backoff.iter_attempts():
            try:
                return self._send_once(request, {"host": self.origin.authority, **headers})
            except AwsError as error:
                if attempt == self.backoff.max_attempts or not error.transient:
                    raise NoCredentials(
                        f"Cannot get credentials from {self.origin}{path}: {error}",
                        remedy="Give the job, function or instance a role; an instance must "
                        "let its containers reach its metadata (hop limit 2).",
                    ) from error
        raise AssertionError

    def _send_once(self, request: AwsRequest, headers: Mapping[str, str]) -> str:
        reply = self.connections.send_request(request, headers, fresh=True)
        body = reply.read_all()
        if reply.status != 200:
            raise parse_error_response(reply.status, reply.headers, body)
        return body.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class ContainerCredentialProvider:
    """The endpoint that ECS and EKS name in a container's environment."""

    client: MetadataClient
    path: str
    query: tuple[tuple[str, str], ...]
    token: str = field(default="", repr=False)
    token_file: str = ""

    def fetch(self) -> Credentials:
        token = self.token
        if self.token_file:
            # Read each time: the platform replaces it while the container runs.
            token = _read_token(Path(self.token_file))
        if not token.isprintable():
            raise NoCredentials(
                "The container's authorization token has line breaks or control characters.",
                remedy=f"Check {TOKEN_VARIABLE} or the file that {TOKEN_FILE_VARIABLE} names.",
            )
        headers = {"accept": "application/json", **({"authorization": token} if token else {})}
        return _parse_credentials(self.client.request_text(self.path, headers, query=self.query))


@dataclass(frozen=True, slots=True)
class ImdsCredentialProvider:
    """Version 2 of the instance metadata service: a token first, then role and keys."""

    client: MetadataClient

    def fetch(self) -> Credentials:
        # One token a fetch: keys live for hours.
        ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "300"}
        token = self.client.request_text("/latest/api/token", ttl, method="PUT")
        headers = {"x-aws-ec2-metadata-token": token}
        roles = self.client.request_text(ROLES_PATH, headers).split()
        if not roles:
            raise NoCredentials(
                "The instance has no role.", remedy="Give its instance profile a role."
            )
        return _parse_credentials(self.client.request_text(ROLES_PATH + roles[0], headers))


def container_provider(environ: Mapping[str, str]) -> ContainerCredentialProvider | None:
    """Return the container endpoint, if the environment names one that may be asked."""
    relative, full = environ.get(RELATIVE_URI_VARIABLE, ""), environ.get(FULL_URI_VARIABLE, "")
    if relative:
        origin, (path, query) = ECS_ORIGIN, _split_path_and_query(relative)
    elif full:
        found = endpoints.parse_endpoint(full.partition("?")[0], FULL_URI_VARIABLE)
        _check_host(found)
        origin = Origin(found.scheme, found.host, found.port)
        path, query = _split_path_and_query(
            found.path + ("?" + q if (q := full.partition("?")[2]) else "")
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
    """Return the instance metadata service, at its usual address or where it is said to be."""
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
            f"{FULL_URI_VARIABLE} names {origin.host} over plain HTTP, which is not a container"
            " endpoint.",
            remedy="Use https, a loopback address, 169.254.170.2 or 169.254.170.23.",
        )


def _read_token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoCredentials(
            f"Cannot read {file}: {error}.",
            remedy=f"Let {TOKEN_FILE_VARIABLE} name a readable file.",
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
    except (KeyError, TypeError, ValueError) as error:
        # The text may hold secrets: name what is wrong with it, never the text.
        raise NoCredentials(
            f"The credentials endpoint's answer lacks what is needed ({type(error).__name__}).",
            remedy="Check that the role can be assumed by this service.",
        ) from None
