"""Identification of calls: the same operation that botocore was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from scar.local.conditions.api_call import ApiCall, identify_call, identify_s3_call
from scar.local.http.bodies import BytesBody, read_all
from scar.local.http.messages import Request
from scar.local.http.router import Route, find_route

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSPreparedRequest

Style = Literal["path", "virtual"]
ROLE = "arn:aws:iam::123456789012:role/scar/f"
CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("s3", "PutObject", {"Bucket": "data", "Key": "a b/ü+", "Body": b"x"}, "data/a b/ü+"),
    ("s3", "GetObject", {"Bucket": "data", "Key": "k"}, "data/k"),
    ("s3", "HeadObject", {"Bucket": "data", "Key": "k"}, "data/k"),
    ("s3", "DeleteObject", {"Bucket": "data", "Key": "k"}, "data/k"),
    ("s3", "CreateMultipartUpload", {"Bucket": "data", "Key": "k"}, "data/k"),
    ("s3", "CreateBucket", {"Bucket": "data"}, "data/"),
    ("s3", "DeleteBucket", {"Bucket": "data"}, "data/"),
    ("s3", "HeadBucket", {"Bucket": "data"}, "data/"),
    ("s3", "ListObjectsV2", {"Bucket": "data", "Prefix": "p/"}, "data/"),
    ("s3", "GetBucketEncryption", {"Bucket": "data"}, "data/"),
    (
        "s3",
        "PutBucketNotificationConfiguration",
        {"Bucket": "data", "NotificationConfiguration": {}},
        "data/",
    ),
    (
        "s3",
        "PutPublicAccessBlock",
        {"Bucket": "data", "PublicAccessBlockConfiguration": {}},
        "data/",
    ),
    ("s3", "PutBucketTagging", {"Bucket": "data", "Tagging": {"TagSet": []}}, "data/"),
    ("s3", "DeleteBucketTagging", {"Bucket": "data"}, "data/"),
    ("lambda", "Invoke", {"FunctionName": "f"}, "f"),
    ("lambda", "Invoke", {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:f"}, "f"),
    ("lambda", "GetFunction", {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:f"}, "f"),
    (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": ROLE, "Code": {"ImageUri": "r/i@sha256:1"}},
        "f",
    ),
    ("batch", "SubmitJob", {"jobName": "j", "jobQueue": "q", "jobDefinition": "d"}, ""),
    ("batch", "DescribeJobs", {"jobs": ["1"]}, ""),
    ("batch", "CreateComputeEnvironment", {"computeEnvironmentName": "e", "type": "MANAGED"}, "e"),
    ("batch", "UpdateComputeEnvironment", {"computeEnvironment": "arn:aws:b:r:1:ce/e"}, "e"),
    ("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": "{}"}, "r"),
    ("ecr", "DescribeRepositories", {}, ""),
    ("logs", "FilterLogEvents", {"logGroupName": "/aws/lambda/f"}, ""),
    ("logs", "DescribeLogGroups", {}, ""),
]


def sent(service: str, operation: str, parameters: dict[str, Any], config: Config) -> Request:
    """Return the request that boto3 sends for a call."""
    requests: list[AWSPreparedRequest] = []

    def capture(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 503, HTTPHeaders(), None)

    session = boto3.Session("AKIDAKIDAKIDAKID", "s", region_name="eu-west-1")
    client: Any = session.client(service, config=config)  # type: ignore[call-overload]
    client.meta.events.register("before-send", capture)
    method: Callable[..., Any] = getattr(client, boto3_name(client, operation))
    with pytest.raises(Exception, match=r"."):
        method(**parameters)
    request, address = requests[0], urlsplit(requests[0].url)
    sent_headers: dict[str, object] = dict(requests[0].headers.items())
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in sent_headers.items()
    }
    body: object = request.body or b""
    data = body if isinstance(body, bytes) else str(body).encode()
    return Request(
        method=str(request.method),
        path=address.path,
        query=address.query,
        headers={"host": address.netloc, **headers},
        body=BytesBody(b"" if hasattr(request.body, "read") else data),
    )


def boto3_name(client: Any, operation: str) -> str:  # noqa: ANN401 - one client type per service
    names: dict[str, str] = {op: name for name, op in client.meta.method_to_api_mapping.items()}
    return names[operation]


def identified(request: Request) -> tuple[ApiCall | None, Request]:
    route = find_route(request)
    if route is Route.S3:
        return identify_s3_call(request), request
    return identify_call(request, route)


@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize(
    ("service", "operation", "parameters", "resource"), CALLS, ids=[c[1] for c in CALLS]
)
def test_calls_are_identified(
    service: str, operation: str, parameters: dict[str, Any], resource: str, style: Style
) -> None:
    config = Config(retries={"max_attempts": 0}, s3={"addressing_style": style})
    request = sent(service, operation, parameters, config)
    call, unread = identified(request)
    assert call is not None
    assert (call.service, call.operation, call.resource) == (service, operation, resource)
    assert call.bucket == parameters.get("Bucket", "")
    assert call.region == {"s3": "", "iam": "us-east-1"}.get(service, "eu-west-1")
    if service == "lambda" and operation == "CreateFunction":
        assert call.text("Role") == ROLE
        assert b'"FunctionName"' in (read_all(unread.body, 10_000) or b"")


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        ("PutBucketEncryption", True),
        ("PutPublicAccessBlock", True),
        ("DeleteBucketPolicy", True),
        ("PutBucketNotificationConfiguration", True),
        ("DeleteBucket", False),
        ("CreateBucket", False),
        ("PutObject", False),
        ("GetBucketPolicy", False),
    ],
)
def test_changes_of_settings_are_recognised(operation: str, changes: bool) -> None:
    assert ApiCall(service="s3", operation=operation).changes_bucket_setting is changes


def test_a_request_without_a_signature_is_no_call() -> None:
    request = Request(method="POST", path="/", query="", headers={}, body=BytesBody(b""))
    assert identify_call(request, Route.MOTO)[0] is None


def test_a_body_that_is_not_json_is_left_to_the_service() -> None:
    scope = "Credential=AKIDAKIDAKIDAKID/20261129/eu-west-1/logs/aws4_request"
    request = Request(
        method="POST",
        path="/",
        query="",
        headers={"authorization": scope, "x-amz-target": "Logs_20140328.CreateLogGroup"},
        body=BytesBody(b"{not json"),
    )
    call, unread = identify_call(request, Route.MOTO)
    assert call is None
    assert unread.body.read(100) == b"{not json"
