"""What a sandbox writes to its pipe, passed on by one thread, and the point when all of it was."""

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
_LOOK = 0.0005  # seconds between two looks at a pipe that is not empty


class Output:
    """Reads a pipe to its end. ``output`` gets the bytes as they come."""

    def __init__(self, pipe: int, output: Callable[[bytes], None]) -> None:
        self._pipe = pipe
        self._output = output
        self._reading = threading.Lock()
        self._ended = False

    def pass_on(self) -> None:
        """Read until the last writer is gone."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while poll.poll() and self.take():
            pass

    def take(self) -> bool:
        """Pass on what is in the pipe, which must not be empty; False if the pipe has ended."""
        # Taken out and passed on under the lock: who has the lock and finds the pipe empty
        # knows that everything was passed on.
        with self._reading:
            chunk = os.read(self._pipe, CHUNK)
            if chunk:
                self._output(chunk)
            self._ended = not chunk
        return not self._ended

    def drain(self, timeout: float) -> None:
        """Wait until all that was written before this call was passed on, or the time is over."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self._reading:
                if self._ended or not _unread(self._pipe):
                    return
            time.sleep(_LOOK)


def _unread(pipe: int) -> int:
    count = array.array("i", [0])
    with contextlib.suppress(OSError):  # closed: nothing left to read
        fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
