"""The S3 store with broken connections, throttling and lost responses."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.aws.connection_pool import ConnectionPool, Timeouts
from supervisor.aws.retry import Backoff
from supervisor.errors import ObjectChanged, PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef, VersionPin
from supervisor.storage import s3
from supervisor.storage.s3_api import S3ObjectApi
from supervisor.storage.s3_protocol import MIB
from tests.functional.supervisor.scripted_server import (
    Close,
    NoReply,
    ReceivedRequest,
    Reply,
    ReplyEarly,
    ReplyThenClose,
    ScriptedServer,
    Step,
    scripted,
)

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.storage.s3 import S3Store

REF = ObjectRef("s3", "data", "in/key")
ANY = VersionPin()
DATA = bytes(range(256)) * 4096
ETAG = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
WRITTEN = Reply(headers={"etag": '"e1"'})
ABSENT = Reply(status=404)


def a_store(
    server: ScriptedServer, *, sleeps: list[float] | None = None, read: float = 10
) -> S3Store:
    environ = {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    slept = sleeps if sleeps is not None else []
    store = s3.connect(environ, Backoff(max_attempts=4, sleep=slept.append, random=lambda: 1.0))
    connections = ConnectionPool(environ, Timeouts(read=read))
    client = replace(store.api.client, connections=connections)
    return replace(
        store, api=S3ObjectApi(client, environ), multipart_threshold=5 * MIB, min_part_size=5 * MIB
    )


def error(status: int, code: str, message: str = "m") -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Reply(status=status, body=body)


def whole(**headers: str) -> Reply:
    return Reply(headers={"etag": f'"{ETAG}"', **headers}, body=DATA)


def rest(start: int, *, only: int | None = None) -> Reply:
    ranges = {"content-range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}", "etag": f'"{ETAG}"'}
    return Reply(status=206, headers=ranges, body=DATA[start:], only=only)


def ours(seen: list[ReceivedRequest]) -> Reply:
    """HEAD returns the object of the first PUT or CreateMultipartUpload."""
    mark = next(s.headers["x-amz-meta-scar-write"] for s in seen if s.method in ("PUT", "POST"))
    return Reply(headers={"x-amz-meta-scar-write": mark, "etag": '"e1"'})


def foreign_object(seen: list[ReceivedRequest]) -> Reply:
    return Reply(headers={"x-amz-meta-scar-write": "another", "etag": '"e2"'})


# Reading


def test_a_download_costs_one_request(tmp_path: Path) -> None:
    with scripted(whole()) as server:
        a_store(server).download(REF, tmp_path / "f", version=ANY)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_broken_download_continues_where_it_broke(tmp_path: Path) -> None:
    first, then = replace(whole(), only=300_000), rest(300_000, only=400_000)
    with scripted(first, then, rest(700_000)) as server:
        found = a_store(server).download(REF, tmp_path / "f", version=VersionPin(version_id="v"))
    assert (tmp_path / "f").read_bytes() == DATA
    assert found.size == len(DATA)
    assert [s.headers.get("range") for s in server.requests] == [
        None,
        "bytes=300000-",
        "bytes=700000-",
    ]
    assert [s.headers.get("if-match") for s in server.requests[1:]] == [f'"{ETAG}"'] * 2
    assert all(s.target == "/data/in/key?versionId=v" for s in server.requests)


def test_a_store_that_ignores_ranges_is_read_from_the_start(tmp_path: Path) -> None:
    with scripted(replace(whole(), only=5000), whole()) as server:
        a_store(server).download(REF, tmp_path / "f", version=ANY)
    assert (tmp_path / "f").read_bytes() == DATA


def test_an_object_replaced_during_the_download_is_not_patched_together(tmp_path: Path) -> None:
    with (
        scripted(replace(whole(), only=5000), error(412, "PreconditionFailed")) as server,
        pytest.raises(ObjectChanged),
    ):
        a_store(server).download(REF, tmp_path / "f", version=ANY)
    assert not (tmp_path / "f").exists()


def test_a_download_without_progress_ends(tmp_path: Path) -> None:
    steps = [replace(whole(), only=0)] * 4
    sleeps: list[float] = []
    with scripted(*steps) as server, pytest.raises(StorageError, match="closed the connection"):
        a_store(server, sleeps=sleeps).download(REF, tmp_path / "f", version=ANY)
    assert sleeps == [0.4, 0.8, 1.6]
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("headers", [{}, {"x-amz-checksum-crc32": "AAAAAA=="}])
def test_damaged_bytes_are_noticed(tmp_path: Path, headers: dict[str, str]) -> None:
    damaged = replace(whole(**headers), body=DATA[:-1] + b"!")
    with scripted(damaged, damaged) as server:
        store = a_store(server)
        with pytest.raises(StorageError, match="damaged"):
            store.download(REF, tmp_path / "f", version=ANY)
        with pytest.raises(StorageError, match="damaged"):
            store.read(REF)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    "headers", [{"x-amz-server-side-encryption": "aws:kms"}, {"etag": '"abc-2"'}]
)
def test_an_etag_that_is_no_md5_is_not_compared(tmp_path: Path, headers: dict[str, str]) -> None:
    answer = Reply(headers={"etag": f'"{"0" * 32}"', **headers}, body=DATA)
    with scripted(answer) as server:
        a_store(server).download(REF, tmp_path / "f", version=ANY)


def test_requests_to_busy_and_failing_servers_are_retried_with_growing_pauses() -> None:
    sleeps: list[float] = []
    with scripted(error(503, "SlowDown"), error(500, "InternalError"), Close(), whole()) as server:
        found = a_store(server, sleeps=sleeps).read(REF)
    assert found is not None
    assert sleeps == [0.4, 0.8, 1.6]


def test_retries_end() -> None:
    with (
        scripted(*[error(503, "SlowDown")] * 4) as server,
        pytest.raises(StorageError, match=r"s3://data/in/key.*SlowDown"),
    ):
        a_store(server).read(REF)


def test_a_server_that_does_not_respond_is_an_error() -> None:
    with scripted(*[NoReply()] * 4) as server, pytest.raises(StorageError, match="timed out"):
        a_store(server, read=0.05).read(REF)


def test_connections_are_used_again_and_those_closed_while_idle_are_replaced() -> None:
    sleeps: list[float] = []
    with scripted(whole(), replace(whole(), close=True), whole()) as server:
        store = a_store(server, sleeps=sleeps)
        store.read(REF)
        store.read(REF)
        assert server.ended.get(timeout=300) == 1
        store.read(REF)
    assert [s.connection for s in server.requests] == [1, 1, 2]
    assert sleeps == []


def test_a_connection_that_dies_under_a_request_costs_one_retry() -> None:
    with scripted(ReplyThenClose(whole()), whole()) as server:
        store = a_store(server)
        store.read(REF)
        assert store.read(REF) is not None


# Existence of an object


def test_head_costs_one_request_and_absence_is_none() -> None:
    with scripted(ABSENT) as server:
        assert a_store(server).head(REF) is None


def test_a_403_that_names_list_bucket_means_absent() -> None:
    denied = error(403, "AccessDenied", "not authorized to perform: s3:ListBucket on resource")
    with scripted(Reply(status=403), denied, denied) as server:
        store = a_store(server)
        assert store.head(REF) is None
        assert store.read(REF) is None


def listing(*keys: str) -> Reply:
    items = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-11-29T10:00:00.000Z</LastModified>"
        f"<ETag>&quot;e1&quot;</ETag><Size>7</Size></Contents>"
        for key in keys
    )
    space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    return Reply(body=f"<ListBucketResult {space}>{items}</ListBucketResult>".encode())


DENIED = error(403, "AccessDenied", "Access Denied")


def test_a_403_without_a_reason_is_clarified_by_a_listing(tmp_path: Path) -> None:
    with scripted(Reply(status=403), DENIED, listing(), DENIED, listing("in/key2")) as server:
        store = a_store(server)
        assert store.head(REF) is None
        assert store.read(REF) is None
    assert "prefix=in%2Fkey" in server.requests[2].target
    with scripted(DENIED, listing()) as server, pytest.raises(ObjectChanged):
        a_store(server).download(REF, tmp_path / "file", version=VersionPin(etag="e"))


@pytest.mark.parametrize("answer", [listing("in/key"), DENIED, Reply(body=b"<html/>"), ABSENT])
def test_a_403_for_an_object_that_may_exist_is_an_error(answer: Reply) -> None:
    with (
        scripted(DENIED, answer) as server,
        pytest.raises(StorageError, match="Access Denied"),
    ):
        a_store(server).read(REF)


def test_an_object_is_found_by_its_exact_key() -> None:
    with scripted(listing("in/key"), listing("in/key2"), listing(), DENIED, ABSENT) as server:
        api = a_store(server).api
        found = api.find_object(REF)
        assert found is not None
        assert (found.size, found.etag) == (7, "e1")
        assert [api.find_object(REF) for _ in range(4)] == [None] * 4
    with scripted(Reply(body=b"<html/>")) as server, pytest.raises(StorageError, match="damaged"):
        a_store(server).api.find_object(REF)


def test_any_other_403_is_an_error_that_names_object_and_permission() -> None:
    with (
        scripted(Reply(status=403), DENIED, DENIED) as server,
        pytest.raises(StorageError, match="s3://data/in/key") as caught,
    ):
        a_store(server).head(REF)
    assert "s3:GetObject" in caught.value.remedy
    assert "s3:ListBucket" in caught.value.remedy


def test_expired_keys_are_named_although_head_does_not_say_so() -> None:
    with (
        scripted(Reply(status=400), error(400, "ExpiredToken")) as server,
        pytest.raises(StorageError, match="ExpiredToken") as caught,
    ):
        a_store(server).head(REF)
    assert "Renew" in caught.value.remedy


def test_a_bucket_elsewhere_is_named_with_its_region() -> None:
    moved = replace(error(301, "PermanentRedirect"), headers={"x-amz-bucket-region": "ap-south-1"})
    with scripted(moved) as server, pytest.raises(StorageError, match="ap-south-1") as caught:
        a_store(server).read(REF)
    assert "AWS_REGION to ap-south-1" in caught.value.remedy


# Writing


def test_a_write_costs_one_request() -> None:
    with scripted(WRITTEN) as server:
        stored = a_store(server).write(REF, b"x", condition=IfNoneMatch(), metadata={"k": "v"})
    assert (stored.size, stored.etag, stored.metadata) == (1, "e1", {"k": "v"})
    assert server.requests[0].headers["if-none-match"] == "*"


@pytest.mark.parametrize("lost", [Close(), error(500, "InternalError"), Reply(status=504)])
def test_a_write_whose_response_was_lost_is_recognised(
    lost: Close | Reply,
) -> None:
    with scripted(lost, ours) as server:
        stored = a_store(server).write(REF, b"x", condition=IfNoneMatch())
    assert stored.etag == "e1"
    assert [s.method for s in server.requests] == ["PUT", "HEAD"]


def test_a_write_that_did_not_arrive_is_sent_again() -> None:
    with scripted(Close(), ABSENT, WRITTEN) as server:
        a_store(server).write(REF, b"x", condition=IfNoneMatch())
    assert [s.method for s in server.requests] == ["PUT", "HEAD", "PUT"]
    marks = {s.headers["x-amz-meta-scar-write"] for s in server.requests if s.method == "PUT"}
    assert len(marks) == 1


def test_a_first_write_that_lands_late_is_recognised_in_the_412_of_the_second() -> None:
    with scripted(Close(), ABSENT, error(412, "PreconditionFailed"), ours) as server:
        assert a_store(server).write(REF, b"x", condition=IfNoneMatch()).etag == "e1"


def test_a_lost_response_and_another_writer_is_a_failed_precondition() -> None:
    with (
        scripted(
            Close(), foreign_object, error(412, "PreconditionFailed"), foreign_object
        ) as server,
        pytest.raises(PreconditionFailed, match="another process"),
    ):
        a_store(server).write(REF, b"x", condition=IfNoneMatch())


def test_a_plain_412_costs_no_further_request() -> None:
    with (
        scripted(error(412, "PreconditionFailed")) as server,
        pytest.raises(PreconditionFailed),
    ):
        a_store(server).write(REF, b"x", condition=IfMatch("e0"))
    assert server.requests[0].headers["if-match"] == '"e0"'


def test_a_412_sent_before_the_body_was_read_is_a_failed_precondition(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_bytes(bytes(5 * MIB))
    with (
        scripted(ReplyEarly(error(412, "PreconditionFailed"))) as server,
        pytest.raises(PreconditionFailed),
    ):
        a_store(server).upload(source, REF, condition=IfNoneMatch())


def test_a_conflict_is_tried_again() -> None:
    conflict = error(409, "ConditionalRequestConflict")
    with scripted(conflict, conflict, WRITTEN) as server:
        a_store(server).write(REF, b"x", condition=IfNoneMatch())


def test_conflicts_without_end_are_a_failed_precondition() -> None:
    conflict = error(409, "ConditionalRequestConflict")
    with scripted(*[conflict] * 4) as server, pytest.raises(PreconditionFailed):
        a_store(server).write(REF, b"x", condition=IfNoneMatch())


def test_throttled_writes_are_sent_again_without_a_head() -> None:
    with scripted(error(503, "SlowDown"), WRITTEN) as server:
        a_store(server).write(REF, b"x", condition=IfNoneMatch())
    assert [s.method for s in server.requests] == ["PUT", "PUT"]


def test_a_write_with_an_unknown_outcome_is_an_error() -> None:
    steps: list[Step] = [Close(), ABSENT] * 4
    with scripted(*steps) as server, pytest.raises(StorageError, match="not known") as caught:
        a_store(server).write(REF, b"x", condition=IfNoneMatch())
    assert not isinstance(caught.value, PreconditionFailed)


def test_a_denied_write_names_object_permission_and_is_not_repeated() -> None:
    with (
        scripted(error(403, "AccessDenied")) as server,
        pytest.raises(StorageError, match="s3://data/in/key") as caught,
    ):
        a_store(server).write(REF, b"x")
    assert "s3:PutObject" in caught.value.remedy


# Multipart uploads


CREATED = Reply(
    body=b"<InitiateMultipartUploadResult><UploadId>up 1</UploadId></InitiateMultipartUploadResult>"
)
PART = Reply(headers={"etag": '"p"'})
COMPLETED = Reply(
    body=b"\n\n<CompleteMultipartUploadResult><ETag>&quot;e1-2&quot;</ETag>"
    b"</CompleteMultipartUploadResult>"
)
ABORTED = Reply(status=204)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(bytes(5 * MIB) + b"!")
    return path


def verbs(server: ScriptedServer) -> list[str]:
    return [f"{s.method} {s.target.partition('?')[2]}" for s in server.requests]


def test_an_upload_in_parts_costs_two_requests_more_than_it_has_parts(large: Path) -> None:
    with scripted(CREATED, PART, PART, COMPLETED) as server:
        stored = a_store(server).upload(large, REF, condition=IfNoneMatch(), metadata={"k": "v"})
    assert verbs(server) == [
        "POST uploads=",
        "PUT partNumber=1&uploadId=up%201",
        "PUT partNumber=2&uploadId=up%201",
        "POST uploadId=up%201",
    ]
    assert (stored.etag, stored.size, stored.metadata) == ("e1-2", 5 * MIB + 1, {"k": "v"})
    assert stored.crc32 == f"{zlib.crc32(large.read_bytes()):08x}"
    assert server.requests[0].headers["x-amz-meta-k"] == "v"
    assert server.requests[3].headers["if-none-match"] == "*"
    assert server.requests[2].body == b"!"


def test_a_lost_part_is_sent_again(large: Path) -> None:
    with scripted(CREATED, Close(), PART, error(503, "SlowDown"), PART, COMPLETED) as server:
        a_store(server).upload(large, REF)


def test_a_completion_that_fails_after_200_is_not_a_success(large: Path) -> None:
    failed = replace(error(200, "InternalError"), body=b"  \n" + error(200, "InternalError").body)
    with scripted(CREATED, PART, PART, failed, ABSENT, COMPLETED) as server:
        a_store(server).upload(large, REF)


def test_a_completion_rejected_after_200_is_a_failed_precondition(large: Path) -> None:
    with (
        scripted(CREATED, PART, PART, error(200, "PreconditionFailed"), ABSENT, ABORTED) as server,
        pytest.raises(PreconditionFailed),
    ):
        a_store(server).upload(large, REF, condition=IfNoneMatch())


def test_a_completion_whose_response_was_lost_is_recognised(large: Path) -> None:
    with scripted(CREATED, PART, PART, Close(), ours) as server:
        assert a_store(server).upload(large, REF, condition=IfNoneMatch()).etag == "e1"


def test_after_a_conflict_the_parts_are_sent_anew(large: Path) -> None:
    conflict = error(409, "ConditionalRequestConflict")
    once = (CREATED, PART, PART)
    with scripted(*once, conflict, ABORTED, *once, COMPLETED) as server:
        a_store(server).upload(large, REF, condition=IfNoneMatch())


def test_a_failed_upload_is_aborted(large: Path) -> None:
    with (
        scripted(CREATED, PART, error(403, "AccessDenied"), ABORTED) as server,
        pytest.raises(StorageError),
    ):
        a_store(server).upload(large, REF)
    assert verbs(server)[-1] == "DELETE uploadId=up%201"


def test_a_failed_abort_is_a_note_on_the_failure_itself(large: Path) -> None:
    denied = error(403, "AccessDenied")
    with (
        scripted(CREATED, PART, denied, denied) as server,
        pytest.raises(StorageError, match="Cannot write") as caught,
    ):
        a_store(server).upload(large, REF)
    assert "Cannot abort" in caught.value.__notes__[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with scripted() as server, pytest.raises(StorageError, match="gone"):
        a_store(server).upload(tmp_path / "gone", REF)


def test_a_key_that_is_too_long_is_rejected_before_any_request(large: Path) -> None:
    with scripted() as server, pytest.raises(StorageError, match="1024"):
        a_store(server).upload(large, replace(REF, key="x" * 1025))


def test_the_owner_of_a_bucket_is_named_with_every_request_about_it() -> None:
    with scripted(ABSENT, WRITTEN, ABSENT) as server:
        store = a_store(server)
        store = replace(store, api=replace(store.api, bucket_owners={"data": "123456789012"}))
        assert store.head(REF) is None
        store.write(REF, b"x")
        assert store.head(ObjectRef("s3", "other", "key")) is None
    owners = [seen.headers.get("x-amz-expected-bucket-owner") for seen in server.requests]
    assert owners == ["123456789012", "123456789012", None]
