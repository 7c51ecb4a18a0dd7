"""A file made of pieces that come one by one, such as out of a connection."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def chunks_to_file(chunks: Iterator[bytes]) -> io.BufferedReader:
    """Return a file to read from; it takes a piece when it needs one."""
    return io.BufferedReader(_ChunkReader(chunks))


class _ChunkReader(io.RawIOBase):
    """The stream below the buffer."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
