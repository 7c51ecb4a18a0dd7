"""The address of one function's HTTP endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.inventory.endpoints import Endpoint, read_endpoints
from scar.errors import OperationRefusedError
from supervisor.connections import EndpointAuthentication, EndpointKind

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary


def find_endpoint(connection: AwsConnection, summary: FunctionSummary) -> Endpoint | None:
    """Return the endpoint of a function; None without one.

    Raise OperationRefusedError if it does not exist any more, or the caller must not read it.
    """
    if not summary.api_type:
        return None
    named = Endpoint(
        kind=EndpointKind(summary.api_type),
        authentication=EndpointAuthentication(summary.api_authentication),
    )
    found = read_endpoints(connection, {summary.name: named})[summary.name]
    if not found.url:
        raise OperationRefusedError(
            f"The HTTP endpoint of {summary.name} does not exist any more, or you may not read it.",
            remedy="Run `scar init` again: it creates what is missing; see `scar policy`.",
        )
    return found
