"""Heads of requests and responses; those of valid responses are compared with http.client."""

from __future__ import annotations

import io
from http.client import HTTPResponse
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.http.heads import (
    MAX_HEADERS,
    HttpFormatError,
    build_request_head,
    find_head_end,
    parse_length,
    parse_response_head,
)

if TYPE_CHECKING:
    import socket

TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
framing = {"content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"}
names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in framing)
values = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f\x85"),
    max_size=20,
).map(lambda text: text.strip(" \t"))
spaces = st.sampled_from(["", " ", "\t", "  "])
lines = st.lists(st.tuples(names, spaces, values, spaces), max_size=8)
connections = st.sampled_from([None, "close", "keep-alive", "Close", "Keep-Alive", "upgrade"])


class Peer:
    """What http.client reads a response from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


@given(
    version=st.sampled_from(["1.0", "1.1"]),
    status=st.integers(200, 599),
    reason=st.sampled_from(["", " ", " OK", " Not Found"]),
    fields=lines,
    connection=connections,
)
def test_a_valid_head_is_read_as_by_http_client(
    version: str,
    status: int,
    reason: str,
    fields: list[tuple[str, str, str, str]],
    connection: str | None,
) -> None:
    text = f"HTTP/{version} {status}{reason}\r\n"
    text += "".join(f"{name}:{before}{value}{after}\r\n" for name, before, value, after in fields)
    text += f"Connection: {connection}\r\n" if connection else ""
    data = f"{text}content-length: 0\r\n\r\n".encode("latin-1")
    theirs = HTTPResponse(cast("socket.socket", Peer(data)))
    theirs.begin()
    ours = parse_response_head(data)
    assert ours.status == theirs.status
    assert ours.is_persistent != theirs.will_close
    for name in {name.lower() for name, _ in theirs.getheaders()}:
        # http.client keeps spaces after a value, which do not belong to it (RFC 9110, 5.5).
        found = [str(value).strip(" \t") for value in theirs.headers.get_all(name, ())]
        assert ours.headers[name] == ", ".join(found)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.x 200 OK\r\n\r\n",
        b"HTTP/1.12 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\n\r\n",
        b"HTTP/1.1 2\xb20 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b" HTTP/1.1 200 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        HEAD + b" folded: first\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b": no name\r\n\r\n",
        HEAD + b"a : space before the colon\r\n\r\n",
        HEAD + b"a b: space in the name\r\n\r\n",
        HEAD + b"a\xe9: letter of a name\r\n\r\n",
        HEAD + b"a: b\rc: d\r\n\r\n",
        HEAD + b"a: b\0c\r\n\r\n",
        HEAD + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    ],
    ids=repr,
)
def test_what_is_no_head_is_refused(data: bytes) -> None:
    with pytest.raises(HttpFormatError):
        parse_response_head(data)


def test_as_many_headers_as_allowed_are_read() -> None:
    many = b"".join(b"a%d: b\r\n" % number for number in range(MAX_HEADERS))
    assert len(parse_response_head(HEAD + many + b"\r\n").headers) == MAX_HEADERS


def test_a_folded_value_is_one_value() -> None:
    head = parse_response_head(HEAD + b"a: b\r\n \t c \r\n\td\r\ne:\r\n f\r\n\r\n")
    assert head.headers == {"a": "b c d", "e": "f"}


def test_lines_may_end_without_a_carriage_return() -> None:
    assert parse_response_head(b"HTTP/1.1 204\na: b\nc:d\n\n").headers == {"a": "b", "c": "d"}


def test_repeated_headers_are_joined() -> None:
    head = parse_response_head(
        HEAD + b"A: 1\r\na: 2\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\n"
    )
    assert head.headers == {"a": "1, 2", "content-length": "3"}


@pytest.mark.parametrize(
    ("version", "headers", "expected"),
    [
        ("1.1", b"", True),
        ("1.1", b"connection: close\r\n", False),
        ("1.1", b"connection: keep-alive, Close\r\n", False),
        ("1.1", b"connection: keep-alive\r\nconnection: close\r\n", False),
        ("1.0", b"", False),
        ("1.0", b"connection: Keep-Alive\r\n", True),
        ("1.1", b"transfer-encoding: chunked\r\n", True),
        ("1.1", b"transfer-encoding: chunked\r\ncontent-length: 5\r\n", False),
        ("1.0", b"connection: keep-alive\r\ntransfer-encoding: chunked\r\n", False),
    ],
    ids=repr,
)
def test_the_connection_is_used_again_if_the_server_keeps_it(
    version: str, headers: bytes, expected: bool
) -> None:
    data = f"HTTP/{version} 200 OK\r\n".encode() + headers + b"\r\n"
    assert parse_response_head(data).is_persistent == expected


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"", -1),
        (b"a\r\n\r", -1),
        (b"a\r\n\r\n", 5),
        (b"a\n\n", 3),
        (b"a\n\r\n", 4),
        (b"a\r\n\n", 4),
        (b"a\r\n\r\nbody\n\n", 5),
        (b"a\n\nbody\r\n\r\n", 3),
    ],
    ids=repr,
)
def test_the_first_empty_line_ends_a_head(data: bytes, end: int) -> None:
    assert find_head_end(data) == end


@pytest.mark.parametrize(
    ("value", "length"), [("0", 0), ("12", 12), ("007", 7), ("9" * 19, 10**19 - 1)]
)
def test_a_content_length_is_a_number(value: str, length: int) -> None:
    assert parse_length({"content-length": value}) == length


@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "1.0", "1, 2", "1,1", "1 1", "a", "0x1", "١", "9" * 20]
)
def test_anything_else_is_no_content_length(value: str) -> None:
    with pytest.raises(HttpFormatError):
        parse_length({"content-length": value})


def test_a_request_head_has_its_headers_in_order() -> None:
    head = build_request_head("PUT", "/a%20b?c=d", {"host": "h", "x": "é"})
    assert head == b"PUT /a%20b?c=d HTTP/1.1\r\nhost: h\r\nx: \xe9\r\n\r\n"


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\0"], ids=repr)
@pytest.mark.parametrize("place", ["name", "value", "target", "method"])
def test_no_value_can_add_a_line_to_a_request(character: str, place: str) -> None:
    bad = f"a{character}b"
    with pytest.raises(HttpFormatError):
        build_request_head(
            bad if place == "method" else "GET",
            bad if place == "target" else "/",
            {bad if place == "name" else "a": bad if place == "value" else "b"},
        )


@pytest.mark.parametrize("target", ["/a b", "/é", "/a\tb", "/\x7f"], ids=repr)
def test_a_target_that_is_not_encoded_is_refused(target: str) -> None:
    with pytest.raises(HttpFormatError):
        build_request_head("GET", target, {})
