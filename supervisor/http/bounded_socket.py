"""Sends to and reads from a socket with a time limit that holds whatever the server does.

A socket's timeout bounds the time without any data only: a server that sends one byte a second, or
headers without end, would be read for ever; that of ``sendall`` bounds the whole text, so that a
slow line could not send a large one. Here a period has a deadline that only real progress extends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket

# Bytes that must be sent or arrive in each period of the read timeout (60 s): about 1 KiB/s.
MIN_PROGRESS = 1 << 16
# Seconds by which a read may end late: each change of a socket's timeout is a system call.
_TOLERANCE = 0.02
_ENDLESS = float("inf")


class BoundedSocket:
    """A connected socket; ``idle`` is the read timeout in seconds, None to wait for ever."""

    __slots__ = ("_end", "_idle", "_last_end", "_moved", "_progress", "_timeout", "socket")

    def __init__(self, connected: _socket.socket) -> None:
        self.socket = connected
        self._timeout = connected.gettimeout()
        self._idle: float | None = None
        self._moved = 0
        self._progress = MIN_PROGRESS
        self._end = self._last_end = _ENDLESS

    def start_exchange(self, idle: float | None, progress: int = MIN_PROGRESS) -> None:
        """Start to send a request whose response has a first period of ``idle`` seconds.

        Each ``progress`` bytes that are sent or arrive give it another period.
        """
        self._idle = idle
        self._progress = progress
        self._last_end = _ENDLESS
        self._set_timeout(idle)

    def send(self, data: bytes) -> None:
        """Send all of the data; raise TimeoutError if the server reads it too slowly."""
        self.start_period()
        rest: bytes | memoryview = data
        while rest:
            self._limit_wait("the request is read too slowly")
            sent = self.socket.send(rest)
            if sent == len(rest):  # usually: the connection's buffers have room for it
                return
            rest = memoryview(rest)[sent:]
            self._count(sent)

    def start_period(self) -> None:
        """Give what is sent or read from now on a whole period."""
        self._moved = 0
        self._end = _ENDLESS if self._idle is None else time.monotonic() + self._idle

    def end_within(self, seconds: float) -> None:
        """Limit the time of all that is read from now on, whatever its speed."""
        self._last_end = time.monotonic() + seconds

    def receive(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are some, b"" at the end."""
        self._limit_wait("the response arrives too slowly")
        data = self.socket.recv(size)
        self._count(len(data))
        return data

    def _limit_wait(self, problem: str) -> None:
        """Let the next call of the socket wait until the end of the period at most."""
        if self._idle is None:
            return
        left = min(self._end, self._last_end) - time.monotonic()
        if left <= 0:
            raise TimeoutError(problem)
        wanted = min(self._idle, left)
        if self._timeout is None or abs(wanted - self._timeout) > _TOLERANCE:
            self._set_timeout(wanted)

    def _count(self, size: int) -> None:
        self._moved += size
        if self._moved >= self._progress:
            self.start_period()

    def _set_timeout(self, seconds: float | None) -> None:
        if seconds != self._timeout:
            self.socket.settimeout(seconds)
            self._timeout = seconds
