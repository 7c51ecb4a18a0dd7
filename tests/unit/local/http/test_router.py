"""Dispatch of requests to services."""

from __future__ import annotations

import pytest

from scar.local.http.auth import Authenticator
from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request, Response
from scar.local.http.router import Route, Router, find_route


def a_request(
    path: str, *, service: str = "", method: str = "POST", target: str = "", query: str = ""
) -> Request:
    headers = {"x-amz-target": target} if target else {}
    if service:
        scope = f"20261121/us-east-1/{service}/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=AKIA/{scope}, SignedHeaders=host"
    return Request(method=method, path=path, query=query, headers=headers, body=BytesBody(b""))


PRESIGNED = "X-Amz-Credential=AKIA%2F20261121%2Fus-east-1%2F{}%2Faws4_request&X-Amz-Signature=0"


@pytest.mark.parametrize(
    ("request_", "route"),
    [
        (a_request("/_scar/status"), Route.CONTROL),
        (a_request("/v2/scar/f/manifests/x"), Route.REGISTRY),
        (a_request("/v2/apis/manifests/x"), Route.REGISTRY),
        (a_request("/v2/apis", service="apigateway"), Route.MOTO),
        (a_request("/v2/apis", service="s3"), Route.REGISTRY),
        (a_request("/_api/a1/x"), Route.ENDPOINTS),
        (a_request("/_url/u1", service="lambda"), Route.ENDPOINTS),
        (a_request("/_url"), Route.S3),
        (a_request("/bucket/key", service="s3"), Route.S3),
        (a_request("/2015-03-31/functions/f/invocations", service="s3"), Route.S3),
        (a_request("/bucket/key"), Route.S3),
        (a_request("/bucket/key", query=PRESIGNED.format("s3")), Route.S3),
        (a_request("/", query=PRESIGNED.format("sts"), method="GET"), Route.MOTO),
        (a_request("/2015-03-31/functions/f/invocations", service="lambda"), Route.LAMBDA),
        (a_request("/2014-11-13/functions/f/invoke-async/", service="lambda"), Route.LAMBDA),
        (a_request("/2015-03-31/functions/f", service="lambda", method="GET"), Route.MOTO),
        (a_request("/v1/submitjob", service="batch"), Route.BATCH),
        (a_request("/v1/createjobqueue", service="batch"), Route.MOTO),
        (a_request("/", service="logs", target="Logs_20140328.GetLogEvents"), Route.LOGS),
        (a_request("/", service="logs", target="Logs_20140328.CreateLogGroup"), Route.MOTO),
        (a_request("/", target="Logs_20140328.GetLogEvents"), Route.MOTO),
        (a_request("/", service="iam"), Route.MOTO),
    ],
)
def test_a_request_is_dispatched_to_its_service(request_: Request, route: Route) -> None:
    assert find_route(request_) is route


class Named:
    """An application that responds with its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def handle(self, request: Request) -> Response:
        return Response(status=200, body=self.name.encode())


def test_only_the_control_and_registry_routes_accept_unsigned_requests() -> None:
    router = Router({route: Named(route) for route in Route}, Authenticator(b"s"))
    assert router.handle(a_request("/_scar/health")).body == b"control"
    assert router.handle(a_request("/v2/")).body == b"registry"
    assert router.handle(a_request("/bucket/key")).status == 403
    assert router.handle(a_request("/v1/submitjob", service="batch")).status in (400, 403)
