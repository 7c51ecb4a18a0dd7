"""The messages of an SQS event, each parsed by itself: one that is damaged must not stop others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import EventError
from supervisor.events.event_stores import assign_store
from supervisor.events.json_values import compact_json, is_json_object
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject
    from supervisor.model import FunctionConfig

_SQS = "aws:sqs"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """One message: its id, how often it was received, and the runs that it starts.

    ``problem`` is why it cannot be parsed; ``body`` is its text, for the record of that.
    """

    id: str
    received: int = 1
    events: tuple[ObjectEvent, ...] = ()
    body: str = ""
    problem: EventError | None = None


def parse_queue_messages(raw: bytes, config: FunctionConfig) -> tuple[QueueMessage, ...]:
    """Return the messages of an SQS event; none for every other event.

    Their objects have the providers of the function's inputs.
    """
    try:
        event: object = json.loads(raw)
    except (ValueError, RecursionError):
        return ()
    records = event.get("Records") if is_json_object(event) else None
    if not isinstance(records, list) or not records:
        return ()
    if not all(is_json_object(r) and r.get("eventSource") == _SQS for r in records):
        return ()
    return tuple(_parse_message(record, config) for record in records)


def _parse_message(record: JsonObject, config: FunctionConfig) -> QueueMessage:
    message, body = str(record.get("messageId", "")), record.get("body")
    text = body if isinstance(body, str) else ""
    received = _received(record)
    try:
        triggers = parse_event(compact_json({"Records": [record]}).encode(errors="surrogatepass"))
        events = tuple(
            assign_store(trigger, config)
            for trigger in triggers
            if isinstance(trigger, ObjectEvent)
        )
    except EventError as error:
        return QueueMessage(id=message, received=received, body=text, problem=error)
    return QueueMessage(id=message, received=received, events=events, body=text)


def _received(record: JsonObject) -> int:
    attributes = record.get("attributes")
    count = attributes.get("ApproximateReceiveCount") if is_json_object(attributes) else None
    return int(count) if isinstance(count, str) and count.isascii() and count.isdecimal() else 1
