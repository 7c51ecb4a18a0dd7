"""The HTTP server, tested with raw bytes and with http.client."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from scar.local.http.connection import ConnectionLimits
from scar.local.http.files import FileSegment, FileSegments
from scar.local.http.messages import Request, Response
from scar.local.http.server import HttpServer
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.local.http.messages import HttpApp


class Answering:
    """An app made of a function."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.handle = answer


def echo(request: Request) -> Response:
    """Respond with the request's body; do not read that of ``/ignore``."""
    if request.path == "/ignore":
        return Response(status=403, body=b"no")
    data = b""
    while piece := request.body.read(1000):
        data += piece
    return Response(status=200, headers={"x-seen": f"{request.path}?{request.query}"}, body=data)


@contextlib.contextmanager
def serving(
    app: HttpApp, *, limits: ConnectionLimits | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    server = HttpServer(app, limits=limits, tls=tls)
    try:
        yield server.start()
    finally:
        server.close(grace=1)


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    with serving(
        Answering(echo), limits=ConnectionLimits(idle=300, head=300, stall=300, drain=300)
    ) as port:
        yield port


def talk(port: int, data: bytes) -> bytes:
    """Send bytes, then read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(65536):
                answer += piece
        return answer


def test_one_connection_serves_many_requests(echo_port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", echo_port, timeout=300)
    for number in range(3):
        client.request("PUT", f"/a%20b?n={number}", body=b"x" * number)
        response = client.getresponse()
        assert (response.read(), response.getheader("x-seen")) == (
            b"x" * number,
            f"/a%20b?n={number}",
        )
    client.close()


def test_a_chunked_request_body_arrives_whole(echo_port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", echo_port, timeout=300)
    client.request("PUT", "/", body=iter([b"ab", b"cde" * 1000]), encode_chunked=True)
    assert client.getresponse().read() == b"ab" + b"cde" * 1000
    client.close()


def test_an_unread_body_does_not_disturb_the_next_request(echo_port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", echo_port, timeout=300)
    client.request("PUT", "/ignore", body=b"x" * 3_000_000)
    assert client.getresponse().read() == b"no"
    client.request("PUT", "/", body=b"next")
    assert client.getresponse().read() == b"next"
    client.close()


def test_a_client_that_expects_100_continue_gets_it_only_when_its_body_is_read(
    echo_port: int,
) -> None:
    head = b"PUT %s HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    assert talk(echo_port, head % b"/" + b"ok").startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    refused = talk(echo_port, head % b"/ignore")
    assert refused.startswith(b"HTTP/1.1 403")
    assert b"connection: close" in refused


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET / HTTP/3.0\r\n\r\n", b"505"),
        (b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 20000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", b"400"),
        (b"PUT / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"PUT / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", b"400"),
        (b"PUT / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", b"501"),
        (
            b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
            b"400",
        ),
    ],
)
def test_a_malformed_head_is_answered_and_the_connection_closed(
    echo_port: int, data: bytes, status: bytes
) -> None:
    assert talk(echo_port, data).split(b" ")[1] == status


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"PUT / HTTP/1.1\r\n", b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"]
    ),
)
def test_arbitrary_bytes_do_not_stop_the_server(echo_port: int, data: bytes, head: bytes) -> None:
    talk(echo_port, head + data)
    assert talk(echo_port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_sends_half_a_head_is_disconnected() -> None:
    with (
        serving(Answering(echo), limits=ConnectionLimits(idle=300, head=0.1, stall=300)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=200) as sock,
    ):
        sock.sendall(b"GET / HT")
        assert sock.recv(100) == b""


def test_an_exception_in_the_application_becomes_500_and_the_server_continues() -> None:
    def fail(request: Request) -> Response:
        raise KeyError(request.path)

    with serving(Answering(fail)) as port:
        assert talk(port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 500")
        assert talk(port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 500")


def test_a_response_header_with_a_line_break_is_never_sent() -> None:
    split = Response(status=200, headers={"x-a": "b\r\nset-cookie: c"})
    with serving(Answering(lambda _: split)) as port:
        assert talk(port, b"GET / HTTP/1.0\r\n\r\n") == b""


def file_app(path: Path) -> HttpApp:
    def answer(_: Request) -> Response:
        file = path.open("rb")
        body = FileSegments([FileSegment(file, 2, 3), FileSegment(path.open("rb"), 0, 2)])
        return Response(status=200, headers={"content-length": "5"}, body=body)

    return Answering(answer)


def test_segments_of_files_are_sent_in_order_with_and_without_tls(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    with serving(file_app(path)) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        client.request("GET", "/")
        assert client.getresponse().read() == b"23401"
        client.request("HEAD", "/")
        response = client.getresponse()
        assert (response.read(), response.getheader("content-length")) == (b"", "5")
        client.close()
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(file_app(path), tls=context) as port:
        assert talk(port, b"GET / HTTP/1.0\r\n\r\n") == b""
        secure = http.client.HTTPSConnection("127.0.0.1", port, timeout=300, context=trusting)
        for _ in range(2):
            secure.request("GET", "/")
            assert secure.getresponse().read() == b"23401"
        secure.close()


def test_close_waits_for_a_request_in_progress_and_closes_idle_connections() -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(request: Request) -> Response:
        if request.path == "/slow":
            entered.set()
            release.wait(300)
        return Response(status=200, body=b"done")

    server = HttpServer(Answering(slow))
    port = server.start()
    idle = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    idle.request("GET", "/")
    idle.getresponse().read()
    busy = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    busy.request("GET", "/slow")
    assert entered.wait(300)
    closing = threading.Thread(target=server.close)
    closing.start()
    release.set()
    assert busy.getresponse().read() == b"done"
    closing.join(300)
    assert not closing.is_alive()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    idle.close()
    busy.close()


def test_close_ends_in_bounded_time_although_a_handler_blocks() -> None:
    entered, release, ended = threading.Event(), threading.Event(), threading.Event()

    def block(_: Request) -> Response:
        entered.set()
        release.wait(300)
        ended.set()
        return Response(status=200)

    server = HttpServer(Answering(block))
    port = server.start()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    client.request("GET", "/")
    assert entered.wait(300)
    server.close(grace=0.2)
    assert not ended.is_set()
    release.set()
    client.close()


def test_a_connection_above_the_limit_replaces_an_idle_one_or_gets_503() -> None:
    entered, release = threading.Event(), threading.Event()

    def block(request: Request) -> Response:
        request.on_authenticated()
        if request.path == "/block":
            entered.set()
            release.wait(300)
        return Response(status=200)

    server = HttpServer(Answering(block), limits=ConnectionLimits(connections=1))
    port = server.start()
    try:
        idle = socket.create_connection(("127.0.0.1", port), timeout=300)
        idle.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        until(lambda: all(each.idle for each in server._connections))  # so it is, once answered
        busy = socket.create_connection(("127.0.0.1", port), timeout=300)
        busy.sendall(b"GET /block HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(1000) == b""
        assert entered.wait(300)
        assert talk(port, b"").startswith(b"HTTP/1.1 503")
        release.set()
        assert busy.recv(1000).startswith(b"HTTP/1.1 200")
        idle.close()
        busy.close()
    finally:
        server.close()


def trusting_echo(request: Request) -> Response:
    """Authenticate requests with the header ``key``, and return their bodies."""
    if "key" not in request.headers:
        return echo(request)
    request.on_authenticated()
    return echo(request)


DRIPPED = [
    b"GET / HTTP/1.1\r\nhost: " + b"x" * 10_000,  # within a line
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 150,  # from line to line
    b"PUT / HTTP/1.1\r\ncontent-length: 10000\r\n\r\n" + b"x" * 9_000,
    b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 2000,
    b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"x" * 4000,
    b"PUT /ignore HTTP/1.1\r\ncontent-length: 10000\r\n\r\n" + b"x" * 9_000,
]


@pytest.mark.parametrize("data", DRIPPED)
def test_a_client_that_sends_byte_by_byte_is_disconnected_at_the_limit(data: bytes) -> None:
    limits = ConnectionLimits(idle=300, head=0.3, stall=300, unverified=0.3, drain=0.3)
    head = data.index(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else 16
    with (
        serving(Answering(trusting_echo), limits=limits) as port,
        socket.create_connection(("127.0.0.1", port), timeout=200) as sock,
    ):
        sock.sendall(data[:head])
        sent = drip(sock, data[head:])
    assert sent < len(data) - head


def drip(sock: socket.socket, data: bytes) -> int:
    """Send single bytes until the server disconnects; return their number."""
    sock.settimeout(0.005)
    for number in range(len(data)):
        try:
            sock.sendall(data[number : number + 1])
            while sock.recv(1000):  # a response before the end of the connection
                pass
        except TimeoutError:
            continue
        except ConnectionError:
            return number
        return number
    return len(data)


def test_an_authenticated_client_may_send_its_body_slowly() -> None:
    limits = ConnectionLimits(idle=300, head=300, stall=300, unverified=0.1)
    release = threading.Event()

    def wait(request: Request) -> Response:
        request.on_authenticated()
        release.wait(300)
        return echo(request)

    with (
        serving(Answering(wait), limits=limits) as port,
        socket.create_connection(("127.0.0.1", port), timeout=300) as sock,
    ):
        sock.sendall(b"PUT / HTTP/1.1\r\ncontent-length: 2\r\n\r\n")
        time.sleep(0.2)  # longer than an unknown client has
        release.set()
        sock.sendall(b"ok")
        assert sock.recv(1000).endswith(b"ok")


def test_honest_clients_are_served_while_slow_ones_take_all_connections() -> None:
    limits = ConnectionLimits(connections=8, idle=300, head=300, stall=300, unverified=300, slow=0)
    request = b"PUT / HTTP/1.1\r\nhost: x\r\nkey: k\r\ncontent-length: 2\r\n\r\nok"
    starts = (b"", b"GET / HT", b"PUT / HTTP/1.1\r\ncontent-length: 9\r\n\r\nx")
    with contextlib.ExitStack() as stack:
        server = HttpServer(Answering(trusting_echo), limits=limits)
        port = server.start()
        stack.callback(server.close, grace=1)

        def connect() -> socket.socket:
            sock = socket.create_connection(("127.0.0.1", port), timeout=300)
            return stack.enter_context(sock)

        honest = connect()
        honest.sendall(request)
        assert honest.recv(1000).endswith(b"ok")
        slow = [connect() for _ in range(40)]
        for number, sock in enumerate(slow):
            with contextlib.suppress(ConnectionError):  # already replaced by a later one
                sock.sendall(starts[number % 3])
        for _ in range(20):
            assert talk(port, request).endswith(b"ok")
        honest.sendall(request)  # it was idle, and is still connected
        assert honest.recv(1000).endswith(b"ok")


def test_the_server_survives_the_lack_of_file_descriptors() -> None:
    server = HttpServer(Answering(echo), limits=ConnectionLimits(idle=300, head=300))
    port = server.start()
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"  # the connection stays open
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        stack.callback(server.close, grace=1)
        for _ in range(5):  # idle
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=300))
        until(lambda: len(server._connections) == 5)
        asking = [stack.enter_context(socket.socket()) for _ in range(3)]
        with Path(os.devnull).open() as file:
            lowest = file.fileno()  # all below it are in use, so that none is left
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            for sock in asking:  # connected by the kernel; the server cannot accept it at once
                sock.settimeout(300)
                sock.connect(("127.0.0.1", port))
                sock.sendall(request)
                # It closes an idle connection instead of waiting for a descriptor.
                assert sock.recv(1000).startswith(b"HTTP/1.1 200")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert talk(port, request).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("body", ["bytes", "file"])
def test_a_client_that_does_not_read_its_response_is_disconnected(
    body: str, tmp_path: Path
) -> None:
    size = 64 << 20  # more than the buffers of both sockets
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)

    def answer(_: Request) -> Response:
        if body == "bytes":
            return Response(status=200, body=bytes(size))
        segments = FileSegments([FileSegment(path.open("rb"), 0, size)])
        return Response(status=200, headers={"content-length": str(size)}, body=segments)

    limits = ConnectionLimits(idle=300, head=300, stall=0.2)
    server = HttpServer(Answering(answer), limits=limits)
    try:
        with socket.create_connection(("127.0.0.1", server.start()), timeout=300) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(1)  # it is being served
            until(lambda: not server._connections)
    finally:
        server.close(grace=1)
