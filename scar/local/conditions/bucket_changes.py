"""Changes of one bucket at the same time: S3 refuses all but the first with OperationAborted."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGE_SECONDS = 0.02
"""A change of a bucket takes at least this long, as on AWS: without it, concurrent ones would
rarely meet on a fast machine."""


class BucketChanges:
    """The buckets whose settings are being changed now. Thread-safe."""

    def __init__(self) -> None:
        self._changing: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def change(self, bucket: str) -> Iterator[bool]:
        """Hold the bucket within a block; yield False if another request holds it."""
        with self._lock:
            is_first = bucket not in self._changing
            self._changing.add(bucket)
        try:
            yield is_first
        finally:
            if is_first:
                with self._lock:
                    self._changing.discard(bucket)
