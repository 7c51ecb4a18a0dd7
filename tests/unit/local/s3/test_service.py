"""The S3 service called without a server: requests that boto3 never sends, and failures."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scar.errors import ConfigurationError
from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request, Response
from scar.local.s3.service import S3Service
from scar.local.s3.storage.database import Database
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def open_service(folder: Path, *, durable: bool = False) -> S3Service:
    return S3Service(
        folder,
        "123456789012",
        deliver=lambda _arn, _payload, _trace: None,
        destination_exists=lambda _: True,
        durable=durable,
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[S3Service]:
    made = open_service(tmp_path / "s3")
    assert ask(made, "PUT", "/bucket").status == 200
    yield made
    made.close()


def ask(service: S3Service, method: str, path: str, data: bytes = b"", **headers: str) -> Response:
    path, _, query = path.partition("?")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent.setdefault("content-length", str(len(data)))
    return service.handle(
        Request(method=method, path=path, query=query, headers=sent, body=BytesBody(data))
    )


class FullDiskBody:
    """A body that cannot be stored because the disk is full."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, size: int, /) -> bytes:
        raise self.error


def full_database() -> Exception:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), full_database()], ids=str)
def test_a_full_disk_is_reported_and_nothing_is_stored(
    service: S3Service, error: Exception
) -> None:
    answer = service.handle(
        Request(
            method="PUT",
            path="/bucket/key",
            query="",
            headers={"content-length": "5"},
            body=FullDiskBody(error),
        )
    )
    assert (answer.status, "The disk is full" in text(answer)) == (507, True)
    assert ask(service, "GET", "/bucket/key").status == 404


def text(response: Response) -> str:
    if isinstance(response.body, bytes):
        return response.body.decode("latin-1")
    try:
        return b"".join(response.body).decode("latin-1")
    finally:
        response.body.close()


def test_a_bucket_can_be_named_by_the_host(service: S3Service) -> None:
    assert ask(service, "PUT", "/a/b", b"1", host="bucket.localhost:80").status == 200
    assert text(ask(service, "GET", "/bucket/a/b", host="127.0.0.1:80")) == "1"
    assert text(ask(service, "GET", "/a/b", host="bucket.s3.us-east-1.amazonaws.com")) == "1"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/bucket?website", 501, "NotImplemented"),
        ("GET", "/bucket?replication", 501, "NotImplemented"),
        ("POST", "/bucket", 501, "NotImplemented"),
        ("POST", "/bucket/k?select&select-type=2", 501, "NotImplemented"),
        ("POST", "/bucket/k", 501, "NotImplemented"),
        ("PATCH", "/bucket/k", 501, "NotImplemented"),
        ("PUT", "/", 405, "MethodNotAllowed"),
        ("GET", "/bucket/k?acl&tagging", 400, "InvalidRequest"),
        ("GET", "/bucket?list-type=3", 400, "InvalidArgument"),
        ("GET", "/bucket?max-keys=x", 400, "InvalidArgument"),
        ("GET", "/bucket?list-type=2&continuation-token=x", 400, "InvalidArgument"),
        ("GET", "/bucket/%FF", 400, "InvalidURI"),
        ("GET", "/bucket/k?versionId=x", 400, "InvalidArgument"),
        ("PUT", "/bucket?tagging", 400, "MalformedXML"),
        ("PUT", "/bucket/k?uploadId=x&partNumber=0", 400, "InvalidArgument"),
        ("PUT", "/bucket/k?uploadId=x&partNumber=1", 404, "NoSuchUpload"),
    ],
)
def test_unsupported_requests_are_rejected_with_their_error_code(
    service: S3Service, method: str, path: str, status: int, code: str
) -> None:
    answer = ask(service, method, path)
    assert answer.status == status
    assert f"<Code>{code}</Code>" in text(answer)
    assert answer.headers.get("content-type") == "application/xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_with_a_dtd_is_rejected(service: S3Service, encoding: str) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>'.encode(encoding)
    assert "MalformedXML" in text(ask(service, "PUT", "/bucket?tagging", bomb))


def test_a_body_shorter_than_its_content_length_is_not_stored(service: S3Service) -> None:
    answer = ask(service, "PUT", "/bucket/k", b"abc", content_length="4")
    assert "<Code>IncompleteBody</Code>" in text(answer)
    assert ask(service, "GET", "/bucket/k").status == 404


