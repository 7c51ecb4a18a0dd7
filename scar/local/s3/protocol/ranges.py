"""Byte ranges. S3 serves one range; what it cannot parse it ignores."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scar.local.s3.protocol.errors import S3Error

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``length`` bytes from ``start``."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def parse_range(value: str, size: int) -> ByteRange | None:
    """Return the range of an object of ``size`` bytes, None for all of it; raise 416."""
    found = _RANGE.fullmatch(value.strip())
    if not found or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
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
