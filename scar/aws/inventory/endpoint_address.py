"""The address of a function's HTTP endpoint, as the control plane returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from scar.errors import OperationRefusedError
from supervisor.connections import EndpointAuthentication, EndpointKind

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The HTTP endpoint of a function; ``url`` ends with a slash."""

    kind: EndpointKind
    authentication: EndpointAuthentication
    url: str


def find_endpoint(connection: AwsConnection, summary: FunctionSummary) -> Endpoint | None:
    """Return the endpoint of a function; None without one.

    Its tag says what kind it is. An address is never derived: in the local cloud it is one of this
    machine. Raise OperationRefusedError if the endpoint does not exist any more.
    """
    function = summary.name
    with translate_errors(f"look for the HTTP endpoint of {function}"):
        arn = connection.account.arn("lambda", f"function:{function}")
        tags = connection.client("lambda").list_tags(Resource=arn)["Tags"]
        kind, _, authentication = tags.get(names.ENDPOINT_TAG, "").partition(":")
        if not kind:
            return None
        is_api = kind == EndpointKind.HTTP
        address = (
            _api_address(connection, function) if is_api else _function_url(connection, function)
        )
    if not address:
        raise OperationRefusedError(
            f"The HTTP endpoint of {function} does not exist any more.",
            remedy="Run `scar init` again: it creates what is missing.",
        )
    return Endpoint(
        kind=EndpointKind(kind),
        authentication=EndpointAuthentication(authentication),
        url=f"{address.rstrip('/')}/",
    )


def _function_url(connection: AwsConnection, function: str) -> str:
    client = connection.client("lambda")
    try:
        return client.get_function_url_config(FunctionName=function)["FunctionUrl"]
    except client.exceptions.ResourceNotFoundException:
        return ""


def _api_address(connection: AwsConnection, function: str) -> str:
    client: Any = connection.client("apigatewayv2")
    apis = (api for page in client.get_paginator("get_apis").paginate() for api in page["Items"])
    found = (a for a in apis if a.get("Tags", {}).get(names.FUNCTION_TAG) == function)
    return next((str(api["ApiEndpoint"]) for api in found), "")
