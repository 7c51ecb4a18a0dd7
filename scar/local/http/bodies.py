"""Request bodies: with a content length, in chunks, or already in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import RequestBody

_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
_MAX_LINE = 4096
_PIECE = 1 << 16
_MAX_TRAILERS = 64


class BrokenBodyError(OSError):
    """The body ended early or is not encoded as its headers state; the connection is unusable."""


class BufferedSource(Protocol):
    """Buffered bytes of a connection."""

    def read1(self, size: int, /) -> bytes: ...
    def readline(self, limit: int, /) -> bytes: ...


class IncomingBody:
    """The body of one request; ``consumed`` becomes true when its end has been read.

    ``on_first_read`` is called before anything is read. It sends "100 Continue" to a client that
    sent ``Expect: 100-continue``: a request that is rejected earlier never receives its body.
    """

    def __init__(
        self, source: BufferedSource, on_first_read: Callable[[], None] | None = None
    ) -> None:
        self._source = source
        self._on_first_read = on_first_read
        self.consumed = False

    @property
    def is_waiting_for_continue(self) -> bool:
        """Whether the client still waits for "100 Continue" before it sends the body."""
        return self._on_first_read is not None

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end; raise BrokenBodyError."""
        # Cleared before the call: a failing send must not be repeated.
        if self.consumed or size <= 0:
            return b""
        if self._on_first_read:
            send_continue, self._on_first_read = self._on_first_read, None
            send_continue()
        return self._read_next(size)

    def _read_next(self, size: int) -> bytes:
        raise NotImplementedError

    def _read_some(self, size: int) -> bytes:
        data = self._source.read1(size)
        if not data:
            raise BrokenBodyError("The client closed the connection before the end of the body.")
        return data


class SizedBody(IncomingBody):
    """A body of ``Content-Length`` bytes."""

    def __init__(
        self, source: BufferedSource, length: int, on_first_read: Callable[[], None] | None = None
    ) -> None:
        super().__init__(source, on_first_read)
        self._left = length
        self.consumed = length == 0

    def _read_next(self, size: int) -> bytes:
        data = self._read_some(min(size, self._left))
        self._left -= len(data)
        self.consumed = self._left == 0
        return data


class ChunkedBody(IncomingBody):
    """A body with ``Transfer-Encoding: chunked``; its trailers are read and discarded."""

    _left = 0

    def _read_next(self, size: int) -> bytes:
        if not self._left:
            self._left = self._read_chunk_size()
            if not self._left:
                self._skip_trailers()
                self.consumed = True
                return b""
        data = self._read_some(min(size, self._left))
        self._left -= len(data)
        if not self._left and self._read_line():
            raise BrokenBodyError("A chunk is longer than its declared size.")
        return data

    def _read_chunk_size(self) -> int:
        digits = self._read_line().partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(digits):
            raise BrokenBodyError("A chunk has no size line.")
        return int(digits, 16)

    def _skip_trailers(self) -> None:
        for _ in range(_MAX_TRAILERS):
            if not self._read_line():
                return
        raise BrokenBodyError("The body has too many trailers.")

    def _read_line(self) -> bytes:
        line = self._source.readline(_MAX_LINE)
        if not line.endswith(b"\n"):
            raise BrokenBodyError("A line of the chunked body is too long or incomplete.")
        return line.rstrip(b"\r\n")


class BytesBody:
    """A body that is already in memory."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def read(self, size: int, /) -> bytes:
        data, self._rest = self._rest[:size], self._rest[size:]
        return bytes(data)


def read_all(body: RequestBody, limit: int) -> bytes | None:
    """Return the whole body, None if it has more than ``limit`` bytes; raise BrokenBodyError."""
    content = bytearray()
    while data := body.read(_PIECE):
        content += data
        if len(content) > limit:
            return None
    return bytes(content)
