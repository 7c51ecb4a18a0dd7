"""HTTP/1.1 heads as bytes: parse that of a request, encode that of a response."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from scar.local.http.dates import format_http_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_LINE = 16384
MAX_HEADERS = 200
MAX_HEAD = 65536

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[\x21-\x7e\x80-\xff]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_LINE_BREAK = re.compile(r"[\r\n\0]")
_BODILESS = (204, 304)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NAMES: dict[bytes, str] = {}
"""Names of request headers that were parsed before, in lower case."""
_VALID_NAMES: set[str] = set()
"""Names of response headers that were checked before."""
_MAX_NAMES = 1000


class MalformedHeadError(Exception):
    """The request's head is invalid or not supported; ``status`` is that of the response."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """The request line and the headers, names in lower case; repeated headers joined by commas.

    ``length`` is that of the body in bytes, None if the body is chunked.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    length: int | None
    keep_alive: bool
    expects_continue: bool


def read_request_head(readline: Callable[[int], bytes]) -> RequestHead | None:
    """Read one head; None if the client closed before its first byte; raise MalformedHeadError."""
    line = readline(MAX_LINE + 1)
    if line in (b"\r\n", b"\n"):  # one empty line before a request is allowed (RFC 9112, 2.2)
        line = readline(MAX_LINE + 1)
    if not line:
        return None
    method, target, version = _parse_request_line(line)
    headers = _read_headers(readline)
    path, _, query = _to_origin_form(target).partition("?")
    connection = headers.get("connection", "").lower()
    return RequestHead(
        method=method,
        path=path,
        query=query,
        headers=headers,
        length=_body_length(headers),
        keep_alive="close" not in connection
        if version == "HTTP/1.1"
        else "keep-alive" in connection,
        expects_continue=headers.get("expect", "").lower() == "100-continue",
    )


def _parse_request_line(line: bytes) -> tuple[str, str, str]:
    if not line.endswith(b"\n"):
        raise MalformedHeadError(
            414 if len(line) > MAX_LINE else 400, "The request line is too long."
        )
    fields = line.decode("latin-1").rstrip("\r\n").split(" ")
    if len(fields) != 3:
        raise MalformedHeadError(400, "Malformed request line.")
    method, target, version = fields
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise MalformedHeadError(400, "The request line contains invalid characters.")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise MalformedHeadError(505, "Only HTTP/1.0 and HTTP/1.1 are supported.")
    return method, target, version


def _to_origin_form(target: str) -> str:
    if target.startswith("/"):
        return target
    # Clients that use a proxy send the whole URL (RFC 9112, 3.2.2).
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        _, slash, path = rest.partition("/")
        return slash + path or "/"
    if target == "*":
        return "/"
    raise MalformedHeadError(400, "The request target is not a path.")


def _read_headers(readline: Callable[[int], bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    size = 0
    for _ in range(MAX_HEADERS):
        line = readline(MAX_LINE + 1)
        size += len(line)
        if line in (b"\r\n", b"\n"):
            return headers
        if size > MAX_HEAD or len(line) > MAX_LINE:
            raise MalformedHeadError(431, "The request's headers are too long.")
        if not line.endswith(b"\n"):
            raise MalformedHeadError(400, "The request ended within its headers.")
        sent_name, colon, content = line.partition(b":")
        content = content.rstrip(b"\r\n")
        name = _NAMES.get(sent_name) or _parse_header_name(sent_name)
        if not colon or b"\0" in content or b"\r" in content:
            raise MalformedHeadError(400, "A header line is malformed.")
        value = content.strip(b" \t").decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raise MalformedHeadError(431, "The request has too many headers.")


def _parse_header_name(sent: bytes) -> str:
    """Return a name in lower case; known names need no check the next time."""
    name = sent.decode("latin-1")
    # Also rejects folded lines, which begin with a space (RFC 9112, 5.2).
    if not _TOKEN.fullmatch(name):
        raise MalformedHeadError(400, "A header line is malformed.")
    if len(_NAMES) < _MAX_NAMES:  # a client chooses the names of its metadata
        _NAMES[sent] = name.lower()
    return name.lower()


def _body_length(headers: Mapping[str, str]) -> int | None:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None:  # ambiguous: used for request smuggling (RFC 9112, 6.1)
            raise MalformedHeadError(
                400, "Content-Length and Transfer-Encoding cannot be combined."
            )
        if coding.lower() != "chunked":
            raise MalformedHeadError(501, "Only the transfer coding chunked is supported.")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise MalformedHeadError(400, "Content-Length is not a number.")
    return int(length)


def encode_response_head(
    status: int, headers: Mapping[str, str], *, close: bool, cookies: Sequence[str] = ()
) -> bytes:
    """Return a response's head; raise ValueError for a header that would break the message."""
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}"]
    for name, value in headers.items():
        lines.append(f"{name}: {value}")
        if name not in _VALID_NAMES or _LINE_BREAK.search(value):
            _check_response_header(name, value)
    for cookie in cookies:
        _check_response_header("set-cookie", cookie)
        lines.append(f"set-cookie: {cookie}")
    if "date" not in headers and not any(name.lower() == "date" for name in headers):
        lines.append(f"date: {format_http_date(time.time())}")
    if close:
        lines.append("connection: close")
    text = "\r\n".join([*lines, "", ""])
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # S3 sends metadata outside Latin-1 as UTF-8
        return text.encode()


def _check_response_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name) or _LINE_BREAK.search(value):
        raise ValueError(f"The response header {name!r} has a line break or an invalid name.")
    if len(_VALID_NAMES) < _MAX_NAMES:  # metadata of users are names too
        _VALID_NAMES.add(name)


def may_have_body(method: str, status: int) -> bool:
    """Return whether a response to ``method`` with ``status`` has a body (RFC 9112, 6.3)."""
    return method != "HEAD" and status >= 200 and status not in _BODILESS
