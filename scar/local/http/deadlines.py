"""Reading from a socket with a limit for each receive and for all of them together."""

from __future__ import annotations

import io
import select
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer


class DeadlineSource(io.RawIOBase):
    """The bytes that a socket receives; both limits in seconds, None for no limit.

    The socket's own timeout starts anew with each byte, so a client that sends one byte now and
    then would keep its thread for ever.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._each: float | None = None
        self._end: float | None = None
        self._poll: select.poll | None = None
        if not isinstance(sock, ssl.SSLSocket):  # which has bytes that poll(2) does not see
            # A timeout of the socket costs a system call to set, and one for each receive.
            sock.settimeout(None)
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)

    def limit(self, *, each: float | None, total: float | None = None) -> None:
        """Limit each receive, and the time from now to the last one."""
        self._each = each
        self._end = None if total is None else time.monotonic() + total

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Receive into the buffer; raise TimeoutError at either limit."""
        limit = self._each
        if self._end is not None:
            left = self._end - time.monotonic()
            limit = left if limit is None or left < limit else limit
        if limit is not None and limit <= 0:
            raise TimeoutError("The client took too long to send its request.")
        if self._poll is None:
            self._sock.settimeout(limit)
        elif not self._poll.poll(None if limit is None else limit * 1000):
            raise TimeoutError("The client sent nothing for too long.")
        return self._sock.recv_into(buffer)
