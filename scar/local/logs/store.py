"""Log events on disk, in SQLite (WAL mode); one connection, safe for all threads."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from scar.local.logs.model import LogEvent, LogStream
from scar.local.state.databases import DatabaseFormat, move_database_aside, open_database
from scar.local.state.files import LOG_EVENTS, StateFileError
from scar.local.state.folders import create_or_replace_folder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from scar.local.logs.model import TimeWindow

MAX_GROUP_BYTES = 256 << 20
MAX_EVENT = 1 << 20  # bytes of one message; CloudWatch Logs quotas, November 2026
_BYTES_BETWEEN_CHECKS = 1 << 20  # bytes written to a group between two checks of its size
_SCHEMA = """
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, name TEXT NOT NULL,
    created INTEGER NOT NULL, UNIQUE (grp, name)
);
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, stream INTEGER NOT NULL,
    at INTEGER NOT NULL, taken INTEGER NOT NULL, size INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_stream ON event(stream, at, id);
CREATE INDEX IF NOT EXISTS event_group ON event(grp, at, id, stream);
"""
_FORMAT = DatabaseFormat(file=LOG_EVENTS, schema=_SCHEMA)
LOG = logging.getLogger(__name__)


class LogStore:
    """Streams and events of all log groups.

    ``ensure_group`` creates a missing group before its first stream is stored; ``retention``
    returns a group's retention in days, or None to keep events indefinitely. Groups with the
    same name in two Regions share their events. A damaged database is renamed, and an empty one
    takes its place: logs are no reason not to start. ``damage`` says so, else it is empty.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ensure_group: Callable[[str], None] = lambda _: None,
        retention: Callable[[str], int | None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        max_group_bytes: int = MAX_GROUP_BYTES,
    ) -> None:
        moved = create_or_replace_folder(folder)
        self._ensure_group = ensure_group
        self._retention = retention
        self._clock = clock
        self._max_group_bytes = max_group_bytes
        self._written: dict[str, int] = {}  # bytes since the last size check, by group
        self._sizes: dict[str, int] = {}  # bytes by group, of those that were summed once
        # (group, stream): writers of deleted streams, such as a running sandbox, are ignored.
        self._deleted: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._db, damage = _open_or_replace(folder / "logs.sqlite")
        self.damage = " ".join(filter(None, (moved, damage)))

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]], /) -> None:
        """Store (epoch milliseconds, message) pairs; create group and stream if missing.

        A stream that was deleted stays deleted, even if its writer still appends to it.
        """
        if (group, stream) in self._deleted or not events:
            return
        if self._find_stream_id(group, stream) is None:
            # Without the lock: this creates the group in moto, which has a lock of its own.
            self._ensure_group(group)
            self.create_stream(group, stream)
        with self._lock:
            self._insert_events(group, stream, events)
            is_check_due = self._written.get(group, 0) >= _BYTES_BETWEEN_CHECKS
        if is_check_due:
            self._shrink_group(group)

    def _insert_events(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        now = self._now_ms()
        stream_id = self._select_stream_id(group, stream)
        if stream_id is None:  # deleted since the caller's check
            return
        rows = [
            (group, stream_id, at, now, len(text), text)
            for at, text in map(_truncate_event, events)
        ]
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO event(grp, stream, at, taken, size, message) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
        added = sum(row[4] for row in rows)
        # The default makes the first write after a start check the group's size.
        self._written[group] = self._written.get(group, _BYTES_BETWEEN_CHECKS) + added
        if group in self._sizes:
            self._sizes[group] += added

    def _shrink_group(self, group: str) -> None:
        """Delete events older than the retention, and the oldest ones above the size limit."""
        days = self._retention(group)  # takes moto's lock, so not under this one
        with self._lock:
            self._written[group] = 0
            if days is not None:
                oldest = self._now_ms() - days * 86_400_000
                deleted = self._db.execute(
                    "DELETE FROM event WHERE grp = ? AND at < ?", (group, oldest)
                )
                if deleted.rowcount:
                    self._sizes.pop(group, None)
            self._drop_excess(group)

    def _drop_excess(self, group: str) -> None:
        excess = self._group_size(group) - self._max_group_bytes
        if excess <= 0:
            return
        last = None
        for at, event_id, length in self._db.execute(
            "SELECT at, id, size FROM event WHERE grp = ? ORDER BY at, id", (group,)
        ):
            excess -= length
            self._sizes[group] -= length
            last = at, event_id
            if excess <= 0:
                break
        if last is not None:
            self._db.execute(
                "DELETE FROM event WHERE grp = ? AND (at, id) <= (?, ?)", (group, *last)
            )

    def _group_size(self, group: str) -> int:
        """Return a group's size in bytes; the slow sum is computed once per group."""
        if group not in self._sizes:
            (self._sizes[group],) = self._db.execute(
                "SELECT COALESCE(SUM(size), 0) FROM event WHERE grp = ?", (group,)
            ).fetchone()
        return self._sizes[group]

    def create_stream(self, group: str, stream: str) -> bool:
        """Create an empty stream; return False if it exists."""
        with self._lock:
            self._deleted.discard((group, stream))
            inserted = self._db.execute(
                "INSERT OR IGNORE INTO stream(grp, name, created) VALUES (?, ?, ?)",
                (group, stream, self._now_ms()),
            )
            return inserted.rowcount == 1

    def delete_stream(self, group: str, stream: str) -> bool:
        """Delete a stream and its events; return False if it does not exist."""
        with self._lock:
            stream_id = self._select_stream_id(group, stream)
            if stream_id is None:
                return False
            self._delete_streams(group, [(stream_id, stream)])
            return True

    def delete_group(self, group: str) -> None:
        """Delete all streams and events of a group."""
        with self._lock:
            self._delete_streams(
                group,
                self._db.execute("SELECT id, name FROM stream WHERE grp = ?", (group,)).fetchall(),
            )

    def _delete_streams(self, group: str, streams: Iterable[tuple[int, str]]) -> None:
        self._sizes.pop(group, None)
        for stream_id, name in streams:
            self._deleted.add((group, name))
            self._db.execute("DELETE FROM event WHERE stream = ?", (stream_id,))
            self._db.execute("DELETE FROM stream WHERE id = ?", (stream_id,))

    def has_stream(self, group: str, stream: str) -> bool:
        return self._find_stream_id(group, stream) is not None

    def list_streams(self, group: str, prefix: str = "") -> tuple[LogStream, ...]:
        """Return a group's streams, sorted by name."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, created, MIN(at), MAX(at), MAX(taken) FROM stream "
                "LEFT JOIN event ON event.stream = stream.id "
                "WHERE stream.grp = ? AND substr(name, 1, ?) = ? GROUP BY stream.id ORDER BY name",
                (group, len(prefix), prefix),
            ).fetchall()
        return tuple(
            LogStream(
                name=name,
                created=created,
                first_timestamp=first,
                last_timestamp=last,
                last_ingestion_time=taken,
            )
            for name, created, first, last, taken in rows
        )

    def page_events(
        self,
        group: str,
        stream: str,
        window: TimeWindow,
        *,
        after: tuple[int, int] | None,
        before: tuple[int, int] | None,
        limit: int,
    ) -> list[LogEvent]:
        """Return the events next after or before a position (timestamp, id), oldest first."""
        conditions, values = _window_conditions(window)
        order = "at, id"
        if after is not None:
            conditions.append("(at, event.id) > (?, ?)")
            values += after
        elif before is not None:
            conditions.append("(at, event.id) < (?, ?)")
            values += before
            order = "at DESC, id DESC"
        with self._lock:
            rows = self._db.execute(
                f"SELECT id, ?, at, taken, message FROM event "  # noqa: S608 - fixed conditions
                f"WHERE stream = ? {_join_conditions(conditions)} ORDER BY {order} LIMIT ?",
                (stream, self._select_stream_id(group, stream), *values, limit),
            ).fetchall()
        events = [_event_from_row(row) for row in rows]
        return events if before is None or after is not None else events[::-1]

    def search_events(
        self,
        group: str,
        window: TimeWindow,
        *,
        streams: frozenset[str] | None,
        after: tuple[int, int] | None,
        batch: int = 2_000,
    ) -> list[LogEvent]:
        """Return up to ``batch`` events of a group's streams (None: all) after a position."""
        conditions, values = _window_conditions(window)
        if after is not None:
            conditions.append("(at, event.id) > (?, ?)")
            values += after
        if streams is not None:
            conditions.append(f"name IN ({','.join('?' * len(streams))})")
            values += sorted(streams)
        with self._lock:
            rows = self._db.execute(
                f"SELECT event.id, name, at, taken, message FROM event "  # noqa: S608 - as above
                f"JOIN stream ON stream.id = event.stream "
                f"WHERE event.grp = ? {_join_conditions(conditions)} ORDER BY at, event.id LIMIT ?",
                (group, *values, batch),
            ).fetchall()
        return [_event_from_row(row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _find_stream_id(self, group: str, stream: str) -> int | None:
        with self._lock:
            return self._select_stream_id(group, stream)

    def _select_stream_id(self, group: str, stream: str) -> int | None:
        row = self._db.execute(
            "SELECT id FROM stream WHERE grp = ? AND name = ?", (group, stream)
        ).fetchone()
        return None if row is None else int(row[0])

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _open_or_replace(path: Path) -> tuple[sqlite3.Connection, str]:
    """Return the open database, and what happened to a damaged one."""
    try:
        return open_database(path, _FORMAT), ""
    except StateFileError as error:
        aside = move_database_aside(path, "damaged")
        damage = f"{error.problem} It was renamed to {aside}; the log events start anew."
        LOG.error("%s", damage)  # noqa: TRY400 - the text is complete
        return open_database(path, _FORMAT), damage


def _truncate_event(event: tuple[int, str]) -> tuple[int, str]:
    at, text = event
    # Lone surrogates cannot be stored as UTF-8.
    clean = text.encode("utf-8", "replace")[:MAX_EVENT].decode("utf-8", "replace")
    return at, clean


def _window_conditions(window: TimeWindow) -> tuple[list[str], list[int | str]]:
    conditions: list[str] = []
    values: list[int | str] = []
    if window.start is not None:
        conditions.append("at >= ?")
        values.append(window.start)
    if window.end is not None:
        conditions.append("at < ?")
        values.append(window.end)
    return conditions, values


def _join_conditions(conditions: list[str]) -> str:
    return "".join(f"AND {term} " for term in conditions)


def _event_from_row(row: tuple[int, str, int, int, str]) -> LogEvent:
    event_id, stream, at, taken, message = row
    return LogEvent(id=event_id, stream=stream, timestamp=at, ingestion_time=taken, message=message)
