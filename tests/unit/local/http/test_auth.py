"""Requests signed by botocore are accepted; requests changed afterwards are rejected."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from scar.local.http.auth import (
    MAX_BODY_BYTES,
    Authenticator,
    close_body,
)
from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request, Response
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.spooled_bodies import BodySpool

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.auth import BaseSigner

SECRET = b"server secret"
KEY_ID = "AKIALOCAL00000000001"

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


def now() -> float:
    return dt.datetime.now(dt.UTC).timestamp()


def credentials(key_id: str = KEY_ID, secret: str | None = None) -> Credentials:
    return Credentials(key_id, secret or derive_secret_key(SECRET, key_id), token="ignored")


def signed(
    signer: BaseSigner,
    method: str,
    url: str,
    *,
    params: dict[str, str] | None = None,
    data: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Request:
    aws = AWSRequest(method=method, url=url, params=params, data=data, headers=headers or {})
    aws.headers["host"] = urlsplit(url).netloc
    signer.add_auth(aws)
    prepared = aws.prepare()
    parts = urlsplit(str(prepared.url))
    sent: dict[str, str | bytes] = dict(prepared.headers.items())
    return Request(
        method=method,
        path=parts.path,
        query=parts.query,
        headers={
            name.lower(): value if isinstance(value, str) else value.decode()
            for name, value in sent.items()
        },
        body=BytesBody(data),
    )


def authenticate(request: Request, at: float | None = None) -> Request | Response:
    return Authenticator(SECRET, clock=lambda: now() if at is None else at).authenticate(request)


def rejection(request: Request, at: float | None = None) -> tuple[int, str]:
    response = authenticate(request, at)
    assert isinstance(response, Response)
    assert isinstance(response.body, bytes)
    return response.status, response.body.decode()


@given(key=texts, query=st.dictionaries(texts, texts, max_size=3), value=header_values)
def test_s3_requests_signed_by_botocore_are_accepted(
    key: str, query: dict[str, str], value: str
) -> None:
    url = f"http://127.0.0.1:5000/bucket/{quote(key, safe='/~')}"
    signer = S3SigV4Auth(credentials(), "s3", "eu-west-1")
    request = signed(
        signer, "PUT", url, params=query, data=b"body", headers={"x-amz-meta-a": value}
    )
    accepted = authenticate(request)
    assert isinstance(accepted, Request)
    assert accepted.access_key == KEY_ID


@given(key=texts, query=st.dictionaries(texts, texts, max_size=2))
def test_urls_presigned_by_botocore_are_accepted_until_they_expire(
    key: str, query: dict[str, str]
) -> None:
    url = f"http://127.0.0.1:5000/bucket/{quote(key, safe='/~')}"
    signer = S3SigV4QueryAuth(credentials(), "s3", "us-east-1", expires=60)
    request = signed(signer, "GET", url, params=query)
    assert isinstance(authenticate(request), Request)
    assert "Request has expired" in rejection(request, now() + 100)[1]


PRESIGNER = S3SigV4QueryAuth(credentials(), "s3", "us-east-1", expires=60)


@pytest.mark.parametrize("header", ["Bearer token", "AWS4-HMAC-SHA256 Credential=x"])
def test_a_presigned_request_with_an_authorization_header_is_rejected(header: str) -> None:
    request = signed(PRESIGNER, "GET", "http://127.0.0.1:5000/bucket/key")
    both = replace(request, headers={**request.headers, "authorization": header})
    status, body = rejection(both)
    assert (status, "<Code>InvalidArgument</Code>" in body) == (400, True)
    assert "Only one auth mechanism allowed" in body


@pytest.mark.parametrize("name", ["x-amz-security-token", "x-amz-meta-b", "x-amz-date"])
@pytest.mark.parametrize("is_presigned", [False, True])
def test_headers_of_amazon_that_are_not_signed_are_rejected(name: str, is_presigned: bool) -> None:
    plain = S3SigV4Auth(Credentials(KEY_ID, derive_secret_key(SECRET, KEY_ID)), "s3", "us-east-1")
    signer = PRESIGNER if is_presigned else plain
    request = signed(signer, "GET", "http://127.0.0.1:5000/bucket/key")
    added = replace(request, headers={name: "x", **request.headers})
    if added.headers == request.headers:  # botocore has signed it
        assert isinstance(authenticate(added), Request)
        return
    status, body = rejection(added)
    assert (status, "<Code>AccessDenied</Code>" in body) == (403, True)
    assert "not signed" in body


@given(segments=st.lists(texts, max_size=3), body=st.binary(max_size=50))
def test_requests_to_other_services_are_accepted_with_their_body(
    segments: list[str], body: bytes
) -> None:
    path = "/".join(quote(s, safe="") for s in ["2015-03-31", *segments])
    signer = SigV4Auth(credentials(), "lambda", "us-east-1")
    accepted = authenticate(signed(signer, "POST", f"http://127.0.0.1:5000/{path}", data=body))
    assert isinstance(accepted, Request)
    assert accepted.body.read(100) == body


def a_request(service: str = "s3") -> Request:
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    return signed(
        kind(credentials(), service, "us-east-1"),
        "PUT",
        "http://127.0.0.1:5000/bucket/key?a=b",
        data=b"body",
        headers={"x-amz-meta-a": "v", "content-type": "application/json"},
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda request: replace(request, method="GET"),
        lambda request: replace(request, path="/bucket/other"),
        lambda request: replace(request, query="a=c"),
        lambda request: replace(request, query=""),
    ],
)
def test_a_changed_request_is_rejected(change: Callable[[Request], Request]) -> None:
    status, body = rejection(change(a_request()))
    assert (status, "<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)


def test_a_changed_header_is_rejected() -> None:
    request = a_request()
    headers = {**request.headers, "x-amz-meta-a": "w"}
    assert "SignatureDoesNotMatch" in rejection(replace(request, headers=headers))[1]


def test_a_changed_body_of_another_service_is_rejected_in_json() -> None:
    status, body = rejection(replace(a_request("lambda"), body=BytesBody(b"other")))
    assert (status, json.loads(body)["__type"]) == (403, "InvalidSignatureException")


def test_a_clock_that_is_off_by_more_than_15_minutes_is_rejected() -> None:
    assert isinstance(authenticate(a_request(), now() + 14 * 60), Request)
    assert "RequestTimeTooSkewed" in rejection(a_request(), now() + 16 * 60)[1]
    assert "RequestTimeTooSkewed" in rejection(a_request(), now() - 16 * 60)[1]


def test_a_request_without_signature_is_rejected_in_the_format_of_its_service() -> None:
    bare = Request(method="GET", path="/", query="", headers={}, body=BytesBody(b""))
    assert "<Code>AccessDenied</Code>" in rejection(bare)[1]
    target = {"x-amz-target": "Logs_20140328.GetLogEvents"}
    assert "MissingAuthenticationTokenException" in rejection(replace(bare, headers=target))[1]


@pytest.mark.parametrize(
    ("service", "content_type", "code"),
    [
        ("s3", "", "InvalidAccessKeyId"),
        ("batch", "application/json", "UnrecognizedClientException"),
        ("iam", "application/x-www-form-urlencoded; charset=utf-8", "InvalidClientTokenId"),
        ("ec2", "application/x-www-form-urlencoded", "AuthFailure"),
    ],
)
def test_an_invalid_key_id_is_rejected_with_the_error_code_of_the_service(
    service: str, content_type: str, code: str
) -> None:
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(credentials("short", "x"), service, "us-east-1")
    headers = {"content-type": content_type}
    request = signed(signer, "POST", "http://127.0.0.1:5000/", data=b"", headers=headers)
    assert code in rejection(request)[1]


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, Signature=", "\xff"],
)
def test_a_malformed_authorization_is_rejected(authorization: str) -> None:
    request = a_request()
    headers = {**request.headers, "authorization": authorization}
    assert rejection(replace(request, headers=headers))[0] in (400, 403)


class CountedBody:
    """An endless body that counts the bytes that were read of it."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, size: int, /) -> bytes:
        self.count += size
        return b"x" * size


