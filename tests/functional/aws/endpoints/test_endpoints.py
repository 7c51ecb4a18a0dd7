"""HTTP endpoints are created, changed, restored, removed and found, on AWS's terms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init
from scar.aws.inventory.endpoints import Endpoint, read_endpoints
from scar.aws.inventory.functions import list_functions
from scar.errors import ScarError
from scar.fdl.model import ApiGatewaySpec
from scar.fdl.model.endpoint import CorsSpec, ThrottlingSpec
from supervisor.connections import EndpointAuthentication, EndpointKind
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, deploy, remove
from tests.functional.aws.support.service_errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages
    from tests.functional.aws.support.service_errors import ServiceErrors

PLAIN = a_function()
CORS = CorsSpec(allow_origins=("https://example.org",), max_age=60)
HTTP = ApiGatewaySpec(name="my-api")
OPEN = ApiGatewaySpec(name="my-api", authentication="NONE", cors=CORS)
URL = ApiGatewaySpec(type_="url")
OPEN_URL = ApiGatewaySpec(type_="url", authentication="NONE", cors=CORS)
SPECS = {"http": HTTP, "open http": OPEN, "url": URL, "open url": OPEN_URL, "none": None}


def with_endpoint(spec: ApiGatewaySpec | None) -> Function:
    return changed(PLAIN, endpoint=spec)


def apis(connection: AwsConnection) -> list[dict[str, Any]]:
    pages = connection.client("apigatewayv2").get_paginator("get_apis").paginate()
    return [api for page in pages for api in page["Items"]]


def routes(connection: AwsConnection, api: str) -> list[dict[str, Any]]:
    pages = connection.client("apigatewayv2").get_paginator("get_routes").paginate(ApiId=api)
    return [route for page in pages for route in page["Items"]]


def statements(connection: AwsConnection) -> dict[str, dict[str, Any]]:
    """Return the statements of the function's policy that are not for S3."""
    text = connection.client("lambda").get_policy(FunctionName="crop")["Policy"]
    found = {s["Sid"]: s for s in json.loads(text)["Statement"]}
    return {sid: s for sid, s in found.items() if not sid.startswith("scar-s3")}


def has_url(connection: AwsConnection) -> bool:
    client = connection.client("lambda")
    try:
        client.get_function_url_config(FunctionName="crop")
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def expected_state(spec: ApiGatewaySpec | None) -> tuple[int, bool, set[str]]:
    """Return how many APIs there are, whether there is a URL, and the ids of statements."""
    if spec is None:
        return 0, False, set()
    if spec.type_ == "http":
        return 1, False, {"scar-api"}
    return 0, True, {"scar-url", "scar-url-invoke"} if spec.authentication == "NONE" else set()


@pytest.mark.parametrize("after", SPECS)
@pytest.mark.parametrize("before", SPECS)
def test_every_change_of_the_section_is_planned_and_applied(
    connection: AwsConnection, images: FakeImages, before: str, after: str
) -> None:
    deploy(connection, images, with_endpoint(SPECS[before]))
    second = with_endpoint(SPECS[after])
    plan = init([second], connection, lambda _: None, images=images)
    assert bool(plan) == (before != after)
    found = (len(apis(connection)), has_url(connection), set(statements(connection)))
    assert found == expected_state(SPECS[after])
    assert str(deploy(connection, images, second)) == "Nothing to change."


def test_an_api_has_all_that_it_needs_for_signed_requests(
    connection: AwsConnection, images: FakeImages
) -> None:
    spec = ApiGatewaySpec(name="my-api", throttling=ThrottlingSpec(rate=5, burst=7))
    deploy(connection, images, changed(with_endpoint(spec), tags={"team": "vision"}))
    (api,) = apis(connection)
    assert (api["Name"], api["ProtocolType"]) == ("my-api", "HTTP")
    assert api["Tags"] == {"scar:function": "crop", "scar:managed": "true", "team": "vision"}
    (route,) = routes(connection, api["ApiId"])
    assert (route["RouteKey"], route["AuthorizationType"]) == ("$default", "AWS_IAM")
    client = connection.client("apigatewayv2")
    (page,) = client.get_paginator("get_stages").paginate(ApiId=api["ApiId"])
    (stage,) = page["Items"]
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    limits = stage["DefaultRouteSettings"]
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (5, 7)
    (statement,) = statements(connection).values()
    source = f"arn:aws:execute-api:eu-west-1:123456789012:{api['ApiId']}/*/*"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": source}}
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}


