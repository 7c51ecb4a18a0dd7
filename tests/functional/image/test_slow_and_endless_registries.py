"""Registries that never end an answer, or send a byte at a time, cost a bounded number of bytes."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import pytest

from scar.image.compose.tree_images import build_image
from scar.image.errors import ImageError, RegistryError, RegistryUnreachableError
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile
from scar.image.registry.auth import RegistryAuth
from scar.image.registry.connection_errors import describe_failure
from scar.image.registry.credentials import Login
from scar.image.registry.deadlines import TransferLimits
from scar.image.registry.http_client import BLOCK_SIZE, HttpClient
from scar.image.registry.pull import RegistryImageSource
from scar.image.registry.remote_blob import MAX_SLOW_BLOCKS
from scar.image.registry.repository import RepositoryClient
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IMAGE = build_image([{"f": LayerFile(b"x" * 1000)}], ImageDefaults())
LIMITS = TransferLimits(document=0.5, response=0.5, block=0.5)
ME = Login("me", "s3cret")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
ENDLESS = 512 << 20  # bytes: more than any test may read

Script: TypeAlias = "Callable[[Server, socket.socket, bytes], None]"


@dataclass
class Server:
    """Answers each connection's requests with a function; counts requests and bytes sent."""

    answer: Script
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """Send a byte at a time until the client ends the connection."""
        for value in data:
            self.send(connection, bytes([value]))
            if self.closed.wait(0.02):
                return

    def flood(self, connection: socket.socket, piece: bytes) -> None:
        for _ in range(ENDLESS // len(piece)):
            self.send(connection, piece)

    def serve(self, listener: socket.socket) -> None:
        threads = []
        while not self.closed.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            thread = threading.Thread(target=self._converse, args=(connection,))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join(60)

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            while head := self._read_head(connection):
                self.requests.append(head)
                self.answer(self, connection, head)

    def _read_head(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data and (piece := connection.recv(4096)):
            data += piece
        return data


@contextlib.contextmanager
def serving(answer: Script) -> Iterator[Server]:
    server = Server(answer)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            server.closed.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@dataclass(frozen=True)
class Logins:
    known: Login | None = None

    def login(self, registry: str) -> Login | None:
        return self.known


def pull(server: Server, folder: Path, login: Login | None = None) -> None:
    with RegistryImageSource(Logins(login), sleep=lambda _: None, limits=LIMITS) as source:
        source.find(f"{server.host}/a:1", "amd64", BlobCache(folder))


def endless_body(status: bytes) -> Script:
    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        server.send(connection, b"HTTP/1.1 " + status + b"\r\n\r\n")
        server.flood(connection, b"[" * 65_536)

    return answer


def endless_chunks(server: Server, connection: socket.socket, head: bytes) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    server.flood(connection, b"10000\r\n" + b"[" * 65_536 + b"\r\n")


def endless_headers(server: Server, connection: socket.socket, head: bytes) -> None:
    server.send(connection, b"HTTP/1.1 200 OK\r\n")
    server.flood(connection, b"X-More: " + b"y" * 60_000 + b"\r\n")


def endless_interim(server: Server, connection: socket.socket, head: bytes) -> None:
    server.flood(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)


def endless_redirect(server: Server, connection: socket.socket, head: bytes) -> None:
    server.send(connection, b"HTTP/1.1 307 Over there\r\nLocation: /v2/a/manifests/2\r\n\r\n")
    server.flood(connection, b"[" * 65_536)


@pytest.mark.parametrize(
    "answer",
    [
        endless_body(b"200 OK"),
        endless_body(b"404 Not Found"),
        endless_body(b"401 Unauthorized\r\nWWW-Authenticate: Basic realm=x"),
        endless_body(b"500 Broken"),
        endless_chunks,
        endless_headers,
        endless_interim,
        endless_redirect,
    ],
)
def test_an_endless_answer_is_read_to_its_limit_only(answer: Script, tmp_path: Path) -> None:
    with serving(answer) as server:
        with pytest.raises(ImageError):
            pull(server, tmp_path)
        # What the kernel's buffers hold was sent, too: a few MiB for each of the requests.
        assert server.sent < len(server.requests) * (24 << 20) < ENDLESS


def dripped_head(server: Server, connection: socket.socket, head: bytes) -> None:
    # What came before the deadline looks like a whole head without a body.
    server.send(connection, HEAD)
    server.drip(connection, b"X: " + b"y" * 60_000)


def dripped_body(server: Server, connection: socket.socket, head: bytes) -> None:
    server.send(connection, HEAD + b"Content-Length: 60000\r\n\r\n")
    server.drip(connection, b"[" * 60_000)


def dripped_error(server: Server, connection: socket.socket, head: bytes) -> None:
    server.send(connection, b"HTTP/1.1 403 No\r\n\r\n")
    server.drip(connection, b"[" * 60_000)


def silent(server: Server, connection: socket.socket, head: bytes) -> None:
    server.closed.wait(60)


def many_headers(server: Server, connection: socket.socket, head: bytes) -> None:
    server.send(connection, HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(200)))


def late_and_cut(server: Server, connection: socket.socket, head: bytes) -> None:
    """Hang up before the deadline, but late."""
    server.closed.wait(LIMITS.document * 0.6)
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer", [many_headers, late_and_cut])
def test_an_answer_that_is_no_answer_is_given_up_after_two_attempts(
    answer: Script, tmp_path: Path
) -> None:
    with serving(answer) as server:
        with pytest.raises(RegistryError):
            pull(server, tmp_path)
        assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [dripped_head, dripped_body, dripped_error, silent])
