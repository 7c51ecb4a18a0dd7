"""Select the log lines of one request of Lambda, or of one job of Batch."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from scar.errors import UsageError
from scar.runs.filter_patterns import quoted_term
from scar.runs.jobs.search import JobNotFoundError, find_job, is_job_id
from scar.runs.log_groups.lines import read_group_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from scar.aws.client.connection import AwsConnection
    from scar.runs.log_groups.lines import LogLine, LogSource

# The lines that Lambda writes before and after each invocation.
STARTED = re.compile(r"START RequestId: (\S+)")
REPORTED = re.compile(r"REPORT RequestId: (\S+)")
# Run ids of events have 32 digits; Lambda's requests, Batch's jobs and direct runs have UUIDs.
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_MAX_STREAMS = 100  # log streams that one FilterLogEvents request may name


def require_id(text: str) -> None:
    """Raise UsageError for a text that is no id: as a word, it would be found in any line."""
    if not (is_job_id(text) or _RUN_ID.fullmatch(text)):
        raise UsageError(
            f"{text!r} is no id of a request, run or job.",
            remedy="They are UUIDs (0f5d2c1e-1111-4222-8333-444455556666), with `:index` for a job"
            " of an array, or 32 hexadecimal digits. Pass the whole id with -ri; `--run` takes"
            " the start of a run's.",
        )


def read_request_lines(
    connection: AwsConnection, service: LogSource, group: str, stream: str, request_id: str
) -> Iterator[LogLine]:
    """Yield the lines of a request: find the streams that contain its id, then read only these.

    At most the first ``_MAX_STREAMS`` streams are read.
    """
    client = connection.client("logs")
    own = _list_job_streams(connection, request_id) if service == "batch" else ()
    is_named = _id_pattern(request_id)
    mentions = read_group_lines(
        client,
        service,
        group,
        streams=[stream] if stream else [],
        pattern=quoted_term(request_id),
    )
    first: datetime | None = None
    streams: dict[str, None] = dict.fromkeys(own if not stream else ())
    for line in mentions:
        if is_named.search(line.message):
            first = first or line.time
            streams[line.stream] = None
    selected = list(streams)[:_MAX_STREAMS]
    if not selected:
        return
    if service == "batch":  # a stream is one attempt of one job
        yield from read_group_lines(client, service, group, streams=selected)
    else:
        yield from filter_request(
            read_group_lines(client, service, group, streams=selected, since=first), request_id
        )


def _list_job_streams(connection: AwsConnection, job: str) -> tuple[str, ...]:
    """Return the log streams of a job's attempts; none if the id is not that of a job."""
    if not is_job_id(job):
        return ()
    # Request ids have the same form.
    with contextlib.suppress(JobNotFoundError):
        return find_job(connection.client("batch"), job).log_streams
    return ()


def _id_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of an id that is not a part of a longer word."""
    return re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])")


def filter_request(lines: Iterator[LogLine], request_id: str) -> Iterator[LogLine]:
    """Yield the lines of a request: those between its START and REPORT line in each stream.

    An execution environment has its own stream and serves one request at a time.
    """
    is_named = _id_pattern(request_id)
    serving: set[str] = set()  # streams that are between START and REPORT of the request
    for line in lines:
        started = STARTED.match(line.message)
        if started:
            (serving.add if started[1] == request_id else serving.discard)(line.stream)
        if line.stream in serving or is_named.search(line.message):
            yield line
        reported = REPORTED.match(line.message)
        if reported and reported[1] == request_id:
            serving.discard(line.stream)
