"""The content of a file while it is uploaded: bounded, and compared with its start."""

from __future__ import annotations

import os
import stat
import threading


class UploadFile:
    """The bytes that a file had when it was opened; threads may read it at the same time.

    A file that grows meanwhile is sent up to its former size, because the request's length is
    sent first. One that shrinks is an OSError.
    After ``cancel`` every further read is an OSError, which ends the requests that send it.
    """

    def __init__(self, path: str) -> None:
        """Open the file; raise OSError."""
        self.name = path
        # A file that became a pipe meanwhile would otherwise be waited for without end.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError("it is not a file any more")
        self._modified = status.st_mtime_ns
        self.size = status.st_size
        self._cancelled = threading.Event()

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; raise OSError."""
        if self._cancelled.is_set():
            raise OSError("the upload was cancelled")
        wanted = min(size, max(0, self.size - offset))
        data = os.pread(self._descriptor, wanted, offset)
        if wanted and not data:
            raise OSError(
                f"it became shorter meanwhile: it ends after {offset:,} of {self.size:,} bytes"
            )
        return data

    def cancel(self) -> None:
        """End all requests that are sending the file."""
        self._cancelled.set()

    def change(self) -> tuple[int, int] | None:
        """Return the size before and now if the file was modified since it was opened."""
        status = os.fstat(self._descriptor)
        is_same = (status.st_size, status.st_mtime_ns) == (self.size, self._modified)
        return None if is_same else (self.size, status.st_size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
