"""Errors of S3, of JSON services and of proxies are parsed."""

from __future__ import annotations

import pytest

from supervisor.aws.errors import parse_error_response, parse_xml_fields

XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>%b</Code><Message>Why &amp; how</Message><Region>eu-west-1</Region></Error>"""


def test_an_s3_error_is_read_with_its_region() -> None:
    error = parse_error_response(400, {}, XML % b"AuthorizationHeaderMalformed")
    assert (error.code, error.message) == ("AuthorizationHeaderMalformed", "Why & how")
    assert error.region == "eu-west-1"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-amzn-errortype": "ClientException:http://x"}, b'{"message": "no queue"}'),
        ({}, b'{"__type": "com.amazonaws#ClientException", "Message": "no queue"}'),
    ],
)
def test_a_json_error_is_read(headers: dict[str, str], body: bytes) -> None:
    error = parse_error_response(400, headers, body)
    assert (error.code, error.message) == ("ClientException", "no queue")


@pytest.mark.parametrize("body", [b"", b"<html><p>oops", b"Bad gateway", b"[1]", b"\xff\xfe"])
def test_a_proxys_response_is_an_error_too(body: bytes) -> None:
    error = parse_error_response(502, {}, body)
    assert (error.status, error.code) == (502, "")
    assert error.transient
    assert error.outcome_unknown


@pytest.mark.parametrize(
    ("status", "code", "transient", "unsure"),
    [
        (503, b"SlowDown", True, False),
        (429, b"TooManyRequestsException", True, False),
        (400, b"ThrottlingException", True, False),
        (500, b"InternalError", True, True),
        (503, b"ServiceUnavailable", True, True),
        (400, b"RequestTimeout", True, True),
        (403, b"AccessDenied", False, False),
        (412, b"PreconditionFailed", False, False),
    ],
)
def test_errors_are_classified_as_transient_and_as_possibly_applied(
    status: int, code: bytes, transient: bool, unsure: bool
) -> None:
    error = parse_error_response(status, {}, XML % code)
    assert (error.transient, error.outcome_unknown) == (transient, unsure)


def test_a_wrong_clock_is_named() -> None:
    assert "clock" in parse_error_response(403, {}, XML % b"RequestTimeTooSkewed").remedy
    late = b'{"message": "Signature expired: 20261121T0 is now earlier than 20261122T0"}'
    assert "clock" in parse_error_response(403, {}, late).remedy


def test_error_codes_have_no_namespace() -> None:
    document = b'<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>&quot;a&quot;</ETag></R>'
    assert parse_xml_fields(document) == {"R": "", "ETag": '"a"'}