def lambda_request(data: bytes = b"{}") -> Request:
    url = "http://127.0.0.1/2015-03-31/functions/f/invocations"
    signer = SigV4Auth(credentials(), "lambda", "us-east-1")
    return signed(signer, "POST", url, data=data, headers={"content-length": str(len(data))})


def edited(request: Request, **headers: str) -> Request:
    new = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={**request.headers, **new})


def unsigned(request: Request) -> Request:
    authorization, _, signature = request.headers["authorization"].rpartition("=")
    return edited(request, authorization=f"{authorization}={'0' * len(signature)}")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: edited(r, content_length=str(100 << 20)),
        lambda r: edited(r, content_length="9" * 18),
        lambda r: edited(r, authorization=r.headers["authorization"][:-2]),
        lambda r: edited(r, authorization=r.headers["authorization"] + "\u00e4"),
        lambda r: edited(r, authorization=r.headers["authorization"].replace(KEY_ID, "K")),
        lambda r: edited(r, x_amz_date="20200101T000000Z"),
        lambda r: edited(r, authorization="Basic x"),
    ],
)
def test_a_request_that_its_head_condemns_is_rejected_without_its_body(
    change: Callable[[Request], Request],
) -> None:
    body = CountedBody()
    assert rejection(change(replace(lambda_request(), body=body)))[0] >= 400
    assert body.count == 0


