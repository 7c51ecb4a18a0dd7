"""The endpoint of a function is what its tag and the control plane say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.aws.inventory.endpoint_address import Endpoint, find_endpoint
from scar.aws.model.account import Account
from scar.errors import OperationRefusedError
from supervisor.connections import EndpointAuthentication, EndpointKind
from tests.fakes.services import function_summary

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection

URL = "https://abc.lambda-url.eu-west-1.on.aws/"


class NotFoundError(Exception):
    """Lambda's ResourceNotFoundException."""


@dataclass
class ControlPlane:
    """Lambda and API Gateway as far as the address needs them; counts the calls."""

    tag: str = ""
    url: str = ""
    apis: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    account = Account("123456789012", "eu-west-1")
    exceptions = type("Exceptions", (), {"ResourceNotFoundException": NotFoundError})

    def client(self, _service: str) -> Any:  # noqa: ANN401 - any client of boto3
        return self

    def list_tags(self, *, Resource: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        assert Resource == "arn:aws:lambda:eu-west-1:123456789012:function:fn"
        return {"Tags": {"scar:endpoint": self.tag} if self.tag else {}}

    def get_function_url_config(self, *, FunctionName: str) -> dict[str, str]:  # noqa: N803
        self.calls.append(FunctionName)
        if not self.url:
            raise NotFoundError
        return {"FunctionUrl": self.url}

    def get_paginator(self, operation: str) -> Any:  # noqa: ANN401
        self.calls.append(operation)
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Items": [api]} for api in self.apis]


def found(plane: ControlPlane) -> Endpoint | None:
    return find_endpoint(cast("AwsConnection", plane), function_summary("fn"))


def api(function: str, address: str) -> dict[str, Any]:
    return {"Name": "same", "ApiEndpoint": address, "Tags": {"scar:function": function}}


def test_a_function_without_the_tag_has_none_and_costs_one_call() -> None:
    plane = ControlPlane(url=URL)
    assert found(plane) is None
    assert not plane.calls


def test_a_function_url_is_what_lambda_returns() -> None:
    endpoint = found(ControlPlane(tag="url:NONE", url=URL))
    assert endpoint == Endpoint(
        kind=EndpointKind.URL, authentication=EndpointAuthentication.NONE, url=URL
    )


def test_an_api_is_found_by_its_tag_on_any_page() -> None:
    apis = [{"ApiEndpoint": "https://no"}, api("other", "https://no"), api("fn", "https://yes")]
    endpoint = found(ControlPlane(tag="http:IAM", apis=apis))
    assert endpoint == Endpoint(
        kind=EndpointKind.HTTP, authentication=EndpointAuthentication.IAM, url="https://yes/"
    )


@pytest.mark.parametrize("tag", ["url:IAM", "http:IAM"])
def test_an_endpoint_that_was_deleted_is_an_error_with_a_remedy(tag: str) -> None:
    with pytest.raises(OperationRefusedError, match="does not exist any more") as raised:
        found(ControlPlane(tag=tag, apis=[api("other", "https://no")]))
    assert "scar init" in raised.value.remedy