def test_a_document_that_arrives_a_byte_at_a_time_is_given_up_after_two_attempts(
    answer: Script, tmp_path: Path
) -> None:
    with serving(answer) as server:
        with pytest.raises(RegistryUnreachableError, match="timed out or is too slow") as caught:
            pull(server, tmp_path)
        assert len(server.requests) == 2
        assert server.sent < 4000
        assert "network" in caught.value.remedy


def test_a_blob_that_arrives_a_byte_at_a_time_is_given_up_after_three_blocks() -> None:
    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        server.send(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        server.drip(connection, b"x" * 1_000_000)

    with (
        serving(answer) as server,
        RepositoryClient(server.endpoint, "a", sleep=lambda _: None, limits=LIMITS) as client,
    ):
        blob = client.remote_blob(f"sha256:{'0' * 64}", 1_000_000)
        with blob.open() as file, pytest.raises(RegistryUnreachableError, match="too slow"):
            file.read()
        assert len(server.requests) == MAX_SLOW_BLOCKS


def test_a_blob_whose_head_arrives_a_byte_at_a_time_is_given_up_after_two_attempts() -> None:
    with (
        serving(dripped_head) as server,
        RepositoryClient(server.endpoint, "a", sleep=lambda _: None, limits=LIMITS) as client,
    ):
        blob = client.remote_blob(f"sha256:{'0' * 64}", 1_000_000)
        with blob.open() as file, pytest.raises(RegistryUnreachableError, match="too slow"):
            file.read()
        assert len(server.requests) == 2


def test_a_blob_of_a_slow_but_steady_registry_arrives() -> None:
    data = bytes(range(256)) * (3 * BLOCK_SIZE // 256)

    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        server.send(connection, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
        for begin in range(0, len(data), BLOCK_SIZE // 4):
            server.send(connection, data[begin : begin + BLOCK_SIZE // 4])
            server.closed.wait(0.1)

    limits = TransferLimits(document=60, block=60)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    with (
        serving(answer) as server,
        RepositoryClient(server.endpoint, "a", sleep=lambda _: None, limits=limits) as client,
        client.remote_blob(digest, len(data)).open() as file,
    ):
        assert file.read() == data


def test_an_upload_that_the_registry_does_not_read_is_given_up() -> None:
    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        if head.startswith(b"POST"):
            server.send(
                connection,
                b"HTTP/1.1 202 Accepted\r\nLocation: /u/1\r\nContent-Length: 0\r\n\r\n",
            )
        else:
            server.closed.wait(60)

    big = build_image([{"f": LayerFile(hashlib.shake_128(b"x").digest(20 << 20))}], ImageDefaults())
    with (
        serving(answer) as server,
        RepositoryClient(server.endpoint, "a", sleep=lambda _: None, limits=LIMITS) as client,
    ):
        with pytest.raises(RegistryUnreachableError, match="too slow"):
            client.put_blob(big.layers[0].blob)
        assert [head[:4] for head in server.requests] == [b"POST", b"PUT ", b"POST", b"PUT "]


def token_service(body: bytes, *, drip: bool = False) -> Script:
    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        if b"/token" not in head:
            challenge = b'Bearer realm="' + server.endpoint.encode() + b'/token?a=b",service="s"'
            server.send(
                connection,
                b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: %s\r\n\r\n" % challenge,
            )
        elif drip:
            server.send(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
            server.drip(connection, body * 60_000)
        else:
            server.send(connection, b"HTTP/1.1 200 OK\r\n\r\n")
            server.flood(connection, body)

    return answer


def test_an_endless_or_slow_token_is_given_up(tmp_path: Path) -> None:
    for answer in (token_service(b"[" * 65_536), token_service(b"[", drip=True)):
        with serving(answer) as server:
            with pytest.raises(RegistryError, match="issued no token"):
                pull(server, tmp_path)
            assert server.sent < 64 << 20
            assert len(server.requests) == 2


@pytest.mark.parametrize("token", [b'"a\\r\\nX-Evil: 1"', b'"\\u00e9"', b'""', b"7", b"[]", b'" "'])
def test_a_token_that_is_no_header_value_is_refused(token: bytes, tmp_path: Path) -> None:
    body = b'{"token": ' + token + b"}"

    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        if b"/token" in head:
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            server.send(connection, b"HTTP/1.1 200 OK\r\n" + length + body)
        else:
            token_service(b"")(server, connection, head)

    with serving(answer) as server, pytest.raises(RegistryError, match="returned no token"):
        pull(server, tmp_path)


SENT_TO = {
    "https://127.0.0.1:5000/token": True,
    "https://auth.example/token": True,
    "http://127.0.0.1:5000/token": True,
    "http://127.0.0.1:9/token": True,
    "http://auth.example/token": False,
    "http://127.0.0.1.example:5000/token": False,
    "http://127.0.0.1@auth.example/token": False,
    "http://auth.example#@127.0.0.1:5000/token": False,
    "file:///etc/passwd": False,
    "ftp://127.0.0.1:5000/token": False,
    "//127.0.0.1:5000/token": False,
    "http://[::1/token": False,
    "": False,
}


@pytest.mark.parametrize("realm", SENT_TO)
def test_a_login_is_sent_to_https_or_the_host_itself_only(realm: str) -> None:
    asked: list[str] = []

    class Client:
        def exchange(self, method: str, url: str, **_: object) -> None:
            asked.append(url)
            raise OSError("enough")

    auth = RegistryAuth("http://127.0.0.1:5000", "s", ME, Client())  # type: ignore[arg-type]
    sent = auth.headers_for("http://127.0.0.1:5000/v2/")["Authorization"]
    with pytest.raises(RegistryError):
        auth.answer_challenge(sent, f'Bearer realm="{realm}"')
    assert bool(asked) == SENT_TO[realm]


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("https://r.example/v2/", True),
        ("https://r.example:443/v2/", True),
        ("https://R.example/v2/", True),
        ("http://r.example/v2/", False),
        ("http://r.example:443/v2/", False),
        ("https://r.example:444/v2/", False),
        ("https://x@r.example.evil/v2/", False),
    ],
)
def test_the_login_is_kept_for_scheme_host_and_port(url: str, is_own: bool) -> None:
    client = HttpClient(LIMITS, use_proxy=False)
    auth = RegistryAuth("https://r.example", "s", ME, client)
    assert bool(auth.headers_for(url)) == is_own


@pytest.mark.parametrize("location", [b"", b"file:///tmp/x", b"ftp://h/x", b"//"])
def test_an_upload_without_a_usable_address_is_an_error(location: bytes) -> None:
    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        header = b"Location: " + location + b"\r\n" if location else b""
        server.send(connection, b"HTTP/1.1 202 OK\r\nContent-Length: 0\r\n" + header + b"\r\n")

    with (
        serving(answer) as server,
        RepositoryClient(server.endpoint, "a", sleep=lambda _: None, limits=LIMITS) as client,
        pytest.raises(RegistryError),
    ):
        client.put_blob(IMAGE.layers[0].blob)


def test_redirects_in_a_circle_and_to_other_schemes_are_errors(tmp_path: Path) -> None:
    for target in (b"/v2/a/manifests/1", b"/v2/a/manifests/2", b"file:///etc/passwd", b""):

        def answer(
            server: Server, connection: socket.socket, head: bytes, to: bytes = target
        ) -> None:
            lines = b"HTTP/1.1 302 Moved\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % to
            server.send(connection, lines)

        with serving(answer) as server:
            with pytest.raises(RegistryError, match="redirect"):
                pull(server, tmp_path)
            assert len(server.requests) <= 7


def test_a_login_page_instead_of_a_registry_is_named(tmp_path: Path) -> None:
    def answer(server: Server, connection: socket.socket, head: bytes) -> None:
        page = b"<html>Welcome to the hotel</html>"
        kind = b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)
        server.send(connection, b"HTTP/1.1 200 OK\r\n" + kind + page)

    with serving(answer) as server, pytest.raises(RegistryError, match="a web page") as caught:
        pull(server, tmp_path)
    assert "network" in caught.value.remedy


def test_a_refused_connection_and_an_unknown_host_are_not_a_missing_image(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for name, cause in ((f"127.0.0.1:{port}", "refused"), ("nowhere.invalid", "resolved")):
        with (
            RegistryImageSource(Logins(), sleep=lambda _: None, limits=LIMITS) as source,
            pytest.raises(RegistryUnreachableError, match=cause) as caught,
        ):
            source.find(f"{name}/a:1", "amd64", BlobCache(tmp_path))
        assert name in caught.value.problem
        assert "not found" not in caught.value.problem
        assert "2 attempts" in caught.value.problem
        assert "network" in caught.value.remedy


def test_the_query_of_a_url_is_in_no_error() -> None:
    failure = describe_failure(OSError("broken"), "https://u:p@h.example/x?signature=abc")
    assert failure.problem == "h.example: broken"


def test_control_characters_of_a_registry_are_escaped(tmp_path: Path) -> None:
    for body in (
        b"\x1b]0;PWNED\x07",
        b'{"errors": [{"code": "X", "message": "\\u001b[2J\\u009b"}]}',
    ):

        def answer(
            server: Server, connection: socket.socket, head: bytes, body: bytes = body
        ) -> None:
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            server.send(connection, b"HTTP/1.1 418 Teapot\r\n" + length + body)

        with serving(answer) as server, pytest.raises(RegistryError) as caught:
            pull(server, tmp_path)
        assert caught.value.problem.isprintable()
        assert "x1b" in caught.value.problem
