"""Makes a stream of chunks, such as a response body, readable as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def chunks_to_file(chunks: Iterator[bytes]) -> io.BufferedReader:
    """Return a readable file that takes the next chunk when it needs one."""
    return io.BufferedReader(_ChunkReader(chunks))


class _ChunkReader(io.RawIOBase):
    """The unbuffered file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
