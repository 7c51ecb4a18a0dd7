"""Forwards a sandbox's output from its pipe, and tells when all of it was forwarded."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import termios
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 16
_POLL_INTERVAL = 0.0005  # seconds between two checks of a pipe that is not empty


class OutputPipe:
    """Reads a pipe to its end; calls ``output`` with each chunk at once, from one thread."""

    def __init__(self, pipe: int, output: Callable[[bytes], None]) -> None:
        self._pipe = pipe
        self._output = output
        self._read_lock = threading.Lock()
        self._ended = False

    def forward_all(self) -> None:
        """Forward output until the last writer has closed the pipe."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while poll.poll() and self.forward_chunk():
            pass

    def forward_chunk(self) -> bool:
        """Forward one chunk of a readable pipe; return False at the end of the pipe."""
        # Read and forwarded under one lock: a thread that holds the lock and finds the pipe empty
        # (drain) knows that everything was forwarded, not only read.
        with self._read_lock:
            chunk = os.read(self._pipe, CHUNK)
            if chunk:
                self._output(chunk)
            self._ended = not chunk
        return not self._ended

    def drain(self, timeout: float) -> None:
        """Wait until all output written before this call was forwarded, or ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self._read_lock:
                if self._ended or not _unread_bytes(self._pipe):
                    return
            time.sleep(_POLL_INTERVAL)


def _unread_bytes(pipe: int) -> int:
    count = array.array("i", [0])
    with contextlib.suppress(OSError):  # closed: nothing left to read
        fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
