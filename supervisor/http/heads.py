"""The head of a request as bytes, and the head of a response, parsed strictly (RFC 9112)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of a response with those before it that are no final one (100 Continue), in bytes.
MAX_HEAD = 1 << 16
MAX_HEADERS = 100
# More is no length: 16 digits are petabytes.
_MAX_LENGTH_DIGITS = 19
# RFC 9110, 5.6.2: the characters of a header's name.
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_TOKENS: set[str] = set()  # names that were checked; there are few
_MAX_TOKENS = 500


class HttpFormatError(ValueError):
    """A response is not valid HTTP, or a request cannot be sent as such."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and headers of a response; names are lower case, repeated headers are joined.

    ``is_persistent``: the server keeps the connection open after the response.
    """

    status: int
    headers: Mapping[str, str]
    is_persistent: bool


def build_request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request; raise HttpFormatError if a value could end its line."""
    if " " in target or not (target.isascii() and target.isprintable()):
        raise HttpFormatError("the target of the request has a character that URLs cannot have")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", ""))
    ends = len(lines) + 2
    if head.count("\r") != ends or head.count("\n") != ends or "\0" in head:
        raise HttpFormatError("a header of the request has a control character")
    return head.encode("latin-1")  # UnicodeEncodeError is a ValueError


def find_head_end(data: bytes | bytearray) -> int:
    """Return the index after the empty line that ends a head, -1 if it has not arrived."""
    # A line may end without CR (RFC 9112, 2.2). What comes first ends the head.
    end = data.find(b"\n\r\n")
    bare = data.find(b"\n\n", 0, end + 1 if end >= 0 else len(data))
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else -1


def parse_response_head(data: bytes) -> ResponseHead:
    """Parse a head, with the empty line at its end; raise HttpFormatError."""
    text = data.decode("latin-1").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise HttpFormatError("a header has a control character")
    first, *lines = text.removesuffix("\n\n").split("\n")
    version, status = _parse_status_line(first)
    headers = _parse_header_lines(lines)
    tokens = headers.get("connection", "").lower()
    is_persistent = "keep-alive" in tokens if version == "1.0" else "close" not in tokens
    if "transfer-encoding" in headers and (version == "1.0" or "content-length" in headers):
        is_persistent = False  # servers that mix them up disagree about the end (RFC 9112, 6.3)
    return ResponseHead(status, headers, is_persistent)


def parse_length(headers: Mapping[str, str]) -> int | None:
    """Return the content length, None without one; raise HttpFormatError for anything else."""
    value = headers.get("content-length")
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= _MAX_LENGTH_DIGITS):
        raise HttpFormatError("its Content-Length is not one number")
    return int(value)


def _parse_status_line(line: str) -> tuple[str, int]:
    version, code = line[5:8], line[9:12]
    well_formed = (
        line[:7] == "HTTP/1."
        and version[2:].isdecimal()
        and line[8:9] == " "
        and len(code) == 3
        and code.isascii()
        and code.isdecimal()
        and line[12:13] in ("", " ")
    )
    if not well_formed:
        raise HttpFormatError(f"status line {line[:40]!r}")
    return version, int(code)


def _parse_header_lines(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    name = ""
    if len(lines) > MAX_HEADERS:
        raise HttpFormatError(f"more than {MAX_HEADERS} headers")
    for line in lines:
        if line[0] in " \t":  # the rest of the value before it (RFC 9112, 5.2)
            if not name:
                raise HttpFormatError("a header without a name")
            headers[name] = f"{headers[name]} {line.strip()}".strip()
            continue
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or (name not in _TOKENS and not _is_token(name)):
            raise HttpFormatError("a header without a valid name")
        value = value.strip(" \t")
        if name not in headers:
            headers[name] = value
        elif name != "content-length" or headers[name] != value:  # twice the same is one
            headers[name] = f"{headers[name]}, {value}"
    return headers


def _is_token(name: str) -> bool:
    if not name or not _TOKEN.issuperset(name):
        return False
    if len(_TOKENS) < _MAX_TOKENS:
        _TOKENS.add(name)
    return True
