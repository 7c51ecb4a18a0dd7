"""Bodies of requests that are not authenticated yet: bounded in memory and on disk.

The signature of a request to a service other than S3 covers its body, so the body must be received
before anybody knows who sent it. Of each, at most 64 KiB are in memory; the rest is in a file
without a name. All files together have a limit: above it, large bodies are rejected, small ones
are not.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.http.messages import RequestBody

_PIECE = 1 << 16
MEMORY_BYTES = 64 << 10
TOTAL_FILE_BYTES = 256 << 20


class SpoolFullError(Exception):
    """Too many large bodies are being received at once."""


class BodySpool:
    """Receives bodies into ``folder`` (default: the machine's folder for temporary files)."""

    def __init__(self, folder: Path | None = None, total: int = TOTAL_FILE_BYTES) -> None:
        self._folder = folder
        self._total = total
        self._lock = threading.Lock()
        self._used = 0

    @property
    def used(self) -> int:
        """The bytes reserved in files now."""
        return self._used

    def receive(self, body: RequestBody, limit: int) -> SpooledBody | None:
        """Return the whole body, None if it has more than ``limit`` bytes.

        Raise SpoolFullError. The caller closes the body.
        """
        spooled = SpooledBody(self)
        try:
            while data := body.read(_PIECE):
                if spooled.size + len(data) > limit:
                    spooled.close()
                    return None
                spooled.add(data)
        except BaseException:
            spooled.close()
            raise
        spooled.rewind()
        return spooled

    def open_file(self) -> IO[bytes]:
        """Return a new file without a name."""
        return tempfile.TemporaryFile(dir=self._folder)

    def reserve(self, size: int) -> None:
        """Reserve bytes of all files, or give them back if negative; raise SpoolFullError."""
        with self._lock:
            if size > 0 and self._used + size > self._total:
                raise SpoolFullError
            self._used += size


class SpooledBody:
    """A received body: ``size`` in bytes, ``sha256`` in hexadecimal."""

    def __init__(self, spool: BodySpool) -> None:
        self._spool = spool
        self._head = bytearray()
        self._file: IO[bytes] | None = None
        self._reserved = 0
        self._position = 0
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, data: bytes) -> None:
        """Append to the body; raise SpoolFullError."""
        self._digest.update(data)
        self.size += len(data)
        space = MEMORY_BYTES - len(self._head)
        self._head += data[:space]
        if rest := data[space:]:
            self._spool.reserve(len(rest))
            self._reserved += len(rest)
            if self._file is None:
                self._file = self._spool.open_file()
            self._file.write(rest)

    def rewind(self) -> None:
        """Read from the start."""
        self._position = 0
        if self._file is not None:
            self._file.seek(0)

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end."""
        if self._position < len(self._head):
            data = bytes(self._head[self._position : self._position + size])
            self._position += len(data)
            return data
        return self._file.read(size) if self._file is not None else b""

    def close(self) -> None:
        """Give memory and disk space back; may be called twice."""
        self._head.clear()
        self._position = 0
        if self._file is not None:
            self._file.close()
            self._file = None
        self._spool.reserve(-self._reserved)
        self._reserved = 0
