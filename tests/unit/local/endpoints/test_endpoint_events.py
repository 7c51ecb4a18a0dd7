"""Events of payload format 2.0 are those that AWS documents."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scar.local.endpoints.events import (
    Caller,
    EventContext,
    ReceivedRequest,
    build_event,
    decode_path,
)

REQUEST = ReceivedRequest(
    method="POST",
    path="/my/path",
    query="parameter1=value1&parameter1=value2&parameter2=value",
    headers={
        "header1": "value1",
        "header2": "value1,value2",
        "cookie": "cookie1; cookie2=a=b",
        "host": "127.0.0.1:4580",
        "user-agent": "agent",
        "content-type": "text/plain",
        "connection": "keep-alive",
        "transfer-encoding": "chunked",
        "expect": "100-continue",
    },
    body=b"Hello from client!",
    source_ip="192.0.2.1",
)
API = EventContext(
    account="123456789012",
    endpoint_id="a1b2c3d4e5",
    region="us-east-1",
    is_url=False,
    request_id="id",
    time=1583348638.390,
    trace="Root=1-5e602ede-0",
)
URL = replace(API, is_url=True, endpoint_id="u" * 32)
CALLER = Caller(
    access_key="AKIALOCALIOSFODNN7EX",
    account="111122223333",
    arn="arn:aws:iam::111122223333:user/example-user",
    user_id="AIDACOSFODNN7EXAMPLE2",
)


def event_of(request: ReceivedRequest = REQUEST, context: EventContext = API) -> Any:  # noqa: ANN401 - JSON
    return json.loads(build_event(request, context))


def test_an_http_api_sends_the_documented_event() -> None:
    assert event_of() == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1", "cookie2=a=b"],
        "headers": {
            "header1": "value1",
            "header2": "value1,value2",
            "host": "127.0.0.1:4580",
            "user-agent": "agent",
            "content-type": "text/plain",
            "content-length": "18",
            "x-amzn-trace-id": "Root=1-5e602ede-0",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "4580",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": "POST",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": "Hello from client!",
        "isBase64Encoded": False,
    }


def test_a_signed_request_has_its_caller() -> None:
    context = event_of(context=replace(URL, caller=CALLER))["requestContext"]
    assert context["accountId"] == "123456789012"
    assert context["authorizer"] == {
        "iam": {
            "accessKey": "AKIALOCALIOSFODNN7EX",
            "accountId": "111122223333",
            "callerId": "AIDACOSFODNN7EXAMPLE2",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "arn:aws:iam::111122223333:user/example-user",
            "userId": "AIDACOSFODNN7EXAMPLE2",
        }
    }


def test_an_open_function_url_knows_no_account() -> None:
    context = event_of(context=URL)["requestContext"]
    assert context["accountId"] == "anonymous"
    assert context["domainName"] == f"{'u' * 32}.lambda-url.us-east-1.on.aws"
    assert "authorizer" not in context


def test_an_http_api_decodes_the_path_and_a_function_url_does_not() -> None:
    request = replace(REQUEST, path="/a%20b/%C3%A9%2Fc%3Fd")
    assert event_of(request)["rawPath"] == "/a b/é/c"
    assert event_of(request)["requestContext"]["http"]["path"] == "/a b/é/c"
    assert event_of(request, URL)["rawPath"] == "/a%20b/%C3%A9%2Fc%3Fd"


def test_without_a_body_a_query_and_cookies_their_keys_are_missing() -> None:
    event = event_of(replace(REQUEST, body=b"", query="", headers={}))
    assert event.keys().isdisjoint({"body", "cookies", "queryStringParameters"})
    assert event["isBase64Encoded"] is False
    assert event["headers"]["x-forwarded-port"] == "80"


def test_only_text_is_not_base64() -> None:
    def encoded(content_type: str, body: bytes = b"{}") -> bool:
        event = event_of(replace(REQUEST, body=body, headers={"content-type": content_type}))
        text = event["body"]
        assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body
        return bool(event["isBase64Encoded"])

    for content_type in ("text/csv", "application/json", "Application/XML; charset=utf-8"):
        assert not encoded(content_type)
    for content_type in ("", "application/x-www-form-urlencoded", "image/png", "application/zip"):
        assert encoded(content_type)
    assert encoded("text/plain", b"\xff")


def test_a_query_is_decoded_and_also_sent_as_it_is() -> None:
    event = event_of(replace(REQUEST, query="a=x%20y&a=&b+c=%26&d"))
    assert event["rawQueryString"] == "a=x%20y&a=&b+c=%26&d"
    assert event["queryStringParameters"] == {"a": "x y,", "b c": "&", "d": ""}


def test_the_addresses_of_proxies_are_kept() -> None:
    event = event_of(replace(REQUEST, headers={"x-forwarded-for": "198.51.100.7"}))
    assert event["headers"]["x-forwarded-for"] == "198.51.100.7, 192.0.2.1"


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF))


@given(path=TEXT, query=TEXT, body=st.binary(), value=TEXT, is_url=st.booleans())
def test_every_request_makes_an_event_of_valid_json(
    path: str, query: str, body: bytes, value: str, is_url: bool
) -> None:
    headers = {"x-any": value, "cookie": value, "content-type": "text/plain"}
    request = replace(REQUEST, path=f"/{path}", query=query, body=body, headers=headers)
    event = event_of(request, replace(API, is_url=is_url))
    text = event.get("body", "")
    assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body
    assert event["headers"]["x-any"] == value


@given(st.text())
def test_a_decoded_path_has_no_query(path: str) -> None:
    assert "?" not in decode_path(path)
