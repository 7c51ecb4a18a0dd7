"""Log events that are late, and lines of jobs that a log driver drops."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from scar.local.conditions.table import Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.local.conditions.draws import Draws
    from scar.local.lambda_.model import LogSink


class LateLogSink:
    """Passes batches of log events on, some of them seconds later; ``close`` stores the rest."""

    def __init__(self, sink: LogSink, draws: Draws) -> None:
        self._sink = sink
        self._draws = draws
        self._lock = threading.Lock()
        self._late: dict[int, threading.Timer] = {}
        self._next = 0

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        occurrence = self._draws.draw(Condition.LOG_LINES_LATE, group)
        if occurrence is None:
            self._sink.append(group, stream, events)
            return
        with self._lock:
            number, self._next = self._next, self._next + 1
            timer = threading.Timer(
                occurrence.seconds, self._store_late, (number, group, stream, tuple(events))
            )
            timer.daemon = True
            self._late[number] = timer
        timer.start()

    def close(self) -> None:
        """Store all late events now."""
        with self._lock:
            late = list(self._late.values())
        for timer in late:
            timer.cancel()
            number, group, stream, events = timer.args
            self._store_late(number, group, stream, events)

    def _store_late(
        self, number: int, group: str, stream: str, events: Sequence[tuple[int, str]]
    ) -> None:
        with self._lock:
            is_stored = self._late.pop(number, None) is None
        if not is_stored:
            self._sink.append(group, stream, events)


class DroppingLogSink:
    """Drops some lines, as a non-blocking log driver with a full buffer does."""

    def __init__(self, sink: LogSink, draws: Draws) -> None:
        self._sink = sink
        self._draws = draws

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        kept = [e for e in events if self._draws.draw(Condition.LOG_LINES_LOST, group) is None]
        if kept:
            self._sink.append(group, stream, kept)
