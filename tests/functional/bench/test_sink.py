"""The benchmarks' sink: S3 as clients expect it."""

from __future__ import annotations

import http.client
import itertools
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.kit.machine import ROOT
from bench.kit.processes import command_line, descendants
from bench.sink.listing import Folder
from bench.sink.logs import MESSAGES
from bench.sink.running import RunningSink, run_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

KEYS, SIZE, LARGE = 2500, 10_000, 20 << 20
LATENCY_MS = 50


@pytest.fixture(scope="module")
def sink() -> Iterator[RunningSink]:
    folders = Folder("bench", "small", KEYS, SIZE), Folder("bench", "large", 1, LARGE)
    with run_sink(*folders, log_group="/aws/lambda/f", log_bytes=3 << 20) as running:
        yield running


def client(sink: RunningSink, service: Any) -> Any:  # noqa: ANN401 - one type per service
    return boto3.client(
        service,
        endpoint_url=sink.url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def s3(sink: RunningSink) -> Iterator[S3Client]:
    connected: S3Client = client(sink, "s3")
    yield connected
    connected.close()


def test_an_object_is_read_whole_with_a_checksum_that_boto3_verifies(s3: S3Client) -> None:
    response = s3.get_object(Bucket="bench", Key="small/00000/00000007", ChecksumMode="ENABLED")
    assert response["ChecksumCRC32"]
    assert response["Body"].read() == bytes(SIZE)


def test_a_range_is_read(s3: S3Client) -> None:
    key = "small/00000/00000007"
    response = s3.get_object(Bucket="bench", Key=key, Range="bytes=9990-")
    assert (response["ContentRange"], len(response["Body"].read())) == ("bytes 9990-9999/10000", 10)
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket="bench", Key=key, Range="bytes=20000-")


def test_a_missing_object_is_missing_for_get_and_head(s3: S3Client) -> None:
    for read in (s3.get_object, s3.head_object):
        with pytest.raises(ClientError) as missing:
            read(Bucket="bench", Key="small/none")
        assert missing.value.response["Error"]["Code"] in {"NoSuchKey", "404"}
    assert s3.head_object(Bucket="bench", Key="small/00000/00000007")["ContentLength"] == SIZE


def test_writes_of_any_key_succeed_and_are_counted(sink: RunningSink, s3: S3Client) -> None:
    before = sink.counters()
    s3.put_object(Bucket="bench", Key="a b/é+%", Body=b"x" * SIZE, IfNoneMatch="*")
    s3.delete_object(Bucket="bench", Key="a b")
    after = sink.counters()
    assert after["PutObject"] - before["PutObject"] == 1
    assert after["DeleteObject"] - before["DeleteObject"] == 1
    assert after["bytes received"] - before["bytes received"] > SIZE


@pytest.mark.parametrize("page", [7, 1000])
def test_pages_list_every_key_once_in_order(s3: S3Client, page: int) -> None:
    prefix = "small/00000/" if page == 7 else "small/"
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="bench", Prefix=prefix, PaginationConfig={"PageSize": page}
    )
    keys = [entry["Key"] for found in pages for entry in found["Contents"]]
    count = 100 if page == 7 else KEYS
    assert keys == [f"small/{n // 100:05}/{n:08}" for n in range(count)]


def test_folders_are_listed_with_a_delimiter(s3: S3Client) -> None:
    def folders(prefix: str, most: int = 1000) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket="bench", Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": most}
        )
        return [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]

    assert folders("") == ["large/", "small/"]
    assert folders("small/", 10) == [f"small/{number:05}/" for number in range(KEYS // 100)]
    assert s3.list_objects_v2(Bucket="empty").get("Contents") is None


def test_multipart_transfers_of_boto3_work(sink: RunningSink, s3: S3Client, tmp_path: Path) -> None:
    before, file = sink.counters(), tmp_path / "large"
    config = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    s3.download_file("bench", "large/00000/00000000", str(file), Config=config)
    assert file.stat().st_size == LARGE
    s3.upload_file(str(file), "bench", "up", Config=config)
    after = sink.counters()
    done = {name: after[name] - before[name] for name in after}
    names = ("GetObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
    assert [done[name] for name in names] == [3, 1, 3, 1]


def test_requests_around_transfers_are_answered(sink: RunningSink, s3: S3Client) -> None:
    assert s3.head_bucket(Bucket="bench")["BucketRegion"] == "us-east-1"
    rules = s3.get_bucket_notification_configuration(Bucket="bench")
    assert rules.keys() == {"ResponseMetadata"}
    assert client(sink, "sts").get_caller_identity()["Account"] == "123456789012"


def test_what_the_sink_does_not_know_is_refused(sink: RunningSink, s3: S3Client) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.get_bucket_acl(Bucket="bench")
    with socket.create_connection(("127.0.0.1", sink.port)) as wrong:
        wrong.sendall(b"nonsense\r\n\r\n")
        assert wrong.recv(100) == b""


def test_a_client_may_wait_for_100_continue_and_send_in_pieces(sink: RunningSink) -> None:
    with socket.create_connection(("127.0.0.1", sink.port)) as raw:
        for piece in (
            b"PUT /bench/k HTTP/1.1\r\nExpect: 100-con",
            b"tinue\r\ncontent-length: 6\r\n\r",
        ):
            raw.sendall(piece)
            time.sleep(0.01)  # pieces may arrive together as well: the result is the same
        raw.sendall(b"\n")
        assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"abc")
        raw.sendall(b"defHEAD /bench/small/00000/00000007 HTTP/1.1\r\n\r\n")
        data = b""
        while data.count(b"\r\n\r\n") < 2:
            data += raw.recv(4096)
    assert data.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert data.endswith(b"Content-Length: 10000\r\n\r\n")


def test_every_response_has_the_latency() -> None:
    with run_sink(latency_ms=LATENCY_MS) as slow:
        connection = http.client.HTTPConnection("127.0.0.1", slow.port)
        begin = time.perf_counter()
        for number in range(3):
            connection.request("PUT", f"/bench/{number}", b"x")
            connection.getresponse().read()
        connection.close()
        assert time.perf_counter() - begin >= 3 * LATENCY_MS / 1e3


def test_logs_have_every_line_in_order_of_time(sink: RunningSink) -> None:
    pages = (
        client(sink, "logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName="/aws/lambda/f")
    )
    events = [event for page in pages for event in page["events"]]
    assert len(events) % len(MESSAGES) == 0
    assert 0.99 * (3 << 20) < sum(len(event["message"]) for event in events) <= 3 << 20
    times = [event["timestamp"] for event in events]
    assert all(early < late for early, late in itertools.pairwise(times))
    assert len({event["eventId"] for event in events}) == len(events)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client(sink, "logs").filter_log_events(logGroupName="/aws/lambda/other")


def test_no_process_is_left_after_the_end() -> None:
    with run_sink() as running:
        processes = descendants(running.pid)
        assert len(processes) > 1
    assert [pid for pid in processes if command_line(pid)] == []


def test_scar_needs_no_sdk_with_the_variables_of_the_sink(sink: RunningSink) -> None:
    # Else the SDK's import is measured, which users with plain keys do not have.
    command = [sys.executable, "-X", "importtime", "-m", "scar", "ls", "-b", "bench/small"]
    done = subprocess.run(
        command, cwd=ROOT, env=sink.environment, check=True, capture_output=True, text=True
    )
    assert "small/" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "scar" in imported
    assert not {"boto3", "botocore"} & imported