def test_an_unsigned_body_without_a_length_is_read_up_to_the_limit_and_not_kept() -> None:
    spool = BodySpool()
    body = CountedBody()
    request = unsigned(replace(lambda_request(), body=body))
    response = Authenticator(SECRET, spool=spool).authenticate(request)
    assert isinstance(response, Response)
    assert response.status == 413
    assert MAX_BODY_BYTES <= body.count <= MAX_BODY_BYTES + (1 << 17)
    assert spool.used == 0


def test_large_bodies_are_rejected_while_others_fill_the_spool_but_small_ones_are_not() -> None:
    spool = BodySpool(total=100_000)
    authenticator = Authenticator(SECRET, spool=spool)
    large, small = lambda_request(b"x" * 150_000), lambda_request(b"x" * 60_000)
    first = authenticator.authenticate(large)
    assert isinstance(first, Request)
    second = authenticator.authenticate(lambda_request(b"x" * 150_000))
    assert isinstance(second, Response)
    assert (second.status, second.headers["retry-after"]) == (503, "1")
    assert isinstance(authenticator.authenticate(small), Request)
    close_body(first.body)
    close_body(first.body)
    assert spool.used == 0
    again = authenticator.authenticate(lambda_request(b"x" * 150_000))
    assert isinstance(again, Request)
    close_body(again.body)


@given(st.integers(0, 200_000), st.integers(1, 70_000))
def test_a_body_is_the_same_after_it_was_verified(size: int, piece: int) -> None:
    data = bytes(number % 251 for number in range(size))
    request = authenticate(lambda_request(data))
    assert isinstance(request, Request)
    assert b"".join(iter(lambda: request.body.read(piece), b"")) == data
    close_body(request.body)


@pytest.mark.parametrize("service", ["s3", "lambda"])
def test_a_client_is_trusted_once_its_signature_is_verified(service: str) -> None:
    trusted: list[bool] = []
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    request = replace(
        signed(signer(credentials(), service, "us-east-1"), "GET", "http://127.0.0.1/"),
        on_authenticated=lambda: trusted.append(True),
    )
    assert isinstance(authenticate(unsigned(request)), Response)
    assert trusted == []
    assert isinstance(authenticate(request), Request)
    assert trusted == [True]
