"""Requests to S3 without the SDK: repeated, redirected and verified as the SDK's are."""

from __future__ import annotations

import threading
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    FlexibleChecksumError,
)
from botocore.parsers import ResponseParserError

from scar.aws.client.call_waits import CallWaits
from scar.aws.client.direct.identity import read_identity
from scar.aws.client.direct.object_client import ObjectCall
from scar.errors import UsageError
from scar.transfer.download_content import download_at_once, download_in_parts
from supervisor.aws.request import FileSlice
from tests.functional.supervisor.scripted_server import Close, Reply, ScriptedServer, scripted
from tests.functional.transfer.direct_client import (
    DONE,
    ID,
    PUT,
    configuration,
    connect,
    error,
    signed_region,
)
from tests.virtual_time import VirtualTime

if TYPE_CHECKING:
    from pathlib import Path


def test_an_upload_is_one_request_with_owner_and_checksum() -> None:
    with scripted(DONE) as server:
        connect(server, encryption=("aws:kms", "key")).send(PUT)
        (request,) = server.requests
    assert (request.method, request.target, request.body) == ("PUT", "/photos/a%20b", b"abc")
    crc = b64encode(zlib.crc32(b"abc").to_bytes(4, "big")).decode()
    expected = {
        "x-amz-expected-bucket-owner": "123456789012",
        "x-amz-checksum-crc32": crc,
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "key",
        "x-amz-security-token": "t",
    }
    assert expected.items() <= request.headers.items()
    assert request.headers["user-agent"].startswith("scar/")


def test_a_throttled_request_is_repeated_until_it_is_not() -> None:
    virtual = VirtualTime()
    reports: list[str] = []
    waits = virtual.waits()
    waits.report = reports.append
    slow = error(503, "SlowDown")
    with scripted(*[slow] * 12, DONE) as server:
        connect(server, waits=waits).send(PUT)
        assert len(server.requests) == 13
    assert any("AWS throttles the requests (SlowDown)" in line for line in reports)


def test_throttling_without_end_is_an_error_that_names_the_seconds() -> None:
    virtual = VirtualTime()
    done = threading.Event()
    slow = error(503, "SlowDown", message="Please reduce your request rate.")
    server = ScriptedServer((slow,) * 200)
    try:
        with pytest.raises(ClientError, match="SlowDown") as raised:
            connect(server, waits=virtual.waits()).send(PUT)
    finally:
        done.set()
        server.close()
    assert raised.value.response["ResponseMetadata"]["ScarWaited"]["seconds"] >= 300  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "failure",
    [error(500, "InternalError"), error(503, "ServiceUnavailable"), Close()],
    ids=["500", "503", "closed"],
)
def test_what_may_pass_is_repeated_four_times(failure: Reply | Close) -> None:
    with scripted(*[failure] * 4, DONE) as server:
        connect(server).send(PUT)
    with scripted(*[failure] * 5) as server, pytest.raises((ClientError, ConnectionClosedError)):
        connect(server).send(PUT)


def test_a_bucket_is_followed_to_its_region_once() -> None:
    moved = error(301, "PermanentRedirect", x_amz_bucket_region="us-west-2")
    with scripted(moved, DONE, DONE) as server:
        client = connect(server)
        client.send(PUT)
        client.send(PUT)
        regions = [signed_region(r.headers["authorization"]) for r in server.requests]
    assert regions == ["eu-west-1", "us-west-2", "us-west-2"]


def test_a_redirect_without_a_region_asks_for_it() -> None:
    head = Reply(status=301, headers={**ID, "x-amz-bucket-region": "us-west-2"})
    with scripted(error(307, "TemporaryRedirect"), head, DONE) as server:
        connect(server).send(PUT)
        assert [r.method for r in server.requests] == ["PUT", "HEAD", "PUT"]


def test_the_region_in_an_error_about_the_signature_is_used() -> None:
    body = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message>"
        b"<Region>us-west-2</Region></Error>"
    )
    with scripted(Reply(status=400, headers=ID, body=body), DONE) as server:
        connect(server).send(PUT)
        assert signed_region(server.requests[1].headers["authorization"]) == "us-west-2"


def test_a_redirect_to_the_same_region_is_an_error() -> None:
    moved = error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")
    with scripted(moved) as server, pytest.raises(ClientError, match="PermanentRedirect"):
        connect(server).send(PUT)


@pytest.mark.parametrize("reply", [Reply(), Reply(body=b"<html>log in</html>")])
def test_a_response_that_is_not_of_aws_is_no_success(reply: Reply) -> None:
    with scripted(reply) as server, pytest.raises(ResponseParserError, match="no request id"):
        connect(server).send(PUT)


