"""The content of a file while it is uploaded: bounded, counted, and compared with its start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable


class UploadBody:
    """The bytes that a file had when it was opened, as the body of a request.

    A file that grows meanwhile is sent up to its former size, because the request's length is
    sent first. One that shrinks is an OSError. ``error`` is the first error of reading the file:
    the SDK reports it as a lost connection. ``on_bytes`` receives the number of bytes that were
    sent, negative if they are sent again; reads that only sign the request are not counted.
    """

    def __init__(self, file: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        self._file = file
        self._on_bytes = on_bytes
        status = os.fstat(file.fileno())
        self._modified = status.st_mtime_ns
        self.size = status.st_size
        self.error: OSError | None = None
        self._is_sending = False
        self._counted = 0

    def read(self, amount: int | None = None) -> bytes:
        """Return up to ``amount`` bytes; raise OSError."""
        position = self._file.tell()
        left = max(0, self.size - position)
        wanted = left if amount is None or amount < 0 else min(amount, left)
        try:
            data = self._file.read(wanted)
        except OSError as error:
            self.error = self.error or error
            raise
        if wanted and not data:
            self.error = OSError(
                f"it became shorter meanwhile: it ends after {position:,} of {self.size:,} bytes"
            )
            raise self.error
        if self._is_sending:
            self._count_up_to(position + len(data))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position; the end is that of the bounded content."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self.size}[whence]
        position = self._file.seek(start + offset)
        if position < self._counted:
            self._count_up_to(position)
        return position

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readable(self) -> bool:
        """Return True: part of the interface of files."""
        return True

    def seekable(self) -> bool:
        """Return True: a request can be repeated."""
        return True

    def signal_transferring(self) -> None:
        """Count what is read from now on; called by a handler of the SDK (``client``)."""
        self._is_sending = True

    def signal_not_transferring(self) -> None:
        """Count no more: the request is being signed."""
        self._is_sending = False

    def change(self) -> tuple[int, int] | None:
        """Return the size before and now if the file was modified since it was opened."""
        status = os.fstat(self._file.fileno())
        is_same = (status.st_size, status.st_mtime_ns) == (self.size, self._modified)
        return None if is_same else (self.size, status.st_size)

    def _count_up_to(self, position: int) -> None:
        count, self._counted = position - self._counted, position
        if count:
            self._on_bytes(count)
