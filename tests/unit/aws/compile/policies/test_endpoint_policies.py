"""What roles and callers may do for HTTP endpoints, and for them only."""

from __future__ import annotations

import json

import pytest

from scar.aws.compile import policies
from scar.aws.compile.function_config import data_flow, function_config
from scar.aws.compile.policies.scope import scope_of
from scar.aws.compile.policies.user_policy import user_policies
from scar.aws.model.account import Account
from scar.fdl.model import ApiGatewaySpec
from supervisor.connections import EndpointAuthentication, EndpointKind
from supervisor.model import ImageDefaults
from tests.fakes.functions import new_function
from tests.fakes.iam_evaluation import IamRequest, Policy

ACCOUNT = Account("123456789012", "eu-west-1")
PLAIN = new_function(image="x")
HTTP = new_function(image="x", endpoint=ApiGatewaySpec(name="a", authentication="NONE"))
STATE = "arn:aws:s3:::scar-123456789012-eu-west-1"
OWN = "arn:aws:lambda:eu-west-1:123456789012:function:crop"


def role(*, is_job: bool = False, has_endpoint: bool = True) -> Policy:
    flow = data_flow(HTTP if has_endpoint else PLAIN, ACCOUNT, "")
    return Policy.of(policies.job_role(flow) if is_job else policies.lambda_role(flow))


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("lambda:InvokeFunction", OWN),
        ("s3:GetObject", f"{STATE}/requests/crop/1"),
        ("s3:PutObject", f"{STATE}/requests/crop/1"),
        ("s3:GetObject", f"{STATE}/results/crop/1"),
        ("s3:PutObject", f"{STATE}/results/crop/1"),
    ],
)
def test_only_the_role_of_a_function_with_an_endpoint_may(action: str, resource: str) -> None:
    request = IamRequest(action, resource)
    assert role().allowing(request)
    assert not role(has_endpoint=False).allowing(request)
    other = IamRequest(action, resource.replace("crop", "crop-small"))
    assert not role().allowing(other)


def test_a_job_reads_bodies_and_nothing_more() -> None:
    assert role(is_job=True).allowing(IamRequest("s3:GetObject", f"{STATE}/requests/crop/1"))
    assert not role(is_job=True).allowing(IamRequest("s3:PutObject", f"{STATE}/requests/crop/1"))
    assert not role(is_job=True).allowing(IamRequest("lambda:InvokeFunction", OWN))


def test_the_policy_for_callers_without_endpoints_has_nothing_of_them() -> None:
    text = "".join(user_policies(scope_of([PLAIN], ACCOUNT)))
    assert "apigateway" not in text
    assert "FunctionUrl" not in text
    assert "apigateway:POST" in "".join(user_policies(scope_of([HTTP], ACCOUNT)))


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject"])
def test_only_callers_of_endpoints_copy_bodies_for_repeated_requests(action: str) -> None:
    for function, allowed in ((HTTP, True), (PLAIN, False)):
        documents = [Policy.of(text) for text in user_policies(scope_of([function], ACCOUNT))]
        for name, is_own in (("crop", True), ("other", False)):
            request = IamRequest(action, f"{STATE}/requests/{name}/1")
            granted = any(document.allowing(request) for document in documents)
            assert granted is (allowed and is_own)


def test_the_supervisor_knows_the_endpoint() -> None:
    config = function_config(HTTP, ACCOUNT, ImageDefaults())
    assert config.endpoint is not None
    assert config.endpoint.kind is EndpointKind.HTTP
    assert config.endpoint.authentication is EndpointAuthentication.NONE
    assert config.endpoint.max_body == 100 * 1024 * 1024
    assert function_config(PLAIN, ACCOUNT, ImageDefaults()).endpoint is None
    tags = data_flow(HTTP, ACCOUNT, "").endpoint
    assert json.dumps(tags) == '"http:NONE"'