def test_an_open_url_may_be_invoked_through_the_url_only(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, with_endpoint(OPEN_URL))
    found = {s["Action"]: s["Condition"] for s in statements(connection).values()}
    assert found == {
        "lambda:InvokeFunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        "lambda:InvokeFunction": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
    }


@pytest.mark.parametrize("name", ["http", "open url"])
def test_removing_the_function_removes_its_endpoint(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    deploy(connection, images, with_endpoint(SPECS[name]))
    remove(connection, "crop")
    assert apis(connection) == []


def an_api_of_another_tool(connection: AwsConnection, **tags: str) -> str:
    created = connection.client("apigatewayv2").create_api(
        Name="my-api", ProtocolType="HTTP", Tags=tags
    )
    return str(created["ApiId"])


def test_apis_of_other_tools_and_functions_stay(
    connection: AwsConnection, images: FakeImages
) -> None:
    # More than a page of them, of the same name.
    others = {an_api_of_another_tool(connection) for _ in range(3)}
    others.add(an_api_of_another_tool(connection, **{"scar:function": "crop-small"}))
    deploy(connection, images, with_endpoint(HTTP))
    assert len(apis(connection)) == 5
    renamed = ApiGatewaySpec(name="other-name")
    before = {api["ApiId"] for api in apis(connection)}
    deploy(connection, images, with_endpoint(renamed))
    assert {api["ApiId"] for api in apis(connection)} == before
    remove(connection, "crop")
    assert {api["ApiId"] for api in apis(connection)} == others


def test_of_two_apis_that_which_may_invoke_the_function_stays(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, with_endpoint(HTTP))
    (own,) = apis(connection)
    an_api_of_another_tool(connection, **{"scar:function": "crop"})  # a response was lost
    endpoint = Endpoint(kind=EndpointKind.HTTP, authentication=EndpointAuthentication.IAM)
    (found,) = read_endpoints(connection, {"crop": endpoint}).values()
    assert found.url == f"{own['ApiEndpoint']}/"
    plan = init([with_endpoint(HTTP)], connection, lambda _: None, images=images)
    assert "duplicates: 1 -> 0" in str(plan)
    assert [api["ApiId"] for api in apis(connection)] == [own["ApiId"]]


def open_route(connection: AwsConnection, api: str) -> None:
    (route,) = routes(connection, api)
    connection.client("apigatewayv2").update_route(
        ApiId=api, RouteId=route["RouteId"], AuthorizationType="NONE"
    )


def add_route(connection: AwsConnection, api: str) -> None:
    connection.client("apigatewayv2").create_route(
        ApiId=api, RouteKey="GET /open", AuthorizationType="NONE"
    )


def remove_permission(connection: AwsConnection, api: str) -> None:
    del api
    connection.client("lambda").remove_permission(FunctionName="crop", StatementId="scar-api")


def raise_limits(connection: AwsConnection, api: str) -> None:
    connection.client("apigatewayv2").update_stage(
        ApiId=api, StageName="$default", DefaultRouteSettings={"ThrottlingRateLimit": 9999.0}
    )


def delete_api(connection: AwsConnection, api: str) -> None:
    connection.client("apigatewayv2").delete_api(ApiId=api)


DRIFT: dict[str, tuple[Callable[[AwsConnection, str], None], str]] = {
    "open route": (open_route, "authorization: NONE -> AWS_IAM"),
    "further route": (add_route, "other_routes"),
    "permission": (remove_permission, "policy_matches: False -> True"),
    "limits": (raise_limits, "rate: 9999.0 -> 100.0"),
    "api": (delete_api, "+ http-api crop"),
}


@pytest.mark.parametrize("name", DRIFT)
def test_a_manual_change_is_shown_and_corrected(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    change, shown = DRIFT[name]
    deploy(connection, images, with_endpoint(HTTP))
    change(connection, apis(connection)[0]["ApiId"])
    plan = init([with_endpoint(HTTP)], connection, lambda _: None, images=images)
    assert shown in str(plan)
    assert str(deploy(connection, images, with_endpoint(HTTP))) == "Nothing to change."


STEPS = [
    ("apigatewayv2", "CreateApi", HTTP),
    ("apigatewayv2", "CreateIntegration", HTTP),
    ("apigatewayv2", "CreateRoute", HTTP),
    ("apigatewayv2", "CreateStage", HTTP),
    ("lambda", "CreateFunctionUrlConfig", OPEN_URL),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
def test_a_failed_step_leaves_no_endpoint(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    step: tuple[str, str, ApiGatewaySpec],
) -> None:
    service, operation, spec = step
    deploy(connection, images, PLAIN)
    error = ServiceError(code="AccessDeniedException", message="No.", status=403)
    service_errors.refuse(service, operation, error)
    with pytest.raises(ScarError):
        init([with_endpoint(spec)], connection, lambda _: None, images=images)
    found = (len(apis(connection)), has_url(connection), set(statements(connection)))
    assert found == (0, False, set())
    assert str(deploy(connection, images, PLAIN)) == "Nothing to change."


RACES = [
    ("CreateRoute", "ConflictException", "Unable to complete operation due to concurrent mod"),
    ("CreateIntegration", "NotFoundException", "Invalid API identifier specified"),
    ("CreateStage", "TooManyRequestsException", "Too Many Requests"),
]


@pytest.mark.parametrize("race", RACES, ids=lambda race: race[1])
def test_init_waits_for_what_api_gateway_does_not_accept_yet(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    race: tuple[str, str, str],
) -> None:
    operation, code, message = race
    text = f"{message}ification. Please try again later." if "mod" in message else message
    status = {"NotFoundException": 404, "ConflictException": 409}.get(code, 429)
    error = ServiceError(code=code, message=text, status=status)
    service_errors.refuse("apigatewayv2", operation, error, times=4)
    deploy(connection, images, with_endpoint(HTTP))
    assert service_errors.requests[operation] == 5
    assert len(apis(connection)) == 1


@pytest.mark.parametrize("name", ["http", "open url"])
def test_the_endpoint_of_an_interrupted_removal_of_the_section_is_found(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    deploy(connection, images, with_endpoint(SPECS[name]))
    client = connection.client("lambda")
    arn = client.get_function(FunctionName="crop")["Configuration"]["FunctionArn"]
    client.untag_resource(Resource=arn, TagKeys=["scar:endpoint"])  # and then it was killed
    deploy(connection, images, PLAIN)
    assert (len(apis(connection)), has_url(connection)) == (0, False)


def test_without_permission_for_api_gateway_functions_without_endpoints_can_be_deployed(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors
) -> None:
    denied = ServiceError(code="AccessDeniedException", message="No.", status=403)
    service_errors.decide = lambda service, _operation: (
        denied if service == "apigatewayv2" else None
    )
    service_errors.refuse("lambda", "CreateFunction", denied)
    with pytest.raises(ScarError):  # the lock names the function as unfinished
        init([PLAIN], connection, lambda _: None, images=images)
    deploy(connection, images, PLAIN)
    (found,) = list_functions(connection)
    assert found.api_type == ""


def test_the_address_is_that_which_aws_returns(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors
) -> None:
    second = changed(a_function(name="gray"), endpoint=OPEN_URL)
    deploy(connection, images, with_endpoint(HTTP), second)
    crop, gray = list_functions(connection)
    assert (crop.api_type, crop.api_authentication) == ("http", "IAM")
    assert (gray.api_type, gray.api_authentication) == ("url", "NONE")
    endpoints = {
        f.name: e
        for f in (crop, gray)
        if (e := Endpoint.parse_tag(f"{f.api_type}:{f.api_authentication}"))
    }
    found = read_endpoints(connection, endpoints)
    assert found["crop"].url == f"{apis(connection)[0]['ApiEndpoint']}/"
    assert ".lambda-url.eu-west-1." in found["gray"].url
    denied = ServiceError(code="AccessDeniedException", message="No.", status=403)
    service_errors.decide = lambda _service, _operation: denied
    assert [e.url for e in read_endpoints(connection, endpoints).values()] == ["", ""]
