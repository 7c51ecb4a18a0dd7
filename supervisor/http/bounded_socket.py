"""Reads from a socket with a time limit that holds whatever the server sends.

A socket's timeout bounds the time without any data only: a server that sends one byte a second, or
headers without end, would be read for ever. Here a period has a deadline that only real progress
extends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket

# Bytes that must arrive in each period of the read timeout (60 s): about 1 KiB/s.
MIN_PROGRESS = 1 << 16
# Seconds by which a read may end late: each change of a socket's timeout is a system call.
_TOLERANCE = 0.02
_ENDLESS = float("inf")


class BoundedSocket:
    """A connected socket; ``idle`` is the read timeout in seconds, None to wait for ever."""

    __slots__ = ("_end", "_idle", "_last_end", "_progress", "_received", "_timeout", "socket")

    def __init__(self, connected: _socket.socket) -> None:
        self.socket = connected
        self._timeout = connected.gettimeout()
        self._idle: float | None = None
        self._received = 0
        self._progress = MIN_PROGRESS
        self._end = self._last_end = _ENDLESS

    def start_exchange(self, idle: float | None, progress: int = MIN_PROGRESS) -> None:
        """Start to send a request whose response has a first period of ``idle`` seconds.

        Each ``progress`` bytes that arrive give it another period.
        """
        self._idle = idle
        self._progress = progress
        self._last_end = _ENDLESS
        self._set_timeout(idle)

    def start_period(self) -> None:
        """Give what is read from now on a whole period."""
        self._received = 0
        self._end = _ENDLESS if self._idle is None else time.monotonic() + self._idle

    def end_within(self, seconds: float) -> None:
        """Limit the time of all that is read from now on, whatever its speed."""
        self._last_end = time.monotonic() + seconds

    def receive(self, size: int) -> bytes:
        """Return up to ``size`` bytes as soon as there are some, b"" at the end."""
        if self._idle is not None:
            left = min(self._end, self._last_end) - time.monotonic()
            if left <= 0:
                raise TimeoutError("the response arrives too slowly")
            wanted = min(self._idle, left)
            if self._timeout is None or abs(wanted - self._timeout) > _TOLERANCE:
                self._set_timeout(wanted)
        data = self.socket.recv(size)
        self._received += len(data)
        if self._received >= self._progress:
            self.start_period()
        return data

    def _set_timeout(self, seconds: float | None) -> None:
        if seconds != self._timeout:
            self.socket.settimeout(seconds)
            self._timeout = seconds
