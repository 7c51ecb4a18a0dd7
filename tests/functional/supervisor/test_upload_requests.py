"""Outputs of a run over HTTP: how many requests, lost responses, and files sent in parts."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from supervisor.aws.retry import Backoff
from supervisor.errors import DeadlineExceeded, StorageError
from supervisor.execution.output_listing import list_outputs
from supervisor.execution.upload_pool import UploadPool
from supervisor.execution.workspace import create_workspace
from supervisor.logs import Log
from supervisor.model import OutputRule
from supervisor.storage import s3
from supervisor.storage.s3_protocol import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from supervisor.execution.workspace import Workspace
    from supervisor.runs.record_format import UploadedObject
    from supervisor.storage.s3 import S3Store

RULES = (OutputRule(provider="s3", path="data/out"),)


@dataclass(slots=True)
class ConditionalStore:
    """PutObject and HeadObject with ``If-None-Match``, and what a test does in between.

    ``loses_response`` decides for a key and the number of its request, from 1, whether the
    connection is closed after the object has been stored. ``refuses`` returns a status or 0.
    """

    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    loses_response: Callable[[str, int], bool] = lambda _key, _number: False
    refuses: Callable[[str], int] = lambda _key: 0
    url: str = ""

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> int:
        """Store an object that does not exist; return the status, 0 to close the connection."""
        with self.lock:
            self.requests["PUT"] += 1
            self.requests[key] += 1
            if status := self.refuses(key):
                return status
            if key in self.objects:
                return 412
            self.objects[key] = (body, metadata)
            return 0 if self.loses_response(key, self.requests[key]) else 200


def new_handler(store: ConditionalStore) -> type[http.server.BaseHTTPRequestHandler]:
    class StoreHandler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # The client has ended the request: nothing is stored.
                self.close_connection = True
                return
            metadata = {
                name.lower(): value
                for name, value in self.headers.items()
                if name.lower().startswith("x-amz-meta-")
            }
            status = store.put(self.path.removeprefix("/data/"), body, metadata)
            if status:
                self.reply(status, {"etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'})
            else:
                self.close_connection = True

        def do_HEAD(self) -> None:
            with store.lock:
                store.requests["HEAD"] += 1
                found = store.objects.get(self.path.removeprefix("/data/"))
            self.reply(404 if found is None else 200, {"etag": '"e"'} | (found or (b"", {}))[1])

        def reply(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    return StoreHandler


@pytest.fixture
def server() -> Iterator[ConditionalStore]:
    state = ConditionalStore()
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), new_handler(state))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{listener.server_port}"
    yield state
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Workspace]:
    with create_workspace(tmp_path) as workspace:
        yield workspace


def connect(server: ConditionalStore) -> S3Store:
    environ = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    return s3.connect(environ, backoff=Backoff(base=0.0))


def upload(
    run: Workspace, store: S3Store, now: Callable[[], float] = lambda: 0.0
) -> tuple[UploadedObject, ...]:
    pool = UploadPool(
        run=run.files,
        open_store=lambda _provider: store,
        find_metadata=lambda _target: {"scar-run": "r1"},
        log=Log(write=lambda _: None),
        now=now,
        stop_at=100.0,
    )
    try:
        return pool.upload(list_outputs(run.files, RULES).files)
    finally:
        store.close()


def write(run: Workspace, count: int) -> None:
    for number in range(count):
        (run.outputs / f"{number:04}").write_bytes(b"%d" % number)


def test_1500_files_cost_1500_requests(run: Workspace, server: ConditionalStore) -> None:
    write(run, 1500)
    uploaded = upload(run, connect(server))
    assert (server.requests["PUT"], server.requests["HEAD"]) == (1500, 0)
    for made in uploaded:
        body, metadata = server.objects[made.key]
        assert (made.size, made.crc32) == (len(body), f"{zlib.crc32(body):08x}")
        assert metadata["x-amz-meta-scar-run"] == "r1"


def test_a_write_whose_response_was_lost_is_found_again_and_not_repeated(
    run: Workspace, server: ConditionalStore
) -> None:
    write(run, 40)
    server.loses_response = lambda key, number: int(key[-4:]) % 4 == 0 and number == 1
    uploaded = upload(run, connect(server))
    assert [made.crc32 for made in uploaded] == [
        f"{zlib.crc32(b'%d' % number):08x}" for number in range(40)
    ]
    assert (server.requests["PUT"], server.requests["HEAD"]) == (40, 10)


def test_a_second_attempt_costs_two_requests_for_each_file_that_exists(
    run: Workspace, server: ConditionalStore
) -> None:
    write(run, 30)
    upload(run, connect(server))
    write(run, 40)
    upload(run, connect(server))
    assert (server.requests["PUT"], server.requests["HEAD"]) == (70, 30)
    assert len(server.objects) == 40


def test_a_refused_write_ends_the_upload_and_names_the_object(
    run: Workspace, server: ConditionalStore
) -> None:
    write(run, 200)
    server.refuses = lambda key: 403 if key.endswith("0050") else 0
    with pytest.raises(StorageError, match="out/0050"):
        upload(run, connect(server))
    assert not [thread for thread in threading.enumerate() if "(_work)" in thread.name]


def test_a_deadline_within_a_large_file_leaves_no_object(
    run: Workspace, server: ConditionalStore
) -> None:
    with (run.outputs / "large").open("wb") as file:
        file.truncate(8 * MIB)
    reads = Counter[str]()

    def now() -> float:
        # The file is read once for its checksum, and once more to send it.
        reads["times"] += 1
        return 100.0 if reads["times"] > 50 else 0.0

    with pytest.raises(DeadlineExceeded):
        upload(run, connect(server), now)
    assert server.objects == {}


def test_files_that_are_sent_at_the_same_time_do_not_mix(
    run: Workspace, server: ConditionalStore
) -> None:
    """Each file is sent twice, as itself and through a link."""
    contents = {f"{number}": os.urandom(3 * MIB + number) for number in range(8)}
    for name, content in contents.items():
        (run.outputs / name).write_bytes(content)
        (run.outputs / f"{name}-again").symlink_to(name)
    uploaded = upload(run, connect(server))
    assert len(uploaded) == 16
    for made in uploaded:
        content = contents[made.key.removeprefix("out/").removesuffix("-again")]
        assert server.objects[made.key][0] == content
        assert made.crc32 == f"{zlib.crc32(content):08x}"
