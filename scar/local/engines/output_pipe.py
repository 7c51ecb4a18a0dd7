"""Forwards a sandbox's output from its pipe, and tells when all of it was forwarded."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 16
_SMALL = CHUNK // 2
_CHUNKS_AT_ONCE = 16
_PAUSE_MS = 20


class OutputPipe:
    """Reads a pipe to its end and calls ``output`` with the chunks.

    Output arrives line by line. Waking a thread for each line costs more than the line itself, so
    that what little there is waits for a moment for more, or for ``drain``.
    """

    def __init__(self, pipe: int, output: Callable[[bytes], None]) -> None:
        os.set_blocking(pipe, False)  # two threads read: one may leave nothing for the other
        self._pipe = pipe
        self._output = output
        self._read_lock = threading.Lock()
        self._is_small = True  # the last chunk
        self._ended = False

    def forward_all(self) -> None:
        """Forward output until the last writer has closed the pipe."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while poll.poll() and self.forward_available():
            pass

    def forward_available(self) -> bool:
        """Forward what a readable pipe contains; return False at the end of the pipe."""
        if self._is_small:
            self._pause()
        with self._read_lock:
            # Bounded: ``drain`` waits for the lock.
            for _ in range(_CHUNKS_AT_ONCE):
                if not self._forward_chunk():
                    break
            return not self._ended

    def drain(self, timeout: float) -> None:
        """Forward all output that was written before this call, for ``timeout`` seconds at most."""
        end = time.monotonic() + timeout
        if not self._read_lock.acquire(timeout=timeout):
            return
        try:
            while self._forward_chunk() and time.monotonic() < end:
                pass
        finally:
            self._read_lock.release()

    def close(self) -> None:
        """Read no more; call it before the pipe itself is closed."""
        with self._read_lock:
            self._ended = True

    def _pause(self) -> None:
        """Wait a moment; the end of the last writer ends it."""
        poll = select.poll()
        poll.register(self._pipe, 0)
        poll.poll(_PAUSE_MS)

    def _forward_chunk(self) -> bool:
        """Forward one chunk, with the lock; return whether there was one."""
        # Read and forwarded under one lock: a thread that holds the lock and finds the pipe empty
        # (drain) knows that everything was forwarded, not only read.
        if self._ended:
            return False
        try:
            chunk = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return False
        self._ended = not chunk
        self._is_small = len(chunk) < _SMALL
        if chunk:
            self._output(chunk)
        return not self._ended
