"""Read the logs of functions and runs from CloudWatch Logs, in order of time."""

from __future__ import annotations

import contextlib
import heapq
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.inventory.functions import list_tagged_functions
from scar.aws.model import names
from scar.errors import ScarError
from scar.runs.log_groups.lines import LogLine, read_group_lines
from scar.runs.log_groups.request_lines import STARTED, filter_request, read_request_lines
from scar.spelling import suggest_name
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.runs.log_groups.lines import LogSource

_LAMBDA_LINES = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
_SUPERVISOR_FIELDS = frozenset({"time", "level", "message"})  # what each of its lines has
_SHOWN_ELSEWHERE = _SUPERVISOR_FIELDS | {"remedy", "run"}
_LOOKBACK_LINES = 1000  # newest lines of a stream that are searched for a request


class FunctionNotFoundError(ScarError):
    """No function has this name; ``known`` are the names that exist, as far as they are known."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"There is no function {name}{suggest_name(name, known) or '.'}",
            remedy="`scar ls` lists the functions.",
        )


def format_message(message: str) -> str:
    """Return a message as people read it: the supervisor's JSON lines and Lambda's REPORT as text.

    Other messages, such as those of scripts, are returned unchanged.
    """
    if message.startswith("{"):
        return _format_supervisor_line(message)
    if message.startswith(_LAMBDA_LINES):
        return _format_lambda_line(message)
    return message


def parse_supervisor_line(message: str) -> dict[str, object]:
    """Return the fields of a line that the supervisor has logged; empty for any other line."""
    try:
        entry: object = json.loads(message) if message.startswith("{") else None
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) and entry.keys() >= _SUPERVISOR_FIELDS else {}


def _format_supervisor_line(message: str) -> str:
    """Return ``WARNING text (field=value)``; the time and the run are shown beside each line."""
    entry = parse_supervisor_line(message)
    if not entry:
        return message
    said, remedy = (str(entry.get(name) or "") for name in ("message", "remedy"))
    said = join_sentences(said, remedy) if remedy else said.strip()
    text = f"{entry['level']} {said}".strip() if entry["level"] else said
    more = [f"{name}={entry[name]}" for name in entry if name not in _SHOWN_ELSEWHERE]
    return f"{text} ({', '.join(more)})" if more else text


def _format_lambda_line(message: str) -> str:
    """Return ``REPORT 12.30 ms, billed 13 ms, 67 of 512 MB``: tabs and ids fill the screen."""
    kind, _, rest = message.partition(" ")
    if kind != "REPORT":
        return " ".join(message.split())
    values = {
        name.strip(): value.strip()
        for name, _, value in (part.partition(":") for part in rest.split("\t"))
        if value
    }
    if "Duration" not in values:
        return " ".join(message.split())
    used = f"{values.pop('Max Memory Used', '?').removesuffix(' MB')}"
    size = values.pop("Memory Size", "?")
    parts = [values.pop("Duration"), f"billed {values.pop('Billed Duration', '?')}"]
    parts.append(f"{used} of {size}")
    values.pop("RequestId", None)
    parts += [f"{name.lower()} {value}" for name, value in values.items()]
    return f"{kind} {', '.join(parts)}"


class LineOwners:
    """Says whose each line is, where a log has the lines of many runs.

    In Lambda that is the request whose START line came last in the stream, in Batch the stream
    itself, which belongs to one attempt of a job.
    """

    def __init__(self) -> None:
        self._requests: dict[str, str] = {}

    def owner_of(self, line: LogLine) -> str:
        """Return the run of a supervisor's line, else the request or the end of the stream."""
        if line.source == "batch":
            return line.stream.rpartition("/")[2]
        if line.message.startswith("START ") and (started := STARTED.match(line.message)):
            self._requests[line.stream] = started[1]
        return self._requests.get(line.stream, "")


