"""Response bodies made of segments of files, which the server sends with sendfile(2)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class FileSegment:
    """``length`` bytes of an open file, starting at ``offset``."""

    file: BinaryIO
    offset: int
    length: int


class FileSegments:
    """A ResponseStream over open files, which it closes; iteration reads 256 KiB at a time."""

    def __init__(self, segments: Sequence[FileSegment]) -> None:
        self.segments = tuple(segments)

    def __iter__(self) -> Iterator[bytes]:
        for segment in self.segments:
            offset, left = segment.offset, segment.length
            while left:
                # pread: several segments may share one file and its position.
                data = os.pread(segment.file.fileno(), min(left, _PIECE), offset)
                if not data:
                    raise OSError(f"{segment.file.name} is shorter than its object.")
                offset += len(data)
                left -= len(data)
                yield data

    def close(self) -> None:
        for segment in self.segments:
            segment.file.close()
