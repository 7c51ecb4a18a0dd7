"""An HTTP server on loopback that gives every request the same answer, or none."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass
class StubEndpoint:
    """The answer, and the requests received; with ``silent``, requests wait until the end."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    silent: bool = False
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@contextlib.contextmanager
def serve_stub(stub: StubEndpoint) -> Iterator[StubEndpoint]:
    """Serve on a free port; ``url`` is the address."""

    class StubHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stub.requests.append((self.command, self.path, body))
            if stub.silent and self.command in ("PUT", "POST"):
                stub.reached.set()
                stub.closing.wait(30)
                self.close_connection = True
                return
            self.send_response(stub.status)
            for name, value in stub.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(stub.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(stub.body)

        do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815 the server's own names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), StubHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        stub.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield stub
        finally:
            stub.closing.set()
            server.shutdown()
            thread.join()
