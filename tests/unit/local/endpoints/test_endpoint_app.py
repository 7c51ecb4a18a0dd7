"""Which response a request to an endpoint gets, and when the function runs."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.local.endpoints.app import API_BODY, API_HEAD, EndpointApp, EndpointPorts
from scar.local.endpoints.authorization import CallAuthorizer, permits_api, permits_everybody
from scar.local.endpoints.delays import EndpointDelays, NoDelays
from scar.local.endpoints.invocations import (
    InvocationTimeoutError,
    TimedInvoker,
    TooManyInvocationsError,
)
from scar.local.http.auth import Authenticator
from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request, Response
from scar.local.lambda_.model import (
    SYNC_PAYLOAD,
    LambdaApiError,
    LambdaInvokeResult,
    throttling_error,
)
from scar.local.moto.endpoints.records import EndpointRecord
from scar.local.moto.function_records import FunctionPermission

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
API = EndpointRecord(
    id="a1",
    account="123456789012",
    region="us-east-1",
    is_url=False,
    function=FUNCTION,
    needs_signature=False,
    timeout=30.0,
    permission_source="arn:aws:execute-api:us-east-1:123456789012:a1/$default/$default",
)
URL = replace(API, id="u1", is_url=True, timeout=None, permission_source="")
API_STATEMENT = FunctionPermission(
    principal="apigateway.amazonaws.com",
    source_arn="arn:aws:execute-api:us-east-1:123456789012:a1/*/$default",
    source_account="",
    action="lambda:InvokeFunction",
)
URL_STATEMENTS = (
    FunctionPermission(
        principal="*",
        source_arn="",
        source_account="",
        action="lambda:InvokeFunctionUrl",
        url_auth_type="NONE",
    ),
    FunctionPermission(
        principal="*",
        source_arn="",
        source_account="",
        action="lambda:InvokeFunction",
        via_url="true",
    ),
)


class EveryPolicy:
    """Allows everything."""

    def role_of(self, _access_key: str) -> str:
        return ""

    def allow(self, _access_key: str, _action: str, _resource: str) -> bool:
        return True


@dataclass
class FakeCloud:
    """One API, one URL, one function."""

    endpoints: tuple[EndpointRecord, ...] = (API, URL)
    policy: tuple[FunctionPermission, ...] = (API_STATEMENT, *URL_STATEMENTS)
    result: LambdaInvokeResult = field(
        default_factory=lambda: LambdaInvokeResult(request_id="r", payload=b'"ok"')
    )
    error: Exception | None = None
    events: list[Any] = field(default_factory=list)
    now: float = 0.0
    delays: EndpointDelays = field(default_factory=NoDelays)

    def find_api(self, identity: str) -> EndpointRecord | None:
        return next((e for e in self.endpoints if e.id == identity and not e.is_url), None)

    def find_url(self, identity: str) -> EndpointRecord | None:
        return next((e for e in self.endpoints if e.id == identity and e.is_url), None)

    def get(self, _arn: str) -> FakeCloud:
        return self

    def invoke(self, arn: str, payload: bytes, _trace: str) -> LambdaInvokeResult:
        assert arn == FUNCTION
        self.events.append(json.loads(payload))
        if self.error:
            raise self.error
        return self.result

    def app(self) -> EndpointApp:
        ports = EndpointPorts(
            endpoints=cast("Any", self),
            functions=cast("Any", self),
            authorizer=CallAuthorizer(Authenticator(b"s" * 32), EveryPolicy()),
            invoke=self.invoke,
            delays=self.delays,
        )
        return EndpointApp(ports, monotonic=lambda: self.now)

    def send(self, path: str, body: bytes = b"", **headers: str) -> Response:
        return self.app().handle(a_request(path, body, **headers))


def a_request(path: str, body: bytes = b"", **headers: str) -> Request:
    named = {"host": "127.0.0.1:1", "content-length": str(len(body)), **headers}
    return Request(method="POST", path=path, query="", headers=named, body=BytesBody(body))


def both(change: Callable[[FakeCloud], None]) -> dict[str, tuple[int, bytes]]:
    responses = {}
    for path in ("/_api/a1/x", "/_url/u1/x"):
        cloud = FakeCloud()
        change(cloud)
        response = cloud.send(path)
        assert isinstance(response.body, bytes)
        responses[path[2:5]] = (response.status, response.body)
    return responses


@pytest.mark.parametrize(
    ("path", "raw"),
    [("/_api/a1", "/"), ("/_api/a1/", "/"), ("/_url/u1/x/../y//", "/x/../y//")],
)
def test_the_path_begins_after_the_id(path: str, raw: str) -> None:
    cloud = FakeCloud()
    assert cloud.send(path).status == 200
    assert cloud.events[0]["rawPath"] == raw


@pytest.mark.parametrize(
    "path", ["/_api/u1/", "/_url/a1/", "/_api/", "/_api/../a1/", "/_url/%75%31/"]
)
def test_other_addresses_are_not_found(path: str) -> None:
    cloud = FakeCloud()
    assert cloud.send(path).status == 404
    assert not cloud.events


def test_an_api_without_route_or_stage_is_not_found() -> None:
    cloud = FakeCloud(endpoints=(replace(API, function=""),))
    assert cloud.send("/_api/a1/").status == 404


def test_a_function_that_fails() -> None:
    def fail(cloud: FakeCloud) -> None:
        cloud.result = replace(cloud.result, function_error="Unhandled")

    assert both(fail) == {
        "api": (500, b'{"message": "Internal Server Error"}'),
        "url": (502, b"Internal Server Error"),
    }


def test_a_result_that_is_no_response() -> None:
    def spoil(cloud: FakeCloud) -> None:
        cloud.result = replace(cloud.result, payload=b'{"statusCode": 1}')

    assert {kind: status for kind, (status, _) in both(spoil).items()} == {"api": 500, "url": 502}


def test_a_function_without_free_concurrency() -> None:
    def throttle(cloud: FakeCloud) -> None:
        cloud.error = throttling_error("all in use")

    responses = both(throttle)
    assert responses["api"] == (503, b'{"message": "Service Unavailable"}')
    assert responses["url"][0] == 429


def test_a_function_that_cannot_be_invoked() -> None:
    def refuse(cloud: FakeCloud) -> None:
        cloud.error = LambdaApiError(404, "ResourceNotFoundException", "Function not found")

    assert {kind: status for kind, (status, _) in both(refuse).items()} == {"api": 500, "url": 502}


def test_without_permission_nothing_runs() -> None:
    clouds = []

    def forbid(cloud: FakeCloud) -> None:
        cloud.policy = ()
        clouds.append(cloud)

    statuses = {kind: status for kind, (status, _) in both(forbid).items()}
    assert statuses == {"api": 500, "url": 403}
    assert not any(cloud.events for cloud in clouds)


def test_a_permission_is_for_one_api_only() -> None:
    assert permits_api([API_STATEMENT], API)
    assert not permits_api([API_STATEMENT], replace(API, permission_source="arn:other"))
    assert not permits_api([replace(API_STATEMENT, principal="s3.amazonaws.com")], API)
    assert not permits_api([replace(API_STATEMENT, source_account="000000000000")], API)
    assert not permits_api([replace(API_STATEMENT, action="lambda:GetFunction")], API)


def test_an_open_url_needs_both_permissions() -> None:
    assert permits_everybody(URL_STATEMENTS)
    assert not permits_everybody(URL_STATEMENTS[:1])
    assert not permits_everybody(URL_STATEMENTS[1:])
    signed = replace(URL_STATEMENTS[0], url_auth_type="AWS_IAM")
    assert not permits_everybody([signed, URL_STATEMENTS[1]])


def test_requests_above_the_limits_are_refused_before_they_are_read() -> None:
    cloud = FakeCloud()
    for path, limit in (("/_api/a1/", API_BODY), ("/_url/u1/", SYNC_PAYLOAD)):
        assert cloud.send(path, b"", **{"content-length": str(limit + 1)}).status == 413
    assert not cloud.events


def test_a_body_that_makes_an_event_too_large_is_refused() -> None:
    cloud = FakeCloud()
    body = b"\0" * (SYNC_PAYLOAD * 3 // 4)  # larger as base64
    assert cloud.send("/_url/u1/", body).status == 413
    assert cloud.send("/_api/a1/", body).status == 413
    assert cloud.send("/_api/a1/", body[:-10_000]).status == 200
    assert len(cloud.events) == 1


def test_heads_above_the_limit_are_refused() -> None:
    cloud = FakeCloud()
    assert cloud.send("/_api/a1/", b"", **{"x-a": "a" * API_HEAD}).status == 431
    assert cloud.send("/_url/u1/", b"", **{"x-a": "a" * API_HEAD}).status == 200
    assert len(cloud.events) == 1


class Unsettled(NoDelays):
    """The newest permission has no effect yet."""

    def is_permission_active(self, function: str, _now: float, /) -> bool:
        assert function == "f"
        return False


class Undeployed(NoDelays):
    """The endpoints are not served yet."""

    def is_endpoint_served(self, identity: str, _now: float, /) -> bool:
        assert identity in ("a1", "f")
        return False


@pytest.mark.parametrize(
    ("delays", "api", "url"), [(Unsettled(), 500, 403), (Undeployed(), 404, 404)]
)
def test_changes_may_take_effect_later(delays: EndpointDelays, api: int, url: int) -> None:
    cloud = FakeCloud(delays=delays)
    assert (cloud.send("/_api/a1/").status, cloud.send("/_url/u1/").status) == (api, url)
    assert not cloud.events


def test_requests_above_the_rate_of_the_stage_are_refused() -> None:
    cloud = FakeCloud(endpoints=(replace(API, rate=1.0, burst=2),))
    app = cloud.app()

    def statuses(count: int) -> list[int]:
        return [app.handle(a_request("/_api/a1/")).status for _ in range(count)]

    assert statuses(4) == [200, 200, 429, 429]
    cloud.now += 1.0
    assert statuses(2) == [200, 429]
    cloud.endpoints = (replace(API, rate=0.0, burst=0),)
    assert statuses(1) == [429]


def test_unsigned_requests_to_iam_endpoints_are_forbidden() -> None:
    endpoints = (replace(API, needs_signature=True), replace(URL, needs_signature=True))
    cloud = FakeCloud(endpoints=endpoints)
    assert cloud.send("/_api/a1/").body == b'{"message": "Forbidden"}'
    assert cloud.send("/_url/u1/").status == 403
    assert not cloud.events


def test_pages_of_other_sites_are_forbidden() -> None:
    cloud = FakeCloud()
    assert cloud.send("/_url/u1/", origin="https://evil.example").status == 403
    assert cloud.send("/_api/a1/", host="evil.example").status == 403
    assert not cloud.events


def test_the_caller_stops_waiting_and_the_function_continues() -> None:
    invoker, go, ended = TimedInvoker(1), threading.Event(), threading.Event()

    def run() -> LambdaInvokeResult:
        go.wait(60)
        ended.set()
        return FakeCloud().result

    with pytest.raises(InvocationTimeoutError):
        invoker.invoke(run, 0.01)
    with pytest.raises(TooManyInvocationsError):
        invoker.invoke(run, 0.01)
    go.set()
    assert ended.wait(60)
