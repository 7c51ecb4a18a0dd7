"""HTTP APIs and function URLs are configured as on AWS, and survive a restart."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.local.moto.test_restart import a_function, a_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.local.moto.conftest import MotoCloud

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
CORS = {"AllowOrigins": ["https://example.org"], "AllowMethods": ["GET"], "MaxAge": 60}


@pytest.fixture
def gateway(cloud: MotoCloud) -> Any:  # noqa: ANN401 - boto3's client
    return cloud.client("apigatewayv2")


@pytest.fixture
def lambda_(cloud: MotoCloud) -> Any:  # noqa: ANN401 - boto3's client
    a_function(cloud, a_role(cloud))
    return cloud.client("lambda")


def an_api(gateway: Any, name: str = "a") -> tuple[str, str, str]:  # noqa: ANN401 - boto3's client
    """Create a complete API; return the ids of API, integration and route."""
    api = gateway.create_api(Name=name, ProtocolType="HTTP", Tags={"scar": "yes"})["ApiId"]
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=FUNCTION,
        PayloadFormatVersion="2.0",
        TimeoutInMillis=1000,
    )["IntegrationId"]
    route = gateway.create_route(
        ApiId=api,
        RouteKey="$default",
        Target=f"integrations/{integration}",
        AuthorizationType="AWS_IAM",
    )["RouteId"]
    limits = {"ThrottlingRateLimit": 5.5, "ThrottlingBurstLimit": 7}
    gateway.create_stage(
        ApiId=api, StageName="$default", AutoDeploy=True, DefaultRouteSettings=limits
    )
    return api, integration, route


def changes_of(cloud: MotoCloud) -> int:
    """Return the number of changes in the journal."""
    with closing(sqlite3.connect(cloud.folder / "journal.sqlite")) as journal:
        (count,) = journal.execute("SELECT COUNT(*) FROM change").fetchone()
    return int(count)


def code_of(call: Callable[[], Any]) -> str:
    """Return the code of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_an_api_is_as_it_was_created(cloud: MotoCloud, gateway: Any) -> None:  # noqa: ANN401
    api, integration, route = an_api(gateway)
    gateway.update_api(ApiId=api, CorsConfiguration=CORS)
    for _ in range(2):
        gateway = cloud.client("apigatewayv2")
        found = gateway.get_api(ApiId=api)
        assert found["ApiEndpoint"] == f"http://127.0.0.1:1/_api/{api}/"
        assert (found["Name"], found["ProtocolType"], found["Tags"]) == (
            "a",
            "HTTP",
            {"scar": "yes"},
        )
        assert found["CorsConfiguration"] == CORS
        part = gateway.get_integration(ApiId=api, IntegrationId=integration)
        assert (part["IntegrationUri"], part["TimeoutInMillis"]) == (FUNCTION, 1000)
        (listed,) = gateway.get_routes(ApiId=api)["Items"]
        assert (listed["RouteId"], listed["AuthorizationType"]) == (route, "AWS_IAM")
        settings = gateway.get_stage(ApiId=api, StageName="$default")["DefaultRouteSettings"]
        assert settings == {"ThrottlingRateLimit": 5.5, "ThrottlingBurstLimit": 7}
        record = cloud.moto.endpoints.find_api(api)
        assert record is not None
        assert (record.function, record.needs_signature, record.timeout) == (FUNCTION, True, 1.0)
        assert (record.rate, record.burst) == (5.5, 7)
        assert record.cors is not None
        assert record.cors.max_age == 60
        cloud.restart()


def test_a_deleted_api_stays_deleted(cloud: MotoCloud, gateway: Any) -> None:  # noqa: ANN401
    kept = an_api(gateway)[0]
    before = changes_of(cloud)
    for _ in range(3):
        gateway.delete_api(ApiId=an_api(gateway)[0])
    assert changes_of(cloud) == before  # the journal does not grow
    cloud.restart()
    gateway = cloud.client("apigatewayv2")
    assert [api["ApiId"] for api in gateway.get_apis()["Items"]] == [kept]
    assert not cloud.moto.failed_replays


def test_updates_of_parts_survive(cloud: MotoCloud, gateway: Any) -> None:  # noqa: ANN401
    api, integration, route = an_api(gateway)
    other = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=FUNCTION,
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    gateway.update_integration(ApiId=api, IntegrationId=integration, TimeoutInMillis=50)
    gateway.update_integration(ApiId=api, IntegrationId=other, TimeoutInMillis=60)
    gateway.update_route(ApiId=api, RouteId=route, AuthorizationType="NONE")
    gateway.update_stage(ApiId=api, StageName="$default", Description="new")
    gateway.update_api(ApiId=api, CorsConfiguration=CORS)
    gateway.delete_cors_configuration(ApiId=api)
    cloud.restart()
    gateway = cloud.client("apigatewayv2")
    parts = gateway.get_integrations(ApiId=api)["Items"]
    assert [part["TimeoutInMillis"] for part in parts] == [50, 60]
    assert gateway.get_route(ApiId=api, RouteId=route)["AuthorizationType"] == "NONE"
    assert gateway.get_stage(ApiId=api, StageName="$default")["Description"] == "new"
    assert "CorsConfiguration" not in gateway.get_api(ApiId=api)


