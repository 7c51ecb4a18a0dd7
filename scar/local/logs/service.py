"""The CloudWatch Logs calls about streams and events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.errors import Refused
from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.logs.filter_pattern import Pattern, parse
from scar.local.logs.parameters import MAX_EVENTS, Asked, Fault, bad_token, token_for
from scar.local.moto.error_responses import Refusal, respond

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request
    from scar.local.logs.store import Event, LogStore, Window

MAX_REQUEST = 8 << 20  # bytes; a batch of 1 MiB of messages may be longer as JSON
MAX_ANSWER = 1 << 20  # bytes of messages in an answer; API reference of CloudWatch Logs
MAX_STREAMS = 50  # DescribeLogStreams
_LOOKED_AT = 20_000  # events that one FilterLogEvents call goes through at most


class LogsPlane:
    """Answers for the streams of the groups that ``group_exists`` knows."""

    def __init__(self, store: LogStore, *, group_exists: Callable[[str], bool]) -> None:
        self._store = store
        self._exists = group_exists

    def handle(self, request: Request) -> Response:
        try:
            asked = Asked(_read(request))
            answer = self._answer(request.headers.get("x-amz-target", ""), asked)
        except Fault as fault:
            return respond("logs", fault.refusal)
        except Refused as error:
            text = f"{error.problem} {error.remedy}"
            return respond("logs", Refusal(code="InvalidParameterException", message=text))
        return Response(
            status=200,
            headers={"content-type": "application/x-amz-json-1.1"},
            body=json.dumps(answer).encode(),
        )

    def _answer(self, target: str, asked: Asked) -> dict[str, object]:
        group = asked.group()
        if not self._exists(group):
            raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
        match target.rpartition(".")[2]:
            case "CreateLogStream":
                return self._create(group, asked)
            case "DeleteLogStream":
                return self._delete(group, asked)
            case "DescribeLogStreams":
                return self._describe(group, asked)
            case "PutLogEvents":
                return self._put(group, asked)
            case "GetLogEvents":
                return self._get(group, asked)
            case "FilterLogEvents":
                return self._filter(group, asked)
            case operation:
                raise Fault("UnknownOperationException", f"No operation {operation!r} of logs.")

    def _create(self, group: str, asked: Asked) -> dict[str, object]:
        if not self._store.create_stream(group, asked.text("logStreamName", needed=True)):
            raise Fault("ResourceAlreadyExistsException", "The specified log stream already exists")
        return {}

    def _delete(self, group: str, asked: Asked) -> dict[str, object]:
        if not self._store.delete_stream(group, asked.text("logStreamName", needed=True)):
            raise _no_stream()
        return {}

    def _stream(self, group: str, asked: Asked) -> str:
        stream = asked.text("logStreamName", needed=True)
        if not self._store.has_stream(group, stream):
            raise _no_stream()
        return stream

    def _describe(self, group: str, asked: Asked) -> dict[str, object]:
        streams = list(self._store.streams(group, asked.text("logStreamNamePrefix")))
        if asked.text("orderBy") == "LastEventTime":
            streams.sort(key=lambda stream: (stream.last or 0, stream.name))
        if asked.flag("descending"):
            streams.reverse()
        start = int(asked.place("nextToken", 1)[0]) if asked.text("nextToken") else 0
        end = start + asked.number("limit", MAX_STREAMS, MAX_STREAMS)
        answer: dict[str, object] = {
            "logStreams": [
                {
                    "logStreamName": stream.name,
                    "creationTime": stream.created,
                    "storedBytes": 0,
                    "arn": "",
                }
                | ({} if stream.first is None else _times(stream.first, stream.last, stream.taken))
                for stream in streams[start:end]
            ]
        }
        if end < len(streams):
            answer["nextToken"] = token_for("s", end)
        return answer

    def _put(self, group: str, asked: Asked) -> dict[str, object]:
        stream = self._stream(group, asked)
        self._store.append(group, stream, asked.events())
        return {"nextSequenceToken": "0"}

    def _get(self, group: str, asked: Asked) -> dict[str, object]:
        """Page both ways; a token given back unchanged says that there is no more for now."""
        stream = self._stream(group, asked)
        token = asked.text("nextToken")
        after = before = None
        if token.startswith("f/"):
            after = asked.place("nextToken", 2)
        elif token.startswith("b/"):
            before = asked.place("nextToken", 2)
        elif token:
            raise bad_token()
        elif not asked.flag("startFromHead"):
            before = (1 << 62, 0)
        events = self._store.page(
            group,
            stream,
            asked.window(),
            after=after,
            before=before,
            limit=asked.number("limit", MAX_EVENTS, MAX_EVENTS),
        )
        events = _bounded(events, from_end=before is not None)
        # Nothing found: the tokens stay where they are, and forward and backward stay apart.
        here = after or before or (0, 0)
        if before == (1 << 62, 0):
            here = (0, 0)
        first = (events[0].at, events[0].id) if events else here
        last = (events[-1].at, events[-1].id) if events else here
        return {
            "events": [
                {"timestamp": e.at, "ingestionTime": e.taken, "message": e.message} for e in events
            ],
            "nextForwardToken": token if not events and after else token_for("f", *last),
            "nextBackwardToken": token
            if not events and before and token
            else token_for("b", *first),
        }

    def _filter(self, group: str, asked: Asked) -> dict[str, object]:
        pattern = parse(asked.text("filterPattern"))
        limit = asked.number("limit", MAX_EVENTS, MAX_EVENTS)
        streams = self._chosen(group, asked)
        place = asked.place("nextToken", 2) if asked.text("nextToken") else None
        found, place = self._matching(group, asked.window(), streams, place, pattern, limit)
        answer: dict[str, object] = {
            "events": [
                {
                    "logStreamName": e.stream,
                    "timestamp": e.at,
                    "ingestionTime": e.taken,
                    "message": e.message,
                    "eventId": f"{e.id:056d}",
                }
                for e in found
            ],
            "searchedLogStreams": [],
        }
        if place is not None:
            answer["nextToken"] = token_for("e", *place)
        return answer

    def _chosen(self, group: str, asked: Asked) -> frozenset[str] | None:
        names = asked.names("logStreamNames")
        prefix = asked.text("logStreamNamePrefix")
        if names and prefix:
            raise Fault(
                "InvalidParameterException",
                "Give either logStreamNames or logStreamNamePrefix, not both.",
            )
        for name in names:
            if not self._store.has_stream(group, name):
                raise _no_stream()
        if prefix:
            return frozenset(stream.name for stream in self._store.streams(group, prefix))
        return frozenset(names) or None

    def _matching(
        self,
        group: str,
        window: Window,
        streams: frozenset[str] | None,
        place: tuple[int, int] | None,
        pattern: Pattern,
        limit: int,
    ) -> tuple[list[Event], tuple[int, int] | None]:
        """Return the fitting events, and where to go on (None: the end was reached)."""
        found: list[Event] = []
        size = looked_at = 0
        while looked_at < _LOOKED_AT:
            events = self._store.search(group, window, streams=streams, after=place)
            for event in events:
                place = (event.at, event.id)
                if pattern.fits(event.message):
                    found.append(event)
                    size += len(event.message)
                    if len(found) == limit or size > MAX_ANSWER:
                        return found, place
            looked_at += len(events)
            if not events:
                return found, None
        return found, place


def _read(request: Request) -> dict[str, object]:
    data = read_all(request.body, MAX_REQUEST)
    if data is None:
        raise Fault("InvalidParameterException", f"A request has at most {MAX_REQUEST} bytes.")
    try:
        value = json.loads(data or b"{}")
    except ValueError as error:
        raise Fault("SerializationException", f"The request is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Fault("SerializationException", "The request is not a JSON object.")
    return value


def _times(first: int, last: int | None, taken: int | None) -> dict[str, object]:
    return {
        "firstEventTimestamp": first,
        "lastEventTimestamp": last,
        "lastIngestionTime": taken,
        "uploadSequenceToken": "0",
    }


def _bounded(events: list[Event], *, from_end: bool) -> list[Event]:
    kept: list[Event] = []
    size = 0
    for event in reversed(events) if from_end else events:
        size += len(event.message)
        if kept and size > MAX_ANSWER:
            break
        kept.append(event)
    return kept[::-1] if from_end else kept


def _no_stream() -> Fault:
    return Fault("ResourceNotFoundException", "The specified log stream does not exist.")
