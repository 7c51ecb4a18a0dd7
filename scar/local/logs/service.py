"""The CloudWatch Logs calls about streams and events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.errors import OperationRefusedError
from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.logs.filter_pattern import FilterPattern, parse_filter_pattern
from scar.local.logs.parameters import (
    MAX_EVENTS,
    LogsApiError,
    LogsParameters,
    build_token,
    invalid_token_error,
)
from scar.local.moto.error_responses import ApiError, render_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request
    from scar.local.logs.store import LogEvent, LogStore, TimeWindow

MAX_REQUEST = 8 << 20  # bytes; a batch of 1 MiB of messages may be longer as JSON
MAX_RESPONSE = 1 << 20  # bytes of messages in an answer; API reference of CloudWatch Logs
MAX_STREAMS = 50  # DescribeLogStreams
_MAX_SCANNED = 20_000  # events that one FilterLogEvents call goes through at most


class LogsService:
    """Answers for the streams of the groups that ``group_exists`` knows."""

    def __init__(self, store: LogStore, *, group_exists: Callable[[str], bool]) -> None:
        self._store = store
        self._group_exists = group_exists

    def handle(self, request: Request) -> Response:
        try:
            asked = LogsParameters(_read_parameters(request))
            answer = self._dispatch_operation(request.headers.get("x-amz-target", ""), asked)
        except LogsApiError as fault:
            return render_error("logs", fault.error_response)
        except OperationRefusedError as error:
            text = f"{error.problem} {error.remedy}"
            return render_error("logs", ApiError(code="InvalidParameterException", message=text))
        return Response(
            status=200,
            headers={"content-type": "application/x-amz-json-1.1"},
            body=json.dumps(answer).encode(),
        )

    def _dispatch_operation(self, target: str, parameters: LogsParameters) -> dict[str, object]:
        group = parameters.group_name()
        if not self._group_exists(group):
            raise LogsApiError(
                "ResourceNotFoundException", "The specified log group does not exist."
            )
        match target.rpartition(".")[2]:
            case "CreateLogStream":
                return self._create_log_stream(group, parameters)
            case "DeleteLogStream":
                return self._delete_log_stream(group, parameters)
            case "DescribeLogStreams":
                return self._describe_log_streams(group, parameters)
            case "PutLogEvents":
                return self._put_log_events(group, parameters)
            case "GetLogEvents":
                return self._get_log_events(group, parameters)
            case "FilterLogEvents":
                return self._filter_log_events(group, parameters)
            case operation:
                raise LogsApiError(
                    "UnknownOperationException", f"No operation {operation!r} of logs."
                )

    def _create_log_stream(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        if not self._store.create_stream(group, parameters.text("logStreamName", required=True)):
            raise LogsApiError(
                "ResourceAlreadyExistsException", "The specified log stream already exists"
            )
        return {}

    def _delete_log_stream(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        if not self._store.delete_stream(group, parameters.text("logStreamName", required=True)):
            raise _stream_not_found_error()
        return {}

    def _existing_stream_name(self, group: str, parameters: LogsParameters) -> str:
        stream = parameters.text("logStreamName", required=True)
        if not self._store.has_stream(group, stream):
            raise _stream_not_found_error()
        return stream

    def _describe_log_streams(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        streams = list(self._store.list_streams(group, parameters.text("logStreamNamePrefix")))
        if parameters.text("orderBy") == "LastEventTime":
            streams.sort(key=lambda stream: (stream.last_timestamp or 0, stream.name))
        if parameters.flag("descending"):
            streams.reverse()
        start = (
            int(parameters.parse_token("nextToken", 1)[0]) if parameters.text("nextToken") else 0
        )
        end = start + parameters.number("limit", MAX_STREAMS, MAX_STREAMS)
        answer: dict[str, object] = {
            "logStreams": [
                {
                    "logStreamName": stream.name,
                    "creationTime": stream.created,
                    "storedBytes": 0,
                    "arn": "",
                }
                | (
                    {}
                    if stream.first_timestamp is None
                    else _stream_times(
                        stream.first_timestamp, stream.last_timestamp, stream.last_ingestion_time
                    )
                )
                for stream in streams[start:end]
            ]
        }
        if end < len(streams):
            answer["nextToken"] = build_token("s", end)
        return answer

    def _put_log_events(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        stream = self._existing_stream_name(group, parameters)
        self._store.append(group, stream, parameters.log_events())
        return {"nextSequenceToken": "0"}

    def _get_log_events(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        """Page both ways; a token given back unchanged says that there is no more for now."""
        stream = self._existing_stream_name(group, parameters)
        token = parameters.text("nextToken")
        after = before = None
        if token.startswith("f/"):
            after = parameters.parse_token("nextToken", 2)
        elif token.startswith("b/"):
            before = parameters.parse_token("nextToken", 2)
        elif token:
            raise invalid_token_error()
        elif not parameters.flag("startFromHead"):
            before = (1 << 62, 0)
        events = self._store.page_events(
            group,
            stream,
            parameters.time_window(),
            after=after,
            before=before,
            limit=parameters.number("limit", MAX_EVENTS, MAX_EVENTS),
        )
        events = _limit_response_size(events, from_end=before is not None)
        # Nothing found: the tokens stay where they are, and forward and backward stay apart.
        here = after or before or (0, 0)
        if before == (1 << 62, 0):
            here = (0, 0)
        first = (events[0].timestamp, events[0].id) if events else here
        last = (events[-1].timestamp, events[-1].id) if events else here
        return {
            "events": [
                {"timestamp": e.timestamp, "ingestionTime": e.ingestion_time, "message": e.message}
                for e in events
            ],
            "nextForwardToken": token if not events and after else build_token("f", *last),
            "nextBackwardToken": token
            if not events and before and token
            else build_token("b", *first),
        }

    def _filter_log_events(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        pattern = parse_filter_pattern(parameters.text("filterPattern"))
        limit = parameters.number("limit", MAX_EVENTS, MAX_EVENTS)
        streams = self._selected_streams(group, parameters)
        place = parameters.parse_token("nextToken", 2) if parameters.text("nextToken") else None
        found, place = self._find_matching_events(
            group, parameters.time_window(), streams, place, pattern, limit
        )
        answer: dict[str, object] = {
            "events": [
                {
                    "logStreamName": e.stream,
                    "timestamp": e.timestamp,
                    "ingestionTime": e.ingestion_time,
                    "message": e.message,
                    "eventId": f"{e.id:056d}",
                }
                for e in found
            ],
            "searchedLogStreams": [],
        }
        if place is not None:
            answer["nextToken"] = build_token("e", *place)
        return answer

    def _selected_streams(self, group: str, parameters: LogsParameters) -> frozenset[str] | None:
        names = parameters.string_list("logStreamNames")
        prefix = parameters.text("logStreamNamePrefix")
        if names and prefix:
            raise LogsApiError(
                "InvalidParameterException",
                "Give either logStreamNames or logStreamNamePrefix, not both.",
            )
        for name in names:
            if not self._store.has_stream(group, name):
                raise _stream_not_found_error()
        if prefix:
            return frozenset(stream.name for stream in self._store.list_streams(group, prefix))
        return frozenset(names) or None

    def _find_matching_events(
        self,
        group: str,
        window: TimeWindow,
        streams: frozenset[str] | None,
        after: tuple[int, int] | None,
        pattern: FilterPattern,
        limit: int,
    ) -> tuple[list[LogEvent], tuple[int, int] | None]:
        """Return the fitting events, and where to go on (None: the end was reached)."""
        found: list[LogEvent] = []
        size = looked_at = 0
        while looked_at < _MAX_SCANNED:
            events = self._store.search_events(group, window, streams=streams, after=after)
            for event in events:
                after = (event.timestamp, event.id)
                if pattern.matches(event.message):
                    found.append(event)
                    size += len(event.message)
                    if len(found) == limit or size > MAX_RESPONSE:
                        return found, after
            looked_at += len(events)
            if not events:
                return found, None
        return found, after


def _read_parameters(request: Request) -> dict[str, object]:
    data = read_all(request.body, MAX_REQUEST)
    if data is None:
        raise LogsApiError(
            "InvalidParameterException", f"A request has at most {MAX_REQUEST} bytes."
        )
    try:
        value = json.loads(data or b"{}")
    except ValueError as error:
        raise LogsApiError("SerializationException", f"The request is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise LogsApiError("SerializationException", "The request is not a JSON object.")
    return value


def _stream_times(first: int, last: int | None, ingestion_time: int | None) -> dict[str, object]:
    return {
        "firstEventTimestamp": first,
        "lastEventTimestamp": last,
        "lastIngestionTime": ingestion_time,
        "uploadSequenceToken": "0",
    }


def _limit_response_size(events: list[LogEvent], *, from_end: bool) -> list[LogEvent]:
    kept: list[LogEvent] = []
    size = 0
    for event in reversed(events) if from_end else events:
        size += len(event.message)
        if kept and size > MAX_RESPONSE:
            break
        kept.append(event)
    return kept[::-1] if from_end else kept


def _stream_not_found_error() -> LogsApiError:
    return LogsApiError("ResourceNotFoundException", "The specified log stream does not exist.")
