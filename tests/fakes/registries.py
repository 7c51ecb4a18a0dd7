"""A registry on loopback, in memory, that can be told to misbehave; and Debian's real one."""

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
class Misbehaving:
    """What a registry has, what it was asked, and how it errs.

    ``drops``: so many blob downloads break in their middle. ``cuts``: so many uploads do.
    ``busy``: so many requests are answered 429, ``patience`` is its Retry-After. ``unwell``: so
    many are answered 502. ``silent``: so many manifests are stored, and the answer is lost.
    ``lies``: digests it has other bytes for. ``elsewhere``: where downloads are redirected to.
    ``uses``: after so many requests a token is no longer taken (0: no token is needed).
    ``swallows``: uploads are read and forgotten piece by piece.
    ``mounts``: whether it mounts what it has, else it begins an upload; then each repository
    has only the blobs that were uploaded to it or mounted.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    uploaded: set[tuple[str, str]] = field(default_factory=set)
    drops: int = 0
    cuts: int = 0
    busy: int = 0
    patience: str = "3"
    unwell: int = 0
    silent: int = 0
    elsewhere: str = ""
    mounts: bool = False
    swallows: bool = False
    logins: set[str] = field(default_factory=set)
    lies: frozenset[str] = frozenset()
    ranges: bool = True
    uses: int = 0
    user: str = ""
    tokens: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    endpoint: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    def keep(self, image: ComposedImage, *references: str, media_type: str = "") -> None:
        """Have an image, as if somebody had pushed it."""
        for blob in image.blobs:
            with blob.open() as file:
                self.blobs[blob.digest] = file.read()
        with image.manifest.open() as file:
            data = file.read()
        for reference in (image.digest, *references):
            self.manifests[reference] = (data, media_type or image.media_type)

    def takes(self, name: str) -> bool:
        """Use up one of what is counted down."""
        with self.lock:
            left: int = getattr(self, name)
            setattr(self, name, max(0, left - 1))
            return left > 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else half of the answers come 40 ms late
    how: Misbehaving
    repository: str

    def handle_any(self) -> None:
        how, url = self.how, urlsplit(self.path)
        body = self._body(url.path)
        if body is None:
            return
        if url.path == "/token":
            self._token()
            return
        how.asked[f"{self.command} {url.path.split('/')[-2]}"] += 1
        how.requests.append((self.command, self.path))
        how.logins.add(self.headers.get("Authorization", ""))
        if how.takes("busy"):
            self._answer(429, b"slow down", {"Retry-After": how.patience})
        elif how.takes("unwell"):
            self._answer(502, b"<html>")
        elif not self._allowed():
            realm = f'Bearer realm="{how.endpoint}/token",service="here",scope="x"'
            self._answer(401, b"{}", {"WWW-Authenticate": realm})
        elif match := _ROUTE.fullmatch(url.path):
            self.repository = match["name"]
            self._route(match["kind"], match["rest"], parse_qs(url.query), body)
        else:
            self._answer(404, b"{}")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def _body(self, path: str) -> bytes | None:
        left = int(self.headers.get("Content-Length") or 0)
        if self.command == "PUT" and "/blobs/" in path and self.how.takes("cuts"):
            self.rfile.read(left // 2)
            self._hang_up()
            return None
        if self.how.swallows:
            while left and (piece := self.rfile.read(min(left, 1 << 20))):
                left -= len(piece)
            return b""
        return self.rfile.read(left)

    def _token(self) -> None:
        how = self.how
        if how.user and not self.headers.get("Authorization", "").startswith("Basic "):
            self._answer(401, b"{}")
            return
        with how.lock:
            token = f"t{len(how.tokens)}"
            how.tokens[token] = how.uses
        self._answer(200, json.dumps({"token": token}).encode())

    def _allowed(self) -> bool:
        how = self.how
        if not how.uses:
            return True
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with how.lock:
            how.tokens[token] = how.tokens.get(token, 0) - 1
            return how.tokens[token] >= 0

    def _route(self, kind: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        if self.command in {"GET", "HEAD"}:
            self._read(kind, rest)
        else:
            self._write(kind, rest, query, body)

    def _read(self, kind: str, rest: str) -> None:
        how = self.how
        match self.command, kind:
            case "HEAD", "blobs":
                there = (self.repository, rest) in how.uploaded if how.mounts else rest in how.blobs
                self._answer(200 if there else 404, b"")
            case "GET", "blobs" if how.elsewhere:
                self._answer(307, b"", {"Location": f"{how.elsewhere}{self.path}"})
            case "GET", "blobs" if rest in how.blobs:
                self._blob(rest)
            case (("GET" | "HEAD"), "manifests") if rest in how.manifests:
                data, media_type = how.manifests[rest]
                self._answer(200, data, {"Content-Type": media_type})
            case _:
                self._answer(404, b"{}")

    def _write(self, kind: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        how = self.how
        match self.command, kind:
            case "POST", "blobs/uploads" if how.mounts and query.get("mount", [""])[0] in how.blobs:
                how.uploaded.add((self.repository, query["mount"][0]))
                self._answer(201, b"")
            case "POST", "blobs/uploads":
                self._answer(202, b"", {"Location": f"{self.path.partition('?')[0]}u1?x=1"})
            case "PUT", "blobs/uploads":
                digest = query["digest"][0]
                right = digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
                if right:
                    how.blobs[digest] = body
                    how.uploaded.add((self.repository, digest))
                self._answer(201 if right else 400, b"{}")
            case "PUT", "manifests":
                named = json.loads(body)
                needed = [item["digest"] for item in (named["config"], *named["layers"])]
                if all(digest in how.blobs for digest in needed):
                    kept = (body, self.headers["Content-Type"])
                    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
                    how.manifests |= {rest: kept, digest: kept}
                    if how.takes("silent"):
                        self._hang_up()
                    else:
                        self._answer(201, b"")
                else:
                    self._answer(400, b"{}")
            case _:
                self._answer(404, b"{}")

    def _blob(self, digest: str) -> None:
        how, data = self.how, self.how.blobs[digest]
        if digest in how.lies:
            data = data[:-1] + bytes([data[-1] ^ 1])
        begin = 0
        if how.ranges and (asked := self.headers.get("Range")):
            begin = int(asked.removeprefix("bytes=").partition("-")[0])
        part = data[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if len(part) > 1 and how.takes("drops"):
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self._hang_up()
            return
        self.wfile.write(part)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Let clients go away before they are answered; what else fails is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextlib.contextmanager
def misbehaving() -> Iterator[Misbehaving]:
    """Serve a registry that behaves until it is told otherwise."""
    how = Misbehaving()
    handler = type("Bound", (_Handler,), {"how": how})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        how.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield how
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
    done = subprocess.run(
        ["htpasswd", "-nbB", user, password], capture_output=True, text=True, check=True
    )
    return done.stdout


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
