"""Read the lines of a log group from CloudWatch Logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from scar.aws.client import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import (
        FilteredLogEventTypeDef,
        FilterLogEventsRequestPaginateTypeDef,
    )

LogSource = Literal["lambda", "batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One log line; ``time`` in UTC with milliseconds, ``source`` is the compute service.

    ``node`` is the number of the node of a multi-node job, if it is known.
    """

    time: datetime
    source: LogSource
    stream: str
    message: str
    node: int | None = field(default=None, compare=False)


def read_group_lines(
    client: CloudWatchLogsClient,
    service: LogSource,
    group: str,
    *,
    streams: list[str],
    pattern: str = "",
    since: datetime | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of a log group, oldest first; none if the group or stream does not exist."""
    request: FilterLogEventsRequestPaginateTypeDef = {"logGroupName": group, "interleaved": True}
    if streams:
        request["logStreamNames"] = streams
    if pattern:
        request["filterPattern"] = pattern
    if since:
        request["startTime"] = int(since.timestamp() * 1000)
    for events in _list_pages(client, request):
        for event in events:
            yield LogLine(
                time=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
                source=service,
                stream=event["logStreamName"],
                message=event["message"].rstrip("\n"),
            )


def _list_pages(
    client: CloudWatchLogsClient, request: FilterLogEventsRequestPaginateTypeDef
) -> Iterator[list[FilteredLogEventTypeDef]]:
    try:
        for page in client.get_paginator("filter_log_events").paginate(**request):
            yield page["events"]
    except errors.SDK_ERRORS as error:
        if errors.error_code(error) != "ResourceNotFoundException":
            raise errors.to_scar_error(
                error, f"read the log group {request.get('logGroupName')}"
            ) from error
