"""Reads from a connection with limits that hold whatever the server sends.

A socket's timeout bounds the time without any data only: a server that sends one byte a second, or
headers without end, would be read for ever. Here each phase of a response has a deadline that only
real progress extends, and a number of bytes.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

# Bytes that must arrive in each period of the read timeout (60 s): about 1 KiB/s.
MIN_PROGRESS = 1 << 16
# Bytes of status line and headers, and of chunk sizes and trailers beside each block of a body.
MAX_OVERHEAD = 1 << 20


class _BoundedRaw(io.RawIOBase):
    """The raw stream of a socket, with a deadline and a budget of bytes."""

    def __init__(self, sock: socket.socket, idle: float) -> None:
        self._sock = sock
        # Counts as a user of the socket: http.client closes it before the body has been read.
        self._stream = sock.makefile("rb", buffering=0)
        self._idle = idle
        self._received = 0
        self._end = time.monotonic() + idle
        self.budget = MAX_OVERHEAD
        self.last_end: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        end = self._end if self.last_end is None else min(self._end, self.last_end)
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response arrives too slowly")
        if self.budget <= 0:
            raise OSError("the response has more headers or trailers than HTTP allows here")
        self._sock.settimeout(min(self._idle, left))
        count = self._stream.readinto(buffer)
        if count:
            self.budget -= count
            self._received += count
            if self._received >= MIN_PROGRESS:
                self.start_period()
        return count

    def start_period(self) -> None:
        self._received = 0
        self._end = time.monotonic() + self._idle

    def close(self) -> None:
        self._stream.close()
        super().close()


class BoundedResponse(HTTPResponse):
    """A response whose headers and body are read with the limits of this module."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str = ""
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self._raw = _BoundedRaw(sock, sock.gettimeout() or 60.0)
        self.fp = io.BufferedReader(self._raw)

    def begin_body(self) -> None:
        """Start the time of the body; that of the headers has ended."""
        self._raw.start_period()

    def end_within(self, seconds: float) -> None:
        """Limit the time of the rest of the body, whatever its speed."""
        self._raw.last_end = time.monotonic() + seconds

    def read_some(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are some, b"" at the end."""
        self._raw.budget = size + MAX_OVERHEAD
        return self.read1(size)
