"""Lambda's Runtime API for one supervisor, which is started as a process and given events.

The API is served by this process: its CPU time is not the supervisor's.
"""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

READY_SECONDS = RUN_SECONDS = 120.0


class RunFailedError(Exception):
    """The supervisor reported an error, or nothing in time; with the end of its log."""


@dataclass(slots=True)
class RunningSupervisor:
    """A supervisor that waits for events."""

    pid: int = 0
    log: str = ""
    _events: queue.Queue[bytes] = field(default_factory=queue.Queue)
    _results: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    _waiting: threading.Event = field(default_factory=threading.Event)

    def run(self, event: object) -> float:
        """Handle one event; return the seconds until the response; raise RunFailedError."""
        self._waiting.clear()
        begin = time.perf_counter()
        self._events.put(json.dumps(event).encode())
        try:
            kind, body = self._results.get(timeout=RUN_SECONDS)
        except queue.Empty:
            raise RunFailedError(f"no response after {RUN_SECONDS:g} s{self._log_end()}") from None
        seconds = time.perf_counter() - begin
        if kind != "response":
            raise RunFailedError(f"{body.decode(errors='replace')}{self._log_end()}")
        # What it does after the response is part of the run: the next GET ends it.
        self.wait_until_ready()
        return seconds

    def wait_until_ready(self) -> None:
        """Wait until the supervisor requests the next event."""
        if not self._waiting.wait(READY_SECONDS):
            raise RunFailedError(f"the supervisor requests no event{self._log_end()}")

    def next_event(self) -> bytes:
        self._waiting.set()
        return self._events.get()

    def take_result(self, kind: str, body: bytes) -> None:
        self._results.put((kind, body))

    def _log_end(self) -> str:
        with open(self.log, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return f"; its log ends:\n{file.read()[-2000:]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    supervisor: RunningSupervisor

    def do_GET(self) -> None:
        self._number = getattr(self, "_number", 0) + 1
        event = self.supervisor.next_event()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"{time.time_ns():x}-{self._number:x}")
        deadline = int((time.time() + RUN_SECONDS) * 1000)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.supervisor.take_result(self.path.rpartition("/")[2], body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def run_supervisor(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[RunningSupervisor]:
    """Start the supervisor and wait until it is ready; kill it afterwards."""
    supervisor = RunningSupervisor()
    handler = type("_BoundHandler", (_Handler,), {"supervisor": supervisor})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"127.0.0.1:{server.server_address[1]}"
    with (
        tempfile.NamedTemporaryFile("wb") as log,
        subprocess.Popen(
            list(command),
            env={**environment, "AWS_LAMBDA_RUNTIME_API": address},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        supervisor.pid, supervisor.log = process.pid, log.name
        try:
            supervisor.wait_until_ready()
            yield supervisor
        finally:
            process.kill()
            server.shutdown()
            server.server_close()