def read_log(
    connection: AwsConnection,
    function: str,
    *,
    stream: str = "",
    request_id: str = "",
    since: datetime | None = None,
) -> Iterator[LogLine]:
    """Yield the function's log lines of Lambda and Batch, oldest first, page by page.

    ``stream`` selects one log stream, ``request_id`` one request: in Lambda the lines from its
    START to its REPORT line, in Batch the whole log of a job that has or names the id: a job's
    own id, a request's or a run's. ``since`` leaves out older lines. A log group that does not
    exist yet has no lines.
    Raise FunctionNotFoundError or another ScarError.
    """
    _require_function(connection, function)
    client = connection.client("logs")
    groups: dict[LogSource, str] = {"lambda": names.lambda_log_group(function)}
    if function != names.FAILURE_HANDLER:  # it has no Batch jobs
        groups["batch"] = names.batch_log_group(function)
    sources = []
    for service, group in groups.items():
        lines = (
            read_request_lines(connection, service, group, stream, request_id)
            if request_id
            else read_group_lines(
                client, service, group, streams=[stream] if stream else [], since=since
            )
        )
        sources.append(lines)
    return heapq.merge(*sources, key=lambda line: line.time)


def read_log_streams(
    connection: AwsConnection, streams: Iterable[tuple[str, str, str]]
) -> Iterator[LogLine]:
    """Yield the lines of these log streams, oldest first; raise ScarError.

    ``streams`` are log group, log stream and request id. With a request id, only the lines from
    its START to its REPORT line are yielded; without one, all lines.
    """
    client = connection.client("logs")
    sources = []
    for group, stream, request in streams:
        lines = read_group_lines(client, "lambda" if request else "batch", group, streams=[stream])
        sources.append(filter_request(lines, request) if request else lines)
    return heapq.merge(*sources, key=lambda line: line.time)


def read_last_lines(
    connection: AwsConnection, group: str, stream: str, request_id: str, limit: int
) -> tuple[str, ...]:
    """Return the last ``limit`` lines of a log stream, or of a request in it; raise ScarError.

    A stream of Lambda has the lines of many requests: only its newest ``_LOOKBACK_LINES`` lines
    are searched. Empty if the group or the stream does not exist.
    """
    client = connection.client("logs")
    try:
        page = client.get_log_events(
            logGroupName=group, logStreamName=stream, limit=_LOOKBACK_LINES, startFromHead=False
        )
    except errors.SDK_ERRORS as error:
        if errors.error_code(error) == "ResourceNotFoundException":
            return ()
        raise errors.to_scar_error(error, f"read the log group {group}") from error
    lines = (
        LogLine(
            time=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
            source="lambda" if request_id else "batch",
            stream=stream,
            message=event["message"].rstrip("\n"),
        )
        for event in page["events"]
    )
    selected = list(filter_request(lines, request_id) if request_id else lines)
    return tuple(line.message for line in selected[-limit:])


def _has_logs(connection: AwsConnection, function: str) -> bool:
    group = names.lambda_log_group(function)
    with errors.translate_errors(f"read the log group {group}"):
        found = connection.client("logs").describe_log_groups(logGroupNamePrefix=group)
    return any(one["logGroupName"] == group for one in found["logGroups"])


def _list_names(connection: AwsConnection) -> tuple[str, ...]:
    """Return the functions' names for a suggestion; none if they cannot be listed."""
    with contextlib.suppress(ScarError):
        return tuple(f["FunctionName"] for f, _ in list_tagged_functions(connection))
    return ()


def _require_function(connection: AwsConnection, function: str) -> None:
    """Raise FunctionNotFoundError for a function that has neither code nor logs."""
    if function_exists(connection, function) or _has_logs(connection, function):
        return  # `scar rm --keep-logs` leaves the logs
    raise FunctionNotFoundError(function, _list_names(connection))


def function_exists(connection: AwsConnection, function: str) -> bool:
    """Return whether the function is deployed; raise ScarError."""
    try:
        connection.client("lambda").get_function(FunctionName=function)
    except errors.SDK_ERRORS as error:
        if errors.error_code(error) == "ResourceNotFoundException":
            return False
        raise errors.to_scar_error(error, f"read the function {function}") from error
    return True
