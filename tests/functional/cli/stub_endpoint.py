"""A server on loopback that answers every request as it is told, or never."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass
class Answering:
    """What is answered, and what was asked; ``silent`` requests hang until the end."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    silent: bool = False
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@contextlib.contextmanager
def answering(how: Answering) -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            how.asked.append((self.command, self.path, body))
            if how.silent and self.command in ("PUT", "POST"):
                how.reached.set()
                how.over.wait(30)
                self.close_connection = True
                return
            self.send_response(how.status)
            for name, value in how.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(how.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(how.body)

        do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815 the server's own names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        how.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield how
        finally:
            how.over.set()
            server.shutdown()
            thread.join()
