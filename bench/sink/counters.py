"""Counts requests, connections and bytes by process, in memory that all processes share."""

from __future__ import annotations

import mmap

NAMES = (
    "PutObject", "GetObject", "HeadObject", "ListObjectsV2", "CreateMultipartUpload", "UploadPart",
    "CompleteMultipartUpload", "AbortMultipartUpload", "DeleteObject", "HeadBucket", "Other",
    "connections", "bytes received",
)  # fmt: skip
INDEX = {name: number for number, name in enumerate(NAMES)}
BYTES = 8


class Counters:
    """One row of counters for each process; created before the processes are forked."""

    def __init__(self, processes: int) -> None:
        self._memory = memoryview(mmap.mmap(-1, processes * len(NAMES) * BYTES)).cast("Q")
        self._own = 0

    def choose_row(self, process: int) -> None:
        """Count in the row of this process from now on."""
        self._own = process * len(NAMES)

    def add(self, name: str, number: int = 1) -> None:
        self._memory[self._own + INDEX[name]] += number

    def totals(self) -> dict[str, int]:
        """Return the sums over all processes."""
        return {name: sum(self._memory[i :: len(NAMES)]) for name, i in INDEX.items()}
