"""Turns a sandbox's output into log events: one per line, bounded, in constant memory."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.lambda_.model import LogSink

log = logging.getLogger(__name__)

# Bytes of one event: CloudWatch Logs quotas. This is the older, smaller figure.
MAX_EVENT_BYTES: Final = 262_144 - 26
BATCH_BYTES: Final = 524_288  # half of the maximum batch of PutLogEvents
BATCH_EVENTS: Final = 5_000
TAIL_BYTES: Final = 4_096  # bytes of LogResult; Invoke's LogType=Tail
_EVENT_OVERHEAD: Final = 26  # bytes that CloudWatch Logs adds to each event's size


class LogStreamWriter:
    """The log stream of one sandbox. All methods may be called from any thread."""

    def __init__(
        self, sink: LogSink, group: str, stream: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.group = group
        self.stream = stream
        self._sink = sink
        self._clock = clock
        self._lock = threading.Lock()
        self._unfinished_line = bytearray()
        self._batch: list[tuple[int, str]] = []
        self._batch_bytes = 0
        self._tail = bytearray()

    def write(self, chunk: bytes) -> None:
        """Add a chunk of output; send a batch to the log sink when one is full."""
        with self._lock:
            self._extend_tail(chunk)
            lines = chunk.split(b"\n")
            for line in lines[:-1]:
                self._unfinished_line += line
                self._end_line()
            self._unfinished_line += lines[-1]
            # A writer that never ends its line must not fill the memory.
            if len(self._unfinished_line) >= MAX_EVENT_BYTES:
                self._end_line()

    def write_line(self, line: str) -> None:
        """Write one event of the service itself, after all earlier output."""
        with self._lock:
            if self._unfinished_line:
                self._end_line()
            data = line.encode()
            self._extend_tail(data)
            self._add_event(data)

    def flush(self) -> None:
        """Send all complete lines to the log sink."""
        with self._lock:
            self._flush_batch()

    def close(self) -> None:
        """Send everything to the log sink, an unfinished last line too."""
        with self._lock:
            if self._unfinished_line:
                self._end_line()
            self._flush_batch()

    def reset_tail(self) -> None:
        """Clear the tail; called when an invocation starts."""
        with self._lock:
            self._tail.clear()

    @property
    def tail(self) -> bytes:
        """The last 4 KiB of output since ``reset_tail``."""
        with self._lock:
            return bytes(self._tail[-TAIL_BYTES:])

    def _end_line(self) -> None:
        # CloudWatch shows one event per line; a longer line becomes several events.
        line = bytes(self._unfinished_line) + b"\n"
        self._unfinished_line.clear()
        for start in range(0, len(line), MAX_EVENT_BYTES):
            self._add_event(line[start : start + MAX_EVENT_BYTES])

    def _add_event(self, data: bytes) -> None:
        self._batch.append((int(self._clock() * 1000), data.decode("utf-8", "replace")))
        self._batch_bytes += len(data) + _EVENT_OVERHEAD
        if self._batch_bytes >= BATCH_BYTES or len(self._batch) >= BATCH_EVENTS:
            self._flush_batch()

    def _flush_batch(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self._batch_bytes = 0
            try:
                self._sink.append(self.group, self.stream, batch)
            except (ScarError, OSError, sqlite3.Error):
                # Drop the batch: a full disk must neither stop the function nor make the buffer
                # grow without bound.
                log.exception("%d events of %s were not stored", len(batch), self.group)

    def _extend_tail(self, data: bytes) -> None:
        self._tail += data[-TAIL_BYTES:]
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
