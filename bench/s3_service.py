"""Speed and memory of the local cloud's S3 service: ``python bench/s3_service.py``.

Small objects are written and read with raw signed requests over persistent connections (as the
supervisor does) and with boto3; one large object is transferred with the transfer manager. Rates
are medians of several runs; memory is the peak of the server's own process.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from scar.local.http.secret_keys import derive_secret_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

KEY_ID = "AKIALOCAL00000000001"
ROOT = Path(__file__).parents[1]
SERVE = ROOT / "tests" / "functional" / "local" / "s3" / "serve.py"
MIB = 1 << 20
BODY = b"x" * 10_000


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[int, int]]:
    """Start a server, yield its pid and port, and kill it afterwards."""
    process = subprocess.Popen(
        [sys.executable, str(SERVE), str(folder)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    with process:
        try:
            assert process.stdout  # noqa: S101
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def connect(port: int) -> S3Client:
    session = boto3.Session(KEY_ID, derive_secret_key(b"k", KEY_ID), region_name="us-east-1")
    return session.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        config=Config(max_pool_connections=16),
    )


def signed(port: int, method: str, path: str) -> dict[str, str]:
    """Return the headers of one request; signing is not part of the measured time."""
    data = BODY if method == "PUT" else b""
    request = AWSRequest(method=method, url=f"http://127.0.0.1:{port}{path}", data=data)
    request.headers["host"] = f"127.0.0.1:{port}"
    S3SigV4Auth(Credentials(KEY_ID, derive_secret_key(b"k", KEY_ID)), "s3", "us-east-1").add_auth(
        request
    )
    return {str(name): str(value) for name, value in request.headers.items()}


def raw_rate(port: int, method: str, count: int, clients: int) -> float:
    """Return the requests per second over ``clients`` connections."""
    paths = [f"/bench/k{number}" for number in range(count)]
    work = [(path, signed(port, method, path)) for path in paths]

    def run(requests: list[tuple[str, dict[str, str]]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for path, headers in requests:
            connection.request(method, path, BODY if method == "PUT" else None, headers)
            response = connection.getresponse()
            data = response.read()
            if response.status != 200:
                raise SystemExit(f"{method} {path}: {data!r}")
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, [work[first::clients] for first in range(clients)]))
    return count / (time.perf_counter() - started)


def boto3_rate(client: S3Client, count: int, clients: int) -> float:
    """Return the PUTs per second with boto3."""

    def put(number: int) -> None:
        client.put_object(Bucket="bench", Key=f"b{number}", Body=BODY)

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(put, range(count)))
    return count / (time.perf_counter() - started)


class ZeroUpload:
    """A stream of ``size`` zero bytes."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = bytes(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def large_put(client: S3Client, size: int) -> float:
    """Return the MB per second of one multipart upload."""
    config = TransferConfig(multipart_chunksize=32 * MIB, max_concurrency=4)
    started = time.perf_counter()
    client.upload_fileobj(cast("IO[bytes]", ZeroUpload(size)), "bench", "big", Config=config)
    return size / 1e6 / (time.perf_counter() - started)


def large_get(client: S3Client) -> float:
    """Return the MB per second of one download."""
    started = time.perf_counter()
    size = 0
    for chunk in client.get_object(Bucket="bench", Key="big")["Body"].iter_chunks(MIB):
        size += len(chunk)
    return size / 1e6 / (time.perf_counter() - started)


def peak_mb(pid: int) -> float:
    """Return the peak of the process's resident memory, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def median(runs: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(runs))


def main() -> None:
    """Print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--large-mb", type=int, default=1024)
    options = parser.parse_args()
    runs, count = options.runs, options.count
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (pid, port):
        client = connect(port)
        client.create_bucket(Bucket="bench")
        for clients in (1, 4):
            for method in ("PUT", "GET"):
                rate = median(runs, lambda m=method, c=clients: raw_rate(port, m, count, c))  # type: ignore[misc]
                print(f"{method} 10 KB, raw client, {clients} connections: {rate:,.0f}/s")
        rate = median(runs, lambda: boto3_rate(client, count // 2, 4))
        print(f"PUT 10 KB, boto3, 4 threads: {rate:,.0f}/s")
        print(f"peak memory after small objects: {peak_mb(pid):.0f} MB")
        speed = median(runs, lambda: large_put(client, options.large_mb * MIB))
        print(f"multipart put of {options.large_mb} MB: {speed:,.0f} MB/s")
        print(f"get of {options.large_mb} MB: {median(runs, lambda: large_get(client)):,.0f} MB/s")
        print(f"peak memory of the server: {peak_mb(pid):.0f} MB")
        client.close()


if __name__ == "__main__":
    main()
