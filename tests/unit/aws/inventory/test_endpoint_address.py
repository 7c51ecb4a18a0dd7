"""The endpoint of a function is what its tag and the control plane say."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from scar.aws.inventory import endpoint_address
from scar.aws.inventory.endpoint_address import find_endpoint
from scar.errors import OperationRefusedError
from supervisor.connections import EndpointAuthentication, EndpointKind
from tests.fakes.services import function_summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.endpoints import Endpoint

NOWHERE = cast("AwsConnection", None)


def test_a_function_without_an_endpoint_costs_no_call() -> None:
    assert find_endpoint(NOWHERE, function_summary()) is None


def test_an_endpoint_that_was_deleted_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Endpoint] = []

    def read(_: AwsConnection, endpoints: Mapping[str, Endpoint]) -> Mapping[str, Endpoint]:
        asked.extend(endpoints.values())
        return endpoints

    monkeypatch.setattr(endpoint_address, "read_endpoints", read)
    summary = function_summary(api_type="url", api_authentication="NONE")
    with pytest.raises(OperationRefusedError, match="does not exist any more") as raised:
        find_endpoint(NOWHERE, summary)
    assert "scar init" in raised.value.remedy
    (endpoint,) = asked
    assert (endpoint.kind, endpoint.authentication) == (
        EndpointKind.URL,
        EndpointAuthentication.NONE,
    )
