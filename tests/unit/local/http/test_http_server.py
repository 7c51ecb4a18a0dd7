"""The HTTP server, tested with raw bytes and with http.client."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
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
    from pathlib import Path

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
