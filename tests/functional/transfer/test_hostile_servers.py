"""Responses that no server should send: never a wrong file, an endless loop or a false success."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError
from botocore.parsers import ResponseParserError

from scar.aws.client.direct.listing import list_page, list_pages
from scar.aws.client.direct.object_client import ObjectCall
from scar.aws.client.direct.trusted_certificates import context_factory
from scar.aws.client.object_listing import ListingFormatError
from scar.errors import ConfigurationError
from scar.transfer.download_content import download_at_once, download_in_parts
from scar.transfer.multipart import upload_in_parts
from scar.transfer.upload_file import UploadFile
from tests.functional.supervisor.scripted_server import Close, Reply, scripted
from tests.functional.transfer.direct_client import (
    DONE,
    ID,
    PUT,
    connect,
    error,
    signed_region,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.functional.supervisor.scripted_server import ReceivedRequest

FAILED = error(200, "InternalError")
PAGE = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


def moved_to(region: str) -> Reply:
    return error(301, "PermanentRedirect", x_amz_bucket_region=region)


def test_regions_that_name_each_other_are_no_loop() -> None:
    replies = moved_to("us-west-2"), moved_to("eu-west-1")
    with scripted(*replies) as server, pytest.raises(ClientError, match="PermanentRedirect"):
        connect(server).send(PUT)
    assert len(server.requests) == 2


def test_a_request_whose_bucket_was_moved_by_another_one_is_sent_again() -> None:
    both_sent = threading.Barrier(2, timeout=30)

    def moved(_: list[ReceivedRequest]) -> Reply:
        both_sent.wait()
        return moved_to("us-west-2")

    with scripted(moved, moved, DONE, DONE) as server:
        client = connect(server)
        threads = [threading.Thread(target=client.send, args=(PUT,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        regions = sorted(signed_region(r.headers["authorization"]) for r in server.requests)
    assert regions == ["eu-west-1", "eu-west-1", "us-west-2", "us-west-2"]


@pytest.mark.parametrize("region", ["evil.example", "a/b", "x@y", "x:1"])
def test_a_region_that_is_no_name_is_not_followed(region: str) -> None:
    with scripted(moved_to(region)) as server, pytest.raises(ClientError):
        connect(server).send(PUT)
    assert len(server.requests) == 1


def test_the_error_is_that_of_the_redirect_if_its_region_cannot_be_read() -> None:
    redirect = error(307, "TemporaryRedirect")
    with scripted(redirect, Close()) as server, pytest.raises(ClientError, match="Temporary"):
        connect(server).send(PUT)


def test_an_error_with_status_200_is_repeated_and_then_raised() -> None:
    page = Reply(headers=ID, body=PAGE)
    with scripted(FAILED, FAILED, page) as server:
        assert list_page(connect(server), "photos", "").objects == []
    with scripted(*[FAILED] * 5) as server, pytest.raises(ClientError, match="InternalError"):
        list_page(connect(server), "photos", "")


def test_a_page_that_breaks_off_is_read_again() -> None:
    broken = Reply(headers=ID, body=PAGE[:-9])
    with scripted(broken, Reply(headers=ID, body=PAGE)) as server:
        assert list_page(connect(server), "photos", "").objects == []
    with scripted(*[broken] * 5) as server, pytest.raises(ListingFormatError):
        list_page(connect(server), "photos", "")


@pytest.mark.parametrize("cycle", [1, 2, 3, 5])
@pytest.mark.parametrize("before", [0, 4])
def test_pages_that_begin_again_are_an_error(before: int, cycle: int) -> None:
    def page(token: str) -> Reply:
        next_page = f"<NextContinuationToken>{token}</NextContinuationToken>"
        body = f"<ListBucketResult><IsTruncated>true</IsTruncated>{next_page}</ListBucketResult>"
        return Reply(headers=ID, body=body.encode())

    first = [page(f"first-{n}") for n in range(before)]
    again = [page(f"again-{n % cycle}") for n in range(30)]
    with scripted(*first, *again) as server:
        with pytest.raises(ListingFormatError, match="repeated"):
            for _ in list_pages(connect(server), "photos", ""):
                pass
        assert before + cycle < len(server.requests) < before + 30
        server.steps.clear()  # those that were not wanted


def test_pages_with_tokens_of_their_own_are_all_read() -> None:
    pages = [
        Reply(
            headers=ID,
            body=f"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{n}"
            "</NextContinuationToken></ListBucketResult>".encode(),
        )
        for n in range(20)
    ]
    with scripted(*pages, Reply(headers=ID, body=PAGE)) as server:
        assert len(list(list_pages(connect(server), "photos", ""))) == 21


def test_a_page_of_another_kind_is_an_error_at_once() -> None:
    other = Reply(headers=ID, body=b"<Other/>")
    with scripted(other) as server, pytest.raises(ListingFormatError, match="is a Other"):
        list_page(connect(server), "photos", "")


@pytest.mark.parametrize("body", [b"<Comp", b"<?xml version='1.0'?>\n <Complete><ETag>"])
def test_an_upload_is_not_complete_after_half_a_response(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    created = Reply(headers=ID, body=b"<R><UploadId>u</UploadId></R>")
    half = Reply(headers=ID, body=body)
    file = UploadFile(str(tmp_path / "a"))
    with scripted(created, DONE, *[half] * 5, DONE) as server:
        with pytest.raises(ConnectionClosedError):
            upload_in_parts(connect(server), "photos", "a", file, lambda _: None)
        assert server.requests[-1].method == "DELETE"
    file.close()


def test_a_part_that_is_too_long_does_not_damage_others(tmp_path: Path) -> None:
    headers = {**ID, "content-range": "bytes 0-2/3"}
    head = Reply(headers={**ID, "content-length": "3", "etag": '"e"'})
    with (
        scripted(head, Reply(status=206, headers=headers, body=b"abc!"), part(headers)) as server,
        (tmp_path / "a").open("wb") as file,
    ):
        download_in_parts(connect(server), "photos", "a", file.fileno(), lambda _: None)
    assert (tmp_path / "a").read_bytes() == b"abc"


def part(headers: dict[str, str]) -> Reply:
    return Reply(status=206, headers=headers, body=b"abc")


@pytest.mark.parametrize("status", [201, 204, 206])
def test_another_status_is_no_whole_object(status: int, tmp_path: Path) -> None:
    with (
        scripted(Reply(status=status, headers=ID, body=b"abc")) as server,
        (tmp_path / "a").open("wb") as file,
        pytest.raises(ResponseParserError, match="not a whole object"),
    ):
        download_at_once(connect(server), "photos", "a", file.fileno(), lambda _: None)


def test_a_header_that_cannot_be_sent_is_named_at_once() -> None:
    call = ObjectCall(
        name="HeadObject", method="HEAD", bucket="photos", headers={"x-amz-a": "secret\r"}
    )
    with scripted() as server, pytest.raises(HTTPClientError, match="control character") as raised:
        connect(server).send(call)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.write_text("no PEM")])
def test_certificates_that_cannot_be_loaded_are_named(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / "bundle")
    with pytest.raises(ConfigurationError, match=r"Cannot load the certificates in .*bundle"):
        context_factory(str(tmp_path / "bundle"), {})()
