"""The S3 service as a process: killed under load, and sent more than fits into its memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from scar.local.http.secret_keys import derive_secret_key
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

KEY_ID = "AKIALOCAL00000000001"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
ROOT = Path(__file__).parents[4]
MIB = 1 << 20


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], S3Client]]:
    """Yield a started server and a client; the server is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("serve.py")), str(folder)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    with process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            session = boto3.Session(
                KEY_ID, derive_secret_key(b"k", KEY_ID), region_name="us-east-1"
            )
            client = session.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{port}",
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=8),
            )
            with contextlib.closing(client):
                yield process, client
        finally:
            process.kill()


def notify(client: S3Client) -> None:
    client.put_bucket_notification_configuration(
        Bucket="bucket",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )


def body_of(key: str) -> bytes:
    """Return the body of a key: every third is stored as a file, the others inline."""
    return key.encode() * (20_000 if int(key) % 3 == 0 else 100)


def test_acknowledged_objects_and_their_events_survive_kill_9(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()

    def write(first: int) -> None:
        for number in range(first, 1_000_000, 4):
            key = f"{number:06d}"
            try:
                client.put_object(Bucket="bucket", Key=key, Body=body_of(key))
            except BotoCoreError:
                return
            acknowledged.append(key)
            if stop.is_set():
                return

    with server(tmp_path) as (process, client):
        client.create_bucket(Bucket="bucket")
        notify(client)
        with ThreadPoolExecutor(4) as pool:
            for first in range(4):
                pool.submit(write, first)
            until(lambda: len(acknowledged) > 50)
            process.kill()
            process.wait(300)
            stop.set()
    with server(tmp_path) as (_, client):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket")
        stored = {each["Key"] for page in pages for each in page.get("Contents", [])}
        assert stored >= set(acknowledged)
        for key in acknowledged[-30:]:
            assert client.get_object(Bucket="bucket", Key=key)["Body"].read() == body_of(key)
        assert wait_for_events(tmp_path / "events", stored) == stored
    files = sum(1 for key in stored if len(body_of(key)) > 65536)
    assert len(list((tmp_path / "s3" / "blobs").iterdir())) == files


def wait_for_events(path: Path, keys: set[str]) -> set[str]:
    def delivered() -> set[str]:
        # The line that was being written when the process was killed may be incomplete.
        lines = path.read_bytes().split(b"\n")[:-1]
        return {json.loads(line) for line in lines if line.count(b'"') == 2}

    until(lambda: delivered() >= keys)
    return delivered()


class ZeroStream:
    """A stream of ``size`` zero bytes."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = bytes(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def test_the_memory_of_the_server_does_not_grow_with_an_upload(tmp_path: Path) -> None:
    size = 256 * MIB
    config = TransferConfig(multipart_chunksize=32 * MIB, max_concurrency=2)
    with server(tmp_path) as (process, client):
        client.create_bucket(Bucket="bucket")
        client.upload_fileobj(cast("IO[bytes]", ZeroStream(size)), "bucket", "big", Config=config)
        assert client.head_object(Bucket="bucket", Key="big")["ContentLength"] == size
        got = client.get_object(Bucket="bucket", Key="big", Range=f"bytes={100 * MIB}-")["Body"]
        digest = hashlib.sha256()
        for piece in got.iter_chunks(MIB):
            digest.update(piece)
        assert digest.digest() == hashlib.sha256(bytes(156 * MIB)).digest()
        assert peak_mb(process.pid) < 120


def peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024
