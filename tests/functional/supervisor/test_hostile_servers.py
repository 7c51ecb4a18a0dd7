"""Servers that send anything but a response of AWS: bounded memory, bounded time, own errors.

Periods are shortened: a test asserts which error comes, and how much was read, never how fast.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.aws import connection_pool
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool, Timeouts
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.errors import AwsError
from supervisor.aws.metadata import MetadataClient
from supervisor.aws.retry import Backoff
from supervisor.aws.sigv4 import Credentials
from supervisor.batch.submitter import BatchSubmitter
from supervisor.errors import StorageError, SubmissionError
from supervisor.http.bounded_socket import MIN_PROGRESS
from supervisor.job_model import BatchTarget, JobRequest
from supervisor.model import ObjectRef, VersionPin
from supervisor.storage import s3, s3_download
from supervisor.storage.s3_api import S3ObjectApi
from supervisor.storage.s3_protocol import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from supervisor.storage.s3 import S3Store

REF = ObjectRef("s3", "data", "in/key")
HEAD = b"HTTP/1.1 200 OK\r\n"
LIMIT = 16 * MIB  # of memory, in the test


class HostileServer:
    """Answers every request with the chunks of ``script``, until the client closes."""

    def __init__(self, script: Callable[[], Iterator[bytes]]) -> None:
        self.script = script
        self.requests = 0
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self.ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            if not connection.recv(1 << 16):
                return
            self.requests += 1
            for chunk in self.script():
                connection.sendall(chunk)
                if self.ended.is_set():
                    return

    def drip(self, start: bytes, byte: bytes) -> Iterator[bytes]:
        """Send a byte at a time, in pauses shorter than any read timeout."""
        yield start
        while not self.ended.wait(0.02):
            yield byte


@contextlib.contextmanager
def hostile(script: Callable[[HostileServer], Iterator[bytes]]) -> Iterator[HostileServer]:
    server = HostileServer(lambda: script(server))
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def short_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_pool, "DOCUMENT_SECONDS", 2.0)
    monkeypatch.setattr(connection_pool, "MAX_DOCUMENT", MIB)
    monkeypatch.setattr(s3_download, "MAX_UNANNOUNCED", MIB // 4)


def a_store(url: str) -> S3Store:
    environ = {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    store = s3.connect(environ, Backoff(max_attempts=2, sleep=lambda _: None))
    client = replace(
        store.api.client, connections=ConnectionPool(environ, Timeouts(connect=10, read=0.7))
    )
    return replace(
        store, api=S3ObjectApi(client, environ), multipart_threshold=MIB, min_part_size=MIB
    )


def forever(start: bytes, block: bytes) -> Callable[[HostileServer], Iterator[bytes]]:
    def script(_server: HostileServer) -> Iterator[bytes]:
        yield start
        while True:
            yield block

    return script


def once(*parts: bytes) -> Callable[[HostileServer], Iterator[bytes]]:
    return lambda _server: iter(parts)


def dripping(start: bytes, byte: bytes = b"x") -> Callable[[HostileServer], Iterator[bytes]]:
    return lambda server: server.drip(start, byte)


BLOCK = b"x" * (1 << 16)
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
ERROR = b"HTTP/1.1 500 Oops\r\n"
SERVERS: dict[str, Callable[[HostileServer], Iterator[bytes]]] = {
    "a body without end and length": forever(HEAD + b"\r\n", BLOCK),
    "a body of terabytes": forever(HEAD + b"content-length: 9999999999999\r\n\r\n", BLOCK),
    "chunks without end": forever(CHUNKED, b"10000\r\n" + BLOCK + b"\r\n"),
    "chunks of one byte without end": forever(CHUNKED, b"1\r\nx\r\n" * 4096),
    "a chunk size without end": forever(CHUNKED, b"0" * 65536),
    "trailers without end": forever(CHUNKED + b"0\r\n", b"a: b\r\n" * 8192),
    "chunk extensions without end": forever(CHUNKED + b"1;", b"a=b;" * 8192),
    "headers without end": forever(HEAD, b"a: b\r\n"),
    "one header without end": forever(HEAD + b"a: ", BLOCK),
    "a status line without end": forever(b"HTTP/1.1 200 ", BLOCK),
    "100 Continue without end": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "an error body without end": forever(ERROR + b"\r\n", BLOCK),
    "an error in chunks without end": forever(
        ERROR + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + BLOCK + b"\r\n"
    ),
    "a body of one byte at a time": dripping(HEAD + b"content-length: 99999\r\n\r\n"),
    "a body of one byte at a time without length": dripping(HEAD + b"\r\n"),
    "headers of one byte at a time": dripping(HEAD + b"a: "),
    "an error of one byte at a time": dripping(ERROR + b"content-length: 99999\r\n\r\n"),
    "chunks of one byte at a time": dripping(CHUNKED, b"1\r\nx\r\n"),
    "a length that is text": once(HEAD + b"content-length: abc\r\n\r\n"),
    "a negative length": once(HEAD + b"content-length: -5\r\n\r\nxxxxx"),
    "a length with a sign": once(HEAD + b"content-length: +5\r\n\r\nxxxxx"),
    "an empty length": once(HEAD + b"content-length:\r\n\r\n"),
    "a length of 30 digits": once(HEAD + b"content-length: " + b"9" * 30 + b"\r\n\r\n"),
    "two lengths": once(HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
    "a length of other digits": once(HEAD + "content-length: \u0663\r\n\r\n".encode() + b"xxx"),
    "a chunk size that is text": once(CHUNKED + b"zz\r\nxx\r\n"),
    "a negative chunk size": once(CHUNKED + b"-5\r\nxxxxx\r\n"),
    "half a body": once(HEAD + b"content-length: 9\r\n\r\nxx"),
    "half a chunk": once(CHUNKED + b"9\r\nxx"),
    "no status line": once(b"hello\r\n\r\n"),
    "nothing": once(b""),
    "bytes": once(bytes(range(256)) * 16),
    "another protocol": once(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a switch of protocols": once(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"),
    "a redirect": once(b"HTTP/1.1 302 -\r\nlocation: http://127.0.0.1:9/\r\n\r\n"),
    "a redirect to a file": once(b"HTTP/1.1 301 -\r\nlocation: file:///etc/passwd\r\n\r\n"),
    "deep JSON as an error": once(ERROR + b"\r\n" + b"[" * 60_000),
    "deep XML as an error": once(ERROR + b"\r\n" + b"<a>" * 20_000),
    "entities in XML": once(
        ERROR + b'\r\n<!DOCTYPE a [<!ENTITY b "bbbbbbbb">'
        b"<!ENTITY c '" + b"&b;" * 999 + b"'>]><a>" + b"&c;" * 999 + b"</a>"
    ),
}


def upload(store: S3Store, folder: Path, size: int) -> object:
    (folder / "source").write_bytes(b"1" * size)
    return store.upload(folder / "source", REF)


OPERATIONS: dict[str, Callable[[S3Store, Path], object]] = {
    "head": lambda store, _: store.head(REF),
    "read": lambda store, _: store.read(REF),
    "find": lambda store, _: store.api.find_object(REF),
    "write": lambda store, _: store.write(REF, b"1"),
    "upload": lambda store, folder: upload(store, folder, 1),
    "multipart": lambda store, folder: upload(store, folder, 2 * MIB + 1),
}
# HEAD has no body: what follows the headers is not read. An empty 200 is a missing ETag elsewhere.
NO_ERROR = {
    ("head", name)
    for name in SERVERS
    if ("body" in name or "chunk" in name or "trailer" in name) and "error" not in name
}


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_hostile_server_is_a_storage_error_in_bounded_memory(
    tmp_path: Path, operation: str, name: str
) -> None:
    error: StorageError | None = None
    with hostile(SERVERS[name]) as server:
        store = a_store(server.url)
        tracemalloc.start()
        try:
            OPERATIONS[operation](store, tmp_path)
        except StorageError as caught:
            error = caught
        finally:
            store.close()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert (error is None) == ((operation, name) in NO_ERROR)
    assert error is None or 0 < len(error.problem) < 2_000
    assert peak < LIMIT
    assert server.requests <= 8


# An object is as long as S3 says: then the disk is the limit.
DOWNLOADS = sorted(SERVERS.keys() - {"a body of terabytes"})


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_hostile_server_leaves_no_file_of_an_object(tmp_path: Path, name: str) -> None:
    with hostile(SERVERS[name]) as server:
        store = a_store(server.url)
        with pytest.raises(StorageError):
            store.download(REF, tmp_path / "target", version=VersionPin(etag="e"))
        store.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "a body without end and length",
        "a body of one byte at a time",
        "an error body without end",
        "headers without end",
        "deep JSON as an error",
        "a negative length",
        "a redirect",
    ],
)
def test_batch_and_the_metadata_service_are_read_with_the_same_limits(name: str) -> None:
    with hostile(SERVERS[name]) as server:
        origin = parse_endpoint(server.url, "X")
        connections = ConnectionPool({}, Timeouts(connect=10, read=0.7))
        backoff = Backoff(max_attempts=2, sleep=lambda _: None)
        client = AwsClient(
            service="batch",
            region="eu-west-1",
            credentials=StaticCredentials(Credentials(access_key="a", secret_key="b", token="")),
            connections=connections,
            backoff=backoff,
        )
        submitter = BatchSubmitter(client, origin, BatchTarget(queue="q", definition="d"))
        with pytest.raises(SubmissionError):
            submitter.submit(JobRequest(name="j", environment={}))
        with pytest.raises(SubmissionError):
            submitter.has_ended("j")
        with pytest.raises(AwsError):
            MetadataClient(origin, connections=connections, backoff=backoff).request_text("/x", {})
        connections.close()


def reply(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return HEAD + lines + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "answer", [reply(b""), reply(b"<html/>"), reply(b"{}"), reply(b"<a><UploadId/></a>")]
)
def test_an_upload_without_an_id_sends_no_part(tmp_path: Path, answer: bytes) -> None:
    with hostile(once(answer)) as server:
        store = a_store(server.url)
        with pytest.raises(StorageError, match="UploadId"):
            upload(store, tmp_path, 2 * MIB + 1)
        store.close()
        assert server.requests == 1


def test_a_part_of_an_object_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    part = b"HTTP/1.1 206 -\r\ncontent-range: bytes 5-6/99\r\ncontent-length: 2\r\n\r\nxx"
    with hostile(once(part)) as server:
        store = a_store(server.url)
        with pytest.raises(StorageError, match="status 206"):
            store.download(REF, tmp_path / "target", version=VersionPin())
        store.close()


def test_progress_extends_the_time_of_a_large_body() -> None:
    """A body that takes longer than one period arrives, if each period has enough of it."""

    def script(server: HostileServer) -> Iterator[bytes]:
        yield HEAD + b"content-length: %d\r\n\r\n" % (MIN_PROGRESS * 5)
        for _ in range(5):
            server.ended.wait(0.3)
            yield b"x" * MIN_PROGRESS

    with hostile(script) as server:
        store = a_store(server.url)
        found = store.read(REF)
        store.close()
    assert found is not None
    assert len(found[0]) == MIN_PROGRESS * 5
