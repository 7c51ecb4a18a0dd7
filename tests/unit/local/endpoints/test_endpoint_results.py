"""Results of functions become the responses that AWS documents."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.endpoints.results import InvalidResultError, decode_result
from scar.local.http.heads import encode_response_head
from scar.local.http.messages import Response


def response_of(result: Any, *, is_url: bool = False) -> Response:  # noqa: ANN401 - any JSON value
    return decode_result(json.dumps(result).encode(), is_url=is_url)


def test_a_complete_response() -> None:
    response = response_of(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "text/html", "My-Header": "Custom Value", "X-Count": 3},
            "body": "<p>é</p>",
            "cookies": ["Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT", "Cookie_2=Value2"],
            "isBase64Encoded": False,
        }
    )
    assert response == Response(
        status=201,
        headers={"content-type": "text/html", "my-header": "Custom Value", "x-count": "3"},
        body="<p>é</p>".encode(),
        cookies=("Cookie_1=Value1; Expires=21 Oct 2021 07:48 GMT", "Cookie_2=Value2"),
    )


@pytest.mark.parametrize("is_url", [True, False])
def test_a_result_without_status_is_the_body(is_url: bool) -> None:
    response = response_of({"message": "Hello from Lambda!"}, is_url=is_url)
    assert (response.status, response.headers) == (200, {"content-type": "application/json"})
    assert response.body == b'{"message": "Hello from Lambda!"}'
    assert response_of("Hello from Lambda!", is_url=is_url).body == b"Hello from Lambda!"
    assert response_of(None, is_url=is_url).body == b"null"


def test_binary_bodies_are_decoded() -> None:
    body = bytes(range(256))
    encoded = base64.b64encode(body).decode()
    result = {"statusCode": 200, "body": encoded, "isBase64Encoded": True}
    assert response_of(result).body == body
    assert response_of({"statusCode": 204}).body == b""


def test_the_usual_type_depends_on_the_service() -> None:
    result = {"statusCode": 200, "body": "x"}
    assert response_of(result).headers == {"content-type": "text/plain;charset=UTF-8"}
    assert response_of(result, is_url=True).headers == {"content-type": "application/json"}


def test_headers_of_the_connection_are_those_of_the_service() -> None:
    headers = {"Connection": "close", "Content-Length": "9", "Transfer-Encoding": "x", "a": "b"}
    response = response_of({"statusCode": 200, "headers": headers})
    assert response.headers.keys() == {"a", "content-type"}


@pytest.mark.parametrize(
    "broken",
    [
        {"statusCode": "OK"},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 100},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: c"}},
        {"statusCode": 200, "cookies": "a=b"},
        {"statusCode": 200, "cookies": ["a\nb"]},
        {"statusCode": 200, "body": "***", "isBase64Encoded": True},
    ],
)
def test_malformed_responses_are_invalid(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidResultError):
        response_of(broken)


def test_a_result_that_is_not_json_is_invalid() -> None:
    with pytest.raises(InvalidResultError):
        decode_result(b"\xff{", is_url=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {"statusCode": st.sampled_from([200, "404"]) | JSON},
        optional={"headers": JSON, "cookies": JSON, "body": JSON, "isBase64Encoded": JSON},
    )
    | JSON,
    st.booleans(),
)
def test_every_result_is_a_response_that_can_be_sent_or_invalid(result: Any, is_url: bool) -> None:  # noqa: ANN401 - JSON
    try:
        response = response_of(result, is_url=is_url)
    except InvalidResultError:
        return
    head = encode_response_head(
        response.status, response.headers, close=False, cookies=response.cookies
    )
    assert head.count(b"\r\n") == 3 + len(response.headers) + len(response.cookies)