def test_pages_of_apis(cloud: MotoCloud, gateway: Any) -> None:  # noqa: ANN401
    made = [gateway.create_api(Name=f"a{n}", ProtocolType="HTTP")["ApiId"] for n in range(27)]
    first = gateway.get_apis()
    assert len(first["Items"]) == 25
    pages = gateway.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 10})
    assert [api["ApiId"] for page in pages for api in page["Items"]] == made
    assert cloud.client("apigatewayv2", "eu-west-1").get_apis()["Items"] == []


def test_tags(gateway: Any) -> None:  # noqa: ANN401
    api = an_api(gateway)[0]
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api}"
    gateway.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2", "c": "3"})
    gateway.untag_resource(ResourceArn=arn, TagKeys=["a", "c"])
    assert gateway.get_tags(ResourceArn=arn)["Tags"] == {"scar": "yes", "b": "2"}
    assert gateway.get_api(ApiId=api)["Tags"] == {"scar": "yes", "b": "2"}


def test_conflicts_and_missing_resources(gateway: Any) -> None:  # noqa: ANN401
    api, integration, _ = an_api(gateway)
    assert code_of(lambda: gateway.create_stage(ApiId=api, StageName="$default")) == (
        "ConflictException"
    )
    assert code_of(lambda: gateway.create_route(ApiId=api, RouteKey="$default")) == (
        "ConflictException"
    )
    assert code_of(lambda: gateway.delete_integration(ApiId=api, IntegrationId=integration)) == (
        "ConflictException"
    )
    assert code_of(lambda: gateway.get_api(ApiId="nothing")) == "NotFoundException"
    assert code_of(lambda: gateway.get_route(ApiId=api, RouteId="no")) == "NotFoundException"
    assert code_of(lambda: gateway.delete_api(ApiId="nothing")) == "NotFoundException"


@pytest.mark.parametrize(
    "parameters",
    [
        {"Name": "n" * 129},
        {"Name": ""},
        {"CorsConfiguration": {"AllowOrigins": ["example.org"]}},
        {"CorsConfiguration": {"AllowOrigins": ["*"], "AllowCredentials": True}},
        {"CorsConfiguration": {"AllowMethods": ["FETCH"]}},
        {"CorsConfiguration": {"MaxAge": 86401}},
        {"Tags": {"aws:a": "b"}},
        {"Tags": {str(number): "" for number in range(51)}},
    ],
)
def test_invalid_apis_are_refused(gateway: Any, parameters: dict[str, Any]) -> None:  # noqa: ANN401
    refused = code_of(
        lambda: gateway.create_api(**{"Name": "a", "ProtocolType": "HTTP", **parameters})
    )
    assert refused == "BadRequestException"
    assert gateway.get_apis()["Items"] == []


@pytest.mark.parametrize(
    ("operation", "parameters", "error"),
    [
        ("create_integration", {"TimeoutInMillis": 30001}, "BadRequestException"),
        ("create_integration", {"IntegrationUri": "https://example.org"}, "BadRequestException"),
        ("create_integration", {"PayloadFormatVersion": ""}, "BadRequestException"),
        ("create_integration", {"PayloadFormatVersion": "1.0"}, "NotImplemented"),
        ("create_integration", {"IntegrationType": "HTTP_PROXY"}, "NotImplemented"),
        ("create_integration", {"CredentialsArn": "arn:aws:iam::1:role/r"}, "NotImplemented"),
        ("create_route", {"Target": "integrations/nothing"}, "BadRequestException"),
        ("create_route", {"RouteKey": "GET /x"}, "NotImplemented"),
        ("create_route", {"AuthorizationType": "JWT"}, "NotImplemented"),
        ("create_stage", {"StageName": "dev"}, "NotImplemented"),
        ("create_stage", {"StageVariables": {"a": "b"}}, "NotImplemented"),
        ("create_stage", {"DefaultRouteSettings": {"ThrottlingRateLimit": 10001.0}},
         "BadRequestException"),
    ],
)  # fmt: skip
def test_what_is_invalid_or_not_emulated_is_refused(
    gateway: Any,  # noqa: ANN401 - boto3's client
    operation: str,
    parameters: dict[str, Any],
    error: str,
) -> None:
    api = gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    valid: dict[str, dict[str, Any]] = {
        "create_integration": {
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": FUNCTION,
            "PayloadFormatVersion": "2.0",
        },
        "create_route": {"RouteKey": "$default"},
        "create_stage": {"StageName": "$default"},
    }
    call = getattr(gateway, operation)
    assert code_of(lambda: call(ApiId=api, **{**valid[operation], **parameters})) == error


