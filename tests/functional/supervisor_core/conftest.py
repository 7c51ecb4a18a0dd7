"""The supervisor as a real process, between a Runtime API and an S3 that are real servers."""

from __future__ import annotations

import http.server
import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor import config
from supervisor.model import ExecutionMode, FunctionConfig, ObjectRef, OutputRule
from supervisor.storage import s3
from tests.conformance.object_store_endpoints import S3Endpoint, moto_http
from tests.fakes.supervisor_factory import notification

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supervisor.storage.s3 import S3Store

REPOSITORY = Path(__file__).parents[3]
START = (
    f"import runpy, sys; sys.path.insert(0, {str(REPOSITORY)!r});"
    "runpy.run_module('supervisor', run_name='__main__', alter_sys=True)"
)


@dataclass(slots=True)
class RuntimeServer:
    """A Runtime API: returns the events of ``events``, collects the responses."""

    events: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    responses: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    connections: set[object] = field(default_factory=set)
    seconds: float = 600.0
    address: str = ""

    def invoke(self, request: str, payload: bytes) -> tuple[str, dict[str, object]]:
        """Send an event; return the last part of the response's path, and the response."""
        self.events.put((request, payload))
        path, body = self.responses.get(timeout=300)
        assert f"/{request}/" in path
        return path.rpartition("/")[2], json.loads(body)


def _handler(server: RuntimeServer) -> type[http.server.BaseHTTPRequestHandler]:
    class RuntimeApiHandler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            import time

            server.connections.add(self.client_address)
            request, payload = server.events.get()
            if not request:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", request)
            deadline = str(int((time.time() + server.seconds) * 1000))
            self.send_header("Lambda-Runtime-Deadline-Ms", deadline)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_POST(self) -> None:
            server.connections.add(self.client_address)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            server.responses.put((self.path, body))

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    return RuntimeApiHandler


@pytest.fixture
def runtime_api() -> Iterator[RuntimeServer]:
    server = RuntimeServer()
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    server.address = f"127.0.0.1:{listener.server_port}"
    try:
        yield server
    finally:
        server.events.put(("", b""))
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Endpoint]:
    with moto_http(tmp_path_factory.mktemp("endpoint")) as running:
        yield running


@dataclass(slots=True)
class FunctionFiles:
    """A deployed function's files, and the environment that its processes get."""

    folder: Path
    endpoint: S3Endpoint
    store: S3Store
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def deploy(
        self, script: str, mode: ExecutionMode = ExecutionMode.LAMBDA, name: str = "fn"
    ) -> None:
        home = self.folder / "function"
        home.mkdir(exist_ok=True)
        (home / "script.sh").write_text(script)
        described = FunctionConfig(
            name=name,
            mode=mode,
            state_bucket=self.endpoint.bucket,
            script="script.sh",
            outputs=(OutputRule(provider="s3", path=f"{self.endpoint.bucket}/out-{name}"),),
        )
        (home / "function.json").write_text(config.config_to_json(described))

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", START],
            env={
                "PATH": os.environ["PATH"],
                "SCAR_HOME": str(self.folder),
                "TMPDIR": str(temporary),
                **self.endpoint.environ,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def read(self, key: str) -> bytes | None:
        found = self.store.read(ObjectRef("s3", self.endpoint.bucket, key))
        return found[0] if found else None

    def write(self, key: str, data: bytes) -> None:
        self.store.write(ObjectRef("s3", self.endpoint.bucket, key), data)

    def event(self, key: str) -> str:
        """Return the notification of an object in the endpoint's bucket."""
        return json.dumps(notification(key, bucket=self.endpoint.bucket))


@pytest.fixture
def function(tmp_path: Path, endpoint: S3Endpoint) -> Iterator[FunctionFiles]:
    function_ = FunctionFiles(tmp_path, endpoint, s3.connect(endpoint.environ))
    yield function_
    for process in function_.started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    function_.store.close()