def test_a_header_injected_through_the_query_is_rejected(service: S3Service) -> None:
    ask(service, "PUT", "/bucket/k", b"1")
    path = "/bucket/k?response-content-type=a%0D%0Aset-cookie:%20b"
    assert ask(service, "GET", path).status == 400


@settings(
    max_examples=examples(80),
    suppress_health_check=[*settings().suppress_health_check, HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    st.sampled_from(["/", "/bucket", "/bucket/k"]),
    st.text(st.sampled_from("abc=&%+?uploads"), max_size=12)
    | st.sampled_from(["delete", "uploads", "uploadId=u&partNumber=1", "notification", "policy"]),
    st.binary(max_size=30) | st.sampled_from([b"<Delete/>", b"<a><b/></a>", b"{}", b"<"]),
)
def test_no_request_is_an_internal_error(
    service: S3Service, method: str, path: str, query: str, body: bytes
) -> None:
    answer = ask(service, method, f"{path}?{query}", body)
    assert answer.status != 500
    text(answer)
    ask(service, "PUT", "/bucket")


@pytest.mark.parametrize("durable", [False, True])
def test_objects_settings_and_uploads_survive_a_restart(tmp_path: Path, *, durable: bool) -> None:
    folder = tmp_path / "s3"
    first = open_service(folder, durable=durable)
    ask(first, "PUT", "/bucket")
    ask(first, "PUT", "/bucket/small", b"1")
    ask(first, "PUT", "/bucket/large", b"2" * 100_000)
    ask(first, "PUT", "/bucket?policy", json.dumps({"Statement": []}).encode())
    upload = text(ask(first, "POST", "/bucket/up?uploads")).partition("<UploadId>")[2]
    upload = upload.partition("<")[0]
    tag = ask(first, "PUT", f"/bucket/up?uploadId={upload}&partNumber=1", b"part").headers["etag"]
    first.close()
    (folder / "blobs" / "left-over").write_bytes(b"never acknowledged")
    second = open_service(folder, durable=durable)
    assert text(ask(second, "GET", "/bucket/small")) == "1"
    assert text(ask(second, "GET", "/bucket/large")) == "2" * 100_000
    assert "Statement" in text(ask(second, "GET", "/bucket?policy"))
    done = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    done += "</CompleteMultipartUpload>"
    assert ask(second, "POST", f"/bucket/up?uploadId={upload}", done.encode()).status == 200
    assert text(ask(second, "GET", "/bucket/up")) == "part"
    assert len(list((folder / "blobs").iterdir())) == 2
    second.close()


def test_files_of_replaced_and_deleted_objects_are_removed(tmp_path: Path) -> None:
    service = open_service(tmp_path / "s3")
    ask(service, "PUT", "/bucket")
    for _ in range(3):
        ask(service, "PUT", "/bucket/k", b"x" * 100_000)
    assert len(list((tmp_path / "s3" / "blobs").iterdir())) == 1
    ask(service, "PUT", "/bucket/k", b"x" * 100_000, if_none_match="*")
    assert len(list((tmp_path / "s3" / "blobs").iterdir())) == 1
    ask(service, "DELETE", "/bucket/k")
    assert not list((tmp_path / "s3" / "blobs").iterdir())
    service.close()


@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_reader_sees_one_whole_object_while_it_is_replaced(service: S3Service, size: int) -> None:
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            ask(service, "PUT", "/bucket/k", bytes([65 + number % 26]) * size)

    ask(service, "PUT", "/bucket/k", b"A" * size)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(150):
            answer = ask(service, "GET", "/bucket/k")
            seen = text(answer)
            assert answer.status in (200, 503)
            if answer.status == 200:
                assert len(seen) == size
                assert len(set(seen)) == 1
                assert hashlib.md5(seen.encode()).hexdigest() in answer.headers["etag"]  # noqa: S324
    finally:
        stop.set()
        writer.join(10)


def test_a_folder_of_a_later_release_is_rejected(tmp_path: Path) -> None:
    database = Database(tmp_path / "meta.db")
    with database.read() as db:
        db.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(ConfigurationError, match="later release"):
        Database(tmp_path / "meta.db")
