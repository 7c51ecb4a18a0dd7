"""Data types of log events and streams; times in epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One stored event; times in epoch milliseconds."""

    id: int
    stream: str
    timestamp: int
    ingestion_time: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStream:
    """One stream; the times of its events are None while it is empty."""

    name: str
    created: int
    first_timestamp: int | None
    last_timestamp: int | None
    last_ingestion_time: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A time range in epoch milliseconds, ``end`` excluded; None means unbounded."""

    start: int | None = None
    end: int | None = None
