"""The addresses of functions' HTTP endpoints."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from scar.aws.client import errors
from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import is_access_denied, translate_errors
from supervisor.connections import EndpointAuthentication, EndpointKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.client.connection import AwsConnection

_SEPARATOR = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The HTTP endpoint of a function; ``url`` ends with a slash, and is empty if it is unknown."""

    kind: EndpointKind
    authentication: EndpointAuthentication
    url: str = ""

    @classmethod
    def parse_tag(cls, value: str) -> Self | None:
        """Return what the tag of a function says; None without an endpoint."""
        kind, _, authentication = value.partition(_SEPARATOR)
        try:
            return cls(
                kind=EndpointKind(kind), authentication=EndpointAuthentication(authentication)
            )
        except ValueError:
            return None


def read_endpoints(
    connection: AwsConnection, endpoints: Mapping[str, Endpoint]
) -> dict[str, Endpoint]:
    """Return the endpoints, by function, with the addresses that AWS returns; raise ScarError.

    ``endpoints`` are those of the functions' tags. An address is never derived: in the local cloud
    it is one of this machine. Those that do not exist, or that the caller must not read, have none.
    One listing finds all HTTP APIs.
    """
    apis = {f: e for f, e in endpoints.items() if e.kind is EndpointKind.HTTP}
    urls = {f: e for f, e in endpoints.items() if e.kind is EndpointKind.URL}
    addresses = _api_addresses(connection, apis) if apis else {}
    with ThreadPoolExecutor(PARALLEL) as pool:
        read = pool.map(lambda function: _function_url(connection, function), urls)
        addresses |= dict(zip(urls, read, strict=True))
    return {f: replace(e, url=addresses.get(f, "")) for f, e in endpoints.items()}


def _api_addresses(connection: AwsConnection, functions: Mapping[str, Endpoint]) -> dict[str, str]:
    # Few functions have an HTTP API.
    from scar.aws.handlers.endpoints.api_listing import ApiListing
    from scar.aws.handlers.endpoints.http_apis import HttpApiHandler, api_url

    client = connection.client("apigatewayv2")
    handler = HttpApiHandler(
        client, connection.client("lambda"), ApiListing(client), lambda: connection.account
    )
    with translate_errors("list the HTTP APIs"):
        try:
            found = handler.find_all(functions)
        except errors.ClientError as error:
            if is_access_denied(error):
                return {}
            raise
    return {function: api_url(api) for function, api in found.items()}


def _function_url(connection: AwsConnection, function: str) -> str:
    client = connection.client("lambda")
    with translate_errors(f"read the URL of function {function}"):
        try:
            return client.get_function_url_config(FunctionName=function)["FunctionUrl"]
        except client.exceptions.ResourceNotFoundException:
            return ""
        except errors.ClientError as error:
            if is_access_denied(error):
                return ""
            raise
