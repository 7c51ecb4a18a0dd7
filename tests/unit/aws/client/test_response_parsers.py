"""Responses of many items: parsed as the SDK does it, without its model."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.parsers import JSONParser, QueryParser, RestXMLParser
from botocore.session import Session
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.client import sdk
from scar.aws.client.response_parsers import FastParserFactory, parse_listings_once, parse_time
from tests.unit.aws.client.listing_pages import (
    NAMESPACE,
    listing_pages,
    output_shape,
    parse_with_sdk,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.model import Shape

OBJECT = (
    "<Contents><Key>a</Key><LastModified>2026-11-30T10:11:12.000Z</LastModified>"
    "<ETag>&quot;9b2c&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size><StorageClass>STANDARD</StorageClass>"
    "</Contents>"
)


def _listing(content: str) -> bytes:
    return f"<ListBucketResult{NAMESPACE}>{content}</ListBucketResult>".encode()


def _parse(protocol: str, body: bytes, shape: Shape) -> Any:  # noqa: ANN401
    response = {"body": body, "headers": {}, "status_code": 200}
    return FastParserFactory().create_parser(protocol).parse(response, shape)


def _logs_shape(operation: str) -> Shape:
    shape = Session().get_service_model("logs").operation_model(operation).output_shape
    assert shape is not None
    return shape


def _outcome(parse: Callable[[], object]) -> object:
    try:
        return parse()
    except Exception as error:  # noqa: BLE001 - the SDK's errors have no common base
        return type(error)  # the text may have the whole response


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["auto", "seconds", "milliseconds", "microseconds"]),
)
def test_a_time_in_utc_is_read_without_dateutil(time: datetime, precision: str) -> None:
    text = time.isoformat(timespec=precision).replace("+00:00", "Z")
    read = parse_time(text)
    assert read.tzinfo is UTC
    assert read == parse_timestamp(text)


@pytest.mark.parametrize(
    "value",
    [
        1764497472,
        1764497472.25,
        "1764497472",
        "20261130",
        "2026-11-30T10:11:12",
        "2026-11-30T10:11:12+0100",
        "2026-11-30T10:11:12.123456789Z",
        "2026-11-30 10:11:12Z",
        "Mon, 30 Nov 2026 10:11:12 GMT",
    ],
)
def test_any_other_time_is_what_botocore_reads(value: str | float) -> None:
    assert parse_time(value) == parse_timestamp(value)  # type: ignore[arg-type]


def test_an_invalid_time_is_botocore_s_error() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        parse_time("2026-13-30T10:11:12Z")


@given(listing_pages())
def test_a_listing_is_what_botocore_reads(body: bytes) -> None:
    assert _parse("rest-xml", body, output_shape()) == parse_with_sdk(body)


def test_objects_of_s3_are_parsed_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    body = _listing("<IsTruncated>false</IsTruncated>" + OBJECT * 3)
    expected = parse_with_sdk(body)
    handled: list[str] = []
    handle = RestXMLParser._parse_shape  # type: ignore[attr-defined]

    def note(self: RestXMLParser, shape: Shape, node: object) -> object:
        handled.append(shape.name)
        return handle(self, shape, node)

    monkeypatch.setattr(RestXMLParser, "_parse_shape", note)
    parsed = _parse("rest-xml", body, output_shape())
    assert parsed == expected
    assert len(parsed["Contents"]) == 3
    assert handled == ["ListObjectsV2Output", "IsTruncated"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        _listing("\x01"),
        _listing("\x7f").replace(b"\x7f", b"\xff"),
        _listing(OBJECT)[:-5],
        _listing(OBJECT.replace("-11-", "-13-")),
        _listing(OBJECT + OBJECT.replace("<Size>", "<Size>-")),
        _listing(f"<!-- {OBJECT} -->"),
    ],
    ids=["empty", "invalid", "encoding", "cut off", "time", "size", "comment"],
)
def test_an_unusual_listing_is_what_botocore_reads(body: bytes) -> None:
    assert _outcome(lambda: _parse("rest-xml", body, output_shape())) == _outcome(
        lambda: parse_with_sdk(body)
    )


def test_a_failed_listing_is_what_botocore_reads() -> None:
    response = {
        "status_code": 404,
        "headers": {},
        "body": b"<Error><Code>NoSuchBucket</Code></Error>",
    }
    parsed = FastParserFactory().create_parser("rest-xml").parse(response, output_shape())
    assert parsed["Error"]["Code"] == "NoSuchBucket"


EVENT = {"timestamp": 1, "message": "a\n", "ingestionTime": 2}


@pytest.mark.parametrize("operation", ["FilterLogEvents", "GetLogEvents"])
@pytest.mark.parametrize(
    "content",
    [
        {"events": [EVENT, EVENT | {"eventId": "1"}], "nextToken": "t"},
        {"events": [EVENT | {"new": "field"}], "new": 1},
        {"events": [EVENT | {"message": None}]},
        {"events": [EVENT, EVENT | {"message": "null"}]},
        {"events": [EVENT, None]},
        {"events": [], "nextForwardToken": "f", "nextBackwardToken": "b"},
        {"events": None, "nextToken": None},
        {"searchedLogStreams": [{"logStreamName": "s", "searchedCompletely": True}]},
    ],
    ids=["events", "new fields", "no message", "text null", "no event", "none", "null", "missing"],
)
def test_log_events_are_what_botocore_reads(operation: str, content: dict[str, object]) -> None:
    shape = _logs_shape(operation)
    response = {
        "status_code": 200,
        "headers": {"x-amzn-requestid": "r"},
        "body": json.dumps(content).encode(),
    }
    parsed = FastParserFactory().create_parser("json").parse(response, shape)
    assert parsed == JSONParser().parse(response, shape)


def test_log_events_are_parsed_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"events": [EVENT] * 100, "nextToken": "t"}).encode()
    shape = _logs_shape("FilterLogEvents")
    handled: list[str] = []
    handle = JSONParser._parse_shape  # type: ignore[attr-defined]

    def note(self: JSONParser, shape: Shape, value: object) -> object:
        handled.append(shape.name)
        return handle(self, shape, value)

    monkeypatch.setattr(JSONParser, "_parse_shape", note)
    assert _parse("json", body, shape)["events"] == [EVENT] * 100
    assert handled == ["FilterLogEventsResponse", "NextToken"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null"])
def test_invalid_json_is_what_botocore_reads(body: bytes) -> None:
    shape = _logs_shape("GetLogEvents")
    response = {"status_code": 200, "headers": {}, "body": body}
    assert _outcome(lambda: _parse("json", body, shape)) == _outcome(
        lambda: JSONParser().parse(response, shape)
    )


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class _Responses:
    """Responds to the requests of an S3 client with one body after the other."""

    def __init__(self, *bodies: bytes) -> None:
        session = boto3.Session(
            "k", "s", region_name="eu-west-1", botocore_session=sdk.new_session()
        )
        config = Config(retries={"mode": "standard", "total_max_attempts": 2})
        self.s3 = session.client("s3", config=config)
        self.bodies = list(bodies)
        parse_listings_once(self.s3)
        self.s3.meta.events.register("before-send.s3", self._respond)  # type: ignore[arg-type]

    def _respond(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = HTTPHeaders.from_dict({"x-amz-request-id": "r"})
        return AWSResponse(request.url, 200, headers, _Raw(self.bodies.pop(0)))


@pytest.mark.parametrize(
    "body",
    [b"<Error><Code>InternalError</Code></Error>", _listing(OBJECT * 2)[:-9], _listing("<a>")],
    ids=["error", "cut off", "not well-formed"],
)
def test_an_error_with_status_200_is_repeated(body: bytes) -> None:
    responses = _Responses(body, _listing(OBJECT))
    found = responses.s3.list_objects_v2(Bucket="photos")
    assert [one["Key"] for one in found["Contents"]] == ["a"]
    assert found["ResponseMetadata"]["RetryAttempts"] == 1


def test_the_objects_of_a_listing_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    class CountingParser(ET.XMLParser):
        def feed(self, data: Any, /) -> None:  # noqa: ANN401
            parsed.append(len(data))
            super().feed(data)

    monkeypatch.setattr(ET, "XMLParser", CountingParser)
    responses = _Responses(_listing(OBJECT * 1000))
    assert len(responses.s3.list_objects_v2(Bucket="photos")["Contents"]) == 1000
    assert parsed
    assert max(parsed) < len(OBJECT)


def test_the_clients_of_a_session_parse_with_these() -> None:
    factory = sdk.new_session().get_component("response_parser_factory")
    assert isinstance(factory, FastParserFactory)
    assert isinstance(factory.create_parser("query"), QueryParser)
