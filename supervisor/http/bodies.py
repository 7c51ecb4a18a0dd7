"""The body of a response: of a known length, in chunks, or until the connection ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.http.heads import MAX_HEAD, HttpFormatError, find_head_end, parse_length

if TYPE_CHECKING:
    from supervisor.http.bounded_socket import BoundedSocket
    from supervisor.http.heads import ResponseHead

# Bytes of a chunk's size with its extensions.
MAX_CHUNK_LINE = 1 << 12
_MAX_SIZE_DIGITS = 15
_HEX = frozenset(b"0123456789abcdefABCDEF")
_RECEIVED = 1 << 16  # bytes to ask a socket for, at least


class IncompleteBodyError(OSError):
    """The connection was closed before the end of the body."""


class LengthReader:
    """A body of ``left`` bytes, or if that is None all until the connection ends.

    ``data`` is what was received with the head.
    """

    __slots__ = ("_connection", "_data", "_left")

    def __init__(self, connection: BoundedSocket, data: bytes, left: int | None) -> None:
        self._connection = connection
        self._data = data
        self._left = left

    @property
    def is_clean(self) -> bool:
        """Whether nothing but the body was received: the next response can follow."""
        return self._left == 0 and not self._data

    @property
    def is_read(self) -> bool:
        """Whether the whole body was read."""
        return self._left == 0

    def read_some(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are some, b"" at the end."""
        left = self._left
        if left is not None:
            if left == 0:
                return b""
            size = min(size, left)
        if self._data:
            data = self._data[:size]
            self._data = self._data[size:]
        else:
            data = self._connection.receive(size)
            if not data and left is not None:
                raise IncompleteBodyError(f"{left} bytes of its response are missing")
        if left is not None:
            self._left = left - len(data)
        return data


class ChunkedReader:
    """A body in chunks (RFC 9112, 7.1), whose trailers are read and ignored."""

    __slots__ = ("_buffer", "_connection", "_ended", "_in_chunk", "_left")

    def __init__(self, connection: BoundedSocket, data: bytes) -> None:
        self._connection = connection
        self._buffer = bytearray(data)
        self._left = 0  # of this chunk
        self._in_chunk = self._ended = False

    @property
    def is_clean(self) -> bool:
        return self._ended and not self._buffer

    @property
    def is_read(self) -> bool:
        return self._ended

    def read_some(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are some, b"" at the end."""
        if self._ended:
            return b""
        if self._left == 0 and not self._start_chunk():
            self._skip_trailers()
            self._ended = True
            return b""
        size = min(size, self._left)
        if self._buffer:
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
        else:
            data = self._connection.receive(size)
            if not data:
                raise IncompleteBodyError("the rest of a chunk of its response is missing")
        self._left -= len(data)
        return data

    def _start_chunk(self) -> int:
        """Read the line end of the chunk before, and the size of the next; return the size."""
        if self._in_chunk and self._read_line() != b"":
            raise HttpFormatError("a chunk is longer than its size")
        self._in_chunk = True
        self._left = self._read_size()
        return self._left

    def _read_size(self) -> int:
        digits = self._read_line().partition(b";")[0].strip(b" \t")
        if not (0 < len(digits) <= _MAX_SIZE_DIGITS and _HEX.issuperset(digits)):
            raise HttpFormatError("the size of a chunk is not a hexadecimal number")
        return int(digits, 16)

    def _skip_trailers(self) -> None:
        size = 0
        while line := self._read_line():
            size += len(line)
            if size > MAX_HEAD:
                raise HttpFormatError("more trailers than are allowed here")

    def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_CHUNK_LINE:
                raise HttpFormatError("a line between chunks is longer than is allowed here")
            self._receive()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _receive(self) -> None:
        data = self._connection.receive(_RECEIVED)
        if not data:
            raise IncompleteBodyError("the connection was closed between chunks of its response")
        self._buffer += data


BodyReader = LengthReader | ChunkedReader


def open_body(
    method: str, head: ResponseHead, connection: BoundedSocket, data: bytes
) -> BodyReader:
    """Return the body of a response (RFC 9112, 6.3); raise HttpFormatError."""
    length = parse_length(head.headers)
    if method == "HEAD" or head.status in (204, 304):
        return LengthReader(connection, data, 0)
    coding = head.headers.get("transfer-encoding")
    if coding is None:
        return LengthReader(connection, data, length)
    if coding.lower() != "chunked":
        raise HttpFormatError("a transfer encoding that was not requested")
    return ChunkedReader(connection, data)


def receive_head(connection: BoundedSocket, data: bytes, budget: int) -> tuple[bytes, bytes]:
    """Return a head with its empty line, and what was received after it.

    ``data`` was received before; ``budget`` is the size of the head, at most.
    """
    while (end := find_head_end(data)) < 0:
        if len(data) > budget:
            raise HttpFormatError("the headers are longer than is allowed here")
        more = connection.receive(_RECEIVED)
        if not more:
            raise IncompleteBodyError("the connection was closed before the end of the headers")
        data += more
    if end > budget:
        raise HttpFormatError("the headers are longer than is allowed here")
    return data[:end], data[end:]
