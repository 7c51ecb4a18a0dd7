"""The address of a function's HTTP endpoint, as the control plane returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from supervisor.connections import EndpointAuthentication, EndpointKind

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The HTTP endpoint of a function; ``url`` ends with a slash."""

    kind: EndpointKind
    authentication: EndpointAuthentication
    url: str

    @property
    def signing_name(self) -> str:
        """The service that requests are signed for."""
        return "execute-api" if self.kind is EndpointKind.HTTP else "lambda"


def find_endpoint(connection: AwsConnection, function: str) -> Endpoint | None:
    """Return the endpoint of a function; None without one. Raise ScarError.

    An address is never derived: in the local cloud it is one of this machine.
    """
    with translate_errors(f"look for the HTTP endpoint of {function}"):
        return _find_url(connection, function) or _find_api(connection, function)


def _find_url(connection: AwsConnection, function: str) -> Endpoint | None:
    client = connection.client("lambda")
    try:
        found = client.get_function_url_config(FunctionName=function)
    except client.exceptions.ResourceNotFoundException:
        return None
    is_signed = found["AuthType"] == "AWS_IAM"
    return Endpoint(
        kind=EndpointKind.URL,
        authentication=EndpointAuthentication.IAM if is_signed else EndpointAuthentication.NONE,
        url=f"{found['FunctionUrl'].rstrip('/')}/",
    )


def _find_api(connection: AwsConnection, function: str) -> Endpoint | None:
    client: Any = connection.client("apigatewayv2")
    pages = client.get_paginator("get_apis").paginate()
    for api in (item for page in pages for item in page["Items"]):
        if api.get("Tags", {}).get(names.FUNCTION_TAG) == function:
            pages = client.get_paginator("get_routes").paginate(ApiId=api["ApiId"])
            routes = [route for page in pages for route in page["Items"]]
            is_signed = any(route.get("AuthorizationType") == "AWS_IAM" for route in routes)
            return Endpoint(
                kind=EndpointKind.HTTP,
                authentication=EndpointAuthentication.IAM
                if is_signed
                else EndpointAuthentication.NONE,
                url=f"{api['ApiEndpoint'].rstrip('/')}/",
            )
    return None
