"""The log of a function, of both services, in the order of time."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from scar.aws.client import errors as faults
from scar.aws.model import names
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import (
        FilteredLogEventTypeDef,
        FilterLogEventsRequestPaginateTypeDef,
    )

    from scar.aws.client.connection import AwsConnection

LogSource = Literal["lambda", "batch"]

# Lambda's own lines around every call.
_STARTED = re.compile(r"START RequestId: (\S+)")
_REPORTED = re.compile(r"REPORT RequestId: (\S+)")
_LOOKBACK_LINES = 1000  # lines of a stream
_MAX_STREAMS = 100  # that one FilterLogEvents call may name


class FunctionNotFoundError(ScarError):
    """There is no function of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no function {name}.", remedy="`scar ls` shows the functions there are."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line; the time is UTC, to the millisecond."""

    time: datetime
    source: LogSource
    stream: str
    message: str


def read_log(
    connection: AwsConnection,
    function: str,
    *,
    stream: str = "",
    request_id: str = "",
    since: datetime | None = None,
) -> Iterator[LogLine]:
    """Yield what Lambda and Batch logged for the function, oldest first, page by page.

    ``stream`` keeps the lines of one log stream, ``request`` those of one call: in Lambda from
    its START to its REPORT line, in Batch all of a job that names it (a run's id works too).
    ``since`` leaves out what was logged before.
    A service that logged nothing yet is silent. Raises NoSuchFunction, Refused.
    """
    _require_function(connection, function)
    client = connection.client("logs")
    groups: dict[LogSource, str] = {"lambda": names.lambda_log_group(function)}
    if function != names.FAILURE_HANDLER:  # it has no jobs of its own
        groups["batch"] = names.batch_log_group(function)
    sources = []
    for service, group in groups.items():
        lines = (
            _request_lines(client, service, group, stream, request_id)
            if request_id
            else _group_lines(
                client, service, group, streams=[stream] if stream else [], since=since
            )
        )
        sources.append(lines)
    return heapq.merge(*sources, key=lambda line: line.time)


def read_log_streams(
    connection: AwsConnection, streams: Iterable[tuple[str, str, str]]
) -> Iterator[LogLine]:
    """Yield the lines of these logs by time: group, stream, and request or nothing.

    A request's lines are those from its START to its REPORT line. Raises Refused.
    """
    client = connection.client("logs")
    sources = []
    for group, stream, request in streams:
        lines = _group_lines(client, "lambda" if request else "batch", group, streams=[stream])
        sources.append(_filter_request(lines, request) if request else lines)
    return heapq.merge(*sources, key=lambda line: line.time)


def read_last_lines(
    connection: AwsConnection, group: str, stream: str, request_id: str, limit: int
) -> tuple[str, ...]:
    """Return the last lines of one stream, of one call if ``request`` is given; raise Refused.

    A sandbox serves many calls: only the newest ``_LOOKED_AT`` lines are looked through.
    """
    client = connection.client("logs")
    try:
        found = client.get_log_events(
            logGroupName=group, logStreamName=stream, limit=_LOOKBACK_LINES, startFromHead=False
        )
    except faults.SDK_ERRORS as error:
        if faults.error_code(error) == "ResourceNotFoundException":
            return ()
        raise faults.to_scar_error(error, f"read the log {group}") from error
    lines = (
        LogLine(
            time=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
            source="lambda" if request_id else "batch",
            stream=stream,
            message=event["message"].rstrip("\n"),
        )
        for event in found["events"]
    )
    kept = list(_filter_request(lines, request_id) if request_id else lines)
    return tuple(line.message for line in kept[-limit:])


def _require_function(connection: AwsConnection, function: str) -> None:
    client = connection.client("lambda")
    try:
        client.get_function(FunctionName=function)
    except faults.SDK_ERRORS as error:
        if faults.error_code(error) == "ResourceNotFoundException":
            raise FunctionNotFoundError(function) from error
        raise faults.to_scar_error(error, f"look for function {function}") from error


def _request_lines(
    client: CloudWatchLogsClient, service: LogSource, group: str, stream: str, request: str
) -> Iterator[LogLine]:
    """Find the streams that mention the call, the first hundred of them, and read these only."""
    pattern = '"{}"'.format(request.replace("\\", "\\\\").replace('"', '\\"'))
    mentions = _group_lines(
        client, service, group, streams=[stream] if stream else [], pattern=pattern
    )
    first: datetime | None = None
    streams: dict[str, None] = {}
    for line in mentions:
        first = first or line.time
        streams[line.stream] = None
    if first is None:
        return
    named = list(streams)[:_MAX_STREAMS]
    if service == "batch":  # a stream is one attempt of one job
        yield from _group_lines(client, service, group, streams=named)
    else:
        yield from _filter_request(
            _group_lines(client, service, group, streams=named, since=first), request
        )


def _filter_request(lines: Iterator[LogLine], request: str) -> Iterator[LogLine]:
    """Keep what a sandbox logged during the call: it serves one at a time."""
    serving: set[str] = set()
    for line in lines:
        started = _STARTED.match(line.message)
        if started:
            (serving.add if started[1] == request else serving.discard)(line.stream)
        if line.stream in serving or request in line.message:
            yield line
        reported = _REPORTED.match(line.message)
        if reported and reported[1] == request:
            serving.discard(line.stream)


def _group_lines(
    client: CloudWatchLogsClient,
    service: LogSource,
    group: str,
    *,
    streams: list[str],
    pattern: str = "",
    since: datetime | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of a group by time; none if there is no such group or stream."""
    asked: FilterLogEventsRequestPaginateTypeDef = {"logGroupName": group, "interleaved": True}
    if streams:
        asked["logStreamNames"] = streams
    if pattern:
        asked["filterPattern"] = pattern
    if since:
        asked["startTime"] = int(since.timestamp() * 1000)
    for event in _filter_log_events(client, asked):
        yield LogLine(
            time=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
            source=service,
            stream=event["logStreamName"],
            message=event["message"].rstrip("\n"),
        )


def _filter_log_events(
    client: CloudWatchLogsClient, asked: FilterLogEventsRequestPaginateTypeDef
) -> Iterator[FilteredLogEventTypeDef]:
    try:
        for page in client.get_paginator("filter_log_events").paginate(**asked):
            yield from page["events"]
    except faults.SDK_ERRORS as error:
        if faults.error_code(error) != "ResourceNotFoundException":
            raise faults.to_scar_error(
                error, f"read the log {asked.get('logGroupName')}"
            ) from error
