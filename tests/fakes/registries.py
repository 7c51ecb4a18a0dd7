"""An in-memory registry on loopback with configurable faults, and Debian's docker-registry."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.conformance.engine_harness import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.image.formats.composed_image import ComposedImage

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests)/(?P<rest>[^/]*)")


@dataclass
class FaultyRegistry:
    """The content of a registry, the requests it received, and the faults it injects.

    The number of the next requests that fail: ``broken_downloads`` and ``broken_uploads`` of
    blobs end in the middle; ``throttled`` requests get status 429 with the Retry-After
    ``retry_after``; ``bad_gateways`` get status 502; ``lost_responses``: the manifest is stored,
    and the connection closed without a response.

    ``corrupt_digests``: blobs that are served with other bytes. ``redirect_to``: the URL that
    blob downloads are redirected to. ``token_uses``: the number of requests after which a token
    expires (0: no token is needed). ``discard_uploads``: uploads are read and not stored.
    ``supports_mounts``: blobs are mounted from other repositories, and each repository has only
    the blobs that were uploaded to it or mounted; else a mount begins an upload.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    request_counts: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    uploaded: set[tuple[str, str]] = field(default_factory=set)
    broken_downloads: int = 0
    broken_uploads: int = 0
    throttled: int = 0
    retry_after: str = "3"
    bad_gateways: int = 0
    lost_responses: int = 0
    redirect_to: str = ""
    supports_mounts: bool = False
    discard_uploads: bool = False
    logins: set[str] = field(default_factory=set)
    corrupt_digests: frozenset[str] = frozenset()
    ranges: bool = True
    token_uses: int = 0
    user: str = ""
    tokens: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    endpoint: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    def add_image(self, image: ComposedImage, *references: str, media_type: str = "") -> None:
        """Store an image under its digest and these references, as a push does."""
        for blob in image.blobs:
            with blob.open() as file:
                self.blobs[blob.digest] = file.read()
        with image.manifest.open() as file:
            data = file.read()
        for reference in (image.digest, *references):
            self.manifests[reference] = (data, media_type or image.media_type)

    def count_down(self, name: str) -> bool:
        """Return whether the next request fails in this way, and count it."""
        with self.lock:
            left: int = getattr(self, name)
            setattr(self, name, max(0, left - 1))
            return left > 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else half of the responses come 40 ms late
    registry: FaultyRegistry
    repository: str

    def handle_any(self) -> None:
        registry, url = self.registry, urlsplit(self.path)
        body = self._body(url.path)
        if body is None:
            return
        if url.path == "/token":
            self._token()
            return
        registry.request_counts[f"{self.command} {url.path.split('/')[-2]}"] += 1
        registry.requests.append((self.command, self.path))
        registry.logins.add(self.headers.get("Authorization", ""))
        if registry.count_down("throttled"):
            self._respond(429, b"slow down", {"Retry-After": registry.retry_after})
        elif registry.count_down("bad_gateways"):
            self._respond(502, b"<html>")
        elif not self._allowed():
            realm = f'Bearer realm="{registry.endpoint}/token",service="here",scope="x"'
            self._respond(401, b"{}", {"WWW-Authenticate": realm})
        elif match := _ROUTE.fullmatch(url.path):
            self.repository = match["name"]
            self._route(match["kind"], match["rest"], parse_qs(url.query), body)
        else:
            self._respond(404, b"{}")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def _body(self, path: str) -> bytes | None:
        left = int(self.headers.get("Content-Length") or 0)
        if (
            self.command == "PUT"
            and "/blobs/" in path
            and self.registry.count_down("broken_uploads")
        ):
            self.rfile.read(left // 2)
            self._close_connection()
            return None
        if self.registry.discard_uploads:
            while left and (piece := self.rfile.read(min(left, 1 << 20))):
                left -= len(piece)
            return b""
        return self.rfile.read(left)

    def _token(self) -> None:
        registry = self.registry
        if registry.user and not self.headers.get("Authorization", "").startswith("Basic "):
            self._respond(401, b"{}")
            return
        with registry.lock:
            token = f"t{len(registry.tokens)}"
            registry.tokens[token] = registry.token_uses
        self._respond(200, json.dumps({"token": token}).encode())

    def _allowed(self) -> bool:
        registry = self.registry
        if not registry.token_uses:
            return True
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with registry.lock:
            registry.tokens[token] = registry.tokens.get(token, 0) - 1
            return registry.tokens[token] >= 0

    def _route(self, kind: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        if self.command in {"GET", "HEAD"}:
            self._read(kind, rest)
        else:
            self._write(kind, rest, query, body)

    def _read(self, kind: str, rest: str) -> None:
        registry = self.registry
        match self.command, kind:
            case "HEAD", "blobs":
                exists = (
                    (self.repository, rest) in registry.uploaded
                    if registry.supports_mounts
                    else rest in registry.blobs
                )
                self._respond(200 if exists else 404, b"")
            case "GET", "blobs" if registry.redirect_to:
                self._respond(307, b"", {"Location": f"{registry.redirect_to}{self.path}"})
            case "GET", "blobs" if rest in registry.blobs:
                self._blob(rest)
            case (("GET" | "HEAD"), "manifests") if rest in registry.manifests:
                data, media_type = registry.manifests[rest]
                self._respond(200, data, {"Content-Type": media_type})
            case _:
                self._respond(404, b"{}")

    def _write(self, kind: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        registry = self.registry
        match self.command, kind:
            case "POST", "blobs/uploads" if (
                registry.supports_mounts and query.get("mount", [""])[0] in registry.blobs
            ):
                registry.uploaded.add((self.repository, query["mount"][0]))
                self._respond(201, b"")
            case "POST", "blobs/uploads":
                self._respond(202, b"", {"Location": f"{self.path.partition('?')[0]}u1?x=1"})
            case "PUT", "blobs/uploads":
                digest = query["digest"][0]
                is_valid = digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
                if is_valid:
                    registry.blobs[digest] = body
                    registry.uploaded.add((self.repository, digest))
                self._respond(201 if is_valid else 400, b"{}")
            case "PUT", "manifests":
                named = json.loads(body)
                needed = [item["digest"] for item in (named["config"], *named["layers"])]
                if all(digest in registry.blobs for digest in needed):
                    stored = (body, self.headers["Content-Type"])
                    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
                    registry.manifests |= {rest: stored, digest: stored}
                    if registry.count_down("lost_responses"):
                        self._close_connection()
                    else:
                        self._respond(201, b"")
                else:
                    self._respond(400, b"{}")
            case _:
                self._respond(404, b"{}")

    def _blob(self, digest: str) -> None:
        registry, data = self.registry, self.registry.blobs[digest]
        if digest in registry.corrupt_digests:
            data = data[:-1] + bytes([data[-1] ^ 1])
        begin = 0
        if registry.ranges and (range_ := self.headers.get("Range")):
            begin = int(range_.removeprefix("bytes=").partition("-")[0])
        part = data[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if len(part) > 1 and registry.count_down("broken_downloads"):
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self._close_connection()
            return
        self.wfile.write(part)

    def _close_connection(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _respond(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection early; print other errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextlib.contextmanager
def faulty_registry() -> Iterator[FaultyRegistry]:
    """Serve a registry; it has no faults until the test sets some."""
    registry = FaultyRegistry()
    handler = type("Bound", (_Handler,), {"registry": registry})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        registry.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def debian_registry(folder: Path, login: tuple[str, str] | None = None) -> Iterator[str]:
    """Run Debian's docker-registry; yield its endpoint. Skip where it is not installed."""
    program = shutil.which("docker-registry")
    if program is None:
        unavailable("docker-registry is not installed (package docker-registry)")
    if login is not None and not shutil.which("htpasswd"):
        unavailable("htpasswd is not installed (package apache2-utils)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    access = ""
    if login is not None:
        (folder / "htpasswd").write_text(_htpasswd(*login))
        access = f"auth: {{htpasswd: {{realm: here, path: {folder}/htpasswd}}}}\n"
    (folder / "registry.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n{access}"
    )
    with subprocess.Popen(
        [program, "serve", str(folder / "registry.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/v2/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _htpasswd(user: str, password: str) -> str:
    completed = subprocess.run(
        ["htpasswd", "-nbB", user, password], capture_output=True, text=True, check=True
    )
    return completed.stdout


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None:
        try:
            requests.get(url, timeout=60)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("docker-registry did not start")
