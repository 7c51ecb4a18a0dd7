"""Byte ranges of reads: S3 supports one range per request and ignores invalid ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scar.local.s3.protocol.errors import S3Error

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``length`` bytes, beginning at ``start``."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range`` for an object of ``size`` bytes."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def parse_range(value: str, size: int) -> ByteRange | None:
    """Return the range of an object of ``size`` bytes, None for all of it.

    Raise S3Error 416 if the range begins after the last byte.
    """
    match = _RANGE.fullmatch(value.strip())
    if not match or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:  # "bytes=-7": the last 7 bytes
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        length = end - start
    if length <= 0:
        raise S3Error(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            headers={"content-range": f"bytes */{size}"},
            details={"RangeRequested": value, "ActualObjectSize": str(size)},
        )
    return ByteRange(start, length)
