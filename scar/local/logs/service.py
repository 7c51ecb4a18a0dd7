"""The CloudWatch Logs operations on streams and events over HTTP."""

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
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request
    from scar.local.logs.model import LogEvent, TimeWindow
    from scar.local.logs.store import LogStore

MAX_REQUEST = 8 << 20  # bytes; a batch of 1 MiB of messages can be larger as JSON
MAX_RESPONSE = 1 << 20  # bytes of messages in one response; API reference of CloudWatch Logs
MAX_STREAMS = 50  # of one DescribeLogStreams response
_MAX_SCANNED = 20_000  # events that one FilterLogEvents request reads at most


# A position (timestamp, id) that no event reaches.
_AFTER_ALL_EVENTS = (1 << 62, 0)


class LogsService:
    """Serves the streams of existing groups; ``group_exists`` looks a group's name up."""

    def __init__(self, store: LogStore, *, group_exists: Callable[[str], bool]) -> None:
        self._store = store
        self._group_exists = group_exists

    def handle(self, request: Request) -> Response:
        try:
            parameters = LogsParameters(_read_parameters(request))
            content = self._dispatch_operation(request.headers.get("x-amz-target", ""), parameters)
        except LogsApiError as error:
            return render_error("logs", error.error_response)
        except OperationRefusedError as error:
            text = join_sentences(error.problem, error.remedy)
            return render_error("logs", ApiError(code="InvalidParameterException", message=text))
        return Response(
            status=200,
            headers={"content-type": "application/x-amz-json-1.1"},
            body=json.dumps(content).encode(),
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
                    "UnknownOperationException",
                    f"The local cloud does not emulate {operation} of logs.",
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
        content: dict[str, object] = {
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
            content["nextToken"] = build_token("s", end)
        return content

    def _put_log_events(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        stream = self._existing_stream_name(group, parameters)
        self._store.append(group, stream, parameters.log_events())
        return {"nextSequenceToken": "0"}

    def _get_log_events(self, group: str, parameters: LogsParameters) -> dict[str, object]:
        """Return one page; as with AWS, an unchanged token means no more events for now."""
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
            before = _AFTER_ALL_EVENTS
        events = self._store.page_events(
            group,
            stream,
            parameters.time_window(),
            after=after,
            before=before,
            limit=parameters.number("limit", MAX_EVENTS, MAX_EVENTS),
        )
        events = _limit_response_size(events, from_end=before is not None)
        # An empty page returns the position of its own token, so that a follower can repeat it.
        # An empty stream starts at 0: a forward token after all events would miss the first one.
        position = after or before or (0, 0)
        if before == _AFTER_ALL_EVENTS:
            position = (0, 0)
        first = (events[0].timestamp, events[0].id) if events else position
        last = (events[-1].timestamp, events[-1].id) if events else position
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
        after = parameters.parse_token("nextToken", 2) if parameters.text("nextToken") else None
        matching, position = self._find_matching_events(
            group, parameters.time_window(), streams, after, pattern, limit
        )
        content: dict[str, object] = {
            "events": [
                {
                    "logStreamName": e.stream,
                    "timestamp": e.timestamp,
                    "ingestionTime": e.ingestion_time,
                    "message": e.message,
                    "eventId": f"{e.id:056d}",
                }
                for e in matching
            ],
            "searchedLogStreams": [],
        }
        if position is not None:
            content["nextToken"] = build_token("e", *position)
        return content

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
        """Return the matching events and the position of the next page (None: no more events)."""
        matching: list[LogEvent] = []
        size = scanned = 0
        # As on AWS, a page may be empty and still have a next token: the scan is bounded.
        while scanned < _MAX_SCANNED:
            events = self._store.search_events(group, window, streams=streams, after=after)
            for event in events:
                after = (event.timestamp, event.id)
                if pattern.matches(event.message):
                    matching.append(event)
                    size += len(event.message)
                    if len(matching) == limit or size > MAX_RESPONSE:
                        return matching, after
            scanned += len(events)
            if not events:
                return matching, None
        return matching, after


def _read_parameters(request: Request) -> dict[str, object]:
    data = read_all(request.body, MAX_REQUEST)
    if data is None:
        raise LogsApiError(
            "InvalidParameterException", f"A request must have at most {MAX_REQUEST} bytes."
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
    page: list[LogEvent] = []
    size = 0
    for event in reversed(events) if from_end else events:
        size += len(event.message)
        # At least one event, however long: an empty page would end the client's iteration.
        if page and size > MAX_RESPONSE:
            break
        page.append(event)
    return page[::-1] if from_end else page


def _stream_not_found_error() -> LogsApiError:
    return LogsApiError("ResourceNotFoundException", "The specified log stream does not exist.")