def test_a_function_has_one_url(cloud: MotoCloud, lambda_: Any) -> None:  # noqa: ANN401
    made = lambda_.create_function_url_config(FunctionName="f", AuthType="NONE", Cors=CORS)
    assert code_of(
        lambda: lambda_.create_function_url_config(FunctionName="f", AuthType="NONE")
    ) == ("ResourceConflictException")
    lambda_.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")
    cloud.restart()
    lambda_ = cloud.client("lambda")
    found = lambda_.get_function_url_config(FunctionName="f")
    assert (found["FunctionUrl"], found["AuthType"]) == (made["FunctionUrl"], "AWS_IAM")
    assert (found["Cors"], found["FunctionArn"]) == (CORS, FUNCTION)
    listed = lambda_.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]
    assert [url["FunctionUrl"] for url in listed] == [made["FunctionUrl"]]
    identity = made["FunctionUrl"].rstrip("/").rpartition("/")[2]
    record = cloud.moto.endpoints.find_url(identity)
    assert record is not None
    assert (record.needs_signature, record.function) == (True, FUNCTION)


def test_a_url_is_deleted_alone_or_with_its_function(cloud: MotoCloud, lambda_: Any) -> None:  # noqa: ANN401
    urls = []
    for _ in range(2):
        made = lambda_.create_function_url_config(FunctionName="f", AuthType="NONE")
        urls.append(made["FunctionUrl"].rstrip("/").rpartition("/")[2])
        lambda_.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")
        lambda_.delete_function_url_config(FunctionName="f")
    made = lambda_.create_function_url_config(FunctionName="f", AuthType="NONE")
    kept = made["FunctionUrl"].rstrip("/").rpartition("/")[2]
    cloud.restart()
    assert not cloud.moto.failed_replays
    assert cloud.moto.endpoints.find_url(kept)
    assert not any(cloud.moto.endpoints.find_url(url) for url in urls)
    cloud.client("lambda").delete_function(FunctionName="f")
    assert cloud.moto.endpoints.find_url(kept) is None
    cloud.restart()
    assert cloud.moto.endpoints.find_url(kept) is None


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"AuthType": "JWT"}, "ValidationException"),
        ({"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}, "NotImplemented"),
        ({"AuthType": "NONE", "Cors": {"AllowMethods": ["OPTIONS"]}}, "ValidationException"),
        ({"AuthType": "NONE", "Cors": {"MaxAge": 86401}}, "ValidationException"),
        ({"AuthType": "NONE", "Qualifier": "live"}, "NotImplemented"),
    ],
)
def test_invalid_urls_are_refused(lambda_: Any, parameters: dict[str, Any], error: str) -> None:  # noqa: ANN401
    assert (
        code_of(lambda: lambda_.create_function_url_config(FunctionName="f", **parameters)) == error
    )
    assert code_of(lambda: lambda_.get_function_url_config(FunctionName="f")) == (
        "ResourceNotFoundException"
    )


def test_permissions_for_urls_have_their_conditions(cloud: MotoCloud, lambda_: Any) -> None:  # noqa: ANN401
    added = lambda_.add_permission(
        FunctionName="f",
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    lambda_.add_permission(
        FunctionName="f",
        StatementId="function",
        Action="lambda:InvokeFunction",
        Principal="*",
        InvokedViaFunctionUrl=True,
    )
    expected = {
        "Action": "lambda:InvokeFunctionUrl",
        "Principal": "*",
        "Effect": "Allow",
        "Resource": FUNCTION,
        "Sid": "url",
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    }
    assert json.loads(added["Statement"]) == expected
    cloud.restart()
    policy = json.loads(cloud.client("lambda").get_policy(FunctionName="f")["Policy"])
    first, second = policy["Statement"]
    assert first == expected
    assert second["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def test_a_statement_id_is_used_once(lambda_: Any) -> None:  # noqa: ANN401
    statement = {
        "FunctionName": "f",
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    lambda_.add_permission(**statement)
    assert code_of(lambda: lambda_.add_permission(**statement)) == "ResourceConflictException"
    lambda_.remove_permission(FunctionName="f", StatementId="s")
    lambda_.add_permission(**statement)
    wrong = {**statement, "StatementId": "t", "FunctionUrlAuthType": "NONE"}
    assert code_of(lambda: lambda_.add_permission(**wrong)) == "InvalidParameterValueException"
