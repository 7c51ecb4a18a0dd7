"""The registry service behind a plain HTTP server on loopback."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from scar.image.registry.credentials import Login
from scar.image.registry.repository import RepositoryClient
from scar.local.http.messages import Request
from scar.local.registry.service import RegistryService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.http.messages import HttpApp

PASSWORD = "secret"


class RegistryHandler(BaseHTTPRequestHandler):
    app: ClassVar[HttpApp]
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        response = self.app.handle(
            Request(
                method=self.command,
                path=path,
                query=query,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=SentBody(self),
            )
        )
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        if isinstance(response.body, bytes):
            self.wfile.write(response.body)
        else:
            for chunk in response.body:
                self.wfile.write(chunk)
            response.body.close()
        self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


class SentBody:
    """The body of a request, with a Content-Length or in chunks."""

    def __init__(self, handler: RegistryHandler) -> None:
        self._file = handler.rfile
        self._chunked = handler.headers.get("transfer-encoding", "") == "chunked"
        self._left = int(handler.headers.get("content-length") or 0)

    def read(self, size: int, /) -> bytes:
        if self._chunked and not self._left:
            self._left = int(self._file.readline(), 16)
            if not self._left:
                self._file.readline()
                self._chunked = False
                return b""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        if self._chunked and not self._left:
            self._file.readline()
        return data


@dataclass(frozen=True, slots=True)
class Registry:
    endpoint: str
    service: RegistryService
    folder: Path

    def repository(self, name: str = "scar/f") -> RepositoryClient:
        return RepositoryClient(self.endpoint, name, Login("AWS", PASSWORD), sleep=lambda _: None)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "registry"
    service = RegistryService(
        folder, PASSWORD, repository_exists=lambda name: not name.startswith("absent/")
    )
    handler = type("BoundHandler", (RegistryHandler,), {"app": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Registry(f"http://127.0.0.1:{server.server_port}", service, folder)
        server.shutdown()
        thread.join()
