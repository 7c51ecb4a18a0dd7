"""A connection over a pair of sockets: what is sent, and where each response ends."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.http.bodies import IncompleteBodyError
from supervisor.http.connection import SMALL_BODY, HttpConnection, IncomingResponse, connect
from supervisor.http.heads import HttpFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 60.0
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


class CountingSocket(socket.socket):
    """Counts what is sent and received, and returns at most ``most`` bytes at once."""

    most = 1 << 20
    sends = receives = 0

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:  # type: ignore[override]
        self.sends += 1
        return super().send(data, flags)

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.receives += 1
        return super().recv(min(size, self.most), flags)


@contextmanager
def connected(*parts: bytes) -> Iterator[tuple[HttpConnection, CountingSocket, socket.socket]]:
    """A connection whose server sends the parts and, if there are any, closes."""
    ours, theirs = socket.socketpair()
    counting = CountingSocket(fileno=ours.detach())
    with counting, theirs:
        connection = HttpConnection(counting)
        if parts:
            theirs.sendall(b"".join(parts))
            theirs.shutdown(socket.SHUT_WR)
        yield connection, counting, theirs


def respond(connection: HttpConnection, method: str = "GET") -> IncomingResponse:
    connection.send(f"{method} / HTTP/1.1\r\n\r\n".encode(), b"", PATIENCE)
    return connection.read_response(method)


def read(response: IncomingResponse, size: int = 1 << 16) -> bytes:
    data = b""
    while more := response.read_some(size):
        data += more
    return data


def chunks(parts: Sequence[bytes], trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts)
    return body + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize("progress", [1, 1 << 16])
def test_only_as_much_progress_as_is_wanted_extends_the_time(progress: int) -> None:
    with connected() as (connection, _, theirs):

        def drip() -> None:
            for _ in range(12):
                theirs.sendall(b"x")
                time.sleep(0.1)

        connection.send(b"GET / HTTP/1.1\r\n\r\n", b"", 0.8, progress)
        theirs.sendall(OK + b"content-length: 12\r\n\r\n")
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            response = connection.read_response("GET")
            if progress == 1:
                assert read(response) == b"x" * 12
            else:
                with pytest.raises(TimeoutError):
                    read(response)
        finally:
            thread.join()


bodies = st.binary(max_size=40)


@given(
    parts=st.lists(bodies.filter(bool), max_size=4),
    trailers=st.sampled_from([b"", b"a: b\r\n", b"a: b\r\nc: d\r\n"]),
    is_chunked=st.booleans(),
    interim=st.integers(0, 2),
    most=st.integers(1, 50),
    size=st.integers(1, 50),
)
def test_a_response_is_the_same_however_it_arrives(
    parts: list[bytes], trailers: bytes, is_chunked: bool, interim: int, most: int, size: int
) -> None:
    body = b"".join(parts)
    sent = b"HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n" * interim
    if is_chunked:
        sent += CHUNKED + chunks(parts, trailers)
    else:
        sent += OK + b"content-length: %d\r\n\r\n" % len(body) + body
    with connected(sent, OK + b"content-length: 1\r\n\r\n!") as (connection, counting, _):
        counting.most = most
        response = respond(connection)
        assert (response.status, read(response, size), response.is_read) == (200, body, True)


def test_a_connection_is_used_again_after_a_whole_response() -> None:
    with connected() as (connection, _, theirs):
        for answer in (
            OK + b"content-length: 2\r\n\r\nab",
            CHUNKED + chunks([b"a", b"b"]),
            b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 2\r\n\r\nab",
        ):
            theirs.sendall(answer)
            response = respond(connection)
            before = response.is_reusable
            assert read(response) == b"ab"
            assert (before, response.is_reusable) == (False, True)
            assert not connection.is_closed_by_peer()
        theirs.close()
        assert connection.is_closed_by_peer()


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"content-length: 2\r\n\r\nab?",
        OK + b"content-length: 2\r\nconnection: close\r\n\r\nab",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nab",
        OK + b"\r\nab",
        CHUNKED + chunks([b"ab"]) + b"?",
        OK + b"content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n" + chunks([b"ab"]),
    ],
    ids=repr,
)
def test_a_connection_is_not_used_again_after_other_responses(answer: bytes) -> None:
    with connected(answer) as (connection, _, _theirs):
        response = respond(connection)
        assert read(response) == b"ab"
        assert not response.is_reusable


@pytest.mark.parametrize("status", [b"204 -", b"304 -"])
def test_some_responses_have_no_body(status: bytes) -> None:
    with connected(b"HTTP/1.1 " + status + b"\r\ncontent-length: 5\r\n\r\n") as (connection, _, _s):
        response = respond(connection)
        assert read(response) == b""
        assert response.is_reusable


@pytest.mark.parametrize("framing", [b"content-length: 5", b"transfer-encoding: chunked", b"a: b"])
def test_the_response_to_head_has_no_body(framing: bytes) -> None:
    with connected(OK + framing + b"\r\n\r\n") as (connection, _, _theirs):
        response = respond(connection, "HEAD")
        assert read(response) == b""
        assert response.is_reusable


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"a: b\r\n",
        OK + b"content-length: 3\r\n\r\nab",
        CHUNKED,
        CHUNKED + b"5",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nab",
        CHUNKED + b"2\r\nab\r\n0\r\n",
        CHUNKED + b"2\r\nab\r\n0\r\na: b\r\n",
    ],
    ids=repr,
)
def test_a_response_that_breaks_off_is_not_whole(answer: bytes) -> None:
    with connected(answer or b" ") as (connection, _, _t), pytest.raises(IncompleteBodyError):
        read(respond(connection))


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"\r\n",
        b"-2\r\nab\r\n",
        b"+2\r\nab\r\n",
        b"0x2\r\nab\r\n",
        b"1_0\r\nab\r\n",
        b"2 2\r\nab\r\n",
        b"f" * 16 + b"\r\n",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"2" * 5000,
        b"1;" + b"a=b;" * 2000,
        b"0\r\n" + b"a: b\r\n" * 20_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_chunks_that_are_none_are_refused(body: bytes) -> None:
    with connected(CHUNKED + body) as (connection, _, _t), pytest.raises(HttpFormatError):
        read(respond(connection))


@pytest.mark.parametrize(
    "coding", [b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b""]
)
def test_another_transfer_encoding_is_refused(coding: bytes) -> None:
    answer = OK + b"transfer-encoding: " + coding + b"\r\n\r\n"
    with connected(answer) as (connection, _, _t), pytest.raises(HttpFormatError):
        respond(connection)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"a: " + b"b" * 70_000,
        OK + b"a: " + b"b" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=["a head without end", "a long head", "many heads", "another protocol"],
)
def test_a_head_has_a_limit(answer: bytes) -> None:
    with connected(answer) as (connection, _, _t), pytest.raises(HttpFormatError):
        respond(connection)


def test_a_small_request_and_its_response_are_one_call_each() -> None:
    with connected(OK + b"content-length: 2\r\n\r\nab") as (connection, counting, theirs):
        assert connection.send(b"head\r\n\r\n", b"x" * SMALL_BODY, PATIENCE)
        assert read(connection.read_response("GET")) == b"ab"
        assert (counting.sends, counting.receives) == (1, 1)
        assert theirs.recv(1 << 20).startswith(b"head\r\n\r\nx")


def test_a_large_body_is_sent_as_it_is_read() -> None:
    parts = [b"a" * 100_000, b"b" * 100_000]
    received = bytearray()
    with connected() as (connection, counting, theirs):

        def receive() -> None:
            while len(received) < 200_004:
                received.extend(theirs.recv(1 << 16))

        reader = threading.Thread(target=receive)
        reader.start()
        assert connection.send(b"head", iter(parts), PATIENCE)
        reader.join()
        assert received == b"head" + b"".join(parts)
        assert counting.sends >= 3  # more if the buffers of the connection were full


@pytest.mark.parametrize("progress", [1, 1 << 20])
def test_only_a_server_that_reads_gets_more_time_for_a_body(progress: int) -> None:
    read_at_once, number = 40_000, 30
    with connected() as (connection, counting, theirs):
        counting.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, read_at_once)
        size = number * read_at_once
        is_read = threading.Event()

        def drip() -> None:
            left = size
            while left and not is_read.wait(0.1):
                left -= len(theirs.recv(min(left, read_at_once)))

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            if progress == 1:
                assert connection.send(b"", b"x" * size, 2.0, progress)
            else:
                with pytest.raises(TimeoutError, match=r"too slowly|timed out"):
                    connection.send(b"", b"x" * size, 2.0, progress)
        finally:
            is_read.set()
            thread.join()


class SocketWithTls(CountingSocket):
    """``surplus`` bytes are decrypted already: the file descriptor is not readable."""

    surplus = 0

    def pending(self) -> int:
        return self.surplus


def test_an_idle_connection_with_surplus_bytes_is_not_used_again() -> None:
    ours, theirs = socket.socketpair()
    with SocketWithTls(fileno=ours.detach()) as with_tls, theirs:
        connection = HttpConnection(with_tls)
        assert not connection.is_closed_by_peer()
        with_tls.surplus = 1
        assert connection.is_closed_by_peer()


def test_a_server_that_stops_reading_may_have_responded() -> None:
    with connected() as (connection, _, theirs):
        theirs.sendall(b"HTTP/1.1 503 -\r\ncontent-length: 0\r\n\r\n")
        theirs.shutdown(socket.SHUT_RD)
        assert not connection.send(b"head", b"x" * (SMALL_BODY + 1), PATIENCE)
        assert connection.read_response("PUT").status == 503


def test_without_a_time_limit_a_response_is_waited_for() -> None:
    with connected() as (connection, counting, theirs):
        connection.send(b"head", b"", None)
        assert counting.gettimeout() is None
        theirs.sendall(OK + b"content-length: 0\r\n\r\n")
        assert connection.read_response("GET").status == 200


def test_a_connection_knows_the_address_of_its_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = connect("localhost", server.getsockname()[1], timeout=PATIENCE)
        assert connection.peer == "127.0.0.1"
        connection.close()