def test_the_error_of_a_head_is_its_status() -> None:
    head = ObjectCall(name="HeadBucket", method="HEAD", bucket="photos")
    with scripted(Reply(status=404)) as server, pytest.raises(ClientError) as raised:
        connect(server).send(head)
    assert raised.value.response["Error"] == {"Code": "404", "Message": "Not Found"}


def test_a_server_that_is_not_there_is_named() -> None:
    with scripted() as server:
        client = connect(server)
    with pytest.raises(EndpointConnectionError, match=r"endpoint URL: \"http://127"):
        client.send(PUT)


def test_directory_buckets_are_refused_by_name() -> None:
    call = ObjectCall(name="HeadBucket", method="HEAD", bucket="b--use1-az4--x-s3")
    with scripted() as server, pytest.raises(UsageError, match="directory bucket"):
        connect(server).send(call)


def test_the_caller_is_read_without_the_sdk() -> None:
    body = (
        b"<R><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn>"
        b"<Account>123456789012</Account></GetCallerIdentityResult></R>"
    )
    waits = CallWaits(jitter=lambda _: 0.0)
    with scripted(Close(), Reply(headers=ID, body=body)) as server:
        known = configuration(server)
        assert known.sts is not None
        found = read_identity(known, known.sts, waits)
    assert found == ("123456789012", "arn:aws:iam::123456789012:user/u")


def download(server: ScriptedServer, path: Path) -> list[int]:
    """Download an object into a file; return the numbers of bytes that were counted."""
    counted: list[int] = []
    with path.open("wb") as file:
        download_at_once(connect(server), "photos", "a", file.fileno(), counted.append)
    return counted


def test_a_download_that_breaks_off_starts_again(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    cut = Reply(headers=ID, body=content, only=600_000)
    with scripted(cut, Reply(headers=ID, body=content)) as server:
        counted = download(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    assert sum(counted) == len(content)
    assert min(counted) < 0


@pytest.mark.parametrize(
    ("header", "good", "wrong"),
    [
        ("crc32", "NSRBwg==", "AAAAAA=="),
        ("sha1", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "AAAA"),
        ("sha256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "AAAA"),
    ],
)
def test_damaged_content_is_requested_again_and_then_an_error(
    header: str, good: str, wrong: str, tmp_path: Path
) -> None:
    name = f"x-amz-checksum-{header}"
    bad = Reply(headers={**ID, name: wrong}, body=b"abc")
    with scripted(bad, Reply(headers={**ID, name: good}, body=b"abc")) as server:
        download(server, tmp_path / "a")
        assert server.requests[0].headers["x-amz-checksum-mode"] == "ENABLED"
    with scripted(*[bad] * 5) as server, pytest.raises(FlexibleChecksumError):
        download(server, tmp_path / "a")


def test_the_checksum_of_an_upload_in_parts_is_not_that_of_the_content(tmp_path: Path) -> None:
    reply = Reply(headers={**ID, "x-amz-checksum-crc32": "AAAAAA==-2"}, body=b"abc")
    with scripted(reply) as server:
        download(server, tmp_path / "a")


def test_a_store_that_ignores_ranges_is_an_error(tmp_path: Path) -> None:
    head = Reply(headers={**ID, "content-length": "3", "etag": '"e"'})
    whole = Reply(headers={**ID, "etag": '"e"'}, body=b"abc")
    with (
        scripted(head, whole) as server,
        (tmp_path / "a").open("wb") as file,
        pytest.raises(ResponseParserError, match="not the requested part"),
    ):
        download_in_parts(connect(server), "photos", "a", file.fileno(), lambda _: None)
    assert server.requests[1].headers["if-match"] == '"e"'
    assert server.requests[1].headers["range"] == "bytes=0-2"


def test_what_is_read_for_checksums_is_not_counted() -> None:
    class Content:
        name = "content"

        def read_at(self, offset: int, size: int) -> bytes:
            return bytes(min(size, 1_000_000 - offset))

    counted: list[int] = []
    call = ObjectCall(
        name="PutObject",
        method="PUT",
        bucket="photos",
        key="a",
        body=FileSlice(Content(), 0, 1_000_000),
        has_checksum=True,
        on_sent=counted.append,
    )
    with scripted(DONE) as server:
        connect(server).send(call)
    assert sum(counted) == 1_000_000
    assert min(counted) > 0
    counted.clear()
    with scripted(Close(), DONE) as server:
        connect(server).send(call)
    assert sum(counted) == 1_000_000
    assert min(counted) < 0
